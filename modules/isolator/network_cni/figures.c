/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is told of a container that is attached: the addresses that the plugins gave it, and what passed its
 * interfaces. Changes nothing.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cni.h"
#include "wire/message.h"

/* ---- addresses ---- */

/* Addresses of one network, as the plugin gave them, in place of those that were asked for. */
static void
print_status(const struct network *network, struct buf *out)
{
    Mesos__V1__NetworkInfo__IPAddress addresses[CNI_ADDRESSES_MAX], *pointers[CNI_ADDRESSES_MAX];
    union {
        const char *from;
        char *to;
    } text;
    Mesos__V1__NetworkInfo *info =
        mesos__v1__network_info__unpack(NULL, network->info.len, (const uint8_t *)buf_data(&network->info));
    if (!info)
        return;
    Mesos__V1__NetworkInfo told = *info;
    for (size_t i = 0; i < network->result.n_addresses; i++) {
        mesos__v1__network_info__ipaddress__init(&addresses[i]);
        text.from = network->result.addresses[i].text;
        addresses[i].has_protocol = true;
        addresses[i].protocol = network->result.addresses[i].v6 ? MESOS__V1__NETWORK_INFO__PROTOCOL__IPv6
                                                                : MESOS__V1__NETWORK_INFO__PROTOCOL__IPv4;
        addresses[i].ip_address = text.to;
        pointers[i] = &addresses[i];
    }
    told.ip_addresses = pointers;
    told.n_ip_addresses = network->result.n_addresses;
    Mesos__V1__NetworkInfo *infos[] = {&told};
    Mesos__V1__ContainerStatus status = MESOS__V1__CONTAINER_STATUS__INIT;
    status.network_infos = infos;
    status.n_network_infos = 1;
    message_pack(out, &status); /* of a repeated field one after the other is all of them */
    mesos__v1__network_info__free_unpacked(info, NULL);
}

void
cni_status(void *instance, const char *container_id, struct mesos_call *call)
{
    const struct cni *cni = instance;
    const struct container *container = container_find(cni, str_of(container_id));
    auto_buf struct buf out = {0};
    if (!container || container->network_count == 0)
        container = container_owner_above(cni, container_id);
    for (size_t i = 0; container && i < container->network_count; i++)
        if (container->networks[i].attached)
            print_status(&container->networks[i], &out);
    cni->host->reply(cni->host, call, 0, (struct mesos_bytes){buf_data(&out), out.len});
}

/* ---- figures ---- */

/* Adds the figures of one line of /proc/<pid>/net/dev: "eth0: bytes packets errs drop ... bytes packets errs
 * drop". */
static void
add_figures(const struct container *container, struct str line, Mesos__V1__ResourceStatistics *figures)
{
    unsigned long long rx[4], tx[4];
    char text[512];
    struct str name = str_trim(str_cut(&line, ':'));
    bool own = false;
    for (size_t i = 0; i < container->network_count; i++)
        own = own || str_is(name, container->networks[i].interface);
    if (!own || line.len >= sizeof text)
        return;
    memcpy(text, line.ptr, line.len);
    text[line.len] = '\0';
    if (sscanf(text, "%llu %llu %llu %llu %*u %*u %*u %*u %llu %llu %llu %llu", &rx[0], &rx[1], &rx[2],
               &rx[3], &tx[0], &tx[1], &tx[2], &tx[3]) != 8)
        return;
    figures->net_rx_bytes += rx[0];
    figures->net_rx_packets += rx[1];
    figures->net_rx_errors += rx[2];
    figures->net_rx_dropped += rx[3];
    figures->net_tx_bytes += tx[0];
    figures->net_tx_packets += tx[1];
    figures->net_tx_errors += tx[2];
    figures->net_tx_dropped += tx[3];
    figures->has_net_rx_bytes = figures->has_net_rx_packets = figures->has_net_rx_errors = true;
    figures->has_net_rx_dropped = figures->has_net_tx_bytes = figures->has_net_tx_packets = true;
    figures->has_net_tx_errors = figures->has_net_tx_dropped = true;
}

/* The figures of the container's first process's namespace, when that is the container's still. */
static void
read_figures(const struct container *container, Mesos__V1__ResourceStatistics *figures)
{
    char process[32], text[8192];
    struct stat handle, theirs;
    auto_free char *path = state_path(container, "ns");
    snprintf(process, sizeof process, "/proc/%d", (int)container->pid);
    auto_fd int at = container->pid > 0 ? open(process, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (at < 0 || fstatat(at, "ns/net", &theirs, 0) < 0 || stat(path, &handle) < 0 ||
        handle.st_ino != theirs.st_ino || handle.st_dev != theirs.st_dev)
        return;
    auto_fd int fd = openat(at, "net/dev", O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t n;
    while (fd >= 0 && len < sizeof text && (n = read(fd, text + len, sizeof text - len)) > 0)
        len += (size_t)n;
    for (struct str rest = str_n(text, len); rest.len > 0;)
        add_figures(container, str_cut(&rest, '\n'), figures);
}

void
cni_usage(void *instance, const char *container_id, struct mesos_call *call)
{
    const struct cni *cni = instance;
    const struct container *container = container_find(cni, str_of(container_id));
    auto_buf struct buf out = {0};
    Mesos__V1__ResourceStatistics figures = MESOS__V1__RESOURCE_STATISTICS__INIT;
    if (cni->metrics && container && container->network_count > 0) {
        read_figures(container, &figures);
        message_pack(&out, &figures);
    }
    cni->host->reply(cni->host, call, 0, (struct mesos_bytes){buf_data(&out), out.len});
}
