/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret_resolver "file": references are files of one directory of the agent's machine, which nobody but their owner may read.
 * The secret with name "db" and no key is the file db, with key "password" db/password, and "/my/secret" with key "username", as
 * Mesos's book has it, my/secret/username; its bytes are the file's, all of them. Names that would lead elsewhere are refused, and
 * so is a file that others could have read or written.
 */
#include "common/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/list.h"
#include "mesos/secret_resolver.h"

enum { NAME_MAX_BYTES = 1024 };

struct file_resolver {
    const struct mesos_host *host;
    const char *dir;
    struct list jobs;
    struct mesos_call *stopping; /* owed once the last job is over */
};

/* One file that is read off the loop. */
struct job {
    struct list in_resolver;
    struct file_resolver *resolver;
    struct mesos_call *call; /* NULL: nobody waits any more */
    char *dir, *name, *key; /* key NULL = none */
    char *bytes;
    size_t len;
    struct err err;
};

static void
job_free(struct job *job)
{
    list_remove(&job->in_resolver);
    if (job->bytes)
        explicit_bzero(job->bytes, MESOS_SECRET_MAX + 1);
    free(job->bytes);
    free(job->dir);
    free(job->name);
    free(job->key);
    free(job);
}

/* One name below one directory, and a visible one. */
static bool
is_part(struct str text)
{
    return text.len && text.len < 256 && text.ptr[0] != '.' && str_find(text, '/') < 0;
}

/* One or more of them, below each other. */
static bool
is_name(const char *text)
{
    struct str rest = str_of(*text == '/' ? text + 1 : text);
    if (rest.len >= NAME_MAX_BYTES || str_ends(rest, STR_LIT("/")))
        return false;
    do {
        if (!is_part(str_cut(&rest, '/')))
            return false;
    } while (rest.len);
    return true;
}

/* Is it the agent's or root's own, and nobody else may change it (a directory) or even read it (a file)? */
static int
check_owner(const struct job *job, int fd, const char *name, bool directory, struct err *err)
{
    struct stat is;
    mode_t others = directory ? 022 : 077;
    if (fstat(fd, &is) < 0)
        return err_errno(err, "the secret '%s' cannot be looked at", job->name);
    if (!directory && !S_ISREG(is.st_mode))
        return err_set(err, -EINVAL, "the secret '%s' is not a file", job->name);
    if (is.st_uid != 0 && is.st_uid != geteuid())
        return err_set(err, -EACCES, "the secret '%s' is refused: '%s' belongs to user %u, but must be root's or the agent's",
                       job->name, name, (unsigned)is.st_uid);
    if (is.st_mode & others)
        return err_set(err, -EACCES, "the secret '%s' is refused: '%s' has mode %04o, which others may %s", job->name, name,
                       (unsigned)is.st_mode & 07777, directory ? "write" : "use: make it 0600");
    return 0;
}

static int
open_part(const struct job *job, int at, const char *name, bool directory, struct err *err)
{
    int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | (directory ? O_DIRECTORY : O_NONBLOCK | O_NOCTTY);
    int fd = openat(at, name, flags);
    if (fd < 0) {
        err_errno(err, "the secret '%s'%s%s%s is not there", job->name, job->key ? " (key '" : "", job->key ? job->key : "",
                  job->key ? "')" : "");
        return -1;
    }
    if (check_owner(job, fd, name, directory, err) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* From directory to directory down to the file. */
static int
open_secret(const struct job *job, int dir, struct err *err)
{
    auto_free char *path = xasprintf("%s%s%s", *job->name == '/' ? job->name + 1 : job->name, job->key ? "/" : "",
                                     job->key ? job->key : "");
    struct str rest = str_of(path);
    auto_fd int at = -1;
    do {
        auto_free char *part = str_dup(str_cut(&rest, '/'));
        int next = open_part(job, at < 0 ? dir : at, part, rest.len > 0, err);
        if (at >= 0)
            close(at);
        at = next;
    } while (at >= 0 && rest.len);
    return take_fd(&at);
}

static int
read_all(struct job *job, int fd, struct err *err)
{
    job->bytes = xmalloc(MESOS_SECRET_MAX + 1);
    while (job->len <= MESOS_SECRET_MAX) {
        ssize_t n = read(fd, job->bytes + job->len, MESOS_SECRET_MAX + 1 - job->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, "the secret '%s' cannot be read", job->name);
        if (n == 0)
            return 0;
        job->len += (size_t)n;
    }
    return err_set(err, -EFBIG, "the secret '%s' has more than %u bytes", job->name, MESOS_SECRET_MAX);
}

static void
work(void *arg)
{
    struct job *job = arg;
    auto_fd int dir = open(job->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        err_errno(&job->err, "the directory of secrets cannot be opened");
        return;
    }
    if (check_owner(job, dir, job->dir, true, &job->err) < 0)
        return;
    auto_fd int fd = open_secret(job, dir, &job->err);
    if (fd >= 0)
        read_all(job, fd, &job->err);
}

static void
work_done(void *arg)
{
    struct job *job = arg;
    struct file_resolver *resolver = job->resolver;
    const struct mesos_host *host = resolver->host;
    int rc = job->err.code;
    if (job->call && rc < 0)
        host->fail(host, rc, "%s", job->err.text);
    if (job->call)
        host->reply(host, job->call, rc, (struct mesos_bytes){job->bytes, rc < 0 ? 0 : job->len});
    job_free(job);
    if (resolver->stopping && list_empty(&resolver->jobs))
        host->reply(host, resolver->stopping, 0, (struct mesos_bytes){NULL, 0});
}

static void
answer_value(const struct mesos_host *host, const Mesos__V1__Secret *secret, struct mesos_call *call)
{
    struct str value = STR_LIT("");
    struct err err = {0};
    int rc = secret_resolve(secret, &value, &err);
    if (rc < 0)
        host->fail(host, rc, "%s", err.text);
    host->reply(host, call, rc, (struct mesos_bytes){value.ptr, value.len});
}

static void
read_reference(struct file_resolver *resolver, const Mesos__V1__Secret__Reference *reference, struct mesos_call *call)
{
    const struct mesos_host *host = resolver->host;
    const char *key = reference->key && *reference->key ? reference->key : NULL;
    if (!is_name(reference->name) || (key && !is_part(str_of(key)))) {
        int rc = host->fail(host, -EINVAL, "'%.100s' with key '%.100s' names no secret: a name is of plain file names with '/' between "
                            "them, none of which begins with '.', and a key is one of those", reference->name, key ? key : "");
        host->reply(host, call, rc, (struct mesos_bytes){NULL, 0});
        return;
    }
    struct job *job = xcalloc(1, sizeof(*job));
    job->resolver = resolver;
    job->call = call;
    job->dir = xstrdup(resolver->dir);
    job->name = xstrdup(reference->name);
    job->key = key ? xstrdup(key) : NULL;
    list_push(&resolver->jobs, &job->in_resolver);
    host->offload(host, false, work, work_done, job);
}

static void
resolve(void *instance, struct mesos_bytes bytes, struct mesos_call *call)
{
    struct file_resolver *resolver = instance;
    const struct mesos_host *host = resolver->host;
    struct err err = {0};
    Mesos__V1__Secret *secret = mesos__v1__secret__unpack(NULL, bytes.len, bytes.data);
    int rc = secret ? secret_check(secret, &err) : err_set(&err, -EPROTO, "the secret does not decode");
    if (rc < 0) {
        host->fail(host, rc, "%s", err.text);
        host->reply(host, call, rc, (struct mesos_bytes){NULL, 0});
    } else if (secret->type == MESOS__V1__SECRET__TYPE__REFERENCE) {
        read_reference(resolver, secret->reference, call);
    } else {
        answer_value(host, secret, call);
    }
    if (secret && secret->value && secret->value->data.len)
        explicit_bzero(secret->value->data.data, secret->value->data.len);
    mesos__v1__secret__free_unpacked(secret, NULL);
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct file_resolver *resolver = instance;
    struct stat is;
    resolver->host = host;
    list_init(&resolver->jobs);
    if (*resolver->dir != '/')
        return host->fail(host, -EINVAL, "secret_resolver 'file': option 'dir' must be an absolute path, and '%s' is not",
                          resolver->dir);
    if (stat(resolver->dir, &is) < 0 || !S_ISDIR(is.st_mode))
        return host->fail(host, -ENOTDIR, "secret_resolver 'file': '%s' (option 'dir') is no directory", resolver->dir);
    return 0;
}

/* What is being read is waited for: threads still use it. */
static void
stop(void *instance, struct mesos_call *call)
{
    struct file_resolver *resolver = instance;
    struct job *job;
    list_foreach (job, &resolver->jobs, in_resolver)
        job->call = NULL;
    if (call && list_empty(&resolver->jobs))
        resolver->host->reply(resolver->host, call, 0, (struct mesos_bytes){NULL, 0});
    else
        resolver->stopping = call;
}

static const struct mesos_option options[] = {
    {"dir", MESOS_OPTION_PATH, offsetof(struct file_resolver, dir), "/etc/mesos-agent/secrets",
     "The directory whose files are the secrets."},
    {NULL, 0, 0, NULL, NULL},
};

static const struct mesos_secret_resolver_ops ops = {.resolve = resolve};

static const struct mesos_module module = {
    MESOS_MODULE(SECRET_RESOLVER, ops, struct file_resolver),
    .name = "file",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "reads secrets from files that nobody else may read",
    .options = options,
    .start = start,
    .stop = stop,
};

MESOS_MODULES(&module);
