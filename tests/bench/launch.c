/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How quickly one agent runs tasks that do nothing: many at once, and one at a time. The baseline is a plain
 * loop that spawns `/bin/sh -c true`, run before and after in the same call.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cluster.h"
#include "figures.h"
#include "scheduler.h"

enum { PLAIN_SPAWNS = 500, TIMEOUT_MS = 10 * 60 * 1000 };
static const double CPUS = 0.01, MEM = 1;

struct run {
    size_t wanted, launched, running, finished, failed;
    size_t most_at_once; /* tasks that are launched and not finished */
    double first_offer_ms, sent_ms;
    double *to_running, *to_finished; /* one at a time: ms of each task */
    bool one_at_a_time;
};

static void
on_offers(struct scheduler *scheduler, Mesos__V1__Offer **offers, size_t count)
{
    struct run *run = scheduler->arg;
    if (!run->first_offer_ms)
        run->first_offer_ms = now_ms();
    for (size_t i = 0; i < count; i++) {
        size_t fit = (size_t)(scheduler_scalar(offers[i], "cpus") / CPUS + 1e-6),
               left = run->wanted - run->launched;
        size_t fit_mem = (size_t)scheduler_scalar(offers[i], "mem");
        fit = fit < fit_mem ? fit : fit_mem;
        fit = fit < left ? fit : left;
        if (run->one_at_a_time)
            fit = fit && run->launched == run->finished ? 1 : 0;
        struct scheduler_tasks tasks = {
            run->one_at_a_time ? "one" : "many", "true", run->launched, fit, CPUS, MEM};
        if (fit == 0) {
            scheduler_decline(scheduler, offers + i, 1, 0);
            continue;
        }
        run->sent_ms = now_ms();
        run->launched += fit;
        scheduler_launch(scheduler, offers[i], &tasks);
    }
    if (run->launched - run->finished > run->most_at_once)
        run->most_at_once = run->launched - run->finished;
}

static void
on_update(struct scheduler *scheduler, const Mesos__V1__TaskStatus *status)
{
    struct run *run = scheduler->arg;
    double took = now_ms() - run->sent_ms;
    scheduler_acknowledge(scheduler, status);
    switch (status->state) {
    case MESOS__V1__TASK_STATE__TASK_STAGING:
    case MESOS__V1__TASK_STATE__TASK_STARTING:
        return;
    case MESOS__V1__TASK_STATE__TASK_RUNNING:
        if (run->to_running)
            run->to_running[run->running] = took;
        run->running++;
        return;
    case MESOS__V1__TASK_STATE__TASK_FINISHED:
        break;
    default:
        fprintf(stderr, "task %s: state %d, %s\n", status->task_id->value, (int)status->state,
                status->message ? status->message : "");
        run->failed++;
    }
    if (run->to_finished)
        run->to_finished[run->finished] = took;
    run->finished++;
}

struct wait {
    struct run *run;
    struct scheduler *scheduler;
};

static bool
is_done(void *arg)
{
    struct wait *wait = arg;
    return wait->run->finished == wait->run->wanted && wait->scheduler->outstanding == 0;
}

/* From the first offer to the last acknowledgement; ms. */
static double
measure(const struct bench_cluster *cluster, struct run *run)
{
    static const struct scheduler_handler handler = {NULL, on_offers, on_update};
    struct loop *loop = loop_new(NULL, NULL);
    struct scheduler scheduler;
    struct wait wait = {run, &scheduler};
    scheduler_init(&scheduler, loop, cluster->master.port, "bench", &handler, run);
    if (!loop_run_until(loop, is_done, &wait, TIMEOUT_MS))
        bench_die("only %zu of %zu tasks have ended", run->finished, run->wanted);
    double took = now_ms() - run->first_offer_ms;
    scheduler_teardown(&scheduler);
    loop_run_until(loop, is_done, &wait, TIMEOUT_MS);
    scheduler_fini(&scheduler);
    loop_free(loop);
    return took;
}

static bool
many(const struct bench_cluster *cluster, size_t tasks, double plain_before)
{
    struct run run = {.wanted = tasks};
    double master = cpu_ms(cluster->master.pid), agent = cpu_ms(cluster->agent.pid), own = cpu_ms(getpid());
    double took = measure(cluster, &run), count = (double)tasks;
    double rate = count / took * 1e3, plain_after = spawn_rate(PLAIN_SPAWNS);
    double plain = (plain_before + plain_after) / 2;
    printf("%zu tasks `true` of %.2f cpus, at most %zu at once, %zu failed, in %.0f ms\n", tasks, CPUS,
           run.most_at_once, run.failed, took);
    printf("  plain loop of /bin/sh -c true   %8.0f /s   (before %.0f, after %.0f)\n", plain, plain_before,
           plain_after);
    printf(
        "  tasks                           %8.0f /s   ratio %.2f of the loop (aim 0.25)      [Mesos 9 /s]\n",
        rate, rate / plain);
    printf("  memory of the agent afterwards: %.1f MB (Private_Dirty)\n", private_dirty(cluster->agent.pid) / 1e6);
    printf("  processor per task: master %.2f ms, agent %.2f ms, this program %.2f ms\n",
           (cpu_ms(cluster->master.pid) - master) / count, (cpu_ms(cluster->agent.pid) - agent) / count,
           (cpu_ms(getpid()) - own) / count);
    return run.failed > 0;
}

static bool
one_at_a_time(const struct bench_cluster *cluster, size_t tasks)
{
    struct run run = {.wanted = tasks, .one_at_a_time = true};
    run.to_running = xcalloc(tasks + 1, sizeof(double));
    run.to_finished = xcalloc(tasks + 1, sizeof(double));
    measure(cluster, &run);
    double spawn_ms = 1e3 / spawn_rate(PLAIN_SPAWNS),
           p50_running = percentile(run.to_running, run.running, 0.5),
           p50_finished = percentile(run.to_finished, run.finished, 0.5);
    printf("%zu tasks one after the other, %zu failed, ACCEPT to the update; one plain spawn %.2f ms\n",
           tasks, run.failed, spawn_ms);
    printf("  TASK_RUNNING    p50 %6.2f ms  p99 %6.2f ms  p50 is %5.1f spawns (aim under 15 ms) [Mesos 130 "
           "ms]\n",
           p50_running, percentile(run.to_running, run.running, 0.99), p50_running / spawn_ms);
    printf("  TASK_FINISHED   p50 %6.2f ms  p99 %6.2f ms  p50 is %5.1f spawns (aim under 25 ms) [Mesos 220 "
           "ms]\n",
           p50_finished, percentile(run.to_finished, run.finished, 0.99), p50_finished / spawn_ms);
    free(run.to_running);
    free(run.to_finished);
    return run.failed > 0;
}

int
main(int argc, char **argv)
{
    static const char help[] =
        "Usage: tests/bench/launch [--tasks=2000] [--single=200] [--cpus=4] [--allocation_ms=50]\n"
        "Runs tasks `true` on one master and one agent of this build tree: --tasks of them as many at once "
        "as --cpus\n"
        "of the agent hold, then --single of them one at a time. Prints rates beside a plain loop's; asserts "
        "nothing\n"
        "about time. --allocation_ms is the master's allocation_interval: offers that come late are not "
        "measured.\n";
    long tasks = 2000, single = 200, cpus = 4, allocation_ms = 50;
    struct bench_option options[] = {{"tasks", &tasks},
                                     {"single", &single},
                                     {"cpus", &cpus},
                                     {"allocation_ms", &allocation_ms},
                                     {NULL, NULL}};
    struct bench_cluster cluster;
    bench_arguments(argc, argv, help, options);
    auto_free char *interval = xasprintf("--allocation_interval=%ldms", allocation_ms);
    auto_free char *resources = xasprintf("--resources=cpus:%ld;mem:65536;disk:10000", cpus);
    const char *const master_flags[] = {interval, NULL};
    const char *const agent_flags[] = {resources, "--no-switch_user", NULL};
    double plain = spawn_rate(PLAIN_SPAWNS);
    cluster_init(&cluster);
    cluster_start_master(&cluster, master_flags);
    cluster_start_agent(&cluster, agent_flags);
    bool failed = many(&cluster, (size_t)tasks, plain);
    failed |= one_at_a_time(&cluster, (size_t)single);
    cluster_fini(&cluster);
    return failed;
}
