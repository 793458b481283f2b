/* SPDX-License-Identifier: Apache-2.0 */
/* What a container is to have, from resources and from packed mesos.slave.ContainerConfig. See group.h. */
#include <math.h>
#include "common/packed.h"
#include "group.h"

/* Numbers of fields in ContainerConfig, ContainerInfo and LinuxInfo. */
enum {
    CONFIG_TASK_INFO = 9,
    CONFIG_CONTAINER_INFO = 12,
    CONFIG_CLASS = 14,
    CONFIG_LIMITS = 16,
    CLASS_DEBUG = 2,
    CONTAINER_LINUX_INFO = 8,
    LINUX_SHARE_CGROUPS = 8,
};

/* An entry of the map: name and Value.Scalar. */
static void
read_limit(struct wish *wish, struct str entry)
{
    struct packed_field name, scalar, value;
    if (!packed_find(entry, 1, &name) || !packed_find(entry, 2, &scalar) || !packed_find(scalar.bytes, 1, &value) ||
        value.type != PACKED_FIXED64)
        return;
    double limit = packed_to_double(value.value);
    if (isnan(limit) || limit < 0)
        return;
    if (str_is(name.bytes, "cpus")) {
        wish->cpu_limit = limit;
        wish->has_cpu_limit = true;
    } else if (str_is(name.bytes, "mem")) {
        wish->mem_limit_mb = limit;
        wish->has_mem_limit = true;
    }
}

void
wish_read(struct wish *ret, struct mesos_resources requests, struct mesos_bytes limits)
{
    int64_t cpus = 0, mem = 0;
    *ret = (struct wish){0};
    for (size_t i = 0; i < requests.count; i++) {
        const struct mesos_resource *r = (const void *)((const char *)requests.items + i * requests.stride);
        if (r->type != MESOS_VALUE_SCALAR)
            continue;
        if (strcmp(r->name, "cpus") == 0) {
            cpus += r->scalar;
            ret->has_cpus = true;
            ret->revocable_cpus = ret->revocable_cpus || r->revocable;
        } else if (strcmp(r->name, "mem") == 0) {
            mem += r->scalar;
            ret->has_mem = true;
        }
    }
    ret->cpus = (double)cpus / 1000;
    ret->mem_bytes = mem > 0 ? (uint64_t)(mem / 1000) << 20 : 0;
    struct str rest = str_n(limits.data, limits.len);
    struct packed_field field;
    while (packed_next(&rest, &field))
        if (field.number == CONFIG_LIMITS && field.type == PACKED_BYTES)
            read_limit(ret, field.bytes);
}

bool
wish_own_cgroups(struct mesos_bytes config)
{
    struct str text = str_n(config.data, config.len);
    struct packed_field field, info, linux_info, share;
    if (packed_find(text, CONFIG_CLASS, &field) && field.value == CLASS_DEBUG)
        return false;
    return packed_find(text, CONFIG_CONTAINER_INFO, &info) && packed_find(info.bytes, CONTAINER_LINUX_INFO, &linux_info) &&
           packed_find(linux_info.bytes, LINUX_SHARE_CGROUPS, &share) && share.type == PACKED_VARINT && share.value == 0;
}

bool
config_is_command_task(struct mesos_bytes config)
{
    struct packed_field field;
    return packed_find(str_n(config.data, config.len), CONFIG_TASK_INFO, &field);
}
