/* SPDX-License-Identifier: Apache-2.0 */
/* UPDATE_FRAMEWORK: new info, suppressed roles and constraints, as a whole; answered when they hold (200). */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "master/calls.h"

int
call_update_framework(struct framework *framework, const Mesos__V1__Scheduler__Call *call,
                      struct arena *arena, struct err *err)
{
    const Mesos__V1__Scheduler__Call__UpdateFramework *update = call->update_framework;
    const Mesos__V1__FrameworkInfo *info = update->framework_info;
    if (!info->id || strcmp(info->id->value, framework->id) != 0) {
        err_set(err, -EINVAL,
                "'UpdateFramework' call is not valid: 'framework_info.id' differs from 'framework_id'");
        return 400;
    }
    if (framework_info_validate(framework->master, info, err) ||
        suppressed_validate(info, update->suppressed_roles, update->n_suppressed_roles, arena, err)) {
        err_wrap(err, "'UpdateFramework' call is not valid");
        return 400;
    }
    if (framework_update_validate(framework->info, info, err)) {
        err_wrap(err, "FrameworkInfo update is not valid");
        return 400;
    }
    framework_update(framework, info, update->suppressed_roles, update->n_suppressed_roles,
                     update->offer_constraints);
    framework_each_agent(framework, framework_tell_agent);
    log_info("update framework=%s name=\"%s\"", framework->id, framework->info->name);
    return 200;
}
