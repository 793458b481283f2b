/* SPDX-License-Identifier: Apache-2.0 */
/* Where the master is that leads. For registration.c. */
#ifndef AGENT_FIND_MASTER_H
#define AGENT_FIND_MASTER_H

struct agent;

/* From now on registration_master() hears of each master that leads, and of there being none. */
void find_master_start(struct agent *agent);
/* It hears no more; also when it was never started. */
void find_master_stop(struct agent *agent);

#endif
