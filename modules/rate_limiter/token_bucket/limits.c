/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads {"limits": [{"principal", "qps", "capacity"}], "aggregate_default_qps", "aggregate_default_capacity"}. Every member is
 * one of the known names: a slip of the pen would lift a limit in silence. Each refusal names the line.
 */
#include "rate_limiter/token_bucket/limits.h"

#include <errno.h>

#include "wire/json_token.h"

#define PREFIX "principal "
enum { PRINCIPAL_MAX = 1024, LIMITS_MAX = 100000, ESCAPED_MAX = 16 << 20 };

struct reader {
    struct json_scan scan;
    struct limits *limits;
    const char *at; /* what is being read begins there */
    struct arena *arena; /* texts that had escapes */
    size_t budget;
    struct err *err;
};

/* What one object says. */
struct draft {
    struct str principal;
    const char *principal_at;
    struct limit numbers;
};

static void
limit_free(struct limit *limit)
{
    if (!limit)
        return;
    free(limit->key);
    free(limit);
}

void
limits_free(struct limits *limits)
{
    struct limit *limit;
    if (!limits)
        return;
    map_foreach (limit, &limits->by_principal)
        limit_free(limit);
    limit_free(limits->fallback);
    map_fini(&limits->by_principal);
    map_fini(&limits->by_key);
    free(limits);
}

/* ---- JSON ---- */

/* Something begins here, of which an error will tell the line; its first byte, or -1. */
static int
begin(struct reader *reader)
{
    int first = json_scan_peek(&reader->scan);
    reader->at = reader->scan.at;
    return first;
}

static int
refuse_syntax(struct reader *reader, const char *wanted)
{
    reader->at = reader->scan.at;
    return err_set(reader->err, -EINVAL, "this is not JSON: %s is wanted here", wanted);
}

/* Behind an element or a member: 1 = another one follows, 0 = end was taken. */
static int
next(struct reader *reader, char end)
{
    if (json_scan_take(&reader->scan, end))
        return 0;
    if (!json_scan_take(&reader->scan, ','))
        return refuse_syntax(reader, end == '}' ? "',' or '}'" : "',' or ']'");
    if (begin(reader) == end)
        return err_set(reader->err, -EINVAL, "there is a comma too many before '%c'", end);
    return 1;
}

/* Which of the known names comes next, with the ':' behind it. *seen: a bit for each that was there before. */
static int
read_name(struct reader *reader, const char *const *known, size_t count, unsigned *seen)
{
    struct str name;
    size_t i = 0;
    begin(reader);
    if (!json_scan_string(&reader->scan, reader->arena, &reader->budget, &name))
        return refuse_syntax(reader, "the name of a member");
    while (i < count && !str_is(name, known[i]))
        i++;
    if (i == count) {
        const char *text = arena_strdup(reader->arena, name), *near = str_nearest(text, known, count);
        return err_set(reader->err, -EINVAL, "unknown member '%.100s'%s%s%s", text, near ? ": the nearest known name is '" : "",
                       near ? near : "", near ? "'" : "");
    }
    if (*seen & 1U << i)
        return err_set(reader->err, -EINVAL, "duplicate member '%s'", known[i]);
    *seen |= 1U << i;
    return json_scan_take(&reader->scan, ':') ? (int)i : refuse_syntax(reader, "':'");
}

typedef int member_fn(struct reader *reader, size_t which, void *arg);

/* An object; member takes the value of known[which]. */
static int
read_object(struct reader *reader, const char *const *known, size_t count, member_fn *member, void *arg)
{
    unsigned seen = 0;
    int more, status;
    json_scan_take(&reader->scan, '{');
    if (json_scan_take(&reader->scan, '}'))
        return 0;
    do {
        status = read_name(reader, known, count, &seen);
        if (status < 0)
            return status;
        begin(reader);
        status = member(reader, (size_t)status, arg);
        if (status < 0)
            return status;
    } while ((more = next(reader, '}')) > 0);
    return more;
}

/* ---- values ---- */

static int
read_qps(struct reader *reader, const char *name, struct limit *limit)
{
    struct json_number number;
    if (json_scan_literal(&reader->scan, &number) != JSON_LITERAL_NUMBER || !(number.value > 0))
        return err_set(reader->err, -EINVAL, "'%s' must be a number above zero", name);
    limit->limited = true;
    limit->interval_ms = 1000 / number.value;
    return 0;
}

static int
read_capacity(struct reader *reader, const char *name, struct limit *limit)
{
    struct json_number number;
    if (json_scan_literal(&reader->scan, &number) != JSON_LITERAL_NUMBER || !number.is_integer ||
        json_number_u64(&number, &limit->capacity) < 0)
        return err_set(reader->err, -EINVAL, "'%s' must be a whole number, 0 or more", name);
    return 0;
}

static int
read_principal(struct reader *reader, struct draft *draft)
{
    struct str *name = &draft->principal;
    draft->principal_at = reader->at;
    if (json_scan_peek(&reader->scan) == '"' && !json_scan_string(&reader->scan, reader->arena, &reader->budget, name))
        return refuse_syntax(reader, "the rest of a text");
    if (!name->len || name->len > PRINCIPAL_MAX || str_find(*name, '\0') >= 0)
        return err_set(reader->err, -EINVAL, "'principal' must be a text of 1 to %d bytes", PRINCIPAL_MAX);
    if (!json_is_utf8(*name))
        return err_set(reader->err, -EINVAL, "'principal' is not UTF-8");
    return 0;
}

static const char *const limit_members[] = {"principal", "qps", "capacity"};

static int
limit_member(struct reader *reader, size_t which, void *arg)
{
    struct draft *draft = arg;
    int status;
    if (which == 0)
        return read_principal(reader, draft);
    status = which == 1 ? read_qps(reader, "qps", &draft->numbers) : read_capacity(reader, "capacity", &draft->numbers);
    return status < 0 && draft->principal.len ? err_wrap(reader->err, "principal '%.*s'", STR_ARG(draft->principal)) : status;
}

static int
add_limit(struct reader *reader, const struct draft *draft)
{
    struct limits *limits = reader->limits;
    struct limit *limit;
    if (map_get(&limits->by_principal, draft->principal)) {
        reader->at = draft->principal_at;
        return err_set(reader->err, -EINVAL, "principal '%.*s' has a limit already", STR_ARG(draft->principal));
    }
    limit = xmemdup(&draft->numbers, sizeof(*limit));
    limit->key = xasprintf(PREFIX "%.*s", STR_ARG(draft->principal));
    map_add(&limits->by_principal, str_of(limit->key + strlen(PREFIX)), limit);
    if (limit->limited)
        map_add(&limits->by_key, str_of(limit->key), limit);
    return 0;
}

static int
read_limit(struct reader *reader)
{
    struct draft draft = {.numbers = {.capacity = UINT64_MAX}};
    const char *from;
    if (begin(reader) != '{')
        return err_set(reader->err, -EINVAL, "it is no object");
    from = reader->at;
    int status = read_object(reader, limit_members, ARRAY_LEN(limit_members), limit_member, &draft);
    if (status < 0)
        return status;
    if (draft.principal.len)
        return add_limit(reader, &draft);
    reader->at = from;
    return err_set(reader->err, -EINVAL, "'principal' must be a text of 1 to %d bytes", PRINCIPAL_MAX);
}

static int
read_list(struct reader *reader)
{
    int more = 1;
    if (!json_scan_take(&reader->scan, '['))
        return err_set(reader->err, -EINVAL, "'limits' must be an array of at most %d", LIMITS_MAX);
    if (json_scan_take(&reader->scan, ']'))
        return 0;
    for (size_t i = 0; more > 0; i++) {
        if (i == LIMITS_MAX)
            return err_set(reader->err, -EINVAL, "'limits' must be an array of at most %d", LIMITS_MAX);
        if (read_limit(reader) < 0)
            return err_wrap(reader->err, "limits[%zu]", i);
        more = next(reader, ']');
    }
    return more;
}

static const char *const root_members[] = {"limits", "aggregate_default_qps", "aggregate_default_capacity"};

static int
root_member(struct reader *reader, size_t which, void *arg)
{
    struct limit *fallback = arg;
    if (which == 0)
        return read_list(reader);
    return which == 1 ? read_qps(reader, root_members[1], fallback) : read_capacity(reader, root_members[2], fallback);
}

static int
read_all(struct reader *reader)
{
    struct limit *fallback = reader->limits->fallback;
    int status;
    if (begin(reader) != '{')
        return err_set(reader->err, -EINVAL, "it is no JSON object");
    status = read_object(reader, root_members, ARRAY_LEN(root_members), root_member, fallback);
    if (status < 0)
        return status;
    if (begin(reader) >= 0)
        return err_set(reader->err, -EINVAL, "something follows the final '}'");
    if (fallback->limited)
        map_add(&reader->limits->by_key, str_of(fallback->key), fallback);
    return 0;
}

/* Puts before the error where it is. */
static void
wrap_place(const struct reader *reader)
{
    const char *line = reader->scan.start;
    size_t number = 1;
    for (const char *c = line; c < reader->at; c++)
        if (*c == '\n') {
            number++;
            line = c + 1;
        }
    err_wrap(reader->err, "line %zu, column %zu", number, (size_t)(reader->at - line) + 1);
}

struct limits *
limits_read(struct str text, struct err *err)
{
    auto_arena struct arena *arena = arena_new(0);
    struct reader reader = {.scan = json_scan_of(text), .arena = arena, .budget = ESCAPED_MAX, .err = err};
    reader.limits = xcalloc(1, sizeof(*reader.limits));
    reader.limits->fallback = xcalloc(1, sizeof(*reader.limits->fallback));
    reader.limits->fallback->key = xstrdup("default");
    reader.limits->fallback->capacity = UINT64_MAX;
    if (read_all(&reader) == 0)
        return reader.limits;
    wrap_place(&reader);
    limits_free(reader.limits);
    return NULL;
}
