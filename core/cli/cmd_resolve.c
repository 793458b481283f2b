/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos resolve [MASTER]`: the leading master as ip:port and nothing else, for scripts. */
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli/fetch.h"

struct resolve_target {
    struct cli_common common;
    int64_t timeout_ns;
    bool verbose;
};

/* The time is over, wherever we wait: there is nothing to undo. */
static void
on_alarm(int signo)
{
    static const char text[] = "mesos resolve: no answer within --timeout\n";

    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    _exit(1);
}

static void
limit_time(int64_t ns)
{
    const struct itimerval timer = {.it_value = {.tv_sec = ns / 1000000000, .tv_usec = ns / 1000 % 1000000}};

    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* Whoever answers /redirect with a place names the leader; without one the master that was asked leads. */
static int
run(struct cli *cli)
{
    struct resolve_target *target = cli->target;
    struct cli_server master;
    struct err err = {0};
    char text[128];

    if (cli->word_count == 1)
        target->common.master = cli->words[0];
    limit_time(target->timeout_ns);
    if (cli_find_master(&master, cli, &err) < 0)
        return cli_fail(&err);
    if (target->verbose)
        fprintf(stderr, "asking %s\n", address_format(&master.address, text));
    if (cli_find_leader(&master, cli, &err) < 0)
        return cli_fail(&err);
    if (target->common.json)
        printf("{\"leader\":\"%s\"}\n", address_format(&master.address, text));
    else
        puts(address_format(&master.address, text));
    return 0;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct resolve_target),
    CLI_JSON_OPTION(struct resolve_target),
    {.name = "timeout",
     .type = OPTION_DURATION,
     .offset = offsetof(struct resolve_target, timeout_ns),
     .fallback = "5secs",
     .min = "1ms",
     .help = "How long to wait for an answer."},
    {.name = "verbose",
     .type = OPTION_BOOL,
     .offset = offsetof(struct resolve_target, verbose),
     .fallback = "false",
     .help = "Say on stderr who is asked."},
    {.name = NULL},
};

const struct cli_command cli_command_resolve = {
    .name = "resolve",
    .usage = "[OPTION...] [MASTER]",
    .summary = "Print the leading master as IP:PORT and nothing else.",
    .options = options,
    .target_size = sizeof(struct resolve_target),
    .max_words = 1,
    .run = run,
};
