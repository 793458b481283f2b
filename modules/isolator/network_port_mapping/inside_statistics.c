/* SPDX-License-Identifier: Apache-2.0 */
/* What only the container's namespace knows: its limit's queues, its sockets, its protocols' counters. */
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include "base/file.h"
#include "inside.h"
#include "statistics.h"

#define PROC_MAX_BYTES 65536

static void
own_limit(const struct inside *inside, Mesos__V1__ResourceStatistics *stats, struct arena *arena)
{
    struct net *net;
    struct net_link eth0;
    struct net_limit limit;
    if (net_open(&net, NULL) < 0)
        return;
    if (net_link_find(net, inside->host.eth0, &eth0, NULL) == 0 &&
        net_limit_find(net, eth0.index, &limit, NULL) == 0 && limit.rate > 0) {
        stats->has_net_tx_rate_limit = stats->has_net_tx_burst_rate_limit = stats->has_net_tx_burst_size = true;
        stats->net_tx_rate_limit = limit.rate;
        stats->net_tx_burst_rate_limit = limit.ceil;
        stats->net_tx_burst_size = limit.burst;
        statistics_limit(stats, arena, net, eth0.index, "bw_limit", "bloat_reduction");
    }
    net_close(net);
}

int
inside_statistics(const struct inside *inside, struct buf *out, struct err *err)
{
    Mesos__V1__ResourceStatistics stats;
    if (setns(INSIDE_NAMESPACE_FD, CLONE_NEWNET) < 0)
        return err_errno(err, "cannot enter the network namespace");
    struct arena *arena = arena_new(0);
    mesos__v1__resource_statistics__init(&stats);
    auto_buf struct buf text = {0};
    own_limit(inside, &stats, arena);
    if (inside->sockets_summary && file_read("/proc/self/net/sockstat", PROC_MAX_BYTES, &text, NULL) == 0)
        statistics_sockets(&stats, buf_str(&text));
    buf_clear(&text);
    if (inside->snmp && file_read("/proc/self/net/snmp", PROC_MAX_BYTES, &text, NULL) == 0)
        statistics_snmp(&stats, arena, buf_str(&text));
    uint32_t *rtts = NULL;
    size_t count = 0;
    if (inside->sockets_details && net_tcp_rtts(&rtts, &count, NULL) == 0)
        statistics_rtts(&stats, rtts, count);
    free(rtts);
    statistics_pack(&stats, out);
    arena_free(arena);
    return 0;
}
