/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of the command line: recorded calls of Mesos's docker containerizer and docker's own documentation. */
#define _GNU_SOURCE 1
#include "model/docker_run.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/log.h"
#include "model/volume_path.h"

enum {
    SHARES_PER_CPU = 1024,
    SHARES_MIN = 2,
    CFS_PERIOD_US = 100000,
    CFS_QUOTA_MIN_US = 1000,
    MEMORY_MIN_MB = 32,
    ENV_LINE_MAX = 60000, /* docker reads lines of an environment file up to 64 KB */
    IMAGE_MAX = 1024,
};

uint32_t
docker_version(struct str text)
{
    uint32_t parts[3] = {0, 0, 0};
    size_t at = 0, part = 0;
    text = str_trim(text);
    while (at < text.len && !isdigit((unsigned char)text.ptr[at]))
        at++;
    for (; at < text.len && part < 3; at++) {
        if (isdigit((unsigned char)text.ptr[at])) {
            if (parts[part] < 10000)
                parts[part] = parts[part] * 10 + (uint32_t)(text.ptr[at] - '0');
        } else if (text.ptr[at] == '.') {
            part++;
        } else {
            break; /* "20.10.24+dfsg1", "17.05.0-ce" */
        }
    }
    if (parts[0] > 9999 || parts[1] > 99)
        return 0;
    return DOCKER_VERSION(parts[0], parts[1], parts[2] > 99 ? 99 : parts[2]);
}

char *
docker_host(const char *socket)
{
    return strstr(socket, "://") ? xstrdup(socket) : xasprintf("unix://%s", socket);
}

void
docker_argv_add(struct docker_argv *argv, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    argv->items = xreallocarray(argv->items, argv->count + 2, sizeof(*argv->items));
    argv->items[argv->count++] = xvasprintf(format, ap);
    argv->items[argv->count] = NULL;
    va_end(ap);
}

void
docker_argv_init(struct docker_argv *argv, const struct docker_client *client)
{
    *argv = (struct docker_argv){0};
    docker_argv_add(argv, "%s", client->docker);
    docker_argv_add(argv, "-H");
    docker_argv_add(argv, "%s", client->host);
}

void
docker_argv_fini(struct docker_argv *argv)
{
    for (size_t i = 0; i < argv->count; i++)
        free(argv->items[i]);
    free(argv->items);
    *argv = (struct docker_argv){0};
}

char *
docker_argv_text(const struct docker_argv *argv)
{
    struct buf out = {0};
    for (size_t i = 0; i < argv->count; i++)
        buf_printf(&out, "%s%s", i ? " " : "", argv->items[i]);
    return buf_take(&out);
}

/* ---- figures ---- */

double
docker_scalar(Mesos__V1__Resource *const *resources, size_t count, const char *name)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(resources[i]->name, name) == 0 && resources[i]->scalar)
            sum += resources[i]->scalar->value;
    return isfinite(sum) && sum > 0 ? sum : 0;
}

static uint64_t
memory_bytes(double mb)
{
    double bytes = (mb < MEMORY_MIN_MB ? MEMORY_MIN_MB : mb) * 1048576.0;
    return bytes < 9e18 ? (uint64_t)bytes : (uint64_t)INT64_MAX;
}

/* The more of the machine was promised, the later the kernel looks here for memory. */
static int
oom_score(double request_mb)
{
    double total_mb = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / 1048576.0;
    double score = 1000 - (total_mb > 0 ? 1000 * request_mb / total_mb : 0);
    return score < 2 ? 2 : score > 999 ? 999 : (int)score;
}

struct docker_figures
docker_figures(const struct docker_limits *limits, bool cfs)
{
    struct docker_figures figures = {0};
    double quota = limits->cpus_limit > 0 ? limits->cpus_limit : cfs ? limits->cpus : HUGE_VAL;
    figures.cpu_shares = (uint64_t)(limits->cpus * SHARES_PER_CPU);
    if (figures.cpu_shares < SHARES_MIN)
        figures.cpu_shares = SHARES_MIN;
    if (isfinite(quota) && quota > 0 && quota < 1e6) {
        figures.cpu_quota = (uint64_t)(quota * CFS_PERIOD_US);
        if (figures.cpu_quota < CFS_QUOTA_MIN_US)
            figures.cpu_quota = CFS_QUOTA_MIN_US;
    }
    if (limits->mem_limit_mb <= 0) {
        figures.memory = memory_bytes(limits->mem_mb);
        return figures;
    }
    figures.memory_reservation = memory_bytes(limits->mem_mb);
    if (isfinite(limits->mem_limit_mb))
        figures.memory = memory_bytes(limits->mem_limit_mb);
    if (figures.memory == 0 || figures.memory > figures.memory_reservation)
        figures.oom_score_adj = oom_score(limits->mem_mb);
    return figures;
}

static void
add_figures(const struct docker_run *run, struct docker_argv *argv)
{
    struct docker_figures figures = docker_figures(&run->limits, run->cfs);
    if (run->limits.cpus > 0) {
        docker_argv_add(argv, "--cpu-shares");
        docker_argv_add(argv, "%llu", (unsigned long long)figures.cpu_shares);
    }
    if (figures.cpu_quota) {
        docker_argv_add(argv, "--cpu-quota");
        docker_argv_add(argv, "%llu", (unsigned long long)figures.cpu_quota);
    }
    if (figures.memory_reservation) {
        docker_argv_add(argv, "--memory-reservation");
        docker_argv_add(argv, "%llu", (unsigned long long)figures.memory_reservation);
    }
    if (figures.memory && run->limits.mem_mb > 0) {
        docker_argv_add(argv, "--memory");
        docker_argv_add(argv, "%llu", (unsigned long long)figures.memory);
    }
    if (figures.oom_score_adj) {
        docker_argv_add(argv, "--oom-score-adj");
        docker_argv_add(argv, "%d", figures.oom_score_adj);
    }
}

/* ---- the environment ---- */

static bool
fits_line(const char *item)
{
    return strlen(item) < ENV_LINE_MAX && !strpbrk(item, "\n\r") && *item != '#' && !isspace((unsigned char)*item);
}

static int
check_variable(const char *item, struct err *err)
{
    const char *equals = strchr(item, '=');
    if (!equals || equals == item)
        return err_set(err, -EINVAL, "the environment has '%.80s', which has no name", item);
    for (const char *p = item; p < equals; p++)
        if (isspace((unsigned char)*p))
            return err_set(err, -EINVAL, "the environment variable '%.*s' has a space in its name",
                           (int)(equals - item < 80 ? equals - item : 80), item);
    return 0;
}

/* A file without a name, so that values are neither in a list of processes nor left on a disk. What no line can hold goes
 * onto the command line. */
static int
add_environment(const struct docker_run *run, struct docker_argv *argv, int *ret_fd, struct err *err)
{
    auto_buf struct buf file = {0};
    for (size_t i = 0; run->environment && run->environment[i]; i++) {
        docker_argv_add(argv, "-e");
        docker_argv_add(argv, "%s", run->environment[i]);
    }
    for (size_t i = 0; run->more && run->more[i]; i++) {
        const char *item = run->more[i];
        if (check_variable(item, err))
            return err->code;
        if (fits_line(item)) {
            buf_printf(&file, "%s\n", item);
        } else {
            docker_argv_add(argv, "-e");
            docker_argv_add(argv, "%s", item);
        }
    }
    if (file.len == 0)
        return 0;
    auto_fd int fd = memfd_create("environment", MFD_CLOEXEC);
    if (fd < 0 || write(fd, buf_data(&file), file.len) != (ssize_t)file.len || lseek(fd, 0, SEEK_SET) < 0)
        return err_errno(err, "cannot write the environment of the container down");
    docker_argv_add(argv, "--env-file");
    docker_argv_add(argv, "/proc/self/fd/%d", DOCKER_ENV_FD);
    *ret_fd = take_fd(&fd);
    return 0;
}

/* ---- volumes ---- */

static int
check_path(const char *what, const char *path, struct err *err)
{
    if (!*path)
        return err_set(err, -EINVAL, "a volume's %s is empty", what);
    if (strpbrk(path, ":\n"))
        return err_set(err, -EINVAL, "a volume's %s '%.200s' has a ':' or a newline, which docker takes for a mark of its own",
                       what, path);
    return 0;
}

static bool
has_parent_segment(const char *path)
{
    struct str rest = str_of(path);
    while (rest.len > 0)
        if (str_is(str_cut(&rest, '/'), ".."))
            return true;
    return false;
}

/* A path of the sandbox may not lead out of it. */
static int
in_sandbox(const struct docker_run *run, const char *path, char **ret, struct err *err)
{
    if (has_parent_segment(path))
        return err_set(err, -EINVAL, "a volume's host path '%.200s' leads out of the sandbox", path);
    *ret = xasprintf("%s/%s", run->sandbox, path);
    return 0;
}

/* What is left of the first ':': a path of the host or the name of a docker volume. */
static int
volume_source(const struct docker_run *run, const Mesos__V1__Volume *volume, const char **ret_driver, char **ret,
              struct err *err)
{
    const Mesos__V1__Volume__Source *source = volume->source;
    if (volume->image)
        return err_set(err, -EINVAL, "the volume '%.200s' has an image, which docker containers cannot have",
                       volume->container_path);
    if (volume->host_path) {
        if (check_path("host path", volume->host_path, err))
            return err->code;
        if (*volume->host_path != '/')
            return in_sandbox(run, volume->host_path, ret, err);
        *ret = xstrdup(volume->host_path);
        return 0;
    }
    if (source && source->has_type && source->type == MESOS__V1__VOLUME__SOURCE__TYPE__DOCKER_VOLUME &&
        source->docker_volume) {
        if (check_path("name", source->docker_volume->name, err))
            return err->code;
        if (strchr(source->docker_volume->name, '/'))
            return err_set(err, -EINVAL, "the docker volume's name '%.200s' is a path", source->docker_volume->name);
        *ret_driver = source->docker_volume->driver;
        *ret = xstrdup(source->docker_volume->name);
        return 0;
    }
    if (source && source->has_type && source->type == MESOS__V1__VOLUME__SOURCE__TYPE__SANDBOX_PATH &&
        source->sandbox_path && source->sandbox_path->path &&
        source->sandbox_path->type == MESOS__V1__VOLUME__SOURCE__SANDBOX_PATH__TYPE__SELF) {
        if (check_path("sandbox path", source->sandbox_path->path, err))
            return err->code;
        return in_sandbox(run, source->sandbox_path->path, ret, err);
    }
    if (source && source->has_type && source->type == MESOS__V1__VOLUME__SOURCE__TYPE__HOST_PATH && source->host_path) {
        if (check_path("host path", source->host_path->path, err))
            return err->code;
        if (*source->host_path->path != '/')
            return err_set(err, -EINVAL, "a volume's host path '%.200s' is not absolute", source->host_path->path);
        *ret = xstrdup(source->host_path->path);
        return 0;
    }
    return err_set(err, -EINVAL, "the volume '%.200s' has neither a host path, a path in the sandbox nor a docker volume",
                   volume->container_path);
}

/* Those that the task reserved lie on the agent's disks, and are seen where the framework said. */
static int
add_persistent(const struct docker_run *run, struct docker_argv *argv, struct err *err)
{
    for (size_t i = 0; run->work_dir && i < run->resource_count; i++) {
        const Mesos__V1__Resource__DiskInfo *disk = run->resources[i]->disk;
        const char *target = disk && disk->volume ? disk->volume->container_path : NULL;
        auto_free char *source = target ? volume_path(run->work_dir, run->resources[i]) : NULL;
        if (!source)
            continue;
        if (check_path("container path", target, err))
            return err->code;
        if (*target != '/' && has_parent_segment(target))
            return err_set(err, -EINVAL, "a volume's container path '%.200s' leads out of the sandbox", target);
        docker_argv_add(argv, "-v");
        docker_argv_add(argv, "%s:%s%s%s:%s", source, *target == '/' ? "" : run->mapped, *target == '/' ? "" : "/", target,
                        disk->volume->mode == MESOS__V1__VOLUME__MODE__RO ? "ro" : "rw");
    }
    return 0;
}

static int
add_volumes(const struct docker_run *run, struct docker_argv *argv, struct err *err)
{
    const Mesos__V1__ContainerInfo *info = run->container;
    const char *driver = info->docker->volume_driver;
    for (size_t i = 0; i < info->n_volumes; i++) {
        const Mesos__V1__Volume *volume = info->volumes[i];
        const char *own_driver = NULL;
        auto_free char *source = NULL;
        if (volume_source(run, volume, &own_driver, &source, err) ||
            check_path("container path", volume->container_path, err))
            return err->code;
        if (own_driver && driver && strcmp(own_driver, driver) != 0)
            return err_set(err, -EINVAL, "the volumes want two drivers, '%.100s' and '%.100s': docker run takes one",
                           driver, own_driver);
        driver = own_driver ? own_driver : driver;
        if (*volume->container_path != '/' && has_parent_segment(volume->container_path))
            return err_set(err, -EINVAL, "a volume's container path '%.200s' leads out of the sandbox",
                           volume->container_path);
        docker_argv_add(argv, "-v");
        docker_argv_add(argv, "%s:%s%s%s:%s", source, *volume->container_path == '/' ? "" : run->mapped,
                        *volume->container_path == '/' ? "" : "/", volume->container_path,
                        volume->mode == MESOS__V1__VOLUME__MODE__RO ? "ro" : "rw");
    }
    if (add_persistent(run, argv, err))
        return err->code;
    for (size_t i = 0; run->volumes && run->volumes[i]; i++) {
        docker_argv_add(argv, "-v");
        docker_argv_add(argv, "%s", run->volumes[i]);
    }
    if (check_path("sandbox", run->sandbox, err))
        return err->code;
    docker_argv_add(argv, "-v");
    docker_argv_add(argv, "%s:%s", run->sandbox, run->mapped);
    if (driver)
        docker_argv_add(argv, "--volume-driver=%s", driver);
    return 0;
}

/* ---- the network ---- */

static int
network_name(const struct docker_run *run, const char **ret, struct err *err)
{
    const Mesos__V1__ContainerInfo *info = run->container;
    int network = info->docker->has_network ? (int)info->docker->network
                                            : MESOS__V1__CONTAINER_INFO__DOCKER_INFO__NETWORK__HOST;
    if (info->n_network_infos > 1)
        return err_set(err, -EINVAL, "the container asks for %zu networks: docker run takes one", info->n_network_infos);
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
            return err_set(err, -EINVAL, "the port mapping %u:%u is beyond 65535", port->host_port, port->container_port);
        if (port->protocol && strcmp(port->protocol, "tcp") != 0 && strcmp(port->protocol, "udp") != 0 &&
            strcmp(port->protocol, "sctp") != 0)
            return err_set(err, -EINVAL, "the protocol '%.40s' of a port mapping is none of tcp|udp|sctp", port->protocol);
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
    json_array_foreach(list, i, item)
        if (json_is_string(item))
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
    json_array_foreach(json_object_get(root, "docker"), i, item) {
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

static int
add_network(const struct docker_run *run, struct docker_argv *argv, struct err *err)
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

/* ---- the rest ---- */

/* Those that would take the container out of our hands. */
static const char *
is_ours(const char *key)
{
    static const char *const ours[][2] = {
        {"rm", "--docker_remove_delay says when containers are removed"},
        {"detach", "the executor follows the container itself"},
        {"d", "the executor follows the container itself"},
        {"name", "monitoring finds containers by the name that the agent gives"},
        {"cidfile", "it would write a file as the agent"},
        {"env-file", "it would read a file as the agent"},
        {"label-file", "it would read a file as the agent"},
        {"entrypoint", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (strcmp(ours[i][0], key) == 0)
            return ours[i][1];
    return NULL;
}

static int
add_parameters(const struct docker_run *run, struct docker_argv *argv, struct err *err)
{
    const Mesos__V1__ContainerInfo__DockerInfo *docker = run->container->docker;
    for (size_t i = 0; i < docker->n_parameters; i++) {
        const char *key = docker->parameters[i]->key, *value = docker->parameters[i]->value;
        const char *why = is_ours(key);
        if (!*key || *key == '-' || key[strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")])
            return err_set(err, -EINVAL, "'%.100s' is no name of an option of docker run", key);
        if (why) {
            log_warning("The docker parameter '%s' is left out: %s", key, why);
            continue;
        }
        docker_argv_add(argv, "--%s=%s", key, value);
    }
    return 0;
}

int
docker_image_check(const char *image, struct err *err)
{
    size_t len = strlen(image);
    if (len == 0 || len > IMAGE_MAX)
        return err_set(err, -EINVAL, "the name of the image has %zu bytes: 1 to %d are possible", len, IMAGE_MAX);
    if (!isalnum((unsigned char)*image) && *image != '[')
        return err_set(err, -EINVAL, "the image '%.200s' begins with what no name of an image begins with", image);
    if (image[strspn(image, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@[]+")])
        return err_set(err, -EINVAL, "the image '%.200s' has characters that no name of an image has", image);
    return 0;
}

static int
add_command(const struct docker_run *run, struct docker_argv *argv, struct err *err)
{
    const Mesos__V1__CommandInfo *command = run->command;
    bool shell = !command->has_shell || command->shell;
    docker_argv_add(argv, "%s", run->container->docker->image);
    if (shell) {
        if (!command->value)
            return err_set(err, -EINVAL, "Shell specified but no command value provided");
        docker_argv_add(argv, "-c");
        docker_argv_add(argv, "%s", command->value);
        return 0;
    }
    if (command->value)
        docker_argv_add(argv, "%s", command->value);
    for (size_t i = 0; i < command->n_arguments; i++)
        docker_argv_add(argv, "%s", command->arguments[i]);
    return 0;
}

static int
fill(const struct docker_run *run, struct docker_argv *argv, int *ret_fd, struct err *err)
{
    const Mesos__V1__ContainerInfo__DockerInfo *docker = run->container->docker;
    bool shell = !run->command->has_shell || run->command->shell;
    docker_argv_add(argv, "run");
    docker_argv_add(argv, "--detach");
    if (run->client->engine >= DOCKER_VERSION(20, 10, 0)) /* who pulls is the containerizer, which can be cut off */
        docker_argv_add(argv, "--pull=never");
    if (docker->privileged)
        docker_argv_add(argv, "--privileged");
    add_figures(run, argv);
    if (add_environment(run, argv, ret_fd, err) || add_volumes(run, argv, err) || add_network(run, argv, err))
        return err->code;
    if (run->host_pid)
        docker_argv_add(argv, "--pid=host");
    if (run->container->tty_info) {
        docker_argv_add(argv, "--interactive");
        docker_argv_add(argv, "--tty");
    }
    if (shell) {
        docker_argv_add(argv, "--entrypoint");
        docker_argv_add(argv, "/bin/sh");
    }
    docker_argv_add(argv, "--name");
    docker_argv_add(argv, "%s", run->name);
    if (run->work_dir)
        docker_argv_add(argv, "--label=mesos.work_dir=%s", run->work_dir);
    if (add_parameters(run, argv, err))
        return err->code;
    return add_command(run, argv, err);
}

int
docker_run_argv(const struct docker_run *run, struct docker_argv *ret, int *ret_env_fd, struct err *err)
{
    auto_fd int fd = -1;
    if (!run->container->docker)
        return err_set(err, -EINVAL, "No docker info found in container info");
    if (docker_image_check(run->container->docker->image, err))
        return err->code;
    docker_argv_init(ret, run->client);
    if (fill(run, ret, &fd, err)) {
        docker_argv_fini(ret);
        return err->code;
    }
    *ret_env_fd = take_fd(&fd);
    return 0;
}
