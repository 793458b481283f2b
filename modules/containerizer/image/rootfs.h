/* SPDX-License-Identifier: Apache-2.0 */
/* Root file systems out of layers, by one of the back ends, and their end. */
#ifndef IMAGE_ROOTFS_H
#define IMAGE_ROOTFS_H

#include "base/arena.h"
#include "base/err.h"
#include "mesos/internal/image.pb-c.h"

int rootfs_provision(const Mesos__Internal__ImageRequest *request, struct arena *arena, Mesos__Internal__ImageResult *ret,
                     struct err *err);
/* Unmounts all that is below a container's directory and removes it. Nothing is removed through a mount that stays. */
int rootfs_destroy(const char *directory, struct err *err);
/* After a start of the agent. */
int rootfs_recover(const Mesos__Internal__ImageRequest *request, struct arena *arena, Mesos__Internal__ImageResult *ret,
                   struct err *err);
/* One layer's files upon those that are there, its whiteouts applied. */
int layer_copy(const char *layer, const char *target, struct err *err);

#endif
