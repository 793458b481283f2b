/* SPDX-License-Identifier: Apache-2.0 */
/* Machines that are planned away, go down and come back, on a virtual clock and with a registry that answers when told. */
#include <errno.h>
#include "lone_master.h"
#include "mesos/v1/maintenance/maintenance.pb-c.h"

#define MACHINE "{\"hostname\":\"Agent1.example\",\"ip\":\"10.0.0.2\"}"
#define WINDOW                                                                                                         \
    "{\"machine_ids\":[" MACHINE                                                                                      \
    "],\"unavailability\":{\"start\":{\"nanoseconds\":77},\"duration\":{\"nanoseconds\":5}}}"
#define SCHEDULE "{\"windows\":[" WINDOW "]}"

/* What an operator is answered; status 0 = nothing yet. */
struct reply {
    int status;
    char text[256];
};

static void
on_reply(const struct http_response *response, void *arg)
{
    struct reply *reply = arg;
    reply->status = response->status;
    snprintf(reply->text, sizeof(reply->text), "%s", buf_cstr(response->body));
}

static void
on_no_reply(const struct err *err, void *arg)
{
    struct reply *reply = arg;
    (void)err;
    reply->status = -1;
}

/* The client stays as long as the test. */
static struct http_client *
post(struct world *w, struct reply *reply, const char *path, const char *body)
{
    static const struct http_call_handler handler = {.on_response = on_reply, .on_error = on_no_reply};
    const struct http_header headers[] = {{STR_LIT("Content-Type"), STR_LIT("application/json")}};
    struct http_client *client = http_client_new(w->loop, &w->master_at, "10.0.0.1:5050");
    *reply = (struct reply){0};
    http_client_send(client, "POST", path, headers, 1, str_of(body), 0, &handler, reply);
    pass(w, 20);
    return client;
}

static void
expect_answer(struct world *w, const char *path, const char *body, int status, const char *text)
{
    struct reply reply;
    struct http_client *client = post(w, &reply, path, body);
    for (int i = 0; i < 50 && !reply.status; i++)
        pass(w, 20);
    assert_string_equal(reply.text, text);
    assert_int_equal(reply.status, status);
    http_client_free(client);
}

static const Mesos__V1__InverseOffer *
asked(const struct world *w)
{
    const Mesos__V1__Scheduler__Event *event = told(w, EVENT(INVERSE_OFFERS));
    assert_non_null(event);
    assert_int_equal(event->inverse_offers->n_inverse_offers, 1);
    return event->inverse_offers->inverse_offers[0];
}

static size_t
times_asked(const struct world *w)
{
    return told_times(w, EVENT(INVERSE_OFFERS));
}

static void
expect_shutdown(struct world *w, size_t times, const char *text)
{
    assert_int_equal(heard_times(w, "ShutdownMessage"), times);
    const struct note *note = heard(w, "ShutdownMessage");
    Mesos__Internal__ShutdownMessage *message =
        MESSAGE_UNPACK(Mesos__Internal__ShutdownMessage, mesos__internal__shutdown_message, str_n(note->body, note->len),
                       w->arena, NULL);
    assert_non_null(message);
    assert_string_equal(message->message, text);
}

static void
test_nobody_hears_of_it_before_it_is_durable(void **state)
{
    (void)state;
    struct world *w = world_leading();
    struct reply reply;
    const char *agent = admitted(w);
    subscribe(w, "", NULL);
    launch(w, "t1");
    agent_updates(w, agent, "t1", MESOS__V1__TASK_STATE__TASK_RUNNING, UUID);

    registry.hold = true;
    struct http_client *client = post(w, &reply, "/maintenance/schedule", SCHEDULE);
    pass(w, 5000);
    assert_int_equal(reply.status, 0);
    assert_string_equal(get(w, "/maintenance/schedule"), "{}");
    assert_string_equal(get(w, "/maintenance/status"), "{}");
    assert_int_equal(times_asked(w), 0);
    registry_release(0);
    pass(w, 200);
    assert_int_equal(reply.status, 200);
    http_client_free(client);
    assert_string_equal(get(w, "/maintenance/schedule"), SCHEDULE);
    assert_int_equal(asked(w)->unavailability->start->nanoseconds, 77);
    assert_string_equal(asked(w)->agent_id->value, agent);

    registry.hold = true;
    client = post(w, &reply, "/machine/down", "[" MACHINE "]");
    pass(w, 5000);
    agent_reregisters(w, "slave(1)", agent); /* meanwhile it asks, and is not told anything */
    agent_registers(w, "slave(2)");
    pass(w, 5000);
    assert_int_equal(reply.status, 0);
    assert_null(heard(w, "ShutdownMessage"));
    assert_null(heard(w, "SlaveReregisteredMessage"));
    assert_string_equal(get(w, "/maintenance/status"),
                        "{\"draining_machines\":[{\"id\":{\"hostname\":\"agent1.example\",\"ip\":\"10.0.0.2\"}}]}");
    registry_release(0);
    pass(w, 200);
    assert_int_equal(reply.status, 200);
    http_client_free(client);
    expect_shutdown(w, 1, "Operator initiated 'Machine DOWN'");
    const Mesos__V1__TaskStatus *status = told(w, EVENT(UPDATE))->update->status;
    assert_int_equal(status->state, MESOS__V1__TASK_STATE__TASK_LOST);
    assert_string_equal(status->message, "Agent agent1.example removed: Operator initiated 'Machine DOWN'");
    assert_string_equal(told(w, EVENT(FAILURE))->failure->agent_id->value, agent);
    assert_int_equal(told_times(w, EVENT(RESCIND_INVERSE_OFFER)), 1);

    agent_reregisters(w, "slave(1)", agent);
    pass(w, 100);
    expect_shutdown(w, 2, "Machine is `DOWN`");
    agent_registers(w, "slave(2)");
    pass(w, 100);
    expect_shutdown(w, 3, "Machine is `DOWN`");
    expect_answer(w, "/machine/up", "[" MACHINE "]", 200, "");
    assert_string_equal(get(w, "/maintenance/schedule"), "{}");
    agent_registers(w, "slave(2)");
    pass(w, 100);
    assert_int_equal(heard_times(w, "SlaveRegisteredMessage"), 2);
    world_free(w);
}

static void
test_a_write_that_fails_ends_the_master(void **state)
{
    (void)state;
    struct world *w = world_leading();
    struct reply reply;
    admitted(w);
    expect_answer(w, "/maintenance/schedule", SCHEDULE, 200, "");
    registry.hold = true;
    struct http_client *client = post(w, &reply, "/machine/down", "[" MACHINE "]");
    registry_release(-EIO);
    pass(w, 200);
    assert_true(w->fatal[0]);
    assert_int_not_equal(reply.status, 200);
    assert_null(heard(w, "ShutdownMessage"));
    http_client_free(client);
    world_free(w);
}

/* refuse: text of the filters member, "" = none. */
static void
answer(struct world *w, const char *kind, const char *filters)
{
    auto_buf struct buf text = {0};
    auto_free char *member = xstrdup(kind);
    for (char *c = member; *c; c++)
        *c |= 0x20 * (*c != '_');
    buf_printf(&text, "\"type\":\"%s\",\"%s\":{\"inverse_offer_ids\":[{\"value\":\"%s\"}]%s}", kind, member,
               asked(w)->id->value, filters);
    assert_int_equal(call(w, buf_cstr(&text)), 202);
}

#define ACCEPT_IT "ACCEPT_INVERSE_OFFERS"
#define DECLINE_IT "DECLINE_INVERSE_OFFERS"

static void
test_who_answers_is_asked_again_in_its_own_time(void **state)
{
    (void)state;
    struct world *w = world_leading();
    admitted(w);
    subscribe(w, "", NULL);
    launch(w, "t1");
    expect_answer(w, "/maintenance/schedule", SCHEDULE, 200, "");
    pass(w, 200);
    assert_int_equal(times_asked(w), 1);
    pass(w, 60000);
    assert_int_equal(times_asked(w), 1); /* one question is enough until it is answered */

    answer(w, DECLINE_IT, ""); /* five seconds when nothing is said */
    pass(w, 4800);
    assert_int_equal(times_asked(w), 1);
    pass(w, 400);
    assert_int_equal(times_asked(w), 2);
    answer(w, ACCEPT_IT, ",\"filters\":{\"refuse_seconds\":60}");
    pass(w, 59800);
    assert_int_equal(times_asked(w), 2);
    pass(w, 400);
    assert_int_equal(times_asked(w), 3);
    answer(w, ACCEPT_IT, ",\"filters\":{\"refuse_seconds\":0}");
    pass(w, 200);
    assert_int_equal(times_asked(w), 4);
    answer(w, DECLINE_IT, ",\"filters\":{\"refuse_seconds\":-1}"); /* makes no sense: the default */
    pass(w, 4800);
    assert_int_equal(times_asked(w), 4);
    pass(w, 400);
    assert_int_equal(times_asked(w), 5);
    answer(w, DECLINE_IT, ",\"filters\":{\"refuse_seconds\":1e300}");
    pass(w, 600000);
    assert_int_equal(times_asked(w), 5);
    assert_int_equal(call(w, "\"type\":\"REVIVE\""), 202); /* it thinks anew */
    pass(w, 200);
    assert_int_equal(times_asked(w), 6);
    answer(w, ACCEPT_IT, ",\"filters\":{\"refuse_seconds\":100000}");
    assert_non_null(strstr(get(w, "/maintenance/status"), "\"status\":\"ACCEPT\""));
    assert_null(strstr(get(w, "/maintenance/status"), "DECLINE"));
    /* Another plan: everything is asked anew, and the next offer says so. */
    expect_answer(w, "/maintenance/schedule",
                  "{\"windows\":[{\"machine_ids\":[" MACHINE "],\"unavailability\":{\"start\":{\"nanoseconds\":78}}}]}", 200, "");
    pass(w, 200);
    assert_int_equal(times_asked(w), 7);
    assert_null(asked(w)->unavailability->duration);
    assert_null(strstr(get(w, "/maintenance/status"), "ACCEPT"));
    world_free(w);
}

static void
test_a_framework_that_comes_back_is_asked_again(void **state)
{
    (void)state;
    struct world *w = world_leading();
    admitted(w);
    subscribe(w, ",\"failover_timeout\":1000", NULL);
    launch(w, "t1");
    expect_answer(w, "/maintenance/schedule", SCHEDULE, 200, "");
    pass(w, 200);
    assert_int_equal(times_asked(w), 1);
    auto_free char *id = xstrdup(w->framework_id);
    http_client_free(w->stream); /* gone; its question with it */
    w->stream = NULL;
    pass(w, 10000);
    assert_int_equal(times_asked(w), 1);
    subscribe(w, ",\"failover_timeout\":1000", id);
    pass(w, 200);
    assert_int_equal(times_asked(w), 2);
    answer(w, ACCEPT_IT, ",\"filters\":{\"refuse_seconds\":100000}");
    assert_non_null(strstr(get(w, "/maintenance/status"), id));
    assert_int_equal(call(w, "\"type\":\"TEARDOWN\""), 202);
    pass(w, 200);
    assert_null(strstr(get(w, "/maintenance/status"), id)); /* nobody asks it any more */
    world_free(w);
}

static void
test_an_agent_that_breaks_off_takes_its_question_with_it(void **state)
{
    (void)state;
    struct world *w = world_leading();
    const char *agent = admitted(w);
    subscribe(w, ",\"checkpoint\":true", NULL);
    launch(w, "t1");
    expect_answer(w, "/maintenance/schedule", SCHEDULE, 200, "");
    pass(w, 200);
    assert_int_equal(times_asked(w), 1);
    w->silent = true;
    pass(w, 200000);
    assert_int_equal(told_times(w, EVENT(RESCIND_INVERSE_OFFER)), 1);
    assert_string_equal(told(w, EVENT(RESCIND_INVERSE_OFFER))->rescind_inverse_offer->inverse_offer_id->value,
                        asked(w)->id->value);
    w->silent = false;
    agent_reregisters(w, "slave(1)", agent);
    pass(w, 200);
    assert_non_null(heard(w, "SlaveReregisteredMessage"));
    for (int i = 0; i < 100 && !an_offer(w)->unavailability; i++)
        pass(w, 50);
    assert_int_equal(an_offer(w)->unavailability->start->nanoseconds, 77); /* it is still planned */
    world_free(w);
}

static struct str
packed(struct arena *arena, const ProtobufCMessageDescriptor *type, const char *json)
{
    struct err err = {0};
    void *message = message_from_json(type, str_of(json), arena, &err);
    auto_buf struct buf bytes = {0};
    assert_string_equal(err.text, "");
    message_pack(&bytes, message);
    return str_n(memcpy(arena_alloc(arena, bytes.len + 1), buf_data(&bytes), bytes.len), bytes.len);
}

static void
test_a_new_leader_knows_machines_that_are_down(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct str schedule = packed(w->arena, &mesos__v1__maintenance__schedule__descriptor,
                                 "{\"windows\":[{\"machine_ids\":[{\"hostname\":\"other\"}," MACHINE
                                 "],\"unavailability\":{\"start\":{\"nanoseconds\":1}}}]}");
    struct str down = packed(w->arena, &mesos__internal__registry__machine__descriptor,
                             "{\"info\":{\"id\":" MACHINE ",\"mode\":\"DOWN\"}}");
    struct str stray = packed(w->arena, &mesos__internal__registry__machine__descriptor,
                              "{\"info\":{\"id\":{\"hostname\":\"stray\"},\"mode\":\"DOWN\"}}");
#define ENTRY(k, v)                                                                                                    \
    {sizeof(struct mesos_registry_entry), MESOS_REGISTRY_MAINTENANCE, {k, sizeof(k) - 1}, {(v).ptr, (v).len}}
    const struct mesos_registry_entry entries[] = {
        ENTRY("machine/Agent1.example/10.0.0.2", down), ENTRY("schedule", schedule), ENTRY("machine/stray/", stray),
        ENTRY("machine/damaged/", STR_LIT("\xff\xff")), ENTRY("foreign", down)};
    registry.recovered = entries;
    registry.recovered_count = ARRAY_LEN(entries);
    start_master(w);
    pass(w, 100);
    assert_true(master_leading(w->master));
    assert_string_equal(get(w, "/maintenance/status"),
                        "{\"draining_machines\":[{\"id\":{\"hostname\":\"other\"}}],"
                        "\"down_machines\":[{\"hostname\":\"Agent1.example\",\"ip\":\"10.0.0.2\"}]}");
    agent_registers(w, "slave(1)");
    pass(w, 100);
    expect_shutdown(w, 1, "Machine is `DOWN`");
    registry.written_count = 0;
    expect_answer(w, "/machine/up", "[" MACHINE "]", 200, "");
    /* What is left of the schedule is written, and all that has no place in it goes. */
    size_t removed = 0, put = 0;
    for (size_t i = 0; i < registry.written_count; i++) {
        if (registry.written[i].table != MESOS_REGISTRY_MAINTENANCE)
            continue;
        removed += registry.written[i].removed;
        put += !registry.written[i].removed;
    }
    assert_int_equal(removed, 4);
    assert_int_equal(put, 2); /* the schedule, and that the other one drains */
    world_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_hears_of_it_before_it_is_durable),
        cmocka_unit_test(test_a_write_that_fails_ends_the_master),
        cmocka_unit_test(test_who_answers_is_asked_again_in_its_own_time),
        cmocka_unit_test(test_a_framework_that_comes_back_is_asked_again),
        cmocka_unit_test(test_an_agent_that_breaks_off_takes_its_question_with_it),
        cmocka_unit_test(test_a_new_leader_knows_machines_that_are_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
