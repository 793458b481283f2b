/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One fetch, step by step: wait until nobody else downloads what it wants from the cache, claim its entries, ask how
 * large new ones are, run mesos-fetcher, settle the entries. What the program is told is fetcher_order.c, who may use what
 * of the cache fetcher_claim.c. Texts of failures are Mesos's.
 */
#include "agent/fetcher_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/log.h"

#define SIZES_MAX_BYTES (64 * 1024)

static void run(struct mesos_fetching *fetching);

/* ---- the account ---- */

static double
cache_total(void *arg)
{
    return (double)((struct fetcher *)arg)->cache.capacity_bytes;
}

static double
cache_used(void *arg)
{
    return (double)((struct fetcher *)arg)->cache.used_bytes;
}

static void
count(const struct fetcher *fetcher, bool failed)
{
    if (fetcher->metrics)
        metric_inc(metrics_get(fetcher->metrics, failed ? "containerizer/fetcher/task_fetches_failed"
                                                        : "containerizer/fetcher/task_fetches_succeeded"));
}

/* ---- the end ---- */

static void
fetching_free(struct mesos_fetching *fetching)
{
    list_remove(&fetching->in_fetcher);
    list_remove(&fetching->in_waiting);
    loop_child_unwatch(fetching->child);
    loop_fd_unwatch(fetching->sizes_watch);
    close_at(&fetching->sizes_fd);
    close_at(&fetching->out_fd);
    close_at(&fetching->err_fd);
    buf_fini(&fetching->sizes);
    mesos__v1__command_info__free_unpacked(fetching->command, NULL);
    free(fetching->items);
    free(fetching->container_id);
    free(fetching->directory);
    free(fetching->user);
    free(fetching->cache_root);
    free(fetching->cache_directory);
    free(fetching->cache_error);
    free(fetching->error);
    free(fetching);
}

static void
on_finished(void *arg)
{
    struct mesos_fetching *fetching = arg;
    if (fetching->fetcher) {
        count(fetching->fetcher, fetching->error != NULL);
        fetching->done(fetching->arg, fetching->error);
    }
    fetching_free(fetching);
}

/* error is taken over. */
static void
finish(struct mesos_fetching *fetching, char *error)
{
    fetching->error = error;
    fetcher_settle(fetching, !error);
    loop_defer(fetching->fetcher->loop, on_finished, fetching);
}

static char *
failure(const struct mesos_fetching *fetching, const char *why)
{
    return xasprintf("Failed to fetch all URIs for container '%s': %s", fetching->container_id, why);
}

static void
on_run_exited(pid_t pid, int status, void *arg)
{
    struct mesos_fetching *fetching = arg;
    auto_free char *why = NULL;
    fetching->child = NULL;
    fetching->pid = 0;
    if (WIFSIGNALED(status))
        why = xasprintf("terminated with signal %s", strsignal(WTERMSIG(status)));
    else if (status != 0)
        why = xasprintf("exited with status %d", WEXITSTATUS(status));
    finish(fetching, why ? failure(fetching, why) : NULL);
}

/* Watches the child, or fails. */
static bool
watch(struct mesos_fetching *fetching, int rc, loop_child_fn *fn)
{
    struct err err = {0};
    if (rc == 0 && loop_child_watch(fetching->fetcher->loop, fetching->pid, fn, fetching, &fetching->child, &err) == 0)
        return true;
    if (rc == 0)
        kill(-fetching->pid, SIGKILL);
    fetching->pid = 0;
    auto_free char *why = xasprintf("cannot start '%s': %s", fetching->fetcher->program, rc ? strerror(-rc) : err.text);
    finish(fetching, failure(fetching, why));
    return false;
}

static void
run(struct mesos_fetching *fetching)
{
    fetching->sizing = false;
    if (fetching->cancelled)
        finish(fetching, failure(fetching, "it was given up"));
    else
        watch(fetching, fetcher_spawn(fetching, false, fetching->out_fd), on_run_exited);
}

/* ---- how large new entries are ---- */

static void
on_sizes_exited(pid_t pid, int status, void *arg)
{
    struct mesos_fetching *fetching = arg;
    fetching->child = NULL;
    fetching->pid = 0;
    if (fetching->sizes_watch)
        return; /* its output is not read to the end yet */
    fetcher_take_sizes(fetching);
    run(fetching);
}

static void
on_sizes(int fd, int events, void *arg)
{
    struct mesos_fetching *fetching = arg;
    ssize_t n = read(fd, buf_reserve(&fetching->sizes, 4096), 4096);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        buf_added(&fetching->sizes, (size_t)n);
    if (n > 0 && fetching->sizes.len <= SIZES_MAX_BYTES)
        return;
    loop_fd_unwatch(fetching->sizes_watch);
    fetching->sizes_watch = NULL;
    close_at(&fetching->sizes_fd);
    fetching->sizes_fd = -1;
    if (fetching->child)
        return; /* its end comes */
    fetcher_take_sizes(fetching);
    run(fetching);
}

static void
ask_sizes(struct mesos_fetching *fetching)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
        finish(fetching, failure(fetching, strerror(errno)));
        return;
    }
    auto_fd int theirs = ends[1];
    fetching->sizes_fd = ends[0];
    fcntl(theirs, F_SETFL, 0);
    fetching->sizing = true;
    if (watch(fetching, fetcher_spawn(fetching, true, theirs), on_sizes_exited))
        fetching->sizes_watch = loop_fd_watch(fetching->fetcher->loop, fetching->sizes_fd, LOOP_READ, on_sizes, fetching);
}

/* ---- the beginning ---- */

void
fetcher_begin(struct mesos_fetching *fetching)
{
    if (fetching->cancelled)
        finish(fetching, failure(fetching, "it was given up"));
    else if (fetcher_must_wait(fetching))
        return;
    else if (fetcher_claim(fetching))
        ask_sizes(fetching);
    else
        run(fetching);
}

/* Off the thread: the user's directory in the cache. */
static void
on_make_directory(void *arg)
{
    struct mesos_fetching *fetching = arg;
    struct err err = {0};
    if (fetcher_make_directory(fetching->cache_root, fetching->user, fetching->cache_directory, &err) < 0)
        fetching->cache_error = xstrdup(err.text);
}

static void
on_directory(void *arg)
{
    struct mesos_fetching *fetching = arg;
    if (!fetching->fetcher) {
        fetching_free(fetching);
        return;
    }
    if (fetching->cache_error) {
        log_warning("Fetching for container '%s' without the cache: %s", fetching->container_id, fetching->cache_error);
        free(take(&fetching->cache_directory));
    }
    fetcher_begin(fetching);
}

static void
on_begin(void *arg)
{
    struct mesos_fetching *fetching = arg;
    if (fetching->fetcher)
        fetcher_begin(fetching);
    else
        fetching_free(fetching);
}

static bool
any_wants_cache(const Mesos__V1__CommandInfo *command)
{
    for (size_t i = 0; i < command->n_uris; i++)
        if (command->uris[i]->has_cache && command->uris[i]->cache)
            return true;
    return false;
}

static int
dup_or_none(int fd)
{
    return fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
}

static struct mesos_fetching *
fetch(void *arg, const struct mesos_fetch *wish, void (*done)(void *arg, const char *error), void *done_arg)
{
    struct fetcher *fetcher = arg;
    struct mesos_fetching *fetching = xcalloc(1, sizeof(*fetching));
    fetching->fetcher = fetcher;
    list_push(&fetcher->fetchings, &fetching->in_fetcher);
    list_init(&fetching->in_waiting);
    fetching->sizes_fd = -1;
    fetching->container_id = xstrdup(wish->container_id);
    fetching->directory = xstrdup(wish->directory);
    fetching->user = wish->user ? xstrdup(wish->user) : NULL;
    fetching->out_fd = dup_or_none(wish->out_fd);
    fetching->err_fd = dup_or_none(wish->err_fd);
    fetching->done = done;
    fetching->arg = done_arg;
    fetching->command = mesos__v1__command_info__unpack(NULL, wish->command.len, wish->command.data);
    if (!fetching->command) {
        fetching->command = xcalloc(1, sizeof(*fetching->command));
        mesos__v1__command_info__init(fetching->command);
        finish(fetching, failure(fetching, "its command does not decode"));
        return fetching;
    }
    fetching->items = xcalloc(fetching->command->n_uris + 1, sizeof(*fetching->items));
    for (size_t i = 0; i < fetching->command->n_uris; i++)
        fetching->items[i].uri = fetching->command->uris[i];
    if (!fetcher->cache.directory || !any_wants_cache(fetching->command)) {
        loop_defer(fetcher->loop, on_begin, fetching);
        return fetching;
    }
    fetching->cache_directory = fetcher_cache_directory(&fetcher->cache, fetching->user);
    fetching->cache_root = xstrdup(fetcher->cache.directory);
    loop_offload(fetcher->loop, &fetcher->cache, on_make_directory, on_directory, fetching);
    return fetching;
}

static void
cancel(void *arg, struct mesos_fetching *fetching)
{
    fetching->cancelled = true;
    if (fetching->pid > 0) {
        kill(-fetching->pid, SIGKILL); /* its end is the fetch's end */
    } else if (!list_empty(&fetching->in_waiting)) {
        list_remove(&fetching->in_waiting);
        finish(fetching, failure(fetching, "it was given up"));
    }
}

/* ---- the object ---- */

static void
on_wipe(void *directory)
{
    fetcher_cache_wipe(directory);
}

struct fetcher *
fetcher_new(const struct fetcher_setup *setup)
{
    struct fetcher *fetcher = xcalloc(1, sizeof(*fetcher));
    fetcher->loop = setup->loop;
    fetcher->metrics = setup->metrics;
    fetcher->program = xasprintf("%s/mesos-fetcher", setup->launcher_dir);
    fetcher->frameworks_home = setup->frameworks_home ? xstrdup(setup->frameworks_home) : NULL;
    fetcher->hadoop_home = setup->hadoop_home ? xstrdup(setup->hadoop_home) : NULL;
    fetcher->stall_timeout_ns = setup->stall_timeout_ns;
    list_init(&fetcher->fetchings);
    if (setup->cache_dir) {
        fetcher_cache_init(&fetcher->cache, setup->loop, setup->cache_dir, setup->cache_size_bytes,
                           (uint64_t)(loop_wall_secs(setup->loop) * 1000));
        loop_offload(setup->loop, &fetcher->cache, on_wipe, free, xstrdup(setup->cache_dir));
    }
    if (setup->metrics) {
        metrics_get(setup->metrics, "containerizer/fetcher/task_fetches_failed");
        metrics_get(setup->metrics, "containerizer/fetcher/task_fetches_succeeded");
        metrics_pull(setup->metrics, "containerizer/fetcher/cache_size_total_bytes", cache_total, fetcher);
        metrics_pull(setup->metrics, "containerizer/fetcher/cache_size_used_bytes", cache_used, fetcher);
    }
    return fetcher;
}

/* Those that something else still holds (off the thread, or deferred) free themselves when it comes back. */
static void
orphan(struct mesos_fetching *fetching)
{
    bool held = fetching->error || (!fetching->child && list_empty(&fetching->in_waiting) && !fetching->sizes_watch);
    if (fetching->pid > 0)
        kill(-fetching->pid, SIGKILL);
    list_remove(&fetching->in_waiting);
    fetching->fetcher = NULL;
    if (held)
        list_remove(&fetching->in_fetcher);
    else
        fetching_free(fetching);
}

void
fetcher_free(struct fetcher *fetcher)
{
    struct mesos_fetching *fetching, *tmp;
    if (!fetcher)
        return;
    list_foreach_safe (fetching, tmp, &fetcher->fetchings, in_fetcher)
        orphan(fetching);
    if (fetcher->metrics) {
        metrics_remove(fetcher->metrics, "containerizer/fetcher/cache_size_total_bytes");
        metrics_remove(fetcher->metrics, "containerizer/fetcher/cache_size_used_bytes");
    }
    fetcher_cache_fini(&fetcher->cache);
    free(fetcher->program);
    free(fetcher->frameworks_home);
    free(fetcher->hadoop_home);
    free(fetcher);
}

struct containerizer_fetcher
fetcher_lent(struct fetcher *fetcher)
{
    return (struct containerizer_fetcher){.arg = fetcher, .fetch = fetch, .cancel = cancel};
}
