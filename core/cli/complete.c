/* SPDX-License-Identifier: Apache-2.0 */
/* Owns completion. Asks the cluster at most for a second, and says nothing when it does not answer. */
#include "cli/complete.h"

#include <signal.h>
#include <stdio.h>
#include <sys/time.h>

#include "cli/arguments.h"
#include "cli/config.h"
#include "cli/sandbox.h"
#include "cli/term.h"

enum { MOST_WORDS = 256, MOST_MS = 2000 };

struct completion {
    struct cli *cli;
    char *words[MOST_WORDS]; /* of the line, the program's name first; the last is being typed */
    size_t count;
    const char *word; /* the last one */
    size_t skip; /* bytes of a candidate that the shell has already */
    const struct cli_command *command;
};

/* Blanks part words; quotes and backslashes keep them, as in every shell. */
static void
split(struct completion *c, struct str line, struct arena *arena)
{
    auto_buf struct buf word = {0};
    char quote = 0;
    bool inside = false;

    for (size_t i = 0; i < line.len && c->count + 1 < MOST_WORDS; i++) {
        char ch = line.ptr[i];

        if (quote ? ch == quote : ch == '\'' || ch == '"') {
            quote = quote ? 0 : ch;
            inside = true;
        } else if (ch == '\\' && quote != '\'' && i + 1 < line.len) {
            buf_putc(&word, line.ptr[++i]);
            inside = true;
        } else if (!quote && (ch == ' ' || ch == '\t')) {
            if (inside)
                c->words[c->count++] = arena_strdup(arena, buf_str(&word));
            buf_clear(&word);
            inside = false;
        } else {
            buf_putc(&word, ch);
            inside = true;
        }
    }
    c->words[c->count++] = arena_strdup(arena, buf_str(&word));
    c->word = c->words[c->count - 1];
}

static void
offer(const struct completion *c, const char *candidate)
{
    auto_buf struct buf safe = {0};

    if (strncmp(candidate, c->word, strlen(c->word)) != 0 || strlen(candidate) < c->skip)
        return;
    term_escape(&safe, str_of(candidate + c->skip));
    puts(buf_cstr(&safe));
}

/* Names come from frameworks: what a shell would do something with is not put on anybody's command line. */
static void
offer_name(const struct completion *c, const char *candidate)
{
    for (const char *p = candidate; *p; p++)
        if ((unsigned char)*p <= ' ' || strchr("\"'`$&|;<>()*?[]{}\\!#^", *p))
            return;
    if (candidate[0] != '-' && candidate[0] != '~')
        offer(c, candidate);
}

/* "--name=" and each of "a|b" behind it. */
static void
offer_choices(const struct completion *c, const char *prefix, const char *choices)
{
    struct str rest = str_of(choices);

    while (rest.len > 0) {
        struct str choice = str_cut(&rest, '|');
        auto_free char *candidate = xasprintf("%s%.*s", prefix, STR_ARG(choice));

        offer(c, candidate);
    }
}

static void
offer_option(const struct completion *c, const struct option *o)
{
    const char *choices = o->choices ? o->choices : o->argument && strchr(o->argument, '|') ? o->argument : NULL;
    auto_free char *name = xasprintf("--%s%s", o->name, o->type == OPTION_BOOL ? "" : "=");
    auto_free char *negative = xasprintf("--no-%s", o->name);

    if (choices && strncmp(c->word, name, strlen(name)) == 0) {
        offer_choices(c, name, choices);
        return;
    }
    offer(c, name);
    if (o->type == OPTION_BOOL && o->fallback && strcmp(o->fallback, "true") == 0)
        offer(c, negative);
}

static void
offer_options(const struct completion *c)
{
    for (const struct option *o = c->command->options; o->name; o++)
        offer_option(c, o);
    offer(c, "--help");
    offer(c, "--version");
}

static void
offer_verbs(const struct completion *c, const struct cli_group *group)
{
    for (size_t i = 0; cli_commands[i]; i++)
        if (cli_command_is_in(cli_commands[i], group))
            offer(c, strchr(cli_commands[i]->name, ' ') + 1);
}

static void
offer_commands(const struct completion *c)
{
    for (const struct cli_group *g = cli_groups; g->name; g++)
        offer(c, g->name);
    for (size_t i = 0; cli_commands[i]; i++)
        if (!strchr(cli_commands[i]->name, ' '))
            offer(c, cli_commands[i]->name);
}

/* What stands before the command. */
static void
offer_globals(const struct completion *c)
{
    for (const struct cli_global *g = cli_globals; c->word[0] == '-' && g->flag; g++) {
        auto_free char *name = xasprintf("%s=", g->flag);

        offer(c, name);
    }
}

/* The last of "a,b" is what is being typed. */
static void
offer_tasks(const struct completion *c, const struct cluster *cluster)
{
    const char *comma = strrchr(c->word, ',');
    int before = comma ? (int)(comma + 1 - c->word) : 0;
    bool ended = strcmp(c->command->name, "task exec") != 0 && strcmp(c->command->name, "task attach") != 0;
    auto_tasks struct cluster_tasks tasks = {0};

    cluster_list_tasks(cluster, NULL, ended, &tasks);
    for (size_t i = 0; i < tasks.count; i++) {
        auto_free char *candidate = xasprintf("%.*s%s", before, c->word, cli_text(tasks.items[i].task, "id"));

        offer_name(c, candidate);
    }
}

static void
offer_ids(const struct completion *c, const json_t *array, const char *other)
{
    json_t *item;
    size_t i;

    json_array_foreach(array, i, item)
    {
        offer_name(c, cli_text(item, "id"));
        if (*c->word && strncmp(cli_text(item, other), c->word, strlen(c->word)) == 0)
            offer_name(c, cli_text(item, other));
    }
}

/* What is in the directory that the typed path is in. */
static void
offer_sandbox(const struct completion *c, struct cluster *cluster, const char *task)
{
    const char *slash = strrchr(c->word, '/');
    auto_free char *directory = xstrndup(c->word, slash ? (size_t)(slash - c->word) : 0);
    auto_sandbox struct sandbox sandbox = {0};
    json_t *list, *entry;
    struct err err = {0};
    size_t i;

    if (sandbox_find(&sandbox, cluster, NULL, task, &err) < 0)
        return;
    list = sandbox_browse(&sandbox, c->cli, directory, &err);
    json_array_foreach(list, i, entry)
    {
        const char *path = cli_text(entry, "path"), *name = strrchr(path, '/');
        auto_free char *candidate = xasprintf("%s%s%s%s", directory, *directory ? "/" : "", name ? name + 1 : path,
                                              cli_text(entry, "mode")[0] == 'd' ? "/" : "");

        offer_name(c, candidate);
    }
    json_decref(list);
}

static void
offer_word(const struct completion *c, enum cli_word kind, const char *first_word)
{
    auto_cluster struct cluster cluster = {0};
    struct err err = {0};

    if (kind == WORD_COMMAND)
        offer_commands(c);
    if (kind == WORD_CHOICE)
        offer_choices(c, "", c->command->choices);
    if (kind == WORD_OTHER || kind == WORD_FILE || kind == WORD_COMMAND || kind == WORD_CHOICE)
        return;
    if (cluster_open(&cluster, c->cli, &err) < 0)
        return;
    if (kind == WORD_TASK)
        offer_tasks(c, &cluster);
    else if (kind == WORD_AGENT)
        offer_ids(c, json_object_get(cluster.state, "slaves"), "hostname");
    else if (kind == WORD_FRAMEWORK)
        offer_ids(c, json_object_get(cluster.state, "frameworks"), "name");
    else if (first_word)
        offer_sandbox(c, &cluster, first_word);
}

/* The words before the cursor tell which of the command's words it stands on, and perhaps which master is meant. */
static void
complete_words(struct completion *c, size_t from, struct arena *arena)
{
    const enum cli_word *kinds = c->command->word_kinds;
    struct cli_arguments arguments;
    struct cli_common *common = c->cli->target;
    struct err err = {0};
    size_t at;

    if (cli_split(&arguments, c->command, (int)(c->count - 1 - from), c->words + from, arena, &err) < 0)
        return;
    if (c->command->last_flag_word && arguments.word_count >= c->command->last_flag_word)
        return; /* of another program */
    if (c->word[0] == '-') {
        offer_options(c);
        return;
    }
    for (int i = 1; i < arguments.option_count; i++)
        if (strncmp(arguments.options[i], "--master=", 9) == 0)
            common->master = arguments.options[i] + 9;
    if (!kinds || arguments.word_count >= c->command->max_words)
        return;
    for (at = 0; at < arguments.word_count && kinds[at] != WORD_OTHER && kinds[at + 1] != WORD_OTHER; at++)
        ;
    if (at < arguments.word_count && c->command->max_words < 1000)
        return; /* behind the words that we know anything of */
    offer_word(c, kinds[at], arguments.word_count ? arguments.words[0] : NULL);
}

static void
on_alarm(int signo)
{
    _exit(0);
}

static void
limit_time(void)
{
    const struct itimerval timer = {.it_value = {.tv_sec = MOST_MS / 1000}};

    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &timer, NULL);
}

int
complete_line(struct cli *cli, struct str line, const char *current)
{
    auto_arena struct arena *arena = arena_new(0);
    struct completion c = {.cli = cli};
    const struct cli_group *group;
    const char *name;
    size_t from = 1;

    limit_time();
    split(&c, line, arena);
    if (current && strlen(c.word) > strlen(current))
        c.skip = strlen(c.word) - strlen(current);
    name = strrchr(c.words[0], '/') ? strrchr(c.words[0], '/') + 1 : c.words[0];
    if (strncmp(name, "mesos-", 6) == 0) { /* mesos-tail ta: as `mesos tail ta` */
        c.words[0] = (char *)(uintptr_t)(name + 6);
        from = 0;
    }
    if (from > 0)
        from += (size_t)cli_take_globals((int)(c.count - 1 - from), c.words + from);
    if (from >= c.count - 1 && from > 0) {
        offer_globals(&c);
        offer_commands(&c);
        return 0;
    }
    group = cli_find_group(c.words[from]);
    if (group && from + 1 >= c.count - 1) {
        offer_verbs(&c, group);
        return 0;
    }
    for (size_t i = 0; cli_commands[i]; i++) {
        auto_free char *full = group ? xasprintf("%s %s", c.words[from], c.words[from + 1]) : xstrdup(c.words[from]);

        if (strcmp(cli_commands[i]->name, full) == 0)
            c.command = cli_commands[i];
    }
    if (c.command)
        complete_words(&c, from + (group ? 2 : 1), arena);
    return 0;
}
