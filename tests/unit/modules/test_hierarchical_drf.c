/* SPDX-License-Identifier: Apache-2.0 */
/* The policy of hierarchical_drf: who is first, what is reserved for whom, what is too small, what is hidden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../lib/allocator_box.h"

/* One agent after the other, so that each goes to whoever is next. Writes the frameworks down in order. */
static const char *
takers(struct box *box, unsigned agents, const char *resources)
{
    static char text[128];
    static mesos_agent_t last_agent = 100; /* numbers are never used twice */
    size_t len = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < agents; i++) {
        size_t before = box->offer_count;
        box_add_agent(box, ++last_agent, resources);
        box_settle(box);
        for (; before < box->offer_count; before++)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%u", box->offers[before].framework);
    }
    return text;
}

static void
equal_frameworks_take_turns(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    box_add_framework(&box, 1, "*", "");
    box_add_framework(&box, 2, "*", "");
    box_add_framework(&box, 3, "*", "");
    assert_string_equal(takers(&box, 6, "cpus:1;mem:100"), "123123");
    box_fini(&box);
}

/* The known example: 9 cpus and 18 GB, tasks of (1, 4) and (3, 1): dominant shares meet at 3 and 2 tasks. */
static void
dominant_shares_decide(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    box_add_agent(&box, 1, "cpus:9;mem:18");
    box_add_framework(&box, 1, "a", "");
    box_add_framework(&box, 2, "b", "");
    unsigned tasks[3] = {0};
    for (int round = 0; round < 5; round++) {
        box_settle(&box);
        lone_host_pass(&box.lone, 1000);
        assert_int_equal(box.offer_count, 1);
        struct box_offer offer = box.offers[0];
        const char *want = offer.framework == 1 ? "cpus:1;mem:4" : "cpus:3;mem:1";
        auto_resources struct resources task = {0}, rest = {0};
        assert_int_equal(resources_parse(&task, str_of(want), "*", NULL), 0);
        resources_allocate(&task, offer.role);
        if (!resources_contains(&offer.resources, &task))
            break;
        tasks[offer.framework]++;
        resources_copy(&rest, &offer.resources);
        resources_subtract(&rest, &task);
        box.ops->recover_resources(box.lone.instance, offer.framework, 1, resources_view(&rest), -1);
        box_launch_all(&box);
    }
    assert_int_equal(tasks[1], 3);
    assert_int_equal(tasks[2], 2);
    box_fini(&box);
}

static void
weights_divide_shares(void **state)
{
    static const char *const options[] = {"weights", "b=2", NULL};
    struct box box;
    (void)state;
    box_init(&box, options);
    box_add_framework(&box, 1, "a", "");
    box_add_framework(&box, 2, "b", "");
    assert_string_equal(takers(&box, 6, "cpus:1;mem:100"), "122122");
    box_fini(&box);
}

/* a/x and a/y share what a gets; b stands against a as a whole. */
static void
hierarchy_is_fair_per_level(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    box_add_framework(&box, 1, "a/x", "");
    box_add_framework(&box, 2, "a/y", "");
    box_add_framework(&box, 3, "b", "");
    const char *order = takers(&box, 8, "cpus:1;mem:100");
    unsigned count[4] = {0};
    for (const char *c = order; *c; c++)
        count[*c - '0']++;
    assert_int_equal(count[1], 2);
    assert_int_equal(count[2], 2);
    assert_int_equal(count[3], 4);
    /* The role's own framework is a sibling of the roles below it. */
    box_add_framework(&box, 4, "a", "");
    box_launch_all(&box);
    assert_string_equal(takers(&box, 2, "cpus:2;mem:200") + 0, "43");
    box_fini(&box);
}

static void
excluded_names_do_not_count(void **state)
{
    static const char *const options[] = {"fair_sharing_excluded_resource_names", "gpus", "filter_gpu_resources", "false",
                                          NULL};
    struct box box;
    (void)state;
    box_init(&box, options);
    box_add_framework(&box, 1, "a", "");
    box_add_framework(&box, 2, "b", "");
    box_add_agent(&box, 1, "gpus:8;cpus:1;mem:100");
    box_settle(&box);
    box_add_agent(&box, 2, "cpus:8;mem:800");
    box_settle(&box);
    box_add_agent(&box, 3, "cpus:1;mem:100");
    box_settle(&box);
    assert_string_equal(box_text(&box), "f1 a1 a gpus:8; cpus:1; mem:100\nf2 a2 b cpus:8; mem:800\n"
                                        "f1 a3 a cpus:1; mem:100");
    box_fini(&box);
}

static void
reservations_stay_in_their_branch(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    box_add_framework(&box, 1, "*", "");
    box_add_agent(&box, 1, "cpus(prod):8;mem(prod):800;cpus:1;mem:100");
    box_settle(&box);
    assert_string_equal(box_text(&box), "f1 a1 * cpus:1; mem:100");
    box_add_framework(&box, 2, "prod/web", "");
    box_settle(&box);
    assert_string_equal(box_text(&box), "f1 a1 * cpus:1; mem:100\nf2 a1 prod/web cpus(reservations: [(STATIC,prod)]):8; "
                                        "mem(reservations: [(STATIC,prod)]):800");
    box_launch_all(&box);
    box_add_framework(&box, 3, "production", "");
    box_add_agent(&box, 2, "cpus(prod/web):2;mem(prod/web):64");
    box_settle(&box);
    assert_string_equal(box_text(&box), "f2 a2 prod/web cpus(reservations: [(STATIC,prod/web)]):2; "
                                        "mem(reservations: [(STATIC,prod/web)]):64");
    box_fini(&box);
}

static void
small_leftovers_are_not_offered(void **state)
{
    struct box box;
    static const char *const none[] = {"min_allocatable_resources", "", NULL};
    static const char *const both[] = {"min_allocatable_resources", "cpus:1;mem:100|disk:5", NULL};
    (void)state;
    box_init(&box, NULL);
    box_add_framework(&box, 1, "*", "");
    box_add_agent(&box, 1, "cpus:0.009;mem:31");
    box_add_agent(&box, 2, "ports:[1-2]");
    box_settle(&box);
    assert_int_equal(box.offer_count, 0);
    box_add_agent(&box, 3, "cpus:0.01");
    box_add_agent(&box, 4, "mem:32");
    box_settle(&box);
    assert_int_equal(box.offer_count, 2);
    box_fini(&box);
    box_init(&box, none);
    box_add_framework(&box, 1, "*", "");
    box_add_agent(&box, 2, "ports:[1-2]");
    box_settle(&box);
    assert_int_equal(box.offer_count, 1);
    box_fini(&box);
    box_init(&box, both);
    box_add_framework(&box, 1, "*", "");
    box_add_agent(&box, 1, "cpus:1;mem:99");
    box_add_agent(&box, 2, "cpus:0.1;disk:5");
    box_add_agent(&box, 3, "cpus:1;mem:100");
    box_settle(&box);
    assert_int_equal(box.offer_count, 2);
    box_fini(&box);
}

static void
filters_hide_parts_until_their_time(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    box_add_framework(&box, 1, "*", "");
    box_add_agent(&box, 1, "cpus:4;mem:400");
    box_settle(&box);
    box_decline(&box, 0, 10);
    lone_host_pass(&box.lone, 9000);
    assert_int_equal(box.offer_count, 0);
    /* More than was refused is news. */
    box_update_agent(&box, 1, "cpus:5;mem:400");
    box_settle(&box);
    assert_string_equal(box_text(&box), "f1 a1 * cpus:5; mem:400");
    box_decline(&box, 0, 10);
    box_update_agent(&box, 1, "cpus:3;mem:400");
    lone_host_pass(&box.lone, 9000);
    assert_int_equal(box.offer_count, 0);
    lone_host_pass(&box.lone, 2000);
    assert_string_equal(box_text(&box), "f1 a1 * cpus:3; mem:400");
    /* Refused for no time: again with the next batch, not before. */
    box_decline(&box, 0, 0);
    box_settle(&box);
    assert_int_equal(box.offer_count, 0);
    lone_host_pass(&box.lone, 1000);
    assert_int_equal(box.offer_count, 1);
    /* Shorter than a batch: kept over one batch. Longer than a year: a year. */
    box_decline(&box, 0, 0.001);
    lone_host_pass(&box.lone, 900);
    assert_int_equal(box.offer_count, 0);
    lone_host_pass(&box.lone, 1200);
    assert_int_equal(box.offer_count, 1);
    box_decline(&box, 0, 1e18);
    lone_host_pass(&box.lone, 3600 * 1000);
    assert_int_equal(box.offer_count, 0);
    box_fini(&box);
}

static void
a_refusal_is_of_one_framework_and_role(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    box_add_framework(&box, 1, "a,b", "");
    box_add_agent(&box, 1, "cpus:4;mem:400");
    box_settle(&box);
    assert_string_equal(box_text(&box), "f1 a1 a cpus:4; mem:400");
    box_decline(&box, 0, 100);
    box_settle(&box);
    assert_string_equal(box_text(&box), "f1 a1 b cpus:4; mem:400");
    box_decline(&box, 0, 100);
    box_settle(&box);
    assert_int_equal(box.offer_count, 0);
    const char *b[] = {"b"};
    box.ops->revive(box.lone.instance, 1, b, 1);
    box_settle(&box);
    assert_string_equal(box_text(&box), "f1 a1 b cpus:4; mem:400");
    box.ops->suppress(box.lone.instance, 1, b, 1);
    box_decline(&box, 0, -1);
    lone_host_pass(&box.lone, 101000);
    assert_string_equal(box_text(&box), "f1 a1 a cpus:4; mem:400");
    box_fini(&box);
}

static void
gpus_are_for_those_who_know_them(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    box_add_framework(&box, 1, "*", "");
    box_add_agent(&box, 1, "cpus:4;mem:400;gpus:1");
    lone_host_pass(&box.lone, 3000);
    assert_int_equal(box.offer_count, 0);
    box_add_framework(&box, 2, "*", "g");
    box_settle(&box);
    assert_string_equal(box_text(&box), "f2 a1 * cpus:4; mem:400; gpus:1");
    box_fini(&box);
}

static void
the_whitelist_names_hosts(void **state)
{
    struct box box;
    const char *hosts[] = {"host2", "elsewhere", "host2"};
    (void)state;
    box_init(&box, NULL);
    box.ops->update_whitelist(box.lone.instance, hosts, 3);
    box_add_framework(&box, 1, "*", "");
    box_add_agent(&box, 1, "cpus:1;mem:400");
    box_add_agent(&box, 2, "cpus:2;mem:400");
    lone_host_pass(&box.lone, 3000);
    assert_string_equal(box_text(&box), "f1 a2 * cpus:2; mem:400");
    box.ops->update_whitelist(box.lone.instance, NULL, 0);
    box_settle(&box);
    assert_int_equal(box.offer_count, 2);
    box_fini(&box);
}

static void
roles_come_and_go(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    box_add_framework(&box, 1, "a", "");
    box_add_agent(&box, 1, "cpus:4;mem:400");
    box_settle(&box);
    struct box_offer offer = box.offers[0];
    offer.resources = (struct resources){0};
    box_launch_all(&box);
    box_update_framework(&box, 1, "b", "");
    box_recover(&box, &offer, "cpus:4;mem:400", -1); /* the task in the old role ends */
    box_settle(&box);
    assert_string_equal(box_text(&box), "f1 a1 b cpus:4; mem:400");
    box_decline(&box, 0, -1);
    box_update_framework(&box, 1, "b", "b");
    lone_host_pass(&box.lone, 3000);
    assert_int_equal(box.offer_count, 0);
    box_fini(&box);
}

static void
nothing_while_paused(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    box.ops->pause(box.lone.instance);
    box_add_framework(&box, 1, "*", "");
    box_add_agent(&box, 1, "cpus:4;mem:400");
    lone_host_pass(&box.lone, 5000);
    assert_int_equal(box.offer_count, 0);
    box.ops->resume(box.lone.instance);
    box_settle(&box);
    assert_int_equal(box.offer_count, 1);
    box_fini(&box);
}

static void
converted_resources_keep_their_place(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    box_add_framework(&box, 1, "prod", "");
    box_add_framework(&box, 2, "dev", "i");
    box_add_agent(&box, 1, "cpus:4;mem:400");
    box_settle(&box);
    auto_resources struct resources consumed = {0}, converted = {0};
    assert_int_equal(resources_parse(&consumed, STR_LIT("cpus:1"), "*", NULL), 0);
    assert_int_equal(resources_parse(&converted, STR_LIT("cpus(prod):1"), "*", NULL), 0);
    resources_allocate(&consumed, "prod");
    resources_allocate(&converted, "prod");
    box.ops->update_allocation(box.lone.instance, 1, 1, resources_view(&consumed), resources_view(&converted));
    struct box_offer offer = {.framework = 1, .agent = 1, .role = "prod"};
    box_launch_all(&box);
    box_recover(&box, &offer, "cpus:3;mem:400;cpus(prod):1", -1);
    box.ops->deactivate_framework(box.lone.instance, 1);
    box.ops->activate_framework(box.lone.instance, 2);
    box_settle(&box);
    assert_string_equal(box_text(&box), "f2 a1 dev cpus:3; mem:400");
    box_fini(&box);
}

static void
bad_settings_are_refused(void **state)
{
    static const char *const bad[][3] = {{"weights", "a=0", NULL},
                                         {"weights", "a", NULL},
                                         {"min_allocatable_resources", "cpus", NULL},
                                         {"min_allocatable_resources", "cpus:-1", NULL},
                                         {"allocation_interval", "1", NULL},
                                         {"allocation_interval", "0ns", NULL}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct lone_host lone;
        assert_true(lone_host_start(&lone, box_path(), MESOS_KIND_ALLOCATOR, bad[i]) < 0);
        assert_non_null(strstr(lone.failure, bad[i][0]));
        lone_host_stop(&lone);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_frameworks_take_turns),
        cmocka_unit_test(dominant_shares_decide),
        cmocka_unit_test(weights_divide_shares),
        cmocka_unit_test(hierarchy_is_fair_per_level),
        cmocka_unit_test(excluded_names_do_not_count),
        cmocka_unit_test(reservations_stay_in_their_branch),
        cmocka_unit_test(small_leftovers_are_not_offered),
        cmocka_unit_test(filters_hide_parts_until_their_time),
        cmocka_unit_test(a_refusal_is_of_one_framework_and_role),
        cmocka_unit_test(gpus_are_for_those_who_know_them),
        cmocka_unit_test(the_whitelist_names_hosts),
        cmocka_unit_test(roles_come_and_go),
        cmocka_unit_test(nothing_while_paused),
        cmocka_unit_test(converted_resources_keep_their_place),
        cmocka_unit_test(bad_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
