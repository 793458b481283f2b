/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos execute`: runs one command on the cluster and waits for its end. Exit code 0 = TASK_FINISHED. */
#include <errno.h>
#include <stdio.h>

#include "cli/execute.h"

enum { TURN_MS = 200 };

static bool
is_done(void *arg)
{
    return ((struct execute_session *)arg)->done;
}

static void
wait_for_end(struct execute_session *session)
{
    struct execute_follow follow = {0};

    while (!session->done) {
        loop_run_until(session->cli->loop, is_done, session, TURN_MS);
        if (session->target->follow)
            execute_follow_turn(&follow, session);
    }
    if (session->target->follow)
        execute_follow_turn(&follow, session); /* what was written up to the end */
    sandbox_fini(&follow.sandbox);
}

static int
run(struct cli *cli)
{
    struct execute_target *target = cli->target;
    auto_arena struct arena *arena = arena_new(0);

    if (!target->follow_given)
        target->follow = isatty(STDOUT_FILENO);
    struct execute_session session = {.cli = cli,
                                      .target = target,
                                      .log = target->follow ? stderr : stdout,
                                      .json = strcmp(target->content_type, "json") == 0,
                                      .arena = arena};
    struct err err = {0};

    if (execute_describe(&session, &err) < 0) {
        cli_fail(&err);
        return EXIT_USAGE;
    }
    if (cli_find_master(&session.master, cli, &err) < 0)
        return cli_fail(&err);
    execute_start(&session);
    wait_for_end(&session);
    execute_end(&session);
    if (session.err.code)
        return cli_fail(&session.err);
    return session.state == MESOS__V1__TASK_STATE__TASK_FINISHED ? 0 : EXIT_FAILURE;
}

/* Said by the user, either way. */
static int
note_follow(const char *value, void *target, struct option_set *set, struct err *err)
{
    ((struct execute_target *)target)->follow_given = true;
    return 0;
}

static int
check_content_type(const char *value, void *target, struct option_set *set, struct err *err)
{
    if (strcmp(value, "json") != 0 && strcmp(value, "protobuf") != 0)
        return err_set(err, -EINVAL, "--content_type=%s: json or protobuf is wanted", value);
    return 0;
}

static int
check_containerizer(const char *value, void *target, struct option_set *set, struct err *err)
{
    if (strcmp(value, "mesos") != 0)
        return err_set(err, -EINVAL, "--containerizer=%s: only mesos is built yet", value);
    return 0;
}

static int
check_capabilities(const char *value, void *target, struct option_set *set, struct err *err)
{
    static const ProtobufCEnumDescriptor *const type = &mesos__v1__framework_info__capability__type__descriptor;
    const char *names[64];
    struct str rest = str_of(value);
    size_t count = 0;

    for (; count < type->n_values && count < ARRAY_LEN(names); count++)
        names[count] = type->values_by_name[count].name;
    while (rest.len > 0) {
        auto_free char *name = str_dup(str_trim(str_cut(&rest, ',')));
        const char *near = str_nearest(name, names, count);

        if (*name && !protobuf_c_enum_descriptor_get_value_by_name(type, name))
            return err_set(err, -EINVAL, "--framework_capabilities: there is no '%s'%s%s", name,
                           near ? "; did you mean " : "", near ? near : "");
    }
    return 0;
}

#define TEXT(field, what, argument_, fallback_, help_)                                                             \
    {.name = what,                                                                                                 \
     .type = OPTION_STRING,                                                                                        \
     .offset = offsetof(struct execute_target, field),                                                             \
     .fallback = fallback_,                                                                                        \
     .argument = argument_,                                                                                        \
     .help = help_}
#define SWITCH(field, fallback_, help_)                                                                            \
    {.name = #field,                                                                                               \
     .type = OPTION_BOOL,                                                                                          \
     .offset = offsetof(struct execute_target, field),                                                             \
     .fallback = fallback_,                                                                                        \
     .help = help_}
#define PLANNED(what, type_, missing)                                                                              \
    {.name = what,                                                                                                 \
     .type = type_,                                                                                                \
     .state = OPTION_PLANNED,                                                                                      \
     .offset = SIZE_MAX,                                                                                           \
     .note = missing,                                                                                              \
     .help = "Known, not built yet."}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct execute_target),
    TEXT(name, "name", "NAME", NULL, "Name and id of the task; made up when not given."),
    TEXT(command, "command", "LINE", NULL, "The command. Else the words after the options."),
    SWITCH(shell, "true", "Run it by a shell; --no-shell runs the program itself with the words as arguments."),
    {.name = "env",
     .type = OPTION_JSON,
     .offset = offsetof(struct execute_target, env),
     .help = "Environment of the task, a JSON object of names and values."},
    {.name = "task",
     .type = OPTION_JSON,
     .offset = offsetof(struct execute_target, task),
     .help = "The whole TaskInfo as JSON, instead of the options that describe a task."},
    TEXT(resources, "resources", "RESOURCES", "cpus:1;mem:128", "What the task needs."),
    TEXT(uris, "uris", "URI,...", NULL, "Files that are fetched into the sandbox before the task starts."),
    TEXT(user, "user", "NAME", NULL, "Who runs the task; else who calls."),
    TEXT(role, "role", "ROLE", "*", "The role whose resources are used."),
    TEXT(principal, "principal", "NAME", NULL, "The framework's principal."),
    {.name = "framework_capabilities",
     .type = OPTION_STRING,
     .offset = offsetof(struct execute_target, framework_capabilities),
     .fallback = "",
     .argument = "NAME,...",
     .check = check_capabilities,
     .help = "Further capabilities of the framework."},
    {.name = "content_type",
     .type = OPTION_STRING,
     .offset = offsetof(struct execute_target, content_type),
     .fallback = "protobuf",
     .argument = "json|protobuf",
     .check = check_content_type,
     .help = "How calls and events are encoded."},
    {.name = "containerizer",
     .type = OPTION_STRING,
     .offset = SIZE_MAX,
     .fallback = "mesos",
     .argument = "mesos",
     .check = check_containerizer,
     .help = "Which containerizer runs the task."},
    {.name = "kill_after",
     .type = OPTION_DURATION,
     .offset = offsetof(struct execute_target, kill_after_ns),
     .help = "Ask to kill the task when so much time has passed."},
    SWITCH(checkpoint, "false", "Let the task live through a restart of its agent."),
    SWITCH(partition_aware, "true", "Be told apart whether a task is unreachable, gone or lost."),
    {.name = "follow",
     .type = OPTION_BOOL,
     .offset = offsetof(struct execute_target, follow),
     .check = note_follow,
     .help = "Print the task's stdout and stderr as they grow; messages go to stderr then. So it is on a terminal "
             "unless --no-follow is given."},
    PLANNED("task_group", OPTION_JSON, "task groups come with the default executor"),
    PLANNED("docker_image", OPTION_STRING, "images are not built yet"),
    PLANNED("appc_image", OPTION_STRING, "images are not built yet"),
    PLANNED("networks", OPTION_STRING, "container networks are not built yet"),
    PLANNED("volumes", OPTION_JSON, "volumes are not built yet"),
    PLANNED("rlimits", OPTION_JSON, "resource limits of processes are not built yet"),
    PLANNED("effective_capabilities", OPTION_JSON, "Linux capabilities are not built yet"),
    PLANNED("bounding_capabilities", OPTION_JSON, "Linux capabilities are not built yet"),
    PLANNED("tty", OPTION_BOOL, "terminals are not built yet"),
    PLANNED("secret", OPTION_STRING, "authentication is not built yet"),
    PLANNED("hadoop", OPTION_STRING, "uploads to HDFS are not built yet"),
    PLANNED("hdfs", OPTION_STRING, "uploads to HDFS are not built yet"),
    PLANNED("package", OPTION_STRING, "uploads to HDFS are not built yet"),
    PLANNED("overwrite", OPTION_BOOL, "uploads to HDFS are not built yet"),
    {.name = NULL},
};
static const char *const short_flags[] = {"f=follow", NULL};

const struct cli_command cli_command_execute = {
    .name = "execute",
    .usage = "[OPTION...] [--] [WORD...]",
    .summary = "Run one command on the cluster and wait for its end.",
    .options = options,
    .short_flags = short_flags,
    .target_size = sizeof(struct execute_target),
    .max_words = 10000,
    .last_flag_word = 1,
    .environment = true,
    .run = run,
};
