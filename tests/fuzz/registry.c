/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in the registry's znodes, and documents of --import-registry. The first byte says which: 'm' a manifest, 'p' a
 * pack (both get the checksum that they need to be looked at), anything else a document.
 */
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "master/registry_json.h"
#include "registry/zookeeper/content.h"

struct records {
    struct content *content;
    struct pack *pack;
    size_t count;
    bool twice;
};

static void
on_record(void *arg, const struct pack_record *record)
{
    struct records *records = arg;
    struct err err = {0};
    must(record->part < record->parts);
    records->count++;
    if (content_record_add(records->content, records->pack, record, &err) < 0)
        records->twice = true;
}

static void
on_entry(void *arg, uint32_t table, struct str key, struct str value)
{
    *(size_t *)arg += key.len + value.len + (table > 0);
}

static void
check_pack(struct str bytes, uint32_t crc)
{
    struct records records = {.content = content_new()};
    struct manifest_pack wanted = {1, (uint32_t)bytes.len, crc};
    struct err err = {0};
    records.pack = content_pack_add(records.content, &wanted);
    int rc = pack_read(bytes, "p", &wanted, on_record, &records, &err);
    must(rc == 0 || (rc < 0 && err.text[0] && records.count == 0));
    size_t bytes_told = 0;
    if (rc == 0 && !records.twice)
        content_each(records.content, on_entry, &bytes_told, &err);
    must(bytes_told <= bytes.len);
    content_free(records.content);
}

static void
check_manifest(struct str bytes)
{
    struct manifest manifest = {0};
    struct err err = {0};
    auto_buf struct buf again = {0};
    int rc = manifest_read(bytes, "m", &manifest, &err);
    must(rc == 0 || err.text[0]);
    if (rc < 0)
        return;
    manifest_write(&manifest, &again);
    must(again.len == bytes.len);
    manifest_fini(&manifest);
}

/* Both in order, as registry_to_json leaves them. */
static void
check_same_keys(const struct registry_entries *a, const struct registry_entries *b)
{
    must(a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct mesos_registry_entry *x = &a->items[i], *y = &b->items[i];
        must(x->table == y->table && str_eq(str_n(x->key.data, x->key.len), str_n(y->key.data, y->key.len)));
    }
}

/* What is taken in comes out as a document that is taken in again, with the same in it. */
static void
check_document(struct str text)
{
    struct registry_entries entries, second;
    struct err err = {0};
    auto_buf struct buf notes = {0}, out = {0}, more = {0};
    registry_entries_init(&entries);
    registry_entries_init(&second);
    int rc = registry_from_json(text, &entries, &notes, &err);
    must(rc == 0 || err.text[0]);
    if (rc == 0) {
        registry_to_json(&entries, &out, &notes);
        rc = registry_from_json(buf_str(&out), &second, &more, &err);
        must(rc == 0);
        buf_clear(&out);
        registry_to_json(&second, &out, &more);
        check_same_keys(&entries, &second);
    }
    registry_entries_fini(&entries);
    registry_entries_fini(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_buf struct buf whole = {0};
    if (!size || (data[0] != 'm' && data[0] != 'p')) {
        check_document(str_n((const char *)data, size));
        return 0;
    }
    buf_append(&whole, data + 1, size - 1);
    uint32_t crc = pack_end(&whole);
    if (data[0] == 'p')
        check_pack(buf_str(&whole), crc);
    else
        check_manifest(buf_str(&whole));
    return 0;
}
