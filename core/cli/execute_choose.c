/* SPDX-License-Identifier: Apache-2.0 */
/* From an offer to the resources that each task and the executor take of it. */
#include "cli/execute.h"

#include "model/resources.h"

/* Takes `want` thousandths of a scalar out of the offer's items of that name, reserved ones as well. */
static bool
take_scalar(struct resources *chosen, const struct resources *offered, const struct mesos_resource *want)
{
    int64_t missing = want->scalar;

    for (uint32_t i = 0; i < offered->count && missing > 0; i++) {
        struct mesos_resource part = offered->items[i];

        if (strcmp(part.name, want->name) != 0 || part.type != MESOS_VALUE_SCALAR || part.has_disk ||
            part.revocable)
            continue;
        if (part.scalar > missing)
            part.scalar = missing;
        missing -= part.scalar;
        resources_add_view(chosen, (struct mesos_resources){sizeof(part), 1, &part});
    }
    return missing == 0;
}

/* Moves what `needed` asks for from offered to chosen. */
static bool
take_needed(const struct execute_session *session, struct resources *offered, const struct resources *needed,
            struct resources *chosen)
{
    for (uint32_t i = 0; i < needed->count; i++) {
        struct mesos_resource want = needed->items[i];

        if (want.type == MESOS_VALUE_SCALAR && !want.identity) {
            if (!take_scalar(chosen, offered, &want))
                return false;
            continue;
        }
        want.allocation_role = session->target->role;
        if (!resources_contains_view(offered, (struct mesos_resources){sizeof(want), 1, &want}))
            return false;
        resources_add_view(chosen, (struct mesos_resources){sizeof(want), 1, &want});
    }
    if (!resources_contains(offered, chosen)) /* the same item asked for twice */
        return false;
    resources_subtract(offered, chosen);
    return true;
}

static bool
take_item(const struct execute_session *session, struct resources *offered, Mesos__V1__Resource **wanted,
          size_t wanted_count, struct arena *arena, Mesos__V1__Resource ***ret, size_t *ret_count)
{
    auto_resources struct resources needed = {0}, chosen = {0};

    if (resources_from_proto(&needed, wanted, wanted_count, NULL) < 0 ||
        !take_needed(session, offered, &needed, &chosen))
        return false;
    *ret = resources_to_proto(&chosen, true, arena, ret_count);
    return true;
}

bool
execute_choose(const struct execute_session *session, const Mesos__V1__Offer *offer, struct arena *arena,
               struct execute_choice *ret)
{
    auto_resources struct resources offered = {0};

    if (resources_from_proto(&offered, offer->resources, offer->n_resources, NULL) < 0)
        return false;
    ret->items = arena_calloc(arena, session->task_count + 1, sizeof(*ret->items));
    for (size_t i = 0; i < session->task_count; i++) {
        const Mesos__V1__TaskInfo *task = session->tasks[i].info;

        if (!take_item(session, &offered, task->resources, task->n_resources, arena, &ret->items[i].resources,
                       &ret->items[i].count))
            return false;
    }
    return !session->executor ||
           take_item(session, &offered, session->executor->resources, session->executor->n_resources, arena,
                     &ret->items[session->task_count].resources, &ret->items[session->task_count].count);
}
