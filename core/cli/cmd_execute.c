/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos execute`: runs one command on the cluster and waits for its end. Exit code 0 = TASK_FINISHED. */
#include <errno.h>
#include <stdio.h>

#include "cli/execute.h"
#include "cli/login.h"

enum { TURN_MS = 200 };

static bool
is_done(void *arg)
{
    return ((struct execute_session *)arg)->done;
}

static void
wait_for_end(struct execute_session *session)
{
    while (!session->done) {
        loop_run_until(session->cli->loop, is_done, session, TURN_MS);
        if (session->lost)
            execute_resume(session);
        if (session->target->follow)
            execute_follow_turn(session);
    }
    if (session->target->follow)
        execute_follow_turn(session); /* what was written up to the end */
    for (size_t i = 0; i < session->task_count; i++)
        sandbox_fini(&session->tasks[i].follow.sandbox);
}

static bool
all_finished(const struct execute_session *session)
{
    for (size_t i = 0; i < session->task_count; i++)
        if (session->tasks[i].state != MESOS__V1__TASK_STATE__TASK_FINISHED)
            return false;
    return true;
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
    if (target->principal && target->secret) /* the master may want to know who looks for the leader, too */
        cli_login_as(cli, target->principal, target->secret);
    if (cli_find_leader(&session.master, cli, &err) < 0)
        return cli_fail(&err);
    execute_start(&session);
    wait_for_end(&session);
    execute_end(&session);
    if (session.err.code)
        return cli_fail(&session.err);
    return all_finished(&session) ? 0 : EXIT_FAILURE;
}

/* Said by the user, either way. */
static int
note_follow(const char *value, void *target, struct option_set *set, struct err *err)
{
    ((struct execute_target *)target)->follow_given = true;
    return 0;
}

static int
note_containerizer(const char *value, void *target, struct option_set *set, struct err *err)
{
    if (conf_given(set, "containerizer"))
        ((struct execute_target *)target)->containerizer_given = true;
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
#define VALUE(field, argument_, help_) TEXT(field, #field, argument_, NULL, help_)
#define MESSAGE(field, help_)                                                                                      \
    {.name = #field, .type = OPTION_JSON, .offset = offsetof(struct execute_target, field), .help = help_}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct execute_target),
    VALUE(name, "NAME", "Name and id of the task; made up when not given."),
    VALUE(command, "LINE", "The command. Else the words after the options."),
    SWITCH(shell, "true", "Run it by a shell; --no-shell runs the program itself with the words as arguments."),
    TEXT(resources, "resources", "LIST", "cpus:1;mem:128", "What the task needs."),
    MESSAGE(env, "The task's environment: {\"NAME\":\"value\"}."),
    VALUE(uris, "URI,...", "Files to fetch into the sandbox first."),
    VALUE(docker_image, "NAME", "Run it in this image. By the docker containerizer unless --containerizer=mesos, or "
                                "something that only that one has, is given."),
    MESSAGE(task, "All of the task, a TaskInfo in JSON. Instead of the options that describe one."),
    MESSAGE(task_group, "Several tasks: {\"tasks\":[...]}. They run and end together under the default executor."),
    {.name = "kill_after",
     .type = OPTION_DURATION,
     .offset = offsetof(struct execute_target, kill_after_ns),
     .help = "Ask to kill the task after this time."},
    {.name = "follow",
     .type = OPTION_BOOL,
     .offset = offsetof(struct execute_target, follow),
     .check = note_follow,
     .help = "Print the task's output as it grows; messages go to stderr then. So it is on a terminal unless "
             "--no-follow is given."},
    {.name = "user",
     .type = OPTION_STRING,
     .offset = offsetof(struct execute_target, user),
     .argument = "NAME",
     .group = CLI_MORE,
     .help = "Who runs the task; else who calls."},
    TEXT(role, "role", "ROLE", "*", "The role whose resources are used."),
    VALUE(principal, "NAME", "The framework's principal."),
    {.name = "secret",
     .type = OPTION_STRING,
     .offset = offsetof(struct execute_target, secret),
     .argument = "TEXT",
     .secret = true,
     .help = "The secret of the principal."},
    {.name = "containerizer",
     .type = OPTION_STRING,
     .offset = offsetof(struct execute_target, containerizer),
     .fallback = "mesos",
     .choices = "mesos|docker",
     .argument = "mesos|docker",
     .check = note_containerizer,
     .help = "Which containerizer runs the task. docker when --docker_image is given and this is not."},
    SWITCH(tty, "false", "Give the task a terminal; `mesos task attach` shows it."),
    VALUE(networks, "NAME,...", "Container networks to join."),
    MESSAGE(volumes, "Volumes, a JSON array."),
    MESSAGE(rlimits, "Limits of the task's processes, an RLimitInfo in JSON."),
    MESSAGE(effective_capabilities, "Linux capabilities that the task has, a CapabilityInfo in JSON."),
    MESSAGE(bounding_capabilities, "Linux capabilities that it may get, a CapabilityInfo in JSON."),
    VALUE(appc_image, "NAME", "Run it in this Appc image."),
    SWITCH(checkpoint, "false", "Let the task live through a restart of its agent."),
    SWITCH(partition_aware, "true", "Be told apart whether a task is unreachable, gone or lost."),
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
     .choices = "json|protobuf",
     .argument = "json|protobuf",
     .help = "How calls and events are encoded."},
    VALUE(package, "PATH", "A local file that goes to HDFS first and from there into the sandbox."),
    SWITCH(overwrite, "false", "Replace what HDFS has under that name."),
    TEXT(hadoop, "hadoop", "PROGRAM", "hadoop", "The client of HDFS."),
    TEXT(hdfs, "hdfs", "HOST:PORT", "localhost:9000", "Where HDFS is."),
    {.name = NULL},
};
static const char *const short_flags[] = {"f=follow", NULL};

const struct cli_command cli_command_execute = {
    .name = "execute",
    .usage = "[OPTION...] [--] [WORD...]",
    .summary = "Run a command, or several tasks, on the cluster and wait for the end.",
    .details = "Each option can also be given as MESOS_<NAME> in the environment. JSON values may be files: "
               "--task_group=/path/to/file.json. It ends with 0 when every task has finished well.",
    .options = options,
    .short_flags = short_flags,
    .target_size = sizeof(struct execute_target),
    .max_words = 10000,
    .last_flag_word = 1,
    .environment = true,
    .run = run,
};
