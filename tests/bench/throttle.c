/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One greedy framework and one that behaves, each with a rate limit, on a real master: how long calls of the second take while
 * the first sends as often as it may, and while it sends many times as often. First over HTTP, where what is too much is
 * answered with 429, then as a v0 driver, whose messages are dropped with an error each. Beside it what the machine pays for
 * all of that work: the same, sent to another master that runs here, too. Rounds are taken by turns, since the machine may
 * have other work; what counts is the ratio of the medians of their 99th percentiles.
 *
 * Frameworks are on other machines than their master. So the master has a processor of its own, everybody else is on the
 * others, and whoever measures comes first there: else it waits for the flood's own process to leave the processor.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster.h"
#include "figures.h"
#include "mesos/internal/messages.pb-c.h"
#include "poll.h"
#include "scheduler.h"
#include "wire/libprocess.h"
#include "wire/message.h"

enum { TIMEOUT_MS = 60 * 1000, CONNECTIONS = 128, WAITING = 64, ROUNDS_MAX = 100 };

static struct settings {
    long rate, times, secs, rounds, together;
} settings = {.rate = 100, .times = 50, .secs = 5, .rounds = 5};

/* A master with its two frameworks and the greedy one's requests. */
struct site {
    struct bench_cluster cluster;
    struct scheduler greedy, modest;
    char *call;
    pid_t driver;
    int orders; /* of the driver */
};

struct bench {
    struct loop *loop;
    struct site here, elsewhere;
};

/* ---- a v0 driver, in a process of its own: it sends over one connection and hears of each message that is dropped ---- */

struct told {
    double sent, dropped, secs;
};

struct driver {
    struct loop *loop;
    struct libprocess *libprocess;
    struct upid master;
    struct arena *arena;
    int fd; /* orders come from there: a rate, or 0 = stop and tell */
    struct loop_timer tick;
    struct buf message;
    double rate, began_ms;
    struct told told;
};

static void
on_tick(void *arg)
{
    struct driver *driver = arg;
    double due = (now_ms() - driver->began_ms) * driver->rate / 1e3;
    for (; driver->told.sent < due; driver->told.sent++)
        libprocess_send(driver->libprocess, "greedy", &driver->master, "mesos.internal.DeactivateFrameworkMessage",
                        buf_str(&driver->message));
    loop_timer_start(&driver->tick, 1);
}

static void
tell(struct driver *driver, const void *bytes, size_t len)
{
    if (send(driver->fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
        _exit(1);
}

static void
on_order(int fd, int events, void *arg)
{
    struct driver *driver = arg;
    if (recv(fd, &driver->rate, sizeof(driver->rate), 0) != sizeof(driver->rate))
        _exit(0); /* the bench has ended */
    if (driver->rate > 0) {
        driver->told = (struct told){0};
        driver->began_ms = now_ms();
        loop_timer_start(&driver->tick, 0);
        return;
    }
    loop_timer_stop(&driver->tick);
    driver->told.secs = (now_ms() - driver->began_ms) / 1e3;
    tell(driver, &driver->told, sizeof(driver->told));
}

static void
on_registered(struct driver *driver, struct str body)
{
    Mesos__Internal__DeactivateFrameworkMessage message = MESOS__INTERNAL__DEACTIVATE_FRAMEWORK_MESSAGE__INIT;
    Mesos__Internal__FrameworkRegisteredMessage *registered =
        MESSAGE_UNPACK(Mesos__Internal__FrameworkRegisteredMessage, mesos__internal__framework_registered_message, body,
                       driver->arena, NULL);
    if (!registered)
        _exit(1);
    message.framework_id = registered->framework_id;
    message_pack(&driver->message, &message);
    tell(driver, &driver->told, sizeof(driver->told));
}

static void
on_message(const struct upid *from, struct str to_id, struct str name, struct str body, void *arg)
{
    struct driver *driver = arg;
    if (str_is(name, "mesos.internal.FrameworkRegisteredMessage"))
        on_registered(driver, body);
    driver->told.dropped += str_is(name, "mesos.internal.FrameworkErrorMessage");
}

static void
on_exited(const struct upid *peer, void *arg)
{
    _exit(0); /* the master has ended */
}

static void
on_exchange(struct http_exchange *exchange, void *arg)
{
    struct driver *driver = arg;
    if (!libprocess_try(driver->libprocess, exchange))
        http_reply_text(exchange, 404, "only libprocess messages are served here");
}

static void
enlist(struct driver *driver)
{
    static char user[] = "root", name[] = "greedy driver", principal[] = "greedy";
    Mesos__Internal__RegisterFrameworkMessage message = MESOS__INTERNAL__REGISTER_FRAMEWORK_MESSAGE__INIT;
    Mesos__V1__FrameworkInfo info = MESOS__V1__FRAMEWORK_INFO__INIT;
    auto_buf struct buf out = {0};
    info.user = user;
    info.name = name;
    info.principal = principal;
    message.framework = &info;
    message_pack(&out, &message);
    libprocess_link(driver->libprocess, &driver->master);
    libprocess_send(driver->libprocess, "greedy", &driver->master, "mesos.internal.RegisterFrameworkMessage", buf_str(&out));
}

static void
driver_process(int fd, uint16_t port)
{
    struct driver driver = {.arena = arena_new(65536), .fd = fd, .loop = loop_new(NULL, NULL)};
    struct http_server *server = http_server_new(driver.loop, on_exchange, &driver);
    struct address at, bound;
    struct err err = {0};
    char text[64];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(text, sizeof(text), "master@127.0.0.1:%u", port);
    if (address_parse(STR_LIT("127.0.0.1:0"), &at, &err) || upid_parse(str_of(text), &driver.master, &err) ||
        http_server_listen(server, &at, &bound, &err))
        _exit(1);
    driver.libprocess = libprocess_new(driver.loop, &bound, on_message, on_exited, &driver);
    libprocess_spawn(driver.libprocess, "greedy");
    loop_timer_init(&driver.tick, driver.loop, on_tick, &driver);
    loop_fd_watch(driver.loop, fd, LOOP_READ, on_order, &driver);
    enlist(&driver);
    loop_run(driver.loop);
    _exit(0);
}

static struct told
driver_tells(int fd)
{
    struct told told;
    if (recv(fd, &told, sizeof(told), MSG_WAITALL) != sizeof(told))
        bench_die("the driver says nothing");
    return told;
}

/* The descriptor for orders; it is registered. */
static int
driver_start(uint16_t port, pid_t *ret_pid)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 || (*ret_pid = fork()) < 0)
        bench_die("no process for the driver");
    if (*ret_pid == 0) {
        close(ends[0]);
        driver_process(ends[1], port);
    }
    close(ends[1]);
    driver_tells(ends[0]);
    return ends[0];
}

static void
driver_order(int fd, double rate)
{
    if (send(fd, &rate, sizeof(rate), MSG_NOSIGNAL) != sizeof(rate))
        bench_die("the driver has ended");
}

/* ---- the cluster ---- */

static void
on_offers(struct scheduler *scheduler, Mesos__V1__Offer **offers, size_t count)
{
}

static bool
both_subscribed(void *arg)
{
    const struct site *site = arg;
    return site->greedy.stream_id && site->greedy.framework_id && site->modest.stream_id && site->modest.framework_id;
}

static bool
never(void *arg)
{
    return false;
}

static void
site_start(struct site *site, struct loop *loop)
{
    static const struct scheduler_handler greedy = {.on_offers = on_offers, .principal = "greedy"};
    static const struct scheduler_handler modest = {.on_offers = on_offers, .principal = "modest"};
    auto_free char *limits = xasprintf("--rate_limits={\"limits\":[{\"principal\":\"greedy\",\"qps\":%ld,\"capacity\":%d},"
                                       "{\"principal\":\"modest\",\"qps\":5000}]}",
                                       settings.rate, WAITING);
    const char *const flags[] = {limits, NULL};
    cluster_init(&site->cluster);
    cluster_start_master(&site->cluster, flags);
    scheduler_init(&site->greedy, loop, site->cluster.master.port, "greedy", &greedy, site);
    scheduler_init(&site->modest, loop, site->cluster.master.port, "modest", &modest, site);
    if (!loop_run_until(loop, both_subscribed, site, TIMEOUT_MS))
        bench_die("the frameworks are not subscribed");
    site->call = scheduler_suppress_request(&site->greedy);
    site->orders = driver_start(site->cluster.master.port, &site->driver);
}

static void
site_end(struct site *site, struct loop *loop)
{
    kill(site->driver, SIGKILL);
    waitpid(site->driver, NULL, 0);
    scheduler_teardown(&site->greedy);
    scheduler_teardown(&site->modest);
    loop_run_until(loop, never, site, 200);
    scheduler_fini(&site->greedy);
    scheduler_fini(&site->modest);
    cluster_fini(&site->cluster);
    free(site->call);
    close(site->orders);
}

/* ---- processors ---- */

/* Leaves the last of our processors to the master: what is started from now on is on the others. False when that cannot be. */
static bool
leave_processor(cpu_set_t *ret_left)
{
    cpu_set_t ours;
    int last = -1;
    if (sched_getaffinity(0, sizeof(ours), &ours))
        return false;
    for (int i = 0; i < CPU_SETSIZE; i++)
        last = CPU_ISSET(i, &ours) ? i : last;
    CPU_ZERO(ret_left);
    CPU_SET(last, ret_left);
    CPU_CLR(last, &ours);
    return CPU_COUNT(&ours) && !sched_setaffinity(0, sizeof(ours), &ours);
}

/* Whoever measures runs as soon as there is an answer. */
static bool
come_first(bool first)
{
    struct sched_param param = {.sched_priority = first};
    return sched_setscheduler(0, first ? SCHED_FIFO : SCHED_OTHER, &param) == 0;
}

static void
measure_probe(uint16_t port, struct probe *probe)
{
    come_first(!settings.together);
    probe_run(port, probe, 1, (double)settings.secs);
    come_first(false);
}

static void
sites_start(struct bench *bench)
{
    cpu_set_t left;
    bool apart = !settings.together && leave_processor(&left) && come_first(true) && come_first(false);
    site_start(&bench->elsewhere, bench->loop);
    site_start(&bench->here, bench->loop);
    if (apart && sched_setaffinity(bench->here.cluster.master.pid, sizeof(left), &left) == 0)
        printf("the master on a processor of its own\n");
    else if (settings.together)
        printf("everybody on the same processors\n");
    else
        printf("the master cannot have a processor of its own, or its clients no precedence: latencies say little\n");
}

/* ---- rounds ---- */

enum kind { CALM, ELSEWHERE, HERE, KINDS };
struct round {
    double p50_ms, p99_ms, cpu; /* cpu: share of a processor that the master takes */
    double sent, refused, failed; /* of the greedy one, each second */
};

static struct poll_sum
flood_calls(const struct site *target, double rate, uint16_t port, struct probe *probe)
{
    struct pollers pollers;
    pollers_start_paced(&pollers, target->cluster.master.port, target->call, CONNECTIONS, rate);
    measure_probe(port, probe);
    return pollers_stop(&pollers);
}

static struct told
flood_messages(const struct site *target, double rate, uint16_t port, struct probe *probe)
{
    driver_order(target->orders, rate);
    measure_probe(port, probe);
    driver_order(target->orders, 0);
    return driver_tells(target->orders);
}

static struct round
run_round(struct bench *bench, enum kind kind, bool v0)
{
    auto_free char *suppress = scheduler_suppress_request(&bench->here.modest);
    struct probe probe = {suppress, 202, NULL, 0, 0, 0, 0, 0};
    struct round round = {0};
    const struct site *target = kind == ELSEWHERE ? &bench->elsewhere : &bench->here;
    double rate = (double)(kind == CALM ? settings.rate : settings.rate * settings.times);
    double began = now_ms(), cpu = cpu_ms(bench->here.cluster.master.pid);
    if (v0) {
        struct told told = flood_messages(target, rate, bench->here.cluster.master.port, &probe);
        round.sent = told.sent / told.secs;
        round.refused = told.dropped / told.secs;
    } else {
        struct poll_sum sum = flood_calls(target, rate, bench->here.cluster.master.port, &probe);
        round.sent = (double)(sum.answers + sum.busy) / sum.secs;
        round.refused = (double)sum.refused / sum.secs;
        round.failed = (double)(sum.failed + sum.busy) / sum.secs;
    }
    round.cpu = (cpu_ms(bench->here.cluster.master.pid) - cpu) / (now_ms() - began);
    round.p50_ms = probe.p50_ms;
    round.p99_ms = probe.p99_ms;
    probe_fini(&probe, 1);
    loop_run_until(bench->loop, never, bench, 1000); /* the schedulers read their events; what waits goes on its way */
    return round;
}

static void
round_row(enum kind kind, const struct round *round)
{
    static const char *const names[KINDS] = {"at its rate", "greedy elsewhere", "greedy here"};
    printf("  %-16s p50 %6.3f ms  p99 %6.3f ms; greedy %7.0f /s, refused %7.0f /s, lost %4.0f /s; this master %4.1f %%\n",
           names[kind], round->p50_ms, round->p99_ms, round->sent, round->refused, round->failed, 100 * round->cpu);
    fflush(stdout);
}

static void
sum_row(const char *what, const double p99s[KINDS])
{
    printf("  p99 of the other one, %s: %.3f ms; with the greedy one elsewhere %.3f ms, here %.3f ms: %.2f and %.2f times, aim at "
           "most 1.2\n",
           what, p99s[CALM], p99s[ELSEWHERE], p99s[HERE], p99s[HERE] / p99s[CALM], p99s[HERE] / p99s[ELSEWHERE]);
}

static void
measure(struct bench *bench, bool v0)
{
    static double p99s[KINDS][ROUNDS_MAX];
    double medians[KINDS], calm[KINDS];
    size_t rounds = settings.rounds < ROUNDS_MAX ? (size_t)settings.rounds : ROUNDS_MAX;
    printf("%s\n", v0 ? "messages of a v0 driver" : "calls over HTTP");
    for (size_t i = 0; i < rounds * KINDS; i++) {
        enum kind kind = (enum kind)(i % KINDS);
        struct round round = run_round(bench, kind, v0);
        round_row(kind, &round);
        p99s[kind][i / KINDS] = round.p99_ms;
    }
    for (int kind = 0; kind < KINDS; kind++) {
        medians[kind] = percentile(p99s[kind], rounds, 0.5);
        calm[kind] = percentile(p99s[kind], rounds, 0.25);
    }
    sum_row("median of the rounds", medians);
    sum_row("the calmer quarter", calm);
}

int
main(int argc, char **argv)
{
    static const char help[] =
        "Usage: tests/bench/throttle [--rate=100] [--times=50] [--secs=5] [--rounds=5] [--together=0]\n"
        "Two frameworks with rate limits on a real mesos-master of this build tree: latencies of one while the other sends as\n"
        "often as its limit (--rate a second), and many times as often, over HTTP and as a v0 driver. The master has a\n"
        "processor of its own, unless --together=1. Asserts nothing about time.\n";
    struct bench_option options[] = {{"rate", &settings.rate},   {"times", &settings.times},
                                     {"secs", &settings.secs},   {"rounds", &settings.rounds},
                                     {"together", &settings.together}, {NULL, NULL}};
    static struct bench bench;
    bench_arguments(argc, argv, help, options);
    bench.loop = loop_new(NULL, NULL);
    sites_start(&bench);
    measure(&bench, false);
    measure(&bench, true);
    site_end(&bench.elsewhere, bench.loop);
    site_end(&bench.here, bench.loop);
    loop_free(bench.loop);
    return 0;
}
