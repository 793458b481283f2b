/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maintenance: machines, the schedule of their downtimes, and the operators' changes of both. A machine is a host name and an
 * address, both as an agent on it registers (host names in any case); an agent finds its machine when it is added. UP until
 * it is scheduled, DRAINING then, DOWN when an operator says so. Each change is in the registry before it is applied or
 * answered, and they are carried out one after the other.
 *
 * machines.c keeps machines and who is on them, maintenance.c changes them, maintenance_validate.c holds Mesos's checks,
 * maintenance_store.c is what the registry keeps of it, http_maintenance.c and operator_maintenance.c are its two doors,
 * inverse_offers.c is what frameworks see of it.
 */
#ifndef MASTER_MAINTENANCE_H
#define MASTER_MAINTENANCE_H

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "mesos/v1/maintenance/maintenance.pb-c.h"
#include "mesos/v1/mesos.pb-c.h"

struct agent;
struct http_exchange;
struct maintenance;
struct maintenance_entries;
struct master;
struct upid;

typedef Mesos__V1__Maintenance__Schedule Schedule;
typedef Mesos__V1__Maintenance__Window Window;
typedef Mesos__V1__MachineID MachineID;

enum machine_mode { MACHINE_UP, MACHINE_DRAINING, MACHINE_DOWN };

struct window {
    bool planned, has_duration;
    int64_t start_ns, duration_ns;
};

struct machine {
    enum machine_mode mode;
    bool going_down; /* the registry is being told: agents that come meanwhile have to wait */
    struct window window; /* unless UP */
    struct list agents; /* struct agent.machine_node */
    struct list idle; /* UP and without agents: among those that may be forgotten */
    char *hostname, *ip; /* as first heard; NULL = not given */
    char key[];
};

/* What a schedule may be at most, packed: it has to fit into one write of any registry. */
enum { MAINTENANCE_BYTES_MAX = 512 << 10, MACHINE_HOSTNAME_MAX = 255 };

/* --- maintenance.c --- */
struct maintenance *maintenance_new(struct master *master);
/* After the HTTP server and the agents are gone. */
void maintenance_free(struct maintenance *maintenance);
/* What the registry has, entry by entry, then as a whole. An entry that cannot be read is logged and passed over. */
void maintenance_recover_entry(struct maintenance *maintenance, struct maintenance_entries *entries, struct str key,
                               struct str value);
void maintenance_recovered(struct maintenance *maintenance, struct maintenance_entries *entries);
/* NULL when it was never heard of. */
struct machine *machine_find(const struct maintenance *maintenance, const MachineID *id);
void maintenance_each(const struct maintenance *maintenance, void (*fn)(const struct machine *machine, void *arg), void *arg);
/* The machine as the registry's JSON shows it. */
void machine_info(const struct machine *machine, Mesos__V1__MachineInfo *ret, struct arena *arena);
/* Never NULL; empty when nothing is scheduled. */
const Schedule *maintenance_schedule(const struct maintenance *maintenance);
Mesos__V1__Maintenance__ClusterStatus *maintenance_status(const struct maintenance *maintenance, struct arena *arena);
/* What the peer may see of them: nothing, when it may not. */
const Schedule *maintenance_schedule_for(struct master *master, struct http_exchange *exchange);
Mesos__V1__Maintenance__ClusterStatus *maintenance_status_for(struct master *master, struct http_exchange *exchange,
                                                              struct arena *arena);

enum machine_door { MACHINE_DOOR_OPEN, MACHINE_DOOR_WAIT, MACHINE_DOOR_SHUT };
/* May an agent at this address with this host name (re-)register? WAIT: ask again later, nothing is to be told. */
enum machine_door machine_door(const struct maintenance *maintenance, const char *hostname, const struct upid *pid);
/* The agent is (still) on the machine of its present host name and address. */
void machine_agent_added(struct agent *agent);
void machine_agent_removed(struct agent *agent);
/* The allocator has been told of the agent: it hears of the agent's window. */
void machine_agent_announced(struct agent *agent);
/* The planned downtime of the agent's machine, in arena; NULL = none. */
Mesos__V1__Unavailability *agent_unavailability(const struct agent *agent, struct arena *arena);

/* Answers exchange with 200 and no body once the change is durable and applied, with 400 and why, or with 403 when the peer may
 * not do it. Everything is copied. */
void maintenance_update(struct master *master, struct http_exchange *exchange, const Schedule *schedule);
void maintenance_start(struct master *master, struct http_exchange *exchange, MachineID *const *ids, size_t count);
void maintenance_stop(struct master *master, struct http_exchange *exchange, MachineID *const *ids, size_t count);

/* --- maintenance_validate.c: 0 or -EINVAL with the text that Mesos answers --- */
int maintenance_check_schedule(const struct maintenance *maintenance, const Schedule *schedule, struct err *err);
int maintenance_check_start(const struct maintenance *maintenance, MachineID *const *ids, size_t count, struct err *err);
int maintenance_check_stop(const struct maintenance *maintenance, MachineID *const *ids, size_t count, struct err *err);
/* "<address>/<host name in lower case>": equal for equal machines. */
char *machine_key(const MachineID *id, struct arena *arena);

/* --- maintenance_store.c: entries of MESOS_REGISTRY_MAINTENANCE ---
 * "schedule": packed Schedule; "machine/<hostname>/<ip>": packed mesos.internal.Registry.Machine (mesos/registry.h). */
struct maintenance_entries *maintenance_entries_new(void);
void maintenance_entries_free(struct maintenance_entries *entries);
/* -EINVAL when it is damaged. */
int maintenance_entries_add(struct maintenance_entries *entries, struct str key, struct str value, struct err *err);
/* Borrowed from entries. *ret_down: of *ret_count machines. */
const Schedule *maintenance_entries_schedule(const struct maintenance_entries *entries, MachineID ***ret_down, size_t *ret_count);
/* Calls put for each entry that this schedule and these machines make. */
void maintenance_entries_write(const Schedule *schedule, MachineID *const *down, size_t count,
                               void (*put)(void *arg, struct str key, struct str value), void *arg);

#endif
