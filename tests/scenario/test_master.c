/* SPDX-License-Identifier: Apache-2.0 */
/* What a master does, one promise after the other: lone_master.h is the world that it does it in. */
#include "lone_master.h"

/* ---- the scenarios ---- */

static void
test_nothing_shows_before_it_is_durable(void **state)
{
    (void)state;
    struct world *w = world_leading();
    registry.hold = true;
    agent_registers(w, "slave(1)");
    agent_registers(w, "slave(1)"); /* sent again while it waits: still one admission */
    agent_registers(w, "slave(2)");
    pass(w, 5000);
    assert_null(heard(w, "SlaveRegisteredMessage"));
    assert_null(heard(w, "PingSlaveMessage"));
    assert_int_equal(registry.store_count, 1); /* one batch */
    registry_release(0);
    pass(w, 100);
    assert_int_equal(heard_times(w, "SlaveRegisteredMessage"), 2);
    assert_int_equal(heard_times(w, "PingSlaveMessage"), 2);
    agent_registers(w, "slave(1)"); /* the answer was lost: the same again, nothing written */
    size_t written = registry.written_count;
    pass(w, 100);
    assert_int_equal(heard_times(w, "SlaveRegisteredMessage"), 3);
    assert_int_equal(registry.written_count, written);
    world_free(w);
}

static void
test_a_registry_that_fails_ends_the_master(void **state)
{
    (void)state;
    struct world *w = world_leading();
    registry.hold = true;
    agent_registers(w, "slave(1)");
    pass(w, 100);
    registry_release(-5);
    pass(w, 100);
    assert_non_null(strstr(w->fatal, "Cannot write the registry"));
    assert_null(heard(w, "SlaveRegisteredMessage"));
    assert_false(master_leading(w->master));
    world_free(w);
}

static void
test_pings_and_their_end(void **state)
{
    (void)state;
    struct world *w = world_leading();
    const char *id = admitted(w);
    subscribe(w, ",\"failover_timeout\":600,\"checkpoint\":true", NULL);
    launch(w, "t1");
    agent_updates(w, id, "t1", MESOS__V1__TASK_STATE__TASK_RUNNING, UUID);
    pass(w, 120 * 1000);
    assert_in_range(heard_times(w, "PingSlaveMessage"), 8, 10);
    w->silent = true;
    /* Five pings without an answer: not lost a moment before. */
    pass(w, 70 * 1000);
    assert_null(told(w, EVENT(FAILURE)));
    pass(w, 25 * 1000);
    assert_non_null(told(w, EVENT(FAILURE)));
    const Mesos__V1__TaskStatus *status = told(w, EVENT(UPDATE))->update->status;
    assert_int_equal(status->state, MESOS__V1__TASK_STATE__TASK_LOST);
    assert_string_equal(status->message, "health check timed out");
    assert_non_null(status->unreachable_time);
    assert_int_equal(registry.written[registry.written_count - 1].table, MESOS_REGISTRY_UNREACHABLE);
    /* It comes back under its id, and without its task: that stays lost. */
    w->silent = false;
    agent_reregisters(w, "slave(1)", id);
    pass(w, 100);
    assert_non_null(heard(w, "SlaveReregisteredMessage"));
    assert_int_equal(registry.written[registry.written_count - 1].table, MESOS_REGISTRY_UNREACHABLE);
    assert_true(registry.written[registry.written_count - 1].removed);
    world_free(w);
}

static void
test_heartbeats_and_failover(void **state)
{
    (void)state;
    struct world *w = world_leading();
    admitted(w);
    subscribe(w, ",\"failover_timeout\":60", NULL);
    char id[80];
    snprintf(id, sizeof(id), "%s", w->framework_id);
    assert_int_equal(told_times(w, EVENT(HEARTBEAT)), 1);
    pass(w, 45 * 1000);
    assert_int_equal(told_times(w, EVENT(HEARTBEAT)), 4);
    launch(w, "t1");
    /* The scheduler goes and comes back in time: same id, its task is there. */
    http_client_free(w->stream);
    w->stream = NULL;
    pass(w, 59 * 1000);
    assert_int_equal(call(w, "\"type\":\"REVIVE\""), 403);
    subscribe(w, ",\"failover_timeout\":60", id);
    assert_string_equal(w->framework_id, id);
    assert_int_equal(call(w, "\"type\":\"RECONCILE\",\"reconcile\":{}"), 202);
    assert_string_equal(told(w, EVENT(UPDATE))->update->status->task_id->value, "t1");
    /* It goes and stays away: everything of it ends. */
    http_client_free(w->stream);
    w->stream = NULL;
    pass(w, 59 * 1000);
    assert_null(heard(w, "ShutdownFrameworkMessage"));
    pass(w, 2 * 1000);
    assert_non_null(heard(w, "ShutdownFrameworkMessage"));
    subscribe(w, "", id);
    assert_string_equal(told(w, EVENT(ERROR))->error->message, "Framework has been removed");
    assert_true(w->stream_ended);
    world_free(w);
}

static void
test_offers_time_out(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->options.offer_timeout_ns = SECS(30);
    start_master(w);
    pass(w, 100);
    admitted(w);
    subscribe(w, "", NULL);
    auto_free char *first = xstrdup(an_offer(w)->id->value);
    pass(w, 29 * 1000);
    assert_null(told(w, EVENT(RESCIND)));
    pass(w, 2 * 1000);
    assert_string_equal(told(w, EVENT(RESCIND))->rescind->offer_id->value, first);
    /* Too late: the task gets its state, the offer is not there any more. */
    auto_buf struct buf text = {0};
    buf_printf(&text,
               "\"type\":\"ACCEPT\",\"accept\":{\"offer_ids\":[{\"value\":\"%s\"}],\"operations\":[{\"type\":"
               "\"LAUNCH\","
               "\"launch\":{\"task_infos\":[{\"name\":\"t\",\"task_id\":{\"value\":\"late\"},\"agent_id\":{"
               "\"value\":\"a\"}}]}}]}",
               first);
    assert_int_equal(call(w, buf_cstr(&text)), 202);
    assert_int_equal(told(w, EVENT(UPDATE))->update->status->reason,
                     MESOS__V1__TASK_STATUS__REASON__REASON_INVALID_OFFERS);
    world_free(w);
}

static const char *
explained(struct world *w)
{
    auto_free char *path = xasprintf("/master/explain?framework_id=%s", w->framework_id);
    return get(w, path);
}

/* A refusal for an hour: told as long as it lasts, with the offer that it was about, and not a second longer. */
static void
test_a_refusal_is_explained_until_it_ends(void **state)
{
    (void)state;
    struct world *w = world_new();
    start_master(w);
    pass(w, 100);
    admitted(w);
    w->options.max_agent_ping_timeouts = 1000000; /* nobody answers pings here */
    subscribe(w, "", NULL);
    auto_free char *offer = xstrdup(an_offer(w)->id->value);
    auto_free char *decline =
        xasprintf("\"type\":\"DECLINE\",\"decline\":{\"offer_ids\":[{\"value\":\"%s\"}],\"filters\":{"
                  "\"refuse_seconds\":3600}}",
                  offer);
    assert_non_null(strstr(explained(w), "\"reason\":\"OFFERED\""));
    assert_int_equal(call(w, decline), 202);
    size_t offers = told_times(w, EVENT(OFFERS));
    auto_free char *named = xasprintf("\"offer_id\":\"%s\"", offer);
    for (int minutes = 0; minutes < 59; minutes++) {
        if (minutes % 10 == 0) {
            const char *text = explained(w);
            assert_non_null(strstr(text, "\"reason\":\"FILTERED\""));
            assert_non_null(strstr(text, named));
        }
        pass(w, 60 * 1000);
    }
    assert_int_equal(told_times(w, EVENT(OFFERS)), offers);
    pass(w, 90 * 1000);
    assert_int_equal(told_times(w, EVENT(OFFERS)), offers + 1);
    assert_non_null(strstr(explained(w), "\"reason\":\"OFFERED\""));
    world_free(w);
}

/* Ten thousand roles on eleven agents: as much as an answer holds, and the word that there would be more. */
static void
test_explanations_are_bounded(void **state)
{
    (void)state;
    struct world *w = world_leading();
    auto_buf struct buf text = {0}, roles = {0};
    for (int i = 1; i <= 11; i++) {
        auto_free char *actor = xasprintf("slave(%d)", i);
        agent_registers(w, actor);
        pass(w, 20);
    }
    subscribe(w, ",\"failover_timeout\":100", NULL);
    for (int i = 0; i < 10000; i++)
        buf_printf(&roles, "%s\"r%d\"", i ? "," : "", i);
    buf_printf(&text,
               "\"type\":\"UPDATE_FRAMEWORK\",\"update_framework\":{\"framework_info\":{\"user\":\"root\",\"name\":\"fw\","
               "\"capabilities\":[{\"type\":\"MULTI_ROLE\"}],\"id\":{\"value\":\"%s\"},\"failover_timeout\":100,"
               "\"roles\":[%s]},\"suppressed_roles\":[%s]}",
               w->framework_id, buf_cstr(&roles), buf_cstr(&roles));
    assert_int_equal(call(w, buf_cstr(&text)), 200);
    pass(w, 2000);
    struct str answer = str_of(explained(w));
    assert_true(str_ends(answer, STR_LIT("],\"truncated\":true}")));
    static const char reason[] = "ROLE_SUPPRESSED";
    size_t entries = 0; /* with memmem: strstr is slow on megabytes under a sanitizer, which looks for the end first */
    for (const char *at = answer.ptr, *end = at + answer.len;
         (at = memmem(at, (size_t)(end - at), reason, sizeof(reason) - 1)) != NULL; at++)
        entries++;
    assert_int_equal(entries, 100000);
    /* One role of them all is within it. */
    auto_free char *one = xasprintf("/explain?framework_id=%s&role=r9999", w->framework_id);
    answer = str_of(get(w, one));
    assert_true(str_ends(answer, STR_LIT("],\"truncated\":false}")));
    world_free(w);
}

static int
update_framework(struct world *w, const char *name, const char *role, const char *more)
{
    auto_free char *text = xasprintf(
        "\"type\":\"UPDATE_FRAMEWORK\",\"update_framework\":{\"framework_info\":{\"user\":\"root\",\"name\":\"%s\","
        "\"roles\":[\"%s\"],\"capabilities\":[{\"type\":\"MULTI_ROLE\"}],\"id\":{\"value\":\"%s\"}}%s}",
        name, role, w->framework_id, more);
    return call(w, text);
}

/* Agents hear of a framework's info when it changes and of nothing else; offers go only with their role. */
static void
test_framework_updates(void **state)
{
    static const char message[] = "UpdateFrameworkMessage";
    static const char none[] = ",\"offer_constraints\":{\"role_constraints\":{\"*\":{\"groups\":[{"
                               "\"attribute_constraints\":[{\"selector\":{\"attribute_name\":\"x\"},"
                               "\"predicate\":{\"exists\":{}}}]}]}}}";
    (void)state;
    struct world *w = world_new();
    start_master(w);
    pass(w, 100);
    admitted(w);
    w->options.max_agent_ping_timeouts = 1000000;
    subscribe(w, "", NULL);
    launch(w, "t");
    assert_int_equal(update_framework(w, "fw", "*", none), 200);
    assert_int_equal(heard_times(w, message), 0);
    pass(w, 3000 * 1000); /* the filter of the launch is over, the constraints are not */
    assert_int_equal(told_times(w, EVENT(OFFERS)), 1);
    assert_non_null(strstr(explained(w), "\"reason\":\"OFFER_CONSTRAINTS\""));
    assert_int_equal(update_framework(w, "fw", "*", ""), 200);
    assert_int_equal(heard_times(w, message), 0);
    pass(w, 5 * 1000);
    assert_int_equal(told_times(w, EVENT(OFFERS)), 2);
    assert_int_equal(update_framework(w, "other", "*", none), 200);
    assert_int_equal(heard_times(w, message), 1);
    assert_null(told(w, EVENT(RESCIND))); /* an offer that is out stays, whatever is wished now */
    assert_int_equal(update_framework(w, "other", "*", ",\"suppressed_roles\":[\"*\"]"), 200);
    assert_null(told(w, EVENT(RESCIND)));
    assert_int_equal(update_framework(w, "other", "web", ""), 200);
    assert_int_equal(heard_times(w, message), 2);
    assert_int_equal(told_times(w, EVENT(RESCIND)), 1);
    assert_int_equal(update_framework(w, "other", "web", ",\"suppressed_roles\":[\"*\"]"), 400);
    assert_int_equal(heard_times(w, message), 2);
    world_free(w);
}

static void
test_an_acknowledgement_that_was_lost(void **state)
{
    (void)state;
    struct world *w = world_leading();
    const char *id = admitted(w);
    subscribe(w, ",\"failover_timeout\":60,\"checkpoint\":true", NULL);
    launch(w, "t1");
    assert_non_null(heard(w, "RunTaskMessage"));
    agent_updates(w, id, "t1", MESOS__V1__TASK_STATE__TASK_FINISHED, UUID);
    assert_int_equal(told_times(w, EVENT(UPDATE)), 1);
    assert_int_equal(acknowledge(w, id, "t1"), 202);
    assert_int_equal(heard_times(w, "StatusUpdateAcknowledgementMessage"), 1);
    /* The agent says it again: the scheduler is spared, the agent gets its acknowledgement. */
    agent_updates(w, id, "t1", MESOS__V1__TASK_STATE__TASK_FINISHED, UUID);
    assert_int_equal(told_times(w, EVENT(UPDATE)), 1);
    assert_int_equal(heard_times(w, "StatusUpdateAcknowledgementMessage"), 2);
    world_free(w);
}

static void
test_reconciliation_at_reregistration(void **state)
{
    (void)state;
    struct world *w = world_leading();
    const char *id = admitted(w);
    subscribe(w, ",\"failover_timeout\":60,\"checkpoint\":true", NULL);
    launch(w, "t1");
    agent_reregisters(w, "slave(1)", id); /* it never got the task */
    pass(w, 100);
    const struct note *note = heard(w, "SlaveReregisteredMessage");
    assert_non_null(note);
    Mesos__Internal__SlaveReregisteredMessage *message =
        MESSAGE_UNPACK(Mesos__Internal__SlaveReregisteredMessage, mesos__internal__slave_reregistered_message,
                       str_n(note->body, note->len), w->arena, NULL);
    assert_int_equal(message->n_reconciliations, 1);
    assert_string_equal(message->reconciliations[0]->framework_id->value, w->framework_id);
    assert_int_equal(message->reconciliations[0]->n_statuses, 1);
    assert_string_equal(message->reconciliations[0]->statuses[0]->task_id->value, "t1");
    world_free(w);
}

static void
recover_one(struct world *w, char id[80], struct buf *value, struct mesos_registry_entry *entry)
{
    Mesos__Internal__Registry__Slave slave = MESOS__INTERNAL__REGISTRY__SLAVE__INIT;
    snprintf(id, 80, "c0ffee00-0000-4000-8000-000000000000-S7");
    slave.info = agent_info(w, id);
    message_pack(value, &slave);
    *entry = (struct mesos_registry_entry){
        sizeof(*entry), MESOS_REGISTRY_ADMITTED, {id, strlen(id)}, {buf_data(value), value->len}};
    registry.recovered = entry;
    registry.recovered_count = 1;
}

static void
test_agents_of_the_registry_come_back_or_are_lost(void **state)
{
    (void)state;
    for (int back = 0; back < 2; back++) {
        struct world *w = world_new();
        char id[80];
        auto_buf struct buf value = {0};
        struct mesos_registry_entry entry;
        recover_one(w, id, &value, &entry);
        start_master(w);
        pass(w, 100);
        subscribe(w, "", NULL);
        if (back) {
            agent_reregisters(w, "slave(1)", id);
            pass(w, 100);
            assert_non_null(heard(w, "SlaveReregisteredMessage"));
        }
        pass(w, 11 * 60 * 1000);
        if (back)
            assert_null(told(w, EVENT(FAILURE)));
        else
            assert_string_equal(told(w, EVENT(FAILURE))->failure->agent_id->value, id);
        assert_string_equal(w->fatal, "");
        world_free(w);
    }
}

static void
test_too_many_lost_agents_end_the_master(void **state)
{
    (void)state;
    struct world *w = world_new();
    char id[80];
    auto_buf struct buf value = {0};
    struct mesos_registry_entry entry;
    w->options.recovery_agent_removal_limit = 0.5;
    recover_one(w, id, &value, &entry);
    start_master(w);
    pass(w, 11 * 60 * 1000);
    assert_non_null(strstr(w->fatal, "recovery_agent_removal_limit"));
    world_free(w);
}

static void
test_lost_agents_are_forgotten_in_the_end(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->options.registry_max_agent_age_ns = MINS(30);
    start_master(w);
    pass(w, 100);
    auto_free char *id = xstrdup(admitted(w));
    subscribe(w, "", NULL);
    call(w, "\"type\":\"SUPPRESS\"");
    w->silent = true;
    pass(w, 95 * 1000);
    assert_non_null(strstr(get(w, "/state"), "\"unreachable_slaves\":1"));
    pass(w, 20 * 60 * 1000);
    assert_non_null(strstr(get(w, "/state"), "\"unreachable_slaves\":1"));
    pass(w, 30 * 60 * 1000);
    assert_non_null(strstr(get(w, "/state"), "\"unreachable_slaves\":0"));
    size_t last = registry.written_count - 1;
    assert_int_equal(registry.written[last].table, MESOS_REGISTRY_UNREACHABLE);
    assert_true(registry.written[last].removed);
    assert_string_equal(registry.written[last].key, id);
    world_free(w);
}

static void
test_agents_go_one_after_the_other(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->options.agent_removal_rate_count = 1;
    w->options.agent_removal_rate_ns = MINS(10);
    start_master(w);
    pass(w, 100);
    agent_registers(w, "slave(1)");
    agent_registers(w, "slave(2)");
    pass(w, 100);
    subscribe(w, "", NULL);
    w->silent = true;
    pass(w, 5 * 60 * 1000);
    assert_int_equal(told_times(w, EVENT(FAILURE)), 1);
    pass(w, 8 * 60 * 1000);
    assert_int_equal(told_times(w, EVENT(FAILURE)), 2);
    world_free(w);
}

static void
test_histories_are_bounded(void **state)
{
    (void)state;
    struct world *w = world_leading();
    const char *id = admitted(w);
    subscribe(w, ",\"failover_timeout\":60,\"checkpoint\":true", NULL);
    for (int i = 0; i < 6; i++) {
        char task[32];
        snprintf(task, sizeof(task), "t%d", i);
        launch(w, task);
        agent_updates(w, id, task, MESOS__V1__TASK_STATE__TASK_FINISHED, UUID);
        assert_int_equal(acknowledge(w, id, task), 202);
        pass(w, 200);
    }
    /* Three of six tasks, the youngest. */
    auto_free char *first = xstrdup(w->framework_id);
    const char *text = get(w, "/frameworks");
    assert_null(strstr(text, "\"id\":\"t2\""));
    for (int i = 3; i < 6; i++) {
        char member[32];
        snprintf(member, sizeof(member), "\"id\":\"t%d\"", i);
        assert_non_null(strstr(text, member));
    }
    assert_int_equal(call(w, "\"type\":\"TEARDOWN\""), 202);
    for (int i = 0; i < 4; i++) {
        subscribe(w, "", NULL);
        assert_int_equal(call(w, "\"type\":\"TEARDOWN\""), 202);
        w->event_count = 0;
    }
    /* Two of five frameworks: the first is forgotten, its id may be used again. */
    assert_null(strstr(get(w, "/frameworks"), first));
    subscribe(w, "", first);
    assert_string_equal(told(w, EVENT(SUBSCRIBED))->subscribed->framework_id->value, first);
    world_free(w);
}

static void
test_nonsense_from_agents(void **state)
{
    (void)state;
    struct world *w = world_leading();
    struct upid to = {.id = "master", .address = w->master_at};
    static const char *const names[] = {
        "mesos.internal.RegisterSlaveMessage",   "mesos.internal.ReregisterSlaveMessage",
        "mesos.internal.StatusUpdateMessage",    "mesos.internal.ExitedExecutorMessage",
        "mesos.internal.UnregisterSlaveMessage", "mesos.internal.NoSuchMessage",
        "mesos.internal.UpdateSlaveMessage",     ""};
    static const char *const bodies[] = {"", "\x0a", "\x0a\xff\xff\xff\xff\x0f", "garbage",
                                         "\x0a\x03\x0a\x01z"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        for (size_t j = 0; j < ARRAY_LEN(bodies); j++)
            libprocess_send(w->agents, "slave(1)", &to, names[i], str_of(bodies[j]));
    /* An agent from before 1.0 and one whose resources make no sense are told to go. */
    char old[] = "0.28.2";
    Mesos__Internal__RegisterSlaveMessage message = MESOS__INTERNAL__REGISTER_SLAVE_MESSAGE__INIT;
    message.slave = agent_info(w, NULL);
    message.version = old;
    agent_says(w, "slave(1)", "mesos.internal.RegisterSlaveMessage", &message);
    pass(w, 100);
    size_t refused = heard_times(w, "ShutdownMessage");
    assert_true(refused > 0);
    char version[] = "1.11.0";
    message.version = version;
    message.slave->resources[0]->scalar->value = -4;
    agent_says(w, "slave(1)", "mesos.internal.RegisterSlaveMessage", &message);
    pass(w, 100);
    assert_int_equal(heard_times(w, "ShutdownMessage"), refused + 1);
    assert_null(heard(w, "SlaveRegisteredMessage"));
    admitted(w); /* and all is well */
    world_free(w);
}

/* Nobody else speaks for an agent, whatever id is in the message. */
static void
test_agents_speak_for_themselves(void **state)
{
    (void)state;
    struct world *w = world_leading();
    const char *id = admitted(w);
    Mesos__V1__AgentID agent = MESOS__V1__AGENT_ID__INIT;
    Mesos__Internal__UnregisterSlaveMessage leaves = MESOS__INTERNAL__UNREGISTER_SLAVE_MESSAGE__INIT;
    agent.value = arena_strdup(w->arena, str_of(id));
    leaves.slave_id = &agent;
    subscribe(w, "", NULL);
    launch(w, "t1");
    somebody_updates(w, "intruder", id, "t1", MESOS__V1__TASK_STATE__TASK_FAILED, UUID);
    agent_says(w, "intruder", "mesos.internal.UnregisterSlaveMessage", &leaves);
    pass(w, 100);
    assert_null(told(w, EVENT(UPDATE)));
    assert_null(told(w, EVENT(FAILURE)));
    agent_updates(w, id, "t1", MESOS__V1__TASK_STATE__TASK_RUNNING, UUID);
    assert_int_equal(told(w, EVENT(UPDATE))->update->status->state, MESOS__V1__TASK_STATE__TASK_RUNNING);
    /* Nor does somebody else keep one alive that is silent: slave-observer(1) is asked by all of them. */
    w->silent = true;
    for (int i = 0; i < 40; i++) {
        struct upid to = {.id = "slave-observer(1)", .address = w->master_at};
        libprocess_send(w->agents, "intruder", &to, "mesos.internal.PongSlaveMessage", (struct str){0});
        pass(w, 10 * 1000);
    }
    assert_non_null(told(w, EVENT(FAILURE)));
    world_free(w);
}

static void
test_the_recorded_launch(void **state)
{
    (void)state;
    struct world *w = world_leading();
    struct upid to = {.id = "master", .address = w->master_at};
    auto_buf struct buf raw1 = {0}, raw2 = {0}, raw3 = {0};
    libprocess_send(w->agents, "slave(1)", &to, "mesos.internal.RegisterSlaveMessage",
                    recorded_body(&raw1, "01-agent-registration/001-agent1-master-RegisterSlaveMessage.req"));
    pass(w, 100);
    /* What the agent is told: the recorded answer with our id. */
    const struct note *note = heard(w, "SlaveRegisteredMessage");
    assert_non_null(note);
    Mesos__Internal__SlaveRegisteredMessage *registered =
        MESSAGE_UNPACK(Mesos__Internal__SlaveRegisteredMessage, mesos__internal__slave_registered_message,
                       str_n(note->body, note->len), w->arena, NULL);
    Mesos__Internal__SlaveRegisteredMessage *their_registered =
        MESSAGE_UNPACK(Mesos__Internal__SlaveRegisteredMessage, mesos__internal__slave_registered_message,
                       recorded_body(&raw2, "01-agent-registration/003-master-agent1-SlaveRegisteredMessage.req"), w->arena, NULL);
    their_registered->slave_id = registered->slave_id;
    assert_same_bytes(&registered->base, &their_registered->base);
    /* The framework and its task as they were, and the RunTaskMessage that came of it. */
    subscribe(w, ",\"failover_timeout\":3600.0,\"checkpoint\":true", NULL);
    const Mesos__V1__Offer *offer = an_offer(w);
    auto_buf struct buf text = {0};
    buf_printf(
        &text,
        "\"type\":\"ACCEPT\",\"accept\":{\"offer_ids\":[{\"value\":\"%s\"}],\"operations\":[{\"type\":"
        "\"LAUNCH\",\"launch\":{\"task_infos\":[{\"name\":\"sleeper\",\"task_id\":{\"value\":\"sleeper\"},"
        "\"agent_id\":{\"value\":\"%s\"},\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":"
        "{\"value\":0.1}},{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":32}}],\"command\":"
        "{\"value\":\"sleep 600\"}}]}}]}",
        offer->id->value, offer->agent_id->value);
    assert_int_equal(call(w, buf_cstr(&text)), 202);
    note = heard(w, "RunTaskMessage");
    assert_non_null(note);
    Mesos__Internal__RunTaskMessage *run =
        MESSAGE_UNPACK(Mesos__Internal__RunTaskMessage, mesos__internal__run_task_message,
                       str_n(note->body, note->len), w->arena, NULL);
    Mesos__Internal__RunTaskMessage *their_run =
        MESSAGE_UNPACK(Mesos__Internal__RunTaskMessage, mesos__internal__run_task_message,
                       recorded_body(&raw3, "01-agent-registration/010-master-agent1-RunTaskMessage.req"), w->arena, NULL);
    their_run->framework->id = run->framework->id;
    their_run->framework->name = run->framework->name;
    their_run->task->agent_id = run->task->agent_id;
    assert_same_bytes(&run->base, &their_run->base);
    world_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_shows_before_it_is_durable),
        cmocka_unit_test(test_a_registry_that_fails_ends_the_master),
        cmocka_unit_test(test_pings_and_their_end),
        cmocka_unit_test(test_heartbeats_and_failover),
        cmocka_unit_test(test_offers_time_out),
        cmocka_unit_test(test_a_refusal_is_explained_until_it_ends),
        cmocka_unit_test(test_explanations_are_bounded),
        cmocka_unit_test(test_framework_updates),
        cmocka_unit_test(test_an_acknowledgement_that_was_lost),
        cmocka_unit_test(test_reconciliation_at_reregistration),
        cmocka_unit_test(test_agents_of_the_registry_come_back_or_are_lost),
        cmocka_unit_test(test_too_many_lost_agents_end_the_master),
        cmocka_unit_test(test_lost_agents_are_forgotten_in_the_end),
        cmocka_unit_test(test_agents_go_one_after_the_other),
        cmocka_unit_test(test_histories_are_bounded),
        cmocka_unit_test(test_nonsense_from_agents), cmocka_unit_test(test_agents_speak_for_themselves),
        cmocka_unit_test(test_the_recorded_launch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
