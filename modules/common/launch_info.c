/* SPDX-License-Identifier: Apache-2.0 */
/* See launch_info.h. */
#include "common/launch_info.h"

#include <errno.h>

struct launch_info_lists {
    size_t clone, enter, mounts, masks, groups, task_groups, variables, task_variables, operations;
};

void
launch_info_init(struct launch_info *info)
{
    info->arena = arena_new(0);
    info->any = false;
    info->lists = arena_calloc(info->arena, 1, sizeof *info->lists);
    mesos__slave__container_launch_info__init(&info->message);
}

void
launch_info_fini(struct launch_info *info)
{
    arena_free(info->arena);
    info->arena = NULL;
}

/* Room for one more in a list of `count` items; the list is moved when it is full. */
static void *
room(struct launch_info *info, void *items, size_t count, size_t *cap, size_t item)
{
    info->any = true;
    if (count < *cap)
        return items;
    size_t more = *cap ? 2 * *cap : 8;
    void *moved = arena_alloc(info->arena, more * item);
    if (count > 0)
        memcpy(moved, items, count * item);
    *cap = more;
    return moved;
}

#define ROOM(info, field, cap_)                                                                                    \
    ((info)->message.field =                                                                                       \
         room((info), (info)->message.field, (info)->message.n_##field, &(info)->lists->cap_, sizeof *(info)->message.field))

static char *
copy(struct launch_info *info, const char *text)
{
    return text ? arena_strdup(info->arena, str_of(text)) : NULL;
}

void
launch_info_clone(struct launch_info *info, int namespaces)
{
    ROOM(info, clone_namespaces, clone);
    info->message.clone_namespaces[info->message.n_clone_namespaces++] = namespaces;
}

void
launch_info_enter(struct launch_info *info, int namespaces)
{
    ROOM(info, enter_namespaces, enter);
    info->message.enter_namespaces[info->message.n_enter_namespaces++] = namespaces;
}

static Mesos__Slave__ContainerMountInfo *
mount_new(struct launch_info *info, const char *source, const char *target, const char *type, uint32_t flags,
          const char *options)
{
    Mesos__Slave__ContainerMountInfo *mount = arena_alloc(info->arena, sizeof *mount);
    mesos__slave__container_mount_info__init(mount);
    mount->source = copy(info, source);
    mount->target = copy(info, target);
    mount->type = copy(info, type);
    mount->has_flags = true;
    mount->flags = flags;
    mount->options = copy(info, options);
    return mount;
}

void
launch_info_mount(struct launch_info *info, const char *source, const char *target, const char *type,
                  uint32_t flags, const char *options)
{
    ROOM(info, mounts, mounts);
    info->message.mounts[info->message.n_mounts++] = mount_new(info, source, target, type, flags, options);
}

void
launch_info_mask(struct launch_info *info, const char *path)
{
    ROOM(info, masked_paths, masks);
    info->message.masked_paths[info->message.n_masked_paths++] = copy(info, path);
}

void
launch_info_group(struct launch_info *info, uint32_t gid, bool task)
{
    if (task) {
        ROOM(info, task_supplementary_groups, task_groups);
        info->message.task_supplementary_groups[info->message.n_task_supplementary_groups++] = gid;
    } else {
        ROOM(info, supplementary_groups, groups);
        info->message.supplementary_groups[info->message.n_supplementary_groups++] = gid;
    }
}

static void
variable_add(struct launch_info *info, Mesos__V1__Environment **at, size_t *cap, const char *name, const char *value)
{
    if (!*at) {
        *at = arena_alloc(info->arena, sizeof **at);
        mesos__v1__environment__init(*at);
    }
    Mesos__V1__Environment__Variable *variable = arena_alloc(info->arena, sizeof *variable);
    mesos__v1__environment__variable__init(variable);
    variable->name = copy(info, name);
    variable->value = copy(info, value);
    (*at)->variables = room(info, (*at)->variables, (*at)->n_variables, cap, sizeof *(*at)->variables);
    (*at)->variables[(*at)->n_variables++] = variable;
}

void
launch_info_variable(struct launch_info *info, const char *name, const char *value)
{
    variable_add(info, &info->message.environment, &info->lists->variables, name, value);
}

void
launch_info_task_variable(struct launch_info *info, const char *name, const char *value)
{
    variable_add(info, &info->message.task_environment, &info->lists->task_variables, name, value);
}

static Mesos__Slave__ContainerFileOperation *
operation_new(struct launch_info *info, Mesos__Slave__ContainerFileOperation__Operation kind)
{
    Mesos__Slave__ContainerFileOperation *operation = arena_alloc(info->arena, sizeof *operation);
    mesos__slave__container_file_operation__init(operation);
    operation->has_operation = true;
    operation->operation = kind;
    ROOM(info, file_operations, operations);
    info->message.file_operations[info->message.n_file_operations++] = operation;
    return operation;
}

void
launch_info_symlink(struct launch_info *info, const char *text, const char *link)
{
    Mesos__Slave__ContainerFileOperation *operation =
        operation_new(info, MESOS__SLAVE__CONTAINER_FILE_OPERATION__OPERATION__SYMLINK);
    Mesos__Slave__ContainerFileOperation__Symlink *symlink = arena_alloc(info->arena, sizeof *symlink);
    mesos__slave__container_file_operation__symlink__init(symlink);
    symlink->source = copy(info, text);
    symlink->target = copy(info, link);
    operation->parameters_case = MESOS__SLAVE__CONTAINER_FILE_OPERATION__PARAMETERS_SYMLINK;
    operation->symlink = symlink;
}

void
launch_info_rename(struct launch_info *info, const char *from, const char *to)
{
    Mesos__Slave__ContainerFileOperation *operation =
        operation_new(info, MESOS__SLAVE__CONTAINER_FILE_OPERATION__OPERATION__RENAME);
    Mesos__Slave__ContainerFileOperation__Rename *rename = arena_alloc(info->arena, sizeof *rename);
    mesos__slave__container_file_operation__rename__init(rename);
    rename->source = copy(info, from);
    rename->target = copy(info, to);
    operation->parameters_case = MESOS__SLAVE__CONTAINER_FILE_OPERATION__PARAMETERS_RENAME;
    operation->rename = rename;
}

void
launch_info_then_mount(struct launch_info *info, const char *source, const char *target, const char *type,
                       uint32_t flags, const char *options)
{
    Mesos__Slave__ContainerFileOperation *operation =
        operation_new(info, MESOS__SLAVE__CONTAINER_FILE_OPERATION__OPERATION__MOUNT);
    operation->parameters_case = MESOS__SLAVE__CONTAINER_FILE_OPERATION__PARAMETERS_MOUNT;
    operation->mount = mount_new(info, source, target, type, flags, options);
}

void
launch_info_reply(struct launch_info *info, const struct mesos_host *host, struct mesos_call *call, int status)
{
    struct mesos_bytes answer = {NULL, 0};
    if (status >= 0 && info->any) {
        answer.len = mesos__slave__container_launch_info__get_packed_size(&info->message);
        uint8_t *bytes = arena_alloc(info->arena, answer.len + 1);
        mesos__slave__container_launch_info__pack(&info->message, bytes);
        answer.data = bytes;
    }
    host->reply(host, call, status, answer);
    launch_info_fini(info);
}

Mesos__Slave__ContainerConfig *
container_config(const struct mesos_isolator_container *container, const struct mesos_host *host)
{
    Mesos__Slave__ContainerConfig *config =
        mesos__slave__container_config__unpack(NULL, container->config.len, container->config.data);
    if (!config)
        host->fail(host, -EPROTO, "the configuration of container %s does not decode", container->container_id);
    return config;
}
