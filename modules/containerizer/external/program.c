/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One command of the external containerizer's program: started in a session of its own, its record on standard input, its
 * answer read with a cap, its exit status judged. The program is nobody's friend: it may hang, die, or say anything of any
 * length; all that comes of it is one error.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "external.h"

enum { ANSWER_MAX_BYTES = 4 << 20, LENGTH_BYTES = 4, READ_BYTES = 65536, WORDS_MAX_BYTES = 300 };

struct run {
    struct external *external;
    struct list in_runs;
    const char *command;
    bool answers, exited, killed, too_long;
    int status; /* wait(2)'s */
    pid_t pid;
    int64_t timeout_ms;
    int out_fd; /* our end of its standard output; -1 = none */
    struct mesos_watch *watch;
    struct mesos_timer *timer; /* until it is out of time; or until the error of a start is told */
    struct buf out;
    char *sandbox;
    off_t words_at; /* where in the sandbox's stderr its own words begin */
    char *error; /* it could not be started */
    run_done_fn *done;
    void *arg;
};

static void on_exited(pid_t pid, int status, void *arg);
static void on_output(int fd, int events, void *arg);
static void on_late(void *arg);
static void on_not_started(void *arg);

/* ---- its surroundings ---- */

/* A file of the sandbox, to append to. The sandbox belongs to tasks: a link or anything else but a file is not opened. */
static int
open_log(const char *sandbox, const char *name)
{
    struct stat st, owner;
    auto_free char *path = xasprintf("%s/%s", sandbox, name);
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return -1;
    }
    if (st.st_size == 0 && geteuid() == 0 && stat(sandbox, &owner) == 0 && fchown(fd, owner.st_uid, owner.st_gid) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The whole record lies there before the program starts: it may read it when it likes, or never. */
static int
record_fd(struct str record, struct err *err)
{
    uint32_t len = (uint32_t)record.len;
    unsigned char length[LENGTH_BYTES] = {(unsigned char)len, (unsigned char)(len >> 8), (unsigned char)(len >> 16),
                                          (unsigned char)(len >> 24)};
    auto_fd int fd = memfd_create("record", MFD_CLOEXEC);
    if (fd < 0)
        return err_errno(err, "cannot make its input");
    if (write(fd, length, sizeof(length)) != LENGTH_BYTES || write(fd, record.ptr, record.len) != (ssize_t)record.len ||
        lseek(fd, 0, SEEK_SET) < 0)
        return err_errno(err, "cannot write its input");
    int kept = fd;
    fd = -1;
    return kept;
}

/* The program runs as the agent, so it gets nothing that a framework could have set: no PATH, nothing that a shell or a loader
 * looks at. What the task's command is to have stands in the record. */
static const char *const *
run_environment(const struct external *external, const struct run_wish *wish, struct arena *arena)
{
    size_t count = 0, at = 0;
    const char *path = getenv("PATH");
    while (wish->environment && wish->environment[count])
        count++;
    const char **list = arena_calloc(arena, count + 6, sizeof(*list));
    for (size_t i = 0; i < count; i++)
        if (strncmp(wish->environment[i], "MESOS_", 6) == 0 || strncmp(wish->environment[i], "LIBPROCESS_", 11) == 0)
            list[at++] = wish->environment[i];
    list[at++] = arena_printf(arena, "PATH=%s", path ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
    list[at++] = arena_printf(arena, "MESOS_LIBEXEC_DIRECTORY=%s", external->host->launcher_dir);
    list[at++] = arena_printf(arena, "MESOS_WORK_DIRECTORY=%s", external->host->work_dir);
    if (external->image && strcmp(wish->command, "launch") == 0)
        list[at++] = arena_printf(arena, "MESOS_DEFAULT_CONTAINER_IMAGE=%s", external->image);
    return list;
}

static int
spawn(struct run *run, const struct run_wish *wish, struct err *err)
{
    struct external *external = run->external;
    auto_arena struct arena *arena = arena_new(0);
    auto_free char *line = xasprintf("%s %s", external->program, wish->command);
    const char *argv[] = {"/bin/sh", "-c", line, NULL};
    auto_fd int in = -1;
    auto_fd int words = wish->sandbox ? open_log(wish->sandbox, "stderr") : -1;
    auto_fd int theirs = -1;
    struct stat st;
    if (wish->record.ptr && (in = record_fd(wish->record, err)) < 0)
        return in;
    if (words >= 0 && fstat(words, &st) == 0)
        run->words_at = st.st_size;
    if (wish->answers) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
            return err_errno(err, "cannot make a pipe");
        run->out_fd = ends[0];
        theirs = ends[1];
        fcntl(run->out_fd, F_SETFL, O_NONBLOCK);
    } else if (wish->sandbox) {
        theirs = open_log(wish->sandbox, "stdout"); /* what it starts may have it, too */
    }
    const int fds[] = {in, theirs, words};
    const struct mesos_spawn child = {.size = sizeof(child),
                                      .argv = argv,
                                      .environment = run_environment(external, wish, arena),
                                      .directory = wish->sandbox,
                                      .fds = fds,
                                      .fd_count = 3,
                                      .new_session = 1};
    int status = external->host->spawn(external->host, &child, on_exited, run, &run->pid);
    return status < 0 ? err_set(err, status, "cannot be started: %s", strerror(-status)) : 0;
}

struct run *
run_start(struct external *external, const struct run_wish *wish, run_done_fn *done, void *arg)
{
    const struct mesos_host *host = external->host;
    struct run *run = xcalloc(1, sizeof(*run));
    struct err err = {0};
    *run = (struct run){.external = external,
                        .command = wish->command,
                        .answers = wish->answers,
                        .timeout_ms = wish->timeout_ms,
                        .out_fd = -1,
                        .sandbox = wish->sandbox ? xstrdup(wish->sandbox) : NULL,
                        .done = done,
                        .arg = arg};
    list_push(&external->runs, &run->in_runs);
    if (spawn(run, wish, &err) < 0) {
        run->pid = 0;
        run->error = xstrdup(err.text);
        run->timer = host->timer_start(host, 0, on_not_started, run);
        return run;
    }
    if (run->out_fd >= 0)
        run->watch = host->watch_fd(host, run->out_fd, 1, on_output, run);
    if (run->timeout_ms)
        run->timer = host->timer_start(host, run->timeout_ms, on_late, run);
    return run;
}

pid_t
run_pid(const struct run *run)
{
    return run->pid;
}

/* ---- its end ---- */

static void
quiet(struct run *run)
{
    const struct mesos_host *host = run->external->host;
    if (run->watch)
        host->unwatch_fd(host, take(&run->watch));
    if (run->timer)
        host->timer_stop(host, take(&run->timer));
    if (run->out_fd >= 0)
        close(run->out_fd);
    run->out_fd = -1;
}

static void
run_free(struct run *run)
{
    quiet(run);
    list_remove(&run->in_runs);
    buf_fini(&run->out);
    free(run->sandbox);
    free(run->error);
    free(run);
}

/* What is left of its session's first group; what it put into sessions of their own are its containers. */
static void
kill_group(const struct run *run)
{
    if (run->pid > 0 && !run->exited) {
        kill(-run->pid, SIGKILL);
        kill(run->pid, SIGKILL);
    }
}

void
run_kill(struct run *run)
{
    run->killed = true;
    kill_group(run);
}

void
run_forget(struct run *run)
{
    kill_group(run);
    if (run->pid > 0 && !run->exited) {
        run->done = NULL; /* its exit ends it */
        quiet(run);
        return;
    }
    run_free(run);
}

void
runs_end(struct external *external)
{
    while (!list_empty(&external->runs)) {
        struct run *run = list_first(&external->runs, struct run, in_runs);
        kill_group(run);
        run_free(run);
    }
}

/* The last line that it wrote to the sandbox's stderr, for people who see nothing but the task's message. */
static char *
last_words(const struct run *run)
{
    char text[WORDS_MAX_BYTES];
    struct stat st;
    auto_free char *path = run->sandbox ? xasprintf("%s/stderr", run->sandbox) : NULL;
    auto_fd int fd = path ? open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= run->words_at)
        return NULL;
    off_t from = st.st_size - run->words_at > (off_t)sizeof(text) ? st.st_size - (off_t)sizeof(text) : run->words_at;
    ssize_t len = pread(fd, text, sizeof(text), from);
    struct str words = str_trim(str_n(text, len > 0 ? (size_t)len : 0));
    for (size_t i = words.len; i > 0; i--)
        if (words.ptr[i - 1] == '\n') {
            words = str_n(words.ptr + i, words.len - i);
            break;
        }
    char *copy = words.len ? str_dup(words) : NULL;
    for (char *c = copy; c && *c; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
            *c = '?';
    return copy;
}

static void
say_why(const struct run *run, struct buf *out)
{
    if (run->error) {
        buf_puts(out, run->error);
        return;
    }
    if (run->too_long)
        buf_printf(out, "said more than %d bytes and was killed", ANSWER_MAX_BYTES);
    else if (run->killed && run->timeout_ms)
        buf_printf(out, "did not end within %lld ms and was killed", (long long)run->timeout_ms);
    else if (WIFSIGNALED(run->status))
        buf_printf(out, "was ended by signal %d", WTERMSIG(run->status));
    else
        buf_printf(out, "exited with status %d", WEXITSTATUS(run->status));
    auto_free char *words = last_words(run);
    if (words)
        buf_printf(out, " (its last words: %s)", words);
}

/* The record in its answer: 0, or a negative errno with err. */
static int
take_record(const struct run *run, struct str *ret, struct err *err)
{
    struct str all = buf_str(&run->out);
    const unsigned char *b = (const unsigned char *)all.ptr;
    *ret = str_n("", 0);
    if (!run->answers)
        return 0;
    if (all.len < LENGTH_BYTES)
        return err_set(err, -EBADMSG, "answered %zu bytes; a record is wanted: a length of 4 bytes and so many bytes", all.len);
    uint32_t len = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    if (len > ANSWER_MAX_BYTES)
        return err_set(err, -EBADMSG, "answered a record of %u bytes, at most %d are taken", len, ANSWER_MAX_BYTES);
    if (len != all.len - LENGTH_BYTES)
        return err_set(err, -EBADMSG, "answered a record of %u bytes, but %zu bytes follow its length", len,
                       all.len - LENGTH_BYTES);
    *ret = str_n(all.ptr + LENGTH_BYTES, len);
    return 0;
}

static void
finish(struct run *run)
{
    struct err err = {0};
    struct str record = str_n("", 0);
    auto_buf struct buf why = {0};
    bool failed = run->error || run->killed || run->too_long || run->status != 0;
    if (failed)
        say_why(run, &why);
    else if (take_record(run, &record, &err))
        buf_puts(&why, err.text);
    auto_free char *text =
        why.len ? xasprintf("external containerizer program '%s %s' %s", run->external->program, run->command, buf_cstr(&why))
                : NULL;
    run_done_fn *done = run->done;
    list_remove(&run->in_runs);
    list_init(&run->in_runs);
    if (done)
        done(run->arg, text, record);
    run_free(run);
}

static void
on_not_started(void *arg)
{
    struct run *run = arg;
    run->timer = NULL;
    finish(run);
}

enum { READ_MORE, READ_LATER, READ_END };

static int
read_some(struct run *run)
{
    ssize_t len = read(run->out_fd, buf_reserve(&run->out, READ_BYTES), READ_BYTES);
    if (len < 0)
        return errno == EINTR ? READ_MORE : errno == EAGAIN ? READ_LATER : READ_END;
    buf_added(&run->out, (size_t)len);
    run->too_long = run->out.len > ANSWER_MAX_BYTES + LENGTH_BYTES;
    return len > 0 && !run->too_long ? READ_MORE : READ_END;
}

static void
on_output(int fd, int events, void *arg)
{
    struct run *run = arg;
    (void)fd;
    (void)events;
    if (read_some(run) != READ_END)
        return;
    if (run->too_long)
        kill_group(run);
    run->external->host->unwatch_fd(run->external->host, take(&run->watch));
}

static void
on_exited(pid_t pid, int status, void *arg)
{
    struct run *run = arg;
    (void)pid;
    run->exited = true;
    run->status = status;
    while (run->out_fd >= 0 && !run->too_long && read_some(run) == READ_MORE)
        ;
    if (!run->done)
        run_free(run);
    else
        finish(run);
}

static void
on_late(void *arg)
{
    struct run *run = arg;
    run->timer = NULL;
    run_kill(run);
}
