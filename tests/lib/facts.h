/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what is committed under tests/facts. A missing file ends the test: a fact that is not there proves
 * nothing. */
#ifndef TESTS_LIB_FACTS_H
#define TESTS_LIB_FACTS_H

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"

static inline char *
facts_path(const char *name)
{
    const char *srcdir = getenv("srcdir");
    return xasprintf("%s/tests/facts/%s", srcdir ? srcdir : ".", name);
}

static inline void
facts_read(const char *name, struct buf *out)
{
    auto_free char *path = facts_path(name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "cannot open %s\n", path);
        abort();
    }
    size_t n;
    do {
        n = fread(buf_reserve(out, 65536), 1, 65536, file);
        buf_added(out, n);
    } while (n);
    fclose(file);
}

#endif
