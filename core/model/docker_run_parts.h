/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of the command line of `docker run`, for docker_run.c alone: each appends its options, or says in a
 * sentence what of the container is wrong.
 */
#ifndef MODEL_DOCKER_RUN_PARTS_H
#define MODEL_DOCKER_RUN_PARTS_H

#include "model/docker_run.h"

/* docker_figures.c */
void docker_run_add_figures(const struct docker_run *run, struct docker_argv *argv);
/* docker_volumes.c */
int docker_run_add_volumes(const struct docker_run *run, struct docker_argv *argv, struct err *err);
/* docker_network.c */
int docker_run_add_network(const struct docker_run *run, struct docker_argv *argv, struct err *err);

#endif
