/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schedule and machines as entries of the registry, and back. The schedule says which machines there are; of the machines'
 * own entries only that one is down is news, so that a registry in which the two differ still means one thing.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "master/maintenance.h"
#include "mesos/internal/registry.pb-c.h"
#include "wire/message.h"

typedef Mesos__Internal__Registry__Machine Machine;

struct maintenance_entries {
    struct arena *arena;
    Schedule *schedule;
    MachineID **down;
    size_t down_count, down_cap;
};

struct maintenance_entries *
maintenance_entries_new(void)
{
    struct maintenance_entries *entries = xcalloc(1, sizeof(*entries));
    entries->arena = arena_new(0);
    entries->schedule = arena_alloc(entries->arena, sizeof(*entries->schedule));
    mesos__v1__maintenance__schedule__init(entries->schedule);
    return entries;
}

void
maintenance_entries_free(struct maintenance_entries *entries)
{
    if (!entries)
        return;
    arena_free(entries->arena);
    free(entries->down);
    free(entries);
}

/* Mesos has room for several schedules and never has more than one: they would be one after the other. */
static int
add_schedule(struct maintenance_entries *entries, struct str value, struct err *err)
{
    Schedule *more = MESSAGE_UNPACK(Schedule, mesos__v1__maintenance__schedule, value, entries->arena, err), *to;
    if (!more)
        return -EINVAL;
    to = entries->schedule;
    Window **windows = arena_calloc(entries->arena, to->n_windows + more->n_windows + 1, sizeof(*windows));
    for (size_t i = 0; i < to->n_windows; i++)
        windows[i] = to->windows[i];
    for (size_t i = 0; i < more->n_windows; i++)
        windows[to->n_windows + i] = more->windows[i];
    to->windows = windows;
    to->n_windows += more->n_windows;
    return 0;
}

static int
add_machine(struct maintenance_entries *entries, struct str value, struct err *err)
{
    Machine *machine = MESSAGE_UNPACK(Machine, mesos__internal__registry__machine, value, entries->arena, err);
    if (!machine)
        return -EINVAL;
    if (!machine->info->has_mode || machine->info->mode != MESOS__V1__MACHINE_INFO__MODE__DOWN)
        return 0;
    if (entries->down_count == entries->down_cap) {
        entries->down_cap = entries->down_cap ? entries->down_cap * 2 : 16;
        entries->down = xreallocarray(entries->down, entries->down_cap, sizeof(MachineID *));
    }
    entries->down[entries->down_count++] = machine->info->id;
    return 0;
}

int
maintenance_entries_add(struct maintenance_entries *entries, struct str key, struct str value, struct err *err)
{
    if (str_starts(key, STR_LIT("machine/")))
        return add_machine(entries, value, err);
    if (str_starts(key, STR_LIT("schedule")))
        return add_schedule(entries, value, err);
    return err_set(err, -EINVAL, "no key of maintenance begins so; expecting schedule or machine/<hostname>/<ip>");
}

const Schedule *
maintenance_entries_schedule(const struct maintenance_entries *entries, MachineID ***ret_down, size_t *ret_count)
{
    *ret_down = entries->down;
    *ret_count = entries->down_count;
    return entries->schedule;
}

typedef void put_fn(void *arg, struct str key, struct str value);

static void
write_machine(const Window *window, MachineID *id, bool down, put_fn *put, void *arg)
{
    auto_buf struct buf key = {0}, value = {0};
    Machine machine = MESOS__INTERNAL__REGISTRY__MACHINE__INIT;
    Mesos__V1__MachineInfo info = MESOS__V1__MACHINE_INFO__INIT;
    machine.info = &info;
    info.id = id;
    info.has_mode = true;
    info.mode = down ? MESOS__V1__MACHINE_INFO__MODE__DOWN : MESOS__V1__MACHINE_INFO__MODE__DRAINING;
    info.unavailability = window->unavailability;
    buf_printf(&key, "machine/%s/%s", id->hostname ? id->hostname : "", id->ip ? id->ip : "");
    message_pack(&value, &machine);
    put(arg, buf_str(&key), buf_str(&value));
}

void
maintenance_entries_write(const Schedule *schedule, MachineID *const *down, size_t count, put_fn *put, void *arg)
{
    auto_buf struct buf bytes = {0};
    auto_arena struct arena *arena = arena_new(0);
    struct map is_down = {0};
    if (schedule->n_windows == 0)
        return;
    for (size_t i = 0; i < count; i++)
        map_set(&is_down, str_of(machine_key(down[i], arena)), down[i]);
    message_pack(&bytes, schedule);
    put(arg, STR_LIT("schedule"), buf_str(&bytes));
    for (size_t i = 0; i < schedule->n_windows; i++) {
        const Window *window = schedule->windows[i];
        for (size_t j = 0; j < window->n_machine_ids; j++)
            write_machine(window, window->machine_ids[j],
                          map_get(&is_down, str_of(machine_key(window->machine_ids[j], arena))), put, arg);
    }
    map_fini(&is_down);
}
