/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machines: found, made, forgotten, shown, and the agents on each. Called by agents.c, by maintenance.c and by all who show
 * machines; never changes a machine's mode or window, which operators do (maintenance.c).
 */
#include "master/maintenance_inside.h"

#include "host/kind_allocator.h"
#include "master/inverse_offers.h"
#include "master/state.h"

enum { IDLE_MAX = 1000 }; /* machines UP and empty that are still told from those never heard of */

void
machine_free(struct machine *machine)
{
    free(machine->hostname);
    free(machine->ip);
    free(machine);
}

struct machine *
machine_find(const struct maintenance *m, const MachineID *id)
{
    auto_arena struct arena *arena = arena_new(0);
    return map_get(&m->machines, str_of(machine_key(id, arena)));
}

void
maintenance_each(const struct maintenance *m, void (*fn)(const struct machine *machine, void *arg), void *arg)
{
    const struct machine *machine;
    map_foreach (machine, &m->machines)
        fn(machine, arg);
}

void
machine_settle(struct maintenance *m, struct machine *machine)
{
    bool idle = machine->mode == MACHINE_UP && list_empty(&machine->agents), was = !list_empty(&machine->idle);
    if (idle == was)
        return;
    if (was) {
        list_remove(&machine->idle);
        list_init(&machine->idle);
        m->idle_count--;
        return;
    }
    list_push(&m->idle, &machine->idle);
    if (++m->idle_count <= IDLE_MAX)
        return;
    struct machine *oldest = list_first(&m->idle, struct machine, idle);
    list_remove(&oldest->idle);
    m->idle_count--;
    map_remove(&m->machines, str_of(oldest->key));
    machine_free(oldest);
}

struct machine *
machine_get(struct maintenance *m, const MachineID *id)
{
    auto_arena struct arena *arena = arena_new(0);
    const char *key = machine_key(id, arena);
    struct machine *machine = map_get(&m->machines, str_of(key));
    if (machine)
        return machine;
    size_t len = strlen(key);
    machine = xcalloc(1, sizeof(*machine) + len + 1);
    memcpy(machine->key, key, len);
    machine->hostname = id->hostname ? xstrdup(id->hostname) : NULL;
    machine->ip = id->ip ? xstrdup(id->ip) : NULL;
    list_init(&machine->agents);
    list_init(&machine->idle);
    map_add(&m->machines, str_of(machine->key), machine);
    return machine;
}

MachineID *
machine_id(const struct machine *machine, struct arena *arena)
{
    MachineID *id = arena_alloc(arena, sizeof(*id));
    mesos__v1__machine_id__init(id);
    id->hostname = machine->hostname;
    id->ip = machine->ip;
    return id;
}

Mesos__V1__Maintenance__ClusterStatus *
maintenance_status(const struct maintenance *m, struct arena *arena)
{
    typedef Mesos__V1__Maintenance__ClusterStatus__DrainingMachine Draining;
    Mesos__V1__Maintenance__ClusterStatus *status = arena_alloc(arena, sizeof(*status));
    size_t room = map_count(&m->machines) + 1;
    const struct machine *machine;
    mesos__v1__maintenance__cluster_status__init(status);
    status->draining_machines = arena_calloc(arena, room, sizeof(Draining *));
    status->down_machines = arena_calloc(arena, room, sizeof(MachineID *));
    map_foreach (machine, &m->machines) {
        if (machine->mode == MACHINE_DOWN)
            status->down_machines[status->n_down_machines++] = machine_id(machine, arena);
        if (machine->mode != MACHINE_DRAINING)
            continue;
        Draining *draining = arena_alloc(arena, sizeof(*draining));
        mesos__v1__maintenance__cluster_status__draining_machine__init(draining);
        draining->id = machine_id(machine, arena);
        draining->statuses = inverse_offer_statuses(machine, arena, &draining->n_statuses);
        status->draining_machines[status->n_draining_machines++] = draining;
    }
    return status;
}

/* --- agents --- */

enum machine_door
machine_door(const struct maintenance *m, const char *hostname, const struct upid *pid)
{
    char ip[64];
    auto_free char *name = xstrdup(hostname);
    MachineID id = MESOS__V1__MACHINE_ID__INIT;
    id.hostname = name;
    id.ip = address_ip(&pid->address, ip);
    const struct machine *machine = machine_find(m, &id);
    if (!machine)
        return MACHINE_DOOR_OPEN;
    return machine->mode == MACHINE_DOWN ? MACHINE_DOOR_SHUT
           : machine->going_down         ? MACHINE_DOOR_WAIT
                                         : MACHINE_DOOR_OPEN;
}

void
machine_agent_added(struct agent *agent)
{
    char ip[64];
    struct maintenance *m = agent->master->maintenance;
    MachineID id = MESOS__V1__MACHINE_ID__INIT;
    id.hostname = agent->hostname;
    id.ip = address_ip(&agent->upid.address, ip);
    struct machine *machine = machine_get(m, &id);
    if (agent->machine == machine)
        return;
    machine_agent_removed(agent);
    agent->machine = machine;
    list_push(&machine->agents, &agent->machine_node);
    machine_settle(m, machine);
}

void
machine_agent_removed(struct agent *agent)
{
    struct machine *machine = agent->machine;
    inverse_answers_forget(agent);
    if (!machine)
        return;
    agent->machine = NULL;
    list_remove(&agent->machine_node);
    machine_settle(agent->master->maintenance, machine);
}

void
machine_agent_announced(struct agent *agent)
{
    struct mesos_unavailability view = {.size = sizeof(view)};
    const struct window *window = &agent->machine->window;
    view.start_ns = window->start_ns;
    view.duration_ns = window->has_duration ? window->duration_ns : -1;
    allocator_update_unavailability(agent->master->allocator, agent->number, window->planned ? &view : NULL);
}

static Mesos__V1__Unavailability *
unavailability(const struct window *window, struct arena *arena)
{
    Mesos__V1__Unavailability *to = arena_alloc(arena, sizeof(*to));
    mesos__v1__unavailability__init(to);
    to->start = arena_alloc(arena, sizeof(*to->start));
    mesos__v1__time_info__init(to->start);
    to->start->nanoseconds = window->start_ns;
    if (!window->has_duration)
        return to;
    to->duration = arena_alloc(arena, sizeof(*to->duration));
    mesos__v1__duration_info__init(to->duration);
    to->duration->nanoseconds = window->duration_ns;
    return to;
}

Mesos__V1__Unavailability *
agent_unavailability(const struct agent *agent, struct arena *arena)
{
    const struct window *window = agent->machine ? &agent->machine->window : NULL;
    return window && window->planned ? unavailability(window, arena) : NULL;
}

void
machine_info(const struct machine *machine, Mesos__V1__MachineInfo *ret, struct arena *arena)
{
    static const Mesos__V1__MachineInfo__Mode modes[] = {
        [MACHINE_UP] = MESOS__V1__MACHINE_INFO__MODE__UP,
        [MACHINE_DRAINING] = MESOS__V1__MACHINE_INFO__MODE__DRAINING,
        [MACHINE_DOWN] = MESOS__V1__MACHINE_INFO__MODE__DOWN,
    };
    mesos__v1__machine_info__init(ret);
    ret->id = machine_id(machine, arena);
    ret->has_mode = true;
    ret->mode = modes[machine->mode];
    ret->unavailability = machine->window.planned ? unavailability(&machine->window, arena) : NULL;
}
