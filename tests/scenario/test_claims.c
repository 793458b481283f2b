/* SPDX-License-Identifier: Apache-2.0 */
/* A framework that names what is another's: its offer, task, executor and agent, or its id. It is refused as real masters do, and
 * neither the agent nor the other framework hears of it. Of each kind (v1, v0) against each, and as whom HTTP has logged in. */
#include "parties.h"

#define ACK "\"uuid\":\"MDEyMzQ1Njc4OWFiY2RlZg==\"" /* 0123456789abcdef */

/* Alice has a task that waits for an acknowledgement, its executor, and an offer of the rest; Bob has nothing. */
struct place {
    struct world *w;
    struct party alice, bob;
    char agent_id[80], offer_id[80];
    bool logins;
    size_t alice_heard, notes; /* until so far all is well */
};

static void
take_stock(struct place *place)
{
    place->alice_heard = party_heard(&place->alice);
    place->notes = place->w->note_count;
}

static void
launch_with(struct party *party, const char *id, const char *offer_id, const char *agent_id, const char *task_id)
{
    auto_free char *members = xasprintf(
        "\"type\":\"ACCEPT\",\"accept\":{\"offer_ids\":[{\"value\":\"%s\"}],\"filters\":{\"refuse_seconds\":0},\"operations\":[{\"type\":"
        "\"LAUNCH\",\"launch\":{\"task_infos\":[{\"name\":\"t\",\"task_id\":{\"value\":\"%s\"},\"agent_id\":{\"value\":\"%s\"},"
        "\"executor\":{\"executor_id\":{\"value\":\"e\"},\"type\":\"CUSTOM\",\"command\":{\"value\":\"x\"},\"framework_id\":{\"value\":"
        "\"%s\"}},\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1}},"
        "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":64}}]}]}}]}",
        offer_id, task_id, agent_id, id);
    party_calls(party, id, members);
}

static void
set_up(struct place *place, bool alice_v0, bool bob_v0, bool logins)
{
    struct world *w = logins ? world_ruled_schedulers_by_name() : world_ruled();
    *place = (struct place){.w = w, .logins = logins};
    party_init(&place->alice, w, "alice", alice_v0);
    party_init(&place->bob, w, "bob", bob_v0);
    snprintf(place->agent_id, sizeof(place->agent_id), "%s", admitted(w));
    party_joins(&place->alice);
    pass(w, 200);
    assert_non_null(party_offer(&place->alice));
    launch_with(&place->alice, place->alice.id, party_offer(&place->alice)->id->value, place->agent_id, "t1");
    assert_int_equal(heard_times(w, "RunTaskMessage"), 1);
    snprintf(w->framework_id, sizeof(w->framework_id), "%s", place->alice.id);
    agent_updates(w, place->agent_id, "t1", MESOS__V1__TASK_STATE__TASK_RUNNING, UUID);
    assert_non_null(party_status(&place->alice));
    assert_int_equal(party_status(&place->alice)->state, MESOS__V1__TASK_STATE__TASK_RUNNING);
    pass(w, 200);
    snprintf(place->offer_id, sizeof(place->offer_id), "%s", party_offer(&place->alice)->id->value);
    party_joins(&place->bob);
    pass(w, 200);
    assert_null(party_offer(&place->bob));
    take_stock(place);
}

/* What a master passes on unseen, with the sender's id: the agent finds nothing of it. */
static bool
is_of_bob(const struct place *place, const struct note *note)
{
    return (strcmp(note->name, "mesos.internal.FrameworkToExecutorMessage") == 0 ||
            strcmp(note->name, "mesos.internal.StatusUpdateAcknowledgementMessage") == 0) &&
           memmem(note->body, note->len, place->bob.id, strlen(place->bob.id)) &&
           !memmem(note->body, note->len, place->alice.id, strlen(place->alice.id));
}

/* Alice was told nothing, and the agent nothing but pings and messages of Bob's. */
static void
assert_alone(const struct place *place, const char *what)
{
    const struct world *w = place->w;
    if (party_heard(&place->alice) != place->alice_heard)
        fail_msg("%s: alice heard of it", what);
    for (size_t i = place->notes; i < w->note_count; i++) {
        const struct note *note = &w->notes[i];
        bool ping = strcmp(note->name, "mesos.internal.PingSlaveMessage") == 0;
        if (strcmp(note->to, "slave(1)") == 0 && !ping && !is_of_bob(place, note))
            fail_msg("%s: the agent got %s", what, note->name);
    }
}

/* What was Alice's is hers and works: her offer, her task, and that she is there at all. */
static void
tear_down(struct place *place)
{
    struct world *w = place->w;
    size_t launched = heard_times(w, "RunTaskMessage");
    auto_free char *acknowledge = xasprintf(
        "\"type\":\"ACKNOWLEDGE\",\"acknowledge\":{\"agent_id\":{\"value\":\"%s\"},\"task_id\":{\"value\":\"t1\"}," ACK "}",
        place->agent_id);
    launch_with(&place->alice, place->alice.id, place->offer_id, place->agent_id, "t2");
    assert_int_equal(heard_times(w, "RunTaskMessage"), launched + 1);
    party_calls(&place->alice, place->alice.id, acknowledge);
    const struct note *note = heard(w, "StatusUpdateAcknowledgementMessage");
    assert_non_null(note);
    assert_non_null(memmem(note->body, note->len, place->alice.id, strlen(place->alice.id)));
    party_fini(&place->alice);
    party_fini(&place->bob);
    world_free(w);
}

static void
each(void (*try)(struct place *place))
{
    for (int kinds = 0; kinds < 5; kinds++) {
        struct place place;
        set_up(&place, kinds & 1, kinds & 2, kinds == 4); /* the last: both over HTTP, logged in */
        try(&place);
        tear_down(&place);
    }
}

/* ---- in its own name ---- */

static void
take_the_offer(struct place *place)
{
    auto_free char *want = xasprintf("Task launched with invalid offers: Offer %s has invalid framework %s while framework %s is expected",
                                     place->offer_id, place->alice.id, place->bob.id);
    launch_with(&place->bob, place->bob.id, place->offer_id, place->agent_id, "stolen");
    const Mesos__V1__TaskStatus *status = party_status(&place->bob);
    assert_non_null(status);
    assert_int_equal(status->state, MESOS__V1__TASK_STATE__TASK_LOST);
    assert_int_equal(status->reason, MESOS__V1__TASK_STATUS__REASON__REASON_INVALID_OFFERS);
    assert_string_equal(status->message, want);
    assert_alone(place, "ACCEPT");
    auto_free char *decline =
        xasprintf("\"type\":\"DECLINE\",\"decline\":{\"offer_ids\":[{\"value\":\"%s\"}]}", place->offer_id);
    party_calls(&place->bob, place->bob.id, decline);
    pass(place->w, 1000);
    assert_alone(place, "DECLINE");
    assert_null(party_offer(&place->bob));
}

static void
test_anothers_offer(void **state)
{
    (void)state;
    each(take_the_offer);
}

enum { OF_TASKS = 5 };

/* So many of a task or an executor, then of a framework; %s: the agent's id. */
static const char *const wishes[] = {
    "\"type\":\"KILL\",\"kill\":{\"task_id\":{\"value\":\"t1\"},\"agent_id\":{\"value\":\"%s\"}}",
    "\"type\":\"ACKNOWLEDGE\",\"acknowledge\":{\"task_id\":{\"value\":\"t1\"}," ACK ",\"agent_id\":{\"value\":\"%s\"}}",
    "\"type\":\"SHUTDOWN\",\"shutdown\":{\"executor_id\":{\"value\":\"e\"},\"agent_id\":{\"value\":\"%s\"}}",
    "\"type\":\"MESSAGE\",\"message\":{\"executor_id\":{\"value\":\"e\"},\"data\":\"YQ==\",\"agent_id\":{\"value\":\"%s\"}}",
    "\"type\":\"RECONCILE\",\"reconcile\":{\"tasks\":[{\"task_id\":{\"value\":\"t1\"},\"agent_id\":{\"value\":\"%s\"}}]}",
    "\"type\":\"RECONCILE\",\"reconcile\":{}",
    "\"type\":\"REVIVE\"",
    "\"type\":\"SUPPRESS\"",
    "\"type\":\"TEARDOWN\"",
};

static char *
wish(const struct place *place, size_t i)
{
    struct buf text = {0};
    const char *gap = strstr(wishes[i], "%s");
    size_t before = gap ? (size_t)(gap - wishes[i]) : strlen(wishes[i]);
    buf_append_str(&text, str_n(wishes[i], before));
    if (gap)
        buf_printf(&text, "%s%s", place->agent_id, gap + 2);
    char *made = xstrdup(buf_cstr(&text));
    buf_fini(&text);
    return made;
}

static void
order_the_task(struct place *place)
{
    for (size_t i = 0; i < OF_TASKS; i++) {
        auto_free char *members = wish(place, i);
        size_t heard_before = party_heard(&place->bob);
        int status = party_calls(&place->bob, place->bob.id, members);
        assert_int_equal(status, place->bob.v0 ? 0 : 202);
        assert_alone(place, members);
        /* It may have a task of that name, too: what is known of it is said, and that is nothing. */
        bool asked = strstr(members, "\"KILL\"") || strstr(members, "\"tasks\"");
        assert_int_equal(party_heard(&place->bob), heard_before + asked);
        if (asked) {
            assert_int_equal(party_status(&place->bob)->state, MESOS__V1__TASK_STATE__TASK_LOST);
            assert_string_equal(party_status(&place->bob)->message, "Reconciliation: Task is unknown to the agent");
        }
    }
}

static void
test_anothers_task_and_executor(void **state)
{
    (void)state;
    each(order_the_task);
}

/* ---- in another's name ---- */

/* How a call over HTTP is refused. */
static void
assert_refusal(const struct place *place, const char *what)
{
    auto_free char *stream = xasprintf("The stream ID '%s' included in this request didn't match the stream ID currently associated "
                                       "with framework ID %s",
                                       place->bob.stream_id, place->alice.id);
    const char *text = place->logins     ? "Authenticated principal 'bob' does not match principal 'alice' set in `FrameworkInfo`"
                       : place->alice.v0 ? "Framework is not connected via HTTP"
                                         : stream;
    int status = place->alice.v0 ? 403 : 400;
    struct str got = buf_str(&place->bob.answer);
    if (place->bob.status != status || !str_is(got, text))
        fail_msg("%s: %d %.*s", what, place->bob.status, STR_ARG(got));
}

static uint64_t
dropped(struct place *place)
{
    const char *at = strstr(get(place->w, "/metrics/snapshot"), "\"master/dropped_messages\":");
    assert_non_null(at);
    return strtoull(strchr(at, ':') + 1, NULL, 10);
}

static void
call_as_alice(struct place *place, const char *members)
{
    uint64_t before = dropped(place);
    size_t heard_before = party_heard(&place->bob);
    party_calls(&place->bob, place->alice.id, members);
    pass(place->w, 100);
    assert_alone(place, members);
    assert_int_equal(party_heard(&place->bob), heard_before);
    assert_int_equal(dropped(place), before + place->bob.v0);
    if (!place->bob.v0)
        assert_refusal(place, members);
}

static void
call_in_her_name(struct place *place)
{
    for (size_t i = 0; i < ARRAY_LEN(wishes); i++) {
        auto_free char *members = wish(place, i);
        call_as_alice(place, members);
    }
    auto_free char *decline =
        xasprintf("\"type\":\"DECLINE\",\"decline\":{\"offer_ids\":[{\"value\":\"%s\"}]}", place->offer_id);
    call_as_alice(place, decline);
    launch_with(&place->bob, place->alice.id, place->offer_id, place->agent_id, "stolen");
    assert_alone(place, "ACCEPT");
    if (!place->bob.v0)
        return;
    Mesos__V1__FrameworkID id = MESOS__V1__FRAMEWORK_ID__INIT;
    Mesos__Internal__UnregisterFrameworkMessage leave = MESOS__INTERNAL__UNREGISTER_FRAMEWORK_MESSAGE__INIT;
    Mesos__Internal__DeactivateFrameworkMessage pause = MESOS__INTERNAL__DEACTIVATE_FRAMEWORK_MESSAGE__INIT;
    id.value = place->alice.id;
    leave.framework_id = pause.framework_id = &id;
    party_says(&place->bob, "mesos.internal.DeactivateFrameworkMessage", &pause);
    party_says(&place->bob, "mesos.internal.UnregisterFrameworkMessage", &leave);
    assert_alone(place, "older messages");
}

static void
test_anothers_id(void **state)
{
    (void)state;
    each(call_in_her_name);
}

/* Its end or its error is the only answer. */
static void
assert_no_subscription(struct place *place, const char *principal, bool force, const char *error)
{
    size_t heard_before = party_heard(&place->bob);
    party_claims(&place->bob, place->alice.id, principal, force);
    pass(place->w, 200);
    assert_alone(place, error);
    assert_int_equal(party_heard(&place->bob), heard_before + 1);
    assert_non_null(party_error(&place->bob));
    assert_string_equal(party_error(&place->bob), error);
}

static void
subscribe_as_her(struct place *place)
{
    static const char changed[] = "Changing framework's principal is not allowed.";
    if (place->bob.v0)
        assert_no_subscription(place, "bob", false, "Framework failed over");
    assert_no_subscription(place, "bob", true, changed);
    assert_no_subscription(place, NULL, true, changed); /* logged in, that is Bob too */
    if (!place->logins)
        return;
    size_t heard_before = party_heard(&place->bob);
    party_claims(&place->bob, place->alice.id, "alice", true);
    assert_int_equal(place->bob.status, 400);
    assert_true(str_is(buf_str(&place->bob.answer), "Failed to validate scheduler::Call: Authenticated principal 'bob' does not match "
                                                    "principal 'alice' set in `FrameworkInfo`"));
    assert_alone(place, "SUBSCRIBE as alice");
    assert_int_equal(party_heard(&place->bob), heard_before);
}

static void
test_anothers_subscription(void **state)
{
    (void)state;
    each(subscribe_as_her);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_anothers_offer),
        cmocka_unit_test(test_anothers_task_and_executor),
        cmocka_unit_test(test_anothers_id),
        cmocka_unit_test(test_anothers_subscription),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
