/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an executor over libprocess (v0) hears from us: the same wishes as on the event streams of executor_stream.c,
 * which calls in here when an executor has a pid instead of a stream. The bytes are those of the golden exchanges.
 */
#include "agent/state.h"

#include <unistd.h>

#include "agent/pb.h"
#include "conf/option.h"

static void
tell_bytes(struct executor *executor, const char *name, struct str body)
{
    libprocess_send(executor->agent->daemon->libprocess, AGENT_ACTOR, &executor->upid, name, body);
}

static void
tell(struct executor *executor, const char *name, const void *message)
{
    auto_buf struct buf body = {0};
    message_pack(&body, message);
    tell_bytes(executor, name, buf_str(&body));
}

/* What no HTTP call proves is decided by who the executor is: ours show their tokens, and so does who has shown one before. */
const char *
executor_driver_refusal(const struct executor *executor, const struct upid *from)
{
    const struct agent *agent = executor->agent;
    auto_arena struct arena *arena = arena_new(1024);
    if (!agent->options->authenticate_http_executors)
        return NULL;
    const Mesos__V1__ExecutorInfo *info =
        message_unpack(&mesos__v1__executor_info__descriptor, packed_str(&executor->info), arena, NULL);
    if (executor->generated || !info || executor_is_default(info))
        return "executors of its kind come over HTTP and show a token";
    if (executor->has_pid ? !upid_eq(&executor->upid, from) : executor->recovered || executor->subscribed_before)
        return "it has come another way before";
    const char *required = agent->setup.set ? conf_value(agent->setup.set, "require_authentication", NULL) : NULL;
    if (required && strcmp(required, "true") == 0)
        return "libprocess has no tokens, and --require_authentication and --authenticate_http_executors demand them";
    return NULL;
}

void
executor_driver_set(struct executor *executor, const struct upid *pid)
{
    executor_stream_close(executor);
    executor->upid = *pid;
    executor->has_pid = true;
}

void
executor_driver_link(struct executor *executor)
{
    libprocess_link(executor->agent->daemon->libprocess, &executor->upid);
}

void
executor_driver_forget(struct executor *executor)
{
    if (executor->has_pid && executor->agent->daemon)
        libprocess_unlink(executor->agent->daemon->libprocess, &executor->upid);
    executor->has_pid = false;
}

/* Executors get resources in their new form, unlike the master. */
static Mesos__SlaveInfo *
slave_info(const struct agent *agent, struct arena *arena)
{
    Mesos__SlaveInfo *info = agent_slave_info(agent, arena);
    info->resources = resources_to_proto(&agent->total, false, arena, &info->n_resources);
    return info;
}

void
executor_driver_registered(struct executor *executor)
{
    const struct agent *agent = executor->agent;
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf body = {0}, slave = {0};
    message_pack(&slave, slave_info(agent, arena));
    pb_bytes(&body, 2, packed_str(&executor->info));
    pb_id(&body, 3, str_of(executor->framework->id));
    pb_bytes(&body, 4, packed_str(&executor->framework->info));
    pb_id(&body, 5, str_of(agent->id));
    pb_bytes(&body, 6, buf_str(&slave));
    tell_bytes(executor, "mesos.internal.ExecutorRegisteredMessage", buf_str(&body));
}

void
executor_driver_reregistered(struct executor *executor)
{
    const struct agent *agent = executor->agent;
    auto_arena struct arena *arena = arena_new(0);
    Mesos__Internal__ExecutorReregisteredMessage message =
        MESOS__INTERNAL__EXECUTOR_REREGISTERED_MESSAGE__INIT;
    Mesos__V1__AgentID id = MESOS__V1__AGENT_ID__INIT;
    id.value = agent->id;
    message.slave_id = &id;
    message.slave_info = slave_info(agent, arena);
    tell(executor, "mesos.internal.ExecutorReregisteredMessage", &message);
}

void
executor_driver_reconnect(struct executor *executor)
{
    Mesos__Internal__ReconnectExecutorMessage message = MESOS__INTERNAL__RECONNECT_EXECUTOR_MESSAGE__INIT;
    Mesos__V1__AgentID id = MESOS__V1__AGENT_ID__INIT;
    id.value = executor->agent->id;
    message.slave_id = &id;
    log_info("asking executor %s of framework %s to reconnect", executor->id, executor->framework->id);
    tell(executor, "mesos.internal.ReconnectExecutorMessage", &message);
}

void
executor_driver_launch(struct executor *executor, const struct task *task)
{
    const struct framework *framework = executor->framework;
    auto_buf struct buf body = {0};
    pb_bytes(&body, 2, packed_str(&framework->info));
    pb_text(&body, 3, framework->pid ? framework->pid : "@0.0.0.0:0");
    pb_bytes(&body, 4, packed_str(&task->info));
    tell_bytes(executor, "mesos.internal.RunTaskMessage", buf_str(&body));
}

void
executor_driver_kill(struct executor *executor, struct str task_id, const Mesos__V1__KillPolicy *policy)
{
    auto_buf struct buf body = {0}, packed = {0};
    pb_id(&body, 1, str_of(executor->framework->id));
    pb_id(&body, 2, task_id);
    if (policy) {
        message_pack(&packed, policy);
        pb_bytes(&body, 3, buf_str(&packed));
    }
    tell_bytes(executor, "mesos.internal.KillTaskMessage", buf_str(&body));
}

void
executor_driver_shutdown(struct executor *executor)
{
    tell_bytes(executor, "mesos.internal.ShutdownExecutorMessage", STR_LIT(""));
}

void
executor_driver_message(struct executor *executor, struct str data)
{
    auto_buf struct buf body = {0};
    pb_id(&body, 1, str_of(executor->agent->id));
    pb_id(&body, 2, str_of(executor->framework->id));
    pb_id(&body, 3, str_of(executor->id));
    pb_bytes(&body, 4, data);
    tell_bytes(executor, "mesos.internal.FrameworkToExecutorMessage", buf_str(&body));
}

void
executor_driver_acknowledged(struct executor *executor, struct str task_id, const unsigned char *uuid)
{
    auto_buf struct buf body = {0};
    pb_id(&body, 1, str_of(executor->agent->id));
    pb_id(&body, 2, str_of(executor->framework->id));
    pb_id(&body, 3, task_id);
    pb_bytes(&body, 4, str_n(uuid, UUID_BYTES));
    tell_bytes(executor, "mesos.internal.StatusUpdateAcknowledgementMessage", buf_str(&body));
}
