/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a v0 scheduler driver hears: each event as the libprocess message that drivers know it by, sent to the
 * framework's pid. The bytes are those of the golden exchanges.
 */
#include <string.h>

#include "master/state.h"
#include "wire/message.h"

typedef Mesos__V1__Scheduler__Event Event;

static void
tell(struct framework *framework, const char *name, const void *message)
{
    agent_send_to(framework->master, &framework->upid, name, message);
}

/* Offers come with the pids of their agents, so that a driver may speak to those without us. */
static char *
pid_of(const struct framework *framework, const Mesos__V1__AgentID *agent_id)
{
    return agent_find(framework->master, agent_id->value)->pid;
}

static void
send_offers(struct framework *framework, const Event *event)
{
    Mesos__Internal__ResourceOffersMessage message = MESOS__INTERNAL__RESOURCE_OFFERS_MESSAGE__INIT;
    size_t count = event->offers->n_offers;
    auto_free char **pids = xcalloc(count + 1, sizeof(*pids));
    for (size_t i = 0; i < count; i++)
        pids[i] = pid_of(framework, event->offers->offers[i]->agent_id);
    message.n_offers = count;
    message.offers = event->offers->offers;
    message.n_pids = count;
    message.pids = pids;
    tell(framework, "mesos.internal.ResourceOffersMessage", &message);
}

static void
send_rescind(struct framework *framework, const Event *event)
{
    Mesos__Internal__RescindResourceOfferMessage message =
        MESOS__INTERNAL__RESCIND_RESOURCE_OFFER_MESSAGE__INIT;
    message.offer_id = event->rescind->offer_id;
    tell(framework, "mesos.internal.RescindResourceOfferMessage", &message);
}

static void
send_inverse_offers(struct framework *framework, const Event *event)
{
    Mesos__Internal__InverseOffersMessage message = MESOS__INTERNAL__INVERSE_OFFERS_MESSAGE__INIT;
    size_t count = event->inverse_offers->n_inverse_offers;
    auto_free char **pids = xcalloc(count + 1, sizeof(*pids));
    for (size_t i = 0; i < count; i++)
        pids[i] = pid_of(framework, event->inverse_offers->inverse_offers[i]->agent_id);
    message.n_inverse_offers = count;
    message.inverse_offers = event->inverse_offers->inverse_offers;
    message.n_pids = count;
    message.pids = pids;
    tell(framework, "mesos.internal.InverseOffersMessage", &message);
}

static void
send_rescind_inverse(struct framework *framework, const Event *event)
{
    Mesos__Internal__RescindInverseOfferMessage message = MESOS__INTERNAL__RESCIND_INVERSE_OFFER_MESSAGE__INIT;
    message.inverse_offer_id = event->rescind_inverse_offer->inverse_offer_id;
    tell(framework, "mesos.internal.RescindInverseOfferMessage", &message);
}

/* A status that the master made. Nobody waits for its acknowledgement, which an empty pid says; answers to
 * reconciliation have none at all. */
static void
send_own_status(struct framework *framework, const Event *event)
{
    Mesos__Internal__StatusUpdateMessage message = MESOS__INTERNAL__STATUS_UPDATE_MESSAGE__INIT;
    Mesos__Internal__StatusUpdate update = MESOS__INTERNAL__STATUS_UPDATE__INIT;
    Mesos__V1__TaskStatus *status = event->update->status;
    char nobody[] = "@0.0.0.0:0";
    update.framework_id = framework->info->id;
    update.executor_id = status->executor_id;
    update.slave_id = status->agent_id;
    update.status = status;
    update.timestamp = status->timestamp;
    update.has_uuid = status->has_uuid;
    update.uuid = status->uuid;
    message.update = &update;
    if (!status->has_reason || status->reason != MESOS__V1__TASK_STATUS__REASON__REASON_RECONCILIATION)
        message.pid = nobody;
    tell(framework, "mesos.internal.StatusUpdateMessage", &message);
}

static void
send_message(struct framework *framework, const Event *event)
{
    Mesos__Internal__ExecutorToFrameworkMessage message =
        MESOS__INTERNAL__EXECUTOR_TO_FRAMEWORK_MESSAGE__INIT;
    message.slave_id = event->message->agent_id;
    message.framework_id = framework->info->id;
    message.executor_id = event->message->executor_id;
    message.data = event->message->data;
    tell(framework, "mesos.internal.ExecutorToFrameworkMessage", &message);
}

static void
send_failure(struct framework *framework, const Event *event)
{
    const Mesos__V1__Scheduler__Event__Failure *failure = event->failure;
    if (failure->executor_id) {
        Mesos__Internal__ExitedExecutorMessage exited = MESOS__INTERNAL__EXITED_EXECUTOR_MESSAGE__INIT;
        exited.slave_id = failure->agent_id;
        exited.framework_id = framework->info->id;
        exited.executor_id = failure->executor_id;
        exited.status = failure->status;
        tell(framework, "mesos.internal.ExitedExecutorMessage", &exited);
    } else {
        Mesos__Internal__LostSlaveMessage lost = MESOS__INTERNAL__LOST_SLAVE_MESSAGE__INIT;
        lost.slave_id = failure->agent_id;
        tell(framework, "mesos.internal.LostSlaveMessage", &lost);
    }
}

void
driver_send_event(struct framework *framework, const Event *event)
{
    switch (event->type) {
    case MESOS__V1__SCHEDULER__EVENT__TYPE__OFFERS:
        send_offers(framework, event);
        break;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__RESCIND:
        send_rescind(framework, event);
        break;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__INVERSE_OFFERS:
        send_inverse_offers(framework, event);
        break;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__RESCIND_INVERSE_OFFER:
        send_rescind_inverse(framework, event);
        break;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__UPDATE:
        send_own_status(framework, event);
        break;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__MESSAGE:
        send_message(framework, event);
        break;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__FAILURE:
        send_failure(framework, event);
        break;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__ERROR:
        driver_send_error(framework->master, &framework->upid, event->error->message);
        break;
    default:
        break;
    }
}

void
driver_send_update(struct framework *framework, Mesos__Internal__StatusUpdateMessage *message)
{
    tell(framework, "mesos.internal.StatusUpdateMessage", message);
}

void
driver_send_registered(struct framework *framework, bool again)
{
    struct master *master = framework->master;
    auto_arena struct arena *arena = arena_new(0);
    Mesos__V1__MasterInfo *info = MESSAGE_UNPACK(Mesos__V1__MasterInfo, mesos__v1__master_info,
                                                 str_n(master->info, master->info_len), arena, NULL);
    if (again) {
        Mesos__Internal__FrameworkReregisteredMessage message =
            MESOS__INTERNAL__FRAMEWORK_REREGISTERED_MESSAGE__INIT;
        message.framework_id = framework->info->id;
        message.master_info = info;
        tell(framework, "mesos.internal.FrameworkReregisteredMessage", &message);
    } else {
        Mesos__Internal__FrameworkRegisteredMessage message =
            MESOS__INTERNAL__FRAMEWORK_REGISTERED_MESSAGE__INIT;
        message.framework_id = framework->info->id;
        message.master_info = info;
        tell(framework, "mesos.internal.FrameworkRegisteredMessage", &message);
    }
}

void
driver_send_error(struct master *master, const struct upid *to, const char *text)
{
    Mesos__Internal__FrameworkErrorMessage message = MESOS__INTERNAL__FRAMEWORK_ERROR_MESSAGE__INIT;
    auto_free char *copy = xstrdup(text);
    message.message = copy;
    agent_send_to(master, to, "mesos.internal.FrameworkErrorMessage", &message);
}
