/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos task exec [-i] [-t] TASK COMMAND...`: a command in the container of a running task. */
#include <errno.h>
#include <unistd.h>

#include "cli/session.h"

struct task_exec_target {
    struct cli_common common;
    const char *framework, *user;
    bool interactive, tty;
};

/* The program and its arguments, as they are: no shell looks at them. */
static json_t *
command_of(const struct cli *cli)
{
    const struct task_exec_target *target = cli->target;
    json_t *arguments = json_array(), *command;

    for (size_t i = 1; i < cli->word_count; i++)
        json_array_append_new(arguments, json_string(cli->words[i]));
    command = json_pack("{s:b,s:s,s:o}", "shell", 0, "value", cli->words[1], "arguments", arguments);
    if (target->user)
        json_object_set_new(command, "user", json_string(target->user));
    return command;
}

static json_t *
call_of(const struct cli *cli, json_t *container_id)
{
    const struct task_exec_target *target = cli->target;
    json_t *body = json_pack("{s:O,s:o}", "container_id", container_id, "command", command_of(cli));
    json_t *window = target->tty ? session_window() : NULL, *tty;

    if (target->tty) {
        tty = json_object();
        if (window)
            json_object_set_new(tty, "window_size", window);
        json_object_set_new(body, "container", json_pack("{s:s,s:o}", "type", "MESOS", "tty_info", tty));
    }
    return json_pack("{s:s,s:o}", "type", "LAUNCH_NESTED_CONTAINER_SESSION", "launch_nested_container_session", body);
}

static int
check(const struct cli *cli)
{
    const struct task_exec_target *target = cli->target;

    for (size_t i = 0; i < cli->word_count; i++) {
        json_t *text = *cli->words[i] || i >= 2 ? json_string(cli->words[i]) : NULL;

        if (!*cli->words[i] && i < 2)
            return cli_wrong_use(&cli_command_task_exec, "an empty word is no task and no command");
        if (!text)
            return cli_wrong_use(&cli_command_task_exec, "'%s' is no UTF-8 and cannot be sent", cli->words[i]);
        json_decref(text);
    }
    if (target->tty && !isatty(STDIN_FILENO))
        return cli_wrong_use(&cli_command_task_exec, "--tty needs a terminal on standard input");
    return 0;
}

static int
run(struct cli *cli)
{
    const struct task_exec_target *target = cli->target;
    struct session session = {.cli = cli, .input = target->interactive, .tty = target->tty, .waits = true};
    auto_cluster struct cluster cluster = {0};
    struct cluster_task found;
    struct err err = {0};
    char id[UUID_TEXT];
    json_t *parent;

    if (check(cli) != 0)
        return EXIT_USAGE;
    if (cluster_open(&cluster, cli, &err) < 0 ||
        cluster_task(&cluster, target->framework, cli->words[0], &found, &err) < 0 ||
        cluster_agent_server(&cluster, cli_text(found.task, "slave_id"), &session.agent, &err) < 0)
        return cli_fail(&err);
    parent = cluster_container(found.task);
    if (!parent || !found.active) {
        err_set(&err, -ESRCH, "task '%s' does not run: %s", cli_text(found.task, "id"), cli_text(found.task, "state"));
        return cli_fail(&err);
    }
    session.no_input = !target->interactive && !target->tty;
    session.container_id = json_pack("{s:s,s:O}", "value", uuid_new(id), "parent", parent);
    return session_run(&session, call_of(cli, session.container_id));
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct task_exec_target),
    CLI_FRAMEWORK_OPTION(struct task_exec_target),
    {.name = "interactive",
     .type = OPTION_BOOL,
     .offset = offsetof(struct task_exec_target, interactive),
     .fallback = "false",
     .help = "Give the command our standard input."},
    {.name = "tty",
     .type = OPTION_BOOL,
     .offset = offsetof(struct task_exec_target, tty),
     .fallback = "false",
     .help = "Give it a terminal of the size of ours."},
    {.name = "user",
     .type = OPTION_STRING,
     .offset = offsetof(struct task_exec_target, user),
     .argument = "NAME",
     .help = "Who runs it; else who runs the task."},
    {.name = NULL},
};
static const char *const short_flags[] = {"i=interactive", "t=tty", NULL};
static const enum cli_word word_kinds[] = {WORD_TASK, WORD_OTHER};

const struct cli_command cli_command_task_exec = {
    .name = "task exec",
    .usage = "[OPTION...] TASK COMMAND [ARGUMENT...]",
    .summary = "Run a command in the container of a running task, and exit as it does.",
    .details = "An interactive shell: mesos task exec -it TASK bash",
    .options = options,
    .short_flags = short_flags,
    .target_size = sizeof(struct task_exec_target),
    .min_words = 2,
    .max_words = 10000,
    .last_flag_word = 2,
    .word_kinds = word_kinds,
    .run = run,
};
