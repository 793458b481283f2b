/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qos_controller "load": when the machine's load average of 5 or 15 minutes is above its threshold, every executor that
 * holds revocable resources must go. While the load is below, the agent's question waits here and the load is looked at
 * once a second, so that an agent that asks without pause costs nothing.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "mesos/qos_controller.h"
#include "mesos/slave/oversubscription.pb-c.h"
#include "mesos/v1/mesos.pb-c.h"

#define LOOK_MS 1000

struct load {
    const struct mesos_host *host;
    const struct mesos_usage_source *source;
    const char *text_5min, *text_15min; /* options */
    double threshold_5min, threshold_15min; /* not a number = not set */
    struct mesos_call *call; /* the agent's question */
    struct mesos_timer *timer;
    bool overloaded; /* at the last look: it is said once */
    bool corrected; /* by the last answer */
};

static void look(void *arg);

static void
look_again(struct load *load)
{
    load->timer = load->host->timer_start(load->host, LOOK_MS, look, load);
}

static bool
exceeds(const struct load *load, const char *minutes, double average, double threshold)
{
    if (!(average > threshold))
        return false; /* no threshold is not a number, which nothing exceeds */
    if (!load->overloaded)
        MESOS_LOG(load->host, INFO, "the load average of %s minutes is %.2f, above the threshold %.2f: revocable work must go",
                  minutes, average, threshold);
    return true;
}

static bool
is_overloaded(struct load *load)
{
    double averages[3];
    if (getloadavg(averages, 3) < 3) {
        MESOS_LOG(load->host, ERROR, "the machine's load average is not known");
        return false;
    }
    bool five = exceeds(load, "5", averages[1], load->threshold_5min);
    bool fifteen = exceeds(load, "15", averages[2], load->threshold_15min);
    load->overloaded = five || fifteen;
    return load->overloaded;
}

static bool
is_revocable(const Mesos__V1__ResourceUsage__Executor *executor)
{
    for (size_t i = 0; i < executor->n_allocated; i++)
        if (executor->allocated[i]->revocable)
            return true;
    return false;
}

static size_t
correct(const Mesos__V1__ResourceUsage *usage, Mesos__Slave__QoSCorrections *ret, struct arena *arena)
{
    ret->corrections = arena_calloc(arena, usage->n_executors + 1, sizeof(*ret->corrections));
    for (size_t i = 0; i < usage->n_executors; i++) {
        const Mesos__V1__ResourceUsage__Executor *executor = usage->executors[i];
        if (!is_revocable(executor))
            continue;
        Mesos__Slave__QoSCorrection *correction = arena_alloc(arena, sizeof(*correction));
        Mesos__Slave__QoSCorrection__Kill *kill = arena_alloc(arena, sizeof(*kill));
        mesos__slave__qo_scorrection__init(correction);
        mesos__slave__qo_scorrection__kill__init(kill);
        kill->framework_id = executor->executor_info->framework_id;
        kill->executor_id = executor->executor_info->executor_id;
        kill->container_id = executor->container_id;
        correction->type = MESOS__SLAVE__QO_SCORRECTION__TYPE__KILL;
        correction->kill = kill;
        ret->corrections[ret->n_corrections++] = correction;
    }
    return ret->n_corrections;
}

static void
on_usage(void *arg, int status, struct mesos_bytes bytes)
{
    struct load *load = arg;
    auto_arena struct arena *arena = arena_new(0);
    Mesos__Slave__QoSCorrections message = MESOS__SLAVE__QO_SCORRECTIONS__INIT;
    Mesos__V1__ResourceUsage *usage =
        status < 0 ? NULL : mesos__v1__resource_usage__unpack(NULL, bytes.len, bytes.data);
    if (!usage)
        MESOS_LOG(load->host, WARNING, "the agent's usage is not known: %s", strerror(status < 0 ? -status : EBADMSG));
    if (!usage || correct(usage, &message, arena) == 0) {
        look_again(load);
    } else {
        struct mesos_call *call = load->call;
        size_t len = mesos__slave__qo_scorrections__get_packed_size(&message);
        unsigned char *packed = arena_alloc(arena, len + 1);
        mesos__slave__qo_scorrections__pack(&message, packed);
        load->call = NULL;
        load->corrected = true;
        load->host->reply(load->host, call, 0, (struct mesos_bytes){packed, len});
    }
    if (usage)
        mesos__v1__resource_usage__free_unpacked(usage, NULL);
}

static void
look(void *arg)
{
    struct load *load = arg;
    load->timer = NULL;
    if (is_overloaded(load))
        load->source->usage(load->source->arg, on_usage, load);
    else
        look_again(load);
}

static void
corrections(void *instance, struct mesos_call *call)
{
    struct load *load = instance;
    load->call = call;
    if (load->corrected) /* who was named needs a moment to be gone */
        look_again(load);
    else
        look(load);
    load->corrected = false;
}

static int
initialize(void *instance, const struct mesos_usage_source *source)
{
    ((struct load *)instance)->source = source;
    return 0;
}

static int
threshold(const struct mesos_host *host, const char *name, const char *text, double *ret)
{
    char *end = NULL;
    *ret = NAN;
    if (!text)
        return 0;
    *ret = strtod(text, &end);
    if (end == text || *end || !isfinite(*ret))
        return host->fail(host, -EINVAL, "parameter '%s' is '%s', which is no load: write a number, e.g. 6.5", name, text);
    return 0;
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct load *load = instance;
    load->host = host;
    int status = threshold(host, "load_threshold_5min", load->text_5min, &load->threshold_5min);
    if (status == 0)
        status = threshold(host, "load_threshold_15min", load->text_15min, &load->threshold_15min);
    if (status == 0 && isnan(load->threshold_5min) && isnan(load->threshold_15min))
        status = host->fail(host, -EINVAL,
                            "no threshold is set: give parameter 'load_threshold_5min' or 'load_threshold_15min'");
    return status;
}

static void
stop(void *instance, struct mesos_call *call)
{
    struct load *load = instance;
    if (load->timer)
        load->host->timer_stop(load->host, load->timer);
    load->timer = NULL;
    if (call)
        load->host->reply(load->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static const struct mesos_qos_controller_ops ops = {.initialize = initialize, .corrections = corrections};

static const struct mesos_option options[] = {
    {"load_threshold_5min", MESOS_OPTION_STRING, offsetof(struct load, text_5min), NULL,
     "Revocable work goes while the load average of 5 minutes is above this."},
    {"load_threshold_15min", MESOS_OPTION_STRING, offsetof(struct load, text_15min), NULL,
     "The same for the load average of 15 minutes."},
    {0},
};

static const struct mesos_module module = {
    MESOS_MODULE(QOS_CONTROLLER, ops, struct load),
    .name = "load",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "revocable executors are killed while the machine's load is above a threshold",
    .options = options,
    .start = start,
    .stop = stop,
};

MESOS_MODULES(&module);
