/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of isolator "network/ports" share: its containers, and one of them as the thread that looks
 * sees it. */
#ifndef NETWORK_PORTS_NETWORK_PORTS_H
#define NETWORK_PORTS_NETWORK_PORTS_H

#include "base/map.h"
#include "base/str.h"
#include "common/cgroup.h"
#include "listeners.h"
#include "mesos/isolator.h"

struct network_ports {
    const struct mesos_host *host;
    const struct mesos_isolator_watcher *watcher;
    struct cgroup_tree freezer;
    bool by_cgroup, enforce, with_cni, has_isolated, stopped, looking;
    struct port_ranges isolated; /* what is looked at; all ports where has_isolated is false */
    int64_t interval_ms;
    struct map containers; /* id -> struct container */
    struct mesos_timer *timer;
};

struct container {
    char *id;
    pid_t pid;
    bool has_ports; /* known: not yet after a restart */
    struct port_ranges ports; /* of the root */
    uint16_t *told; /* what the last report was about */
    size_t told_count;
    bool limited;
};

/* One container as the other thread sees it. */
struct target {
    char *id;
    pid_t pid;
    pid_t *pids;
    size_t pid_count;
    uint16_t *ports;
    size_t port_count;
};

/* network_ports.c */
struct container *container_find(const struct network_ports *ports, struct str id);
/* The id of the root that this one is nested in, or is. */
struct str container_root_id(const char *id);

/* scan.c: looks once, an interval from now, and again after that. */
void scan_later(struct network_ports *ports);
/* What the other thread reads as long as it looks. */
void scan_forget(struct network_ports *ports);

/* check.c */
void container_check(struct network_ports *ports, struct target *target);

/* configure.c */
int network_ports_configure(struct network_ports *ports, struct err *err);

#endif
