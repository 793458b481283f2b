/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the master that leads: makes an address, if need be by looking its host up off the loop, of what the detector says.
 * Talks to no master: that is registration.c's.
 */
#include "agent/find_master.h"

#include <stdio.h>

#include "agent/state.h"

/* A host name that is being looked up off the loop. */
struct resolve_job {
    struct agent *agent; /* NULL: nobody waits any more */
    char *host;
    uint16_t port;
    struct upid master;
    struct err err;
    int status;
};

static void on_detected(void *arg, struct mesos_bytes bytes);

void
find_master_start(struct agent *agent)
{
    agent->election_events = (struct mesos_election_events){
        .size = sizeof(struct mesos_election_events), .arg = agent, .detected = on_detected};
    election_detect(agent->setup.election, &agent->election_events);
}

void
find_master_stop(struct agent *agent)
{
    if (agent->resolving)
        agent->resolving->agent = NULL;
    agent->election_events.detected = NULL;
}

static void
resolve_work(void *arg)
{
    struct resolve_job *job = arg;
    job->status = address_resolve(job->host, job->port, &job->master.address, &job->err);
}

static void
resolve_done(void *arg)
{
    struct resolve_job *job = arg;
    struct agent *agent = job->agent;
    if (agent) {
        agent->resolving = NULL;
        if (job->status)
            log_error("cannot find the master: %s", job->err.text);
        else
            registration_master(agent, &job->master);
    }
    free(job->host);
    free(job);
}

static void
resolve(struct agent *agent, const char *host, uint16_t port)
{
    struct resolve_job *job = xcalloc(1, sizeof(*job));
    if (agent->resolving)
        agent->resolving->agent = NULL;
    agent->resolving = job;
    job->agent = agent;
    job->host = xstrdup(host);
    job->port = port;
    snprintf(job->master.id, sizeof(job->master.id), "master");
    loop_offload(agent->loop, NULL, resolve_work, resolve_done, job);
}

/* The host that is to be looked up, and its port; NULL when info has none. */
static const char *
host_of(const Mesos__V1__MasterInfo *info, struct arena *arena, uint32_t *ret_port)
{
    const char *host = NULL;
    *ret_port = info->port;
    if (info->pid && *info->pid) { /* a name after the @ */
        struct str rest = str_of(info->pid);
        str_cut(&rest, '@');
        struct str name = str_cut(&rest, ':');
        uint64_t number;
        if (name.len && !str_to_u64(rest, &number) && number < 65536) {
            host = arena_strdup(arena, name);
            *ret_port = (uint32_t)number;
        }
    }
    if (!host && info->address) {
        host = info->address->ip && *info->address->ip ? info->address->ip : info->address->hostname;
        *ret_port = (uint32_t)info->address->port;
    }
    return host ? host : info->hostname;
}

static void
on_detected(void *arg, struct mesos_bytes bytes)
{
    struct agent *agent = arg;
    struct err err = {0};
    auto_arena struct arena *arena = arena_new(0);
    if (agent->state == AGENT_TERMINATING || agent->state == AGENT_RECOVERING)
        return;
    if (!bytes.data) {
        registration_master(agent, NULL);
        return;
    }
    Mesos__V1__MasterInfo *info = MESSAGE_UNPACK(Mesos__V1__MasterInfo, mesos__v1__master_info,
                                                 str_n(bytes.data, bytes.len), arena, &err);
    if (!info) {
        log_error("the detector gave no usable master: %s", err.text);
        return;
    }
    free(agent->master_hostname);
    agent->master_hostname = info->hostname && *info->hostname          ? xstrdup(info->hostname)
                             : info->address && info->address->hostname ? xstrdup(info->address->hostname)
                                                                        : NULL;
    struct upid master;
    if (info->pid && *info->pid && !upid_parse(str_of(info->pid), &master, NULL)) {
        registration_master(agent, &master);
        return;
    }
    uint32_t port;
    const char *host = host_of(info, arena, &port);
    if (!host || !*host || port == 0 || port > 65535)
        log_error("the detector gave a master without a usable address");
    else
        resolve(agent, host, (uint16_t)port);
}
