/* SPDX-License-Identifier: Apache-2.0 */
/* isolator "appc/runtime": what the app of an appc image says about running it (exec, environment, workingDirectory). */
#include <errno.h>

#include "isolator/image/runtime.h"

struct appc_runtime {
    const struct mesos_host *host;
};

static bool
supports(void *instance)
{
    return true;
}

static int
prepare_image(const struct appc_runtime *isolator, const Mesos__Slave__ContainerConfig *config, struct launch_info *info)
{
    static const Appc__Spec__ImageManifest__App none = APPC__SPEC__IMAGE_MANIFEST__APP__INIT;
    struct err err = {0};
    if (!config->appc || !config->appc->manifest)
        return 0;
    const Appc__Spec__ImageManifest__App *app = config->appc->manifest->app ? config->appc->manifest->app : &none;
    const struct image_runtime runtime = {
        .kind = "Appc",
        .entrypoint = app->exec,
        .entrypoint_count = app->n_exec,
        .working_directory = app->workingdirectory,
    };
    for (size_t i = 0; i < app->n_environment; i++)
        image_runtime_variable(config, app->environment[i]->name, app->environment[i]->value, info);
    if (image_runtime_apply(&runtime, config, info, &err) < 0)
        return isolator->host->fail(isolator->host, err.code, "%s", err.text);
    return 0;
}

static void
prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    const struct appc_runtime *isolator = instance;
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
    struct appc_runtime *isolator = instance;
    isolator->host = host;
    return 0;
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports,
    .supports_standalone = supports,
    .prepare = prepare,
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct appc_runtime),
    .name = "appc/runtime",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "runs appc images as they say: exec, environment, directory",
    .start = start,
    .phase = MESOS_PHASE_RUNTIME,
};

MESOS_MODULES(&module);
