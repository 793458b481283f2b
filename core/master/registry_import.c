/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document becomes entries again; also Mesos's own, as GET /registrar(1)/registry gave it. The text is an operator's: it
 * is walked element by element, so that its size is no matter, and each error names its place. What has no place here is
 * named once.
 */
#include "master/registry_json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/units.h"
#include "mesos/internal/registry.pb-c.h"
#include "wire/json.h"
#include "wire/json_token.h"
#include "wire/message.h"

enum { NOTES_MAX = 50, UNKNOWN_DEPTH = 90 };

struct reading {
    struct registry_entries *entries;
    struct map seen;  /* "<table> <key>", and the agents of all tables: where it stood */
    struct map noted; /* texts */
    struct arena *arena, *scratch;
    struct buf *notes, packed;
    struct err *err;
};

static void PRINTF_LIKE(2, 3)
note(struct reading *r, const char *fmt, ...)
{
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (map_get(&r->noted, str_of(text)) || map_count(&r->noted) > NOTES_MAX)
        return;
    char *kept = arena_strdup(r->arena, str_of(text));
    map_add(&r->noted, str_of(kept), kept);
    buf_printf(r->notes, "%s\n", map_count(&r->noted) > NOTES_MAX ? "and more of that kind" : text);
}

/* Walking an object: false at its end. The text was checked before, so that only its shape may surprise. */
static bool
next_member(struct json_scan *scan, struct arena *arena, bool *first, struct str *key)
{
    size_t budget = 1 << 20;
    bool begins = *first;
    *first = false;
    if (!json_scan_take(scan, begins ? '{' : ',') || json_scan_take(scan, '}')) {
        json_scan_take(scan, '}');
        return false;
    }
    return json_scan_string(scan, arena, &budget, key) && json_scan_take(scan, ':');
}

static bool
next_item(struct json_scan *scan, bool *first)
{
    bool begins = *first;
    *first = false;
    if (!json_scan_take(scan, begins ? '[' : ',') || json_scan_take(scan, ']')) {
        json_scan_take(scan, ']');
        return false;
    }
    return true;
}

/* Takes one value whole. */
static struct str
take_value(struct json_scan *scan)
{
    json_scan_space(scan);
    const char *start = scan->at;
    json_scan_skip(scan, 0);
    return str_n(start, (size_t)(scan->at - start));
}

static bool
is_null(struct str value)
{
    return str_eq(value, STR_LIT("null"));
}

/* Which members of the value does its type not have? They would be dropped: they are named. */
static void
name_unknown(struct reading *r, struct json_scan *scan, const ProtobufCMessageDescriptor *type, const char *path, int depth)
{
    bool first = true;
    struct str key;
    if (!type || json_scan_peek(scan) != '{' || depth > UNKNOWN_DEPTH) {
        take_value(scan);
        return;
    }
    while (next_member(scan, r->scratch, &first, &key)) {
        char *name = arena_strdup(r->scratch, key), *at = arena_printf(r->scratch, "%s.%s", path, name);
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(type, name);
        if (!field) {
            struct str value = take_value(scan);
            if (!is_null(value))
                note(r, "'%.400s' is not imported: this release does not know it", at);
            continue;
        }
        const ProtobufCMessageDescriptor *inner = field->type == PROTOBUF_C_TYPE_MESSAGE ? field->descriptor : NULL;
        bool start = true;
        if (json_scan_peek(scan) != '[') {
            name_unknown(r, scan, field->label == PROTOBUF_C_LABEL_REPEATED ? NULL : inner, at, depth + 1); /* a map */
            continue;
        }
        while (next_item(scan, &start))
            name_unknown(r, scan, inner, at, depth + 1);
    }
}

/* One place for each key, and one table for each agent. */
static int
keep(struct reading *r, uint32_t table, struct str key, const char *where, struct str value)
{
    bool agent = table == MESOS_REGISTRY_ADMITTED || table == MESOS_REGISTRY_UNREACHABLE || table == MESOS_REGISTRY_GONE;
    uint32_t kind = agent ? MESOS_REGISTRY_ADMITTED : table;
    char *name = arena_alloc(r->arena, sizeof(kind) + key.len);
    memcpy(name, &kind, sizeof(kind));
    if (key.len)
        memcpy(name + sizeof(kind), key.ptr, key.len);
    const char *before = map_get(&r->seen, str_n(name, sizeof(kind) + key.len));
    if (before)
        return err_set(r->err, -EINVAL, "%s: '%.*s' is there already, as %s", where, (int)(key.len < 200 ? key.len : 200),
                       key.ptr, before);
    map_add(&r->seen, str_n(name, sizeof(kind) + key.len), arena_strdup(r->arena, str_of(where)));
    registry_entries_add(r->entries, table, key, value);
    return 0;
}

static int
import_element(struct reading *r, const struct registry_section *section, const char *where, struct str text)
{
    struct err err = {0};
    void *message = message_from_json(section->type, text, r->scratch, &err);
    if (!message)
        return err_set(r->err, -EINVAL, "%s: %s", where, err.text);
    const char *key = registry_key_of(section, message, r->scratch, &err);
    if (!key)
        return err_set(r->err, -EINVAL, "%s: %s", where, err.text);
    struct json_scan scan = json_scan_of(text);
    char *path = arena_printf(r->scratch, "%s%s%s", section->key, section->inner ? "." : "",
                              section->inner ? section->inner : "");
    name_unknown(r, &scan, section->type, path, 0);
    buf_clear(&r->packed);
    if (section->single)
        message_pack(&r->packed, ((const Mesos__Internal__Registry__Master *)message)->info);
    else
        message_pack(&r->packed, message);
    return keep(r, section->table, str_of(key), where, buf_str(&r->packed));
}

static const struct registry_section *
section_find(struct str key)
{
    for (const struct registry_section *section = registry_sections; section->key; section++)
        if (str_is(key, section->key))
            return section;
    return NULL;
}

/* What Mesos kept before 1.9: the guarantee was the limit too. */
static int
import_old_quota(struct reading *r, const char *where, struct str text)
{
    struct err err = {0};
    Mesos__Internal__Registry__Quota *old =
        MESSAGE_FROM_JSON(Mesos__Internal__Registry__Quota, mesos__internal__registry__quota, text, r->scratch, &err);
    if (!old)
        return err_set(r->err, -EINVAL, "%s: %s", where, err.text);
    auto_buf struct buf amounts = {0}, config = {0};
    struct json json = json_on(&amounts);
    json_object(&json);
    for (size_t i = 0; i < old->info->n_guarantee; i++) {
        const Mesos__V1__Resource *resource = old->info->guarantee[i];
        if (!resource->scalar || !resource->name)
            return err_set(r->err, -EINVAL, "%s: info.guarantee[%zu] is no amount", where, i);
        json_key_str(&json, str_of(resource->name));
        json_object(&json);
        json_key_double(&json, "value", resource->scalar->value);
        json_object_end(&json);
    }
    json_object_end(&json);
    json = json_on(&config);
    json_object(&json);
    json_key_text(&json, "role", old->info->role ? old->info->role : "");
    json_key(&json, "guarantees");
    json_raw(&json, buf_str(&amounts));
    json_key(&json, "limits");
    json_raw(&json, buf_str(&amounts));
    json_object_end(&json);
    return import_element(r, section_find(STR_LIT("quota_configs")), where, buf_str(&config));
}

typedef int element_fn(struct reading *r, const struct registry_section *section, const char *where, struct str text);

static int
old_quota(struct reading *r, const struct registry_section *section, const char *where, struct str text)
{
    return import_old_quota(r, where, text);
}

static int
import_array(struct reading *r, struct json_scan *scan, const struct registry_section *section, const char *name,
             element_fn *element)
{
    bool first = true;
    int rc = 0;
    if (json_scan_peek(scan) != '[') {
        struct str found = take_value(scan);
        return is_null(found) ? 0
                              : err_set(r->err, -EINVAL, "%s: '%.*s' is no array", name,
                                        (int)(found.len < 60 ? found.len : 60), found.ptr);
    }
    for (size_t i = 0; rc == 0 && next_item(scan, &first); i++) {
        char where[128];
        snprintf(where, sizeof(where), "%s[%zu]", name, i);
        rc = element(r, section, where, take_value(scan));
        arena_reset(r->scratch);
    }
    return rc;
}

/* One entry of "cmesos": {"table": 10, "key": base64, "value": base64}. */
static int
import_bytes(struct reading *r, const struct registry_section *section, const char *where, struct str text)
{
    struct json_scan scan = json_scan_of(text);
    auto_buf struct buf key = {0}, value = {0};
    struct json_number number = {0};
    uint64_t table = 0;
    size_t budget = 1 << 20;
    bool first = true, has_key = false, has_value = false;
    struct str name, content;
    if (json_scan_peek(&scan) != '{')
        return err_set(r->err, -EINVAL, "%s: it is no object with table, key and value", where);
    while (next_member(&scan, r->scratch, &first, &name)) {
        if (str_is(name, "table")) {
            if (json_scan_literal(&scan, &number) != JSON_LITERAL_NUMBER || json_number_u64(&number, &table) < 0 ||
                table < 1 || table > 65535)
                return err_set(r->err, -EINVAL, "%s: its table is no number from 1 to 65535", where);
        } else if (str_is(name, "key") || str_is(name, "value")) {
            bool is_key = str_is(name, "key");
            if (!json_scan_string(&scan, r->scratch, &budget, &content) ||
                base64_decode(is_key ? &key : &value, content) < 0)
                return err_set(r->err, -EINVAL, "%s: its %s is no base64", where, is_key ? "key" : "value");
            *(is_key ? &has_key : &has_value) = true;
        } else {
            take_value(&scan);
        }
    }
    if (!table || !has_key || !has_value)
        return err_set(r->err, -EINVAL, "%s: it lacks one of table, key and value", where);
    return keep(r, (uint32_t)table, buf_str(&key), where, buf_str(&value));
}

/* An object with one array in it. */
static int
import_object(struct reading *r, struct json_scan *scan, const struct registry_section *section, const char *name,
              const char *inner, element_fn *element)
{
    bool first = true;
    struct str key;
    int rc = 0;
    if (json_scan_peek(scan) != '{') {
        struct str found = take_value(scan);
        return is_null(found) ? 0
                              : err_set(r->err, -EINVAL, "%s: '%.*s' is no object", name,
                                        (int)(found.len < 60 ? found.len : 60), found.ptr);
    }
    while (rc == 0 && next_member(scan, r->arena, &first, &key)) {
        if (str_is(key, inner)) {
            char *path = arena_printf(r->arena, "%s.%s", name, inner);
            rc = import_array(r, scan, section, path, element);
            continue;
        }
        take_value(scan);
        if (!str_is(key, "format"))
            note(r, "'%s.%.*s' is not imported: this release does not know it", name,
                 (int)(key.len < 200 ? key.len : 200), key.ptr);
    }
    return rc;
}

static int
import_member(struct reading *r, struct json_scan *scan, struct str key)
{
    const struct registry_section *section = section_find(key);
    if (str_is(key, "cmesos"))
        return import_object(r, scan, NULL, "cmesos", "entries", import_bytes);
    if (str_is(key, "quotas"))
        return import_array(r, scan, NULL, "quotas", old_quota);
    if (section && section->inner)
        return import_object(r, scan, section, section->key, section->inner, import_element);
    if (section && !section->single)
        return import_array(r, scan, section, section->key, import_element);
    struct str value = take_value(scan);
    if (is_null(value))
        return 0;
    if (section)
        return import_element(r, section, section->key, value);
    note(r, "'%.*s' is not imported: %s", (int)(key.len < 200 ? key.len : 200), key.ptr,
         str_is(key, "resource_provider_registry") ? "there are no resource providers yet" : "this release does not know it");
    return 0;
}

/* What is kept and given out again, but changes nothing yet. */
static void
note_sleeping(struct reading *r)
{
    static const struct {
        uint32_t table;
        const char *what;
    } sleeping[] = {{MESOS_REGISTRY_QUOTA, "quota_configs are kept, but there is no quota yet"},
                    {MESOS_REGISTRY_WEIGHT, "weights are kept, but only --weights has an effect yet"}};
    for (size_t i = 0; i < r->entries->count; i++)
        for (size_t j = 0; j < ARRAY_LEN(sleeping); j++)
            if (r->entries->items[i].table == sleeping[j].table)
                note(r, "%s", sleeping[j].what);
}

int
registry_from_json(struct str text, struct registry_entries *entries, struct buf *notes, struct err *err)
{
    struct reading r = {.entries = entries, .notes = notes, .err = err};
    struct json_scan scan = json_scan_of(text);
    bool first = true;
    struct str key;
    int rc = json_check(text, err) ? 0 : -EINVAL;
    if (rc == 0 && json_scan_peek(&scan) != '{')
        rc = err_set(err, -EINVAL, "it is no object as GET /registrar(1)/registry and --export-registry give it");
    r.arena = arena_new(64 << 10);
    r.scratch = arena_new(64 << 10);
    while (rc == 0 && next_member(&scan, r.arena, &first, &key))
        rc = import_member(&r, &scan, key);
    if (rc == 0)
        note_sleeping(&r);
    map_fini(&r.seen);
    map_fini(&r.noted);
    buf_fini(&r.packed);
    arena_free(r.arena);
    arena_free(r.scratch);
    return rc;
}
