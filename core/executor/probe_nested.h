/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command inside a task's container: a nested container of it that lives as long as the question (a session), waited
 * for and removed by calls of the agent's.
 */
#ifndef EXECUTOR_PROBE_NESTED_H
#define EXECUTOR_PROBE_NESTED_H

#include "executor/agent_call.h"
#include "executor/probe.h"

/* All probes of one executor: those whose container is still being cleaned up outlive their check. */
struct nested_probes {
    struct loop *loop;
    const struct agent_link_options *agent; /* borrowed */
    struct list all;
};

void nested_probes_init(struct nested_probes *probes, struct loop *loop, const struct agent_link_options *agent);
/* Ends all of them without callbacks: the executor ends, or the agent is away. */
void nested_probes_drop(struct nested_probes *probes);
/* task: the container of the task; copied. */
struct probe *nested_probe_start(struct nested_probes *probes, const Mesos__V1__ContainerID *task,
                                 const Mesos__V1__CommandInfo *command, probe_done_fn *done, void *arg);

#endif
