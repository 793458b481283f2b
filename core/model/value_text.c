/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the values of --resources and --attributes; rules: flags-syntax. Nothing outside of the arena is allocated. */
#include "model/value_text.h"

#include <errno.h>
#include <math.h>

#include "base/str.h"
#include "base/buf.h"
#include "model/ranges.h"

struct str
token_next(struct str *s, const char *seps)
{
    size_t begin = 0, end;
    if (s->len == 0)
        return (struct str){0};
    while (begin < s->len && strchr(seps, s->ptr[begin]))
        begin++;
    for (end = begin; end < s->len && !strchr(seps, s->ptr[end]);)
        end++;
    struct str token = str_n(s->ptr + begin, end - begin);
    *s = str_n(s->ptr + end, s->len - end);
    return token;
}

static bool
brackets_match(struct str s, char open, char close)
{
    size_t depth = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == open)
            depth++;
        else if (s.ptr[i] == close && depth-- == 0)
            return false;
    }
    return depth == 0;
}

static size_t
count_tokens(struct str s, const char *seps)
{
    size_t count = 0;
    while (token_next(&s, seps).len)
        count++;
    return count;
}

static int
read_ranges(struct value_text *ret, struct str text, struct arena *arena, struct err *err)
{
    static const char seps[] = "[]-,\n";
    size_t tokens = count_tokens(text, seps);
    if (tokens % 2 != 0)
        return err_set(err, -EINVAL, "Expecting one or more \"ranges\"");
    struct mesos_range *items = arena_calloc(arena, tokens / 2 + 1, sizeof(*items));
    for (size_t i = 0; i < tokens; i++) {
        struct str token = token_next(&text, seps);
        uint64_t number;
        if (str_to_u64(token, &number))
            return err_set(err, -EINVAL, "Expecting non-negative integers in '%.*s'", STR_ARG(token));
        if (i % 2 == 0)
            items[i / 2].begin = number;
        else if (number < items[i / 2].begin)
            return err_set(err, -EINVAL, "Invalid ranges resource: begin > end");
        else
            items[i / 2].end = number;
    }
    size_t count = ranges_normalise(items, tokens / 2);
    ret->type = MESOS__V1__VALUE__TYPE__RANGES;
    ret->ranges = arena_alloc(arena, sizeof(*ret->ranges));
    mesos__v1__value__ranges__init(ret->ranges);
    ret->ranges->n_range = count;
    ret->ranges->range = arena_calloc(arena, count + 1, sizeof(*ret->ranges->range));
    for (size_t i = 0; i < count; i++) {
        Mesos__V1__Value__Range *range = arena_alloc(arena, sizeof(*range));
        mesos__v1__value__range__init(range);
        range->begin = items[i].begin;
        range->end = items[i].end;
        ret->ranges->range[i] = range;
    }
    return 0;
}

static int
read_set(struct value_text *ret, struct str text, struct arena *arena)
{
    static const char seps[] = "{},\n";
    size_t count = count_tokens(text, seps);
    ret->type = MESOS__V1__VALUE__TYPE__SET;
    ret->set = arena_alloc(arena, sizeof(*ret->set));
    mesos__v1__value__set__init(ret->set);
    ret->set->n_item = count;
    ret->set->item = arena_calloc(arena, count + 1, sizeof(*ret->set->item));
    for (size_t i = 0; i < count; i++)
        ret->set->item[i] = arena_strdup(arena, token_next(&text, seps));
    return 0;
}

static bool
is_special_number(struct str text)
{
    struct str bare = text.len && (text.ptr[0] == '-' || text.ptr[0] == '+') ? str_n(text.ptr + 1, text.len - 1) : text;
    return str_ieq(bare, STR_LIT("nan")) || str_ieq(bare, STR_LIT("inf")) || str_ieq(bare, STR_LIT("infinity"));
}

static int
read_scalar_or_text(struct value_text *ret, struct str text, struct arena *arena, struct err *err)
{
    double number;
    int rc = str_to_double(text, &number);
    if (is_special_number(text) || rc == -ERANGE)
        return err_set(err, -EINVAL, "Invalid scalar value '%.*s': Infinite, NaN and overlong values not supported",
                       STR_ARG(text));
    if (rc == 0 && fpclassify(number) == FP_SUBNORMAL)
        return err_set(err, -EINVAL, "Invalid scalar value '%.*s': Subnormal values not supported", STR_ARG(text));
    if (rc == 0) {
        ret->type = MESOS__V1__VALUE__TYPE__SCALAR;
        ret->scalar = arena_alloc(arena, sizeof(*ret->scalar));
        mesos__v1__value__scalar__init(ret->scalar);
        ret->scalar->value = number;
        return 0;
    }
    ret->type = MESOS__V1__VALUE__TYPE__TEXT;
    ret->text = arena_alloc(arena, sizeof(*ret->text));
    mesos__v1__value__text__init(ret->text);
    ret->text->value = arena_strdup(arena, text);
    return 0;
}

int
value_text_parse(struct value_text *ret, struct str text, struct arena *arena, struct err *err)
{
    auto_buf struct buf bare = {0};
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != ' ')
            buf_putc(&bare, text.ptr[i]);
    struct str s = buf_str(&bare);
    *ret = (struct value_text){0};
    if (s.len == 0)
        return err_set(err, -EINVAL, "Expecting non-empty string");
    if (!brackets_match(s, '{', '}') || !brackets_match(s, '[', ']') || !brackets_match(s, '(', ')'))
        return err_set(err, -EINVAL, "Mismatched brackets");
    if (s.ptr[0] == '[')
        return read_ranges(ret, s, arena, err);
    if (str_find(s, '[') >= 0)
        return err_set(err, -EINVAL, "Unexpected '[' found");
    if (s.ptr[0] == '{')
        return read_set(ret, s, arena);
    if (str_find(s, '{') >= 0)
        return err_set(err, -EINVAL, "Unexpected '{' found");
    return read_scalar_or_text(ret, s, arena, err);
}
