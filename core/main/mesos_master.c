/* SPDX-License-Identifier: Apache-2.0 */
/* mesos-master: options, modules, one struct master, its loop, the exit code; or the registry out or in, and nothing else. */
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "main/process.h"
#include "main/realms.h"
#include "master/master.h"
#include "master/options.h"
#include "master/registry_transfer.h"
#include "wire/limits.h"

enum { OWN_DESCRIPTORS = 1024 }; /* beside connections: logs, database, pipes */

struct program {
    struct process process;
    struct master_options options;
    struct module **authenticators;
    size_t authenticator_count;
};

/* Agents and v0 schedulers can prove who they are. */
static bool
has_logins(const struct master_options *options)
{
    return options->authenticate_agents || options->authenticate_frameworks || options->credentials;
}

/* Only our own limiter has parameters for what --rate_limits says; others may look at it as a daemon's option. */
static const char *
limits_of(const struct master_options *options)
{
    return strcmp(options->rate_limiter, "token_bucket") == 0 ? "rate_limits" : NULL;
}

static size_t
wanted_modules(void *target, struct wanted_module *out, size_t max)
{
    struct program *program = container_of((struct master_options *)target, struct program, options);
    const struct master_options *options = &program->options;
    struct option_set *set = program->process.set;

    out[0] = (struct wanted_module){MESOS_KIND_ALLOCATOR, options->allocator};
    out[1] = (struct wanted_module){MESOS_KIND_REGISTRY, options->registry};
    out[2] = (struct wanted_module){MESOS_KIND_ELECTION, options->common.election};
    size_t count = 3;
    if (options->common.authorizer)
        out[count++] = (struct wanted_module){MESOS_KIND_AUTHORIZER, options->common.authorizer};
    if (options->rate_limits)
        out[count++] = (struct wanted_module){MESOS_KIND_RATE_LIMITER, options->rate_limiter, limits_of(options)};
    if (options->common.telemetry)
        out[count++] = (struct wanted_module){MESOS_KIND_TELEMETRY, options->common.telemetry};
    if (has_logins(options))
        count = process_want_list(MESOS_KIND_AUTHENTICATOR, options->authenticators, out, count, max, set);
    count = process_want_list(MESOS_KIND_HTTP_AUTHENTICATOR, options->http_authenticators, out, count, max, set);
    if (options->http_framework_authenticators)
        count = process_want_list(MESOS_KIND_HTTP_AUTHENTICATOR, options->http_framework_authenticators, out, count, max, set);
    return count;
}

static void
on_fatal(void *arg, const char *reason)
{
    process_end(arg, 1, reason);
}

static int
start_rate_limiter(struct process *process, struct master_setup *setup, struct err *err)
{
    const struct master_options *options = setup->options;

    if (!options->rate_limits)
        return 0;
    if (limits_of(options))
        setup->rate_limiter = process_start_reader(process, MESOS_KIND_RATE_LIMITER, options->rate_limiter, limits_of(options), err);
    else
        setup->rate_limiter = process_start(process, MESOS_KIND_RATE_LIMITER, options->rate_limiter, err);
    return setup->rate_limiter ? 0 : -1;
}

static int
start_logins(struct program *program, struct master_setup *setup, struct err *err)
{
    if (!has_logins(&program->options))
        return 0;
    if (process_start_list(&program->process, MESOS_KIND_AUTHENTICATOR, program->options.authenticators,
                           &program->authenticators, &program->authenticator_count, err) < 0)
        return -1;
    setup->authenticators = program->authenticators;
    setup->authenticator_count = program->authenticator_count;
    return 0;
}

static int
start_modules(struct program *program, struct master_setup *setup, struct err *err)
{
    struct process *process = &program->process;
    const struct master_options *options = setup->options;

    if (process_authorizer(process, &setup->authorizer, err) < 0 || start_rate_limiter(process, setup, err) < 0 ||
        start_logins(program, setup, err) < 0)
        return -1;
    setup->allocator = process_start(process, MESOS_KIND_ALLOCATOR, options->allocator, err);
    if (setup->allocator)
        setup->registry = process_start(process, MESOS_KIND_REGISTRY, options->registry, err);
    if (setup->registry)
        setup->election = process_start(process, MESOS_KIND_ELECTION, options->common.election, err);
    if (setup->election && options->common.telemetry) {
        setup->telemetry = process_start(process, MESOS_KIND_TELEMETRY, options->common.telemetry, err);
        return setup->telemetry ? 0 : -1;
    }
    return setup->election ? 0 : -1;
}

/* --authenticate_http_... */
static int
start_realms(struct process *process, struct realms *realms, struct master_setup *setup, struct err *err)
{
    const struct master_options *options = setup->options;
    const char *usual = options->http_authenticators, *frameworks = options->http_framework_authenticators;

    realms->credentials = options->credentials;
    realms->credentials_option = "credentials";
    if ((options->common.authenticate_http_readonly &&
         realms_protect(realms, process, "mesos-master-readonly", usual, err) < 0) ||
        (options->common.authenticate_http_readwrite &&
         realms_protect(realms, process, "mesos-master-readwrite", usual, err) < 0) ||
        (options->authenticate_http_frameworks &&
         realms_protect(realms, process, "mesos-master-scheduler", frameworks, err) < 0))
        return -1;
    setup->realms = realms->list;
    setup->realm_count = realms->count;
    return 0;
}

static int
check(struct process *process, struct err *err)
{
    struct program *program = container_of(process, struct program, process);
    struct master_setup setup = {.options = &program->options};
    struct realms realms = {0};
    int status = start_logins(program, &setup, err);

    free(take(&program->authenticators));
    return status < 0 ? status : start_realms(process, &realms, &setup, err);
}

static void
tell(const struct program *program, const struct realms *realms)
{
    const struct master_options *options = &program->options;
    auto_buf struct buf logins = {0}, more = {0};

    buf_printf(&logins, " agents=%s frameworks=%s", options->authenticate_agents ? options->authenticators : "open",
               options->authenticate_frameworks ? options->authenticators : "open");
    process_put_realm(realms, "mesos-master-scheduler", "http_frameworks", &logins);
    process_put_realm(realms, "mesos-master-readonly", "http_readonly", &logins);
    process_put_realm(realms, "mesos-master-readwrite", "http_readwrite", &logins);
    buf_printf(&more, " rate_limiter=%s seccomp=%s", options->rate_limits ? options->rate_limiter : "none", options->seccomp);
    process_tell_protection(&program->process, &logins, &more);
}

static void
describe(const void *daemon, char *out, size_t size)
{
    master_describe(daemon, out, size);
}

static void
reload(void *daemon, const char *why)
{
    master_reload(daemon, why);
}

static int
run(struct program *program, struct err *err)
{
    struct process *process = &program->process;
    const struct master_options *options = &program->options;
    struct master_setup setup = {.options = options, .fatal = on_fatal, .arg = process};
    struct realms realms = {0};
    struct master *master;
    /* Each agent and each v0 scheduler that calls is called back. */
    int status = process_open(process, NULL, 2 * LIMIT_CONNECTIONS + OWN_DESCRIPTORS, err);

    if (status < 0 || process_handover_done(process, err) < 0 || process_run_as(process, options->run_as, err) < 0 ||
        start_modules(program, &setup, err) < 0 || start_realms(process, &realms, &setup, err) < 0)
        return -1;
    setup.loop = process->loop;
    setup.set = process->set;
    setup.host = process->host;
    setup.secure = process->secure;
    setup.listen = process->listen;
    setup.listen_fd = process->listen_fd;
    setup.advertise = process->advertise;
    setup.hostname = process->hostname;
    master = master_new(&setup, err);
    if (!master)
        return -1;
    status = master_start(master, err);
    if (status == 0)
        status = process_seal(options->seccomp, err);
    if (status == 0) {
        tell(program, &realms);
        process->metrics = master_metrics(master);
        process->daemon = master;
        process->describe = describe;
        process->reload = reload;
        process_run(process);
        process->reload = NULL;
        process->metrics = NULL;
    }
    master_free(master);
    free(program->authenticators);
    return status;
}

/* --export-registry[=FILE], --import-registry=FILE, --overwrite-registry: orders of one moment, which no file of the
 * configuration should hold, so that they are no options. Taken out of argv. */
struct order {
    const char *export_to, *import_from;
    bool overwrite;
};

/* NULL: it is another argument. */
static const char *
order_value(const char *argument, const char *name)
{
    size_t i = 0;

    if (strncmp(argument, "--", 2) != 0)
        return NULL;
    for (argument += 2; name[i]; i++)
        if (argument[i] != name[i] && !(argument[i] == '_' && name[i] == '-'))
            return NULL;
    if (!argument[i])
        return argument + i;
    return argument[i] == '=' ? argument + i + 1 : NULL;
}

static int
take_order(int *argc, char **argv, struct order *order, struct err *err)
{
    int kept = 1;

    for (int i = 1; i < *argc; i++) {
        const char *export_to = order_value(argv[i], "export-registry");
        const char *import_from = order_value(argv[i], "import-registry");

        if (export_to)
            order->export_to = *export_to ? export_to : "-";
        else if (import_from && !*import_from)
            return err_set(err, -EINVAL, "--import-registry wants the file to read: --import-registry=FILE, '-' is standard "
                                         "input");
        else if (import_from)
            order->import_from = import_from;
        else if (order_value(argv[i], "overwrite-registry"))
            order->overwrite = true;
        else
            argv[kept++] = argv[i];
    }
    argv[kept] = NULL;
    *argc = kept;
    if (order->export_to && order->import_from)
        return err_set(err, -EINVAL, "--export-registry and --import-registry are two things: do one after the other");
    if (order->overwrite && !order->import_from)
        return err_set(err, -EINVAL, "--overwrite-registry belongs to --import-registry=FILE");
    return 0;
}

static int
obey(struct process *process, const struct master_options *options, const struct order *order, struct err *err)
{
    static const char *const keys[] = {"create"}, *const values[] = {"false"};
    struct registry_transfer transfer = {.options = options, .export_to = order->export_to,
                                         .import_from = order->import_from, .overwrite = order->overwrite};
    bool looks_only = order->export_to && strcmp(options->registry, "local") == 0;
    auto_buf struct buf result = {0};
    int status = process_open(process, NULL, OWN_DESCRIPTORS, err);

    if (status < 0)
        return status;
    transfer.loop = process->loop;
    transfer.registry = host_start(process->host, MESOS_KIND_REGISTRY, options->registry, keys, values, looks_only ? 1 : 0, err);
    if (!transfer.registry)
        return err->code;
    status = registry_transfer(&transfer, &result, err);
    for (struct str rest = buf_str(&result); rest.len;) {
        struct str line = str_cut(&rest, '\n');

        fprintf(stderr, "mesos-master: %.*s\n", STR_ARG(line));
    }
    return status;
}

int
main(int argc, char **argv)
{
    struct order order = {0};
    struct program program = {.process = {.wanted = wanted_modules, .check = check}};
    struct process *process = &program.process;
    struct master_options *options = &program.options;
    struct err err = {0};
    int exit_status;

    process->owner = master_conf_owner(options);
    process->common = &options->common;
    if (take_order(&argc, argv, &order, &err) < 0) {
        fprintf(stderr, "mesos-master: %s\n", err.text);
        return 1;
    }
    exit_status = process_configure(process, argc, argv);
    if (exit_status >= 0) {
        process->exit_status = exit_status;
        return process_close(process);
    }
    if (order.export_to || order.import_from) {
        if (obey(process, options, &order, &err) < 0) {
            fprintf(stderr, "mesos-master: %s\n", err.text);
            process->exit_status = 1;
        }
        return process_close(process);
    }
    if (run(&program, &err) < 0) {
        log_error("cannot start: %s", err.text);
        if (options->common.quiet)
            fprintf(stderr, "mesos-master: %s\n", err.text);
        process->exit_status = 1;
    }
    return process_close(process);
}
