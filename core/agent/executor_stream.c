/* SPDX-License-Identifier: Apache-2.0 */
/* What an executor is told: on its v1 event stream (mesos.v1.executor.Event in RecordIO, JSON or protobuf as it
 * asked), or by executor_driver.c when it speaks libprocess. */
#include "agent/state.h"

#include "agent/pb.h"
#include "wire/recordio.h"

typedef Mesos__V1__Executor__Event event_message;

bool
executor_reachable(const struct executor *executor)
{
    return executor->stream || executor->has_pid;
}

static void
on_stream_gone(struct http_exchange *exchange, void *arg)
{
    struct executor *executor = arg;
    (void)exchange;
    executor->stream = NULL;
    loop_timer_stop(&executor->heartbeat);
    log_info("executor %s of framework %s has closed its connection", executor->id, executor->framework->id);
}

static void
write_record(struct executor *executor, struct str record)
{
    auto_buf struct buf framed = {0};
    recordio_write(&framed, record);
    http_stream_write(executor->stream, buf_str(&framed));
}

/* An event that is protobuf bytes already. */
static void
send_bytes(struct executor *executor, struct str bytes)
{
    if (!executor->stream)
        return;
    if (!executor->json) {
        write_record(executor, bytes);
        return;
    }
    auto_buf struct buf text = {0};
    if (!message_transcode(&text, &mesos__v1__executor__event__descriptor, bytes))
        write_record(executor, buf_str(&text));
}

static void
send_event(struct executor *executor, const event_message *event)
{
    auto_buf struct buf bytes = {0};
    message_pack(&bytes, event);
    send_bytes(executor, buf_str(&bytes));
}

static void
on_heartbeat(void *arg)
{
    struct executor *executor = arg;
    event_message event = MESOS__V1__EXECUTOR__EVENT__INIT;
    event.has_type = true;
    event.type = MESOS__V1__EXECUTOR__EVENT__TYPE__HEARTBEAT;
    send_event(executor, &event);
    loop_timer_start(&executor->heartbeat, AGENT_EXECUTOR_HEARTBEAT_MS);
}

void
executor_subscribed(struct executor *executor, struct http_exchange *exchange, bool json)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf event = {0}, subscribed = {0}, agent = {0}, container = {0};
    executor_stream_close(executor);
    executor_driver_forget(executor);
    executor->stream = exchange;
    executor->json = json;
    http_exchange_on_gone(exchange, on_stream_gone, executor);
    http_stream_start(exchange, 200, NULL, 0, json ? "application/json" : "application/x-protobuf");
    message_pack(&agent, agent_info(executor->agent, arena));
    pb_bytes(&subscribed, 1, packed_str(&executor->info));
    pb_bytes(&subscribed, 2, packed_str(&executor->framework->info));
    pb_bytes(&subscribed, 3, buf_str(&agent));
    pb_text(&container, 1, executor->container_id);
    pb_bytes(&subscribed, 4, buf_str(&container));
    pb_uint(&event, 1, MESOS__V1__EXECUTOR__EVENT__TYPE__SUBSCRIBED);
    pb_bytes(&event, 2, buf_str(&subscribed));
    send_bytes(executor, buf_str(&event));
    loop_timer_init(&executor->heartbeat, executor->agent->loop, on_heartbeat, executor);
    loop_timer_start(&executor->heartbeat, AGENT_EXECUTOR_HEARTBEAT_MS);
}

void
executor_stream_close(struct executor *executor)
{
    loop_timer_stop(&executor->heartbeat);
    if (executor->stream)
        http_exchange_abort(executor->stream);
    executor->stream = NULL;
}

void
executor_send_launch(struct executor *executor, struct task *task)
{
    if (executor->has_pid) {
        executor_driver_launch(executor, task);
        task_move(task, TASK_LAUNCHED);
        return;
    }
    auto_buf struct buf event = {0}, launch = {0};
    pb_bytes(&launch, 1, packed_str(&task->info));
    pb_uint(&event, 1, MESOS__V1__EXECUTOR__EVENT__TYPE__LAUNCH);
    pb_bytes(&event, 4, buf_str(&launch));
    task_move(task, TASK_LAUNCHED);
    send_bytes(executor, buf_str(&event));
}

static void
send_launch_group(struct executor *executor, uint32_t group)
{
    struct task *task, *tmp;
    auto_buf struct buf event = {0}, launch = {0}, tasks = {0};
    list_foreach_safe (task, tmp, &executor->queued, node) {
        if (task->group != group)
            continue;
        pb_bytes(&tasks, 1, packed_str(&task->info));
        task_move(task, TASK_LAUNCHED);
    }
    pb_bytes(&launch, 1, buf_str(&tasks));
    pb_uint(&event, 1, MESOS__V1__EXECUTOR__EVENT__TYPE__LAUNCH_GROUP);
    pb_bytes(&event, 8, buf_str(&launch));
    send_bytes(executor, buf_str(&event));
}

/* v0 has no word for tasks that live and die together. */
static void
refuse_group(struct executor *executor, struct task *task)
{
    agent_update_make(executor->agent, executor->framework, executor, str_of(task->id),
                      MESOS__V1__TASK_STATE__TASK_FAILED, MESOS__V1__TASK_STATUS__REASON__REASON_TASK_INVALID,
                      "The executor speaks the v0 API over libprocess, which knows no task groups");
}

void
executor_send_queued(struct executor *executor)
{
    struct task *task;
    while ((task = list_first(&executor->queued, struct task, node))) {
        if (task->group && executor->has_pid)
            refuse_group(executor, task);
        else if (task->group)
            send_launch_group(executor, task->group);
        else
            executor_send_launch(executor, task);
    }
}

void
executor_send_kill(struct executor *executor, struct str task_id, const Mesos__V1__KillPolicy *policy)
{
    if (executor->has_pid) {
        executor_driver_kill(executor, task_id, policy);
        return;
    }
    event_message event = MESOS__V1__EXECUTOR__EVENT__INIT;
    Mesos__V1__Executor__Event__Kill kill = MESOS__V1__EXECUTOR__EVENT__KILL__INIT;
    Mesos__V1__TaskID id = MESOS__V1__TASK_ID__INIT;
    Mesos__V1__KillPolicy copy = MESOS__V1__KILL_POLICY__INIT;
    auto_free char *text = str_dup(task_id);
    id.value = text;
    kill.task_id = &id;
    if (policy) {
        copy = *policy;
        kill.kill_policy = &copy;
    }
    event.has_type = true;
    event.type = MESOS__V1__EXECUTOR__EVENT__TYPE__KILL;
    event.kill = &kill;
    send_event(executor, &event);
}

void
executor_send_shutdown(struct executor *executor)
{
    if (executor->has_pid) {
        executor_driver_shutdown(executor);
        return;
    }
    event_message event = MESOS__V1__EXECUTOR__EVENT__INIT;
    event.has_type = true;
    event.type = MESOS__V1__EXECUTOR__EVENT__TYPE__SHUTDOWN;
    send_event(executor, &event);
}

void
executor_send_message(struct executor *executor, struct str data)
{
    if (executor->has_pid) {
        executor_driver_message(executor, data);
        return;
    }
    auto_buf struct buf event = {0}, message = {0};
    pb_bytes(&message, 1, data);
    pb_uint(&event, 1, MESOS__V1__EXECUTOR__EVENT__TYPE__MESSAGE);
    pb_bytes(&event, 6, buf_str(&message));
    send_bytes(executor, buf_str(&event));
}

void
executor_send_acknowledged(struct executor *executor, struct str task_id, const unsigned char *uuid)
{
    if (executor->has_pid) {
        executor_driver_acknowledged(executor, task_id, uuid);
        return;
    }
    auto_buf struct buf event = {0}, acknowledged = {0};
    pb_id(&acknowledged, 1, task_id);
    pb_bytes(&acknowledged, 2, str_n(uuid, UUID_BYTES));
    pb_uint(&event, 1, MESOS__V1__EXECUTOR__EVENT__TYPE__ACKNOWLEDGED);
    pb_bytes(&event, 3, buf_str(&acknowledged));
    send_bytes(executor, buf_str(&event));
}
