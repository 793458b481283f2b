/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container_logger "logrotate": a container's output goes through a companion process, mesos-logrotate-logger, that
 * keeps stdout and stderr of the sandbox below a size with the help of logrotate(8). Called by containerizers of the agent.
 *
 * A task may change sizes and a choice of logrotate's directives through its environment. What runs commands, names other
 * files or other users is the operator's alone, because the companion lives outside of the container.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/units.h"
#include "mesos/container_logger.h"
#include "mesos/slave/containerizer.pb-c.h"

#define OPTIONS_MAX_BYTES 4096

struct logrotate {
    const struct mesos_host *host;
    uint64_t max_stdout_bytes, max_stderr_bytes;
    const char *stdout_options, *stderr_options;
    const char *prefix, *launcher_dir, *logrotate_path;
    int64_t worker_threads; /* taken and not needed: there is no libprocess */
    char *helper;
};

/* What one container gets. */
struct wish {
    uint64_t max_bytes[2];
    const char *options[2];
};

static int
check_size(const struct logrotate *logrotate, const char *name, uint64_t bytes)
{
    uint64_t least = (uint64_t)sysconf(_SC_PAGESIZE);
    if (bytes >= least)
        return 0;
    return logrotate->host->fail(logrotate->host, -EINVAL, "%s is %llu bytes: at least %llu are needed", name,
                                 (unsigned long long)bytes, (unsigned long long)least);
}

/* Directives that change how files are kept and nothing else. */
static bool
is_harmless(struct str directive)
{
    static const char *const known[] = {
        "rotate", "start", "maxage", "compress", "nocompress", "delaycompress", "nodelaycompress", "copytruncate",
        "nocopytruncate", "copy", "nocopy", "dateext", "nodateext", "dateformat", "dateyesterday", "datehourago", "missingok",
        "nomissingok", "ifempty", "notifempty", "hourly", "daily", "weekly", "monthly", "yearly", "size", "minsize",
        "maxsize", "extension", "shred", "noshred", "create", "nocreate",
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (str_is(directive, known[i]))
            return true;
    return false;
}

static int
check_options(const struct logrotate *logrotate, const char *name, const char *options)
{
    struct str rest = str_of(options);
    if (rest.len > OPTIONS_MAX_BYTES)
        return logrotate->host->fail(logrotate->host, -E2BIG, "%s is longer than %d bytes", name, OPTIONS_MAX_BYTES);
    while (rest.len > 0) {
        struct str line = str_trim(str_cut(&rest, '\n')), words = line, directive;
        directive = str_cut(&words, ' ');
        words = str_trim(words);
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        for (size_t i = 0; i < line.len; i++)
            if (strchr("{}/\"'\\=", line.ptr[i]) || (unsigned char)line.ptr[i] < ' ')
                return logrotate->host->fail(logrotate->host, -EINVAL, "%s: '%.*s' has a character that a task may not use",
                                             name, STR_ARG(line));
        if (!is_harmless(directive) || (str_is(directive, "create") && words.len > 0))
            return logrotate->host->fail(logrotate->host, -EACCES,
                                         "%s: '%.*s' is not for tasks: rotate, compress, maxage and the like are", name,
                                         STR_ARG(line));
    }
    return 0;
}

/* One variable of the task's, its name without prefix. An unknown one is an error, as in Mesos. */
static int
take_variable(const struct logrotate *logrotate, const char *whole, const char *name, const char *value, struct wish *wish)
{
    static const char *const sizes[] = {"MAX_STDOUT_SIZE", "MAX_STDERR_SIZE"};
    static const char *const options[] = {"LOGROTATE_STDOUT_OPTIONS", "LOGROTATE_STDERR_OPTIONS"};
    struct err err = {0};
    for (int i = 0; i < 2; i++) {
        if (strcmp(name, sizes[i]) == 0) {
            if (bytes_parse(str_of(value), &wish->max_bytes[i], &err) < 0)
                return logrotate->host->fail(logrotate->host, -EINVAL, "%s: %s", whole, err.text);
            return check_size(logrotate, whole, wish->max_bytes[i]);
        }
        if (strcmp(name, options[i]) == 0) {
            wish->options[i] = value;
            return check_options(logrotate, whole, value);
        }
    }
    return logrotate->host->fail(logrotate->host, -EINVAL,
                                 "%s is no setting of the container logger: MAX_STDOUT_SIZE, MAX_STDERR_SIZE, "
                                 "LOGROTATE_STDOUT_OPTIONS and LOGROTATE_STDERR_OPTIONS are", whole);
}

static int
take_environment(const struct logrotate *logrotate, const Mesos__V1__Environment *environment, struct wish *wish)
{
    size_t len = strlen(logrotate->prefix);
    int rc = 0;
    for (size_t i = 0; environment && i < environment->n_variables && rc == 0; i++) {
        const Mesos__V1__Environment__Variable *variable = environment->variables[i];
        if (len > 0 && variable->name && strncmp(variable->name, logrotate->prefix, len) == 0)
            rc = take_variable(logrotate, variable->name, variable->name + len, variable->value ? variable->value : "",
                               wish);
    }
    return rc;
}

static int
wish_fill(const struct logrotate *logrotate, struct mesos_bytes bytes, Mesos__Slave__ContainerConfig **ret, struct wish *wish)
{
    *wish = (struct wish){{logrotate->max_stdout_bytes, logrotate->max_stderr_bytes},
                          {logrotate->stdout_options, logrotate->stderr_options}};
    Mesos__Slave__ContainerConfig *config = mesos__slave__container_config__unpack(NULL, bytes.len, bytes.data);
    *ret = config;
    if (!config)
        return logrotate->host->fail(logrotate->host, -EPROTO, "the container's configuration does not decode");
    /* A command task's own wishes; else its executor's or the container's. */
    const Mesos__V1__CommandInfo *command = config->task_info && config->task_info->command ? config->task_info->command
                                            : config->executor_info && config->executor_info->command
                                                ? config->executor_info->command
                                                : config->command_info;
    return command ? take_environment(logrotate, command->environment, wish) : 0;
}

static void
on_exited(pid_t pid, int status, void *arg)
{
    const struct logrotate *logrotate = arg;
    if (status > 0)
        MESOS_LOG(logrotate->host, WARNING, "a mesos-logrotate-logger (pid %d) ended with wait status %d", (int)pid, status);
}

static int
start_companion(struct logrotate *logrotate, const char *sandbox, const char *user, const struct wish *wish, int out, int err)
{
    auto_free char *directory = xasprintf("--directory=%s", sandbox);
    auto_free char *path = xasprintf("--logrotate_path=%s", logrotate->logrotate_path);
    auto_free char *as = xasprintf("--user=%s", user ? user : "");
    auto_free char *out_size = xasprintf("--max_stdout_size=%llu", (unsigned long long)wish->max_bytes[0]);
    auto_free char *err_size = xasprintf("--max_stderr_size=%llu", (unsigned long long)wish->max_bytes[1]);
    auto_free char *out_options = xasprintf("--logrotate_stdout_options=%s", wish->options[0] ? wish->options[0] : "");
    auto_free char *err_options = xasprintf("--logrotate_stderr_options=%s", wish->options[1] ? wish->options[1] : "");
    const char *argv[] = {"mesos-logrotate-logger", directory, path, out_size, err_size, out_options, err_options,
                          user && geteuid() == 0 ? as : NULL, NULL};
    const int fds[] = {out, -1, STDERR_FILENO, err};
    struct mesos_spawn spawn = {.size = sizeof spawn, .file = logrotate->helper, .argv = argv, .fds = fds, .fd_count = 4,
                                .new_session = 1};
    pid_t pid;
    return logrotate->host->spawn(logrotate->host, &spawn, on_exited, logrotate, &pid);
}

static int
prepare(void *instance, const char *container_id, const char *sandbox, const char *user, struct mesos_bytes packed,
        struct mesos_container_io *ret)
{
    struct logrotate *logrotate = instance;
    Mesos__Slave__ContainerConfig *config;
    struct wish wish;
    int out[2] = {-1, -1}, err[2] = {-1, -1};
    int rc = wish_fill(logrotate, packed, &config, &wish);
    if (rc == 0 && (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0))
        rc = logrotate->host->fail(logrotate->host, -errno, "cannot make a pipe for the container's output: %s",
                                   strerror(errno));
    if (rc == 0)
        rc = start_companion(logrotate, sandbox, user, &wish, out[0], err[0]);
    close_at(&out[0]);
    close_at(&err[0]);
    if (rc < 0) {
        close_at(&out[1]);
        close_at(&err[1]);
    } else {
        ret->stdin_fd = -1;
        ret->stdout_fd = out[1];
        ret->stderr_fd = err[1];
    }
    mesos__slave__container_config__free_unpacked(config, NULL);
    return rc;
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct logrotate *logrotate = instance;
    logrotate->host = host;
    if (check_size(logrotate, "max_stdout_size", logrotate->max_stdout_bytes) < 0 ||
        check_size(logrotate, "max_stderr_size", logrotate->max_stderr_bytes) < 0)
        return -EINVAL;
    const char *directory = logrotate->launcher_dir ? logrotate->launcher_dir : host->launcher_dir;
    logrotate->helper = xasprintf("%s/mesos-logrotate-logger", directory ? directory : "");
    if (access(logrotate->helper, X_OK) < 0)
        return host->fail(host, -errno, "container logger logrotate needs '%s': %s", logrotate->helper, strerror(errno));
    return 0;
}

static void
stop(void *instance, struct mesos_call *call)
{
    struct logrotate *logrotate = instance;
    free(logrotate->helper);
    if (call)
        logrotate->host->reply(logrotate->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static const struct mesos_option options[] = {
    {"max_stdout_size", MESOS_OPTION_BYTES, offsetof(struct logrotate, max_stdout_bytes), "10MB",
     "How large stdout may grow before it is put away."},
    {"logrotate_stdout_options", MESOS_OPTION_STRING, offsetof(struct logrotate, stdout_options), NULL,
     "Lines for logrotate's configuration of stdout."},
    {"max_stderr_size", MESOS_OPTION_BYTES, offsetof(struct logrotate, max_stderr_bytes), "10MB",
     "How large stderr may grow before it is put away."},
    {"logrotate_stderr_options", MESOS_OPTION_STRING, offsetof(struct logrotate, stderr_options), NULL,
     "Lines for logrotate's configuration of stderr."},
    {"environment_variable_prefix", MESOS_OPTION_STRING, offsetof(struct logrotate, prefix), "CONTAINER_LOGGER_",
     "What the variables begin with by which a task changes its sizes and options."},
    {"launcher_dir", MESOS_OPTION_PATH, offsetof(struct logrotate, launcher_dir), NULL,
     "Where mesos-logrotate-logger is; the agent's launcher_dir when unset."},
    {"logrotate_path", MESOS_OPTION_STRING, offsetof(struct logrotate, logrotate_path), "logrotate",
     "The program logrotate."},
    {"libprocess_num_worker_threads", MESOS_OPTION_INT, offsetof(struct logrotate, worker_threads), "8",
     "Taken and not needed."},
    {0},
};

static const struct mesos_container_logger_ops ops = {.prepare = prepare};

static const struct mesos_module module = {
    MESOS_MODULE(CONTAINER_LOGGER, ops, struct logrotate),
    .name = "logrotate",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "files stdout and stderr in the sandbox, put away by logrotate before they grow too large",
    .options = options,
    .start = start,
    .stop = stop,
};

MESOS_MODULES(&module);
