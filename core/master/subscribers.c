/* SPDX-License-Identifier: Apache-2.0 */
/* The operators' event stream. Which events there are and what is in them: golden exchanges. */
#include "master/subscribers.h"

#include <stdio.h>

#include "base/log.h"
#include "master/operator.h"
#include "wire/message.h"
#include "wire/recordio.h"

typedef Mesos__V1__Master__Event Event;

struct subscriber {
    struct list node; /* master->subscribers, oldest first */
    struct master *master;
    struct http_exchange *exchange;
    bool json;
    struct sight *sight; /* by the rules of that generation; NULL = all is seen */
    uint64_t generation;
    struct loop_timer heartbeat;
};

/* Fills the event that is open: its type and its member. */
typedef void write_fn(struct writer *writer, const void *arg);

static void
encode(struct buf *framed, bool json, write_fn *write, const void *arg)
{
    auto_buf struct buf event = {0};
    struct writer writer = writer_on(&event, json);
    writer_open(&writer);
    write(&writer, arg);
    writer_close(&writer);
    recordio_write(framed, buf_str(&event));
}

static void
send_one(struct subscriber *subscriber, write_fn *write, const void *arg)
{
    auto_buf struct buf framed = {0};
    encode(&framed, subscriber->json, write, arg);
    http_stream_write(subscriber->exchange, buf_str(&framed));
}

/* What the subscriber may see now: the rules may have changed since it came. */
static struct sight *
sight_now(struct subscriber *subscriber)
{
    struct master *master = subscriber->master;
    uint64_t generation = access_generation(master->daemon->access);
    if (subscriber->generation == generation)
        return subscriber->sight;
    sight_free(subscriber->sight);
    subscriber->sight = sight_of(master, subscriber->exchange);
    subscriber->generation = generation;
    return subscriber->sight;
}

typedef bool seen_fn(struct sight *sight, const void *subject);

/* To those who see the subject; seen NULL = to all. */
static void
send_all(struct master *master, write_fn *write, const void *arg, seen_fn *seen, const void *subject)
{
    auto_buf struct buf protobuf = {0};
    auto_buf struct buf json = {0};
    struct subscriber *subscriber;
    list_foreach (subscriber, &master->subscribers, node) {
        struct sight *sight = sight_now(subscriber);
        if (sight && seen && !seen(sight, subject))
            continue;
        struct buf *framed = subscriber->json ? &json : &protobuf;
        if (!framed->len)
            encode(framed, subscriber->json, write, arg);
        http_stream_write(subscriber->exchange, buf_str(framed));
    }
}

static void
write_type(struct writer *writer, Mesos__V1__Master__Event__Type type)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&mesos__v1__master__event__type__descriptor, (int)type);
    writer_enum(writer, 1, "type", (int)type, value->name);
}

static bool
sees_framework(struct sight *sight, const void *framework)
{
    return sight_framework(sight, framework);
}

static bool
sees_roles(struct sight *sight, const void *subject)
{
    (void)subject;
    return sight_roles(sight);
}

static bool
sees_task(struct sight *sight, const void *subject)
{
    const struct task *task = subject;
    return sight_framework(sight, task->framework) && sight_task(sight, task);
}

/* ---- who listens ---- */

static void
subscriber_free(struct subscriber *subscriber)
{
    subscriber->master->subscriber_count--;
    loop_timer_stop(&subscriber->heartbeat);
    sight_free(subscriber->sight);
    list_remove(&subscriber->node);
    free(subscriber);
}

static void
on_gone(struct http_exchange *exchange, void *arg)
{
    struct subscriber *subscriber = arg;
    (void)exchange;
    log_info("operator unsubscribed subscribers=%u", subscriber->master->subscriber_count - 1);
    subscriber_free(subscriber);
}

static void
write_heartbeat(struct writer *writer, const void *arg)
{
    (void)arg;
    write_type(writer, MESOS__V1__MASTER__EVENT__TYPE__HEARTBEAT);
}

static void
on_heartbeat(void *arg)
{
    struct subscriber *subscriber = arg;
    send_one(subscriber, write_heartbeat, NULL);
    loop_timer_start(&subscriber->heartbeat, HEARTBEAT_MS);
}

/* Event.Subscribed. */
static void
write_subscribed(struct writer *writer, struct master *master, struct sight *sight)
{
    write_type(writer, MESOS__V1__MASTER__EVENT__TYPE__SUBSCRIBED);
    writer_begin(writer, 2, "subscribed");
    writer_begin(writer, 1, "get_state");
    operator_write_state(writer, master, sight);
    writer_end(writer);
    writer_double(writer, 2, "heartbeat_interval_seconds", HEARTBEAT_MS / 1000);
    writer_end(writer);
}

/* The first record holds everything: it is made of pages. */
static void
send_subscribed(struct subscriber *subscriber)
{
    auto_rope struct rope rope = {0};
    struct writer writer = writer_on_rope(&rope, subscriber->json);
    char length[24];
    writer_open(&writer);
    write_subscribed(&writer, subscriber->master, sight_now(subscriber));
    writer_close(&writer);
    int len = snprintf(length, sizeof(length), "%zu\n", rope_len(&rope));
    rope_insert(&rope, 0, str_n(length, (size_t)len));
    http_stream_write_rope(subscriber->exchange, &rope);
}

static void
end_oldest(struct master *master)
{
    struct subscriber *oldest = list_first(&master->subscribers, struct subscriber, node);
    log_info("end the oldest of subscribers=%u: --max_operator_event_stream_subscribers", master->subscriber_count);
    http_exchange_on_gone(oldest->exchange, NULL, NULL);
    http_stream_end(oldest->exchange);
    subscriber_free(oldest);
}

void
subscribers_add(struct master *master, struct http_exchange *exchange, bool json)
{
    struct subscriber *subscriber = xcalloc(1, sizeof(*subscriber));
    subscriber->master = master;
    subscriber->exchange = exchange;
    subscriber->json = json;
    subscriber->generation = access_generation(master->daemon->access);
    subscriber->sight = sight_of(master, exchange);
    loop_timer_init(&subscriber->heartbeat, master->loop, on_heartbeat, subscriber);
    http_exchange_on_gone(exchange, on_gone, subscriber);
    http_stream_start(exchange, 200, NULL, 0, json ? "application/json" : "application/x-protobuf");
    send_subscribed(subscriber);
    list_push(&master->subscribers, &subscriber->node);
    master->subscriber_count++;
    log_info("operator subscribed subscribers=%u", master->subscriber_count);
    on_heartbeat(subscriber);
    while (master->subscriber_count > master->options->max_operator_event_stream_subscribers)
        end_oldest(master);
}

/* ---- tasks ---- */

static void
write_task_added(struct writer *writer, const void *arg)
{
    auto_buf struct buf packed = {0};
    task_pack(arg, &packed);
    write_type(writer, MESOS__V1__MASTER__EVENT__TYPE__TASK_ADDED);
    writer_begin(writer, 3, "task_added");
    writer_packed(writer, 1, "task", &mesos__v1__task__descriptor, buf_str(&packed));
    writer_end(writer);
}

void
subscribers_task_added(const struct task *task)
{
    if (!subscribers_none(task->framework->master))
        send_all(task->framework->master, write_task_added, task, sees_task, task);
}

static void
write_task_updated(struct writer *writer, const void *arg)
{
    write_type(writer, MESOS__V1__MASTER__EVENT__TYPE__TASK_UPDATED);
    writer_message(writer, 4, "task_updated", arg);
}

void
subscribers_task_updated(const struct task *task, const Mesos__V1__TaskStatus *status)
{
    if (subscribers_none(task->framework->master))
        return;
    Mesos__V1__Master__Event__TaskUpdated updated = MESOS__V1__MASTER__EVENT__TASK_UPDATED__INIT;
    Mesos__V1__TaskStatus shown = *status;
    shown.has_data = false; /* bytes for the scheduler alone */
    updated.framework_id = task->framework->info->id;
    updated.status = &shown;
    updated.state = (Mesos__V1__TaskState)task->state;
    send_all(task->framework->master, write_task_updated, &updated, sees_task, task);
}

/* ---- agents ---- */

/* An agent, as one sees it. */
struct seen_agent {
    const struct agent *agent;
    struct sight *sight;
};

static void
write_agent_added(struct writer *writer, const void *arg)
{
    const struct seen_agent *seen = arg;
    auto_arena struct arena *arena = arena_new(0);
    write_type(writer, MESOS__V1__MASTER__EVENT__TYPE__AGENT_ADDED);
    writer_begin(writer, 5, "agent_added");
    writer_message(writer, 1, "agent", operator_agent(seen->agent, seen->sight, arena));
    writer_end(writer);
}

void
subscribers_agent_added(const struct agent *agent)
{
    struct seen_agent whole = {agent, NULL};
    struct subscriber *subscriber;
    if (subscribers_none(agent->master))
        return;
    send_all(agent->master, write_agent_added, &whole, sees_roles, NULL);
    list_foreach (subscriber, &agent->master->subscribers, node) {
        struct seen_agent part = {agent, sight_now(subscriber)};
        if (!sight_roles(part.sight))
            send_one(subscriber, write_agent_added, &part);
    }
}

static void
write_agent_removed(struct writer *writer, const void *arg)
{
    const struct agent *agent = arg;
    Mesos__V1__AgentID id = MESOS__V1__AGENT_ID__INIT;
    id.value = agent->id;
    write_type(writer, MESOS__V1__MASTER__EVENT__TYPE__AGENT_REMOVED);
    writer_begin(writer, 6, "agent_removed");
    writer_message(writer, 1, "agent_id", &id);
    writer_end(writer);
}

void
subscribers_agent_removed(const struct agent *agent)
{
    if (!subscribers_none(agent->master))
        send_all(agent->master, write_agent_removed, agent, NULL, NULL);
}

/* ---- frameworks ---- */

static void
write_framework(struct writer *writer, const struct framework *framework)
{
    auto_arena struct arena *arena = arena_new(0);
    Mesos__V1__Master__Response__GetFrameworks__Framework *shown = operator_framework(framework, arena);
    shown->unregistered_time = operator_time(framework->unregistered_secs, arena);
    writer_message(writer, 1, "framework", shown);
}

static void
write_framework_added(struct writer *writer, const void *arg)
{
    write_type(writer, MESOS__V1__MASTER__EVENT__TYPE__FRAMEWORK_ADDED);
    writer_begin(writer, 7, "framework_added");
    write_framework(writer, arg);
    writer_end(writer);
}

void
subscribers_framework_added(const struct framework *framework)
{
    if (!subscribers_none(framework->master))
        send_all(framework->master, write_framework_added, framework, sees_framework, framework);
}

static void
write_framework_updated(struct writer *writer, const void *arg)
{
    write_type(writer, MESOS__V1__MASTER__EVENT__TYPE__FRAMEWORK_UPDATED);
    writer_begin(writer, 8, "framework_updated");
    write_framework(writer, arg);
    writer_end(writer);
}

void
subscribers_framework_updated(const struct framework *framework)
{
    if (!subscribers_none(framework->master))
        send_all(framework->master, write_framework_updated, framework, sees_framework, framework);
}

static void
write_framework_removed(struct writer *writer, const void *arg)
{
    const struct framework *framework = arg;
    write_type(writer, MESOS__V1__MASTER__EVENT__TYPE__FRAMEWORK_REMOVED);
    writer_begin(writer, 9, "framework_removed");
    writer_message(writer, 1, "framework_info", framework->info);
    writer_end(writer);
}

void
subscribers_framework_removed(const struct framework *framework)
{
    if (!subscribers_none(framework->master))
        send_all(framework->master, write_framework_removed, framework, sees_framework, framework);
}
