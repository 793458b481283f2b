/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How quickly one agent makes and ends containers with cgroups/cpu, cgroups/mem and namespaces/pid, an executor and a task in
 * each. The baseline is crun with an equivalent bundle, as many of them alive, in the same call. Then: what
 * /monitor/statistics costs with all of them, and whether /health notices. Needs root and crun.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster.h"
#include "figures.h"
#include "poll.h"
#include "scheduler.h"

enum { TIMEOUT_MS = 10 * 60 * 1000, IN_FLIGHT_MAX = 64 };
static const double CPUS = 0.1, MEM = 32;

struct times {
    double launch_ms, destroy_ms;
    bool failed;
};

/* Control groups that nobody uses any more. */
static void
sweep(const char *name)
{
    auto_free char *command = xasprintf(
        "find /sys/fs/cgroup -depth -type d -path '*/%s*' -exec rmdir {} + 2>/dev/null", name);
    if (system(command) < 0)
        bench_die("no shell");
}

/* ---- crun ---- */

static void
make_rootfs(const char *bundle)
{
    static const char *const parts[] = {"rootfs", "rootfs/bin", "rootfs/proc", "rootfs/dev", "rootfs/sys"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        auto_free char *path = xasprintf("%s/%s", bundle, parts[i]);
        if (mkdir(path, 0755) < 0)
            bench_die("cannot make %s: %s", path, strerror(errno));
    }
    auto_free char *program = xasprintf("%s/rootfs/bin/sleep", bundle), *first = xasprintf("%s/../busybox", bundle);
    if (link(first, program) < 0)
        bench_die("cannot make %s: %s", program, strerror(errno));
}

static void
write_bundle(const char *directory, size_t number)
{
    auto_free char *bundle = xasprintf("%s/%zu", directory, number), *path = xasprintf("%s/config.json", bundle);
    if (mkdir(bundle, 0755) < 0 && errno != EEXIST)
        bench_die("cannot make %s: %s", bundle, strerror(errno));
    FILE *out = fopen(path, "w");
    if (!out)
        bench_die("cannot make %s: %s", path, strerror(errno));
    fprintf(out,
            "{\"ociVersion\":\"1.0.0\",\"process\":{\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"/bin/sleep\",\"600\"],"
            "\"env\":[\"PATH=/bin\"],\"cwd\":\"/\"},\"root\":{\"path\":\"%s/%zu/rootfs\"},\"mounts\":[{\"destination\":"
            "\"/proc\",\"type\":\"proc\",\"source\":\"proc\"}],\"linux\":{\"cgroupsPath\":\"/cmesos-bench-crun-%d/%zu\","
            "\"resources\":{\"cpu\":{\"shares\":102},\"memory\":{\"limit\":67108864}},"
            "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"}]}}\n",
            directory, number, (int)getppid(), number);
    fclose(out);
    make_rootfs(bundle);
}

static pid_t
crun(const char *directory, size_t number, bool run)
{
    auto_free char *root = xasprintf("%s/state", directory), *id = xasprintf("bench-%d-%zu", (int)getppid(), number),
                   *bundle = xasprintf("%s/%zu", directory, number);
    pid_t pid = vfork();
    if (pid == 0) {
        if (run)
            execlp("crun", "crun", "--cgroup-manager=cgroupfs", "--root", root, "run", "-d", "-b", bundle, id, (char *)NULL);
        else
            execlp("crun", "crun", "--cgroup-manager=cgroupfs", "--root", root, "delete", "-f", id, (char *)NULL);
        _exit(127);
    }
    if (pid < 0)
        bench_die("crun does not start: %s", strerror(errno));
    return pid;
}

/* ms; *ret_failed counts those that ended badly. */
static double
crun_all(const char *directory, size_t count, size_t in_flight, bool run, size_t *ret_failed)
{
    double began = now_ms();
    size_t begun = 0, ended = 0;
    while (ended < count) {
        int status;
        if (begun < count && begun - ended < in_flight) {
            crun(directory, begun++, run);
            continue;
        }
        if (wait(&status) < 0)
            bench_die("wait: %s", strerror(errno));
        *ret_failed += status != 0;
        ended++;
    }
    return now_ms() - began;
}

static void
crun_child(const char *directory, size_t count, size_t in_flight, int out_fd)
{
    struct times times = {0};
    size_t failed = 0;
    /* crun refuses a version 2 tree beside the others; only this process stops seeing it. */
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        bench_die("a mount namespace cannot be had: %s", strerror(errno));
    umount2("/sys/fs/cgroup/unified", MNT_DETACH);
    int null_fd = open("/dev/null", O_RDWR);
    dup2(null_fd, STDIN_FILENO);
    dup2(null_fd, STDOUT_FILENO);
    auto_free char *copy = xasprintf("cp /bin/busybox %s/busybox", directory);
    if (system(copy) != 0)
        bench_die("the bundles of crun need /bin/busybox, linked statically");
    for (size_t i = 0; i < count; i++)
        write_bundle(directory, i);
    times.launch_ms = crun_all(directory, count, in_flight, true, &failed);
    times.destroy_ms = crun_all(directory, count, in_flight, false, &failed);
    times.failed = failed > 0;
    if (write(out_fd, &times, sizeof times) != sizeof times)
        bench_die("the pipe is gone");
    _exit(0);
}

static struct times
baseline(const struct bench_cluster *cluster, size_t count, size_t in_flight)
{
    struct times times = {.failed = true};
    auto_free char *directory = xasprintf("%s/crun", cluster->directory);
    int ends[2];
    if (mkdir(directory, 0755) < 0 || pipe(ends) < 0)
        bench_die("cannot make %s: %s", directory, strerror(errno));
    pid_t pid = fork();
    if (pid == 0)
        crun_child(directory, count, in_flight, ends[1]);
    close(ends[1]);
    if (read(ends[0], &times, sizeof times) != sizeof times)
        bench_die("the baseline has failed");
    close(ends[0]);
    waitpid(pid, NULL, 0);
    return times;
}

/* ---- ours ---- */

struct run {
    size_t wanted, launched, running, failed;
    double first_offer_ms, last_running_ms;
};

static void
on_offers(struct scheduler *scheduler, Mesos__V1__Offer **offers, size_t count)
{
    struct run *run = scheduler->arg;
    if (!run->first_offer_ms)
        run->first_offer_ms = now_ms();
    for (size_t i = 0; i < count; i++) {
        size_t fit = (size_t)(scheduler_scalar(offers[i], "cpus") / CPUS + 1e-6), left = run->wanted - run->launched;
        fit = fit < left ? fit : left;
        if (fit == 0) {
            scheduler_decline(scheduler, offers + i, 1, 600);
            continue;
        }
        struct scheduler_tasks tasks = {"c", "sleep 600", run->launched, fit, CPUS, MEM, NULL};
        run->launched += fit;
        scheduler_launch(scheduler, offers[i], &tasks);
    }
}

static void
on_update(struct scheduler *scheduler, const Mesos__V1__TaskStatus *status)
{
    struct run *run = scheduler->arg;
    scheduler_acknowledge(scheduler, status);
    if (status->state == MESOS__V1__TASK_STATE__TASK_RUNNING) {
        run->running++;
        run->last_running_ms = now_ms();
    } else if (status->state != MESOS__V1__TASK_STATE__TASK_STARTING) {
        fprintf(stderr, "task %s: state %d, %s\n", status->task_id->value, (int)status->state,
                status->message ? status->message : "");
        run->failed++;
    }
}

static bool
all_run(void *arg)
{
    const struct run *run = arg;
    return run->running + run->failed >= run->wanted;
}

static bool
is_answered(void *arg)
{
    return ((const struct scheduler *)arg)->outstanding == 0;
}

static size_t
cgroups_left(const char *root)
{
    auto_free char *path = xasprintf("/sys/fs/cgroup/memory/%s", root);
    DIR *directory = opendir(path);
    struct dirent *entry;
    size_t count = 0;
    while (directory && (entry = readdir(directory)))
        count += entry->d_type == DT_DIR && entry->d_name[0] != '.';
    if (directory)
        closedir(directory);
    return count;
}

static void
statistics(const struct bench_cluster *cluster, size_t count)
{
    static const char request[] = "GET /monitor/statistics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct probe health = {.request = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", .status = 200};
    struct pollers pollers;
    struct poll_answer answer = poll_once(cluster->agent.port, request), best = answer;
    for (int i = 0; i < 5; i++) {
        answer = poll_once(cluster->agent.port, request);
        best = answer.ms < best.ms ? answer : best;
    }
    printf("  /monitor/statistics of %zu       %8.1f ms  best of six, %.1f the last, %zu bytes, status %d (aim under 100)\n",
           count, best.ms, answer.ms, answer.bytes, answer.status);
    pollers_start(&pollers, cluster->agent.port, request, 1);
    probe_run(cluster->agent.port, &health, 1, 3);
    struct poll_sum sum = pollers_stop(&pollers);
    printf("  /health while it is polled       p50 %.2f ms  p99 %.2f ms  worst %.1f ms; %llu answers, %llu failed\n",
           health.p50_ms, health.p99_ms, health.worst_ms, (unsigned long long)sum.answers, (unsigned long long)sum.failed);
    probe_fini(&health, 1);
}

static struct times
measure(struct bench_cluster *cluster, size_t count, const char *cgroups_root)
{
    static const struct scheduler_handler handler = {NULL, on_offers, on_update};
    struct run run = {.wanted = count};
    struct loop *loop = loop_new(NULL, NULL);
    struct scheduler scheduler;
    struct times times = {0};
    scheduler_init(&scheduler, loop, cluster->master.port, "bench", &handler, &run);
    if (!loop_run_until(loop, all_run, &run, TIMEOUT_MS))
        bench_die("only %zu of %zu tasks run", run.running, run.wanted);
    times.launch_ms = run.last_running_ms - run.first_offer_ms;
    times.failed = run.failed > 0;
    printf("  memory with all of them: master %.1f MB, agent %.1f MB (Private_Dirty)\n",
           private_dirty(cluster->master.pid) / 1e6, private_dirty(cluster->agent.pid) / 1e6);
    statistics(cluster, count);
    double began = now_ms();
    scheduler_teardown(&scheduler);
    loop_run_until(loop, is_answered, &scheduler, TIMEOUT_MS);
    while (cgroups_left(cgroups_root) > 0 && now_ms() - began < TIMEOUT_MS)
        usleep(2000);
    times.destroy_ms = now_ms() - began;
    scheduler_fini(&scheduler);
    loop_free(loop);
    return times;
}

static void
print_rate(const char *what, size_t count, double ours_ms, double theirs_ms)
{
    double ours = (double)count / ours_ms * 1e3, theirs = (double)count / theirs_ms * 1e3;
    printf("  %-14s ours %7.0f /s   crun %7.0f /s   ratio %.2f%s\n", what, ours, theirs, ours / theirs,
           strcmp(what, "launches") == 0 ? " (aim 1)" : "");
}

int
main(int argc, char **argv)
{
    static const char help[] =
        "Usage: tests/bench/containers [--containers=1000] [--in_flight=4]\n"
        "Makes and ends containers with cgroups/cpu, cgroups/mem and namespaces/pid, `sleep` in each, and the same with\n"
        "crun, --in_flight of which run at once. Prints rates and what /monitor/statistics takes; asserts nothing about\n"
        "time. Needs root, crun and a static /bin/busybox.\n";
    long containers = 1000, in_flight = 4;
    struct bench_option options[] = {{"containers", &containers}, {"in_flight", &in_flight}, {NULL, NULL}};
    struct bench_cluster cluster;
    bench_arguments(argc, argv, help, options);
    if (geteuid() != 0)
        bench_die("only root can make such containers");
    if (in_flight > IN_FLIGHT_MAX)
        bench_die("--in_flight: at most %d", IN_FLIGHT_MAX);
    size_t count = (size_t)containers;
    auto_free char *root = xasprintf("cmesos-bench-%d", (int)getpid()), *root_flag = xasprintf("--cgroups_root=%s", root);
    auto_free char *resources = xasprintf("--resources=cpus:%.0f;mem:%.0f;disk:10000", (double)count * CPUS + 1,
                                          (double)count * 2 * MEM + 1000);
    const char *const master_flags[] = {"--allocation_interval=50ms", NULL};
    const char *const agent_flags[] = {
        resources, root_flag, "--no-switch_user", "--launcher=linux",
        "--isolation=filesystem/linux,cgroups/cpu,cgroups/mem,namespaces/pid", NULL};
    cluster_init(&cluster);
    printf("%zu containers of `sleep`; crun has %ld commands in flight\n", count, in_flight);
    struct times before = baseline(&cluster, count, (size_t)in_flight);
    cluster_start_master(&cluster, master_flags);
    cluster_start_agent(&cluster, agent_flags);
    struct times ours = measure(&cluster, count, root);
    cluster_fini(&cluster);
    auto_free char *theirs = xasprintf("cmesos-bench-crun-%d", (int)getpid());
    sweep(theirs);
    sweep(root);
    print_rate("launches", count, ours.launch_ms, before.launch_ms);
    print_rate("destructions", count, ours.destroy_ms, before.destroy_ms);
    if (ours.failed || before.failed)
        printf("  some failed: %s%s\n", ours.failed ? "ours " : "", before.failed ? "crun's" : "");
    return ours.failed || before.failed;
}
