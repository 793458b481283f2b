/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reservations and volumes that the master wants remembered: meta/resources/resources.info, one record per
 * resource, as Mesos has it. The agent tells them to whoever is master; volumes.c does what volumes among
 * them mean.
 */
#include "agent/state.h"

#include <errno.h>

#include "base/file.h"
#include "wire/limits.h"

static char *
resources_path(const struct agent *agent)
{
    return xasprintf("%s/resources/resources.info", agent->meta_dir);
}

int
checkpoint_resources(struct agent *agent, Mesos__V1__Resource *const *resources, size_t count,
                     struct err *err)
{
    auto_free char *dir = xasprintf("%s/resources", agent->meta_dir);
    auto_free char *path = resources_path(agent);
    auto_buf struct buf records = {0};
    for (size_t i = 0; i < count; i++) {
        auto_buf struct buf bytes = {0};
        message_pack(&bytes, resources[i]);
        uint32_t len = (uint32_t)bytes.len;
        buf_append(&records, &len, sizeof(len));
        buf_append_str(&records, buf_str(&bytes));
    }
    int status = dir_make(dir, 0755, err);
    if (!status)
        status = file_replace(path, records.len ? buf_data(&records) : "", records.len, 0600, true, err);
    if (!status)
        packed_set(&agent->checkpointed, buf_str(&records));
    return status;
}

int
checkpoint_resources_read(struct agent *agent, struct err *err)
{
    auto_free char *path = resources_path(agent);
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf bytes = {0};
    struct err why = {0};
    struct str record;
    int status = file_read(path, LIMIT_MESSAGE_BYTES, &bytes, &why);
    if (status == -ENOENT)
        return 0;
    if (status)
        return err_set(err, status, "%s", why.text);
    packed_set(&agent->checkpointed, buf_str(&bytes));
    while (checkpoint_record_next(&bytes, &record)) {
        if (!message_unpack(&mesos__v1__resource__descriptor, record, arena, &why))
            return err_set(err, -EBADMSG, "%s holds something that is no resource: %s", path, why.text);
        buf_consume(&bytes, record.len);
    }
    return bytes.len ? err_set(err, -EBADMSG, "%s is torn", path) : 0;
}

Mesos__V1__Resource **
checkpointed_resources(const struct agent *agent, struct arena *arena, size_t *ret_count)
{
    auto_buf struct buf bytes = {0};
    struct str record;
    size_t count = 0, cap = 0;
    Mesos__V1__Resource **list = NULL;
    buf_append_str(&bytes, packed_str(&agent->checkpointed));
    while (checkpoint_record_next(&bytes, &record)) {
        if (count == cap) {
            Mesos__V1__Resource **more = arena_calloc(arena, cap ? 2 * cap : 8, sizeof(*more));
            if (count)
                memcpy(more, list, count * sizeof(*more));
            list = more;
            cap = cap ? 2 * cap : 8;
        }
        list[count++] = message_unpack(&mesos__v1__resource__descriptor, record, arena, NULL);
        buf_consume(&bytes, record.len);
    }
    *ret_count = count;
    return list;
}
