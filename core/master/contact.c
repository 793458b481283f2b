/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is at a framework's other end, while there is somebody: what is said goes out the way that the contact takes
 * (contact.h); a new contact takes the place of the former one; one that breaks leaves the framework waiting.
 */
#include <string.h>

#include "base/log.h"
#include "host/kind_allocator.h"
#include "master/login.h"
#include "master/state.h"
#include "wire/message.h"

char *
framework_pid(const struct framework *framework)
{
    static const char nobody[] = "@0.0.0.0:0"; /* a scheduler over HTTP has no address */
    return framework->pid ? framework->pid : (char *)(uintptr_t)nobody;
}

bool
framework_is_at(const struct framework *framework, const struct upid *pid)
{
    return framework->pid && upid_eq(&framework->upid, pid);
}

static void
count_event(struct framework *framework, Mesos__V1__Scheduler__Event__Type type)
{
    struct framework_metrics *m = framework->metrics;
    if (!m)
        return;
    metric_inc(m->events);
    if ((size_t)type < ARRAY_LEN(m->event_types) && m->event_types[type])
        metric_inc(m->event_types[type]);
}

void
framework_count_call(struct framework *framework, Mesos__V1__Scheduler__Call__Type type)
{
    struct framework_metrics *m = framework->metrics;
    if (!m)
        return;
    metric_inc(m->calls);
    if ((size_t)type < ARRAY_LEN(m->call_types) && m->call_types[type])
        metric_inc(m->call_types[type]);
}

void
framework_send(struct framework *framework, Mesos__V1__Scheduler__Event *event)
{
    if (!framework->connected)
        return;
    event->has_type = true;
    count_event(framework, event->type);
    if (framework->stream)
        stream_send_event(framework->master, framework->stream, framework->json, event);
    else if (framework->pid)
        driver_send_event(framework, event);
}

void
framework_forward(struct framework *framework, Mesos__Internal__StatusUpdateMessage *message)
{
    if (!framework->pid) {
        framework_send_status(framework, message->update->status);
        return;
    }
    if (!framework->connected)
        return;
    count_event(framework, MESOS__V1__SCHEDULER__EVENT__TYPE__UPDATE);
    driver_send_update(framework, message);
}

void
framework_send_status(struct framework *framework, Mesos__V1__TaskStatus *status)
{
    Mesos__V1__Scheduler__Event event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__Update update = MESOS__V1__SCHEDULER__EVENT__UPDATE__INIT;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__UPDATE;
    event.update = &update;
    update.status = status;
    framework_send(framework, &event);
}

void
framework_send_error(struct framework *framework, const char *message)
{
    Mesos__V1__Scheduler__Event event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__Error error = MESOS__V1__SCHEDULER__EVENT__ERROR__INIT;
    auto_free char *text = xstrdup(message);
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__ERROR;
    event.error = &error;
    error.message = text;
    framework_send(framework, &event);
}

static void
send_heartbeat(struct framework *framework)
{
    Mesos__V1__Scheduler__Event event = MESOS__V1__SCHEDULER__EVENT__INIT;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__HEARTBEAT;
    framework_send(framework, &event);
    loop_timer_start(&framework->heartbeat, HEARTBEAT_MS);
}

void
framework_heartbeat(void *arg)
{
    send_heartbeat(arg);
}

static void
send_subscribed(struct framework *framework)
{
    struct master *master = framework->master;
    auto_arena struct arena *arena = arena_new(0);
    Mesos__V1__Scheduler__Event event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__Subscribed subscribed = MESOS__V1__SCHEDULER__EVENT__SUBSCRIBED__INIT;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__SUBSCRIBED;
    event.subscribed = &subscribed;
    subscribed.framework_id = framework->info->id;
    subscribed.has_heartbeat_interval_seconds = true;
    subscribed.heartbeat_interval_seconds = HEARTBEAT_MS / 1000;
    subscribed.master_info = MESSAGE_UNPACK(Mesos__V1__MasterInfo, mesos__v1__master_info,
                                            str_n(master->info, master->info_len), arena, NULL);
    framework_send(framework, &event);
}

static void
on_gone(struct http_exchange *stream, void *arg)
{
    struct framework *framework = arg;
    (void)stream;
    framework->stream = NULL;
    log_info("disconnected framework=%s name=\"%s\"", framework->id, framework->info->name);
    framework_disconnect(framework);
}

/* Another framework may listen at the same pid, and keeps the link. */
static void
unlink_pid(struct framework *framework)
{
    const struct framework *other;
    if (login_principal(framework->master, &framework->upid))
        return; /* its exit matters to its login */
    map_foreach (other, &framework->master->frameworks) {
        if (other != framework && other->connected && framework_is_at(other, &framework->upid))
            return;
    }
    libprocess_unlink(framework->master->daemon->libprocess, &framework->upid);
}

/* Nothing more is said over the present contact. A pid stays known: it is shown, and may be the next one again. */
void
framework_contact_end(struct framework *framework)
{
    struct http_exchange *stream = framework->stream;
    framework->stream = NULL;
    loop_timer_stop(&framework->heartbeat);
    if (stream) {
        http_exchange_on_gone(stream, NULL, NULL);
        http_stream_end(stream);
    }
    if (framework->pid && framework->connected)
        unlink_pid(framework);
}

const struct address *
contact_peer(const struct contact *contact)
{
    return contact->pid ? &contact->pid->address : http_exchange_peer(contact->stream);
}

const struct address *
framework_peer(const struct framework *framework)
{
    if (!framework->connected)
        return NULL;
    return framework->stream ? http_exchange_peer(framework->stream) : framework->pid ? &framework->upid.address : NULL;
}

static void
take_pid(struct framework *framework, const struct upid *pid)
{
    char text[400];
    free(framework->pid);
    framework->pid = pid ? xstrdup(upid_format(pid, text)) : NULL;
    if (pid) {
        framework->upid = *pid;
        libprocess_link(framework->master->daemon->libprocess, pid);
    }
}

static void
take_stream(struct framework *framework, const struct contact *contact)
{
    framework->stream = contact->stream;
    framework->json = contact->json;
    memcpy(framework->stream_id, contact->stream_id, UUID_TEXT);
    http_exchange_on_gone(contact->stream, on_gone, framework);
}

void
framework_connect(struct framework *framework, const struct contact *contact, bool again)
{
    struct master *master = framework->master;
    bool same = contact->pid && framework_is_at(framework, contact->pid);
    if (framework->connected && !same) {
        framework_send_error(framework, "Framework failed over");
        framework_contact_end(framework);
    }
    loop_timer_stop(&framework->failover);
    bool was_active = framework->active;
    take_pid(framework, contact->pid);
    if (contact->stream)
        take_stream(framework, contact);
    framework->connected = framework->active = true;
    if (framework->recovered)
        framework->registered_secs = loop_wall_secs(master->loop);
    framework->recovered = false;
    if (!was_active)
        allocator_activate_framework(master->allocator, framework->number);
    if (framework->metrics)
        metric_set(framework->metrics->subscribed, 1);
    if (framework->pid) {
        count_event(framework, MESOS__V1__SCHEDULER__EVENT__TYPE__SUBSCRIBED);
        driver_send_registered(framework, again);
    } else {
        send_subscribed(framework);
        send_heartbeat(framework);
    }
}

void
framework_disconnect(struct framework *framework)
{
    loop_timer_stop(&framework->heartbeat);
    if (!framework->connected)
        return;
    framework_deactivate(framework);
    framework->connected = false;
    if (framework->metrics)
        metric_set(framework->metrics->subscribed, 0);
    framework_await(framework, 0);
}

void
framework_deactivate(struct framework *framework)
{
    if (!framework->active)
        return;
    framework->active = false;
    allocator_deactivate_framework(framework->master->allocator, framework->number);
    if (framework->pid)
        offers_rescind_framework(framework);
    else
        offers_drop_framework(framework);
}

void
frameworks_exited(struct master *master, const struct upid *pid)
{
    struct framework *framework;
    map_foreach (framework, &master->frameworks) {
        if (!framework->connected || !framework_is_at(framework, pid))
            continue;
        log_info("disconnected framework=%s name=\"%s\" pid=%s", framework->id, framework->info->name,
                 framework->pid);
        /* When it is only the connection that broke, a driver that is alive must hear of it: it has no other way to
         * find out. */
        framework_send_error(framework, "Framework disconnected");
        framework_disconnect(framework);
    }
}
