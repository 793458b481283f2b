/* SPDX-License-Identifier: Apache-2.0 */
/* --firewall_rules: endpoints that nobody may use, whoever they are. Asked by the router before anything else. */
#ifndef DAEMON_FIREWALL_H
#define DAEMON_FIREWALL_H

#include "base/str.h"

struct firewall;

/* {"disabled_endpoints": {"paths": ["/files/browse", ...]}}; NULL with err when it is something else. json NULL: no rules. */
struct firewall *firewall_new(const char *json, struct err *err);
void firewall_free(struct firewall *firewall); /* NULL is fine */
/* Is what the path of a request leads to disabled: route (below "/" and its actor), by whichever of its names, with ".json" and
 * without? own: the actor is the daemon's own one, whose routes need no name before them. */
bool firewall_stops(const struct firewall *firewall, struct str path, const char *actor, const char *route, bool own);
/* What is a slip of the pen, one line of the log each: rules for paths that no route has. Called when all routes are there.
 * own: the actor whose routes need no name before them. */
struct router;
void firewall_tell(const struct firewall *firewall, const struct router *router, const char *own);

#endif
