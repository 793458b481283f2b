#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The example module outside the tree: built against an installed prefix with pkg-config alone, put to the contract of its
# kind, and loaded by the installed master for one line of INI. Runs in the build directory, as the test driver does.
set -eu
src=$(cd "${srcdir:-..}" && pwd)
build=$(pwd)
dir=$(mktemp -d /tmp/cmesos-example-XXXXXX)
trap 'rm -rf "$dir"' EXIT
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
[ "$(nm -D --defined-only "$so" | awk '{ print $NF }' | grep -v '^_')" = mesos_modules ] ||
    say_and_fail "the example exports more than mesos_modules"
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
