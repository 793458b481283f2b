/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind election. Used by the master to contend, by the agent to detect. */
#include "host/kind_election.h"

static const struct mesos_election_ops *
ops(const struct module *module)
{
    return module_ops(module);
}

void
election_detect(struct module *module, const struct mesos_election_events *events)
{
    ops(module)->detect(module_instance(module), events);
}

void
election_contend(struct module *module, struct mesos_bytes master_info)
{
    ops(module)->contend(module_instance(module), master_info);
}

void
election_withdraw(struct module *module, host_done_fn *done, void *arg)
{
    ops(module)->withdraw(module_instance(module),
                          host_call_new(module, "withdraw", ELECTION_WITHDRAW_TIMEOUT_MS, done, arg));
}

bool
election_has_lease(const struct module *module)
{
    return ops(module)->lease_until_ms != NULL;
}

int64_t
election_lease_until_ms(struct module *module)
{
    return ops(module)->lease_until_ms ? ops(module)->lease_until_ms(module_instance(module)) : INT64_MAX;
}
