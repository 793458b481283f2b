/* SPDX-License-Identifier: Apache-2.0 */
/* UpdateSlaveMessage: the version of an agent's resources, and what it can spare for revocable work. */
#include <string.h>

#include "base/log.h"
#include "master/messages.h"

void
message_update_slave(struct master *master, const struct upid *from,
                     Mesos__Internal__UpdateSlaveMessage *message, struct str body)
{
    struct agent *agent = agent_speaking(master, message->slave_id->value, from, "UpdateSlaveMessage");
    struct err err;
    (void)body;
    metric_inc(master->m.messages_update_slave);
    if (!agent || agent->leaving) {
        log_warning("drop update of agent=%s: it is not registered", message->slave_id->value);
        return;
    }
    const Mesos__V1__UUID *version = message->resource_version_uuid;
    if (version && version->value.len == UUID_BYTES) {
        memcpy(agent->resource_version, version->value.data, UUID_BYTES);
        agent->has_resource_version = true;
    }
    bool given = message->has_update_oversubscribed_resources ? message->update_oversubscribed_resources
                                                              : message->n_oversubscribed_resources > 0;
    if (!given)
        return;
    auto_resources struct resources spare = {0};
    if (resources_from_proto(&spare, message->oversubscribed_resources, message->n_oversubscribed_resources,
                             &err)) {
        log_warning("drop update of agent=%s: %s", agent->id, err.text);
        return;
    }
    for (uint32_t i = 0; i < spare.count; i++)
        if (!spare.items[i].revocable) {
            log_warning("drop update of agent=%s: oversubscribed %s is not revocable", agent->id,
                        spare.items[i].name);
            return;
        }
    agent_oversubscribe(agent, &spare);
}
