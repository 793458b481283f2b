/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a daemon's process; see process.h. */
#include "main/process.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "base/crash.h"
#include "base/file.h"
#include "base/log.h"

extern char **environ;

enum { MAX_WANTED = 64, STOP_MS = 10000 };

static const char *
daemon_option(void *arg, const char *name)
{
    const struct process *process = arg;

    return conf_value(process->set, name, NULL);
}

static void
on_count(void *arg, const char *name, double delta)
{
    const struct process *process = arg;

    if (process->metrics)
        metric_add(metrics_get(process->metrics, name), delta);
}

static void
on_gauge(void *arg, const char *name, double value)
{
    const struct process *process = arg;

    if (process->metrics && isnan(value))
        metrics_remove(process->metrics, name);
    else if (process->metrics)
        metric_set(metrics_get(process->metrics, name), value);
}

static void
on_timing(void *arg, const char *name, double ms)
{
    const struct process *process = arg;

    if (process->metrics)
        metrics_time(process->metrics, name, ms);
}

/* Is a module of this name among those that the options name? */
static bool
is_wanted(const struct wanted_module *modules, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(modules[i].name, name) == 0 || strcmp(host_own_name(modules[i].kind, modules[i].name),
                                                         host_own_name(modules[i].kind, name)) == 0)
            return true;
    return false;
}

/* Parameters for a module that nobody starts are a slip of the pen: a section's name is where one would not
 * look. */
static int
check_sections(const struct process *process, struct err *err)
{
    struct wanted_module wanted[MAX_WANTED];
    size_t count = process->wanted(process->owner.target, wanted, MAX_WANTED), module_count;
    const struct conf_module *modules = conf_modules(process->set, &module_count);

    for (size_t i = 0; i < module_count; i++)
        if (!modules[i].library && !is_wanted(wanted, count, modules[i].name))
            return err_set(err, -EINVAL, "%s: section [%s] is for a module that no option names",
                           modules[i].where, modules[i].name);
    return 0;
}

static int
open_host(struct process *process, const char *runtime_dir, struct err *err)
{
    const struct host_options options = {
        .loop = process->loop,
        .module_path = process->common->module_path,
        .work_dir = process->common->work_dir,
        .runtime_dir = runtime_dir,
        .launcher_dir = process->common->launcher_dir,
        .daemon_option = daemon_option,
        .count = on_count,
        .gauge = on_gauge,
        .timing = on_timing,
        .arg = process,
    };
    const struct conf_module *modules;
    size_t count;

    if (check_sections(process, err) < 0)
        return -EINVAL;
    process->host = host_new(&options);
    modules = conf_modules(process->set, &count);
    return host_configure(process->host, modules, count, err);
}

struct module *
process_start_reader(struct process *process, enum mesos_kind kind, const char *name, const char *option, struct err *err)
{
    const char *file = conf_file(process->set, option), *value = file ? file : conf_value(process->set, option, NULL);
    auto_free char *key = xasprintf("%s%s", option, file ? "_file" : "");
    const char *const keys[] = {key};

    return host_start(process->host, kind, name, keys, &value, value ? 1 : 0, err);
}

/* Only the local authorizer has parameters for what --acls says; others may look at it as a daemon's option. */
static struct module *
start_authorizer(struct process *process, struct err *err)
{
    const char *name = process->common->authorizer;

    if (strcmp(host_own_name(MESOS_KIND_AUTHORIZER, name), "local_acl") == 0)
        return process_start_reader(process, MESOS_KIND_AUTHORIZER, name, "acls", err);
    return host_start(process->host, MESOS_KIND_AUTHORIZER, name, NULL, NULL, 0, err);
}

/* Those that only read files are started, because that is how their content is checked; process->check does that for who
 * finds out about peers. */
static bool
is_sound(struct process *process, const struct wanted_module *module, struct err *err)
{
    if (module->kind == MESOS_KIND_HTTP_AUTHENTICATOR)
        return true;
    if (module->kind == MESOS_KIND_AUTHORIZER)
        return start_authorizer(process, err) != NULL;
    if (module->reads)
        return process_start_reader(process, module->kind, module->name, module->reads, err) != NULL;
    return host_check(process->host, module->kind, module->name, err) >= 0;
}

/* Part of --check-config: the files of TLS are there and fit. */
static int
check_tls(const struct process *process)
{
    struct secure *secure;
    struct err err;
    int status = daemon_tls_start(&secure, process->common, &err);

    if (status < 0)
        fprintf(stderr, "%s: %s\n", process->owner.program, err.text);
    secure_unref(secure);
    return status < 0;
}

/* The rest of --check-config: modules load, fit, and understand their parameters. */
static int
check_modules(struct process *process)
{
    struct wanted_module modules[MAX_WANTED];
    size_t count = process->wanted(process->owner.target, modules, MAX_WANTED);
    struct err err;
    int failures = 0;

    process->loop = loop_new(NULL, &err);
    if (!process->loop || open_host(process, NULL, &err) < 0) {
        fprintf(stderr, "%s: %s\n", process->owner.program, err.text);
        return 1;
    }
    for (size_t i = 0; i < count; i++)
        if (!is_sound(process, &modules[i], &err)) {
            fprintf(stderr, "%s: %s\n", process->owner.program, err.text);
            failures++;
        }
    if (!failures && process->check(process, &err) < 0) {
        fprintf(stderr, "%s: %s\n", process->owner.program, err.text);
        failures++;
    }
    if (!failures)
        printf("%s: the modules are sound\n", process->owner.program);
    return failures ? 1 : 0;
}

int
process_configure(struct process *process, int argc, char **argv)
{
    struct err err;
    int exit_status = 0, status;

    process_notify_read(process);
    process_handover_read(process);
    crash_watch(process->owner.program, CMESOS_VERSION);
    process_memory_init();
    status = conf_load(&process->set, &process->owner, argc, argv, environ, &exit_status, &err);

    if (status < 0) {
        fprintf(stderr, "%s: %s\n", process->owner.program, err.text);
        return 1;
    }
    if (status == 0)
        return -1;
    if (exit_status == 0 && conf_checking(process->set))
        exit_status = check_modules(process) | check_tls(process);
    return exit_status;
}

static enum log_level
level_of(const char *name)
{
    if (strcmp(name, "ERROR") == 0)
        return LOG_LEVEL_ERROR;
    return strcmp(name, "WARNING") == 0 ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;
}

static int
open_log(struct process *process, struct err *err)
{
    const struct daemon_options *common = process->common;
    const struct log_options options = {
        .program = process->owner.program,
        .dir = common->log_dir,
        .level = level_of(common->logging_level),
        .quiet = common->quiet,
        .bufsecs = (int)common->logbufsecs,
        .syslog = common->log_to_syslog,
        .journald = common->log_to_journald,
        .max_file_bytes = common->log_max_size_bytes,
        .max_age_secs = common->log_max_age_ns / 1000000000,
        .external_file = common->external_log_file,
    };
    const char *const *notes;
    size_t count;
    int status = log_open(&options, err);

    if (status < 0)
        return err_wrap(err, "option 'log_dir'");
    log_info("%s %s, protocol of Mesos %s", process->owner.program, CMESOS_VERSION, MESOS_PROTOCOL_VERSION);
    count = conf_notes(process->set, &notes);
    for (size_t i = 0; i < count; i++)
        log_warning("%s", notes[i]);
    return 0;
}

static void
on_flush(void *arg)
{
    struct process *process = arg;

    log_flush();
    loop_timer_start(&process->flush, process->common->logbufsecs * 1000);
}

static void
on_end_signal(int signo, void *arg)
{
    struct process *process = arg;

    log_info("ends because of signal %s", sigabbrev_np(signo));
    process_end(process, 0, NULL);
}

/* A terminal that goes away takes us along; else somebody has moved our log files. */
static void
on_hangup(int signo, void *arg)
{
    struct process *process = arg;

    if (isatty(STDERR_FILENO) || isatty(STDIN_FILENO)) {
        on_end_signal(signo, process);
        return;
    }
    log_reopen();
    log_info("has opened its log files anew because of signal HUP");
    if (process->reload)
        process->reload(process->daemon, "signal HUP");
}

static void
on_ignored_signal(int signo, void *arg)
{
}

/* A peer that went away is an error of write, not our end. A handler, not SIG_IGN, which children would
 * inherit. */
static int
watch_signals(struct process *process, struct err *err)
{
    int status = loop_signal(process->loop, SIGPIPE, on_ignored_signal, process, err);

    if (status == 0)
        status = loop_signal(process->loop, SIGTERM, on_end_signal, process, err);
    if (status == 0)
        status = loop_signal(process->loop, SIGINT, on_end_signal, process, err);
    if (status == 0)
        status = loop_signal(process->loop, SIGHUP, on_hangup, process, err);
    return status;
}

static int
make_dir(const char *path, const char *option, struct err *err)
{
    if (path && dir_make(path, 0755, err) < 0)
        return err_wrap(err, "option '%s'", option);
    return 0;
}

int
process_open(struct process *process, const char *runtime_dir, uint64_t descriptors, struct err *err)
{
    int status = open_log(process, err);

    process_core_dumps(process->common->core_dumps);
    if (status == 0)
        status = process_limits(process->common->ulimit, descriptors, err);
    if (status == 0)
        status = process_handover_check(process, err);
    if (status == 0)
        status = process_identity(process, err);
    if (status == 0)
        status = make_dir(process->common->work_dir, "work_dir", err);
    if (status == 0)
        status = make_dir(runtime_dir, "runtime_dir", err);
    if (status == 0)
        status = daemon_tls_start(&process->secure, process->common, err);
    if (status < 0)
        return status;
    process->loop = loop_new(NULL, err);
    if (!process->loop)
        return err->code;
    process_memory_watch(process);
    loop_timer_init(&process->flush, process->loop, on_flush, process);
    if (process->common->logbufsecs > 0)
        loop_timer_start(&process->flush, process->common->logbufsecs * 1000);
    status = watch_signals(process, err);
    return status < 0 ? status : open_host(process, runtime_dir, err);
}

static void
tell_module(const struct module *module)
{
    log_info("%s module %s %s from %s", kind_name(module_kind(module)), module_name(module), module_version(module),
             module_file(module));
}

struct module *
process_start(struct process *process, enum mesos_kind kind, const char *name, struct err *err)
{
    struct module *module = host_start(process->host, kind, name, NULL, NULL, 0, err);

    if (module)
        tell_module(module);
    return module;
}

int
process_authorizer(struct process *process, struct module **ret, struct err *err)
{
    *ret = process->common->authorizer ? start_authorizer(process, err) : NULL;
    if (*ret)
        tell_module(*ret);
    return process->common->authorizer && !*ret ? err->code : 0;
}

size_t
process_want_list(enum mesos_kind kind, const char *names, struct wanted_module *out, size_t count, size_t max,
         struct option_set *set)
{
    struct str rest = str_of(names);

    while (rest.len > 0 && count < max) {
        auto_free char *name = str_dup(str_trim(str_cut(&rest, ',')));

        out[count++] = (struct wanted_module){kind, conf_keep(set, name)};
    }
    return count;
}

int
process_start_list(struct process *process, enum mesos_kind kind, const char *names, struct module ***ret,
                   size_t *ret_count, struct err *err)
{
    struct str rest = str_of(names);
    struct module **modules = NULL;
    size_t count = 0;

    while (rest.len > 0) {
        auto_free char *name = str_dup(str_trim(str_cut(&rest, ',')));

        modules = xreallocarray(modules, count + 1, sizeof(struct module *));
        modules[count] = process_start(process, kind, name, err);
        if (!modules[count]) {
            free(modules);
            return err->code ? err->code : -EINVAL;
        }
        count++;
    }
    *ret = modules;
    *ret_count = count;
    return 0;
}

void
process_run(struct process *process)
{
    process_notify_start(process);
    if (!process->ended)
        loop_run(process->loop);
    loop_timer_stop(&process->alive);
    process_notify(process, "STOPPING=1");
}

void
process_end(struct process *process, int exit_status, const char *reason)
{
    if (process->ended)
        return;
    process->ended = true;
    process->exit_status = exit_status;
    if (reason && exit_status)
        log_error("ends: %s", reason);
    else if (reason)
        log_info("ends: %s", reason);
    loop_stop(process->loop);
}

int
process_close(struct process *process)
{
    if (process->host) {
        if (!host_stop_within(process->host, STOP_MS))
            log_warning("a module did not stop within %d seconds", STOP_MS / 1000);
        host_free(process->host);
    }
    if (process->loop) {
        loop_timer_stop(&process->flush);
        loop_timer_stop(&process->trim);
        loop_free(process->loop);
    }
    secure_unref(process->secure);
    free(process->notify_path);
    free(process->hostname);
    free(process->ip);
    conf_free(process->set);
    log_close();
    return process->exit_status;
}
