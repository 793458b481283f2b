/* SPDX-License-Identifier: Apache-2.0 */
/* Persistent volumes among resources: what filesystem/posix links and filesystem/linux mounts. */
#ifndef MODULES_COMMON_PERSISTENT_H
#define MODULES_COMMON_PERSISTENT_H

#include "base/str.h"
#include "mesos/resource.h"
#include "mesos/v1/mesos.pb-c.h"

struct persistent_volume {
    char *source; /* on the host */
    char *container_path; /* one name in the sandbox */
    bool read_only, shared;
};

struct persistent_volumes {
    struct persistent_volume *items;
    size_t count;
};

void persistent_volumes_fini(struct persistent_volumes *volumes);
/* Added to *ret: those of resources as messages, or as values. Volumes whose container_path is no single name are left out, as in
 * Mesos. */
void persistent_of_messages(struct persistent_volumes *ret, const char *work_dir, Mesos__V1__Resource *const *resources,
                            size_t count);
void persistent_of_values(struct persistent_volumes *ret, const char *work_dir, struct mesos_resources resources);
const struct persistent_volume *persistent_find(const struct persistent_volumes *volumes,
                                                const struct persistent_volume *like);
#endif
