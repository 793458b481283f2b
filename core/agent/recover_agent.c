/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which agent was here before, in which boot of the machine, and is it still the same? Called by recover_read.c before
 * anything else is read; sets the agent's id when it goes on.
 */
#include "agent/recover_inside.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "model/role.h"

/* Without the file nobody says that the machine was down. */
static int
read_boot(struct reading *reading, struct err *err)
{
    auto_buf struct buf then = {0}, now = {0};
    auto_free char *path = xasprintf("%s/boot_id", reading->agent->meta_dir);
    unsigned char uuid[UUID_BYTES];
    struct err why = {0};
    int status = file_read(path, 256, &then, &why);
    if (status == -ENOENT || file_read("/proc/sys/kernel/random/boot_id", 256, &now, NULL))
        return 0;
    struct str text = str_trim(buf_str(&then));
    if (status || uuid_parse(text, uuid)) {
        err_set(err, -EBADMSG, "%s", status ? why.text : "it holds no boot id");
        return piece_lost(reading, path, false, err);
    }
    reading->rebooted = !str_eq(text, str_trim(buf_str(&now)));
    return 0;
}

/* The id that slaves/latest names. NULL with 0: there is no such link; NULL otherwise: what is there is none. */
static char *
latest_id(const struct agent *agent, int *ret_status)
{
    auto_free char *link = xasprintf("%s/slaves/latest", agent->meta_dir);
    auto_free char *id = link_target(link, ret_status);
    if (id)
        *ret_status = id_check(str_of(id), "AgentID", NULL);
    return *ret_status ? NULL : take(&id);
}

/* slave.info of the directory: NULL with code 0 when there is none, with an error when it is unusable. */
static Mesos__SlaveInfo *
read_info(const char *dir, const char *id, struct arena *arena, struct err *err)
{
    auto_buf struct buf bytes = {0};
    auto_free char *path = xasprintf("%s/slave.info", dir);
    auto_free char *frameworks = xasprintf("%s/frameworks", dir);
    struct err why = {0};
    int status = checkpoint_record_read(path, &bytes, &why);
    if (status == -ENOENT && access(frameworks, F_OK) != 0)
        return NULL; /* died before the first registration was on disk */
    Mesos__SlaveInfo *info =
        status ? NULL : message_unpack(&mesos__slave_info__descriptor, buf_str(&bytes), arena, &why);
    if (info && info->id && strcmp(info->id->value, id) != 0) {
        err_set(&why, -EBADMSG, "it is about agent %s", info->id->value);
        info = NULL;
    }
    if (!info)
        err_set(err, why.code ? why.code : -EBADMSG, "%s", why.text);
    return info;
}

int
recover_agent(struct reading *reading, struct err *err)
{
    struct agent *agent = reading->agent;
    auto_arena struct arena *arena = arena_new(0);
    struct err why = {0};
    int status = read_boot(reading, err), linked;
    auto_free char *id = latest_id(agent, &linked);
    if (status)
        return status;
    if (!id) {
        auto_free char *link = xasprintf("%s/slaves/latest", agent->meta_dir);
        if (linked != -ENOENT) {
            err_set(err, -EBADMSG, "it is no link to an agent's directory; remove it to start as a new agent");
            return piece_lost(reading, link, false, err);
        }
        log_info("no earlier state in %s: a new agent", agent->meta_dir);
        return 0;
    }
    auto_free char *dir = checkpoint_agent_dir(agent, id);
    const Mesos__SlaveInfo *info = read_info(dir, id, arena, &why);
    if (!info && !why.code)
        return 0;
    if (!info) { /* without it everything but the comparison goes on */
        auto_free char *path = xasprintf("%s/slave.info", dir);
        err_set(err, why.code, "%s; remove %s/slaves/latest to start as a new agent, which ends its tasks", why.text,
                agent->meta_dir);
        status = piece_lost(reading, path, false, err);
        if (!status)
            agent->id = take(&id);
        return status;
    }
    if ((status = reconfigure_compare(agent, info, err))) {
        if (reading->rebooted) {
            log_warning("the agent has changed over a reboot and starts as a new one: %s",
                        err ? err->text : "");
            return 0;
        }
        return err_wrap(err,
                        "the agent has changed incompatibly since its last run "
                        "(--reconfiguration_policy=%s); restore it, "
                        "or remove %s/slaves/latest to start as a new agent, which ends its tasks",
                        agent->options->reconfiguration_policy ? agent->options->reconfiguration_policy
                                                               : "equal",
                        agent->meta_dir);
    }
    agent->id = take(&id);
    log_info("recovering agent %s%s", agent->id, reading->rebooted ? " after a reboot" : "");
    return 0;
}
