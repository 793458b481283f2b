/* SPDX-License-Identifier: Apache-2.0 */
/* See marks.h. */
#include "master/marks.h"

#include <string.h>

#include "base/log.h"
#include "mesos/internal/registry.pb-c.h"
#include "wire/message.h"

struct marked_agent *
marked_agent(const struct master *master, const char *id)
{
    return map_get(&master->marked, str_of(id));
}

struct marked_agent *
marked_agent_make(struct master *master, const char *id)
{
    struct marked_agent *marked = marked_agent(master, id);
    if (marked)
        return marked;
    size_t len = strlen(id);
    marked = xcalloc(1, sizeof(*marked) + len + 1);
    memcpy(marked->id, id, len);
    map_add(&master->marked, str_of(marked->id), marked);
    return marked;
}

void
marked_agent_forget(struct master *master, const char *id)
{
    free(map_remove(&master->marked, str_of(id)));
}

static bool
says_nothing(const struct marks *marks)
{
    return !marks->deactivated && marks->state == MESOS__V1__DRAIN_STATE__UNKNOWN;
}

void
marked_agent_settle(struct master *master, struct marked_agent *marked)
{
    if (!marked->writes && !marked->going && says_nothing(&marked->marks) && says_nothing(&marked->written))
        marked_agent_forget(master, marked->id);
}

void
marks_free(struct master *master)
{
    struct marked_agent *marked;
    map_foreach (marked, &master->marked)
        free(marked);
    map_fini(&master->marked);
}

bool
agent_is_deactivated(const struct agent *agent)
{
    const struct marked_agent *marked = marked_agent(agent->master, agent->id);
    return marked && marked->marks.deactivated;
}

Mesos__V1__DrainInfo *
marks_drain_info(const struct marks *marks, struct drain_message *message)
{
    if (marks->state == MESOS__V1__DRAIN_STATE__UNKNOWN)
        return NULL;
    mesos__v1__drain_info__init(&message->info);
    mesos__v1__drain_config__init(&message->config);
    mesos__v1__duration_info__init(&message->grace);
    message->info.state = marks->state;
    message->info.config = &message->config;
    message->config.has_mark_gone = true;
    message->config.mark_gone = marks->mark_gone;
    if (marks->limited) {
        message->config.max_grace_period = &message->grace;
        message->grace.nanoseconds = marks->max_grace_ns;
    }
    return &message->info;
}

void
marks_recover(struct master *master, const char *id, const Mesos__V1__DrainInfo *drain, bool deactivated)
{
    struct marks marks = {.deactivated = deactivated};
    if (drain) {
        marks.state = drain->state;
        marks.mark_gone = drain->config->mark_gone;
        marks.limited = drain->config->max_grace_period != NULL;
        marks.max_grace_ns = marks.limited ? drain->config->max_grace_period->nanoseconds : 0;
    }
    if (says_nothing(&marks))
        return;
    struct marked_agent *marked = marked_agent_make(master, id);
    marked->marks = marked->written = marks;
}

/* The members of a registry's entry that say how the agent is marked: they stay as they are when it is not. */
static void
put_marks(const struct marked_agent *marked, struct drain_message *drain, Mesos__V1__DrainInfo **ret_info,
          protobuf_c_boolean *ret_has_deactivated, protobuf_c_boolean *ret_deactivated)
{
    if (!marked)
        return;
    *ret_info = marks_drain_info(&marked->written, drain);
    *ret_has_deactivated = true;
    *ret_deactivated = marked->written.deactivated;
}

void
registry_put_admitted(struct master *master, const Mesos__SlaveInfo *info)
{
    Mesos__Internal__Registry__Slave entry = MESOS__INTERNAL__REGISTRY__SLAVE__INIT;
    struct drain_message drain;
    entry.info = (Mesos__SlaveInfo *)(uintptr_t)info;
    put_marks(marked_agent(master, info->id->value), &drain, &entry.drain_info, &entry.has_deactivated, &entry.deactivated);
    buf_clear(&master->out);
    message_pack(&master->out, &entry);
    registrar_put(master->registrar, MESOS_REGISTRY_ADMITTED, str_of(info->id->value), buf_str(&master->out));
}

void
registry_put_admitted_packed(struct master *master, const void *info, size_t info_len)
{
    auto_arena struct arena *arena = arena_new(0);
    registry_put_admitted(master,
                          message_unpack_trusted(&mesos__slave_info__descriptor, str_n(info, info_len), arena));
}

void
registry_put_unreachable(struct master *master, const char *id, int64_t since_ns)
{
    Mesos__Internal__Registry__UnreachableSlave entry = MESOS__INTERNAL__REGISTRY__UNREACHABLE_SLAVE__INIT;
    Mesos__V1__AgentID agent_id = MESOS__V1__AGENT_ID__INIT;
    Mesos__V1__TimeInfo since = MESOS__V1__TIME_INFO__INIT;
    struct drain_message drain;
    agent_id.value = (char *)(uintptr_t)id;
    since.nanoseconds = since_ns;
    entry.id = &agent_id;
    entry.timestamp = &since;
    put_marks(marked_agent(master, id), &drain, &entry.drain_info, &entry.has_deactivated, &entry.deactivated);
    buf_clear(&master->out);
    message_pack(&master->out, &entry);
    registrar_put(master->registrar, MESOS_REGISTRY_UNREACHABLE, str_of(id), buf_str(&master->out));
}

void
registry_put_gone(struct master *master, const char *id, int64_t since_ns)
{
    Mesos__Internal__Registry__GoneSlave entry = MESOS__INTERNAL__REGISTRY__GONE_SLAVE__INIT;
    Mesos__V1__AgentID agent_id = MESOS__V1__AGENT_ID__INIT;
    Mesos__V1__TimeInfo since = MESOS__V1__TIME_INFO__INIT;
    agent_id.value = (char *)(uintptr_t)id;
    since.nanoseconds = since_ns;
    entry.id = &agent_id;
    entry.timestamp = &since;
    buf_clear(&master->out);
    message_pack(&master->out, &entry);
    registrar_put(master->registrar, MESOS_REGISTRY_GONE, str_of(id), buf_str(&master->out));
}
