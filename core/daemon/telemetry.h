/* SPDX-License-Identifier: Apache-2.0 */
/* The paths of a telemetry module on a daemon: GET below the module's prefix goes to it. */
#ifndef DAEMON_TELEMETRY_H
#define DAEMON_TELEMETRY_H

#include "daemon/daemon.h"
#include "host/kind_telemetry.h"

struct telemetry;

/* Initializes the module with source (which must live as long) and mounts its prefix on the daemon's router. */
struct telemetry *telemetry_new(struct daemon *daemon, struct host *host, struct module *module,
                                const struct mesos_telemetry_source *source, const char *realm, struct err *err);
void telemetry_free(struct telemetry *telemetry); /* after the daemon; NULL is fine */

#endif
