/* SPDX-License-Identifier: Apache-2.0 */
/* One small file per container below runtime_dir: what the next agent must know to take it back. recover.c reads it. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>
#include "base/file.h"
#include "docker.h"

int
state_write(const struct container *container, struct err *err)
{
    auto_free char *path = xasprintf("%s/%s.json", container->docker->state_dir, container->id);
    json_t *root = json_pack("{s:s, s:s, s:s, s:b, s:b, s:I, s:I, s:f, s:f, s:I, s:I, s:I, s:I}",
                             "id", container->id, "sandbox", container->sandbox, "name", container->name,
                             "in_docker", container->in_docker, "terminal", container->terminal, "pid", (json_int_t)container->pid,
                             "start_time", (json_int_t)container->start_time,
                             "overhead_cpus", container->overhead_cpus, "overhead_mem", container->overhead_mem,
                             "cpu_shares", (json_int_t)container->figures.cpu_shares,
                             "cpu_quota", (json_int_t)container->figures.cpu_quota,
                             "memory", (json_int_t)container->figures.memory,
                             "memory_reservation", (json_int_t)container->figures.memory_reservation);
    if (root && container->executor_name)
        json_object_set_new(root, "executor_name", json_string(container->executor_name));
    auto_free char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (!text)
        return err_set(err, -EINVAL, "container %s cannot be written down: its paths are no text", container->id);
    return file_replace(path, text, strlen(text), 0600, false, err);
}

void
state_remove(const struct container *container)
{
    auto_free char *path = xasprintf("%s/%s.json", container->docker->state_dir, container->id);
    unlink(path);
}
