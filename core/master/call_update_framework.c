/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UPDATE_FRAMEWORK: new info, suppressed roles and constraints, as a whole; answered when they hold (200). All that
 * is not said is unset. Offers for roles that it leaves are rescinded; others stay, whatever is wished now.
 */
#include "base/log.h"
#include "master/authorize.h"
#include "master/calls.h"
#include "master/subscribers.h"

int
call_update_framework(struct framework *framework, const Mesos__V1__Scheduler__Call *call,
                      struct arena *arena, struct err *err)
{
    const Mesos__V1__Scheduler__Call__UpdateFramework *update = call->update_framework;
    const Mesos__V1__FrameworkInfo *info = update->framework_info;
    if (framework_info_validate(framework->master, info, err)) {
        err_wrap(err, "Supplied FrameworkInfo is not valid");
        return 400;
    }
    if (framework_update_validate(framework->info, info, err)) {
        err_wrap(err, "FrameworkInfo update is not valid");
        return 400;
    }
    if (wishes_validate(framework->master, info, update->suppressed_roles, update->n_suppressed_roles,
                        update->offer_constraints, arena, err)) {
        err_wrap(err, "'UpdateFramework' call is not valid");
        return 400;
    }
    if (authorize_framework(framework->master, info, framework_peer(framework), arena, err))
        return 403;
    bool changed = !framework_info_is(framework, info);
    framework_update(framework, info, update->suppressed_roles, update->n_suppressed_roles,
                     update->offer_constraints);
    if (changed) { /* agents and operators' streams know nothing else of it */
        framework_each_agent(framework, framework_tell_agent);
        subscribers_framework_updated(framework);
    }
    log_info("update framework=%s name=\"%s\"%s%s", framework->id, framework->info->name,
             changed ? "" : " (info unchanged)", framework->constraints ? " with offer constraints" : "");
    return 200;
}
