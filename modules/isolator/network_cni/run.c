/* SPDX-License-Identifier: Apache-2.0 */
/* Running a child with its outputs collected. */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#define GRACE_MS 200 /* for outputs that somebody still holds when the child itself has ended */

struct stream {
    struct run *run;
    int fd; /* -1 = ended */
    struct mesos_watch *watch;
    struct buf bytes;
    size_t max;
};

struct run {
    struct runs *runs;
    struct list in_runs;
    pid_t pid;
    bool exited, cut_off, cancelled;
    int status;
    struct stream out, err;
    struct mesos_timer *timer;
    void (*done)(void *arg, const struct run_result *result);
    void *arg;
};

void
runs_init(struct runs *runs, const struct mesos_host *host)
{
    runs->host = host;
    list_init(&runs->all);
}

static void
stream_end(struct stream *stream)
{
    if (stream->fd < 0)
        return;
    stream->run->runs->host->unwatch_fd(stream->run->runs->host, stream->watch);
    close(stream->fd);
    stream->fd = -1;
}

static void
run_free(struct run *run)
{
    stream_end(&run->out);
    stream_end(&run->err);
    run->runs->host->timer_stop(run->runs->host, run->timer);
    list_remove(&run->in_runs);
    buf_fini(&run->out.bytes);
    buf_fini(&run->err.bytes);
    free(run);
}

static void
run_kill(const struct run *run)
{
    if (run->exited)
        return;
    kill(-run->pid, SIGKILL); /* not waited for yet: the number is still its session's */
    kill(run->pid, SIGKILL);
}

void
runs_fini(struct runs *runs)
{
    struct run *run, *tmp;
    if (!runs->host)
        return;
    list_foreach_safe(run, tmp, &runs->all, in_runs)
    {
        run_kill(run);
        run_free(run);
    }
}

static void
run_over(struct run *run)
{
    struct run_result result = {run->status, run->cut_off, buf_str(&run->out.bytes), buf_str(&run->err.bytes)};
    if (!run->cancelled)
        run->done(run->arg, &result);
    run_free(run);
}

static void
check_over(struct run *run)
{
    if (run->exited && run->out.fd < 0 && run->err.fd < 0)
        run_over(run);
}

static void
on_grace_over(void *arg)
{
    struct run *run = arg;
    run->timer = NULL;
    run_over(run);
}

static void
on_exited(pid_t pid, int status, void *arg)
{
    struct run *run = arg;
    const struct mesos_host *host = run->runs->host;
    run->exited = true;
    run->status = status;
    host->timer_stop(host, run->timer);
    run->timer = NULL;
    if (run->cancelled || (run->out.fd < 0 && run->err.fd < 0))
        run_over(run);
    else
        run->timer = host->timer_start(host, GRACE_MS, on_grace_over, run);
}

static void
on_too_long(void *arg)
{
    struct run *run = arg;
    run->timer = NULL;
    run->cut_off = true;
    run_kill(run);
}

static void
on_output(int fd, int events, void *arg)
{
    struct stream *stream = arg;
    char chunk[16384];
    ssize_t n = read(fd, chunk, sizeof chunk);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        stream_end(stream);
        check_over(stream->run);
        return;
    }
    size_t room = stream->max - stream->bytes.len;
    buf_append(&stream->bytes, chunk, (size_t)n < room ? (size_t)n : room);
}

static void
stream_begin(struct run *run, struct stream *stream, int fd, size_t max)
{
    stream->run = run;
    stream->fd = fd;
    stream->max = max;
    stream->watch = run->runs->host->watch_fd(run->runs->host, fd, 1, on_output, stream);
}

static int
input_of(struct str text)
{
    auto_fd int fd = memfd_create("cni", MFD_CLOEXEC);
    if (fd < 0 || write(fd, text.ptr ? text.ptr : "", text.len) != (ssize_t)text.len || lseek(fd, 0, SEEK_SET) < 0)
        return -1;
    return take_fd(&fd);
}

static int
spawn(struct run *run, const char *const *argv, const char *const *environment, const int fds[3])
{
    const struct mesos_host *host = run->runs->host;
    struct mesos_spawn spawn = {
        .size = sizeof spawn,
        .argv = argv,
        .environment = environment,
        .directory = "/",
        .fds = fds,
        .fd_count = 3,
        .new_session = 1,
    };
    return host->spawn(host, &spawn, on_exited, run, &run->pid);
}

struct run *
run_start(struct runs *runs, const char *const *argv, const char *const *environment, struct str input, int64_t timeout_ms,
          void (*done)(void *arg, const struct run_result *result), void *arg)
{
    int out[2], err[2];
    auto_fd int in = input_of(input);
    if (in < 0 || pipe2(out, O_CLOEXEC | O_NONBLOCK) < 0) {
        runs->host->fail(runs->host, -errno, "cannot start '%s': %s", argv[0], strerror(errno));
        return NULL;
    }
    if (pipe2(err, O_CLOEXEC | O_NONBLOCK) < 0) {
        runs->host->fail(runs->host, -errno, "cannot start '%s': %s", argv[0], strerror(errno));
        close(out[0]);
        close(out[1]);
        return NULL;
    }
    struct run *run = xcalloc(1, sizeof *run);
    *run = (struct run){.runs = runs, .done = done, .arg = arg, .out.fd = -1, .err.fd = -1, .out.run = run, .err.run = run};
    list_push(&runs->all, &run->in_runs);
    /* Plugins know nothing of descriptors that do not block. */
    fcntl(out[1], F_SETFL, 0);
    fcntl(err[1], F_SETFL, 0);
    int rc = spawn(run, argv, environment, (const int[]){in, out[1], err[1]});
    close(out[1]);
    close(err[1]);
    if (rc < 0) {
        close(out[0]);
        close(err[0]);
        run_free(run);
        return NULL;
    }
    stream_begin(run, &run->out, out[0], RUN_OUT_MAX);
    stream_begin(run, &run->err, err[0], RUN_ERR_MAX);
    run->timer = runs->host->timer_start(runs->host, timeout_ms > 0 ? timeout_ms : 0, on_too_long, run);
    return run;
}

void
run_cancel(struct run *run)
{
    run->cancelled = true;
    run_kill(run);
}
