/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos framework teardown FRAMEWORK`: ends a framework and all of its tasks, after asking. */
#include "cli/cluster.h"
#include "cli/term.h"

struct framework_teardown_target {
    struct cli_common common;
    bool yes;
};

/* A whole id needs no question in a script; whatever is less than that does, and so does a person. */
static bool
is_meant(const json_t *framework, const struct cli *cli)
{
    auto_buf struct buf shown = {0};
    char answer[16];

    if (((const struct framework_teardown_target *)cli->target)->yes)
        return true;
    if (!isatty(STDIN_FILENO))
        return strcmp(cli_text(framework, "id"), cli->words[0]) == 0;
    term_escape(&shown, str_of(cli_text(framework, "name")));
    fprintf(stderr, "End framework %s (%s) and its %zu tasks? [y/N] ", cli_text(framework, "id"), buf_cstr(&shown),
            json_array_size(json_object_get(framework, "tasks")));
    return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int
run(struct cli *cli)
{
    const struct framework_teardown_target *target = cli->target;
    auto_cluster struct cluster cluster = {0};
    struct err err = {0};
    json_t *framework;
    const char *id;

    if (cluster_open(&cluster, cli, &err) < 0)
        return cli_fail(&err);
    framework = cluster_framework(&cluster, cli->words[0], false, &err);
    if (!framework)
        return cli_fail(&err);
    id = cli_text(framework, "id");
    if (!is_meant(framework, cli)) {
        fprintf(stderr, "mesos: nothing was ended: give the whole id, %s, or --yes\n", id);
        return EXIT_FAILURE;
    }
    if (cli_call(cli, &cluster.master,
                 json_pack("{s:s,s:{s:{s:s}}}", "type", "TEARDOWN", "teardown", "framework_id", "value", id), NULL,
                 &err) < 0)
        return cli_fail(&err);
    if (target->common.json)
        printf("{\"torn_down\":\"%s\"}\n", id);
    else
        printf("Framework %s is ended\n", id);
    return 0;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct framework_teardown_target),
    CLI_JSON_OPTION(struct framework_teardown_target),
    {.name = "yes",
     .type = OPTION_BOOL,
     .offset = offsetof(struct framework_teardown_target, yes),
     .fallback = "false",
     .help = "Do not ask."},
    {.name = NULL},
};
static const char *const short_flags[] = {"y=yes", NULL};
static const enum cli_word word_kinds[] = {WORD_FRAMEWORK, WORD_OTHER};

const struct cli_command cli_command_framework_teardown = {
    .name = "framework teardown",
    .usage = "[OPTION...] FRAMEWORK",
    .summary = "End a framework: its tasks are killed and it cannot come back.",
    .details = "FRAMEWORK is an id, the beginning of one, or a name. A person is asked first; without a terminal only "
               "the whole id is taken, or --yes.",
    .options = options,
    .short_flags = short_flags,
    .target_size = sizeof(struct framework_teardown_target),
    .min_words = 1,
    .max_words = 1,
    .word_kinds = word_kinds,
    .run = run,
};
