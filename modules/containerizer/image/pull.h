/* SPDX-License-Identifier: Apache-2.0 */
/* Images into their stores. */
#ifndef IMAGE_PULL_H
#define IMAGE_PULL_H

#include "base/arena.h"
#include "base/err.h"
#include "mesos/internal/image.pb-c.h"

/* Fills layers, config and docker or appc of the result, in the arena. */
int docker_pull(const Mesos__Internal__ImageRequest *request, struct arena *arena, Mesos__Internal__ImageResult *ret,
                struct err *err);
int appc_pull(const Mesos__Internal__ImageRequest *request, struct arena *arena, Mesos__Internal__ImageResult *ret,
              struct err *err);
/* The path that a source means ("/...", "file://..."), or NULL: it is a URL. */
const char *source_path(const char *source);

#endif
