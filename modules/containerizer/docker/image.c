/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image of a container that is being launched: there already, or pulled with the logins that lie in the
 * sandbox; and which version the engine has, which is asked on the way. Called by launch.c; what comes of it
 * starts the executor or fails the launch.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "docker.h"
#include "launch.h"

#define LOGIN_MAX_BYTES 65536

/* ---- the engine's version ---- */

static void
on_engine(const struct cli_result *result, void *arg)
{
    struct docker *docker = arg;
    struct str text = str_trim(result->out);
    docker->asking_engine = false;
    if (!cli_well(result) || !docker_version(text)) {
        MESOS_LOG(docker->host, WARNING, "the docker engine does not tell its version: %.*s",
                  STR_ARG(str_trim(result->err)));
        return;
    }
    free(docker->engine);
    docker->engine = str_dup(str_n(text.ptr, text.len < 100 ? text.len : 100));
    docker->client.engine = docker_version(text);
    MESOS_LOG(docker->host, INFO, "docker engine %s at %s", docker->engine, docker->client.host);
}

void
engine_ask(struct docker *docker)
{
    static const char *const words[] = {"version", "--format", "{{.Server.Version}}", NULL};
    if (docker->engine || docker->asking_engine)
        return;
    docker->asking_engine = cli_call(docker, INSPECT_TIMEOUT_MS, on_engine, docker, words) != NULL;
}

/* ---- the image ---- */

/* What pulls: a tag is always named, for else every tag there is would come. */
static char *
image_full(const char *image)
{
    const char *slash = strrchr(image, '/'), *last = slash ? slash : image;
    return strchr(last, ':') || strchr(image, '@') ? xstrdup(image) : xasprintf("%s:latest", image);
}

static void
on_pulled(const struct cli_result *result, void *arg)
{
    struct container *container = arg;
    const struct mesos_host *host = container->docker->host;
    container->cli = NULL;
    if (!cli_well(result)) {
        struct docker_argv argv;
        auto_free char *image = image_full(container->config->container_info->docker->image);
        docker_argv_init(&argv, &container->docker->client);
        docker_argv_add(&argv, "pull");
        docker_argv_add(&argv, "%s", image);
        auto_free char *text = cli_failure(&argv, result);
        docker_argv_fini(&argv);
        launch_fail(container, result->timed_out ? -ETIMEDOUT : -EIO, text);
        return;
    }
    host->timing(host, "containerizer/docker/image_pull_ms",
                 (double)(host->now_ms(host) - container->pull_began_ms));
    if (!launch_unwanted(container, "pulling"))
        executor_start(container);
}

/* Logins that the framework had fetched into the sandbox. Nothing but them is taken over: a client's
 * configuration can name programs to run. No link leads to logins of others: what is fetched may be one. */
static json_t *
sandbox_logins(const struct container *container)
{
    static const char *const files[][2] = {{".docker", "config.json"}, {".", ".dockercfg"}};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        auto_free char *path = xasprintf("%s/%s", container->sandbox, files[i][0]);
        auto_fd int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        auto_fd int fd = directory < 0
                             ? -1
                             : openat(directory, files[i][1], O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        char text[LOGIN_MAX_BYTES];
        ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
        json_t *root = n > 0 ? json_loadb(text, (size_t)n, 0, NULL) : NULL;
        json_t *auths = i == 0 ? json_incref(json_object_get(root, "auths")) : json_incref(root);
        json_decref(root);
        if (json_is_object(auths))
            return auths;
        json_decref(auths);
    }
    return NULL;
}

/* The clients' environment, with the sandbox's logins; NULL: the usual one. */
static const char **
pull_environment(const struct container *container)
{
    const struct docker *docker = container->docker;
    json_t *auths = sandbox_logins(container);
    if (!auths)
        return NULL;
    json_t *root = json_pack("{s:o}", "auths", auths);
    auto_free char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    auto_free char *directory = xasprintf("%s/%s.login", docker->state_dir, container->id);
    auto_free char *path = xasprintf("%s/config.json", directory);
    struct err err = {0};
    if (!text || dir_make(directory, 0700, &err) < 0 ||
        file_replace(path, text, strlen(text), 0600, false, &err) < 0) {
        MESOS_LOG(docker->host, WARNING, "container %s: the logins of its sandbox are not used: %s",
                  container->id, err.text);
        return NULL;
    }
    size_t count = 0;
    while (docker->environment[count])
        count++;
    const char **items = xcalloc(count + 2, sizeof *items);
    count = 0;
    for (char **item = docker->environment; *item; item++) {
        if (strncmp(*item, "DOCKER_CONFIG=", 14) != 0)
            items[count++] = *item;
    }
    items[count] = xasprintf("DOCKER_CONFIG=%s", directory); /* the last: freed by who asked */
    return items;
}

static void
pull(struct container *container)
{
    struct docker *docker = container->docker;
    struct docker_argv argv;
    auto_free char *image = image_full(container->config->container_info->docker->image);
    const char **environment = pull_environment(container);
    docker_argv_init(&argv, &docker->client);
    docker_argv_add(&argv, "pull");
    docker_argv_add(&argv, "%s", image);
    struct cli_wish wish = {
        .argv = &argv, .timeout_ms = docker->pull_timeout_ms, .env_fd = -1, .environment = environment};
    container->pull_began_ms = docker->host->now_ms(docker->host);
    container->cli = cli_start(docker, &wish, on_pulled, container, NULL);
    docker_argv_fini(&argv);
    for (size_t i = 0; environment && environment[i]; i++) {
        if (!environment[i + 1]) {
            union {
                const char *from;
                void *to;
            } last = {.from = environment[i]};
            free(last.to);
        }
    }
    free(environment);
    if (!container->cli)
        launch_fail(container, -EAGAIN, "Failed to pull the image: no client started");
}

static void
on_image(const struct cli_result *result, void *arg)
{
    struct container *container = arg;
    container->cli = NULL;
    if (launch_unwanted(container, "pulling"))
        return;
    if (result->timed_out) {
        auto_free char *text =
            xasprintf("Failed to inspect image '%s': the docker client was cut off because it did not end "
                      "in time; stderr='%.*s'",
                      container->config->container_info->docker->image, STR_ARG(result->err));
        launch_fail(container, -ETIMEDOUT, text);
    } else if (cli_well(result)) {
        executor_start(container);
    } else {
        pull(container);
    }
}

void
launch_image(struct container *container)
{
    const Mesos__V1__ContainerInfo__DockerInfo *info = container->config->container_info->docker;
    container->state = STATE_PULLING;
    engine_ask(container->docker);
    if (info->has_force_pull_image && info->force_pull_image) {
        pull(container);
        return;
    }
    const char *const words[] = {"inspect", "--type=image", info->image, NULL};
    container->cli = cli_call(container->docker, PS_TIMEOUT_MS, on_image, container, words);
    if (!container->cli)
        launch_fail(container, -EAGAIN, "Failed to inspect the image: no client started");
}
