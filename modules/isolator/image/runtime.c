/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table, by what the command says (shell, value, arguments) and what the image has (entrypoint, cmd):
 * - shell with a value: the value, whatever the image has; without one: an error.
 * - no shell, a value: value and arguments, as they are.
 * - no shell, no value: the entrypoint, followed by the arguments, or by cmd where there are none; without an entrypoint cmd is
 *   the program, and the arguments take the place of cmd's own; without both: an error.
 */
#include "isolator/image/runtime.h"

#include <errno.h>
#include <string.h>

/* The command that the image has its say in: the task's, where an executor of ours runs it. */
static const Mesos__V1__CommandInfo *
command_of(const Mesos__Slave__ContainerConfig *config)
{
    return config->task_info ? config->task_info->command : config->command_info;
}

static void
add(struct launch_info *info, Mesos__V1__CommandInfo *command, char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        command->arguments[command->n_arguments++] = arena_strdup(info->arena, str_of(texts[i]));
}

static void
compose(const struct image_runtime *image, const Mesos__V1__CommandInfo *given, struct launch_info *info)
{
    size_t given_count = given ? given->n_arguments : 0;
    char *const *arguments = given ? given->arguments : NULL;
    Mesos__V1__CommandInfo *command = arena_calloc(info->arena, 1, sizeof *command);
    mesos__v1__command_info__init(command);
    command->arguments =
        arena_calloc(info->arena, image->entrypoint_count + image->cmd_count + given_count + 1, sizeof *command->arguments);
    command->has_shell = 1;
    command->shell = 0;
    if (image->entrypoint_count > 0) {
        add(info, command, image->entrypoint, image->entrypoint_count);
        if (given_count > 0)
            add(info, command, arguments, given_count);
        else
            add(info, command, image->cmd, image->cmd_count);
    } else {
        add(info, command, image->cmd, given_count > 0 ? 1 : image->cmd_count);
        add(info, command, arguments, given_count);
    }
    command->value = command->arguments[0];
    info->message.command = command;
    info->any = true;
}

static int
decide(const struct image_runtime *image, const Mesos__V1__CommandInfo *given, struct launch_info *info, struct err *err)
{
    bool shell = !given || given->shell;
    bool has_value = given && given->value && *given->value;
    if (shell && !has_value)
        return err_set(err, -EINVAL, "Shell specified but no command value provided");
    if (shell || has_value)
        return 0;
    if (image->entrypoint_count == 0 && image->cmd_count == 0)
        return err_set(err, -EINVAL, "No executable is found either in the command or in the %s image", image->kind);
    compose(image, given, info);
    return 0;
}

int
image_runtime_apply(const struct image_runtime *image, const Mesos__Slave__ContainerConfig *config,
                    struct launch_info *info, struct err *err)
{
    int rc = decide(image, command_of(config), info, err);
    if (rc < 0)
        return rc;
    if (image->working_directory && *image->working_directory) {
        info->message.working_directory = arena_strdup(info->arena, str_of(image->working_directory));
        info->any = true;
    }
    if (image->user && *image->user && !(config->user && *config->user)) { /* the task's user is the framework's to name */
        info->message.user = arena_strdup(info->arena, str_of(image->user));
        info->any = true;
    }
    return 0;
}

static bool
is_said(const Mesos__V1__CommandInfo *command, const char *name)
{
    const Mesos__V1__Environment *environment = command ? command->environment : NULL;
    for (size_t i = 0; environment && i < environment->n_variables; i++)
        if (strcmp(environment->variables[i]->name, name) == 0)
            return true;
    return false;
}

void
image_runtime_variable(const Mesos__Slave__ContainerConfig *config, const char *name, const char *value,
                       struct launch_info *info)
{
    if (!*name || strchr(name, '=') || is_said(command_of(config), name))
        return;
    if (strncmp(name, "MESOS_", 6) == 0 || strncmp(name, "LIBPROCESS_", 11) == 0)
        return; /* by these an executor finds its agent */
    if (config->task_info)
        launch_info_task_variable(info, name, value);
    else
        launch_info_variable(info, name, value);
}
