/* SPDX-License-Identifier: Apache-2.0 */
/* Operators' orders on agents and the registry: nothing shows before it is durable, orders wait for each other, and a new
 * master knows them. The bytes for agents are those that were recorded. */
#include "lone_master.h"

#define STATE(name)  MESOS__V1__TASK_STATE__TASK_##name
#define REASON(name) MESOS__V1__TASK_STATUS__REASON__REASON_##name

/* ---- operators ---- */

struct order {
    struct http_client *client;
    int status;
    char text[256];
};

static void
on_answer(const struct http_response *response, void *arg)
{
    struct order *order = arg;
    order->status = response->status;
    snprintf(order->text, sizeof(order->text), "%.*s", STR_ARG(buf_str(response->body)));
}

static void
on_error(const struct err *err, void *arg)
{
    ((struct order *)arg)->status = -1;
}

/* Some time passes; the answer may be there then. */
static void
order_give(struct world *w, struct order *order, const char *type, const char *member, const char *agent_id,
           const char *more)
{
    static const struct http_call_handler handler = {.on_response = on_answer, .on_error = on_error};
    const struct http_header headers[] = {{STR_LIT("Content-Type"), STR_LIT("application/json")},
                                          {STR_LIT("Accept"), STR_LIT("application/json")}};
    auto_buf struct buf body = {0};
    buf_printf(&body, "{\"type\":\"%s\",\"%s\":{\"agent_id\":{\"value\":\"%s\"}%s}}", type, member, agent_id, more);
    *order = (struct order){.client = http_client_new(w->loop, &w->master_at, "10.0.0.1:5050")};
    http_client_send(order->client, "POST", "/api/v1", headers, 2, buf_str(&body), 0, &handler, order);
    pass(w, 50);
}

#define DRAIN(w, order, id, more)  order_give(w, order, "DRAIN_AGENT", "drain_agent", id, more)
#define DEACTIVATE(w, order, id)   order_give(w, order, "DEACTIVATE_AGENT", "deactivate_agent", id, "")
#define REACTIVATE(w, order, id)   order_give(w, order, "REACTIVATE_AGENT", "reactivate_agent", id, "")
#define MARK_GONE(w, order, id)    order_give(w, order, "MARK_AGENT_GONE", "mark_agent_gone", id, "")

static void
order_end(struct order *order, int status, const char *text)
{
    assert_string_equal(order->text, text);
    assert_int_equal(order->status, status);
    http_client_free(order->client);
}

/* ---- agents ---- */

static Mesos__V1__AgentInfo__Capability **
draining_capability(struct world *w)
{
    Mesos__V1__AgentInfo__Capability *one = arena_alloc(w->arena, sizeof(*one));
    Mesos__V1__AgentInfo__Capability **list = arena_alloc(w->arena, sizeof(*list));
    mesos__v1__agent_info__capability__init(one);
    one->has_type = true;
    one->type = MESOS__V1__AGENT_INFO__CAPABILITY__TYPE__AGENT_DRAINING;
    list[0] = one;
    return list;
}

/* Registers slave(1), which can drain, and returns its id. */
static const char *
draining_agent(struct world *w)
{
    char version[] = "1.11.0";
    Mesos__Internal__RegisterSlaveMessage message = MESOS__INTERNAL__REGISTER_SLAVE_MESSAGE__INIT;
    message.slave = agent_info(w, NULL);
    message.version = version;
    message.n_agent_capabilities = 1;
    message.agent_capabilities = draining_capability(w);
    agent_says(w, "slave(1)", "mesos.internal.RegisterSlaveMessage", &message);
    pass(w, 100);
    const struct note *note = heard(w, "SlaveRegisteredMessage");
    assert_non_null(note);
    Mesos__Internal__SlaveRegisteredMessage *answer =
        MESSAGE_UNPACK(Mesos__Internal__SlaveRegisteredMessage, mesos__internal__slave_registered_message,
                       str_n(note->body, note->len), w->arena, NULL);
    return answer->slave_id->value;
}

/* An agent of another port than before: its entry in the registry is written anew. */
static void
returns_changed(struct world *w, const char *id, int32_t port)
{
    char version[] = "1.11.0";
    Mesos__Internal__ReregisterSlaveMessage message = MESOS__INTERNAL__REREGISTER_SLAVE_MESSAGE__INIT;
    message.slave = agent_info(w, id);
    message.slave->port = port;
    message.version = version;
    message.n_agent_capabilities = 1;
    message.agent_capabilities = draining_capability(w);
    agent_says(w, "slave(1)", "mesos.internal.ReregisterSlaveMessage", &message);
    pass(w, 100);
}

static void
assert_heard(const struct world *w, const char *name, const void *bytes, size_t len)
{
    const struct note *note = heard(w, name);
    assert_non_null(note);
    assert_int_equal(note->len, len);
    assert_memory_equal(note->body, bytes, len);
}

static bool
slaves_say(struct world *w, const char *text)
{
    return strstr(get(w, "/slaves"), text) != NULL;
}

/* The last thing that was written about the agent in that table: 1 put, 0 removed, -1 nothing. */
static int
last_written(uint32_t table, const char *id)
{
    for (size_t i = registry.written_count; i-- > 0;)
        if (registry.written[i].table == table && strcmp(registry.written[i].key, id) == 0)
            return !registry.written[i].removed;
    return -1;
}

/* ---- the scenarios ---- */

static void
test_deactivation_is_durable_first(void **state)
{
    struct world *w = world_leading();
    struct order order;
    const char *id = draining_agent(w);
    subscribe(w, "", NULL);
    an_offer(w);
    registry.hold = true;
    DEACTIVATE(w, &order, id);
    pass(w, 5000);
    assert_int_equal(order.status, 0);
    assert_null(told(w, EVENT(RESCIND)));
    assert_true(slaves_say(w, "\"deactivated\":false"));
    registry_release(0);
    pass(w, 50);
    order_end(&order, 200, "");
    assert_int_equal(told_times(w, EVENT(RESCIND)), 1);
    assert_true(slaves_say(w, "\"deactivated\":true") && slaves_say(w, "\"active\":false"));
    size_t offers = told_times(w, EVENT(OFFERS));
    registry.hold = true;
    REACTIVATE(w, &order, id);
    pass(w, 5000);
    assert_int_equal(order.status, 0);
    assert_int_equal(told_times(w, EVENT(OFFERS)), offers);
    registry_release(0);
    pass(w, 3000);
    order_end(&order, 200, "");
    assert_int_equal(told_times(w, EVENT(OFFERS)), offers + 1);
    world_free(w);
}

static void
test_draining_is_durable_first(void **state)
{
    static const unsigned char two_seconds[] = {0x0a, 0x0a, 0x0a, 0x06, 0x08, 0x80, 0xa8, 0xd6, 0xb9, 0x07, 0x10, 0x00};
    static const unsigned char patient[] = {0x0a, 0x02, 0x10, 0x00};
    struct world *w = world_leading();
    struct order order;
    const char *id = draining_agent(w);
    subscribe(w, "", NULL);
    launch(w, "t1");
    registry.hold = true;
    DRAIN(w, &order, id, ",\"max_grace_period\":{\"seconds\":2}");
    pass(w, 5000);
    assert_int_equal(order.status, 0);
    assert_null(heard(w, "DrainSlaveMessage"));
    registry_release(0);
    pass(w, 50);
    order_end(&order, 200, "");
    assert_heard(w, "DrainSlaveMessage", two_seconds, sizeof(two_seconds));
    DRAIN(w, &order, id, "");
    order_end(&order, 200, "");
    assert_heard(w, "DrainSlaveMessage", patient, sizeof(patient));
    agent_updates(w, id, "t1", STATE(KILLED), UUID);
    pass(w, 1000);
    assert_true(slaves_say(w, "\"state\":\"DRAINING\""));
    registry.hold = true;
    assert_int_equal(acknowledge(w, id, "t1"), 202);
    pass(w, 5000);
    assert_true(slaves_say(w, "\"state\":\"DRAINING\"")); /* it is empty, and that is being written down */
    REACTIVATE(w, &order, id);
    registry_release(0);
    pass(w, 200);
    order_end(&order, 200, "");
    assert_false(slaves_say(w, "drain_info"));
    assert_int_equal(heard_times(w, "DrainSlaveMessage"), 2);
    world_free(w);
}

static void
test_an_agent_that_cannot_drain(void **state)
{
    struct world *w = world_leading();
    struct order order;
    const char *id = admitted(w);
    DRAIN(w, &order, id, "");
    order_end(&order, 400, "Agent does not have the AGENT_DRAINING capability");
    DEACTIVATE(w, &order, id);
    order_end(&order, 200, "");
    world_free(w);
}

static void
test_gone_is_durable_first(void **state)
{
    static const char shutdown[] = "\x0a\x1a" "Agent has been marked gone";
    struct world *w = world_leading();
    struct order order, again;
    const char *id = draining_agent(w);
    w->capabilities = ",{\"type\":\"PARTITION_AWARE\"}";
    subscribe(w, "", NULL);
    launch(w, "t1");
    registry.hold = true;
    MARK_GONE(w, &order, id);
    MARK_GONE(w, &again, id);
    returns_changed(w, id, 5052); /* it does not know yet, and nobody else may */
    pass(w, 5000);
    assert_int_equal(order.status, 0);
    assert_null(heard(w, "ShutdownMessage"));
    assert_null(heard(w, "SlaveReregisteredMessage"));
    assert_null(told(w, EVENT(FAILURE)));
    registry_release(0);
    pass(w, 200);
    order_end(&order, 200, "");
    order_end(&again, 200, "");
    assert_heard(w, "ShutdownMessage", shutdown, sizeof(shutdown) - 1);
    assert_int_equal(told_times(w, EVENT(FAILURE)), 1);
    const Mesos__V1__TaskStatus *status = told(w, EVENT(UPDATE))->update->status;
    assert_int_equal(status->state, STATE(GONE_BY_OPERATOR));
    assert_int_equal(status->reason, REASON(AGENT_REMOVED_BY_OPERATOR));
    assert_int_equal(last_written(MESOS_REGISTRY_GONE, id), 1);
    assert_int_equal(last_written(MESOS_REGISTRY_ADMITTED, id), 0);
    returns_changed(w, id, 5052);
    assert_int_equal(heard_times(w, "ShutdownMessage"), 2);
    assert_heard(w, "ShutdownMessage", shutdown, sizeof(shutdown) - 1);
    assert_null(heard(w, "SlaveReregisteredMessage"));
    DRAIN(w, &order, id, "");
    order_end(&order, 400, "Unknown agent");
    world_free(w);
}

/* Marked unreachable, and gone while that is being written: told both, in this order. */
static void
test_gone_while_it_becomes_unreachable(void **state)
{
    struct world *w = world_leading();
    struct order order;
    const char *id = draining_agent(w);
    w->capabilities = ",{\"type\":\"PARTITION_AWARE\"}";
    subscribe(w, ",\"checkpoint\":true", NULL);
    launch(w, "t1");
    w->silent = true;
    pass(w, 70 * 1000);
    registry.hold = true;
    for (int i = 0; i < 30 && !registry.store_count; i++) /* five pings of 15 s */
        pass(w, 1000);
    assert_int_equal(registry.store_count, 1);
    MARK_GONE(w, &order, id);
    assert_int_equal(order.status, 0);
    registry_release(0);
    pass(w, 200);
    order_end(&order, 200, "");
    assert_int_equal(told_times(w, EVENT(UPDATE)), 2);
    assert_int_equal(told(w, EVENT(UPDATE))->update->status->state, STATE(GONE_BY_OPERATOR));
    assert_int_equal(last_written(MESOS_REGISTRY_GONE, id), 1);
    assert_int_equal(last_written(MESOS_REGISTRY_UNREACHABLE, id), 0);
    assert_int_equal(last_written(MESOS_REGISTRY_ADMITTED, id), 0);
    assert_non_null(strstr(get(w, "/state"), "\"unreachable_tasks\":[]"));
    assert_non_null(strstr(get(w, "/state"), "TASK_GONE_BY_OPERATOR"));
    world_free(w);
}

/* The order comes while the agent is on its way back: first that, then the order, with what is new of the agent. */
static void
test_an_order_waits_for_an_admission(void **state)
{
    struct world *w = world_leading();
    struct order order;
    const char *id = draining_agent(w);
    registry.hold = true;
    returns_changed(w, id, 6000);
    DRAIN(w, &order, id, ",\"mark_gone\":true");
    pass(w, 1000);
    assert_null(heard(w, "DrainSlaveMessage"));
    registry_release(0);
    pass(w, 500);
    order_end(&order, 200, "");
    /* Nothing ran there: it is gone by now. */
    assert_int_equal(last_written(MESOS_REGISTRY_GONE, id), 1);
    assert_int_equal(last_written(MESOS_REGISTRY_ADMITTED, id), 0);
    assert_false(slaves_say(w, id));
    world_free(w);
}

/* What a master finds in the registry it acts upon. */
static void
test_a_new_master_knows(void **state)
{
    struct world *w = world_new();
    char id[] = "f00-S1";
    Mesos__Internal__Registry__Slave entry = MESOS__INTERNAL__REGISTRY__SLAVE__INIT;
    Mesos__V1__DrainInfo drain = MESOS__V1__DRAIN_INFO__INIT;
    Mesos__V1__DrainConfig config = MESOS__V1__DRAIN_CONFIG__INIT;
    Mesos__V1__DurationInfo grace = MESOS__V1__DURATION_INFO__INIT;
    auto_buf struct buf bytes = {0};
    struct order order;
    entry.info = agent_info(w, id);
    entry.drain_info = &drain;
    entry.has_deactivated = entry.deactivated = true;
    drain.state = MESOS__V1__DRAIN_STATE__DRAINING;
    drain.config = &config;
    config.max_grace_period = &grace;
    grace.nanoseconds = 2000000000;
    message_pack(&bytes, &entry);
    const struct mesos_registry_entry recovered = {
        sizeof(recovered), MESOS_REGISTRY_ADMITTED, {id, strlen(id)}, {buf_data(&bytes), bytes.len}};
    registry.recovered = &recovered;
    registry.recovered_count = 1;
    start_master(w);
    pass(w, 1000);
    assert_non_null(strstr(get(w, "/registrar(1)/registry"),
                           "\"drain_info\":{\"state\":\"DRAINING\",\"config\":{\"max_grace_period\":{\"nanoseconds\":2000000000},"
                           "\"mark_gone\":false}}"));
    REACTIVATE(w, &order, id);
    order_end(&order, 400, "Agent is still in the DRAINING state");
    DRAIN(w, &order, id, ",\"max_grace_period\":{\"seconds\":1}"); /* away, and told anew */
    order_end(&order, 200, "");
    assert_null(heard(w, "DrainSlaveMessage"));
    registry.hold = true;
    returns_changed(w, id, 5051);
    registry_release(0);
    pass(w, 200);
    static const unsigned char one_second[] = {0x0a, 0x0a, 0x0a, 0x06, 0x08, 0x80, 0x94, 0xeb, 0xdc, 0x03, 0x10, 0x00};
    assert_heard(w, "DrainSlaveMessage", one_second, sizeof(one_second));
    assert_true(slaves_say(w, "\"state\":\"DRAINED\"") && slaves_say(w, "\"active\":false"));
    world_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deactivation_is_durable_first),
        cmocka_unit_test(test_draining_is_durable_first),
        cmocka_unit_test(test_an_agent_that_cannot_drain),
        cmocka_unit_test(test_gone_is_durable_first),
        cmocka_unit_test(test_gone_while_it_becomes_unreachable),
        cmocka_unit_test(test_an_order_waits_for_an_admission),
        cmocka_unit_test(test_a_new_master_knows),
    };
    cmocka_set_test_filter(getenv("SCENARIO_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
