/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolator "disk/du" (once posix/disk): how much disk the sandbox and the persistent volumes of a container use, and with
 * --enforce_container_disk_quota the end of one that uses more than it was given. Looked at every
 * --container_disk_watch_interval, so a quick writer gets ahead of it. Nested containers are their root's.
 */
#include <errno.h>
#include <unistd.h>
#include "base/units.h"
#include "disk_du.h"
#include "mesos/slave/containerizer.pb-c.h"

static void
answer(const struct disk_du *isolator, struct mesos_call *call, int status)
{
    isolator->host->reply(isolator->host, call, status, (struct mesos_bytes){NULL, 0});
}

static bool
is_nested(const char *container_id)
{
    return strchr(container_id, '.') != NULL;
}

static struct du_container *
container_new(struct disk_du *isolator, const char *id, const char *sandbox)
{
    size_t len = strlen(id) + 1;
    struct du_container *container = xcalloc(1, sizeof *container + len);
    container->isolator = isolator;
    container->sandbox = xstrdup(sandbox);
    list_init(&container->places);
    memcpy(container->id, id, len);
    map_add(&isolator->containers, str_of(container->id), container);
    return container;
}

static void
container_free(struct du_container *container)
{
    struct place *place, *tmp;
    list_foreach_safe(place, tmp, &container->places, in_container)
        place_free(place);
    buf_fini(&container->sandbox_resources);
    free(container->sandbox);
    free(container);
}

/* ---- what the containerizer asks ---- */

static bool
supports(void *instance)
{
    return true;
}

static void
initialize(void *instance, const struct mesos_isolator_watcher *watcher)
{
    ((struct disk_du *)instance)->watcher = watcher;
}

static void
recover(void *instance, const struct mesos_isolator_state *states, size_t count, const char *const *orphans,
        size_t orphan_count, struct mesos_call *call)
{
    struct disk_du *isolator = instance;
    for (size_t i = 0; i < count; i++) /* what they may use is told by update */
        if (!is_nested(states[i].container_id) && !map_get(&isolator->containers, str_of(states[i].container_id)))
            container_new(isolator, states[i].container_id, states[i].sandbox);
    answer(isolator, call, 0);
}

static void
prepare(void *instance, const struct mesos_isolator_container *config, struct mesos_call *call)
{
    struct disk_du *isolator = instance;
    int rc = 0;
    if (is_nested(config->container_id)) {
        answer(isolator, call, 0);
        return;
    }
    if (map_get(&isolator->containers, str_of(config->container_id)))
        rc = isolator->host->fail(isolator->host, -EEXIST, "Container has already been prepared");
    else
        places_update(container_new(isolator, config->container_id, config->sandbox), config->resources);
    measure_next(isolator);
    answer(isolator, call, rc);
}

static void
isolate(void *instance, const char *container_id, pid_t pid, struct mesos_call *call)
{
    struct disk_du *isolator = instance;
    bool known = is_nested(container_id) || map_get(&isolator->containers, str_of(container_id));
    answer(isolator, call, known ? 0 : isolator->host->fail(isolator->host, -ENOENT, "Unknown container"));
}

static void
update(void *instance, const char *container_id, struct mesos_resources requests, struct mesos_bytes limits,
       struct mesos_call *call)
{
    struct disk_du *isolator = instance;
    struct du_container *container = map_get(&isolator->containers, str_of(container_id));
    if (container)
        places_update(container, requests);
    measure_next(isolator);
    answer(isolator, call, 0);
}

static void
statistics_add(Mesos__V1__ResourceStatistics *out, const struct place *place)
{
    if (!place_is_sandbox(place))
        return;
    out->has_disk_limit_bytes = 1;
    out->disk_limit_bytes = place->limit_bytes;
    out->has_disk_used_bytes = place->measured;
    out->disk_used_bytes = place->used_bytes;
}

static void
disk_statistics_fill(Mesos__V1__DiskStatistics *out, const struct place *place, Mesos__V1__Resource *resource)
{
    mesos__v1__disk_statistics__init(out);
    out->has_limit_bytes = 1;
    out->limit_bytes = place->limit_bytes;
    out->has_used_bytes = place->measured;
    out->used_bytes = place->used_bytes;
    out->persistence = resource ? resource->disk->persistence : NULL;
    out->source = resource ? resource->disk->source : NULL;
}

static void
statistics_pack(const struct du_container *container, struct buf *out)
{
    Mesos__V1__ResourceStatistics statistics = MESOS__V1__RESOURCE_STATISTICS__INIT;
    const struct place *place;
    size_t count = 0, i = 0;
    list_foreach(place, &container->places, in_container)
        count++;
    auto_free Mesos__V1__DiskStatistics *items = xcalloc(count + 1, sizeof *items);
    auto_free Mesos__V1__DiskStatistics **pointers = xcalloc(count + 1, sizeof *pointers);
    auto_free Mesos__V1__Resource **resources = xcalloc(count + 1, sizeof *resources);
    list_foreach(place, &container->places, in_container) {
        if (!place_is_sandbox(place))
            resources[i] = mesos__v1__resource__unpack(NULL, place->resource.len,
                                                       (const uint8_t *)buf_data(&place->resource));
        disk_statistics_fill(&items[i], place, resources[i]);
        statistics_add(&statistics, place);
        pointers[i] = &items[i];
        i++;
    }
    statistics.n_disk_statistics = count;
    statistics.disk_statistics = pointers;
    statistics.timestamp = container->isolator->host->wall_secs(container->isolator->host);
    size_t len = mesos__v1__resource_statistics__get_packed_size(&statistics);
    buf_added(out, mesos__v1__resource_statistics__pack(&statistics, (uint8_t *)buf_reserve(out, len)));
    while (i > 0)
        mesos__v1__resource__free_unpacked(resources[--i], NULL);
}

static void
usage(void *instance, const char *container_id, struct mesos_call *call)
{
    struct disk_du *isolator = instance;
    struct du_container *container = map_get(&isolator->containers, str_of(container_id));
    auto_buf struct buf packed = {0};
    if (!container) {
        answer(isolator, call,
               is_nested(container_id) ? 0 : isolator->host->fail(isolator->host, -ENOENT, "Unknown container"));
        return;
    }
    statistics_pack(container, &packed);
    isolator->host->reply(isolator->host, call, 0, (struct mesos_bytes){buf_data(&packed), packed.len});
}

static void
cleanup(void *instance, const char *container_id, struct mesos_call *call)
{
    struct disk_du *isolator = instance;
    struct du_container *container = map_remove(&isolator->containers, str_of(container_id));
    if (container)
        container_free(container);
    measure_next(isolator);
    answer(isolator, call, 0);
}

/* ---- the quota ---- */

static void
tell_limitation(struct du_container *container, const struct place *place)
{
    const struct disk_du *isolator = container->isolator;
    char used[32], limit[32];
    auto_free char *message = xasprintf("Disk usage (%s) exceeds quota (%s)", bytes_format(place->used_bytes, used),
                                        bytes_format(place->limit_bytes, limit));
    Mesos__Slave__ContainerLimitation limitation = MESOS__SLAVE__CONTAINER_LIMITATION__INIT;
    Mesos__V1__Resource *resource = NULL;
    limitation.message = message;
    limitation.has_reason = 1;
    limitation.reason = MESOS__V1__TASK_STATUS__REASON__REASON_CONTAINER_LIMITATION_DISK;
    if (!place_is_sandbox(place))
        resource =
            mesos__v1__resource__unpack(NULL, place->resource.len, (const uint8_t *)buf_data(&place->resource));
    limitation.n_resources = resource ? 1 : 0;
    limitation.resources = &resource;
    auto_buf struct buf packed = {0};
    size_t len = mesos__slave__container_limitation__get_packed_size(&limitation);
    buf_added(&packed, mesos__slave__container_limitation__pack(&limitation, (uint8_t *)buf_reserve(&packed, len)));
    mesos__v1__resource__free_unpacked(resource, NULL);
    if (place_is_sandbox(place)) /* packed messages behind each other are their union */
        buf_append(&packed, buf_data(&container->sandbox_resources), container->sandbox_resources.len);
    container->limited = true;
    MESOS_LOG(isolator->host, INFO, "container %s: '%s': %s", container->id, place->path, message);
    isolator->watcher->limited(isolator->watcher->arg, container->id, (struct mesos_bytes){buf_data(&packed), packed.len});
}

void
on_measured(struct place *place)
{
    struct du_container *container = place->container;
    if (container->isolator->enforce && !place->mount && !container->limited && place->used_bytes > place->limit_bytes)
        tell_limitation(container, place);
}

/* ---- life ---- */

/* Where du is; NULL = nowhere. */
static const char *
find_du(void)
{
    static const char *const places[] = {"/usr/bin/du", "/bin/du", "/usr/local/bin/du"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    return NULL;
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct disk_du *isolator = instance;
    const char *interval = host->daemon_option(host, "container_disk_watch_interval");
    const char *enforce = host->daemon_option(host, "enforce_container_disk_quota");
    int64_t interval_ns = 15 * INT64_C(1000000000);
    struct err err = {0};
    isolator->host = host;
    isolator->out_fd = isolator->err_fd = -1;
    list_init(&isolator->queue);
    if (interval && duration_parse(str_of(interval), &interval_ns, &err) < 0)
        return host->fail(host, err.code, "container_disk_watch_interval: %s", err.text);
    isolator->du_path = find_du();
    if (!isolator->du_path)
        return host->fail(host, -ENOENT, "isolator disk/du needs the program du, which is not in /usr/bin or /bin");
    isolator->interval_ms = interval_ns / 1000000;
    isolator->enforce = enforce && strcmp(enforce, "true") == 0;
    return 0;
}

static void
stop(void *instance, struct mesos_call *call)
{
    struct disk_du *isolator = instance;
    struct du_container *container;
    measure_stop(isolator);
    map_foreach(container, &isolator->containers)
        container_free(container);
    map_fini(&isolator->containers);
    if (call)
        answer(isolator, call, 0);
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports,
    .supports_standalone = supports,
    .initialize = initialize,
    .recover = recover,
    .prepare = prepare,
    .isolate = isolate,
    .update = update,
    .usage = usage,
    .cleanup = cleanup,
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct disk_du),
    .name = "disk/du",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "measures sandboxes and volumes by du, and holds containers to their disk",
    .start = start,
    .stop = stop,
    .phase = MESOS_PHASE_POSIX + 5,
};

MESOS_MODULES(&module);
