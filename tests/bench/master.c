/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real master under the load of many emulated agents: registrations, tasks, offers, memory. The baseline is
 * a bare message that a server of our own rooms in another process sends back, with as many under way as
 * there are agents.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster.h"
#include "figures.h"
#include "base/map.h"
#include "peer.h"
#include "scheduler.h"

enum { TIMEOUT_MS = 5 * 60 * 1000, MOST_FRAMEWORKS = 1000 };

struct settings {
    long tasks, offer_secs, frameworks, echoes, allocation_ms;
};

/* ---- the baseline ---- */

struct echo {
    struct http_server *server;
    struct libprocess *libprocess;
    struct upid to;
    const char *own;
    size_t answers, sent, wanted;
    struct str body;
};

static void
echo_back(const struct upid *from, struct str to_id, struct str name, struct str body, void *arg)
{
    struct echo *echo = arg;
    libprocess_send(echo->libprocess, "echo", from, "Echo", body);
}

static void
count_echo(const struct upid *from, struct str to_id, struct str name, struct str body, void *arg)
{
    struct echo *echo = arg;
    echo->answers++;
    if (echo->sent < echo->wanted) {
        echo->sent++;
        libprocess_send(echo->libprocess, "count", &echo->to, "Echo", echo->body);
    }
}

static void
on_echo_exchange(struct http_exchange *exchange, void *arg)
{
    struct echo *echo = arg;
    if (!libprocess_try(echo->libprocess, exchange))
        http_reply_text(exchange, 404, "only libprocess messages are served here");
}

static void
echo_init(struct echo *echo, struct loop *loop, const char *own, libprocess_message_fn *fn,
          struct address *ret_bound)
{
    struct address at;
    struct err err = {0};
    echo->server = http_server_new(loop, on_echo_exchange, echo);
    if (address_parse(STR_LIT("127.0.0.1:0"), &at, &err) ||
        http_server_listen(echo->server, &at, ret_bound, &err))
        bench_die("cannot listen: %s", err.text);
    echo->libprocess = libprocess_new(loop, ret_bound, fn, NULL, echo);
    libprocess_spawn(echo->libprocess, own);
}

/* The other process: answers until it is killed. */
static void
serve_echoes(int port_fd)
{
    struct loop *loop = loop_new(NULL, NULL);
    struct echo echo = {0};
    struct address bound;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    echo_init(&echo, loop, "echo", echo_back, &bound);
    uint16_t port = address_port(&bound);
    if (write(port_fd, &port, sizeof(port)) == sizeof(port))
        loop_run(loop);
    _exit(1);
}

static bool
all_echoed(void *arg)
{
    struct echo *echo = arg;
    return echo->answers == echo->wanted;
}

/* Messages there and back a second. */
static double
echo_rate(size_t wanted, size_t under_way, size_t bytes)
{
    char body[4096] = {0}, text[64];
    int ends[2];
    uint16_t port = 0;
    if (pipe(ends) < 0)
        bench_die("no pipe");
    pid_t child = fork();
    if (child == 0)
        serve_echoes(ends[1]);
    if (child < 0 || read(ends[0], &port, sizeof(port)) != sizeof(port))
        bench_die("the echo server does not start");
    close(ends[0]);
    close(ends[1]);
    struct loop *loop = loop_new(NULL, NULL);
    struct echo echo = {.wanted = wanted, .body = str_n(body, bytes < sizeof(body) ? bytes : sizeof(body))};
    struct address bound;
    echo_init(&echo, loop, "count", count_echo, &bound);
    snprintf(text, sizeof(text), "echo@127.0.0.1:%u", port);
    upid_parse(str_of(text), &echo.to, NULL);
    libprocess_link(echo.libprocess, &echo.to);
    double start = now_ms();
    while (echo.sent < under_way && echo.sent < wanted) {
        echo.sent++;
        libprocess_send(echo.libprocess, "count", &echo.to, "Echo", echo.body);
    }
    if (!loop_run_until(loop, all_echoed, &echo, TIMEOUT_MS))
        bench_die("only %zu of %zu messages came back", echo.answers, wanted);
    double took = now_ms() - start;
    libprocess_free(echo.libprocess);
    http_server_free(echo.server);
    loop_free(loop);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return (double)wanted / took * 1e3;
}

/* ---- what is measured ---- */

struct bench {
    const struct settings *settings;
    struct bench_cluster *cluster;
    struct loop *loop;
    struct peer peer;
    struct scheduler schedulers[MOST_FRAMEWORKS];
    size_t scheduler_count;
    size_t wanted, per_agent, launched, running, finished; /* tasks */
    size_t offers, declines;                               /* of all frameworks */
    bool declining;
    double echo, cpu, cpu_at, started;
};

static void
start_clock(struct bench *bench)
{
    bench->cpu_at = cpu_ms(bench->cluster->master.pid);
    bench->started = now_ms();
}

/* One row: a rate, the master's processor for one, the ratio to the baseline. */
static void
row(struct bench *bench, const char *what, size_t count, double aim, const char *mesos)
{
    double took = now_ms() - bench->started, cpu = cpu_ms(bench->cluster->master.pid) - bench->cpu_at;
    double rate = (double)count / took * 1e3;
    char wanted[32] = "";
    if (aim > 0)
        snprintf(wanted, sizeof(wanted), "aim %.0f", aim);
    printf("  %-42s %9.0f /s  %5.2f of an echo  %6.1f us of the master  %-10s %s\n", what, rate,
           rate / bench->echo, cpu * 1e3 / (double)(count ? count : 1), wanted, mesos);
    fflush(stdout);
}

static void
run_until(struct bench *bench, bool (*done)(void *), const char *what)
{
    if (!loop_run_until(bench->loop, done, bench, TIMEOUT_MS))
        bench_die("%s: not done in time (%zu agents, %zu launched, %zu running, %zu finished)", what,
                  bench->peer.registered, bench->launched, bench->running, bench->finished);
}

static void
on_offers(struct scheduler *scheduler, Mesos__V1__Offer **offers, size_t count)
{
    struct bench *bench = scheduler->arg;
    size_t declined = 0;
    bench->offers += count;
    for (size_t i = 0; !bench->declining && i < count; i++) {
        size_t left = bench->wanted - bench->launched,
               fit = left < bench->per_agent ? left : bench->per_agent;
        struct scheduler_tasks tasks = {"task-", "sleep 1000", bench->launched, fit, 0.01, 1};
        if (fit == 0)
            break;
        scheduler_launch(scheduler, offers[i], &tasks);
        bench->launched += fit;
        declined++;
    }
    if (declined < count)
        scheduler_decline(scheduler, offers + declined, count - declined, bench->declining ? 0 : 3600);
    bench->declines += count - declined;
}

static void
on_update(struct scheduler *scheduler, const Mesos__V1__TaskStatus *status)
{
    struct bench *bench = scheduler->arg;
    scheduler_acknowledge(scheduler, status);
    if (status->state == MESOS__V1__TASK_STATE__TASK_RUNNING)
        bench->running++;
    else if (status->state == MESOS__V1__TASK_STATE__TASK_FINISHED)
        bench->finished++;
    else
        bench_die("task %s: state %d, %s", status->task_id->value, (int)status->state,
                  status->message ? status->message : "");
}

static const struct scheduler_handler handler = {NULL, on_offers, on_update};

static void
add_scheduler(struct bench *bench)
{
    char role[32];
    snprintf(role, sizeof(role), "role%zu", bench->scheduler_count);
    scheduler_init(&bench->schedulers[bench->scheduler_count++], bench->loop, bench->cluster->master.port,
                   role, &handler, bench);
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
    return bench->running == bench->wanted && bench->schedulers[0].outstanding == 0;
}

static bool
all_finished(void *arg)
{
    struct bench *bench = arg;
    return bench->finished == bench->wanted && bench->schedulers[0].outstanding == 0;
}

static bool
never(void *arg)
{
    return false;
}

static void
memory_row(const char *what, double bytes, size_t count, double aim, const char *mesos)
{
    printf("  %-42s %9.2f KB  %5.2f of the aim %.0f KB  %s\n", what, bytes / 1e3 / (double)count,
           bytes / 1e3 / (double)count / aim, aim, mesos);
}

static void
measure_agents(struct bench *bench)
{
    double before = private_dirty(bench->cluster->master.pid);
    start_clock(bench);
    peer_register(&bench->peer);
    run_until(bench, all_registered, "registering");
    row(bench, "agents registered", bench->peer.agents, 35000, "[Mesos 3000 to 4000]");
    memory_row("memory of the master per agent", private_dirty(bench->cluster->master.pid) - before,
               bench->peer.agents, 4, "[Mesos 29 KB]");
}

static void
measure_tasks(struct bench *bench)
{
    bool many = bench->peer.agents > 3000;
    bench->wanted = (size_t)bench->settings->tasks;
    bench->per_agent = (bench->wanted + bench->peer.agents - 1) / bench->peer.agents;
    double before = private_dirty(bench->cluster->master.pid);
    start_clock(bench);
    add_scheduler(bench);
    run_until(bench, all_running, "launching");
    double launch_ms = now_ms() - bench->started;
    double launch_cpu_ms = cpu_ms(bench->cluster->master.pid) - bench->cpu_at;
    row(bench, "tasks launched, running, acknowledged", bench->wanted, many ? 9500 : 17000,
        many ? "[Mesos 950]" : "[Mesos 1700]");
    memory_row("memory of the master per running task", private_dirty(bench->cluster->master.pid) - before,
               bench->wanted, 3, "[Mesos 35 KB]");
    start_clock(bench);
    peer_finish_tasks(&bench->peer);
    run_until(bench, all_finished, "finishing");
    row(bench, "tasks finished, acknowledged", bench->wanted, 0, "");
    bench->started -= launch_ms;
    bench->cpu_at -= launch_cpu_ms;
    row(bench, "tasks, both together", bench->wanted, 0, "");
}

static void
measure_offers(struct bench *bench, size_t frameworks)
{
    char what[64];
    while (bench->scheduler_count < frameworks && bench->scheduler_count < MOST_FRAMEWORKS)
        add_scheduler(bench);
    bench->declining = true;
    loop_run_until(bench->loop, never, bench, 500); /* everybody has subscribed */
    bench->offers = 0;
    start_clock(bench);
    loop_run_until(bench->loop, never, bench, bench->settings->offer_secs * 1000);
    snprintf(what, sizeof(what), "offers sent and declined, %zu framework%s", frameworks,
             frameworks == 1 ? "" : "s");
    row(bench, what, bench->offers, 0, "");
}

static void
run(const struct settings *settings, size_t agents)
{
    struct bench_cluster cluster;
    auto_free char *interval = xasprintf("--allocation_interval=%ldms", settings->allocation_ms);
    const char *const flags[] = {interval, NULL};
    static struct bench bench;
    bench = (struct bench){.settings = settings, .cluster = &cluster};
    printf("%zu emulated agents on one connection, %ld tasks\n", agents, settings->tasks);
    bench.echo = echo_rate((size_t)settings->echoes, agents, 400);
    printf("  %-42s %9.0f /s\n", "baseline: 400 bytes there and back", bench.echo);
    cluster_init(&cluster);
    cluster_start_master(&cluster, flags);
    bench.loop = loop_new(NULL, NULL);
    peer_init(&bench.peer, bench.loop, cluster.master.port, agents);
    measure_agents(&bench);
    measure_tasks(&bench);
    scheduler_teardown(&bench.schedulers[0]); /* its filters and finished tasks go */
    loop_run_until(bench.loop, never, &bench, 200);
    scheduler_fini(&bench.schedulers[0]);
    bench.scheduler_count = 0;
    measure_offers(&bench, 1);
    measure_offers(&bench, (size_t)settings->frameworks);
    for (size_t i = 0; i < bench.scheduler_count; i++)
        scheduler_fini(&bench.schedulers[i]);
    peer_fini(&bench.peer);
    loop_free(bench.loop);
    cluster_fini(&cluster);
}

int
main(int argc, char **argv)
{
    static const char help[] = "Usage: tests/bench/master [--agents=N] [--tasks=20000] [--frameworks=100] "
                               "[--offer_secs=3] [--echoes=100000]\n"
                               "                          [--allocation_ms=50]\n"
                               "Emulates agents (1,000, then 10,000, or N alone) as one libprocess peer "
                               "against a real mesos-master of this\n"
                               "build tree. Prints registrations, tasks and offers a second beside the rate "
                               "of bare messages echoed by a\n"
                               "server of our own rooms, and the master's memory (Private_Dirty) per agent "
                               "and per running task. Asserts\n"
                               "nothing about time. --allocation_ms is the master's allocation_interval.\n";
    struct settings settings = {
        .tasks = 20000, .offer_secs = 3, .frameworks = 100, .echoes = 100000, .allocation_ms = 50};
    long agents = 0;
    struct bench_option options[] = {{"agents", &agents},
                                     {"tasks", &settings.tasks},
                                     {"frameworks", &settings.frameworks},
                                     {"offer_secs", &settings.offer_secs},
                                     {"echoes", &settings.echoes},
                                     {"allocation_ms", &settings.allocation_ms},
                                     {NULL, NULL}};
    bench_arguments(argc, argv, help, options);
    if (settings.frameworks > MOST_FRAMEWORKS)
        bench_die("--frameworks=%ld: at most %d", settings.frameworks, MOST_FRAMEWORKS);
    if (agents) {
        run(&settings, (size_t)agents);
        return 0;
    }
    run(&settings, 1000);
    run(&settings, 10000);
    return 0;
}
