/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos agent drain AGENT`: ends the agent's tasks and keeps new ones away; --wait until nothing is left. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "cli/agent_order.h"
#include "cli/term.h"

enum { POLL_MS = 1000, MASTER_PATIENCE_MS = 120 * 1000, REGISTRY_EVERY = 5 };

struct agent_drain_target {
    struct cli_common common;
    bool wait, mark_gone;
    const char *max_grace_period;
};

struct waiting {
    struct agent_order *order;
    int64_t began_ms, answered_ms;
    unsigned missed; /* times in a row that it was not there */
    bool mark_gone, interrupted, agent_mute;
};

/* Durations as everywhere, and as people type them: 30s, 5m, 1h. */
static int
parse_grace(const char *text, int64_t *ret_ns, struct err *err)
{
    static const char letters[] = "smh";
    static const char *const units[] = {"secs", "mins", "hrs"};
    size_t len = strlen(text);
    const char *letter = len > 1 && text[len - 2] >= '0' && text[len - 2] <= '9' ? strchr(letters, text[len - 1]) : NULL;
    auto_free char *longer = letter && *letter ? xasprintf("%.*s%s", (int)len - 1, text, units[letter - letters]) : NULL;

    if (duration_parse(str_of(longer ? longer : text), ret_ns, NULL) < 0 || *ret_ns < 0)
        return err_set(err, -EINVAL, "--max-grace-period: '%s' is no time from zero on; give one as 30s, 5mins or 1hrs", text);
    return 0;
}

static void
on_interrupt(int signo, void *arg)
{
    (void)signo;
    ((struct waiting *)arg)->interrupted = true;
}

static bool
was_interrupted(void *arg)
{
    return ((struct waiting *)arg)->interrupted;
}

/* How many tasks the agent itself still has; -1 when it does not say. Asked for a terminal only. */
static int
count_tasks(struct waiting *waiting)
{
    struct cli_server server;
    struct err err;
    json_t *state = NULL, *framework, *executor;
    size_t i, j, count = 0;

    if (waiting->agent_mute || !isatty(STDERR_FILENO) ||
        cluster_agent_server(&waiting->order->cluster, waiting->order->id, &server, &err) < 0 ||
        !(state = cli_get_json(waiting->order->cli, &server, "/state", &err))) {
        waiting->agent_mute = true;
        return -1;
    }
    json_array_foreach(json_object_get(state, "frameworks"), i, framework)
        json_array_foreach(json_object_get(framework, "executors"), j, executor)
            count += json_array_size(json_object_get(executor, "tasks")) +
                     json_array_size(json_object_get(executor, "queued_tasks"));
    json_decref(state);
    return (int)count;
}

/* Is it among those that are gone for good? */
static bool
is_gone(struct waiting *waiting)
{
    struct agent_order *order = waiting->order;
    struct err err;
    json_t *registry = cli_get_json(order->cli, &order->cluster.master, "/registrar(1)/registry", &err), *agent;
    bool found = false;
    size_t i;

    json_array_foreach(json_object_get(json_object_get(registry, "gone"), "slaves"), i, agent)
        found |= strcmp(cli_text(json_object_get(agent, "id"), "value"), order->id) == 0;
    json_decref(registry);
    return found;
}

static void
show(struct waiting *waiting, struct term_progress *progress, const json_t *agent)
{
    long long secs = (long long)(loop_now_ms(waiting->order->cli->loop) - waiting->began_ms) / 1000;
    char cpus[32], mem[32];
    int tasks = agent ? count_tasks(waiting) : -1;

    if (!agent)
        term_progress(progress, "draining %s: it is away (%lld s)", waiting->order->name, secs);
    else if (tasks >= 0)
        term_progress(progress, "draining %s: %d tasks left (%lld s)", waiting->order->name, tasks, secs);
    else
        term_progress(progress, "draining %s: %s cpus and %s MB in use (%lld s)", waiting->order->name,
                      cluster_resource(agent, "used_resources", "cpus", cpus),
                      cluster_resource(agent, "used_resources", "mem", mem), secs);
}

/* 1: it is over; 0: not yet; or a negative errno. */
static int
look(struct waiting *waiting, struct term_progress *progress, struct err *err)
{
    struct agent_order *order = waiting->order;
    auto_free char *target = xasprintf("/slaves?slave_id=%s", order->id);
    json_t *answer = cli_get_json(order->cli, &order->cluster.master, target, err), *agent, *info;
    int status = 0;

    if (!answer) { /* a failover takes its time; another one may lead meanwhile */
        if (loop_now_ms(order->cli->loop) - waiting->answered_ms > MASTER_PATIENCE_MS)
            return err->code;
        cli_find_leader(&order->cluster.master, order->cli, err);
        *err = (struct err){0};
        return 0;
    }
    waiting->answered_ms = loop_now_ms(order->cli->loop);
    agent = json_array_get(json_object_get(answer, "slaves"), 0);
    info = json_object_get(agent, "drain_info");
    waiting->missed = agent ? 0 : waiting->missed + 1;
    if (!agent) /* the registry's list may be long */
        status = waiting->missed % REGISTRY_EVERY == 1 && is_gone(waiting);
    else if (!info)
        status = err_set(err, -ECANCELED, "agent %s does not drain any more: somebody has reactivated it", order->id);
    else
        status = !waiting->mark_gone && strcmp(cli_text(info, "state"), "DRAINED") == 0;
    if (status == 0)
        show(waiting, progress, agent);
    json_decref(answer);
    return status;
}

static int
wait_until_empty(struct waiting *waiting)
{
    struct agent_order *order = waiting->order;
    auto_progress struct term_progress progress = {0};
    struct err err = {0};
    int status;

    loop_signal(order->cli->loop, SIGINT, on_interrupt, waiting, NULL);
    waiting->began_ms = waiting->answered_ms = loop_now_ms(order->cli->loop);
    while ((status = look(waiting, &progress, &err)) == 0 && !waiting->interrupted)
        loop_run_until(order->cli->loop, was_interrupted, waiting, POLL_MS);
    term_progress_end(&progress);
    if (status < 0)
        return cli_fail(&err);
    if (status > 0)
        return 0;
    fprintf(stderr, "mesos: not waiting any longer; agent %s goes on draining\n", order->id);
    return 128 + SIGINT;
}

static int
tell(const struct agent_order *order, bool json, const char *state)
{
    auto_buf struct buf name = {0};

    if (json) {
        json_t *answer = json_pack("{s:s,s:s}", "agent_id", order->id, "state", state);

        term_print_json(answer, true);
        json_decref(answer);
        return 0;
    }
    term_escape(&name, str_of(order->name));
    printf("Agent %s (%s) is %s\n", order->id, buf_cstr(&name),
           strcmp(state, "DRAINED") == 0 ? "drained" : strcmp(state, "GONE") == 0 ? "drained and gone" : "draining");
    return 0;
}

static int
run(struct cli *cli)
{
    const struct agent_drain_target *target = cli->target;
    auto_agent_order struct agent_order order = {0};
    struct waiting waiting = {.order = &order, .mark_gone = target->mark_gone};
    json_t *body;
    struct err err = {0};
    int64_t grace_ns;
    int status;

    if (target->max_grace_period && parse_grace(target->max_grace_period, &grace_ns, &err) < 0) {
        cli_fail(&err);
        return EXIT_USAGE;
    }
    if (agent_order_open(&order, cli, &err) < 0)
        return cli_fail(&err);
    body = json_object();
    if (target->max_grace_period)
        json_object_set_new(body, "max_grace_period",
                            json_pack("{s:I,s:i}", "seconds", (json_int_t)(grace_ns / 1000000000), "nanos",
                                      (int)(grace_ns % 1000000000)));
    if (target->mark_gone)
        json_object_set_new(body, "mark_gone", json_true());
    if (agent_order_send(&order, "DRAIN_AGENT", "drain_agent", body, &err) < 0)
        return cli_fail(&err);
    if (!target->wait)
        return tell(&order, target->common.json, "DRAINING");
    status = wait_until_empty(&waiting);
    return status ? status : tell(&order, target->common.json, target->mark_gone ? "GONE" : "DRAINED");
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct agent_drain_target),
    CLI_JSON_OPTION(struct agent_drain_target),
    {.name = "wait",
     .type = OPTION_BOOL,
     .offset = offsetof(struct agent_drain_target, wait),
     .fallback = "false",
     .help = "Wait until nothing runs there any more."},
    {.name = "max-grace-period",
     .type = OPTION_STRING,
     .offset = offsetof(struct agent_drain_target, max_grace_period),
     .argument = "DURATION",
     .help = "The longest that a task may take to end (30s, 5mins), whatever it wants itself."},
    {.name = "mark-gone",
     .type = OPTION_BOOL,
     .offset = offsetof(struct agent_drain_target, mark_gone),
     .fallback = "false",
     .help = "Once it is empty, mark it gone: it may not come back."},
    {.name = NULL},
};
static const char *const short_flags[] = {"w=wait", NULL};
static const enum cli_word word_kinds[] = {WORD_AGENT, WORD_OTHER};

const struct cli_command cli_command_agent_drain = {
    .name = "agent drain",
    .usage = "[OPTION...] AGENT",
    .summary = "End an agent's tasks and offer it no more.",
    .details = AGENT_WORD_DETAILS " Interrupting --wait does not end the draining. A drained agent stays so until mesos "
                                  "agent reactivate.",
    .options = options,
    .short_flags = short_flags,
    .target_size = sizeof(struct agent_drain_target),
    .min_words = 1,
    .max_words = 1,
    .word_kinds = word_kinds,
    .run = run,
};
