/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of the external containerizer's program, put together and checked. What the program says is as little to be
 * trusted as a peer's bytes. No I/O.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "external.h"
#include "mesos/containerizer/containerizer.pb-c.h"
#include "mesos/slave/containerizer.pb-c.h"
#include "mesos/v1/mesos.pb-c.h"
#include "model/resources.h"
#include "wire/message.h"

enum { OLD_CONTAINER_FIELD = 4, CONTAINERS_MAX = 100000 };

/* ---- what is written ---- */

static const char *
variable(const char *const *environment, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; environment && environment[i]; i++)
        if (strncmp(environment[i], name, len) == 0 && environment[i][len] == '=')
            return environment[i] + len + 1;
    return NULL;
}

/* Generated structs hold text that is not const, and only ever read it. */
static char *
text(struct arena *arena, const char *from)
{
    return from ? arena_strdup(arena, str_of(from)) : NULL;
}

/* CommandInfo's field 4 of before ContainerInfo had a place of its own; NULL = it is not there. */
static const ProtobufCMessageUnknownField *
old_container(const Mesos__V1__CommandInfo *command)
{
    for (size_t i = 0; command && i < command->base.n_unknown_fields; i++)
        if (command->base.unknown_fields[i].tag == OLD_CONTAINER_FIELD &&
            command->base.unknown_fields[i].wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
            return &command->base.unknown_fields[i];
    return NULL;
}

static int
check_old_container(const ProtobufCMessageUnknownField *field, struct arena *arena, struct err *err)
{
    size_t skip = 0;
    while (skip < field->len && field->data[skip] & 0x80)
        skip++; /* the length, as it stood on the wire */
    skip = skip < field->len ? skip + 1 : skip;
    if (MESSAGE_UNPACK(Mesos__Containerizer__CommandContainer, mesos__containerizer__command_container,
                       str_n((const char *)field->data + skip, field->len - skip), arena, err))
        return 0;
    return err_wrap(err, "the command's 'container' (field 4, image and options) makes no sense");
}

/* The program looks for it in the executor's command, where agents of that time put a command task's, too. */
static int
carry_old_container(Mesos__Containerizer__Launch *launch, struct arena *arena, struct err *err)
{
    Mesos__V1__CommandInfo *executor = launch->executor_info ? launch->executor_info->command : NULL;
    const Mesos__V1__CommandInfo *task = launch->task_info ? launch->task_info->command : NULL;
    const ProtobufCMessageUnknownField *of_task = old_container(task), *of_executor = old_container(executor);
    const ProtobufCMessageUnknownField *field = of_executor ? of_executor : of_task;
    int status = field ? check_old_container(field, arena, err) : 0;
    if (status || of_executor || !of_task || !executor)
        return status;
    ProtobufCMessageUnknownField *fields = arena_calloc(arena, executor->base.n_unknown_fields + 1, sizeof(*fields));
    for (unsigned i = 0; i < executor->base.n_unknown_fields; i++)
        fields[i] = executor->base.unknown_fields[i];
    fields[executor->base.n_unknown_fields++] = *of_task;
    executor->base.unknown_fields = fields;
    return 0;
}

int
launch_record(struct buf *out, const struct mesos_containerizer_launch *launch, char **ret_sandbox, struct err *err)
{
    auto_arena struct arena *arena = arena_new(0);
    Mesos__Containerizer__Launch message = MESOS__CONTAINERIZER__LAUNCH__INIT;
    Mesos__V1__ContainerID id = MESOS__V1__CONTAINER_ID__INIT;
    Mesos__V1__AgentID agent_id = MESOS__V1__AGENT_ID__INIT;
    const char *checkpoint = variable(launch->environment, "MESOS_CHECKPOINT");
    const Mesos__Slave__ContainerConfig *config =
        MESSAGE_UNPACK(Mesos__Slave__ContainerConfig, mesos__slave__container_config,
                       str_n(launch->config.data, launch->config.len), arena, err);
    if (!config)
        return err_wrap(err, "the container's configuration is not readable");
    id.value = text(arena, launch->container_id);
    message.container_id = &id;
    message.task_info = config->task_info;
    message.executor_info = config->executor_info;
    message.directory = config->directory;
    message.user = config->user;
    agent_id.value = text(arena, variable(launch->environment, "MESOS_SLAVE_ID"));
    message.slave_id = agent_id.value ? &agent_id : NULL;
    message.slave_pid = text(arena, variable(launch->environment, "MESOS_SLAVE_PID"));
    message.has_checkpoint = true;
    message.checkpoint = checkpoint && strcmp(checkpoint, "1") == 0;
    /* An executor that comes without a command of its own gets the one that the agent made for it. */
    if (message.executor_info && !message.executor_info->command)
        message.executor_info->command = config->command_info;
    int status = carry_old_container(&message, arena, err);
    if (status)
        return status;
    message_pack(out, &message);
    *ret_sandbox = xstrdup(config->directory);
    return 0;
}

void
id_record(struct buf *out, const char *container_id)
{
    auto_arena struct arena *arena = arena_new(0);
    Mesos__Containerizer__Wait message = MESOS__CONTAINERIZER__WAIT__INIT; /* Destroy and Usage have the same bytes */
    Mesos__V1__ContainerID id = MESOS__V1__CONTAINER_ID__INIT;
    id.value = text(arena, container_id);
    message.container_id = &id;
    message_pack(out, &message);
}

void
update_record(struct buf *out, const char *container_id, struct mesos_resources resources)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_resources struct resources sum = {0};
    Mesos__Containerizer__Update message = MESOS__CONTAINERIZER__UPDATE__INIT;
    Mesos__V1__ContainerID id = MESOS__V1__CONTAINER_ID__INIT;
    id.value = text(arena, container_id);
    message.container_id = &id;
    resources_add_view(&sum, resources);
    resources_allocate(&sum, NULL);
    message.resources = resources_to_proto(&sum, true, arena, &message.n_resources);
    message_pack(out, &message);
}

/* ---- what is read ---- */

int
termination_read(struct buf *out, struct str record, struct err *err)
{
    auto_arena struct arena *arena = arena_new(0);
    Mesos__Slave__ContainerTermination to = MESOS__SLAVE__CONTAINER_TERMINATION__INIT;
    const Mesos__Containerizer__Termination *from = MESSAGE_UNPACK(
        Mesos__Containerizer__Termination, mesos__containerizer__termination, record, arena, err);
    if (!from)
        return err_wrap(err, "the answer to wait is no Termination");
    to.has_status = from->has_status;
    to.status = from->status;
    to.message = from->message;
    if (from->killed) {
        to.has_state = true;
        to.state = MESOS__V1__TASK_STATE__TASK_FAILED;
        to.has_reason = true;
        to.reason = MESOS__V1__TASK_STATUS__REASON__REASON_CONTAINER_LIMITATION;
    }
    message_pack(out, &to);
    return 0;
}

void
termination_make(struct buf *out, int status, const char *message)
{
    auto_arena struct arena *arena = arena_new(0);
    Mesos__Slave__ContainerTermination to = MESOS__SLAVE__CONTAINER_TERMINATION__INIT;
    to.has_status = status >= 0;
    to.status = status >= 0 ? status : 0;
    to.message = text(arena, message);
    message_pack(out, &to);
}

int
statistics_check(struct str record, struct err *err)
{
    auto_arena struct arena *arena = arena_new(0);
    if (MESSAGE_UNPACK(Mesos__V1__ResourceStatistics, mesos__v1__resource_statistics, record, arena, err))
        return 0;
    return err_wrap(err, "the answer to usage is no ResourceStatistics");
}

/* It becomes the name of a file. */
static bool
is_sound(const char *id)
{
    size_t len = strlen(id);
    if (len == 0 || len > EXTERNAL_ID_MAX || id[0] == '.')
        return false;
    for (; *id; id++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", *id))
            return false;
    return true;
}

const char *const *
containers_read(struct str record, struct arena *arena, struct err *err)
{
    const Mesos__Containerizer__Containers *message =
        MESSAGE_UNPACK(Mesos__Containerizer__Containers, mesos__containerizer__containers, record, arena, err);
    if (!message) {
        err_wrap(err, "the answer to containers is no Containers");
        return NULL;
    }
    if (message->n_containers > CONTAINERS_MAX) {
        err_set(err, -EFBIG, "the answer to containers lists %zu containers, at most %d are taken", message->n_containers,
                CONTAINERS_MAX);
        return NULL;
    }
    const char **ids = arena_calloc(arena, message->n_containers + 1, sizeof(*ids));
    for (size_t i = 0; i < message->n_containers; i++) {
        ids[i] = message->containers[i]->value;
        if (!is_sound(ids[i])) {
            err_set(err, -EBADMSG, "the answer to containers lists '%.60s', which is no container's id", ids[i]);
            return NULL;
        }
    }
    return ids;
}
