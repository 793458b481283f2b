/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of a task or an executor by itself, no state needed: what the master asks before it looks at ids in use, at the
 * agent and at the offer. The order between these is the master's. Each answers 0 or -EINVAL with the text that a
 * scheduler gets in the TASK_ERROR (reason REASON_TASK_INVALID), as Mesos words it.
 */
#ifndef MODEL_VALIDATE_H
#define MODEL_VALIDATE_H

#include "base/err.h"
#include "mesos/v1/mesos.pb-c.h"
#include "model/resources.h"

/* Resources whose values have passed resources_from_proto: whole gpus. "Invalid 'gpus' resource: ..." */
int resources_validate(const struct resources *r, struct err *err);
/* Task and executor together: revocable and firm of one name do not mix. */
int resources_validate_total(const struct resources *total, struct err *err);

int command_validate(const Mesos__V1__CommandInfo *command, struct err *err);
int environment_validate(const Mesos__V1__Environment *environment, struct err *err);
int container_validate(const Mesos__V1__ContainerInfo *container, struct err *err);
int check_validate(const Mesos__V1__CheckInfo *check, struct err *err);
int health_check_validate(const Mesos__V1__HealthCheck *check, struct err *err);

/* All that can be said of a task alone after its id, its uniqueness and its agent were checked: kill policy, maximal
 * completion time, check, health check, resources (already summed up by the caller), limits, command, container. */
int task_validate(const Mesos__V1__TaskInfo *task, const struct resources *resources, struct err *err);
/* "Task should have at least one (but not both) ...": comes after task_validate. */
int task_validate_runner(const Mesos__V1__TaskInfo *task, struct err *err);
/* An executor of LAUNCH or LAUNCH_GROUP, in Mesos's order; framework_id: the launching framework's. */
int executor_validate(const Mesos__V1__ExecutorInfo *executor, const char *framework_id, struct err *err);

#endif
