/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every module of kind allocator must do: mesos/allocator.h as a test. MESOS_TEST_ALLOCATOR names the shared object
 * (the one that ships by default). Nothing here depends on a policy: any fair or unfair order will do.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/allocator_box.h"

enum { BATCH_MS = 1100 };

static void
check_required(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    const struct mesos_module *module = box.lone.module;
    assert_int_equal(module->kind, MESOS_KIND_ALLOCATOR);
    assert_true(module->ops_size <= sizeof(struct mesos_allocator_ops));
    assert_non_null(module->name);
    assert_non_null(module->summary);
    assert_non_null(box.ops->add_framework);
    assert_non_null(box.ops->update_framework);
    assert_non_null(box.ops->remove_framework);
    assert_non_null(box.ops->activate_framework);
    assert_non_null(box.ops->deactivate_framework);
    assert_non_null(box.ops->add_agent);
    assert_non_null(box.ops->update_agent);
    assert_non_null(box.ops->remove_agent);
    assert_non_null(box.ops->activate_agent);
    assert_non_null(box.ops->deactivate_agent);
    assert_non_null(box.ops->recover_resources);
    assert_non_null(box.ops->suppress);
    assert_non_null(box.ops->revive);
    box_fini(&box);
}

static void
a_framework_and_an_agent_meet(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    box_add_framework(&box, 1, "*", "");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_int_equal(box.offer_count, 0);
    box_add_agent(&box, 1, "cpus:4;mem:4096;ports:[31000-32000]");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_text(&box), "f1 a1 * cpus:4; mem:4096; ports:[31000-32000]");
    assert_int_equal(box.ends, 1);
    assert_string_equal(box.offers[0].resources.items[0].allocation_role, "*");
    box_fini(&box);
}

/* What is out is out: nothing is offered twice. */
static void
nothing_is_offered_twice(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    box_add_framework(&box, 1, "*", "");
    box_add_framework(&box, 2, "*", "");
    for (mesos_agent_t agent = 1; agent <= 10; agent++)
        box_add_agent(&box, agent, "cpus:1;mem:512");
    lone_host_pass(&box.lone, 5 * BATCH_MS);
    auto_resources struct resources sum = {0};
    for (size_t i = 0; i < box.offer_count; i++)
        resources_add(&sum, &box.offers[i].resources);
    assert_int_equal(resources_scalar(&sum, "cpus"), 10000);
    assert_int_equal(resources_scalar(&sum, "mem"), 5120000);
    box_fini(&box);
}

static void
a_part_comes_back(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    box_add_framework(&box, 1, "*", "");
    box_add_agent(&box, 1, "cpus:4;mem:4096;ports:[1-10]");
    lone_host_pass(&box.lone, BATCH_MS);
    struct box_offer offer = box.offers[0];
    offer.resources = (struct resources){0};
    box_launch_all(&box);
    box_recover(&box, &offer, "cpus:1;mem:100;ports:[4-6]", -1);
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_text(&box), "f1 a1 * cpus:1; mem:100; ports:[4-6]");
    box_fini(&box);
}

static void
refused_is_not_offered_again_before_its_time(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    box_add_framework(&box, 1, "*", "");
    box_add_agent(&box, 1, "cpus:4;mem:4096");
    lone_host_pass(&box.lone, BATCH_MS);
    box_decline(&box, 0, 60);
    lone_host_pass(&box.lone, 50000);
    assert_int_equal(box.offer_count, 0);
    lone_host_pass(&box.lone, 10000 + BATCH_MS);
    assert_int_equal(box.offer_count, 1);
    box_fini(&box);
}

static void
revive_drops_filters_and_suppress_stops_offers(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    box_add_framework(&box, 1, "*", "");
    box_add_agent(&box, 1, "cpus:4;mem:4096");
    lone_host_pass(&box.lone, BATCH_MS);
    box_decline(&box, 0, 3600);
    box.ops->revive(box.lone.instance, 1, NULL, 0);
    lone_host_pass(&box.lone, BATCH_MS);
    assert_int_equal(box.offer_count, 1);
    box.ops->suppress(box.lone.instance, 1, NULL, 0);
    box_decline(&box, 0, 0);
    lone_host_pass(&box.lone, 10 * BATCH_MS);
    assert_int_equal(box.offer_count, 0);
    box.ops->revive(box.lone.instance, 1, NULL, 0);
    lone_host_pass(&box.lone, BATCH_MS);
    assert_int_equal(box.offer_count, 1);
    box_fini(&box);
}

static void
only_the_active_are_offered(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    box_add_framework(&box, 1, "*", "i");
    box_add_agent(&box, 1, "cpus:4;mem:4096");
    box_add_agent(&box, 2, "cpus:2;mem:4096");
    box.ops->deactivate_agent(box.lone.instance, 2);
    lone_host_pass(&box.lone, BATCH_MS);
    assert_int_equal(box.offer_count, 0);
    box.ops->activate_framework(box.lone.instance, 1);
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_text(&box), "f1 a1 * cpus:4; mem:4096");
    box.ops->activate_agent(box.lone.instance, 2);
    lone_host_pass(&box.lone, BATCH_MS);
    assert_int_equal(box.offer_count, 2);
    box.ops->deactivate_framework(box.lone.instance, 1);
    box_decline_all(&box, -1);
    lone_host_pass(&box.lone, BATCH_MS);
    assert_int_equal(box.offer_count, 0);
    box_fini(&box);
}

static void
what_goes_is_forgotten(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    box_add_framework(&box, 1, "*", "");
    box_add_agent(&box, 1, "cpus:4;mem:4096");
    lone_host_pass(&box.lone, BATCH_MS);
    box.ops->remove_agent(box.lone.instance, 1);
    box_launch_all(&box);
    lone_host_pass(&box.lone, BATCH_MS);
    assert_int_equal(box.offer_count, 0);
    box_add_agent(&box, 2, "cpus:3;mem:4096");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_text(&box), "f1 a2 * cpus:3; mem:4096");
    box_decline_all(&box, -1);
    box.ops->remove_framework(box.lone.instance, 1);
    lone_host_pass(&box.lone, BATCH_MS);
    assert_int_equal(box.offer_count, 0);
    box_add_framework(&box, 2, "web", "");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_text(&box), "f2 a2 web cpus:3; mem:4096");
    box_fini(&box);
}

/* Running tasks come with whichever of agent and framework is added last; they are counted once. */
static void
running_tasks_are_counted_once(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    auto_resources struct resources total = {0}, used = {0};
    assert_int_equal(resources_parse(&total, STR_LIT("cpus:4;mem:4096"), "*", NULL), 0);
    assert_int_equal(resources_parse(&used, STR_LIT("cpus:3;mem:1000"), "*", NULL), 0);
    resources_allocate(&used, "web");
    struct mesos_allocator_use use = {sizeof(use), 1, 7, resources_view(&used)};
    struct mesos_allocator_agent agent = {.size = sizeof(agent), .agent = 1, .id = "S1", .hostname = "host1",
                                          .total = resources_view(&total), .active = true};
    box.ops->add_agent(box.lone.instance, &agent, &use, 1);
    box_add_framework(&box, 7, "web", "");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_text(&box), "f7 a1 web cpus:1; mem:3096");
    box.ops->recover_resources(box.lone.instance, 7, 1, resources_view(&used), -1);
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_text(&box), "f7 a1 web cpus:1; mem:3096\nf7 a1 web cpus:3; mem:1000");
    box_fini(&box);
}

static void
numbers_that_nobody_knows_do_no_harm(void **state)
{
    struct box box;
    struct box_offer nobody = {.framework = 99, .agent = 98, .role = "x"};
    (void)state;
    box_init(&box, NULL);
    box_recover(&box, &nobody, "cpus:1", 5);
    box.ops->remove_agent(box.lone.instance, 98);
    box.ops->remove_framework(box.lone.instance, 99);
    box.ops->activate_agent(box.lone.instance, 98);
    box.ops->deactivate_framework(box.lone.instance, 99);
    box.ops->revive(box.lone.instance, 99, NULL, 0);
    box_add_agent(&box, 1, "cpus:4;mem:4096");
    nobody.agent = 1;
    box_recover(&box, &nobody, "cpus:1", 5);
    box_add_framework(&box, 1, "*", "");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_text(&box), "f1 a1 * cpus:4; mem:4096");
    box_fini(&box);
}

/* Who asks again is shown all that is free: with every filter gone nothing may stay behind on any agent. */
static void
assert_nothing_stays_behind(struct box *box, uint32_t frameworks, uint32_t agents)
{
    for (uint32_t who = 1; who <= 8; who++)
        if (frameworks & 1u << who)
            box->ops->revive(box->lone.instance, who, NULL, 0);
    lone_host_pass(&box->lone, BATCH_MS);
    for (uint32_t agent = 1; agent <= 8 && frameworks; agent++) {
        int64_t cpus = 0;
        for (size_t i = 0; i < box->offer_count; i++) {
            auto_resources struct resources firm = {0};
            resources_unreserved(&firm, &box->offers[i].resources);
            cpus += box->offers[i].agent == agent ? resources_scalar(&firm, "cpus") : 0;
        }
        assert_int_equal(cpus, agents & 1u << agent ? 4000 : 0);
    }
}

/* Many steps at random; whatever happens, what is out and what is offered never exceeds what there is. */
static void
random_life(void **state)
{
    struct box box;
    uint64_t seed = 88172645463325252;
    uint32_t known_frameworks = 0, known_agents = 0; /* bits */
    (void)state;
    box_init(&box, NULL);
    for (int step = 0; step < 3000; step++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        uint32_t who = (uint32_t)(seed >> 8) % 8 + 1;
        switch (seed % 9) {
        case 0:
            if (!(known_frameworks & 1u << who))
                box_add_framework(&box, who, who % 2 ? "a/b,*" : "a", "");
            known_frameworks |= 1u << who;
            break;
        case 1:
            if (!(known_agents & 1u << who))
                box_add_agent(&box, who, "cpus:4;mem:1024;cpus(a):2;mem(a):64;ports:[1-100]");
            known_agents |= 1u << who;
            break;
        case 2:
            for (size_t i = box.offer_count; i-- > 0;)
                if (box.offers[i].framework == who)
                    box_decline(&box, i, -1);
            box.ops->remove_framework(box.lone.instance, who);
            known_frameworks &= ~(1u << who);
            break;
        case 3:
            box.ops->remove_agent(box.lone.instance, who);
            for (size_t i = box.offer_count; i-- > 0;)
                if (box.offers[i].agent == who)
                    box_decline(&box, i, -1);
            known_agents &= ~(1u << who);
            break;
        case 4:
            box.ops->revive(box.lone.instance, who, NULL, 0);
            break;
        case 5:
            box.ops->suppress(box.lone.instance, who, NULL, 0);
            break;
        default:
            if (box.offer_count)
                box_decline(&box, (size_t)(seed >> 20) % box.offer_count, (double)((seed >> 40) % 7));
            lone_host_pass(&box.lone, (int64_t)(seed >> 30) % 3000);
        }
        for (uint32_t agent = 1; agent <= 8; agent++) {
            auto_resources struct resources out = {0};
            for (size_t i = 0; i < box.offer_count; i++)
                if (box.offers[i].agent == agent)
                    resources_add(&out, &box.offers[i].resources);
            assert_true(resources_scalar(&out, "cpus") <= 6000);
            assert_true(resources_scalar(&out, "mem") <= 1088000);
        }
        if (step % 50 == 49)
            assert_nothing_stays_behind(&box, known_frameworks, known_agents);
    }
    box_fini(&box);
}

struct told {
    struct box *box;
    unsigned agents[8]; /* how often each was told of */
    unsigned reasons[32];
    unsigned calls, stop_after;
    int64_t until_ms, offer;
};

static bool
on_told(void *arg, const struct mesos_allocator_explanation *explanation)
{
    struct told *told = arg;
    assert_true(explanation->size >= sizeof(*explanation));
    assert_true(explanation->agent < ARRAY_LEN(told->agents));
    assert_true(explanation->reason > 0 && explanation->reason < ARRAY_LEN(told->reasons));
    assert_non_null(explanation->text);
    told->agents[explanation->agent]++;
    told->reasons[explanation->reason]++;
    if (explanation->reason == MESOS_OFFER_REASON_FILTERED) {
        told->until_ms = explanation->until_ms;
        told->offer = explanation->offer;
    }
    return ++told->calls != told->stop_after;
}

/* Whoever explains, explains every agent, changes nothing by it, and knows which refusal hides what. */
static void
explanations_name_every_agent(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    if (!box.ops->explain || !box.ops->decline) {
        box_fini(&box);
        skip();
    }
    struct told told = {.box = &box, .offer = -1};
    box_add_framework(&box, 1, "*", "");
    assert_int_equal(box.ops->explain(box.lone.instance, 9, 0, on_told, &told), -ENOENT);
    assert_int_equal(box.ops->explain(box.lone.instance, 1, 9, on_told, &told), -ENOENT);
    assert_int_equal(box.ops->explain(box.lone.instance, 1, 0, on_told, &told), 0);
    assert_int_equal(told.calls, 0);
    for (mesos_agent_t agent = 1; agent <= 3; agent++)
        box_add_agent(&box, agent, "cpus:1;mem:512");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_int_equal(box.offer_count, 3);
    struct box_offer offer = box.offers[1];
    box.ops->decline(box.lone.instance, 1, offer.agent, resources_view(&offer.resources), 60, 4711);
    assert_int_equal(box.ops->explain(box.lone.instance, 1, 0, on_told, &told), 0);
    for (mesos_agent_t agent = 1; agent <= 3; agent++)
        assert_true(told.agents[agent] > 0);
    assert_int_equal(told.reasons[MESOS_OFFER_REASON_FILTERED], 1);
    assert_int_equal(told.offer, 4711);
    assert_in_range(told.until_ms, box.lone.now_ms + 59000, box.lone.now_ms + 61000);
    told = (struct told){.box = &box, .stop_after = 1};
    assert_int_equal(box.ops->explain(box.lone.instance, 1, 0, on_told, &told), 0);
    assert_int_equal(told.calls, 1);
    told = (struct told){.box = &box};
    assert_int_equal(box.ops->explain(box.lone.instance, 1, 2, on_told, &told), 0);
    assert_int_equal(told.agents[2], told.calls);
    lone_host_pass(&box.lone, 50000);
    assert_int_equal(box.offer_count, 3); /* the two that are out and the one that was copied: nothing new */
    box_fini(&box);
}

/* Who has something of an agent that will be away is asked once, and again when its answer has run out. */
static void
those_with_something_there_are_asked(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    if (!box.ops->update_unavailability) {
        box_fini(&box); /* makes no inverse offers, as it may */
        return;
    }
    assert_non_null(box.ops->update_inverse_offer);
    box_add_framework(&box, 1, "*", "");
    box_add_framework(&box, 2, "*", "i");
    box_add_agent(&box, 1, "cpus:4;mem:4096");
    box_add_agent(&box, 2, "cpus:4;mem:4096");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_int_equal(box.offer_count, 2);
    box_plan(&box, 1, 77);
    box_plan(&box, 9, 77); /* nobody knows it */
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_asked(&box), "f1 a1");
    assert_int_equal(box.ask_ends, 1);
    lone_host_pass(&box.lone, 10 * BATCH_MS);
    assert_string_equal(box_asked(&box), "");
    /* Answered, and not to be asked for ten seconds. */
    box.ops->update_inverse_offer(box.lone.instance, 1, 1, 10);
    lone_host_pass(&box.lone, 9000);
    assert_string_equal(box_asked(&box), "");
    lone_host_pass(&box.lone, 1000 + BATCH_MS);
    assert_string_equal(box_asked(&box), "f1 a1");
    box.ops->update_inverse_offer(box.lone.instance, 1, 1, -1); /* rescinded */
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_asked(&box), "f1 a1");
    /* Another plan: what was answered is forgotten. */
    box.ops->update_inverse_offer(box.lone.instance, 1, 1, 1000);
    box_plan(&box, 1, 78);
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_asked(&box), "f1 a1");
    /* Revived: asked whatever it said. */
    box.ops->update_inverse_offer(box.lone.instance, 1, 1, 1000);
    box.ops->revive(box.lone.instance, 1, NULL, 0);
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_asked(&box), "f1 a1");
    /* Who does not listen, has nothing there, or whose agent is away, is not asked. */
    box.ops->update_inverse_offer(box.lone.instance, 1, 1, -1);
    box.ops->deactivate_framework(box.lone.instance, 1);
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_asked(&box), "");
    box.ops->deactivate_agent(box.lone.instance, 1);
    box.ops->activate_framework(box.lone.instance, 1);
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_asked(&box), "");
    box_decline_all(&box, 100000);
    box.ops->activate_agent(box.lone.instance, 1);
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_asked(&box), "");
    box_plan(&box, 1, 0);
    box.ops->activate_framework(box.lone.instance, 2); /* it is offered what the other has refused */
    lone_host_pass(&box.lone, BATCH_MS);
    assert_int_equal(box.offer_count, 2);
    assert_string_equal(box_asked(&box), "");
    box_plan(&box, 2, 5);
    box.ops->update_inverse_offer(box.lone.instance, 7, 2, 5);
    box.ops->update_inverse_offer(box.lone.instance, 2, 7, 5);
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_asked(&box), "f2 a2");
    box.ops->remove_agent(box.lone.instance, 2);
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_asked(&box), "");
    box_fini(&box);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_required),
        cmocka_unit_test(a_framework_and_an_agent_meet),
        cmocka_unit_test(nothing_is_offered_twice),
        cmocka_unit_test(a_part_comes_back),
        cmocka_unit_test(refused_is_not_offered_again_before_its_time),
        cmocka_unit_test(revive_drops_filters_and_suppress_stops_offers),
        cmocka_unit_test(only_the_active_are_offered),
        cmocka_unit_test(what_goes_is_forgotten),
        cmocka_unit_test(running_tasks_are_counted_once),
        cmocka_unit_test(numbers_that_nobody_knows_do_no_harm),
        cmocka_unit_test(random_life),
        cmocka_unit_test(explanations_name_every_agent),
        cmocka_unit_test(those_with_something_there_are_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
