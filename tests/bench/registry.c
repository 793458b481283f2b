/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many agents a second the registries take, in batches as the master's group commit makes them, one after the other.
 * Beside each the same bytes stored plainly: appended to a file and synced once per batch, or one znode for each agent,
 * asked for all at once. Prints, asserts nothing about time.
 *
 *   tests/bench/registry [--agents=N] [--dir=PLACE] [--zk=zk://host:port/path]
 *
 * Without --zk only the local registry. What is stored in ZooKeeper stays below that path.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "common/zookeeper.h"
#include "figures.h"
#include "host/kind_registry.h"

enum { VALUE_BYTES = 700 };

static const char *zk_text;
static const char *place;

/* ---- the baselines, as modules that are linked in ---- */

struct append {
    const struct mesos_host *host;
    int fd;
    struct buf bytes;
    int status;
    struct mesos_call *call;
};

static void
append_fetch(void *instance, void (*entry)(void *arg, const struct mesos_registry_entry *entry), void *arg,
             struct mesos_call *call)
{
    const struct append *append = instance;
    append->host->reply(append->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static void
append_work(void *arg)
{
    struct append *append = arg;
    ssize_t n = write(append->fd, buf_data(&append->bytes), append->bytes.len);
    append->status = n == (ssize_t)append->bytes.len && fdatasync(append->fd) == 0 ? 0 : -EIO;
}

static void
append_done(void *arg)
{
    struct append *append = arg;
    buf_clear(&append->bytes);
    append->host->reply(append->host, append->call, append->status, (struct mesos_bytes){NULL, 0});
}

static void
append_store(void *instance, const struct mesos_registry_entry *entries, size_t count, struct mesos_call *call)
{
    struct append *append = instance;
    append->call = call;
    for (size_t i = 0; i < count; i++) {
        buf_append(&append->bytes, entries[i].key.data, entries[i].key.len);
        buf_append(&append->bytes, entries[i].value.data, entries[i].value.len);
    }
    append->host->offload(append->host, true, append_work, append_done, append);
}

static int
append_start(void *instance, const struct mesos_host *host)
{
    struct append *append = instance;
    auto_free char *path = xasprintf("%s/append", host->work_dir);
    append->host = host;
    append->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return append->fd < 0 ? host->fail(host, -errno, "cannot open %s", path) : 0;
}

static void
append_stop(void *instance, struct mesos_call *call)
{
    struct append *append = instance;
    close(append->fd);
    buf_fini(&append->bytes);
    if (call)
        append->host->reply(append->host, call, 0, (struct mesos_bytes){NULL, 0});
}

struct znodes {
    const struct mesos_host *host;
    struct zk *zk;
    char root[128];
    size_t number, outstanding;
    int status;
    struct mesos_call *call;
};

static void ask_root(void *arg);

static void
on_root(void *arg, const struct zk_answer *answer)
{
    struct znodes *znodes = arg;
    if (answer->status == -ENOTCONN || answer->status == -ECONNRESET) { /* not connected yet */
        znodes->host->timer_start(znodes->host, 100, ask_root, znodes);
        return;
    }
    int status = answer->status == -EEXIST ? 0 : answer->status;
    znodes->host->reply(znodes->host, znodes->call, status, (struct mesos_bytes){NULL, 0});
}

static void
ask_root(void *arg)
{
    struct znodes *znodes = arg;
    zk_create_path(znodes->zk, znodes->root, on_root, znodes);
}

static void
znodes_fetch(void *instance, void (*entry)(void *arg, const struct mesos_registry_entry *entry), void *arg,
             struct mesos_call *call)
{
    struct znodes *znodes = instance;
    znodes->call = call;
    ask_root(znodes);
}

static void
on_created(void *arg, const struct zk_answer *answer)
{
    struct znodes *znodes = arg;
    if (answer->status)
        znodes->status = answer->status;
    if (--znodes->outstanding == 0)
        znodes->host->reply(znodes->host, znodes->call, znodes->status, (struct mesos_bytes){NULL, 0});
}

static void
znodes_store(void *instance, const struct mesos_registry_entry *entries, size_t count, struct mesos_call *call)
{
    struct znodes *znodes = instance;
    znodes->call = call;
    znodes->outstanding = count;
    for (size_t i = 0; i < count; i++) {
        char path[160];
        snprintf(path, sizeof(path), "%s/n%zu", znodes->root, znodes->number++);
        zk_create(znodes->zk, path, entries[i].value, ZK_PERSISTENT, on_created, znodes);
    }
}

static void
on_state(void *arg, enum zk_state state, const char *why)
{
}

static int
znodes_start(void *instance, const struct mesos_host *host)
{
    struct znodes *znodes = instance;
    struct zk_url url = {0};
    int rc = zk_url_read(host, "zk", zk_text, &url);
    if (rc < 0)
        return rc;
    znodes->host = host;
    snprintf(znodes->root, sizeof(znodes->root), "%.60s/plain", url.path);
    struct zk_options options = {host, &url, 10000, on_state, znodes};
    znodes->zk = zk_new(&options);
    zk_url_fini(&url);
    return 0;
}

static void
znodes_stop(void *instance, struct mesos_call *call)
{
    struct znodes *znodes = instance;
    zk_free(znodes->zk);
    if (call)
        znodes->host->reply(znodes->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static const struct mesos_registry_ops append_ops = {.fetch = append_fetch, .store = append_store};
static const struct mesos_registry_ops znodes_ops = {.fetch = znodes_fetch, .store = znodes_store};
static const struct mesos_module append_module = {MESOS_MODULE(REGISTRY, append_ops, struct append), .name = "append",
                                                  .version = "1", .author = "bench", .summary = "plain appends",
                                                  .start = append_start, .stop = append_stop};
static const struct mesos_module znodes_module = {MESOS_MODULE(REGISTRY, znodes_ops, struct znodes), .name = "znodes",
                                                  .version = "1", .author = "bench", .summary = "plain znodes",
                                                  .start = znodes_start, .stop = znodes_stop};

static const struct mesos_module *const *
linked(void)
{
    static const struct mesos_module *const modules[] = {&append_module, &znodes_module, NULL};
    return modules;
}

/* ---- the measuring ---- */

struct run {
    struct module *module;
    size_t batch, total, stored;
    char (*keys)[32];
    char value[VALUE_BYTES];
    struct mesos_registry_entry *entries;
    double *waits, since;
    size_t batches;
    bool done;
    int status;
};

static const char *
daemon_option(void *arg, const char *name)
{
    return strcmp(name, "zk") == 0 ? zk_text : NULL;
}

static void next_batch(struct run *run);

static void
on_stored(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct run *run = arg;
    if (status) {
        fprintf(stderr, "%s: %s\n", module_name(run->module), error ? error : "failed");
        run->status = status;
        run->done = true;
        return;
    }
    run->waits[run->batches++] = now_ms() - run->since;
    run->stored += run->batch;
    run->done = run->stored >= run->total;
    if (!run->done)
        next_batch(run);
}

static void
next_batch(struct run *run)
{
    for (size_t i = 0; i < run->batch; i++) {
        struct mesos_registry_entry *entry = &run->entries[i];
        snprintf(run->keys[i], sizeof(run->keys[i]), "agent-%zu-%zu-S%zu", run->batch, run->total, run->stored + i);
        *entry = (struct mesos_registry_entry){.size = sizeof(*entry), .table = MESOS_REGISTRY_ADMITTED,
                                               .key = {run->keys[i], strlen(run->keys[i])},
                                               .value = {run->value, sizeof(run->value)}};
    }
    run->since = now_ms();
    registry_store(run->module, 120000, run->entries, run->batch, on_stored, run);
}

static bool
is_done(void *arg)
{
    return ((struct run *)arg)->done;
}

static void
on_entry(void *arg, const struct mesos_registry_entry *entry)
{
}

static void
on_fetched(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct run *run = arg;
    run->done = true;
    run->status = status;
    if (status)
        fprintf(stderr, "%s: %s\n", module_name(run->module), error ? error : "failed");
}

/* Agents a second; 0 = it failed. */
static double
measure(struct loop *loop, struct module *module, size_t batch, size_t total, double *ret_p99)
{
    struct run run = {.module = module, .batch = batch, .total = total};
    run.keys = xcalloc(batch, sizeof(*run.keys));
    run.entries = xcalloc(batch, sizeof(*run.entries));
    run.waits = xcalloc(total / batch + 2, sizeof(*run.waits));
    for (size_t i = 0; i < sizeof(run.value); i++)
        run.value[i] = (char)(i * 7919 % 251);
    double start = now_ms();
    next_batch(&run);
    loop_run_until(loop, is_done, &run, 600 * 1000);
    double spent = now_ms() - start;
    *ret_p99 = percentile(run.waits, run.batches, 0.99);
    double rate = run.status || !run.done ? 0 : (double)run.stored / spent * 1e3;
    free(run.keys);
    free(run.entries);
    free(run.waits);
    return rate;
}

static struct module *
started(struct loop *loop, struct host *host, const char *name)
{
    struct err err = {0};
    struct run run = {.module = host_start(host, MESOS_KIND_REGISTRY, name, NULL, NULL, 0, &err)};
    if (!run.module) {
        fprintf(stderr, "%s\n", err.text);
        return NULL;
    }
    registry_fetch(run.module, 0, on_entry, on_fetched, &run);
    loop_run_until(loop, is_done, &run, 60 * 1000);
    return run.done && !run.status ? run.module : NULL;
}

static int
compare(struct loop *loop, struct host *host, const char *name, const char *plain, size_t agents)
{
    static const size_t batches[] = {1, 10, 100, 1000};
    struct module *ours = started(loop, host, name), *theirs = started(loop, host, plain);
    if (!ours || !theirs)
        return 1;
    for (size_t i = 0; i < ARRAY_LEN(batches); i++) {
        size_t total = batches[i] == 1 ? agents / 20 + 1 : batches[i] == 10 ? agents / 2 : agents;
        double ours_p99, theirs_p99, theirs_rate = measure(loop, theirs, batches[i], total, &theirs_p99);
        double ours_rate = measure(loop, ours, batches[i], total, &ours_p99);
        if (!ours_rate || !theirs_rate)
            return 1;
        printf("%-10s %5zu a batch: %8.0f agents/s, p99 %7.2f ms; %-7s %8.0f agents/s, p99 %7.2f ms; ratio %.2f\n", name,
               batches[i], ours_rate, ours_p99, plain, theirs_rate, theirs_p99, ours_rate / theirs_rate);
        fflush(stdout);
    }
    return 0;
}

static void
on_stopped(void *arg)
{
    ((struct run *)arg)->done = true;
}

int
main(int argc, char **argv)
{
    int64_t agents = 20000;
    char own[] = "/tmp/cmesos-bench-registry-XXXXXX";
    auto_free char *beside = str_dup(str_of(argv[0])), *modules = NULL;
    struct err err = {0};
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--zk=", 5) == 0)
            zk_text = argv[i] + 5;
        else if (strncmp(argv[i], "--dir=", 6) == 0)
            place = argv[i] + 6;
        else if (strncmp(argv[i], "--agents=", 9) != 0 || str_to_i64(str_of(argv[i] + 9), &agents) < 0 || agents < 1000) {
            fprintf(stderr, "usage: %s [--agents=N (1000 or more)] [--dir=PLACE] [--zk=URL]\n", argv[0]);
            return 2;
        }
    }
    char *slash = strrchr(beside, '/');
    if (slash)
        *slash = 0;
    modules = xasprintf("%s/../../modules/.libs", slash ? beside : ".");
    if (!place && !mkdtemp(own))
        return 1;
    struct loop *loop = loop_new(NULL, &err);
    struct host_options options = {
        .loop = loop, .module_path = modules, .work_dir = place ? place : own, .daemon_option = daemon_option};
    struct host *host = host_new(&options);
    int status = host_add_linked(host, linked, "bench", &err) < 0;
    if (!status)
        status = compare(loop, host, "local", "append", (size_t)agents);
    if (!status && zk_text)
        status = compare(loop, host, "zookeeper", "znodes", (size_t)agents);
    struct run end = {0};
    host_stop(host, on_stopped, &end);
    loop_run_until(loop, is_done, &end, 20 * 1000);
    host_free(host);
    loop_free(loop);
    if (!place)
        dir_remove(own, NULL);
    return status;
}
