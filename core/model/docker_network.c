/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network of `docker run`: its name, the host's name, name servers from --default_container_dns, and
 * mappings of ports that the container's resources have.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "model/docker_run.h"
#include "model/docker_run_parts.h"

static int
network_name(const struct docker_run *run, const char **ret, struct err *err)
{
    const Mesos__V1__ContainerInfo *info = run->container;
    int network = info->docker->has_network ? (int)info->docker->network
                                            : MESOS__V1__CONTAINER_INFO__DOCKER_INFO__NETWORK__HOST;
    if (info->n_network_infos > 1)
        return err_set(err, -EINVAL, "the container asks for %zu networks: docker run takes one",
                       info->n_network_infos);
    switch (network) {
    case MESOS__V1__CONTAINER_INFO__DOCKER_INFO__NETWORK__HOST:
        *ret = "host";
        return 0;
    case MESOS__V1__CONTAINER_INFO__DOCKER_INFO__NETWORK__BRIDGE:
        *ret = "bridge";
        return 0;
    case MESOS__V1__CONTAINER_INFO__DOCKER_INFO__NETWORK__NONE:
        *ret = "none";
        return 0;
    case MESOS__V1__CONTAINER_INFO__DOCKER_INFO__NETWORK__USER:
        break;
    default:
        return err_set(err, -EINVAL, "docker.network %d is not known", network);
    }
    if (info->n_network_infos == 0 || !info->network_infos[0]->name || !*info->network_infos[0]->name)
        return err_set(err, -EINVAL, "docker.network is USER and network_infos name no network");
    *ret = info->network_infos[0]->name;
    if (**ret == '-' || strpbrk(*ret, ", \n"))
        return err_set(err, -EINVAL, "'%.200s' is no name of a docker network", *ret);
    return 0;
}

static bool
offers_port(const struct docker_run *run, uint32_t port)
{
    for (size_t i = 0; i < run->resource_count; i++) {
        const Mesos__V1__Resource *resource = run->resources[i];
        if (strcmp(resource->name, "ports") != 0 || !resource->ranges)
            continue;
        for (size_t k = 0; k < resource->ranges->n_range; k++)
            if (port >= resource->ranges->range[k]->begin && port <= resource->ranges->range[k]->end)
                return true;
    }
    return false;
}

static int
add_ports(const struct docker_run *run, const char *network, struct docker_argv *argv, struct err *err)
{
    const Mesos__V1__ContainerInfo__DockerInfo *docker = run->container->docker;
    if (docker->n_port_mappings && (strcmp(network, "host") == 0 || strcmp(network, "none") == 0))
        return err_set(err, -EINVAL, "Port mappings are only supported for bridge and user-defined networks");
    for (size_t i = 0; i < docker->n_port_mappings; i++) {
        const Mesos__V1__ContainerInfo__DockerInfo__PortMapping *port = docker->port_mappings[i];
        if (port->host_port > 65535 || port->container_port > 65535)
            return err_set(err, -EINVAL, "the port mapping %u:%u is beyond 65535", port->host_port,
                           port->container_port);
        if (port->protocol && strcmp(port->protocol, "tcp") != 0 && strcmp(port->protocol, "udp") != 0 &&
            strcmp(port->protocol, "sctp") != 0)
            return err_set(err, -EINVAL, "the protocol '%.40s' of a port mapping is none of tcp|udp|sctp",
                           port->protocol);
        if (!offers_port(run, port->host_port))
            return err_set(err, -EINVAL, "Port [%u] not included in resources", port->host_port);
        docker_argv_add(argv, "-p");
        docker_argv_add(argv, "%u:%u%s%s", port->host_port, port->container_port, port->protocol ? "/" : "",
                        port->protocol ? port->protocol : "");
    }
    return 0;
}

static void
add_dns_list(struct docker_argv *argv, const char *option, const json_t *list)
{
    const json_t *item;
    size_t i;
    json_array_foreach(list, i, item) if (json_is_string(item))
        docker_argv_add(argv, "--%s=%s", option, json_string_value(item));
}

/* The entry for this kind of network, one with this very name before one without a name. */
static void
add_dns(const struct docker_run *run, const char *network, struct docker_argv *argv)
{
    json_t *root = run->dns ? json_loads(run->dns, 0, NULL) : NULL;
    const json_t *item, *found = NULL;
    const char *mode = strcmp(network, "bridge") == 0 ? "BRIDGE" : "USER";
    size_t i;
    if (!root || strcmp(network, "host") == 0 || strcmp(network, "none") == 0) {
        json_decref(root);
        return;
    }
    json_array_foreach(json_object_get(root, "docker"), i, item)
    {
        const char *of = json_string_value(json_object_get(item, "network_mode"));
        const char *name = json_string_value(json_object_get(item, "network_name"));
        if (!of || strcmp(of, mode) != 0 || (name && strcmp(name, network) != 0))
            continue;
        if (!found || name)
            found = json_object_get(item, "dns");
    }
    add_dns_list(argv, "dns", json_object_get(found, "nameservers"));
    add_dns_list(argv, "dns-search", json_object_get(found, "search"));
    add_dns_list(argv, run->client->engine >= DOCKER_VERSION(17, 6, 0) ? "dns-option" : "dns-opt",
                 json_object_get(found, "options"));
    json_decref(root);
}

int
docker_run_add_network(const struct docker_run *run, struct docker_argv *argv, struct err *err)
{
    const Mesos__V1__ContainerInfo *info = run->container;
    const char *network = NULL;
    if (network_name(run, &network, err))
        return err->code;
    docker_argv_add(argv, run->client->engine >= DOCKER_VERSION(17, 6, 0) ? "--network" : "--net");
    docker_argv_add(argv, "%s", network);
    if (info->hostname && strcmp(network, "host") != 0) {
        if (!*info->hostname || *info->hostname == '-' || strpbrk(info->hostname, " /\n"))
            return err_set(err, -EINVAL, "'%.200s' is no name of a host", info->hostname);
        docker_argv_add(argv, "--hostname");
        docker_argv_add(argv, "%s", info->hostname);
    }
    add_dns(run, network, argv);
    return add_ports(run, network, argv, err);
}
