/* SPDX-License-Identifier: Apache-2.0 */
/* Commands, their environment, and containers. */
#include <errno.h>

#include "model/validate.h"

static int
secret_validate(const Mesos__V1__Secret *secret, struct err *err)
{
    switch (secret->has_type ? secret->type : MESOS__V1__SECRET__TYPE__UNKNOWN) {
    case MESOS__V1__SECRET__TYPE__REFERENCE:
        if (!secret->reference)
            return err_set(err, -EINVAL, "Secret of type REFERENCE must have the 'reference' field set");
        if (secret->value)
            return err_set(err, -EINVAL, "Secret '%s' of type REFERENCE must not have the 'value' field set",
                           secret->reference->name);
        return 0;
    case MESOS__V1__SECRET__TYPE__VALUE:
        if (!secret->value)
            return err_set(err, -EINVAL, "Secret of type VALUE must have the 'value' field set");
        if (secret->reference)
            return err_set(err, -EINVAL, "Secret of type VALUE must not have the 'reference' field set");
        return 0;
    default:
        return err_set(err, -EINVAL, "Secret of type UNKNOWN is not permitted");
    }
}

static int
variable_secret(const Mesos__V1__Environment__Variable *one, struct err *err)
{
    if (!one->secret)
        return err_set(err, -EINVAL, "Environment variable '%s' of type 'SECRET' must have a secret set", one->name);
    if (one->value)
        return err_set(err, -EINVAL, "Environment variable '%s' of type 'SECRET' must not have a value set", one->name);
    if (secret_validate(one->secret, err))
        return err_wrap(err, "Environment variable '%s' specifies an invalid secret", one->name);
    if (one->secret->value && one->secret->value->data.len &&
        memchr(one->secret->value->data.data, '\0', one->secret->value->data.len))
        return err_set(err, -EINVAL, "Environment variable '%s' specifies a secret containing null bytes, which is "
                                     "not allowed in the environment", one->name);
    return 0;
}

static int
variable_validate(const Mesos__V1__Environment__Variable *one, struct err *err)
{
    /* Unset means VALUE: the schema's default. */
    switch (one->has_type ? one->type : MESOS__V1__ENVIRONMENT__VARIABLE__TYPE__VALUE) {
    case MESOS__V1__ENVIRONMENT__VARIABLE__TYPE__SECRET:
        return variable_secret(one, err);
    case MESOS__V1__ENVIRONMENT__VARIABLE__TYPE__VALUE:
        if (!one->value)
            return err_set(err, -EINVAL, "Environment variable '%s' of type 'VALUE' must have a value set", one->name);
        if (one->secret)
            return err_set(err, -EINVAL, "Environment variable '%s' of type 'VALUE' must not have a secret set",
                           one->name);
        return 0;
    default:
        return err_set(err, -EINVAL, "Environment variable of type 'UNKNOWN' is not allowed");
    }
}

int
environment_validate(const Mesos__V1__Environment *environment, struct err *err)
{
    for (size_t i = 0; i < environment->n_variables; i++) {
        int rc = variable_validate(environment->variables[i], err);
        if (rc)
            return rc;
    }
    return 0;
}

int
command_validate(const Mesos__V1__CommandInfo *command, struct err *err)
{
    return command->environment ? environment_validate(command->environment, err) : 0;
}

static int
source_validate(const Mesos__V1__Volume__Source *source, struct err *err)
{
    const char *missing = NULL;
    switch (source->has_type ? source->type : MESOS__V1__VOLUME__SOURCE__TYPE__UNKNOWN) {
    case MESOS__V1__VOLUME__SOURCE__TYPE__DOCKER_VOLUME:
        missing = source->docker_volume ? NULL : "docker_volume";
        break;
    case MESOS__V1__VOLUME__SOURCE__TYPE__HOST_PATH:
        missing = source->host_path ? NULL : "host_path";
        break;
    case MESOS__V1__VOLUME__SOURCE__TYPE__SANDBOX_PATH:
        missing = source->sandbox_path ? NULL : "sandbox_path";
        break;
    case MESOS__V1__VOLUME__SOURCE__TYPE__SECRET:
        missing = source->secret ? NULL : "secret";
        break;
    case MESOS__V1__VOLUME__SOURCE__TYPE__CSI_VOLUME:
        missing = source->csi_volume ? NULL : "csi_volume";
        break;
    default:
        return err_set(err, -EINVAL, "Volume source type is unknown");
    }
    return missing ? err_set(err, -EINVAL, "'source.%s' is not set for a volume source of its type", missing) : 0;
}

static int
volume_validate(const Mesos__V1__Volume *volume, struct err *err)
{
    if ((volume->host_path != NULL) + (volume->image != NULL) + (volume->source != NULL) > 1)
        return err_set(err, -EINVAL, "Only one of them should be set: 'host_path', 'image' and 'source'");
    return volume->source ? source_validate(volume->source, err) : 0;
}

/* Texts are Mesos's. The name is the containerizer's, by which it knows its containers again. */
static int
docker_validate(const Mesos__V1__ContainerInfo *container, struct err *err)
{
    const Mesos__V1__ContainerInfo__DockerInfo *docker = container->docker;
    if (container->type != MESOS__V1__CONTAINER_INFO__TYPE__DOCKER)
        return 0;
    if (!docker)
        return err_set(err, -EINVAL, "DockerInfo 'docker' is not set for DOCKER typed ContainerInfo");
    for (size_t i = 0; i < docker->n_parameters; i++)
        if (strcmp(docker->parameters[i]->key, "name") == 0)
            return err_set(err, -EINVAL, "Parameter in DockerInfo must not be 'name'");
    return 0;
}

int
container_validate(const Mesos__V1__ContainerInfo *container, struct err *err)
{
    for (size_t i = 0; i < container->n_volumes; i++) {
        int rc = volume_validate(container->volumes[i], err);
        if (rc)
            return err_wrap(err, "Volume '%s'", container->volumes[i]->container_path);
    }
    if (docker_validate(container, err))
        return err->code;
    const Mesos__V1__RLimitInfo *limits = container->rlimit_info;
    for (size_t i = 0; limits && i < limits->n_rlimits; i++)
        if (limits->rlimits[i]->has_soft != limits->rlimits[i]->has_hard)
            return err_set(err, -EINVAL, "Invalid RLimitInfo: both 'hard' and 'soft' or none of them must be set");
    return 0;
}
