/* SPDX-License-Identifier: Apache-2.0 */
/* Single steps for the launch helper, and those that follow from one kind of wish. Called by description.c. */
#include <errno.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include "launch/description.h"
#include "native.h"

void
step(struct buf *out, enum launch_kind kind, const void *bytes, size_t len)
{
    static const char zeros[8];
    struct launch_step head = {kind, (uint32_t)len};
    buf_append(out, &head, sizeof head);
    buf_append(out, bytes, len);
    buf_append(out, zeros, (8 - len % 8) % 8);
}

void
step_text(struct buf *out, enum launch_kind kind, const char *text)
{
    step(out, kind, text, strlen(text) + 1);
}

void
step_number(struct buf *out, enum launch_kind kind, uint32_t number)
{
    struct launch_number value = {number, 0};
    step(out, kind, &value, sizeof value);
}

static void
step_two(struct buf *out, enum launch_kind kind, const char *one, const char *other)
{
    auto_buf struct buf bytes = {0};
    buf_append(&bytes, one, strlen(one) + 1);
    buf_append(&bytes, other, strlen(other) + 1);
    step(out, kind, buf_data(&bytes), bytes.len);
}

int
steps_rlimits(struct buf *out, const Mesos__V1__RLimitInfo *info, struct err *err)
{
    static const int resources[] = {
        [MESOS__V1__RLIMIT_INFO__RLIMIT__TYPE__RLMT_AS] = RLIMIT_AS,
        [MESOS__V1__RLIMIT_INFO__RLIMIT__TYPE__RLMT_CORE] = RLIMIT_CORE,
        [MESOS__V1__RLIMIT_INFO__RLIMIT__TYPE__RLMT_CPU] = RLIMIT_CPU,
        [MESOS__V1__RLIMIT_INFO__RLIMIT__TYPE__RLMT_DATA] = RLIMIT_DATA,
        [MESOS__V1__RLIMIT_INFO__RLIMIT__TYPE__RLMT_FSIZE] = RLIMIT_FSIZE,
        [MESOS__V1__RLIMIT_INFO__RLIMIT__TYPE__RLMT_LOCKS] = RLIMIT_LOCKS,
        [MESOS__V1__RLIMIT_INFO__RLIMIT__TYPE__RLMT_MEMLOCK] = RLIMIT_MEMLOCK,
        [MESOS__V1__RLIMIT_INFO__RLIMIT__TYPE__RLMT_MSGQUEUE] = RLIMIT_MSGQUEUE,
        [MESOS__V1__RLIMIT_INFO__RLIMIT__TYPE__RLMT_NICE] = RLIMIT_NICE,
        [MESOS__V1__RLIMIT_INFO__RLIMIT__TYPE__RLMT_NOFILE] = RLIMIT_NOFILE,
        [MESOS__V1__RLIMIT_INFO__RLIMIT__TYPE__RLMT_NPROC] = RLIMIT_NPROC,
        [MESOS__V1__RLIMIT_INFO__RLIMIT__TYPE__RLMT_RSS] = RLIMIT_RSS,
        [MESOS__V1__RLIMIT_INFO__RLIMIT__TYPE__RLMT_RTPRIO] = RLIMIT_RTPRIO,
        [MESOS__V1__RLIMIT_INFO__RLIMIT__TYPE__RLMT_RTTIME] = RLIMIT_RTTIME,
        [MESOS__V1__RLIMIT_INFO__RLIMIT__TYPE__RLMT_SIGPENDING] = RLIMIT_SIGPENDING,
        [MESOS__V1__RLIMIT_INFO__RLIMIT__TYPE__RLMT_STACK] = RLIMIT_STACK,
    };
    for (size_t i = 0; info && i < info->n_rlimits; i++) {
        const Mesos__V1__RLimitInfo__RLimit *limit = info->rlimits[i];
        if ((size_t)limit->type >= ARRAY_LEN(resources) || limit->type == 0)
            return err_set(err, -EINVAL, "rlimit type %d is not known", (int)limit->type);
        if (limit->has_soft != limit->has_hard)
            return err_set(err, -EINVAL, "rlimit %d has a soft or a hard limit only: it needs both or neither",
                           (int)limit->type);
        struct launch_rlimit value = {limit->has_soft ? limit->soft : UINT64_MAX,
                                      limit->has_hard ? limit->hard : UINT64_MAX, (uint32_t)resources[limit->type], 0};
        step(out, LAUNCH_RLIMIT, &value, sizeof value);
    }
    return 0;
}

/* ---- mounts ---- */

static uint32_t
add_string(struct buf *strings, const char *text)
{
    uint32_t at = (uint32_t)strings->len;
    if (!text)
        return UINT32_MAX;
    buf_append(strings, text, strlen(text) + 1);
    return at;
}

/* A source whose mounts are to be seen on the host, without a bind: it only says so. */
static bool
only_shares(const Mesos__Slave__ContainerMountInfo *mount)
{
    return mount->source && (mount->flags & MS_SHARED) && !(mount->flags & MS_BIND);
}

static void
step_mount(struct buf *out, const Mesos__Slave__ContainerMountInfo *mount)
{
    auto_buf struct buf strings = {0}, bytes = {0};
    if (only_shares(mount))
        return;
    struct launch_mount head = {.flags = mount->flags};
    head.source = add_string(&strings, mount->source);
    head.target = add_string(&strings, mount->target);
    head.type = add_string(&strings, mount->type);
    head.options = add_string(&strings, mount->options);
    buf_append(&bytes, &head, sizeof head);
    buf_append(&bytes, buf_data(&strings), strings.len);
    step(out, LAUNCH_MOUNT, buf_data(&bytes), bytes.len);
}

static void
step_slave(struct buf *out, const struct asked *asked)
{
    auto_buf struct buf sources = {0};
    for (size_t i = 0; i < asked->count; i++) {
        for (size_t k = 0; k < asked->infos[i]->n_mounts; k++) {
            const Mesos__Slave__ContainerMountInfo *mount = asked->infos[i]->mounts[k];
            if (mount->source && (mount->flags & MS_SHARED))
                buf_append(&sources, mount->source, strlen(mount->source) + 1);
        }
    }
    if (sources.len == 0)
        buf_putc(&sources, '\0');
    step(out, LAUNCH_SLAVE, buf_data(&sources), sources.len);
}

static void
step_file_operation(struct buf *out, const Mesos__Slave__ContainerFileOperation *operation)
{
    switch (operation->parameters_case) {
    case MESOS__SLAVE__CONTAINER_FILE_OPERATION__PARAMETERS_SYMLINK:
        step_two(out, LAUNCH_LINK, operation->symlink->source ? operation->symlink->source : "",
                 operation->symlink->target ? operation->symlink->target : "");
        break;
    case MESOS__SLAVE__CONTAINER_FILE_OPERATION__PARAMETERS_MKDIR:
        step_text(out, operation->mkdir->recursive ? LAUNCH_MKDIRS : LAUNCH_MKDIR,
                  operation->mkdir->target ? operation->mkdir->target : "");
        break;
    case MESOS__SLAVE__CONTAINER_FILE_OPERATION__PARAMETERS_RENAME:
        step_two(out, LAUNCH_RENAME, operation->rename->source ? operation->rename->source : "",
                 operation->rename->target ? operation->rename->target : "");
        break;
    case MESOS__SLAVE__CONTAINER_FILE_OPERATION__PARAMETERS_MOUNT:
        step_mount(out, operation->mount);
        break;
    default:
        break; /* an operation without parameters asks for nothing */
    }
}

void
steps_mounts(struct buf *out, const struct asked *asked, const char *root_sandbox)
{
    step_slave(out, asked);
    if (asked->mounts)
        step_text(out, LAUNCH_SANDBOX, root_sandbox);
    if (asked->rootfs)
        step_text(out, LAUNCH_ROOT_PREPARE, asked->rootfs);
    for (size_t i = 0; i < asked->count; i++) {
        for (size_t k = 0; k < asked->infos[i]->n_mounts; k++)
            step_mount(out, asked->infos[i]->mounts[k]);
    }
    for (size_t i = 0; i < asked->count; i++) {
        for (size_t k = 0; k < asked->infos[i]->n_file_operations; k++)
            step_file_operation(out, asked->infos[i]->file_operations[k]);
    }
}

void
steps_masks(struct buf *out, const struct asked *asked)
{
    for (size_t i = 0; i < asked->count; i++) {
        for (size_t k = 0; k < asked->infos[i]->n_masked_paths; k++)
            step_text(out, LAUNCH_MASK, asked->infos[i]->masked_paths[k]);
    }
}

/* ---- commands ---- */

static int
step_command(struct buf *out, const Mesos__V1__CommandInfo *command, struct err *err)
{
    auto_buf struct buf strings = {0};
    const char *value = command->value ? command->value : "";
    bool shell = !command->has_shell || command->shell;
    if (!*value || (!shell && *value != '/') || command->n_arguments > 250)
        return err_set(err, -EINVAL, "the pre-exec command '%s' is neither a shell command nor an absolute path", value);
    const char *const plain[] = {"/bin/sh", "sh", "-c", value};
    for (size_t i = 0; shell && i < ARRAY_LEN(plain); i++)
        buf_append(&strings, plain[i], strlen(plain[i]) + 1);
    if (!shell)
        buf_append(&strings, value, strlen(value) + 1);
    for (size_t i = 0; !shell && i < command->n_arguments; i++)
        buf_append(&strings, command->arguments[i], strlen(command->arguments[i]) + 1);
    step(out, LAUNCH_RUN, buf_data(&strings), strings.len);
    return 0;
}

int
steps_commands(struct buf *out, const struct asked *asked, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < asked->count; i++) {
        for (size_t k = 0; rc == 0 && k < asked->infos[i]->n_pre_exec_commands; k++)
            rc = step_command(out, asked->infos[i]->pre_exec_commands[k], err);
    }
    return rc;
}

/* ---- capabilities ---- */

static uint64_t
capability_bits(const Mesos__V1__CapabilityInfo *info)
{
    uint64_t bits = 0;
    for (size_t i = 0; info && i < info->n_capabilities; i++) {
        int number = (int)info->capabilities[i] - 1000; /* the enum's numbers are capabilities(7)'s and 1000 */
        if (number >= 0 && number < 64)
            bits |= UINT64_C(1) << number;
    }
    return bits;
}

void
steps_capabilities(struct buf *out, const struct asked *asked)
{
    struct launch_capabilities wanted = {capability_bits(asked->effective), capability_bits(asked->bounding),
                                         asked->effective != NULL, asked->bounding != NULL};
    if (wanted.has_effective || wanted.has_bounding)
        step(out, LAUNCH_CAPABILITIES, &wanted, sizeof wanted);
}
