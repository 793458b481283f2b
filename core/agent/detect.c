/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this machine has: --resources as far as it says, the rest counted here, and --attributes. Head room is
 * left as Mesos leaves it: memory total - 1 GB (half below 2 GB), disk total - 5 GB (half below 10 GB) of
 * work_dir's file system.
 */
#include "agent/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "model/attributes.h"

#define DETECT_DEFAULT_PORTS "[31000-32000]"

static double
detect_cpus(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (double)n : 1;
}

static uint64_t
detect_mem_mb(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    if (pages <= 0 || size <= 0)
        return 1024;
    uint64_t mb = (uint64_t)pages * (uint64_t)size >> 20;
    return mb >= 2048 ? mb - 1024 : mb / 2;
}

static uint64_t
detect_disk_mb(const char *work_dir)
{
    struct statvfs fs;
    if (statvfs(work_dir, &fs))
        return 10240;
    uint64_t mb = (uint64_t)fs.f_blocks * fs.f_frsize >> 20;
    return mb >= 10240 ? mb - 5120 : mb / 2;
}

static bool
has_name(const struct resources *resources, const char *name)
{
    for (uint32_t i = 0; i < resources->count; i++)
        if (!strcmp(resources->items[i].name, name))
            return true;
    return false;
}

/* Each standard kind that --resources does not name is detected; the order is Mesos's. */
static int
detect_resources(struct agent *agent, struct err *err)
{
    const struct agent_options *options = agent->options;
    const char *role = options->default_role ? options->default_role : "*";
    auto_resources struct resources given = {0};
    int status;
    if (options->resources && (status = resources_parse(&given, str_of(options->resources), role, err)))
        return err_wrap(err, "--resources");
    auto_buf struct buf text = {0};
    if (!has_name(&given, "cpus"))
        buf_printf(&text, "cpus:%.0f;", detect_cpus());
    if (!has_name(&given, "mem"))
        buf_printf(&text, "mem:%llu;", (unsigned long long)detect_mem_mb());
    if (!has_name(&given, "disk"))
        buf_printf(&text, "disk:%llu;", (unsigned long long)detect_disk_mb(agent->work_dir));
    if (!has_name(&given, "ports"))
        buf_puts(&text, "ports:" DETECT_DEFAULT_PORTS);
    resources_copy(&agent->total, &given);
    if (text.len) {
        auto_resources struct resources found = {0};
        if ((status = resources_parse(&found, buf_str(&text), role, err)))
            return err_wrap(err, "detected resources");
        resources_add(&agent->total, &found);
    }
    return 0;
}

int
agent_detect(struct agent *agent, struct err *err)
{
    int status = dir_make(agent->work_dir, 0755, err);
    if (status || (status = detect_resources(agent, err)))
        return status;
    struct err why = {0};
    agent->attributes = attributes_parse(str_of(agent->options->attributes), agent->attributes_arena,
                                         &agent->attribute_count, &why);
    if (!agent->attributes && why.code)
        return err_set(err, why.code, "--attributes: %s", why.text);
    auto_buf struct buf text = {0};
    resources_format(&text, &agent->total);
    log_info("agent resources: %s", buf_cstr(&text));
    return 0;
}

Mesos__SlaveInfo *
agent_slave_info(const struct agent *agent, struct arena *arena)
{
    Mesos__SlaveInfo *info = arena_alloc(arena, sizeof(*info));
    mesos__slave_info__init(info);
    info->hostname = agent->hostname;
    info->has_port = true;
    info->port = address_port(&agent->daemon->self);
    info->resources = resources_to_proto(&agent->total, true, arena, &info->n_resources);
    info->attributes = agent->attributes;
    info->n_attributes = agent->attribute_count;
    info->has_checkpoint = true;
    info->checkpoint = true;
    if (agent->id) {
        info->id = arena_alloc(arena, sizeof(*info->id));
        mesos__v1__agent_id__init(info->id);
        info->id->value = agent->id;
    }
    return info;
}

Mesos__V1__AgentInfo *
agent_info(const struct agent *agent, struct arena *arena)
{
    Mesos__V1__AgentInfo *info = arena_alloc(arena, sizeof(*info));
    mesos__v1__agent_info__init(info);
    info->hostname = agent->hostname;
    info->has_port = true;
    info->port = address_port(&agent->daemon->self);
    info->resources = resources_to_proto(&agent->total, false, arena, &info->n_resources);
    info->attributes = agent->attributes;
    info->n_attributes = agent->attribute_count;
    if (agent->id) {
        info->id = arena_alloc(arena, sizeof(*info->id));
        mesos__v1__agent_id__init(info->id);
        info->id->value = agent->id;
    }
    return info;
}
