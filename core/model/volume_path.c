/* SPDX-License-Identifier: Apache-2.0 */
/* See volume_path.h. */
#include "model/volume_path.h"

static const char *
role_of(const Mesos__V1__Resource *resource)
{
    if (resource->n_reservations > 0 && resource->reservations[resource->n_reservations - 1]->role)
        return resource->reservations[resource->n_reservations - 1]->role;
    return resource->role ? resource->role : "*";
}

static char *
absolute(const char *work_dir, const char *path)
{
    return *path == '/' ? xstrdup(path) : xasprintf("%s/%s", work_dir, path);
}

bool
volume_is_mount(const Mesos__V1__Resource *resource)
{
    const Mesos__V1__Resource__DiskInfo__Source *source = resource->disk ? resource->disk->source : NULL;
    return source && source->type == MESOS__V1__RESOURCE__DISK_INFO__SOURCE__TYPE__MOUNT && source->mount &&
           source->mount->root;
}

char *
volume_path(const char *work_dir, const Mesos__V1__Resource *resource)
{
    const Mesos__V1__Resource__DiskInfo *disk = resource->disk;
    if (!disk || !disk->persistence || !disk->volume)
        return NULL;
    if (volume_is_mount(resource))
        return absolute(work_dir, disk->source->mount->root);
    auto_free char *root = NULL;
    if (disk->source && disk->source->type == MESOS__V1__RESOURCE__DISK_INFO__SOURCE__TYPE__PATH && disk->source->path &&
        disk->source->path->root)
        root = absolute(work_dir, disk->source->path->root);
    auto_free char *role = xstrdup(role_of(resource));
    for (char *at = role; (at = strchr(at, '/'));)
        *at = ' ';
    return xasprintf("%s/volumes/roles/%s/%s", root ? root : work_dir, role, disk->persistence->id);
}
