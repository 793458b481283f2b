/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs weigh when they do nothing: private memory, time to start, size on disk. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster.h"
#include "figures.h"
#include "scheduler.h"

enum { SETTLE_US = 500000, TIMEOUT_MS = 20000 };
static const double MIB = 1024 * 1024;

static void
row(const char *what, double value, const char *unit, double aim, const char *mesos)
{
    printf("  %-36s %8.2f %-4s  %5.2f of the aim %g %s  [Mesos %s]\n", what, value, unit, value / aim, aim,
           unit, mesos);
}

/* ---- a waiting executor ---- */

struct waiting {
    const char *pod; /* NULL = a command task */
    bool launched, running;
};

static void
on_offers(struct scheduler *scheduler, Mesos__V1__Offer **offers, size_t count)
{
    struct waiting *waiting = scheduler->arg;
    struct scheduler_tasks one = {"wait", "exec sleep 1000", 0, 1, 0.1, 32, waiting->pod};
    if (!waiting->launched)
        scheduler_launch(scheduler, offers[0], &one);
    else
        scheduler_decline(scheduler, offers, count, 1000);
    waiting->launched = true;
}

static void
on_update(struct scheduler *scheduler, const Mesos__V1__TaskStatus *status)
{
    struct waiting *waiting = scheduler->arg;
    scheduler_acknowledge(scheduler, status);
    if (status->state == MESOS__V1__TASK_STATE__TASK_RUNNING)
        waiting->running = true;
}

static bool
is_running(void *arg)
{
    struct scheduler *scheduler = arg;
    return ((struct waiting *)scheduler->arg)->running && scheduler->outstanding == 0;
}

static double
executor_memory(const struct bench_cluster *cluster, const char *program, const char *pod)
{
    static const struct scheduler_handler handler = {NULL, on_offers, on_update};
    struct loop *loop = loop_new(NULL, NULL);
    struct waiting waiting = {.pod = pod};
    struct scheduler scheduler;
    scheduler_init(&scheduler, loop, cluster->master.port, "bench", &handler, &waiting);
    if (!loop_run_until(loop, is_running, &scheduler, TIMEOUT_MS))
        bench_die("the task does not run");
    usleep(SETTLE_US);
    pid_t executor = cluster_find_process(cluster, program),
          helper = cluster_find_process(cluster, "mesos-containerizer");
    double bytes = private_dirty(executor) + (helper ? private_dirty(helper) : 0);
    if (!executor || bytes == 0)
        bench_die("no executor is beside the task");
    scheduler_fini(&scheduler);
    loop_free(loop);
    return bytes;
}

/* ---- sizes ---- */

/* The size of file after `strip`, which works on a copy. */
static double
stripped_size(const struct bench_cluster *cluster, const char *file)
{
    struct stat st;
    auto_free char *command =
        xasprintf("strip --strip-unneeded -o '%s/stripped' '%s'", cluster->directory, file);
    auto_free char *copy = xasprintf("%s/stripped", cluster->directory);
    if (system(command) != 0 || stat(copy, &st) < 0)
        bench_die("cannot strip %s", file);
    return (double)st.st_size;
}

static double
modules_size(const struct bench_cluster *cluster)
{
    double sum = 0;
    auto_free char *path = xasprintf("%s/modules/.libs", cluster->build);
    DIR *directory = opendir(path);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        size_t len = strlen(entry->d_name);
        auto_free char *file = xasprintf("%s/%s", path, entry->d_name);
        if (len > 3 && strcmp(entry->d_name + len - 3, ".so") == 0)
            sum += stripped_size(cluster, file);
    }
    if (directory)
        closedir(directory);
    return sum;
}

static double
programs_size(const struct bench_cluster *cluster)
{
    static const char *const programs[] = {
        "core/main/mesos-master",      "core/main/mesos-agent", "core/executor/mesos-executor",
        "core/executor/mesos-fetcher", "core/cli/mesos",        "libexec/mesos-containerizer",
        "core/executor/mesos-default-executor",             "core/executor/mesos-http-check"};
    double sum = 0;
    for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
        bool helper = strncmp(programs[i], "libexec/", 8) == 0;
        auto_free char *file = xasprintf("%s/%s", helper ? cluster->directory : cluster->build, programs[i]);
        sum += stripped_size(cluster, file);
    }
    return sum;
}

static void
measure(struct bench_cluster *cluster)
{
    static const char *const agent_flags[] = {"--resources=cpus:4;mem:4096;disk:10000", "--no-switch_user",
                                              NULL};
    double spawn_ms = 1e3 / spawn_rate(200);
    cluster_start_master(cluster, NULL);
    cluster_start_agent(cluster, agent_flags);
    usleep(SETTLE_US);
    double master = private_dirty(cluster->master.pid), agent = private_dirty(cluster->agent.pid);
    double sizes[] = {programs_size(cluster), modules_size(cluster)};
    row("idle master, private memory", master / MIB, "MiB", 5, "11 MB, 82 resident");
    row("idle agent, private memory", agent / MIB, "MiB", 5, "40 MB, 110 resident");
    row("waiting command executor", executor_memory(cluster, "mesos-executor", NULL) / MIB, "MiB", 1.5,
        "6 MB and a helper, 72 resident");
    row("waiting default executor", executor_memory(cluster, "mesos-default-exec", "pod") / MIB, "MiB", 1.5,
        "not measured");
    row("master, exec to first /health", cluster->master.health_ms, "ms", 50, "not measured");
    row("agent, exec to first /health", cluster->agent.health_ms, "ms", 50, "not measured");
    printf("  (a plain spawn of /bin/sh -c true takes %.2f ms here: %.1f and %.1f of it)\n", spawn_ms,
           cluster->master.health_ms / spawn_ms, cluster->agent.health_ms / spawn_ms);
    row("programs and modules, stripped", (sizes[0] + sizes[1]) / 1e6, "MB", 10, "80 MB");
    printf(
        "  (programs %.2f MB, modules %.2f MB; a build from clean is timed by contrib/check's build stage)\n",
        sizes[0] / 1e6, sizes[1] / 1e6);
}

int
main(int argc, char **argv)
{
    static const char help[] =
        "Usage: tests/bench/idle\n"
        "Prints what a master, an agent and a waiting executor of this build tree cost when nothing happens: "
        "private\n"
        "memory (Private_Dirty), exec to the first answer of /health, size of stripped copies. Asserts "
        "nothing.\n"
        "How long a build from clean takes is printed by contrib/check's build stage.\n";
    struct bench_option options[] = {{NULL, NULL}};
    struct bench_cluster cluster;
    bench_arguments(argc, argv, help, options);
    cluster_init(&cluster);
    measure(&cluster);
    cluster_fini(&cluster);
    return 0;
}
