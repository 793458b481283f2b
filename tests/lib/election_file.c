/* SPDX-License-Identifier: Apache-2.0 */
/*
 * election "file": a third party's election, for tests that need masters which do not lead. Contenders leave their
 * MasterInfo in a directory, as info.<port>; the file `leader` there names the port of who leads. Looked at every 50 ms.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mesos/election.h"

#define LOOK_MS 50

struct file_election {
    const struct mesos_host *host;
    const char *directory; /* option */
    struct mesos_election_events events;
    struct mesos_timer *timer;
    bool detecting, contending, leads;
    char last[16]; /* port that was reported, "" = nobody */
};

static size_t
slurp(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(out, 1, size - 1, f) : 0;
    if (f)
        fclose(f);
    out[n] = '\0';
    return n;
}

static void
report(struct file_election *e, const char *port)
{
    char path[4096], info[4096];
    snprintf(path, sizeof path, "%s/info.%s", e->directory, port);
    size_t len = *port ? slurp(path, info, sizeof info) : 0;
    snprintf(e->last, sizeof e->last, "%s", len || !*port ? port : "");
    if (e->detecting && (len || !*port))
        e->events.detected(e->events.arg, (struct mesos_bytes){len ? info : NULL, len});
}

static void
look(void *arg)
{
    struct file_election *e = arg;
    char path[4096], port[16];
    snprintf(path, sizeof path, "%s/leader", e->directory);
    slurp(path, port, sizeof port);
    port[strcspn(port, "\n")] = '\0';
    bool mine = e->contending && strcmp(port, e->host->daemon_option(e->host, "port")) == 0;
    if (mine && !e->leads && e->events.elected)
        e->events.elected(e->events.arg);
    if (!mine && e->leads && e->events.lost)
        e->events.lost(e->events.arg, "another was named");
    e->leads = mine;
    if (strcmp(port, e->last) != 0)
        report(e, port);
    e->timer = e->host->timer_start(e->host, LOOK_MS, look, e);
}

static void
detect(void *instance, const struct mesos_election_events *events)
{
    struct file_election *e = instance;
    memcpy(&e->events, events, events->size < sizeof *events ? events->size : sizeof *events);
    e->detecting = true;
    if (!e->timer)
        e->timer = e->host->timer_start(e->host, 0, look, e);
}

static void
contend(void *instance, struct mesos_bytes master_info)
{
    struct file_election *e = instance;
    char path[4096];
    snprintf(path, sizeof path, "%s/info.%s", e->directory, e->host->daemon_option(e->host, "port"));
    FILE *f = fopen(path, "wb");
    if (f) {
        fwrite(master_info.data, 1, master_info.len, f);
        fclose(f);
    }
    e->contending = true;
}

static void
withdraw(void *instance, struct mesos_call *call)
{
    struct file_election *e = instance;
    e->contending = e->leads = false;
    e->host->reply(e->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct file_election *e = instance;
    e->host = host;
    return 0;
}

static void
stop(void *instance, struct mesos_call *call)
{
    struct file_election *e = instance;
    e->host->timer_stop(e->host, e->timer);
    if (call)
        e->host->reply(e->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static const struct mesos_election_ops ops = {.detect = detect, .contend = contend, .withdraw = withdraw};
static const struct mesos_option options[] = {
    {"directory", MESOS_OPTION_STRING, offsetof(struct file_election, directory), "/nonexistent", "Where the files are."},
    {0},
};
static const struct mesos_module module = {
    MESOS_MODULE(ELECTION, ops, struct file_election),
    .name = "file",
    .version = "1",
    .author = "tests",
    .summary = "who leads stands in a file",
    .options = options,
    .start = start,
    .stop = stop,
};

MESOS_MODULES(&module);
