/* SPDX-License-Identifier: Apache-2.0 */
/* See mounts.h. */
#include "common/mounts.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mount.h>

#include "base/file.h"

enum { TABLE_MAX = 64 << 20 };

/* "\040" and the like are bytes. */
static char *
unescape(struct str text)
{
    char *out = xmalloc(text.len + 1), *to = out;
    for (size_t i = 0; i < text.len; i++) {
        const char *at = text.ptr + i;
        if (*at == '\\' && text.len - i > 3 && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' && at[2] <= '7' && at[3] >= '0' &&
            at[3] <= '7') {
            *to++ = (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'));
            i += 3;
        } else {
            *to++ = *at;
        }
    }
    *to = '\0';
    return out;
}

static bool
number(struct str text, int *ret)
{
    uint64_t value;
    if (str_to_u64(text, &value) < 0 || value > INT_MAX)
        return false;
    *ret = (int)value;
    return true;
}

/* id parent major:minor root target options [tag[:value]]... - type source options */
static bool
parse_line(struct str line, struct mount_entry *ret)
{
    struct mount_entry entry = {0};
    if (!number(str_cut(&line, ' '), &entry.id) || !number(str_cut(&line, ' '), &entry.parent))
        return false;
    str_cut(&line, ' ');
    struct str root = str_cut(&line, ' '), target = str_cut(&line, ' '), options = str_cut(&line, ' ');
    if (target.len == 0 || *target.ptr != '/')
        return false;
    while (line.len > 0) {
        struct str tag = str_cut(&line, ' ');
        if (str_is(tag, "-"))
            break;
        if (str_starts(tag, STR_LIT("shared:")) && !number(str_n(tag.ptr + 7, tag.len - 7), &entry.shared))
            return false;
    }
    entry.root = unescape(root);
    entry.target = unescape(target);
    entry.options = str_dup(options);
    *ret = entry;
    return true;
}

void
mounts_parse(struct str text, struct mounts *ret)
{
    size_t cap = 0;
    *ret = (struct mounts){0};
    while (text.len > 0) {
        struct mount_entry entry;
        if (!parse_line(str_cut(&text, '\n'), &entry))
            continue;
        if (ret->count == cap)
            ret->entries = xreallocarray(ret->entries, cap = cap ? 2 * cap : 64, sizeof *ret->entries);
        ret->entries[ret->count++] = entry;
    }
}

int
mounts_read(struct mounts *ret, struct err *err)
{
    auto_buf struct buf text = {0};
    int rc = file_read("/proc/self/mountinfo", TABLE_MAX, &text, err);
    if (rc == 0)
        mounts_parse(buf_str(&text), ret);
    return rc;
}

void
mount_entry_fini(struct mount_entry *entry)
{
    free(entry->root);
    free(entry->target);
    free(entry->options);
}

void
mounts_fini(struct mounts *mounts)
{
    for (size_t i = 0; i < mounts->count; i++)
        mount_entry_fini(&mounts->entries[i]);
    free(mounts->entries);
    *mounts = (struct mounts){0};
}

bool
path_is_below(const char *path, const char *above)
{
    size_t len = strlen(above);
    if (len == 1 && *above == '/')
        return *path == '/';
    return strncmp(path, above, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

const struct mount_entry *
mounts_of(const struct mounts *mounts, const char *path)
{
    const struct mount_entry *found = NULL;
    for (size_t i = 0; i < mounts->count; i++) {
        const struct mount_entry *entry = &mounts->entries[i];
        if (path_is_below(path, entry->target) && (!found || strlen(entry->target) >= strlen(found->target)))
            found = entry;
    }
    return found;
}

int
mounts_find(const char *path, struct mount_entry *ret, struct err *err)
{
    struct mounts mounts;
    auto_free char *real = realpath(path, NULL);
    if (!real)
        return err_errno(err, "Failed to get the realpath of '%s'", path);
    int rc = mounts_read(&mounts, err);
    if (rc < 0)
        return rc;
    const struct mount_entry *found = mounts_of(&mounts, real);
    if (found)
        *ret = (struct mount_entry){found->id, found->parent, xstrdup(found->root), xstrdup(found->target),
                                    xstrdup(found->options), found->shared};
    else
        rc = err_set(err, -ENOENT, "nothing is mounted above '%s'", real);
    mounts_fini(&mounts);
    return rc;
}

int
mounts_clear(const char *above, bool itself, struct err *err)
{
    struct mounts mounts;
    int rc = mounts_read(&mounts, err), worst = 0;
    if (rc < 0)
        return rc;
    for (size_t i = mounts.count; i-- > 0;) {
        const char *target = mounts.entries[i].target;
        if (!path_is_below(target, above) || (!itself && strcmp(target, above) == 0))
            continue;
        if (umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT && worst == 0)
            worst = err_errno(err, "Failed to unmount volume '%s'", target);
    }
    mounts_fini(&mounts);
    return worst;
}
