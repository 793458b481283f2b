/* SPDX-License-Identifier: Apache-2.0 */
/* What is put together from views in bites of its own, /state-summary and /tasks: each as its principal sees it, of one moment, in
 * turn. */
#include "viewers.h"

#define RUNNING(text) (strstr(text, "\"TASK_STARTING\":0,\"TASK_RUNNING\":1,") != NULL)

static bool
is_staging(const char *text, int count)
{
    auto_free char *want = xasprintf("\"TASK_STAGING\":%d,", count);
    return strstr(text, want);
}

static void
test_summaries(void **state)
{
    static const char *const who[] = {"alice", "bob", "carol", "alice", "alice", "bob", "alice", "carol+team=a", "alice"};
    struct world *w = large_world();
    struct visitor *visitors[ARRAY_LEN(who)];
    const char *agent_id = arena_strdup(w->arena, str_of(an_offer(w)->agent_id->value));
    (void)state;
    for (int round = 0; round < 2; round++) { /* the second is by what is kept, and by a change */
        size_t before = asked();
        for (size_t i = 0; i < ARRAY_LEN(who); i++)
            visitors[i] = comes(w, who[i], "/state-summary");
        for (size_t i = 0; i < ARRAY_LEN(who); i++) {
            const char *text = text_of(visitors[i]);
            bool alice = strcmp(who[i], "alice") == 0, bob = strcmp(who[i], "bob") == 0;
            int seen = alice || bob ? TASKS / 3 : 2 * TASKS / 3;
            assert_true(is_staging(text, round && !bob ? seen - 1 : seen));
            assert_int_equal(RUNNING(text), round && !bob);
            leaves(visitors[i]);
        }
        assert_in_range(asked() - before, 1, 4 * TASKS);
        agent_updates(w, agent_id, "first-of-nobody-1", MESOS__V1__TASK_STATE__TASK_RUNNING, UUID);
        pass(w, 50);
    }
    world_free(w);
}

static void
test_summary_left(void **state)
{
    struct world *w = large_world();
    struct visitor *gone[3], *stays, *late;
    size_t from = asked();
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(gone); i++)
        gone[i] = comes(w, i ? "bob" : "alice", "/state-summary");
    stays = comes(w, "bob", "/state-summary");
    assert_true(loop_run_until(w->loop, is_midway, &from, PATIENCE_MS)); /* alice's is being put together */
    assert_int_equal(gone[0]->status, 0);
    late = comes(w, "alice", "/state-summary");
    for (size_t i = 0; i < ARRAY_LEN(gone); i++)
        leaves(gone[i]);
    assert_true(is_staging(text_of(stays), TASKS / 3));
    assert_true(is_staging(text_of(late), TASKS / 3));
    leaves(stays), leaves(late);

    /* Alone, and gone; the next finds everything in order. */
    gone[0] = comes(w, "carol", "/state-summary");
    from = asked();
    assert_true(loop_run_until(w->loop, is_midway, &from, PATIENCE_MS));
    leaves(gone[0]);
    pass(w, 100);
    stays = comes(w, "carol", "/state-summary");
    assert_true(is_staging(text_of(stays), 2 * TASKS / 3));
    leaves(stays);

    gone[0] = comes(w, "dora", "/state-summary");
    from = asked();
    assert_true(loop_run_until(w->loop, is_midway, &from, PATIENCE_MS));
    master_free(take(&w->master));
    leaves(gone[0]);
    world_free(w);
}

/* Eight come again and again, each as somebody else, while tasks change all the time: no pages stay fresh for long. */
struct throng {
    struct world *w;
    struct framework *framework;
    struct visitor *one, *others[8];
    size_t turns, every; /* of the loop; in how many of them all tasks change once */
    size_t answers; /* to the others */
};

static struct visitor *
another(struct throng *throng, size_t i)
{
    const char who[] = {(char)('a' + i), 0};
    return comes(throng->w, who, "/state-summary");
}

static bool
one_is_answered(void *arg)
{
    struct throng *throng = arg;
    struct task *task;
    if (throng->turns++ % throng->every == 0)
        map_foreach (task, &throng->framework->tasks)
            record_touch(&task->record);
    for (size_t i = 0; i < ARRAY_LEN(throng->others); i++)
        if (is_answered(throng->others[i])) {
            throng->answers++;
            leaves(throng->others[i]);
            throng->others[i] = another(throng, i);
        }
    return is_answered(throng->one) || throng->answers > 3 * ARRAY_LEN(throng->others);
}

/* Who came first is not passed by others for ever: pages that were fresh when somebody's turn came are made again then, and
 * meanwhile nobody begins whose own happen to be ready. */
static void
test_summaries_in_turn(void **state)
{
    struct world *w = large_world();
    (void)state;
    pass(w, 5000); /* another offer comes */
    launch_sized(w, "many", 1200, 1);
    assert_int_equal(call(w, "\"type\":\"SUPPRESS\""), 202);
    for (size_t i = 2; i < 400; i++) { /* agents enough for several bites */
        auto_free char *actor = xasprintf("slave(%zu)", i);
        agent_registers(w, actor);
    }
    pass(w, 1000);
    assert_int_equal(map_count(&w->master->agents), 399);
    for (size_t every = 5; every < 22; every++) {
        struct throng throng = {.w = w, .framework = map_get(&w->master->frameworks, str_of(w->framework_id)), .every = every};
        for (size_t i = 0; i < ARRAY_LEN(throng.others); i++)
            throng.others[i] = another(&throng, i);
        throng.one = comes(w, "bob", "/state-summary");
        assert_true(loop_run_until(w->loop, one_is_answered, &throng, PATIENCE_MS));
        if (!is_answered(throng.one))
            fail_msg("%zu came between when tasks changed in each of %zu turns", throng.answers, every);
        for (size_t i = 0; i < ARRAY_LEN(throng.others); i++)
            leaves(throng.others[i]);
        leaves(throng.one);
        pass(w, 100);
    }
    world_free(w);
}

/* Tasks that have ended count for their agent, and for its id when it is gone. */
static void
test_summary_of_the_past(void **state)
{
    struct world *w = large_world();
    const char *agent_id = arena_strdup(w->arena, str_of(an_offer(w)->agent_id->value));
    Mesos__Internal__UnregisterSlaveMessage message = MESOS__INTERNAL__UNREGISTER_SLAVE_MESSAGE__INIT;
    Mesos__V1__AgentID id = MESOS__V1__AGENT_ID__INIT;
    (void)state;
    agent_updates(w, agent_id, "first-of-nobody-1", MESOS__V1__TASK_STATE__TASK_FINISHED, UUID);
    pass(w, 50);
    assert_int_equal(acknowledge(w, agent_id, "first-of-nobody-1"), 202);
    for (int i = 0; i < 2; i++) {
        struct visitor *alice = comes(w, "alice", "/state-summary"), *bob = comes(w, "bob", "/state-summary");
        auto_free char *ids = xasprintf("\"framework_ids\":[\"%s\"]", w->framework_id);
        auto_free char *slave_ids = xasprintf("\"slave_ids\":[\"%s\"]", agent_id);
        const char *text = text_of(alice);
        assert_int_equal(strstr(text, ids) != NULL, i == 0);
        assert_int_equal(strstr(text, "\"slaves\":[]") != NULL, i == 1);
        assert_non_null(strstr(text, slave_ids));
        if (i == 0)
            assert_non_null(strstr(text, "\"TASK_FINISHED\":1,"));
        assert_null(strstr(text_of(bob), "\"TASK_FINISHED\":1,"));
        leaves(alice), leaves(bob);
        id.value = (char *)(uintptr_t)agent_id;
        message.slave_id = &id;
        agent_says(w, "slave(1)", "mesos.internal.UnregisterSlaveMessage", &message);
        pass(w, 100);
    }
    world_free(w);
}

static void
test_list_of_tasks(void **state)
{
    struct world *w = large_world();
    (void)state;
    for (int round = 0; round < 2; round++) {
        struct visitor *alice = comes(w, "alice", "/tasks?limit=1000"), *bob = comes(w, "bob", "/tasks?limit=1000");
        saw(alice, "first", false, true, false);
        saw(bob, "first", true, false, false);
        leaves(alice), leaves(bob);
        alice = comes(w, "alice", "/tasks?task_id=first-of-root-0"), bob = comes(w, "bob", "/tasks?task_id=first-of-root-0");
        assert_string_equal(text_of(alice), "{\"tasks\":[]}");
        assert_non_null(strstr(text_of(bob), "\"first-of-root-0\""));
        assert_null(strstr(text_of(bob), "\"first-of-root-3\""));
        leaves(alice), leaves(bob);
        pass(w, 5000); /* another offer comes */
    }
    launch_large(w, "second", 3);
    struct visitor *alice = comes(w, "alice", "/tasks?limit=1000");
    assert_non_null(strstr(text_of(alice), "\"second-of-nobody-1\""));
    assert_null(strstr(text_of(alice), "\"second-of-root-0\""));
    leaves(alice);
    world_free(w);
}

static bool
is_begun(void *arg)
{
    return !list_empty(&((struct world *)arg)->master->listings);
}

/* However many are listed, others are answered meanwhile; what is forgotten meanwhile is left out. */
static void
test_list_of_tasks_in_bites(void **state)
{
    struct world *w = large_world();
    struct framework *framework = map_get(&w->master->frameworks, str_of(w->framework_id));
    (void)state;
    notary_forget(); /* everybody sees all */
    struct visitor *carol = comes(w, "carol", "/tasks?limit=1000000");
    assert_true(loop_run_until(w->loop, is_begun, w, PATIENCE_MS));
    struct visitor *other = comes(w, "carol", "/health");
    text_of(other);
    assert_int_equal(carol->status, 0);
    for (size_t i = 2; i <= 3 * 3 + 2; i += 3) { /* one more than are kept when they have ended */
        auto_free char *id = xasprintf("first-of-games-%zu", i);
        task_complete(task_find(framework, id));
    }
    assert_int_equal(carol->status, 0);
    const char *text = text_of(carol);
    assert_null(strstr(text, "\"first-of-games-2\""));
    assert_non_null(strstr(text, "\"first-of-games-5\""));
    assert_non_null(strstr(text, "\"first-of-games-95\""));
    assert_non_null(strstr(text, "\"first-of-root-0\""));
    assert_true(str_ends(str_of(text), STR_LIT("}]}")));
    assert_true(list_empty(&w->master->listings));
    leaves(carol), leaves(other);

    carol = comes(w, "carol", "/tasks?limit=1000000");
    assert_true(loop_run_until(w->loop, is_begun, w, PATIENCE_MS));
    leaves(carol);
    pass(w, 50);
    assert_true(list_empty(&w->master->listings));
    carol = comes(w, "carol", "/tasks?limit=1000000");
    assert_true(loop_run_until(w->loop, is_begun, w, PATIENCE_MS));
    master_free(take(&w->master)); /* it goes while she waits */
    leaves(carol);
    world_free(w);
}

/* The ids in the order in which they stand, each with a ',' behind it. */
static void
ids_of(struct world *w, const char *query, struct buf *out)
{
    auto_free char *path = xasprintf("/tasks?%s", query);
    struct visitor *carol = comes(w, "carol", path);
    for (const char *at = text_of(carol); (at = strstr(at, "{\"id\":\"")); at++)
        buf_printf(out, "%.*s,", (int)strcspn(at + 7, "\""), at + 7);
    leaves(carol);
}

/* Those that are chosen as they are walked over, and those that are all kept and sorted, are the same. */
static void
test_many_tasks_are_sorted(void **state)
{
    enum { MANY = 1200 };
    struct world *w = large_world();
    auto_buf struct buf down = {0}, up = {0}, some = {0}, few = {0};
    (void)state;
    notary_forget();
    pass(w, 5000); /* another offer comes */
    launch_sized(w, "many", MANY, 1);
    for (size_t i = 0; i < 5; i++) {
        auto_free char *id = xasprintf("many-of-%s-%zu", users[7 * i % USERS], 7 * i);
        agent_updates(w, an_offer(w)->agent_id->value, id, MESOS__V1__TASK_STATE__TASK_RUNNING, UUID); /* all of one time */
    }
    pass(w, 50);
    ids_of(w, "limit=5000", &down);
    assert_true(str_starts(buf_str(&down), STR_LIT("many-of-root-21,many-of-root-0,many-of-nobody-7,many-of-nobody-28,"
                                                   "many-of-games-14,many-of-root-999,many-of-root-996,many-of-root-993,")));
    ids_of(w, "limit=5000&order=asc", &up);
    assert_int_equal(up.len, down.len);
    struct str left = buf_str(&down), more = buf_str(&up);
    size_t count = 0, from = 0, to = 0;
    for (; left.len; count++) { /* the last of one is the first of the other */
        struct str one = str_cut(&left, ',');
        assert_true(str_ends(more, str_n(one.ptr, one.len + 1)));
        more.len -= one.len + 1;
        from = count < 90 ? (size_t)(left.ptr - buf_data(&down)) : from;
        to = count < 1190 ? (size_t)(left.ptr - buf_data(&down)) : to;
    }
    assert_int_equal(count, TASKS + MANY);
    ids_of(w, "limit=1100&offset=90", &some);
    assert_true(str_eq(buf_str(&some), str_n(buf_data(&down) + from, to - from)));
    ids_of(w, "limit=90", &few);
    assert_true(str_eq(buf_str(&few), str_n(buf_data(&down), from)));
    world_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_summaries),
        cmocka_unit_test(test_summary_left),
        cmocka_unit_test(test_summary_of_the_past),
        cmocka_unit_test(test_summaries_in_turn),
        cmocka_unit_test(test_list_of_tasks),
        cmocka_unit_test(test_list_of_tasks_in_bites),
        cmocka_unit_test(test_many_tasks_are_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
