/* SPDX-License-Identifier: Apache-2.0 */
/* An agent's attributes from and to text. */
#include "model/attributes.h"

#include <errno.h>

#include "model/resources.h"
#include "model/value_text.h"

static int
attribute_parse(Mesos__V1__Attribute *ret, struct str token, struct arena *arena, struct err *err)
{
    struct str rest = token;
    ptrdiff_t colon = str_find(token, ':');
    struct str name = str_trim(str_cut(&rest, ':'));
    if (colon < 0 || name.len == 0)
        return err_set(err, -EINVAL, "Invalid attribute key:value pair '%.*s'", STR_ARG(token));
    struct value_text value;
    if (value_text_parse(&value, rest, arena, err))
        return err_wrap(err, "Invalid attribute '%.*s'", STR_ARG(token));
    mesos__v1__attribute__init(ret);
    ret->name = arena_strdup(arena, name);
    ret->type = value.type;
    ret->scalar = value.scalar;
    ret->ranges = value.ranges;
    ret->set = value.set;
    ret->text = value.text;
    return 0;
}

Mesos__V1__Attribute **
attributes_parse(struct str text, struct arena *arena, size_t *ret_count, struct err *err)
{
    static const char seps[] = ";\n";
    size_t max = 1, count = 0;
    for (struct str rest = text; token_next(&rest, seps).len;)
        max++;
    Mesos__V1__Attribute **items = arena_calloc(arena, max, sizeof(*items));
    for (;;) {
        struct str token = token_next(&text, seps);
        if (token.len == 0)
            break;
        items[count] = arena_alloc(arena, sizeof(**items));
        if (attribute_parse(items[count++], token, arena, err))
            return NULL;
    }
    *ret_count = count;
    return items;
}

void
attributes_format(struct buf *out, Mesos__V1__Attribute *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const Mesos__V1__Attribute *item = items[i];
        buf_printf(out, "%s%s:", i ? ";" : "", item->name);
        if (item->text) {
            buf_puts(out, item->text->value);
            continue;
        }
        value_format(out, item->scalar, item->ranges, item->set);
    }
}
