/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Oversubscription: the estimator module says what lies idle, the master is told when that changes; the controller module
 * says which revocable executors must go, and they go. What is lent out is of the modules' choosing, never of this file's.
 */
#include "agent/state.h"

#include <errno.h>

#include "host/kind_qos_controller.h"
#include "host/kind_resource_estimator.h"
#include "mesos/slave/oversubscription.pb-c.h"

#define NS_PER_MS           1000000LL
#define CORRECTION_PAUSE_MS 100  /* at least: a controller that always answers at once must not keep the loop busy */
#define FAILURE_PAUSE_MS    1000 /* after it failed */

struct oversubscription {
    struct agent *agent;
    struct mesos_usage_source source;
    struct loop_timer estimate, correct;
    struct resources total; /* what the master is told */
};

bool
resource_is_revocable(const struct mesos_resource *item, void *arg)
{
    (void)arg;
    return item->revocable;
}

const struct resources *
oversubscription_total(const struct agent *agent)
{
    static const struct resources none;
    return agent->oversubscription ? &agent->oversubscription->total : &none;
}

/* ---- estimates ---- */

/* What revocable tasks hold is oversubscribed too: the agent knows better than the master what still runs. */
static void
add_held(const struct agent *agent, struct resources *total)
{
    const struct framework *framework;
    const struct executor *executor;
    map_foreach (framework, &agent->frameworks)
        map_foreach (executor, &framework->executors) {
            auto_resources struct resources all = {0}, revocable = {0};
            executor_resources(executor, &all);
            resources_filter(&revocable, &all, resource_is_revocable, NULL);
            resources_allocate(&revocable, NULL);
            resources_add(total, &revocable);
        }
}

static int
read_estimate(struct str bytes, struct resources *ret, struct err *err)
{
    auto_arena struct arena *arena = arena_new(0);
    const Mesos__Slave__Oversubscribable *message =
        MESSAGE_UNPACK(Mesos__Slave__Oversubscribable, mesos__slave__oversubscribable, bytes, arena, err);
    int status = message ? resources_from_proto(ret, message->resources, message->n_resources, err) : -EBADMSG;
    for (uint32_t i = 0; i < ret->count && status == 0; i++)
        if (!ret->items[i].revocable || ret->items[i].allocation_role)
            status = err_set(err, -EINVAL, "its %s is not revocable, or is allocated to a role", ret->items[i].name);
    return status;
}

static void
on_estimate(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct oversubscription *over = arg;
    struct agent *agent = over->agent;
    const char *name = module_name(agent->setup.resource_estimator);
    struct err err = {0};
    auto_resources struct resources total = {0};
    loop_timer_start_ns(&over->estimate, agent->options->oversubscribed_resources_interval_ns);
    if (status) {
        log_error("resource estimator '%s' cannot say what may be lent out: %s", name, error);
        return;
    }
    if (read_estimate(str_n(answer.data, answer.len), &total, &err)) {
        log_error("the estimate of resource estimator '%s' is of no use: %s", name, err.text);
        return;
    }
    add_held(agent, &total);
    if (resources_equal(&total, &over->total))
        return;
    auto_buf struct buf text = {0};
    resources_format(&text, &total);
    log_info("oversubscribed resources are now '%s'", buf_cstr(&text));
    resources_fini(&over->total);
    resources_move(&over->total, &total);
    registration_update(agent);
}

static void
on_estimate_time(void *arg)
{
    struct oversubscription *over = arg;
    if (over->agent->state != AGENT_TERMINATING)
        resource_estimator_oversubscribable(over->agent->setup.resource_estimator, on_estimate, over);
}

/* ---- corrections ---- */

static struct executor *
find_victim(struct agent *agent, const Mesos__Slave__QoSCorrection__Kill *kill, struct err *err)
{
    if (!kill || !kill->framework_id || !kill->executor_id) {
        err_set(err, -EINVAL, "it names no framework or no executor");
        return NULL;
    }
    const char *framework_id = kill->framework_id->value, *executor_id = kill->executor_id->value;
    struct framework *framework = framework_find(agent, str_of(framework_id));
    struct executor *executor = framework ? executor_find(framework, str_of(executor_id)) : NULL;
    if (!executor || framework->terminating)
        err_set(err, -ENOENT, "executor '%s' of framework %s does not run here", executor_id, framework_id);
    else if (kill->container_id && !str_is(str_of(kill->container_id->value), executor->container_id))
        err_set(err, -ENOENT, "executor '%s' of framework %s runs in container %s, not in %s any more", executor_id,
                framework_id, executor->container_id, kill->container_id->value);
    else if (executor->state != EXECUTOR_REGISTERING && executor->state != EXECUTOR_RUNNING)
        err_set(err, -EALREADY, "executor '%s' of framework %s is %s", executor_id, framework_id,
                executor_state_name(executor->state));
    else
        return executor;
    return NULL;
}

static void
correct(struct agent *agent, const Mesos__Slave__QoSCorrection *correction)
{
    struct err err = {0};
    struct executor *executor = find_victim(agent, correction->kill, &err);
    if (!executor && err.code == -EALREADY)
        return; /* it is on its way out: said once is enough */
    if (!executor) {
        log_warning("a correction of QoS controller '%s' is left out: %s", module_name(agent->setup.qos_controller), err.text);
        return;
    }
    log_info("kill executor '%s' of framework %s: QoS correction", executor->id, executor->framework->id);
    agent_count(agent, "slave/executors_preempted");
    executor_destroy(executor,
                     executor->framework->partition_aware ? MESOS__V1__TASK_STATE__TASK_GONE
                                                          : MESOS__V1__TASK_STATE__TASK_LOST,
                     MESOS__V1__TASK_STATUS__REASON__REASON_CONTAINER_PREEMPTED,
                     "Container preempted by QoS correction");
}

static void
on_corrections(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct oversubscription *over = arg;
    struct agent *agent = over->agent;
    auto_arena struct arena *arena = arena_new(0);
    struct err err = {0};
    int64_t pause_ms = agent->options->qos_correction_interval_min_ns / NS_PER_MS;
    const Mesos__Slave__QoSCorrections *message =
        status ? NULL
               : MESSAGE_UNPACK(Mesos__Slave__QoSCorrections, mesos__slave__qo_scorrections,
                                str_n(answer.data, answer.len), arena, &err);
    int64_t least_ms = message ? CORRECTION_PAUSE_MS : FAILURE_PAUSE_MS;
    loop_timer_start(&over->correct, pause_ms < least_ms ? least_ms : pause_ms);
    if (!message)
        log_warning("QoS controller '%s' gives no corrections: %s", module_name(agent->setup.qos_controller),
                    status ? error : err.text);
    else if (agent->state == AGENT_TERMINATING)
        log_warning("no QoS corrections: the agent is terminating");
    else
        for (size_t i = 0; i < message->n_corrections; i++)
            correct(agent, message->corrections[i]);
}

static void
on_correction_time(void *arg)
{
    struct oversubscription *over = arg;
    if (over->agent->state != AGENT_TERMINATING)
        qos_controller_corrections(over->agent->setup.qos_controller, on_corrections, over);
}

/* ---- life ---- */

static void
source_usage(void *arg, void (*done)(void *done_arg, int status, struct mesos_bytes usage), void *done_arg)
{
    usage_ask(((struct oversubscription *)arg)->agent, done, done_arg);
}

int
oversubscription_init(struct agent *agent, struct err *err)
{
    struct oversubscription *over = agent->oversubscription = xcalloc(1, sizeof(*over));
    struct module *estimator = agent->setup.resource_estimator, *controller = agent->setup.qos_controller;
    over->agent = agent;
    over->source = (struct mesos_usage_source){sizeof(over->source), over, source_usage};
    loop_timer_init(&over->estimate, agent->loop, on_estimate_time, over);
    loop_timer_init(&over->correct, agent->loop, on_correction_time, over);
    int status = estimator ? resource_estimator_initialize(estimator, &over->source, err) : 0;
    if (status < 0)
        return err_wrap(err, "resource estimator '%s'", module_name(estimator));
    status = controller ? qos_controller_initialize(controller, &over->source, err) : 0;
    return status < 0 ? err_wrap(err, "QoS controller '%s'", module_name(controller)) : 0;
}

void
oversubscription_start(struct agent *agent)
{
    if (agent->setup.resource_estimator)
        on_estimate_time(agent->oversubscription);
    if (agent->setup.qos_controller)
        on_correction_time(agent->oversubscription);
}

void
oversubscription_free(struct agent *agent)
{
    struct oversubscription *over = take(&agent->oversubscription);
    usage_forget(agent);
    if (!over)
        return;
    loop_timer_stop(&over->estimate);
    loop_timer_stop(&over->correct);
    host_call_forget(agent->setup.host, over);
    resources_fini(&over->total);
    free(over);
}
