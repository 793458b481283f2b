/* SPDX-License-Identifier: Apache-2.0 */
/* What reading an archive and making its members share. Nobody else includes this. */
#ifndef IMAGE_LAYER_INSIDE_H
#define IMAGE_LAYER_INSIDE_H

#include <archive.h>
#include <archive_entry.h>
#include <time.h>

#include "containerizer/image/layer.h"

enum { LAYER_DEPTH_MAX = 256, LAYER_NAME_SHOWN = 200 };

/* A directory's time is set when nothing more comes into it. */
struct later {
    char *path;
    struct timespec times[2];
};

struct extraction {
    enum layer_kind kind;
    struct layer_limits limits;
    struct archive *packed, *tar;
    struct digest *diff;
    uint64_t packed_bytes, unpacked_bytes, written_bytes, since_room_bytes;
    unsigned entries;
    int root_fd;
    bool owners; /* we are root */
    char *parent; /* the path of parent_fd */
    int parent_fd;
    struct later *later;
    size_t later_count, later_cap;
    const char *failure; /* why reading must stop; static */
};

/* One member. */
struct member {
    struct archive_entry *entry;
    char *path, *parent; /* relative, clean; path is never empty */
    const char *base; /* in path */
    int parent_fd; /* the extraction's */
};

/* layer.c */
int layer_archive_err(struct archive *from, struct err *err);
/* Counts what is written; -ENOSPC before the disk is full. */
int layer_room(struct extraction *x, uint64_t more, struct err *err);

/* layer_member.c */
/* Cleans a path: no leading '/', no "." and no empty steps. NULL when it climbs or is too deep. */
char *layer_clean(const char *path);
int layer_make_member(struct extraction *x, struct member *m, struct err *err);
/* Sets the times of directories, when all else is done, and forgets them. */
void layer_set_times(struct extraction *x);
int layer_refuse(const char *path, const char *why, struct err *err);

#endif
