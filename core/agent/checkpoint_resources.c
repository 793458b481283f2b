/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reservations and volumes that the master wants remembered, in the two files that Apache Mesos has for them under
 * meta/resources: resources_and_operations.state, one mesos.internal.slave.ResourceState whose rename is the moment
 * from which they count, and resources.info, one record per resource, for older agents. The agent tells them to
 * whoever is master; volumes.c does what volumes among them mean.
 */
#include "agent/state.h"

#include <errno.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "mesos/internal/slave/state.pb-c.h"
#include "wire/limits.h"

#define STATE_FILE  "resources_and_operations.state"
#define TARGET_FILE "resources_and_operations.target"
#define INFO_FILE   "resources.info"

static char *
file_path(const struct agent *agent, const char *name)
{
    return xasprintf("%s/resources/%s", agent->meta_dir, name);
}

static void
add_record(struct buf *records, const void *message)
{
    auto_buf struct buf bytes = {0};
    message_pack(&bytes, message);
    uint32_t len = (uint32_t)bytes.len;
    buf_append(records, &len, sizeof(len));
    buf_append_str(records, buf_str(&bytes));
}

/* Reservations in reservations, as this file has them since there may be several. */
static int
write_state(const struct agent *agent, const struct resources *resources, struct err *err)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf bytes = {0};
    auto_free char *path = file_path(agent, STATE_FILE);
    auto_free char *target = file_path(agent, TARGET_FILE);
    Mesos__Internal__Slave__ResourceState state = MESOS__INTERNAL__SLAVE__RESOURCE_STATE__INIT;
    state.resources = resources_to_proto(resources, false, arena, &state.n_resources);
    message_pack(&bytes, &state);
    int status = checkpoint_record(path, buf_str(&bytes), true, err);
    if (!status && unlink(target) && errno != ENOENT)
        status = err_errno(err, "cannot remove %s", target);
    return status;
}

int
checkpoint_resources(struct agent *agent, Mesos__V1__Resource *const *resources, size_t count,
                     struct err *err)
{
    auto_free char *dir = xasprintf("%s/resources", agent->meta_dir);
    auto_free char *path = file_path(agent, INFO_FILE);
    auto_buf struct buf records = {0};
    auto_resources struct resources checked = {0};
    int status = resources_from_proto(&checked, resources, count, err);
    for (size_t i = 0; i < count; i++)
        add_record(&records, resources[i]);
    if (!status)
        status = dir_make(dir, 0755, err);
    if (!status)
        status = write_state(agent, &checked, err);
    if (!status && (status = fault("checkpoint/resources")))
        err_set(err, status, "cannot write %s", path);
    if (!status)
        status = file_replace(path, records.len ? buf_data(&records) : "", records.len, 0600, true, err);
    if (!status)
        packed_set(&agent->checkpointed, buf_str(&records));
    return status;
}

/* -ENOENT: there is no such file. An agent of Apache Mesos that died between the two leaves what it was about to have:
 * target. */
static int
read_state(struct agent *agent, const char *name, struct err *err)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf bytes = {0}, records = {0};
    auto_resources struct resources resources = {0};
    auto_free char *path = file_path(agent, name);
    size_t count;
    int status = checkpoint_record_read(path, &bytes, err);
    if (status)
        return status;
    struct err why = {0};
    Mesos__Internal__Slave__ResourceState *state =
        MESSAGE_UNPACK(Mesos__Internal__Slave__ResourceState, mesos__internal__slave__resource_state,
                       buf_str(&bytes), arena, &why);
    if (!state || resources_from_proto(&resources, state->resources, state->n_resources, &why))
        return err_set(err, -EBADMSG, "%s is damaged: %s", path, why.text);
    if (state->n_operations)
        log_info("%s tells of %zu operations; they have taken effect and nobody here repeats their statuses", path,
                 state->n_operations);
    Mesos__V1__Resource **items = resources_to_proto(&resources, true, arena, &count);
    for (size_t i = 0; i < count; i++)
        add_record(&records, items[i]);
    packed_set(&agent->checkpointed, buf_str(&records));
    return 0;
}

static int
read_info(struct agent *agent, struct err *err)
{
    auto_free char *path = file_path(agent, INFO_FILE);
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf bytes = {0}, good = {0};
    struct err why = {0};
    struct str record;
    int status = file_read(path, LIMIT_MESSAGE_BYTES, &bytes, &why);
    if (status == -ENOENT)
        return 0;
    if (status)
        return err_set(err, status, "%s", why.text);
    while (checkpoint_record_next(&bytes, &record)) {
        auto_resources struct resources checked = {0};
        Mesos__V1__Resource *item = message_unpack(&mesos__v1__resource__descriptor, record, arena, &why);
        if (!item || resources_from_proto(&checked, &item, 1, &why)) {
            status = err_set(err, -EBADMSG, "%s holds something that is no resource: %s", path, why.text);
            break;
        }
        add_record(&good, item);
        buf_consume(&bytes, record.len);
    }
    /* Whoever goes on in spite of the error goes on with what is good of it. */
    packed_set(&agent->checkpointed, buf_str(&good));
    return status ? status : bytes.len ? err_set(err, -EBADMSG, "%s is torn", path) : 0;
}

/* What was intended is done now. */
static int
commit_target(struct agent *agent, struct err *err)
{
    auto_arena struct arena *arena = arena_new(0);
    size_t count;
    Mesos__V1__Resource **items = checkpointed_resources(agent, arena, &count);
    int status = volumes_make(agent, items, count, err);
    return status ? status : checkpoint_resources(agent, items, count, err);
}

/* The first of the files that is there and good; an error of one before it is told all the same. */
int
checkpoint_resources_read(struct agent *agent, struct err *err)
{
    static const char *const files[] = {TARGET_FILE, STATE_FILE, NULL};
    int bad = 0, rc = -ENOENT;
    for (size_t i = 0; i < ARRAY_LEN(files) && rc; i++) {
        struct err why = {0};
        rc = files[i] ? read_state(agent, files[i], &why) : read_info(agent, &why);
        if (!rc && i == 0)
            rc = commit_target(agent, &why);
        if (rc && rc != -ENOENT && !bad)
            bad = err_set(err, rc, "%s", why.text);
    }
    return bad;
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
