/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that read an earlier run's checkpoints share: recover_agent.c (the agent itself), recover_read.c
 * (frameworks, executors) and recover_task.c (tasks and their updates). Nobody else includes it. */
#ifndef AGENT_RECOVER_INSIDE_H
#define AGENT_RECOVER_INSIDE_H

#include "agent/state.h"

struct reading {
    struct agent *agent;
    bool rebooted;
};

/* Something at path cannot be read, err says why: fatal under --strict, else counted, told and left out (0). torn_ok:
 * it was not fsynced when it was written, so after a reboot it is no error either way. */
int piece_lost(struct reading *reading, const char *path, bool torn_ok, struct err *err);
/* The last word of where a link leads, NULL when it cannot be read: *ret_status is 0 or -errno. */
char *link_target(const char *link, int *ret_status);
/* Whether the machine has been down, and the id of the agent when it goes on with what it was. */
int recover_agent(struct reading *reading, struct err *err);
/* The task below executor's tasks/ of that name, with its updates. For each_dir. */
int recover_task(struct reading *reading, void *executor, const char *id, struct err *err);

#endif
