/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the firewall: what firewall.c and firewall_tell.c both look at. */
#ifndef DAEMON_FIREWALL_INSIDE_H
#define DAEMON_FIREWALL_INSIDE_H

#include "base/arena.h"
#include "base/map.h"
#include "daemon/firewall.h"

struct firewall {
    struct map paths; /* as firewall_plain gives them; no values */
    struct arena *arena;
};

/* /state.json is /state. */
static inline struct str
firewall_plain(struct str path)
{
    return str_n(path.ptr, path.len - (str_ends(path, STR_LIT(".json")) ? 5 : 0));
}

#endif
