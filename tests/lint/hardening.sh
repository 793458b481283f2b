#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How programs and modules were linked: at any address, with tables that are read-only once they are filled, with no stack that
# can be executed, with guarded stacks and checked copies. Says nothing of sanitizer builds and of those that do not optimize.
status=0
complain() {
    echo "$*" >&2
    status=1
}
nm -D modules/.libs/registry_memory.so 2>/dev/null | grep -q '__[aut]san' && exit 0
checks() { # a file
    readelf -hdlW "$1" >hardening.tmp 2>/dev/null || complain "$1 is no program"
    grep -q 'Type: *DYN' hardening.tmp || complain "$1 lies at a fixed address"
    grep -q 'GNU_RELRO' hardening.tmp || complain "$1 has no part that becomes read-only"
    grep -qE 'BIND_NOW|Flags: NOW' hardening.tmp || complain "$1 fills its tables while it runs"
    grep -q 'GNU_STACK.* RW ' hardening.tmp || complain "$1 has a stack that can be executed"
    grep -q 'TEXTREL' hardening.tmp && complain "$1 writes to its code"
}
found=0 guarded=0 checked=0
for file in core/main/mesos-* core/executor/mesos-* core/cli/mesos modules/containerizer/mesos-* modules/.libs/*.so; do
    case $file in *.o | *.a | *.la | *.lai) continue ;; esac
    [ -f "$(dirname "$file")/.libs/$(basename "$file")" ] && file=$(dirname "$file")/.libs/$(basename "$file")
    [ -f "$file" ] && head -c 4 "$file" | grep -q ELF || continue
    found=$((found + 1))
    checks "$file"
    nm -D "$file" 2>/dev/null | grep -q '__stack_chk_fail' && guarded=$((guarded + 1))
    nm -D "$file" 2>/dev/null | grep -q '__[a-z]*_chk@' && checked=$((checked + 1))
done
rm -f hardening.tmp
[ $found -gt 40 ] || complain "only $found programs and modules in the build directory"
# Not each of the small ones has an array on its stack, or copies something.
[ $guarded -gt $((found / 2)) ] || complain "only $guarded of $found have guarded stacks"
grep -q '^BASE_CFLAGS.*FORTIFY_SOURCE' Makefile || exit $status
[ $checked -gt $((found / 2)) ] || complain "only $checked of $found have checked copies"
exit $status
