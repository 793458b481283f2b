/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolator "environment_secret", always there: variables of type SECRET get their secret as value. The values go from the
 * configuration to the helper that starts the container, by way of the containerizer; they are never logged. The task of a
 * command executor inherits them from it: as task_environment they would stand in the executor's arguments, for all to see.
 */
#include <errno.h>

#include "common/launch_info.h"
#include "common/secret.h"

struct secret_isolator {
    const struct mesos_host *host;
};

static bool
supports(void *instance)
{
    return true;
}

static int
resolve(const struct mesos_host *host, const Mesos__V1__Environment__Variable *variable, struct launch_info *info)
{
    struct err err = {0};
    struct str value;
    if (!variable->secret)
        return host->fail(host, -EINVAL,
                          "Invalid environment specified: Environment variable '%s' of type 'SECRET' must have a secret set",
                          variable->name);
    if (secret_resolve(variable->secret, &value, &err) < 0)
        return host->fail(host, err.code, "Invalid secret specified in environment '%s': %s", variable->name, err.text);
    if (value.len > 0 && memchr(value.ptr, '\0', value.len))
        return host->fail(host, -EINVAL,
                          "Invalid environment specified: Environment variable '%s' specifies a secret containing null bytes, "
                          "which is not allowed in the environment", variable->name);
    auto_free char *text = str_dup(value);
    launch_info_variable(info, variable->name, text);
    explicit_bzero(text, value.len);
    return 0;
}

static void
prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    const struct secret_isolator *isolator = instance;
    struct launch_info info;
    launch_info_init(&info);
    Mesos__Slave__ContainerConfig *config = container_config(container, isolator->host);
    const Mesos__V1__Environment *environment = config && config->command_info ? config->command_info->environment : NULL;
    int rc = config ? 0 : -EPROTO;
    for (size_t i = 0; rc == 0 && environment && i < environment->n_variables; i++)
        if (environment->variables[i]->has_type &&
            environment->variables[i]->type == MESOS__V1__ENVIRONMENT__VARIABLE__TYPE__SECRET)
            rc = resolve(isolator->host, environment->variables[i], &info);
    launch_info_reply(&info, isolator->host, call, rc);
    mesos__slave__container_config__free_unpacked(config, NULL);
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct secret_isolator *isolator = instance;
    isolator->host = host;
    return 0;
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports,
    .supports_standalone = supports,
    .prepare = prepare,
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct secret_isolator),
    .name = "environment_secret",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "gives variables of type SECRET their values",
    .start = start,
    .phase = MESOS_PHASE_SECRET,
};

MESOS_MODULES(&module);
