/* SPDX-License-Identifier: Apache-2.0 */
/* See persistent.h. */
#include "common/persistent.h"

#include "model/volume_path.h"


static void
add(struct persistent_volumes *ret, const char *work_dir, const Mesos__V1__Resource *resource)
{
    char *source = volume_path(work_dir, resource);
    if (!source)
        return;
    const Mesos__V1__Volume *volume = resource->disk->volume;
    const char *into = volume->container_path;
    struct persistent_volume item = {source, xstrdup(into), volume->mode == MESOS__V1__VOLUME__MODE__RO, resource->shared != NULL};
    if (!*into || strchr(into, '/') || strcmp(into, ".") == 0 || strcmp(into, "..") == 0 || persistent_find(ret, &item)) {
        free(item.source);
        free(item.container_path);
        return;
    }
    ret->items = xreallocarray(ret->items, ret->count + 1, sizeof *ret->items);
    ret->items[ret->count++] = item;
}

void
persistent_of_messages(struct persistent_volumes *ret, const char *work_dir, Mesos__V1__Resource *const *resources,
                       size_t count)
{
    for (size_t i = 0; i < count; i++)
        add(ret, work_dir, resources[i]);
}

void
persistent_of_values(struct persistent_volumes *ret, const char *work_dir, struct mesos_resources resources)
{
    for (size_t i = 0; i < resources.count; i++) {
        const struct mesos_resource *item = (const void *)((const char *)resources.items + i * resources.stride);
        if (!item->has_disk || !item->identity_len)
            continue;
        Mesos__V1__Resource *resource = mesos__v1__resource__unpack(NULL, item->identity_len, item->identity);
        if (resource)
            add(ret, work_dir, resource);
        mesos__v1__resource__free_unpacked(resource, NULL);
    }
}

const struct persistent_volume *
persistent_find(const struct persistent_volumes *volumes, const struct persistent_volume *like)
{
    for (size_t i = 0; i < volumes->count; i++)
        if (strcmp(volumes->items[i].source, like->source) == 0 &&
            strcmp(volumes->items[i].container_path, like->container_path) == 0)
            return &volumes->items[i];
    return NULL;
}

void
persistent_volumes_fini(struct persistent_volumes *volumes)
{
    for (size_t i = 0; i < volumes->count; i++) {
        free(volumes->items[i].source);
        free(volumes->items[i].container_path);
    }
    free(volumes->items);
    *volumes = (struct persistent_volumes){0};
}
