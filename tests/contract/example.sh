#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The example modules outside the tree: built against an installed prefix with pkg-config alone, put to the contract of their
# kind, and loaded by the installed daemons for one line of INI; real tasks run with the isolator and the containerizer. Runs
# in the build directory, as the test driver does.
set -eu
src=$(cd "${srcdir:-..}" && pwd)
build=$(pwd)
dir=$(mktemp -d /tmp/cmesos-example-XXXXXX)
pids=
below= # what a task started
end() {
    [ -z "$below" ] || kill -KILL "$below" 2>/dev/null || :
    for pid in $pids; do
        kill "$pid" 2>/dev/null || :
    done
    for pid in $pids; do
        wait "$pid" 2>/dev/null || :
    done
    pids=
}
trap 'end; rm -rf "$dir"' EXIT
say_and_fail() {
    echo "$*" >&2
    exit 1
}

unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES || true
make -s install DESTDIR="$dir/root" >"$dir/install.log" 2>&1 || { tail "$dir/install.log" >&2; exit 1; }
pc=$(find "$dir/root" -name cmesos-module.pc)
export PKG_CONFIG_SYSROOT_DIR="$dir/root" PKG_CONFIG_PATH="${pc%/*}"
[ "$(pkg-config --modversion cmesos-module)" ] || say_and_fail "pkg-config does not know cmesos-module"

cp -r "$src/module-api/example" "$dir/example"
chmod -R u+w "$dir/example"
make -s -C "$dir/example" CC="${CC:-cc}" CFLAGS="-O1 -Wall -Wextra -Werror ${SANITIZE_CFLAGS:-}"
so=$dir/example/allocator_org_example_lottery.so
for one in "$dir"/example/*.so; do
    [ "$(nm -D --defined-only "$one" | awk '{ print $NF }' | grep -v '^_')" = mesos_modules ] ||
        say_and_fail "$one exports more than mesos_modules"
done
MESOS_TEST_ALLOCATOR=$so "$build/tests/contract/allocator" >"$dir/contract.log" 2>&1 || { cat "$dir/contract.log" >&2; exit 1; }

# One line of INI, when the module lies where modules are installed.
make -s -C "$dir/example" install DESTDIR= >/dev/null
modules=$(dirname "$(find "$dir/root" -name registry_memory.so)")
[ -f "$modules/allocator_org_example_lottery.so" ] || say_and_fail "make install did not put the example into $modules"
master=$(find "$dir/root" -name mesos-master -type f -path '*bin*')
mkdir "$dir/work" "$dir/etc"
check() { # ini-text, more flags
    printf '%s\n' "$1" >"$dir/master.ini"
    shift
    env -i PATH="$PATH" ASAN_OPTIONS="${ASAN_OPTIONS:-}" "$master" --config="$dir/master.ini" --etc_dir="$dir/etc" \
        --work_dir="$dir/work" --module_path="$modules" --registry=in_memory --check-config "$@" >"$dir/check.log" 2>&1
}
check "allocator = org_example_lottery" || { cat "$dir/check.log" >&2; exit 1; }
grep -q "org_example_lottery" "$dir/check.log" || { cat "$dir/check.log" >&2; exit 1; }

# The same by path with a parameter, and what is said of a wrong one.
check "allocator = org_example_lottery
[modules]
org_example_lottery = $so
[org_example_lottery]
interval = 200ms" || { cat "$dir/check.log" >&2; exit 1; }
if check "allocator = org_example_lottery
[modules]
org_example_lottery = $so
[org_example_lottery]
intervall = 200ms"; then
    say_and_fail "a misspelt parameter was accepted"
fi
grep -q "did you mean 'interval'" "$dir/check.log" || { cat "$dir/check.log" >&2; exit 1; }

# A cluster of the installed programs whose agent has the isolator or the containerizer of the example.
bin=$(dirname "$(find "$dir/root" -name mesos-execute)")
libexec=$(dirname "$(find "$dir/root" -name mesos-containerizer)")
sbin=${master%/*}
part() { # name, flags: a daemon in the background; its log is <name>.log
    name=$1
    program=$2
    shift 2
    env -i PATH="$PATH" ASAN_OPTIONS="${ASAN_OPTIONS:-}" "$program" --ip=127.0.0.1 --port="${port:-0}" --hostname=localhost \
        --etc_dir="$dir/etc" --module_path="$modules" "$@" >"$dir/$name.log" 2>&1 &
    pids="$! $pids"
    last=$!
}
until_said() { # file, words
    for _ in $(seq 300); do
        grep -q "$2" "$1" && return 0
        sleep 0.1
    done
    cat "$1" >&2
    say_and_fail "$1 never says '$2'"
}
agent() { # name, flags
    name=$1
    shift
    part "$name" "$sbin/mesos-agent" --master="$address" --work_dir="$dir/$name" --runtime_dir="$dir/$name.run" \
        --launcher_dir="$libexec" --launcher=posix --no-switch_user --resources="cpus:2;mem:512;disk:100" "$@"
    until_said "$dir/$name.log" "registered with master"
}
run() { # task, command
    env -i PATH="$PATH" HOME="$dir" ASAN_OPTIONS="${ASAN_OPTIONS:-}" "$bin/mesos-execute" --master="$address" --name="$1" \
        --command="$2" --resources="cpus:0.1;mem:32" --checkpoint >"$dir/$1.log" 2>&1
}
output_of() { # agent, task
    cat "$dir/$1"/slaves/*/frameworks/*/executors/"$2"/runs/latest/stdout
}
part master "$master" --work_dir="$dir/work" --registry=in_memory --allocation_interval=100ms
until_said "$dir/master.log" "pid=master@127.0.0.1:"
address=$(sed -n 's/.*pid=master@\([0-9.:]*\).*/\1/p' "$dir/master.log" | head -n 1)

# A master behind a proxy: the proxy's header says who asks, and the authorizer of the same library who may change things.
asked() { # address, method and path, header: the answer's first line
    bash -c 'exec 3<>"/dev/tcp/${1%:*}/${1#*:}" && printf "%s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n%s\r\n\r\n" \
        "$2" "$3" >&3 && head -n 1 <&3' asked "$1" "$2" "$3"
}
expect_status() { # status, method and path, header
    asked "$gate" "$2" "$3" | grep -q "^HTTP/1.1 $1 " || say_and_fail "$2 with '$3' is not answered with $1: $(asked "$gate" "$2" "$3")"
}
cat >"$dir/gate.ini" <<INI
authenticate_http_readonly = true
authenticate_http_readwrite = true
http_authenticators = org_example_gate
authorizers = org_example_keeper
[modules]
org_example_keeper = http_authenticator_org_example_gate.so
[org_example_keeper]
changers = alice,bob
[org_example_gate]
header = X-Who
INI
port=0
part gate "$master" --config="$dir/gate.ini" --work_dir="$dir/gate" --registry=in_memory
until_said "$dir/gate.log" "pid=master@127.0.0.1:"
gate=$(sed -n 's/.*pid=master@\([0-9.:]*\).*/\1/p' "$dir/gate.log" | head -n 1)
expect_status 403 "GET /master/state" "X-Other: alice"
expect_status 200 "GET /master/state" "X-Who: carol"
expect_status 403 "GET /master/flags" "X-Who: carol"
expect_status 200 "GET /master/flags" "X-Who: bob"
kill "$last" && wait "$last" || :
unset port

printf 'isolation = posix/cpu,posix/mem,org_example_badge\n[org_example_badge]\ntext = visitor\n' >"$dir/agent.ini"
agent one --config="$dir/agent.ini"
run shown 'echo "env $EXAMPLE_BADGE"; echo "file $(cat badge)"' || { cat "$dir/shown.log" "$dir/one.log" >&2; exit 1; }
output_of one shown >"$dir/shown.out"
grep -q "^env visitor of [0-9a-f-]*\$" "$dir/shown.out" && grep -q "^file visitor of [0-9a-f-]*\$" "$dir/shown.out" ||
    { cat "$dir/shown.out" >&2; say_and_fail "the isolator of the example has no effect"; }
kill "$last" && wait "$last" || :

printf 'containerizers = org_example_plain,mesos\n' >"$dir/agent.ini"
agent two --config="$dir/agent.ini"
run plain 'echo "I am $MESOS_EXECUTOR_ID"; echo words >&2' || { cat "$dir/plain.log" "$dir/two.log" >&2; exit 1; }
output_of two plain | grep -q "^I am plain\$" || { output_of two plain >&2; say_and_fail "the containerizer of the example lost the output"; }
[ ! -d "$dir/two.run/containers" ] || [ -z "$(ls "$dir/two.run/containers")" ] || say_and_fail "another containerizer ran the task"
if run failing 'exit 3'; then say_and_fail "a task that fails was taken for a good one"; fi

# A task that runs while the agent is killed is found again, and destroyed with all below it.
run long 'sleep 1234 & echo $! >below; wait' &
waiter=$!
for _ in $(seq 300); do
    below=$(cat "$dir"/two/slaves/*/frameworks/*/executors/long/runs/latest/below 2>/dev/null | tail -n 1)
    [ -z "$below" ] || break
    sleep 0.1
done
[ -n "$below" ] || say_and_fail "the long task did not start"
kill -KILL "$last" && wait "$last" || :
port=$(sed -n 's/.*slave(1)@127.0.0.1:\([0-9]*\).*/\1/p' "$dir/master.log" | tail -n 1)
mv "$dir/two.log" "$dir/two.first.log"
agent two --config="$dir/agent.ini"
grep -q "subscribed again" "$dir/two.log" || say_and_fail "the long task's executor did not come back"
[ -d "/proc/$below" ] && [ "$(ls "$dir/two.run/org_example_plain")" ] ||
    say_and_fail "the long task's container was not found again"
env -i PATH="$PATH" HOME="$dir" MESOS_MASTER="$address" "$bin/mesos" framework teardown \
    "$(sed -n 's/^Subscribed with ID //p' "$dir/long.log" | head -n 1)" >"$dir/teardown.log" 2>&1 ||
    { cat "$dir/teardown.log" >&2; say_and_fail "the long task's framework does not end"; }
wait "$waiter" || :
for _ in $(seq 300); do
    [ -d "/proc/$below" ] || break
    sleep 0.1
done
[ ! -d "/proc/$below" ] || grep -q "State:.Z" "/proc/$below/status" || say_and_fail "what the long task started outlives it"
end
