/* SPDX-License-Identifier: Apache-2.0 */
/* What machines.c and maintenance.c share. Nobody else includes it. */
#ifndef MASTER_MAINTENANCE_INSIDE_H
#define MASTER_MAINTENANCE_INSIDE_H

#include "master/maintenance.h"

struct maintenance {
    struct master *master;
    struct map machines; /* machine_key -> struct machine */
    struct list idle;
    size_t idle_count;
    struct arena *arena; /* of schedule */
    const Schedule *schedule;
    struct list changes; /* the first is under way */
    struct map stored; /* key -> struct stored */
};

/* machines.c */

void machine_free(struct machine *machine);
/* The machine of that id, made when it was not known. */
struct machine *machine_get(struct maintenance *m, const MachineID *id);
/* After its mode or its agents have changed: those that are up and empty are kept for a while, the youngest ones. */
void machine_settle(struct maintenance *m, struct machine *machine);
/* As it is shown, in arena; its words are the machine's. */
MachineID *machine_id(const struct machine *machine, struct arena *arena);

#endif
