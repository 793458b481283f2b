/* SPDX-License-Identifier: Apache-2.0 */
/* The ContainerInfo of `mesos execute`: image, networks, volumes, limits, capabilities, terminal. */
#include "cli/execute.h"

#include <errno.h>

#include "wire/message.h"

#define NEW(session, Type, prefix, var)                                                                            \
    Type *var = arena_alloc((session)->arena, sizeof(*var));                                                       \
    prefix##__init(var)

static char *
keep(const struct execute_session *session, struct str text)
{
    return arena_strdup(session->arena, text);
}

/* An image alone is run by whoever runs Docker images everywhere; what only the other can do decides for that one. */
static bool
is_docker(const struct execute_target *t)
{
    if (t->containerizer_given)
        return strcmp(t->containerizer, "docker") == 0;
    return t->docker_image && !t->tty && !t->rlimits && !t->effective_capabilities && !t->bounding_capabilities;
}

static Mesos__V1__Image *
image(const struct execute_session *session)
{
    const struct execute_target *t = session->target;
    NEW(session, Mesos__V1__Image, mesos__v1__image, out);

    if (t->docker_image) {
        NEW(session, Mesos__V1__Image__Docker, mesos__v1__image__docker, docker);

        out->type = MESOS__V1__IMAGE__TYPE__DOCKER;
        out->docker = docker;
        docker->name = keep(session, str_of(t->docker_image));
    } else {
        NEW(session, Mesos__V1__Image__Appc, mesos__v1__image__appc, appc);

        out->type = MESOS__V1__IMAGE__TYPE__APPC;
        out->appc = appc;
        appc->name = keep(session, str_of(t->appc_image));
    }
    return out;
}

static void
describe_networks(const struct execute_session *session, Mesos__V1__ContainerInfo *info)
{
    struct str rest = str_of(session->target->networks);
    size_t most = 1;

    for (size_t i = 0; i < rest.len; i++)
        most += rest.ptr[i] == ',';
    info->network_infos = arena_calloc(session->arena, most, sizeof(*info->network_infos));
    while (rest.len > 0) {
        struct str name = str_trim(str_cut(&rest, ','));
        NEW(session, Mesos__V1__NetworkInfo, mesos__v1__network_info, network);

        if (name.len == 0)
            continue;
        network->name = keep(session, name);
        info->network_infos[info->n_network_infos++] = network;
    }
}

static int
describe_volumes(const struct execute_session *session, Mesos__V1__ContainerInfo *info, struct err *err)
{
    json_t *array = json_loads(session->target->volumes, 0, NULL), *item;
    size_t i;

    if (!json_is_array(array)) {
        json_decref(array);
        return err_set(err, -EINVAL, "--volumes: a JSON array of volumes is wanted");
    }
    info->volumes = arena_calloc(session->arena, json_array_size(array) + 1, sizeof(*info->volumes));
    json_array_foreach(array, i, item)
    {
        auto_free char *text = json_dumps(item, JSON_COMPACT | JSON_ENCODE_ANY);
        Mesos__V1__Volume *volume =
            message_from_json(&mesos__v1__volume__descriptor, str_of(text), session->arena, err);

        if (!volume) {
            json_decref(array);
            return err_wrap(err, "--volumes: number %zu", i + 1);
        }
        info->volumes[info->n_volumes++] = volume;
    }
    json_decref(array);
    return 0;
}

static int
describe_docker(const struct execute_session *session, Mesos__V1__ContainerInfo *info, struct err *err)
{
    const struct execute_target *t = session->target;
    NEW(session, Mesos__V1__ContainerInfo__DockerInfo, mesos__v1__container_info__docker_info, docker);

    info->type = MESOS__V1__CONTAINER_INFO__TYPE__DOCKER;
    if (!t->docker_image)
        return err_set(err, -EINVAL, "--containerizer=docker wants --docker_image as well");
    if (t->tty || t->rlimits || t->effective_capabilities || t->bounding_capabilities || t->appc_image)
        return err_set(err, -EINVAL,
                       "--containerizer=docker knows no --tty, --rlimits, --effective_capabilities, "
                       "--bounding_capabilities and --appc_image: use --containerizer=mesos");
    if (info->n_network_infos > 1)
        return err_set(err, -EINVAL, "--networks=%s: the docker containerizer joins one network only", t->networks);
    docker->image = keep(session, str_of(t->docker_image));
    if (info->n_network_infos == 1) {
        docker->has_network = true;
        docker->network = MESOS__V1__CONTAINER_INFO__DOCKER_INFO__NETWORK__USER;
    }
    info->docker = docker;
    return 0;
}

/* One option whose text is a message of its own. *ret stays NULL when it is not given. */
static int
describe_message(const struct execute_session *session, const char *option, const char *text,
                 const ProtobufCMessageDescriptor *type, void **ret, struct err *err)
{
    if (!text)
        return 0;
    *ret = message_from_json(type, str_of(text), session->arena, err);
    return *ret ? 0 : err_wrap(err, "--%s", option);
}

static int
describe_linux(const struct execute_session *session, Mesos__V1__ContainerInfo *info, struct err *err)
{
    const struct execute_target *t = session->target;
    NEW(session, Mesos__V1__LinuxInfo, mesos__v1__linux_info, linux_info);
    const ProtobufCMessageDescriptor *type = &mesos__v1__capability_info__descriptor;
    void *effective = NULL, *bounding = NULL, *limits = NULL;

    if (describe_message(session, "effective_capabilities", t->effective_capabilities, type, &effective, err) < 0 ||
        describe_message(session, "bounding_capabilities", t->bounding_capabilities, type, &bounding, err) < 0 ||
        describe_message(session, "rlimits", t->rlimits, &mesos__v1__rlimit_info__descriptor, &limits, err) < 0)
        return err->code;
    linux_info->effective_capabilities = effective;
    linux_info->bounding_capabilities = bounding;
    info->rlimit_info = limits;
    if (effective || bounding)
        info->linux_info = linux_info;
    return 0;
}

static int
describe_mesos(const struct execute_session *session, Mesos__V1__ContainerInfo *info, struct err *err)
{
    const struct execute_target *t = session->target;

    if (t->docker_image && t->appc_image)
        return err_set(err, -EINVAL, "both --docker_image and --appc_image were given: one of them is wanted");
    if (t->docker_image || t->appc_image) {
        NEW(session, Mesos__V1__ContainerInfo__MesosInfo, mesos__v1__container_info__mesos_info, mesos);

        mesos->image = image(session);
        info->mesos = mesos;
    }
    if (t->tty) {
        NEW(session, Mesos__V1__TTYInfo, mesos__v1__ttyinfo, tty);

        info->tty_info = tty;
    }
    return describe_linux(session, info, err);
}

int
execute_container(struct execute_session *session, Mesos__V1__ContainerInfo **ret, struct err *err)
{
    const struct execute_target *t = session->target;
    NEW(session, Mesos__V1__ContainerInfo, mesos__v1__container_info, info);
    bool docker = is_docker(t);

    *ret = NULL;
    if (!docker && !t->docker_image && !t->appc_image && !t->networks && !t->volumes && !t->tty && !t->rlimits &&
        !t->effective_capabilities && !t->bounding_capabilities)
        return 0;
    info->type = MESOS__V1__CONTAINER_INFO__TYPE__MESOS;
    if (t->networks)
        describe_networks(session, info);
    if (t->volumes && describe_volumes(session, info, err) < 0)
        return err->code;
    if ((docker ? describe_docker(session, info, err) : describe_mesos(session, info, err)) < 0)
        return err->code;
    *ret = info;
    return 0;
}
