/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a resource was on its agent before anybody reserved it or made a volume of it: asked by the master, which
 * finds the agent's share again, and by the agent, which asks whether it still has as much.
 */
#include "model/resources.h"

Mesos__V1__Resource *
resource_bare(const Mesos__V1__Resource *item, struct arena *arena)
{
    size_t keep = 0;
    while (keep < item->n_reservations &&
           item->reservations[keep]->type == MESOS__V1__RESOURCE__RESERVATION_INFO__TYPE__STATIC)
        keep++;
    bool volume = item->disk && item->disk->persistence;
    if (keep == item->n_reservations && !item->reservation && !volume && !item->shared)
        return NULL;
    Mesos__V1__Resource *bare = arena_alloc(arena, sizeof(*bare));
    *bare = *item;
    bare->n_reservations = keep;
    if (item->reservation)
        bare->role = arena_strdup(arena, STR_LIT("*"));
    bare->reservation = NULL;
    bare->shared = NULL;
    if (!volume)
        return bare;
    Mesos__V1__Resource__DiskInfo *disk = arena_alloc(arena, sizeof(*disk));
    *disk = *item->disk;
    disk->persistence = NULL;
    disk->volume = NULL;
    bare->disk = disk->source ? disk : NULL;
    return bare;
}
