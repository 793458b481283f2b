/* SPDX-License-Identifier: Apache-2.0 */
/* What the master hears of who leads, and of what an earlier leader has left. Called by master.c. */
#ifndef MASTER_LEADER_H
#define MASTER_LEADER_H

#include "mesos/election.h"
#include "mesos/registry.h"

/* leader.c: mesos_election_events.detected. */
void leader_detected(void *arg, struct mesos_bytes info);
/* recover.c: for each entry that the registry gives to who was elected. What nobody can read ends the master. */
void registry_entry_recover(void *arg, const struct mesos_registry_entry *entry);

#endif
