/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container with a root file system of its own: beside /proc, /sys and /dev, which the launch helper makes for each, its
 * sandbox at --sandbox_directory and what of the kernel's views is hidden. The set is Mesos's.
 */
#include <sys/mount.h>
#include <unistd.h>

#include "common/safe_path.h"
#include "filesystem_linux.h"

static const char *const MASKS[] = {
    "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/key-users", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/firmware",
};

static int
mount_sandbox(const struct linux_isolator *isolator, const struct mesos_isolator_container *container,
              struct launch_info *info)
{
    struct err err = {0};
    const struct mesos_host *host = isolator->host;
    const char *at = host->daemon_option(host, "sandbox_directory");
    at = at ? at : "/mnt/mesos/sandbox";
    auto_free char *target = xasprintf("%s%s", container->rootfs, at);
    if (safe_path_make(container->rootfs, at, SAFE_PATH_IN_ROOT, SAFE_PATH_DIRECTORY, NULL, NULL, &err) < 0)
        return host->fail(host, err.code, "Failed to create sandbox mount point at '%s': %s", target, err.text);
    launch_info_mount(info, container->sandbox, target, NULL, MS_BIND | MS_REC, NULL);
    return 0;
}

int
rootfs_prepare(struct linux_isolator *isolator, const struct mesos_isolator_container *container, bool masked,
               struct launch_info *info)
{
    auto_free char *cgroup = xasprintf("%s/sys/fs/cgroup", container->rootfs);
    info->message.rootfs = arena_strdup(info->arena, str_of(container->rootfs));
    if (access("/sys/fs/cgroup", F_OK) == 0)
        launch_info_mount(info, "tmpfs", cgroup, "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=755");
    for (size_t i = 0; masked && i < ARRAY_LEN(MASKS); i++)
        launch_info_mask(info, MASKS[i]);
    return mount_sandbox(isolator, container, info);
}
