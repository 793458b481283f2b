/* SPDX-License-Identifier: Apache-2.0 */
/* Reads {"limits": [{"principal", "qps", "capacity"}], "aggregate_default_qps", "aggregate_default_capacity"}. */
#include "rate_limiter/token_bucket/limits.h"

#include <errno.h>
#include <jansson.h>

#define PREFIX "principal "
enum { PRINCIPAL_MAX = 1024, LIMITS_MAX = 100000 };

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

/* Every member is one of the known names: a slip of the pen would lift a limit in silence. */
static int
check_members(json_t *object, const char *const *known, size_t count, struct err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach (object, key, value) {
        size_t i = 0;
        while (i < count && strcmp(known[i], key) != 0)
            i++;
        if (i == count) {
            const char *near = str_nearest(key, known, count);
            return err_set(err, -EINVAL, "unknown member '%.100s'%s%s%s", key, near ? ": the nearest known name is '" : "",
                           near ? near : "", near ? "'" : "");
        }
    }
    return 0;
}

/* qps and capacity of one limit, under the names that they have there. */
static int
read_numbers(json_t *object, const char *qps_name, const char *capacity_name, struct limit *limit, struct err *err)
{
    const json_t *qps = json_object_get(object, qps_name), *capacity = json_object_get(object, capacity_name);
    limit->capacity = UINT64_MAX;
    limit->limited = qps != NULL;
    if (qps && (!json_is_number(qps) || !(json_number_value(qps) > 0)))
        return err_set(err, -EINVAL, "'%s' must be a number above zero", qps_name);
    if (capacity && (!json_is_integer(capacity) || json_integer_value(capacity) < 0))
        return err_set(err, -EINVAL, "'%s' must be a whole number, 0 or more", capacity_name);
    if (qps)
        limit->interval_ms = 1000 / json_number_value(qps);
    if (capacity)
        limit->capacity = (uint64_t)json_integer_value(capacity);
    return 0;
}

static int
add_limit(struct limits *limits, json_t *object, struct err *err)
{
    static const char *const known[] = {"principal", "qps", "capacity"};
    const json_t *principal = json_is_object(object) ? json_object_get(object, "principal") : NULL;
    const char *name = json_string_value(principal);
    struct limit *limit;
    if (!json_is_object(object))
        return err_set(err, -EINVAL, "it is no object");
    if (!name || !*name || strlen(name) != json_string_length(principal) || strlen(name) > PRINCIPAL_MAX)
        return err_set(err, -EINVAL, "'principal' must be a text of 1 to %d bytes", PRINCIPAL_MAX);
    if (check_members(object, known, ARRAY_LEN(known), err) < 0)
        return -EINVAL;
    if (map_get(&limits->by_principal, str_of(name)))
        return err_set(err, -EINVAL, "principal '%s' has a limit already", name);
    limit = xcalloc(1, sizeof(*limit));
    limit->key = xasprintf(PREFIX "%s", name);
    if (read_numbers(object, "qps", "capacity", limit, err) < 0) {
        limit_free(limit);
        return err_wrap(err, "principal '%s'", name);
    }
    map_add(&limits->by_principal, str_of(limit->key + strlen(PREFIX)), limit);
    if (limit->limited)
        map_add(&limits->by_key, str_of(limit->key), limit);
    return 0;
}

static int
add_fallback(struct limits *limits, json_t *root, struct err *err)
{
    struct limit *limit = xcalloc(1, sizeof(*limit));
    limits->fallback = limit;
    limit->key = xstrdup("default");
    if (read_numbers(root, "aggregate_default_qps", "aggregate_default_capacity", limit, err) < 0)
        return -EINVAL;
    if (limit->limited)
        map_add(&limits->by_key, str_of(limit->key), limit);
    return 0;
}

static int
fill(struct limits *limits, json_t *root, struct err *err)
{
    static const char *const known[] = {"limits", "aggregate_default_qps", "aggregate_default_capacity"};
    json_t *list = json_object_get(root, "limits");
    if (!json_is_object(root))
        return err_set(err, -EINVAL, "it is no JSON object");
    if (check_members(root, known, ARRAY_LEN(known), err) < 0)
        return -EINVAL;
    if (list && (!json_is_array(list) || json_array_size(list) > LIMITS_MAX))
        return err_set(err, -EINVAL, "'limits' must be an array of at most %d", LIMITS_MAX);
    for (size_t i = 0; list && i < json_array_size(list); i++)
        if (add_limit(limits, json_array_get(list, i), err) < 0)
            return err_wrap(err, "limits[%zu]", i);
    return add_fallback(limits, root, err);
}

struct limits *
limits_read(struct str text, struct err *err)
{
    json_error_t why;
    json_t *root = json_loadb(text.ptr ? text.ptr : "", text.len, JSON_REJECT_DUPLICATES, &why);
    struct limits *limits;
    int status;
    if (!root) {
        err_set(err, -EINVAL, "line %d, column %d: %s", why.line, why.column, why.text);
        return NULL;
    }
    limits = xcalloc(1, sizeof(*limits));
    status = fill(limits, root, err);
    json_decref(root);
    if (status == 0)
        return limits;
    limits_free(limits);
    return NULL;
}
