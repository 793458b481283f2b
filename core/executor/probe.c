/* SPDX-License-Identifier: Apache-2.0 */
/* Starts a probe of the right kind, and what all kinds need. Called by check.c; decides nothing. */
#include "executor/probe.h"

#include <stdio.h>

#include "loop/address.h"

void
probe_address(const struct probe_target *target, struct address *ret, char text[64])
{
    snprintf(text, 64, target->ipv6 ? "[::1]:%u" : "127.0.0.1:%u", (unsigned)target->port);
    address_parse(str_of(text), ret, NULL);
}

struct probe *
probe_start(const struct probe_tools *tools, const struct probe_target *target, probe_done_fn *done, void *arg)
{
    switch (target->type) {
    case MESOS__V1__CHECK_INFO__TYPE__HTTP:
        return probe_http(tools, target, done, arg);
    case MESOS__V1__CHECK_INFO__TYPE__TCP:
        return probe_tcp(tools, target, done, arg);
    default:
        if (tools->command)
            return tools->command(tools->command_arg, target->command, done, arg);
        return probe_command(tools, target->command, done, arg);
    }
}

void
probe_cancel(struct probe *probe)
{
    if (probe)
        probe->kind->cancel(probe);
}

bool
probe_reap(struct probe *probe, pid_t pid, int status)
{
    return probe && probe->kind->reap && probe->kind->reap(probe, pid, status);
}
