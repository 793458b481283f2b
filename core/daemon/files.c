/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of attached paths, and the way of a question to the thread that answers it and back. HTTP is next door
 * (files_http.c), what touches the disk too (files_work.c).
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "base/list.h"
#include "base/map.h"
#include "daemon/access.h"
#include "daemon/files_inside.h"
#include "daemon/files_work.h"

struct attachment {
    char *real;
    char *owner; /* of a sandbox; NULL: a log */
    char name[]; /* virtual path */
};

struct files {
    struct loop *loop;
    struct access *access;
    bool (*describe)(void *arg, const char *owner, struct mesos_object *ret);
    void *describe_arg;
    struct map attachments; /* virtual path -> struct attachment */
    struct list jobs;
};

struct job {
    struct list in_files;
    struct files *files; /* NULL: nobody waits any more */
    struct files_work work;
    bool found; /* the path is below an attachment */
    files_done_fn *done;
    void (*drop)(void *arg); /* instead of done when the files end first; NULL = nothing */
    void *arg;
};

struct files *
files_new(struct loop *loop, struct access *access)
{
    struct files *files = xcalloc(1, sizeof(*files));
    files->loop = loop;
    files->access = access;
    list_init(&files->jobs);
    return files;
}

struct loop *
files_loop(struct files *files)
{
    return files->loop;
}

void
files_describe(struct files *files, bool (*describe)(void *arg, const char *owner, struct mesos_object *ret), void *arg)
{
    files->describe = describe;
    files->describe_arg = arg;
}

static void
attachment_free(struct attachment *attachment)
{
    if (attachment == NULL)
        return;
    free(attachment->real);
    free(attachment->owner);
    free(attachment);
}

void
files_free(struct files *files)
{
    struct attachment *attachment;
    struct job *job;
    if (files == NULL)
        return;
    map_foreach(attachment, &files->attachments)
        attachment_free(attachment);
    map_fini(&files->attachments);
    while ((job = list_first(&files->jobs, struct job, in_files))) {
        list_remove(&job->in_files);
        job->files = NULL;
        if (job->drop)
            job->drop(job->arg);
    }
    free(files);
}

int
files_attach(struct files *files, const char *real, const char *virtual, struct err *err)
{
    return files_attach_sandbox(files, real, virtual, NULL, err);
}

int
files_attach_sandbox(struct files *files, const char *real, const char *virtual, const char *owner, struct err *err)
{
    auto_free char *resolved = realpath(real, NULL);
    size_t len = strlen(virtual);
    if (resolved == NULL)
        return err_errno(err, "cannot show '%s' as '%s'", real, virtual);
    struct attachment *attachment = xmalloc(sizeof(*attachment) + len + 1);
    memcpy(attachment->name, virtual, len + 1);
    attachment->real = take(&resolved);
    attachment->owner = owner ? xstrdup(owner) : NULL;
    attachment_free(map_set(&files->attachments, str_n(attachment->name, len), attachment));
    return 0;
}

void
files_detach(struct files *files, const char *virtual)
{
    attachment_free(map_remove(&files->attachments, str_of(virtual)));
}

static int
compare(const void *a, const void *b)
{
    const struct attachment *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

void
files_each(struct files *files, void (*fn)(const char *virtual, const char *real, void *arg), void *arg)
{
    size_t count = 0;
    struct attachment *attachment;
    auto_free struct attachment **sorted = xcalloc(map_count(&files->attachments) + 1, sizeof(struct attachment *));
    map_foreach(attachment, &files->attachments)
        sorted[count++] = attachment;
    qsort(sorted, count, sizeof(struct attachment *), compare);
    for (size_t i = 0; i < count; i++)
        fn(sorted[i]->name, sorted[i]->real, arg);
}

/* The attachment that begins the path by whole segments, the longest one. */
static struct attachment *
resolve(struct files *files, struct str path, struct str *ret_suffix)
{
    size_t len = path.len;
    for (;;) {
        struct attachment *attachment = map_get(&files->attachments, str_n(path.ptr, len));
        if (attachment) {
            size_t skip = len < path.len ? len + 1 : len;
            *ret_suffix = str_n(path.ptr + skip, path.len - skip);
            return attachment;
        }
        while (len > 0 && path.ptr[len - 1] != '/')
            len--;
        if (len == 0)
            return NULL;
        len--;
    }
}

/* The attachment of a path as it comes from outside; NULL = none. */
static struct attachment *
find(struct files *files, struct str *path, struct str *ret_suffix)
{
    *ret_suffix = STR_LIT("");
    while (path->len > 1 && path->ptr[path->len - 1] == '/')
        path->len--;
    /* a NUL would hide the rest of the path from the system */
    return str_find(*path, '\0') < 0 && path->len < PATH_MAX ? resolve(files, *path, ret_suffix) : NULL;
}

bool
files_admit(struct files *files, struct http_exchange *exchange, struct str path)
{
    struct str suffix;
    struct mesos_object object = {.size = sizeof(object)};
    const struct attachment *attachment = files->access ? find(files, &path, &suffix) : NULL;
    if (!attachment)
        return true;
    if (!attachment->owner)
        return access_admits(files->access, exchange, MESOS_ACTION_ACCESS_MESOS_LOG, NULL);
    if (files->describe && files->describe(files->describe_arg, attachment->owner, &object))
        return access_admits(files->access, exchange, MESOS_ACTION_ACCESS_SANDBOX, &object);
    http_reply(exchange, 404, "text/plain; charset=utf-8", STR_LIT(""));
    return false;
}

static void
work_run(void *arg)
{
    struct job *job = arg;
    if (job->found)
        files_work_run(&job->work);
    else
        job->work.status = 404;
}

static void
work_done(void *arg)
{
    struct job *job = arg;
    struct files_work *work = &job->work;
    struct files_answer answer = {.status = work->status,
                                  .error = str_of(work->error),
                                  .entries = work->entries,
                                  .count = work->count,
                                  .data = buf_str(&work->data),
                                  .offset = work->ret_offset,
                                  .size = work->size};
    if (job->files) {
        list_remove(&job->in_files);
        job->done(&answer, job->arg);
    }
    files_work_fini(work);
    free(job);
}

static struct job *
job_new(struct files *files, struct str path, files_done_fn *done, void *arg)
{
    struct job *job = xcalloc(1, sizeof(*job));
    struct str suffix;
    const struct attachment *attachment = find(files, &path, &suffix);
    job->files = files;
    job->done = done;
    job->arg = arg;
    job->found = attachment != NULL;
    job->work.root = attachment ? xstrdup(attachment->real) : NULL;
    job->work.suffix = str_dup(suffix);
    job->work.path = str_dup(path);
    job->work.max_bytes = FILES_READ_BYTES;
    list_push(&files->jobs, &job->in_files);
    return job;
}

void
files_browse_or_drop(struct files *files, struct str path, files_done_fn *done, void (*drop)(void *arg), void *arg)
{
    struct job *job = job_new(files, path, done, arg);
    job->drop = drop;
    job->work.browse = true;
    loop_offload(files->loop, NULL, work_run, work_done, job);
}

void
files_read_or_drop(struct files *files, struct str path, const struct files_range *range, files_done_fn *done,
                   void (*drop)(void *arg), void *arg)
{
    struct job *job = job_new(files, path, done, arg);
    job->drop = drop;
    job->work.offset = range->offset;
    job->work.length = range->length;
    job->work.must_be_file = range->max_bytes > 0;
    if (range->max_bytes > 0)
        job->work.max_bytes = range->max_bytes;
    loop_offload(files->loop, NULL, work_run, work_done, job);
}

void
files_browse(struct files *files, struct str path, files_done_fn *done, void *arg)
{
    files_browse_or_drop(files, path, done, NULL, arg);
}

void
files_read(struct files *files, struct str path, int64_t offset, int64_t length, files_done_fn *done, void *arg)
{
    struct files_range range = {offset, length, 0};
    files_read_or_drop(files, path, &range, done, NULL, arg);
}
