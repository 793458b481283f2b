/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent lends out: estimates on their way to the master, and the corrections of a controller. */
#include <errno.h>

#include "lone_agent.h"
#include "mesos/qos_controller.h"
#include "mesos/resource_estimator.h"
#include "mesos/slave/oversubscription.pb-c.h"

/* An estimator and a controller that say what the test tells them to. */
static struct {
    const struct mesos_host *host;
    const struct mesos_usage_source *source;
    double cpus; /* what is lent out; 0 = nothing, below: an answer that is of no use */
    size_t asked;
    struct mesos_call *call; /* of the controller */
    size_t corrections_asked;
} lender;

static int
lender_start(void *instance, const struct mesos_host *host)
{
    (void)instance;
    lender.host = host;
    return 0;
}

static int
lender_initialize(void *instance, const struct mesos_usage_source *source)
{
    (void)instance;
    lender.source = source;
    return 0;
}

static void
lender_oversubscribable(void *instance, struct mesos_call *call)
{
    Mesos__Slave__Oversubscribable message = MESOS__SLAVE__OVERSUBSCRIBABLE__INIT;
    Mesos__V1__Resource resource = MESOS__V1__RESOURCE__INIT, *list[] = {&resource};
    Mesos__V1__Resource__RevocableInfo revocable = MESOS__V1__RESOURCE__REVOCABLE_INFO__INIT;
    Mesos__V1__Value__Scalar scalar = MESOS__V1__VALUE__SCALAR__INIT;
    char name[] = "cpus";
    auto_buf struct buf bytes = {0};
    (void)instance;
    lender.asked++;
    resource.name = name;
    resource.scalar = &scalar;
    resource.revocable = lender.cpus < 0 ? NULL : &revocable;
    scalar.value = lender.cpus < 0 ? 1 : lender.cpus;
    message.resources = list;
    message.n_resources = lender.cpus != 0;
    message_pack(&bytes, &message);
    lender.host->reply(lender.host, call, 0, (struct mesos_bytes){buf_str(&bytes).ptr, bytes.len});
}

static void
lender_corrections(void *instance, struct mesos_call *call)
{
    (void)instance;
    lender.call = call;
    lender.corrections_asked++;
}

static const struct mesos_resource_estimator_ops estimator_ops = {.initialize = lender_initialize,
                                                                  .oversubscribable = lender_oversubscribable};
static const struct mesos_qos_controller_ops controller_ops = {.initialize = lender_initialize,
                                                               .corrections = lender_corrections};
static const struct mesos_module estimator_module =
    MODULE_DOUBLE(MESOS_KIND_RESOURCE_ESTIMATOR, "told", "lends what it is told to", lender_start, estimator_ops);
static const struct mesos_module controller_module =
    MODULE_DOUBLE(MESOS_KIND_QOS_CONTROLLER, "told", "corrects what it is told to", lender_start, controller_ops);

static const struct mesos_module *const *
lender_modules(void)
{
    static const struct mesos_module *const modules[] = {&estimator_module, &controller_module, NULL};
    return modules;
}

static struct module *
started(struct world *w, enum mesos_kind kind)
{
    struct err err = {0};
    struct module *module = host_start(w->host, kind, "told", NULL, NULL, 0, &err);
    assert_string_equal(err.text, "");
    return module;
}

/* The agent of before goes, one with an estimator and a controller comes. */
static void
oversubscribe(struct world *w, double cpus)
{
    struct err err = {0};
    memset(&lender, 0, sizeof(lender));
    lender.cpus = cpus;
    assert_int_equal(host_add_linked(w->host, lender_modules, "lender", &err), 0);
    w->estimator = started(w, MESOS_KIND_RESOURCE_ESTIMATOR);
    w->controller = started(w, MESOS_KIND_QOS_CONTROLLER);
    restart(w);
}

/* What the n-th UpdateSlaveMessage says of cpus that are lent out; -1 = there is no such message. */
static double
told_cpus(const struct world *w, size_t n)
{
    for (size_t i = 0; i < w->note_count; i++) {
        const struct note *note = &w->notes[i];
        if (strcmp(note->name, "mesos.internal.UpdateSlaveMessage") != 0 || n-- > 0)
            continue;
        const Mesos__Internal__UpdateSlaveMessage *message = message_unpack(
            &mesos__internal__update_slave_message__descriptor, str_n(note->body, note->len), w->arena, NULL);
        assert_non_null(message);
        assert_true(message->update_oversubscribed_resources);
        for (size_t k = 0; k < message->n_oversubscribed_resources; k++)
            assert_true(message->oversubscribed_resources[k]->revocable &&
                        !message->oversubscribed_resources[k]->allocation_info);
        return message->n_oversubscribed_resources ? message->oversubscribed_resources[0]->scalar->value : 0;
    }
    return -1;
}

static void
test_estimates_reach_the_master(void **state)
{
    struct world *w = *state;
    pass(w, 2000);
    assert_true(told_cpus(w, 0) == 0 && told_cpus(w, 1) == -1);
    oversubscribe(w, 3);
    pass(w, 2000);
    assert_int_equal(lender.asked, 1);
    assert_true(told_cpus(w, 1) == 3);
    /* Asked every 15 seconds; only what changes is told. */
    pass(w, 60 * 1000);
    assert_in_range(lender.asked, 5, 5);
    assert_int_equal(heard_times(w, "UpdateSlaveMessage"), 2);
    ping(w, true);
    lender.cpus = 1.5;
    pass(w, 15 * 1000);
    assert_true(told_cpus(w, 2) == 1.5);
    lender.cpus = -1; /* not revocable: what was said stays */
    pass(w, 15 * 1000);
    lender.cpus = 1.5;
    pass(w, 15 * 1000);
    assert_int_equal(heard_times(w, "UpdateSlaveMessage"), 3);
    /* Whoever takes the agent (back) is told at once, also when it was not there while it changed. */
    master_down(w);
    pass(w, 1000);
    lender.cpus = 0.5;
    pass(w, 30 * 1000);
    master_up(w);
    ping(w, false);
    pass(w, 130 * 1000);
    assert_true(agent_registered(w->agent));
    size_t last = heard_times(w, "UpdateSlaveMessage");
    assert_in_range(last, 4, 6);
    assert_true(told_cpus(w, last - 1) == 0.5);
    lender.cpus = 0;
    pass(w, 15 * 1000);
    assert_true(told_cpus(w, last) == 0);
}

static void
on_usage_told(void *arg, int status, struct mesos_bytes bytes)
{
    struct world *w = arg;
    assert_int_equal(status, 0);
    const Mesos__V1__ResourceUsage *usage = message_unpack(&mesos__v1__resource_usage__descriptor,
                                                           str_n(bytes.data, bytes.len), w->arena, NULL);
    assert_non_null(usage);
    w->status = (int)usage->n_executors;
    assert_int_equal(usage->n_total, 4);
    if (!usage->n_executors)
        return;
    const Mesos__V1__ResourceUsage__Executor *executor = usage->executors[0];
    assert_string_equal(executor->executor_info->framework_id->value, FRAMEWORK_ID);
    assert_string_equal(executor->container_id->value, containers.list[0].id);
    assert_int_equal(executor->n_tasks, 1);
    assert_string_equal(executor->tasks[0]->id->value, "t");
    assert_null(executor->statistics); /* this containerizer has none */
    assert_true(executor->n_allocated > 0);
}

static void
correct(struct world *w, const char *framework, const char *executor, const char *container)
{
    Mesos__Slave__QoSCorrections message = MESOS__SLAVE__QO_SCORRECTIONS__INIT;
    Mesos__Slave__QoSCorrection correction = MESOS__SLAVE__QO_SCORRECTION__INIT, *list[] = {&correction};
    Mesos__Slave__QoSCorrection__Kill kill = MESOS__SLAVE__QO_SCORRECTION__KILL__INIT;
    Mesos__V1__FrameworkID framework_id = MESOS__V1__FRAMEWORK_ID__INIT;
    Mesos__V1__ExecutorID executor_id = MESOS__V1__EXECUTOR_ID__INIT;
    Mesos__V1__ContainerID container_id = MESOS__V1__CONTAINER_ID__INIT;
    auto_buf struct buf bytes = {0};
    framework_id.value = framework ? arena_strdup(w->arena, str_of(framework)) : NULL;
    executor_id.value = executor ? arena_strdup(w->arena, str_of(executor)) : NULL;
    container_id.value = container ? arena_strdup(w->arena, str_of(container)) : NULL;
    kill.framework_id = framework ? &framework_id : NULL;
    kill.executor_id = executor ? &executor_id : NULL;
    kill.container_id = container ? &container_id : NULL;
    correction.type = MESOS__SLAVE__QO_SCORRECTION__TYPE__KILL;
    correction.kill = &kill;
    message.corrections = list;
    message.n_corrections = 1;
    message_pack(&bytes, &message);
    struct mesos_call *call = take(&lender.call);
    assert_non_null(call);
    lender.host->reply(lender.host, call, 0, (struct mesos_bytes){buf_str(&bytes).ptr, bytes.len});
}

static void
test_corrections(void **state)
{
    struct world *w = *state;
    pass(w, 2000);
    oversubscribe(w, 2);
    running(w);
    size_t updates = heard_times(w, "StatusUpdateMessage");
    assert_int_equal(lender.corrections_asked, 1); /* an answer that is owed for long is fine */
    lender.source->usage(lender.source->arg, on_usage_told, w);
    pass(w, 100);
    assert_int_equal(w->status, 1);
    /* Who is not there, or not there any more, is left out; so is what says nothing. */
    correct(w, NULL, "t", NULL);
    pass(w, 1000);
    assert_int_equal(lender.corrections_asked, 1); /* not before --qos_correction_interval_min */
    pass(w, 1500);
    assert_int_equal(lender.corrections_asked, 2);
    correct(w, FRAMEWORK_ID, NULL, NULL);
    pass(w, 2500);
    correct(w, "nobody", "t", NULL);
    pass(w, 2500);
    correct(w, FRAMEWORK_ID, "nobody", NULL);
    pass(w, 2500);
    correct(w, FRAMEWORK_ID, "t", "a-container-of-before");
    pass(w, 2500);
    assert_int_equal(heard_times(w, "StatusUpdateMessage"), updates);
    struct mesos_call *call = take(&lender.call);
    lender.host->reply(lender.host, call, 0, (struct mesos_bytes){"\xff\xff garbage", 10});
    pass(w, 2500);
    call = take(&lender.call);
    assert_non_null(call);
    (lender.host->fail)(lender.host, -EIO, "no idea");
    lender.host->reply(lender.host, call, -EIO, (struct mesos_bytes){NULL, 0});
    pass(w, 2500);
    correct(w, FRAMEWORK_ID, "t", containers.list[0].id);
    pass(w, 1000);
    assert_true(containers.list[0].destroyed);
    assert_int_equal(heard_times(w, "StatusUpdateMessage"), updates + 1);
    const Mesos__V1__TaskStatus *status = update(w, updates, NULL);
    assert_int_equal(status->state, STATE(LOST));
    assert_int_equal(status->reason, REASON(CONTAINER_PREEMPTED));
    assert_string_equal(status->message, "Container preempted by QoS correction");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_estimates_reach_the_master),
        CASE(test_corrections),
    };
    log_open(&(struct log_options){.program = "test", .level = LOG_LEVEL_ERROR}, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
