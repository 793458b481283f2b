/* SPDX-License-Identifier: Apache-2.0 */
/* The master's telemetry module, and the way through the master to those of agents: /system/v1/agent/<id>/metrics/v0. */
#ifndef MASTER_TELEMETRY_H
#define MASTER_TELEMETRY_H

#include "base/err.h"

struct master;

int master_telemetry_start(struct master *master, struct err *err); /* without a module only the way to agents is there */
void master_telemetry_stop(struct master *master); /* after the daemon's end */

#endif
