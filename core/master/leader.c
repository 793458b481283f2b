/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who leads when this master does not: where it is, for those that are sent there, or why it cannot be reached. Called by the
 * election, whose store others write as well.
 */
#include "master/leader.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "master/state.h"
#include "wire/message.h"

/* Whatever stands in the election's store goes into Location headers of ours. */
static bool
is_host(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len < 256 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%") == len;
}

/* The host of the leader's address as a URL has it, or NULL. */
static char *
url_host(const Mesos__V1__MasterInfo *info)
{
    char ip[INET_ADDRSTRLEN];
    const char *const names[] = {info->address ? info->address->hostname : NULL, info->hostname,
                                 info->address ? info->address->ip : NULL,
                                 inet_ntop(AF_INET, &(struct in_addr){info->ip}, ip, sizeof(ip))};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i] && is_host(names[i]) && strcmp(names[i], "0.0.0.0") != 0)
            return strchr(names[i], ':') ? xasprintf("[%s]", names[i]) : xstrdup(names[i]);
    return NULL;
}

static void
follow(struct master *master, const Mesos__V1__MasterInfo *info)
{
    uint32_t port = info->address && info->address->port > 0 ? (uint32_t)info->address->port : info->port;
    char *host = url_host(info);
    if (host && port > 0 && port < 65536 && !(info->pid && strcmp(info->pid, master->pid) == 0)) {
        master->leader_hostname = host;
        master->leader_port = (uint16_t)port;
        log_info("the leading master is %s at %s:%u", info->id, host, port);
        return;
    }
    free(host);
    if (info->pid && strcmp(info->pid, master->pid) == 0) {
        master->no_leader = "No leader elected: an earlier run of this master has not left the election yet";
        log_warning("the elected master %s has our own address %s: an earlier run of this one that will be gone with its "
                    "session, or two masters are told to use one address",
                    info->id, master->pid);
    } else {
        master->no_leader = "No leader elected: the elected one gives no usable address";
        log_error("the elected master gives no usable address: it stays out of reach");
    }
}

void
leader_detected(void *arg, struct mesos_bytes bytes)
{
    struct master *master = arg;
    free(master->leader_hostname);
    master->leader_hostname = NULL;
    Mesos__V1__MasterInfo *info = bytes.data
                                      ? MESSAGE_UNPACK(Mesos__V1__MasterInfo, mesos__v1__master_info,
                                                       str_n(bytes.data, bytes.len), master->arena, NULL)
                                      : NULL;
    master->no_leader = "No leader elected";
    if (info && strcmp(info->id, master->id) != 0)
        follow(master, info);
    master_arena_reset(master);
}
