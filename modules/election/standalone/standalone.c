/* SPDX-License-Identifier: Apache-2.0 */
/*
 * election "standalone": no election. A contender leads at once; who only detects is told the address that it was
 * configured with. Names are resolved off the thread, again and again until they resolve: a machine may boot before its
 * name server.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "mesos/election.h"

#define PORT_DEFAULT 5050
#define RETRY_MS 1000

struct standalone {
    const struct mesos_host *host;
    const char *master; /* option; NULL = the daemon's own --master */
    struct mesos_election_events events;
    struct buf info; /* packed mesos.v1.MasterInfo of the leader; empty = unknown */
    bool contending, leads;
    struct mesos_timer *soon;
};

/* Resolving one address: plain values, because another thread works on them. */
struct lookup {
    struct standalone *standalone;
    char host[256];
    uint16_t port;
    int failure; /* of getaddrinfo */
    int family;
    unsigned char ip[16];
};

static void
put_varint(struct buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        buf_putc(out, (char)(value | 0x80));
    buf_putc(out, (char)value);
}

static void
put_number(struct buf *out, unsigned field, uint64_t value)
{
    put_varint(out, field << 3);
    put_varint(out, value);
}

static void
put_text(struct buf *out, unsigned field, const char *text, size_t len)
{
    put_varint(out, field << 3 | 2);
    put_varint(out, len);
    buf_append(out, text, len);
}

/* mesos.v1.MasterInfo: id 1, ip 2 (network order as it lies in memory), port 3, pid 4, hostname 5, address 7 {hostname 1,
 * ip 2, port 3}. */
static void
info_pack(struct buf *out, const struct lookup *lookup)
{
    char ip[INET6_ADDRSTRLEN] = "";
    inet_ntop(lookup->family, lookup->ip, ip, sizeof ip);
    uint32_t number = 0;
    if (lookup->family == AF_INET)
        memcpy(&number, lookup->ip, sizeof number);
    auto_free char *pid = lookup->family == AF_INET ? xasprintf("master@%s:%u", ip, lookup->port)
                                                    : xasprintf("master@[%s]:%u", ip, lookup->port);
    auto_buf struct buf address = {0};
    put_text(&address, 1, lookup->host, strlen(lookup->host));
    put_text(&address, 2, ip, strlen(ip));
    put_number(&address, 3, lookup->port);
    buf_clear(out);
    put_text(out, 1, "", 0);
    put_number(out, 2, number);
    put_number(out, 3, lookup->port);
    put_text(out, 4, pid, strlen(pid));
    put_text(out, 5, lookup->host, strlen(lookup->host));
    put_text(out, 7, buf_data(&address), address.len);
}

/* "host", "host:port", "[v6]:port", with "master@" before it or not. */
static int
address_split(const struct mesos_host *host, const char *text, struct lookup *ret)
{
    const char *at = strncmp(text, "master@", 7) == 0 ? text + 7 : text;
    struct str rest = str_of(at), name;
    uint64_t port = PORT_DEFAULT;
    if (strstr(text, "://"))
        return host->fail(host, -EINVAL, "election 'standalone' wants host:port as master, not '%s'", text);
    if (rest.len > 0 && rest.ptr[0] == '[') {
        rest = str_n(rest.ptr + 1, rest.len - 1);
        name = str_cut(&rest, ']');
        if (rest.len > 0 && rest.ptr[0] == ':')
            rest = str_n(rest.ptr + 1, rest.len - 1);
    } else {
        name = str_cut(&rest, ':');
    }
    if (rest.len > 0 && (str_to_u64(rest, &port) < 0 || port == 0 || port > UINT16_MAX))
        return host->fail(host, -EINVAL, "master '%s': '%.*s' is not a port (1 to 65535)", text, STR_ARG(rest));
    if (name.len == 0 || name.len >= sizeof ret->host)
        return host->fail(host, -EINVAL, "master '%s' is not of the form host:port", text);
    memcpy(ret->host, name.ptr, name.len);
    ret->host[name.len] = '\0';
    ret->port = (uint16_t)port;
    return 0;
}

static bool
numeric(struct lookup *lookup)
{
    lookup->family = AF_INET;
    if (inet_pton(AF_INET, lookup->host, lookup->ip) == 1)
        return true;
    lookup->family = AF_INET6;
    return inet_pton(AF_INET6, lookup->host, lookup->ip) == 1;
}

static void
lookup_work(void *arg)
{
    struct lookup *lookup = arg;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *found = NULL;
    lookup->failure = getaddrinfo(lookup->host, NULL, &hints, &found);
    if (lookup->failure != 0)
        return;
    lookup->family = found->ai_family;
    if (found->ai_family == AF_INET)
        memcpy(lookup->ip, &((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_addr, 4);
    else
        memcpy(lookup->ip, &((const struct sockaddr_in6 *)(const void *)found->ai_addr)->sin6_addr, 16);
    freeaddrinfo(found);
}

static void resolve(struct standalone *standalone);

static void
report(struct standalone *standalone)
{
    if (standalone->events.detected)
        standalone->events.detected(standalone->events.arg,
                                    (struct mesos_bytes){buf_data(&standalone->info), standalone->info.len});
}

static void
on_retry(void *arg)
{
    struct standalone *standalone = arg;
    standalone->soon = NULL;
    resolve(standalone);
}

static void
lookup_done(void *arg)
{
    struct lookup *lookup = arg;
    struct standalone *standalone = lookup->standalone;
    if (standalone->contending) {
        /* the contender itself is the answer */
    } else if (lookup->failure != 0) {
        MESOS_LOG(standalone->host, WARNING, "cannot resolve master '%s': %s; trying again in %d ms", lookup->host,
                  gai_strerror(lookup->failure), RETRY_MS);
        standalone->soon = standalone->host->timer_start(standalone->host, RETRY_MS, on_retry, standalone);
    } else {
        info_pack(&standalone->info, lookup);
        report(standalone);
    }
    free(lookup);
}

static void
resolve(struct standalone *standalone)
{
    struct lookup *lookup = xcalloc(1, sizeof *lookup);
    lookup->standalone = standalone;
    address_split(standalone->host, standalone->master, lookup); /* checked at start */
    if (numeric(lookup))
        lookup_done(lookup);
    else
        standalone->host->offload(standalone->host, false, lookup_work, lookup_done, lookup);
}

static void
standalone_detect(void *instance, const struct mesos_election_events *events)
{
    struct standalone *standalone = instance;
    memcpy(&standalone->events, events, events->size < sizeof *events ? events->size : sizeof *events);
    if (standalone->master && !standalone->contending)
        standalone->soon = standalone->host->timer_start(standalone->host, 0, on_retry, standalone);
}

static void
on_elected(void *arg)
{
    struct standalone *standalone = arg;
    standalone->soon = NULL;
    standalone->leads = true;
    if (standalone->events.elected)
        standalone->events.elected(standalone->events.arg);
    report(standalone);
}

static void
standalone_contend(void *instance, struct mesos_bytes master_info)
{
    struct standalone *standalone = instance;
    standalone->contending = true;
    buf_clear(&standalone->info);
    buf_append(&standalone->info, master_info.data, master_info.len);
    standalone->host->timer_stop(standalone->host, standalone->soon);
    standalone->soon = standalone->host->timer_start(standalone->host, 0, on_elected, standalone);
}

static void
standalone_withdraw(void *instance, struct mesos_call *call)
{
    struct standalone *standalone = instance;
    standalone->host->timer_stop(standalone->host, standalone->soon);
    standalone->soon = NULL;
    standalone->contending = standalone->leads = false;
    standalone->host->reply(standalone->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static int
standalone_start(void *instance, const struct mesos_host *host)
{
    struct standalone *standalone = instance;
    standalone->host = host;
    if (!standalone->master)
        standalone->master = host->daemon_option(host, "master");
    struct lookup checked = {0};
    return standalone->master ? address_split(host, standalone->master, &checked) : 0;
}

static void
standalone_stop(void *instance, struct mesos_call *call)
{
    struct standalone *standalone = instance;
    standalone->host->timer_stop(standalone->host, standalone->soon);
    standalone->soon = NULL;
    standalone->contending = true; /* a lookup that still runs reports nothing */
    buf_fini(&standalone->info);
    if (call)
        standalone->host->reply(standalone->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static const struct mesos_election_ops ops = {
    .detect = standalone_detect, .contend = standalone_contend, .withdraw = standalone_withdraw};

static const struct mesos_option options[] = {
    {"master", MESOS_OPTION_STRING, offsetof(struct standalone, master), NULL,
     "host:port of the leader, for those who only detect; default: the daemon's own --master."},
    {0},
};

static const struct mesos_module module = {
    MESOS_MODULE(ELECTION, ops, struct standalone),
    .name = "standalone",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "one master, at a configured address",
    .options = options,
    .start = standalone_start,
    .stop = standalone_stop,
};

MESOS_MODULES(&module);
