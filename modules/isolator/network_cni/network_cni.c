/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolator "network/cni": containers whose NetworkInfo names a network get a network namespace of their own and are
 * attached to it by CNI plugins, foreign programs that the operator installs. Containers that name none stay in the
 * host's network; with a root file system of their own they see the host's /etc/hosts, hostname and resolv.conf. Without
 * any CNI flag the isolator only does the latter, and refuses names of networks. Rules and texts: Mesos's.
 *
 * This file is the isolator as the containerizer sees it; attach.c does the work, state.c writes it down.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include "base/arena.h"
#include "base/file.h"
#include "cni.h"
#include "wire/message.h"

#define TIMEOUT_MAX_NS (50 * INT64_C(1000000000)) /* the containerizer's patience ends soon after */

static bool
supports(void *instance)
{
    return true;
}

static struct container *
container_find(const struct cni *cni, struct str id)
{
    return map_get(&cni->containers, id);
}

struct container *
container_new(struct cni *cni, const char *id)
{
    struct container *container = xcalloc(1, sizeof *container);
    container->cni = cni;
    container->id = xstrdup(id);
    map_add(&cni->containers, str_of(container->id), container);
    return container;
}

void
container_network_add(struct container *container, const char *name, const char *interface)
{
    container->networks =
        xreallocarray(container->networks, container->network_count + 1, sizeof *container->networks);
    container->networks[container->network_count++] =
        (struct network){.name = xstrdup(name), .interface = xstrdup(interface)};
}

void
container_free(struct container *container)
{
    if (container->run)
        run_cancel(container->run);
    map_remove(&container->cni->containers, str_of(container->id));
    for (size_t i = 0; i < container->network_count; i++) {
        struct network *network = &container->networks[i];
        free(network->name);
        free(network->interface);
        cni_config_fini(&network->config);
        cni_result_fini(&network->result);
        buf_fini(&network->info);
        buf_fini(&network->answer);
    }
    free(container->networks);
    free(container->id);
    free(container->rootfs);
    free(container->hostname);
    free(container->owner);
    buf_fini(&container->failures);
    free(container);
}

static void
reply(const struct cni *cni, struct mesos_call *call, int status)
{
    cni->host->reply(cni->host, call, status, (struct mesos_bytes){NULL, 0});
}

void
container_fail(struct container *container, int code, const char *text)
{
    struct mesos_call *call = container->call;
    container->call = NULL;
    reply(container->cni, call, container->cni->host->fail(container->cni->host, code, "%s", text));
}

/* The nearest container above that has networks of its own; NULL: the host's network is used up there. */
static const struct container *
owner_above(const struct cni *cni, const char *id)
{
    struct str name = str_of(id);
    while (name.len > 0) {
        while (name.len > 0 && name.ptr[name.len - 1] != '.')
            name.len--;
        name.len -= name.len > 0;
        const struct container *found = container_find(cni, name);
        if (found && found->network_count > 0)
            return found;
    }
    return NULL;
}

static void
complain(void *arg, const char *text)
{
    const struct cni *cni = arg;
    MESOS_LOG(cni->host, ERROR, "%s", text);
}

/* The configuration as it is on disk now: files may be changed, added and removed while the agent runs. */
static int
find_config(struct cni *cni, const char *name, struct cni_config *ret, struct err *err)
{
    if (!cni->root_dir)
        return err_set(err, -ENOENT,
                       "Unknown CNI network '%.*s': no networks are configured (--network_cni_config_dir and "
                       "--network_cni_plugins_dir)", CNI_NAME_MAX, name);
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
        if (again == 0 && cni_networks_load(cni->config_dir, cni->plugins_dir, &cni->known, complain, cni, err) < 0)
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
        return err_set(err, -EINVAL, "Attempted to join CNI network '%.*s' multiple times", CNI_NAME_MAX, info->name);
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
        return err_set(err, -EINVAL,
                       "ContainerInfo.hostname is '%.80s': 1 to 64 letters, digits, '-', '_' and '.' are right", hostname);
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

/* What the launch needs: new namespaces, or those of the container whose network is joined. */
static void
describe_launch(bool joins, bool debug, struct buf *out)
{
    Mesos__Slave__ContainerLaunchInfo info = MESOS__SLAVE__CONTAINER_LAUNCH_INFO__INIT;
    Mesos__V1__Environment environment = MESOS__V1__ENVIRONMENT__INIT;
    Mesos__V1__Environment__Variable variable = MESOS__V1__ENVIRONMENT__VARIABLE__INIT;
    Mesos__V1__Environment__Variable *variables[] = {&variable};
    char name[] = "LIBPROCESS_IP", value[] = "0.0.0.0"; /* libprocess binds to the address that the network gives */
    int32_t own[] = {CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWUTS}, joined[] = {CLONE_NEWNET, CLONE_NEWUTS, CLONE_NEWNS};
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
    const struct container *owner = joins ? owner_above(cni, view->container_id) : NULL;
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

static void
prepare(void *instance, const struct mesos_isolator_container *view, struct mesos_call *call)
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

static void
isolate(void *instance, const char *container_id, pid_t pid, struct mesos_call *call)
{
    struct cni *cni = instance;
    struct container *container = container_find(cni, str_of(container_id));
    if (!container) {
        reply(cni, call, 0);
        return;
    }
    container->pid = pid;
    container->call = call;
    if (container->network_count > 0)
        attach(container);
    else
        files_give(container);
}

static void
cleanup(void *instance, const char *container_id, struct mesos_call *call)
{
    struct cni *cni = instance;
    struct container *container = container_find(cni, str_of(container_id));
    if (!container) {
        reply(cni, call, 0);
        return;
    }
    if (container->run)
        run_cancel(container->run);
    container->run = NULL;
    if (container->call)
        container_fail(container, -ECANCELED, "the container is being destroyed");
    if (container->network_count == 0) {
        container_free(container);
        reply(cni, call, 0);
        return;
    }
    container->call = call;
    detach(container);
}

/* Addresses of one network, as the plugin gave them, in place of those that were asked for. */
static void
print_status(const struct network *network, struct buf *out)
{
    Mesos__V1__NetworkInfo__IPAddress addresses[CNI_ADDRESSES_MAX], *pointers[CNI_ADDRESSES_MAX];
    union {
        const char *from;
        char *to;
    } text;
    Mesos__V1__NetworkInfo *info = mesos__v1__network_info__unpack(NULL, network->info.len,
                                                                  (const uint8_t *)buf_data(&network->info));
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

static void
status(void *instance, const char *container_id, struct mesos_call *call)
{
    const struct cni *cni = instance;
    const struct container *container = container_find(cni, str_of(container_id));
    auto_buf struct buf out = {0};
    if (!container || container->network_count == 0)
        container = owner_above(cni, container_id);
    for (size_t i = 0; container && i < container->network_count; i++)
        if (container->networks[i].attached)
            print_status(&container->networks[i], &out);
    cni->host->reply(cni->host, call, 0, (struct mesos_bytes){buf_data(&out), out.len});
}

/* Adds the figures of one line of /proc/<pid>/net/dev: "eth0: bytes packets errs drop ... bytes packets errs drop". */
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
    if (sscanf(text, "%llu %llu %llu %llu %*u %*u %*u %*u %llu %llu %llu %llu", &rx[0], &rx[1], &rx[2], &rx[3], &tx[0],
               &tx[1], &tx[2], &tx[3]) != 8)
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
    if (at < 0 || fstatat(at, "ns/net", &theirs, 0) < 0 || stat(path, &handle) < 0 || handle.st_ino != theirs.st_ino ||
        handle.st_dev != theirs.st_dev)
        return;
    auto_fd int fd = openat(at, "net/dev", O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t n;
    while (fd >= 0 && len < sizeof text && (n = read(fd, text + len, sizeof text - len)) > 0)
        len += (size_t)n;
    for (struct str rest = str_n(text, len); rest.len > 0;)
        add_figures(container, str_cut(&rest, '\n'), figures);
}

static void
usage(void *instance, const char *container_id, struct mesos_call *call)
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

/* What recover was told, while directories are looked at. Orphans that nobody else knows are detached meanwhile. */
struct recovery {
    struct cni *cni;
    const struct mesos_isolator_state *states;
    size_t count;
    const char *const *orphans;
    size_t orphan_count;
};

static void
recover_one(void *arg, const char *id)
{
    struct recovery *recovery = arg;
    struct cni *cni = recovery->cni;
    bool alive = false, known = false;
    if (strlen(id) > NAME_MAX || container_find(cni, str_of(id)))
        return;
    struct container *container = container_new(cni, id);
    for (size_t i = 0; i < recovery->count; i++)
        if (strcmp(recovery->states[i].container_id, id) == 0) {
            container->pid = recovery->states[i].pid;
            alive = true;
        }
    for (size_t i = 0; i < recovery->orphan_count; i++)
        known = known || strcmp(recovery->orphans[i], id) == 0;
    state_read(container);
    if (alive || known)
        return;
    MESOS_LOG(cni->host, INFO, "removing what an earlier agent left of container %s", id);
    detach(container);
}

static void
recover(void *instance, const struct mesos_isolator_state *states, size_t count, const char *const *orphans,
        size_t orphan_count, struct mesos_call *call)
{
    struct cni *cni = instance;
    struct recovery recovery = {cni, states, count, orphans, orphan_count};
    struct err err = {0};
    if (cni->root_dir && state_each(cni, recover_one, &recovery, &err) < 0)
        reply(cni, call, cni->host->fail(cni->host, err.code, "%s", err.text));
    else
        reply(cni, call, 0);
}

static int
check_kernel(struct err *err)
{
    static const char *const kinds[] = {"net", "mnt", "uts"};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        auto_free char *path = xasprintf("/proc/self/ns/%s", kinds[i]);
        if (access(path, F_OK) < 0)
            return err_set(err, -ENOSYS,
                           "The 'network/cni' isolator requires network, mount and UTS namespace support, and the kernel "
                           "has no %s namespaces", kinds[i]);
    }
    return 0;
}

static int
check_start(const struct cni *cni, struct err *err)
{
    struct stat st;
    if (geteuid() != 0)
        return err_set(err, -EPERM, "The 'network/cni' isolator requires root permissions");
    if (check_kernel(err) < 0)
        return err->code;
    if (!cni->plugins_dir || !*cni->plugins_dir)
        return err_set(err, -EINVAL, "Missing required '--network_cni_plugins_dir' flag");
    if (!cni->config_dir || !*cni->config_dir)
        return err_set(err, -EINVAL, "Missing required '--network_cni_config_dir' flag");
    if (stat(cni->config_dir, &st) < 0 || !S_ISDIR(st.st_mode))
        return err_set(err, -ENOENT, "The CNI network configuration directory '%s' does not exist", cni->config_dir);
    return 0;
}

static bool
option_true(const struct mesos_host *host, const char *name, bool otherwise)
{
    const char *text = host->daemon_option(host, name);
    return text ? strcmp(text, "true") == 0 || strcmp(text, "1") == 0 || strcmp(text, "yes") == 0 : otherwise;
}

static int
open_root(struct cni *cni, struct err *err)
{
    const struct mesos_host *host = cni->host;
    const char *base = option_true(host, "network_cni_root_dir_persist", false) ? host->work_dir : host->runtime_dir;
    if (!base)
        return err_set(err, -EINVAL, "isolator 'network/cni' needs --work_dir and --runtime_dir");
    auto_free char *path = xasprintf("%s/isolators/network/cni", base);
    if (dir_make(path, 0755, err) < 0)
        return err_wrap(err, "Failed to create CNI network information root directory");
    cni->root_dir = realpath(path, NULL);
    if (!cni->root_dir)
        return err_errno(err, "Failed to determine canonical path of CNI network information root directory '%s'", path);
    int rc = cni_networks_load(cni->config_dir, cni->plugins_dir, &cni->known, complain, cni, err);
    if (rc == 0)
        MESOS_LOG(host, INFO, "%zu CNI networks are configured in '%s'", map_count(&cni->known), cni->config_dir);
    return rc;
}

static int
configure(struct cni *cni, struct err *err)
{
    const struct mesos_host *host = cni->host;
    const char *dns = host->daemon_option(host, "default_container_dns");
    cni->plugins_dir = host->daemon_option(host, "network_cni_plugins_dir");
    cni->config_dir = host->daemon_option(host, "network_cni_config_dir");
    cni->metrics = option_true(host, "network_cni_metrics", true);
    cni->helper = xasprintf("%s/mesos-containerizer", host->launcher_dir ? host->launcher_dir : "");
    if (cni->plugin_timeout_ns <= 0 || cni->plugin_timeout_ns > TIMEOUT_MAX_NS)
        return err_set(err, -ERANGE, "parameter plugin_timeout of 'network/cni' is %lld ns: more than 0 and at most 50secs "
                       "is right", (long long)cni->plugin_timeout_ns);
    if (dns) {
        cni->arena = arena_new(0);
        cni->dns = MESSAGE_FROM_JSON(Mesos__Internal__ContainerDNSInfo, mesos__internal__container_dnsinfo, str_of(dns),
                                     cni->arena, err);
        if (!cni->dns)
            return err_wrap(err, "--default_container_dns");
    }
    if (!cni->plugins_dir && !cni->config_dir)
        return 0;
    return check_start(cni, err) < 0 ? err->code : open_root(cni, err);
}

static void
release(struct cni *cni)
{
    cni_networks_fini(&cni->known);
    arena_free(cni->arena);
    free(cni->root_dir);
    free(cni->helper);
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct cni *cni = instance;
    struct err err = {0};
    cni->host = host;
    runs_init(&cni->runs, host);
    if (configure(cni, &err) == 0)
        return 0;
    release(cni); /* nobody stops what did not start */
    return host->fail(host, err.code, "%s", err.text);
}

/* Containers go on without the agent; a plugin that is at work does not. */
static void
stop(void *instance, struct mesos_call *call)
{
    struct cni *cni = instance;
    struct container *container;
    map_foreach(container, &cni->containers) {
        container->run = NULL;
        container_free(container);
    }
    runs_fini(&cni->runs);
    map_fini(&cni->containers);
    release(cni);
    if (call)
        reply(cni, call, 0);
}

static const struct mesos_option options[] = {
    {"plugin_timeout", MESOS_OPTION_DURATION, offsetof(struct cni, plugin_timeout_ns), "45secs",
     "How long the plugins of one container may take together before they are killed."},
    {0},
};

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports,
    .supports_standalone = supports,
    .recover = recover,
    .prepare = prepare,
    .isolate = isolate,
    .usage = usage,
    .status = status,
    .cleanup = cleanup,
};

static const struct mesos_module module = {
    .abi = MESOS_ABI,
    .size = sizeof(struct mesos_module),
    .host_size = sizeof(struct mesos_host),
    .ops_size = sizeof ops,
    .kind = MESOS_KIND_ISOLATOR,
    .instance_size = sizeof(struct cni),
    .name = "network/cni",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "attaches containers to networks by CNI plugins",
    .options = options,
    .start = start,
    .stop = stop,
    .ops = &ops,
    .phase = MESOS_PHASE_NETWORK,
};

MESOS_EXPORT const struct mesos_module *const *mesos_modules(void);
MESOS_EXPORT const struct mesos_module *const *
mesos_modules(void)
{
    static const struct mesos_module *const modules[] = {&module, NULL};
    return modules;
}
