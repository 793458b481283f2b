/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a status update through the agent: completed, counted, the task's state changed, handed to the
 * status update manager, from there to the master; the acknowledgement to the executor; the task's end.
 */
#include "agent/state.h"

#include <errno.h>

#include "agent/containers.h"
#include "agent/drain.h"
#include "agent/pb.h"

/* An update that waits until the containerizer has said what the container looks like, or behind one that does. */
struct waiting {
    struct list node;
    struct executor *executor;
    struct arena *arena;
    Mesos__V1__TaskStatus *status;
    bool nested;   /* the task has a container of its own inside of the executor's: its update tells of that one */
    bool answered; /* it may go on */
};

static void update_take(struct agent *agent, struct framework *framework, struct executor *executor,
                        Mesos__V1__TaskStatus *status);

/* ---- container status ---- */

/* This agent's address, where no isolator gave another. */
static Mesos__V1__NetworkInfo **
own_network(const struct agent *agent, struct arena *arena, size_t *ret_count)
{
    Mesos__V1__NetworkInfo__IPAddress *address = arena_alloc(arena, sizeof(*address));
    Mesos__V1__NetworkInfo *network = arena_alloc(arena, sizeof(*network));
    Mesos__V1__NetworkInfo **networks = arena_alloc(arena, sizeof(*networks));
    mesos__v1__network_info__ipaddress__init(address);
    mesos__v1__network_info__init(network);
    address->ip_address = arena_strdup(arena, str_of(agent->ip));
    network->ip_addresses = arena_alloc(arena, sizeof(*network->ip_addresses));
    network->ip_addresses[0] = address;
    network->n_ip_addresses = 1;
    networks[0] = network;
    *ret_count = 1;
    return networks;
}

static void
container_status_keep(struct executor *executor, struct mesos_bytes answer)
{
    auto_arena struct arena *arena = arena_new(0);
    Mesos__V1__ContainerStatus *status =
        message_unpack(&mesos__v1__container_status__descriptor, str_n(answer.data, answer.len), arena, NULL);
    Mesos__V1__ContainerStatus empty = MESOS__V1__CONTAINER_STATUS__INIT;
    Mesos__V1__ContainerID id = MESOS__V1__CONTAINER_ID__INIT;
    if (!status)
        status = &empty;
    if (!status->container_id) {
        id.value = executor->container_id;
        status->container_id = &id;
    }
    if (!status->has_executor_pid && executor->pid > 0) {
        status->has_executor_pid = true;
        status->executor_pid = (uint32_t)executor->pid;
    }
    if (!status->n_network_infos)
        status->network_infos = own_network(executor->agent, arena, &status->n_network_infos);
    auto_buf struct buf bytes = {0};
    message_pack(&bytes, status);
    packed_set(&executor->container_status, buf_str(&bytes));
}

static void
waiting_take(struct waiting *waiting)
{
    struct executor *executor = waiting->executor;
    list_remove(&waiting->node);
    if (waiting->nested && !waiting->answered)
        host_call_forget(executor->agent->setup.host, waiting);
    update_take(executor->agent, executor->framework, executor, waiting->status);
    arena_free(waiting->arena);
    free(waiting);
}

/* In the order in which they came. */
static void
waiting_go_on(struct executor *executor)
{
    struct waiting *waiting;
    while ((waiting = list_first(&executor->waiting, struct waiting, node)) && waiting->answered)
        waiting_take(waiting);
}

void
executor_waiting_flush(struct executor *executor)
{
    struct waiting *waiting;
    while ((waiting = list_first(&executor->waiting, struct waiting, node)))
        waiting_take(waiting);
}

static void
on_container_status(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct executor *executor = arg;
    struct waiting *waiting;
    executor->status_asked = false;
    if (!status || status == -ENOTSUP || executor->pid > 0) {
        /* A containerizer that has nothing to say leaves what the agent knows itself. */
        container_status_keep(executor, status ? (struct mesos_bytes){0} : answer);
        executor->status_known = true;
    } else {
        log_warning("no status of container %s: %s", executor->container_id, error ? error : "unknown");
    }
    list_foreach (waiting, &executor->waiting, node)
        waiting->answered |= !waiting->nested;
    waiting_go_on(executor);
}

/* A container that is not there yet or no more adds nothing to what the executor says. */
static void
on_nested_status(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct waiting *waiting = arg;
    struct executor *executor = waiting->executor;
    Mesos__V1__ContainerStatus *told = waiting->status->container_status;
    Mesos__V1__ContainerStatus *found =
        status ? NULL
               : message_unpack(&mesos__v1__container_status__descriptor, str_n(answer.data, answer.len),
                                waiting->arena, NULL);
    (void)error;
    if (found) {
        Mesos__V1__ContainerID *id = told->container_id;
        *told = *found;
        told->container_id = id;
        if (!told->n_network_infos)
            told->network_infos = own_network(executor->agent, waiting->arena, &told->n_network_infos);
    }
    waiting->answered = true;
    waiting_go_on(executor);
}

static bool
is_nested(const struct executor *executor, const Mesos__V1__TaskStatus *status)
{
    const Mesos__V1__ContainerID *id = status->container_status ? status->container_status->container_id : NULL;
    if (!id || !id->parent)
        return false;
    while (id->parent)
        id = id->parent;
    return str_is(str_of(executor->container_id), id->value);
}

static void
ask_nested(struct executor *executor, struct waiting *waiting)
{
    auto_buf struct buf id = {0};
    container_id_text(waiting->status->container_status->container_id, &id);
    containerizer_status(executor->agent->setup.containerizers[executor->containerizer], buf_cstr(&id),
                         on_nested_status, waiting);
}

static void
wait_for_status(struct executor *executor, const Mesos__V1__TaskStatus *status)
{
    struct waiting *waiting = xcalloc(1, sizeof(*waiting));
    waiting->executor = executor;
    waiting->arena = arena_new(1024);
    waiting->status = message_dup(status, waiting->arena);
    waiting->nested = is_nested(executor, status);
    waiting->answered = !waiting->nested && executor->status_known;
    list_push(&executor->waiting, &waiting->node);
    if (waiting->nested) {
        ask_nested(executor, waiting);
        return;
    }
    if (executor->status_asked || executor->status_known)
        return;
    executor->status_asked = true;
    containerizer_status(executor->agent->setup.containerizers[executor->containerizer],
                         executor->container_id, on_container_status, executor);
}

void
executor_waiting_free(struct executor *executor)
{
    struct waiting *waiting, *tmp;
    list_foreach_safe (waiting, tmp, &executor->waiting, node) {
        list_remove(&waiting->node);
        host_call_forget(executor->agent->setup.host, waiting);
        arena_free(waiting->arena);
        free(waiting);
    }
}

/* Does the update wait for what the containerizer says, or behind one that does? */
static bool
must_wait(const struct executor *executor, const Mesos__V1__TaskStatus *status)
{
    if (!executor->in_container && !executor->launching)
        return false;
    return !executor->status_known || !list_empty(&executor->waiting) || is_nested(executor, status);
}

/* ---- in ---- */

void
agent_update(struct agent *agent, struct framework *framework, struct executor *executor,
             Mesos__V1__TaskStatus *status, bool from_executor)
{
    char empty[] = "";
    unsigned char uuid[UUID_BYTES];
    Mesos__V1__AgentID agent_id = MESOS__V1__AGENT_ID__INIT;
    Mesos__V1__ExecutorID executor_id = MESOS__V1__EXECUTOR_ID__INIT;
    agent_id.value = agent->id ? agent->id : empty;
    status->agent_id = &agent_id;
    if (executor) {
        executor_id.value = executor->id;
        status->executor_id = &executor_id;
    }
    if (!status->has_timestamp) {
        status->has_timestamp = true;
        status->timestamp = loop_wall_secs(agent->loop);
    }
    if (!status->has_uuid) {
        uuid_random(uuid);
        status->has_uuid = true;
        status->uuid.data = uuid;
        status->uuid.len = UUID_BYTES;
    }
    if (from_executor && must_wait(executor, status))
        wait_for_status(executor, status);
    else
        update_take(agent, framework, executor, status);
}

void
agent_update_limited(struct agent *agent, struct framework *framework, struct executor *executor,
                     struct str task_id, task_state state, task_reason reason, const char *message,
                     Mesos__V1__TaskResourceLimitation *limitation)
{
    Mesos__V1__TaskStatus status = MESOS__V1__TASK_STATUS__INIT;
    Mesos__V1__TaskID id = MESOS__V1__TASK_ID__INIT;
    auto_free char *id_text = str_dup(task_id), *message_text = xstrdup(message);
    id.value = id_text;
    status.task_id = &id;
    status.state = state;
    status.message = message_text;
    status.has_source = true;
    status.source = MESOS__V1__TASK_STATUS__SOURCE__SOURCE_AGENT;
    status.has_reason = true;
    status.reason = reason;
    status.limitation = limitation;
    agent_update(agent, framework, executor, &status, false);
}

void
agent_update_make(struct agent *agent, struct framework *framework, struct executor *executor,
                  struct str task_id, task_state state, task_reason reason, const char *message)
{
    agent_update_limited(agent, framework, executor, task_id, state, reason, message, NULL);
}

void
agent_update_drop(struct agent *agent, struct framework *framework, struct str executor_id,
                  struct str task_id, task_reason reason, const char *message)
{
    task_state state =
        framework->partition_aware ? MESOS__V1__TASK_STATE__TASK_DROPPED : MESOS__V1__TASK_STATE__TASK_LOST;
    log_warning("task %.*s of framework %s dropped (executor %.*s): %s", STR_ARG(task_id), framework->id,
                STR_ARG(executor_id), message);
    agent_update_make(agent, framework, NULL, task_id, state, reason, message);
}

static void
count_state(struct agent *agent, task_state state)
{
    switch (state) {
    case MESOS__V1__TASK_STATE__TASK_FINISHED:
        agent_count(agent, "slave/tasks_finished");
        break;
    case MESOS__V1__TASK_STATE__TASK_FAILED:
        agent_count(agent, "slave/tasks_failed");
        break;
    case MESOS__V1__TASK_STATE__TASK_KILLED:
        agent_count(agent, "slave/tasks_killed");
        break;
    case MESOS__V1__TASK_STATE__TASK_LOST:
    case MESOS__V1__TASK_STATE__TASK_DROPPED:
        agent_count(agent, "slave/tasks_lost");
        break;
    case MESOS__V1__TASK_STATE__TASK_GONE:
        agent_count(agent, "slave/tasks_gone");
        break;
    default:
        break;
    }
}

static void
update_pack(const struct framework *framework, const Mesos__V1__TaskStatus *status, struct buf *out)
{
    Mesos__Internal__StatusUpdate update = MESOS__INTERNAL__STATUS_UPDATE__INIT;
    Mesos__V1__FrameworkID framework_id = MESOS__V1__FRAMEWORK_ID__INIT;
    Mesos__V1__TaskStatus copy = *status;
    framework_id.value = framework->id;
    update.framework_id = &framework_id;
    update.executor_id = status->executor_id;
    update.slave_id = status->agent_id;
    update.status = &copy;
    update.timestamp = status->timestamp;
    update.has_uuid = true;
    update.uuid = status->uuid;
    message_pack(out, &update);
}

static void
on_shrunk(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    (void)arg;
    (void)answer;
    if (status && status != -ENOENT && status != -ENOTSUP && status != -ECANCELED)
        log_warning("cannot update a container's resources: %s", error ? error : strerror(-status));
}

/* A task that is over leaves room: an executor that goes on gets less. */
static void
shrink_container(struct executor *executor)
{
    if (executor->generated || executor->state != EXECUTOR_RUNNING || !executor->in_container)
        return;
    executor_tell_resources(executor, on_shrunk, NULL);
}

static void
update_take(struct agent *agent, struct framework *framework, struct executor *executor,
            Mesos__V1__TaskStatus *status)
{
    struct str task_id = str_of(status->task_id->value);
    struct task *task = executor ? map_get(&executor->tasks, task_id) : NULL;
    auto_arena struct arena *arena = NULL;
    bool terminal = task_state_terminal(status->state);
    drain_mark_status(framework, status);
    if (framework->terminating || (executor && !task)) {
        /* Nobody waits for it: the executor may forget it at once. */
        if (executor)
            executor_send_acknowledged(executor, task_id, status->uuid.data);
        if (task && terminal)
            task_move(task, TASK_COMPLETED);
        agent_count(agent, "slave/invalid_status_updates");
        return;
    }
    if (executor && executor->container_status.len && status->has_source &&
        status->source == MESOS__V1__TASK_STATUS__SOURCE__SOURCE_EXECUTOR && !status->container_status) {
        arena = arena_new(0);
        status->container_status = message_unpack(&mesos__v1__container_status__descriptor,
                                                  packed_str(&executor->container_status), arena, NULL);
    }
    Mesos__V1__ContainerID own_id = MESOS__V1__CONTAINER_ID__INIT;
    if (executor && status->container_status && !status->container_status->container_id) {
        own_id.value = executor->container_id;
        status->container_status->container_id = &own_id;
    }
    agent_count(agent, "slave/valid_status_updates");
    log_info("status update %s task=%.*s framework=%s", task_state_name(status->state), STR_ARG(task_id),
             framework->id);
    if (task && task->place != TASK_TERMINATED) {
        if (status->has_source && status->source == MESOS__V1__TASK_STATUS__SOURCE__SOURCE_EXECUTOR)
            checkpoint_task_taken(task);
        task_status_add(task, status);
        if (terminal) {
            count_state(agent, status->state);
            task_move(task, TASK_TERMINATED);
            shrink_container(executor);
        } else if (task->place == TASK_QUEUED) {
            task_move(task, TASK_LAUNCHED);
        }
    }
    auto_buf struct buf bytes = {0};
    auto_free char *path = task && executor->meta ? checkpoint_updates_path(executor, task->id) : NULL;
    update_pack(framework, status, &bytes);
    status_updates_add(agent->updates,
                       &(struct status_update){.framework_id = str_of(framework->id),
                                               .executor_id = str_of(executor ? executor->id : ""),
                                               .task_id = task_id,
                                               .bytes = buf_str(&bytes),
                                               .uuid = status->uuid.data,
                                               .terminal = terminal,
                                               .path = path});
}

/* ---- out: what the status update manager asks for ---- */

static struct executor *
sink_executor(struct agent *agent, struct str framework_id, struct str executor_id)
{
    struct framework *framework = framework_find(agent, framework_id);
    return framework && executor_id.len ? executor_find(framework, executor_id) : NULL;
}

/* Remembers what the master was told last; the state is for tasks that nobody here knows (any more). */
static task_state
task_told(struct task *task, struct str update)
{
    auto_arena struct arena *arena = arena_new(0);
    Mesos__Internal__StatusUpdate *message =
        message_unpack(&mesos__internal__status_update__descriptor, update, arena, NULL);
    if (task && message->uuid.len == UUID_BYTES) {
        task->told = true;
        task->told_state = message->status->state;
        memcpy(task->told_uuid, message->uuid.data, UUID_BYTES);
    }
    return message->status->state;
}

static void
sink_forward(void *arg, struct str framework_id, struct str executor_id, struct str task_id,
             struct str update)
{
    struct agent *agent = arg;
    struct executor *executor = sink_executor(agent, framework_id, executor_id);
    struct task *task = executor ? map_get(&executor->tasks, task_id) : NULL;
    auto_buf struct buf whole = {0}, body = {0};
    task_state told = task_told(task, update);
    buf_append_str(&whole, update);
    pb_uint(&whole, 7, (uint64_t)(task ? task->state : told));
    pb_bytes(&body, 1, buf_str(&whole));
    pb_text(&body, 2, agent->pid);
    agent_send_master_bytes(agent, "mesos.internal.StatusUpdateMessage", buf_str(&body));
}

static void
sink_stored(void *arg, struct str framework_id, struct str executor_id, struct str task_id,
            const unsigned char *uuid)
{
    struct executor *executor = sink_executor(arg, framework_id, executor_id);
    if (executor)
        executor_send_acknowledged(executor, task_id, uuid);
}

static void
sink_finished(void *arg, struct str framework_id, struct str executor_id, struct str task_id)
{
    struct executor *executor = sink_executor(arg, framework_id, executor_id);
    struct task *task = executor ? map_get(&executor->tasks, task_id) : NULL;
    if (task && task->place == TASK_TERMINATED)
        task_move(task, TASK_COMPLETED);
    if (executor)
        executor_settle(executor);
}

const struct status_updates_sink agent_updates_sink = {
    .forward = sink_forward,
    .stored = sink_stored,
    .finished = sink_finished,
};
