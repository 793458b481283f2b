/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a container's configuration and its isolators' wishes to the helper's steps, when all wishes are known. What
 * cannot be done is refused here, by name, before any process exists.
 *
 * A command task of its own root, capabilities or the like takes two descriptions: its executor's, and the task's, which
 * the executor inherits in a sealed memory file and hands to the helper when it starts the task.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include "base/file.h"
#include "launch/description.h"
#include "native.h"
#include "wire/message.h"

#define PATH_ENTRY "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define SANDBOX_DIRECTORY "/mnt/mesos/sandbox"

/* ---- what is said without isolators ---- */

/* What the agent says comes first; PATH and the sandbox are added where it says nothing. */
static void
environment_given(struct container *container, const char *const *given)
{
    bool has_path = false, has_sandbox = false;
    for (; given && *given; given++) {
        has_path = has_path || strncmp(*given, "PATH=", 5) == 0;
        has_sandbox = has_sandbox || strncmp(*given, "MESOS_SANDBOX=", 14) == 0;
        entries_add(&container->entries, *given);
    }
    auto_free char *sandbox = xasprintf("MESOS_SANDBOX=%s", container->sandbox);
    if (!has_sandbox)
        entries_add(&container->entries, sandbox);
    if (!has_path)
        entries_add(&container->entries, PATH_ENTRY);
}

/* Of a kept one: made with its sandbox. */
static void
environment_kept(struct container *container)
{
    for (struct str rest = buf_str(&container->environment); rest.len > 0;) {
        auto_free char *entry = str_dup(str_cut(&rest, '\0'));
        entries_add(&container->entries, entry);
    }
}

int
description_begin(struct container *container, const struct mesos_containerizer_launch *launch, struct err *err)
{
    if (container->kept)
        environment_kept(container);
    else
        environment_given(container, launch->environment);
    if (launch && launch->pid_checkpoint_path)
        container->pid_path = xstrdup(launch->pid_checkpoint_path);
    return 0;
}

/* ---- where it runs and as what ---- */

bool
description_has_init(const struct container *container)
{
    return container->kept || (container->asked.clone & CLONE_NEWPID);
}

/* Its own root, mounts or rights are the task's that its executor will start. */
static bool
is_command_task(const struct container *container)
{
    return container->config->task_info != NULL;
}

static const char *
sandbox_directory(const struct native *native)
{
    const char *option = native->host->daemon_option(native->host, "sandbox_directory");
    return option && *option ? option : SANDBOX_DIRECTORY;
}

static bool
joins_parents_mounts(const struct container *container)
{
    return container->parent && (container->asked.enter & CLONE_NEWNS);
}

/* Where the program sees its sandbox, and where it starts. */
static void
places(struct container *container)
{
    const struct asked *asked = &container->asked;
    const struct container *parent = container->parent;
    const char *sandbox = container->sandbox, *directory = container_directory(container);
    if (asked->rootfs)
        sandbox = directory = sandbox_directory(container->native);
    else if (joins_parents_mounts(container) && parent->inside_directory)
        directory = parent->inside_directory;
    if (asked->working_directory)
        directory = asked->working_directory;
    free(container->inside_sandbox);
    free(container->inside_directory);
    container->inside_sandbox = xstrdup(sandbox);
    container->inside_directory = xstrdup(directory);
}

static void
step_directory(const struct container *container, struct buf *out)
{
    step_text(out, LAUNCH_DIRECTORY, container->inside_directory);
}

static void
step_user(const struct container *container, const struct user *user, bool of_task, struct buf *out)
{
    const struct asked *asked = &container->asked;
    auto_buf struct buf bytes = {0}, more = {0};
    bool in_image = asked->user && asked->rootfs;
    size_t count = asked_groups(asked, false, &more);
    if (of_task)
        count = asked_groups(asked, true, &more);
    if (in_image) {
        struct launch_number head = {(uint32_t)count, 0};
        buf_append(&bytes, &head, sizeof head);
        buf_append(&bytes, buf_data(&more), more.len);
        buf_append(&bytes, asked->user, strlen(asked->user) + 1);
        step(out, LAUNCH_USER_NAME, buf_data(&bytes), bytes.len);
    } else if (user) {
        struct launch_user head = {user->uid, user->gid};
        buf_append(&bytes, &head, sizeof head);
        buf_append(&bytes, user->groups, user->group_count * sizeof *user->groups);
        buf_append(&bytes, buf_data(&more), more.len);
        step(out, LAUNCH_USER, buf_data(&bytes), bytes.len);
    } else if (count > 0 && geteuid() == 0) {
        step(out, LAUNCH_GROUPS, buf_data(&more), more.len);
    }
}

static int
step_seccomp(const struct container *container, struct buf *out, struct err *err)
{
    const struct asked *asked = &container->asked;
    struct native *native = container->native;
    auto_buf struct buf key = {0};
    message_pack(&key, asked->seccomp_profile);
    if (asked->bounding)
        message_pack(&key, asked->bounding);
    if (native->seccomp_key.len != key.len || memcmp(buf_data(&native->seccomp_key), buf_data(&key), key.len) != 0) {
        buf_clear(&native->seccomp_key);
        buf_clear(&native->seccomp_program);
        int rc = seccomp_compile(asked->seccomp_profile, asked->bounding, &native->seccomp_program, err);
        if (rc < 0)
            return rc;
        buf_append(&native->seccomp_key, buf_data(&key), key.len);
    }
    step(out, LAUNCH_SECCOMP, buf_data(&native->seccomp_program), native->seccomp_program.len);
    return 0;
}

/* What takes rights away, in an order in which each step still may. Without no_new_privs only root may install a filter. */
static int
steps_rights(const struct container *container, const struct user *user, bool of_task, struct buf *out, struct err *err)
{
    const struct asked *asked = &container->asked;
    int rc = 0;
    steps_capabilities(out, asked);
    if (asked->seccomp_profile && !asked->no_new_privileges)
        rc = step_seccomp(container, out, err);
    step_user(container, user, of_task, out);
    if (asked->no_new_privileges)
        step(out, LAUNCH_NO_NEW_PRIVILEGES, "", 0);
    if (rc == 0 && asked->seccomp_profile && asked->no_new_privileges)
        rc = step_seccomp(container, out, err);
    return rc;
}

/* ---- the task of a command executor ---- */

static bool
task_needs_root(const struct asked *asked)
{
    auto_buf struct buf groups = {0};
    return asked->rootfs || asked->effective || asked->bounding || (asked->seccomp_profile && !asked->no_new_privileges) ||
           asked_groups(asked, true, &groups) > 0;
}

static bool
task_is_described(const struct container *container)
{
    const struct asked *asked = &container->asked;
    return is_command_task(container) && (task_needs_root(asked) || asked->seccomp_profile || asked->no_new_privileges);
}

static int
memory_file(const struct buf *content, const char *name, int *ret, struct err *err)
{
    auto_fd int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || write(fd, buf_data(content), content->len) != (ssize_t)content->len ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return err_errno(err, "cannot keep the description of the task");
    *ret = take_fd(&fd);
    return 0;
}

static int
describe_task(struct container *container, const struct user *user, struct err *err)
{
    const struct asked *asked = &container->asked;
    auto_buf struct buf out = {0};
    if (asked->rootfs) {
        step_number(&out, LAUNCH_UNSHARE, CLONE_NEWNS);
        step(&out, LAUNCH_SLAVE, "", 1);
        step_text(&out, LAUNCH_ROOT, asked->rootfs);
        steps_masks(&out, asked);
    }
    step_directory(container, &out);
    int rc = steps_rights(container, task_needs_root(asked) ? user : NULL, true, &out, err);
    return rc < 0 ? rc : memory_file(&out, "task", &container->task_fd, err);
}

static void
argument_json(struct buf *out, const char *flag, const void *message)
{
    auto_buf struct buf text = {0};
    buf_printf(&text, "--%s=", flag);
    message_to_json(&text, message);
    step_text(out, LAUNCH_ARGUMENT, buf_cstr(&text));
}

static void
argument_environment(const struct container *container, struct buf *out)
{
    auto_entries struct entries entries = {0};
    asked_environment(&container->asked, true, &entries);
    auto_free char *sandbox = xasprintf("MESOS_SANDBOX=%s", container->inside_sandbox);
    if (container->asked.rootfs)
        entries_set(&entries, sandbox);
    if (entries.count == 0)
        return;
    auto_free Mesos__V1__Environment__Variable *variables = xcalloc(entries.count, sizeof *variables);
    auto_free Mesos__V1__Environment__Variable **list = xcalloc(entries.count, sizeof *list);
    for (size_t i = 0; i < entries.count; i++) {
        mesos__v1__environment__variable__init(&variables[i]);
        char *equals = strchr(entries.items[i], '=');
        *equals = '\0';
        variables[i].name = entries.items[i];
        variables[i].value = equals + 1;
        list[i] = &variables[i];
    }
    Mesos__V1__Environment environment = MESOS__V1__ENVIRONMENT__INIT;
    environment.n_variables = entries.count;
    environment.variables = list;
    argument_json(out, "task_environment", &environment);
}

/* The last command that was asked for, or NULL. */
static const Mesos__V1__CommandInfo *
asked_command(const struct asked *asked)
{
    const Mesos__V1__CommandInfo *command = NULL;
    for (size_t i = 0; i < asked->count; i++)
        command = asked->infos[i]->command ? asked->infos[i]->command : command;
    return command;
}

/* The fields that are set replace those of what would be executed; a value brings its own arguments. */
static Mesos__V1__CommandInfo
command_of(const Mesos__V1__CommandInfo *base, const Mesos__V1__CommandInfo *asked)
{
    Mesos__V1__CommandInfo command = *base;
    if (!asked)
        return command;
    if (asked->value)
        command.value = asked->value;
    if (asked->value || asked->n_arguments > 0) {
        command.n_arguments = asked->n_arguments;
        command.arguments = asked->arguments;
    }
    if (asked->has_shell) {
        command.has_shell = true;
        command.shell = asked->shell;
    }
    return command;
}

/* What an executor of a command task is told about the task. */
static void
arguments_task(const struct container *container, struct buf *out)
{
    const struct asked *asked = &container->asked;
    const Mesos__V1__CommandInfo *own = asked_command(asked);
    if (!is_command_task(container))
        return;
    if (own) {
        Mesos__V1__CommandInfo none = MESOS__V1__COMMAND_INFO__INIT;
        const Mesos__V1__CommandInfo *base = container->config->task_info->command;
        Mesos__V1__CommandInfo command = command_of(base ? base : &none, own);
        argument_json(out, "task_command", &command);
    }
    argument_environment(container, out);
    if (asked->working_directory && !task_is_described(container)) {
        auto_free char *argument = xasprintf("--working_directory=%s", asked->working_directory);
        step_text(out, LAUNCH_ARGUMENT, argument);
    }
    if (container->task_fd >= 0) {
        auto_free char *argument = xasprintf("--task_launch=%d:%d", container->native->helper_fd >= 0 ? LAUNCH_PROGRAM_FD : -1,
                                             LAUNCH_TASK_FD);
        step_text(out, LAUNCH_ARGUMENT, argument);
    }
}

/* ---- the container ---- */

/* For the isolators of the next agent: a record as the other checkpoints are. */
static void
step_config(const struct container *container, struct buf *out)
{
    auto_buf struct buf packed = {0}, bytes = {0};
    auto_free char *path = xasprintf("%s/config", container->runtime_dir);
    message_pack(&packed, container->config);
    uint32_t len = (uint32_t)packed.len;
    buf_append(&bytes, path, strlen(path) + 1);
    buf_append(&bytes, &len, sizeof len);
    buf_append(&bytes, buf_data(&packed), packed.len);
    step(out, LAUNCH_WRITE_FILE, buf_data(&bytes), bytes.len);
}

static void
steps_traces(const struct container *container, struct buf *out)
{
    auto_free char *pid_file = xasprintf("%s/pid", container->runtime_dir);
    auto_free char *state_file = xasprintf("%s/state", container->runtime_dir);
    auto_buf struct buf state = {0};
    step_text(out, LAUNCH_TRACES, container->runtime_dir);
    buf_append(&state, state_file, strlen(state_file) + 1);
    buf_printf(&state, "%s\n%s\n%s\n%s", container->sandbox, container->user ? container->user : "",
               container->inside_sandbox, container->inside_directory);
    buf_putc(&state, '\0');
    step_config(container, out);
    step(out, LAUNCH_WRITE_STATE, buf_data(&state), state.len);
    step_text(out, LAUNCH_WRITE_PID, pid_file);
    if (container->pid_path)
        step_text(out, LAUNCH_WRITE_PID, container->pid_path);
}

static void
steps_environment(struct container *container, struct buf *out)
{
    auto_free char *sandbox = xasprintf("MESOS_SANDBOX=%s", container->inside_sandbox);
    if (container->asked.rootfs && !is_command_task(container))
        entries_set(&container->entries, sandbox);
    asked_environment(&container->asked, false, &container->entries);
    for (size_t i = 0; i < container->entries.count; i++)
        step_text(out, LAUNCH_ENVIRONMENT, container->entries.items[i]);
}

static void
steps_terminal_and_init(const struct container *container, struct buf *out)
{
    const char *terminal = container->asked.tty_slave_path;
    /* The command executor gives it to its task. */
    if (!is_command_task(container) && (terminal || switchboard_has_terminal(container)))
        step_text(out, LAUNCH_TERMINAL, terminal ? terminal : "");
    if (description_has_init(container)) {
        auto_free char *status_file = xasprintf("%s/status", container->runtime_dir);
        step_text(out, LAUNCH_STATUS, status_file);
    }
    /* Before init stays behind: in a container whose /proc shows it, its root is to be the container's. */
    if (joins_parents_mounts(container))
        step_number(out, LAUNCH_ENTER_MOUNTS, (uint32_t)container_mounts_pid(container->parent));
    if (description_has_init(container))
        step(out, LAUNCH_INIT, "", 0);
}

static int
steps_file_system(const struct container *container, struct buf *out, struct err *err)
{
    const struct asked *asked = &container->asked;
    if (asked->clone & CLONE_NEWNS)
        steps_mounts(out, asked, container_root(container)->sandbox);
    int rc = steps_commands(out, asked, err);
    if (asked->rootfs && !is_command_task(container))
        step_text(out, LAUNCH_ROOT, asked->rootfs);
    if (!(asked->rootfs && is_command_task(container)))
        steps_masks(out, asked);
    return rc;
}

static int
steps_all_rlimits(const struct container *container, struct buf *out, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < container->asked.count; i++)
        rc = steps_rlimits(out, container->asked.infos[i]->rlimits, err);
    return rc;
}

static void
steps_program(const struct container *container, struct buf *out)
{
    const Mesos__V1__CommandInfo *own = is_command_task(container) ? NULL : asked_command(&container->asked);
    Mesos__V1__CommandInfo command = command_of(container->config->command_info, own);
    const char *value = command.value ? command.value : "";
    if (command.shell) {
        step_text(out, LAUNCH_ARGUMENT, "sh");
        step_text(out, LAUNCH_ARGUMENT, "-c");
        step_text(out, LAUNCH_ARGUMENT, value);
        step_text(out, LAUNCH_EXECUTE, "/bin/sh");
        return;
    }
    for (size_t i = 0; i < command.n_arguments; i++)
        step_text(out, LAUNCH_ARGUMENT, command.arguments[i]);
    if (command.n_arguments == 0) /* execvp with an empty argv is nobody's wish */
        step_text(out, LAUNCH_ARGUMENT, value);
    arguments_task(container, out);
    step_text(out, LAUNCH_EXECUTE, value);
}

static int
steps_person(const struct container *container, const struct user *user, struct buf *out, struct err *err)
{
    if (!is_command_task(container)) {
        step_directory(container, out);
        return steps_rights(container, user, false, out, err);
    }
    step_text(out, LAUNCH_DIRECTORY, container->sandbox);
    if (container->task_fd >= 0) {
        step_number(out, LAUNCH_KEEP, LAUNCH_TASK_FD);
        step_number(out, LAUNCH_KEEP, LAUNCH_PROGRAM_FD);
    }
    if (container->task_fd < 0 || !task_needs_root(&container->asked))
        step_user(container, user, false, out);
    return 0;
}

int
description_end(struct container *container, const struct user *user, struct err *err)
{
    struct buf *out = &container->steps;
    int rc = asked_check(container, err);
    if (rc < 0)
        return rc;
    places(container);
    if (task_is_described(container))
        rc = describe_task(container, user, err);
    steps_environment(container, out);
    linux_step(container, out);
    steps_traces(container, out);
    step(out, LAUNCH_WAIT, "", 0);
    steps_terminal_and_init(container, out);
    if (rc == 0)
        rc = steps_file_system(container, out, err);
    if (rc == 0)
        rc = steps_all_rlimits(container, out, err);
    if (rc == 0)
        rc = steps_person(container, user, out, err);
    steps_program(container, out);
    return rc;
}
