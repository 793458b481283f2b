/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a container's configuration and its isolators' wishes to the helper's steps. What cannot be done is refused here,
 * by name, before any process exists.
 */
#include <errno.h>
#include <limits.h>
#include <sys/resource.h>
#include "launch/description.h"
#include "native.h"

#define PATH_ENTRY "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void
step(struct buf *out, enum launch_kind kind, const void *bytes, size_t len)
{
    static const char zeros[8];
    struct launch_step head = {kind, (uint32_t)len};
    buf_append(out, &head, sizeof head);
    buf_append(out, bytes, len);
    buf_append(out, zeros, (8 - len % 8) % 8);
}

static void
step_text(struct buf *out, enum launch_kind kind, const char *text)
{
    step(out, kind, text, strlen(text) + 1);
}

static void
step_environment(struct buf *out, const char *name, const char *value)
{
    auto_free char *entry = xasprintf("%s=%s", name, value);
    step_text(out, LAUNCH_ENVIRONMENT, entry);
}

/* What the agent says comes first; PATH and the sandbox are added where it says nothing. */
static void
environment(struct container *container, const char *const *entries)
{
    bool has_path = false, has_sandbox = false;
    for (; entries && *entries; entries++) {
        has_path = has_path || strncmp(*entries, "PATH=", 5) == 0;
        has_sandbox = has_sandbox || strncmp(*entries, "MESOS_SANDBOX=", 14) == 0;
        step_text(&container->steps, LAUNCH_ENVIRONMENT, *entries);
    }
    if (!has_sandbox)
        step_environment(&container->steps, "MESOS_SANDBOX", container->sandbox);
    if (!has_path)
        step_text(&container->steps, LAUNCH_ENVIRONMENT, PATH_ENTRY);
}

static int
rlimits(struct buf *out, const Mesos__V1__RLimitInfo *info, struct err *err)
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

/* Of a kept one: made with its sandbox. */
static void
environment_kept(struct container *container)
{
    for (struct str rest = buf_str(&container->environment); rest.len > 0;) {
        auto_free char *entry = str_dup(str_cut(&rest, '\0'));
        step_text(&container->steps, LAUNCH_ENVIRONMENT, entry);
    }
}

int
description_begin(struct container *container, const struct mesos_containerizer_launch *launch, struct err *err)
{
    const Mesos__V1__ContainerInfo *info = container->config->container_info;
    if (info && info->mesos && info->mesos->image)
        return err_set(err, -ENOTSUP, "container images need an image provider, and none is configured");
    if (container->kept)
        environment_kept(container);
    else
        environment(container, launch->environment);
    step_text(&container->steps, LAUNCH_MAKE_DIRECTORY, container->runtime_dir);
    auto_free char *pid_file = xasprintf("%s/pid", container->runtime_dir);
    auto_free char *state_file = xasprintf("%s/state", container->runtime_dir);
    auto_buf struct buf state = {0};
    buf_append(&state, state_file, strlen(state_file) + 1);
    buf_printf(&state, "%s\n%s", container->sandbox, container->user ? container->user : "");
    buf_putc(&state, '\0');
    step(&container->steps, LAUNCH_WRITE_STATE, buf_data(&state), state.len);
    step_text(&container->steps, LAUNCH_WRITE_PID, pid_file);
    if (launch && launch->pid_checkpoint_path)
        step_text(&container->steps, LAUNCH_WRITE_PID, launch->pid_checkpoint_path);
    step(&container->steps, LAUNCH_WAIT, "", 0);
    /* The command executor gives it to its task. */
    if (switchboard_has_terminal(container) && !container->config->task_info)
        step(&container->steps, LAUNCH_TERMINAL, "", 0);
    if (container->kept) {
        auto_free char *status_file = xasprintf("%s/status", container->runtime_dir);
        step_text(&container->steps, LAUNCH_INIT, status_file);
    }
    step_text(&container->steps, LAUNCH_DIRECTORY, container_directory(container));
    return info ? rlimits(&container->steps, info->rlimit_info, err) : 0;
}

/* What a launch info may ask for and this containerizer does not do: the name of the first, or NULL. */
static const char *
not_done(const Mesos__Slave__ContainerLaunchInfo *info)
{
    if (info->rootfs)
        return "a root file system";
    if (info->n_enter_namespaces || info->n_clone_namespaces)
        return "namespaces";
    if (info->n_mounts || info->n_masked_paths || info->n_file_operations)
        return "mounts";
    if (info->seccomp_profile)
        return "a seccomp profile";
    if (info->effective_capabilities || info->bounding_capabilities)
        return "capabilities";
    if (info->tty_slave_path)
        return "a terminal";
    if (info->command)
        return "another command";
    if (info->user || info->n_supplementary_groups)
        return "another user or groups";
    return NULL;
}

int
description_isolator(struct container *container, const char *isolator, struct mesos_bytes bytes, struct err *err)
{
    if (bytes.len == 0)
        return 0;
    Mesos__Slave__ContainerLaunchInfo *info =
        mesos__slave__container_launch_info__unpack(NULL, bytes.len, bytes.data);
    if (!info)
        return err_set(err, -EPROTO, "isolator '%s' answers with something that is no ContainerLaunchInfo", isolator);
    int rc = 0;
    const char *wish = not_done(info);
    if (wish)
        rc = err_set(err, -ENOTSUP, "isolator '%s' asks for %s, which containerizer 'native' does not do", isolator, wish);
    for (size_t i = 0; rc == 0 && info->environment && i < info->environment->n_variables; i++)
        step_environment(&container->steps, info->environment->variables[i]->name,
                         info->environment->variables[i]->value ? info->environment->variables[i]->value : "");
    if (rc == 0)
        rc = rlimits(&container->steps, info->rlimits, err);
    if (rc == 0 && info->working_directory)
        step_text(&container->steps, LAUNCH_DIRECTORY, info->working_directory);
    for (size_t i = 0; rc == 0 && i < info->n_pre_exec_commands; i++) {
        const Mesos__V1__CommandInfo *command = info->pre_exec_commands[i];
        if (command->shell && command->value)
            step_text(&container->steps, LAUNCH_SHELL, command->value);
        else
            rc = err_set(err, -ENOTSUP, "isolator '%s' asks for a pre-exec command that is no shell command", isolator);
    }
    if (rc == 0 && info->has_no_new_privileges && info->no_new_privileges)
        step(&container->steps, LAUNCH_NO_NEW_PRIVILEGES, "", 0);
    mesos__slave__container_launch_info__free_unpacked(info, NULL);
    return rc;
}

void
description_end(struct container *container, const struct user *user)
{
    const Mesos__V1__CommandInfo *command = container->config->command_info;
    struct buf *out = &container->steps;
    if (user) {
        auto_buf struct buf bytes = {0};
        struct launch_user head = {user->uid, user->gid};
        buf_append(&bytes, &head, sizeof head);
        buf_append(&bytes, user->groups, user->group_count * sizeof *user->groups);
        step(out, LAUNCH_USER, buf_data(&bytes), bytes.len);
    }
    const char *value = command->value ? command->value : "";
    if (command->shell) {
        step_text(out, LAUNCH_ARGUMENT, "sh");
        step_text(out, LAUNCH_ARGUMENT, "-c");
        step_text(out, LAUNCH_ARGUMENT, value);
        step_text(out, LAUNCH_EXECUTE, "/bin/sh");
        return;
    }
    for (size_t i = 0; i < command->n_arguments; i++)
        step_text(out, LAUNCH_ARGUMENT, command->arguments[i]);
    if (command->n_arguments == 0) /* execvp with an empty argv is nobody's wish */
        step_text(out, LAUNCH_ARGUMENT, value);
    step_text(out, LAUNCH_EXECUTE, value);
}
