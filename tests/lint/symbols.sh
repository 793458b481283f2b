#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A module exports mesos_modules and nothing else, and needs nothing of the core; a program exports nothing. The object
# files of core/ hold no writable globals (base/log is the exception; a hash seed and the loop's own thread marks count as
# constants once set).
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
exit $status
