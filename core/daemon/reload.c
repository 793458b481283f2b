/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at files and tells their readers. Used by both daemons; knows no file's content. */
#include "daemon/reload.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/list.h"
#include "base/log.h"
#include "daemon/metrics.h"
#include "host/host.h"

#define TAKEN "configuration/reloads"
#define REFUSED "configuration/reloads_failed"

enum { LOOK_MS = 3 * 1000, SETTLE_MS = 1000, PATHS_MAX = 64 };

struct source {
    struct list node;
    char *what, *path;
    struct reload_source own;
    struct module *module; /* NULL = own */
    uint64_t known, pending; /* how its files looked when they were read, and at the last look */
};

/* One look, off the loop. It owns itself until on_looked, which may find the reload gone. */
struct view {
    struct source *source;
    char *paths[PATHS_MAX];
    size_t path_count, max_bytes;
    bool wanted; /* the text, changed or not */
    bool first; /* nothing has been read yet */
    uint64_t known, seen;
    struct buf text;
    struct err err;
    int status;
};

struct look {
    struct reload *reload;
    struct view *views;
    size_t count;
    char *why; /* NULL = only what has changed */
};

struct reload {
    struct loop *loop;
    struct list sources;
    struct loop_timer timer;
    struct look *look; /* under way */
    char *again; /* why one more is wanted after it */
    bool watches; /* there is a file */
    struct metrics *metrics;
};

static uint64_t
mix(uint64_t hash, const void *data, size_t len)
{
    const unsigned char *at = data;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t
fingerprint(char *const *paths, size_t count)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < count; i++) {
        struct stat st;
        hash = mix(hash, paths[i], strlen(paths[i]) + 1);
        if (stat(paths[i], &st) < 0)
            continue;
        const int64_t facts[] = {(int64_t)st.st_dev, (int64_t)st.st_ino, st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
        hash = mix(hash, facts, sizeof(facts));
    }
    return hash;
}

static void
view_paths(struct view *view, const struct source *source)
{
    const char *const *paths = NULL;
    if (source->path) {
        view->paths[view->path_count++] = xstrdup(source->path);
        view->max_bytes = source->own.max_bytes;
        return;
    }
    if (source->module)
        paths = module_watched(source->module);
    else if (source->own.watched)
        paths = source->own.watched(source->own.arg);
    while (paths && *paths && view->path_count < PATHS_MAX)
        view->paths[view->path_count++] = xstrdup(*paths++);
}

static void
view_fini(struct view *view)
{
    for (size_t i = 0; i < view->path_count; i++)
        free(view->paths[i]);
    buf_fini(&view->text);
}

static void
look_free(struct look *look)
{
    for (size_t i = 0; i < look->count; i++)
        view_fini(&look->views[i]);
    free(look->views);
    free(look->why);
    free(look);
}

/* A pipe would be waited for until somebody writes to it: a file may be one at the start, but is not read again. */
static void
refuse_pipes(struct view *view)
{
    struct stat st;
    for (size_t i = 0; i < view->path_count && view->status == 0; i++)
        if (stat(view->paths[i], &st) == 0 && S_ISFIFO(st.st_mode))
            view->status = err_set(&view->err, -ESPIPE, "%s is a pipe, which cannot be read again", view->paths[i]);
}

/* Off the loop. The fingerprint comes first: what is written after it shows at the next look. */
static void
look_work(void *arg)
{
    struct look *look = arg;
    for (size_t i = 0; i < look->count; i++) {
        struct view *view = &look->views[i];
        view->seen = fingerprint(view->paths, view->path_count);
        if (!view->first)
            refuse_pipes(view);
        if (view->status == 0 && view->max_bytes && (view->wanted || view->seen != view->known))
            view->status = file_read(view->paths[0], view->max_bytes, &view->text, &view->err);
    }
}

static void
act(struct reload *reload, struct source *source, struct view *view, const char *why)
{
    struct err err = view->err;
    int status = view->status;
    if (status == 0 && source->module)
        status = module_reload(source->module, &err);
    else if (status == 0 && source->path)
        status = source->own.apply(source->own.arg, buf_str(&view->text), &err);
    else if (status == 0)
        status = source->own.reload(source->own.arg, &err);
    source->known = source->pending = view->seen;
    metric_inc(metrics_get(reload->metrics, status < 0 ? REFUSED : TAKEN));
    if (status < 0)
        log_warning("%s is not taken (%s), what was in force stays: %s", source->what, why, err.text);
    else
        log_info("%s is taken (%s)", source->what, why);
}

/* Returns whether the source waits for its files to be quiet. */
static bool
judge(struct reload *reload, struct view *view, const char *why)
{
    struct source *source = view->source;
    if (why || view->wanted) {
        act(reload, source, view, why ? why : "first look");
        return false;
    }
    if (view->seen == source->known)
        return false;
    if (view->seen == source->pending) {
        act(reload, source, view, "it has changed");
        return false;
    }
    source->pending = view->seen;
    return true;
}

static void look_start(struct reload *reload, const char *why);

static void
on_looked(void *arg)
{
    struct look *look = arg;
    struct reload *reload = look->reload;
    bool unsettled = false;
    if (reload) {
        reload->look = NULL;
        for (size_t i = 0; i < look->count; i++)
            unsettled |= judge(reload, &look->views[i], look->why);
        auto_free char *again = take(&reload->again);
        if (again)
            look_start(reload, again);
        else if (reload->watches)
            loop_timer_start(&reload->timer, unsettled ? SETTLE_MS : LOOK_MS);
    }
    look_free(look);
}

static void
look_start(struct reload *reload, const char *why)
{
    struct look *look = xcalloc(1, sizeof(*look));
    struct source *source;
    size_t count = 0;
    loop_timer_stop(&reload->timer);
    list_foreach (source, &reload->sources, node)
        count++;
    look->views = xcalloc(count + 1, sizeof(*look->views));
    list_foreach (source, &reload->sources, node) {
        struct view *view = &look->views[look->count++];
        view->source = source;
        view->known = source->known;
        view->wanted = why || source->own.at_once;
        view->first = source->own.at_once;
        source->own.at_once = false;
        view_paths(view, source);
    }
    look->reload = reload;
    look->why = why ? xstrdup(why) : NULL;
    reload->look = look;
    loop_offload(reload->loop, NULL, look_work, on_looked, look);
}

static void
on_timer(void *arg)
{
    look_start(arg, NULL);
}

static void
source_add(struct reload *reload, struct source *source)
{
    struct view view = {.source = source};
    list_push(&reload->sources, &source->node);
    view_paths(&view, source);
    source->known = source->pending = fingerprint(view.paths, view.path_count);
    reload->watches |= view.path_count > 0;
    view_fini(&view);
    if (reload->watches && !reload->look)
        loop_timer_start(&reload->timer, source->own.at_once ? 0 : LOOK_MS);
}

void
reload_add(struct reload *reload, const struct reload_source *own)
{
    struct source *source = xcalloc(1, sizeof(*source));
    source->own = *own;
    source->what = xstrdup(own->what);
    source->path = own->path ? xstrdup(own->path) : NULL;
    source_add(reload, source);
}

static void
add_module(struct module *module, void *arg)
{
    struct source *source;
    if (!module_reloads(module))
        return;
    source = xcalloc(1, sizeof(*source));
    source->module = module;
    source->what = xasprintf("what %s module %s reads", kind_name(module_kind(module)), module_name(module));
    source_add(arg, source);
}

struct reload *
reload_new(struct loop *loop, struct host *host, struct metrics *metrics)
{
    struct reload *reload = xcalloc(1, sizeof(*reload));
    reload->loop = loop;
    list_init(&reload->sources);
    loop_timer_init(&reload->timer, loop, on_timer, reload);
    reload->metrics = metrics;
    metrics_get(metrics, TAKEN);
    metrics_get(metrics, REFUSED);
    if (host)
        host_modules_each(host, add_module, reload);
    return reload;
}

void
reload_free(struct reload *reload)
{
    struct source *source, *next;
    if (!reload)
        return;
    loop_timer_stop(&reload->timer);
    if (reload->look)
        reload->look->reload = NULL;
    list_foreach_safe (source, next, &reload->sources, node) {
        free(source->what);
        free(source->path);
        free(source);
    }
    free(reload->again);
    free(reload);
}

void
reload_now(struct reload *reload, const char *why)
{
    if (!reload->look) {
        look_start(reload, why);
        return;
    }
    free(reload->again);
    reload->again = xstrdup(why);
}
