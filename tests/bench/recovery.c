/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How quickly an agent is back that was killed with many containers: from its start to the master having it again, with
 * every executor re-subscribed. The baseline, in the same call: one process reads the same checkpoints and takes as many
 * connections over a Unix socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cluster.h"
#include "figures.h"
#include "scheduler.h"

enum { TIMEOUT_MS = 10 * 60 * 1000, CALL_BYTES = 400, ROUNDS_MAX = 100 };
static const double CPUS = 0.01, MEM = 1;

struct run {
    size_t wanted, launched, running, ended;
    struct scheduler *scheduler;
};

static void
on_offers(struct scheduler *scheduler, Mesos__V1__Offer **offers, size_t count)
{
    struct run *run = scheduler->arg;
    for (size_t i = 0; i < count; i++) {
        size_t fit = (size_t)(scheduler_scalar(offers[i], "cpus") / CPUS + 1e-6), left = run->wanted - run->launched;
        fit = fit < left ? fit : left;
        struct scheduler_tasks tasks = {"stay", "sleep 1000", run->launched, fit, CPUS, MEM, NULL};
        if (fit == 0) {
            scheduler_decline(scheduler, offers + i, 1, 3600);
            continue;
        }
        run->launched += fit;
        scheduler_launch(scheduler, offers[i], &tasks);
    }
}

static void
on_update(struct scheduler *scheduler, const Mesos__V1__TaskStatus *status)
{
    struct run *run = scheduler->arg;
    scheduler_acknowledge(scheduler, status);
    if (status->state == MESOS__V1__TASK_STATE__TASK_RUNNING)
        run->running++;
    else if (status->state != MESOS__V1__TASK_STATE__TASK_STARTING)
        run->ended++;
}

static bool
all_run(void *arg)
{
    struct run *run = arg;
    return run->running + run->ended >= run->wanted && run->scheduler->outstanding == 0;
}

static bool
torn_down(void *arg)
{
    return ((struct run *)arg)->scheduler->outstanding == 0;
}

static bool
never(void *arg)
{
    (void)arg;
    return false;
}

/* ---- the baseline ---- */

static size_t files_read;

static int
read_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    static char content[65536];
    (void)st;
    (void)where;
    int fd = type == FTW_F ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    while (read(fd, content, sizeof(content)) > 0)
        ;
    close(fd);
    files_read++;
    return 0;
}

/* One connection that stays, a call and its answer. */
static void
talk(int listener, const struct sockaddr_un *at)
{
    char call[CALL_BYTES] = "";
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client < 0 || connect(client, (const struct sockaddr *)at, sizeof(*at)))
        bench_die("cannot connect: %s", strerror(errno));
    int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (server < 0 || write(client, call, sizeof(call)) != CALL_BYTES || read(server, call, sizeof(call)) != CALL_BYTES ||
        write(server, call, sizeof(call)) != CALL_BYTES || read(client, call, sizeof(call)) != CALL_BYTES)
        bench_die("cannot talk over a Unix socket: %s", strerror(errno));
    close(client);
    close(server);
}

static double
baseline_ms(const struct bench_cluster *cluster, size_t containers)
{
    auto_free char *meta = xasprintf("%s/agent/meta", cluster->directory);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof(at.sun_path), "%s/plain.sock", cluster->directory);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(at.sun_path);
    if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 128))
        bench_die("cannot listen at %s: %s", at.sun_path, strerror(errno));
    double began = now_ms();
    files_read = 0;
    nftw(meta, read_one, 32, FTW_PHYS);
    for (size_t i = 0; i < containers; i++)
        talk(listener, &at);
    close(listener);
    return now_ms() - began;
}

/* ---- the measurement ---- */

/* What the agent says of itself: how long its recovery took, and whether it left something out. */
static double
told(const struct bench_cluster *cluster, const char *metric)
{
    auto_free char *snapshot = cluster_get(cluster->agent.port, "/metrics/snapshot");
    auto_free char *quoted = xasprintf("\"%s\":", metric);
    const char *at = snapshot ? strstr(snapshot, quoted) : NULL;
    return at ? atof(at + strlen(quoted)) : -1;
}

static void
show(const char *what, double *ms, size_t count, double baseline)
{
    printf("  %-34s p50 %8.1f ms  worst %8.1f ms", what, percentile(ms, count, 0.5), percentile(ms, count, 1));
    if (baseline > 0)
        printf("  p50 is %.1f times the baseline", percentile(ms, count, 0.5) / baseline);
    printf("\n");
}

int
main(int argc, char **argv)
{
    static const char help[] =
        "Usage: tests/bench/recovery [--containers=1000] [--rounds=5] [--down_ms=1000] [--linux=0]\n"
        "Runs --containers tasks `sleep` on one agent of this build tree, kills the agent, starts it again after "
        "--down_ms,\n"
        "--rounds times. --linux=1: in control groups and pid namespaces of their own (needs root). Prints how long it took "
        "until\n"
        "the master had the agent again; asserts nothing about time.\n";
    static const struct scheduler_handler handler = {NULL, on_offers, on_update, true};
    long containers = 1000, rounds = 5, down_ms = 1000, in_linux = 0;
    struct bench_option options[] = {
        {"containers", &containers}, {"rounds", &rounds}, {"down_ms", &down_ms}, {"linux", &in_linux}, {NULL, NULL}};
    struct bench_cluster cluster;
    struct scheduler scheduler;
    bench_arguments(argc, argv, help, options);
    if (rounds < 1 || rounds > ROUNDS_MAX)
        bench_die("--rounds is %ld: 1 to %d", rounds, ROUNDS_MAX);
    auto_free char *resources = xasprintf("--resources=cpus:%ld;mem:%ld;disk:10000", containers / 100 + 1, containers + 1000);
    const char *const master_flags[] = {"--allocation_interval=50ms", NULL};
    const char *const posix[] = {resources, "--no-switch_user", "--executor_reregistration_timeout=15secs",
                                 "--registration_backoff_factor=10ms", NULL};
    const char *const isolated[] = {resources, "--no-switch_user", "--executor_reregistration_timeout=15secs",
                                    "--registration_backoff_factor=10ms", "--launcher=linux",
                                    "--isolation=cgroups/cpu,cgroups/mem,namespaces/pid", NULL};
    const char *const *agent_flags = in_linux ? isolated : posix;
    struct run run = {.wanted = (size_t)containers, .scheduler = &scheduler};
    double back[ROUNDS_MAX], health[ROUNDS_MAX], recovery[ROUNDS_MAX], plain[ROUNDS_MAX];
    bool lost = false;

    cluster_init(&cluster);
    cluster_start_master(&cluster, master_flags);
    cluster_start_agent(&cluster, agent_flags);
    struct loop *loop = loop_new(NULL, NULL);
    scheduler_init(&scheduler, loop, cluster.master.port, "bench", &handler, &run);
    if (!loop_run_until(loop, all_run, &run, TIMEOUT_MS))
        bench_die("only %zu of %zu tasks run", run.running, run.wanted);
    for (long i = 0; i < rounds; i++) {
        loop_run_until(loop, never, NULL, 300); /* acknowledgements are written */
        cluster_kill_agent(&cluster);
        usleep((useconds_t)(down_ms * 1000));
        plain[i] = baseline_ms(&cluster, run.wanted);
        double began = now_ms();
        cluster_start_agent(&cluster, agent_flags);
        back[i] = now_ms() - began;
        health[i] = cluster.agent.health_ms;
        recovery[i] = told(&cluster, "slave/recovery_time_secs") * 1e3;
        lost |= told(&cluster, "slave/executors_running") < (double)run.running;
    }
    double baseline = percentile(plain, (size_t)rounds, 0.5);
    printf("an agent with %zu containers%s, killed and started again after %ld ms, %ld times; %zu did not come up%s\n",
           run.running, in_linux ? " in control groups" : "", down_ms, rounds, run.ended, lost ? "; SOME WERE LOST" : "");
    show("plain reading and connections", plain, (size_t)rounds, 0);
    show("first answer of /health", health, (size_t)rounds, 0);
    show("recovery, as the agent counts it", recovery, (size_t)rounds, baseline);
    show("start to re-registered", back, (size_t)rounds, baseline);
    printf("  (aim: under 1000 ms for 1000 containers; %zu files of checkpoints)\n", files_read);
    lost |= run.ended > 0;
    scheduler_teardown(&scheduler);
    loop_run_until(loop, torn_down, &run, TIMEOUT_MS);
    scheduler_fini(&scheduler);
    loop_free(loop);
    for (int i = 0; i < 1000 && told(&cluster, "slave/executors_running") + told(&cluster, "slave/executors_terminating") > 0; i++)
        usleep(20000);
    cluster_fini(&cluster);
    return lost;
}
