/* SPDX-License-Identifier: Apache-2.0 */
/* Sets a container's network up as the host's is: the same names, address, route and settings, other ports. */
#include "inside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/file.h"

/* Settings that containers have as the host has them: a new namespace begins with the kernel's. */
static const char *const COPIED[] = {
    "/proc/sys/net/core/somaxconn",
    "/proc/sys/net/core/netdev_max_backlog",
    "/proc/sys/net/core/rmem_max",
    "/proc/sys/net/core/wmem_max",
    "/proc/sys/net/ipv4/tcp_keepalive_time",
    "/proc/sys/net/ipv4/tcp_keepalive_intvl",
    "/proc/sys/net/ipv4/tcp_keepalive_probes",
    "/proc/sys/net/ipv4/tcp_max_syn_backlog",
    "/proc/sys/net/ipv4/tcp_rmem",
    "/proc/sys/net/ipv4/tcp_retries2",
    "/proc/sys/net/ipv4/tcp_synack_retries",
    "/proc/sys/net/ipv4/tcp_wmem",
    "/proc/sys/net/ipv4/neigh/default/gc_thresh1",
    "/proc/sys/net/ipv4/neigh/default/gc_thresh2",
    "/proc/sys/net/ipv4/neigh/default/gc_thresh3",
};

enum { COPIED_COUNT = sizeof COPIED / sizeof COPIED[0] };

static int
enter(struct err *err)
{
    return setns(INSIDE_NAMESPACE_FD, CLONE_NEWNET) == 0 ? 0 : err_errno(err, "cannot enter the network namespace");
}

static void
read_copied(char *values[COPIED_COUNT])
{
    for (size_t i = 0; i < COPIED_COUNT; i++) {
        auto_buf struct buf text = {0};
        values[i] = file_read(COPIED[i], 256, &text, NULL) == 0 ? buf_take(&text) : NULL;
    }
}

/* What is the whole kernel's is not there to write, or is what it is already. */
static void
write_copied(char *values[COPIED_COUNT])
{
    for (size_t i = 0; i < COPIED_COUNT; i++) {
        if (values[i])
            sysctl_write(COPIED[i], values[i], NULL);
        free(values[i]);
    }
}

static int
setting(const char *link, const char *name, const char *value, struct err *err)
{
    auto_free char *path = xasprintf("/proc/sys/net/ipv4/conf/%s/%s", link, name);
    return sysctl_write(path, value, err);
}

static int
settings(const struct inside *inside, struct err *err)
{
    const char *eth0 = inside->host.eth0, *lo = inside->host.lo;
    int rc;
    if (access("/proc/sys/net/ipv6/conf/all/disable_ipv6", F_OK) == 0 &&
        (rc = sysctl_write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1", err)) < 0)
        return rc;
    /* The host's address is everywhere: a packet from it may come from anywhere. */
    if ((rc = setting("all", "rp_filter", "0", err)) < 0 || (rc = setting(eth0, "rp_filter", "0", err)) < 0 ||
        (rc = setting(lo, "rp_filter", "0", err)) < 0 || (rc = setting(eth0, "accept_local", "1", err)) < 0 ||
        (rc = setting(lo, "accept_local", "1", err)) < 0 || (rc = setting(lo, "route_localnet", "1", err)) < 0)
        return rc;
    /* Who asks for the host's address is answered by the host. */
    if ((rc = setting(eth0, "arp_ignore", "8", err)) < 0 || (rc = setting("all", "send_redirects", "0", err)) < 0 ||
        (rc = setting(eth0, "send_redirects", "0", err)) < 0)
        return rc;
    if (inside->ephemeral.count == 0)
        return 0;
    auto_free char *range = xasprintf("%llu %llu", (unsigned long long)inside->ephemeral.items[0].begin,
                                      (unsigned long long)inside->ephemeral.items[0].end);
    return sysctl_write("/proc/sys/net/ipv4/ip_local_port_range", range, err);
}

/* Packets that other containers sent must not count as checked by a card: one that was damaged on its way would pass. */
static void
check_sums(const char *name)
{
    struct ethtool_value value = {.cmd = ETHTOOL_SRXCSUM, .data = 0};
    struct ifreq request = {0};
    auto_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(request.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
    request.ifr_data = (void *)&value;
    if (fd >= 0 && ioctl(fd, SIOCETHTOOL, &request) < 0)
        fprintf(stderr, "receive checksums of %s stay as they are: %s\n", name, strerror(errno));
}

static bool
any(const struct net_filter *filter, const void *arg)
{
    return true;
}

static int
apply(struct net *net, int index, const struct net_filters *wanted, struct err *err)
{
    struct layout_counts counts = {0};
    struct layout_change change = {net, index, NET_INGRESS, wanted, any, NULL, true, true};
    return layout_apply(&change, &counts, err);
}

static int
filters(struct net *net, const struct inside *inside, const struct net_link *eth0, const struct net_link *lo,
        struct err *err)
{
    auto_filters struct net_filters at_eth0 = {0};
    auto_filters struct net_filters at_lo = {0};
    layout_inside_eth0(&at_eth0, &inside->ports, lo->index);
    layout_inside_lo(&at_lo, &inside->host, &inside->ports, eth0->index);
    int rc = apply(net, eth0->index, &at_eth0, err);
    return rc < 0 ? rc : apply(net, lo->index, &at_lo, err);
}

static int
ends(struct net *net, const struct inside *inside, struct net_link *eth0, struct net_link *lo, struct err *err)
{
    if (net_link_find(net, inside->host.eth0, eth0, err) < 0)
        return err_wrap(err, "interface %s of the container", inside->host.eth0);
    if (net_link_find(net, inside->host.lo, lo, err) < 0)
        return err_wrap(err, "interface %s of the container", inside->host.lo);
    return 0;
}

static int
links(struct net *net, const struct inside *inside, const struct net_link *eth0, const struct net_link *lo,
      struct err *err)
{
    const struct host_net *host = &inside->host;
    int rc = net_link_set(net, lo->index, host->mac, host->mtu, true, err);
    if (rc < 0)
        return err_wrap(err, "cannot turn on %s", lo->name);
    check_sums(eth0->name);
    if ((rc = net_link_set(net, eth0->index, NULL, 0, true, err)) < 0)
        return err_wrap(err, "cannot turn on %s", eth0->name);
    if ((rc = net_address_add(net, eth0->index, &host->address, err)) < 0)
        return err_wrap(err, "cannot give %s its address", eth0->name);
    if (host->has_route && (rc = net_default_route_add(net, eth0->index, host->gateway, err)) < 0)
        return err_wrap(err, "cannot add the default route");
    return 0;
}

static int
set_up(struct net *net, const struct inside *inside, struct err *err)
{
    struct net_link eth0, lo;
    int rc = ends(net, inside, &eth0, &lo, err);
    if (rc < 0 || (rc = settings(inside, err)) < 0 || (rc = links(net, inside, &eth0, &lo, err)) < 0)
        return rc;
    if ((rc = net_ingress_add(net, lo.index, err)) < 0 || (rc = net_ingress_add(net, eth0.index, err)) < 0)
        return err_wrap(err, "ingress queue");
    if ((rc = filters(net, inside, &eth0, &lo, err)) < 0)
        return rc;
    return inside->egress.rate ? net_limit_set(net, eth0.index, &inside->egress, inside->limit_fq_codel, err) : 0;
}

int
inside_setup(const struct inside *inside, struct err *err)
{
    char *values[COPIED_COUNT];
    struct net *net;
    read_copied(values);
    int rc = enter(err);
    if (rc == 0)
        write_copied(values);
    if (rc < 0 || (rc = net_open(&net, err)) < 0)
        return rc;
    rc = set_up(net, inside, err);
    net_close(net);
    return rc;
}

int
inside_update(const struct inside *inside, struct err *err)
{
    struct net_link eth0, lo;
    struct net *net;
    int rc = enter(err);
    if (rc < 0 || (rc = net_open(&net, err)) < 0)
        return rc;
    if ((rc = ends(net, inside, &eth0, &lo, err)) == 0 && (rc = filters(net, inside, &eth0, &lo, err)) == 0 &&
        inside->egress.rate)
        rc = net_limit_set(net, eth0.index, &inside->egress, inside->limit_fq_codel, err);
    net_close(net);
    return rc;
}

/* The names of what fails, in the order in which one needs the other. */
static void
probe_links(struct net *net, struct buf *missing)
{
    const uint8_t mac[NET_MAC_LEN] = {2, 0, 0, 0, 0, 1};
    struct net_link link, other;
    struct net_limit limit = {.rate = 1000000};
    struct net_filter filter = {.priority = 10, .protocol = 0x0800, .verdict = NET_PASS};
    auto_fd int self = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    net_filter_key(&filter, 20, 0, 0);
    if (net_veth_add(net, "probe0", "probe1", self, mac, 1500, NULL) < 0 ||
        net_link_find(net, "probe0", &link, NULL) < 0 || net_link_find(net, "probe1", &other, NULL) < 0) {
        buf_puts(missing, "veth interfaces\n");
        return;
    }
    if (net_ingress_add(net, link.index, NULL) < 0)
        buf_puts(missing, "the queueing discipline ingress\n");
    else if (net_filter_add(net, link.index, NET_INGRESS, &filter, NULL) < 0)
        buf_puts(missing, "the classifier u32\n");
    filter.verdict = NET_REDIRECT;
    filter.target = other.index;
    if (missing->len == 0 && net_filter_add(net, link.index, NET_INGRESS, &filter, NULL) < 0)
        buf_puts(missing, "the action mirred\n");
    if (net_limit_set(net, link.index, &limit, false, NULL) < 0)
        buf_puts(missing, "the queueing discipline htb\n");
    if (net_fq_codel_add(net, other.index, NET_ROOT, NET_LIMIT_QUEUE, NULL) < 0)
        buf_puts(missing, "the queueing discipline fq_codel\n");
}

int
inside_probe(struct buf *missing, struct err *err)
{
    uint32_t *rtts = NULL;
    size_t count;
    struct net *net;
    if (unshare(CLONE_NEWNET) < 0) {
        buf_puts(missing, "network namespaces\n");
        return 0;
    }
    int rc = net_open(&net, err);
    if (rc < 0)
        return rc;
    probe_links(net, missing);
    net_close(net);
    if (net_tcp_rtts(&rtts, &count, NULL) < 0)
        buf_puts(missing, "socket diagnosis\n");
    free(rtts);
    if (access("/proc/sys/net/ipv4/conf/lo/route_localnet", F_OK) < 0)
        buf_puts(missing, "route_localnet\n");
    return 0;
}
