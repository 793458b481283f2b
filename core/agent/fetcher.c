/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One fetch, step by step: wait until nobody else downloads what it wants from the cache, claim its entries, ask how
 * large new ones are, run mesos-fetcher, settle the entries. A fetch that waits holds nothing, so none waits for another
 * in a circle. Texts of failures are Mesos's.
 */
#include "agent/fetcher.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "agent/fetcher_cache.h"
#include "base/file.h"
#include "base/log.h"
#include "mesos/v1/mesos.pb-c.h"
#include "wire/json.h"

#define SIZES_MAX_BYTES (64 * 1024)

extern char **environ;

struct fetcher {
    struct loop *loop;
    struct metrics *metrics;
    char *program, *frameworks_home, *hadoop_home;
    int64_t stall_timeout_ns;
    struct fetcher_cache cache; /* directory NULL: there is none */
    struct list fetchings;
};

/* One URI: entry NULL = past the cache. */
struct item {
    const Mesos__V1__CommandInfo__URI *uri;
    struct fetcher_cache_entry *entry;
    bool downloads; /* this fetch fills the entry */
};

struct mesos_fetching {
    struct fetcher *fetcher; /* NULL: it is gone, and so is whom to tell */
    struct list in_fetcher;
    struct list in_waiting; /* of an entry that somebody else downloads */
    char *container_id, *directory, *user;
    Mesos__V1__CommandInfo *command;
    struct item *items;
    int out_fd, err_fd;
    pid_t pid;
    struct loop_child *child;
    int sizes_fd;
    struct loop_fd *sizes_watch;
    struct buf sizes;
    bool cancelled, sizing;
    char *cache_error; /* why the user's directory could not be made */
    char *cache_root, *cache_directory; /* NULL when it goes past the cache */
    char *error; /* for done */
    void (*done)(void *arg, const char *error);
    void *arg;
};

static void begin(struct mesos_fetching *fetching);
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

/* ---- what mesos-fetcher is told ---- */

static const char *
action_of(const struct item *item)
{
    return !item->entry ? "BYPASS_CACHE" : item->downloads ? "DOWNLOAD_AND_CACHE" : "RETRIEVE_FROM_CACHE";
}

static void
write_item(struct json *json, const struct item *item)
{
    const Mesos__V1__CommandInfo__URI *uri = item->uri;
    json_object(json);
    json_key_text(json, "action", action_of(item));
    if (item->entry)
        json_key_text(json, "cache_filename", item->entry->name);
    json_key(json, "uri");
    json_object(json);
    json_key_text(json, "value", uri->value);
    if (uri->has_executable)
        json_key_bool(json, "executable", uri->executable);
    json_key_bool(json, "extract", uri->extract);
    if (uri->has_cache)
        json_key_bool(json, "cache", uri->cache);
    if (uri->output_file)
        json_key_text(json, "output_file", uri->output_file);
    json_object_end(json);
    json_object_end(json);
}

/* Only the items of a sizing run are those that this fetch downloads. */
static void
write_info(const struct mesos_fetching *fetching, bool sizing, struct buf *out)
{
    const struct fetcher *fetcher = fetching->fetcher;
    struct json json = json_on(out);
    json_object(&json);
    if (fetching->cache_directory)
        json_key_text(&json, "cache_directory", fetching->cache_directory);
    if (fetcher->frameworks_home && *fetcher->frameworks_home)
        json_key_text(&json, "frameworks_home", fetcher->frameworks_home);
    json_key(&json, "items");
    json_array(&json);
    for (size_t i = 0; i < fetching->command->n_uris; i++)
        if (!sizing || fetching->items[i].downloads)
            write_item(&json, &fetching->items[i]);
    json_array_end(&json);
    json_key_text(&json, "sandbox_directory", fetching->directory);
    if (fetcher->stall_timeout_ns) {
        json_key(&json, "stall_timeout");
        json_object(&json);
        json_key_int(&json, "nanoseconds", fetcher->stall_timeout_ns);
        json_object_end(&json);
    }
    if (fetching->user)
        json_key_text(&json, "user", fetching->user);
    json_object_end(&json);
}

/* The agent's own environment without what is meant for the agent. */
static const char **
environment(const char *info, const char *hadoop_home)
{
    size_t count_all = 0, kept = 0;
    while (environ && environ[count_all])
        count_all++;
    const char **entries = xcalloc(count_all + 3, sizeof(*entries));
    for (size_t i = 0; i < count_all; i++) {
        bool replaced = hadoop_home && strncmp(environ[i], "HADOOP_HOME=", 12) == 0;
        if (!replaced && strncmp(environ[i], "MESOS_", 6) != 0 && strncmp(environ[i], "LIBPROCESS_", 11) != 0)
            entries[kept++] = environ[i];
    }
    if (hadoop_home)
        entries[kept++] = hadoop_home;
    entries[kept] = info;
    return entries;
}

/* Starts mesos-fetcher. out_fd takes its standard output. */
static int
spawn(struct mesos_fetching *fetching, bool sizing, int out_fd)
{
    const struct fetcher *fetcher = fetching->fetcher;
    auto_buf struct buf info = {0};
    buf_puts(&info, "MESOS_FETCHER_INFO=");
    write_info(fetching, sizing, &info);
    auto_free char *hadoop = fetcher->hadoop_home ? xasprintf("HADOOP_HOME=%s", fetcher->hadoop_home) : NULL;
    auto_free const char **entries = environment(buf_cstr(&info), hadoop);
    const char *const argv[] = {fetcher->program, sizing ? "--sizes=true" : NULL, NULL};
    const int fds[] = {-1, out_fd, fetching->err_fd};
    struct mesos_spawn wish = {
        .size = sizeof(wish),
        .argv = argv,
        .environment = entries,
        .directory = fetching->directory,
        .fds = fds,
        .fd_count = ARRAY_LEN(fds),
        .new_session = 1,
    };
    return host_spawn(&wish, &fetching->pid);
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

/* Waiters look again, now that a download has ended. */
static void
wake(struct fetcher_cache_entry *entry)
{
    struct list woken;
    list_init(&woken);
    while (!list_empty(&entry->waiting)) {
        struct list *node = entry->waiting.next;
        list_remove(node);
        list_push(&woken, node);
    }
    while (!list_empty(&woken)) {
        struct mesos_fetching *fetching = list_first(&woken, struct mesos_fetching, in_waiting);
        list_remove(&fetching->in_waiting);
        begin(fetching);
    }
}

/* The download of an entry has ended; it is good when its file is there and there is room for what it really is. */
static void
settle_download(struct fetcher *fetcher, struct fetcher_cache_entry *entry, bool good)
{
    struct stat st;
    good = good && lstat(entry->path, &st) == 0 && S_ISREG(st.st_mode);
    entry->ready = true;
    if (!good || !fetcher_cache_reserve(&fetcher->cache, entry, (uint64_t)st.st_size))
        fetcher_cache_drop(&fetcher->cache, entry);
}

/* Gives the entries back. */
static void
settle(struct mesos_fetching *fetching, bool good)
{
    struct fetcher *fetcher = fetching->fetcher;
    for (size_t i = 0; i < fetching->command->n_uris; i++) {
        struct item *item = &fetching->items[i];
        struct fetcher_cache_entry *entry = item->entry;
        if (!entry)
            continue;
        item->entry = NULL;
        if (item->downloads)
            settle_download(fetcher, entry, good);
        if (item->downloads)
            wake(entry);
        fetcher_cache_release(&fetcher->cache, entry);
    }
}

/* error is taken over. */
static void
finish(struct mesos_fetching *fetching, char *error)
{
    fetching->error = error;
    settle(fetching, !error);
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
        watch(fetching, spawn(fetching, false, fetching->out_fd), on_run_exited);
}

/* ---- how large new entries are ---- */

/* This fetch goes past the cache for the entry's items, and whoever waits for it looks again. */
static void
bypass(struct mesos_fetching *fetching, struct fetcher_cache_entry *entry)
{
    struct fetcher_cache *cache = &fetching->fetcher->cache;
    fetcher_cache_hold(entry);
    fetcher_cache_drop(cache, entry);
    for (size_t i = 0; i < fetching->command->n_uris; i++) {
        struct item *item = &fetching->items[i];
        if (item->entry != entry)
            continue;
        item->entry = NULL;
        item->downloads = false;
        fetcher_cache_release(cache, entry);
    }
    wake(entry);
    fetcher_cache_release(cache, entry);
}

/* A line for each item, in the order of the items; what is missing or no number is a size that is not known. */
static void
take_sizes(struct mesos_fetching *fetching)
{
    struct str rest = buf_str(&fetching->sizes);
    for (size_t i = 0; i < fetching->command->n_uris; i++) {
        struct item *item = &fetching->items[i];
        if (!item->downloads)
            continue;
        struct str line = str_cut(&rest, '\n');
        auto_free char *text = xstrndup(line.ptr, line.len);
        char *end;
        errno = 0;
        unsigned long long bytes = strtoull(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || *end || errno ||
            !fetcher_cache_reserve(&fetching->fetcher->cache, item->entry, bytes))
            bypass(fetching, item->entry);
    }
}

static void
on_sizes_exited(pid_t pid, int status, void *arg)
{
    struct mesos_fetching *fetching = arg;
    fetching->child = NULL;
    fetching->pid = 0;
    if (fetching->sizes_watch)
        return; /* its output is not read to the end yet */
    take_sizes(fetching);
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
    take_sizes(fetching);
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
    if (watch(fetching, spawn(fetching, true, theirs), on_sizes_exited))
        fetching->sizes_watch = loop_fd_watch(fetching->fetcher->loop, fetching->sizes_fd, LOOP_READ, on_sizes, fetching);
}

/* ---- claiming ---- */

static bool
wants_cache(const struct mesos_fetching *fetching, const struct item *item)
{
    return fetching->cache_directory && item->uri->has_cache && item->uri->cache;
}

/* True when it waits for somebody else's download now. */
static bool
must_wait(struct mesos_fetching *fetching)
{
    for (size_t i = 0; i < fetching->command->n_uris; i++) {
        const struct item *item = &fetching->items[i];
        struct fetcher_cache_entry *entry =
            wants_cache(fetching, item)
                ? fetcher_cache_find(&fetching->fetcher->cache, fetching->user, item->uri->value)
                : NULL;
        if (entry && !entry->ready) {
            list_push(&entry->waiting, &fetching->in_waiting);
            return true;
        }
    }
    return false;
}

/* A file that somebody removed behind our back is not offered. */
static bool
is_there(const struct fetcher_cache_entry *entry)
{
    struct stat st;
    return lstat(entry->path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == entry->size_bytes;
}

/* Returns whether something new is to be downloaded. The same URI twice in one command is fetched once, the second time
 * from the cache: items are worked in order. */
static bool
claim(struct mesos_fetching *fetching)
{
    struct fetcher_cache *cache = &fetching->fetcher->cache;
    bool downloads = false;
    for (size_t i = 0; i < fetching->command->n_uris; i++) {
        struct item *item = &fetching->items[i];
        if (!wants_cache(fetching, item))
            continue;
        item->entry = fetcher_cache_find(cache, fetching->user, item->uri->value);
        if (item->entry && item->entry->ready && !is_there(item->entry)) {
            fetcher_cache_drop(cache, item->entry);
            item->entry = NULL;
        }
        if (item->entry) {
            fetcher_cache_hold(item->entry);
            continue;
        }
        item->entry = fetcher_cache_add(cache, fetching->user, item->uri->value);
        item->downloads = downloads = true;
    }
    return downloads;
}

static void
begin(struct mesos_fetching *fetching)
{
    if (fetching->cancelled)
        finish(fetching, failure(fetching, "it was given up"));
    else if (must_wait(fetching))
        return;
    else if (claim(fetching))
        ask_sizes(fetching);
    else
        run(fetching);
}

/* Under /tmp, which is the default, somebody else may have been there first. */
static int
check_ours(const char *directory, struct err *err)
{
    struct stat st;
    if (lstat(directory, &st) < 0)
        return err_errno(err, "cannot look at '%s'", directory);
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
        return err_set(err, -EPERM, "--fetcher_cache_dir '%s' must be a directory that only the agent's user can write",
                       directory);
    return 0;
}

static int
make_directory(const char *directory, const char *user_name, const char *user_directory, struct err *err)
{
    char space[4096];
    struct passwd entry, *user = NULL;
    int rc = dir_make(directory, 0755, err);
    if (!rc)
        rc = check_ours(directory, err);
    if (rc)
        return rc;
    if (mkdir(user_directory, 0700) < 0 && errno != EEXIST)
        return err_errno(err, "cannot make '%s'", user_directory);
    if (user_name && geteuid() == 0 &&
        (getpwnam_r(user_name, &entry, space, sizeof(space), &user) != 0 || !user))
        return err_set(err, -ENOENT, "no such user '%s'", user_name);
    auto_fd int fd = open(user_directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fchmod(fd, 0700) < 0 || (user && fchown(fd, user->pw_uid, user->pw_gid) < 0))
        return err_errno(err, "cannot give '%s' to its user", user_directory);
    return 0;
}

/* Off the thread: the user's directory in the cache. */
static void
on_make_directory(void *arg)
{
    struct mesos_fetching *fetching = arg;
    struct err err = {0};
    if (make_directory(fetching->cache_root, fetching->user, fetching->cache_directory, &err) < 0)
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
    begin(fetching);
}

static void
on_begin(void *arg)
{
    struct mesos_fetching *fetching = arg;
    if (fetching->fetcher)
        begin(fetching);
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
