/* SPDX-License-Identifier: Apache-2.0 */
/* RegisterSlaveMessage: an agent without id. It gets one when the registry has it; sending again gets the
 * same answer. */
#include <stdio.h>

#include "base/log.h"
#include "master/login.h"
#include "master/event_agent_lost.h"
#include "master/messages.h"

static void
send_registered(struct agent *agent)
{
    Mesos__Internal__SlaveRegisteredMessage message = MESOS__INTERNAL__SLAVE_REGISTERED_MESSAGE__INIT;
    Mesos__Internal__MasterSlaveConnection connection = MESOS__INTERNAL__MASTER_SLAVE_CONNECTION__INIT;
    Mesos__V1__AgentID id = MESOS__V1__AGENT_ID__INIT;
    id.value = agent->id;
    message.slave_id = &id;
    message.connection = &connection;
    connection.has_total_ping_timeout_seconds = true;
    connection.total_ping_timeout_seconds = agent_ping_timeout_secs(agent->master);
    agent_send(agent, "mesos.internal.SlaveRegisteredMessage", &message);
}

static Mesos__V1__AgentID *
new_id(struct master *master)
{
    Mesos__V1__AgentID *id = arena_alloc(master->arena, sizeof(*id));
    struct str text;
    mesos__v1__agent_id__init(id);
    do { /* an agent may have come with an id that looks like ours */
        id->value = arena_printf(master->arena, "%s-S%u", master->id, master->next_agent++);
        text = str_of(id->value);
    } while (map_get(&master->agents, text) || map_get(&master->recovered, text) ||
             map_get(&master->unreachable, text) || map_get(&master->gone, text));
    return id;
}

void
message_register_slave(struct master *master, const struct upid *from,
                       Mesos__Internal__RegisterSlaveMessage *message, struct str body)
{
    struct err err;
    char pid[400];
    if (login_awaits(master, from, "mesos.internal.RegisterSlaveMessage", body))
        return;
    metric_inc(master->m.messages_register_slave);
    upid_format(from, pid);
    if (map_get(&master->admissions, str_of(pid)))
        return; /* sent again while it waits */
    if (!login_admits_agent(master, from))
        return;
    if (agent_info_validate(master, message->slave, message->version, message->checkpointed_resources,
                            message->n_checkpointed_resources, &err)) {
        err_wrap(&err, "Registration message validation failed");
        agent_shutdown(master, from, err.text);
        return;
    }
    if (!agent_may_enter(master, from, message->slave, NULL))
        return;
    struct agent *known = map_get(&master->agents_by_pid, str_of(pid));
    if (known && known->connected && !known->leaving) {
        log_info("register again agent=%s pid=%s", known->id, pid);
        send_registered(known);
        return;
    }
    if (known && !known->leaving) {
        known->replaced = true;
        agent_unregistered(known, "a new agent registered at the same address");
    }
    message->slave->id = new_id(master);
    admission_start(master, from, message->slave, body, false);
}

void
register_finish(struct admission *admission, Mesos__Internal__RegisterSlaveMessage *message)
{
    struct master *master = admission->master;
    struct err err;
    Mesos__V1__AgentID id = MESOS__V1__AGENT_ID__INIT;
    if (!message || agent_find(master, admission->id))
        return; /* the id was taken meanwhile: the agent tries again */
    id.value = admission->id;
    message->slave->id = &id;
    struct agent_news news = {
        .from = &admission->from,
        .info = message->slave,
        .version = message->version,
        .capabilities = message->agent_capabilities,
        .capability_count = message->n_agent_capabilities,
        .resource_version = message->resource_version_uuid,
        .checkpointed = message->checkpointed_resources,
        .checkpointed_count = message->n_checkpointed_resources,
    };
    struct agent *agent = agent_add(master, &news, &err);
    if (!agent) {
        log_error("agent %s passed its checks and cannot be added: %s", admission->id, err.text);
        return;
    }
    agent->heard_over = admission->over;
    metric_inc(master->m.slave_registrations);
    log_info("register agent=%s pid=%s hostname=%s", agent->id, agent->pid, agent->hostname);
    agent_observe(agent);
    send_registered(agent);
    agent_announce(agent);
}
