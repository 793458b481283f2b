/* SPDX-License-Identifier: Apache-2.0 */
/* What every isolator is asked at once about a container, and the one answer that is made of theirs. Called by the agent. */
#include <errno.h>
#include <unistd.h>
#include <sys/stat.h>
#include "base/file.h"
#include "native.h"

static int
unknown(const struct native *native, const char *id)
{
    return native->host->fail(native->host, -ENOENT, "Unknown container %s", id);
}

/* Questions that go to every isolator at once; answers are packed messages of one type, and packed messages behind
 * each other are their union. */
struct gather {
    struct native *native;
    struct mesos_call *call;
    struct buf packed;
    unsigned pending;
    const char *what;
    int status; /* of the first that failed */
    char *error;
};

static void
gather_end(struct gather *gather)
{
    const struct mesos_host *host = gather->native->host;
    if (gather->status < 0)
        host->fail(host, gather->status, "%s", gather->error);
    host->reply(host, gather->call, gather->status, (struct mesos_bytes){buf_data(&gather->packed), gather->packed.len});
    buf_fini(&gather->packed);
    free(gather->error);
    free(gather);
}

static void
on_gathered(void *arg, int status, const char *error, struct mesos_bytes bytes)
{
    struct gather *gather = arg;
    if (status < 0 && strcmp(gather->what, "update") == 0 && gather->status == 0) {
        gather->status = status;
        gather->error = xstrdup(error);
    } else if (status < 0) {
        MESOS_LOG(gather->native->host, WARNING, "an isolator does not answer %s: %s", gather->what, error);
    } else if (bytes.len > 0) {
        buf_append(&gather->packed, bytes.data, bytes.len);
    }
    if (--gather->pending == 0)
        gather_end(gather);
}

static struct gather *
gather_new(struct native *native, const char *what, struct mesos_call *call)
{
    struct gather *gather = xcalloc(1, sizeof *gather);
    gather->native = native;
    gather->call = call;
    gather->what = what;
    gather->pending = 1; /* the asker's own, so that no answer ends it early */
    return gather;
}

static struct mesos_call *
gather_call(struct gather *gather, uint32_t index)
{
    const struct mesos_containerizer_services *services = gather->native->services;
    gather->pending++;
    return services->call_new(services->self, index, gather->what, on_gathered, gather);
}

void
native_update(void *instance, const char *container_id, struct mesos_resources requests, struct mesos_bytes limits,
              struct mesos_call *call)
{
    struct native *native = instance;
    struct container *container = container_alive(native, container_id);
    if (!container) {
        answer(native, call, unknown(native, container_id));
        return;
    }
    container_resources(container, requests, limits);
    struct gather *gather = gather_new(native, "update", call);
    for (uint32_t i = 0; i < native->services->isolator_count; i++) {
        void *isolator;
        const struct mesos_isolator_ops *ops = native->services->isolator_ops(native->services->self, i, &isolator);
        if (ops->update && container_isolated(container, i))
            ops->update(isolator, container_id, requests, limits, gather_call(gather, i));
    }
    on_gathered(gather, 0, NULL, (struct mesos_bytes){NULL, 0});
}

void
native_usage(void *instance, const char *container_id, struct mesos_call *call)
{
    struct native *native = instance;
    struct container *container = container_alive(native, container_id);
    if (!container) {
        answer(native, call, unknown(native, container_id));
        return;
    }
    struct gather *gather = gather_new(native, "usage", call);
    buf_append(&gather->packed, buf_data(&container->limits), container->limits.len);
    for (uint32_t i = 0; i < native->services->isolator_count; i++) {
        void *isolator;
        const struct mesos_isolator_ops *ops = native->services->isolator_ops(native->services->self, i, &isolator);
        if (ops->usage && container_isolated(container, i))
            ops->usage(isolator, container_id, gather_call(gather, i));
    }
    Mesos__V1__ResourceStatistics now = MESOS__V1__RESOURCE_STATISTICS__INIT;
    now.timestamp = native->host->wall_secs(native->host);
    uint8_t packed[64];
    size_t len = mesos__v1__resource_statistics__pack(&now, packed);
    on_gathered(gather, 0, NULL, (struct mesos_bytes){packed, len});
}

/* A container's id as a message: the names from the last up to the root. */
struct ids {
    Mesos__V1__ContainerID chain[DEPTH_MAX + 1];
};

static Mesos__V1__ContainerID *
ids_fill(struct ids *ids, const struct container *container)
{
    union {
        const char *from;
        char *to;
    } text;
    size_t count = 0;
    for (const struct container *at = container; at; at = at->parent) {
        mesos__v1__container_id__init(&ids->chain[count]);
        text.from = container_name(at);
        ids->chain[count].value = text.to;
        if (count > 0)
            ids->chain[count - 1].parent = &ids->chain[count];
        count++;
    }
    return &ids->chain[0];
}

void
native_status(void *instance, const char *container_id, struct mesos_call *call)
{
    struct native *native = instance;
    struct container *container = container_alive(native, container_id);
    if (!container) {
        answer(native, call, unknown(native, container_id));
        return;
    }
    Mesos__V1__ContainerStatus own = MESOS__V1__CONTAINER_STATUS__INIT;
    struct ids ids;
    own.container_id = ids_fill(&ids, container);
    own.has_executor_pid = container->pid > 0;
    own.executor_pid = (uint32_t)container->pid;
    struct gather *gather = gather_new(native, "status", call);
    size_t len = mesos__v1__container_status__get_packed_size(&own);
    buf_added(&gather->packed, mesos__v1__container_status__pack(&own, (uint8_t *)buf_reserve(&gather->packed, len)));
    for (uint32_t i = 0; i < native->services->isolator_count; i++) {
        void *isolator;
        const struct mesos_isolator_ops *ops = native->services->isolator_ops(native->services->self, i, &isolator);
        if (ops->status && container_isolated(container, i))
            ops->status(isolator, container_id, gather_call(gather, i));
    }
    on_gathered(gather, 0, NULL, (struct mesos_bytes){NULL, 0});
}

/* ---- processes ---- */

/* Children of a process, as the kernel lists them; at most `max`. */
static size_t
children_of(pid_t pid, pid_t *ret, size_t max)
{
    auto_free char *path = xasprintf("/proc/%d/task/%d/children", (int)pid, (int)pid);
    auto_buf struct buf text = {0};
    uint64_t number;
    size_t count = 0;
    if (file_read(path, 65536, &text, NULL) < 0)
        return 0;
    for (struct str rest = buf_str(&text); rest.len > 0 && count < max;) {
        if (str_to_u64(str_cut(&rest, ' '), &number) == 0 && number <= INT32_MAX)
            ret[count++] = (pid_t)number;
    }
    return count;
}

static bool
same_mounts(pid_t a, pid_t b)
{
    struct stat one, other;
    auto_free char *path = xasprintf("/proc/%d/ns/mnt", (int)a), *path_b = xasprintf("/proc/%d/ns/mnt", (int)b);
    return stat(path, &one) < 0 || stat(path_b, &other) < 0 || one.st_ino == other.st_ino;
}

/* The first below `pid` that lives in another mount namespace; 0 = none. */
static pid_t
other_mounts_below(pid_t pid, pid_t top, unsigned depth)
{
    pid_t children[64], found = 0;
    size_t count = children_of(pid, children, ARRAY_LEN(children));
    for (size_t i = 0; i < count && found == 0; i++) {
        found = same_mounts(children[i], top) ? 0 : children[i];
        if (found == 0 && depth > 0)
            found = other_mounts_below(children[i], top, depth - 1);
    }
    return found;
}

pid_t
container_mounts_pid(const struct container *container)
{
    bool task_has_root = container->inside_sandbox && strcmp(container->inside_sandbox, container->sandbox) != 0;
    pid_t task = !container->kept && task_has_root ? other_mounts_below(container->pid, container->pid, 2) : 0;
    return task > 0 ? task : container->pid;
}
