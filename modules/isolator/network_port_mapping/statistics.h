/* SPDX-License-Identifier: Apache-2.0 */
/* Words of mesos.v1.ResourceStatistics for what the kernel counts; the host's side and the container's share them. */
#ifndef PORT_MAPPING_STATISTICS_H
#define PORT_MAPPING_STATISTICS_H

#include "base/arena.h"
#include "base/buf.h"
#include "mesos/v1/mesos.pb-c.h"
#include "netlink.h"

/* Adds a queue under that name. */
void statistics_queue(Mesos__V1__ResourceStatistics *stats, struct arena *arena, const char *id,
                      const struct net_queue *queue);
/* The limit of a link, by its two queues: names as Mesos has them. Nothing when there is none. */
void statistics_limit(Mesos__V1__ResourceStatistics *stats, struct arena *arena, struct net *net, int index,
                      const char *limit_id, const char *codel_id);
/* "TCP: inuse 33 orphan 0 tw 0": /proc/net/sockstat. */
void statistics_sockets(Mesos__V1__ResourceStatistics *stats, struct str sockstat);
/* Pairs of lines "Ip: Forwarding ..." and "Ip: 2 ...": /proc/net/snmp. */
void statistics_snmp(Mesos__V1__ResourceStatistics *stats, struct arena *arena, struct str snmp);
/* Sorted. */
void statistics_rtts(Mesos__V1__ResourceStatistics *stats, const uint32_t *rtts, size_t count);
void statistics_pack(const Mesos__V1__ResourceStatistics *stats, struct buf *out);

#endif
