/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to look at a large cluster: a real master with emulated agents and running tasks, its views one
 * at a time, then /state under many pollers while /health and a scheduler's call are timed. The baseline is the
 * same bytes as a static file of nginx, started here, under the same pollers.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster.h"
#include "figures.h"
#include "peer.h"
#include "poll.h"
#include "scheduler.h"

enum { TIMEOUT_MS = 5 * 60 * 1000, NGINX_START_MS = 5000 };

struct settings {
    long tasks, pollers, secs, rounds, rules;
};

struct bench {
    const struct settings *settings;
    struct bench_cluster cluster;
    struct loop *loop;
    struct peer peer;
    struct scheduler scheduler;
    size_t tasks, per_agent, launched, running;
    pid_t nginx;
    uint16_t nginx_port;
};

/* ---- the cluster ---- */

/* With --rules: half of the tasks and a part of each agent are hidden from everybody, task by task and resource by resource. */
static const char *const users[] = {"daemon", "nobody"};
static const char rules[] = "--acls={\"permissive\":true,"
                            "\"view_tasks\":[{\"principals\":{\"type\":\"ANY\"},\"users\":{\"values\":[\"nobody\"]}},"
                            "{\"principals\":{\"type\":\"ANY\"},\"users\":{\"type\":\"NONE\"}}],"
                            "\"view_roles\":[{\"principals\":{\"type\":\"ANY\"},\"roles\":{\"values\":[\"role\",\"*\"]}},"
                            "{\"principals\":{\"type\":\"ANY\"},\"roles\":{\"type\":\"NONE\"}}]}";

static void
on_offers(struct scheduler *scheduler, Mesos__V1__Offer **offers, size_t count)
{
    struct bench *bench = scheduler->arg;
    size_t taken = 0;
    for (; taken < count && bench->launched < bench->tasks; taken++) {
        size_t left = bench->tasks - bench->launched, fit = left < bench->per_agent ? left : bench->per_agent;
        struct scheduler_tasks tasks = {"task-", "sleep 1000", bench->launched, fit, 0.01, 1, NULL, NULL, 0};
        if (bench->settings->rules) {
            tasks.users = users;
            tasks.user_count = ARRAY_LEN(users);
        }
        scheduler_launch(scheduler, offers[taken], &tasks);
        bench->launched += fit;
    }
    if (taken < count)
        scheduler_decline(scheduler, offers + taken, count - taken, 3600);
}

static void
on_update(struct scheduler *scheduler, const Mesos__V1__TaskStatus *status)
{
    struct bench *bench = scheduler->arg;
    scheduler_acknowledge(scheduler, status);
    bench->running += status->state == MESOS__V1__TASK_STATE__TASK_RUNNING;
}

static bool
all_registered(void *arg)
{
    struct bench *bench = arg;
    return bench->peer.registered == bench->peer.agents;
}

static bool
all_running(void *arg)
{
    struct bench *bench = arg;
    return bench->running == bench->tasks && bench->scheduler.outstanding == 0;
}

static bool
never(void *arg)
{
    (void)arg;
    return false;
}

/* Agents answer pings and the scheduler reads its events only while this runs. */
static void
live(struct bench *bench, int64_t ms)
{
    loop_run_until(bench->loop, never, bench, ms);
}

static void
fill(struct bench *bench)
{
    static const struct scheduler_handler handler = {NULL, on_offers, on_update};
    const char *const flags[] = {"--allocation_interval=50ms", bench->settings->rules ? rules : NULL, NULL};
    cluster_init(&bench->cluster);
    cluster_start_master(&bench->cluster, flags);
    bench->loop = loop_new(NULL, NULL);
    peer_init(&bench->peer, bench->loop, bench->cluster.master.port, bench->peer.agents);
    bench->peer.reserved_for = bench->settings->rules ? "hidden" : NULL;
    peer_register(&bench->peer);
    if (!loop_run_until(bench->loop, all_registered, bench, TIMEOUT_MS))
        bench_die("only %zu agents are registered", bench->peer.registered);
    scheduler_init(&bench->scheduler, bench->loop, bench->cluster.master.port, "role", &handler, bench);
    if (!loop_run_until(bench->loop, all_running, bench, TIMEOUT_MS))
        bench_die("only %zu of %zu tasks run", bench->running, bench->tasks);
    live(bench, 1000);
}

/* ---- requests ---- */

static char *
get_request(const char *path)
{
    return xasprintf("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
}

static char *
call_request(const char *call, const char *accept)
{
    return xasprintf("POST /api/v1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     "Accept: %s\r\nContent-Length: %zu\r\n\r\n%s",
                     accept, strlen(call), call);
}

/* ---- one view at a time ---- */

/* The first answer may have to be made; the others are what a poller sees. */
static void
view_row(struct bench *bench, const char *what, const char *request, const char *mesos)
{
    size_t rounds = (size_t)bench->settings->rounds;
    uint16_t port = bench->cluster.master.port;
    auto_free double *times = xcalloc(rounds + 1, sizeof(*times));
    double tasks = bench->tasks ? (double)bench->tasks : 1;
    struct poll_answer first = poll_once(port, request), answer = first;
    double cpu = cpu_ms(bench->cluster.master.pid);
    for (size_t i = 0; i < rounds; i++) {
        answer = poll_once(port, request);
        times[i] = answer.ms;
    }
    cpu = (cpu_ms(bench->cluster.master.pid) - cpu) / (double)rounds;
    if (answer.status != 200)
        printf("  %-28s answered with %d\n", what, answer.status);
    else
        printf("  %-28s %8.2f MB  first %9.2f ms  then %9.2f ms  (master %7.2f ms, %.3f us for a task)  %s\n", what,
               (double)answer.bytes / 1e6, first.ms, percentile(times, rounds, 0.5), cpu, 1e3 * cpu / tasks, mesos);
    fflush(stdout);
    live(bench, 50);
}

static void
measure_views(struct bench *bench)
{
    static const struct {
        const char *what, *path, *call, *accept, *mesos;
    } views[] = {
        {"/metrics/snapshot", "/metrics/snapshot", NULL, NULL, "aim 2 ms [Mesos 110]"},
        {"/tasks?limit=100", "/tasks?limit=100", NULL, NULL, ""},
        {"/tasks?limit=1000000", "/tasks?limit=1000000", NULL, NULL, ""},
        {"/state", "/state", NULL, NULL, "[Mesos 280 to 780]"},
        {"/state-summary", "/state-summary", NULL, NULL, ""},
        {"/slaves", "/slaves", NULL, NULL, ""},
        {"/frameworks", "/frameworks", NULL, NULL, ""},
        {"GET_STATE as JSON", NULL, "{\"type\":\"GET_STATE\"}", "application/json", "[Mesos 830]"},
        {"GET_STATE as protobuf", NULL, "{\"type\":\"GET_STATE\"}", "application/x-protobuf", "[Mesos 360]"},
        {"GET_TASKS as JSON", NULL, "{\"type\":\"GET_TASKS\"}", "application/json", ""},
        {"GET_TASKS as protobuf", NULL, "{\"type\":\"GET_TASKS\"}", "application/x-protobuf", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(views); i++) {
        auto_free char *request =
            views[i].path ? get_request(views[i].path) : call_request(views[i].call, views[i].accept);
        view_row(bench, views[i].what, request, views[i].mesos);
    }
}

/* ---- nginx ---- */

/* The answer of /state as a file, with nginx's own configuration beside it. */
static bool
nginx_prepare(struct bench *bench)
{
    auto_free char *body = cluster_get(bench->cluster.master.port, "/state");
    auto_free char *path = xasprintf("%s/nginx", bench->cluster.directory);
    auto_free char *state = xasprintf("%s/state", path);
    auto_free char *conf = xasprintf("%s/nginx.conf", path);
    if (!body || mkdir(path, 0755) < 0)
        return false;
    chmod(bench->cluster.directory, 0755);
    FILE *file = fopen(state, "we");
    if (!file || fputs(body, file) < 0 || fclose(file) != 0)
        return false;
    file = fopen(conf, "we");
    if (!file)
        return false;
    fprintf(file,
            "daemon off;\npid %s/pid;\nerror_log %s/error.log;\nworker_processes 1;\n"
            "events { worker_connections 256; }\n"
            "http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;\n"
            "client_body_temp_path %s/b; proxy_temp_path %s/p; fastcgi_temp_path %s/f; uwsgi_temp_path %s/u;\n"
            "scgi_temp_path %s/s; default_type application/json;\n"
            "server { listen 127.0.0.1:%u; root %s; } }\n",
            path, path, path, path, path, path, path, bench->nginx_port, path);
    return fclose(file) == 0;
}

static bool
nginx_start(struct bench *bench)
{
    static const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    bench->nginx_port = cluster_free_port();
    if (!nginx_prepare(bench))
        bench_die("cannot lay out what nginx needs: %s", strerror(errno));
    auto_free char *conf = xasprintf("%s/nginx/nginx.conf", bench->cluster.directory);
    auto_free char *log = xasprintf("%s/nginx/out", bench->cluster.directory);
    const char *const argv[] = {"/usr/sbin/nginx", "-c", conf, NULL};
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 1, log, O_WRONLY | O_CREAT, 0644);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    int rc = posix_spawn(&bench->nginx, argv[0], &files, NULL, (char **)(uintptr_t)argv,
                         (char **)(uintptr_t)env);
    posix_spawn_file_actions_destroy(&files);
    if (rc)
        return false;
    for (double end = now_ms() + NGINX_START_MS; now_ms() < end; usleep(2000)) {
        char *body = cluster_get(bench->nginx_port, "/state");
        if (body) {
            free(body);
            return true;
        }
    }
    bench_die("nginx does not serve its file: see %s", log);
}

static void
nginx_stop(struct bench *bench)
{
    if (bench->nginx <= 0)
        return;
    kill(bench->nginx, SIGTERM);
    waitpid(bench->nginx, NULL, 0);
    bench->nginx = 0;
}

/* ---- under load ---- */

static void
poll_row(const char *what, const struct poll_sum *sum, const char *note)
{
    printf("  %-28s %8.1f /s  %9.1f MB/s  p50 %8.2f ms  p99 %8.2f ms  failed %llu  %s\n", what,
           (double)sum->answers / sum->secs, (double)sum->bytes / 1e6 / sum->secs, sum->p50_ms, sum->p99_ms,
           (unsigned long long)sum->failed, note);
}

/* The master's latencies meanwhile tell what a busy machine costs, whoever is at work. */
static struct poll_sum
nginx_under_load(struct bench *bench, const char *request, struct probe *probes, size_t count)
{
    struct pollers pollers;
    struct poll_sum sum = {0};
    if (!nginx_start(bench)) {
        printf("  nginx is not installed: nothing to compare with\n");
        return sum;
    }
    pollers_start(&pollers, bench->nginx_port, request, (size_t)bench->settings->pollers);
    probe_run(bench->cluster.master.port, probes, count, (double)bench->settings->secs);
    sum = pollers_stop(&pollers);
    nginx_stop(bench);
    poll_row("nginx, the same bytes", &sum, "");
    return sum;
}

static void
latency_row(const char *what, const struct probe *idle, const struct probe *busy, const struct probe *loaded,
            const char *note)
{
    printf("  %-28s idle p50 %6.2f p99 %6.2f ms; nginx loaded p50 %6.2f p99 %6.2f ms; loaded p50 %6.2f p99 %6.2f "
           "worst %6.2f ms: %.2f of idle p99, %.2f of nginx loaded  %s\n",
           what, idle->p50_ms, idle->p99_ms, busy->p50_ms, busy->p99_ms, loaded->p50_ms, loaded->p99_ms,
           loaded->worst_ms, idle->p99_ms > 0 ? loaded->p99_ms / idle->p99_ms : 0,
           busy->p99_ms > 0 ? loaded->p99_ms / busy->p99_ms : 0, note);
}

/* How long others wait while somebody asks for that all the time: pages, and what only one peer sees, are made in bites between
 * other work. */
static void
measure_hold(struct bench *bench, const char *path, const char *when)
{
    auto_free char *request = get_request(path), *health = get_request("/health");
    struct probe probe = {health, 200, NULL, 0, 0, 0, 0, 0};
    struct pollers pollers;
    pollers_start(&pollers, bench->cluster.master.port, request, 1);
    probe_run(bench->cluster.master.port, &probe, 1, (double)bench->settings->secs);
    struct poll_sum sum = pollers_stop(&pollers);
    printf("  /health while %s is made %s: p50 %.2f p99 %.2f worst %.2f ms (%llu answers)\n", path, when, probe.p50_ms,
           probe.p99_ms, probe.worst_ms, (unsigned long long)sum.answers);
    probe_fini(&probe, 1);
}

static void
measure_load(struct bench *bench)
{
    auto_free char *state = get_request("/state"), *health = get_request("/health");
    auto_free char *suppress = scheduler_suppress_request(&bench->scheduler);
    struct probe idle[] = {{health, 200, NULL, 0, 0, 0, 0, 0}, {suppress, 202, NULL, 0, 0, 0, 0, 0}};
    struct probe busy[] = {{health, 200, NULL, 0, 0, 0, 0, 0}, {suppress, 202, NULL, 0, 0, 0, 0, 0}};
    struct probe loaded[] = {{health, 200, NULL, 0, 0, 0, 0, 0}, {suppress, 202, NULL, 0, 0, 0, 0, 0}};
    struct pollers pollers;
    double secs = (double)bench->settings->secs;
    uint16_t port = bench->cluster.master.port;
    probe_run(port, idle, ARRAY_LEN(idle), secs);
    live(bench, 100);
    struct poll_sum nginx = nginx_under_load(bench, state, busy, ARRAY_LEN(busy));
    live(bench, 100);
    double cpu = cpu_ms(bench->cluster.master.pid);
    pollers_start(&pollers, port, state, (size_t)bench->settings->pollers);
    probe_run(port, loaded, ARRAY_LEN(loaded), secs);
    struct poll_sum sum = pollers_stop(&pollers);
    cpu = cpu_ms(bench->cluster.master.pid) - cpu;
    poll_row("/state", &sum, "[Mesos 21 /s]");
    if (nginx.bytes)
        printf("  %-28s %8.2f of nginx's bytes a second, aim 0.5; %.2f ms of the master for one\n", "",
               (double)sum.bytes / sum.secs / ((double)nginx.bytes / nginx.secs),
               cpu / (double)(sum.answers ? sum.answers : 1));
    latency_row("/health", &idle[0], &busy[0], &loaded[0], "aim p99 < 10 ms [Mesos p50 520 p99 4400]");
    latency_row("SUPPRESS", &idle[1], &busy[1], &loaded[1], "aim at most 3");
    probe_fini(idle, ARRAY_LEN(idle));
    probe_fini(busy, ARRAY_LEN(busy));
    probe_fini(loaded, ARRAY_LEN(loaded));
}

static void
run(const struct settings *settings, size_t agents, size_t tasks)
{
    static struct bench bench;
    bench = (struct bench){.settings = settings, .tasks = tasks, .per_agent = (tasks + agents - 1) / agents};
    bench.peer.agents = agents;
    printf("%zu emulated agents, %zu running tasks, %ld pollers\n", agents, tasks, settings->pollers);
    fill(&bench);
    double before = private_dirty(bench.cluster.master.pid);
    measure_hold(&bench, "/state", "for the first time");
    if (settings->rules) {
        measure_hold(&bench, "/slaves", "by rules");
        measure_hold(&bench, "/state-summary", "by rules");
        measure_hold(&bench, "/tasks", "by rules");
    }
    measure_hold(&bench, "/tasks?limit=100", "with few of them");
    measure_hold(&bench, "/tasks?limit=1000000", "with all of them");
    measure_views(&bench);
    measure_load(&bench);
    printf("  memory of the master: %.1f MB before the first look, %.1f MB after all of this, %.1f MB at most\n", before / 1e6,
           private_dirty(bench.cluster.master.pid) / 1e6, peak_memory(bench.cluster.master.pid) / 1e6);
    scheduler_teardown(&bench.scheduler);
    live(&bench, 200);
    scheduler_fini(&bench.scheduler);
    peer_fini(&bench.peer);
    loop_free(bench.loop);
    cluster_fini(&bench.cluster);
}

int
main(int argc, char **argv)
{
    static const char help[] =
        "Usage: tests/bench/state [--agents=N] [--tasks=N] [--pollers=20] [--secs=5] [--rounds=5] [--rules=1]\n"
        "Emulates 1,000 agents with 20,000 running tasks, then 10,000 with 100,000 (or N with N) against a real\n"
        "mesos-master of this build tree. Prints time and bytes of its views, then /state under pollers in a loop\n"
        "with the latencies of /health and of a scheduler's call, beside nginx with the same bytes as a file.\n"
        "--rules=1: with rules that hide every other task and a part of each agent. Asserts nothing about time.\n";
    struct settings settings = {.pollers = 20, .secs = 5, .rounds = 5};
    long agents = 0;
    struct bench_option options[] = {{"agents", &agents},           {"tasks", &settings.tasks},
                                     {"pollers", &settings.pollers}, {"secs", &settings.secs},
                                     {"rounds", &settings.rounds},   {"rules", &settings.rules},
                                     {NULL, NULL}};
    bench_arguments(argc, argv, help, options);
    if (agents || settings.tasks) {
        size_t some = agents ? (size_t)agents : 1000;
        run(&settings, some, settings.tasks ? (size_t)settings.tasks : 20 * some);
        return 0;
    }
    run(&settings, 1000, 20000);
    run(&settings, 10000, 100000);
    return 0;
}
