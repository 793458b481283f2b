/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolator "posix/rlimits": the limits of ContainerInfo.rlimit_info, which nobody sets without it. The containerizer
 * turns them into setrlimit(2) before the user changes.
 */
#include <errno.h>

#include "common/launch_info.h"

struct rlimits_isolator {
    const struct mesos_host *host;
};

static bool
supports(void *instance)
{
    return true;
}

static int
check(const struct mesos_host *host, const Mesos__V1__RLimitInfo *info)
{
    for (size_t i = 0; i < info->n_rlimits; i++) {
        const Mesos__V1__RLimitInfo__RLimit *limit = info->rlimits[i];
        const ProtobufCEnumValue *type =
            protobuf_c_enum_descriptor_get_value(&mesos__v1__rlimit_info__rlimit__type__descriptor, (int)limit->type);
        if (!type || limit->type == MESOS__V1__RLIMIT_INFO__RLIMIT__TYPE__UNKNOWN)
            return host->fail(host, -EINVAL, "Unknown rlimit type %d: RLMT_NOFILE and the others of RLimitInfo are known",
                              (int)limit->type);
        if (limit->has_soft != limit->has_hard)
            return host->fail(host, -EINVAL, "Invalid RLimitInfo: %s: both 'hard' and 'soft' or none of them must be set",
                              type->name);
        if (limit->has_soft && limit->soft > limit->hard)
            return host->fail(host, -EINVAL, "Invalid RLimitInfo: %s: 'soft' %llu is above 'hard' %llu", type->name,
                              (unsigned long long)limit->soft, (unsigned long long)limit->hard);
    }
    return 0;
}

static void
prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    const struct rlimits_isolator *isolator = instance;
    struct launch_info info;
    launch_info_init(&info);
    Mesos__Slave__ContainerConfig *config = container_config(container, isolator->host);
    int rc = config ? 0 : -EPROTO;
    if (config && config->container_info && config->container_info->rlimit_info) {
        info.message.rlimits = config->container_info->rlimit_info;
        info.any = true;
        rc = check(isolator->host, info.message.rlimits);
    }
    launch_info_reply(&info, isolator->host, call, rc);
    mesos__slave__container_config__free_unpacked(config, NULL);
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct rlimits_isolator *isolator = instance;
    isolator->host = host;
    return 0;
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports,
    .supports_standalone = supports,
    .prepare = prepare,
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct rlimits_isolator),
    .name = "posix/rlimits",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "sets the resource limits that a container asks for",
    .start = start,
    .phase = MESOS_PHASE_POSIX,
};

MESOS_MODULES(&module);
