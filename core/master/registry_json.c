/* SPDX-License-Identifier: Apache-2.0 */
/* The registry's sections, its entries in memory, and the document made of them. Its counterpart: registry_import.c. */
#include "master/registry_json.h"

#include <errno.h>
#include <stdlib.h>

#include "base/units.h"
#include "mesos/internal/registry.pb-c.h"
#include "wire/json.h"
#include "wire/json_token.h"
#include "wire/message.h"

#define PART(name) &mesos__internal__registry__##name##__descriptor

const struct registry_section registry_sections[] = {
    {.key = "master", .single = true, .type = PART(master), .table = MESOS_REGISTRY_MASTER, .prefix = "info", .what = "master"},
    {.key = "slaves", .inner = "slaves", .type = PART(slave), .table = MESOS_REGISTRY_ADMITTED, .what = "agents"},
    {.key = "unreachable", .inner = "slaves", .type = PART(unreachable_slave), .table = MESOS_REGISTRY_UNREACHABLE,
     .what = "unreachable"},
    {.key = "gone", .inner = "slaves", .type = PART(gone_slave), .table = MESOS_REGISTRY_GONE, .what = "gone"},
    {.key = "machines", .inner = "machines", .type = PART(machine), .table = MESOS_REGISTRY_MAINTENANCE, .prefix = "machine/",
     .what = "machines"},
    {.key = "schedules", .type = &mesos__v1__maintenance__schedule__descriptor, .table = MESOS_REGISTRY_MAINTENANCE,
     .prefix = "schedule", .what = "maintenance schedules"},
    {.key = "quota_configs", .type = &mesos__v1__quota__quota_config__descriptor, .table = MESOS_REGISTRY_QUOTA,
     .what = "quotas"},
    {.key = "weights", .type = PART(weight), .table = MESOS_REGISTRY_WEIGHT, .what = "weights"},
    {.key = "minimum_capabilities", .type = PART(minimum_capability), .table = MESOS_REGISTRY_MINIMUM_CAPABILITY,
     .what = "minimum capabilities"},
    {.key = NULL},
};

static const char *
text_of(const char *text)
{
    return text && *text ? text : NULL;
}

static const char *
name_of(uint32_t table, const void *message)
{
    const Mesos__Internal__Registry__Slave *agent = message;
    const Mesos__Internal__Registry__UnreachableSlave *unreachable = message;
    const Mesos__Internal__Registry__GoneSlave *gone = message;
    const Mesos__V1__Quota__QuotaConfig *quota = message;
    const Mesos__Internal__Registry__Weight *weight = message;
    const Mesos__Internal__Registry__MinimumCapability *capability = message;
    switch (table) {
    case MESOS_REGISTRY_ADMITTED:
        return agent->info->id ? text_of(agent->info->id->value) : NULL;
    case MESOS_REGISTRY_UNREACHABLE:
        return text_of(unreachable->id->value);
    case MESOS_REGISTRY_GONE:
        return text_of(gone->id->value);
    case MESOS_REGISTRY_QUOTA:
        return text_of(quota->role);
    case MESOS_REGISTRY_WEIGHT:
        return text_of(weight->info->role);
    case MESOS_REGISTRY_MINIMUM_CAPABILITY:
        return text_of(capability->capability);
    default:
        return "info";
    }
}

const char *
registry_key_of(const struct registry_section *section, const void *message, struct arena *arena, struct err *err)
{
    const char *name;
    if (section->type == PART(machine)) {
        const Mesos__V1__MachineID *id = ((const Mesos__Internal__Registry__Machine *)message)->info->id;
        const char *hostname = id->hostname ? id->hostname : "", *ip = id->ip ? id->ip : "";
        if (!*hostname && !*ip)
            goto nameless;
        return arena_printf(arena, "machine/%s/%s", hostname, ip);
    }
    if (section->table == MESOS_REGISTRY_MAINTENANCE)
        return section->prefix;
    name = name_of(section->table, message);
    if (name)
        return arena_strdup(arena, str_of(name));
nameless:
    err_set(err, -EINVAL, "it has no %s by which it could be kept",
            section->type == PART(machine)                 ? "hostname and no ip"
            : section->table == MESOS_REGISTRY_ADMITTED    ? "info.id.value"
            : section->table <= MESOS_REGISTRY_MAINTENANCE ? "id.value"
            : section->table == MESOS_REGISTRY_WEIGHT      ? "info.role"
                                                           : "name");
    return NULL;
}

void
registry_entries_init(struct registry_entries *entries)
{
    *entries = (struct registry_entries){.arena = arena_new(64 << 10)};
}

void
registry_entries_fini(struct registry_entries *entries)
{
    free(entries->items);
    arena_free(entries->arena);
    *entries = (struct registry_entries){0};
}

void
registry_entries_add(struct registry_entries *entries, uint32_t table, struct str key, struct str value)
{
    if (entries->count == entries->cap) {
        entries->cap = entries->cap ? 2 * entries->cap : 256;
        entries->items = xreallocarray(entries->items, entries->cap, sizeof(*entries->items));
    }
    char *room = arena_alloc(entries->arena, key.len + value.len + 1);
    if (key.len)
        memcpy(room, key.ptr, key.len);
    if (value.len)
        memcpy(room + key.len, value.ptr, value.len);
    entries->items[entries->count++] = (struct mesos_registry_entry){
        .size = sizeof(*entries->items), .table = table, .key = {room, key.len}, .value = {room + key.len, value.len}};
}

static struct str
key_of(const struct mesos_registry_entry *entry)
{
    return str_n(entry->key.data, entry->key.len);
}

static struct str
value_of(const struct mesos_registry_entry *entry)
{
    return str_n(entry->value.data, entry->value.len);
}

static bool
belongs(const struct registry_section *section, const struct mesos_registry_entry *entry)
{
    return entry->table == section->table && (!section->prefix || str_starts(key_of(entry), str_of(section->prefix)));
}

static const struct registry_section *
section_of(const struct mesos_registry_entry *entry)
{
    for (const struct registry_section *section = registry_sections; section->key; section++)
        if (belongs(section, entry))
            return section;
    return NULL;
}

void
registry_entries_describe(const struct registry_entries *entries, struct buf *out)
{
    size_t others = 0, start = out->len;
    for (const struct registry_section *section = registry_sections; section->key; section++) {
        size_t count = 0;
        for (size_t i = 0; i < entries->count; i++)
            count += belongs(section, &entries->items[i]);
        if (count && section->table != MESOS_REGISTRY_MASTER)
            buf_printf(out, "%s%zu %s", out->len > start ? ", " : "", count, section->what);
    }
    for (size_t i = 0; i < entries->count; i++)
        others += section_of(&entries->items[i]) == NULL;
    if (others)
        buf_printf(out, "%s%zu other entries", out->len > start ? ", " : "", others);
    if (out->len == start)
        buf_puts(out, "nothing");
}

bool
registry_entries_bare(const struct registry_entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        if (entries->items[i].table != MESOS_REGISTRY_MASTER)
            return false;
    return true;
}

static int
compare(const void *a, const void *b)
{
    const struct mesos_registry_entry *x = a, *y = b;
    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    size_t shorter = x->key.len < y->key.len ? x->key.len : y->key.len;
    int order = shorter ? memcmp(x->key.data, y->key.data, shorter) : 0;
    return order ? order : x->key.len < y->key.len ? -1 : x->key.len > y->key.len;
}

/* The registry's value of "info" is the MasterInfo itself. False: it goes as bytes, or it would come back as another. */
static bool
transcode(const struct registry_section *section, const struct mesos_registry_entry *entry, struct arena *arena,
          struct buf *out)
{
    const ProtobufCMessageDescriptor *type = section->single ? &mesos__v1__master_info__descriptor : section->type;
    void *message = message_unpack(type, value_of(entry), arena, NULL);
    const char *key = message ? registry_key_of(section, message, arena, NULL) : NULL;
    bool fits = key && str_is(key_of(entry), key) && json_is_utf8(key_of(entry));
    if (fits && section->single)
        buf_puts(out, "{\"info\":");
    if (fits)
        message_transcode(out, type, value_of(entry));
    if (fits && section->single)
        buf_puts(out, "}");
    arena_reset(arena);
    return fits;
}

struct writing {
    struct registry_entries *entries;
    bool *done; /* which entries have their place */
    struct json json;
    struct arena *arena;
    struct buf element;
    struct buf *notes;
};

static void
section_open(struct json *json, const struct registry_section *section)
{
    json_key(json, section->key);
    if (section->inner) {
        json_object(json);
        json_key(json, section->inner);
    }
    if (!section->single)
        json_array(json);
}

static void
write_section(struct writing *w, const struct registry_section *section)
{
    bool open = false;
    if (section->table == MESOS_REGISTRY_ADMITTED) { /* this one is always there */
        section_open(&w->json, section);
        open = true;
    }
    for (size_t i = 0; i < w->entries->count; i++) {
        const struct mesos_registry_entry *entry = &w->entries->items[i];
        if (!belongs(section, entry) || (section->single && w->done[i]))
            continue;
        buf_clear(&w->element);
        if (!transcode(section, entry, w->arena, &w->element))
            continue; /* goes as bytes */
        if (!open)
            section_open(&w->json, section);
        open = true;
        w->done[i] = true;
        json_raw(&w->json, buf_str(&w->element));
        if (section->single)
            return;
    }
    if (open && !section->single)
        json_array_end(&w->json);
    if (open && section->inner)
        json_object_end(&w->json);
}

static void
write_base64(struct json *json, const char *key, struct mesos_bytes bytes)
{
    auto_buf struct buf text = {0};
    base64_encode(&text, bytes.data, bytes.len);
    json_key_string(json, key, buf_str(&text));
}

/* What the document's shape has no place for, or what cannot be read. */
static void
write_rest(struct writing *w)
{
    bool open = false;
    for (size_t i = 0; i < w->entries->count; i++) {
        const struct mesos_registry_entry *entry = &w->entries->items[i];
        if (w->done[i])
            continue;
        if (section_of(entry))
            buf_printf(w->notes, "entry '%.*s' of table %u cannot be read: it is exported as bytes\n",
                       (int)(entry->key.len < 200 ? entry->key.len : 200), (const char *)entry->key.data, entry->table);
        if (!open) {
            json_key(&w->json, "cmesos");
            json_object(&w->json);
            json_key_int(&w->json, "format", 1);
            json_key(&w->json, "entries");
            json_array(&w->json);
        }
        open = true;
        json_object(&w->json);
        json_key_int(&w->json, "table", entry->table);
        write_base64(&w->json, "key", entry->key);
        write_base64(&w->json, "value", entry->value);
        json_object_end(&w->json);
    }
    if (open) {
        json_array_end(&w->json);
        json_object_end(&w->json);
    }
}

void
registry_to_json(struct registry_entries *entries, struct buf *out, struct buf *notes)
{
    struct writing w = {.entries = entries, .json = json_on(out), .notes = notes, .arena = arena_new(64 << 10)};
    if (entries->count)
        qsort(entries->items, entries->count, sizeof(*entries->items), compare);
    w.done = xcalloc(entries->count + 1, sizeof(*w.done));
    json_object(&w.json);
    for (const struct registry_section *section = registry_sections; section->key; section++)
        write_section(&w, section);
    write_rest(&w);
    json_object_end(&w.json);
    buf_fini(&w.element);
    arena_free(w.arena);
    free(w.done);
}
