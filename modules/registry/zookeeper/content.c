/* SPDX-License-Identifier: Apache-2.0 */
/* Records in packs; see content.h. */
#include "content.h"

#include <errno.h>

struct record {
    struct list in_pack;
    struct pack *pack;
    uint32_t table;
    uint16_t part, parts;
    size_t key_len, value_len;
    char bytes[]; /* the map's key (table, part, key), the value */
};

enum { NAME_BYTES = 6 }; /* table and part before the key */

struct content *
content_new(void)
{
    struct content *content = xcalloc(1, sizeof(*content));
    content->next_serial = 1;
    list_init(&content->packs);
    list_init(&content->dirty);
    return content;
}

static void
pack_free(struct content *content, struct pack *pack)
{
    if (content->open == pack)
        content->open = NULL;
    list_remove(&pack->in_packs);
    if (pack->dirty)
        list_remove(&pack->in_dirty);
    content->pack_count--;
    free(pack);
}

void
content_free(struct content *content)
{
    struct record *record;
    struct pack *pack, *next;
    if (!content)
        return;
    map_foreach (record, &content->records)
        free(record);
    map_fini(&content->records);
    list_foreach_safe (pack, next, &content->packs, in_packs)
        pack_free(content, pack);
    free(content->garbage);
    free(content);
}

static struct str
map_key(struct record *record)
{
    return str_n(record->bytes, NAME_BYTES + record->key_len);
}

static void
write_name(char *to, uint32_t table, uint16_t part, struct str key)
{
    memcpy(to, &table, 4);
    memcpy(to + 4, &part, 2);
    if (key.len)
        memcpy(to + NAME_BYTES, key.ptr, key.len);
}

static struct record *
record_find(const struct content *content, uint32_t table, uint16_t part, struct str key)
{
    auto_buf struct buf name = {0};
    write_name(buf_reserve(&name, NAME_BYTES + key.len), table, part, key);
    buf_added(&name, NAME_BYTES + key.len);
    return map_get(&content->records, buf_str(&name));
}

static void
make_dirty(struct content *content, struct pack *pack)
{
    if (pack->dirty)
        return;
    pack->dirty = true;
    list_push(&content->dirty, &pack->in_dirty);
}

static size_t
bytes_of(const struct record *record)
{
    return RECORD_HEAD_BYTES + record->key_len + record->value_len;
}

static void
record_remove(struct content *content, struct record *record)
{
    record->pack->count--;
    record->pack->bytes -= bytes_of(record);
    make_dirty(content, record->pack);
    list_remove(&record->in_pack);
    map_remove(&content->records, map_key(record));
    free(record);
}

static struct pack *
pack_new(struct content *content)
{
    struct pack *pack = xcalloc(1, sizeof(*pack));
    list_init(&pack->records);
    list_push(&content->packs, &pack->in_packs);
    content->pack_count++;
    return pack;
}

static bool
has_room(const struct pack *pack, size_t bytes, uint32_t most)
{
    return pack && pack->count < most && (pack->count == 0 || pack->bytes + bytes <= PACK_BYTES);
}

/* Where a new record goes: the open pack, else one that has become half empty, else a new one. */
static struct pack *
pack_with_room(struct content *content, size_t bytes)
{
    struct pack *pack;
    if (has_room(content->open, bytes, PACK_RECORDS))
        return content->open;
    list_foreach (pack, &content->packs, in_packs) {
        if (has_room(pack, bytes, PACK_RECORDS / 2))
            return content->open = pack;
    }
    return content->open = pack_new(content);
}

static struct record *
record_new(const struct pack_record *from)
{
    struct record *record = xmalloc(sizeof(*record) + NAME_BYTES + from->key.len + from->value.len);
    *record = (struct record){
        .table = from->table, .part = from->part, .parts = from->parts, .key_len = from->key.len, .value_len = from->value.len};
    write_name(record->bytes, from->table, from->part, from->key);
    if (from->value.len)
        memcpy(record->bytes + NAME_BYTES + from->key.len, from->value.ptr, from->value.len);
    return record;
}

static void
record_put(struct content *content, struct pack *pack, struct record *record)
{
    record->pack = pack;
    list_push(&pack->records, &record->in_pack);
    pack->count++;
    pack->bytes += bytes_of(record);
    map_add(&content->records, map_key(record), record);
}

/* Stays in its pack when it fits there: one pack is written then, and not two. */
static void
record_store(struct content *content, const struct pack_record *from)
{
    struct record *old = record_find(content, from->table, from->part, from->key), *record = record_new(from);
    struct pack *pack = old ? old->pack : NULL;
    if (old)
        record_remove(content, old);
    if (!pack || !has_room(pack, bytes_of(record), PACK_RECORDS))
        pack = pack_with_room(content, bytes_of(record));
    record_put(content, pack, record);
    make_dirty(content, pack);
}

int
content_store(struct content *content, uint32_t table, struct str key, struct str value, struct err *err)
{
    if (value.len > VALUE_BYTES_MAX || key.len > PART_BYTES)
        return err_set(err, -EFBIG, "entry '%.*s' of table %u is too large for the registry: %zu bytes, %d is the most",
                       (int)(key.len < 200 ? key.len : 200), key.ptr, table, value.len, VALUE_BYTES_MAX);
    size_t parts = !value.ptr ? 0 : value.len ? (value.len + PART_BYTES - 1) / PART_BYTES : 1;
    for (size_t i = 0; i < parts; i++) {
        size_t from = i * PART_BYTES, len = value.len - from < PART_BYTES ? value.len - from : PART_BYTES;
        struct pack_record record = {table, (uint16_t)i, (uint16_t)parts, key, str_n(value.ptr + from, len)};
        record_store(content, &record);
    }
    struct record *more;
    for (size_t i = parts; (more = record_find(content, table, (uint16_t)i, key)); i++)
        record_remove(content, more);
    return 0;
}

struct pack *
content_pack_add(struct content *content, const struct manifest_pack *stored)
{
    struct pack *pack = pack_new(content);
    pack->serial = stored->serial;
    pack->stored_bytes = stored->bytes;
    pack->crc = stored->crc;
    return pack;
}

int
content_record_add(struct content *content, struct pack *pack, const struct pack_record *from, struct err *err)
{
    if (record_find(content, from->table, from->part, from->key))
        return err_set(err, -EBADMSG, "entry '%.*s' of table %u is there twice", (int)(from->key.len < 200 ? from->key.len : 200),
                       from->key.ptr, from->table);
    record_put(content, pack, record_new(from));
    return 0;
}

static struct str
value_of(const struct record *record)
{
    return str_n(record->bytes + NAME_BYTES + record->key_len, record->value_len);
}

int
content_each(const struct content *content, void (*entry)(void *arg, uint32_t table, struct str key, struct str value),
             void *arg, struct err *err)
{
    auto_buf struct buf whole = {0};
    const struct record *record;
    map_foreach (record, &content->records) {
        struct str key = str_n(record->bytes + NAME_BYTES, record->key_len), value = value_of(record);
        uint16_t part = record->part, parts = record->parts;
        buf_clear(&whole);
        for (uint16_t i = 0; parts > 1 && i < parts; i++) {
            const struct record *piece = record_find(content, record->table, i, key);
            if (!piece || piece->parts != parts)
                return err_set(err, -EBADMSG, "part %u of %u of entry '%.*s' of table %u is missing", i + 1u, parts + 0u,
                               (int)(key.len < 200 ? key.len : 200), key.ptr, record->table);
            if (part > 0)
                break; /* told with its first part */
            buf_append_str(&whole, value_of(piece));
        }
        if (part == 0)
            entry(arg, record->table, key, parts > 1 ? buf_str(&whole) : value);
    }
    return 0;
}

void
content_discard(struct content *content, uint32_t serial)
{
    if (content->garbage_count == content->garbage_cap) {
        content->garbage_cap = content->garbage_cap ? 2 * content->garbage_cap : 64;
        content->garbage = xreallocarray(content->garbage, content->garbage_cap, sizeof(*content->garbage));
    }
    content->garbage[content->garbage_count++] = serial;
}

static void
discard_node(struct content *content, struct pack *pack)
{
    if (pack->serial)
        content_discard(content, pack->serial);
    pack->serial = 0;
}

size_t
content_next_dirty_bytes(struct content *content)
{
    while (!list_empty(&content->dirty)) {
        struct pack *pack = list_first(&content->dirty, struct pack, in_dirty);
        if (pack->count)
            return PACK_HEAD_BYTES + pack->bytes + 4;
        discard_node(content, pack);
        pack_free(content, pack);
    }
    return 0;
}

struct pack *
content_take_dirty(struct content *content, struct buf *out)
{
    if (!content_next_dirty_bytes(content))
        return NULL;
    struct pack *pack = list_first(&content->dirty, struct pack, in_dirty);
    struct record *record;
    list_remove(&pack->in_dirty);
    pack->dirty = false;
    discard_node(content, pack);
    pack->serial = content->next_serial++;
    pack_begin(out, pack->count);
    list_foreach (record, &pack->records, in_pack) {
        struct pack_record as = {record->table, record->part, record->parts,
                                 str_n(record->bytes + NAME_BYTES, record->key_len), value_of(record)};
        pack_record_write(out, &as);
    }
    pack->crc = pack_end(out);
    pack->stored_bytes = (uint32_t)out->len;
    return pack;
}

void
content_manifest(const struct content *content, struct manifest *manifest)
{
    const struct pack *pack;
    manifest->packs = xcalloc(content->pack_count + 1, sizeof(*manifest->packs));
    manifest->pack_count = 0;
    manifest->next_serial = content->next_serial;
    list_foreach (pack, &content->packs, in_packs)
        manifest->packs[manifest->pack_count++] = (struct manifest_pack){pack->serial, pack->stored_bytes, pack->crc};
}

size_t
content_manifest_bytes(const struct content *content)
{
    return MANIFEST_HEAD_BYTES + (size_t)content->pack_count * MANIFEST_PACK_BYTES + 4;
}

uint64_t
content_stored_bytes(const struct content *content)
{
    const struct pack *pack;
    uint64_t sum = content_manifest_bytes(content);
    list_foreach (pack, &content->packs, in_packs)
        sum += pack->stored_bytes;
    return sum;
}
