/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The older messages of v0 drivers, one per wish. Each is written anew as the call that took its place, so that there
 * is one way to do a thing; only DeactivateFrameworkMessage has no such call.
 */
#include <errno.h>

#include "base/log.h"
#include "master/login.h"
#include "master/messages.h"

#define TYPE(name) MESOS__V1__SCHEDULER__CALL__TYPE__##name

typedef Mesos__V1__Scheduler__Call Call;

static Call
call_of(Mesos__V1__Scheduler__Call__Type type, Mesos__V1__FrameworkID *framework_id)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    call.has_type = true;
    call.type = type;
    call.framework_id = framework_id;
    return call;
}

static void
subscribe(struct master *master, const struct upid *from, Mesos__V1__FrameworkInfo *info, bool force)
{
    Mesos__V1__Scheduler__Call__Subscribe body = MESOS__V1__SCHEDULER__CALL__SUBSCRIBE__INIT;
    body.framework_info = info;
    driver_subscribe(master, from, &body, force);
}

void
message_register_framework(struct master *master, const struct upid *from,
                           Mesos__Internal__RegisterFrameworkMessage *message, struct str body)
{
    if (login_awaits(master, from, "mesos.internal.RegisterFrameworkMessage", body))
        return;
    if (message->framework->id && *message->framework->id->value)
        driver_send_error(master, from, "Registering with 'id' already set");
    else
        subscribe(master, from, message->framework, false);
}

void
message_reregister_framework(struct master *master, const struct upid *from,
                             Mesos__Internal__ReregisterFrameworkMessage *message, struct str body)
{
    if (login_awaits(master, from, "mesos.internal.ReregisterFrameworkMessage", body))
        return;
    if (!message->framework->id || !*message->framework->id->value)
        driver_send_error(master, from, "Re-registering without an 'id'");
    else
        subscribe(master, from, message->framework, message->failover);
}

void
message_unregister_framework(struct master *master, const struct upid *from,
                             Mesos__Internal__UnregisterFrameworkMessage *message, struct str body)
{
    Call call = call_of(TYPE(TEARDOWN), message->framework_id);
    (void)body;
    driver_call(master, from, &call);
}

void
message_deactivate_framework(struct master *master, const struct upid *from,
                             Mesos__Internal__DeactivateFrameworkMessage *message, struct str body)
{
    (void)body;
    metric_inc(master->m.messages_deactivate_framework);
    struct framework *framework =
        driver_framework(master, from, TYPE(SUPPRESS), message->framework_id->value);
    if (!framework)
        return;
    log_info("deactivate framework=%s pid=%s", framework->id, framework->pid);
    framework_deactivate(framework);
}

void
message_resource_request(struct master *master, const struct upid *from,
                         Mesos__Internal__ResourceRequestMessage *message, struct str body)
{
    Call call = call_of(TYPE(REQUEST), message->framework_id);
    Mesos__V1__Scheduler__Call__Request request = MESOS__V1__SCHEDULER__CALL__REQUEST__INIT;
    (void)body;
    request.n_requests = message->n_requests;
    request.requests = message->requests;
    call.request = &request;
    driver_call(master, from, &call);
}

/* Without tasks it is how offers are declined. */
void
message_launch_tasks(struct master *master, const struct upid *from,
                     Mesos__Internal__LaunchTasksMessage *message, struct str body)
{
    Call call = call_of(TYPE(ACCEPT), message->framework_id);
    Mesos__V1__Scheduler__Call__Accept accept = MESOS__V1__SCHEDULER__CALL__ACCEPT__INIT;
    Mesos__V1__Scheduler__Call__Decline decline = MESOS__V1__SCHEDULER__CALL__DECLINE__INIT;
    Mesos__V1__Offer__Operation operation = MESOS__V1__OFFER__OPERATION__INIT, *operations = &operation;
    Mesos__V1__Offer__Operation__Launch launch = MESOS__V1__OFFER__OPERATION__LAUNCH__INIT;
    (void)body;
    operation.has_type = true;
    operation.type = MESOS__V1__OFFER__OPERATION__TYPE__LAUNCH;
    operation.launch = &launch;
    launch.n_task_infos = message->n_tasks;
    launch.task_infos = message->tasks;
    accept.n_offer_ids = decline.n_offer_ids = message->n_offer_ids;
    accept.offer_ids = decline.offer_ids = message->offer_ids;
    accept.n_operations = 1;
    accept.operations = &operations;
    accept.filters = decline.filters = message->filters;
    if (message->n_tasks) {
        call.accept = &accept;
    } else {
        call.type = TYPE(DECLINE);
        call.decline = &decline;
    }
    driver_call(master, from, &call);
}

void
message_revive_offers(struct master *master, const struct upid *from,
                      Mesos__Internal__ReviveOffersMessage *message, struct str body)
{
    Call call = call_of(TYPE(REVIVE), message->framework_id);
    Mesos__V1__Scheduler__Call__Revive revive = MESOS__V1__SCHEDULER__CALL__REVIVE__INIT;
    (void)body;
    revive.n_roles = message->n_roles;
    revive.roles = message->roles;
    call.revive = &revive;
    driver_call(master, from, &call);
}

void
message_kill_task(struct master *master, const struct upid *from, Mesos__Internal__KillTaskMessage *message,
                  struct str body)
{
    Call call = call_of(TYPE(KILL), message->framework_id);
    Mesos__V1__Scheduler__Call__Kill kill = MESOS__V1__SCHEDULER__CALL__KILL__INIT;
    (void)body;
    kill.task_id = message->task_id;
    kill.kill_policy = message->kill_policy;
    call.kill = &kill;
    driver_call(master, from, &call);
}

void
message_status_update_acknowledgement(struct master *master, const struct upid *from,
                                      Mesos__Internal__StatusUpdateAcknowledgementMessage *message,
                                      struct str body)
{
    Call call = call_of(TYPE(ACKNOWLEDGE), message->framework_id);
    Mesos__V1__Scheduler__Call__Acknowledge acknowledge = MESOS__V1__SCHEDULER__CALL__ACKNOWLEDGE__INIT;
    (void)body;
    acknowledge.agent_id = message->slave_id;
    acknowledge.task_id = message->task_id;
    acknowledge.uuid = message->uuid;
    call.acknowledge = &acknowledge;
    driver_call(master, from, &call);
}

void
message_reconcile_tasks(struct master *master, const struct upid *from,
                        Mesos__Internal__ReconcileTasksMessage *message, struct str body)
{
    Call call = call_of(TYPE(RECONCILE), message->framework_id);
    Mesos__V1__Scheduler__Call__Reconcile reconcile = MESOS__V1__SCHEDULER__CALL__RECONCILE__INIT;
    (void)body;
    call.reconcile = &reconcile;
    reconcile.tasks = arena_calloc(master->arena, message->n_statuses + 1, sizeof(*reconcile.tasks));
    for (size_t i = 0; i < message->n_statuses; i++) {
        Mesos__V1__Scheduler__Call__Reconcile__Task *task = arena_alloc(master->arena, sizeof(*task));
        mesos__v1__scheduler__call__reconcile__task__init(task);
        task->task_id = message->statuses[i]->task_id;
        task->agent_id = message->statuses[i]->agent_id;
        reconcile.tasks[reconcile.n_tasks++] = task;
    }
    driver_call(master, from, &call);
}

void
message_framework_to_executor(struct master *master, const struct upid *from,
                              Mesos__Internal__FrameworkToExecutorMessage *message, struct str body)
{
    Call call = call_of(TYPE(MESSAGE), message->framework_id);
    Mesos__V1__Scheduler__Call__Message payload = MESOS__V1__SCHEDULER__CALL__MESSAGE__INIT;
    (void)body;
    payload.agent_id = message->slave_id;
    payload.executor_id = message->executor_id;
    payload.data = message->data;
    call.message = &payload;
    driver_call(master, from, &call);
}

/* Schedulers do not run inside of the master: never did, but the question is answered. */
void
message_submit_scheduler(struct master *master, const struct upid *from,
                         Mesos__Internal__SubmitSchedulerRequest *message, struct str body)
{
    Mesos__Internal__SubmitSchedulerResponse answer = MESOS__INTERNAL__SUBMIT_SCHEDULER_RESPONSE__INIT;
    (void)body;
    log_info("refuse to run scheduler '%s'", message->name);
    answer.okay = false;
    agent_send_to(master, from, "mesos.internal.SubmitSchedulerResponse", &answer);
}

void
message_authenticate(struct master *master, const struct upid *from,
                     Mesos__Internal__AuthenticateMessage *message, struct str body)
{
    (void)body;
    metric_inc(master->m.messages_authenticate);
    login_begin(master, from, message->pid);
}
