/* SPDX-License-Identifier: Apache-2.0 */
/* Many who may see only a part of the views: requests of the same principal share what is made for them, and no other; each
 * answer is by the rules and the tasks of its own moment. */
#include "viewers.h"

#include "master/views_internal.h"

enum { VIEW_BYTES = TASKS * NAME_BYTES };

/* Until some of a view is made, but not all. */
static void
go_midway(struct world *w)
{
    size_t from = asked();
    assert_true(loop_run_until(w->loop, is_midway, &from, PATIENCE_MS));
    assert_in_range(asked(), from + 1, from + TASKS - 1);
}

static void
test_made_once(void **state)
{
    static const char *const paths[] = {"/state", "/frameworks", NULL};
    struct world *w = large_world();
    struct visitor *visitors[10];
    (void)state;
    for (size_t p = 0; p < ARRAY_LEN(paths); p++) {
        size_t before = asked();
        for (size_t i = 0; i < ARRAY_LEN(visitors); i++)
            visitors[i] = comes(w, "alice", paths[p]);
        for (size_t i = 0; i < ARRAY_LEN(visitors); i++)
            saw(visitors[i], "first", false, true, false);
        /* Those of /frameworks were made for /state. */
        assert_int_equal(asked() - before, p == 1 ? 0 : TASKS);
        for (size_t i = 0; i < ARRAY_LEN(visitors); i++)
            leaves(visitors[i]);
    }
    world_free(w);
}

static void
test_kept_until_something_changes(void **state)
{
    struct world *w = large_world();
    struct visitor *visitor = comes(w, "alice", "/state");
    (void)state;
    saw(visitor, "first", false, true, false);
    leaves(visitor);
    size_t before = asked();
    agent_updates(w, an_offer(w)->agent_id->value, "first-of-nobody-1", MESOS__V1__TASK_STATE__TASK_RUNNING, UUID);
    pass(w, 50);
    assert_int_equal(asked(), before);
    visitor = comes(w, "alice", "/state");
    assert_non_null(strstr(text_of(visitor), "\"TASK_RUNNING\""));
    saw(visitor, "first", false, true, false);
    assert_in_range(asked() - before, 1, TASKS / 4); /* the sheet of that task */
    leaves(visitor);

    /* One more while nobody looks. */
    launch_large(w, "second", 3);
    visitor = comes(w, "alice", "/state");
    assert_non_null(strstr(text_of(visitor), "second-of-nobody"));
    assert_null(strstr(text_of(visitor), "second-of-root"));
    leaves(visitor);

    /* Forgotten when nobody has looked for a while. */
    pass(w, 200 * 1000);
    assert_int_equal(w->master->views->parts_bytes, 0);
    before = asked();
    visitor = comes(w, "alice", "/state");
    saw(visitor, "first", false, true, false);
    assert_int_equal(asked() - before, TASKS + 3);
    leaves(visitor);
    world_free(w);
}

static void
test_reload_between_two(void **state)
{
    struct world *w = large_world();
    struct visitor *first = comes(w, "alice", "/state");
    (void)state;
    saw(first, "first", false, true, false);
    notary_refuse(MESOS_ACTION_VIEW_TASK, "nobody", "alice");
    struct visitor *second = comes(w, "alice", "/state");
    saw(second, "first", false, false, false);
    notary_forget();
    notary_refuse(MESOS_ACTION_VIEW_TASK, "nobody", "alice");
    struct visitor *third = comes(w, "alice", "/state");
    saw(third, "first", true, false, true);
    notary_forget(); /* now she sees all */
    struct visitor *last = comes(w, "alice", "/state");
    saw(last, "first", true, true, true);
    leaves(first), leaves(second), leaves(third), leaves(last);
    world_free(w);
}

static void
test_reload_midway(void **state)
{
    struct world *w = large_world();
    struct visitor *alice = comes(w, "alice", "/state"), *bob = comes(w, "bob", "/state");
    (void)state;
    go_midway(w);
    notary_refuse(MESOS_ACTION_VIEW_TASK, "nobody", "alice");
    saw(alice, "first", false, false, false);
    saw(bob, "first", true, false, false);
    leaves(alice), leaves(bob);
    world_free(w);
}

static void
test_principals_are_told_apart(void **state)
{
    struct world *w = large_world();
    struct visitor *visitors[12];
    (void)state;
    notary_refuse(MESOS_ACTION_VIEW_TASK, "root", "carol+team=a");
    notary_refuse(MESOS_ACTION_VIEW_TASK, "nobody", "carol+team=b");
    notary_refuse(MESOS_ACTION_VIEW_TASK, "nobody", "carol+group=a");
    static const struct {
        const char *who;
        bool root, nobody;
    } known[] = {{"alice", false, true},       {"bob", true, false},         {"carol", true, true},
                 {"carol+team=a", false, true}, {"carol+team=b", true, false}, {"carol+group=a", true, false}};
    for (size_t i = 0; i < ARRAY_LEN(visitors); i++)
        visitors[i] = comes(w, known[i % ARRAY_LEN(known)].who, "/state");
    for (size_t i = 0; i < ARRAY_LEN(visitors); i++) {
        saw(visitors[i], "first", known[i % ARRAY_LEN(known)].root, known[i % ARRAY_LEN(known)].nobody, false);
        leaves(visitors[i]);
    }
    /* One after the other, from what is kept. */
    for (size_t i = 0; i < ARRAY_LEN(visitors); i++) {
        struct visitor *visitor = comes(w, known[i % ARRAY_LEN(known)].who, i % 2 ? "/frameworks" : "/state");
        saw(visitor, "first", known[i % ARRAY_LEN(known)].root, known[i % ARRAY_LEN(known)].nobody, false);
        leaves(visitor);
    }
    world_free(w);
}

static void
test_leaves_midway(void **state)
{
    struct world *w = large_world();
    struct visitor *gone = comes(w, "alice", "/state"), *stays = comes(w, "alice", "/state");
    (void)state;
    go_midway(w);
    leaves(gone);
    saw(stays, "first", false, true, false);
    leaves(stays);

    /* Nobody is left, things change, and she comes again. */
    gone = comes(w, "bob", "/state");
    go_midway(w);
    leaves(gone);
    agent_updates(w, an_offer(w)->agent_id->value, "first-of-root-0", MESOS__V1__TASK_STATE__TASK_RUNNING, UUID);
    pass(w, 50);
    stays = comes(w, "bob", "/state");
    assert_non_null(strstr(text_of(stays), "\"TASK_RUNNING\""));
    saw(stays, "first", true, false, false);
    leaves(stays);

    gone = comes(w, "carol", "/state");
    go_midway(w);
    master_free(take(&w->master)); /* it goes while she waits */
    leaves(gone);
    world_free(w);
}

/* What a framework says of itself is what rules may look at, too, and changes without its tasks. */
static void
test_framework_changes(void **state)
{
    struct world *w = large_world();
    auto_buf struct buf text = {0};
    (void)state;
    notary.reads = MESOS_OBJECT_MESSAGES;
    notary.generation++;
    struct visitor *visitor = comes(w, "alice", "/state");
    saw(visitor, "first", false, true, false);
    leaves(visitor);
    size_t before = asked();
    buf_printf(&text,
               "\"type\":\"UPDATE_FRAMEWORK\",\"update_framework\":{\"framework_info\":{\"user\":\"root\",\"name\":\"other\","
               "\"principal\":\"alice\",\"roles\":[\"*\"],\"capabilities\":[{\"type\":\"MULTI_ROLE\"}],\"id\":{\"value\":\"%s\"}}}",
               w->framework_id);
    assert_int_equal(call(w, buf_cstr(&text)), 200);
    visitor = comes(w, "alice", "/state");
    saw(visitor, "first", false, true, false);
    assert_int_equal(asked() - before, TASKS);
    leaves(visitor);
    world_free(w);
}

struct crowd {
    struct views *views;
    struct visitor *visitors[40];
    size_t most, parts;
};

static bool
all_answered(void *arg)
{
    struct crowd *crowd = arg;
    struct list *node;
    size_t parts = 0;
    if (crowd->views->parts_bytes > crowd->most)
        crowd->most = crowd->views->parts_bytes;
    for (node = crowd->views->parts.next; node != &crowd->views->parts; node = node->next)
        parts++;
    crowd->parts = parts;
    for (size_t i = 0; i < ARRAY_LEN(crowd->visitors); i++)
        if (!crowd->visitors[i]->status)
            return false;
    return true;
}

static void
test_many_principals_cost_little(void **state)
{
    struct world *w = large_world();
    struct crowd crowd = {.views = w->master->views};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(crowd.visitors); i++) {
        auto_free char *who = xasprintf("reader-%zu", i);
        crowd.visitors[i] = comes(w, who, i % 3 ? "/state" : NULL);
    }
    assert_true(loop_run_until(w->loop, all_answered, &crowd, PATIENCE_MS));
    for (size_t i = 0; i < ARRAY_LEN(crowd.visitors); i++) {
        saw(crowd.visitors[i], "first", true, true, false);
        leaves(crowd.visitors[i]);
    }
    /* Two views, one of each in the making; all of them were 100 MB. */
    assert_in_range(crowd.most, VIEW_BYTES / 2, (16 << 20) + 5 * VIEW_BYTES);
    assert_in_range(crowd.parts, 1, 16);
    world_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_once),
        cmocka_unit_test(test_kept_until_something_changes),
        cmocka_unit_test(test_reload_between_two),
        cmocka_unit_test(test_reload_midway),
        cmocka_unit_test(test_principals_are_told_apart),
        cmocka_unit_test(test_leaves_midway),
        cmocka_unit_test(test_framework_changes),
        cmocka_unit_test(test_many_principals_cost_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
