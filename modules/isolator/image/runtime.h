/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What docker/runtime and appc/runtime share: how what an image says meets what a task says. Used by these two alone.
 */
#ifndef ISOLATOR_IMAGE_RUNTIME_H
#define ISOLATOR_IMAGE_RUNTIME_H

#include "base/err.h"
#include "common/launch_info.h"

/* An image's wishes; texts are borrowed. */
struct image_runtime {
    const char *kind; /* "Docker", "Appc": for errors */
    char *const *entrypoint;
    size_t entrypoint_count;
    char *const *cmd; /* arguments of the entrypoint, or the command where there is none */
    size_t cmd_count;
    const char *working_directory, *user; /* or NULL */
};

/* Decides by Mesos's table (documentation of container images, docker/runtime) and writes command, working directory and user.
 * -EINVAL: there is nothing to run. */
int image_runtime_apply(const struct image_runtime *image, const Mesos__Slave__ContainerConfig *config,
                        struct launch_info *info, struct err *err);
/* A variable of the image, unless the task or its agent says otherwise. */
void image_runtime_variable(const Mesos__Slave__ContainerConfig *config, const char *name, const char *value,
                            struct launch_info *info);

#endif
