#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Room arrows: a file of core/ includes its own room and those below it, never above; a module includes what is lent to
# modules; only core/loop knows libevent. The order stands here and in no other place of the tests.
cd "${srcdir:-.}" || exit 1
order="base loop conf model wire host daemon executor agent master driver cli main"
peers="executor agent master driver cli" # rooms of one height: they do not include each other
status=0
rank() {
    n=0
    for room in $order; do
        n=$((n + 1))
        [ "$room" = "$1" ] && { echo $n; return; }
    done
    echo 0
}
is_peer() {
    for room in $peers; do [ "$room" = "$1" ] && return 0; done
    return 1
}
complain() {
    echo "$*" >&2
    status=1
}
for file in $(find core -name '*.[ch]' | sort); do
    own=$(echo "$file" | cut -d/ -f2)
    [ "$(rank "$own")" != 0 ] || complain "$file: '$own' is no room of the design"
    for room in $(sed -n 's/^ *# *include "\([a-z_]*\)\/.*/\1/p' "$file" | sort -u); do
        [ "$(rank "$room")" = 0 ] && continue # mesos/..., generated code and sub-folders
        if [ "$(rank "$room")" -gt "$(rank "$own")" ]; then
            complain "$file: room $own may not include $room, which lies above it"
        elif [ "$room" != "$own" ] && is_peer "$room" && is_peer "$own"; then
            complain "$file: room $own may not include its neighbour $room"
        fi
    done
    case $file in
    core/loop/*) ;;
    *) grep -q '^ *# *include <event' "$file" && complain "$file: only core/loop knows libevent" ;;
    esac
done
for file in $(find modules -name '*.[ch]' | sort); do
    for room in $(sed -n 's/^ *# *include "\([a-z_]*\)\/.*/\1/p' "$file" | sort -u); do
        case $room in
        loop | host | conf | daemon | executor | agent | master | driver | cli | main)
            complain "$file: a module may not include room $room: it has struct mesos_host" ;;
        esac
    done
done
for file in module-api/mesos/*.h; do
    grep -n '^ *# *include "' "$file" | grep -v '"mesos/' && complain "$file: includes something that is not installed"
done
exit $status
