/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry as the leader knows it: records, each in a pack of about 128, and which packs have changed since they were
 * stored. A changed pack gets a new number, so that what is written first is seen by nobody until the manifest names it.
 * Pure memory; used by zookeeper.c.
 */
#ifndef REGISTRY_ZOOKEEPER_CONTENT_H
#define REGISTRY_ZOOKEEPER_CONTENT_H

#include "base/list.h"
#include "base/map.h"
#include "format.h"

enum {
    PACK_RECORDS = 128,
    PACK_BYTES = 256 << 10, /* a pack grows no further, with a record or without */
    PART_BYTES = 192 << 10, /* a longer value is cut into parts of that size */
    VALUE_BYTES_MAX = 64 << 20,
};

struct pack {
    struct list in_packs; /* content->packs */
    struct list in_dirty; /* content->dirty */
    bool dirty;
    uint32_t serial; /* of the node that holds it; 0 = none yet */
    uint32_t stored_bytes, crc; /* of that node */
    uint32_t count;
    size_t bytes; /* that its records take */
    struct list records;
};

struct content {
    struct map records; /* table, part, key -> struct record */
    struct list packs, dirty;
    struct pack *open; /* takes new records */
    uint32_t pack_count;
    uint32_t next_serial;
    uint32_t *garbage; /* serials of nodes that the manifest names no more, but which may be there */
    size_t garbage_count, garbage_cap;
};

struct content *content_new(void);
void content_free(struct content *content);
/* value.ptr NULL = remove. -EFBIG: err names table and key. */
int content_store(struct content *content, uint32_t table, struct str key, struct str value, struct err *err);
/* A record as it was read from that pack. -EBADMSG when it is there twice. */
struct pack *content_pack_add(struct content *content, const struct manifest_pack *stored);
int content_record_add(struct content *content, struct pack *pack, const struct pack_record *record, struct err *err);
/* Tells each entry whole. -EBADMSG when parts are missing. */
int content_each(const struct content *content, void (*entry)(void *arg, uint32_t table, struct str key, struct str value),
                 void *arg, struct err *err);
/* The next pack that must be stored, as bytes and with a new serial; it is clean then. NULL = no more. */
struct pack *content_take_dirty(struct content *content, struct buf *out);
/* How many bytes that one will take; 0 = none is dirty. Empty packs are let go of here. */
size_t content_next_dirty_bytes(struct content *content);
void content_discard(struct content *content, uint32_t serial); /* its node is garbage now */
/* Which packs count now. manifest->packs is made. */
void content_manifest(const struct content *content, struct manifest *manifest);
size_t content_manifest_bytes(const struct content *content);
uint64_t content_stored_bytes(const struct content *content);

#endif
