/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos scp FILE... PATH`: copies files to the hosts of all agents, several at a time, with the real scp. */
#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/ssh.h"
#include "cli/term.h"

enum { MOST_AT_A_TIME = 5 };

struct scp_target {
    struct cli_common common;
    const char *agent;
    struct ssh_options ssh;
};

struct copy {
    const char *host;
    pid_t pid; /* 0 = not started */
    int code; /* -1 = not ended */
};

struct copies {
    struct copy *items;
    size_t count, started, ended;
};

static int
start(struct copy *copy, const struct cli *cli, struct err *err)
{
    const struct scp_target *target = cli->target;
    bool v6 = strchr(copy->host, ':') != NULL;
    auto_free char *user = target->ssh.user ? xasprintf("User=%s", target->ssh.user) : NULL;
    auto_free char *to = xasprintf("%s%s%s:%s", v6 ? "[" : "", copy->host, v6 ? "]" : "", cli->words[cli->word_count - 1]);
    auto_free const char **argv = xcalloc(cli->word_count + 10, sizeof(char *));
    size_t n = 0;
    int code;

    argv[n++] = "scp";
    argv[n++] = "-prq";
    if (target->ssh.config) {
        argv[n++] = "-F";
        argv[n++] = target->ssh.config;
    }
    if (user) {
        argv[n++] = "-o";
        argv[n++] = user;
    }
    argv[n++] = "--";
    for (size_t i = 0; i + 1 < cli->word_count; i++)
        argv[n++] = cli->words[i];
    argv[n++] = to;
    code = posix_spawnp(&copy->pid, "scp", NULL, NULL, (char **)(uintptr_t)argv, environ);
    if (code != 0) {
        errno = code;
        return err_errno(err, "scp cannot be run");
    }
    return 0;
}

static void
note_end(struct copies *copies, pid_t pid, int status)
{
    for (size_t i = 0; i < copies->count; i++)
        if (copies->items[i].pid == pid && copies->items[i].code < 0) {
            copies->items[i].code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            copies->ended++;
        }
}

static int
copy_all(struct copies *copies, const struct cli *cli, struct err *err)
{
    auto_progress struct term_progress progress = {0};
    int status;
    pid_t pid;

    while (copies->ended < copies->count) {
        if (copies->started < copies->count && copies->started - copies->ended < MOST_AT_A_TIME) {
            if (start(&copies->items[copies->started++], cli, err) < 0)
                return err->code;
            continue;
        }
        term_progress(&progress, "%zu of %zu agents", copies->ended, copies->count);
        pid = waitpid(-1, &status, 0);
        if (pid > 0)
            note_end(copies, pid, status);
        else if (errno != EINTR)
            return err_errno(err, "waitpid");
    }
    return 0;
}

static int
add(struct copies *copies, json_t *agent, struct err *err)
{
    const char *host = cli_text(agent, "hostname");

    if (ssh_check_host(host, err) < 0)
        return err->code;
    copies->items[copies->count++] = (struct copy){.host = host, .code = -1};
    return 0;
}

/* All agents that are active, or the one that is named. */
static int
choose(struct copies *copies, const struct cluster *cluster, const struct scp_target *target, struct err *err)
{
    json_t *agents = json_object_get(cluster->state, "slaves"), *agent;
    size_t i;

    copies->items = xcalloc(json_array_size(agents) + 1, sizeof(*copies->items));
    if (target->agent) {
        agent = cluster_agent(cluster, target->agent, err);
        return agent ? add(copies, agent, err) : err->code;
    }
    json_array_foreach(agents, i, agent)
        if (json_is_true(json_object_get(agent, "active")) && add(copies, agent, err) < 0)
            return err->code;
    return copies->count > 0 ? 0 : err_set(err, -ENOENT, "the master has no active agents");
}

static int
report(const struct copies *copies, const struct cli *cli)
{
    static const char *const titles[] = {"HOST", "PATH", "RESULT"};
    const struct scp_target *target = cli->target;
    auto_table struct term_table table;
    json_t *array = json_array();
    int code = 0;

    term_table_init(&table, titles, ARRAY_LEN(titles));
    for (size_t i = 0; i < copies->count; i++) {
        const struct copy *c = &copies->items[i];
        const char *const cells[] = {c->host, cli->words[cli->word_count - 1], c->code == 0 ? "uploaded" : "failed"};

        term_table_add(&table, cells);
        json_array_append_new(array, json_pack("{s:s,s:b}", "host", c->host, "uploaded", c->code == 0));
        if (c->code != 0)
            code = EXIT_FAILURE;
    }
    if (target->common.json)
        term_print_json(array, true);
    else
        term_table_print(&table);
    json_decref(array);
    return code;
}

static int
run(struct cli *cli)
{
    struct scp_target *target = cli->target;
    auto_arena struct arena *arena = arena_new(0);
    auto_cluster struct cluster cluster = {0};
    struct copies copies = {0};
    struct err err = {0};
    int code;

    if (ssh_options_complete(&target->ssh, arena, &err) == 0 && cluster_open(&cluster, cli, &err) == 0 &&
        choose(&copies, &cluster, target, &err) == 0 && copy_all(&copies, cli, &err) == 0)
        code = report(&copies, cli);
    else
        code = cli_fail(&err);
    free(copies.items);
    return code;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct scp_target),
    CLI_JSON_OPTION(struct scp_target),
    {.name = "agent",
     .type = OPTION_STRING,
     .offset = offsetof(struct scp_target, agent),
     .argument = "AGENT",
     .help = "Only to this one: an id, the beginning of one, or a host name."},
    SSH_OPTIONS(struct scp_target),
    {.name = NULL},
};
static const enum cli_word word_kinds[] = {WORD_FILE, WORD_OTHER};

const struct cli_command cli_command_scp = {
    .name = "scp",
    .usage = "[OPTION...] FILE... PATH",
    .summary = "Copy files and directories to the hosts of all agents, by scp.",
    .details = "PATH is on the agents' hosts. It ends with 1 when a host did not get all of it.",
    .options = options,
    .target_size = sizeof(struct scp_target),
    .min_words = 2,
    .max_words = 1000,
    .word_kinds = word_kinds,
    .run = run,
};
