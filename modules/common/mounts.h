/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of mounts of our own mount namespace (/proc/self/mountinfo), for isolators that must know what is mounted where.
 */
#ifndef MODULES_COMMON_MOUNTS_H
#define MODULES_COMMON_MOUNTS_H

#include "base/buf.h"

struct mount_entry {
    int id, parent;
    char *root, *target, *options;
    int shared; /* its peer group; 0 = private or slave */
};

struct mounts {
    struct mount_entry *entries; /* in the kernel's order: what lies on top comes later */
    size_t count;
};

int mounts_read(struct mounts *ret, struct err *err);
/* The same from the table's text: exposed for tests. Lines that are no entries are skipped. */
void mounts_parse(struct str text, struct mounts *ret);
void mounts_fini(struct mounts *mounts);
/* The mount that a real path is in, or NULL. */
const struct mount_entry *mounts_of(const struct mounts *mounts, const char *path);
/* A copy of the entry of the mount that `path` is in, links followed. */
int mounts_find(const char *path, struct mount_entry *ret, struct err *err);
void mount_entry_fini(struct mount_entry *entry);
/* path is `above` or lies below it. */
bool path_is_below(const char *path, const char *above);
/* Unmounts (MNT_DETACH) what is mounted below `above`, not on it, top first; also: on it, when `itself`. All are tried; the
 * first failure is told. */
int mounts_clear(const char *above, bool itself, struct err *err);

#endif
