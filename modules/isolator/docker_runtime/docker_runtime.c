/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolator "docker/runtime": what a Docker image says about running it (Entrypoint, Cmd, Env, WorkingDir, User), unless
 * --docker_ignore_runtime. The image's own User holds where neither task nor framework names one.
 */
#include <errno.h>
#include <string.h>

#include "isolator/image/runtime.h"

struct docker_runtime {
    const struct mesos_host *host;
    bool ignored;
};

static bool
supports(void *instance)
{
    return true;
}

static void
variables(const Mesos__Slave__ContainerConfig *config, const Docker__Spec__V1__ImageManifest__Config *image,
          struct launch_info *info)
{
    for (size_t i = 0; i < image->n_env; i++) {
        const char *equals = strchr(image->env[i], '=');
        if (!equals)
            continue;
        auto_free char *name = xstrndup(image->env[i], (size_t)(equals - image->env[i]));
        image_runtime_variable(config, name, equals + 1, info);
    }
}

static int
prepare_image(const struct docker_runtime *isolator, const Mesos__Slave__ContainerConfig *config, struct launch_info *info)
{
    static const Docker__Spec__V1__ImageManifest__Config none = DOCKER__SPEC__V1__IMAGE_MANIFEST__CONFIG__INIT;
    struct err err = {0};
    if (!config->docker || !config->docker->manifest || isolator->ignored)
        return 0;
    const Docker__Spec__V1__ImageManifest__Config *image =
        config->docker->manifest->config ? config->docker->manifest->config : &none;
    const struct image_runtime runtime = {
        .kind = "Docker",
        .entrypoint = image->entrypoint,
        .entrypoint_count = image->n_entrypoint,
        .cmd = image->cmd,
        .cmd_count = image->n_cmd,
        .working_directory = image->workingdir,
        .user = image->user,
    };
    variables(config, image, info);
    if (image_runtime_apply(&runtime, config, info, &err) < 0)
        return isolator->host->fail(isolator->host, err.code, "%s", err.text);
    return 0;
}

static void
prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    const struct docker_runtime *isolator = instance;
    struct launch_info info;
    launch_info_init(&info);
    Mesos__Slave__ContainerConfig *config = container_config(container, isolator->host);
    int rc = !config ? -EPROTO : container->debug ? 0 : prepare_image(isolator, config, &info);
    launch_info_reply(&info, isolator->host, call, rc);
    mesos__slave__container_config__free_unpacked(config, NULL);
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct docker_runtime *isolator = instance;
    const char *ignored = host->daemon_option(host, "docker_ignore_runtime");
    isolator->host = host;
    isolator->ignored = ignored && strcmp(ignored, "true") == 0;
    return 0;
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports,
    .supports_standalone = supports,
    .prepare = prepare,
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct docker_runtime),
    .name = "docker/runtime",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "runs Docker images as they say: entrypoint, command, environment, directory",
    .start = start,
    .phase = MESOS_PHASE_RUNTIME,
};

MESOS_MODULES(&module);
