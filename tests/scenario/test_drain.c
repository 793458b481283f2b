/* SPDX-License-Identifier: Apache-2.0 */
/* Operators' orders on an agent, in a cluster whose messages are lost, whose daemons restart and whose time passes. */
#include "cluster.h"

#include <stdio.h>
#include <string.h>

#include "mesos/v1/master/master.pb-c.h"
#include "wire/message.h"

typedef Mesos__V1__Master__Response__GetAgents__Agent Shown;

/* One operator's call over a connection of its own. */
struct order {
    struct http_client *client;
    struct arena *arena;
    int status;
    char text[256];
    Mesos__V1__Master__Response *answer;
};

static void
on_answer(const struct http_response *response, void *arg)
{
    struct order *order = arg;
    order->status = response->status;
    snprintf(order->text, sizeof(order->text), "%.*s", STR_ARG(buf_str(response->body)));
    if (response->status == 200 && response->body->len)
        order->answer = MESSAGE_UNPACK(Mesos__V1__Master__Response, mesos__v1__master__response, buf_str(response->body),
                                       order->arena, NULL);
}

static void
on_error(const struct err *err, void *arg)
{
    ((struct order *)arg)->status = -1;
}

static void
order_send(struct cluster *c, struct order *order, const char *body)
{
    static const struct http_call_handler handler = {.on_response = on_answer, .on_error = on_error};
    const struct http_header headers[] = {{STR_LIT("Content-Type"), STR_LIT("application/json")},
                                          {STR_LIT("Accept"), STR_LIT("application/x-protobuf")}};
    *order = (struct order){.arena = c->arena};
    order->client = http_client_new(c->loop, &c->master_at, "master");
    c->connecting++;
    http_client_send(order->client, "POST", "/api/v1", headers, 2, str_of(body), 0, &handler, order);
}

/* {"type":"DRAIN_AGENT","drain_agent":{"agent_id":{...}<more>}} */
static void
order_agent(struct cluster *c, struct order *order, const char *type, const char *member, const char *more)
{
    auto_buf struct buf body = {0};
    buf_printf(&body, "{\"type\":\"%s\",\"%s\":{\"agent_id\":{\"value\":\"%s\"}%s}}", type, member, c->agent_id, more);
    order_send(c, order, buf_cstr(&body));
}

static bool
has_answer(void *arg)
{
    return ((struct order *)arg)->status != 0;
}

static void
order_end(struct cluster *c, struct order *order, int status, const char *text)
{
    assert_true(loop_run_until(c->loop, has_answer, order, MINUTE));
    assert_string_equal(order->text, text);
    assert_int_equal(order->status, status);
    http_client_free(order->client);
}

static void
drain(struct cluster *c, const char *more)
{
    struct order order;
    order_agent(c, &order, "DRAIN_AGENT", "drain_agent", more);
    order_end(c, &order, 200, "");
}

static void
reactivate(struct cluster *c, int status, const char *text)
{
    struct order order;
    order_agent(c, &order, "REACTIVATE_AGENT", "reactivate_agent", "");
    order_end(c, &order, status, text);
}

/* NULL when the master has no such agent among those that are registered. */
static const Shown *
shown(struct cluster *c)
{
    struct order order;
    order_send(c, &order, "{\"type\":\"GET_AGENTS\"}");
    assert_true(loop_run_until(c->loop, has_answer, &order, MINUTE));
    assert_non_null(order.answer);
    http_client_free(order.client);
    const Mesos__V1__Master__Response__GetAgents *agents = order.answer->get_agents;
    for (size_t i = 0; i < agents->n_agents; i++) {
        if (strcmp(agents->agents[i]->agent_info->id->value, c->agent_id) == 0)
            return agents->agents[i];
    }
    return NULL;
}

static int
state_of(struct cluster *c)
{
    const Shown *agent = shown(c);
    return agent && agent->drain_info ? (int)agent->drain_info->state : 0;
}

#define DRAINING MESOS__V1__DRAIN_STATE__DRAINING
#define DRAINED  MESOS__V1__DRAIN_STATE__DRAINED

static void
restart_master(struct cluster *c)
{
    master_free(c->master);
    host_close(c, c->master_host, c->master_set);
    pass(c, 100);
    master_open(c, NULL);
}

/* ---- the scenarios ---- */

/* An executor that waits for more work is in the way, too. */
static void
test_an_idle_executor_is_asked_to_go(void **state)
{
    struct cluster *c = cluster_new(NULL);
    subscribe(c, &c->scheduler);
    struct executor_double *executor = running(c, "t1");
    drain(c, ",\"max_grace_period\":{\"seconds\":2}");
    const Mesos__V1__TaskStatus *status = next_status(c, &c->scheduler, MINUTE);
    assert_int_equal(status->state, STATE(TASK_KILLED));
    assert_int_equal(status->reason, MESOS__V1__TASK_STATUS__REASON__REASON_AGENT_DRAINING);
    assert_int_equal(executor->killed, 1);
    pass(c, MINUTE / 2);
    assert_int_equal(state_of(c), DRAINING); /* nobody has acknowledged */
    assert_false(executor->ended);
    acknowledge(c, &c->scheduler, status);
    pass(c, MINUTE / 2);
    assert_true(executor->ended);
    assert_int_equal(state_of(c), DRAINED);
    const Shown *agent = shown(c);
    assert_true(agent->deactivated && !agent->active);
    assert_int_equal(agent->drain_info->config->max_grace_period->nanoseconds, 2000000000);
    assert_non_null(agent->estimated_drain_start_time);
    size_t before = c->scheduler.event_count;
    assert_non_null(next(c, &c->scheduler, EVENT(FAILURE), MINUTE)); /* the executor's end */
    assert_null(next(c, &c->scheduler, EVENT(OFFERS), 5 * MINUTE));
    assert_in_range(c->scheduler.event_count, before, before + 1);
    reactivate(c, 200, "");
    reactivate(c, 400, "Agent is not deactivated");
    running(c, "t2");
    assert_true(cpus_of(next_offer(c, &c->scheduler)) == 3);
    cluster_free(c);
}

/* The order is lost on its way: said again when the agent comes back. */
static void
test_a_lost_order_is_told_again(void **state)
{
    struct cluster *c = cluster_new(NULL);
    subscribe(c, &c->scheduler);
    struct executor_double *executor = running(c, "t1");
    c->cut = true;
    drain(c, "");
    assert_null(next_status(c, &c->scheduler, 20000));
    assert_int_equal(executor->killed, 0);
    c->cut = false;
    const Mesos__V1__TaskStatus *status = next_status(c, &c->scheduler, 10 * MINUTE);
    assert_non_null(status);
    assert_int_equal(status->state, STATE(TASK_KILLED));
    assert_int_equal(status->reason, MESOS__V1__TASK_STATUS__REASON__REASON_AGENT_DRAINING);
    acknowledge(c, &c->scheduler, status);
    pass(c, MINUTE);
    assert_int_equal(state_of(c), DRAINED);
    cluster_free(c);
}

/* Unreachable, forgotten by two masters in turn, and still to be drained. */
static void
test_an_order_outlives_absence_and_failovers(void **state)
{
    struct cluster *c = cluster_new(NULL);
    subscribe(c, &c->scheduler);
    struct executor_double *executor = running(c, "t1");
    c->cut = true;
    pass(c, 3 * MINUTE); /* unreachable */
    assert_null(shown(c));
    drain(c, "");
    restart_master(c);
    pass(c, 15 * MINUTE);
    struct order order;
    order_agent(c, &order, "DEACTIVATE_AGENT", "deactivate_agent", ""); /* changes nothing of the draining */
    order_end(c, &order, 200, "");
    restart_master(c);
    subscribe(c, &c->second);
    reactivate(c, 400, "Agent is still in the DRAINING state");
    c->cut = false;
    pass(c, 5 * MINUTE);
    assert_string_equal(agent_id(c->agent), c->agent_id);
    assert_int_equal(executor->killed, 1);
    assert_int_equal(state_of(c), DRAINING);
    const Mesos__V1__TaskStatus *status = next_status(c, &c->second, MINUTE);
    assert_int_equal(status->state, STATE(TASK_RUNNING)); /* it is back, as it was */
    expect(c, &c->second, "t1", STATE(TASK_KILLED));
    pass(c, MINUTE);
    assert_int_equal(state_of(c), DRAINED);
    restart_master(c);
    pass(c, 5 * MINUTE);
    assert_int_equal(state_of(c), DRAINED);
    assert_false(shown(c)->active);
    reactivate(c, 200, "");
    assert_true(shown(c)->active);
    cluster_free(c);
}

/* The agent restarts while it drains, its executor being away, and tells it to end when it comes back. */
static void
test_a_restarted_agent_goes_on(void **state)
{
    struct cluster *c = cluster_new(NULL);
    subscribe(c, &c->scheduler);
    struct executor_double *executor = running(c, "t1");
    c->cut = true;
    drain(c, "");
    c->cut = false;
    agent_close(c); /* before the order came */
    pass(c, 1000);
    agent_open(c);
    wait_up(c);
    expect(c, &c->scheduler, "t1", STATE(TASK_KILLED));
    assert_in_range(executor->killed, 1, 2);
    assert_int_equal(double_launches(), 1);
    pass(c, MINUTE);
    assert_int_equal(state_of(c), DRAINED);
    agent_close(c);
    agent_open(c);
    wait_up(c);
    pass(c, MINUTE);
    assert_int_equal(state_of(c), DRAINED);
    cluster_free(c);
}

/* Orders that meet in the registry: each is decided after the one before. */
static void
test_orders_that_meet(void **state)
{
    struct cluster *c = cluster_new(NULL);
    struct order orders[5];
    order_agent(c, &orders[0], "DEACTIVATE_AGENT", "deactivate_agent", "");
    order_agent(c, &orders[1], "DRAIN_AGENT", "drain_agent", "");
    order_agent(c, &orders[2], "REACTIVATE_AGENT", "reactivate_agent", "");
    order_agent(c, &orders[3], "DRAIN_AGENT", "drain_agent", ",\"max_grace_period\":{\"seconds\":7}");
    order_agent(c, &orders[4], "DEACTIVATE_AGENT", "deactivate_agent", "");
    pass(c, MINUTE);
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        if (i == 2)
            order_end(c, &orders[i], 400, "Agent is still in the DRAINING state");
        else
            order_end(c, &orders[i], 200, "");
    }
    const Shown *agent = shown(c);
    assert_int_equal(agent->drain_info->state, DRAINED);
    assert_int_equal(agent->drain_info->config->max_grace_period->nanoseconds, 7000000000);
    reactivate(c, 200, "");
    assert_null(shown(c)->drain_info);
    cluster_free(c);
}

/* Who gives an order need not wait for what becomes of it. */
static void
test_an_operator_who_leaves(void **state)
{
    struct cluster *c = cluster_new(NULL);
    struct order order;
    order_agent(c, &order, "DEACTIVATE_AGENT", "deactivate_agent", "");
    for (int i = 0; i < 50 && shown(c)->active; i++)
        pass(c, 1);
    http_client_free(order.client);
    pass(c, 1000);
    assert_true(shown(c)->deactivated);
    order_agent(c, &order, "REACTIVATE_AGENT", "reactivate_agent", "");
    http_client_free(order.client); /* before it was sent */
    pass(c, 1000);
    assert_true(shown(c)->deactivated);
    restart_master(c);
    pass(c, 3 * MINUTE);
    assert_true(shown(c)->deactivated);
    cluster_free(c);
}

/* An order is being written when the master ends: whoever gave it hears nothing, and nothing leaks. */
static void
test_a_master_that_ends_with_an_order(void **state)
{
    struct cluster *c = cluster_new(NULL);
    struct order order;
    order_agent(c, &order, "DRAIN_AGENT", "drain_agent", "");
    restart_master(c);
    http_client_free(order.client);
    pass(c, 3 * MINUTE);
    assert_in_range(state_of(c), 0, DRAINED);
    cluster_free(c);
}

/* Away for so long that nobody remembers it: its mark is forgotten with it. */
static void
test_a_mark_is_forgotten_with_its_agent(void **state)
{
    struct cluster *c = cluster_new("--registry_max_agent_age=1hrs");
    struct order order;
    drain(c, "");
    pass(c, 1000);
    assert_int_equal(state_of(c), DRAINED);
    agent_close(c);
    pass(c, 15 * MINUTE);
    assert_null(shown(c));
    order_agent(c, &order, "DEACTIVATE_AGENT", "deactivate_agent", "");
    order_end(c, &order, 200, "");
    pass(c, 90 * MINUTE);
    order_agent(c, &order, "DRAIN_AGENT", "drain_agent", "");
    order_end(c, &order, 400, "Unknown agent");
    reactivate(c, 400, "Agent is not deactivated");
    cluster_free(c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_idle_executor_is_asked_to_go),
        cmocka_unit_test(test_a_lost_order_is_told_again),
        cmocka_unit_test(test_an_order_outlives_absence_and_failovers),
        cmocka_unit_test(test_a_restarted_agent_goes_on),
        cmocka_unit_test(test_orders_that_meet),
        cmocka_unit_test(test_an_operator_who_leaves),
        cmocka_unit_test(test_a_master_that_ends_with_an_order),
        cmocka_unit_test(test_a_mark_is_forgotten_with_its_agent),
    };
    cmocka_set_test_filter(getenv("SCENARIO_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
