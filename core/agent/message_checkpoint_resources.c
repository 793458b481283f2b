/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CheckpointResourcesMessage: reservations and volumes that must survive a restart. They are remembered and
 * told to the next master; volumes are made, and removed, on disk.
 */
#include "agent/state.h"

void
message_checkpoint_resources(struct agent *agent, const struct upid *from,
                             const Mesos__Internal__CheckpointResourcesMessage *message)
{
    struct err err = {0};
    auto_arena struct arena *arena = arena_new(0);
    size_t old_count;
    auto_resources struct resources checked = {0};
    if (!agent_from_master(agent, from, "CheckpointResourcesMessage"))
        return;
    if (resources_from_proto(&checked, message->resources, message->n_resources, &err)) {
        log_error("dropping CheckpointResourcesMessage: %s", err.text);
        return;
    }
    Mesos__V1__Resource **old = checkpointed_resources(agent, arena, &old_count);
    /* Without them on disk a restart would give away what is reserved: better to end now and be started
     * again. */
    if (volumes_make(agent, message->resources, message->n_resources, &err) ||
        checkpoint_resources(agent, message->resources, message->n_resources, &err)) {
        auto_free char *why = xasprintf("cannot checkpoint resources: %s", err.text);
        agent_finish(agent, 1, why);
        return;
    }
    volumes_remove(agent, old, old_count, message->resources, message->n_resources);
}
