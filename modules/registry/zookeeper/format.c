/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of the registry's znodes; see format.h. */
#include "format.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <zlib.h>

static void
put(struct buf *out, uint64_t value, int bytes)
{
    unsigned char raw[8];
    for (int i = 0; i < bytes; i++)
        raw[i] = (unsigned char)(value >> 8 * i);
    buf_append(out, raw, (size_t)bytes);
}

static uint64_t
get(const char *at, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t)(unsigned char)at[i] << 8 * i;
    return value;
}

uint32_t
format_crc(const void *data, size_t len)
{
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), data, len);
}

void
manifest_fini(struct manifest *manifest)
{
    free(manifest->packs);
    manifest->packs = NULL;
}

void
manifest_write(const struct manifest *manifest, struct buf *out)
{
    char leader[LEADER_BYTES] = {0};
    size_t start = out->len, len = strlen(manifest->leader);
    memcpy(leader, manifest->leader, len < LEADER_BYTES ? len : LEADER_BYTES);
    buf_append(out, "cMRm", 4);
    put(out, FORMAT_VERSION, 2);
    put(out, 0, 2);
    put(out, manifest->batch, 8);
    put(out, manifest->next_serial, 4);
    put(out, manifest->pack_count, 4);
    buf_append(out, leader, LEADER_BYTES);
    for (uint32_t i = 0; i < manifest->pack_count; i++) {
        put(out, manifest->packs[i].serial, 4);
        put(out, manifest->packs[i].bytes, 4);
        put(out, manifest->packs[i].crc, 4);
    }
    put(out, format_crc(buf_data(out) + start, out->len - start), 4);
}

static int PRINTF_LIKE(3, 4)
damaged(const char *path, struct err *err, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return err_set(err, -EBADMSG,
                   "registry znode '%s' is damaged: %s; put back what stood there, or remove the registry's nodes and bring an "
                   "export in with --import-registry",
                   path, text);
}

/* Mark, version and checksum, which both kinds of nodes have. */
static int
check(struct str bytes, const char *mark, size_t least, const char *path, struct err *err)
{
    if (bytes.len < 8 || memcmp(bytes.ptr, mark, 4) != 0)
        return damaged(path, err, "its %zu bytes do not begin as ours do", bytes.len);
    uint64_t version = get(bytes.ptr + 4, 2);
    if (version > FORMAT_VERSION && bytes.len >= 12 &&
        get(bytes.ptr + bytes.len - 4, 4) == format_crc(bytes.ptr, bytes.len - 4))
        return err_set(err, -ENOTSUP,
                       "registry znode '%s' has format %u, this release knows up to %d: it was written by a newer one; start "
                       "that one, or export it there and import it here",
                       path, (unsigned)version, FORMAT_VERSION);
    if (bytes.len < least + 4)
        return damaged(path, err, "it ends after %zu bytes", bytes.len);
    if (get(bytes.ptr + bytes.len - 4, 4) != format_crc(bytes.ptr, bytes.len - 4))
        return damaged(path, err, "its checksum is wrong");
    if (version != FORMAT_VERSION)
        return damaged(path, err, "it says that its format is %u", (unsigned)version);
    return 0;
}

int
manifest_read(struct str bytes, const char *path, struct manifest *ret, struct err *err)
{
    int rc = check(bytes, "cMRm", MANIFEST_HEAD_BYTES, path, err);
    if (rc < 0)
        return rc;
    struct manifest manifest = {.batch = get(bytes.ptr + 8, 8),
                                .next_serial = (uint32_t)get(bytes.ptr + 16, 4),
                                .pack_count = (uint32_t)get(bytes.ptr + 20, 4)};
    if (bytes.len - MANIFEST_HEAD_BYTES - 4 != (uint64_t)manifest.pack_count * MANIFEST_PACK_BYTES)
        return damaged(path, err, "it says %u packs in %zu bytes", manifest.pack_count, bytes.len);
    memcpy(manifest.leader, bytes.ptr + 24, LEADER_BYTES);
    manifest.packs = xcalloc(manifest.pack_count + 1, sizeof(*manifest.packs));
    const char *at = bytes.ptr + MANIFEST_HEAD_BYTES;
    for (uint32_t i = 0; i < manifest.pack_count; i++, at += MANIFEST_PACK_BYTES)
        manifest.packs[i] =
            (struct manifest_pack){(uint32_t)get(at, 4), (uint32_t)get(at + 4, 4), (uint32_t)get(at + 8, 4)};
    *ret = manifest;
    return 0;
}

void
pack_begin(struct buf *out, uint32_t records)
{
    buf_append(out, "cMRp", 4);
    put(out, FORMAT_VERSION, 2);
    put(out, 0, 2);
    put(out, records, 4);
}

void
pack_record_write(struct buf *out, const struct pack_record *record)
{
    put(out, record->table, 4);
    put(out, record->part, 2);
    put(out, record->parts, 2);
    put(out, record->key.len, 4);
    put(out, record->value.len, 4);
    buf_append_str(out, record->key);
    buf_append_str(out, record->value);
}

uint32_t
pack_end(struct buf *out)
{
    uint32_t crc = format_crc(buf_data(out), out->len);
    put(out, crc, 4);
    return crc;
}

/* One record at *at. */
static int
read_record(const char **at, const char *end, struct pack_record *ret)
{
    if ((size_t)(end - *at) < RECORD_HEAD_BYTES)
        return -EBADMSG;
    uint64_t key_len = get(*at + 8, 4), value_len = get(*at + 12, 4);
    *ret = (struct pack_record){
        .table = (uint32_t)get(*at, 4), .part = (uint16_t)get(*at + 4, 2), .parts = (uint16_t)get(*at + 6, 2)};
    *at += RECORD_HEAD_BYTES;
    if ((size_t)(end - *at) < key_len || (size_t)(end - *at) - key_len < value_len || ret->part >= ret->parts)
        return -EBADMSG;
    ret->key = str_n(*at, (size_t)key_len);
    ret->value = str_n(*at + key_len, (size_t)value_len);
    *at += key_len + value_len;
    return 0;
}

int
pack_read(struct str bytes, const char *path, const struct manifest_pack *wanted,
          void (*record)(void *arg, const struct pack_record *record), void *arg, struct err *err)
{
    int rc = check(bytes, "cMRp", PACK_HEAD_BYTES, path, err);
    if (rc < 0)
        return rc;
    if (bytes.len != wanted->bytes || get(bytes.ptr + bytes.len - 4, 4) != wanted->crc)
        return damaged(path, err, "it is sound, but not the one that the manifest names");
    uint64_t count = get(bytes.ptr + 8, 4);
    const char *at = bytes.ptr + PACK_HEAD_BYTES, *end = bytes.ptr + bytes.len - 4;
    struct pack_record found;
    for (uint64_t i = 0; i < count; i++) { /* first all of it: nothing of a damaged pack is told */
        if (read_record(&at, end, &found) < 0)
            return damaged(path, err, "record %llu of %llu is cut off", (unsigned long long)i, (unsigned long long)count);
    }
    if (at != end)
        return damaged(path, err, "%zu bytes stand behind its last record", (size_t)(end - at));
    at = bytes.ptr + PACK_HEAD_BYTES;
    for (uint64_t i = 0; i < count && read_record(&at, end, &found) == 0; i++)
        record(arg, &found);
    return 0;
}
