/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What frameworks wish of offers, in the module that ships: constraints and minimums of their own decide, and every reason
 * for not being offered something is told when asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../lib/allocator_box.h"
#include "mesos/v1/mesos.pb-c.h"
#include "mesos/v1/scheduler/scheduler.pb-c.h"
#include "wire/message.h"

enum { BATCH_MS = 1000 };

static void
pack_json(const ProtobufCMessageDescriptor *type, const char *json, struct buf *out)
{
    auto_arena struct arena *arena = arena_new(0);
    struct err err = {0};
    void *message = message_from_json(type, str_of(json), arena, &err);
    if (!message)
        fail_msg("%s: %s", json, err.text);
    buf_clear(out);
    message_pack(out, message);
}

static void
pack_rack(struct buf *out, const char *rack)
{
    auto_free char *json = xasprintf("{\"hostname\":\"h\",\"attributes\":[{\"name\":\"rack\",\"type\":\"TEXT\","
                                     "\"text\":{\"value\":\"%s\"}}]}",
                                     rack);
    pack_json(&mesos__v1__agent_info__descriptor, json, out);
}

static void
pack_wanted(struct buf *out, const char *role, const char *regex)
{
    auto_free char *json = xasprintf("{\"role_constraints\":{\"%s\":{\"groups\":[{\"attribute_constraints\":[{"
                                     "\"selector\":{\"attribute_name\":\"rack\"},"
                                     "\"predicate\":{\"text_matches\":{\"regex\":\"%s\"}}}]}]}}}",
                                     role, regex);
    pack_json(&mesos__v1__scheduler__offer_constraints__descriptor, json, out);
}

static void
constraints_choose_agents(void **state)
{
    struct box box;
    auto_buf struct buf r1 = {0}, r2 = {0}, wanted = {0};
    (void)state;
    box_init(&box, NULL);
    pack_rack(&r1, "r1");
    pack_rack(&r2, "r2");
    pack_wanted(&wanted, "web", "r2");
    box.constraints = buf_str(&wanted);
    box_add_framework(&box, 1, "web", "");
    box.agent_info = buf_str(&r1);
    box_add_agent(&box, 1, "cpus:1;mem:100");
    box.agent_info = buf_str(&r2);
    box_add_agent(&box, 2, "cpus:1;mem:100");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_text(&box), "f1 a2 web cpus:1; mem:100");
    assert_true(box.ops->excluded(box.lone.instance, 1, "web", 1));
    assert_false(box.ops->excluded(box.lone.instance, 1, "web", 2));
    assert_false(box.ops->excluded(box.lone.instance, 1, "other", 1));
    assert_false(box.ops->excluded(box.lone.instance, 7, "web", 1));
    /* The agent comes back with another attribute. */
    box_launch_all(&box);
    box_update_agent(&box, 1, "cpus:1;mem:100");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_text(&box), "f1 a1 web cpus:1; mem:100");
    box_fini(&box);
}

static void
constraints_change(void **state)
{
    struct box box;
    auto_buf struct buf r1 = {0}, none = {0}, wanted = {0}, other = {0};
    (void)state;
    box_init(&box, NULL);
    pack_rack(&r1, "r1");
    pack_wanted(&none, "web", "x.*");
    pack_wanted(&wanted, "web", "r.*");
    pack_wanted(&other, "ops", "x.*");
    box.agent_info = buf_str(&r1);
    box.constraints = buf_str(&none);
    box_add_framework(&box, 1, "web,ops", "");
    box_add_agent(&box, 1, "cpus:1;mem:100");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_text(&box), "f1 a1 ops cpus:1; mem:100"); /* that role has no constraints */
    box_decline_all(&box, 0);
    box.constraints = buf_str(&other);
    box_update_framework(&box, 1, "web,ops", "");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_text(&box), "f1 a1 web cpus:1; mem:100");
    box_decline_all(&box, 0);
    box.constraints = buf_str(&none);
    box_update_framework(&box, 1, "web", "");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_text(&box), "");
    box.constraints = buf_str(&wanted);
    box_update_framework(&box, 1, "web", "");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_text(&box), "f1 a1 web cpus:1; mem:100");
    box_decline_all(&box, 0);
    box.constraints = (struct str){0};
    box_update_framework(&box, 1, "web", "");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_text(&box), "f1 a1 web cpus:1; mem:100");
    box_fini(&box);
}

/* An agent's place may be another's later: verdicts do not go with it. */
static void
verdicts_are_of_one_agent(void **state)
{
    struct box box;
    auto_buf struct buf r1 = {0}, r2 = {0}, wanted = {0};
    (void)state;
    box_init(&box, NULL);
    pack_rack(&r1, "r1");
    pack_rack(&r2, "r2");
    pack_wanted(&wanted, "web", "r2");
    box.constraints = buf_str(&wanted);
    box_add_framework(&box, 1, "web", "");
    for (mesos_agent_t agent = 1; agent < 40; agent++) {
        bool good = agent % 2 == 0;
        box.agent_info = buf_str(good ? &r2 : &r1);
        box_add_agent(&box, agent, "cpus:1;mem:100");
        lone_host_pass(&box.lone, BATCH_MS);
        assert_int_equal(box.offer_count, good);
        box_launch_all(&box);
        box.ops->remove_agent(box.lone.instance, agent);
    }
    box_fini(&box);
}

static void
roles_that_are_wanted_again_forget_refusals(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    box_add_framework(&box, 1, "web", "");
    box_add_agent(&box, 1, "cpus:1;mem:100");
    lone_host_pass(&box.lone, BATCH_MS);
    box_decline_all(&box, 3600);
    box_update_framework(&box, 1, "web", "");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_int_equal(box.offer_count, 0);
    box_update_framework(&box, 1, "web", "web");
    box_update_framework(&box, 1, "web", "");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_int_equal(box.offer_count, 1);
    box_fini(&box);
}

static void
frameworks_have_minimums_of_their_own(void **state)
{
    struct box box;
    auto_buf struct buf info = {0};
    (void)state;
    box_init(&box, NULL);
    pack_json(&mesos__v1__framework_info__descriptor,
              "{\"user\":\"u\",\"name\":\"n\",\"offer_filters\":{"
              "\"big\":{\"min_allocatable_resources\":{\"quantities\":[{\"quantities\":{\"cpus\":{\"value\":2},"
              "\"mem\":{\"value\":1000}}},{\"quantities\":{\"disk\":{\"value\":5000}}}]}},"
              "\"any\":{\"min_allocatable_resources\":{}},"
              "\"same\":{},"
              "\"odd\":{\"min_allocatable_resources\":{\"quantities\":[{\"quantities\":{\"unicorns\":{\"value\":1}}}]}}}}",
              &info);
    box.framework_info = buf_str(&info);
    box_add_framework(&box, 1, "big", "");
    box_add_agent(&box, 1, "cpus:2;mem:999");
    box_add_agent(&box, 2, "cpus:2;mem:1000");
    box_add_agent(&box, 3, "disk:5000");
    box_add_agent(&box, 4, "cpus:0.001;mem:1");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_int_equal(box.offer_count, 2);
    assert_non_null(strstr(box_text(&box), "f1 a2 big cpus:2; mem:1000"));
    assert_non_null(strstr(box_text(&box), "f1 a3 big disk:5000"));
    box_launch_all(&box);
    box_add_framework(&box, 2, "odd", "");
    box_add_framework(&box, 3, "same", "");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_text(&box), "f3 a1 same cpus:2; mem:999"); /* the master's minimum */
    box_launch_all(&box);
    box_add_framework(&box, 4, "any", "");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_text(&box), "f4 a4 any cpus:0.001; mem:1");
    box_fini(&box);
}

struct told {
    char text[4096];
    size_t len;
};

static bool
on_told(void *arg, const struct mesos_allocator_explanation *explanation)
{
    static const char *const names[] = {"?",        "offerable",   "offered",   "other",    "in use",     "filtered",
                                        "suppressed", "constraints", "reserved",  "capability", "gpus",     "minimum",
                                        "quota",    "framework",   "agent",     "unreachable", "recovering", "whitelist",
                                        "paused"};
    struct told *told = arg;
    told->len += (size_t)snprintf(told->text + told->len, sizeof(told->text) - told->len, "%s%u %s %s",
                                  told->len ? "; " : "", explanation->agent,
                                  explanation->role ? explanation->role : "-", names[explanation->reason]);
    assert_true(strlen(explanation->text) > 10);
    return true;
}

static const char *
ask(struct box *box, mesos_framework_t framework)
{
    static struct told told;
    told.len = 0;
    told.text[0] = '\0';
    assert_int_equal(box->ops->explain(box->lone.instance, framework, 0, on_told, &told), 0);
    return told.text;
}

static void
every_reason_is_told(void **state)
{
    struct box box;
    auto_buf struct buf r1 = {0}, wanted = {0};
    static const char *const hosts[] = {"host2"};
    (void)state;
    box_init(&box, NULL);
    box_add_framework(&box, 1, "web", "");
    box_add_agent(&box, 1, "cpus:1;mem:100");
    assert_string_equal(ask(&box, 1), "1 web offerable");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(ask(&box, 1), "1 - in use");
    box_decline_all(&box, 3600);
    assert_string_equal(ask(&box, 1), "1 web filtered");
    box_update_framework(&box, 1, "web,ops", "ops");
    assert_string_equal(ask(&box, 1), "1 web filtered; 1 ops suppressed");
    box.ops->deactivate_agent(box.lone.instance, 1);
    assert_string_equal(ask(&box, 1), "1 - agent");
    box.ops->activate_agent(box.lone.instance, 1);
    box.ops->update_whitelist(box.lone.instance, hosts, 1);
    assert_string_equal(ask(&box, 1), "1 - whitelist");
    box.ops->update_whitelist(box.lone.instance, NULL, 0);
    box.ops->pause(box.lone.instance);
    assert_string_equal(ask(&box, 1), "1 - paused");
    box.ops->resume(box.lone.instance);
    box.ops->deactivate_framework(box.lone.instance, 1);
    assert_string_equal(ask(&box, 1), "1 - framework");
    box.ops->remove_agent(box.lone.instance, 1);
    assert_string_equal(ask(&box, 1), "");

    pack_rack(&r1, "r1");
    pack_wanted(&wanted, "web", "r2");
    box.agent_info = buf_str(&r1);
    box.constraints = buf_str(&wanted);
    box_add_framework(&box, 2, "web", "");
    box.constraints = (struct str){0};
    box_add_framework(&box, 3, "db", "i");
    box_add_agent(&box, 2, "cpus(db):1;mem(db):100");
    box_add_agent(&box, 3, "gpus:1;cpus:1;mem:100");
    box_add_agent(&box, 4, "cpus:0.001");
    box_add_framework(&box, 4, "web", "");
    assert_string_equal(ask(&box, 2), "2 web constraints; 3 web constraints; 4 web constraints");
    assert_string_equal(ask(&box, 4), "2 web reserved; 3 web gpus; 4 web minimum");
    assert_string_equal(ask(&box, 3), "2 - framework; 3 - framework; 4 - framework");
    box_fini(&box);
}

static void
what_needs_a_capability_is_said_so(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    box_add_framework(&box, 1, "web", "");
    auto_resources struct resources total = {0};
    assert_int_equal(resources_parse(&total, STR_LIT("cpus:4"), "*", NULL), 0);
    total.items[0].revocable = true;
    struct mesos_allocator_agent agent = {.size = sizeof(agent), .agent = 1, .id = "S1", .hostname = "h",
                                          .total = resources_view(&total), .active = true};
    box.ops->add_agent(box.lone.instance, &agent, NULL, 0);
    assert_string_equal(ask(&box, 1), "1 web capability");
    box_fini(&box);
}

/* Firm resources and lent ones beside each other, as an agent with an estimator has them. */
static void
update_lent(struct box *box, bool add, const char *firm, const char *lent)
{
    auto_arena struct arena *arena = arena_new(0);
    Mesos__V1__Resource__RevocableInfo info = MESOS__V1__RESOURCE__REVOCABLE_INFO__INIT;
    auto_resources struct resources total = {0}, plain = {0};
    size_t count;
    assert_int_equal(resources_parse(&total, str_of(firm), "*", NULL), 0);
    assert_int_equal(resources_parse(&plain, str_of(lent), "*", NULL), 0);
    Mesos__V1__Resource **items = resources_to_proto(&plain, false, arena, &count);
    for (size_t i = 0; i < count; i++)
        items[i]->revocable = &info;
    resources_fini(&plain);
    plain = (struct resources){0};
    assert_int_equal(resources_from_proto(&plain, items, count, NULL), 0);
    resources_add(&total, &plain);
    struct mesos_allocator_agent agent = {.size = sizeof(agent), .agent = 1, .id = "S1", .hostname = "h",
                                          .total = resources_view(&total), .active = true};
    if (add)
        box->ops->add_agent(box->lone.instance, &agent, NULL, 0);
    else
        box->ops->update_agent(box->lone.instance, &agent);
}

static void
what_is_lent_follows_the_estimates(void **state)
{
    struct box box;
    (void)state;
    box_init(&box, NULL);
    box_add_framework(&box, 1, "web", "");
    update_lent(&box, true, "cpus:2;mem:100", "cpus:3");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_text(&box), "f1 a1 web cpus:2; mem:100"); /* nothing of what needs the capability */
    box_launch_all(&box);
    box_add_framework(&box, 2, "db", "r");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_text(&box), "f2 a1 db cpus{REV}:3");
    /* Less than what is out: nothing more, and of what comes back only what is still lent. */
    update_lent(&box, false, "cpus:2;mem:100", "cpus:1");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_int_equal(box.offer_count, 1);
    box_decline(&box, 0, 0);
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_text(&box), "f2 a1 db cpus{REV}:1");
    box_launch_all(&box);
    update_lent(&box, false, "cpus:2;mem:100", "cpus:2.5;mem:64");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_text(&box), "f2 a1 db cpus{REV}:1.5; mem{REV}:64");
    box_launch_all(&box);
    update_lent(&box, false, "cpus:2;mem:100", ""); /* none at all, and what is out is more than that */
    lone_host_pass(&box.lone, BATCH_MS);
    assert_string_equal(box_text(&box), "");
    box_fini(&box);
}

static void
bad_constraints_are_refused_with_words(void **state)
{
    struct box box;
    auto_buf struct buf bad = {0}, good = {0};
    static const char *const roomy[] = {"offer_constraints_re2_max_mem", "1MB",
                                        "offer_constraints_re2_max_program_size", "5", NULL};
    (void)state;
    pack_wanted(&bad, "web", "a(");
    pack_wanted(&good, "web", "abcdefgh");
    box_init(&box, NULL);
    assert_true(box.ops->check_constraints(box.lone.instance, (struct mesos_bytes){bad.base, bad.len}) < 0);
    assert_string_equal(box.lone.failure, "A role web has an invalid 'AttributeConstraint': Failed to construct regex "
                                          "from pattern 'a(': missing ): a(");
    assert_int_equal(box.ops->check_constraints(box.lone.instance, (struct mesos_bytes){good.base, good.len}), 0);
    /* Nobody should, but constraints that were never checked do no harm: they count as none. */
    box.constraints = buf_str(&bad);
    box_add_framework(&box, 1, "web", "");
    box_add_agent(&box, 1, "cpus:1;mem:100");
    lone_host_pass(&box.lone, BATCH_MS);
    assert_int_equal(box.offer_count, 1);
    box_fini(&box);
    box_init(&box, roomy);
    assert_true(box.ops->check_constraints(box.lone.instance, (struct mesos_bytes){good.base, good.len}) < 0);
    assert_non_null(strstr(box.lone.failure, "is larger than maximum of 5 allowed"));
    box_fini(&box);
}

static void
bad_limits_are_refused(void **state)
{
    static const char *const bad[][3] = {{"offer_constraints_re2_max_mem", "lots", NULL},
                                         {"offer_constraints_re2_max_mem", "0B", NULL},
                                         {"offer_constraints_re2_max_program_size", "0", NULL},
                                         {"offer_constraints_re2_max_program_size", "x", NULL}};
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
        cmocka_unit_test(constraints_choose_agents),
        cmocka_unit_test(constraints_change),
        cmocka_unit_test(verdicts_are_of_one_agent),
        cmocka_unit_test(roles_that_are_wanted_again_forget_refusals),
        cmocka_unit_test(frameworks_have_minimums_of_their_own),
        cmocka_unit_test(every_reason_is_told),
        cmocka_unit_test(what_needs_a_capability_is_said_so),
        cmocka_unit_test(what_is_lent_follows_the_estimates),
        cmocka_unit_test(bad_constraints_are_refused_with_words),
        cmocka_unit_test(bad_limits_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
