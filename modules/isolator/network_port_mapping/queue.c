/* SPDX-License-Identifier: Apache-2.0 */
/* Queues of links: the one of arriving packets that filters hang on, and the one that limits what leaves. */
#include "netlink_inside.h"

#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#define TICK_NS 64 /* the unit of times in traffic control */
/* How long the average speed may be saved up when nobody says: what is not sent because a busy machine came late to it
 * would be lost otherwise. */
#define BURST_MS 40
/* How long packets may wait where the kernel has no better queue than a plain one, and how many bytes may in any case. */
#define WAIT_MS 100
#define WAIT_BYTES (256u << 10)
#define LEAF NET_HANDLE(2, 0)

static struct nl_msg *
message(int type, int flags, int index, uint32_t parent, uint32_t handle, const char *kind)
{
    struct tcmsg head = {.tcm_family = AF_UNSPEC, .tcm_ifindex = index, .tcm_parent = parent, .tcm_handle = handle};
    struct nl_msg *msg = net_message(type, flags, &head, sizeof head);
    if (kind)
        net_put(msg, TCA_KIND, kind, strlen(kind) + 1);
    return msg;
}

int
net_ingress_add(struct net *net, int index, struct err *err)
{
    struct err why = {0};
    int rc = net_exchange(net, message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, index, NET_INGRESS_PARENT, NET_INGRESS,
                                       "ingress"), NULL, NULL, &why);
    return rc == 0 || rc == -EEXIST ? 0 : err_set(err, rc, "%s", why.text);
}

int
net_fq_codel_add(struct net *net, int index, uint32_t parent, uint32_t handle, struct err *err)
{
    struct nl_msg *msg = message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, index, parent, handle, "fq_codel");
    uint32_t ecn = 1;
    struct nlattr *options = nla_nest_start(msg, TCA_OPTIONS);
    net_put(msg, TCA_FQ_CODEL_ECN, &ecn, sizeof ecn);
    nla_nest_end(msg, options);
    return net_exchange(net, msg, NULL, NULL, err);
}

static void
copy(void *to, size_t size, const struct nlattr *from)
{
    memcpy(to, nla_data(from), (size_t)nla_len(from) < size ? (size_t)nla_len(from) : size);
}

static void
read_stats(struct nlattr *attribute, struct net_queue *ret)
{
    struct nlattr *stats[TCA_STATS_MAX + 1];
    struct gnet_stats_basic basic = {0};
    struct gnet_stats_queue queue = {0};
    struct gnet_stats_rate_est rate = {0};
    if (nla_parse_nested(stats, TCA_STATS_MAX, attribute, NULL) < 0)
        return;
    if (stats[TCA_STATS_BASIC])
        copy(&basic, sizeof basic, stats[TCA_STATS_BASIC]);
    if (stats[TCA_STATS_QUEUE])
        copy(&queue, sizeof queue, stats[TCA_STATS_QUEUE]);
    if (stats[TCA_STATS_RATE_EST])
        copy(&rate, sizeof rate, stats[TCA_STATS_RATE_EST]);
    ret->bytes = basic.bytes;
    ret->packets = basic.packets;
    ret->backlog = queue.backlog;
    ret->drops = queue.drops;
    ret->overlimits = queue.overlimits;
    ret->qlen = queue.qlen;
    ret->requeues = queue.requeues;
    ret->ratebps = rate.bps;
    ret->ratepps = rate.pps;
}

static void
take_queue(struct nlmsghdr *head, void *arg)
{
    struct net_queue *ret = arg;
    struct nlattr *attributes[TCA_MAX + 1];
    const struct tcmsg *info = nlmsg_data(head);
    if (head->nlmsg_type != RTM_NEWQDISC || nlmsg_parse(head, sizeof *info, attributes, TCA_MAX, NULL) < 0 ||
        !attributes[TCA_KIND])
        return;
    ret->handle = info->tcm_handle;
    nla_strlcpy(ret->kind, attributes[TCA_KIND], sizeof ret->kind);
    if (attributes[TCA_STATS2])
        read_stats(attributes[TCA_STATS2], ret);
}

/* NLM_F_ECHO: a question about one queue is answered to everybody who listens for news, and so to who asked. */
int
net_queue_find(struct net *net, int index, uint32_t parent, struct net_queue *ret, struct err *err)
{
    struct net_queue queue = {0};
    int rc = net_exchange(net, message(RTM_GETQDISC, NLM_F_ECHO, index, parent, 0, NULL), take_queue, &queue, err);
    if (rc < 0)
        return rc;
    if (!queue.kind[0])
        return err_set(err, -ENOENT, "no queue is there");
    *ret = queue;
    return 0;
}

/* How long so many bytes take at that speed. */
static uint32_t
ticks(uint64_t bytes, uint64_t rate)
{
    double ticks = (double)bytes * 1e9 / (double)rate / TICK_NS;
    return ticks >= UINT32_MAX ? UINT32_MAX : ticks < 1 ? 1 : (uint32_t)ticks;
}

static void
put_class(struct nl_msg *msg, const struct net_limit *limit)
{
    uint64_t ceil = limit->ceil > limit->rate ? limit->ceil : limit->rate;
    uint64_t burst = limit->burst ? limit->burst : limit->rate * BURST_MS / 1000 + 2000;
    uint64_t peak = ceil == limit->rate ? burst : ceil * BURST_MS / 1000 + 2000;
    uint64_t quantum = limit->rate / 10;
    struct tc_htb_opt options = {
        .rate = {.linklayer = TC_LINKLAYER_ETHERNET, .rate = limit->rate > UINT32_MAX ? UINT32_MAX : (uint32_t)limit->rate},
        .ceil = {.linklayer = TC_LINKLAYER_ETHERNET, .rate = ceil > UINT32_MAX ? UINT32_MAX : (uint32_t)ceil},
        .buffer = ticks(burst, limit->rate),
        .cbuffer = ticks(peak, ceil),
        .quantum = quantum < 1600 ? 1600 : quantum > 60000 ? 60000 : (uint32_t)quantum,
    };
    struct nlattr *nest = nla_nest_start(msg, TCA_OPTIONS);
    net_put(msg, TCA_HTB_PARMS, &options, sizeof options);
    if (limit->rate > UINT32_MAX)
        net_put(msg, TCA_HTB_RATE64, &limit->rate, sizeof limit->rate);
    if (ceil > UINT32_MAX)
        net_put(msg, TCA_HTB_CEIL64, &ceil, sizeof ceil);
    nla_nest_end(msg, nest);
}

static int
add_root(struct net *net, int index, struct err *err)
{
    struct tc_htb_glob global = {.version = 3, .rate2quantum = 10, .defcls = NET_LIMIT_CLASS & 0xffff};
    struct nl_msg *msg = message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, index, NET_ROOT, NET_LIMIT_QUEUE, "htb");
    struct nlattr *nest = nla_nest_start(msg, TCA_OPTIONS);
    net_put(msg, TCA_HTB_INIT, &global, sizeof global);
    nla_nest_end(msg, nest);
    return net_exchange(net, msg, NULL, NULL, err);
}

/* A queue of the kernel's usual length would hold seconds of packets, and answers among them. */
static int
add_fifo(struct net *net, int index, const struct net_limit *limit, struct err *err)
{
    uint64_t bytes = limit->rate * WAIT_MS / 1000;
    struct tc_fifo_qopt options = {.limit = bytes < WAIT_BYTES ? WAIT_BYTES : bytes > INT32_MAX ? INT32_MAX : (uint32_t)bytes};
    struct nl_msg *msg = message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, index, NET_LIMIT_CLASS, LEAF, "bfifo");
    net_put(msg, TCA_OPTIONS, &options, sizeof options);
    return net_exchange(net, msg, NULL, NULL, err);
}

static int
add_leaf(struct net *net, int index, const struct net_limit *limit, bool fq_codel, struct err *err)
{
    struct net_queue leaf;
    if (!fq_codel)
        return add_fifo(net, index, limit, err);
    if (net_queue_find(net, index, NET_LIMIT_CLASS, &leaf, NULL) == 0 && strcmp(leaf.kind, "fq_codel") == 0)
        return 0;
    return net_fq_codel_add(net, index, NET_LIMIT_CLASS, LEAF, err);
}

int
net_limit_set(struct net *net, int index, const struct net_limit *limit, bool fq_codel, struct err *err)
{
    struct net_queue root;
    int rc = net_queue_find(net, index, NET_ROOT, &root, NULL);
    bool there = rc == 0 && strcmp(root.kind, "htb") == 0 && root.handle == NET_LIMIT_QUEUE;
    if (!there && (rc = add_root(net, index, err)) < 0)
        return err_wrap(err, "htb queue");
    struct nl_msg *msg = message(RTM_NEWTCLASS, NLM_F_CREATE, index, NET_LIMIT_QUEUE, NET_LIMIT_CLASS, "htb");
    put_class(msg, limit);
    if ((rc = net_exchange(net, msg, NULL, NULL, err)) < 0)
        return err_wrap(err, "htb class of %llu bytes a second", (unsigned long long)limit->rate);
    rc = add_leaf(net, index, limit, fq_codel, err);
    return rc < 0 ? err_wrap(err, "queue of the htb class") : 0;
}

static void
take_limit(struct nlmsghdr *head, void *arg)
{
    struct net_limit *ret = arg;
    struct nlattr *attributes[TCA_MAX + 1], *options[TCA_HTB_MAX + 1];
    struct tc_htb_opt htb;
    const struct tcmsg *info = nlmsg_data(head);
    if (head->nlmsg_type != RTM_NEWTCLASS || nlmsg_parse(head, sizeof *info, attributes, TCA_MAX, NULL) < 0 ||
        !attributes[TCA_OPTIONS] || nla_parse_nested(options, TCA_HTB_MAX, attributes[TCA_OPTIONS], NULL) < 0 ||
        !options[TCA_HTB_PARMS] || (size_t)nla_len(options[TCA_HTB_PARMS]) < sizeof htb)
        return;
    memcpy(&htb, nla_data(options[TCA_HTB_PARMS]), sizeof htb);
    ret->rate = options[TCA_HTB_RATE64] ? nla_get_u64(options[TCA_HTB_RATE64]) : htb.rate.rate;
    ret->ceil = options[TCA_HTB_CEIL64] ? nla_get_u64(options[TCA_HTB_CEIL64]) : htb.ceil.rate;
    ret->burst = (uint64_t)((double)htb.buffer * TICK_NS * (double)ret->rate / 1e9 + 0.5);
}

int
net_limit_find(struct net *net, int index, struct net_limit *ret, struct err *err)
{
    struct net_limit limit = {0};
    struct net_queue root;
    int rc = net_queue_find(net, index, NET_ROOT, &root, err);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    if (rc == 0 && strcmp(root.kind, "htb") == 0 &&
        (rc = net_exchange(net, message(RTM_GETTCLASS, NLM_F_ECHO, index, NET_LIMIT_QUEUE, NET_LIMIT_CLASS, NULL), take_limit,
                           &limit, err)) < 0 && rc != -ENOENT)
        return rc;
    *ret = limit;
    return 0;
}
