/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mesos-containerizer network-cni-setup`: gives a container that waits to start its /etc/hosts, hostname and
 * resolv.conf, its host name and its loopback interface. Called by isolator network/cni, as root. What went wrong is
 * said on standard error. The root file system belongs to the container's image: no path of it is followed out of it.
 */
#include "network.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/openat2.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { HOSTS, HOSTNAME, RESOLV, FILES };

struct setup {
    const char *pid, *hostname, *rootfs;
    const char *sources[FILES]; /* NULL = leave it */
    bool bind_host_files; /* also over the host's, in the container's mount namespace */
    bool read_only;
};

static const char *const names[FILES] = {"hosts", "hostname", "resolv.conf"};

static int
fail(const char *what, const char *which)
{
    fprintf(stderr, "%s '%s': %s\n", what, which, strerror(errno));
    return -1;
}

/* What is mounted below `path` from here on must not come out on the host. Only the mount that it lies on is changed: the
 * container's other mounts are the launch helper's business. */
static int
slave_around(const char *path)
{
    char at[4096];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof at || path[0] != '/') {
        errno = EINVAL;
        return fail("Not an absolute path", path);
    }
    memcpy(at, path, len + 1);
    while (mount(NULL, at, NULL, MS_SLAVE, NULL) < 0) {
        char *slash = strrchr(at, '/');
        if ((errno != EINVAL && errno != ENOENT) || !at[1])
            return fail("Failed to mark as a slave mount", at);
        slash[slash == at] = '\0';
    }
    return 0;
}

static int
namespace_open(const struct setup *setup, const char *kind)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/ns/%s", setup->pid, kind);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? fail("Failed to open the namespace", path) : fd;
}

static int
open_inside(int root, const char *path, uint64_t flags, uint64_t mode)
{
    struct open_how how = {.flags = flags | O_CLOEXEC, .mode = mode, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

/* An empty file in etc where nothing usable is; a link is replaced, since what it names may be another's. */
static void
make_target(int etc, const char *name)
{
    struct stat st;
    bool there = fstatat(etc, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (there && S_ISLNK(st.st_mode) && unlinkat(etc, name, 0) == 0)
        there = false;
    if (there)
        return;
    int fd = openat(etc, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd >= 0)
        close(fd);
}

static int
bind_file(int root, const char *rootfs, const char *source, const char *name, bool read_only)
{
    char inside[32], self[32], target[512];
    unsigned long flags = MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC | (read_only ? MS_RDONLY : 0);
    snprintf(inside, sizeof inside, "etc/%s", name);
    snprintf(target, sizeof target, "%s/%s", rootfs, inside);
    int fd = open_inside(root, inside, O_PATH, 0);
    if (fd < 0)
        return fail("Failed to create the mount point", target);
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    int rc = mount(source, self, NULL, MS_BIND, NULL);
    close(fd);
    if (rc < 0)
        return fail("Failed to bind mount to", target);
    fd = open_inside(root, inside, O_PATH, 0); /* again: what is mounted there now */
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    rc = fd < 0 ? -1 : mount(NULL, self, NULL, MS_REMOUNT | flags, NULL);
    if (fd >= 0)
        close(fd);
    return rc < 0 ? fail("Failed to remount", target) : 0;
}

/* All files into the etc of one root. */
static int
bind_files(const struct setup *setup, const char *rootfs)
{
    int root = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC), rc = 0;
    if (root < 0)
        return fail("Failed to open the root", rootfs);
    rc = slave_around(rootfs);
    mkdirat(root, "etc", 0755); /* EEXIST, or what openat2 says next */
    int etc = open_inside(root, "etc", O_RDONLY | O_DIRECTORY, 0);
    if (etc < 0 && rc == 0)
        rc = fail("Failed to open the directory 'etc' of", rootfs);
    for (int i = 0; i < FILES && rc == 0; i++) {
        if (!setup->sources[i])
            continue;
        make_target(etc, names[i]);
        rc = bind_file(root, rootfs, setup->sources[i], names[i], setup->read_only);
    }
    if (etc >= 0)
        close(etc);
    close(root);
    return rc;
}

/* The host's own /etc as the container sees it: links are followed, and only what may be is made. */
static int
bind_host_files(const struct setup *setup)
{
    for (int i = 0; i < FILES; i++) {
        char path[32];
        snprintf(path, sizeof path, "/etc/%s", names[i]);
        if (!setup->sources[i] || strcmp(setup->sources[i], path) == 0)
            continue;
        int made = access(path, F_OK) == 0 ? -1 : open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (made >= 0)
            close(made);
        if (slave_around(path) < 0)
            return -1;
        if (mount(setup->sources[i], path, NULL, MS_BIND, NULL) < 0)
            return fail("Failed to bind mount to", path);
        if (mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
            return fail("Failed to remount", path);
    }
    return 0;
}

static int
set_files(const struct setup *setup)
{
    int mounts = namespace_open(setup, "mnt");
    if (mounts < 0)
        return -1;
    int rc = setns(mounts, CLONE_NEWNS);
    close(mounts);
    if (rc < 0)
        return fail("Failed to enter the mount namespace of pid", setup->pid);
    if (setup->bind_host_files && bind_host_files(setup) < 0)
        return -1;
    return setup->rootfs ? bind_files(setup, setup->rootfs) : 0;
}

static int
loopback_up(void)
{
    struct ifreq request = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc = fd < 0 ? -1 : ioctl(fd, SIOCGIFFLAGS, &request);
    request.ifr_flags |= IFF_UP;
    rc = rc < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &request);
    rc = rc < 0 ? fail("Failed to bring up", "lo") : 0;
    if (fd >= 0)
        close(fd);
    return rc;
}

static int
set_hostname(const struct setup *setup, int uts, int net)
{
    if (setns(uts, CLONE_NEWUTS) < 0)
        return fail("Failed to enter the UTS namespace of pid", setup->pid);
    if (sethostname(setup->hostname, strlen(setup->hostname)) < 0)
        return fail("Failed to set the hostname of the container to", setup->hostname);
    if (setns(net, CLONE_NEWNET) < 0)
        return fail("Failed to enter the network namespace of pid", setup->pid);
    return loopback_up();
}

static int
parse(struct setup *setup, int argc, char **argv)
{
    static const struct option options[] = {
        {"pid", required_argument, NULL, 'p'},
        {"hostname", required_argument, NULL, 'n'},
        {"rootfs", required_argument, NULL, 'r'},
        {"etc_hosts_path", required_argument, NULL, 'H'},
        {"etc_hostname_path", required_argument, NULL, 'N'},
        {"etc_resolv_conf", required_argument, NULL, 'R'},
        {"bind_host_files", no_argument, NULL, 'b'},
        {"bind_readonly", no_argument, NULL, 'o'},
        {0},
    };
    int c;
    while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        switch (c) {
        case 'p': setup->pid = optarg; break;
        case 'n': setup->hostname = optarg; break;
        case 'r': setup->rootfs = optarg; break;
        case 'H': setup->sources[HOSTS] = optarg; break;
        case 'N': setup->sources[HOSTNAME] = optarg; break;
        case 'R': setup->sources[RESOLV] = optarg; break;
        case 'b': setup->bind_host_files = true; break;
        case 'o': setup->read_only = true; break;
        default: return -1;
        }
    }
    if (!setup->pid || strlen(setup->pid) > 16 || strspn(setup->pid, "0123456789") != strlen(setup->pid)) {
        fputs("Container PID not specified\n", stderr);
        return -1;
    }
    return 0;
}

int
network_setup_run(int argc, char **argv)
{
    struct setup setup = {0};
    int uts = -1, net = -1;
    if (parse(&setup, argc + 1, argv - 1) < 0) /* getopt passes over the first word */
        return 1;
    if (setup.hostname && ((uts = namespace_open(&setup, "uts")) < 0 || (net = namespace_open(&setup, "net")) < 0))
        return 1;
    if (set_files(&setup) < 0)
        return 1;
    return setup.hostname && set_hostname(&setup, uts, net) < 0;
}
