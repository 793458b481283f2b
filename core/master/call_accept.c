/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACCEPT: the offers are taken, what they hold is given to the operations one after the other, and the rest
 * goes back to the allocator with the filter. Invalid offers turn every launched task into TASK_LOST or
 * TASK_DROPPED.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "host/kind_allocator.h"
#include "master/authorize.h"
#include "master/calls.h"

typedef Mesos__V1__Scheduler__Call__Accept Accept;
typedef Mesos__V1__Offer__Operation Operation;

static int
check_one(const struct framework *framework, const Accept *accept, size_t i, const struct offer *first,
          struct err *err)
{
    const struct offer *offer = offer_find(framework->master, accept->offer_ids[i]->value);
    const char *id = accept->offer_ids[i]->value;
    if (!offer)
        return err_set(err, -EINVAL, "Offer %s is no longer valid", id);
    if (offer->framework != framework)
        return err_set(err, -EINVAL, "Offer %s has invalid framework %s while framework %s is expected", id,
                       offer->framework->id, framework->id);
    if (first && strcmp(offer->role, first->role) != 0)
        return err_set(
            err, -EINVAL,
            "Aggregated offers must be allocated to the same role. Offer %s uses role %s but another is "
            "using role %s",
            id, offer->role, first->role);
    if (first && offer->agent != first->agent)
        return err_set(
            err, -EINVAL,
            "Aggregated offers must belong to one single agent. Offer %s uses agent %s and agent %s", id,
            offer->agent->id, first->agent->id);
    return 0;
}

static int
check_offers(const struct framework *framework, const Accept *accept, struct err *err)
{
    struct map seen = {0};
    int rc = 0;
    if (accept->n_offer_ids == 0)
        return err_set(err, -EINVAL, "No offers specified");
    for (size_t i = 0; i < accept->n_offer_ids && !rc; i++) {
        char *id = accept->offer_ids[i]->value;
        if (map_set(&seen, str_of(id), id))
            rc = err_set(err, -EINVAL, "Duplicate offer %s in offer list", id);
    }
    map_fini(&seen);
    const struct offer *first = NULL;
    for (size_t i = 0; i < accept->n_offer_ids && !rc; i++) {
        rc = check_one(framework, accept, i, first, err);
        if (!first)
            first = offer_find(framework->master, accept->offer_ids[i]->value);
    }
    return rc;
}

void
send_operation_status(struct framework *framework, Mesos__V1__OperationID *id,
                      Mesos__V1__OperationState state, const char *message, Mesos__V1__AgentID *agent_id,
                      Mesos__V1__ResourceProviderID *provider_id)
{
    Mesos__V1__Scheduler__Event event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__UpdateOperationStatus update =
        MESOS__V1__SCHEDULER__EVENT__UPDATE_OPERATION_STATUS__INIT;
    Mesos__V1__OperationStatus status = MESOS__V1__OPERATION_STATUS__INIT;
    auto_free char *text = xstrdup(message);
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__UPDATE_OPERATION_STATUS;
    event.update_operation_status = &update;
    update.status = &status;
    status.operation_id = id;
    status.state = state;
    status.message = text;
    status.agent_id = agent_id;
    status.resource_provider_id = provider_id;
    framework_send(framework, &event);
}

static void
tasks_of(const Operation *operation, Mesos__V1__TaskInfo ***ret_tasks, size_t *ret_count)
{
    *ret_tasks = NULL;
    *ret_count = 0;
    if (operation->type == MESOS__V1__OFFER__OPERATION__TYPE__LAUNCH && operation->launch) {
        *ret_tasks = operation->launch->task_infos;
        *ret_count = operation->launch->n_task_infos;
    } else if (operation->type == MESOS__V1__OFFER__OPERATION__TYPE__LAUNCH_GROUP &&
               operation->launch_group) {
        *ret_tasks = operation->launch_group->task_group->tasks;
        *ret_count = operation->launch_group->task_group->n_tasks;
    }
}

static void
refuse_accept(struct framework *framework, const Accept *accept, const char *why, struct arena *arena)
{
    char *tasks_text = arena_printf(arena, "Task launched with invalid offers: %s", why);
    char *operations_text = arena_printf(arena, "Operation attempted with invalid offers: %s", why);
    Mesos__V1__TaskState state =
        framework->partition_aware ? MESOS__V1__TASK_STATE__TASK_DROPPED : MESOS__V1__TASK_STATE__TASK_LOST;
    log_warning("accept framework=%s refused: %s", framework->id, why);
    for (size_t i = 0; i < accept->n_operations; i++) {
        const Operation *operation = accept->operations[i];
        Mesos__V1__TaskInfo **tasks;
        size_t count;
        tasks_of(operation, &tasks, &count);
        for (size_t j = 0; j < count; j++)
            refuse_task(framework, tasks[j], state, MESOS__V1__TASK_STATUS__REASON__REASON_INVALID_OFFERS,
                        tasks_text, arena);
        if (!count && operation->id)
            send_operation_status(framework, operation->id, MESOS__V1__OPERATION_STATE__OPERATION_ERROR,
                                  operations_text, NULL, NULL);
    }
    for (size_t i = 0; i < accept->n_offer_ids; i++) {
        struct offer *offer = offer_find(framework->master, accept->offer_ids[i]->value);
        if (offer && offer->framework == framework)
            offer_discard(offer, filter_secs(accept->filters));
    }
}

/* Reservations and volumes change an agent's resources for good: they come with the issue that makes them
 * durable. */
static void
refuse_operation(struct framework *framework, const Operation *operation)
{
    auto_buf struct buf why = {0};
    if (authorize_operation(framework, operation, &why)) {
        log_warning("drop operation framework=%s: %s", framework->id, buf_cstr(&why));
        if (operation->id)
            send_operation_status(framework, operation->id, MESOS__V1__OPERATION_STATE__OPERATION_ERROR, buf_cstr(&why),
                                  NULL, NULL);
        return;
    }
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        &mesos__v1__offer__operation__type__descriptor, operation->has_type ? (int)operation->type : 0);
    char text[160];
    snprintf(text, sizeof(text), "Operation %s is not supported by this master",
             value ? value->name : "UNKNOWN");
    log_warning("drop operation framework=%s: %s", framework->id, text);
    if (operation->id)
        send_operation_status(framework, operation->id, MESOS__V1__OPERATION_STATE__OPERATION_ERROR, text,
                              NULL, NULL);
}

/* Launches have statuses of their own, and drivers know none of operations. True when that was the end of it. */
static bool
refuse_id(struct framework *framework, const Operation *operation, struct arena *arena)
{
    Mesos__V1__TaskInfo **tasks;
    size_t count;
    bool group = operation->type == MESOS__V1__OFFER__OPERATION__TYPE__LAUNCH_GROUP;
    if (!operation->id || !operation->has_type)
        return false;
    if (group || operation->type == MESOS__V1__OFFER__OPERATION__TYPE__LAUNCH) {
        tasks_of(operation, &tasks, &count);
        for (size_t i = 0; i < count; i++)
            refuse_task(framework, tasks[i], MESOS__V1__TASK_STATE__TASK_ERROR,
                        group ? MESOS__V1__TASK_STATUS__REASON__REASON_TASK_GROUP_INVALID
                              : MESOS__V1__TASK_STATUS__REASON__REASON_TASK_INVALID,
                        group ? "The `id` field cannot be set on LAUNCH_GROUP operations"
                              : "The `id` field cannot be set on LAUNCH operations",
                        arena);
        return true;
    }
    if (!framework->pid)
        return false;
    log_warning("drop operation framework=%s: its driver knows no operation feedback", framework->id);
    framework_send_error(framework,
                         "The 'id' field was set in an offer operation, but operation feedback is not supported "
                         "for the SchedulerDriver API; please use the HTTP scheduler API for this feature");
    return true;
}

static void
run_operation(struct framework *framework, struct agent *agent, const char *role, struct resources *available,
              const Operation *operation, struct arena *arena)
{
    struct framework_metrics *m = framework->metrics;
    bool launch = operation->has_type && operation->type == MESOS__V1__OFFER__OPERATION__TYPE__LAUNCH;
    bool group = operation->has_type && operation->type == MESOS__V1__OFFER__OPERATION__TYPE__LAUNCH_GROUP;
    if (m && (launch || group)) {
        metric_inc(m->operations);
        metric_inc(launch ? m->launches : m->launch_groups);
    }
    if (refuse_id(framework, operation, arena))
        return;
    if (launch && operation->launch)
        launch_tasks(framework, agent, role, available, operation->launch->task_infos,
                     operation->launch->n_task_infos, arena);
    else if (group && operation->launch_group)
        launch_group(framework, agent, role, available, operation->launch_group->executor,
                     operation->launch_group->task_group->tasks, operation->launch_group->task_group->n_tasks,
                     arena);
    else if (launch || group)
        log_warning("drop operation framework=%s: nothing to launch", framework->id);
    else
        refuse_operation(framework, operation);
}

/* A LAUNCH of no task is a decline by another name; other operations have no count of their own. */
static void
count_launches(struct master *master, const Accept *accept)
{
    for (size_t i = 0; i < accept->n_operations; i++) {
        const Operation *operation = accept->operations[i];
        if (!operation->has_type || operation->type != MESOS__V1__OFFER__OPERATION__TYPE__LAUNCH)
            continue;
        metric_inc(operation->launch && operation->launch->n_task_infos ? master->m.messages_launch_tasks
                                                                        : master->m.messages_decline_offers);
    }
}

int
call_accept(struct framework *framework, const Mesos__V1__Scheduler__Call *call, struct arena *arena,
            struct err *err)
{
    const Accept *accept = call->accept;
    struct master *master = framework->master;
    struct err why;
    (void)err;
    count_launches(master, accept);
    if (check_offers(framework, accept, &why)) {
        refuse_accept(framework, accept, why.text, arena);
        return 202;
    }
    auto_resources struct resources available = {0};
    struct agent *agent = NULL;
    char *role = NULL;
    int64_t number = -1; /* of the first offer: the one that a filter on the rest is remembered by */
    for (size_t i = 0; i < accept->n_offer_ids; i++) {
        struct offer *offer = offer_find(master, accept->offer_ids[i]->value);
        auto_resources struct resources part = {0};
        agent = offer->agent;
        if (number < 0)
            number = (int64_t)offer->number;
        if (!role)
            role = arena_strdup(arena, str_of(offer->role));
        offer_take(offer, &part);
        if (i == 0)
            resources_move(&available, &part);
        else
            resources_add(&available, &part);
    }
    if (framework->metrics)
        metric_add(framework->metrics->offers_accepted, (double)accept->n_offer_ids);
    log_verbose(1, "accept framework=%s offers=%zu operations=%zu", framework->id, accept->n_offer_ids,
                accept->n_operations);
    for (size_t i = 0; i < accept->n_operations; i++)
        run_operation(framework, agent, role, &available, accept->operations[i], arena);
    if (!resources_empty(&available))
        allocator_decline(master->allocator, framework->number, agent->number, resources_view(&available),
                          filter_secs(accept->filters), number);
    return 202;
}
