/* SPDX-License-Identifier: Apache-2.0 */
/* mesos-agent (also mesos-slave): options, modules, one struct agent, its loop, the exit code. */
#include <signal.h>
#include <stdio.h>

#include "agent/agent.h"
#include "agent/isolation.h"
#include "agent/options.h"
#include "base/log.h"
#include "host/kind_secret_resolver.h"
#include "main/process.h"
#include "main/realms.h"

enum { DESCRIPTORS = 8192 }; /* executors' streams, sandboxes being read, pipes */

struct program {
    struct process process;
    struct agent_options options;
    struct agent *agent;
    struct module **containerizers, **isolators;
    size_t containerizer_count, isolator_count;
    struct realms realms;
    char executor_socket[108]; /* the path of one that was handed over */
};

static const char *
secret_resolver(const struct agent_options *options)
{
    return options->secret_resolver ? options->secret_resolver : "value";
}

/* Ours prove nothing without a credential, as in Mesos; others may need none. NULL = nothing is proved. */
static const char *
authenticatee(const struct agent_options *options)
{
    return options->credential || !daemon_wants_credentials(options->authenticatee) ? options->authenticatee : NULL;
}

/* Executors launch pods by the operator API. */
static const char *
http_authenticators(const struct agent_options *options)
{
    if (options->http_authenticators)
        return options->http_authenticators;
    return options->jwt_secret_key ? "basic,jwt" : "basic";
}

static size_t
wanted_modules(void *target, struct wanted_module *out, size_t max)
{
    struct program *program = container_of((struct agent_options *)target, struct program, options);
    const struct agent_options *options = &program->options;
    struct option_set *set = program->process.set;
    size_t count = 0;

    out[count++] = (struct wanted_module){MESOS_KIND_ELECTION, options->common.election};
    out[count++] = (struct wanted_module){MESOS_KIND_CONTAINER_LOGGER, options->container_logger};
    if (options->common.authorizer)
        out[count++] = (struct wanted_module){MESOS_KIND_AUTHORIZER, options->common.authorizer};
    out[count++] = (struct wanted_module){MESOS_KIND_SECRET_RESOLVER, secret_resolver(options)};
    if (options->common.telemetry)
        out[count++] = (struct wanted_module){MESOS_KIND_TELEMETRY, options->common.telemetry};
    if (authenticatee(options))
        out[count++] = (struct wanted_module){MESOS_KIND_AUTHENTICATEE, options->authenticatee};
    if (options->jwt_secret_key)
        out[count++] = (struct wanted_module){MESOS_KIND_HTTP_AUTHENTICATOR, "jwt"};
    count = process_want_list(MESOS_KIND_HTTP_AUTHENTICATOR, http_authenticators(options), out, count, max, set);
    if (options->resource_estimator)
        out[count++] = (struct wanted_module){MESOS_KIND_RESOURCE_ESTIMATOR, options->resource_estimator};
    if (options->qos_controller)
        out[count++] = (struct wanted_module){MESOS_KIND_QOS_CONTROLLER, options->qos_controller};
    count = process_want_list(MESOS_KIND_CONTAINERIZER, options->containerizers, out, count, max, set);
    auto_free char *isolators = isolation_modules(options->isolation);
    return process_want_list(MESOS_KIND_ISOLATOR, isolators, out, count, max, set);
}

static void
on_finished(void *arg, int exit_status, const char *reason)
{
    struct program *program = arg;

    process_end(&program->process, exit_status, reason);
}

/* SIGUSR1, as in Mesos: the agent says goodbye to its master and ends its executors. */
static void
on_unregister(int signo, void *arg)
{
    struct program *program = arg;

    log_info("unregisters because of signal USR1");
    if (program->agent)
        agent_unregister(program->agent);
}

/* Starts it when it is named. */
static int
start_named(struct program *program, enum mesos_kind kind, const char *name, struct module **ret, struct err *err)
{
    *ret = name ? process_start(&program->process, kind, name, err) : NULL;
    return name && !*ret ? -1 : 0;
}

static int
start_modules(struct program *program, struct agent_setup *setup, struct err *err)
{
    const struct agent_options *options = &program->options;
    struct process *process = &program->process;

    auto_free char *isolators = isolation_modules(options->isolation);

    if (process_authorizer(process, &setup->authorizer, err) < 0)
        return -1;
    setup->election = process_start(process, MESOS_KIND_ELECTION, options->common.election, err);
    if (!setup->election)
        return -1;
    if (start_named(program, MESOS_KIND_AUTHENTICATEE, authenticatee(options),
                    &setup->authenticatee, err) < 0 ||
        start_named(program, MESOS_KIND_TELEMETRY, options->common.telemetry, &setup->telemetry, err) < 0 ||
        start_named(program, MESOS_KIND_RESOURCE_ESTIMATOR, options->resource_estimator, &setup->resource_estimator, err) < 0 ||
        start_named(program, MESOS_KIND_QOS_CONTROLLER, options->qos_controller, &setup->qos_controller, err) < 0)
        return -1;
    setup->container_logger =
        process_start(process, MESOS_KIND_CONTAINER_LOGGER, options->container_logger, err);
    if (!setup->container_logger)
        return -1;
    struct module *secrets;
    if (start_named(program, MESOS_KIND_SECRET_RESOLVER, secret_resolver(options), &secrets, err) < 0)
        return -1;
    secret_resolver_lend(process->host, secrets);
    if (process_start_list(process, MESOS_KIND_ISOLATOR, isolators, &program->isolators, &program->isolator_count,
                           err) < 0) {
        isolation_explain(isolators, err);
        return -1;
    }
    if (process_start_list(process, MESOS_KIND_CONTAINERIZER, options->containerizers,
                           &program->containerizers, &program->containerizer_count, err) < 0)
        return -1;
    setup->isolators = program->isolators;
    setup->isolator_count = program->isolator_count;
    setup->containerizers = program->containerizers;
    setup->containerizer_count = program->containerizer_count;
    return 0;
}

/* --authenticate_http_..., and who makes the executors' tokens. */
static int
start_realms(struct program *program, struct agent_setup *setup, struct err *err)
{
    const struct agent_options *options = &program->options;
    struct process *process = &program->process;
    struct realms *realms = &program->realms;
    const char *usual = http_authenticators(options);

    realms->credentials = options->http_credentials;
    realms->credentials_option = "http_credentials";
    realms->key_file = options->jwt_secret_key;
    if ((options->common.authenticate_http_readonly &&
         realms_protect(realms, process, "mesos-agent-readonly", usual, err) < 0) ||
        (options->common.authenticate_http_readwrite &&
         realms_protect(realms, process, "mesos-agent-readwrite", usual, err) < 0) ||
        (options->authenticate_http_executors && realms_protect(realms, process, "mesos-agent-executor", "jwt", err) < 0))
        return -1;
    if (options->jwt_secret_key && !(setup->executor_tokens = realms_module(realms, process, "jwt", err)))
        return -1;
    setup->realms = realms->list;
    setup->realm_count = realms->count;
    return 0;
}

static int
check(struct process *process, struct err *err)
{
    struct program *program = container_of(process, struct program, process);
    const struct agent_options *options = &program->options;
    struct agent_setup setup = {.options = options};

    if (start_named(program, MESOS_KIND_AUTHENTICATEE, authenticatee(options), &setup.authenticatee,
                    err) < 0)
        return -1;
    return start_realms(program, &setup, err);
}

static void
tell(const struct program *program)
{
    const struct agent_options *options = &program->options;
    auto_buf struct buf logins = {0}, more = {0};

    buf_printf(&logins, " to_master=%s", authenticatee(options) ? options->authenticatee : "none");
    process_put_realm(&program->realms, "mesos-agent-executor", "http_executors", &logins);
    process_put_realm(&program->realms, "mesos-agent-readonly", "http_readonly", &logins);
    process_put_realm(&program->realms, "mesos-agent-readwrite", "http_readwrite", &logins);
    buf_printf(&more, " secret_resolver=%s", secret_resolver(options));
    process_tell_protection(&program->process, &logins, &more);
}

static void
describe(const void *daemon, char *out, size_t size)
{
    agent_describe(daemon, out, size);
}

/* --domain_socket_location=systemd:NAME, or whatever Unix socket the service manager made when the option says nothing. */
static int
executor_socket(struct program *program, struct agent_setup *setup, struct err *err)
{
    const char *option = program->options.domain_socket_location;
    bool named = option && strncmp(option, "systemd:", 8) == 0;
    int status = option && !named ? 0
                                  : process_handover_unix(&program->process, named ? option + 8 : NULL, &setup->executor_fd,
                                                          program->executor_socket, err);

    if (status > 0)
        setup->executor_socket = program->executor_socket;
    return status < 0 ? err_wrap(err, "option 'domain_socket_location'") : 0;
}

static void
reload(void *daemon, const char *why)
{
    agent_reload(daemon, why);
}

static int
run(struct program *program, struct err *err)
{
    struct process *process = &program->process;
    struct agent_setup setup = {.options = &program->options, .finished = on_finished, .arg = program};
    int status = process_open(process, program->options.runtime_dir, DESCRIPTORS, err);

    if (status < 0 || executor_socket(program, &setup, err) < 0 || process_handover_done(process, err) < 0 ||
        start_modules(program, &setup, err) < 0 || start_realms(program, &setup, err) < 0 ||
        loop_signal(process->loop, SIGUSR1, on_unregister, program, err) < 0)
        return -1;
    setup.loop = process->loop;
    setup.set = process->set;
    setup.host = process->host;
    setup.secure = process->secure;
    setup.listen = process->listen;
    setup.listen_fd = process->listen_fd;
    setup.advertise = process->advertise;
    setup.hostname = process->hostname;
    program->agent = agent_new(&setup, err);
    if (!program->agent)
        return -1;
    status = agent_start(program->agent, err);
    if (status == 0) {
        tell(program);
        process->metrics = agent_metrics(program->agent);
        process->daemon = program->agent;
        process->describe = describe;
        process->reload = reload;
        process_run(process);
        process->reload = NULL;
        process->metrics = NULL;
    }
    agent_free(take(&program->agent));
    return status;
}

int
main(int argc, char **argv)
{
    struct program program = {0};
    struct process *process = &program.process;
    struct err err = {0};
    int exit_status;

    process->owner = agent_conf_owner(&program.options);
    process->common = &program.options.common;
    process->wanted = wanted_modules;
    process->check = check;
    exit_status = process_configure(process, argc, argv);
    if (exit_status >= 0) {
        process->exit_status = exit_status;
        return process_close(process);
    }
    if (run(&program, &err) < 0) {
        log_error("cannot start: %s", err.text);
        if (program.options.common.quiet)
            fprintf(stderr, "mesos-agent: %s\n", err.text);
        process->exit_status = 1;
    }
    exit_status = process_close(process);
    free(program.containerizers);
    free(program.isolators);
    return exit_status;
}
