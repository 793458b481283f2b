/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind election, as masters (both roles) and agents (detection) make them. Contracts: mesos/election.h. */
#ifndef HOST_KIND_ELECTION_H
#define HOST_KIND_ELECTION_H

#include "host/host.h"
#include "mesos/election.h"

#define ELECTION_WITHDRAW_TIMEOUT_MS (10 * 1000)

/* events is borrowed for the instance's life. */
void election_detect(struct module *module, const struct mesos_election_events *events);
/* After detect. master_info: packed mesos.v1.MasterInfo, borrowed during the call. */
void election_contend(struct module *module, struct mesos_bytes master_info);
void election_withdraw(struct module *module, host_done_fn *done, void *arg);
/* Monotonic milliseconds until which the master may act as leader. */
bool election_has_lease(const struct module *module);
int64_t election_lease_until_ms(struct module *module);

#endif
