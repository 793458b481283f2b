/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's network of one namespace, spoken to through libnl: links, addresses, routes, queues and filters. Used by
 * the isolator network/port_mapping (from offloaded work) and by its helper inside containers. Calls block for as long
 * as the kernel takes; they return 0 or a negative errno with one sentence, the kernel's own words in it.
 */
#ifndef PORT_MAPPING_NETLINK_H
#define PORT_MAPPING_NETLINK_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include "base/err.h"

struct net;

#define NET_MAC_LEN 6

/* A socket of the namespace in which the calling thread is; it stays with that namespace. */
int net_open(struct net **ret, struct err *err);
void net_close(struct net *net);

struct net_counters {
    uint64_t rx_packets, rx_bytes, rx_errors, rx_dropped, tx_packets, tx_bytes, tx_errors, tx_dropped;
};

struct net_link {
    int index;
    char name[IFNAMSIZ];
    uint8_t mac[NET_MAC_LEN];
    uint32_t mtu;
    bool up, loopback;
    char alias[256];
    struct net_counters counters;
};

/* -ENODEV when there is none of that name. */
int net_link_find(struct net *net, const char *name, struct net_link *ret, struct err *err);
int net_links(struct net *net, void (*found)(void *arg, const struct net_link *link), void *arg, struct err *err);
/* mac NULL and mtu 0: as it is. Turns it on when up. */
int net_link_set(struct net *net, int index, const uint8_t *mac, uint32_t mtu, bool up, struct err *err);
/* A pair of virtual cables, both down: `name` here and `peer` in the namespace that peer_ns_fd is open on. -EEXIST. */
int net_veth_add(struct net *net, const char *name, const char *peer, int peer_ns_fd, const uint8_t *mac, uint32_t mtu,
                 struct err *err);
int net_link_alias(struct net *net, int index, const char *alias, struct err *err);
int net_link_remove(struct net *net, int index, struct err *err);

struct net_address {
    struct in_addr address;
    uint8_t prefix;
};

/* The first IPv4 address of the link; -EADDRNOTAVAIL when it has none. */
int net_address_find(struct net *net, int index, struct net_address *ret, struct err *err);
int net_address_add(struct net *net, int index, const struct net_address *address, struct err *err);
/* The IPv4 default route with the smallest metric: its link and gateway (0.0.0.0 = none). -ENOENT. */
int net_default_route(struct net *net, int *ret_index, struct in_addr *ret_gateway, struct err *err);
int net_default_route_add(struct net *net, int index, struct in_addr gateway, struct err *err);

/* Handles of traffic control. */
#define NET_HANDLE(major, minor) ((uint32_t)(major) << 16 | (uint32_t)(minor))
#define NET_INGRESS NET_HANDLE(0xffff, 0)
#define NET_ROOT 0xffffffffu
#define NET_INGRESS_PARENT 0xfffffff1u
#define NET_LIMIT_QUEUE NET_HANDLE(1, 0)
#define NET_LIMIT_CLASS NET_HANDLE(1, 1)

/* 0 also when the link has an ingress queue already. */
int net_ingress_add(struct net *net, int index, struct err *err);
/* -EEXIST; -ENOENT when the kernel does not know the kind. */
int net_fq_codel_add(struct net *net, int index, uint32_t parent, uint32_t handle, struct err *err);

struct net_queue {
    char kind[16];
    uint32_t handle;
    uint64_t backlog, bytes, drops, overlimits, packets, qlen, ratebps, ratepps, requeues;
};

/* The queue at `parent`; -ENOENT when there is none. */
int net_queue_find(struct net *net, int index, uint32_t parent, struct net_queue *ret, struct err *err);

/* Bytes a second on average and at most, and how many bytes may go at most's speed. rate 0 = no limit. */
struct net_limit {
    uint64_t rate, ceil, burst;
};

/* What the link may send; changes a limit of ours that is there. fq_codel: its queue is one where the kernel has it. */
int net_limit_set(struct net *net, int index, const struct net_limit *limit, bool fq_codel, struct err *err);
int net_limit_find(struct net *net, int index, struct net_limit *ret, struct err *err); /* none: rate 0 */

/* One 32-bit word of a packet, counted from the IP header: bytes of value and mask as in the packet. */
struct net_key {
    uint32_t value, mask;
    int32_t offset;
};

enum { NET_KEYS_MAX = 4 };

enum net_verdict {
    NET_PASS, /* no further filter is asked */
    NET_REDIRECT, /* out of the target link */
    NET_COPY, /* out of the target link, and further filters are asked too */
};

struct net_filter {
    uint16_t priority; /* lower ones are asked first */
    uint16_t protocol; /* ETH_P_... */
    uint8_t verdict; /* enum net_verdict */
    uint8_t key_count;
    int target; /* index of a link; 0: none, or it is gone */
    uint32_t class_id; /* of the queue that the packet goes to; 0 = none */
    struct net_key keys[NET_KEYS_MAX];
    uint32_t handle; /* of one that is there */
    bool foreign; /* of one that is there: it has another shape than ours, and nothing but its priority is told */
};

struct net_filters {
    struct net_filter *items;
    size_t count, cap;
};

void net_filters_fini(struct net_filters *filters);
#define auto_filters __attribute__((cleanup(net_filters_fini)))
struct net_filter *net_filters_push(struct net_filters *filters, const struct net_filter *filter);
void net_filter_key(struct net_filter *filter, int32_t offset, uint32_t value, uint32_t mask); /* in host order */

/* All of kind u32 at a queue. Ours have a few keys and at most one redirection. */
int net_filters_read(struct net *net, int index, uint32_t parent, struct net_filters *ret, struct err *err);
int net_filter_add(struct net *net, int index, uint32_t parent, const struct net_filter *filter, struct err *err);
int net_filter_remove(struct net *net, int index, uint32_t parent, const struct net_filter *filter, struct err *err);
/* The whole list of filters of that priority and protocol: the kernel keeps an empty one. */
int net_filter_list_remove(struct net *net, int index, uint32_t parent, const struct net_filter *of, struct err *err);
/* The same but for the handle. */
bool net_filter_equal(const struct net_filter *a, const struct net_filter *b);

/* Round trip times of all TCP connections over IPv4 in microseconds, sorted; the caller frees. */
int net_tcp_rtts(uint32_t **ret, size_t *ret_count, struct err *err);

#endif
