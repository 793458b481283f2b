/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolator "environment_secret", always there: variables of type SECRET get their secret as value. The values go from the
 * configuration to the helper that starts the container, by way of the containerizer; they are never logged. The task of a
 * command executor inherits them from it: as task_environment they would stand in the executor's arguments, for all to see.
 */
#include <errno.h>

#include "base/list.h"
#include "common/launch_info.h"
#include "common/secret.h"

struct secret_isolator {
    const struct mesos_host *host;
    struct list jobs;
};

/* A container whose secrets are asked for. */
struct job {
    struct list in_isolator;
    struct secret_isolator *isolator;
    struct mesos_call *call;
    Mesos__Slave__ContainerConfig *config;
    struct secrets secrets;
};

static bool
is_secret(const Mesos__V1__Environment__Variable *variable)
{
    return variable->has_type && variable->type == MESOS__V1__ENVIRONMENT__VARIABLE__TYPE__SECRET;
}

static void
job_free(struct job *job)
{
    list_remove(&job->in_isolator);
    secrets_fini(&job->secrets);
    mesos__slave__container_config__free_unpacked(job->config, NULL);
    free(job);
}

static bool
supports(void *instance)
{
    return true;
}

static int
set(const struct job *job, size_t i, const Mesos__V1__Environment__Variable *variable, struct launch_info *info)
{
    const struct mesos_host *host = job->isolator->host;
    struct err err = {0};
    struct str value;
    if (secrets_get(&job->secrets, i, &value, &err) < 0)
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
on_secrets(void *arg)
{
    struct job *job = arg;
    const Mesos__V1__Environment *environment = job->config->command_info->environment;
    struct launch_info info;
    size_t count = 0;
    int rc = 0;
    launch_info_init(&info);
    for (size_t i = 0; rc == 0 && i < environment->n_variables; i++)
        if (is_secret(environment->variables[i]))
            rc = set(job, count++, environment->variables[i], &info);
    launch_info_reply(&info, job->isolator->host, job->call, rc);
    job_free(job);
}

/* The secrets of the variables that have them; -EINVAL when one has none. */
static int
list_secrets(const struct mesos_host *host, const Mesos__V1__Environment *environment, const Mesos__V1__Secret **list,
             size_t *ret_count)
{
    *ret_count = 0;
    for (size_t i = 0; i < environment->n_variables; i++) {
        const Mesos__V1__Environment__Variable *variable = environment->variables[i];
        if (!is_secret(variable))
            continue;
        if (!variable->secret)
            return host->fail(host, -EINVAL,
                              "Invalid environment specified: Environment variable '%s' of type 'SECRET' must have a secret "
                              "set", variable->name);
        list[(*ret_count)++] = variable->secret;
    }
    return 0;
}

static void
prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    struct secret_isolator *isolator = instance;
    const struct mesos_host *host = isolator->host;
    Mesos__Slave__ContainerConfig *config = container_config(container, host);
    const Mesos__V1__Environment *environment = config && config->command_info ? config->command_info->environment : NULL;
    auto_free const Mesos__V1__Secret **list = xcalloc(environment ? environment->n_variables + 1 : 1, sizeof(*list));
    size_t count = 0;
    int rc = config ? 0 : -EPROTO;
    if (environment)
        rc = list_secrets(host, environment, list, &count);
    if (rc < 0 || count == 0) {
        mesos__slave__container_config__free_unpacked(config, NULL);
        host->reply(host, call, rc, (struct mesos_bytes){NULL, 0});
        return;
    }
    struct job *job = xcalloc(1, sizeof(*job));
    *job = (struct job){.isolator = isolator, .call = call, .config = config};
    list_push(&isolator->jobs, &job->in_isolator);
    secrets_ask(&job->secrets, host, list, count, on_secrets, job);
}

static void
stop(void *instance, struct mesos_call *call)
{
    struct secret_isolator *isolator = instance;
    struct job *job;
    while ((job = list_first(&isolator->jobs, struct job, in_isolator)))
        job_free(job);
    if (call)
        isolator->host->reply(isolator->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct secret_isolator *isolator = instance;
    isolator->host = host;
    list_init(&isolator->jobs);
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
    .stop = stop,
    .phase = MESOS_PHASE_SECRET,
};

MESOS_MODULES(&module);
