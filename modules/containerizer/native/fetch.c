/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bringing a command's URIs into the sandbox: mesos-fetcher does it, told by MESOS_FETCHER_INFO, with the container's
 * stdout and stderr. Texts of failures are Mesos's.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include "base/units.h"
#include "native.h"
#include "wire/json.h"

extern char **environ;

struct fetching {
    struct container *container;
    void (*done)(struct container *container, const char *error);
};

static bool
has_parent_segment(const char *path)
{
    struct str rest = str_of(path);
    while (rest.len > 0) {
        if (str_is(str_cut(&rest, '/'), ".."))
            return true;
    }
    return false;
}

int
fetch_check(const Mesos__Slave__ContainerConfig *config, struct err *err)
{
    const Mesos__V1__CommandInfo *command = config->command_info;
    for (size_t i = 0; i < command->n_uris; i++) {
        const Mesos__V1__CommandInfo__URI *uri = command->uris[i];
        const char *file = uri->output_file;
        if (strpbrk(uri->value, "\\'"))
            return err_set(err, -EINVAL, "Could not fetch: Illegal characters in URI");
        if (file && !*file)
            return err_set(err, -EINVAL, "Could not fetch: URI output file path is empty");
        if (file && strpbrk(file, "\\'"))
            return err_set(err, -EINVAL, "Could not fetch: Illegal characters in URI output file path");
        if (file && (*file == '/' || has_parent_segment(file)))
            return err_set(err, -EINVAL, "Could not fetch: URI output file must be within the sandbox directory");
    }
    return 0;
}

static void
write_item(struct json *json, const Mesos__V1__CommandInfo__URI *uri)
{
    json_object(json);
    json_key_text(json, "action", "BYPASS_CACHE");
    json_key(json, "uri");
    json_object(json);
    json_key_text(json, "value", uri->value);
    if (uri->has_executable)
        json_key_bool(json, "executable", uri->executable);
    json_key_bool(json, "extract", uri->extract);
    if (uri->has_cache)
        json_key_bool(json, "cache", uri->cache);
    if (uri->output_file)
        json_key_text(json, "output_file", uri->output_file);
    json_object_end(json);
    json_object_end(json);
}

static void
write_info(const struct container *container, struct buf *out)
{
    const struct mesos_host *host = container->native->host;
    const Mesos__V1__CommandInfo *command = container->config->command_info;
    const char *cache = host->daemon_option(host, "fetcher_cache_dir");
    const char *home = host->daemon_option(host, "frameworks_home");
    const char *stall = host->daemon_option(host, "fetcher_stall_timeout");
    int64_t stall_ns;
    struct json json = json_on(out);
    json_object(&json);
    if (cache) {
        auto_free char *directory = container->user ? xasprintf("%s/%s", cache, container->user) : xstrdup(cache);
        json_key_text(&json, "cache_directory", directory);
    }
    if (home && *home)
        json_key_text(&json, "frameworks_home", home);
    json_key(&json, "items");
    json_array(&json);
    for (size_t i = 0; i < command->n_uris; i++)
        write_item(&json, command->uris[i]);
    json_array_end(&json);
    json_key_text(&json, "sandbox_directory", container->sandbox);
    if (stall && duration_parse(str_of(stall), &stall_ns, NULL) == 0) {
        json_key(&json, "stall_timeout");
        json_object(&json);
        json_key_int(&json, "nanoseconds", stall_ns);
        json_object_end(&json);
    }
    if (container->user)
        json_key_text(&json, "user", container->user);
    json_object_end(&json);
}

/* The agent's own environment without what is meant for the agent. */
static const char **
fetcher_environment(const char *info)
{
    size_t count = 0;
    while (environ && environ[count])
        count++;
    const char **entries = xcalloc(count + 2, sizeof *entries);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(environ[i], "MESOS_", 6) != 0 && strncmp(environ[i], "LIBPROCESS_", 11) != 0)
            entries[kept++] = environ[i];
    }
    entries[kept] = info;
    return entries;
}

static void
on_fetched(pid_t pid, int status, void *arg)
{
    struct fetching *fetching = arg;
    struct container *container = fetching->container;
    void (*done)(struct container *, const char *) = fetching->done;
    free(fetching);
    container->fetcher = 0;
    auto_free char *error = NULL;
    if (status != 0 && WIFEXITED(status))
        error = xasprintf("Failed to fetch all URIs for container '%s': exited with status %d", container->id,
                          WEXITSTATUS(status));
    else if (status != 0)
        error = xasprintf("Failed to fetch all URIs for container '%s': terminated with signal %s", container->id,
                          strsignal(WTERMSIG(status)));
    const struct mesos_host *host = container->native->host;
    host->count(host, error ? "containerizer/fetcher/task_fetches_failed" : "containerizer/fetcher/task_fetches_succeeded", 1);
    done(container, error);
}

int
fetch_start(struct container *container, void (*done)(struct container *container, const char *error), struct err *err)
{
    const struct mesos_host *host = container->native->host;
    auto_buf struct buf info = {0};
    buf_puts(&info, "MESOS_FETCHER_INFO=");
    write_info(container, &info);
    auto_free const char **entries = fetcher_environment(buf_cstr(&info));
    const char *const argv[] = {container->native->fetcher_path, NULL};
    const int fds[] = {-1, container->out_fd, container->err_fd};
    struct mesos_spawn spawn = {
        .size = sizeof spawn,
        .argv = argv,
        .environment = entries,
        .directory = container->sandbox,
        .fds = fds,
        .fd_count = ARRAY_LEN(fds),
        .new_session = 1,
    };
    struct fetching *fetching = xcalloc(1, sizeof *fetching);
    fetching->container = container;
    fetching->done = done;
    int rc = host->spawn(host, &spawn, on_fetched, fetching, &container->fetcher);
    if (rc < 0) {
        free(fetching);
        return err_set(err, rc, "Failed to fetch all URIs for container '%s': cannot start '%s': %s", container->id,
                       container->native->fetcher_path, strerror(-rc));
    }
    return 0;
}
