/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What mesos-network-helper does inside a container's network namespace. The namespace comes as descriptor 3; every
 * function enters it, so the process is of no use for anything else afterwards.
 */
#ifndef PORT_MAPPING_INSIDE_H
#define PORT_MAPPING_INSIDE_H

#include "layout.h"

enum { INSIDE_NAMESPACE_FD = 3 };

struct inside {
    struct host_net host; /* eth0 and lo: their names; the numbers are the host's */
    struct ports ports; /* all of the container */
    struct ports ephemeral; /* one range of them; empty = not told */
    struct net_limit egress;
    bool limit_fq_codel;
    bool sockets_summary, sockets_details, snmp;
};

/* Everything, once, before the container's program starts. */
int inside_setup(const struct inside *inside, struct err *err);
/* Filters and limit, while it runs. */
int inside_update(const struct inside *inside, struct err *err);
/* Packed fields of mesos.v1.ResourceStatistics. */
int inside_statistics(const struct inside *inside, struct buf *out, struct err *err);
/* What the kernel does not have of what we need, one name a line; empty when all is there. Enters a namespace of its own. */
int inside_probe(struct buf *missing, struct err *err);

/* A number or text into a file below /proc/sys/net/ipv4 or the like. */
int sysctl_write(const char *path, const char *text, struct err *err);

#endif
