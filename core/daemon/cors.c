/* SPDX-License-Identifier: Apache-2.0 */
/* The list of origins; see cors.h. Knows nothing of HTTP. */
#include "daemon/cors.h"

#include <errno.h>

enum { ORIGINS_MAX = 100 };

struct cors {
    char *origins[ORIGINS_MAX];
    size_t count;
    bool given;
};

/* As browsers write it: scheme://host[:port], and nothing behind it. */
static bool
is_origin(struct str text)
{
    ptrdiff_t at = str_find(text, ':');
    if (at < 1 || (size_t)at + 3 >= text.len || memcmp(text.ptr + at, "://", 3) != 0)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f || (i >= (size_t)at + 3 && strchr("/?#@\"\\*", text.ptr[i])))
            return false;
    return true;
}

static int
add(struct cors *cors, struct str text, struct err *err)
{
    if (!str_is(text, "*") && !is_origin(text))
        return err_set(err, -EINVAL, "'%.*s' is no origin of pages: write https://host or https://host:port, or * for all",
                       (int)(text.len < 200 ? text.len : 200), text.ptr);
    if (cors->count == ORIGINS_MAX)
        return err_set(err, -E2BIG, "more than %d origins", ORIGINS_MAX);
    cors->origins[cors->count++] = str_dup(text);
    return 0;
}

struct cors *
cors_new(const char *list, struct err *err)
{
    struct cors *cors = xcalloc(1, sizeof(*cors));
    struct str rest = str_of(list);
    cors->given = list && *list;
    while (rest.len > 0) {
        if (add(cors, str_trim(str_cut(&rest, ',')), err) < 0) {
            cors_free(cors);
            return NULL;
        }
    }
    return cors;
}

void
cors_free(struct cors *cors)
{
    if (!cors)
        return;
    for (size_t i = 0; i < cors->count; i++)
        free(cors->origins[i]);
    free(cors);
}

bool
cors_asks(const struct cors *cors)
{
    return cors->given;
}

const char *
cors_allows(const struct cors *cors, struct str origin)
{
    const char *any = NULL;
    for (size_t i = 0; i < cors->count; i++) {
        if (str_ieq(origin, str_of(cors->origins[i])))
            return cors->origins[i];
        if (strcmp(cors->origins[i], "*") == 0)
            any = cors->origins[i];
    }
    return any;
}
