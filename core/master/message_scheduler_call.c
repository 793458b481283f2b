/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mesos.scheduler.Call: what v0 drivers ask for, served by the same call_*.c as the calls of the HTTP API. Who asks is
 * known by the pid alone: a call from another pid than the framework's is dropped, and so is all that is malformed.
 */
#include <string.h>

#include "base/log.h"
#include "master/login.h"
#include "master/messages.h"
#include "master/throttle.h"

typedef Mesos__V1__Scheduler__Call Call;

static void
drop(struct master *master, const struct upid *from, Mesos__V1__Scheduler__Call__Type type, const char *why)
{
    char pid[400];
    metric_inc(master->m.dropped_messages);
    log_warning("drop call %s from %s: %s", call_name(type), upid_format(from, pid), why);
}

void
driver_subscribe(struct master *master, const struct upid *from,
                 const Mesos__V1__Scheduler__Call__Subscribe *subscribe, bool force)
{
    struct contact contact = {.pid = from};
    struct framework *present = framework_at(master, from);
    struct err err = {0};
    char pid[400];
    if (present && !throttle_message(present))
        return; /* who is there already has a limit, whatever it says */
    if (login_admits_framework(master, from, subscribe->framework_info, &err) ||
        framework_subscribe(master, subscribe, force, &contact, master->arena, &err)) {
        log_info("refuse framework name=\"%s\" pid=%s: %s", subscribe->framework_info->name,
                 upid_format(from, pid), err.text);
        driver_send_error(master, from, err.text);
    }
}

struct framework *
driver_framework(struct master *master, const struct upid *from, Mesos__V1__Scheduler__Call__Type type,
                 const char *id)
{
    struct framework *framework = framework_find(master, id);
    if (!framework)
        drop(master, from, type, "Framework cannot be found");
    else if (!framework_is_at(framework, from))
        drop(master, from, type, "Call is not from registered framework");
    else if (!framework->connected)
        /* Our connection to it broke, and a driver has no heartbeats by which it could notice. */
        driver_send_error(master, from, "Framework disconnected");
    else if (throttle_message(framework))
        return framework;
    return NULL;
}

void
driver_call(struct master *master, const struct upid *from, const Call *call)
{
    struct err err = {0};
    if (call_validate(call, &err)) {
        drop(master, from, call->type, err.text);
        return;
    }
    struct framework *framework = driver_framework(master, from, call->type, call->framework_id->value);
    if (!framework)
        return;
    if (call->update_framework && login_principal(master, from) &&
        login_admits_framework(master, from, call->update_framework->framework_info, &err)) {
        drop(master, from, call->type, err.text);
        return;
    }
    framework_count_call(framework, call->type);
    if (call_function(call->type)(framework, call, master->arena, &err) >= 400)
        drop(master, from, call->type, err.text);
}

/* Only its subscription differs from what the HTTP API has. */
static Call
current(const Mesos__Scheduler__Call *from)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    call.framework_id = from->framework_id;
    call.has_type = from->has_type;
    call.type = from->type;
    call.accept = from->accept;
    call.decline = from->decline;
    call.accept_inverse_offers = from->accept_inverse_offers;
    call.decline_inverse_offers = from->decline_inverse_offers;
    call.revive = from->revive;
    call.kill = from->kill;
    call.shutdown = from->shutdown;
    call.acknowledge = from->acknowledge;
    call.acknowledge_operation_status = from->acknowledge_operation_status;
    call.reconcile = from->reconcile;
    call.reconcile_operations = from->reconcile_operations;
    call.message = from->message;
    call.request = from->request;
    call.suppress = from->suppress;
    call.update_framework = from->update_framework;
    return call;
}

void
message_scheduler_call(struct master *master, const struct upid *from, Mesos__Scheduler__Call *message,
                       struct str body)
{
    Call call = current(message);
    Mesos__V1__Scheduler__Call__Subscribe subscribe = MESOS__V1__SCHEDULER__CALL__SUBSCRIBE__INIT;
    struct err err = {0};
    if (call.type != MESOS__V1__SCHEDULER__CALL__TYPE__SUBSCRIBE) {
        driver_call(master, from, &call);
        return;
    }
    if (login_awaits(master, from, "mesos.scheduler.Call", body))
        return;
    if (message->subscribe) {
        subscribe.framework_info = message->subscribe->framework_info;
        subscribe.n_suppressed_roles = message->subscribe->n_suppressed_roles;
        subscribe.suppressed_roles = message->subscribe->suppressed_roles;
        subscribe.offer_constraints = message->subscribe->offer_constraints;
        call.subscribe = &subscribe;
    }
    if (call_validate(&call, &err))
        drop(master, from, call.type, err.text);
    else
        driver_subscribe(master, from, &subscribe, message->subscribe->force);
}
