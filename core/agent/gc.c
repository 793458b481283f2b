/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Old sandboxes and checkpoints go after gc_delay, sooner when the disk fills: an age of gc_delay * max(0, 1
 * - headroom - usage) is enough then. Removal runs off the loop, one path after the other.
 */
#include "agent/state.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/file.h"

#define NS_PER_SEC 1000000000LL

/*
 * Where paths stand side by side: they live for days, come by thousands in a burst and go in about the same order. One
 * by one on the heap, each would keep a page of memory from going back to the system after the burst.
 */
struct gc_chunk {
    uint32_t live, used, size;
    _Alignas(16) char bytes[];
};

enum { CHUNK_BYTES = 32 << 10 };

struct gc_path {
    struct gc_chunk *chunk;
    struct list node; /* oldest first */
    int64_t since_ns; /* on the loop's clock; may lie before its beginning */
    char path[];      /* below work_dir and below meta */
};

/* A path that is being removed, off the loop. */
struct removal {
    struct gc *gc; /* NULL when the collector has gone meanwhile */
    char *sandbox, *meta;
    struct err err;
    int status;
};

/* How full the disk is, asked off the loop: a disk that hangs must not hang the agent. */
struct look {
    struct gc *gc; /* NULL when the collector has gone meanwhile */
    char *path;
    double usage;
};

struct gc {
    struct agent *agent;
    struct list paths;
    struct gc_chunk *chunk; /* the one that is being filled; NULL = none yet */
    struct map by_path;
    struct loop_timer watch;
    struct removal *removing;
    struct look *looking;
    double max_age_secs;
    struct metric *pending, *succeeded, *failed, *allowed;
    int64_t delay_ns, watch_ms;
    double headroom;
};

static void on_watch(void *arg);

static struct gc_path *
path_new(struct gc *gc, size_t len)
{
    size_t size = (sizeof(struct gc_path) + len + 15) / 16 * 16;
    struct gc_chunk *chunk = gc->chunk;
    if (!chunk || chunk->size - chunk->used < size) {
        size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        if (chunk && chunk->live == 0)
            free(chunk);
        chunk = gc->chunk = xmalloc(sizeof(*chunk) + room);
        *chunk = (struct gc_chunk){.size = (uint32_t)room};
    }
    struct gc_path *path = (struct gc_path *)(void *)(chunk->bytes + chunk->used);
    chunk->used += (uint32_t)size;
    chunk->live++;
    path->chunk = chunk;
    return path;
}

static void
path_free(struct gc *gc, struct gc_path *path)
{
    struct gc_chunk *chunk = path->chunk;
    if (--chunk->live)
        return;
    if (chunk == gc->chunk)
        chunk->used = 0;
    else
        free(chunk);
}

static void gc_collect(struct gc *gc);

struct gc *
gc_new(struct agent *agent)
{
    struct gc *gc = xcalloc(1, sizeof(*gc));
    const struct agent_options *options = agent->options;
    gc->agent = agent;
    list_init(&gc->paths);
    gc->delay_ns = options->gc_delay_ns;
    gc->watch_ms = options->disk_watch_interval_ns / 1000000;
    gc->headroom = options->gc_disk_headroom;
    gc->pending = metrics_get(agent->daemon->metrics, "gc/path_removals_pending");
    gc->succeeded = metrics_get(agent->daemon->metrics, "gc/path_removals_succeeded");
    gc->failed = metrics_get(agent->daemon->metrics, "gc/path_removals_failed");
    gc->allowed = metrics_get(agent->daemon->metrics, "slave/executor_directory_max_allowed_age_secs");
    loop_timer_init(&gc->watch, agent->loop, on_watch, gc);
    loop_timer_start(&gc->watch, 0);
    return gc;
}

void
gc_free(struct gc *gc)
{
    struct gc_path *path, *tmp;
    if (!gc)
        return;
    loop_timer_stop(&gc->watch);
    list_foreach_safe (path, tmp, &gc->paths, node) {
        list_remove(&path->node);
        path_free(gc, path);
    }
    free(gc->chunk);
    if (gc->removing)
        gc->removing->gc = NULL;
    if (gc->looking)
        gc->looking->gc = NULL;
    map_fini(&gc->by_path);
    free(gc);
}

void
gc_schedule_executor(struct gc *gc, const char *framework_id, const char *executor_id, double age_secs)
{
    auto_free char *path =
        xasprintf("slaves/%s/frameworks/%s/executors/%s", gc->agent->id, framework_id, executor_id);
    gc_schedule(gc, path, age_secs);
}

void
gc_schedule_run(struct gc *gc, const char *framework_id, const char *executor_id, const char *container_id,
                double age_secs)
{
    auto_free char *path = xasprintf("slaves/%s/frameworks/%s/executors/%s/runs/%s", gc->agent->id,
                                     framework_id, executor_id, container_id);
    gc_schedule(gc, path, age_secs);
}

void
gc_schedule_framework(struct gc *gc, const char *framework_id, double age_secs)
{
    auto_free char *path = xasprintf("slaves/%s/frameworks/%s", gc->agent->id, framework_id);
    gc_schedule(gc, path, age_secs);
}

void
gc_keep_executor(struct gc *gc, const char *framework_id, const char *executor_id)
{
    auto_free char *executor =
        xasprintf("slaves/%s/frameworks/%s/executors/%s", gc->agent->id, framework_id, executor_id);
    auto_free char *framework = xasprintf("slaves/%s/frameworks/%s", gc->agent->id, framework_id);
    gc_unschedule(gc, executor);
    gc_unschedule(gc, framework);
}

void
gc_schedule(struct gc *gc, const char *path, double age_secs)
{
    struct gc_path *at, *entry;
    gc_unschedule(gc, path);
    size_t len = strlen(path) + 1;
    entry = path_new(gc, len);
    memcpy(entry->path, path, len);
    entry->since_ns = loop_now_ns(gc->agent->loop) - (int64_t)(age_secs * (double)NS_PER_SEC);
    /* Mostly the newest: look from the end for its place. */
    struct list *place = gc->paths.prev;
    while (place != &gc->paths) {
        at = list_entry(place, struct gc_path, node);
        if (at->since_ns <= entry->since_ns)
            break;
        place = place->prev;
    }
    list_insert_before(place->next, &entry->node);
    map_add(&gc->by_path, str_of(entry->path), entry);
    metric_set(gc->pending, (double)map_count(&gc->by_path));
}

void
gc_unschedule(struct gc *gc, const char *path)
{
    struct gc_path *entry = map_remove(&gc->by_path, str_of(path));
    if (!entry)
        return;
    list_remove(&entry->node);
    path_free(gc, entry);
    metric_set(gc->pending, (double)map_count(&gc->by_path));
}

static void
remove_work(void *arg)
{
    struct removal *removal = arg;
    removal->status = dir_remove(removal->sandbox, &removal->err);
    /* The checkpoints last: as long as they are there, the sandbox can be found. */
    if (!removal->status)
        removal->status = dir_remove(removal->meta, &removal->err);
}

static void
remove_done(void *arg)
{
    struct removal *removal = arg;
    struct gc *gc = removal->gc;
    if (gc) {
        gc->removing = NULL;
        metric_inc(removal->status ? gc->failed : gc->succeeded);
        if (removal->status)
            log_warning("cannot remove old %s: %s", removal->sandbox, removal->err.text);
        gc_collect(gc);
    }
    free(removal->sandbox);
    free(removal->meta);
    free(removal);
}

/* Removes the oldest path when its time has come; its end looks for the next. */
static void
gc_collect(struct gc *gc)
{
    struct gc_path *oldest = list_first(&gc->paths, struct gc_path, node);
    double age = oldest ? (double)(loop_now_ns(gc->agent->loop) - oldest->since_ns) / (double)NS_PER_SEC : 0;
    if (!oldest || gc->removing || age < gc->max_age_secs)
        return;
    list_remove(&oldest->node);
    map_remove(&gc->by_path, str_of(oldest->path));
    metric_set(gc->pending, (double)map_count(&gc->by_path));
    struct removal *removal = gc->removing = xcalloc(1, sizeof(*removal));
    removal->gc = gc;
    removal->sandbox = xasprintf("%s/%s", gc->agent->work_dir, oldest->path);
    removal->meta = xasprintf("%s/%s", gc->agent->meta_dir, oldest->path);
    log_info("removing %s", removal->sandbox);
    path_free(gc, oldest);
    loop_offload(gc->agent->loop, gc, remove_work, remove_done, removal);
}

static void
look_work(void *arg)
{
    struct look *look = arg;
    struct statvfs fs;
    if (!statvfs(look->path, &fs) && fs.f_blocks)
        look->usage = 1 - (double)fs.f_bavail / (double)fs.f_blocks;
}

static void
look_done(void *arg)
{
    struct look *look = arg;
    struct gc *gc = look->gc;
    if (gc) {
        double share = 1 - gc->headroom - look->usage;
        gc->looking = NULL;
        gc->max_age_secs = (double)gc->delay_ns / (double)NS_PER_SEC * (share > 0 ? share : 0);
        metric_set(gc->allowed, gc->max_age_secs);
        gc_collect(gc);
        loop_timer_start(&gc->watch, gc->watch_ms > 0 ? gc->watch_ms : 60000);
    }
    free(look->path);
    free(look);
}

static void
on_watch(void *arg)
{
    struct gc *gc = arg;
    struct look *look = gc->looking = xcalloc(1, sizeof(*look));
    look->gc = gc;
    look->path = xstrdup(gc->agent->work_dir);
    loop_offload(gc->agent->loop, NULL, look_work, look_done, look);
}
