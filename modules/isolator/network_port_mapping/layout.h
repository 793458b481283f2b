/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which filters make the host's address one that all containers share. `host` is the host's own link ("eth0"), `lo` its
 * loopback, `veth` the host's end of a container's cable; inside a container the other end has the host's link's name and
 * MAC, so that packets may be handed over as they are:
 *
 *   outside <-> host <-> veth <-> [host's name inside] <-> lo inside     and     lo <-> veth
 *
 * What arrives at host or lo for a port of a container goes to its veth. What a container sends from a port of its own goes
 * to lo when it is meant for this machine, else out of host. ICMP and ARP have no ports: every container gets a copy.
 * What fits nothing stays with the host's network, which takes no packet from a veth (its rp_filter is strict and no route
 * leads there). Knows no socket: it only writes lists of filters and compares them with what is there.
 */
#ifndef PORT_MAPPING_LAYOUT_H
#define PORT_MAPPING_LAYOUT_H

#include "netlink.h"
#include "ports.h"

/* The host's network as containers see it. */
struct host_net {
    char eth0[IFNAMSIZ], lo[IFNAMSIZ];
    int eth0_index, lo_index;
    uint8_t mac[NET_MAC_LEN];
    uint32_t mtu;
    struct net_address address;
    bool has_route;
    struct in_addr gateway; /* has_route; 0.0.0.0 = the link itself */
};

/* Finds them; names NULL: the link of the default route, the loopback link. */
int host_net_find(struct net *net, const char *eth0_name, const char *lo_name, struct host_net *ret, struct err *err);

/* Ours, by their priorities: nobody else's filters are touched. */
bool layout_ours(const struct net_filter *filter);

/* Each adds to ret what one link needs for a container with these ports. */
void layout_veth(struct net_filters *ret, const struct host_net *host, const struct ports *ports);
void layout_eth0(struct net_filters *ret, const struct host_net *host, const struct ports *ports, int veth_index);
void layout_lo(struct net_filters *ret, const struct ports *ports, int veth_index);
/* What eth0 needs as long as there is any container. */
void layout_eth0_always(struct net_filters *ret, const struct host_net *host);
/* Inside of a container, whose ends have these numbers. */
void layout_inside_eth0(struct net_filters *ret, const struct ports *ports, int lo_index);
void layout_inside_lo(struct net_filters *ret, const struct host_net *host, const struct ports *ports, int eth0_index);

/* Flows of fq_codel on the host's link: packets of these ports belong to that flow. */
enum { LAYOUT_FLOW_HOST = 1, LAYOUT_FLOW_COMMON = 2, LAYOUT_FLOW_FIRST = 3, LAYOUT_FLOW_LAST = 1023 };
void layout_flow(struct net_filters *ret, const struct ports *ports, uint32_t class_id);
void layout_flow_always(struct net_filters *ret, uint32_t queue);

/* The ports whose packets veth's filters let out: what a container has, as the kernel knows it. */
void layout_ports_of_veth(const struct net_filters *filters, struct ports *ret);

/* What happened to filters of one sort. */
struct layout_count {
    uint32_t added, present, removed, absent, add_failed, remove_failed;
};

struct layout_counts {
    struct layout_count ip, icmp, arp;
};

/*
 * Makes the filters of a queue those of `wanted`: adds what is missing, then removes what ours() says is in question and
 * nobody wants. The others are not touched, so that traffic goes on. Stops at the first error when adding; goes on when
 * removing. add or remove can be left out.
 */
struct layout_change {
    struct net *net;
    int index;
    uint32_t parent;
    const struct net_filters *wanted;
    bool (*in_question)(const struct net_filter *filter, const void *arg);
    const void *arg;
    bool add, remove;
};
int layout_apply(const struct layout_change *change, struct layout_counts *counts, struct err *err);

#endif
