/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container is to join: the networks that its NetworkInfos name, each with its configuration as it is
 * on disk at that moment, or the network of the container that it is nested in. Says which namespaces its
 * launch needs; attaches nothing yet.
 */
#include <errno.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>
#include "cni.h"
#include "wire/message.h"

/* ---- networks ---- */

/* The configuration as it is on disk now: files may be changed, added and removed while the agent runs. */
static int
find_config(struct cni *cni, const char *name, struct cni_config *ret, struct err *err)
{
    if (!cni->root_dir)
        return err_set(err, -ENOENT,
                       "Unknown CNI network '%.*s': no networks are configured (--network_cni_config_dir and "
                       "--network_cni_plugins_dir)",
                       CNI_NAME_MAX, name);
    for (int again = 0; again < 2; again++) {
        const char *path = cni_networks_path(&cni->known, name);
        struct cni_config config;
        if (path && cni_config_read(path, cni->plugins_dir, &config, err) == 0) {
            if (strcmp(config.name, name) == 0) {
                *ret = config;
                return 0;
            }
            cni_config_fini(&config);
        }
        if (again == 0 &&
            cni_networks_load(cni->config_dir, cni->plugins_dir, &cni->known, cni_complain, cni, err) < 0)
            return err_wrap(err, "CNI network '%.*s'", CNI_NAME_MAX, name);
    }
    return err_set(err, -ENOENT, "Unknown CNI network '%.*s'", CNI_NAME_MAX, name);
}

static bool
has_network(const struct container *container, const char *name)
{
    for (size_t i = 0; i < container->network_count; i++)
        if (strcmp(container->networks[i].name, name) == 0)
            return true;
    return false;
}

static int
add_network(struct container *container, const Mesos__V1__NetworkInfo *info, struct err *err)
{
    char interface[16];
    struct cni_config config;
    if (has_network(container, info->name))
        return err_set(err, -EINVAL, "Attempted to join CNI network '%.*s' multiple times", CNI_NAME_MAX,
                       info->name);
    if (container->network_count >= NETWORKS_MAX)
        return err_set(err, -EINVAL, "a container can join at most %d CNI networks", NETWORKS_MAX);
    if (find_config(container->cni, info->name, &config, err) < 0)
        return err->code;
    snprintf(interface, sizeof interface, "eth%zu", container->network_count);
    container_network_add(container, info->name, interface);
    struct network *network = &container->networks[container->network_count - 1];
    network->config = config;
    message_pack(&network->info, info);
    return cni_config_inject(&network->config, info, err);
}

static int
check_hostname(const char *hostname, struct err *err)
{
    size_t len = strlen(hostname);
    for (size_t i = 0; i < len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", hostname[i]))
            len = 0;
    if (len == 0 || len > 64)
        return err_set(
            err, -EINVAL,
            "ContainerInfo.hostname is '%.80s': 1 to 64 letters, digits, '-', '_' and '.' are right",
            hostname);
    return 0;
}

static int
add_networks(struct container *container, const Mesos__V1__ContainerInfo *info, struct err *err)
{
    if (info && info->hostname && check_hostname(info->hostname, err) < 0)
        return err->code;
    if (info && info->hostname)
        container->hostname = xstrdup(info->hostname);
    for (size_t i = 0; info && i < info->n_network_infos; i++)
        if (info->network_infos[i]->name && add_network(container, info->network_infos[i], err) < 0)
            return err->code;
    return 0;
}

/* ---- the container ---- */

/* What the launch needs: new namespaces, or those of the container whose network is joined. */
static void
describe_launch(bool joins, bool debug, struct buf *out)
{
    Mesos__Slave__ContainerLaunchInfo info = MESOS__SLAVE__CONTAINER_LAUNCH_INFO__INIT;
    Mesos__V1__Environment environment = MESOS__V1__ENVIRONMENT__INIT;
    Mesos__V1__Environment__Variable variable = MESOS__V1__ENVIRONMENT__VARIABLE__INIT;
    Mesos__V1__Environment__Variable *variables[] = {&variable};
    char name[] = "LIBPROCESS_IP",
         value[] = "0.0.0.0"; /* libprocess binds to the address that the network gives */
    int32_t own[] = {CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWUTS},
            joined[] = {CLONE_NEWNET, CLONE_NEWUTS, CLONE_NEWNS};
    variable.name = name;
    variable.value = value;
    environment.variables = variables;
    environment.n_variables = 1;
    info.environment = &environment;
    info.clone_namespaces = own;
    info.n_clone_namespaces = debug ? 0 : joins ? 1 : ARRAY_LEN(own);
    info.enter_namespaces = joined;
    info.n_enter_namespaces = debug ? 3 : joins ? 2 : 0;
    message_pack(out, &info);
}

/* Containers without a network and a root of their own are forgotten at once. */
static int
prepare_container(struct cni *cni, const struct mesos_isolator_container *view,
                  const Mesos__Slave__ContainerConfig *config, struct buf *out, struct err *err)
{
    const Mesos__V1__ContainerInfo *info = config->container_info;
    bool nested = strchr(view->container_id, '.') != NULL, debug = view->debug != 0;
    bool joins = nested && (debug || !info || info->n_network_infos == 0);
    const struct container *owner = joins ? container_owner_above(cni, view->container_id) : NULL;
    if (container_find(cni, str_of(view->container_id)))
        return err_set(err, -EEXIST, "Container has already been prepared");
    struct container *container = container_new(cni, view->container_id);
    container->rootfs = view->rootfs ? xstrdup(view->rootfs) : NULL;
    container->owner = owner ? xstrdup(owner->id) : NULL;
    if (!joins && add_networks(container, info, err) < 0) {
        container_free(container);
        return err->code;
    }
    bool has_network = container->network_count > 0 || owner;
    if (has_network)
        describe_launch(joins, debug, out);
    if (debug || (!has_network && !container->rootfs))
        container_free(container);
    return 0;
}

void
cni_prepare(void *instance, const struct mesos_isolator_container *view, struct mesos_call *call)
{
    struct cni *cni = instance;
    struct err err = {0};
    auto_buf struct buf out = {0};
    Mesos__Slave__ContainerConfig *config =
        mesos__slave__container_config__unpack(NULL, view->config.len, view->config.data);
    int rc = config ? prepare_container(cni, view, config, &out, &err)
                    : err_set(&err, -EPROTO, "the container's configuration cannot be read");
    if (config)
        mesos__slave__container_config__free_unpacked(config, NULL);
    if (rc < 0)
        cni->host->fail(cni->host, rc, "%s", err.text);
    cni->host->reply(cni->host, call, rc, (struct mesos_bytes){buf_data(&out), out.len});
}
