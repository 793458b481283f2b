/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SUBSCRIBE of either kind of scheduler: who is new, who comes back, who takes over from whom. Called by
 * http_scheduler.c with a stream and by message_scheduler_call.c with a pid.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "master/authorize.h"
#include "master/calls.h"
#include "master/subscribers.h"

typedef Mesos__V1__Scheduler__Call__Subscribe Subscribe;

static int
check(struct master *master, const Subscribe *subscribe, const struct contact *contact, struct arena *arena, struct err *err)
{
    const Mesos__V1__FrameworkInfo *info = subscribe->framework_info;
    int rc = framework_info_validate(master, info, err);
    if (!rc)
        rc = wishes_validate(master, info, subscribe->suppressed_roles, subscribe->n_suppressed_roles,
                             subscribe->offer_constraints, arena, err);
    if (!rc && info->id && map_get(&master->completed_ids, str_of(info->id->value)))
        rc = err_set(err, -EINVAL, "Framework has been removed");
    if (!rc)
        rc = authorize_framework(master, info, contact_peer(contact), arena, err);
    return rc;
}

/* What was subscribed before goes on with this contact. Fields that cannot change stay as they were. */
static int
resubscribe(struct framework *framework, const Subscribe *subscribe, bool rescind, struct err *err)
{
    Mesos__V1__FrameworkInfo info = *subscribe->framework_info;
    const Mesos__V1__FrameworkInfo *before = framework->info;
    const char *was = before->principal ? before->principal : "", *is = info.principal ? info.principal : "";
    if (strcmp(was, is) != 0)
        return err_set(err, -EINVAL, "Changing framework's principal is not allowed.");
    if (strcmp(before->user, info.user) != 0 || before->checkpoint != info.checkpoint)
        log_warning("subscribe framework=%s: user and checkpoint stay '%s' and %s", framework->id,
                    before->user, before->checkpoint ? "true" : "false");
    info.user = before->user;
    info.has_checkpoint = before->has_checkpoint;
    info.checkpoint = before->checkpoint;
    if (rescind)
        offers_rescind_framework(framework);
    else
        offers_drop_framework(framework);
    framework_update(framework, &info, subscribe->suppressed_roles, subscribe->n_suppressed_roles,
                     subscribe->offer_constraints);
    framework->reregistered_secs = loop_wall_secs(framework->master->loop);
    return 0;
}

struct framework *
framework_at(struct master *master, const struct upid *pid)
{
    struct framework *framework;
    map_foreach (framework, &master->frameworks) {
        if (framework->connected && framework_is_at(framework, pid))
            return framework;
    }
    return NULL;
}

int
framework_subscribe(struct master *master, const Subscribe *subscribe, bool force,
                    const struct contact *contact, struct arena *arena, struct err *err)
{
    const Mesos__V1__FrameworkInfo *info = subscribe->framework_info;
    const char *id = info->id ? info->id->value : "";
    struct framework *framework = *id ? framework_find(master, id) : NULL;
    int rc = check(master, subscribe, contact, arena, err);
    if (rc)
        return rc;
    if (!*id && contact->pid && (framework = framework_at(master, contact->pid))) {
        /* It did not hear the answer and asks again. */
        driver_send_registered(framework, false);
        return 0;
    }
    bool known = framework != NULL, recovered = known && framework->recovered;
    if (known && contact->pid && !force && !recovered && !framework_is_at(framework, contact->pid))
        return err_set(err, -EINVAL, "Framework failed over");
    bool stays = known && contact->pid && !force && !recovered;
    if (known && (rc = resubscribe(framework, subscribe, stays, err)))
        return rc;
    metric_inc(known ? master->m.messages_reregister_framework : master->m.messages_register_framework);
    if (!known) {
        framework = framework_add(master, info, id);
        framework_announce(framework);
        framework_update(framework, info, subscribe->suppressed_roles, subscribe->n_suppressed_roles,
                         subscribe->offer_constraints);
    }
    framework_count_call(framework, MESOS__V1__SCHEDULER__CALL__TYPE__SUBSCRIBE);
    log_info("subscribe framework=%s name=\"%s\" %s", framework->id, framework->info->name,
             !known                 ? "new"
             : framework->connected ? "failover"
             : recovered            ? "recovered"
                                    : "reconnect");
    framework_connect(framework, contact, *id && (!known || recovered || stays));
    if (known)
        subscribers_framework_updated(framework);
    else
        subscribers_framework_added(framework);
    if (known)
        framework_each_agent(framework, framework_tell_agent);
    return 0;
}
