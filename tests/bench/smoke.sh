#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two benches on a small scale. bench/state: every view is answered, pollers get whole answers, nothing is left behind. Times do not
# matter here.
out=$(tests/bench/state --agents=20 --tasks=300 --pollers=4 --secs=1 --rounds=1 2>&1)
status=$?
echo "$out"
[ $status -eq 0 ] || exit 1
case $out in
*"answered with"*) echo "a view is not answered" && exit 1 ;;
esac
for line in "/state " "GET_STATE as JSON" "GET_STATE as protobuf" "/tasks?limit=100" "/health" "SUPPRESS"; do
    case $out in
    *"  $line"*) ;;
    *) echo "no figure for $line" && exit 1 ;;
    esac
done
echo "$out" | grep "/s .*failed" | grep -v "failed 0 " && echo "pollers lost answers" && exit 1
# bench/failover: every agent comes back to the second master, some of them at one address.
out=$(tests/bench/failover --agents=40 --tasks=2 --addresses=30 2>&1) || { echo "$out" && exit 1; }
for line in "a plain server, the same bytes" "first connection to last agent re-registered" "/health meanwhile, p99"; do
    case $out in
    *"  $line"*) ;;
    *) echo "$out" && echo "no figure for $line" && exit 1 ;;
    esac
done
exit 0
