/* SPDX-License-Identifier: Apache-2.0 */
/* What `mesos ssh` and `mesos scp` share: how the real programs are called for a host of the cluster. */
#ifndef CLI_SSH_H
#define CLI_SSH_H

#include "cli/cluster.h"

struct ssh_options {
    const char *config, *user; /* NULL = those of ~/.mesos, else ssh's own */
};

#define SSH_OPTIONS(Target)                                                                                        \
    {.name = "ssh_config",                                                                                         \
     .type = OPTION_PATH,                                                                                          \
     .offset = offsetof(Target, ssh.config),                                                                       \
     .argument = "PATH",                                                                                           \
     .help = "Configuration of ssh; else that of `mesos config ssh_config`, else its own."},                       \
    {                                                                                                              \
        .name = "user", .type = OPTION_STRING, .offset = offsetof(Target, ssh.user), .argument = "NAME",           \
        .help = "Who to be there; else that of `mesos config ssh_user`, else what ssh thinks."                      \
    }

/* Fills in what ~/.mesos says; the texts live in arena. */
int ssh_options_complete(struct ssh_options *options, struct arena *arena, struct err *err);
/* An agent's host name comes from the agent: -EINVAL unless it can be nothing but a name or an address. */
int ssh_check_host(const char *host, struct err *err);
/* Appends text so that a shell takes it for one word. */
void ssh_quote(struct buf *out, const char *text);

#endif
