/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of netlink.h share: one message to the kernel and its answers. */
#ifndef PORT_MAPPING_NETLINK_INSIDE_H
#define PORT_MAPPING_NETLINK_INSIDE_H

#include "netlink.h"

struct nl_msg; /* libnl's */
struct nlmsghdr;

typedef void net_parse(struct nlmsghdr *head, void *arg);

struct nl_msg *net_message(int type, int flags, const void *head, size_t len);
void net_put(struct nl_msg *msg, int type, const void *data, size_t len);
/* Takes msg. parse (or NULL) gets each answer; returns when the kernel has said that it is done. */
int net_exchange(struct net *net, struct nl_msg *msg, net_parse *parse, void *arg, struct err *err);

#endif
