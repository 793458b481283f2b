/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives of layers onto the disk. Whatever the archive says, nothing is made outside of the target directory, and no
 * more than the limits allow.
 */
#ifndef IMAGE_LAYER_H
#define IMAGE_LAYER_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "containerizer/image/digest.h"

/* Of one archive. */
struct layer_limits {
    uint64_t bytes; /* once unpacked */
    uint64_t free_bytes; /* so much may come of anything; beyond it, */
    unsigned ratio; /* at most so many bytes of each that is packed */
    unsigned entries;
};
extern const struct layer_limits LAYER_LIMITS;

enum layer_kind {
    LAYER_OF_IMAGE, /* whiteouts are turned into those of overlayfs; owners, modes, devices are kept where we are root */
    LAYER_PLAIN, /* an ACI: the same without whiteouts */
    LAYER_FILES, /* a container of other files: directories, regular files and links alone, all ours */
};

/* fd: the packed archive, read from its start. target: an empty directory. diff: sees the unpacked archive whole, or NULL. */
int layer_extract(int fd, const char *target, enum layer_kind kind, const struct layer_limits *limits, struct digest *diff,
                  struct err *err);

/* The xattr by which overlayfs knows a directory that hides what is below it; without root it is another. */
const char *layer_opaque_name(void);

#endif
