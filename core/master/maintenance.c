/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What operators do to machines. A change is checked when its turn comes, written to the registry, applied when it is durable,
 * answered, and only then does the next one begin. Called by the two doors of operators and by the recovery of the registry.
 */
#include "master/maintenance_inside.h"

#include "base/log.h"
#include "daemon/operator.h"
#include "host/kind_allocator.h"
#include "master/authorize.h"
#include "master/event_agent_lost.h"
#include "master/inverse_offers.h"
#include "master/orderer.h"
#include "master/state.h"
#include "wire/message.h"

/* One operator's change that waits or is under way. */
struct change {
    struct list node;
    struct maintenance *maintenance;
    struct http_exchange *exchange; /* NULL: whoever asked has gone */
    struct master *master;
    struct orderer orderer;
    struct arena *arena;
    enum { CHANGE_SCHEDULE, CHANGE_START, CHANGE_STOP } kind;
    const Schedule *schedule; /* as it will be */
    MachineID **ids;
    size_t count;
};

/* An entry as the registry has it. */
struct stored {
    size_t value_len;
    bool stays;
    char *value;
    char key[];
};

struct maintenance *
maintenance_new(struct master *master)
{
    struct maintenance *m = xcalloc(1, sizeof(*m));
    m->master = master;
    list_init(&m->idle);
    list_init(&m->changes);
    m->arena = arena_new(0);
    m->schedule = message_unpack_trusted(&mesos__v1__maintenance__schedule__descriptor, (struct str){0}, m->arena);
    return m;
}

static void
change_free(struct change *change)
{
    list_remove(&change->node);
    orderer_fini(&change->orderer);
    arena_free(change->arena);
    free(change);
}

static void
stored_free(struct stored *stored)
{
    free(stored->value);
    free(stored);
}

void
maintenance_free(struct maintenance *m)
{
    struct change *change, *next;
    struct machine *machine;
    struct stored *stored;
    if (!m)
        return;
    list_foreach_safe (change, next, &m->changes, node)
        change_free(change);
    map_foreach (machine, &m->machines)
        machine_free(machine);
    map_foreach (stored, &m->stored)
        stored_free(stored);
    map_fini(&m->machines);
    map_fini(&m->stored);
    arena_free(m->arena);
    free(m);
}

const Schedule *
maintenance_schedule(const struct maintenance *m)
{
    return m->schedule;
}

/* --- what a change does, once it is durable --- */

static struct window
window_of(const Window *from)
{
    const Mesos__V1__Unavailability *away = from->unavailability;
    return (struct window){
        .planned = true,
        .has_duration = away->duration != NULL,
        .start_ns = away->start->nanoseconds,
        .duration_ns = away->duration ? away->duration->nanoseconds : 0,
    };
}

/* All that was said of the machine's agents under another plan is void: offers come again and say the new one. */
static void
set_window(struct machine *machine, struct window window)
{
    const struct window *was = &machine->window;
    struct agent *agent;
    if (was->planned == window.planned && was->has_duration == window.has_duration && was->start_ns == window.start_ns &&
        was->duration_ns == window.duration_ns)
        return;
    machine->window = window;
    list_foreach (agent, &machine->agents, machine_node) {
        log_info("%s agent=%s hostname=%s", window.planned ? "unavailability planned" : "unavailability over", agent->id,
                 agent->hostname);
        offers_rescind_agent(agent);
        inverse_answers_forget(agent);
        machine_agent_announced(agent);
    }
}

static void
take_schedule(struct maintenance *m, const Schedule *schedule)
{
    struct map windows = {0};
    struct machine *machine;
    const Window *window;
    auto_arena struct arena *keys = arena_new(0);
    struct arena *arena = arena_new(0);
    schedule = message_dup(schedule, arena);
    arena_free(m->arena);
    m->arena = arena;
    m->schedule = schedule;
    for (size_t i = 0; i < schedule->n_windows; i++)
        for (size_t j = 0; j < schedule->windows[i]->n_machine_ids; j++) {
            const MachineID *id = schedule->windows[i]->machine_ids[j];
            machine_get(m, id);
            map_set(&windows, str_of(machine_key(id, keys)), schedule->windows[i]);
        }
    map_foreach (machine, &m->machines) {
        window = map_get(&windows, str_of(machine->key));
        if (!window)
            machine->mode = MACHINE_UP;
        else if (machine->mode == MACHINE_UP)
            machine->mode = MACHINE_DRAINING;
        set_window(machine, window ? window_of(window) : (struct window){0});
        machine_settle(m, machine);
    }
    map_fini(&windows);
}

/* Its agents are told to go, and are gone for everybody at once: one that did not hear it is told again when it comes. */
static void
bring_down(struct machine *machine)
{
    struct agent *agent, *next;
    machine->mode = MACHINE_DOWN;
    machine->going_down = false;
    list_foreach_safe (agent, next, &machine->agents, machine_node) {
        Mesos__Internal__ShutdownMessage message = MESOS__INTERNAL__SHUTDOWN_MESSAGE__INIT;
        char text[] = "Operator initiated 'Machine DOWN'";
        message.message = text;
        agent_send(agent, "mesos.internal.ShutdownMessage", &message);
        agent_machine_down(agent, text);
    }
}

static void
apply(struct change *change)
{
    struct maintenance *m = change->maintenance;
    take_schedule(m, change->schedule);
    for (size_t i = 0; i < change->count && change->kind == CHANGE_START; i++) {
        struct machine *machine = machine_find(m, change->ids[i]);
        log_info("machine down hostname=%s ip=%s", machine->hostname ? machine->hostname : "",
                 machine->ip ? machine->ip : "");
        bring_down(machine);
    }
    log_info("maintenance %s machines=%zu windows=%zu",
             change->kind == CHANGE_SCHEDULE ? "scheduled"
             : change->kind == CHANGE_START  ? "started"
                                             : "stopped",
             change->count, m->schedule->n_windows);
}

/* --- the registry --- */

static void
keep_stored(struct maintenance *m, struct str key, struct str value)
{
    struct stored *stored = xcalloc(1, sizeof(*stored) + key.len + 1);
    memcpy(stored->key, key.ptr, key.len);
    stored->value = xmemdup(value.ptr, value.len);
    stored->value_len = value.len;
    stored->stays = true;
    struct stored *before = map_set(&m->stored, str_n(stored->key, key.len), stored);
    if (before)
        stored_free(before);
}

static void
put(void *arg, struct str key, struct str value)
{
    struct maintenance *m = arg;
    struct stored *stored = map_get(&m->stored, key);
    if (stored && str_eq(str_n(stored->value, stored->value_len), value)) {
        stored->stays = true;
        return;
    }
    registrar_put(m->master->registrar, MESOS_REGISTRY_MAINTENANCE, key, value);
    keep_stored(m, key, value);
}

/* What differs from what the registry has. */
static void
write_entries(struct maintenance *m, const Schedule *schedule, MachineID *const *down, size_t count)
{
    struct stored *stored;
    map_foreach (stored, &m->stored)
        stored->stays = false;
    maintenance_entries_write(schedule, down, count, put, m);
    map_foreach (stored, &m->stored) {
        if (stored->stays)
            continue;
        registrar_remove(m->master->registrar, MESOS_REGISTRY_MAINTENANCE, str_of(stored->key));
        map_remove(&m->stored, str_of(stored->key));
        stored_free(stored);
    }
}

void
maintenance_recovered(struct maintenance *m, struct maintenance_entries *entries)
{
    MachineID **down;
    size_t count;
    take_schedule(m, maintenance_entries_schedule(entries, &down, &count));
    for (size_t i = 0; i < count; i++) {
        struct machine *machine = machine_find(m, down[i]);
        if (machine && machine->mode == MACHINE_DRAINING)
            machine->mode = MACHINE_DOWN;
        else
            log_warning("registry: machine %s/%s is down and not scheduled: it is up", down[i]->ip ? down[i]->ip : "",
                        down[i]->hostname ? down[i]->hostname : "");
    }
    if (m->schedule->n_windows)
        log_info("maintenance recovered windows=%zu down=%zu", m->schedule->n_windows, count);
}

void
maintenance_recover_entry(struct maintenance *m, struct maintenance_entries *entries, struct str key, struct str value)
{
    struct err err;
    keep_stored(m, key, value); /* a damaged one goes with the next change */
    if (maintenance_entries_add(entries, key, value, &err))
        log_error("registry: maintenance entry %.*s is passed over: %s", STR_ARG(key), err.text);
}

/* --- changes --- */

static void
on_exchange_gone(struct http_exchange *exchange, void *arg)
{
    struct change *change = arg;
    (void)exchange;
    change->exchange = NULL;
}

/* The schedule without these machines, and without windows that would be empty. */
static const Schedule *
without(const Schedule *from, MachineID *const *ids, size_t count, struct arena *arena)
{
    struct map gone = {0};
    Schedule *to = arena_alloc(arena, sizeof(*to));
    mesos__v1__maintenance__schedule__init(to);
    to->windows = arena_calloc(arena, from->n_windows + 1, sizeof(Window *));
    for (size_t i = 0; i < count; i++)
        map_set(&gone, str_of(machine_key(ids[i], arena)), ids[i]);
    for (size_t i = 0; i < from->n_windows; i++) {
        Window *window = arena_alloc(arena, sizeof(*window));
        *window = *from->windows[i];
        window->n_machine_ids = 0;
        window->machine_ids = arena_calloc(arena, from->windows[i]->n_machine_ids + 1, sizeof(MachineID *));
        for (size_t j = 0; j < from->windows[i]->n_machine_ids; j++) {
            MachineID *id = from->windows[i]->machine_ids[j];
            if (!map_get(&gone, str_of(machine_key(id, arena))))
                window->machine_ids[window->n_machine_ids++] = id;
        }
        if (window->n_machine_ids)
            to->windows[to->n_windows++] = window;
    }
    map_fini(&gone);
    return to;
}

static int
check(const struct change *change, struct err *err)
{
    const struct maintenance *m = change->maintenance;
    switch (change->kind) {
    case CHANGE_START:
        return maintenance_check_start(m, change->ids, change->count, err);
    case CHANGE_STOP:
        return maintenance_check_stop(m, change->ids, change->count, err);
    default:
        return maintenance_check_schedule(m, change->schedule, err);
    }
}

/* Which machines will be down. */
static MachineID **
will_be_down(const struct change *change, size_t *ret_count)
{
    const struct maintenance *m = change->maintenance;
    MachineID **down = arena_calloc(change->arena, map_count(&m->machines) + change->count + 1, sizeof(MachineID *));
    const struct machine *machine;
    struct map back = {0};
    size_t count = 0;
    for (size_t i = 0; i < change->count; i++) {
        if (change->kind == CHANGE_START)
            down[count++] = change->ids[i];
        else if (change->kind == CHANGE_STOP)
            map_set(&back, str_of(machine_key(change->ids[i], change->arena)), change->ids[i]);
    }
    map_foreach (machine, &m->machines)
        if (machine->mode == MACHINE_DOWN && !map_get(&back, str_of(machine->key)))
            down[count++] = machine_id(machine, change->arena);
    map_fini(&back);
    *ret_count = count;
    return down;
}

static void begin_next(struct maintenance *m);

/* The first of the machines that the order names; *ret_more: others follow. */
static const MachineID *
first_machine(const struct change *change, bool *ret_more)
{
    const MachineID *first = change->count ? change->ids[0] : NULL;
    size_t count = change->count;
    for (size_t i = 0; change->kind == CHANGE_SCHEDULE && i < change->schedule->n_windows; i++) {
        const Mesos__V1__Maintenance__Window *window = change->schedule->windows[i];
        if (!first && window->n_machine_ids)
            first = window->machine_ids[0];
        count += window->n_machine_ids;
    }
    *ret_more = count > 1;
    return first;
}

/* Of the machines the first is named. outcome: NULL = done. */
static void
audit_change(const struct change *change, const char *outcome)
{
    static const char *const calls[] = {"UPDATE_MAINTENANCE_SCHEDULE", "START_MAINTENANCE", "STOP_MAINTENANCE"};
    bool more;
    const MachineID *first = first_machine(change, &more);
    auto_free char *object = first ? xasprintf("%s %s%s", first->hostname ? first->hostname : "", first->ip ? first->ip : "",
                                               more ? " ..." : "")
                                   : NULL;
    orderer_audit(&change->orderer, change->master, calls[change->kind], object, outcome);
}

static void
on_stored(void *arg)
{
    struct change *change = arg;
    struct maintenance *m = change->maintenance;
    apply(change);
    audit_change(change, NULL);
    if (change->exchange) {
        http_exchange_on_gone(change->exchange, NULL, NULL);
        operator_reply_done(change->exchange);
    }
    change_free(change);
    begin_next(m);
}

/* From here on agents of these machines are on their way out: the same write forgets that they were admitted. */
static void
leave(struct change *change)
{
    struct agent *agent;
    for (size_t i = 0; i < change->count; i++) {
        struct machine *machine = machine_find(change->maintenance, change->ids[i]);
        machine->going_down = true;
        list_foreach (agent, &machine->agents, machine_node)
            agent_machine_going_down(agent);
    }
}

static void
begin(struct change *change)
{
    struct maintenance *m = change->maintenance;
    size_t count;
    MachineID **down = will_be_down(change, &count);
    if (change->kind == CHANGE_START) {
        change->schedule = message_dup(m->schedule, change->arena);
        leave(change);
    } else if (change->kind == CHANGE_STOP) {
        change->schedule = without(m->schedule, change->ids, change->count, change->arena);
        change->schedule = message_dup(change->schedule, change->arena);
    }
    write_entries(m, change->schedule, down, count);
    registrar_commit(m->master->registrar, on_stored, change);
}

static void
begin_next(struct maintenance *m)
{
    struct change *change;
    while ((change = list_first(&m->changes, struct change, node))) {
        struct err err;
        if (check(change, &err) == 0) {
            begin(change);
            return;
        }
        audit_change(change, err.text);
        if (change->exchange) {
            http_exchange_on_gone(change->exchange, NULL, NULL);
            http_reply_text(change->exchange, 400, "%s", err.text);
        }
        change_free(change);
    }
}

static struct change *
change_new(struct master *master, struct http_exchange *exchange)
{
    struct change *change = xcalloc(1, sizeof(*change));
    change->maintenance = master->maintenance;
    change->exchange = exchange;
    change->master = master;
    orderer_init(&change->orderer, exchange);
    change->arena = arena_new(0);
    http_exchange_on_gone(exchange, on_exchange_gone, change);
    return change;
}

static void
enqueue(struct change *change)
{
    struct maintenance *m = change->maintenance;
    bool idle = list_empty(&m->changes);
    list_push(&m->changes, &change->node);
    if (idle)
        begin_next(m);
}

void
maintenance_update(struct master *master, struct http_exchange *exchange, const Schedule *schedule)
{
    if (!admit(master, exchange, MESOS_ACTION_UPDATE_MAINTENANCE_SCHEDULE))
        return;
    struct change *change = change_new(master, exchange);
    change->kind = CHANGE_SCHEDULE;
    change->schedule = message_dup(schedule, change->arena);
    enqueue(change);
}

static void
change_machines(struct master *master, struct http_exchange *exchange, int kind, MachineID *const *ids, size_t count)
{
    struct change *change = change_new(master, exchange);
    change->kind = kind;
    change->count = count;
    change->ids = arena_calloc(change->arena, count + 1, sizeof(MachineID *));
    for (size_t i = 0; i < count; i++)
        change->ids[i] = message_dup(ids[i], change->arena);
    enqueue(change);
}

void
maintenance_start(struct master *master, struct http_exchange *exchange, MachineID *const *ids, size_t count)
{
    if (admit(master, exchange, MESOS_ACTION_START_MAINTENANCE))
        change_machines(master, exchange, CHANGE_START, ids, count);
}

void
maintenance_stop(struct master *master, struct http_exchange *exchange, MachineID *const *ids, size_t count)
{
    if (admit(master, exchange, MESOS_ACTION_STOP_MAINTENANCE))
        change_machines(master, exchange, CHANGE_STOP, ids, count);
}
