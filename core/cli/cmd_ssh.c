/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos ssh TASK|AGENT [COMMAND...]`: the real ssh to the host of a task, in its sandbox. */
#include <errno.h>
#include <unistd.h>

#include "cli/sandbox.h"
#include "cli/ssh.h"

struct ssh_target {
    struct cli_common common;
    const char *framework;
    struct ssh_options ssh;
};

/* Where to go: *ret_path is the sandbox, NULL for an agent or when it is not there any more. */
static int
find_place(struct cluster *cluster, const struct cli *cli, const char **ret_host, char **ret_path, struct err *err)
{
    const struct ssh_target *target = cli->target;
    auto_sandbox struct sandbox sandbox = {0};
    struct cluster_task found;
    struct err no_agent = {0};
    json_t *agent;

    *ret_path = NULL;
    if (cluster_task(cluster, target->framework, cli->words[0], &found, err) < 0) {
        agent = err->code == -ENOENT ? cluster_agent(cluster, cli->words[0], &no_agent) : NULL;
        if (!agent)
            return err->code;
        *ret_host = cli_text(agent, "hostname");
        return ssh_check_host(*ret_host, err);
    }
    *ret_host = cluster_agent_name(cluster, cli_text(found.task, "slave_id"));
    if (ssh_check_host(*ret_host, err) < 0)
        return err->code;
    if (sandbox_of_task(&sandbox, cluster, found.task, err) < 0) {
        cli_fail(err);
        fputs("mesos: going there all the same, not into a sandbox\n", stderr);
        return 0;
    }
    *ret_path = take(&sandbox.path);
    return 0;
}

/* "cd DIRECTORY && COMMAND", the command as ssh would send it; empty = a login shell and no more. */
static void
remote_command(struct buf *out, const struct cli *cli, const char *path)
{
    if (path) {
        buf_puts(out, "cd ");
        ssh_quote(out, path);
        buf_puts(out, cli->word_count > 1 ? " &&" : " && exec \"${SHELL:-/bin/sh}\"");
    }
    for (size_t i = 1; i < cli->word_count; i++)
        buf_printf(out, "%s%s", out->len ? " " : "", cli->words[i]);
}

static int
exec_ssh(const struct ssh_target *target, const char *host, const char *command, struct err *err)
{
    const char *argv[12];
    size_t n = 0;

    argv[n++] = "ssh";
    if (isatty(STDIN_FILENO))
        argv[n++] = "-t";
    if (target->ssh.config) {
        argv[n++] = "-F";
        argv[n++] = target->ssh.config;
    }
    if (target->ssh.user) {
        argv[n++] = "-l";
        argv[n++] = target->ssh.user;
    }
    argv[n++] = "--";
    argv[n++] = host;
    if (*command)
        argv[n++] = command;
    argv[n] = NULL;
    fflush(stdout);
    execvp(argv[0], (char **)(uintptr_t)argv);
    return err_errno(err, "ssh cannot be run");
}

static int
run(struct cli *cli)
{
    struct ssh_target *target = cli->target;
    auto_arena struct arena *arena = arena_new(0);
    auto_cluster struct cluster cluster = {0};
    auto_buf struct buf command = {0};
    auto_free char *path = NULL;
    const char *host = NULL;
    struct err err = {0};

    if (ssh_options_complete(&target->ssh, arena, &err) == 0 && cluster_open(&cluster, cli, &err) == 0 &&
        find_place(&cluster, cli, &host, &path, &err) == 0) {
        remote_command(&command, cli, path);
        exec_ssh(target, host, buf_cstr(&command), &err);
    }
    return cli_fail(&err);
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct ssh_target),
    CLI_FRAMEWORK_OPTION(struct ssh_target),
    SSH_OPTIONS(struct ssh_target),
    {.name = NULL},
};
static const enum cli_word word_kinds[] = {WORD_TASK, WORD_OTHER};

const struct cli_command cli_command_ssh = {
    .name = "ssh",
    .usage = "[OPTION...] TASK|AGENT [COMMAND...]",
    .summary = "Go to the host of a task by ssh, into its sandbox.",
    .details = "Without a command there is a shell. The exit code is that of ssh.",
    .options = options,
    .target_size = sizeof(struct ssh_target),
    .min_words = 1,
    .max_words = 10000,
    .last_flag_word = 1,
    .word_kinds = word_kinds,
    .run = run,
};
