/* SPDX-License-Identifier: Apache-2.0 */
/* REVIVE: filters are dropped and suppressed roles get offers again; all roles when none is named. */
#include "base/log.h"
#include "host/kind_allocator.h"
#include "master/calls.h"

int
call_revive(struct framework *framework, const Mesos__V1__Scheduler__Call *call, struct arena *arena,
            struct err *err)
{
    size_t count = call->revive ? call->revive->n_roles : 0;
    const char *const *roles = count ? (const char *const *)call->revive->roles : NULL;
    (void)arena;
    (void)err;
    metric_inc(framework->master->m.messages_revive_offers);
    for (size_t i = 0; i < count; i++) {
        if (framework_has_role(framework, roles[i]))
            continue;
        log_warning("drop revive framework=%s: not subscribed to role %s", framework->id, roles[i]);
        return 202;
    }
    framework_set_suppressed(framework, roles, count, false);
    allocator_revive(framework->master->allocator, framework->number, roles, count);
    return 202;
}
