/* SPDX-License-Identifier: Apache-2.0 */
/* See storm.h. Two epoll loops: that of the agents, and that of the plain server in its own process. */
#include "storm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "cluster.h"
#include "figures.h"

enum { EVENTS = 512, READ_BYTES = 256 << 10, TAIL = 63, FIRST_IP = 0x7f010001, OWN_DESCRIPTORS = 2000 };

static const char ACCEPTED[] = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
static const char BACK[] = "/mesos.internal.SlaveReregisteredMessage HTTP";
static const char POST[] = "POST /";

/* One direction of an address, or one connection of the plain server. */
struct end {
    int fd;
    uint32_t events;
    struct buf out;
    size_t tail_len;
    char tail[TAIL];
};

static void
die_errno(const char *what)
{
    bench_die("%s: %s", what, strerror(errno));
}

size_t
storm_most_addresses(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        die_errno("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur > 2 * OWN_DESCRIPTORS ? (size_t)(limit.rlim_cur - OWN_DESCRIPTORS) / 5 * 2 : 100;
}

/* How often text is in what was just read, also where it began in the last read. */
static size_t
count_in(const struct end *end, const char *data, size_t len, const char *text)
{
    size_t size = strlen(text), count = 0;
    char seam[2 * TAIL];
    size_t head = len < size - 1 ? len : size - 1, tail = end->tail_len < size - 1 ? end->tail_len : size - 1;
    memcpy(seam, end->tail + end->tail_len - tail, tail);
    memcpy(seam + tail, data, head);
    if (tail && memmem(seam, tail + head, text, size))
        count++;
    for (const char *at = data; (at = memmem(at, len - (size_t)(at - data), text, size)); at += size)
        count++;
    return count;
}

static void
keep_tail(struct end *end, const char *data, size_t len)
{
    size_t keep = len < TAIL ? len : TAIL;
    memcpy(end->tail, data + len - keep, keep);
    end->tail_len = keep;
}

static void
want(int epoll_fd, struct end *end, uint64_t tag, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u64 = tag};
    if (end->events == events)
        return;
    if (epoll_ctl(epoll_fd, end->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, end->fd, &event) < 0)
        die_errno("epoll_ctl");
    end->events = events;
}

/* What send() says. A peer that has left is found out by reading: the plain server's is done when it has its answers. */
static bool
has_failed(ssize_t n)
{
    return n < 0 && errno != EAGAIN && errno != ENOTCONN && errno != ECONNRESET && errno != EPIPE;
}

/* Sends data, or what is left of it later. Returns the bytes that left. */
static size_t
send_out(int epoll_fd, struct end *end, uint64_t tag, struct str data)
{
    size_t sent = 0;
    if (end->out.len == 0) {
        ssize_t n = send(end->fd, data.ptr, data.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        sent = n > 0 ? (size_t)n : 0;
        if (has_failed(n))
            die_errno("send");
    }
    buf_append(&end->out, data.ptr + sent, data.len - sent);
    want(epoll_fd, end, tag, EPOLLIN | (end->out.len ? EPOLLOUT : 0));
    return sent;
}

static size_t
send_rest(int epoll_fd, struct end *end, uint64_t tag)
{
    ssize_t n = end->out.len ? send(end->fd, buf_data(&end->out), end->out.len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (has_failed(n))
        die_errno("send");
    if (n > 0)
        buf_consume(&end->out, (size_t)n);
    if (!end->out.len)
        buf_fini(&end->out);
    want(epoll_fd, end, tag, EPOLLIN | (end->out.len ? EPOLLOUT : 0));
    return n > 0 ? (size_t)n : 0;
}

static int
listen_at(uint32_t ip, uint16_t *ret_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(ip)};
    socklen_t len = sizeof(at);
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&at, len) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) < 0)
        die_errno("listen");
    *ret_port = ntohs(at.sin_port);
    return fd;
}

uint16_t
storm_listen(int *ret_fd)
{
    uint16_t port;
    *ret_fd = listen_at(INADDR_ANY, &port);
    return port;
}

static int
connect_from(uint32_t from, uint32_t to_ip, uint16_t port)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(from)};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(to_ip)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        die_errno("socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if ((from && bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0) ||
        (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS))
        die_errno("connect");
    return fd;
}

/* ---- the agents ---- */

struct agents {
    struct storm *storm;
    int epoll_fd, listen_fd;
    struct end *out, *in; /* by address */
    size_t *missing;      /* by address: agents that are not back */
    size_t begun, under_way;
    char *scratch;
};

enum { TAG_IN = 1 }; /* the lowest bit of a tag; the rest is the address */
#define TAG_LISTEN UINT64_MAX

/* The agents of an address are number, number + addresses, ... */
static void
begin(struct agents *a, size_t number)
{
    struct storm *storm = a->storm;
    struct end *end = &a->out[number];
    end->fd = connect_from(FIRST_IP + (uint32_t)number, INADDR_LOOPBACK, storm->port);
    for (size_t i = number; i < storm->agents; i += storm->addresses) {
        storm->bytes_out += storm->first[i].len;
        a->missing[number]++;
        buf_append_str(&end->out, storm->first[i]);
    }
    want(a->epoll_fd, end, number << 1, EPOLLOUT | EPOLLIN);
    a->under_way++;
}

static void
begin_more(struct agents *a)
{
    while (a->under_way < a->storm->window && a->begun < a->storm->addresses)
        begin(a, a->begun++);
}

static void
called_back(struct agents *a)
{
    struct sockaddr_in own;
    socklen_t len = sizeof(own);
    int fd;
    while ((fd = accept4(a->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        len = sizeof(own);
        getsockname(fd, (struct sockaddr *)&own, &len);
        size_t number = ntohl(own.sin_addr.s_addr) - FIRST_IP;
        if (number >= a->storm->addresses || a->in[number].events) {
            close(fd); /* nobody's */
            continue;
        }
        a->in[number].fd = fd;
        want(a->epoll_fd, &a->in[number], number << 1 | TAG_IN, EPOLLIN);
    }
}

static void
are_back(struct agents *a, size_t number, size_t count)
{
    struct storm *storm = a->storm;
    for (; count && a->missing[number]; count--, a->missing[number]--) {
        size_t agent = number + (a->missing[number] - 1) * storm->addresses;
        storm->bytes_out += storm->then[agent].len;
        send_out(a->epoll_fd, &a->out[number], number << 1, storm->then[agent]);
        storm->back++;
        if (a->missing[number] == 1)
            a->under_way--;
    }
}

static void
read_end(struct agents *a, struct end *end, uint64_t tag)
{
    ssize_t n = recv(end->fd, a->scratch, READ_BYTES, MSG_DONTWAIT);
    size_t number = (size_t)(tag >> 1);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        bench_die("the connection %s agent %zu has ended: %s", tag & TAG_IN ? "to" : "of", number,
                  n < 0 ? strerror(errno) : "closed");
    a->storm->bytes_in += (size_t)n;
    if (!(tag & TAG_IN))
        return; /* 202s */
    size_t requests = count_in(end, a->scratch, (size_t)n, POST);
    size_t back = count_in(end, a->scratch, (size_t)n, BACK);
    keep_tail(end, a->scratch, (size_t)n);
    for (; requests; requests--)
        send_out(a->epoll_fd, end, tag, str_n(ACCEPTED, sizeof(ACCEPTED) - 1));
    if (back)
        are_back(a, number, back);
}

static void
on_event(struct agents *a, const struct epoll_event *event)
{
    if (event->data.u64 == TAG_LISTEN) {
        called_back(a);
        return;
    }
    size_t number = (size_t)(event->data.u64 >> 1);
    struct end *end = event->data.u64 & TAG_IN ? &a->in[number] : &a->out[number];
    if (event->events & EPOLLOUT)
        send_rest(a->epoll_fd, end, event->data.u64);
    if (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        read_end(a, end, event->data.u64);
}

static void
close_all(struct agents *a)
{
    struct linger none = {1, 0}; /* no TIME_WAIT: the next round takes the same addresses */
    for (size_t i = 0; i < a->storm->addresses; i++) {
        struct end *ends[] = {&a->out[i], &a->in[i]};
        for (int j = 0; j < 2; j++) {
            if (!ends[j]->events)
                continue;
            setsockopt(ends[j]->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
            close(ends[j]->fd);
            buf_fini(&ends[j]->out);
        }
    }
    close(a->epoll_fd);
    free(a->out);
    free(a->in);
    free(a->missing);
    free(a->scratch);
}

void
storm_run(struct storm *storm, int listen_fd, int timeout_ms)
{
    struct agents a = {.storm = storm, .listen_fd = listen_fd, .epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN, .data.u64 = TAG_LISTEN};
    a.out = xcalloc(storm->addresses, sizeof(*a.out));
    a.in = xcalloc(storm->addresses, sizeof(*a.in));
    a.missing = xcalloc(storm->addresses, sizeof(*a.missing));
    a.scratch = xmalloc(READ_BYTES);
    epoll_ctl(a.epoll_fd, EPOLL_CTL_ADD, listen_fd, &event);
    storm->began_ms = now_ms();
    begin_more(&a);
    while (storm->back < storm->agents && now_ms() - storm->began_ms < timeout_ms) {
        int n = epoll_wait(a.epoll_fd, events, EVENTS, 100);
        for (int i = 0; i < n; i++)
            on_event(&a, &events[i]);
        begin_more(&a);
    }
    storm->ended_ms = now_ms();
    close_all(&a);
}

/* ---- the plain server ---- */

struct plain {
    int epoll_fd, listen_fd;
    struct end *ends; /* by descriptor */
    int *back;        /* by descriptor of a connection: the one that calls back, 0 = none yet */
    uint16_t agents_port;
    const char *what;
    struct str reply;
    char *scratch;
};

static void
plain_accept(struct plain *p)
{
    int fd, on = 1;
    while ((fd = accept4(p->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        p->ends[fd] = (struct end){.fd = fd};
        p->back[fd] = 0;
        want(p->epoll_fd, &p->ends[fd], (uint64_t)fd, EPOLLIN);
    }
}

static void
call_back(struct plain *p, int fd, size_t times)
{
    struct sockaddr_in peer;
    socklen_t len = sizeof(peer);
    if (!p->back[fd]) {
        getpeername(fd, (struct sockaddr *)&peer, &len);
        int other = connect_from(0, ntohl(peer.sin_addr.s_addr), p->agents_port);
        p->back[fd] = other;
        p->back[other] = -1;
        p->ends[other] = (struct end){.fd = other};
    }
    struct end *end = &p->ends[p->back[fd]];
    for (; times; times--)
        buf_append_str(&end->out, p->reply);
    want(p->epoll_fd, end, (uint64_t)end->fd, EPOLLIN | EPOLLOUT);
}

static void
plain_event(struct plain *p, const struct epoll_event *event)
{
    struct end *end = &p->ends[event->data.u64];
    if (event->events & EPOLLOUT)
        send_rest(p->epoll_fd, end, event->data.u64);
    if (!(event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    ssize_t n = recv(end->fd, p->scratch, READ_BYTES, MSG_DONTWAIT);
    if (n <= 0) {
        if (n < 0 && errno == EAGAIN)
            return;
        buf_fini(&end->out);
        close(end->fd);
        return;
    }
    if (p->back[end->fd] < 0)
        return;
    size_t requests = count_in(end, p->scratch, (size_t)n, POST), times = count_in(end, p->scratch, (size_t)n, p->what);
    keep_tail(end, p->scratch, (size_t)n);
    for (; requests; requests--)
        send_out(p->epoll_fd, end, event->data.u64, str_n(ACCEPTED, sizeof(ACCEPTED) - 1));
    if (times)
        call_back(p, end->fd, times);
}

static void
plain_run(struct plain *p)
{
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN, .data.u64 = TAG_LISTEN};
    struct rlimit limit;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    getrlimit(RLIMIT_NOFILE, &limit);
    p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    p->ends = xcalloc((size_t)limit.rlim_cur, sizeof(*p->ends));
    p->back = xcalloc((size_t)limit.rlim_cur, sizeof(*p->back));
    p->scratch = xmalloc(READ_BYTES);
    epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, p->listen_fd, &event);
    for (;;) {
        int n = epoll_wait(p->epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.u64 == TAG_LISTEN)
                plain_accept(p);
            else
                plain_event(p, &events[i]);
        }
    }
}

pid_t
plain_server(uint16_t agents_port, const char *what, struct str reply, uint16_t *ret_port)
{
    struct plain plain = {.agents_port = agents_port, .what = what, .reply = reply};
    plain.listen_fd = listen_at(INADDR_LOOPBACK, ret_port);
    pid_t child = fork();
    if (child == 0)
        plain_run(&plain);
    close(plain.listen_fd);
    if (child < 0)
        die_errno("fork");
    return child;
}
