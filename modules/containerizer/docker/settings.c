/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What containerizer "docker" takes from the agent's options and its environment at start, and whether the docker client is
 * one that it can use. Called by docker.c.
 */
#include "docker.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include "base/file.h"
#include "base/units.h"

#define VERSION_TIMEOUT_MS 5000
#define PULL_TIMEOUT_FALLBACK_MS (60 * 1000)

extern char **environ;

static const char *
option(const struct docker *docker, const char *name, const char *fallback)
{
    const char *value = docker->host->daemon_option(docker->host, name);
    return value && *value ? value : fallback;
}

static int64_t
option_ms(const struct docker *docker, const char *name, int64_t fallback_ms)
{
    int64_t ns;
    const char *value = option(docker, name, NULL);
    return value && duration_parse(str_of(value), &ns, NULL) == 0 ? ns / 1000000 : fallback_ms;
}

static bool
option_bool(const struct docker *docker, const char *name, bool fallback)
{
    const char *value = option(docker, name, NULL);
    return value ? strcmp(value, "true") == 0 || strcmp(value, "1") == 0 : fallback;
}

/* As execvp would find it. */
static char *
find_program(const char *name)
{
    struct str rest = str_of(getenv("PATH") ? getenv("PATH") : "/usr/local/bin:/usr/bin:/bin");
    if (strchr(name, '/'))
        return xstrdup(name);
    while (rest.len > 0) {
        struct str directory = str_cut(&rest, ':');
        auto_free char *path = xasprintf("%.*s/%s", STR_ARG(directory), name);
        struct stat st;
        if (directory.len > 0 && access(path, X_OK) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode))
            return take(&path);
    }
    return NULL;
}

/* Logins of the client: a file of its own, which nobody else may read. */
static int
write_config(struct docker *docker, const char *json, char **ret, struct err *err)
{
    auto_free char *directory = xasprintf("%s/config", docker->state_dir);
    auto_free char *path = xasprintf("%s/config.json", directory);
    if (dir_make(directory, 0700, err) < 0 || file_replace(path, json, strlen(json), 0600, false, err) < 0)
        return err_wrap(err, "--docker_config");
    *ret = take(&directory);
    return 0;
}

/* What the agent has, without what is Mesos's: the client looks at DOCKER_..., proxies and HOME. */
static int
make_environment(struct docker *docker, struct err *err)
{
    const char *config = option(docker, "docker_config", NULL);
    auto_free char *directory = NULL;
    size_t count = 0;
    if (config && write_config(docker, config, &directory, err) < 0)
        return err->code;
    while (environ[count])
        count++;
    docker->environment = xcalloc(count + 3, sizeof *docker->environment);
    count = 0;
    for (char **item = environ; *item; item++) {
        if (strncmp(*item, "MESOS_", 6) != 0 && strncmp(*item, "LIBPROCESS_", 11) != 0 &&
            !(directory && strncmp(*item, "DOCKER_CONFIG=", 14) == 0))
            docker->environment[count++] = xstrdup(*item);
    }
    if (directory)
        docker->environment[count++] = xasprintf("DOCKER_CONFIG=%s", directory);
    if (!getenv("HOME"))
        docker->environment[count++] = xstrdup("HOME=/");
    return 0;
}

static int
check_client(struct docker *docker, struct err *err)
{
    static const char *const words[] = {"--version", NULL};
    auto_buf struct buf said = {0};
    if (access(docker->helper, X_OK) < 0)
        return err_errno(err, "cannot execute '%s' (is --launcher_dir right?)", docker->helper);
    if (cli_ask_now(docker, words, VERSION_TIMEOUT_MS, &said, err) < 0)
        return err_wrap(err, "--docker=%s", option(docker, "docker", "docker"));
    struct str text = str_trim(buf_str(&said)), rest = text;
    while (rest.len > 8 && strncasecmp(rest.ptr, "version ", 8) != 0)
        rest = str_n(rest.ptr + 1, rest.len - 1);
    uint32_t version = rest.len > 8 ? docker_version(rest) : 0;
    if (version < DOCKER_VERSION(1, 8, 0))
        return err_set(err, -EINVAL, "--docker=%s is no docker client of 1.8.0 or later: it says '%.*s'", docker->client.docker,
                       (int)(text.len < 100 ? text.len : 100), text.ptr);
    return 0;
}

static int
read_options(struct docker *docker, struct err *err)
{
    const struct mesos_host *host = docker->host;
    const char *program = option(docker, "docker", "docker"), *socket = option(docker, "docker_socket", "/var/run/docker.sock");
    const char *dns = option(docker, "default_container_dns", NULL), *image = option(docker, "docker_mesos_image", NULL);
    if (!host->runtime_dir || !host->launcher_dir)
        return err_set(err, -EINVAL, "containerizer 'docker' needs --runtime_dir and --launcher_dir");
    auto_free char *path = find_program(program);
    if (!path)
        return err_set(err, -ENOENT, "--docker=%s is no program of the PATH; containerizer 'docker' needs the docker client",
                       program);
    if (strncmp(socket, "unix://", 7) == 0)
        socket += 7;
    if (!strstr(socket, "://") && *socket != '/')
        return err_set(err, -EINVAL, "--docker_socket=%s is no absolute path", socket);
    docker->client.docker = take(&path);
    docker->client.host = docker_host(socket);
    docker->socket_path = *socket == '/' ? xstrdup(socket) : NULL;
    docker->helper = xasprintf("%s/mesos-docker-executor", host->launcher_dir);
    docker->switchboard = xasprintf("%s/mesos-containerizer", host->launcher_dir);
    docker->launcher_dir = xstrdup(host->launcher_dir);
    docker->work_dir = host->work_dir ? xstrdup(host->work_dir) : NULL;
    docker->state_dir = xasprintf("%s/docker", host->runtime_dir);
    docker->mapped = xstrdup(option(docker, "sandbox_directory", "/mnt/mesos/sandbox"));
    docker->dns = dns ? xstrdup(dns) : NULL;
    docker->mesos_image = image ? xstrdup(image) : NULL;
    docker->remove_delay_ms = option_ms(docker, "docker_remove_delay", 6 * 3600 * 1000);
    docker->stop_timeout_ms = option_ms(docker, "docker_stop_timeout", 0);
    docker->pull_timeout_ms = option_ms(docker, "executor_registration_timeout", PULL_TIMEOUT_FALLBACK_MS);
    docker->kill_orphans = option_bool(docker, "docker_kill_orphans", true);
    docker->cfs = option_bool(docker, "cgroups_enable_cfs", false);
    if (image && docker_image_check(image, err) < 0)
        return err_wrap(err, "--docker_mesos_image");
    return dir_make(docker->state_dir, 0755, err);
}

int
settings_read(struct docker *docker, struct err *err)
{
    if (read_options(docker, err) < 0 || make_environment(docker, err) < 0 || check_client(docker, err) < 0)
        return err->code;
    return 0;
}

void
settings_free(struct docker *docker)
{
    for (char **item = docker->environment; item && *item; item++)
        free(*item);
    free(docker->environment);
    union {
        const char *from;
        void *to;
    } client = {.from = docker->client.docker}, socket = {.from = docker->client.host};
    free(client.to);
    free(socket.to);
    free(docker->engine);
    free(docker->helper);
    free(docker->switchboard);
    free(docker->launcher_dir);
    free(docker->work_dir);
    free(docker->state_dir);
    free(docker->mapped);
    free(docker->socket_path);
    free(docker->dns);
    free(docker->mesos_image);
}
