/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of mesos-image. Request and answer are memory files, so that no pipe has to be served while the program works. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "provision_inside.h"
#include "wire/message.h"

#define ANSWER_MAX_BYTES (32 << 20)

extern char **environ;

struct image_run {
    struct list in_provisioner;
    struct provisioner *provisioner;
    pid_t pid;
    int answer_fd;
    image_run_done *done; /* NULL: forgotten */
    void *arg;
    bool cancelled;
};

/* What the program needs of the agent's environment, and nothing that is for the agent. */
static const char **
environment(void)
{
    static const char *const names[] = {"PATH",       "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "http_proxy",
                                        "https_proxy", "HTTPS_PROXY",  "no_proxy",     "NO_PROXY",       "TMPDIR",
                                        "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "MESOS_FAULT"};
    const char **entries = xcalloc(ARRAY_LEN(names) + 1, sizeof *entries);
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        for (char **at = environ; at && *at; at++)
            if (strncmp(*at, names[i], strlen(names[i])) == 0 && (*at)[strlen(names[i])] == '=')
                entries[count++] = *at;
    return entries;
}

static void
run_free(struct image_run *run)
{
    list_remove(&run->in_provisioner);
    close_at(&run->answer_fd);
    free(run);
}

static int
read_answer(const struct image_run *run, struct buf *out)
{
    struct stat st;
    if (fstat(run->answer_fd, &st) < 0 || st.st_size > ANSWER_MAX_BYTES)
        return -EIO;
    ssize_t n = pread(run->answer_fd, buf_reserve(out, (size_t)st.st_size + 1), (size_t)st.st_size, 0);
    if (n != st.st_size)
        return -EIO;
    buf_added(out, (size_t)n);
    return 0;
}

static void
tell(const struct image_run *run, int status)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf text = {0};
    struct err err = {0};
    const Mesos__Internal__ImageResult *result = NULL;
    auto_free char *ended = xasprintf("mesos-image ended with %s %d", WIFSIGNALED(status) ? "signal" : "status",
                                      WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    if (run->cancelled) {
        run->done(run->arg, "it was given up", NULL);
        return;
    }
    if (!WIFSIGNALED(status) && read_answer(run, &text) == 0 && text.len > 0)
        result = MESSAGE_FROM_JSON(Mesos__Internal__ImageResult, mesos__internal__image_result, buf_str(&text), arena, &err);
    if (result && result->error)
        run->done(run->arg, result->error, NULL);
    else if (!result || status != 0)
        run->done(run->arg, ended, NULL);
    else
        run->done(run->arg, NULL, result);
}

static void
on_exited(pid_t pid, int status, void *arg)
{
    struct image_run *run = arg;
    run->pid = 0;
    list_remove(&run->in_provisioner);
    if (run->done)
        tell(run, status);
    run_free(run);
}

static int
request_file(const Mesos__Internal__ImageRequest *request)
{
    auto_buf struct buf text = {0};
    message_to_json(&text, request);
    auto_fd int fd = memfd_create("image-request", MFD_CLOEXEC);
    if (fd < 0 || write(fd, buf_data(&text), text.len) != (ssize_t)text.len || lseek(fd, 0, SEEK_SET) < 0)
        return -EIO;
    return take_fd(&fd);
}

struct image_run *
image_run_start(struct provisioner *provisioner, const Mesos__Internal__ImageRequest *request, image_run_done *done,
                void *arg, struct err *err)
{
    const struct mesos_host *host = provisioner->native->host;
    const char *const argv[] = {provisioner->program, NULL};
    auto_free const char **env = environment();
    auto_fd int request_fd = request_file(request);
    struct image_run *run = xcalloc(1, sizeof *run);
    list_init(&run->in_provisioner);
    run->provisioner = provisioner;
    run->done = done;
    run->arg = arg;
    run->answer_fd = memfd_create("image-answer", MFD_CLOEXEC);
    const int fds[] = {request_fd, run->answer_fd, STDERR_FILENO};
    struct mesos_spawn spawn = {
        .size = sizeof spawn,
        .argv = argv,
        .environment = env,
        .fds = fds,
        .fd_count = ARRAY_LEN(fds),
        .new_session = 1,
    };
    int rc = request_fd < 0 || run->answer_fd < 0 ? -EIO : host->spawn(host, &spawn, on_exited, run, &run->pid);
    if (rc < 0) {
        err_set(err, rc, "cannot start '%s': %s", provisioner->program, strerror(-rc));
        run_free(run);
        return NULL;
    }
    list_push(&provisioner->runs, &run->in_provisioner);
    return run;
}

void
image_run_cancel(struct image_run *run)
{
    run->cancelled = true;
    if (run->pid > 0)
        kill(run->pid, SIGKILL);
}

void
image_run_forget(struct image_run *run)
{
    if (!run)
        return;
    run->done = NULL;
    image_run_cancel(run);
}

/* The agent is stopping: nobody will tell that they have ended. */
void
image_runs_fini(struct provisioner *provisioner)
{
    while (!list_empty(&provisioner->runs)) {
        struct image_run *run = list_first(&provisioner->runs, struct image_run, in_provisioner);
        if (run->pid > 0)
            kill(run->pid, SIGKILL);
        run_free(run);
    }
}
