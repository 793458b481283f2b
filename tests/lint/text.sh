#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What every file says first: its licence and its purpose; and what none may say. Generated and recorded files are left
# out (tests/facts, module-api/proto's tables are data).
cd "${srcdir:-.}" || exit 1
status=0
complain() {
    echo "$*" >&2
    status=1
}
for file in $(find core modules module-api tests contrib \( -name '*.[ch]' -o -name '*.sh' -o -name '*.mk' -o -name '*.py' -o -name '*.proto' \) | grep -v '^tests/facts' | sort); do
    head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || complain "$file: no SPDX line at its head"
done
for file in $(find core modules module-api tests \( -name '*.c' -o -name '*.h' \) | grep -v '^tests/facts' | sort); do
    sed -n 2p "$file" | grep -q '^/\*' || complain "$file: its second line does not begin a comment that says what it is for"
    awk 'length($0) > 140 { print FILENAME ":" FNR ": " length($0) " columns"; bad = 1 } END { exit bad }' "$file" >&2 || status=1
done
# Places of one machine, marks of unfinished work.
here=$(printf '/%s/' work)
left='TO''DO|FIX''ME|X''XX'
files=$(find . \( -name .git -o -name build -o -name 'build-*' -o -name autom4te.cache -o -name build-aux -o -name m4 \) -prune -o -type f \
    \( -name '*.[ch]' -o -name '*.mk' -o -name '*.sh' -o -name '*.py' -o -name '*.md' -o -name '*.am' -o -name '*.ac' -o -name '*.ini' \) -print |
    grep -v '/tests/facts/\|/aclocal.m4')
for file in $files; do
    grep -nE "(^|[^a-z_.\"])$here(shared|main|\.library)" "$file" && complain "$file: names a place of somebody's machine"
    grep -nwE "$left" "$file" && complain "$file: unfinished work belongs in an issue"
done
# What a build makes does not belong to the sources. (A release's archive has no repository to ask.)
if [ -e .git ] && git -c safe.directory='*' ls-files >/dev/null 2>&1; then
    made=$(git -c safe.directory='*' ls-files | grep -E '(^|/)(config\.(status|log)|confdefs\.h|libtool|Makefile|Makefile\.in)$|\.(o|lo|a|la|so)$' |
        grep -v '^module-api/example/Makefile$')
    for file in $made; do
        complain "$file: made by a build"
    done
    for file in $(git -c safe.directory='*' ls-files | grep -v '^tests/f'); do
        [ -f "$file" ] && head -c 4 "$file" | grep -q "^$(printf '\177')ELF" && complain "$file: a program"
    done
fi
exit $status
