/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets of a container's environment: the agent's resolver is asked for them before anything is fetched, and what it
 * says goes to `docker run` or `docker exec`, or to the executor that calls it. Never written down, never on a command
 * line, never logged. Called by launch.c.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include "common/secret.h"
#include "docker.h"

struct asking {
    struct list in_docker;
    struct docker *docker;
    struct container *container; /* NULL: it has gone meanwhile */
    struct secrets secrets;
    secrets_done_fn *done;
};

static bool
is_secret(const Mesos__V1__Environment__Variable *variable)
{
    return variable->has_type && variable->type == MESOS__V1__ENVIRONMENT__VARIABLE__TYPE__SECRET;
}

static const Mesos__V1__Environment *
environment_of(const struct container *container)
{
    const Mesos__V1__CommandInfo *command = container->config->command_info;
    return command ? command->environment : NULL;
}

static void
asking_free(struct asking *asking)
{
    list_remove(&asking->in_docker);
    secrets_fini(&asking->secrets);
    if (asking->container)
        asking->container->asking = NULL;
    free(asking);
}

static int
keep(struct container *container, const char *name, struct str value, struct err *err)
{
    if (value.len > 0 && memchr(value.ptr, '\0', value.len))
        return err_set(err, -EINVAL,
                       "Invalid environment specified: Environment variable '%s' specifies a secret containing null bytes, "
                       "which is not allowed in the environment", name);
    json_t *text = json_stringn(value.ptr ? value.ptr : "", value.len);
    if (!text)
        return err_set(err, -EINVAL, "Environment variable '%s' specifies a secret that is not UTF-8, which docker does not take",
                       name);
    json_decref(text);
    size_t count = 0;
    while (container->secrets && container->secrets[count])
        count++;
    container->secrets = xreallocarray(container->secrets, count + 2, sizeof *container->secrets);
    container->secrets[count] = xasprintf("%s=%.*s", name, STR_ARG(value));
    container->secrets[count + 1] = NULL;
    return 0;
}

static int
keep_all(struct asking *asking, struct err *err)
{
    const Mesos__V1__Environment *environment = environment_of(asking->container);
    size_t count = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < environment->n_variables; i++) {
        const char *name = environment->variables[i]->name;
        struct str value;
        if (!is_secret(environment->variables[i]))
            continue;
        struct err why = {0};
        rc = secrets_get(&asking->secrets, count++, &value, &why);
        rc = rc < 0 ? err_set(err, rc, "Invalid secret specified in environment '%s': %s", name, why.text)
                    : keep(asking->container, name, value, err);
    }
    return rc;
}

static void
on_secrets(void *arg)
{
    struct asking *asking = arg;
    struct container *container = asking->container;
    secrets_done_fn *done = asking->done;
    struct err err = {0};
    if (container)
        keep_all(asking, &err);
    asking_free(asking);
    if (container)
        done(container, err.code ? &err : NULL);
}

void
secrets_of_container(struct container *container, secrets_done_fn *done)
{
    struct docker *docker = container->docker;
    const Mesos__V1__Environment *environment = environment_of(container);
    size_t all = environment ? environment->n_variables : 0, count = 0;
    auto_free const Mesos__V1__Secret **list = xcalloc(all + 1, sizeof *list);
    struct err err = {0};
    for (size_t i = 0; i < all && !err.code; i++) {
        const Mesos__V1__Environment__Variable *variable = environment->variables[i];
        if (!is_secret(variable))
            continue;
        if (!variable->secret)
            err_set(&err, -EINVAL,
                    "Invalid environment specified: Environment variable '%s' of type 'SECRET' must have a secret set",
                    variable->name);
        list[count++] = variable->secret;
    }
    if (err.code || count == 0) {
        done(container, err.code ? &err : NULL);
        return;
    }
    struct asking *asking = xcalloc(1, sizeof *asking);
    *asking = (struct asking){.docker = docker, .container = container, .done = done};
    container->asking = asking;
    list_push(&docker->askings, &asking->in_docker);
    secrets_ask(&asking->secrets, docker->host, list, count, on_secrets, asking);
}

static void
secrets_wipe(char **list)
{
    for (char **item = list; item && *item; item++) {
        explicit_bzero(*item, strlen(*item));
        free(*item);
    }
    free(list);
}

int
secrets_for_executor(struct container *container, struct err *err)
{
    json_t *root = json_object();
    for (char **item = container->secrets; item && *item; item++) {
        const char *equals = strchr(*item, '=');
        auto_free char *name = xstrndup(*item, (size_t)(equals - *item));
        json_object_set_new(root, name, json_string(equals + 1));
    }
    auto_free char *text = json_object_size(root) > 0 ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (text && strlen(text) > DOCKER_SECRETS_MAX)
        return err_set(err, -E2BIG, "the secrets of the environment have %zu bytes: docker can be handed at most %d", strlen(text),
                       DOCKER_SECRETS_MAX);
    secrets_wipe(container->secrets);
    container->secrets = NULL;
    if (text) {
        container->secrets = xcalloc(2, sizeof *container->secrets);
        container->secrets[0] = xasprintf(DOCKER_SECRETS_VARIABLE "=%s", text);
        explicit_bzero(text, strlen(text));
    }
    return 0;
}

void
secrets_forget(struct container *container)
{
    if (container->asking)
        container->asking->container = NULL;
    container->asking = NULL;
    secrets_wipe(container->secrets);
    container->secrets = NULL;
}

void
secrets_stop(struct docker *docker)
{
    struct asking *asking;
    while ((asking = list_first(&docker->askings, struct asking, in_docker)))
        asking_free(asking);
}
