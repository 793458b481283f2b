/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a ZooKeeper handle in a loop that is not its own: addresses, connection, session, log. Requests are in
 * zookeeper_requests.c. The library says which descriptor it waits for and until when; it is asked again after everything
 * that it was given to do.
 */
#include "common/zookeeper_inside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#define BACKOFF_FIRST_MS 50
#define BACKOFF_MAX_MS 2000
#define RESOLVE_AGAIN_MS 5000 /* without any server: names may mean other machines by now */
#define TIMEOUT_SANE_MAX_MS (24 * 3600 * 1000)
#define MESSAGES_AT_ONCE 64
#define LINES_PERIOD_MS (60 * 1000)
#define LINES_MAX 5

/* The library hands log lines to a function without an argument: whose they are is known only while it is called. */
static struct zk *speaking;

struct zk_lookup {
    struct zk *zk; /* NULL: it was freed meanwhile */
    struct zk_server servers[ZK_URL_SERVERS_MAX];
    size_t count;
    struct buf found; /* "ip:port,ip:port" */
    char failure[200];
};

static void close_handle(struct zk *zk);
static void look_up(struct zk *zk);
static void pump(struct zk *zk);

/* ---- the library's log ---- */

/* Servers that are down are tried several times a second: what is said of it is worth a few lines a minute. */
static void
warn(struct zk *zk, const char *text)
{
    int64_t now = zk->host->now_ms(zk->host);

    if (now - zk->lines_since_ms > LINES_PERIOD_MS) {
        zk->lines_since_ms = now;
        zk->lines = 0;
    }
    if (zk->lines++ < LINES_MAX)
        MESOS_LOG(zk->host, WARNING, "%s", text);
}

/* "2026-01-01 00:00:00,000:17(0x7f):ZOO_WARN@zookeeper_interest@2405: Delaying..." */
static void
on_library_line(const char *line)
{
    struct zk *zk = speaking;
    const char *at = strstr(line, ":ZOO_"), *text = at ? strstr(at, ": ") : NULL;
    char clean[256];

    if (!zk)
        return;
    snprintf(clean, sizeof(clean), "ZooKeeper client: %s", text ? text + 2 : line);
    /* A deadline that was missed by some milliseconds on a busy machine is no news. */
    if (!strstr(clean, "Exceeded deadline"))
        warn(zk, clean);
}

/* ---- in and out ---- */

void
zk_enter(struct zk *zk)
{
    zk->inside++;
}

/* The handle is closed only where the library is not further up: it would go on with what was freed. */
static void
free_now(struct zk *zk)
{
    zk->inside++;
    close_handle(zk);
    zk_requests_answer_failed(zk); /* frees them: nobody is told any more */
    zk_makers_free(zk);
    zk_url_fini(&zk->url);
    free(zk->addresses);
    free(zk->why_ended);
    free(zk);
}

void
zk_leave(struct zk *zk)
{
    if (--zk->inside == 0 && zk->freed)
        free_now(zk);
}

static void
tell(struct zk *zk, enum zk_state state, const char *why)
{
    zk->state = state;
    if (!zk->freed && zk->on_state)
        zk->on_state(zk->arg, state, why);
}

/* ---- the session ---- */

static void
session_ends(struct zk *zk, const char *why)
{
    if (zk->ended)
        return;
    zk->ended = true;
    free(zk->why_ended);
    zk->why_ended = xstrdup(why);
}

static void
on_connected(struct zk *zk)
{
    int64_t session = zoo_client_id(zk->handle)->client_id;
    int timeout = zoo_recv_timeout(zk->handle);

    if (session == 0 || timeout <= 0 || timeout > TIMEOUT_SANE_MAX_MS) {
        session_ends(zk, "a server granted a session that makes no sense");
        return;
    }
    zk->backoff_ms = BACKOFF_FIRST_MS;
    zk->connected_ms = zk->host->now_ms(zk->host);
    if (zk->session != session)
        zk->agreed_ms = INT64_MIN;
    zk->session = session;
    auto_free char *why = xasprintf("connected to ZooKeeper %s, session 0x%llx of %d ms",
                                    zoo_get_current_server(zk->handle), (unsigned long long)session, timeout);
    tell(zk, ZK_CONNECTED, why);
}

/* The library's news of the connection. Other events have watchers of their own. */
static void
on_session(zhandle_t *handle, int type, int state, const char *path, void *arg)
{
    struct zk *zk = arg;

    if (type != ZOO_SESSION_EVENT || zk->freed || handle != zk->handle || zk->ended)
        return;
    if (state == ZOO_CONNECTED_STATE) {
        on_connected(zk);
    } else if (state == ZOO_EXPIRED_SESSION_STATE) {
        session_ends(zk, "the ZooKeeper session has expired");
    } else if (state == ZOO_AUTH_FAILED_STATE) {
        session_ends(zk, "ZooKeeper refused the user and password");
    } else if (zk->state == ZK_CONNECTED) {
        zk->connected_ms = zk->host->now_ms(zk->host);
        tell(zk, ZK_CONNECTING, "the connection to ZooKeeper is lost");
    }
}

static void
unwatch(struct zk *zk)
{
    if (zk->watch)
        zk->host->unwatch_fd(zk->host, zk->watch);
    zk->watch = NULL;
    zk->host->timer_stop(zk->host, zk->timer);
    zk->timer = NULL;
}

/* Never waits: a connection that takes nothing more is cut before the library would wait for it. */
static void
close_handle(struct zk *zk)
{
    zhandle_t *handle = zk->handle;
    int fd = -1, interest = 0;
    struct timeval tv = {0};

    unwatch(zk);
    if (!handle)
        return;
    if (zk->state == ZK_CONNECTED && !is_unrecoverable(handle) && zookeeper_interest(handle, &fd, &interest, &tv) == ZOK && fd >= 0) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        if (poll(&p, 1, 0) <= 0)
            shutdown(fd, SHUT_RDWR);
    }
    zookeeper_close(handle); /* calls completions that are owed */
    zk->handle = NULL;
    zk_requests_drop(zk);
}

static void
on_timer(void *arg)
{
    struct zk *zk = arg;

    zk->timer = NULL;
    if (zk->handle)
        pump(zk);
    else
        look_up(zk);
}

static void
wait_then_go_on(struct zk *zk)
{
    zk->host->timer_stop(zk->host, zk->timer);
    zk->timer = zk->host->timer_start(zk->host, zk->backoff_ms, on_timer, zk);
    zk->backoff_ms = zk->backoff_ms * 2 < BACKOFF_MAX_MS ? zk->backoff_ms * 2 : BACKOFF_MAX_MS;
}

/* Once the library has returned: a session that is over is replaced by a new one. */
static void
replace_session(struct zk *zk)
{
    auto_free char *why = take(&zk->why_ended);

    close_handle(zk);
    zk->ended = false;
    zk->session = 0;
    zk->agreed_ms = INT64_MIN;
    zk_keeper_session_over(zk, why);
    tell(zk, ZK_EXPIRED, why);
    if (!zk->freed)
        wait_then_go_on(zk);
}

/* Names may mean other machines by now. */
static void
look_up_again(struct zk *zk)
{
    if (zk->state == ZK_CONNECTING && !zk->lookup && zk->host->now_ms(zk->host) - zk->looked_up_ms > RESOLVE_AGAIN_MS)
        look_up(zk);
}

/* The servers cannot be asked: the session is over for us when it must be over for them. */
static void
check_session_age(struct zk *zk)
{
    if (zk->state != ZK_CONNECTING || zk->session == 0 || zk->ended)
        return;
    if (zk->host->now_ms(zk->host) - zk->connected_ms > zk_session_timeout_ms(zk))
        session_ends(zk, "no ZooKeeper server could be reached for as long as the session lasts");
}

/* ---- the loop ---- */

static void
on_ready(int fd, int events, void *arg)
{
    struct zk *zk = arg;
    int wanted = (events & 1 ? ZOOKEEPER_READ : 0) | (events & 2 ? ZOOKEEPER_WRITE : 0);

    zk_enter(zk);
    speaking = zk;
    unwatch(zk); /* the library may close the descriptor */
    zk->fd = -1;
    for (int i = 0; i < MESSAGES_AT_ONCE && !zk->freed && !zk->ended; i++) {
        if (zookeeper_process(zk->handle, wanted) != ZOK)
            break;
        speaking = zk;
        wanted &= ~ZOOKEEPER_WRITE;
        if (!(wanted & ZOOKEEPER_READ))
            break;
    }
    speaking = NULL;
    if (!zk->freed)
        pump(zk);
    zk_leave(zk);
}

/* How long the library may sleep, less when we must look at the session ourselves. */
static int64_t
sleep_ms(const struct zk *zk, const struct timeval *tv)
{
    int64_t ms = (int64_t)tv->tv_sec * 1000 + tv->tv_usec / 1000 + 1;
    int64_t most = zk->state == ZK_CONNECTING ? 500 : 10 * 1000;

    return ms < most ? ms : most;
}

static void
pump(struct zk *zk)
{
    int fd = -1, interest = 0;
    struct timeval tv = {0};

    zk_enter(zk);
    unwatch(zk);
    zk->fd = -1;
    check_session_age(zk);
    look_up_again(zk);
    int rc = ZOK;
    if (!zk->ended) {
        speaking = zk;
        rc = zookeeper_interest(zk->handle, &fd, &interest, &tv);
        speaking = NULL;
    }
    if (zk->freed) {
        /* nothing more */
    } else if (zk->ended) {
        replace_session(zk);
    } else if (rc != ZOK) {
        wait_then_go_on(zk);
    } else {
        zk->fd = fd;
        if (fd >= 0 && interest)
            zk->watch = zk->host->watch_fd(
                zk->host, fd, (interest & ZOOKEEPER_READ ? 1 : 0) | (interest & ZOOKEEPER_WRITE ? 2 : 0), on_ready, zk);
        zk->timer = zk->host->timer_start(zk->host, sleep_ms(zk, &tv), on_timer, zk);
    }
    zk_leave(zk);
}

static void
on_soon(void *arg)
{
    struct zk *zk = arg;

    zk->soon = NULL;
    zk_enter(zk);
    zk_requests_answer_failed(zk);
    if (!zk->freed && zk->handle)
        pump(zk);
    zk_leave(zk);
}

void
zk_pump_soon(struct zk *zk)
{
    if (!zk->soon && !zk->freed)
        zk->soon = zk->host->timer_start(zk->host, 0, on_soon, zk);
}

/* ---- addresses ---- */

static void
add_address(struct buf *out, const struct sockaddr *address, uint16_t port)
{
    char ip[INET6_ADDRSTRLEN];
    const void *raw = address->sa_family == AF_INET
                          ? (const void *)&((const struct sockaddr_in *)(const void *)address)->sin_addr
                          : (const void *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;

    if ((address->sa_family == AF_INET || address->sa_family == AF_INET6) &&
        inet_ntop(address->sa_family, raw, ip, sizeof(ip)))
        buf_printf(out, "%s%s:%u", out->len ? "," : "", ip, port);
}

static void
look_up_work(void *arg)
{
    struct zk_lookup *lookup = arg;

    for (size_t i = 0; i < lookup->count; i++) {
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
        int rc = getaddrinfo(lookup->servers[i].host, NULL, &hints, &found);
        if (rc != 0)
            snprintf(lookup->failure, sizeof(lookup->failure), "cannot resolve ZooKeeper server '%.100s': %s",
                     lookup->servers[i].host, gai_strerror(rc));
        for (const struct addrinfo *a = found; rc == 0 && a; a = a->ai_next)
            add_address(&lookup->found, a->ai_addr, lookup->servers[i].port);
        if (rc == 0)
            freeaddrinfo(found);
    }
}

static void
open_handle(struct zk *zk)
{
    int64_t timeout = zk->asked_timeout_ms < INT32_MAX ? zk->asked_timeout_ms : INT32_MAX;

    speaking = zk;
    zk->handle = zookeeper_init2(zk->addresses, on_session, (int)timeout, NULL, zk, ZOO_NO_LOG_CLIENTENV, on_library_line);
    if (!zk->handle) {
        speaking = NULL;
        MESOS_LOG(zk->host, ERROR, "cannot make a ZooKeeper client for %s: %s", zk->addresses, strerror(errno));
        wait_then_go_on(zk);
        return;
    }
    zoo_set_servers_resolution_delay(zk->handle, -1); /* they are numbers: look_up sees to names */
    if (zk->url.credentials)
        zoo_add_auth(zk->handle, "digest", zk->url.credentials, (int)strlen(zk->url.credentials), NULL, NULL);
    speaking = NULL;
    zk->state = ZK_CONNECTING;
    pump(zk);
}

static void
look_up_done(void *arg)
{
    struct zk_lookup *lookup = arg;
    struct zk *zk = lookup->zk;

    if (zk) {
        zk->lookup = NULL;
        zk_enter(zk);
        if (*lookup->failure)
            warn(zk, lookup->failure);
        if (lookup->found.len == 0) {
            if (!zk->handle)
                wait_then_go_on(zk);
        } else {
            bool same = zk->addresses && strcmp(zk->addresses, buf_cstr(&lookup->found)) == 0;
            free(zk->addresses);
            zk->addresses = xstrdup(buf_cstr(&lookup->found));
            if (!zk->handle)
                open_handle(zk);
            else if (!same && zk->state == ZK_CONNECTING)
                zoo_set_servers(zk->handle, zk->addresses);
        }
        zk_leave(zk);
    }
    buf_fini(&lookup->found);
    free(lookup);
}

static void
look_up(struct zk *zk)
{
    struct zk_lookup *lookup = xcalloc(1, sizeof(*lookup));

    lookup->zk = zk;
    memcpy(lookup->servers, zk->url.servers, sizeof(lookup->servers));
    lookup->count = zk->url.server_count;
    zk->lookup = lookup;
    zk->looked_up_ms = zk->host->now_ms(zk->host);
    zk->host->offload(zk->host, false, look_up_work, look_up_done, lookup);
}

/* ---- outside ---- */

struct zk *
zk_new(const struct zk_options *options)
{
    struct zk *zk = xcalloc(1, sizeof(*zk));

    zk->host = options->host;
    zk->url = *options->url;
    zk->url.credentials = options->url->credentials ? xstrdup(options->url->credentials) : NULL;
    zk->url.path = xstrdup(options->url->path);
    zk->asked_timeout_ms = options->session_timeout_ms;
    zk->on_state = options->on_state;
    zk->arg = options->arg;
    zk->backoff_ms = BACKOFF_FIRST_MS;
    zk->agreed_ms = INT64_MIN;
    zk->fd = -1;
    list_init(&zk->failed);
    list_init(&zk->watches);
    list_init(&zk->makers);
    zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
    look_up(zk);
    return zk;
}

void
zk_free(struct zk *zk)
{
    if (!zk || zk->freed)
        return;
    zk_enter(zk);
    zk->freed = true;
    if (zk->lookup)
        zk->lookup->zk = NULL;
    zk->host->timer_stop(zk->host, zk->soon);
    zk->soon = NULL;
    unwatch(zk);
    zk_keeper_free(zk);
    zk_leave(zk);
}

void
zk_next_server(struct zk *zk)
{
    if (zk->fd >= 0 && !zk->inside)
        shutdown(zk->fd, SHUT_RDWR); /* the library notices, and goes on to the next */
}

enum zk_state
zk_state(const struct zk *zk)
{
    return zk->state;
}

int64_t
zk_session(const struct zk *zk)
{
    return zk->session;
}

int64_t
zk_session_timeout_ms(const struct zk *zk)
{
    return zk->session != 0 && zk->handle ? zoo_recv_timeout(zk->handle) : zk->asked_timeout_ms;
}

static int64_t
clock_ms(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return ts.tv_sec * (int64_t)1000 + ts.tv_nsec / 1000000;
}

int64_t
zk_slept_ms(void)
{
    return clock_ms(CLOCK_BOOTTIME) - clock_ms(CLOCK_MONOTONIC);
}

int64_t
zk_agreed_ms(const struct zk *zk)
{
    return zk->agreed_ms == INT64_MIN ? INT64_MIN : zk->agreed_ms - (zk_slept_ms() - zk->agreed_slept_ms);
}

int
zk_url_read(const struct mesos_host *host, const char *option, const char *text, struct zk_url *ret)
{
    struct err err = {0};

    if (zk_url_parse(text, ret, &err) < 0)
        return host->fail(host, -EINVAL, "%s: %s", option, err.text);
    return 0;
}
