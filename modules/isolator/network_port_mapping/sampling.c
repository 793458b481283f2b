/* SPDX-License-Identifier: Apache-2.0 */
/* All cables' counters in one question to the kernel, each interval. */
#include <stdlib.h>
#include "port_mapping.h"

struct sample {
    pid_t pid;
    struct net_counters counters;
};

struct sampling {
    struct sample *items;
    size_t count, cap;
};

static void
on_sampled_link(void *arg, const struct net_link *link)
{
    struct sampling *sampling = arg;
    uint64_t pid;
    if (!str_starts(str_of(link->name), STR_LIT(VETH_PREFIX)) ||
        str_to_u64(str_of(link->name + sizeof VETH_PREFIX - 1), &pid) < 0)
        return;
    if (sampling->count == sampling->cap) {
        sampling->cap = sampling->cap ? sampling->cap * 2 : 64;
        sampling->items = xrealloc(sampling->items, sampling->cap * sizeof *sampling->items);
    }
    sampling->items[sampling->count].pid = (pid_t)pid;
    sampling->items[sampling->count++].counters = link->counters;
}

static void
sample_work(struct job *job)
{
    job->status = net_links(job->ground->net, on_sampled_link, job->sampling, &job->err);
}

static void sample_later(struct isolator *isolator);

static int
by_pid(const void *a, const void *b)
{
    pid_t x = ((const struct sample *)a)->pid, y = ((const struct sample *)b)->pid;
    return (x > y) - (x < y);
}

static void
sample_done(struct job *job)
{
    struct isolator *isolator = job->isolator;
    struct sampling *sampling = job->sampling;
    struct container *container;
    int64_t now = isolator->host->now_ms(isolator->host);
    if (sampling->count > 0)
        qsort(sampling->items, sampling->count, sizeof *sampling->items, by_pid);
    map_foreach(container, &isolator->containers)
    {
        const struct sample wanted = {.pid = container->pid};
        const struct sample *found =
            sampling->count > 0 ? bsearch(&wanted, sampling->items, sampling->count, sizeof wanted, by_pid) : NULL;
        if (found)
            rates_sample(container->rates, now, &found->counters);
    }
    if (job->status < 0)
        MESOS_LOG(isolator->host, WARNING, "rate statistics: %s", job->err.text);
    free(sampling->items);
    free(sampling);
    if (!isolator->stopping)
        sample_later(isolator);
}

static void
on_sample_time(void *arg)
{
    struct isolator *isolator = arg;
    isolator->rates_timer = NULL;
    struct job *job = job_new(isolator, NULL, NULL, "", 0, sample_work, sample_done);
    job->sampling = xcalloc(1, sizeof *job->sampling);
    job_start(job);
}

static void
sample_later(struct isolator *isolator)
{
    isolator->rates_timer = isolator->host->timer_start(isolator->host, isolator->ground->settings.rates_interval_ms,
                                                        on_sample_time, isolator);
}

void
sampling_begin(struct isolator *isolator)
{
    if (isolator->ground->settings.rates && !isolator->rates_timer)
        sample_later(isolator);
}

void
sampling_end(struct isolator *isolator)
{
    if (isolator->rates_timer)
        isolator->host->timer_stop(isolator->host, isolator->rates_timer);
    isolator->rates_timer = NULL;
}
