/* SPDX-License-Identifier: Apache-2.0 */
/* A containerizer whose containers are only spoken of: they live and die as the test says. */
#ifndef SCENARIO_CONTAINERS_DOUBLE_H
#define SCENARIO_CONTAINERS_DOUBLE_H

#include <stdbool.h>
#include <stddef.h>

#include "mesos/module.h"

enum { CONTAINERS = 16 };

struct container {
    char id[64];
    char program[128]; /* what it runs */
    bool by_socket;    /* its environment says where the agent's socket is */
    bool running, destroyed;
    struct mesos_call *wait;
};

extern struct containers {
    const struct mesos_host *host;
    struct container list[CONTAINERS];
    size_t count, recovered;
    bool refuse; /* launch fails */
} containers;

/* The module "test". For host_add_linked. */
const struct mesos_module *const *containers_double(void);
void container_end(struct container *container, int wait_status);

#endif
