/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is of no single container: the options, who uses what of the stores, the removal of the rest. While anything is
 * removed no container is provisioned, and the other way round: so no layer goes between being found and being mounted.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "base/units.h"
#include "provision_inside.h"
#include "mesos/v1/agent/agent.pb-c.h"
#include "wire/message.h"

/* A wish to remove what is not used. */
struct pruning {
    struct list in_provisioner;
    struct provisioner *provisioner;
    struct mesos_call *call; /* NULL: our own */
    struct buf excluded; /* packed mesos.v1.agent.Call.PruneImages */
};

struct recovering {
    void (*done)(void *arg, int status, const char *error);
    void *arg;
};

/* ---- what is in use ---- */

void
used_add(struct provisioner *provisioner, const char *id, char *const *paths, size_t count)
{
    struct used *used = map_get(&provisioner->used, str_of(id));
    if (!used) {
        used = xcalloc(1, sizeof *used);
        used->id = xstrdup(id);
        map_add(&provisioner->used, str_of(used->id), used);
    }
    used->paths = xreallocarray(used->paths, used->count + count + 1, sizeof *used->paths);
    for (size_t i = 0; i < count; i++)
        used->paths[used->count++] = xstrdup(paths[i]);
}

static void
used_free(struct used *used)
{
    for (size_t i = 0; i < used->count; i++)
        free(used->paths[i]);
    free(used->paths);
    free(used->id);
    free(used);
}

void
used_remove(struct provisioner *provisioner, const char *id)
{
    struct used *used = map_remove(&provisioner->used, str_of(id));
    if (used)
        used_free(used);
}

char *
provision_directory(const struct provisioner *provisioner, const char *container_id)
{
    auto_buf struct buf path = {0};
    buf_puts(&path, provisioner->directory);
    for (struct str rest = str_of(container_id); rest.len > 0;) {
        buf_puts(&path, "/containers/");
        buf_append_str(&path, str_cut(&rest, '.'));
    }
    return buf_take(&path);
}

/* ---- removal ---- */

static void prune_now(struct provisioner *provisioner);

static void
pruning_free(struct pruning *pruning)
{
    list_remove(&pruning->in_provisioner);
    buf_fini(&pruning->excluded);
    free(pruning);
}

static void
pruning_over(struct provisioner *provisioner, const char *error)
{
    struct pruning *pruning = provisioner->pruning;
    const struct mesos_host *host = provisioner->native->host;
    provisioner->pruning = NULL;
    if (error && pruning->call)
        answer(provisioner->native, pruning->call, host->fail(host, -EIO, "Failed to prune images: %s", error));
    else if (pruning->call)
        answer(provisioner->native, pruning->call, 0);
    else if (error)
        MESOS_LOG(host, ERROR, "unused images are not removed: %s", error);
    pruning_free(pruning);
    provisioner_idle(provisioner);
}

static void
on_pruned(void *arg, const char *error, const Mesos__Internal__ImageResult *result)
{
    struct provisioner *provisioner = arg;
    if (!error)
        MESOS_LOG(provisioner->native->host, INFO, "removed %llu unused layers and configurations of images",
                  (unsigned long long)result->removed);
    pruning_over(provisioner, error);
}

/* Images that stay: those of the call and those of --image_gc_config. */
static void
exclude(const struct provisioner *provisioner, const struct pruning *pruning, struct arena *arena,
        Mesos__Internal__ImageRequest *request)
{
    const Mesos__V1__Agent__Call__PruneImages *wish =
        MESSAGE_UNPACK(Mesos__V1__Agent__Call__PruneImages, mesos__v1__agent__call__prune_images, buf_str(&pruning->excluded),
                       arena, NULL);
    size_t own = provisioner->gc ? provisioner->gc->n_excluded_images : 0, theirs = wish ? wish->n_excluded_images : 0;
    request->excluded_images = arena_calloc(arena, own + theirs + 1, sizeof *request->excluded_images);
    for (size_t i = 0; i < own; i++)
        request->excluded_images[request->n_excluded_images++] = provisioner->gc->excluded_images[i];
    for (size_t i = 0; i < theirs; i++)
        request->excluded_images[request->n_excluded_images++] = wish->excluded_images[i];
}

static void
prune_now(struct provisioner *provisioner)
{
    auto_arena struct arena *arena = arena_new(0);
    Mesos__Internal__ImageRequest request = MESOS__INTERNAL__IMAGE_REQUEST__INIT;
    struct pruning *pruning = list_first(&provisioner->prunings, struct pruning, in_provisioner);
    const struct used *used;
    struct err err = {0};
    size_t count = 0;
    list_remove(&pruning->in_provisioner);
    provisioner->pruning = pruning;
    map_foreach(used, &provisioner->used)
        count += used->count;
    request.used = arena_calloc(arena, count + 1, sizeof *request.used);
    map_foreach(used, &provisioner->used)
    {
        for (size_t i = 0; i < used->count; i++)
            request.used[request.n_used++] = used->paths[i];
    }
    request.action = MESOS__INTERNAL__IMAGE_REQUEST__ACTION__PRUNE;
    request.store_dir = arena_strdup(arena, str_of(provisioner->docker_store));
    exclude(provisioner, pruning, arena, &request);
    if (!image_run_start(provisioner, &request, on_pruned, provisioner, &err))
        pruning_over(provisioner, err.text);
}

void
provisioner_idle(struct provisioner *provisioner)
{
    struct provision *next;
    if (provisioner->native->stopped || provisioner->pruning)
        return;
    if (!list_empty(&provisioner->prunings)) {
        if (provisioner->busy == 0)
            prune_now(provisioner);
        return;
    }
    while (!provisioner->pruning && list_empty(&provisioner->prunings) &&
           (next = provision_waiting(&provisioner->waiting)) != NULL)
        provision_begin(next);
}

static void
prune(struct provisioner *provisioner, struct mesos_bytes excluded, struct mesos_call *call)
{
    struct pruning *pruning = xcalloc(1, sizeof *pruning);
    pruning->provisioner = provisioner;
    pruning->call = call;
    buf_append(&pruning->excluded, excluded.data ? excluded.data : "", excluded.len);
    list_push(&provisioner->prunings, &pruning->in_provisioner);
    provisioner_idle(provisioner);
}

void
native_prune_images(void *instance, struct mesos_bytes excluded, struct mesos_call *call)
{
    struct native *native = instance;
    if (!native->provisioner || !native->provisioner->docker)
        answer(native, call, 0); /* no image is kept, so that none is unused */
    else
        prune(native->provisioner, excluded, call);
}

/* ---- by the disk ---- */

struct looking {
    struct provisioner *provisioner;
    struct native *native;
    char *path;
    double used; /* share of the disk, -1 = not known */
};

static void
look_work(void *arg)
{
    struct looking *looking = arg;
    struct statvfs fs;
    looking->used = -1;
    if (statvfs(looking->path, &fs) == 0 && fs.f_blocks > 0)
        looking->used = 1.0 - (double)fs.f_bavail / (double)fs.f_blocks;
}

static void look_later(struct provisioner *provisioner);

static void
look_done(void *arg)
{
    struct looking *looking = arg;
    struct provisioner *provisioner = looking->provisioner;
    if (!looking->native->stopped) {
        const struct mesos_host *host = looking->native->host;
        if (looking->used > 1.0 - provisioner->gc->image_disk_headroom) {
            MESOS_LOG(host, INFO, "the disk of the image store is used to %.1f%%: unused images are removed",
                      100 * looking->used);
            prune(provisioner, (struct mesos_bytes){NULL, 0}, NULL);
        }
        look_later(provisioner);
    }
    free(looking->path);
    free(looking);
}

static void
look(void *arg)
{
    struct provisioner *provisioner = arg;
    const struct mesos_host *host = provisioner->native->host;
    struct looking *looking = xcalloc(1, sizeof *looking);
    provisioner->gc_timer = NULL;
    looking->provisioner = provisioner;
    looking->native = provisioner->native;
    looking->path = xstrdup(provisioner->docker_store);
    host->offload(host, false, look_work, look_done, looking);
}

static void
look_later(struct provisioner *provisioner)
{
    const struct mesos_host *host = provisioner->native->host;
    if (provisioner->gc)
        provisioner->gc_timer =
            host->timer_start(host, provisioner->gc->image_disk_watch_interval->nanoseconds / 1000000, look, provisioner);
}

/* ---- after a start ---- */

static void
on_recovered(void *arg, const char *error, const Mesos__Internal__ImageResult *result)
{
    struct provisioner *provisioner = arg;
    const struct mesos_host *host = provisioner->native->host;
    struct recovering recovering = *provisioner->recovering;
    free(provisioner->recovering);
    provisioner->recovering = NULL;
    if (error) {
        recovering.done(recovering.arg, -EIO, error);
        return;
    }
    provisioner->backend = xstrdup(result->backend);
    for (size_t i = 0; i < result->n_users; i++) {
        used_add(provisioner, result->users[i]->container_id, result->users[i]->layers, result->users[i]->n_layers);
        if (result->users[i]->config)
            used_add(provisioner, result->users[i]->container_id, &result->users[i]->config, 1);
    }
    if (result->n_failed_containers > 0)
        host->count(host, "containerizer/mesos/provisioner/remove_container_errors", (double)result->n_failed_containers);
    MESOS_LOG(host, INFO, "images are provided by back end %s", provisioner->backend);
    look_later(provisioner);
    recovering.done(recovering.arg, 0, NULL);
}

void
provisioner_recover(struct native *native, void (*done)(void *arg, int status, const char *error), void *arg)
{
    struct provisioner *provisioner = native->provisioner;
    Mesos__Internal__ImageRequest request = MESOS__INTERNAL__IMAGE_REQUEST__INIT;
    struct container *container;
    struct err err = {0};
    if (!provisioner) {
        done(arg, 0, NULL);
        return;
    }
    auto_arena struct arena *arena = arena_new(0);
    request.known_containers = arena_calloc(arena, map_count(&native->containers) + 1, sizeof *request.known_containers);
    map_foreach(container, &native->containers)
        request.known_containers[request.n_known_containers++] = container->id;
    char *stores[] = {arena_strdup(arena, str_of(provisioner->docker_store)), arena_strdup(arena, str_of(provisioner->appc_store))};
    request.action = MESOS__INTERNAL__IMAGE_REQUEST__ACTION__RECOVER;
    request.directory = provisioner->directory;
    request.backend = provisioner->backend_wish ? arena_strdup(arena, str_of(provisioner->backend_wish)) : NULL;
    request.stores = stores;
    request.n_stores = ARRAY_LEN(stores);
    provisioner->recovering = xcalloc(1, sizeof *provisioner->recovering);
    *provisioner->recovering = (struct recovering){done, arg};
    if (!image_run_start(provisioner, &request, on_recovered, provisioner, &err))
        on_recovered(provisioner, err.text, NULL);
}

/* ---- options ---- */

static bool
is_isolated_by(const struct mesos_host *host, const char *name)
{
    struct str rest = str_of(host->daemon_option(host, "isolation"));
    while (rest.len > 0)
        if (str_is(str_trim(str_cut(&rest, ',')), name))
            return true;
    return false;
}

static int
read_providers(struct provisioner *provisioner, const char *providers, struct err *err)
{
    struct str rest = str_of(providers);
    while (rest.len > 0) {
        struct str name = str_trim(str_cut(&rest, ','));
        if (str_ieq(name, STR_LIT("DOCKER")))
            provisioner->docker = true;
        else if (str_ieq(name, STR_LIT("APPC")))
            provisioner->appc = true;
        else
            return err_set(err, -EINVAL, "image_providers: '%.*s' is none of APPC|DOCKER", (int)name.len, name.ptr);
    }
    return 0;
}

static int
check_needs(const struct provisioner *provisioner, const struct mesos_host *host, const char *providers, struct err *err)
{
    if (geteuid() != 0)
        return err_set(err, -EPERM, "image_providers: '%s' needs an agent that runs as root", providers);
    if (!is_isolated_by(host, "filesystem/linux"))
        return err_set(err, -EINVAL, "image_providers: '%s' needs filesystem/linux in --isolation", providers);
    if (provisioner->docker && !is_isolated_by(host, "docker/runtime"))
        return err_set(err, -EINVAL, "image_providers: 'DOCKER' needs docker/runtime in --isolation");
    if (provisioner->appc && !is_isolated_by(host, "appc/runtime"))
        return err_set(err, -EINVAL, "image_providers: 'APPC' needs appc/runtime in --isolation");
    return 0;
}

static int
read_gc(struct provisioner *provisioner, const char *text, struct err *err)
{
    struct err why = {0};
    if (!text || !*text)
        return 0;
    provisioner->gc = MESSAGE_FROM_JSON(Mesos__Internal__ImageGcConfig, mesos__internal__image_gc_config, str_of(text),
                                        provisioner->arena, &why);
    if (!provisioner->gc)
        return err_set(err, -EINVAL,
                       "image_gc_config: %s; write {\"image_disk_headroom\": 0.1, \"image_disk_watch_interval\": "
                       "{\"nanoseconds\": 3600000000000}, \"excluded_images\": []}", why.text);
    if (!(provisioner->gc->image_disk_headroom >= 0 && provisioner->gc->image_disk_headroom <= 1))
        return err_set(err, -EINVAL, "image_gc_config: image_disk_headroom %g is not between 0 and 1",
                       provisioner->gc->image_disk_headroom);
    if (provisioner->gc->image_disk_watch_interval->nanoseconds < 1000000)
        return err_set(err, -EINVAL, "image_gc_config: image_disk_watch_interval is less than a millisecond");
    return 0;
}

static void
read_stall(struct provisioner *provisioner, const char *text)
{
    int64_t ns;
    provisioner->stall_secs = 60;
    if (text && duration_parse(str_of(text), &ns, NULL) == 0 && ns > 0)
        provisioner->stall_secs = (uint64_t)(ns + 999999999) / 1000000000;
}

static const char *
option_or(const struct mesos_host *host, const char *name, const char *usual)
{
    const char *value = host->daemon_option(host, name);
    return value && *value ? value : usual;
}

/* An agent of before provided images: its containers' root file systems must go with them. */
static bool
has_left(const struct mesos_host *host)
{
    auto_free char *path = xasprintf("%s/provisioner/containers", host->work_dir);
    auto_free char *program = xasprintf("%s/mesos-image", host->launcher_dir);
    return geteuid() == 0 && access(path, F_OK) == 0 && access(program, X_OK) == 0;
}

int
provisioner_start(struct native *native, struct err *err)
{
    const struct mesos_host *host = native->host;
    const char *providers = host->daemon_option(host, "image_providers");
    bool provides = providers && *providers;
    if (!host->work_dir || (!provides && !has_left(host)))
        return 0;
    struct provisioner *provisioner = xcalloc(1, sizeof *provisioner);
    native->provisioner = provisioner;
    provisioner->native = native;
    provisioner->arena = arena_new(0);
    list_init(&provisioner->runs);
    list_init(&provisioner->waiting);
    list_init(&provisioner->prunings);
    provisioner->directory = xasprintf("%s/provisioner", host->work_dir);
    provisioner->program = xasprintf("%s/mesos-image", host->launcher_dir);
    provisioner->backend_wish = option_or(host, "image_provisioner_backend", NULL);
    provisioner->docker_registry = option_or(host, "docker_registry", "https://registry-1.docker.io");
    provisioner->docker_store = option_or(host, "docker_store_dir", "/tmp/mesos/store/docker");
    provisioner->docker_config = option_or(host, "docker_config", NULL);
    provisioner->appc_prefix = option_or(host, "appc_simple_discovery_uri_prefix", "http://");
    provisioner->appc_store = option_or(host, "appc_store_dir", "/tmp/mesos/store/appc");
    read_stall(provisioner, host->daemon_option(host, "fetcher_stall_timeout"));
    int rc = provides ? read_providers(provisioner, providers, err) : 0;
    if (rc == 0 && provides)
        rc = check_needs(provisioner, host, providers, err);
    rc = rc < 0 ? rc : read_gc(provisioner, host->daemon_option(host, "image_gc_config"), err);
    if (rc == 0 && provides && access(provisioner->program, X_OK) < 0)
        rc = err_errno(err, "image_providers: '%s' needs '%s' (is --launcher_dir right?)", providers, provisioner->program);
    return rc;
}

void
provisioner_stop(struct native *native)
{
    struct provisioner *provisioner = native->provisioner;
    struct used *used;
    if (!provisioner)
        return;
    native->provisioner = NULL;
    native->host->timer_stop(native->host, provisioner->gc_timer);
    image_runs_fini(provisioner);
    pulls_fini(provisioner);
    if (provisioner->pruning)
        pruning_free(provisioner->pruning);
    while (!list_empty(&provisioner->prunings))
        pruning_free(list_first(&provisioner->prunings, struct pruning, in_provisioner));
    map_foreach(used, &provisioner->used)
        used_free(used);
    map_fini(&provisioner->used);
    arena_free(provisioner->arena);
    free(provisioner->recovering);
    free(provisioner->directory);
    free(provisioner->program);
    free(provisioner->backend);
    free(provisioner);
}
