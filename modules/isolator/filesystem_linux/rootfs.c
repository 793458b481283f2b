/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container with a root file system of its own: what is mounted in it, which of it is hidden, and device nodes that nobody
 * else's container can change. The set is Mesos's.
 */
#include <errno.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "common/safe_path.h"
#include "filesystem_linux.h"

#define QUIET (MS_NOSUID | MS_NOEXEC | MS_NODEV)

/* In this order: what is bound lies in what was mounted before. */
static const struct {
    const char *source, *target, *type, *options;
    uint32_t flags;
} MOUNTS[] = {
    {"proc", "/proc", "proc", NULL, QUIET},
    {"/proc/bus", "/proc/bus", NULL, NULL, MS_BIND | MS_RDONLY | QUIET},
    {"/proc/fs", "/proc/fs", NULL, NULL, MS_BIND | MS_RDONLY | QUIET},
    {"/proc/irq", "/proc/irq", NULL, NULL, MS_BIND | MS_RDONLY | QUIET},
    {"/proc/sys", "/proc/sys", NULL, NULL, MS_BIND | MS_RDONLY | QUIET},
    {"/proc/sysrq-trigger", "/proc/sysrq-trigger", NULL, NULL, MS_BIND | MS_RDONLY | QUIET},
    {"sysfs", "/sys", "sysfs", NULL, MS_RDONLY | QUIET},
    {"tmpfs", "/sys/fs/cgroup", "tmpfs", "mode=755", QUIET},
    {"tmpfs", "/dev", "tmpfs", "mode=755", MS_NOSUID | MS_NOEXEC | MS_STRICTATIME},
    {"devpts", "/dev/pts", "devpts", "newinstance,ptmxmode=0666,mode=0620,gid=5", MS_NOSUID | MS_NOEXEC},
};

static const char *const MASKS[] = {
    "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/key-users", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/firmware",
};

static const char *const DEVICES[] = {"full", "null", "random", "tty", "urandom", "zero"};

static const struct {
    const char *text, *name;
} LINKS[] = {
    {"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"},
    {"pts/ptmx", "ptmx"},
};

/* As the containerizer lays runtime directories out. */
static char *
devices_directory(const struct linux_isolator *isolator, const char *container_id)
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
wrong(const struct linux_isolator *isolator, const char *what, const char *path)
{
    return isolator->host->fail(isolator->host, -errno, "%s '%s': %s", what, path, strerror(errno));
}

/* Copies of the host's nodes: what a container changes on them is its own. */
static int
make_devices(const struct linux_isolator *isolator, const struct mesos_isolator_container *container,
             struct launch_info *info)
{
    struct err err = {0};
    auto_free char *dir = devices_directory(isolator, container->container_id);
    if (dir_make(dir, 0755, &err) < 0 || chmod(dir, 0700) < 0)
        return isolator->host->fail(isolator->host, err.code ? err.code : -errno,
                                    "Failed to create container devices directory: %s", err.code ? err.text : strerror(errno));
    for (size_t i = 0; i < ARRAY_LEN(DEVICES); i++) {
        struct stat is;
        auto_free char *on_host = xasprintf("/dev/%s", DEVICES[i]), *node = xasprintf("%s/%s", dir, DEVICES[i]);
        auto_free char *target = xasprintf("%s/dev/%s", container->rootfs, DEVICES[i]);
        if (stat(on_host, &is) < 0)
            return wrong(isolator, "Failed to import device", on_host);
        if ((mknod(node, is.st_mode, is.st_rdev) < 0 && errno != EEXIST) || chmod(node, is.st_mode & 07777) < 0 ||
            chown(node, is.st_uid, is.st_gid) < 0)
            return wrong(isolator, "Failed to import device", node);
        launch_info_mount(info, node, target, NULL, MS_BIND, NULL);
    }
    for (size_t i = 0; i < ARRAY_LEN(LINKS); i++) {
        auto_free char *link = xasprintf("%s/dev/%s", container->rootfs, LINKS[i].name);
        launch_info_symlink(info, LINKS[i].text, link);
    }
    return 0;
}

static void
add_mount(const struct mesos_isolator_container *container, size_t i, struct launch_info *info)
{
    auto_free char *target = xasprintf("%s%s", container->rootfs, MOUNTS[i].target);
    auto_free char *source = *MOUNTS[i].source == '/' ? xasprintf("%s%s", container->rootfs, MOUNTS[i].source)
                                                      : xstrdup(MOUNTS[i].source);
    /* Kernels differ in what their /proc has. */
    if (*MOUNTS[i].source == '/' && access(MOUNTS[i].source, F_OK) < 0)
        return;
    launch_info_mount(info, source, target, MOUNTS[i].type, MOUNTS[i].flags, MOUNTS[i].options);
}

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
    info->message.rootfs = arena_strdup(info->arena, str_of(container->rootfs));
    for (size_t i = 0; i < ARRAY_LEN(MOUNTS); i++)
        add_mount(container, i, info);
    if (isolator->shm) {
        auto_free char *shm = xasprintf("%s/dev/shm", container->rootfs);
        launch_info_mount(info, "tmpfs", shm, "tmpfs", MS_NOSUID | MS_NODEV | MS_STRICTATIME, "mode=1777");
    }
    int rc = make_devices(isolator, container, info);
    if (rc == 0)
        rc = mount_sandbox(isolator, container, info);
    for (size_t i = 0; masked && i < ARRAY_LEN(MASKS); i++)
        launch_info_mask(info, MASKS[i]);
    return rc;
}

void
rootfs_forget(const struct linux_isolator *isolator, const char *container_id)
{
    auto_free char *dir = devices_directory(isolator, container_id);
    dir_remove(dir, NULL);
    *strrchr(dir, '/') = '\0';
    rmdir(dir); /* nothing else is in it when the container was never started */
}
