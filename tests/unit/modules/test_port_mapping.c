/* SPDX-License-Identifier: Apache-2.0 */
/* What isolator network/port_mapping decides without a kernel: ports and their blocks, options, filters, statistics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "isolator/network_port_mapping/layout.h"
#include "isolator/network_port_mapping/rates.h"
#include "isolator/network_port_mapping/settings.h"
#include "isolator/network_port_mapping/statistics.h"

static struct ports
ports_of(const char *text)
{
    struct ports ports = {0};
    assert_int_equal(ports_parse(&ports, str_of(text), NULL), 0);
    return ports;
}

static void
assert_ports(const struct ports *ports, const char *text)
{
    auto_buf struct buf out = {0};
    ports_format(&out, ports);
    assert_string_equal(buf_cstr(&out), text);
}

static void
test_sums(void **state)
{
    auto_ports struct ports all = ports_of("5-7,1-2,3-3,9-9"), less = ports_of("2-5"), more = ports_of("8-8,65535-65535");
    assert_ports(&all, "1-3,5-7,9-9");
    assert_int_equal(ports_size(&all), 7);
    ports_subtract(&all, &less);
    assert_ports(&all, "1-1,6-7,9-9");
    ports_add_all(&all, &more);
    assert_ports(&all, "1-1,6-9,65535-65535");
    ports_add(&all, 0, 65534);
    assert_ports(&all, "0-65535");
    auto_ports struct ports part = ports_of("6-8"), beside = ports_of("6-10");
    auto_ports struct ports some = ports_of("6-9,20-21");
    struct mesos_range common;
    assert_true(ports_contain(&some, &part) && !ports_contain(&some, &beside));
    assert_true(ports_equal(&some, &some) && !ports_equal(&some, &part));
    assert_true(ports_meet(&some, &beside, &common));
    assert_true(common.begin == 6 && common.end == 9);
    assert_false(ports_meet(&some, &(struct ports){0}, &common));
}

static void
test_bad_texts(void **state)
{
    static const char *const bad[] = {"1", "2-1", "1-65536", "-", ",", "1-2,x", "0x1-2", " 1-2", "1-2-3", "-1-2",
                                      "1-99999999999999999999"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct ports ports = {0};
        struct err err = {0};
        assert_true(ports_parse(&ports, str_of(bad[i]), &err) < 0);
        assert_non_null(strstr(err.text, "is no range of ports"));
    }
}

static void
test_resources(void **state)
{
    const struct mesos_range ranges[] = {{31000, 31003}, {31010, 31010}}, others[] = {{31004, 31005}}, far[] = {{1, 65536}};
    struct mesos_resource items[] = {
        {.name = "ports", .type = MESOS_VALUE_RANGES, .ranges = ranges, .range_count = 2},
        {.name = "cpus", .type = MESOS_VALUE_SCALAR, .scalar = 1000},
        {.name = "ports", .type = MESOS_VALUE_RANGES, .role = "r", .ranges = others, .range_count = 1},
        {.name = "disks", .type = MESOS_VALUE_RANGES, .ranges = far, .range_count = 1},
    };
    struct mesos_resources view = {sizeof items[0], ARRAY_LEN(items), items};
    auto_ports struct ports ports = {0};
    struct err err = {0};
    assert_int_equal(ports_of_resources(&ports, view, "ports", &err), 0);
    assert_ports(&ports, "31000-31005,31010-31010");
    assert_true(ports_of_resources(&ports, view, "disks", &err) < 0);
    assert_non_null(strstr(err.text, "1-65536"));
}

/* Each port is in exactly one block, and blocks are what they say. */
static void
check_blocks(const char *text, size_t expected)
{
    auto_ports struct ports ports = ports_of(text), covered = {0};
    struct port_block *blocks;
    size_t count = ports_blocks(&ports, &blocks), sum = 0;
    assert_int_equal(count, expected);
    for (size_t i = 0; i < count; i++) {
        assert_true(blocks[i].size > 0 && (blocks[i].size & (blocks[i].size - 1)) == 0);
        assert_int_equal(blocks[i].begin % blocks[i].size, 0);
        ports_add(&covered, blocks[i].begin, blocks[i].begin + blocks[i].size - 1);
        sum += blocks[i].size;
    }
    assert_true(ports_equal(&covered, &ports));
    assert_int_equal(sum, ports_size(&ports));
    free(blocks);
}

static void
test_blocks(void **state)
{
    check_blocks("", 0);
    check_blocks("32768-33791", 1);
    check_blocks("31000-31000", 1);
    check_blocks("31001-31002", 2);
    check_blocks("33000-33999", 7);
    check_blocks("1-65534", 30);
    check_blocks("0-65535", 1);
    check_blocks("31000-31009,32768-33279", 3);
}

static void
test_taking(void **state)
{
    auto_ports struct ports free_ports = ports_of("32770-33279,34000-36000");
    struct mesos_range range;
    assert_true(ports_take(&free_ports, 512, &range));
    assert_true(range.begin == 34304 && range.end == 34815); /* aligned */
    assert_true(ports_take(&free_ports, 300, &range));
    assert_true(range.begin == 32772 && range.end == 33071);
    assert_true(ports_take(&free_ports, 1024, &range));
    assert_int_equal(range.begin, 34816);
    assert_false(ports_take(&free_ports, 2048, &range));
    assert_false(ports_take(&free_ports, 0, &range));
}

/* ---- options ---- */

struct options {
    const char *pairs[32];
};

static const char *
option(const void *arg, const char *name)
{
    const struct options *options = arg;
    for (size_t i = 0; options->pairs[i]; i += 2)
        if (strcmp(options->pairs[i], name) == 0)
            return options->pairs[i + 1];
    return NULL;
}

#define PORTS "resources", "cpus:4;ports:[31000-32000];ephemeral_ports:[32768-57344]"
#define RANGE "57345\t60999\n"

static void
test_usual_settings(void **state)
{
    struct options options = {{PORTS}};
    struct settings settings;
    assert_int_equal(settings_read(&settings, option, &options, RANGE, NULL), 0);
    assert_ports(&settings.ports, "31000-32000");
    assert_ports(&settings.ephemeral, "32768-57344");
    assert_int_equal(settings.ephemeral_per_container, 1024);
    assert_true(settings.isolate_existing && !settings.unique_flow && !settings.rates);
    assert_int_equal(settings.flow_parent, NET_ROOT);
    assert_int_equal(settings_limit(&settings.egress, 4000).rate, 0);
    settings_fini(&settings);
    struct options fewer = {{"resources", "ephemeral_ports:[32768-57344]", "egress_flow_classifier_parent", "1f:2"}};
    assert_int_equal(settings_read(&settings, option, &fewer, RANGE, NULL), 0);
    assert_ports(&settings.ports, "31000-32000"); /* as the agent offers them */
    assert_int_equal(settings.flow_parent, 0x001f0002);
    settings_fini(&settings);
}

static void
refused(struct options options, const char *range, const char *const *words)
{
    struct settings settings;
    struct err err = {0};
    int rc = settings_read(&settings, option, &options, range, &err);
    if (rc == 0) {
        rc = settings_link(&settings, "eth7", 1250000000, &err);
        settings_fini(&settings);
    }
    assert_true(rc < 0);
    for (; *words; words++) {
        if (!strstr(err.text, *words))
            fail_msg("'%s' is not in: %s", *words, err.text);
    }
}

#define REFUSED(range, words, ...) refused((struct options){{__VA_ARGS__}}, range, (const char *const[]){words, NULL})
#define W(...) __VA_ARGS__

static void
test_refused_settings(void **state)
{
    REFUSED(RANGE, W("'resources'", "ephemeral_ports:[32768-57344]"), "resources", "ports:[31000-32000]");
    REFUSED(RANGE, W("'resources'", "ports"), "resources", "ports:{a}");
    REFUSED("32768\t60999\n", W("ip_local_port_range", "[32768-57344]", "32768-57344 in common"), PORTS);
    REFUSED("nonsense", W("ip_local_port_range", "nonsense"), PORTS);
    REFUSED(RANGE, W("resource ports", "[31500-33000]", "31500-32000"), "resources",
            "ports:[31000-32000];ephemeral_ports:[31500-33000]");
    REFUSED(RANGE, W("well known ports", "1000-1023"), "resources", "ephemeral_ports:[1000-3000]");
    REFUSED(RANGE, W("0 to 65535"), "resources", "ephemeral_ports:[40000-70000]");
    REFUSED(RANGE, W("'ephemeral_ports_per_container'", "15", "at least 16"), PORTS, "ephemeral_ports_per_container", "15");
    REFUSED(RANGE, W("'ephemeral_ports_per_container'", "-1"), PORTS, "ephemeral_ports_per_container", "-1");
    REFUSED(RANGE, W("'ephemeral_ports_per_container'", "70000"), PORTS, "ephemeral_ports_per_container", "70000");
    REFUSED(RANGE, W("'ephemeral_ports_per_container'", "30000", "24577"), PORTS, "ephemeral_ports_per_container", "30000");
    REFUSED(RANGE, W("'egress_rate_limit_per_container'", "fast"), PORTS, "egress_rate_limit_per_container", "fast");
    REFUSED(RANGE, W("'egress_rate_limit_per_container'", "eth7", "1250000000"), PORTS, "egress_rate_limit_per_container",
            "2GB");
    REFUSED(RANGE, W("'egress_rate_per_cpu'", "exclude"), PORTS, "egress_rate_limit_per_container", "1MB",
            "egress_rate_per_cpu", "1MB");
    REFUSED(RANGE, W("'ingress_rate_per_cpu'", "0B", "auto"), PORTS, "ingress_rate_per_cpu", "0B");
    REFUSED(RANGE, W("'minimum_egress_rate_limit'", "'egress_rate_per_cpu'"), PORTS, "minimum_egress_rate_limit", "1MB");
    REFUSED(RANGE, W("'minimum_ingress_rate_limit'", "maximum_ingress_rate_limit"), PORTS, "ingress_rate_per_cpu", "1MB",
            "minimum_ingress_rate_limit", "2MB", "maximum_ingress_rate_limit", "1MB");
    REFUSED(RANGE, W("'egress_ceil_limit'"), PORTS, "egress_ceil_limit", "1MB");
    REFUSED(RANGE, W("'ingress_burst'"), PORTS, "ingress_burst", "1MB");
    REFUSED(RANGE, W("'egress_ceil_limit'", "1024", "2048"), PORTS, "egress_rate_limit_per_container", "2KB",
            "egress_ceil_limit", "1KB");
    REFUSED(RANGE, W("'egress_flow_classifier_parent'", "top", "root, ingress"), PORTS, "egress_flow_classifier_parent",
            "top");
    REFUSED(RANGE, W("'egress_flow_classifier_parent'"), PORTS, "egress_flow_classifier_parent", "1:2:3");
    REFUSED(RANGE, W("'egress_flow_classifier_parent'"), PORTS, "egress_flow_classifier_parent", "ffff:1");
    REFUSED(RANGE, W("network_rate_statistics_window"), PORTS, "network_enable_rate_statistics", "true");
    REFUSED(RANGE, W("network_rate_statistics_interval"), PORTS, "network_enable_rate_statistics", "true",
            "network_rate_statistics_window", "1mins");
    REFUSED(RANGE, W("network_rate_statistics_interval", "longer"), PORTS, "network_enable_rate_statistics", "true",
            "network_rate_statistics_window", "1secs", "network_rate_statistics_interval", "2secs");
    REFUSED(RANGE, W("network_rate_statistics_interval", "100000"), PORTS, "network_enable_rate_statistics", "true",
            "network_rate_statistics_window", "1hrs", "network_rate_statistics_interval", "1ms");
}

static void
test_limits(void **state)
{
    struct options options = {{PORTS, "egress_rate_per_cpu", "1000000B", "maximum_egress_rate_limit", "3000000B",
                               "egress_ceil_limit", "2500000B", "ingress_rate_per_cpu", "auto"}};
    struct settings settings;
    struct err err = {0};
    assert_int_equal(settings_read(&settings, option, &options, RANGE, NULL), 0);
    assert_true(settings_link(&settings, "eth7", 0, &err) < 0); /* auto of what? */
    assert_non_null(strstr(err.text, "network_link_speed"));
    assert_int_equal(settings_link(&settings, "eth7", 1250000000, &err), 0);
    assert_int_equal(settings.ingress.per_cpu, 1250000000 / 4);
    struct net_limit limit = settings_limit(&settings.egress, 1500);
    assert_true(limit.rate == 1500000 && limit.ceil == 2500000);
    limit = settings_limit(&settings.egress, 10);
    assert_true(limit.rate == DEFAULT_MINIMUM_RATE && limit.ceil == 2500000);
    limit = settings_limit(&settings.egress, 64000);
    assert_true(limit.rate == 3000000 && limit.ceil == 3000000);
    settings_fini(&settings);
}

/* ---- filters ---- */

enum { ETH0 = 2, LO = 1, VETH = 9 };

struct packet {
    uint8_t words[40];
    uint16_t protocol;
};

static struct packet
packet_of(uint8_t ip_protocol, uint32_t source, uint32_t destination, uint16_t sport, uint16_t dport)
{
    struct packet packet = {.protocol = 0x0800};
    uint32_t words[] = {0x45000028, 0x00010000, 0x40000000u | (uint32_t)ip_protocol << 16, source, destination,
                        (uint32_t)sport << 16 | dport};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        uint32_t word = htonl(words[i]);
        memcpy(packet.words + 4 * i, &word, 4);
    }
    return packet;
}

/* What the kernel would do: the filters in order of their priorities; who gets it, and copies as bits of their numbers. */
static int
route(const struct net_filters *filters, const struct packet *packet, unsigned *ret_copies)
{
    *ret_copies = 0;
    for (unsigned priority = 0; priority < 0x500; priority++)
        for (size_t i = 0; i < filters->count; i++) {
            const struct net_filter *filter = &filters->items[i];
            bool fits = filter->priority == priority && filter->protocol == packet->protocol;
            for (uint8_t k = 0; fits && k < filter->key_count; k++) {
                uint32_t word;
                memcpy(&word, packet->words + filter->keys[k].offset, 4);
                fits = (word & filter->keys[k].mask) == filter->keys[k].value;
            }
            if (!fits)
                continue;
            if (filter->verdict == NET_COPY)
                *ret_copies |= 1u << filter->target;
            else
                return filter->verdict == NET_PASS ? 0 : filter->target;
        }
    return 0;
}

static int
route_ip(const struct net_filters *filters, uint8_t protocol, uint32_t source, uint32_t destination, uint16_t sport,
         uint16_t dport)
{
    struct packet packet = packet_of(protocol, source, destination, sport, dport);
    unsigned copies;
    int to = route(filters, &packet, &copies);
    return copies ? -(int)copies : to;
}

#define HOST_ADDRESS 0x0a4e0001u
#define FAR_ADDRESS 0x0a4e0002u
#define LOCAL 0x7f000001u

static struct host_net
host_of(void)
{
    struct host_net host = {.eth0 = "eth0", .lo = "lo", .eth0_index = ETH0, .lo_index = LO};
    host.address = (struct net_address){{htonl(HOST_ADDRESS)}, 24};
    return host;
}

static void
test_ways_of_packets(void **state)
{
    struct host_net host = host_of();
    auto_ports struct ports ports = ports_of("31000-31002,33000-33999");
    auto_filters struct net_filters veth = {0};
    auto_filters struct net_filters eth0 = {0};
    auto_filters struct net_filters lo = {0};
    layout_veth(&veth, &host, &ports);
    layout_eth0(&eth0, &host, &ports, VETH);
    layout_eth0_always(&eth0, &host);
    layout_lo(&lo, &ports, VETH);
    /* In. */
    for (unsigned port = 0; port <= PORT_MAX; port++) {
        bool own = (port >= 31000 && port <= 31002) || (port >= 33000 && port <= 33999);
        assert_int_equal(route_ip(&eth0, 6, FAR_ADDRESS, HOST_ADDRESS, 5, (uint16_t)port), own ? VETH : 0);
        assert_int_equal(route_ip(&lo, 17, LOCAL, LOCAL, 5, (uint16_t)port), own ? VETH : 0);
        assert_int_equal(route_ip(&veth, 6, HOST_ADDRESS, FAR_ADDRESS, (uint16_t)port, 80), own ? ETH0 : 0);
        assert_int_equal(route_ip(&veth, 6, HOST_ADDRESS, HOST_ADDRESS, (uint16_t)port, 80), own ? LO : 0);
        assert_int_equal(route_ip(&veth, 17, LOCAL, LOCAL, (uint16_t)port, 80), own ? LO : 0);
    }
    assert_int_equal(route_ip(&eth0, 6, FAR_ADDRESS, FAR_ADDRESS, 5, 31000), 0); /* not for us */
    assert_int_equal(route_ip(&veth, 6, FAR_ADDRESS, FAR_ADDRESS, 31000, 5), 0); /* not from it */
    struct packet fragment = packet_of(17, FAR_ADDRESS, HOST_ADDRESS, 5, 31000);
    unsigned copies;
    fragment.words[7] = 3;
    assert_int_equal(route(&eth0, &fragment, &copies), 0);
    /* ICMP and ARP. A checksum must not count as a port. */
    assert_int_equal(route_ip(&eth0, 1, FAR_ADDRESS, HOST_ADDRESS, 0, 31000), -(1 << VETH));
    assert_int_equal(route_ip(&eth0, 1, FAR_ADDRESS, HOST_ADDRESS, 8 << 8, 31000), 0); /* the host answers pings */
    assert_int_equal(route_ip(&veth, 1, HOST_ADDRESS, FAR_ADDRESS, 8 << 8, 0), ETH0);
    struct packet arp = {.protocol = 0x0806};
    assert_int_equal(route(&eth0, &arp, &copies), 0);
    assert_int_equal(copies, 1u << VETH);
    assert_int_equal(route(&veth, &arp, &copies), ETH0);
    /* What the cable tells of the container's ports. */
    auto_ports struct ports told = {0};
    layout_ports_of_veth(&veth, &told);
    assert_true(ports_equal(&told, &ports));
    for (size_t i = 0; i < veth.count; i++)
        assert_true(layout_ours(&veth.items[i]));
}

static void
test_ways_inside(void **state)
{
    struct host_net host = host_of();
    auto_ports struct ports ports = ports_of("31000-31003");
    auto_filters struct net_filters eth0 = {0};
    auto_filters struct net_filters lo = {0};
    layout_inside_eth0(&eth0, &ports, LO);
    layout_inside_lo(&lo, &host, &ports, ETH0);
    assert_int_equal(route_ip(&lo, 6, HOST_ADDRESS, HOST_ADDRESS, 5, 31001), 0); /* its own stay */
    assert_int_equal(route_ip(&lo, 6, LOCAL, LOCAL, 5, 31001), 0);
    assert_int_equal(route_ip(&lo, 6, HOST_ADDRESS, HOST_ADDRESS, 31001, 5051), ETH0); /* others' leave */
    assert_int_equal(route_ip(&lo, 6, LOCAL, LOCAL, 31001, 5051), ETH0);
    assert_int_equal(route_ip(&lo, 6, LOCAL, LOCAL + 1, 31001, 5051), 0);
    assert_int_equal(route_ip(&lo, 1, LOCAL, LOCAL, 8 << 8, 0), 0);
    assert_int_equal(route_ip(&eth0, 6, LOCAL, LOCAL, 5, 31001), LO);
    assert_int_equal(route_ip(&eth0, 6, FAR_ADDRESS, HOST_ADDRESS, 5, 31001), 0);
}

/* ---- statistics ---- */

static void
test_proc_statistics(void **state)
{
    Mesos__V1__ResourceStatistics stats;
    auto_arena struct arena *arena = arena_new(0);
    mesos__v1__resource_statistics__init(&stats);
    statistics_sockets(&stats, STR_LIT("sockets: used 5\nTCP: inuse 33 orphan 0 tw 4 alloc 37 mem 6\nUDP: inuse 15 mem 7\n"));
    assert_true(stats.net_tcp_active_connections == 33 && stats.net_tcp_time_wait_connections == 4);
    statistics_snmp(&stats, arena,
                    STR_LIT("Ip: Forwarding DefaultTTL Unheard\nIp: 2 64 9\nIcmp: InMsgs\nIcmp: 7\nIcmpMsg: InType3\n"
                            "IcmpMsg: 3\nTcp: MaxConn RetransSegs\nTcp: -1 11\nUdp: NoPorts\nUdp: x\n"));
    assert_true(stats.net_snmp_statistics->ip_stats->forwarding == 2 && stats.net_snmp_statistics->ip_stats->defaultttl == 64);
    assert_true(stats.net_snmp_statistics->icmp_stats->inmsgs == 7);
    assert_true(stats.net_snmp_statistics->tcp_stats->maxconn == -1 && stats.net_snmp_statistics->tcp_stats->retranssegs == 11);
    assert_false(stats.net_snmp_statistics->udp_stats->has_noports);
    statistics_snmp(&stats, arena, STR_LIT("Ip: Forwarding\nTcp: 1\nrubbish"));
    assert_false(stats.net_snmp_statistics->ip_stats->has_forwarding);
    uint32_t rtts[100];
    for (uint32_t i = 0; i < 100; i++)
        rtts[i] = i;
    statistics_rtts(&stats, rtts, 100);
    assert_true(stats.net_tcp_rtt_microsecs_p50 == 50 && stats.net_tcp_rtt_microsecs_p99 == 99);
    struct net_queue queue = {.kind = "htb", .bytes = 10, .overlimits = 3};
    statistics_queue(&stats, arena, "bw_limit", &queue);
    statistics_queue(&stats, arena, "bloat_reduction", &queue);
    assert_int_equal(stats.n_net_traffic_control_statistics, 2);
    assert_string_equal(stats.net_traffic_control_statistics[0]->id, "bw_limit");
    auto_buf struct buf packed = {0};
    statistics_pack(&stats, &packed);
    assert_true(packed.len > 50);
}

static void
test_rates(void **state)
{
    auto_arena struct arena *arena = arena_new(0);
    struct rates *rates = rates_new(1000, 100);
    struct net_counters counters = {0};
    assert_null(rates_statistics(rates, 0, arena)->rx_rate);
    for (int i = 0; i <= 30; i++) {
        rates_sample(rates, i * 100, &counters);
        counters.tx_bytes += 1000; /* what the host's end sends the container receives */
        counters.rx_packets += i < 25 ? 1 : 11;
    }
    const Mesos__V1__ResourceStatistics__RateStatistics *all = rates_statistics(rates, 3000, arena);
    assert_true(all->rx_rate->samples == 10 && all->rx_rate->min == 10000 && all->rx_rate->max == 10000);
    assert_true(all->tx_packet_rate->min == 10 && all->tx_packet_rate->max == 110 && all->tx_packet_rate->p50 == 60);
    assert_true(all->sampling_window_secs == 1 && all->sampling_interval_secs == 0.1);
    counters = (struct net_counters){0}; /* began anew */
    rates_sample(rates, 3100, &counters);
    rates_sample(rates, 3100, &counters);
    all = rates_statistics(rates, 3100, arena);
    assert_true(all->rx_rate->min == 0 && all->rx_rate->samples == 10);
    assert_null(rates_statistics(rates, 9000, arena)->rx_rate);
    rates_free(rates);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_bad_texts),
        cmocka_unit_test(test_resources),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_taking),
        cmocka_unit_test(test_usual_settings),
        cmocka_unit_test(test_refused_settings),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_ways_of_packets),
        cmocka_unit_test(test_ways_inside),
        cmocka_unit_test(test_proc_statistics),
        cmocka_unit_test(test_rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
