/* SPDX-License-Identifier: Apache-2.0 */
/* Actor addresses "id@ip:port" as text and back. No names are resolved: peers write numbers. */
#include <errno.h>
#include <stdio.h>

#include "wire/libprocess.h"

/* Ids end up in request lines of ours, so what could end a line or a path segment is no id. */
static bool
good_id(struct str id)
{
    for (size_t i = 0; i < id.len; i++)
        if (id.ptr[i] <= ' ' || id.ptr[i] > '~' || strchr("/?#@", id.ptr[i]))
            return false;
    return id.len < sizeof(((struct upid *)NULL)->id);
}

int
upid_parse(struct str text, struct upid *ret, struct err *err)
{
    struct upid upid;
    struct str rest = text;
    ptrdiff_t at = str_find(text, '@');
    struct str id = str_cut(&rest, '@');
    if (at < 0 || !good_id(id))
        return err_set(err, -EINVAL, "'%.*s' is no actor address; expecting id@ip:port", STR_ARG(text));
    if (address_parse(rest, &upid.address, err) < 0)
        return err_wrap(err, "'%.*s' is no actor address", STR_ARG(text));
    memcpy(upid.id, id.ptr, id.len);
    upid.id[id.len] = '\0';
    *ret = upid;
    return 0;
}

char *
upid_format(const struct upid *upid, char out[400])
{
    char address[128];
    snprintf(out, 400, "%s@%s", upid->id, address_format(&upid->address, address));
    return out;
}

bool
upid_eq(const struct upid *a, const struct upid *b)
{
    return strcmp(a->id, b->id) == 0 && address_eq(&a->address, &b->address);
}
