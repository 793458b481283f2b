/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of SNMP messages have the kernel's names, so the message's own descriptor tells where a number goes. */
#include "statistics.h"

#include <stdlib.h>

void
statistics_queue(Mesos__V1__ResourceStatistics *stats, struct arena *arena, const char *id,
                 const struct net_queue *queue)
{
    Mesos__V1__TrafficControlStatistics *one = arena_alloc(arena, sizeof *one);
    mesos__v1__traffic_control_statistics__init(one);
    one->id = arena_strdup(arena, str_of(id));
#define SET(field) one->has_##field = true, one->field = queue->field
    SET(backlog);
    SET(bytes);
    SET(drops);
    SET(overlimits);
    SET(packets);
    SET(qlen);
    SET(ratebps);
    SET(ratepps);
    SET(requeues);
#undef SET
    Mesos__V1__TrafficControlStatistics **all =
        arena_alloc(arena, (stats->n_net_traffic_control_statistics + 1) * sizeof *all);
    for (size_t i = 0; i < stats->n_net_traffic_control_statistics; i++)
        all[i] = stats->net_traffic_control_statistics[i];
    all[stats->n_net_traffic_control_statistics++] = one;
    stats->net_traffic_control_statistics = all;
}

void
statistics_limit(Mesos__V1__ResourceStatistics *stats, struct arena *arena, struct net *net, int index,
                 const char *limit_id, const char *codel_id)
{
    struct net_queue queue;
    if (net_queue_find(net, index, NET_ROOT, &queue, NULL) < 0 || strcmp(queue.kind, "htb") != 0)
        return;
    statistics_queue(stats, arena, limit_id, &queue);
    if (net_queue_find(net, index, NET_LIMIT_CLASS, &queue, NULL) == 0 && strcmp(queue.kind, "fq_codel") == 0)
        statistics_queue(stats, arena, codel_id, &queue);
}

void
statistics_sockets(Mesos__V1__ResourceStatistics *stats, struct str sockstat)
{
    while (sockstat.len > 0) {
        struct str line = str_cut(&sockstat, '\n');
        if (!str_is(str_cut(&line, ' '), "TCP:"))
            continue;
        while (line.len > 0) {
            struct str word = str_cut(&line, ' '), number = str_cut(&line, ' ');
            uint64_t value;
            if (str_to_u64(number, &value) < 0)
                continue;
            if (str_is(word, "inuse")) {
                stats->has_net_tcp_active_connections = true;
                stats->net_tcp_active_connections = (double)value;
            } else if (str_is(word, "tw")) {
                stats->has_net_tcp_time_wait_connections = true;
                stats->net_tcp_time_wait_connections = (double)value;
            }
        }
    }
}

static void
set_number(ProtobufCMessage *message, struct str name, int64_t value)
{
    auto_free char *key = str_dup(name);
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(message->descriptor, key);
    if (!field || field->type != PROTOBUF_C_TYPE_INT64 || field->label != PROTOBUF_C_LABEL_OPTIONAL)
        return; /* a newer kernel counts more */
    memcpy((char *)message + field->offset, &value, sizeof value);
    *(protobuf_c_boolean *)(void *)((char *)message + field->quantifier_offset) = true;
}

static void
set_numbers(ProtobufCMessage *message, struct str names, struct str numbers)
{
    while (names.len > 0 && numbers.len > 0) {
        struct str name = str_cut(&names, ' ');
        int64_t value;
        if (str_to_i64(str_cut(&numbers, ' '), &value) == 0)
            set_number(message, name, value);
    }
}

void
statistics_snmp(Mesos__V1__ResourceStatistics *stats, struct arena *arena, struct str snmp)
{
    Mesos__V1__SNMPStatistics *all = arena_alloc(arena, sizeof *all);
    mesos__v1__snmpstatistics__init(all);
    all->ip_stats = arena_alloc(arena, sizeof *all->ip_stats);
    mesos__v1__ip_statistics__init(all->ip_stats);
    all->icmp_stats = arena_alloc(arena, sizeof *all->icmp_stats);
    mesos__v1__icmp_statistics__init(all->icmp_stats);
    all->tcp_stats = arena_alloc(arena, sizeof *all->tcp_stats);
    mesos__v1__tcp_statistics__init(all->tcp_stats);
    all->udp_stats = arena_alloc(arena, sizeof *all->udp_stats);
    mesos__v1__udp_statistics__init(all->udp_stats);
    while (snmp.len > 0) {
        struct str names = str_cut(&snmp, '\n'), numbers = str_cut(&snmp, '\n');
        struct str group = str_cut(&names, ' ');
        if (!str_eq(str_cut(&numbers, ' '), group))
            break;
        ProtobufCMessage *message = str_is(group, "Ip:") ? &all->ip_stats->base
                                    : str_is(group, "Icmp:") ? &all->icmp_stats->base
                                    : str_is(group, "Tcp:") ? &all->tcp_stats->base
                                    : str_is(group, "Udp:") ? &all->udp_stats->base : NULL;
        if (message)
            set_numbers(message, names, numbers);
    }
    stats->net_snmp_statistics = all;
}

void
statistics_rtts(Mesos__V1__ResourceStatistics *stats, const uint32_t *rtts, size_t count)
{
    if (count == 0)
        return;
#define SET(p) stats->has_net_tcp_rtt_microsecs_p##p = true, stats->net_tcp_rtt_microsecs_p##p = rtts[count * (p) / 100]
    SET(50);
    SET(90);
    SET(95);
    SET(99);
#undef SET
}

void
statistics_pack(const Mesos__V1__ResourceStatistics *stats, struct buf *out)
{
    size_t len = mesos__v1__resource_statistics__get_packed_size(stats);
    buf_added(out, mesos__v1__resource_statistics__pack(stats, (uint8_t *)buf_reserve(out, len)));
}
