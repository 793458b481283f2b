#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A module exports mesos_modules and nothing else, and needs nothing of the core; a program exports nothing. The object
# files of core/ hold no writable globals: base/log is the exception, and what is set once and never again (the seed of the
# hash, armed fault points, what a crash handler needs).
status=0
complain() {
    echo "$*" >&2
    status=1
}
sanitized=$(nm -D modules/.libs/registry_memory.so 2>/dev/null | grep -c '__[aut]san')
for module in modules/.libs/*.so; do
    [ -f "$module" ] || complain "no modules in the build directory"
    extra=$(nm -D --defined-only "$module" | awk '{ print $NF }' | grep -vx 'mesos_modules' | grep -v '^__\|^_init$\|^_fini$')
    [ -z "$extra" ] || complain "$module exports more than mesos_modules: $(echo $extra | cut -c1-200)"
    nm -D --defined-only "$module" | grep -q ' T mesos_modules$' || complain "$module does not export mesos_modules"
    [ "$sanitized" != 0 ] || ! ldd -r "$module" 2>&1 | grep 'undefined symbol' || complain "$module lacks symbols"
done
for program in core/main/mesos-master core/main/mesos-agent core/executor/mesos-executor core/cli/mesos; do
    [ -f "$program" ] || continue
    file=$program
    [ -f "$(dirname "$program")/.libs/$(basename "$program")" ] && file=$(dirname "$program")/.libs/$(basename "$program")
    extra=$(nm -D --defined-only "$file" | awk '$2 != "V" && $2 != "W" { print $NF }' |
        grep -v '^__\|^_init$\|^_fini$\|^_IO_\|^std\(in\|out\|err\)\|^environ\|^opt\(arg\|ind\|err\|opt\)\|@' )
    [ "$sanitized" != 0 ] || [ -z "$extra" ] || complain "$program exports $(echo $extra | cut -c1-200)"
done
allowed='(libbase.a:log[a-z_]*|libbase.a:fault|libbase.a:crash|lib(base|mesos-module).a:map)\.o'
for library in core/*/lib*.a; do
    [ "$sanitized" = 0 ] && [ -f "$library" ] || continue
    writable=$(objdump -t "$library" 2>/dev/null | awk -v lib="$(basename "$library")" '
        /file format/ { file = $1; sub(":", "", file) }
        $0 ~ / O / && match($0, /[ \t]\.(bss|data)[^ \t]*/) {
            section = substr($0, RSTART + 1, RLENGTH - 1)
            if (section !~ /^\.data\.rel\.ro/) print lib ":" file " " $NF
        }' | grep -vE "$allowed")
    [ -z "$writable" ] || complain "writable globals: $writable"
done
exit $status
