/* SPDX-License-Identifier: Apache-2.0 */
/* What is written down of containers' networks, and the handles of their namespaces. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "base/file.h"
#include "cni.h"

#define NSFS_MAGIC 0x6e736673

char *
state_path(const struct container *container, const char *file)
{
    return xasprintf("%s/%s/%s", container->cni->root_dir, container->id, file);
}

static char *
network_path(const struct container *container, const struct network *network, const char *file)
{
    return xasprintf("%s/%s/%s/%s", container->cni->root_dir, container->id, network->name, file);
}

static bool
is_namespace(const char *path)
{
    struct statfs fs;
    return statfs(path, &fs) == 0 && fs.f_type == NSFS_MAGIC;
}

char *
state_namespace(const struct container *container)
{
    auto_free char *path = state_path(container, "ns");
    return is_namespace(path) ? take(&path) : NULL;
}

int
state_begin(const struct container *container, struct err *err)
{
    auto_free char *directory = state_path(container, ""), *handle = state_path(container, "ns");
    auto_free char *source = xasprintf("/proc/%d/ns/net", (int)container->pid);
    if (dir_make(directory, 0755, err) < 0)
        return err_wrap(err, "Failed to create the container directory");
    auto_fd int fd = open(handle, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (fd < 0)
        return err_errno(err, "Failed to create the bind mount point '%s'", handle);
    if (mount(source, handle, NULL, MS_BIND, NULL) < 0)
        return err_errno(err, "Failed to mount the network namespace handle from '%s' to '%s'", source, handle);
    return 0;
}

int
state_network_begin(const struct container *container, const struct network *network, struct err *err)
{
    auto_free char *interface = network_path(container, network, network->interface);
    auto_free char *path = network_path(container, network, "network.conf");
    auto_buf struct buf text = {0};
    cni_config_print(&network->config, &text);
    if (dir_make(interface, 0755, err) < 0 || file_replace(path, buf_data(&text), text.len, 0600, false, err) < 0)
        return err_wrap(err, "Failed to checkpoint the CNI network configuration");
    return 0;
}

int
state_network_attached(const struct container *container, const struct network *network, struct err *err)
{
    auto_free char *file = xasprintf("%s/network.info", network->interface);
    auto_free char *path = network_path(container, network, file);
    struct str answer = buf_str(&network->answer);
    if (file_replace(path, answer.ptr, answer.len, 0600, false, err) < 0)
        return err_wrap(err, "Failed to checkpoint the output of CNI plugin");
    return 0;
}

bool
state_network_known(const struct container *container, const struct network *network)
{
    auto_free char *path = network_path(container, network, "network.conf");
    return access(path, F_OK) == 0;
}

void
state_network_end(const struct container *container, const struct network *network)
{
    auto_free char *path = network_path(container, network, "");
    struct err err = {0};
    if (dir_remove(path, &err) < 0)
        MESOS_LOG(container->cni->host, WARNING, "container %s: %s", container->id, err.text);
}

int
state_end(const struct container *container, struct err *err)
{
    auto_free char *directory = state_path(container, ""), *handle = state_path(container, "ns");
    if (is_namespace(handle) && umount2(handle, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
        return err_errno(err, "Failed to unmount the network namespace handle '%s'", handle);
    /* Mount namespaces of containers that were made meanwhile have copies of the mount: removing the file ends those. */
    if (dir_remove(directory, err) < 0)
        return err_wrap(err, "Failed to remove the container directory");
    return 0;
}

static int
is_entry(const struct dirent *entry)
{
    return cni_name_ok(str_of(entry->d_name)) && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN);
}

/* The directories in a directory, in order of their names. */
static int
list(const char *path, struct dirent ***ret)
{
    *ret = NULL;
    int count = scandir(path, ret, is_entry, alphasort);
    return count < 0 ? 0 : count;
}

static void
read_network(struct container *container, const char *name, const char *interface)
{
    const struct mesos_host *host = container->cni->host;
    struct err err = {0};
    auto_free char *conf = xasprintf("%s/%s/%s/network.conf", container->cni->root_dir, container->id, name);
    auto_free char *info = xasprintf("%s/%s/%s/%s/network.info", container->cni->root_dir, container->id, name, interface);
    container_network_add(container, name, interface);
    struct network *network = &container->networks[container->network_count - 1];
    if (access(conf, F_OK) == 0 && cni_config_read(conf, NULL, &network->config, &err) < 0)
        MESOS_LOG(host, WARNING, "container %s: its network '%s' cannot be detached: %s", container->id, name, err.text);
    if (network->config.plugins)
        cni_config_info(&network->config, &network->info);
    if (file_read(info, CNI_RESULT_BYTES_MAX, &network->answer, &err) < 0)
        return; /* the agent ended before the plugin had answered */
    if (cni_result_parse(buf_str(&network->answer), &network->result, &err) < 0)
        MESOS_LOG(host, WARNING, "container %s: '%s' cannot be read: %s", container->id, info, err.text);
    else
        network->attached = true;
}

static int
by_interface(const void *a, const void *b)
{
    const struct network *left = a, *right = b;
    size_t l = strlen(left->interface), r = strlen(right->interface);
    return l != r ? (l > r) - (l < r) : strcmp(left->interface, right->interface); /* eth10 after eth9 */
}

void
state_read(struct container *container)
{
    struct dirent **networks, **interfaces;
    auto_free char *directory = state_path(container, "");
    int count = list(directory, &networks);
    for (int i = 0; i < count; i++) {
        auto_free char *path = xasprintf("%s%s", directory, networks[i]->d_name);
        int interface_count = list(path, &interfaces);
        if (interface_count > 0 && container->network_count < NETWORKS_MAX)
            read_network(container, networks[i]->d_name, interfaces[0]->d_name);
        for (int j = 0; j < interface_count; j++)
            free(interfaces[j]);
        free(interfaces);
        free(networks[i]);
    }
    free(networks);
    if (container->network_count)
        qsort(container->networks, container->network_count, sizeof *container->networks, by_interface);
}

int
state_each(struct cni *cni, void (*found)(void *arg, const char *id), void *arg, struct err *err)
{
    DIR *dir = opendir(cni->root_dir);
    struct dirent *entry;
    if (!dir)
        return err_errno(err, "Unable to list the CNI network information root directory '%s'", cni->root_dir);
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            found(arg, entry->d_name);
    closedir(dir);
    return 0;
}
