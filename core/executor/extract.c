/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacks what others packed. Must never write outside the directory it was given, through a link inside it, or until
 * the disk is full.
 */
#include "executor/extract.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/log.h"
#include "base/str.h"

enum { READ_BYTES = 64 * 1024, MEMBERS_MAX = 1000 * 1000 };
/* Free space is looked at each time so much was written, and so much must stay free. */
#define ROOM_EVERY_BYTES (16 << 20)
#define ROOM_KEPT_BYTES  (64 << 20)

enum kind { KIND_NONE, KIND_TAR, KIND_ZIP, KIND_GZ };

static enum kind
kind_of(const char *name)
{
    static const struct {
        const char *suffix;
        enum kind kind;
    } suffixes[] = {{".tar", KIND_TAR},     {".tgz", KIND_TAR}, {".tar.gz", KIND_TAR}, {".tbz2", KIND_TAR},
                    {".tar.bz2", KIND_TAR}, {".txz", KIND_TAR}, {".tar.xz", KIND_TAR}, {".zip", KIND_ZIP},
                    {".gz", KIND_GZ}};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        if (str_ends(str_of(name), str_of(suffixes[i].suffix)))
            return suffixes[i].kind;
    return KIND_NONE;
}

bool
extract_is_archive(const char *name)
{
    return kind_of(name) != KIND_NONE;
}

/* One archive on its way to the disk. */
struct extraction {
    struct archive *in, *out;
    const char *path;
    uint64_t since_room_bytes; /* written since the free space was looked at */
    unsigned members;
    bool stripped; /* told about leading slashes */
};

static int
archive_err(const struct extraction *x, struct archive *from, struct err *err)
{
    const char *text = archive_error_string(from);
    return err_set(err, -EBADMSG, "Failed to extract archive '%s': %s", x->path, text ? text : "it is damaged");
}

static int
refuse(const struct extraction *x, const char *member, const char *why, struct err *err)
{
    return err_set(err, -EBADMSG, "Failed to extract archive '%s': member '%.200s' %s", x->path, member, why);
}

static bool
goes_up(const char *path)
{
    struct str rest = str_of(path);
    while (rest.len)
        if (str_is(str_cut(&rest, '/'), ".."))
            return true;
    return false;
}

static const char *
without_root(struct extraction *x, const char *path)
{
    const char *inside = path;
    while (*inside == '/')
        inside++;
    if (inside != path && !x->stripped) {
        x->stripped = true;
        log_warning("Taking the leading '/' off the names of members of '%s'", x->path);
    }
    return inside;
}

/* Makes the member's names relative; an error when they, or its type, are not acceptable. *ret_skip: the root itself. */
static int
check_member(struct extraction *x, struct archive_entry *entry, bool *ret_skip, struct err *err)
{
    const char *name = archive_entry_pathname(entry), *link = archive_entry_hardlink(entry);
    mode_t type = archive_entry_filetype(entry);
    if (!name)
        return refuse(x, "?", "has a name that cannot be read", err);
    if (++x->members > MEMBERS_MAX)
        return refuse(x, name, "is one too many: an archive may have 1000000", err);
    if (goes_up(name) || (link && goes_up(link)))
        return refuse(x, name, "would leave the sandbox", err);
    if (!link && type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK)
        return refuse(x, name, "is neither a file, a directory nor a link", err);
    auto_free char *target = link ? xstrdup(without_root(x, link)) : NULL;
    auto_free char *inside = xstrdup(without_root(x, name));
    *ret_skip = !*inside;
    archive_entry_set_pathname(entry, inside);
    if (target)
        archive_entry_set_hardlink(entry, target);
    return 0;
}

/* Whether `bytes` more may be written. */
static int
check_room(const struct extraction *x, const char *member, uint64_t bytes, struct err *err)
{
    struct statvfs fs;
    if (statvfs(".", &fs) < 0)
        return err_errno(err, "cannot look at the file system of the sandbox");
    uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (bytes > free_bytes || free_bytes - bytes < ROOM_KEPT_BYTES)
        return refuse(x, member, "would fill the disk", err);
    return 0;
}

static int
copy_content(struct extraction *x, struct archive_entry *entry, struct err *err)
{
    const void *block;
    size_t len;
    int64_t offset;
    for (;;) {
        int rc = archive_read_data_block(x->in, &block, &len, &offset);
        if (rc == ARCHIVE_EOF)
            return 0;
        if (rc < ARCHIVE_WARN)
            return archive_err(x, x->in, err);
        if (archive_write_data_block(x->out, block, len, offset) < ARCHIVE_OK)
            return archive_err(x, x->out, err);
        x->since_room_bytes += len;
        if (x->since_room_bytes < ROOM_EVERY_BYTES)
            continue;
        x->since_room_bytes = 0;
        if ((rc = check_room(x, archive_entry_pathname(entry), 0, err)) != 0)
            return rc;
    }
}

/* A member's declared size is only a claim; a sparse one takes no room, so only what cannot be is refused by it. */
static int
check_claim(struct extraction *x, struct archive_entry *entry, struct err *err)
{
    struct statvfs fs;
    if (!archive_entry_size_is_set(entry) || statvfs(".", &fs) < 0)
        return 0;
    int64_t size = archive_entry_size(entry);
    uint64_t whole = (uint64_t)fs.f_blocks * fs.f_frsize;
    if (size < 0 || (uint64_t)size > whole)
        return refuse(x, archive_entry_pathname(entry), "is larger than the disk", err);
    return archive_entry_sparse_count(entry) > 0 ? 0 : check_room(x, archive_entry_pathname(entry), (uint64_t)size, err);
}

static int
extract_member(struct extraction *x, struct archive_entry *entry, struct err *err)
{
    bool skip = false;
    int rc = check_member(x, entry, &skip, err);
    if (rc || skip)
        return rc;
    if ((rc = check_claim(x, entry, err)) != 0)
        return rc;
    if (archive_write_header(x->out, entry) < ARCHIVE_WARN)
        return archive_err(x, x->out, err);
    rc = copy_content(x, entry, err);
    if (archive_write_finish_entry(x->out) < ARCHIVE_WARN && !rc)
        rc = archive_err(x, x->out, err);
    if (rc)
        unlink(archive_entry_pathname(entry)); /* what is there is not what the archive holds */
    return rc;
}

static int
extract_members(struct extraction *x, const char *lone_name, struct err *err)
{
    struct archive_entry *entry;
    for (;;) {
        int rc = archive_read_next_header(x->in, &entry);
        if (rc == ARCHIVE_EOF)
            return 0;
        if (rc < ARCHIVE_WARN)
            return archive_err(x, x->in, err);
        if (lone_name) {
            /* Whatever is not compressed would pass as raw bytes. */
            if (archive_filter_code(x->in, 0) != ARCHIVE_FILTER_GZIP)
                return err_set(err, -EBADMSG, "Failed to extract archive '%s': it is not in gzip format", x->path);
            archive_entry_set_pathname(entry, lone_name);
            archive_entry_set_perm(entry, 0644);
        }
        if ((rc = extract_member(x, entry, err)) != 0)
            return rc;
    }
}

static struct archive *
reader(enum kind kind)
{
    struct archive *in = archive_read_new();
    if (kind == KIND_ZIP) {
        archive_read_support_format_zip(in);
        return in;
    }
    archive_read_support_filter_gzip(in);
    if (kind == KIND_GZ) {
        archive_read_support_format_raw(in);
        return in;
    }
    archive_read_support_filter_bzip2(in);
    archive_read_support_filter_xz(in);
    archive_read_support_format_tar(in);
    archive_read_support_format_gnutar(in);
    return in;
}

static struct archive *
writer(void)
{
    struct archive *out = archive_write_disk_new();
    archive_write_disk_set_options(out, ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_SECURE_SYMLINKS |
                                            ARCHIVE_EXTRACT_SECURE_NODOTDOT |
                                            ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS);
    return out;
}

/* The working directory is the target: libarchive then looks at every part of a member's path for links. */
static int
extract_here(const char *path, const char *name, struct err *err)
{
    enum kind kind = kind_of(name);
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name;
    auto_free char *lone = kind == KIND_GZ ? xstrndup(base, strlen(base) - strlen(".gz")) : NULL;
    if (kind == KIND_NONE || (lone && !*lone))
        return err_set(err, -EINVAL, "'%s' does not have the name of an archive", name);
    struct extraction x = {.in = reader(kind), .out = writer(), .path = path};
    int rc = archive_read_open_filename(x.in, path, READ_BYTES) == ARCHIVE_OK ? extract_members(&x, lone, err)
                                                                             : archive_err(&x, x.in, err);
    if (archive_write_free(x.out) < ARCHIVE_WARN && !rc)
        rc = err_set(err, -EIO, "Failed to extract archive '%s': what was unpacked could not be finished", path);
    archive_read_free(x.in);
    return rc;
}

int
extract_archive(const char *path, const char *name, const char *directory, struct err *err)
{
    auto_fd int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (chdir(directory) < 0)
        return err_errno(err, "cannot enter '%s'", directory);
    int rc = extract_here(path, name, err);
    if (before >= 0 && fchdir(before) < 0 && !rc)
        rc = err_errno(err, "cannot return from '%s'", directory);
    return rc;
}
