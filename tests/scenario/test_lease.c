/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A leader's lease that runs out without a word: no event says so, as after a stop of the whole process or with a ZooKeeper
 * that is out of reach. From that moment another master may lead, so nothing of this one may leave any more, over whatever
 * connection and whoever asks, and it ends. The double is an election whose lease the test sets.
 */
#include "lone_master.h"
#include "mesos/election.h"

enum { LEASE = 10 * 1000 };

static struct leased {
    const struct mesos_host *host;
    const struct mesos_election_events *events;
    int64_t until_ms;
} lease;

static int
leased_start(void *instance, const struct mesos_host *host)
{
    (void)instance;
    lease.host = host;
    return 0;
}

static void
leased_detect(void *instance, const struct mesos_election_events *events)
{
    (void)instance;
    lease.events = events;
}

static void
on_soon(void *arg)
{
    (void)arg;
    lease.events->elected(lease.events->arg);
}

static void
leased_contend(void *instance, struct mesos_bytes master_info)
{
    (void)instance;
    (void)master_info;
    lease.host->timer_start(lease.host, 1, on_soon, NULL);
}

static void
leased_withdraw(void *instance, struct mesos_call *answer)
{
    (void)instance;
    lease.host->reply(lease.host, answer, 0, (struct mesos_bytes){0});
}

static int64_t
leased_until_ms(void *instance)
{
    (void)instance;
    return lease.until_ms;
}

static const struct mesos_election_ops leased_ops = {
    .detect = leased_detect, .contend = leased_contend, .withdraw = leased_withdraw, .lease_until_ms = leased_until_ms};
static const struct mesos_module leased_module =
    MODULE_DOUBLE(MESOS_KIND_ELECTION, "leased", "leads until the test says otherwise",
                  leased_start, leased_ops);

static const struct mesos_module *const *
leased_modules(void)
{
    static const struct mesos_module *const modules[] = {&leased_module, NULL};
    return modules;
}

static bool
leads(void *arg)
{
    return master_leading(((struct world *)arg)->master);
}

/* A leader with an agent (ret_agent: its id), a framework on its stream and a running task, and LEASE ms before it. */
static struct world *
leader(const char **ret_agent)
{
    struct err err = {0};
    struct world *w = world_new();
    assert_int_equal(host_add_linked(w->host, leased_modules, "test", &err), 0);
    w->election = "leased";
    lease.until_ms = INT64_MAX;
    start_master(w);
    assert_true(loop_run_until(w->loop, leads, w, 1000));
    *ret_agent = admitted(w);
    subscribe(w, ",\"checkpoint\":true,\"failover_timeout\":3600", NULL);
    launch(w, "t1");
    agent_updates(w, *ret_agent, "t1", MESOS__V1__TASK_STATE__TASK_STARTING, UUID);
    assert_int_equal(told_times(w, EVENT(UPDATE)), 1);
    assert_int_equal(acknowledge(w, *ret_agent, "t1"), 202);
    lease.until_ms = lease.host->now_ms(lease.host) + LEASE;
    pass(w, LEASE - 100);
    agent_updates(w, *ret_agent, "t1", MESOS__V1__TASK_STATE__TASK_RUNNING, "fedcba9876543210"); /* what is said before its end is heard */
    assert_int_equal(told_times(w, EVENT(UPDATE)), 2);
    assert_string_equal(w->fatal, "");
    pass(w, 80); /* with what agent_updates took the end is there, and nothing to be said */
    assert_true(lease.host->now_ms(lease.host) == lease.until_ms);
    assert_string_equal(w->fatal, "");
    return w;
}

/* Nothing has left since, and nothing does in what follows; the master has said why it ends. */
static void
assert_silent(struct world *w, size_t writes, size_t events, size_t notes)
{
    pass(w, 45 * 1000); /* pings and heartbeats fall due; peers that take nothing are not yet cut off */
    assert_int_equal(w->master_writes, writes);
    assert_int_equal(w->event_count, events);
    assert_int_equal(w->note_count, notes);
    assert_non_null(strstr(w->fatal, "Lost leadership: the lease has run out"));
    assert_false(master_leading(w->master));
}

static void
test_what_falls_due(void **state)
{
    (void)state;
    const char *agent;
    struct world *w = leader(&agent);
    assert_silent(w, w->master_writes, w->event_count, w->note_count);
    world_free(w);
}

static void
test_an_update_for_a_scheduler(void **state)
{
    (void)state;
    const char *agent;
    struct world *w = leader(&agent);
    size_t writes = w->master_writes, events = w->event_count, notes = w->note_count;
    agent_updates(w, agent, "t1", MESOS__V1__TASK_STATE__TASK_FINISHED, "0011223344556677");
    assert_non_null(strstr(w->fatal, "Lost leadership: the lease has run out")); /* at once */
    assert_silent(w, writes, events, notes);
    world_free(w);
}

static void
test_calls_of_a_scheduler(void **state)
{
    (void)state;
    const char *agent;
    struct world *w = leader(&agent);
    size_t writes = w->master_writes, events = w->event_count, notes = w->note_count;
    assert_int_equal(call(w, "\"type\":\"KILL\",\"kill\":{\"task_id\":{\"value\":\"t1\"}}"), 0); /* no answer, no kill */
    assert_int_equal(call(w, "\"type\":\"RECONCILE\",\"reconcile\":{\"tasks\":[]}"), 0);
    assert_silent(w, writes, events, notes);
    world_free(w);
}

static void
test_a_poller_on_a_new_connection(void **state)
{
    (void)state;
    static const struct http_call_handler nobody = {0};
    const char *agent;
    struct world *w = leader(&agent);
    size_t writes = w->master_writes, events = w->event_count, notes = w->note_count;
    struct http_client *poller = http_client_new(w->loop, &w->master_at, "10.0.0.1:5050");
    http_client_send(poller, "GET", "/state", NULL, 0, (struct str){0}, 0, &nobody, NULL);
    assert_silent(w, writes, events, notes);
    http_client_free(poller);
    world_free(w);
}

static void
test_an_agent_that_comes(void **state)
{
    (void)state;
    const char *agent;
    struct world *w = leader(&agent);
    size_t writes = w->master_writes, events = w->event_count, notes = w->note_count;
    agent_registers(w, "slave(2)");
    agent_reregisters(w, "slave(1)", agent);
    assert_silent(w, writes, events, notes);
    world_free(w);
}

/* A store that began in time and ends too late: what waited for it is not told. */
static void
test_a_store_that_ends_too_late(void **state)
{
    (void)state;
    const char *agent;
    struct world *w = leader(&agent);
    lease.until_ms += 1000;
    registry.hold = true;
    agent_registers(w, "slave(2)");
    pass(w, 1000);
    assert_int_equal(registry.store_count, 1);
    size_t writes = w->master_writes, events = w->event_count, notes = w->note_count;
    registry_release(0);
    assert_silent(w, writes, events, notes);
    world_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_falls_due),
        cmocka_unit_test(test_an_update_for_a_scheduler),
        cmocka_unit_test(test_calls_of_a_scheduler),
        cmocka_unit_test(test_a_poller_on_a_new_connection),
        cmocka_unit_test(test_an_agent_that_comes),
        cmocka_unit_test(test_a_store_that_ends_too_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
