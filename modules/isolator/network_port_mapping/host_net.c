/* SPDX-License-Identifier: Apache-2.0 */
/* The host's link, its address and where it sends what is not its own. */
#include "layout.h"

#include <errno.h>

struct search {
    int index; /* 0 = the loopback link */
    struct net_link found;
};

static void
on_link(void *arg, const struct net_link *link)
{
    struct search *search = arg;
    if (search->found.index == 0 && (search->index ? link->index == search->index : link->loopback))
        search->found = *link;
}

static int
find_lo(struct net *net, const char *name, struct net_link *ret, struct err *err)
{
    struct search search = {0};
    int rc;
    if (name) {
        rc = net_link_find(net, name, ret, err);
        if (rc < 0)
            return err_wrap(err, "option 'lo_name': there is no loopback interface '%s'", name);
        return ret->loopback ? 0 : err_set(err, -EINVAL, "option 'lo_name': '%s' is no loopback interface", name);
    }
    rc = net_links(net, on_link, &search, err);
    if (rc < 0)
        return rc;
    if (search.found.index == 0)
        return err_set(err, -ENODEV, "no loopback interface is there; name one with --lo_name");
    *ret = search.found;
    return 0;
}

static int
find_eth0(struct net *net, const char *name, struct host_net *host, struct net_link *ret, struct err *err)
{
    struct search search = {0};
    struct err why = {0};
    int rc = net_default_route(net, &search.index, &host->gateway, &why);
    if (!name && rc < 0)
        return err_set(err, rc, "no public interface is known, because %s; name one with --eth0_name", why.text);
    if (name && net_link_find(net, name, ret, err) < 0)
        return err_wrap(err, "option 'eth0_name': there is no interface '%s'", name);
    if (!name) {
        if ((rc = net_links(net, on_link, &search, err)) < 0)
            return rc;
        *ret = search.found;
    }
    host->has_route = ret->index != 0 && search.index == ret->index;
    if (ret->index == 0 || ret->loopback)
        return err_set(err, -ENODEV, "'%s' is no interface to the outside; name one with --eth0_name", ret->name);
    return 0;
}

int
host_net_find(struct net *net, const char *eth0_name, const char *lo_name, struct host_net *ret, struct err *err)
{
    struct host_net host = {0};
    struct net_link eth0 = {0}, lo = {0};
    int rc = find_eth0(net, eth0_name, &host, &eth0, err);
    if (rc < 0 || (rc = find_lo(net, lo_name, &lo, err)) < 0)
        return rc;
    if ((rc = net_address_find(net, eth0.index, &host.address, err)) < 0)
        return err_wrap(err, "public interface '%s'", eth0.name);
    memcpy(host.eth0, eth0.name, sizeof host.eth0);
    memcpy(host.lo, lo.name, sizeof host.lo);
    memcpy(host.mac, eth0.mac, sizeof host.mac);
    host.eth0_index = eth0.index;
    host.lo_index = lo.index;
    host.mtu = eth0.mtu;
    *ret = host;
    return 0;
}
