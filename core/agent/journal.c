/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Group commit: while one batch is on its way to the disk, the next one gathers. A torn append is cut off
 * again before anything else can follow it, so that a reader finds at most one partial record, at the end,
 * after a crash.
 */
#include "agent/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"

#define JOURNAL_RETRY_MS 1000
#define JOURNAL_DIRECTORIES                                                                                  \
    7 /* levels above a new file that may be new too: up to the framework's directory */

struct journal_file {
    struct journal *journal;
    char *path;
    int fd;     /* under journal->lock until opened, constant afterwards */
    bool fresh; /* its directories have not been fsynced yet; the batch's thread alone looks at it */
    bool
        broken; /* an earlier record of this batch failed: later ones wait, so that order is kept; likewise */
    atomic_int refs;
};

struct append {
    struct list node;
    struct journal_file *file;
    char *record;
    size_t len;
    bool written; /* a retry only has to sync */
    int status;
    void (*done)(void *arg);
    void *arg;
};

struct batch {
    struct journal *journal; /* NULL when the journal was freed meanwhile */
    struct list appends;
};

struct journal {
    struct loop *loop;
    pthread_mutex_t
        lock; /* over open, write and truncate of every file: the loop and the batch's thread both write */
    struct list waiting;
    size_t count;
    struct batch *running;
    struct loop_timer retry;
    bool closed;
    bool failing; /* said so in the log already */
    size_t files;
};

static void journal_flush(struct journal *journal);
static void on_retry(void *arg);
static void batch_work(void *arg);
static void batch_done(void *arg);
static void append_free(struct append *append);

struct journal *
journal_new(struct loop *loop)
{
    struct journal *journal = xcalloc(1, sizeof(*journal));
    journal->loop = loop;
    pthread_mutex_init(&journal->lock, NULL);
    list_init(&journal->waiting);
    loop_timer_init(&journal->retry, loop, on_retry, journal);
    return journal;
}

/* The memory goes when the last file and the last batch are gone. */
static void
journal_drop(struct journal *journal)
{
    if (!journal->closed || journal->files || journal->running)
        return;
    pthread_mutex_destroy(&journal->lock);
    free(journal);
}

void
journal_free(struct journal *journal)
{
    struct append *append, *tmp;
    if (!journal)
        return;
    loop_timer_stop(&journal->retry);
    list_foreach_safe (append, tmp, &journal->waiting, node) {
        if (!append->written)
            journal_write(append->file, str_n(append->record + 4, append->len - 4), NULL);
        list_remove(&append->node);
        append_free(append);
    }
    journal->closed = true;
    journal_drop(journal);
}

size_t
journal_waiting(const struct journal *journal)
{
    return journal->count;
}

struct journal_file *
journal_file_new(struct journal *journal, const char *path)
{
    struct journal_file *file = xcalloc(1, sizeof(*file));
    file->journal = journal;
    file->path = xstrdup(path);
    file->fd = -1;
    file->fresh = true;
    atomic_init(&file->refs, 1);
    journal->files++;
    return file;
}

/* On the loop's thread only: batches give back their references in batch_done. */
void
journal_file_free(struct journal_file *file)
{
    if (!file || atomic_fetch_sub(&file->refs, 1) != 1)
        return;
    if (file->fd >= 0)
        close(file->fd);
    file->journal->files--;
    journal_drop(file->journal);
    free(file->path);
    free(file);
}

/* Records are a length in host order and the bytes, as Mesos writes them. */
static char *
record_of(struct str bytes, size_t *ret_len)
{
    uint32_t len = (uint32_t)bytes.len;
    char *record = xmalloc(sizeof(len) + bytes.len);
    memcpy(record, &len, sizeof(len));
    memcpy(record + sizeof(len), bytes.ptr, bytes.len);
    *ret_len = sizeof(len) + bytes.len;
    return record;
}

/* The directory may be missing: a task that could not be checkpointed still has an update to tell. */
static int
file_open(const char *path)
{
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC;
    int fd = open(path, flags, 0644);
    if (fd >= 0 || errno != ENOENT)
        return fd >= 0 ? fd : -errno;
    auto_free char *dir = xstrdup(path);
    char *slash = strrchr(dir, '/');
    if (!slash)
        return -ENOENT;
    *slash = '\0';
    int status = dir_make(dir, 0755, NULL);
    if (status)
        return status;
    fd = open(path, flags, 0644);
    return fd >= 0 ? fd : -errno;
}

/* Under the lock. Either the whole record is there afterwards or nothing of it. */
static int
file_append(struct journal_file *file, const char *record, size_t len)
{
    if (file->fd < 0) {
        file->fd = file_open(file->path);
        if (file->fd < 0)
            return file->fd;
    }
    off_t before = lseek(file->fd, 0, SEEK_END);
    if (before < 0)
        return -errno;
    int status = fault("journal/write");
    ssize_t n = status ? (ssize_t)status : write(file->fd, record, len);
    if (n == (ssize_t)len)
        return 0;
    status = status ? status : n < 0 ? -errno : -ENOSPC;
    if (ftruncate(file->fd, before))
        log_error("cannot cut a torn record off %s: %s", file->path, strerror(errno));
    return status;
}

void
journal_append(struct journal_file *file, struct str bytes, void (*done)(void *arg), void *arg)
{
    struct journal *journal = file->journal;
    struct append *append = xcalloc(1, sizeof(*append));
    append->file = file;
    atomic_fetch_add(&file->refs, 1);
    append->record = record_of(bytes, &append->len);
    append->done = done;
    append->arg = arg;
    list_push(&journal->waiting, &append->node);
    journal->count++;
    if (!journal->running && !loop_timer_running(&journal->retry))
        journal_flush(journal);
}

int
journal_write(struct journal_file *file, struct str bytes, struct err *err)
{
    size_t len;
    auto_free char *record = record_of(bytes, &len);
    pthread_mutex_lock(&file->journal->lock);
    int status = file_append(file, record, len);
    pthread_mutex_unlock(&file->journal->lock);
    if (status)
        return err_set(err, status, "cannot write to %s: %s", file->path, strerror(-status));
    return 0;
}

static void
append_free(struct append *append)
{
    journal_file_free(append->file);
    free(append->record);
    free(append);
}

static void
journal_flush(struct journal *journal)
{
    struct append *append, *tmp;
    if (list_empty(&journal->waiting))
        return;
    struct batch *batch = xcalloc(1, sizeof(*batch));
    batch->journal = journal;
    list_init(&batch->appends);
    list_foreach_safe (append, tmp, &journal->waiting, node) {
        list_remove(&append->node);
        list_push(&batch->appends, &append->node);
    }
    journal->running = batch;
    loop_offload(journal->loop, journal, batch_work, batch_done, batch);
}

static void
on_retry(void *arg)
{
    journal_flush(arg);
}

/* A new file is only durable with the entries that lead to it. */
static void
sync_directories(const char *path)
{
    auto_free char *dir = xstrdup(path);
    for (int i = 0; i < JOURNAL_DIRECTORIES; i++) {
        char *slash = strrchr(dir, '/');
        if (!slash || slash == dir)
            return;
        *slash = '\0';
        auto_fd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0)
            fsync(fd);
    }
}

static void
batch_work(void *arg)
{
    struct batch *batch = arg;
    struct append *append;
    list_foreach (append, &batch->appends, node)
        append->file->broken = false;
    list_foreach (append, &batch->appends, node) {
        append->status = append->file->broken ? -EAGAIN : 0;
        if (append->written || append->status)
            continue;
        pthread_mutex_lock(&batch->journal->lock);
        append->status = file_append(append->file, append->record, append->len);
        pthread_mutex_unlock(&batch->journal->lock);
        append->written = append->status == 0;
        append->file->broken = append->status != 0;
    }
    /* All data on its way first: the first fdatasync then commits the file system's journal for all of them
     * at once. */
    list_foreach (append, &batch->appends, node)
        if (!append->status)
            sync_file_range(append->file->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    list_foreach (append, &batch->appends, node) {
        if (append->status)
            continue;
        append->status = fault("journal/sync");
        if (!append->status && fdatasync(append->file->fd))
            append->status = -errno;
        if (!append->status && append->file->fresh) {
            sync_directories(append->file->path);
            append->file->fresh = false;
        }
    }
}

static void
batch_done(void *arg)
{
    struct batch *batch = arg;
    struct journal *journal = batch->journal;
    struct append *append, *tmp;
    struct list failed = LIST_INIT(failed);
    auto_free char *path = NULL;
    int status = 0;
    list_foreach_safe (append, tmp, &batch->appends, node) {
        list_remove(&append->node);
        if (append->status && !journal->closed) {
            if (append->status != -EAGAIN && !path) { /* else it waits behind another */
                status = append->status;
                path = xstrdup(append->file->path);
            }
            list_push(&failed, &append->node);
            continue;
        }
        journal->count--;
        if (!journal->closed)
            append->done(append->arg);
        append_free(append);
    }
    while (!list_empty(&failed)) {
        append = list_entry(failed.prev, struct append, node);
        list_remove(&append->node);
        list_push_front(&journal->waiting, &append->node);
    }
    journal->running = NULL;
    free(batch);
    if (journal->closed) {
        journal_drop(journal);
        return;
    }
    if (status) {
        if (!journal->failing)
            log_error("cannot store status updates: %s: %s; they wait, and are tried again each second", path,
                      strerror(-status));
        journal->failing = true;
        loop_timer_start(&journal->retry, JOURNAL_RETRY_MS);
    } else {
        if (journal->failing)
            log_info("status updates are stored again");
        journal->failing = false;
        journal_flush(journal);
    }
}
