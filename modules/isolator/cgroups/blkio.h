/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the control files of blkio. */
#ifndef ISOLATOR_CGROUPS_BLKIO_H
#define ISOLATOR_CGROUPS_BLKIO_H

#include "base/str.h"

struct blkio_value {
    bool has_device; /* else a sum over all */
    uint64_t major, minor, value;
    unsigned operation; /* CgroupInfo.Blkio.Operation; 0 = none is named */
};

/* "8:0 Read 12", "8:0 12", "Total 12"; false for anything else. */
bool blkio_line(struct str line, struct blkio_value *ret);

#endif
