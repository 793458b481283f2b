/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a container's resources to the places that are measured. A volume is measured where the agent keeps it and not where
 * the container sees it: a task may put a link there.
 */
#include "disk_du.h"
#include "mesos/slave/containerizer.pb-c.h"
#include "model/volume_path.h"

bool
place_is_sandbox(const struct place *place)
{
    return place->resource.len == 0;
}

void
place_free(struct place *place)
{
    if (place->container->isolator->measured == place)
        place->container->isolator->measured = NULL;
    list_remove(&place->in_container);
    list_remove(&place->in_queue);
    buf_fini(&place->resource);
    free(place->path);
    free(place);
}

static struct place *
place_get(struct du_container *container, const char *path)
{
    struct disk_du *isolator = container->isolator;
    struct place *place;
    list_foreach(place, &container->places, in_container)
        if (strcmp(place->path, path) == 0)
            return place;
    place = xcalloc(1, sizeof *place);
    place->container = container;
    place->path = xstrdup(path);
    place->due_ms = isolator->host->now_ms(isolator->host);
    list_push(&container->places, &place->in_container);
    list_push_front(&isolator->queue, &place->in_queue);
    return place;
}

static void
volume_add(struct du_container *container, const struct mesos_resource *item, Mesos__V1__Resource *resource)
{
    auto_free char *path = volume_path(container->isolator->host->work_dir, resource);
    if (!path)
        return;
    struct place *place = place_get(container, path);
    buf_clear(&place->resource);
    buf_append(&place->resource, item->identity, item->identity_len);
    place->mount = volume_is_mount(resource);
    place->limit_bytes = (uint64_t)item->scalar * 1024 / 1000 * 1024;
    place->wanted = true;
}

/* What a broken limit names: the disk that the sandbox was given. */
static void
sandbox_resource(struct du_container *container, const struct mesos_resource *item)
{
    Mesos__Slave__ContainerLimitation limitation = MESOS__SLAVE__CONTAINER_LIMITATION__INIT;
    Mesos__V1__Value__Scalar scalar = MESOS__V1__VALUE__SCALAR__INIT;
    Mesos__V1__Resource plain = MESOS__V1__RESOURCE__INIT, *reserved = NULL, *resource = &plain;
    char name[] = "disk";
    if (item->identity_len > 0)
        reserved = mesos__v1__resource__unpack(NULL, item->identity_len, item->identity);
    plain.name = name;
    plain.type = MESOS__V1__VALUE__TYPE__SCALAR;
    if (reserved)
        resource = reserved;
    scalar.value = (double)item->scalar / 1000;
    resource->scalar = &scalar;
    limitation.n_resources = 1;
    limitation.resources = &resource;
    struct buf *out = &container->sandbox_resources;
    size_t len = mesos__slave__container_limitation__get_packed_size(&limitation);
    buf_added(out, mesos__slave__container_limitation__pack(&limitation, (uint8_t *)buf_reserve(out, len)));
    resource->scalar = NULL;
    mesos__v1__resource__free_unpacked(reserved, NULL);
}

static void
item_add(struct du_container *container, const struct mesos_resource *item, uint64_t *sandbox_bytes)
{
    if (strcmp(item->name, "disk") != 0 || item->type != MESOS_VALUE_SCALAR)
        return;
    Mesos__V1__Resource *resource = NULL;
    if (item->has_disk && item->identity_len > 0) {
        /* What identity leaves out (the value) is optional; name and type are there. */
        resource = mesos__v1__resource__unpack(NULL, item->identity_len, item->identity);
    }
    if (resource && resource->disk && resource->disk->persistence) {
        volume_add(container, item, resource);
    } else if (!item->has_disk) {
        *sandbox_bytes += (uint64_t)item->scalar * 1024 / 1000 * 1024;
        sandbox_resource(container, item);
    }
    mesos__v1__resource__free_unpacked(resource, NULL);
}

void
places_update(struct du_container *container, struct mesos_resources resources)
{
    struct place *place, *tmp;
    uint64_t sandbox_bytes = 0;
    buf_clear(&container->sandbox_resources);
    list_foreach(place, &container->places, in_container)
        place->wanted = false;
    for (size_t i = 0; i < resources.count; i++)
        item_add(container, (const void *)((const char *)resources.items + i * resources.stride), &sandbox_bytes);
    if (sandbox_bytes > 0) {
        place = place_get(container, container->sandbox);
        place->limit_bytes = sandbox_bytes;
        place->wanted = true;
    }
    list_foreach_safe(place, tmp, &container->places, in_container)
        if (!place->wanted)
            place_free(place);
}
