/* SPDX-License-Identifier: Apache-2.0 */
/* GET_EXECUTORS: executors that run tasks of their framework; a command task's own one is not among them. */
#include "master/operator.h"
#include "wire/message.h"

/* Executors of the agent's making for a command task are none of the framework's. */
void
operator_write_executor(struct writer *writer, const struct executor *executor, struct arena *arena)
{
    Mesos__V1__Master__Response__GetExecutors__Executor shown =
        MESOS__V1__MASTER__RESPONSE__GET_EXECUTORS__EXECUTOR__INIT;
    Mesos__V1__AgentID agent_id = MESOS__V1__AGENT_ID__INIT;
    shown.executor_info = message_unpack_trusted(&mesos__v1__executor_info__descriptor,
                                                 str_n(executor->info, executor->info_len), arena);
    resources_upgrade(shown.executor_info->resources, shown.executor_info->n_resources, NULL, arena);
    agent_id.value = executor->agent->id;
    shown.agent_id = &agent_id;
    writer_message(writer, 1, NULL, &shown);
}

void
operator_write_executors(struct writer *writer, struct master *master, struct sight *sight)
{
    const struct framework *framework;
    writer_list(writer, "executors");
    map_foreach (framework, &master->frameworks) {
        if (sight_framework(sight, framework))
            operator_write_sheets(writer, &framework->executor_sheets, sight);
    }
    writer_list_end(writer);
}

void
operator_get_executors(struct operator_call *op)
{
    operator_answer_written(op, MESOS__V1__MASTER__RESPONSE__TYPE__GET_EXECUTORS, "GET_EXECUTORS", 12,
                            "get_executors", operator_write_executors);
}
