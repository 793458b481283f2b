/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads seccomp profiles in Docker's format (JSON) into the message that the launch helper applies. What is for other
 * architectures or newer kernels than this is left out here; what depends on capabilities stays with its condition, since those
 * are known at the launch only. Knows no file, no module.
 */
#ifndef ISOLATOR_LINUX_SECCOMP_PROFILE_H
#define ISOLATOR_LINUX_SECCOMP_PROFILE_H

#include "base/arena.h"
#include "mesos/seccomp.pb-c.h"

#define SECCOMP_PROFILE_MAX (4u << 20) /* bytes of a profile */

struct seccomp_host {
    Mesos__Seccomp__ContainerSeccompProfile__Architecture native;
    unsigned kernel_major, kernel_minor;
};

/* This machine. */
struct seccomp_host seccomp_host_here(void);
/* In arena, or NULL and err, which names the field and its value. */
Mesos__Seccomp__ContainerSeccompProfile *seccomp_profile_parse(struct str json, const struct seccomp_host *host,
                                                               struct arena *arena, struct err *err);

#endif
