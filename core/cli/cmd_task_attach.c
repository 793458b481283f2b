/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos task attach [--no-stdin] TASK`: the terminal of a task that has one. */
#include <errno.h>
#include <unistd.h>

#include "cli/session.h"

struct task_attach_target {
    struct cli_common common;
    const char *framework;
    bool input;
};

static int
run(struct cli *cli)
{
    const struct task_attach_target *target = cli->target;
    struct session session = {.cli = cli, .input = target->input, .detachable = true};
    auto_cluster struct cluster cluster = {0};
    struct cluster_task found;
    struct err err = {0};
    json_t *container;

    if (cluster_open(&cluster, cli, &err) < 0 ||
        cluster_task(&cluster, target->framework, cli->words[0], &found, &err) < 0 ||
        cluster_agent_server(&cluster, cli_text(found.task, "slave_id"), &session.agent, &err) < 0)
        return cli_fail(&err);
    container = cluster_container(found.task);
    if (!container || !found.active) {
        err_set(&err, -ESRCH, "task '%s' does not run: %s", cli_text(found.task, "id"), cli_text(found.task, "state"));
        return cli_fail(&err);
    }
    session.tty = isatty(STDIN_FILENO) &&
                  json_is_object(json_object_get(json_object_get(found.task, "container"), "tty_info"));
    session.container_id = json_incref(container);
    return session_run(&session, json_pack("{s:s,s:{s:O}}", "type", "ATTACH_CONTAINER_OUTPUT",
                                           "attach_container_output", "container_id", container));
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct task_attach_target),
    CLI_FRAMEWORK_OPTION(struct task_attach_target),
    {.name = "stdin",
     .type = OPTION_BOOL,
     .offset = offsetof(struct task_attach_target, input),
     .fallback = "true",
     .help = "Send what is typed; --no-stdin only looks."},
    {.name = NULL},
};
static const enum cli_word word_kinds[] = {WORD_TASK, WORD_OTHER};

const struct cli_command cli_command_task_attach = {
    .name = "task attach",
    .usage = "[OPTION...] TASK",
    .summary = "See and use the terminal of a running task.",
    .details = "The task must have been started with a terminal, as by `mesos execute --tty`. ctrl-p ctrl-q leaves it "
               "running and comes back.",
    .options = options,
    .target_size = sizeof(struct task_attach_target),
    .min_words = 1,
    .max_words = 1,
    .word_kinds = word_kinds,
    .run = run,
};
