/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masters, agents and schedulers that go and come back: what each is told then. Most is told in two ways, to frameworks that
 * know partitions (TASK_UNREACHABLE, TASK_GONE...) and to the older ones, for whom every loss is TASK_LOST.
 */
#include <stdlib.h>

#include "lone_master.h"

#define STATE(name) MESOS__V1__TASK_STATE__TASK_##name
#define REASON(name) MESOS__V1__TASK_STATUS__REASON__REASON_##name
#define AWARE ",\"failover_timeout\":3600,\"checkpoint\":true"

enum { MINUTE = 60 * 1000, PARTITION = 100 * 1000 /* five pings and more */ };

/* ---- frameworks of both kinds ---- */

static void
subscribe_as(struct world *w, bool aware, const char *more, const char *id)
{
    auto_buf struct buf body = {0};
    buf_printf(&body, "%s", more);
    w->capabilities = aware ? ",{\"type\":\"PARTITION_AWARE\"}" : "";
    subscribe(w, buf_cstr(&body), id);
}

static Mesos__V1__TaskState
lost_as(bool aware, Mesos__V1__TaskState state)
{
    return aware ? state : STATE(LOST);
}

/* The last status of a task that came since `from`, or NULL. */
static const Mesos__V1__TaskStatus *
said_since(const struct world *w, const char *task_id, size_t from)
{
    for (size_t i = w->event_count; i-- > from;)
        if (w->events[i]->type == EVENT(UPDATE) &&
            strcmp(w->events[i]->update->status->task_id->value, task_id) == 0)
            return w->events[i]->update->status;
    return NULL;
}

static const Mesos__V1__TaskStatus *
said(const struct world *w, const char *task_id)
{
    const Mesos__V1__TaskStatus *status = said_since(w, task_id, 0);
    assert_non_null(status);
    assert_int_equal(status->source, MESOS__V1__TASK_STATUS__SOURCE__SOURCE_MASTER);
    assert_false(status->has_uuid); /* nobody waits for an acknowledgement */
    return status;
}

/* Asks about one task; NULL when there is no answer. agent_id NULL: without. */
static const Mesos__V1__TaskStatus *
reconciled(struct world *w, const char *task_id, const char *agent_id)
{
    auto_buf struct buf text = {0};
    size_t before = w->event_count;
    buf_printf(&text, "\"type\":\"RECONCILE\",\"reconcile\":{\"tasks\":[{\"task_id\":{\"value\":\"%s\"}", task_id);
    if (agent_id)
        buf_printf(&text, ",\"agent_id\":{\"value\":\"%s\"}", agent_id);
    buf_puts(&text, "}]}");
    assert_int_equal(call(w, buf_cstr(&text)), 202);
    const Mesos__V1__TaskStatus *status = said_since(w, task_id, before);
    if (status)
        assert_int_equal(status->reason, REASON(RECONCILIATION));
    return status;
}

static void
assert_reconciled(struct world *w, const char *task_id, const char *agent_id, Mesos__V1__TaskState state,
                  const char *message)
{
    const Mesos__V1__TaskStatus *status = reconciled(w, task_id, agent_id);
    assert_non_null(status);
    assert_int_equal(status->state, state);
    assert_string_equal(status->message, message);
}

static void
kill_task(struct world *w, const char *task_id)
{
    auto_buf struct buf text = {0};
    buf_printf(&text, "\"type\":\"KILL\",\"kill\":{\"task_id\":{\"value\":\"%s\"}}", task_id);
    assert_int_equal(call(w, buf_cstr(&text)), 202);
}

static void
leave(struct world *w)
{
    http_client_free(w->stream);
    w->stream = NULL;
    pass(w, 20);
}

/* ---- agents that come back ---- */

static Mesos__V1__Task *
running(struct world *w, const char *task_id, const char *agent_id, Mesos__V1__TaskState state)
{
    auto_buf struct buf json = {0};
    struct err err = {0};
    buf_printf(&json,
               "{\"name\":\"t\",\"task_id\":{\"value\":\"%s\"},\"framework_id\":{\"value\":\"%s\"},\"agent_id\":{\"value\":"
               "\"%s\"},\"state\":\"%s\",\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1},"
               "\"allocation_info\":{\"role\":\"*\"}}],\"status_update_state\":\"%s\",\"status_update_uuid\":"
               "\"MDEyMzQ1Njc4OWFiY2RlZg==\"}",
               task_id, w->framework_id, agent_id, state == STATE(RUNNING) ? "TASK_RUNNING" : "TASK_FINISHED",
               state == STATE(RUNNING) ? "TASK_RUNNING" : "TASK_FINISHED");
    Mesos__V1__Task *task = MESSAGE_FROM_JSON(Mesos__V1__Task, mesos__v1__task, buf_str(&json), w->arena, &err);
    assert_string_equal(err.text, "");
    return task;
}

/* What agents know of the framework that is subscribed, or was. */
static Mesos__V1__FrameworkInfo *
framework_info(struct world *w, bool aware, const char *more)
{
    auto_buf struct buf json = {0};
    struct err err = {0};
    buf_printf(&json,
               "{\"user\":\"root\",\"name\":\"fw\",\"roles\":[\"*\"],\"checkpoint\":true,\"id\":{\"value\":\"%s\"},"
               "\"capabilities\":[{\"type\":\"MULTI_ROLE\"}%s]%s}",
               w->framework_id, aware ? ",{\"type\":\"PARTITION_AWARE\"}" : "", more);
    Mesos__V1__FrameworkInfo *info =
        MESSAGE_FROM_JSON(Mesos__V1__FrameworkInfo, mesos__v1__framework_info, buf_str(&json), w->arena, &err);
    assert_string_equal(err.text, "");
    return info;
}

/* tasks: ids, NULL at the end. */
static void
agent_returns(struct world *w, const char *actor, const char *id, Mesos__V1__FrameworkInfo *framework,
              const char *const *tasks, Mesos__V1__TaskState state)
{
    char version[] = "1.11.0";
    Mesos__V1__Task *list[8];
    Mesos__Internal__ReregisterSlaveMessage message = MESOS__INTERNAL__REREGISTER_SLAVE_MESSAGE__INIT;
    message.slave = agent_info(w, id);
    message.version = version;
    message.n_frameworks = 1;
    message.frameworks = &framework;
    message.tasks = list;
    for (; *tasks; tasks++)
        list[message.n_tasks++] = running(w, *tasks, id, state);
    agent_says(w, actor, "mesos.internal.ReregisterSlaveMessage", &message);
    pass(w, 100);
}

static double
metric(struct world *w, const char *name)
{
    auto_free char *wanted = xasprintf("\"%s\":", name);
    const char *found = strstr(get(w, "/metrics/snapshot"), wanted);
    assert_non_null(found);
    pass(w, 2000); /* it is asked for twice a second at most */
    return strtod(found + strlen(wanted), NULL);
}

/* ---- a registry of a former master ---- */

struct entries {
    struct mesos_registry_entry list[8];
    struct buf values[8];
    char ids[8][80];
    size_t count;
};

static const char *
entry_of(struct entries *entries, enum mesos_registry_table table, const char *id, const void *message)
{
    size_t i = entries->count++;
    snprintf(entries->ids[i], 80, "%s", id);
    message_pack(&entries->values[i], message);
    entries->list[i] = (struct mesos_registry_entry){sizeof(entries->list[i]), table,
                                                     {entries->ids[i], strlen(entries->ids[i])},
                                                     {buf_data(&entries->values[i]), entries->values[i].len}};
    registry.recovered = entries->list;
    registry.recovered_count = entries->count;
    return entries->ids[i];
}

static const char *
was_admitted(struct world *w, struct entries *entries, const char *id)
{
    Mesos__Internal__Registry__Slave slave = MESOS__INTERNAL__REGISTRY__SLAVE__INIT;
    slave.info = agent_info(w, id);
    return entry_of(entries, MESOS_REGISTRY_ADMITTED, id, &slave);
}

static const char *
was_lost(struct entries *entries, enum mesos_registry_table table, const char *id, int64_t since_ns)
{
    /* Gone and unreachable agents are written alike. */
    Mesos__Internal__Registry__UnreachableSlave slave = MESOS__INTERNAL__REGISTRY__UNREACHABLE_SLAVE__INIT;
    Mesos__V1__AgentID agent_id = MESOS__V1__AGENT_ID__INIT;
    Mesos__V1__TimeInfo since = MESOS__V1__TIME_INFO__INIT;
    auto_free char *text = xstrdup(id);
    agent_id.value = text;
    since.nanoseconds = since_ns;
    slave.id = &agent_id;
    slave.timestamp = &since;
    return entry_of(entries, table, id, &slave);
}

static void
entries_fini(struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        buf_fini(&entries->values[i]);
}

static const char *const nothing[] = {NULL};
static const char *const one_task[] = {"t1", NULL};

/* ---- the scenarios ---- */

static void
every_answer(bool aware)
{
    struct world *w = world_new();
    struct entries entries = {0};
    const char *awaited = was_admitted(w, &entries, "former-S1");
    const char *unreachable = was_lost(&entries, MESOS_REGISTRY_UNREACHABLE, "former-S2", 5000000000);
    const char *gone = was_lost(&entries, MESOS_REGISTRY_GONE, "former-S3", 6000000000);
    start_master(w);
    pass(w, 100);
    const char *agent = admitted(w);
    subscribe_as(w, aware, AWARE, NULL);
    launch(w, "t1");
    assert_reconciled(w, "t1", NULL, STATE(STAGING), "Reconciliation: Latest task state");
    agent_updates(w, agent, "t1", STATE(RUNNING), UUID);
    assert_reconciled(w, "t1", agent, STATE(RUNNING), "Reconciliation: Latest task state");
    assert_reconciled(w, "t1", unreachable, STATE(RUNNING), "Reconciliation: Latest task state");
    /* Nobody knows yet what an agent brings that is still awaited. */
    assert_null(reconciled(w, "x", awaited));
    assert_null(reconciled(w, "x", NULL));
    assert_reconciled(w, "x", agent, lost_as(aware, STATE(GONE)), "Reconciliation: Task is unknown to the agent");
    assert_reconciled(w, "x", unreachable, lost_as(aware, STATE(UNREACHABLE)), "Reconciliation: Task is unreachable");
    assert_int_equal(said(w, "x")->unreachable_time->nanoseconds, 5000000000);
    assert_reconciled(w, "x", gone, lost_as(aware, STATE(GONE_BY_OPERATOR)), "Reconciliation: Task is gone");
    assert_reconciled(w, "x", "nobody-S0", lost_as(aware, STATE(UNKNOWN)), "Reconciliation: Task is unknown");
    agent_returns(w, "slave(2)", awaited, framework_info(w, aware, ""), nothing, STATE(RUNNING));
    assert_reconciled(w, "x", awaited, lost_as(aware, STATE(GONE)), "Reconciliation: Task is unknown to the agent");
    assert_reconciled(w, "x", NULL, lost_as(aware, STATE(UNKNOWN)), "Reconciliation: Task is unknown");
    size_t before = w->event_count;
    assert_int_equal(call(w, "\"type\":\"RECONCILE\",\"reconcile\":{}"), 202);
    assert_int_equal(said_since(w, "t1", before)->state, STATE(RUNNING));
    assert_null(said_since(w, "x", before));
    world_free(w);
    entries_fini(&entries);
}

static void
test_every_answer_to_reconciliation(void **state)
{
    (void)state;
    every_answer(true);
    every_answer(false);
}

static void
a_partition(bool aware)
{
    struct world *w = world_leading();
    const char *agent = admitted(w);
    subscribe_as(w, aware, AWARE, NULL);
    launch(w, "t1");
    agent_updates(w, agent, "t1", STATE(RUNNING), UUID);
    agent_returns(w, "slave(1)", agent, framework_info(w, aware, ""), (const char *const[]){"t1", "t2", NULL},
                  STATE(RUNNING)); /* t2 came from elsewhere; it counts from now on */
    w->silent = true;
    pass(w, PARTITION);
    for (const char *const *task = (const char *const[]){"t1", "t2", NULL}; *task; task++) {
        assert_int_equal(said(w, *task)->state, lost_as(aware, STATE(UNREACHABLE)));
        assert_int_equal(said(w, *task)->reason, REASON(AGENT_REMOVED));
        assert_non_null(said(w, *task)->unreachable_time);
        /* Asked about with and without its agent, and by a wish to kill it. */
        assert_reconciled(w, *task, agent, lost_as(aware, STATE(UNREACHABLE)), "Reconciliation: Task is unreachable");
        assert_reconciled(w, *task, NULL, lost_as(aware, STATE(UNREACHABLE)), "Reconciliation: Task is unreachable");
        assert_string_equal(said(w, *task)->agent_id->value, agent);
        size_t before = w->event_count;
        kill_task(w, *task);
        assert_int_equal(said_since(w, *task, before)->state, lost_as(aware, STATE(UNREACHABLE)));
    }
    assert_true(metric(w, "master/slave_unreachable_scheduled") == 1);
    assert_true(metric(w, "master/slave_unreachable_completed") == 1);
    assert_true(metric(w, "master/slave_removals/reason_unhealthy") == 1);
    assert_true(metric(w, "master/slaves_unreachable") == 1);
    assert_true(metric(w, "master/tasks_unreachable") == (aware ? 2 : 0));
    assert_true(metric(w, "master/tasks_lost") == (aware ? 0 : 2));
    /* It comes back with one of the two. */
    w->silent = false;
    size_t before = w->event_count;
    agent_returns(w, "slave(1)", agent, framework_info(w, aware, ""), one_task, STATE(RUNNING));
    const Mesos__V1__TaskStatus *back = said_since(w, "t1", before), *missing = said_since(w, "t2", before);
    assert_int_equal(back->state, STATE(RUNNING));
    assert_int_equal(back->reason, REASON(AGENT_REREGISTERED));
    assert_string_equal(back->message, "Unreachable agent re-reregistered");
    assert_null(heard(w, "KillTaskMessage"));
    if (aware)
        assert_int_equal(missing->state, STATE(GONE));
    else
        assert_null(missing); /* it was told that it is lost, and so it is */
    assert_reconciled(w, "t2", NULL, lost_as(aware, STATE(UNKNOWN)), "Reconciliation: Task is unknown");
    assert_reconciled(w, "t2", agent, lost_as(aware, STATE(GONE)), "Reconciliation: Task is unknown to the agent");
    assert_non_null(strstr(get(w, "/state"), "\"unreachable_tasks\":[]"));
    assert_true(metric(w, "master/tasks_unreachable") == 0);
    assert_true(metric(w, "master/tasks_running") == 1);
    assert_true(metric(w, "master/slaves_unreachable") == 0);
    world_free(w);
}

static void
test_an_unreachable_agent_comes_back(void **state)
{
    (void)state;
    a_partition(true);
    a_partition(false);
}

static void
agent_unregisters(struct world *w, const char *actor, const char *id)
{
    Mesos__Internal__UnregisterSlaveMessage message = MESOS__INTERNAL__UNREGISTER_SLAVE_MESSAGE__INIT;
    Mesos__V1__AgentID agent_id = MESOS__V1__AGENT_ID__INIT;
    auto_free char *text = xstrdup(id);
    agent_id.value = text;
    message.slave_id = &agent_id;
    agent_says(w, actor, "mesos.internal.UnregisterSlaveMessage", &message);
    pass(w, 100);
}

static void
a_farewell(bool aware)
{
    struct world *w = world_leading();
    const char *agent = admitted(w);
    subscribe_as(w, aware, AWARE, NULL);
    launch(w, "t1");
    agent_updates(w, agent, "t1", STATE(RUNNING), UUID);
    agent_unregisters(w, "slave(2)", agent); /* not its own address */
    assert_null(told(w, EVENT(FAILURE)));
    agent_unregisters(w, "slave(1)", agent);
    assert_int_equal(said(w, "t1")->state, lost_as(aware, STATE(GONE)));
    assert_string_equal(said(w, "t1")->message, "Agent agent1.example removed: the agent unregistered");
    assert_string_equal(told(w, EVENT(FAILURE))->failure->agent_id->value, agent);
    assert_true(metric(w, "master/slave_removals/reason_unregistered") == 1);
    assert_true(metric(w, aware ? "master/tasks_gone" : "master/tasks_lost") == 1);
    assert_reconciled(w, "t1", agent, lost_as(aware, STATE(UNKNOWN)), "Reconciliation: Task is unknown");
    /* It is back all the same, with the task. What was said to be gone must go; what was only lost is found again. */
    size_t before = w->event_count;
    agent_returns(w, "slave(1)", agent, framework_info(w, aware, ""), one_task, STATE(RUNNING));
    assert_int_equal(heard_times(w, "KillTaskMessage"), aware ? 1 : 0);
    if (aware) {
        assert_null(said_since(w, "t1", before));
    } else {
        assert_int_equal(said_since(w, "t1", before)->state, STATE(RUNNING));
        assert_string_equal(said_since(w, "t1", before)->message, "Unknown agent reregistered");
    }
    assert_non_null(strstr(get(w, "/state"), "\"completed_tasks\":[]")); /* no task is both over and running */
    world_free(w);
}

static void
test_an_agent_leaves_for_good(void **state)
{
    (void)state;
    a_farewell(true);
    a_farewell(false);
}

static void
test_another_agent_at_the_same_address(void **state)
{
    (void)state;
    struct world *w = world_leading();
    const char *agent = admitted(w);
    subscribe_as(w, true, AWARE, NULL);
    launch(w, "t1");
    agent_returns(w, "slave(1)", "other-S9", framework_info(w, true, ""), nothing, STATE(RUNNING));
    assert_int_equal(said(w, "t1")->state, STATE(GONE));
    assert_string_equal(said(w, "t1")->agent_id->value, agent);
    assert_non_null(heard(w, "SlaveReregisteredMessage"));
    assert_non_null(strstr(get(w, "/slaves"), "\"id\":\"other-S9\""));
    assert_null(strstr(get(w, "/slaves"), agent));
    world_free(w);
}

static void
test_a_kill_that_was_lost_is_said_again(void **state)
{
    (void)state;
    struct world *w = world_leading();
    const char *agent = admitted(w);
    subscribe_as(w, true, AWARE, NULL);
    launch(w, "t1");
    agent_updates(w, agent, "t1", STATE(RUNNING), UUID);
    kill_task(w, "t1");
    assert_int_equal(heard_times(w, "KillTaskMessage"), 1);
    agent_returns(w, "slave(1)", agent, framework_info(w, true, ""), one_task, STATE(RUNNING));
    assert_int_equal(heard_times(w, "KillTaskMessage"), 2);
    agent_returns(w, "slave(1)", agent, framework_info(w, true, ""), one_task, STATE(FINISHED)); /* too late */
    agent_updates(w, agent, "t1", STATE(FINISHED), UUID);
    agent_returns(w, "slave(1)", agent, framework_info(w, true, ""), one_task, STATE(FINISHED));
    assert_int_equal(heard_times(w, "SlaveReregisteredMessage"), 3); /* each time it asks */
    assert_in_range(heard_times(w, "KillTaskMessage"), 2, 3);
    world_free(w);
}

static void
test_an_acknowledged_end_is_not_told_again(void **state)
{
    (void)state;
    struct world *w = world_leading();
    const char *agent = admitted(w);
    subscribe_as(w, true, AWARE, NULL);
    launch(w, "t1");
    agent_updates(w, agent, "t1", STATE(FINISHED), UUID);
    assert_int_equal(acknowledge(w, agent, "t1"), 202);
    size_t updates = told_times(w, EVENT(UPDATE)), answers = heard_times(w, "StatusUpdateAcknowledgementMessage");
    /* The acknowledgement got lost: the agent comes back with a task that waits for it. */
    agent_returns(w, "slave(1)", agent, framework_info(w, true, ""), one_task, STATE(FINISHED));
    assert_non_null(strstr(get(w, "/state"), "\"tasks\":[]"));
    agent_updates(w, agent, "t1", STATE(FINISHED), UUID);
    assert_int_equal(told_times(w, EVENT(UPDATE)), updates);
    assert_int_equal(heard_times(w, "StatusUpdateAcknowledgementMessage"), answers + 1);
    world_free(w);
}

static void
test_an_id_that_a_live_agent_uses(void **state)
{
    (void)state;
    struct world *w = world_leading();
    const char *agent = admitted(w);
    agent_reregisters(w, "slave(2)", agent);
    pass(w, 1000);
    assert_null(heard(w, "SlaveReregisteredMessage"));
    assert_null(heard(w, "ShutdownMessage")); /* who is right is not for us to say */
    assert_non_null(strstr(get(w, "/slaves"), "slave(1)@10.0.0.2:5051"));
    /* The first does not answer any more: the second is heard. */
    w->silent = true;
    pass(w, 35 * 1000);
    w->silent = false;
    agent_reregisters(w, "slave(2)", agent);
    pass(w, 1000);
    assert_string_equal(heard(w, "SlaveReregisteredMessage")->to, "slave(2)");
    assert_non_null(strstr(get(w, "/slaves"), "slave(2)@10.0.0.2:5051"));
    world_free(w);
}

/* A master that knows one agent from its registry, and the agent back with a task of a framework that only it knows. */
static struct world *
after_failover(struct entries *entries, const char *more)
{
    struct world *w = world_new();
    const char *agent = was_admitted(w, entries, "former-S1");
    start_master(w);
    pass(w, 100);
    snprintf(w->framework_id, sizeof(w->framework_id), "former-0000");
    agent_returns(w, "slave(1)", agent, framework_info(w, true, more), one_task, STATE(RUNNING));
    assert_non_null(heard(w, "SlaveReregisteredMessage"));
    return w;
}

static void
test_a_framework_that_only_agents_know(void **state)
{
    (void)state;
    struct entries entries = {0};
    struct world *w = after_failover(&entries, ",\"failover_timeout\":60");
    assert_int_equal(registry.written_count, 1); /* of the master; the agent is as the registry has it */
    const char *shown = get(w, "/frameworks");
    assert_non_null(strstr(shown, "\"recovered\":true"));
    assert_non_null(strstr(shown, "\"connected\":false"));
    assert_non_null(strstr(shown, "\"failover_timeout\":60"));
    assert_non_null(strstr(shown, "\"id\":\"t1\""));
    assert_non_null(strstr(get(w, "/state"), "\"recovered\":true"));
    assert_true(metric(w, "master/frameworks_disconnected") == 1);
    assert_true(metric(w, "master/frameworks_inactive") == 1);
    assert_true(metric(w, "master/recovery_slave_removals") == 0);
    /* Its time begins when everybody has had theirs to come back, and then passes. */
    pass(w, 10 * MINUTE + 45 * 1000);
    assert_null(heard(w, "ShutdownFrameworkMessage"));
    pass(w, 20 * 1000);
    assert_non_null(heard(w, "ShutdownFrameworkMessage"));
    assert_non_null(strstr(get(w, "/frameworks"), "\"frameworks\":[]"));
    subscribe_as(w, true, "", "former-0000");
    assert_string_equal(told(w, EVENT(ERROR))->error->message, "Framework has been removed");
    world_free(w);
    entries_fini(&entries);
}

static void
test_a_recovered_framework_subscribes(void **state)
{
    (void)state;
    struct entries entries = {0};
    struct world *w = after_failover(&entries, ",\"failover_timeout\":60");
    pass(w, 5 * MINUTE);
    subscribe_as(w, true, ",\"failover_timeout\":60,\"checkpoint\":true", "former-0000");
    assert_string_equal(w->framework_id, "former-0000");
    assert_non_null(strstr(get(w, "/frameworks"), "\"recovered\":false"));
    assert_non_null(heard(w, "UpdateFrameworkMessage"));
    assert_int_equal(reconciled(w, "t1", NULL)->state, STATE(RUNNING));
    pass(w, 20 * MINUTE); /* connected: nothing ends */
    assert_null(heard(w, "ShutdownFrameworkMessage"));
    leave(w);
    pass(w, 58 * 1000);
    assert_null(heard(w, "ShutdownFrameworkMessage"));
    pass(w, 3 * 1000);
    assert_non_null(heard(w, "ShutdownFrameworkMessage"));
    world_free(w);
    entries_fini(&entries);
}

static void
test_odd_frameworks_of_agents(void **state)
{
    (void)state;
    static const char *const odd[] = {",\"role\":\"web\"", ",\"failover_timeout\":1e300",
                                      ",\"capabilities\":[{\"type\":\"MULTI_ROLE\"}]"};
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        struct entries entries = {0};
        struct world *w = after_failover(&entries, odd[i]);
        /* Two that no scheduler could have brought are left out with their tasks, the third is as good as any. */
        if (i < 2)
            assert_null(strstr(get(w, "/frameworks"), "former-0000"));
        else
            assert_non_null(strstr(get(w, "/frameworks"), "former-0000"));
        assert_string_equal(w->fatal, "");
        world_free(w);
        entries_fini(&entries);
    }
}

static void
test_failover_timeouts_of_nothing_and_less(void **state)
{
    (void)state;
    static const char *const odd[] = {"", ",\"failover_timeout\":0", ",\"failover_timeout\":-7"};
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        struct world *w = world_leading();
        admitted(w);
        subscribe_as(w, true, odd[i], NULL);
        launch(w, "t1");
        leave(w);
        pass(w, 1000);
        assert_non_null(heard(w, "ShutdownFrameworkMessage"));
        assert_non_null(strstr(get(w, "/frameworks"), "\"frameworks\":[]"));
        world_free(w);
    }
}

static void
test_a_framework_ends_while_its_agent_is_away(void **state)
{
    (void)state;
    struct world *w = world_leading();
    const char *agent = admitted(w);
    subscribe_as(w, true, AWARE, NULL);
    Mesos__V1__FrameworkInfo *info = framework_info(w, true, "");
    launch(w, "t1");
    agent_updates(w, agent, "t1", STATE(RUNNING), UUID);
    w->silent = true;
    pass(w, PARTITION);
    assert_int_equal(call(w, "\"type\":\"TEARDOWN\""), 202);
    assert_true(metric(w, "master/tasks_unreachable") == 0);
    assert_true(metric(w, "master/tasks_killed") == 1);
    assert_null(heard(w, "ShutdownFrameworkMessage"));
    w->silent = false;
    agent_returns(w, "slave(1)", agent, info, one_task, STATE(RUNNING));
    assert_non_null(heard(w, "SlaveReregisteredMessage"));
    assert_int_equal(heard_times(w, "ShutdownFrameworkMessage"), 1);
    assert_non_null(strstr(get(w, "/state"), "\"frameworks\":[],"));
    assert_true(metric(w, "master/tasks_running") == 0);
    world_free(w);
}

static void
test_agents_awaited_in_vain_go_one_after_the_other(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct entries entries = {0};
    was_admitted(w, &entries, "former-S1");
    was_admitted(w, &entries, "former-S2");
    const char *last = was_admitted(w, &entries, "former-S3");
    w->options.agent_removal_rate_count = 1;
    w->options.agent_removal_rate_ns = MINS(5);
    start_master(w);
    pass(w, 100);
    subscribe_as(w, true, AWARE, NULL);
    pass(w, 9 * MINUTE);
    assert_null(told(w, EVENT(FAILURE)));
    pass(w, 2 * MINUTE);
    assert_int_equal(told_times(w, EVENT(FAILURE)), 1);
    assert_true(metric(w, "master/slave_unreachable_scheduled") == 3);
    pass(w, 5 * MINUTE);
    assert_int_equal(told_times(w, EVENT(FAILURE)), 2);
    agent_returns(w, "slave(1)", last, framework_info(w, true, ""), nothing, STATE(RUNNING));
    pass(w, 20 * MINUTE);
    assert_int_equal(told_times(w, EVENT(FAILURE)), 2);
    assert_true(metric(w, "master/slave_unreachable_completed") == 2);
    assert_true(metric(w, "master/slave_unreachable_canceled") == 1);
    assert_true(metric(w, "master/recovery_slave_removals") == 2);
    assert_true(metric(w, "master/slave_removals/reason_unhealthy") == 2);
    assert_true(metric(w, "master/slaves_unreachable") == 2);
    world_free(w);
    entries_fini(&entries);
}

/* An agent that comes back changed is written before it shows; its time may end meanwhile, and that does not count. */
static void
test_a_changed_agent_comes_back_as_its_time_ends(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct entries entries = {0};
    Mesos__Internal__Registry__Slave slave = MESOS__INTERNAL__REGISTRY__SLAVE__INIT;
    slave.info = agent_info(w, "former-S1");
    slave.info->hostname = arena_strdup(w->arena, STR_LIT("a.former.name"));
    entry_of(&entries, MESOS_REGISTRY_ADMITTED, "former-S1", &slave);
    start_master(w);
    pass(w, 100);
    subscribe_as(w, true, AWARE, NULL);
    pass(w, 599 * 1000);
    size_t written = registry.written_count;
    registry.hold = true;
    agent_reregisters(w, "slave(1)", "former-S1");
    pass(w, 10 * 1000);
    assert_null(heard(w, "SlaveReregisteredMessage"));
    registry_release(0);
    pass(w, 100);
    assert_non_null(heard(w, "SlaveReregisteredMessage"));
    pass(w, 30 * MINUTE);
    assert_null(told(w, EVENT(FAILURE)));
    assert_int_equal(registry.written_count, written + 1);
    assert_int_equal(registry.written[written].table, MESOS_REGISTRY_ADMITTED);
    assert_false(registry.written[written].removed);
    world_free(w);
    entries_fini(&entries);
}

#define RECORDED_MESSAGE(Type, type, raw, name)                                                                            \
    MESSAGE_UNPACK(Type, type, recorded_body(raw, "02c-v1-scheduler-rescind-failure-unreachable/" name), w->arena, NULL)

/* A recorded agent comes back to a master that lists it as unreachable: the answers are those that Mesos gave, and the
 * framework hears what Mesos told it. */
static void
test_the_recorded_return(void **state)
{
    (void)state;
    static const char agent[] = "62133685-43a4-4a1b-9290-6fd13a34d57e-S0";
    struct world *w = world_new();
    struct entries entries = {0};
    struct upid to = {.id = "master", .address = w->master_at};
    auto_buf struct buf raw = {0}, raw2 = {0}, raw3 = {0};
    was_lost(&entries, MESOS_REGISTRY_UNREACHABLE, agent, 5000000000);
    w->options.agent_ping_timeout_ns = SECS(2);
    w->options.max_agent_ping_timeouts = 2;
    start_master(w);
    pass(w, 100);
    w->capabilities = ",{\"type\":\"PARTITION_AWARE\"},{\"type\":\"TASK_KILLING_STATE\"}";
    subscribe(w, ",\"failover_timeout\":600,\"checkpoint\":true", "62133685-43a4-4a1b-9290-6fd13a34d57e-0000");
    libprocess_send(w->agents, "slave(1)", &to, "mesos.internal.ReregisterSlaveMessage",
                    recorded_body(&raw, "02c-v1-scheduler-rescind-failure-unreachable/"
                                        "017-agent1-master-ReregisterSlaveMessage.req"));
    pass(w, 100);
    const struct note *note = heard(w, "SlaveReregisteredMessage");
    assert_non_null(note);
    assert_same_bytes(&MESSAGE_UNPACK(Mesos__Internal__SlaveReregisteredMessage,
                                      mesos__internal__slave_reregistered_message, str_n(note->body, note->len),
                                      w->arena, NULL)->base,
                      &RECORDED_MESSAGE(Mesos__Internal__SlaveReregisteredMessage,
                                        mesos__internal__slave_reregistered_message, &raw2,
                                        "018-master-agent1-SlaveReregisteredMessage.req")->base);
    note = heard(w, "UpdateFrameworkMessage");
    assert_non_null(note);
    assert_int_equal(heard_times(w, "UpdateFrameworkMessage"), 1); /* nobody came for the other one yet */
    Mesos__Internal__UpdateFrameworkMessage *ours =
        MESSAGE_UNPACK(Mesos__Internal__UpdateFrameworkMessage, mesos__internal__update_framework_message,
                       str_n(note->body, note->len), w->arena, NULL);
    Mesos__Internal__UpdateFrameworkMessage *theirs =
        RECORDED_MESSAGE(Mesos__Internal__UpdateFrameworkMessage, mesos__internal__update_framework_message, &raw3,
                         "019-master-agent1-UpdateFrameworkMessage.req");
    assert_string_equal(theirs->framework_info->name, "fw-aware");
    theirs->framework_info->name = ours->framework_info->name;
    assert_same_bytes(&ours->base, &theirs->base);
    const Mesos__V1__TaskStatus *status = said(w, "aware");
    assert_int_equal(status->state, STATE(RUNNING));
    assert_int_equal(status->reason, REASON(AGENT_REREGISTERED));
    assert_string_equal(status->message, "Unreachable agent re-reregistered");
    assert_string_equal(status->agent_id->value, agent);
    assert_null(status->executor_id);
    assert_string_equal(status->container_status->container_id->value, "b8160fc4-ce3d-4839-98de-98aeb1a5530c");
    assert_int_equal(status->container_status->executor_pid, 9859);
    world_free(w);
    entries_fini(&entries);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_answer_to_reconciliation),
        cmocka_unit_test(test_an_unreachable_agent_comes_back),
        cmocka_unit_test(test_an_agent_leaves_for_good),
        cmocka_unit_test(test_another_agent_at_the_same_address),
        cmocka_unit_test(test_a_kill_that_was_lost_is_said_again),
        cmocka_unit_test(test_an_acknowledged_end_is_not_told_again),
        cmocka_unit_test(test_an_id_that_a_live_agent_uses),
        cmocka_unit_test(test_a_framework_that_only_agents_know),
        cmocka_unit_test(test_a_recovered_framework_subscribes),
        cmocka_unit_test(test_odd_frameworks_of_agents),
        cmocka_unit_test(test_failover_timeouts_of_nothing_and_less),
        cmocka_unit_test(test_a_framework_ends_while_its_agent_is_away),
        cmocka_unit_test(test_agents_awaited_in_vain_go_one_after_the_other),
        cmocka_unit_test(test_a_changed_agent_comes_back_as_its_time_ends),
        cmocka_unit_test(test_the_recorded_return),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
