/* SPDX-License-Identifier: Apache-2.0 */
/* The host's end of a container's cable and the filters that lead to it. Works of jobs: not on the loop. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "inside.h"
#include "port_mapping.h"
#include "statistics.h"

void
veth_name(pid_t pid, char ret[IFNAMSIZ])
{
    snprintf(ret, IFNAMSIZ, VETH_PREFIX "%d", (int)pid);
}

static int
setting(const char *version, const char *link, const char *name, const char *value, struct err *err)
{
    auto_free char *path = xasprintf("/proc/sys/net/%s/conf/%s/%s", version, link, name);
    if (strcmp(version, "ipv6") == 0 && access(path, F_OK) < 0)
        return 0; /* a kernel without it */
    return sysctl_write(path, value, err);
}

/* The host's network takes nothing from a cable but what filters hand over. */
static int
close_veth(const char *veth, struct err *err)
{
    int rc = setting("ipv6", veth, "disable_ipv6", "1", err);
    if (rc < 0 || (rc = setting("ipv4", veth, "rp_filter", "1", err)) < 0 ||
        (rc = setting("ipv4", veth, "accept_local", "0", err)) < 0)
        return rc;
    return setting("ipv4", veth, "arp_ignore", "8", err);
}

/* Packets between containers pass lo from the host's address to the host's address. */
static int
open_lo(const struct host_net *host, struct err *err)
{
    int rc = setting("ipv4", host->lo, "route_localnet", "1", err);
    if (rc < 0 || (rc = setting("ipv4", "all", "rp_filter", "0", err)) < 0 ||
        (rc = setting("ipv4", host->lo, "rp_filter", "0", err)) < 0 ||
        (rc = setting("ipv4", "all", "send_redirects", "0", err)) < 0 ||
        (rc = setting("ipv4", host->lo, "send_redirects", "0", err)) < 0)
        return rc;
    return setting("ipv4", host->lo, "accept_local", "1", err);
}

static int
ready_flows(struct ground *ground, struct err *err)
{
    struct net_queue queue;
    uint32_t parent = ground->settings.flow_parent;
    uint32_t handle = parent == NET_ROOT || parent == NET_INGRESS_PARENT ? NET_HANDLE(1, 0)
                                                                         : (parent & 0xffff0000u) + NET_HANDLE(1, 0);
    if (net_queue_find(ground->net, ground->host.eth0_index, parent, &queue, NULL) == 0 &&
        strcmp(queue.kind, "fq_codel") == 0) {
        ground->flow_queue = queue.handle;
        return 0;
    }
    if (net_fq_codel_add(ground->net, ground->host.eth0_index, parent, handle, err) < 0)
        return err_wrap(err, "cannot add a queueing discipline fq_codel to %s", ground->host.eth0);
    ground->flow_queue = handle;
    return 0;
}

int
side_ready(struct ground *ground, struct err *err)
{
    const struct host_net *host = &ground->host;
    int rc = 0;
    if (!ground->net && (rc = net_open(&ground->net, err)) < 0)
        return rc;
    if (net_link_set(ground->net, host->lo_index, host->mac, host->mtu, false, err) < 0)
        return err_wrap(err, "cannot give %s the MAC and MTU of %s", host->lo, host->eth0);
    if (net_ingress_add(ground->net, host->eth0_index, err) < 0)
        return err_wrap(err, "cannot add a queueing discipline ingress to %s", host->eth0);
    if (net_ingress_add(ground->net, host->lo_index, err) < 0)
        return err_wrap(err, "cannot add a queueing discipline ingress to %s", host->lo);
    rc = open_lo(host, err);
    return rc == 0 && ground->settings.unique_flow ? ready_flows(ground, err) : rc;
}

/* Those that lead to this cable, and those whose cable is gone. */
static bool
leads_there(const struct net_filter *filter, const void *arg)
{
    const int *index = arg;
    return filter->verdict != NET_PASS && (filter->target == *index || filter->target == 0);
}

static bool
any(const struct net_filter *filter, const void *arg)
{
    return true;
}

static bool
of_flow(const struct net_filter *filter, const void *arg)
{
    return filter->class_id == *(const uint32_t *)arg;
}

static bool
leads_nowhere(const struct net_filter *filter, const void *arg)
{
    return filter->verdict == NET_PASS;
}

struct sides {
    struct layout_change veth, eth0, lo, flows;
    struct net_filters at_veth, at_eth0, at_lo, at_flows;
    uint32_t class_id;
    int veth_index; /* 0 = none */
    int target; /* filters that lead there are in question */
};

static void
sides_init(struct sides *sides, const struct job *job, int veth_index)
{
    const struct ground *ground = job->ground;
    *sides = (struct sides){.veth_index = veth_index, .target = veth_index};
    if (veth_index && job->ports.count > 0) {
        layout_veth(&sides->at_veth, &ground->host, &job->ports);
        layout_eth0(&sides->at_eth0, &ground->host, &job->ports, veth_index);
        layout_eth0_always(&sides->at_eth0, &ground->host);
        layout_lo(&sides->at_lo, &job->ports, veth_index);
    }
    sides->veth = (struct layout_change){.net = ground->net, .index = veth_index, .parent = NET_INGRESS,
                                         .wanted = &sides->at_veth, .in_question = any};
    sides->eth0 = (struct layout_change){.net = ground->net, .index = ground->host.eth0_index, .parent = NET_INGRESS,
                                         .wanted = &sides->at_eth0, .in_question = leads_there,
                                         .arg = &sides->target};
    sides->lo = sides->eth0;
    sides->lo.index = ground->host.lo_index;
    sides->lo.wanted = &sides->at_lo;
    if (ground->flow_queue && job->flow) {
        sides->class_id = ground->flow_queue | job->flow;
        if (veth_index && job->ports.count > 0) {
            layout_flow(&sides->at_flows, &job->ports, sides->class_id);
            layout_flow_always(&sides->at_flows, ground->flow_queue);
        }
        sides->flows = (struct layout_change){.net = ground->net, .index = ground->host.eth0_index,
                                              .parent = ground->flow_queue, .wanted = &sides->at_flows,
                                              .in_question = of_flow, .arg = &sides->class_id};
    }
}

static void
sides_fini(struct sides *sides)
{
    net_filters_fini(&sides->at_veth);
    net_filters_fini(&sides->at_eth0);
    net_filters_fini(&sides->at_lo);
    net_filters_fini(&sides->at_flows);
}

/* A container's way out is made before its way in and removed after it: what leads to a cable never outlives what the
 * cable tells of the container's ports. */
static int
sides_add(struct sides *sides, struct job *job, struct err *err)
{
    sides->veth.add = sides->eth0.add = sides->lo.add = sides->flows.add = true;
    sides->veth.remove = sides->eth0.remove = sides->lo.remove = sides->flows.remove = false;
    if (sides->veth_index && layout_apply(&sides->veth, &job->veth, err) < 0)
        return err_wrap(err, "the container's interface");
    if (layout_apply(&sides->eth0, &job->eth0, err) < 0)
        return err_wrap(err, "%s", job->ground->host.eth0);
    if (layout_apply(&sides->lo, &job->lo, err) < 0)
        return err_wrap(err, "%s", job->ground->host.lo);
    if (sides->class_id && layout_apply(&sides->flows, &job->flows, err) < 0)
        return err_wrap(err, "flows of %s", job->ground->host.eth0);
    return 0;
}

static int
sides_remove(struct sides *sides, struct job *job, struct err *err)
{
    struct err why[4] = {0};
    sides->veth.add = sides->eth0.add = sides->lo.add = sides->flows.add = false;
    sides->veth.remove = sides->eth0.remove = sides->lo.remove = sides->flows.remove = true;
    layout_apply(&sides->eth0, &job->eth0, &why[0]);
    layout_apply(&sides->lo, &job->lo, &why[1]);
    if (sides->class_id)
        layout_apply(&sides->flows, &job->flows, &why[2]);
    if (sides->veth_index)
        layout_apply(&sides->veth, &job->veth, &why[3]);
    for (size_t i = 0; i < ARRAY_LEN(why); i++)
        if (why[i].code)
            return err_set(err, why[i].code, "%s", why[i].text);
    return 0;
}

int
side_filters(struct job *job, int veth_index, struct err *err)
{
    struct sides sides;
    sides_init(&sides, job, veth_index);
    int rc = sides_add(&sides, job, err);
    if (rc == 0)
        rc = sides_remove(&sides, job, err);
    sides_fini(&sides);
    return rc;
}

/* A new cable has none yet. */
static int
first_filters(struct job *job, int veth_index, struct err *err)
{
    struct sides sides;
    sides_init(&sides, job, veth_index);
    int rc = sides_add(&sides, job, err);
    sides_fini(&sides);
    return rc;
}

static int
limit_ingress(const struct job *job, int veth_index, struct err *err)
{
    if (!job->ingress.rate)
        return 0;
    int rc = net_limit_set(job->ground->net, veth_index, &job->ingress, job->ground->fq_codel, err);
    return rc < 0 ? err_wrap(err, "cannot limit what the container receives") : 0;
}

static int
attach(struct job *job, struct err *err)
{
    struct ground *ground = job->ground;
    struct net_link veth;
    char name[IFNAMSIZ];
    veth_name(job->pid, name);
    int rc = handle_make(ground, job->id, job->pid, &job->ns_fd, err);
    if (rc < 0)
        return rc;
    if (net_veth_add(ground->net, name, ground->host.eth0, job->ns_fd, ground->host.mac, ground->host.mtu, err) < 0)
        return err_wrap(err, "cannot add the interface %s", name);
    if (net_link_find(ground->net, name, &veth, err) < 0)
        return err_wrap(err, "interface %s", name);
    if ((rc = net_link_alias(ground->net, veth.index, job->id, err)) < 0 || (rc = close_veth(name, err)) < 0)
        return rc;
    if (net_ingress_add(ground->net, veth.index, err) < 0)
        return err_wrap(err, "cannot add a queueing discipline ingress to %s", name);
    if ((rc = first_filters(job, veth.index, err)) < 0 || (rc = limit_ingress(job, veth.index, err)) < 0)
        return rc;
    if (net_link_set(ground->net, veth.index, NULL, 0, true, err) < 0)
        return err_wrap(err, "cannot turn on %s", name);
    return 0;
}

void
side_attach(struct job *job)
{
    job->status = attach(job, &job->err);
}

static int
update(struct job *job, struct err *err)
{
    struct net_link veth;
    char name[IFNAMSIZ];
    veth_name(job->pid, name);
    if (net_link_find(job->ground->net, name, &veth, err) < 0)
        return err_wrap(err, "interface %s", name);
    int rc = side_filters(job, veth.index, err);
    if (rc == 0)
        rc = limit_ingress(job, veth.index, err);
    return rc < 0 ? rc : handle_open(job->pid, &job->ns_fd, err);
}

void
side_update(struct job *job)
{
    job->status = update(job, &job->err);
}

/* Filters that every container needs go with the last one. */
int
side_clear_always(struct ground *ground, struct err *err)
{
    auto_filters struct net_filters there = {0};
    struct net_filters none = {0};
    struct layout_counts counts = {0};
    struct layout_change change = {.net = ground->net, .index = ground->host.eth0_index, .parent = NET_INGRESS,
                                   .wanted = &none, .in_question = leads_nowhere, .remove = true};
    int rc = net_filters_read(ground->net, ground->host.eth0_index, NET_INGRESS, &there, err);
    for (size_t i = 0; rc == 0 && i < there.count; i++)
        if (!there.items[i].foreign && layout_ours(&there.items[i]) && there.items[i].verdict != NET_PASS)
            return 0;
    return rc < 0 ? rc : layout_apply(&change, &counts, err);
}

int
side_clear(struct job *job, struct err *err)
{
    struct ground *ground = job->ground;
    struct err why[3] = {0};
    struct net_link veth = {0};
    struct sides sides;
    char name[IFNAMSIZ];
    veth_name(job->pid, name);
    if (net_link_find(ground->net, name, &veth, &why[0]) == -ENODEV)
        why[0].code = 0;
    sides_init(&sides, job, 0); /* nothing is wanted; what hangs on the cable goes with it */
    sides.target = veth.index;
    sides_remove(&sides, job, &why[1]);
    sides_fini(&sides);
    if (veth.index && net_link_remove(ground->net, veth.index, &why[2]) == -ENODEV)
        why[2].code = 0; /* its other end went with the namespace */
    handle_remove(ground, job->id, job->pid);
    for (size_t i = 0; i < ARRAY_LEN(why); i++)
        if (why[i].code)
            return err_set(err, why[i].code, "%s", why[i].text);
    return side_clear_always(ground, err);
}

void
side_detach(struct job *job)
{
    job->status = job->pid ? side_clear(job, &job->err) : 0;
}

static void
put_counters(Mesos__V1__ResourceStatistics *stats, const struct net_counters *host)
{
    /* The host's end sends what the container receives. */
#define SET(field, value) stats->has_net_##field = true, stats->net_##field = (value)
    SET(rx_packets, host->tx_packets);
    SET(rx_bytes, host->tx_bytes);
    SET(rx_errors, host->tx_errors);
    SET(rx_dropped, host->tx_dropped);
    SET(tx_packets, host->rx_packets);
    SET(tx_bytes, host->rx_bytes);
    SET(tx_errors, host->rx_errors);
    SET(tx_dropped, host->rx_dropped);
}

static void
put_ingress(struct ground *ground, int index, Mesos__V1__ResourceStatistics *stats, struct arena *arena)
{
    struct net_limit limit;
    if (net_limit_find(ground->net, index, &limit, NULL) < 0 || limit.rate == 0)
        return;
    SET(rx_rate_limit, limit.rate);
    SET(rx_burst_rate_limit, limit.ceil);
    SET(rx_burst_size, limit.burst);
#undef SET
    statistics_limit(stats, arena, ground->net, index, "ingress_bw_limit", "ingress_bloat_reduction");
}

void
side_usage(struct job *job)
{
    Mesos__V1__ResourceStatistics stats;
    struct net_link veth;
    char name[IFNAMSIZ];
    veth_name(job->pid, name);
    if (net_link_find(job->ground->net, name, &veth, NULL) < 0)
        return; /* it is ending: what there is to tell others tell */
    auto_arena struct arena *arena = arena_new(0);
    mesos__v1__resource_statistics__init(&stats);
    put_counters(&stats, &veth.counters);
    put_ingress(job->ground, veth.index, &stats, arena);
    statistics_pack(&stats, &job->answer);
    job->has_counters = true;
    if (job->helper && handle_open(job->pid, &job->ns_fd, NULL) < 0)
        job->helper = NULL;
}
