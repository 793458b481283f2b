/* SPDX-License-Identifier: Apache-2.0 */
/*
 * telemetry "dcos": the machine and its containers as DC/OS's metrics service shows them, below /system/v1/metrics/v0,
 * with a statsd listener on loopback for each container (STATSD_UDP_HOST, STATSD_UDP_PORT). A listener's port is written
 * down before its container starts, so that the same port is served again after a restart of the agent.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "answer.h"
#include "base/file.h"
#include "mesos/telemetry.h"
#include "mesos/v1/mesos.pb-c.h"
#include "statsd.h"

enum { BATCH = 64 /* datagrams in one turn of the loop */, RECEIVE_BYTES = 256 * 1024 };

struct listener {
    struct dcos *dcos;
    struct mesos_watch *watch;
    int fd;
    struct statsd statsd;
    char id[];
};

struct dcos {
    const struct mesos_host *host;
    const struct mesos_telemetry_source *source;
    int64_t max_figures; /* option */
    char *directory; /* of the ports; NULL on a master */
    struct map listeners; /* by container id */
    struct node_times times;
};

/* ---- listeners ---- */

static char *
port_path(const struct dcos *dcos, const char *id)
{
    return xasprintf("%s/%s", dcos->directory, id);
}

/* Ids are the agent's own; one that could leave the directory is refused all the same. */
static bool
id_is_sound(const char *id)
{
    return *id && *id != '.' && strlen(id) < 200 && strchr(id, '/') == NULL;
}

static void
on_readable(int fd, int events, void *arg)
{
    struct listener *listener = arg;
    char packet[STATSD_PACKET_MAX + 1];
    double now = listener->dcos->host->wall_secs(listener->dcos->host);
    (void)events;
    for (int i = 0; i < BATCH; i++) {
        ssize_t len = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
        if (len < 0)
            return;
        statsd_packet(&listener->statsd, str_n(packet, (size_t)len), now);
    }
}

static int
bind_port(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), bytes = RECEIVE_BYTES;
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
        int code = -errno;
        close(fd);
        return code;
    }
    return fd;
}

static uint16_t
bound_port(int fd)
{
    struct sockaddr_in at;
    socklen_t len = sizeof(at);
    return getsockname(fd, (struct sockaddr *)&at, &len) == 0 ? ntohs(at.sin_port) : 0;
}

static struct listener *
listener_open(struct dcos *dcos, const char *id, uint16_t port)
{
    int fd = bind_port(port);
    if (fd < 0) {
        MESOS_LOG(dcos->host, WARNING, "no statsd listener for container %s: cannot bind 127.0.0.1:%u: %s", id, port,
                  strerror(-fd));
        return NULL;
    }
    struct listener *listener = xcalloc(1, sizeof(*listener) + strlen(id) + 1);
    memcpy(listener->id, id, strlen(id) + 1);
    listener->dcos = dcos;
    listener->fd = fd;
    statsd_init(&listener->statsd, (uint32_t)dcos->max_figures);
    listener->watch = dcos->host->watch_fd(dcos->host, fd, 1, on_readable, listener);
    map_add(&dcos->listeners, str_of(listener->id), listener);
    return listener;
}

static void
listener_close(struct listener *listener)
{
    struct dcos *dcos = listener->dcos;
    dcos->host->unwatch_fd(dcos->host, listener->watch);
    close(listener->fd);
    map_remove(&dcos->listeners, str_of(listener->id));
    statsd_fini(&listener->statsd);
    free(listener);
}

static int
write_port(struct dcos *dcos, const char *id, uint16_t port)
{
    char text[16];
    auto_free char *path = port_path(dcos, id);
    auto_free char *new_path = xasprintf("%s/.new", dcos->directory);
    snprintf(text, sizeof(text), "%u\n", port);
    FILE *file = fopen(new_path, "we");
    if (!file)
        return -errno;
    bool written = fputs(text, file) >= 0;
    if (fclose(file) != 0 || !written || rename(new_path, path) < 0)
        return errno ? -errno : -EIO;
    return 0;
}

static uint16_t
read_port(const struct dcos *dcos, const char *id)
{
    uint64_t port;
    auto_buf struct buf text = {0};
    auto_free char *path = port_path(dcos, id);
    if (file_read(path, 16, &text, NULL) < 0 || str_to_u64(str_trim(buf_str(&text)), &port) < 0 || port > 65535)
        return 0;
    return (uint16_t)port;
}

static int
dcos_launching(void *instance, const struct mesos_telemetry_container *container,
               void (*set)(void *set_arg, const char *name, const char *value), void *set_arg)
{
    struct dcos *dcos = instance;
    char port[8];
    if (!dcos->directory || !id_is_sound(container->container_id))
        return 0;
    struct listener *listener = map_get(&dcos->listeners, str_of(container->container_id));
    if (!listener) {
        listener = listener_open(dcos, container->container_id, 0);
        if (!listener)
            return dcos->host->fail(dcos->host, -EIO, "no statsd listener");
        int code = write_port(dcos, container->container_id, bound_port(listener->fd));
        if (code < 0) {
            listener_close(listener);
            return dcos->host->fail(dcos->host, code, "cannot write %s/%s: %s", dcos->directory,
                                    container->container_id, strerror(-code));
        }
    }
    snprintf(port, sizeof(port), "%u", bound_port(listener->fd));
    set(set_arg, "STATSD_UDP_HOST", "127.0.0.1");
    set(set_arg, "STATSD_UDP_PORT", port);
    return 0;
}

static void
dcos_recovered(void *instance, const struct mesos_telemetry_container *container)
{
    struct dcos *dcos = instance;
    const char *id = container->container_id;
    if (!dcos->directory || !id_is_sound(id) || map_get(&dcos->listeners, str_of(id)))
        return;
    uint16_t port = read_port(dcos, id);
    if (port) /* started before the module was there: it knows of no port */
        listener_open(dcos, id, port);
}


static void
dcos_ended(void *instance, const char *container_id)
{
    struct dcos *dcos = instance;
    struct listener *listener = map_get(&dcos->listeners, str_of(container_id));
    if (!listener)
        return;
    auto_free char *path = port_path(dcos, container_id);
    unlink(path);
    listener_close(listener);
}

/* ---- answers ---- */

struct question {
    struct dcos *dcos;
    struct mesos_call *call;
    struct buf out;
    struct node_times times;
    double now_secs;
    const char *id; /* of the container looked for, with what was found of it */
    char *mesos_id, *cluster_id, *hostname; /* taken at once: the daemon may end before the answer is ready */
    char *container_id, *executor_id, *executor_name, *framework_id, *framework_name, *principal, *role, *source, *task_id,
        *task_name;
    bool found;
};

static char *
copy(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

static struct question *
question_new(struct dcos *dcos, struct mesos_call *call)
{
    const struct mesos_telemetry_source *source = dcos->source;
    const char *id = source->id(source->arg);
    struct question *question = xcalloc(1, sizeof(*question));
    question->mesos_id = xstrdup(id ? id : "");
    question->cluster_id = copy(source->cluster(source->arg));
    question->hostname = xstrdup(source->hostname ? source->hostname : "");
    question->dcos = dcos;
    question->call = call;
    question->now_secs = dcos->host->wall_secs(dcos->host);
    return question;
}

static void
question_end(struct question *question, int status)
{
    char *const texts[] = {question->container_id, question->executor_id,  question->executor_name, question->framework_id,
                           question->framework_name, question->principal, question->role,          question->source,
                           question->task_id,      question->task_name,   question->mesos_id,      question->cluster_id,
                           question->hostname};
    question->dcos->host->reply(question->dcos->host, question->call, status,
                                (struct mesos_bytes){buf_data(&question->out), status ? 0 : question->out.len});
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        free(texts[i]);
    buf_fini(&question->out);
    free(question);
}

static void
on_found(void *arg, const struct mesos_telemetry_container *container)
{
    struct question *question = arg;
    if (question->found || strcmp(container->container_id, question->id) != 0)
        return;
    question->found = true;
    question->container_id = copy(container->container_id);
    question->executor_id = copy(container->executor_id);
    question->executor_name = copy(container->executor_name);
    question->framework_id = copy(container->framework_id);
    question->framework_name = copy(container->framework_name);
    question->principal = copy(container->framework_principal);
    question->role = copy(container->framework_role);
    question->source = copy(container->source);
    question->task_id = copy(container->task_id);
    question->task_name = copy(container->task_name);
}

static void
end_with_dimensions(struct question *question)
{
    const struct tag dimensions[] = {{"mesos_id", question->mesos_id},
                                     {"cluster_id", question->cluster_id},
                                     {"container_id", question->container_id},
                                     {"executor_id", question->executor_id},
                                     {"framework_name", question->framework_name},
                                     {"framework_id", question->framework_id},
                                     {"framework_role", question->role},
                                     {"framework_principal", question->principal},
                                     {"task_name", question->task_name},
                                     {"task_id", question->task_id},
                                     {"hostname", question->hostname},
                                     {NULL, NULL}};
    answer_end(&question->out, dimensions);
    question_end(question, 0);
}

static void
node_work(void *arg)
{
    struct question *question = arg;
    answer_begin(&question->out);
    node_points(&question->out, &question->times, question->now_secs);
}

static void
node_done(void *arg)
{
    struct question *question = arg;
    question->dcos->times = question->times;
    end_with_dimensions(question);
}

static void
get_node(struct dcos *dcos, struct mesos_call *call)
{
    struct question *question = question_new(dcos, call);
    question->times = dcos->times;
    dcos->host->offload(dcos->host, true, node_work, node_done, question);
}

static void
on_listed(void *arg, const struct mesos_telemetry_container *container)
{
    struct question *question = arg;
    if (question->out.len > 1)
        buf_putc(&question->out, ',');
    answer_text(&question->out, container->container_id);
}

static void
get_containers(struct dcos *dcos, struct mesos_call *call)
{
    struct question *question = question_new(dcos, call);
    buf_putc(&question->out, '[');
    dcos->source->each(dcos->source->arg, on_listed, question);
    buf_puts(&question->out, "]\n");
    question_end(question, 0);
}

static void
statistics_points(struct question *question, const Mesos__V1__ResourceStatistics *s)
{
    const struct tag tags[] = {{"container_id", question->container_id}, {"executor_id", question->executor_id},
                               {"executor_name", question->executor_name}, {"framework_id", question->framework_id},
                               {"source", question->source}, {NULL, NULL}};
    const struct {
        const char *name, *unit;
        double value;
    } rows[] = {{"cpus.user.time", "seconds", s->cpus_user_time_secs},
                {"cpus.system.time", "seconds", s->cpus_system_time_secs},
                {"cpus.limit", "count", s->cpus_limit},
                {"cpus.throttled.time", "seconds", s->cpus_throttled_time_secs},
                {"mem.total", "bytes", s->has_mem_total_bytes ? (double)s->mem_total_bytes : (double)s->mem_rss_bytes},
                {"mem.limit", "bytes", (double)s->mem_limit_bytes},
                {"disk.limit", "bytes", (double)s->disk_limit_bytes},
                {"disk.used", "bytes", (double)s->disk_used_bytes},
                {"net.rx.packets", "count", (double)s->net_rx_packets},
                {"net.rx.bytes", "bytes", (double)s->net_rx_bytes},
                {"net.rx.errors", "count", (double)s->net_rx_errors},
                {"net.rx.dropped", "count", (double)s->net_rx_dropped},
                {"net.tx.packets", "count", (double)s->net_tx_packets},
                {"net.tx.bytes", "bytes", (double)s->net_tx_bytes},
                {"net.tx.errors", "count", (double)s->net_tx_errors},
                {"net.tx.dropped", "count", (double)s->net_tx_dropped}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        answer_point(&question->out, rows[i].name, rows[i].value, rows[i].unit, s->timestamp, tags);
}

static void
on_usage(void *arg, int status, struct mesos_bytes statistics)
{
    struct question *question = arg;
    if (status < 0) {
        question->dcos->host->fail(question->dcos->host, -ENODATA, "container '%s' has no statistics",
                                   question->container_id);
        question_end(question, -ENODATA);
        return;
    }
    /* Packed by the core: nothing of it is from outside. */
    Mesos__V1__ResourceStatistics *s = mesos__v1__resource_statistics__unpack(NULL, statistics.len, statistics.data);
    answer_begin(&question->out);
    if (s)
        statistics_points(question, s);
    mesos__v1__resource_statistics__free_unpacked(s, NULL);
    end_with_dimensions(question);
}

static void
point(struct question *question, const struct statsd_figure *figure, const char *suffix, double value, const char *unit,
      const struct tag *tags)
{
    auto_free char *name = xasprintf("%s%s", figure->name, suffix);
    answer_point(&question->out, name, value, unit, figure->at_secs, tags);
}

static void
figure_points(struct question *question, const struct statsd_figure *figure)
{
    struct tag tags[STATSD_TAGS_MAX + 1] = {{NULL, NULL}};
    char texts[STATSD_TAG_BYTES + STATSD_TAGS_MAX], *at = texts;
    for (uint32_t i = 0; i < figure->tag_count; i++) {
        char *key = at, *value;
        at = stpcpy(at, figure->tags[i]) + 1;
        value = strchr(key, ':');
        if (value)
            *value++ = 0;
        tags[i] = (struct tag){key, value ? value : ""};
    }
    const struct statsd_timer *timer = figure->timer;
    if (figure->kind == STATSD_SET) {
        point(question, figure, "", figure->member_count, "count", tags);
    } else if (figure->kind != STATSD_TIMER) {
        point(question, figure, "", figure->value, "", tags);
    } else if (timer) {
        point(question, figure, ".count", timer->count, "count", tags);
        point(question, figure, ".lower", timer->lower, "", tags);
        point(question, figure, ".upper", timer->upper, "", tags);
        point(question, figure, ".mean", timer->sum / timer->count, "", tags);
        point(question, figure, ".50_percentile", statsd_percentile(timer, .5), "", tags);
        point(question, figure, ".90_percentile", statsd_percentile(timer, .9), "", tags);
        point(question, figure, ".99_percentile", statsd_percentile(timer, .99), "", tags);
    }
}

/* name NULL: all that the container's programs sent. */
static void
app_answer(struct question *question, const char *name)
{
    struct dcos *dcos = question->dcos;
    struct listener *listener = map_get(&dcos->listeners, str_of(question->container_id));
    struct statsd_figure *figure;
    size_t count = 0;
    answer_begin(&question->out);
    if (listener)
        map_foreach(figure, &listener->statsd.figures)
            if (!name || strcmp(name, figure->name) == 0) {
                figure_points(question, figure);
                count++;
            }
    if (listener && !name) {
        const struct statsd *s = &listener->statsd;
        answer_point(&question->out, "dcos.metrics.module.container_received_packets", (double)s->packets, "count",
                     question->now_secs, NULL);
        answer_point(&question->out, "dcos.metrics.module.container_bad_lines", (double)s->bad, "count",
                     question->now_secs, NULL);
        answer_point(&question->out, "dcos.metrics.module.container_throttled_lines", (double)s->dropped, "count",
                     question->now_secs, NULL);
        count++;
    }
    if (count) {
        end_with_dimensions(question);
        return;
    }
    dcos->host->fail(dcos->host, -ENODATA, "container '%s' has sent no such metric", question->container_id);
    question_end(question, -ENODATA);
}

/* path: "<id>", "<id>/app" or "<id>/app/<metric>". */
static void
get_container(struct dcos *dcos, const char *path, struct mesos_call *call)
{
    struct str rest = str_of(path);
    auto_free char *id = str_dup(str_cut(&rest, '/'));
    struct str word = str_cut(&rest, '/');
    struct question *question = question_new(dcos, call);
    question->id = id;
    dcos->source->each(dcos->source->arg, on_found, question);
    question->id = NULL;
    if (!question->found || (word.len && !str_is(word, "app"))) {
        int code = question->found ? -ENOENT : -ENODATA;
        dcos->host->fail(dcos->host, code, "there is nothing at '%.200s'", path);
        question_end(question, code);
    } else if (word.len) {
        auto_free char *name = rest.len ? str_dup(rest) : NULL;
        app_answer(question, name);
    } else {
        dcos->source->usage(dcos->source->arg, question->container_id, on_usage, question);
    }
}

static void
get_ping(struct dcos *dcos, struct mesos_call *call)
{
    static const char text[] = "{\"ok\":true}\n";
    dcos->host->reply(dcos->host, call, 0, (struct mesos_bytes){text, sizeof(text) - 1});
}

static void
dcos_get(void *instance, const char *path, struct mesos_call *call)
{
    struct dcos *dcos = instance;
    bool agent = dcos->source->agent;
    if (strcmp(path, "/node") == 0 || strcmp(path, "/node/") == 0)
        get_node(dcos, call);
    else if (strcmp(path, "/ping") == 0)
        get_ping(dcos, call);
    else if (agent && (strcmp(path, "/containers") == 0 || strcmp(path, "/containers/") == 0))
        get_containers(dcos, call);
    else if (agent && strncmp(path, "/containers/", 12) == 0)
        get_container(dcos, path + 12, call);
    else if (agent && strncmp(path, "/node/container/", 16) == 0)
        get_container(dcos, path + 16, call);
    else {
        dcos->host->fail(dcos->host, -ENOENT, "there is nothing at '%.200s'; try /node%s", path,
                         agent ? ", /containers, /containers/<id> or /containers/<id>/app" : "");
        dcos->host->reply(dcos->host, call, -ENOENT, (struct mesos_bytes){NULL, 0});
    }
}

/* ---- life ---- */

static int
dcos_initialize(void *instance, const struct mesos_telemetry_source *source)
{
    struct dcos *dcos = instance;
    struct err err = {0};
    dcos->source = source;
    if (!source->agent || !dcos->host->runtime_dir)
        return 0;
    dcos->directory = xasprintf("%s/telemetry/dcos", dcos->host->runtime_dir);
    if (dir_make(dcos->directory, 0755, &err) < 0)
        return dcos->host->fail(dcos->host, err.code, "%s", err.text);
    return 0;
}

static void
dcos_recovery_done(void *instance)
{
    struct dcos *dcos = instance;
    DIR *directory = dcos->directory ? opendir(dcos->directory) : NULL;
    for (const struct dirent *entry; directory && (entry = readdir(directory));)
        if (entry->d_name[0] != '.' && !map_get(&dcos->listeners, str_of(entry->d_name)))
            unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory)
        closedir(directory);
}

static int
dcos_start(void *instance, const struct mesos_host *host)
{
    struct dcos *dcos = instance;
    dcos->host = host;
    if (dcos->max_figures < 1 || dcos->max_figures > 100000)
        return host->fail(host, -EINVAL, "max_metrics is %lld: it must be 1 to 100000", (long long)dcos->max_figures);
    return 0;
}

/* Containers go on with what they were told: their ports are kept for the next agent. */
static void
dcos_stop(void *instance, struct mesos_call *call)
{
    struct dcos *dcos = instance;
    struct listener *listener;
    map_foreach(listener, &dcos->listeners)
        listener_close(listener);
    map_fini(&dcos->listeners);
    free(dcos->directory);
    if (call)
        dcos->host->reply(dcos->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static const struct mesos_option options[] = {
    {"max_metrics", MESOS_OPTION_INT, offsetof(struct dcos, max_figures), "1000",
     "How many metrics (names with tags) one container may have; others are dropped."},
    {NULL, 0, 0, NULL, NULL}};
static const struct mesos_telemetry_ops ops = {.initialize = dcos_initialize,
                                               .prefix = "/system/v1/metrics/v0",
                                               .get = dcos_get,
                                               .launching = dcos_launching,
                                               .recovered = dcos_recovered,
                                               .recovery_done = dcos_recovery_done,
                                               .ended = dcos_ended};
static const struct mesos_module module = {.abi = MESOS_ABI,
                                         .size = sizeof(struct mesos_module),
                                         .host_size = sizeof(struct mesos_host),
                                         .ops_size = sizeof ops,
                                         .kind = MESOS_KIND_TELEMETRY,
                                         .instance_size = sizeof(struct dcos),
                                         .name = "dcos",
                                         .version = CMESOS_VERSION,
                                         .author = "cmesos",
                                         .summary = "Metrics of machine, containers and programs as DC/OS shows them.",
                                         .options = options,
                                         .start = dcos_start,
                                         .stop = dcos_stop,
                                         .ops = &ops};

MESOS_MODULES(&module);
