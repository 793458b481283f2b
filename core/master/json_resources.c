/* SPDX-License-Identifier: Apache-2.0 */
/* Resources as the older endpoints show them: sums by name, by role, and in full. Shapes: golden exchanges.
 */
#include <string.h>

#include "master/http.h"
#include "wire/message.h"

static void
key_resource(struct json *json, const struct mesos_resource *item)
{
    if (!item->revocable) {
        json_key_str(json, str_of(item->name));
        return;
    }
    auto_buf struct buf key = {0};
    buf_printf(&key, "%s_revocable", item->name);
    json_key_str(json, buf_str(&key));
}

/* "[31000-31005, 31007-32000]" or "{a, b}" of all items of that name. */
static void
value_text(struct buf *out, const struct resources *r, uint32_t from, struct arena *arena)
{
    const struct mesos_resource *item = &r->items[from];
    if (item->type == MESOS_VALUE_RANGES) {
        uint32_t count = 0;
        const struct mesos_range *ranges = resources_ranges(r, item->name, arena, &count);
        buf_putc(out, '[');
        for (uint32_t i = 0; i < count; i++)
            buf_printf(out, "%s%llu-%llu", i ? ", " : "", (unsigned long long)ranges[i].begin,
                       (unsigned long long)ranges[i].end);
        buf_putc(out, ']');
        return;
    }
    bool comma = false;
    buf_putc(out, '{');
    for (uint32_t i = from; i < r->count; i++) {
        if (strcmp(r->items[i].name, item->name) != 0)
            continue;
        for (uint32_t j = 0; j < r->items[i].item_count; j++, comma = true)
            buf_printf(out, "%s%s", comma ? ", " : "", r->items[i].items[j]);
    }
    buf_putc(out, '}');
}

static bool
is_basic(const char *name)
{
    return !strcmp(name, "disk") || !strcmp(name, "mem") || !strcmp(name, "gpus") || !strcmp(name, "cpus");
}

static bool
seen_before(const struct resources *r, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++)
        if (r->items[i].revocable == r->items[at].revocable &&
            strcmp(r->items[i].name, r->items[at].name) == 0)
            return true;
    return false;
}

static int64_t
scalar_sum(const struct resources *r, const char *name, bool revocable)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < r->count; i++)
        if (r->items[i].type == MESOS_VALUE_SCALAR && !r->items[i].revocable == !revocable &&
            strcmp(r->items[i].name, name) == 0)
            sum += r->items[i].scalar;
    return sum;
}

void
json_resources(struct json *json, const struct resources *r)
{
    static const char *const basic[] = {"disk", "mem", "gpus", "cpus"};
    auto_arena struct arena *arena = arena_new(0);
    json_object(json);
    for (size_t i = 0; i < ARRAY_LEN(basic); i++)
        json_key_double(json, basic[i], (double)scalar_sum(r, basic[i], false) / 1000);
    for (uint32_t i = 0; i < r->count; i++) {
        const struct mesos_resource *item = &r->items[i];
        if ((is_basic(item->name) && !item->revocable) || seen_before(r, i))
            continue;
        key_resource(json, item);
        if (item->type == MESOS_VALUE_SCALAR) {
            json_double(json, (double)scalar_sum(r, item->name, item->revocable) / 1000);
            continue;
        }
        auto_buf struct buf text = {0};
        value_text(&text, r, i, arena);
        json_string(json, buf_str(&text));
    }
    json_object_end(json);
}

static bool
is_reserved(const struct mesos_resource *item, void *arg)
{
    (void)arg;
    return strcmp(item->role, "*") != 0;
}

static bool
role_seen(const struct resources *r, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++)
        if (strcmp(r->items[i].role, r->items[at].role) == 0)
            return true;
    return false;
}

void
json_reserved(struct json *json, const char *key, const struct resources *r)
{
    auto_resources struct resources reserved = {0};
    resources_filter(&reserved, r, is_reserved, NULL);
    json_key(json, key);
    json_object(json);
    for (uint32_t i = 0; i < reserved.count; i++) {
        if (role_seen(&reserved, i))
            continue;
        auto_resources struct resources part = {0};
        resources_reserved(&part, &reserved, reserved.items[i].role);
        json_key_str(json, str_of(reserved.items[i].role));
        json_resources(json, &part);
    }
    json_object_end(json);
}

void
json_message(struct json *json, const void *message)
{
    auto_buf struct buf text = {0};
    message_to_json(&text, message);
    json_raw(json, buf_str(&text));
}

void
json_resources_full(struct json *json, const struct resources *r, struct arena *arena)
{
    size_t count;
    Mesos__V1__Resource **items = resources_to_proto(r, true, arena, &count);
    json_array(json);
    for (size_t i = 0; i < count; i++)
        json_message(json, items[i]);
    json_array_end(json);
}

void
json_labels(struct json *json, const Mesos__V1__Labels *labels)
{
    json_array(json);
    for (size_t i = 0; i < labels->n_labels; i++)
        json_message(json, labels->labels[i]);
    json_array_end(json);
}

void
json_reserved_full(struct json *json, const struct resources *total, struct arena *arena)
{
    auto_resources struct resources reserved = {0};
    resources_filter(&reserved, total, is_reserved, NULL);
    json_key(json, "reserved_resources_full");
    json_object(json);
    for (uint32_t i = 0; i < reserved.count; i++) {
        if (role_seen(&reserved, i))
            continue;
        auto_resources struct resources part = {0};
        resources_reserved(&part, &reserved, reserved.items[i].role);
        json_key_str(json, str_of(reserved.items[i].role));
        json_resources_full(json, &part, arena);
    }
    json_object_end(json);
}
