/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment of an executor (facts: environment.tsv): what the operator gives every executor, what the
 * agent tells it, and last what the framework wants. Later names win.
 */
#include "agent/state.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/environment_json.h"
#include "host/kind_http_authenticator.h"

struct variables {
    struct arena *arena;
    const char **items; /* "NAME=value" */
    size_t count, cap;
};

static void
set(struct variables *variables, const char *name, const char *value)
{
    const char *item = arena_printf(variables->arena, "%s=%s", name, value);
    size_t len = strlen(name) + 1;
    for (size_t i = 0; i < variables->count; i++)
        if (!strncmp(variables->items[i], item, len)) {
            variables->items[i] = item;
            return;
        }
    if (variables->count + 1 >= variables->cap) {
        size_t cap = variables->cap ? 2 * variables->cap : 32;
        const char **items = arena_calloc(variables->arena, cap, sizeof(*items));
        if (variables->count)
            memcpy(items, variables->items, variables->count * sizeof(*items));
        variables->items = items;
        variables->cap = cap;
    }
    variables->items[variables->count++] = item;
    variables->items[variables->count] = NULL;
}

static void
on_given(void *arg, const char *name, const char *value)
{
    set(arg, name, value);
}

/* --executor_environment_variables (conf has checked the JSON), or a PATH that finds a shell. */
static void
set_given(struct variables *variables, const char *json)
{
    if (json) {
        environment_json(json, on_given, variables);
    } else {
        const char *path = getenv("PATH");
        set(variables, "PATH", path ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    }
}

/* Where a v0 executor shall listen: on the one address that the agent was told to use. */
static const char *
libprocess_ip(const struct agent_options *options)
{
    const char *ip = options->common.ip;
    if (getenv("LIBPROCESS_IP"))
        return getenv("LIBPROCESS_IP");
    return ip && strcmp(ip, "0.0.0.0") != 0 && strcmp(ip, "::") != 0 ? ip : NULL;
}

struct tls_variables {
    struct variables *variables;
    const struct option_set *set;
};

/* --ssl_cert_file is LIBPROCESS_SSL_CERT_FILE. */
static void
on_option(const struct option *option, const char *value, void *arg)
{
    const struct tls_variables *tls = arg;
    if (strncmp(option->name, "ssl_", 4) != 0 || !value || !conf_given(tls->set, option->name))
        return;
    char *name = arena_printf(tls->variables->arena, "LIBPROCESS_%s", option->name);
    for (char *p = name; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    set(tls->variables, name, value);
}

/* What libprocess needs to reach an agent that speaks TLS; the operator's own variables for executors count more. */
static void
set_tls(struct variables *variables, const struct agent *agent)
{
    struct tls_variables tls = {variables, agent->setup.set};
    if (agent->options->common.tls.enabled && tls.set)
        conf_each(tls.set, on_option, &tls);
}

static void
set_mesos(struct variables *variables, const struct executor *executor, bool ours)
{
    const struct agent *agent = executor->agent;
    const struct agent_options *options = agent->options;
    char text[32];
    set(variables, "LIBPROCESS_PORT", "0");
    if (libprocess_ip(options))
        set(variables, "LIBPROCESS_IP", libprocess_ip(options));
    set(variables, "MESOS_FRAMEWORK_ID", executor->framework->id);
    set(variables, "MESOS_EXECUTOR_ID", executor->id);
    set(variables, "MESOS_DIRECTORY", executor->sandbox);
    set(variables, "MESOS_SANDBOX", executor->sandbox);
    set(variables, "MESOS_SLAVE_ID", agent->id ? agent->id : "");
    set(variables, "MESOS_SLAVE_PID", agent->pid);
    set(variables, "MESOS_AGENT_ENDPOINT", agent->endpoint);
    set(variables, "MESOS_CHECKPOINT", executor->framework->checkpoint ? "1" : "0");
    set(variables, "MESOS_HTTP_COMMAND_EXECUTOR", "1"); /* executors of ours speak nothing else */
    set(variables, "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", duration_format(executor->grace_ns, text));
    if (executor->framework->checkpoint) {
        set(variables, "MESOS_RECOVERY_TIMEOUT", duration_format(options->recovery_timeout_ns, text));
        set(variables, "MESOS_SUBSCRIPTION_BACKOFF_MAX",
            duration_format(options->executor_reregistration_timeout_ns, text));
    }
    if (ours || options->http_executor_domain_sockets)
        set(variables, "MESOS_DOMAIN_SOCKET", agent->socket_path);
}

/* What proves that it is this executor in this container. Nothing of it is kept: the key is, and containers keep their ids. */
static void
set_token(struct variables *variables, const struct executor *executor)
{
    struct module *tokens = executor->agent->setup.executor_tokens;
    const struct mesos_claim claims[] = {
        {"fid", executor->framework->id}, {"eid", executor->id}, {"cid", executor->container_id}};
    struct mesos_principal principal = {.size = sizeof(principal), .claims = claims, .claim_count = ARRAY_LEN(claims)};
    char token[HTTP_TOKEN_BYTES];
    struct err err = {0};
    if (!tokens)
        return;
    if (http_authenticator_issue(tokens, &principal, token, &err) < 0) {
        log_error("executor %s of framework %s gets no token: %s", executor->id, executor->framework->id, err.text);
        return;
    }
    set(variables, "MESOS_EXECUTOR_AUTHENTICATION_TOKEN", token);
    explicit_bzero(token, sizeof(token));
}

const char *const *
executor_environment(const struct executor *executor, struct arena *arena)
{
    struct variables variables = {.arena = arena};
    const Mesos__V1__ExecutorInfo *info =
        message_unpack(&mesos__v1__executor_info__descriptor, packed_str(&executor->info), arena, NULL);
    bool ours = executor->generated || (info && executor_is_default(info));
    if (!ours) /* ours use the Unix socket */
        set_tls(&variables, executor->agent);
    set_given(&variables, executor->agent->options->executor_environment_variables);
    set_mesos(&variables, executor, ours);
    agent_telemetry_environment(executor, on_given, &variables);
    const Mesos__V1__Environment *wanted = info && info->command ? info->command->environment : NULL;
    for (size_t i = 0; wanted && i < wanted->n_variables; i++)
        if (wanted->variables[i]->value)
            set(&variables, wanted->variables[i]->name, wanted->variables[i]->value);
    set_token(&variables, executor); /* nobody else says who it is */
    return variables.items;
}
