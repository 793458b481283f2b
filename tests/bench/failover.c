/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new leader and all the agents that come back to it: a first master admits them to its registry and is killed; the
 * second reads them there, and every agent re-registers with its tasks at once, over sockets of its own. Beside it the
 * same bytes through a server that only reads and answers them.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster.h"
#include "figures.h"
#include "peer.h"
#include "storm.h"

enum { TIMEOUT_MS = 5 * 60 * 1000, MOST_SAMPLES = 100000, FIRST_IP = 0x7f010001 };

struct settings {
    long agents, tasks, addresses, window;
};

/* ---- /health meanwhile ---- */

struct pulse {
    uint16_t port;
    atomic_bool stop;
    double *samples;
    size_t count;
    pthread_t thread;
};

static void *
take_pulse(void *arg)
{
    static const char request[] = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct pulse *pulse = arg;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(pulse->port)};
    char answer[1024];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        bench_die("/health cannot be asked for");
    while (!pulse->stop && pulse->count < MOST_SAMPLES) {
        double start = now_ms();
        if (write(fd, request, sizeof(request) - 1) < 0 || read(fd, answer, sizeof(answer)) <= 0)
            bench_die("/health is not answered any more");
        pulse->samples[pulse->count++] = now_ms() - start;
        usleep(1000);
    }
    close(fd);
    return NULL;
}

static void
pulse_start(struct pulse *pulse, uint16_t port)
{
    *pulse = (struct pulse){.port = port, .samples = xcalloc(MOST_SAMPLES, sizeof(double))};
    if (pthread_create(&pulse->thread, NULL, take_pulse, pulse))
        bench_die("no thread");
}

/* ---- the first master ---- */

static bool
all_registered(void *arg)
{
    struct peer *peer = arg;
    return peer->registered == peer->agents;
}

static void
admit_all(struct peer *peer, struct loop *loop, const struct bench_cluster *cluster, size_t agents)
{
    double start = now_ms();
    peer_init(peer, loop, cluster->master.port, agents);
    peer_register(peer);
    if (!loop_run_until(loop, all_registered, peer, TIMEOUT_MS))
        bench_die("only %zu of %zu agents were admitted", peer->registered, agents);
    printf("  %-46s %8.2f s\n", "admitted to the registry at first", (now_ms() - start) / 1e3);
}

/* ---- requests ---- */

static struct str
request(const char *name, size_t address, size_t actor, uint16_t agents_port, uint16_t master_port,
        const struct buf *body)
{
    auto_buf struct buf out = {0};
    char ip[INET_ADDRSTRLEN];
    struct in_addr in = {htonl(FIRST_IP + (uint32_t)address)};
    inet_ntop(AF_INET, &in, ip, sizeof(ip));
    buf_printf(&out,
               "POST /master/mesos.internal.%s HTTP/1.1\r\nUser-Agent: libprocess/slave(%zu)@%s:%u\r\n"
               "Libprocess-From: slave(%zu)@%s:%u\r\nConnection: Keep-Alive\r\nHost: 127.0.0.1:%u\r\n"
               "Transfer-Encoding: chunked\r\n\r\n%zx\r\n",
               name, actor, ip, agents_port, actor, ip, agents_port, master_port, body->len);
    buf_append_str(&out, buf_str(body));
    buf_puts(&out, "\r\n0\r\n\r\n");
    return str_n(xmemdup(buf_data(&out), out.len), out.len);
}

static void
write_requests(struct storm *storm, const struct peer *peer, const struct settings *settings, uint16_t agents_port)
{
    auto_buf struct buf body = {0};
    for (size_t i = 0; i < storm->agents; i++) {
        size_t address = i % storm->addresses, actor = i / storm->addresses + 1;
        buf_clear(&body);
        peer_pack_reregister(peer, i, (size_t)settings->tasks, &body);
        storm->first[i] = request("ReregisterSlaveMessage", address, actor, agents_port, storm->port, &body);
        buf_clear(&body);
        peer_pack_update(peer, i, &body);
        storm->then[i] = request("UpdateSlaveMessage", address, actor, agents_port, storm->port, &body);
    }
}

/* About what a master says to each: a ping and the answer. */
static struct str
canned_reply(void)
{
    static const char text[] =
        "POST /slave(1)/mesos.internal.PingSlaveMessage HTTP/1.1\r\nUser-Agent: libprocess/slave-observer(10000)"
        "@127.0.0.1:5050\r\nLibprocess-From: slave-observer(10000)@127.0.0.1:5050\r\nConnection: Keep-Alive\r\n"
        "Host: 127.1.27.15:5051\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\x08\x01\r\n0\r\n\r\n"
        "POST /slave(1)/mesos.internal.SlaveReregisteredMessage HTTP/1.1\r\nUser-Agent: libprocess/master"
        "@127.0.0.1:5050\r\nLibprocess-From: master@127.0.0.1:5050\r\nConnection: Keep-Alive\r\n"
        "Host: 127.1.27.15:5051\r\nTransfer-Encoding: chunked\r\n\r\n3a\r\n0123456789012345678901234567890123456789"
        "012345678901234567\r\n0\r\n\r\n";
    return str_n(text, sizeof(text) - 1);
}

/* ---- the second master ---- */

/* Waits for a line of the master's log: nothing tells it sooner. */
static void
wait_leading(const struct bench_cluster *cluster, int which)
{
    auto_free char *path = xasprintf("%s/master.log", cluster->directory);
    double start = now_ms();
    for (;;) {
        char line[1024];
        int seen = 0;
        FILE *log = fopen(path, "re");
        while (log && fgets(line, sizeof(line), log))
            seen += strstr(line, " leading id=") != NULL;
        if (log)
            fclose(log);
        if (seen >= which)
            return;
        if (now_ms() - start > TIMEOUT_MS)
            bench_die("the master does not lead");
        usleep(500);
    }
}

static void
show(const char *what, const struct storm *storm)
{
    double took = storm->ended_ms - storm->began_ms;
    if (storm->back < storm->agents)
        bench_die("%s: only %zu of %zu agents came back", what, storm->back, storm->agents);
    printf("  %-46s %8.2f s  %8.0f agents/s  %6.1f MB/s\n", what, took / 1e3, (double)storm->agents / took * 1e3,
           (double)(storm->bytes_in + storm->bytes_out) / took / 1e3);
    fflush(stdout);
}

static double
measure_plain(struct storm *storm, int listen_fd, uint16_t agents_port)
{
    struct storm copy = *storm;
    pid_t child = plain_server(agents_port, "ReregisterSlaveMessage HTTP", canned_reply(), &copy.port);
    storm_run(&copy, listen_fd, TIMEOUT_MS);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    show("a plain server, the same bytes", &copy);
    return copy.ended_ms - copy.began_ms;
}

static void
measure_master(struct storm *storm, int listen_fd, const struct bench_cluster *cluster, double plain_ms)
{
    struct pulse pulse;
    pid_t pid = cluster->master.pid;
    double cpu = cpu_ms(pid);
    pulse_start(&pulse, cluster->master.port);
    storm_run(storm, listen_fd, TIMEOUT_MS);
    pulse.stop = true;
    pthread_join(pulse.thread, NULL);
    show("first connection to last agent re-registered", storm);
    double took = storm->ended_ms - storm->began_ms;
    printf("  %-46s %8.2f    (1 = as fast as the plain server)\n", "ratio", plain_ms / took);
    printf("  %-46s %8.1f us per agent\n", "processor of the master",
           (cpu_ms(pid) - cpu) * 1e3 / (double)storm->agents);
    printf("  %-46s %8.1f ms   median %.2f ms, most %.1f ms, %zu asked\n", "/health meanwhile, p99",
           percentile(pulse.samples, pulse.count, 0.99), percentile(pulse.samples, pulse.count, 0.5),
           percentile(pulse.samples, pulse.count, 1), pulse.count);
    free(pulse.samples);
}

static void
run(const struct settings *settings, size_t agents)
{
    static const char *const flags[] = {"--registry=local", NULL};
    struct bench_cluster cluster;
    struct peer peer;
    struct loop *loop = loop_new(NULL, NULL);
    size_t most = storm_most_addresses(), wanted = settings->addresses ? (size_t)settings->addresses : agents;
    struct storm storm = {.agents = agents, .addresses = wanted < most ? wanted : most, .window = (size_t)settings->window};
    int listen_fd;
    uint16_t agents_port = storm_listen(&listen_fd);
    if (storm.addresses > agents)
        storm.addresses = agents;
    storm.first = xcalloc(agents, sizeof(*storm.first));
    storm.then = xcalloc(agents, sizeof(*storm.then));
    printf("%zu agents with %ld tasks each, at %zu addresses (two connections each%s)\n", agents, settings->tasks,
           storm.addresses, storm.addresses < agents ? "; more descriptors would give each agent its own" : "");
    cluster_init(&cluster);
    cluster_start_master(&cluster, flags);
    wait_leading(&cluster, 1);
    admit_all(&peer, loop, &cluster, agents);
    cluster_kill_master(&cluster);
    double start = now_ms();
    cluster_start_master(&cluster, flags);
    wait_leading(&cluster, 2);
    double leads_ms = now_ms() - start;
    storm.port = cluster.master.port;
    write_requests(&storm, &peer, settings, agents_port);
    double plain_ms = measure_plain(&storm, listen_fd, agents_port), before = private_dirty(cluster.master.pid);
    printf("  %-46s %8.2f s\n", "started, elected, registry read, leading", leads_ms / 1e3);
    measure_master(&storm, listen_fd, &cluster, plain_ms);
    printf("  %-46s %8.2f s\n", "election to the last agent re-registered",
           (leads_ms + storm.ended_ms - storm.began_ms) / 1e3);
    printf("  %-46s %8.1f MB   %.1f MB before, %.2f KB per agent\n", "peak memory of the master",
           peak_memory(cluster.master.pid) / 1e6, before / 1e6,
           (peak_memory(cluster.master.pid) - before) / 1e3 / (double)agents);
    for (size_t i = 0; i < agents; i++) {
        free((char *)(uintptr_t)storm.first[i].ptr);
        free((char *)(uintptr_t)storm.then[i].ptr);
    }
    free(storm.first);
    free(storm.then);
    close(listen_fd);
    cluster_fini(&cluster);
    peer_fini(&peer);
    loop_free(loop);
}

int
main(int argc, char **argv)
{
    static const char help[] =
        "Usage: tests/bench/failover [--agents=N] [--tasks=10] [--addresses=N] [--window=200]\n"
        "10,000 and 50,000 (or N) emulated agents, admitted to the registry of a master that is then killed, come back\n"
        "to its successor with their tasks, each address over two real connections on loopback. Prints how long that\n"
        "takes beside a plain epoll server that is sent the same bytes, the peak memory and /health meanwhile. Agents\n"
        "share addresses where --addresses or the descriptors (ulimit -Hn) are fewer; --window is how many addresses are\n"
        "under way at the same time. Asserts nothing about time.\n";
    struct settings settings = {.tasks = 10, .window = 200};
    struct bench_option options[] = {{"agents", &settings.agents},
                                     {"tasks", &settings.tasks},
                                     {"addresses", &settings.addresses},
                                     {"window", &settings.window},
                                     {NULL, NULL}};
    bench_arguments(argc, argv, help, options);
    if (settings.agents) {
        run(&settings, (size_t)settings.agents);
        return 0;
    }
    run(&settings, 10000);
    run(&settings, 50000);
    return 0;
}
