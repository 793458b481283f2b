/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of kind u32 with a redirection (mirred) or none: made, read back and removed. */
#include "netlink_inside.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_mirred.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>

void
net_filters_fini(struct net_filters *filters)
{
    free(filters->items);
    *filters = (struct net_filters){0};
}

struct net_filter *
net_filters_push(struct net_filters *filters, const struct net_filter *filter)
{
    if (filters->count == filters->cap) {
        filters->cap = filters->cap ? filters->cap * 2 : 32;
        filters->items = xrealloc(filters->items, filters->cap * sizeof *filters->items);
    }
    filters->items[filters->count] = *filter;
    return &filters->items[filters->count++];
}

void
net_filter_key(struct net_filter *filter, int32_t offset, uint32_t value, uint32_t mask)
{
    if (filter->key_count == NET_KEYS_MAX)
        abort();
    filter->keys[filter->key_count++] = (struct net_key){htonl(value & mask), htonl(mask), offset};
}

bool
net_filter_equal(const struct net_filter *a, const struct net_filter *b)
{
    bool equal = !a->foreign && !b->foreign && a->priority == b->priority && a->protocol == b->protocol &&
                 a->verdict == b->verdict && a->target == b->target && a->class_id == b->class_id &&
                 a->key_count == b->key_count;
    for (uint8_t i = 0; equal && i < a->key_count; i++)
        equal = a->keys[i].offset == b->keys[i].offset && a->keys[i].mask == b->keys[i].mask &&
                a->keys[i].value == b->keys[i].value;
    return equal;
}

static struct nl_msg *
message(int type, int flags, int index, uint32_t parent, const struct net_filter *filter)
{
    struct tcmsg head = {.tcm_family = AF_UNSPEC, .tcm_ifindex = index, .tcm_parent = parent,
                         .tcm_handle = filter->handle,
                         .tcm_info = TC_H_MAKE((uint32_t)filter->priority << 16, htons(filter->protocol))};
    struct nl_msg *msg = net_message(type, flags, &head, sizeof head);
    net_put(msg, TCA_KIND, "u32", sizeof "u32");
    return msg;
}

static void
put_action(struct nl_msg *msg, const struct net_filter *filter)
{
    struct tc_mirred mirred = {
        .action = filter->verdict == NET_REDIRECT ? TC_ACT_STOLEN : TC_ACT_UNSPEC,
        .eaction = filter->verdict == NET_REDIRECT ? TCA_EGRESS_REDIR : TCA_EGRESS_MIRROR,
        .ifindex = (uint32_t)filter->target,
    };
    struct nlattr *actions = nla_nest_start(msg, TCA_U32_ACT), *first = nla_nest_start(msg, 1);
    net_put(msg, TCA_ACT_KIND, "mirred", sizeof "mirred");
    struct nlattr *options = nla_nest_start(msg, TCA_ACT_OPTIONS);
    net_put(msg, TCA_MIRRED_PARMS, &mirred, sizeof mirred);
    nla_nest_end(msg, options);
    nla_nest_end(msg, first);
    nla_nest_end(msg, actions);
}

int
net_filter_add(struct net *net, int index, uint32_t parent, const struct net_filter *filter, struct err *err)
{
    _Alignas(struct tc_u32_sel) char selector[sizeof(struct tc_u32_sel) + NET_KEYS_MAX * sizeof(struct tc_u32_key)];
    struct tc_u32_sel *sel = (struct tc_u32_sel *)(void *)selector;
    memset(selector, 0, sizeof selector);
    sel->flags = TC_U32_TERMINAL;
    sel->nkeys = filter->key_count;
    for (uint8_t i = 0; i < filter->key_count; i++)
        sel->keys[i] = (struct tc_u32_key){.mask = filter->keys[i].mask, .val = filter->keys[i].value,
                                           .off = filter->keys[i].offset};
    struct net_filter fresh = *filter;
    fresh.handle = 0;
    struct nl_msg *msg = message(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, index, parent, &fresh);
    struct nlattr *options = nla_nest_start(msg, TCA_OPTIONS);
    if (filter->class_id)
        net_put(msg, TCA_U32_CLASSID, &filter->class_id, sizeof filter->class_id);
    net_put(msg, TCA_U32_SEL, selector, sizeof *sel + filter->key_count * sizeof sel->keys[0]);
    if (filter->verdict != NET_PASS)
        put_action(msg, filter);
    nla_nest_end(msg, options);
    return net_exchange(net, msg, NULL, NULL, err);
}

int
net_filter_remove(struct net *net, int index, uint32_t parent, const struct net_filter *filter, struct err *err)
{
    return net_exchange(net, message(RTM_DELTFILTER, 0, index, parent, filter), NULL, NULL, err);
}

int
net_filter_list_remove(struct net *net, int index, uint32_t parent, const struct net_filter *of, struct err *err)
{
    struct net_filter list = {.priority = of->priority, .protocol = of->protocol};
    return net_exchange(net, message(RTM_DELTFILTER, 0, index, parent, &list), NULL, NULL, err);
}

/* One redirection, or nothing at all; everything else is somebody else's. */
static bool
read_action(struct nlattr *actions, struct net_filter *ret)
{
    struct nlattr *all[3], *action[TCA_ACT_MAX + 1], *options[TCA_MIRRED_MAX + 1];
    struct tc_mirred mirred;
    if (nla_parse_nested(all, 2, actions, NULL) < 0 || !all[1] || all[2] ||
        nla_parse_nested(action, TCA_ACT_MAX, all[1], NULL) < 0 || !action[TCA_ACT_KIND] || !action[TCA_ACT_OPTIONS] ||
        nla_strcmp(action[TCA_ACT_KIND], "mirred") != 0 ||
        nla_parse_nested(options, TCA_MIRRED_MAX, action[TCA_ACT_OPTIONS], NULL) < 0 || !options[TCA_MIRRED_PARMS] ||
        (size_t)nla_len(options[TCA_MIRRED_PARMS]) < sizeof mirred)
        return false;
    memcpy(&mirred, nla_data(options[TCA_MIRRED_PARMS]), sizeof mirred);
    ret->target = (int)mirred.ifindex;
    ret->verdict = mirred.eaction == TCA_EGRESS_REDIR ? NET_REDIRECT : NET_COPY;
    return mirred.eaction == TCA_EGRESS_REDIR || mirred.eaction == TCA_EGRESS_MIRROR;
}

static bool
read_selector(struct nlattr *attribute, struct net_filter *ret)
{
    const struct tc_u32_sel *sel = nla_data(attribute);
    if ((size_t)nla_len(attribute) < sizeof *sel || sel->nkeys > NET_KEYS_MAX ||
        (size_t)nla_len(attribute) < sizeof *sel + sel->nkeys * sizeof(struct tc_u32_key))
        return false;
    ret->key_count = sel->nkeys;
    for (uint8_t i = 0; i < sel->nkeys; i++)
        ret->keys[i] = (struct net_key){sel->keys[i].val, sel->keys[i].mask, sel->keys[i].off};
    return true;
}

static void
take_filter(struct nlmsghdr *head, void *arg)
{
    struct nlattr *attributes[TCA_MAX + 1], *options[TCA_U32_MAX + 1];
    const struct tcmsg *info = nlmsg_data(head);
    struct net_filter filter = {0};
    if (head->nlmsg_type != RTM_NEWTFILTER || nlmsg_parse(head, sizeof *info, attributes, TCA_MAX, NULL) < 0 ||
        !attributes[TCA_KIND] || nla_strcmp(attributes[TCA_KIND], "u32") != 0 || !attributes[TCA_OPTIONS] ||
        nla_parse_nested(options, TCA_U32_MAX, attributes[TCA_OPTIONS], NULL) < 0 || !options[TCA_U32_SEL])
        return; /* the table's own head has no selector */
    filter.handle = info->tcm_handle;
    filter.priority = (uint16_t)(TC_H_MAJ(info->tcm_info) >> 16);
    filter.protocol = ntohs((uint16_t)TC_H_MIN(info->tcm_info));
    if (options[TCA_U32_CLASSID])
        filter.class_id = nla_get_u32(options[TCA_U32_CLASSID]);
    filter.foreign = !read_selector(options[TCA_U32_SEL], &filter) ||
                     (options[TCA_U32_ACT] && !read_action(options[TCA_U32_ACT], &filter));
    net_filters_push(arg, &filter);
}

int
net_filters_read(struct net *net, int index, uint32_t parent, struct net_filters *ret, struct err *err)
{
    struct tcmsg head = {.tcm_family = AF_UNSPEC, .tcm_ifindex = index, .tcm_parent = parent};
    return net_exchange(net, net_message(RTM_GETTFILTER, NLM_F_DUMP, &head, sizeof head), take_filter, ret, err);
}
