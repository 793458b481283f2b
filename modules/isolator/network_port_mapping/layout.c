/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of filters, and the steps from what is there to what is wanted. */
#include "layout.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <stdlib.h>

/* Words of a packet, counted from the IP header; the last one is right where the header has no options. */
enum { WORD_FRAGMENT = 4, WORD_PROTOCOL = 8, WORD_SOURCE = 12, WORD_DESTINATION = 16, WORD_PORTS = 20 };

/* The order in which they are asked: ARP, ICMP, the rest; high before normal before low. */
enum {
    PRIORITY_ARP = 0x0102,
    PRIORITY_ICMP_HIGH = 0x0201,
    PRIORITY_ICMP = 0x0202,
    PRIORITY_ICMP_LOW = 0x0203,
    PRIORITY_IP_HIGH = 0x0301,
    PRIORITY_IP = 0x0302,
    PRIORITY_IP_LOW = 0x0303,
    PRIORITY_DEFAULT = 0x0402,
};

#define LOOPBACK 0x7f000001u
#define ECHO_REQUEST 8u

bool
layout_ours(const struct net_filter *filter)
{
    switch (filter->priority) {
    case PRIORITY_ARP:
    case PRIORITY_ICMP_HIGH:
    case PRIORITY_ICMP:
    case PRIORITY_ICMP_LOW:
    case PRIORITY_IP_HIGH:
    case PRIORITY_IP:
    case PRIORITY_IP_LOW:
        return true;
    default:
        return false;
    }
}


static struct net_filter
filter_ip(uint16_t priority, enum net_verdict verdict, int target)
{
    return (struct net_filter){.priority = priority, .protocol = ETH_P_IP, .verdict = (uint8_t)verdict, .target = target};
}

static struct net_filter
filter_arp(enum net_verdict verdict, int target)
{
    struct net_filter filter = {.priority = PRIORITY_ARP, .protocol = ETH_P_ARP, .verdict = (uint8_t)verdict,
                                .target = target};
    net_filter_key(&filter, 0, 0, 0);
    return filter;
}

static struct net_filter
filter_icmp(uint16_t priority, enum net_verdict verdict, int target)
{
    struct net_filter filter = filter_ip(priority, verdict, target);
    net_filter_key(&filter, WORD_PROTOCOL, IPPROTO_ICMP << 16, 0x00ff0000);
    return filter;
}

static void
key_source_ports(struct net_filter *filter, const struct port_block *block)
{
    net_filter_key(filter, WORD_PORTS, block->begin << 16, (PORT_MAX & ~(block->size - 1)) << 16);
}

static void
key_destination_ports(struct net_filter *filter, const struct port_block *block)
{
    net_filter_key(filter, WORD_PORTS, block->begin, PORT_MAX & ~(block->size - 1));
}

/* Later fragments have no ports: what stands in their place is data. */
static void
key_no_fragment(struct net_filter *filter)
{
    net_filter_key(filter, WORD_FRAGMENT, 0, 0x1fff);
}

static void
key_destination(struct net_filter *filter, uint32_t address)
{
    net_filter_key(filter, WORD_DESTINATION, address, UINT32_MAX);
}

static uint32_t
address_of(const struct host_net *host)
{
    return ntohl(host->address.address.s_addr);
}

void
layout_veth(struct net_filters *ret, const struct host_net *host, const struct ports *ports)
{
    auto_free struct port_block *blocks = NULL;
    size_t count = ports_blocks(ports, &blocks);
    struct net_filter arp = filter_arp(NET_REDIRECT, host->eth0_index);
    struct net_filter icmp = filter_icmp(PRIORITY_ICMP, NET_REDIRECT, host->eth0_index);
    net_filters_push(ret, &arp);
    net_filters_push(ret, &icmp);
    for (size_t i = 0; i < count; i++) {
        struct net_filter out = filter_ip(PRIORITY_IP_LOW, NET_REDIRECT, host->eth0_index);
        net_filter_key(&out, WORD_SOURCE, address_of(host), UINT32_MAX);
        key_source_ports(&out, &blocks[i]);
        net_filters_push(ret, &out);
        struct net_filter here = filter_ip(PRIORITY_IP, NET_REDIRECT, host->lo_index);
        key_destination(&here, address_of(host));
        key_source_ports(&here, &blocks[i]);
        net_filters_push(ret, &here);
        struct net_filter loopback = filter_ip(PRIORITY_IP, NET_REDIRECT, host->lo_index);
        key_destination(&loopback, LOOPBACK);
        key_source_ports(&loopback, &blocks[i]);
        net_filters_push(ret, &loopback);
    }
}

void
layout_eth0_always(struct net_filters *ret, const struct host_net *host)
{
    /* The host answers a ping, not the host and each container. */
    struct net_filter echo = filter_icmp(PRIORITY_ICMP_HIGH, NET_PASS, 0);
    net_filter_key(&echo, WORD_PORTS, ECHO_REQUEST << 24, 0xff000000);
    net_filters_push(ret, &echo);
    /* After the copies: what stands where others have ports must not be taken for one. */
    struct net_filter icmp = filter_icmp(PRIORITY_ICMP_LOW, NET_PASS, 0);
    net_filters_push(ret, &icmp);
}

void
layout_eth0(struct net_filters *ret, const struct host_net *host, const struct ports *ports, int veth_index)
{
    auto_free struct port_block *blocks = NULL;
    size_t count = ports_blocks(ports, &blocks);
    struct net_filter arp = filter_arp(NET_COPY, veth_index);
    struct net_filter icmp = filter_icmp(PRIORITY_ICMP, NET_COPY, veth_index);
    key_destination(&icmp, address_of(host));
    net_filters_push(ret, &arp);
    net_filters_push(ret, &icmp);
    for (size_t i = 0; i < count; i++) {
        struct net_filter in = filter_ip(PRIORITY_IP, NET_REDIRECT, veth_index);
        key_destination(&in, address_of(host));
        key_destination_ports(&in, &blocks[i]);
        key_no_fragment(&in);
        net_filters_push(ret, &in);
    }
}

void
layout_lo(struct net_filters *ret, const struct ports *ports, int veth_index)
{
    auto_free struct port_block *blocks = NULL;
    size_t count = ports_blocks(ports, &blocks);
    for (size_t i = 0; i < count; i++) {
        struct net_filter in = filter_ip(PRIORITY_IP, NET_REDIRECT, veth_index);
        key_destination_ports(&in, &blocks[i]);
        key_no_fragment(&in);
        net_filters_push(ret, &in);
    }
}

void
layout_inside_eth0(struct net_filters *ret, const struct ports *ports, int lo_index)
{
    auto_free struct port_block *blocks = NULL;
    size_t count = ports_blocks(ports, &blocks);
    for (size_t i = 0; i < count; i++) {
        struct net_filter loopback = filter_ip(PRIORITY_IP, NET_REDIRECT, lo_index);
        key_destination(&loopback, LOOPBACK);
        key_destination_ports(&loopback, &blocks[i]);
        net_filters_push(ret, &loopback);
    }
}

void
layout_inside_lo(struct net_filters *ret, const struct host_net *host, const struct ports *ports, int eth0_index)
{
    auto_free struct port_block *blocks = NULL;
    size_t count = ports_blocks(ports, &blocks);
    struct net_filter icmp = filter_icmp(PRIORITY_ICMP, NET_PASS, 0);
    net_filters_push(ret, &icmp);
    for (size_t i = 0; i < count; i++) {
        struct net_filter own = filter_ip(PRIORITY_IP_HIGH, NET_PASS, 0);
        key_destination_ports(&own, &blocks[i]);
        net_filters_push(ret, &own);
    }
    struct net_filter others = filter_ip(PRIORITY_IP, NET_REDIRECT, eth0_index), loopback = others;
    key_destination(&others, address_of(host));
    key_destination(&loopback, LOOPBACK);
    net_filters_push(ret, &others);
    net_filters_push(ret, &loopback);
}

void
layout_flow(struct net_filters *ret, const struct ports *ports, uint32_t class_id)
{
    auto_free struct port_block *blocks = NULL;
    size_t count = ports_blocks(ports, &blocks);
    for (size_t i = 0; i < count; i++) {
        struct net_filter flow = filter_ip(PRIORITY_IP_LOW, NET_PASS, 0);
        flow.class_id = class_id;
        key_source_ports(&flow, &blocks[i]);
        net_filters_push(ret, &flow);
    }
}

void
layout_flow_always(struct net_filters *ret, uint32_t queue)
{
    struct net_filter icmp = filter_icmp(PRIORITY_ICMP, NET_PASS, 0), arp = filter_arp(NET_PASS, 0);
    struct net_filter rest = {.priority = PRIORITY_DEFAULT, .protocol = ETH_P_ALL, .verdict = NET_PASS};
    net_filter_key(&rest, 0, 0, 0);
    icmp.class_id = arp.class_id = queue | LAYOUT_FLOW_COMMON;
    rest.class_id = queue | LAYOUT_FLOW_HOST;
    net_filters_push(ret, &icmp);
    net_filters_push(ret, &arp);
    net_filters_push(ret, &rest);
}

void
layout_ports_of_veth(const struct net_filters *filters, struct ports *ret)
{
    for (size_t i = 0; i < filters->count; i++) {
        const struct net_filter *filter = &filters->items[i];
        const struct net_key *ports = filter->key_count ? &filter->keys[filter->key_count - 1] : NULL;
        if (filter->foreign || filter->priority != PRIORITY_IP_LOW || !ports || ports->offset != WORD_PORTS)
            continue;
        uint32_t begin = ntohl(ports->value) >> 16, wild = ~(ntohl(ports->mask) >> 16) & PORT_MAX;
        if ((wild & (wild + 1)) == 0 && (begin & wild) == 0)
            ports_add(ret, begin, begin + wild);
    }
}

static bool
has(const struct net_filters *filters, const struct net_filter *filter)
{
    for (size_t i = 0; i < filters->count; i++)
        if (net_filter_equal(&filters->items[i], filter))
            return true;
    return false;
}

static struct layout_count *
count_of(struct layout_counts *counts, const struct net_filter *filter)
{
    if (filter->priority == PRIORITY_ARP)
        return &counts->arp;
    return filter->priority < PRIORITY_IP_HIGH ? &counts->icmp : &counts->ip;
}

static int
add_missing(const struct layout_change *change, const struct net_filters *there, struct layout_counts *counts,
            struct err *err)
{
    for (size_t i = 0; i < change->wanted->count; i++) {
        const struct net_filter *filter = &change->wanted->items[i];
        if (has(there, filter)) {
            count_of(counts, filter)->present++;
            continue;
        }
        int rc = net_filter_add(change->net, change->index, change->parent, filter, err);
        if (rc < 0) {
            count_of(counts, filter)->add_failed++;
            return err_wrap(err, "filter of priority %#x", filter->priority);
        }
        count_of(counts, filter)->added++;
    }
    return 0;
}

/* Lists of which the last filter went: `left` says which of there are there still. */
static void
remove_empty_lists(const struct layout_change *change, const struct net_filters *there, const bool *left)
{
    for (size_t i = 0; i < there->count; i++) {
        const struct net_filter *gone = &there->items[i];
        bool used = left[i];
        for (size_t k = 0; k < there->count && !used; k++)
            used = there->items[k].priority == gone->priority && (left[k] || k < i); /* each list once */
        if (!used)
            net_filter_list_remove(change->net, change->index, change->parent, gone, NULL);
    }
}

static int
remove_rest(const struct layout_change *change, const struct net_filters *there, struct layout_counts *counts,
            struct err *err)
{
    int status = 0;
    auto_free bool *left = xcalloc(there->count + 1, sizeof *left);
    for (size_t i = 0; i < there->count; i++) {
        const struct net_filter *filter = &there->items[i];
        left[i] = true;
        if (filter->foreign || !layout_ours(filter) || !change->in_question(filter, change->arg) || has(change->wanted, filter))
            continue;
        struct err why = {0};
        int rc = net_filter_remove(change->net, change->index, change->parent, filter, &why);
        struct layout_count *count = count_of(counts, filter);
        left[i] = rc < 0 && rc != -ENOENT;
        count->removed += rc == 0;
        count->absent += rc == -ENOENT;
        count->remove_failed += rc < 0 && rc != -ENOENT;
        if (rc < 0 && rc != -ENOENT)
            status = err_set(err, rc, "filter of priority %#x: %s", filter->priority, why.text);
    }
    remove_empty_lists(change, there, left);
    return status;
}

int
layout_apply(const struct layout_change *change, struct layout_counts *counts, struct err *err)
{
    auto_filters struct net_filters there = {0};
    int rc = net_filters_read(change->net, change->index, change->parent, &there, err);
    if (rc == 0 && change->add)
        rc = add_missing(change, &there, counts, err);
    if (rc == 0 && change->remove)
        rc = remove_rest(change, &there, counts, err);
    return rc;
}
