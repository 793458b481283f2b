/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of a launch, which are in several files; docker.h has what the rest of the module knows of it.
 * Each step takes the container on or calls launch_fail.
 */
#ifndef DOCKER_LAUNCH_H
#define DOCKER_LAUNCH_H

#include "docker.h"

/* launch.c */
/* True when the container must not go on; its launch has failed then. during: the step, for the words. */
bool launch_unwanted(struct container *container, const char *during);
/* The executor runs: answers. */
void launch_done(struct container *container);

/* image.c: has the image there, then the executor started. */
void launch_image(struct container *container);

/* executor_process.c */
void executor_start(struct container *container);
void executor_start_process(struct container *container);
/* The words for our executor, however it is started. */
void executor_flags(const struct container *container, struct docker_argv *argv);

/* executor_container.c */
void executor_start_container(struct container *container);

#endif
