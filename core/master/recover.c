/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an earlier leader has left in the registry, entry by entry, before this one leads: agents that are awaited, that are
 * lost, machines. Called by master.c alone.
 */
#include "master/leader.h"

#include <string.h>

#include "base/log.h"
#include "master/event_agent_lost.h"
#include "master/marks.h"
#include "master/records.h"
#include "mesos/internal/registry.pb-c.h"
#include "wire/message.h"

/* What the store vouches for, but nobody here understands: to lead without it would be to forget it. */
static void
unreadable(struct master *master, const char *what, struct str id, const char *why)
{
    master_fatal(master,
                 "The registry's entry of the %s agent '%.*s' cannot be read: %s; --export-registry=FILE keeps what is there, "
                 "and what was mended goes back in with --import-registry=FILE --overwrite-registry",
                 what, (int)(id.len < 200 ? id.len : 200), id.ptr, why);
    master_arena_reset(master);
}

static void
recover_agent(struct master *master, struct str id, struct str value)
{
    struct err err = {0};
    Mesos__Internal__Registry__Slave *entry = MESSAGE_UNPACK(
        Mesos__Internal__Registry__Slave, mesos__internal__registry__slave, value, master->arena, &err);
    if (!entry || !entry->info->id || !str_is(id, entry->info->id->value)) {
        unreadable(master, "admitted", id, entry ? "it is another agent's" : err.text);
        return;
    }
    struct recovered_agent *recovered = xcalloc(1, sizeof(*recovered) + id.len + 1);
    memcpy(recovered->id, id.ptr, id.len);
    recovered->info_len = mesos__slave_info__get_packed_size(entry->info);
    recovered->info = xmalloc(recovered->info_len + 1);
    mesos__slave_info__pack(entry->info, recovered->info);
    recovered_agent_free(map_set(&master->recovered, str_of(recovered->id), recovered));
    sheets_add(&master->recovered_sheets, &recovered->record);
    marks_recover(master, recovered->id, entry->drain_info, entry->deactivated);
    master_arena_reset(master);
}

static void
recover_lost(struct master *master, struct map *map, struct str id, struct str value)
{
    struct err err = {0};
    /* Gone and unreachable entries have the same first two fields. */
    Mesos__Internal__Registry__UnreachableSlave *entry =
        MESSAGE_UNPACK(Mesos__Internal__Registry__UnreachableSlave,
                       mesos__internal__registry__unreachable_slave, value, master->arena, &err);
    if (!entry || !str_is(id, entry->id->value)) {
        unreadable(master, map == &master->gone ? "gone" : "unreachable", id, entry ? "it is another agent's" : err.text);
        return;
    }
    lost_agent_add(map, id, entry->timestamp->nanoseconds);
    if (map == &master->unreachable)
        marks_recover(master, entry->id->value, entry->drain_info, entry->deactivated);
    master_arena_reset(master);
}

void
registry_entry_recover(void *arg, const struct mesos_registry_entry *entry)
{
    struct master *master = arg;
    struct str key = str_n(entry->key.data, entry->key.len),
               value = str_n(entry->value.data, entry->value.len);
    if (master->ended)
        return;
    switch (entry->table) {
    case MESOS_REGISTRY_ADMITTED:
        recover_agent(master, key, value);
        break;
    case MESOS_REGISTRY_UNREACHABLE:
        recover_lost(master, &master->unreachable, key, value);
        break;
    case MESOS_REGISTRY_GONE:
        recover_lost(master, &master->gone, key, value);
        break;
    case MESOS_REGISTRY_MAINTENANCE:
        maintenance_recover_entry(master->maintenance, master->maintenance_entries, key, value);
        break;
    default:
        break;
    }
}
