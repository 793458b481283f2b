/* SPDX-License-Identifier: Apache-2.0 */
/* isolator "volume/image": whole root file systems of images as volumes of a container, by bind mounts. */
#include <errno.h>
#include <sys/mount.h>

#include "common/volume.h"

struct image_isolator {
    const struct mesos_host *host;
};

static bool
supports(void *instance)
{
    return true;
}

static int
bind(const struct image_isolator *isolator, const struct mesos_isolator_container *container, const Mesos__V1__Volume *volume,
     const char *rootfs, struct launch_info *info)
{
    const struct mesos_host *host = isolator->host;
    struct err err = {0};
    if (container->debug)
        return host->fail(host, -EINVAL, "Image volumes are not supported for DEBUG containers");
    if (!rootfs)
        return host->fail(host, -ENOTSUP, "The image of volume '%s' has not been provisioned: --image_providers has not its type",
                          volume->container_path);
    auto_free char *target = volume_mount_point(host, container, volume->container_path, true, &err);
    if (!target)
        return host->fail(host, err.code, "%s", err.text);
    launch_info_mount(info, rootfs, target, NULL, volume_bind_flags(volume) | MS_REC, NULL);
    return 0;
}

static void
prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    const struct image_isolator *isolator = instance;
    struct launch_info info;
    launch_info_init(&info);
    Mesos__Slave__ContainerConfig *config = container_config(container, isolator->host);
    const Mesos__V1__ContainerInfo *of = config ? config->container_info : NULL;
    int rc = config ? 0 : -EPROTO;
    for (size_t i = 0; rc == 0 && of && i < of->n_volumes; i++)
        if (of->volumes[i]->image)
            rc = bind(isolator, container, of->volumes[i], i < container->image_count ? container->image_volumes[i] : NULL, &info);
    launch_info_reply(&info, isolator->host, call, rc);
    mesos__slave__container_config__free_unpacked(config, NULL);
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct image_isolator *isolator = instance;
    isolator->host = host;
    return needs_linux_filesystem(host, "volume/image");
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports,
    .supports_standalone = supports,
    .prepare = prepare,
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct image_isolator),
    .name = "volume/image",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "lends containers the file systems of images",
    .start = start,
    .phase = MESOS_PHASE_VOLUME,
};

MESOS_MODULES(&module);
