/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durable before visible: an agent that registers or comes back is written to the registry first; only then
 * does the master act as if it knew it. The message is kept packed meanwhile.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "master/authorize.h"
#include "master/login.h"
#include "master/marks.h"
#include "master/messages.h"
#include "model/role.h"
#include "wire/message.h"

void
admission_free(struct admission *admission)
{
    if (!admission)
        return;
    free(admission->id);
    free(admission->body);
    free(admission);
}

int
agent_info_validate(struct master *master, const Mesos__SlaveInfo *info, const char *version,
                    Mesos__V1__Resource *const *checkpointed, size_t count, struct err *err)
{
    auto_resources struct resources total = {0};
    int major = 0;
    int rc = info->id ? id_check(str_of(info->id->value), NULL, err) : 0;
    if (!rc)
        rc = agent_total(&total, info, checkpointed, count, master->arena, err);
    if (!rc && (!version || sscanf(version, "%d.", &major) != 1))
        rc = err_set(err, -EINVAL, "Version '%s' is not of the form major.minor.patch",
                     version ? version : "");
    if (!rc && major < 1)
        rc = err_set(err, -EINVAL, "Agent version %s is older than 1.0.0, the oldest that can take part",
                     version);
    return rc;
}

bool
agent_may_enter(struct master *master, const struct upid *from, const Mesos__SlaveInfo *info, const char *id)
{
    struct err err;
    char pid[400];
    if (authorize_agent(master, from, info, &err)) {
        log_warning("refuse agent%s%s pid=%s: %s", id ? "=" : "", id ? id : "", upid_format(from, pid), err.text);
        agent_shutdown(master, from, err.text);
        return false;
    }
    enum machine_door door = machine_door(master->maintenance, info->hostname, from);
    if (door == MACHINE_DOOR_SHUT)
        agent_shutdown(master, from, "Machine is `DOWN`");
    return door == MACHINE_DOOR_OPEN;
}

static void
finish(struct admission *admission)
{
    struct master *master = admission->master;
    struct str body = str_n(admission->body, admission->body_len);
    if (admission->again)
        reregister_finish(master, &admission->from,
                          MESSAGE_UNPACK(Mesos__Internal__ReregisterSlaveMessage,
                                         mesos__internal__reregister_slave_message, body, master->arena, NULL),
                          admission->over);
    else
        register_finish(admission,
                        MESSAGE_UNPACK(Mesos__Internal__RegisterSlaveMessage,
                                       mesos__internal__register_slave_message, body, master->arena, NULL));
    master_arena_reset(master);
}

static void
on_admitted(void *arg)
{
    struct admission *admission = arg;
    map_remove(&admission->master->admissions, str_of(admission->pid));
    finish(admission);
    admission_free(admission);
}

static void
write_registry(struct master *master, const Mesos__SlaveInfo *info)
{
    struct str id = str_of(info->id->value);
    registry_put_admitted(master, info);
    if (map_get(&master->unreachable, id))
        registrar_remove(master->registrar, MESOS_REGISTRY_UNREACHABLE, id);
}

void
admission_start(struct master *master, const struct upid *from, const Mesos__SlaveInfo *info, struct str body,
                bool again)
{
    char pid[400];
    upid_format(from, pid);
    size_t len = strlen(pid);
    struct admission *admission = xcalloc(1, sizeof(*admission) + len + 1);
    memcpy(admission->pid, pid, len);
    admission->master = master;
    admission->from = *from;
    admission->over = login_connection(master);
    admission->again = again;
    admission->id = xstrdup(info->id->value);
    admission->body = xmemdup(body.ptr, body.len);
    admission->body_len = body.len;
    map_set(&master->admissions, str_of(admission->pid), admission);
    write_registry(master, info);
    registrar_commit(master->registrar, on_admitted, admission);
}
