/* SPDX-License-Identifier: Apache-2.0 */
/* SUPPRESS: no offers for these roles until they are revived; all roles when none is named. */
#include "base/log.h"
#include "host/kind_allocator.h"
#include "master/calls.h"

int
call_suppress(struct framework *framework, const Mesos__V1__Scheduler__Call *call, struct arena *arena,
              struct err *err)
{
    size_t count = call->suppress ? call->suppress->n_roles : 0;
    const char *const *roles = count ? (const char *const *)call->suppress->roles : NULL;
    (void)arena;
    (void)err;
    metric_inc(framework->master->m.messages_suppress_offers);
    for (size_t i = 0; i < count; i++) {
        if (framework_has_role(framework, roles[i]))
            continue;
        log_warning("drop suppress framework=%s: not subscribed to role %s", framework->id, roles[i]);
        return 202;
    }
    framework_set_suppressed(framework, roles, count, true);
    allocator_suppress(framework->master->allocator, framework->number, roles, count);
    return 202;
}
