/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the JSON form of --resources. Unknown keys are ignored, as everywhere in Mesos's JSON. */
#include "model/resources_json.h"

#include <errno.h>
#include <jansson.h>

struct reader {
    struct arena *arena;
    struct err *err;
    size_t at; /* index in the array, for errors */
    bool failed;
};

static void *
fail(struct reader *r, const char *key, const char *want)
{
    if (!r->failed)
        err_set(r->err, -EINVAL, "Resource %zu of the JSON array: '%s' must be %s", r->at, key, want);
    r->failed = true;
    return NULL;
}

static const json_t *
member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return value && !json_is_null(value) ? value : NULL;
}

static char *
text(struct reader *r, const json_t *object, const char *key, bool required)
{
    const json_t *value = member(object, key);
    if (!value)
        return required ? fail(r, key, "given") : NULL;
    if (!json_is_string(value))
        return fail(r, key, "a string");
    return arena_strdup(r->arena, str_n(json_string_value(value), json_string_length(value)));
}

static const json_t *
object(struct reader *r, const json_t *parent, const char *key)
{
    const json_t *value = member(parent, key);
    if (value && !json_is_object(value))
        return fail(r, key, "an object");
    return value;
}

static const json_t *
array(struct reader *r, const json_t *parent, const char *key)
{
    const json_t *value = parent ? member(parent, key) : NULL;
    if (value && !json_is_array(value))
        return fail(r, key, "an array");
    return value;
}

/* The index of the text among names, or -1. */
static int
word(struct reader *r, const json_t *parent, const char *key, const char *const *names, size_t count)
{
    const char *value = text(r, parent, key, true);
    for (size_t i = 0; value && i < count; i++)
        if (strcmp(value, names[i]) == 0)
            return (int)i;
    if (value)
        fail(r, key, "one of its known names");
    return -1;
}

static uint64_t
whole(struct reader *r, const json_t *parent, const char *key)
{
    const json_t *value = member(parent, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        fail(r, key, "a non-negative integer");
        return 0;
    }
    return (uint64_t)json_integer_value(value);
}

static Mesos__V1__Value__Scalar *
scalar(struct reader *r, const json_t *parent)
{
    const json_t *from = object(r, parent, "scalar"), *value = from ? member(from, "value") : NULL;
    if (!from)
        return NULL;
    if (!json_is_number(value))
        return fail(r, "scalar.value", "a number");
    Mesos__V1__Value__Scalar *to = arena_alloc(r->arena, sizeof(*to));
    mesos__v1__value__scalar__init(to);
    to->value = json_number_value(value);
    return to;
}

static Mesos__V1__Value__Ranges *
ranges(struct reader *r, const json_t *parent)
{
    const json_t *from = object(r, parent, "ranges");
    if (!from)
        return NULL;
    const json_t *list = array(r, from, "range");
    Mesos__V1__Value__Ranges *to = arena_alloc(r->arena, sizeof(*to));
    mesos__v1__value__ranges__init(to);
    to->range = arena_calloc(r->arena, json_array_size(list) + 1, sizeof(*to->range));
    for (size_t i = 0; i < json_array_size(list); i++) {
        Mesos__V1__Value__Range *range = arena_alloc(r->arena, sizeof(*range));
        mesos__v1__value__range__init(range);
        range->begin = whole(r, json_array_get(list, i), "begin");
        range->end = whole(r, json_array_get(list, i), "end");
        to->range[to->n_range++] = range;
    }
    return to;
}

static Mesos__V1__Value__Set *
set(struct reader *r, const json_t *parent)
{
    const json_t *from = object(r, parent, "set");
    if (!from)
        return NULL;
    const json_t *list = array(r, from, "item");
    Mesos__V1__Value__Set *to = arena_alloc(r->arena, sizeof(*to));
    mesos__v1__value__set__init(to);
    to->item = arena_calloc(r->arena, json_array_size(list) + 1, sizeof(*to->item));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *item = json_string_value(json_array_get(list, i));
        if (!item)
            return fail(r, "set.item", "an array of strings");
        to->item[to->n_item++] = arena_strdup(r->arena, str_of(item));
    }
    return to;
}

static Mesos__V1__Labels *
labels(struct reader *r, const json_t *parent)
{
    const json_t *from = object(r, parent, "labels"), *list = array(r, from, "labels");
    if (!from)
        return NULL;
    Mesos__V1__Labels *to = arena_alloc(r->arena, sizeof(*to));
    mesos__v1__labels__init(to);
    to->labels = arena_calloc(r->arena, json_array_size(list) + 1, sizeof(*to->labels));
    for (size_t i = 0; i < json_array_size(list); i++) {
        Mesos__V1__Label *label = arena_alloc(r->arena, sizeof(*label));
        mesos__v1__label__init(label);
        label->key = text(r, json_array_get(list, i), "key", true);
        label->value = text(r, json_array_get(list, i), "value", false);
        to->labels[to->n_labels++] = label;
    }
    return to;
}

static Mesos__V1__Resource__ReservationInfo *
reservation(struct reader *r, const json_t *from)
{
    static const char *const types[] = {"UNKNOWN", "STATIC", "DYNAMIC"};
    Mesos__V1__Resource__ReservationInfo *to = arena_alloc(r->arena, sizeof(*to));
    mesos__v1__resource__reservation_info__init(to);
    if (member(from, "type")) {
        to->has_type = true;
        to->type = (Mesos__V1__Resource__ReservationInfo__Type)word(r, from, "type", types, ARRAY_LEN(types));
    }
    to->role = text(r, from, "role", false);
    to->principal = text(r, from, "principal", false);
    to->labels = labels(r, from);
    return to;
}

static Mesos__V1__Resource__DiskInfo__Source *
disk_source(struct reader *r, const json_t *from)
{
    static const char *const types[] = {"UNKNOWN", "PATH", "MOUNT", "BLOCK", "RAW"};
    Mesos__V1__Resource__DiskInfo__Source *to = arena_alloc(r->arena, sizeof(*to));
    mesos__v1__resource__disk_info__source__init(to);
    to->type = (Mesos__V1__Resource__DiskInfo__Source__Type)word(r, from, "type", types, ARRAY_LEN(types));
    const json_t *path = object(r, from, "path"), *mount = object(r, from, "mount");
    if (path) {
        to->path = arena_alloc(r->arena, sizeof(*to->path));
        mesos__v1__resource__disk_info__source__path__init(to->path);
        to->path->root = text(r, path, "root", false);
    }
    if (mount) {
        to->mount = arena_alloc(r->arena, sizeof(*to->mount));
        mesos__v1__resource__disk_info__source__mount__init(to->mount);
        to->mount->root = text(r, mount, "root", false);
    }
    to->vendor = text(r, from, "vendor", false);
    to->id = text(r, from, "id", false);
    to->profile = text(r, from, "profile", false);
    return to;
}

static Mesos__V1__Resource__DiskInfo *
disk(struct reader *r, const json_t *parent)
{
    const json_t *from = object(r, parent, "disk"), *source = from ? object(r, from, "source") : NULL;
    if (!from)
        return NULL;
    if (member(from, "persistence") || member(from, "volume"))
        return fail(r, "disk", "without persistent volumes: those are made by frameworks and operators");
    Mesos__V1__Resource__DiskInfo *to = arena_alloc(r->arena, sizeof(*to));
    mesos__v1__resource__disk_info__init(to);
    to->source = source ? disk_source(r, source) : NULL;
    return to;
}

static Mesos__V1__Resource *
resource(struct reader *r, const json_t *from, const char *default_role)
{
    static const char *const types[] = {"SCALAR", "RANGES", "SET"};
    Mesos__V1__Resource *to = arena_alloc(r->arena, sizeof(*to));
    mesos__v1__resource__init(to);
    if (!json_is_object(from))
        return fail(r, "[]", "an object");
    to->name = text(r, from, "name", true);
    to->type = (Mesos__V1__Value__Type)word(r, from, "type", types, ARRAY_LEN(types));
    to->scalar = scalar(r, from);
    to->ranges = ranges(r, from);
    to->set = set(r, from);
    to->disk = disk(r, from);
    if (member(from, "revocable"))
        return fail(r, "revocable", "left out: an agent's own resources are firm");
    const json_t *list = array(r, from, "reservations");
    to->reservations = arena_calloc(r->arena, json_array_size(list) + 1, sizeof(*to->reservations));
    for (size_t i = 0; i < json_array_size(list); i++)
        to->reservations[to->n_reservations++] = reservation(r, json_array_get(list, i));
    char *role = text(r, from, "role", false);
    to->role = role ? role : to->n_reservations ? to->role : arena_strdup(r->arena, str_of(default_role));
    return to;
}

Mesos__V1__Resource **
resources_parse_json(struct str json, const char *default_role, struct arena *arena, size_t *ret_count,
                     struct err *err)
{
    json_error_t why = {.line = 1};
    json_t *root = json_loadb(json.ptr, json.len, 0, &why);
    if (!json_is_array(root)) {
        err_set(err, -EINVAL, "Bad JSON for resources, an array is wanted: line %d: %s", why.line, why.text);
        json_decref(root);
        return NULL;
    }
    struct reader r = {.arena = arena, .err = err};
    Mesos__V1__Resource **items = arena_calloc(arena, json_array_size(root) + 1, sizeof(*items));
    size_t count = json_array_size(root);
    for (r.at = 0; r.at < count && !r.failed; r.at++)
        items[r.at] = resource(&r, json_array_get(root, r.at), default_role);
    json_decref(root);
    if (r.failed)
        return NULL;
    *ret_count = count;
    return items;
}
