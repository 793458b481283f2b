/* SPDX-License-Identifier: Apache-2.0 */
/* The list of tasks that `mesos ps` and `mesos task list` print. */
#ifndef CLI_TASKS_H
#define CLI_TASKS_H

#include "cli/cluster.h"

struct tasks_target {
    struct cli_common common;
    bool inactive;
    const char *framework;
};

int tasks_run(struct cli *cli);

#endif
