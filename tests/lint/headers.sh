#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every header stands by itself: it compiles alone, with gcc and, where it is there, with clang. Runs in the build
# directory, whose generated headers it needs. What module-api installs must also compile with the flags of others.
src=${srcdir:-..}
status=0
cflags="-std=gnu11 -D_GNU_SOURCE -DMESOS_FAULTS=1 -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -Werror"
include="-I$src/core -I$src/module-api -I$src/modules -Imodule-api/proto ${LINT_CPPFLAGS:-}"
headers=$(cd "$src" && find core module-api/mesos modules -name '*.h' | sort)
try() { # compiler
    for header in $headers; do
        # shellcheck disable=SC2086
        echo "#include \"$src/$header\"
extern int lint;" | $1 $cflags $include "-I$src/$(dirname "$header")" -xc -fsyntax-only - || {
            echo "$header does not stand by itself ($1)" >&2
            status=1
        }
    done
}
for compiler in gcc clang; do
    command -v $compiler >/dev/null 2>&1 && try $compiler
done
for header in "$src"/module-api/mesos/*.h; do # strict C and C++
    echo "#include \"$header\"" | gcc -std=c11 -pedantic-errors -Wall -Werror "-I$src/module-api" -xc -fsyntax-only - || status=1
    if command -v g++ >/dev/null 2>&1; then
        echo "#include \"$header\"" | g++ -Wall -Werror "-I$src/module-api" -xc++ -fsyntax-only - || status=1
    fi
done
exit $status
