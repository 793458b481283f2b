/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two readers, one behind the other: the first unpacks and counts every byte, the second understands tar. Each member is
 * then made by layer_member.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "containerizer/image/layer_inside.h"

enum { READ_BYTES = 128 * 1024 };
/* Free space is looked at each time so much was written, and so much must stay free. */
#define ROOM_EVERY_BYTES (16 << 20)
#define ROOM_KEPT_BYTES  (64 << 20)

const struct layer_limits LAYER_LIMITS = {
    .bytes = 64ULL << 30,
    .free_bytes = 256ULL << 20,
    .ratio = 200,
    .entries = 2000 * 1000,
};

/* ---- reading ---- */

static const char *
over_limit(const struct extraction *x)
{
    if (x->unpacked_bytes > x->limits.bytes)
        return "it unpacks to more bytes than a layer may have";
    if (x->unpacked_bytes > x->limits.free_bytes && x->unpacked_bytes / x->limits.ratio > x->packed_bytes)
        return "it unpacks to so many times its size that it must be a bomb";
    return NULL;
}

static la_ssize_t
on_read(struct archive *a, void *arg, const void **ret)
{
    struct extraction *x = arg;
    size_t len = 0;
    la_int64_t offset;
    int rc = archive_read_data_block(x->packed, ret, &len, &offset);
    if (rc == ARCHIVE_EOF)
        return 0;
    if (rc < ARCHIVE_WARN) {
        archive_set_error(a, EBADMSG, "%s", archive_error_string(x->packed));
        return -1;
    }
    x->unpacked_bytes += len;
    x->failure = over_limit(x);
    if (x->failure) {
        archive_set_error(a, EFBIG, "%s", x->failure);
        return -1;
    }
    if (x->diff)
        digest_add(x->diff, *ret, len);
    return (la_ssize_t)len;
}

int
layer_archive_err(struct archive *from, struct err *err)
{
    const char *text = archive_error_string(from);
    return err_set(err, -EBADMSG, "the archive is refused: %s", text ? text : "it is damaged");
}

static int
open_packed(struct extraction *x, int fd, struct err *err)
{
    struct stat st;
    struct archive_entry *entry;
    if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return err_errno(err, "cannot read the archive");
    x->packed_bytes = (uint64_t)st.st_size;
    if (x->packed_bytes == 0)
        return err_set(err, -EBADMSG, "the archive is refused: it is empty");
    x->packed = archive_read_new();
    archive_read_support_filter_gzip(x->packed);
    archive_read_support_filter_bzip2(x->packed);
    archive_read_support_filter_xz(x->packed);
    archive_read_support_filter_zstd(x->packed);
    archive_read_support_format_raw(x->packed);
    if (archive_read_open_fd(x->packed, fd, READ_BYTES) != ARCHIVE_OK ||
        archive_read_next_header(x->packed, &entry) < ARCHIVE_WARN)
        return layer_archive_err(x->packed, err);
    x->tar = archive_read_new();
    archive_read_support_format_tar(x->tar);
    archive_read_support_format_gnutar(x->tar);
    if (archive_read_open(x->tar, x, NULL, on_read, NULL) != ARCHIVE_OK)
        return layer_archive_err(x->tar, err);
    return 0;
}

/* What follows the tar's end belongs to the digest. */
static int
drain(struct extraction *x, struct err *err)
{
    const void *bytes;
    la_ssize_t n;
    while ((n = on_read(x->tar, x, &bytes)) > 0)
        continue;
    return n < 0 ? layer_archive_err(x->tar, err) : 0;
}

int
layer_room(struct extraction *x, uint64_t more, struct err *err)
{
    struct statvfs fs;
    x->written_bytes += more;
    x->since_room_bytes += more;
    if (x->written_bytes > x->limits.bytes) /* a tar cannot hold it, but its sparse files can say so */
        return err_set(err, -EFBIG, "the archive is refused: its files are larger than a layer may be");
    if (x->since_room_bytes < ROOM_EVERY_BYTES)
        return 0;
    x->since_room_bytes = 0;
    if (fstatvfs(x->root_fd, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < ROOM_KEPT_BYTES)
        return err_set(err, -ENOSPC, "there is no room left on the disk of the image store");
    return 0;
}

static int
extract_member(struct extraction *x, struct archive_entry *entry, struct err *err)
{
    const char *name = archive_entry_pathname(entry);
    struct member m = {.entry = entry};
    if (!name)
        return err_set(err, -EBADMSG, "the archive is refused: a member has no name that can be read");
    if (++x->entries > x->limits.entries)
        return err_set(err, -EFBIG, "the archive is refused: it has more than %u members", x->limits.entries);
    m.path = layer_clean(name);
    if (!m.path)
        return layer_refuse(name, "climbs out of the root or is too deep", err);
    int rc = layer_make_member(x, &m, err);
    free(m.path);
    free(m.parent);
    return rc;
}

static int
extract_members(struct extraction *x, struct err *err)
{
    for (;;) {
        struct archive_entry *entry;
        int rc = archive_read_next_header(x->tar, &entry);
        if (rc == ARCHIVE_EOF)
            return 0;
        if (rc < ARCHIVE_WARN)
            return layer_archive_err(x->tar, err);
        if ((rc = extract_member(x, entry, err)) < 0)
            return rc;
    }
}

int
layer_extract(int fd, const char *target, enum layer_kind kind, const struct layer_limits *limits, struct digest *diff,
              struct err *err)
{
    struct extraction x = {.kind = kind, .limits = *limits, .diff = diff, .owners = geteuid() == 0, .parent_fd = -1};
    x.root_fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (x.root_fd < 0)
        return err_errno(err, "cannot open '%s'", target);
    int rc = open_packed(&x, fd, err);
    if (rc == 0)
        rc = extract_members(&x, err);
    if (rc == 0)
        rc = drain(&x, err);
    layer_set_times(&x);
    if (x.tar)
        archive_read_free(x.tar);
    if (x.packed)
        archive_read_free(x.packed);
    close_at(&x.parent_fd);
    close(x.root_fd);
    free(x.parent);
    return rc;
}
