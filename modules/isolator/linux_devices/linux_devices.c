/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolator "linux/devices": the devices of --allowed_devices in the /dev of containers with a root file system of their own. Each
 * gets nodes of its own, in its runtime directory, so that what it changes on them is nobody else's. Texts and rules: Mesos's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "common/safe_path.h"
#include "common/volume.h"
#include "wire/message.h"

struct device {
    char *name; /* below /dev */
    mode_t mode;
    dev_t number;
};

struct devices_isolator {
    const struct mesos_host *host;
    struct device *devices;
    size_t count;
};

static bool
supports(void *instance)
{
    return true;
}

/* As the containerizer lays runtime directories out. */
static char *
devices_directory(const struct devices_isolator *isolator, const char *container_id)
{
    auto_buf struct buf path = {0};
    struct str rest = str_of(container_id);
    buf_puts(&path, isolator->host->runtime_dir);
    while (rest.len > 0) {
        struct str name = str_cut(&rest, '.');
        buf_printf(&path, "/containers/%.*s", STR_ARG(name));
    }
    buf_puts(&path, "/devices");
    return str_dup(buf_str(&path));
}

static int
make_one(const struct devices_isolator *isolator, const struct mesos_isolator_container *container, const char *dir,
         const struct device *device, struct launch_info *info)
{
    const struct mesos_host *host = isolator->host;
    struct err err = {0};
    const char *slash = strrchr(device->name, '/');
    auto_free char *node = xasprintf("%s/%s", dir, device->name);
    auto_free char *target = xasprintf("%s/dev/%s", container->rootfs, device->name);
    auto_free char *above = xstrndup(device->name, slash ? (size_t)(slash - device->name) : 0);
    if (*above && safe_path_make(dir, above, SAFE_PATH_NO_LINKS, SAFE_PATH_DIRECTORY, NULL, NULL, &err) < 0)
        return host->fail(host, err.code, "Failed to create parent directory for device '%s': %s", node, err.text);
    if (mknod(node, device->mode, device->number) < 0 && errno != EEXIST)
        return host->fail(host, -errno, "Failed to create device '%s': %s", node, strerror(errno));
    if (chmod(node, device->mode & 07777) < 0) /* whatever the umask is */
        return host->fail(host, -errno, "Failed to chmod device '%s': %s", node, strerror(errno));
    launch_info_mount(info, node, target, NULL, MS_BIND, NULL);
    return 0;
}

static void
prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    const struct devices_isolator *isolator = instance;
    const struct mesos_host *host = isolator->host;
    struct launch_info info;
    int rc = 0;
    launch_info_init(&info);
    if (container->rootfs && isolator->count > 0) {
        auto_free char *dir = devices_directory(isolator, container->container_id);
        struct err err = {0};
        if (dir_make(dir, 0755, &err) < 0 || chmod(dir, 0700) < 0)
            rc = host->fail(host, err.code ? err.code : -errno, "Failed to create container devices directory: %s",
                            err.code ? err.text : strerror(errno));
        for (size_t i = 0; i < isolator->count && rc == 0; i++)
            rc = make_one(isolator, container, dir, &isolator->devices[i], &info);
    }
    launch_info_reply(&info, host, call, rc);
}

static void
cleanup(void *instance, const char *container_id, struct mesos_call *call)
{
    const struct devices_isolator *isolator = instance;
    auto_free char *dir = devices_directory(isolator, container_id);
    dir_remove(dir, NULL);
    *strrchr(dir, '/') = '\0';
    rmdir(dir); /* nothing else is in it when the container was never started */
    isolator->host->reply(isolator->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static int
add_device(struct devices_isolator *isolator, const Mesos__V1__DeviceAccess *access)
{
    const struct mesos_host *host = isolator->host;
    const char *path = access->device->path;
    struct stat is;
    if (!path)
        return host->fail(host, -EINVAL, "--allowed_devices: Whitelisted device has no device path provided: isolator "
                                         "'linux/devices' needs \"path\" of each device");
    if (strncmp(path, "/dev/", 5) != 0 || !safe_path_is_inside(path + 5))
        return host->fail(host, -EINVAL, "--allowed_devices: '%s' is no path below /dev", path);
    if (stat(path, &is) < 0)
        return host->fail(host, -errno, "--allowed_devices: Failed to obtain device ID for '%s': %s", path, strerror(errno));
    if (!S_ISBLK(is.st_mode) && !S_ISCHR(is.st_mode))
        return host->fail(host, -EINVAL, "--allowed_devices: '%s' is not a block or character device", path);
    /* Whoever is in the container has the access, whatever its user, as with the devices control group. */
    mode_t mode = (is.st_mode & S_IFMT) | S_IRUSR | S_IWUSR;
    mode |= access->access->has_read && access->access->read ? S_IRGRP | S_IROTH : 0;
    mode |= access->access->has_write && access->access->write ? S_IWGRP | S_IWOTH : 0;
    isolator->devices = xreallocarray(isolator->devices, isolator->count + 1, sizeof *isolator->devices);
    isolator->devices[isolator->count++] = (struct device){xstrdup(path + 5), mode, is.st_rdev};
    return 0;
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct devices_isolator *isolator = instance;
    auto_arena struct arena *arena = arena_new(0);
    struct err err = {0};
    const char *text = host->daemon_option(host, "allowed_devices");
    isolator->host = host;
    if (geteuid() != 0)
        return host->fail(host, -EPERM, "isolator 'linux/devices' needs root: Linux devices isolator requires root permissions");
    int rc = needs_linux_filesystem(host, "linux/devices");
    if (rc < 0 || !text || !*text)
        return rc;
    const Mesos__V1__DeviceWhitelist *list =
        MESSAGE_FROM_JSON(Mesos__V1__DeviceWhitelist, mesos__v1__device_whitelist, str_of(text), arena, &err);
    if (!list)
        return host->fail(host, -EINVAL, "--allowed_devices: '%s': %s", text, err.text);
    for (size_t i = 0; i < list->n_allowed_devices && rc == 0; i++)
        rc = add_device(isolator, list->allowed_devices[i]);
    return rc;
}

static void
stop(void *instance, struct mesos_call *call)
{
    struct devices_isolator *isolator = instance;
    for (size_t i = 0; i < isolator->count; i++)
        free(isolator->devices[i].name);
    free(isolator->devices);
    if (call)
        isolator->host->reply(isolator->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports,
    .supports_standalone = supports,
    .prepare = prepare,
    .cleanup = cleanup,
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct devices_isolator),
    .name = "linux/devices",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "shows containers the devices that they may use",
    .start = start,
    .stop = stop,
    .phase = MESOS_PHASE_LINUX,
};

MESOS_MODULES(&module);
