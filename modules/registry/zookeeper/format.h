/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in the registry's znodes, as bytes. A manifest names the packs that count, each with its length and CRC; a
 * pack holds records. Everything that is read here may have been edited by hand or written by anybody: nothing is believed
 * before it was checked. Knows no ZooKeeper.
 *
 *   manifest  "cMRm" u16 version, u16 0, u64 batch, u32 next serial, u32 packs, 40 bytes leader, packs times (u32 serial,
 *             u32 bytes, u32 crc), u32 crc of all before
 *   pack      "cMRp" u16 version, u16 0, u32 records, records times (u32 table, u16 part, u16 parts, u32 key bytes, u32
 *             value bytes, key, value), u32 crc of all before
 *
 * Numbers are little endian. A value that is too large for one request is cut into parts.
 */
#ifndef REGISTRY_ZOOKEEPER_FORMAT_H
#define REGISTRY_ZOOKEEPER_FORMAT_H

#include "base/buf.h"

enum {
    FORMAT_VERSION = 1,
    LEADER_BYTES = 40,
    MANIFEST_HEAD_BYTES = 24 + LEADER_BYTES,
    MANIFEST_PACK_BYTES = 12,
    PACK_HEAD_BYTES = 12,
    RECORD_HEAD_BYTES = 16,
};

struct manifest_pack {
    uint32_t serial; /* of the node's name */
    uint32_t bytes, crc;
};

struct manifest {
    uint64_t batch; /* how many commits there were */
    uint32_t next_serial;
    uint32_t pack_count;
    char leader[LEADER_BYTES + 1];
    struct manifest_pack *packs; /* owned */
};

struct pack_record {
    uint32_t table;
    uint16_t part, parts;
    struct str key, value;
};

uint32_t format_crc(const void *data, size_t len);
void manifest_fini(struct manifest *manifest);
void manifest_write(const struct manifest *manifest, struct buf *out);
/* path: of the node, for err. -EBADMSG; -ENOTSUP: a newer format. */
int manifest_read(struct str bytes, const char *path, struct manifest *ret, struct err *err);

void pack_begin(struct buf *out, uint32_t records);
void pack_record_write(struct buf *out, const struct pack_record *record);
uint32_t pack_end(struct buf *out); /* its crc */
/* As the manifest says that it is? Then each record is told; key and value lie in bytes. */
int pack_read(struct str bytes, const char *path, const struct manifest_pack *wanted,
              void (*record)(void *arg, const struct pack_record *record), void *arg, struct err *err);

#endif
