/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container uses, where it is reached, and what it may use: docker inspect tells its first process and address,
 * the process tells the control groups, and docker update changes limits in place. Groups are read off the thread.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "docker.h"
#include "wire/message.h"

#define UPDATE_TIMEOUT_MS (30 * 1000)
#define FILE_MAX_BYTES (256u << 10)

/* ---- limits ---- */

static void
take_limit(const Mesos__Slave__ContainerConfig__LimitsEntry *entry, struct docker_limits *limits)
{
    if (!entry->key || !entry->value)
        return;
    if (strcmp(entry->key, "cpus") == 0)
        limits->cpus_limit = entry->value->value;
    if (strcmp(entry->key, "mem") == 0)
        limits->mem_limit_mb = entry->value->value;
}

static double
limit_of(Mesos__V1__TaskInfo__LimitsEntry *const *limits, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(limits[i]->key, name) == 0 && limits[i]->value)
            return limits[i]->value->value;
    }
    return 0;
}

void
limits_from_config(struct container *container)
{
    const Mesos__Slave__ContainerConfig *config = container->config;
    const Mesos__V1__TaskInfo *task = config->task_info;
    const Mesos__V1__ExecutorInfo *executor = config->executor_info;
    if (task) {
        container->limits = (struct docker_limits){
            docker_scalar(task->resources, task->n_resources, "cpus"),
            docker_scalar(task->resources, task->n_resources, "mem"),
            limit_of(task->limits, task->n_limits, "cpus"),
            limit_of(task->limits, task->n_limits, "mem"),
        };
        if (executor) {
            container->overhead_cpus = docker_scalar(executor->resources, executor->n_resources, "cpus");
            container->overhead_mem = docker_scalar(executor->resources, executor->n_resources, "mem");
        }
    } else {
        container->limits = (struct docker_limits){
            .cpus = docker_scalar(config->resources, config->n_resources, "cpus"),
            .mem_mb = docker_scalar(config->resources, config->n_resources, "mem"),
        };
        for (size_t i = 0; i < config->n_limits; i++)
            take_limit(config->limits[i], &container->limits);
    }
    container->figures = docker_figures(&container->limits, container->docker->cfs);
}

/* Entries of a map, packed behind each other as field 16 of a ContainerConfig. */
static void
read_limits(struct mesos_bytes bytes, struct docker_limits *limits)
{
    auto_arena struct arena *arena = arena_new(0);
    const uint8_t *at = bytes.data, *end = at ? at + bytes.len : NULL;
    while (at && end - at > 3 && at[0] == 0x82 && at[1] == 0x01) {
        size_t len = at[2];
        at += 3;
        if (len >= 0x80 || (size_t)(end - at) < len)
            return; /* names of resources are short */
        const Mesos__Slave__ContainerConfig__LimitsEntry *entry =
            message_unpack(&mesos__slave__container_config__limits_entry__descriptor, str_n(at, len), arena, NULL);
        at += len;
        if (!entry)
            return;
        take_limit(entry, limits);
    }
}

static struct docker_limits
new_limits(const struct container *container, struct mesos_resources requests, struct mesos_bytes bytes)
{
    int64_t cpus = 0, mem = 0;
    struct docker_limits limits = {0};
    for (size_t i = 0; i < requests.count; i++) {
        const struct mesos_resource *r = (const void *)((const char *)requests.items + i * requests.stride);
        if (r->type != MESOS_VALUE_SCALAR)
            continue;
        cpus += strcmp(r->name, "cpus") == 0 ? r->scalar : 0;
        mem += strcmp(r->name, "mem") == 0 ? r->scalar : 0;
    }
    limits.cpus = (double)cpus / 1000 - container->overhead_cpus;
    limits.mem_mb = (double)mem / 1000 - container->overhead_mem;
    read_limits(bytes, &limits);
    return limits;
}

static void
update_over(struct container *container, int status, const char *text)
{
    struct mesos_call *call = take(&container->updating);
    if (!call)
        return;
    if (status < 0)
        answer_fail(container->docker, call, status, "%s", text);
    else
        answer(container->docker, call, 0);
}

struct update {
    struct docker *docker;
    char *id;
    struct docker_figures figures;
    struct docker_limits limits;
};

static void
on_updated(const struct cli_result *result, void *arg)
{
    struct update *update = arg;
    struct container *container = container_find(update->docker, update->id);
    struct err err = {0};
    if (container && cli_well(result)) {
        container->figures = update->figures;
        container->limits = update->limits;
        if (container->state == STATE_RUNNING && state_write(container, &err) < 0)
            MESOS_LOG(container->docker->host, WARNING, "container %s: %s", container->id, err.text);
        update_over(container, 0, NULL);
    } else if (container && (cli_says_gone(result) || container->state != STATE_RUNNING)) {
        update_over(container, 0, NULL); /* not there yet, or no more */
    } else if (container) {
        auto_free char *text = xasprintf("docker update: %s%.*s", result->timed_out ? "cut off; " : "",
                                         STR_ARG(str_trim(result->err)));
        update_over(container, -EIO, text);
    }
    free(update->id);
    free(update);
}

static bool
same(const struct docker_figures *a, const struct docker_figures *b)
{
    return a->cpu_shares == b->cpu_shares && a->cpu_quota == b->cpu_quota && a->memory == b->memory &&
           a->memory_reservation == b->memory_reservation;
}

static void
call_update(struct container *container, const struct docker_figures *figures, const struct docker_limits *limits)
{
    struct docker *docker = container->docker;
    struct docker_argv argv;
    docker_argv_init(&argv, &docker->client);
    docker_argv_add(&argv, "update");
    docker_argv_add(&argv, "--cpu-shares=%llu", (unsigned long long)figures->cpu_shares);
    if (figures->cpu_quota != container->figures.cpu_quota)
        docker_argv_add(&argv, "--cpu-quota=%lld", figures->cpu_quota ? (long long)figures->cpu_quota : -1LL);
    if (figures->memory_reservation)
        docker_argv_add(&argv, "--memory-reservation=%llu", (unsigned long long)figures->memory_reservation);
    if (figures->memory && figures->memory != container->figures.memory) {
        docker_argv_add(&argv, "--memory=%llu", (unsigned long long)figures->memory);
        /* As much swap as docker gives by itself: memory must not grow beyond the sum that it had. */
        docker_argv_add(&argv, "--memory-swap=%llu", (unsigned long long)figures->memory * 2);
    }
    docker_argv_add(&argv, "%s", container->name);
    struct update *update = xcalloc(1, sizeof *update);
    *update = (struct update){docker, xstrdup(container->id), *figures, *limits};
    struct cli_wish wish = {.argv = &argv, .timeout_ms = UPDATE_TIMEOUT_MS, .env_fd = -1};
    if (!cli_start(docker, &wish, on_updated, update, NULL)) {
        free(update->id);
        free(update);
        update_over(container, -EAGAIN, "docker update: no client started");
    }
    docker_argv_fini(&argv);
}

void
docker_update(void *instance, const char *container_id, struct mesos_resources requests, struct mesos_bytes bytes,
              struct mesos_call *call)
{
    struct docker *docker = instance;
    struct container *container = container_find(docker, container_id);
    if (!container || is_session(container)) {
        answer_fail(docker, call, -ENOENT, "Unknown container %s", container_id);
        return;
    }
    struct docker_limits limits = new_limits(container, requests, bytes);
    if (limits.cpus_limit <= 0 && limits.mem_limit_mb <= 0 && bytes.len == 0) { /* not told: as they were */
        limits.cpus_limit = container->limits.cpus_limit;
        limits.mem_limit_mb = container->limits.mem_limit_mb;
    }
    struct docker_figures figures = docker_figures(&limits, docker->cfs);
    /* A task's container that has no more task is about to end: its limits stay. */
    if (container->state != STATE_RUNNING || limits.cpus < 0.001 || limits.mem_mb < 1 || same(&figures, &container->figures)) {
        answer(docker, call, 0);
        return;
    }
    if (container->updating)
        update_over(container, -ECANCELED, "other limits were asked for meanwhile");
    container->updating = call;
    call_update(container, &figures, &limits);
}

/* ---- questions that need docker inspect ---- */

struct question {
    struct list in_container;
    struct mesos_call *call;
    bool usage; /* else status */
};

struct reading {
    struct docker *docker;
    struct mesos_call *call;
    pid_t pid;
    struct docker_figures figures;
    Mesos__V1__ResourceStatistics statistics;
    int status;
};

/* Where a controller is mounted, and where a process is in it: the path of its group. name NULL: version 2. */
static bool
group_of(const char *mounts, const char *groups, const char *name, char *ret, size_t size)
{
    struct str rest = str_of(groups);
    char path[1024] = "";
    while (rest.len > 0) { /* "4:memory:/docker/abc", "0::/docker/abc" */
        struct str line = str_cut(&rest, '\n');
        str_cut(&line, ':');
        struct str list = str_cut(&line, ':');
        bool here = !name && list.len == 0;
        while (name && list.len > 0)
            here |= str_is(str_cut(&list, ','), name);
        if (here)
            snprintf(path, sizeof path, "%.*s", STR_ARG(line));
    }
    rest = str_of(mounts);
    while (*path && rest.len > 0) { /* "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory" */
        struct str line = str_cut(&rest, '\n'), root, at;
        for (int i = 0; i < 3; i++)
            str_cut(&line, ' ');
        root = str_cut(&line, ' ');
        at = str_cut(&line, ' ');
        while (line.len > 0 && !str_is(str_cut(&line, ' '), "-"))
            continue;
        struct str type = str_cut(&line, ' ');
        str_cut(&line, ' ');
        bool here = name ? str_is(type, "cgroup") && false : str_is(type, "cgroup2");
        while (name && str_is(type, "cgroup") && line.len > 0)
            here |= str_is(str_cut(&line, ','), name);
        if (!here)
            continue;
        const char *below = path;
        if (root.len > 1 && strncmp(path, root.ptr, root.len) == 0)
            below += root.len;
        snprintf(ret, size, "%.*s%s", STR_ARG(at), below);
        if (access(ret, F_OK) == 0)
            return true;
    }
    return false;
}

static bool
read_file(const char *group, const char *name, struct buf *out)
{
    auto_free char *path = xasprintf("%s/%s", group, name);
    buf_clear(out);
    return file_read(path, FILE_MAX_BYTES, out, NULL) == 0;
}

static bool
number_in(struct buf *text, const char *key, uint64_t *ret)
{
    struct str rest = buf_str(text);
    while (rest.len > 0) {
        struct str line = str_cut(&rest, '\n');
        if (!key)
            return str_to_u64(str_trim(line), ret) == 0;
        if (str_is(str_cut(&line, ' '), key))
            return str_to_u64(str_trim(line), ret) == 0;
    }
    return false;
}

#define TAKE(field, text, key, scale)                                                                              \
    do {                                                                                                           \
        uint64_t number_;                                                                                          \
        if (number_in((text), (key), &number_)) {                                                                  \
            s->has_##field = true;                                                                                 \
            s->field = (__typeof__(s->field))((double)number_ * (scale));                                          \
        }                                                                                                          \
    } while (0)

static void
read_v1(const char *mounts, const char *groups, Mesos__V1__ResourceStatistics *s)
{
    char path[2048];
    auto_buf struct buf text = {0};
    double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
    if (group_of(mounts, groups, "cpuacct", path, sizeof path) && read_file(path, "cpuacct.stat", &text)) {
        TAKE(cpus_user_time_secs, &text, "user", tick);
        TAKE(cpus_system_time_secs, &text, "system", tick);
    }
    if (group_of(mounts, groups, "cpu", path, sizeof path) && read_file(path, "cpu.stat", &text)) {
        TAKE(cpus_nr_periods, &text, "nr_periods", 1);
        TAKE(cpus_nr_throttled, &text, "nr_throttled", 1);
        TAKE(cpus_throttled_time_secs, &text, "throttled_time", 1e-9);
    }
    if (!group_of(mounts, groups, "memory", path, sizeof path))
        return;
    if (read_file(path, "memory.usage_in_bytes", &text))
        TAKE(mem_total_bytes, &text, NULL, 1);
    if (!read_file(path, "memory.stat", &text))
        return;
    TAKE(mem_rss_bytes, &text, "total_rss", 1);
    TAKE(mem_anon_bytes, &text, "total_rss", 1);
    TAKE(mem_cache_bytes, &text, "total_cache", 1);
    TAKE(mem_file_bytes, &text, "total_cache", 1);
    TAKE(mem_mapped_file_bytes, &text, "total_mapped_file", 1);
    TAKE(mem_unevictable_bytes, &text, "total_unevictable", 1);
}

static void
read_v2(const char *group, Mesos__V1__ResourceStatistics *s)
{
    auto_buf struct buf text = {0};
    if (read_file(group, "cpu.stat", &text)) {
        TAKE(cpus_user_time_secs, &text, "user_usec", 1e-6);
        TAKE(cpus_system_time_secs, &text, "system_usec", 1e-6);
        TAKE(cpus_nr_periods, &text, "nr_periods", 1);
        TAKE(cpus_nr_throttled, &text, "nr_throttled", 1);
        TAKE(cpus_throttled_time_secs, &text, "throttled_usec", 1e-6);
    }
    if (read_file(group, "memory.current", &text))
        TAKE(mem_total_bytes, &text, NULL, 1);
    if (!read_file(group, "memory.stat", &text))
        return;
    TAKE(mem_rss_bytes, &text, "anon", 1);
    TAKE(mem_anon_bytes, &text, "anon", 1);
    TAKE(mem_cache_bytes, &text, "file", 1);
    TAKE(mem_file_bytes, &text, "file", 1);
    TAKE(mem_mapped_file_bytes, &text, "file_mapped", 1);
    TAKE(mem_unevictable_bytes, &text, "unevictable", 1);
}

static void
reading_work(void *arg)
{
    struct reading *reading = arg;
    auto_buf struct buf mounts = {0}, groups = {0};
    char path[64], group[2048];
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int)reading->pid);
    if (file_read("/proc/self/mountinfo", 4u << 20, &mounts, NULL) < 0 || file_read(path, FILE_MAX_BYTES, &groups, NULL) < 0) {
        reading->status = -ESRCH;
        return;
    }
    if (group_of(buf_cstr(&mounts), buf_cstr(&groups), "memory", group, sizeof group) ||
        group_of(buf_cstr(&mounts), buf_cstr(&groups), "cpuacct", group, sizeof group))
        read_v1(buf_cstr(&mounts), buf_cstr(&groups), &reading->statistics);
    else if (group_of(buf_cstr(&mounts), buf_cstr(&groups), NULL, group, sizeof group))
        read_v2(group, &reading->statistics);
}

static void
reading_done(void *arg)
{
    struct reading *reading = arg;
    struct docker *docker = reading->docker;
    Mesos__V1__ResourceStatistics *s = &reading->statistics;
    auto_buf struct buf packed = {0};
    if (docker->stopped) {
        free(reading);
        return;
    }
    if (reading->status < 0) {
        answer_fail(docker, reading->call, reading->status, "the container's process %d is gone", (int)reading->pid);
        free(reading);
        return;
    }
    s->timestamp = docker->host->wall_secs(docker->host);
    s->has_cpus_limit = true;
    s->cpus_limit = reading->figures.cpu_quota ? (double)reading->figures.cpu_quota / 100000
                                               : (double)reading->figures.cpu_shares / 1024;
    s->has_cpus_soft_limit = true;
    s->cpus_soft_limit = (double)reading->figures.cpu_shares / 1024;
    s->has_mem_limit_bytes = reading->figures.memory > 0;
    s->mem_limit_bytes = reading->figures.memory;
    s->has_mem_soft_limit_bytes = reading->figures.memory_reservation > 0;
    s->mem_soft_limit_bytes = reading->figures.memory_reservation;
    size_t len = mesos__v1__resource_statistics__get_packed_size(s);
    buf_added(&packed, mesos__v1__resource_statistics__pack(s, (uint8_t *)buf_reserve(&packed, len)));
    docker->host->reply(docker->host, reading->call, 0, (struct mesos_bytes){buf_data(&packed), packed.len});
    free(reading);
}

static void
answer_usage(struct container *container, struct mesos_call *call)
{
    struct reading *reading = xcalloc(1, sizeof *reading);
    reading->docker = container->docker;
    reading->call = call;
    reading->pid = container->inspected.pid;
    reading->figures = container->figures;
    mesos__v1__resource_statistics__init(&reading->statistics);
    container->docker->host->offload(container->docker->host, false, reading_work, reading_done, reading);
}

static void
answer_status(struct container *container, struct mesos_call *call)
{
    Mesos__V1__ContainerStatus status = MESOS__V1__CONTAINER_STATUS__INIT;
    Mesos__V1__ContainerID id = MESOS__V1__CONTAINER_ID__INIT;
    Mesos__V1__NetworkInfo network = MESOS__V1__NETWORK_INFO__INIT, *networks[] = {&network};
    Mesos__V1__NetworkInfo__IPAddress addresses[2], *list[2];
    char *texts[] = {container->inspected.ip, container->inspected.ip6};
    auto_buf struct buf packed = {0};
    id.value = container->id;
    status.container_id = &id;
    for (int i = 0; i < 2; i++) {
        if (!*texts[i])
            continue;
        mesos__v1__network_info__ipaddress__init(&addresses[i]);
        addresses[i].ip_address = texts[i];
        list[network.n_ip_addresses++] = &addresses[i];
    }
    network.ip_addresses = list;
    if (network.n_ip_addresses > 0) {
        status.network_infos = networks;
        status.n_network_infos = 1;
    }
    size_t len = mesos__v1__container_status__get_packed_size(&status);
    buf_added(&packed, mesos__v1__container_status__pack(&status, (uint8_t *)buf_reserve(&packed, len)));
    container->docker->host->reply(container->docker->host, call, 0, (struct mesos_bytes){buf_data(&packed), packed.len});
}

static void
answer_question(struct container *container, struct question *question, const char *why)
{
    list_remove(&question->in_container);
    if (!question->usage)
        answer_status(container, question->call);
    else if (container->inspected.pid > 0)
        answer_usage(container, question->call);
    else
        answer_fail(container->docker, question->call, -ESRCH, "%s", why);
    free(question);
}

void
questions_drop(struct container *container, const char *why)
{
    update_over(container, 0, NULL);
    container->inspected.pid = 0;
    if (container->docker->stopped)
        return;
    while (!list_empty(&container->inspecting))
        answer_question(container, list_first(&container->inspecting, struct question, in_container), why);
}

struct look {
    struct docker *docker;
    char *id;
};

static void
on_looked(const struct cli_result *result, void *arg)
{
    struct look *look = arg;
    struct container *container = container_find(look->docker, look->id);
    struct docker_state state;
    if (container && cli_well(result) && docker_state_read(result->out, &state, NULL) == 0)
        container->inspected = state;
    while (container && !list_empty(&container->inspecting))
        answer_question(container, list_first(&container->inspecting, struct question, in_container),
                        "the docker container does not run");
    free(look->id);
    free(look);
}

static void
ask(struct container *container, bool usage, struct mesos_call *call)
{
    struct question *question = xcalloc(1, sizeof *question);
    bool first = list_empty(&container->inspecting);
    question->call = call;
    question->usage = usage;
    list_push(&container->inspecting, &question->in_container);
    if (!first)
        return;
    struct look *look = xcalloc(1, sizeof *look);
    *look = (struct look){container->docker, xstrdup(container->id)};
    const char *const words[] = {"inspect", "--type=container", container->name, NULL};
    if (cli_call(container->docker, INSPECT_TIMEOUT_MS, on_looked, look, words))
        return;
    free(look->id);
    free(look);
    answer_question(container, question, "docker inspect: no client started");
}

static bool
is_known(const struct container *container)
{
    return container->inspected.pid > 0 && container->inspected.running;
}

void
docker_usage(void *instance, const char *container_id, struct mesos_call *call)
{
    struct docker *docker = instance;
    struct container *container = container_find(docker, container_id);
    if (!container || container->state != STATE_RUNNING || is_session(container))
        answer_fail(docker, call, -ENOENT, "Unknown container %s", container_id);
    else if (is_known(container))
        answer_usage(container, call);
    else
        ask(container, true, call);
}

/* The agent asks first when the executor has just begun: there is no container yet, and its updates must not wait. */
void
docker_status(void *instance, const char *container_id, struct mesos_call *call)
{
    struct docker *docker = instance;
    struct container *container = container_find(docker, container_id);
    if (!container)
        answer_fail(docker, call, -ENOENT, "Unknown container %s", container_id);
    else if (is_known(container) || !container->asked_status || container->state != STATE_RUNNING || is_session(container))
        answer_status(container, call);
    else
        ask(container, false, call);
    if (container)
        container->asked_status = true;
}
