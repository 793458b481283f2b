/* SPDX-License-Identifier: Apache-2.0 */
/* Links, addresses and routes; and the exchange of messages that queue.c and filter.c share. */
#include "netlink_inside.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/veth.h>
#include <netinet/tcp.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <sys/socket.h>

#ifndef NETLINK_EXT_ACK
#define NETLINK_EXT_ACK 11
#endif

struct net {
    struct nl_sock *sock;
};

struct exchange {
    int left; /* 1 = going on, 0 = done, negative = the kernel's error */
    char words[200]; /* the kernel's, when it says why */
    net_parse *parse;
    void *arg;
};

static int
open_socket(struct net **ret, int protocol, struct err *err)
{
    struct net *net = xcalloc(1, sizeof *net);
    net->sock = nl_socket_alloc();
    int rc = net->sock ? nl_connect(net->sock, protocol) : -NLE_NOMEM;
    if (rc < 0) {
        net_close(net);
        return err_set(err, -EIO, "cannot open a netlink socket: %s", nl_geterror(rc));
    }
    int on = 1; /* an old kernel gives a number only */
    setsockopt(nl_socket_get_fd(net->sock), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
    nl_socket_set_buffer_size(net->sock, 1 << 20, 0);
    nl_socket_set_msg_buf_size(net->sock, 1 << 16);
    *ret = net;
    return 0;
}

int
net_open(struct net **ret, struct err *err)
{
    return open_socket(ret, NETLINK_ROUTE, err);
}

void
net_close(struct net *net)
{
    if (!net)
        return;
    if (net->sock)
        nl_socket_free(net->sock);
    free(net);
}

/* libnl hands over the error message's body: the number, the header of what was asked, and attributes behind it. */
static void
take_words(struct exchange *exchange, const struct nlmsgerr *error)
{
    const struct nlmsghdr *answer = (const struct nlmsghdr *)(const void *)((const char *)error - NLMSG_HDRLEN);
    if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS))
        return;
    size_t skip = sizeof *error;
    if (!(answer->nlmsg_flags & NLM_F_CAPPED))
        skip += error->msg.nlmsg_len - sizeof error->msg;
    skip = NLMSG_ALIGN(skip);
    size_t body = answer->nlmsg_len - NLMSG_HDRLEN;
    if (skip >= body)
        return;
    const struct nlattr *words =
        nla_find((const struct nlattr *)(const void *)((const char *)error + skip), (int)(body - skip), NLMSGERR_ATTR_MSG);
    if (words)
        nla_strlcpy(exchange->words, words, sizeof exchange->words);
}

static int
on_error(struct sockaddr_nl *from, struct nlmsgerr *error, void *arg)
{
    struct exchange *exchange = arg;
    exchange->left = error->error < 0 ? error->error : -EIO;
    take_words(exchange, error);
    return NL_STOP;
}

static int
on_end(struct nl_msg *msg, void *arg)
{
    struct exchange *exchange = arg;
    exchange->left = 0;
    return NL_STOP;
}

static int
on_valid(struct nl_msg *msg, void *arg)
{
    const struct exchange *exchange = arg;
    if (exchange->parse)
        exchange->parse(nlmsg_hdr(msg), exchange->arg);
    return NL_OK;
}

struct nl_msg *
net_message(int type, int flags, const void *head, size_t len)
{
    struct nl_msg *msg = nlmsg_alloc_simple(type, flags);
    if (!msg || nlmsg_append(msg, (void *)(uintptr_t)head, len, NLMSG_ALIGNTO) < 0)
        abort(); /* out of memory, as everywhere */
    return msg;
}

void
net_put(struct nl_msg *msg, int type, const void *data, size_t len)
{
    if (nla_put(msg, type, (int)len, data) < 0)
        abort();
}

int
net_exchange(struct net *net, struct nl_msg *msg, net_parse *parse, void *arg, struct err *err)
{
    struct exchange exchange = {.left = 1, .parse = parse, .arg = arg};
    struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
    if (!cb)
        abort();
    nl_cb_err(cb, NL_CB_CUSTOM, on_error, &exchange);
    nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_end, &exchange);
    nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_end, &exchange);
    nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, &exchange);
    int rc = nl_send_auto(net->sock, msg);
    nlmsg_free(msg);
    while (rc >= 0 && exchange.left == 1)
        rc = nl_recvmsgs(net->sock, cb);
    nl_cb_put(cb);
    if (exchange.left == 1)
        return err_set(err, -EIO, "netlink: %s", nl_geterror(rc));
    if (exchange.left < 0 && exchange.words[0])
        return err_set(err, exchange.left, "%s (%s)", strerror(-exchange.left), exchange.words);
    return exchange.left < 0 ? err_set(err, exchange.left, "%s", strerror(-exchange.left)) : 0;
}

static void
read_counters(const struct nlattr *attribute, struct net_counters *ret)
{
    struct rtnl_link_stats64 stats;
    size_t len = (size_t)nla_len(attribute) < sizeof stats ? (size_t)nla_len(attribute) : sizeof stats;
    memset(&stats, 0, sizeof stats);
    memcpy(&stats, nla_data(attribute), len);
    *ret = (struct net_counters){stats.rx_packets, stats.rx_bytes, stats.rx_errors, stats.rx_dropped,
                                 stats.tx_packets, stats.tx_bytes, stats.tx_errors, stats.tx_dropped};
}

static bool
read_link(struct nlmsghdr *head, struct net_link *ret)
{
    struct nlattr *attributes[IFLA_MAX + 1];
    const struct ifinfomsg *info = nlmsg_data(head);
    if (head->nlmsg_type != RTM_NEWLINK || nlmsg_parse(head, sizeof *info, attributes, IFLA_MAX, NULL) < 0 ||
        !attributes[IFLA_IFNAME])
        return false;
    *ret = (struct net_link){.index = info->ifi_index, .up = info->ifi_flags & IFF_UP,
                             .loopback = info->ifi_flags & IFF_LOOPBACK};
    nla_strlcpy(ret->name, attributes[IFLA_IFNAME], sizeof ret->name);
    if (attributes[IFLA_ADDRESS] && nla_len(attributes[IFLA_ADDRESS]) == NET_MAC_LEN)
        memcpy(ret->mac, nla_data(attributes[IFLA_ADDRESS]), NET_MAC_LEN);
    if (attributes[IFLA_MTU])
        ret->mtu = nla_get_u32(attributes[IFLA_MTU]);
    if (attributes[IFLA_IFALIAS])
        nla_strlcpy(ret->alias, attributes[IFLA_IFALIAS], sizeof ret->alias);
    if (attributes[IFLA_STATS64])
        read_counters(attributes[IFLA_STATS64], &ret->counters);
    return true;
}

static void
take_link(struct nlmsghdr *head, void *arg)
{
    struct net_link *ret = arg, link;
    if (ret->index == 0 && read_link(head, &link))
        *ret = link;
}

int
net_link_find(struct net *net, const char *name, struct net_link *ret, struct err *err)
{
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
    struct net_link found = {0};
    if (strlen(name) >= IFNAMSIZ)
        return err_set(err, -ENODEV, "%s (names have at most %d letters)", strerror(ENODEV), IFNAMSIZ - 1);
    struct nl_msg *msg = net_message(RTM_GETLINK, 0, &info, sizeof info);
    net_put(msg, IFLA_IFNAME, name, strlen(name) + 1);
    int rc = net_exchange(net, msg, take_link, &found, err);
    if (rc < 0)
        return rc;
    if (found.index == 0)
        return err_set(err, -ENODEV, "%s", strerror(ENODEV));
    *ret = found;
    return 0;
}

struct links {
    void (*found)(void *arg, const struct net_link *link);
    void *arg;
};

static void
tell_link(struct nlmsghdr *head, void *arg)
{
    const struct links *links = arg;
    struct net_link link;
    if (read_link(head, &link))
        links->found(links->arg, &link);
}

int
net_links(struct net *net, void (*found)(void *arg, const struct net_link *link), void *arg, struct err *err)
{
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
    struct links links = {found, arg};
    return net_exchange(net, net_message(RTM_GETLINK, NLM_F_DUMP, &info, sizeof info), tell_link, &links, err);
}

int
net_link_set(struct net *net, int index, const uint8_t *mac, uint32_t mtu, bool up, struct err *err)
{
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = index};
    if (up)
        info.ifi_flags = info.ifi_change = IFF_UP;
    struct nl_msg *msg = net_message(RTM_NEWLINK, 0, &info, sizeof info);
    if (mac)
        net_put(msg, IFLA_ADDRESS, mac, NET_MAC_LEN);
    if (mtu)
        net_put(msg, IFLA_MTU, &mtu, sizeof mtu);
    return net_exchange(net, msg, NULL, NULL, err);
}

static void
put_end(struct nl_msg *msg, const char *name, const uint8_t *mac, uint32_t mtu)
{
    net_put(msg, IFLA_IFNAME, name, strlen(name) + 1);
    net_put(msg, IFLA_ADDRESS, mac, NET_MAC_LEN);
    net_put(msg, IFLA_MTU, &mtu, sizeof mtu);
}

int
net_veth_add(struct net *net, const char *name, const char *peer, int peer_ns_fd, const uint8_t *mac, uint32_t mtu,
             struct err *err)
{
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
    uint32_t fd = (uint32_t)peer_ns_fd;
    struct nl_msg *msg = net_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof info);
    put_end(msg, name, mac, mtu);
    struct nlattr *kind = nla_nest_start(msg, IFLA_LINKINFO);
    net_put(msg, IFLA_INFO_KIND, "veth", sizeof "veth");
    struct nlattr *data = nla_nest_start(msg, IFLA_INFO_DATA);
    struct nlattr *other = nla_nest_start(msg, VETH_INFO_PEER);
    if (nlmsg_append(msg, &info, sizeof info, NLMSG_ALIGNTO) < 0)
        abort();
    put_end(msg, peer, mac, mtu);
    net_put(msg, IFLA_NET_NS_FD, &fd, sizeof fd);
    nla_nest_end(msg, other);
    nla_nest_end(msg, data);
    nla_nest_end(msg, kind);
    return net_exchange(net, msg, NULL, NULL, err);
}

int
net_link_alias(struct net *net, int index, const char *alias, struct err *err)
{
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = index};
    struct nl_msg *msg = net_message(RTM_NEWLINK, 0, &info, sizeof info);
    net_put(msg, IFLA_IFALIAS, alias, strnlen(alias, 255));
    return net_exchange(net, msg, NULL, NULL, err);
}

int
net_link_remove(struct net *net, int index, struct err *err)
{
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = index};
    return net_exchange(net, net_message(RTM_DELLINK, 0, &info, sizeof info), NULL, NULL, err);
}

struct address_search {
    int index;
    bool found;
    struct net_address address;
};

static void
take_address(struct nlmsghdr *head, void *arg)
{
    struct address_search *search = arg;
    struct nlattr *attributes[IFA_MAX + 1];
    const struct ifaddrmsg *info = nlmsg_data(head);
    if (search->found || head->nlmsg_type != RTM_NEWADDR || (int)info->ifa_index != search->index ||
        (info->ifa_flags & IFA_F_SECONDARY) || nlmsg_parse(head, sizeof *info, attributes, IFA_MAX, NULL) < 0 ||
        !attributes[IFA_LOCAL] || nla_len(attributes[IFA_LOCAL]) != sizeof search->address.address)
        return;
    search->found = true;
    memcpy(&search->address.address, nla_data(attributes[IFA_LOCAL]), sizeof search->address.address);
    search->address.prefix = info->ifa_prefixlen;
}

int
net_address_find(struct net *net, int index, struct net_address *ret, struct err *err)
{
    struct ifaddrmsg info = {.ifa_family = AF_INET};
    struct address_search search = {.index = index};
    int rc =
        net_exchange(net, net_message(RTM_GETADDR, NLM_F_DUMP, &info, sizeof info), take_address, &search, err);
    if (rc == 0 && !search.found)
        rc = err_set(err, -EADDRNOTAVAIL, "it has no IPv4 address");
    if (rc == 0)
        *ret = search.address;
    return rc;
}

int
net_address_add(struct net *net, int index, const struct net_address *address, struct err *err)
{
    struct ifaddrmsg info = {.ifa_family = AF_INET, .ifa_prefixlen = address->prefix, .ifa_index = (uint32_t)index};
    uint32_t host = address->prefix >= 31 ? 0 : htonl(0xffffffffu >> address->prefix);
    struct in_addr broadcast = {address->address.s_addr | host};
    struct nl_msg *msg = net_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof info);
    net_put(msg, IFA_LOCAL, &address->address, sizeof address->address);
    net_put(msg, IFA_ADDRESS, &address->address, sizeof address->address);
    if (host)
        net_put(msg, IFA_BROADCAST, &broadcast, sizeof broadcast);
    return net_exchange(net, msg, NULL, NULL, err);
}

struct route_search {
    int index;
    uint32_t metric;
    struct in_addr gateway;
};

static void
take_route(struct nlmsghdr *head, void *arg)
{
    struct route_search *search = arg;
    struct nlattr *attributes[RTA_MAX + 1];
    const struct rtmsg *info = nlmsg_data(head);
    if (head->nlmsg_type != RTM_NEWROUTE || info->rtm_dst_len != 0 || info->rtm_type != RTN_UNICAST ||
        nlmsg_parse(head, sizeof *info, attributes, RTA_MAX, NULL) < 0 || !attributes[RTA_OIF])
        return;
    uint32_t table = attributes[RTA_TABLE] ? nla_get_u32(attributes[RTA_TABLE]) : info->rtm_table;
    uint32_t metric = attributes[RTA_PRIORITY] ? nla_get_u32(attributes[RTA_PRIORITY]) : 0;
    if (table != RT_TABLE_MAIN || (search->index != 0 && metric >= search->metric))
        return;
    *search = (struct route_search){.index = (int)nla_get_u32(attributes[RTA_OIF]), .metric = metric};
    if (attributes[RTA_GATEWAY] && nla_len(attributes[RTA_GATEWAY]) == sizeof search->gateway)
        memcpy(&search->gateway, nla_data(attributes[RTA_GATEWAY]), sizeof search->gateway);
}

int
net_default_route(struct net *net, int *ret_index, struct in_addr *ret_gateway, struct err *err)
{
    struct rtmsg info = {.rtm_family = AF_INET};
    struct route_search search = {0};
    int rc = net_exchange(net, net_message(RTM_GETROUTE, NLM_F_DUMP, &info, sizeof info), take_route, &search, err);
    if (rc == 0 && search.index == 0)
        rc = err_set(err, -ENOENT, "there is no default route");
    if (rc < 0)
        return rc;
    *ret_index = search.index;
    *ret_gateway = search.gateway;
    return 0;
}

int
net_default_route_add(struct net *net, int index, struct in_addr gateway, struct err *err)
{
    struct rtmsg info = {.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_BOOT,
                         .rtm_scope = gateway.s_addr ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK, .rtm_type = RTN_UNICAST};
    uint32_t oif = (uint32_t)index;
    if (gateway.s_addr)
        info.rtm_flags = RTNH_F_ONLINK; /* it may lie outside the address's network */
    struct nl_msg *msg = net_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof info);
    net_put(msg, RTA_OIF, &oif, sizeof oif);
    if (gateway.s_addr)
        net_put(msg, RTA_GATEWAY, &gateway, sizeof gateway);
    return net_exchange(net, msg, NULL, NULL, err);
}

struct rtts {
    uint32_t *items;
    size_t count, cap;
};

static void
take_rtt(struct nlmsghdr *head, void *arg)
{
    struct rtts *rtts = arg;
    struct nlattr *attributes[INET_DIAG_MAX + 1];
    const struct inet_diag_msg *info = nlmsg_data(head);
    struct tcp_info tcp;
    if (info->idiag_family != AF_INET || nlmsg_parse(head, sizeof *info, attributes, INET_DIAG_MAX, NULL) < 0 ||
        !attributes[INET_DIAG_INFO])
        return;
    size_t len = (size_t)nla_len(attributes[INET_DIAG_INFO]);
    memset(&tcp, 0, sizeof tcp);
    memcpy(&tcp, nla_data(attributes[INET_DIAG_INFO]), len < sizeof tcp ? len : sizeof tcp);
    if (tcp.tcpi_rtt == 0)
        return;
    if (rtts->count == rtts->cap) {
        rtts->cap = rtts->cap ? rtts->cap * 2 : 64;
        rtts->items = xrealloc(rtts->items, rtts->cap * sizeof *rtts->items);
    }
    rtts->items[rtts->count++] = tcp.tcpi_rtt;
}

static int
compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

int
net_tcp_rtts(uint32_t **ret, size_t *ret_count, struct err *err)
{
    struct inet_diag_req_v2 request = {.sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP,
                                       .idiag_ext = 1 << (INET_DIAG_INFO - 1), .idiag_states = UINT32_MAX};
    struct rtts rtts = {0};
    struct net *net;
    int rc = open_socket(&net, NETLINK_SOCK_DIAG, err);
    if (rc < 0)
        return rc;
    rc = net_exchange(net, net_message(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request, sizeof request), take_rtt, &rtts, err);
    net_close(net);
    if (rc < 0) {
        free(rtts.items);
        return rc;
    }
    if (rtts.count > 0)
        qsort(rtts.items, rtts.count, sizeof *rtts.items, compare);
    *ret = rtts.items;
    *ret_count = rtts.count;
    return 0;
}
