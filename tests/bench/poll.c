/* SPDX-License-Identifier: Apache-2.0 */
/* Reads answers as other programs' clients do: the bytes are copied out of the socket and thrown away. */
#include "poll.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "cluster.h"
#include "figures.h"

enum { READ_BYTES = 256 << 10, HEAD_BYTES = 8192, ANSWERS_KEPT = 1 << 20, PAUSE_US = 1000 };

struct client {
    int fd, status;
    bool in_body;
    char head[HEAD_BYTES + 1];
    size_t head_len, left, bytes; /* left: of the body, still to come */
    double sent_ms;
};

static int
dial(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        bench_die("cannot connect to port %u: %s", port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static void
ask(struct client *client, const char *request)
{
    size_t len = strlen(request);
    client->head_len = client->left = client->bytes = 0;
    client->in_body = false;
    client->status = 0;
    client->sent_ms = now_ms();
    if (send(client->fd, request, len, MSG_NOSIGNAL) != (ssize_t)len)
        bench_die("a request does not go out: %s", strerror(errno));
}

/* Takes what came; false when that is no answer. */
static bool
take_bytes(struct client *client, const char *bytes, size_t len)
{
    if (client->in_body) {
        client->left -= len < client->left ? len : client->left;
        return true;
    }
    size_t fit = HEAD_BYTES - client->head_len < len ? HEAD_BYTES - client->head_len : len;
    memcpy(client->head + client->head_len, bytes, fit);
    client->head_len += fit;
    client->head[client->head_len] = 0;
    char *end = strstr(client->head, "\r\n\r\n");
    if (!end)
        return client->head_len < HEAD_BYTES;
    *end = 0;
    const char *length = strcasestr(client->head, "\r\nContent-Length:");
    if (!length || sscanf(client->head, "HTTP/1.1 %d", &client->status) != 1)
        return false;
    client->bytes = strtoul(length + 17, NULL, 10);
    size_t body = len - ((size_t)(end + 4 - client->head) - (client->head_len - fit));
    client->in_body = true;
    client->left = client->bytes - (body < client->bytes ? body : client->bytes);
    return true;
}

/* 1: the answer is complete; 0: more comes; -1: it never will. */
static int
take_some(struct client *client, char *room)
{
    ssize_t got = recv(client->fd, room, READ_BYTES, 0);
    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got <= 0 || !take_bytes(client, room, (size_t)got))
        return -1;
    return client->in_body && client->left == 0;
}

struct poll_answer
poll_once(uint16_t port, const char *request)
{
    auto_free char *room = xmalloc(READ_BYTES);
    auto_free struct client *client = xcalloc(1, sizeof(*client));
    int got;
    client->fd = dial(port);
    ask(client, request);
    while ((got = take_some(client, room)) == 0)
        ;
    struct poll_answer answer = {now_ms() - client->sent_ms, client->bytes, got > 0 ? client->status : 0};
    close(client->fd);
    return answer;
}

/* ---- the other process ---- */

static volatile sig_atomic_t stopped;

static void
on_stop(int signo)
{
    (void)signo;
    stopped = 1;
}

/* Those that wait for their turn, in a ring; none while there is no rate. */
struct turns {
    double rate, started_ms;
    uint64_t taken;
    struct client **idle;
    size_t first, count, room;
};

static void
rest(struct turns *turns, struct client *client)
{
    turns->idle[(turns->first + turns->count++) % turns->room] = client;
}

/* What is due by now, one request after the other. */
static void
take_turns(struct turns *turns, const char *request, struct poll_sum *sum)
{
    double due = (now_ms() - turns->started_ms) * turns->rate / 1e3;
    for (; (double)turns->taken < due; turns->taken++) {
        if (turns->count == 0) {
            sum->busy++;
            continue;
        }
        ask(turns->idle[turns->first], request);
        turns->first = (turns->first + 1) % turns->room;
        turns->count--;
    }
}

static void
answered(struct client *client, struct poll_sum *sum, double *times)
{
    times[sum->answers++ % ANSWERS_KEPT] = now_ms() - client->sent_ms;
    sum->bytes += client->bytes;
    sum->refused += client->status == 429;
    sum->failed += client->status != 200 && client->status != 202 && client->status != 429;
}

static void
poll_loop(int epoll, const char *request, struct turns *turns, struct poll_sum *sum, double *times)
{
    char *room = xmalloc(READ_BYTES);
    struct epoll_event events[64];
    while (!stopped) {
        int count = epoll_wait(epoll, events, (int)ARRAY_LEN(events), turns->rate > 0 ? 1 : 100);
        for (int i = 0; i < count; i++) {
            struct client *client = events[i].data.ptr;
            int got = take_some(client, room);
            if (got > 0) {
                answered(client, sum, times);
                if (turns->rate > 0)
                    rest(turns, client);
                else
                    ask(client, request);
            } else if (got < 0) {
                sum->failed++;
                close(client->fd);
            }
        }
        if (turns->rate > 0)
            take_turns(turns, request, sum);
    }
    free(room);
}

static void
poll_process(int fd, uint16_t port, const char *request, size_t count, double rate)
{
    struct poll_sum sum = {0};
    struct turns turns = {.rate = rate, .room = count, .idle = xcalloc(count, sizeof(struct client *))};
    double *times = xcalloc(ANSWERS_KEPT, sizeof(*times));
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGTERM, on_stop);
    for (size_t i = 0; i < count; i++) {
        struct client *client = xcalloc(1, sizeof(*client));
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
        client->fd = dial(port);
        fcntl(client->fd, F_SETFL, O_NONBLOCK);
        epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event);
        if (rate > 0)
            rest(&turns, client);
        else
            ask(client, request);
    }
    turns.started_ms = now_ms();
    poll_loop(epoll, request, &turns, &sum, times);
    sum.secs = (now_ms() - turns.started_ms) / 1e3;
    size_t kept = sum.answers < ANSWERS_KEPT ? sum.answers : ANSWERS_KEPT;
    sum.p50_ms = percentile(times, kept, 0.5);
    sum.p99_ms = percentile(times, kept, 0.99);
    _exit(write(fd, &sum, sizeof(sum)) == sizeof(sum) ? 0 : 1);
}

void
pollers_start_paced(struct pollers *pollers, uint16_t port, const char *request, size_t count, double rate)
{
    int ends[2];
    if (pipe(ends) < 0)
        bench_die("no pipe");
    pollers->pid = fork();
    if (pollers->pid == 0)
        poll_process(ends[1], port, request, count, rate);
    if (pollers->pid < 0)
        bench_die("no process for the pollers");
    close(ends[1]);
    pollers->fd = ends[0];
    pollers->started_ms = now_ms();
}

void
pollers_start(struct pollers *pollers, uint16_t port, const char *request, size_t count)
{
    pollers_start_paced(pollers, port, request, count, 0);
}

struct poll_sum
pollers_stop(struct pollers *pollers)
{
    struct poll_sum sum = {0};
    kill(pollers->pid, SIGTERM);
    if (read(pollers->fd, &sum, sizeof(sum)) != sizeof(sum))
        bench_die("the pollers say nothing");
    close(pollers->fd);
    waitpid(pollers->pid, NULL, 0);
    return sum;
}

/* ---- latencies ---- */

static void
probe_once(struct probe *probe, struct client *client, char *room)
{
    int got;
    ask(client, probe->request);
    while ((got = take_some(client, room)) == 0)
        ;
    if (got < 0 || client->status != probe->status)
        bench_die("a probe gets %d instead of %d", client->status, probe->status);
    if (probe->count == probe->room) {
        probe->room = probe->room ? 2 * probe->room : 1024;
        probe->times = xreallocarray(probe->times, probe->room, sizeof(*probe->times));
    }
    probe->times[probe->count++] = now_ms() - client->sent_ms;
}

void
probe_run(uint16_t port, struct probe *probes, size_t count, double secs)
{
    auto_free char *room = xmalloc(READ_BYTES);
    auto_free struct client *clients = xcalloc(count, sizeof(*clients));
    for (size_t i = 0; i < count; i++)
        clients[i].fd = dial(port);
    for (double end = now_ms() + secs * 1e3; now_ms() < end; usleep(PAUSE_US))
        for (size_t i = 0; i < count; i++)
            probe_once(&probes[i], &clients[i], room);
    for (size_t i = 0; i < count; i++) {
        probes[i].p50_ms = percentile(probes[i].times, probes[i].count, 0.5);
        probes[i].p99_ms = percentile(probes[i].times, probes[i].count, 0.99);
        probes[i].worst_ms = percentile(probes[i].times, probes[i].count, 1);
        close(clients[i].fd);
    }
}

void
probe_fini(struct probe *probes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(probes[i].times);
}
