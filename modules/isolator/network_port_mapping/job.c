/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs: work for the kernel on another thread, then the helper, then the answer. One container's come one by one. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "inside.h"
#include "port_mapping.h"

#define ARGS_MAX 24
#define ANSWER_MAX 65536
#define TIMESTAMP_BYTES 9 /* what an answer has that says nothing */

struct job *
job_new(struct isolator *isolator, struct mesos_call *call, struct container *container, const char *id, pid_t pid,
        void (*work)(struct job *job), void (*done)(struct job *job))
{
    struct job *job = xcalloc(1, sizeof *job);
    job->isolator = isolator;
    job->ground = isolator->ground;
    job->call = call;
    job->container = container;
    job->id = xstrdup(id);
    job->pid = pid;
    job->work = work;
    job->done = done;
    job->ns_fd = job->out_fd = job->err_fd = -1;
    list_init(&job->in_container);
    isolator->jobs++;
    return job;
}

void
job_take(struct job *job, const struct container *container)
{
    ports_copy(&job->ports, &container->ports);
    ports_add_all(&job->ports, &container->ephemeral);
    job->egress = container->egress;
    job->ingress = container->ingress;
    job->flow = container->flow;
}

static void
job_free(struct job *job)
{
    int fds[] = {job->ns_fd, job->out_fd, job->err_fd};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    ports_fini(&job->ports);
    ports_fini(&job->ephemeral);
    buf_fini(&job->answer);
    free(job->id);
    free(job);
}

void
job_fail(struct job *job, int code, const char *what)
{
    job->status = code;
    if (!job->err.code)
        err_set(&job->err, code, "%s", strerror(-code));
    err_wrap(&job->err, "%s", what);
}

static void job_run(struct job *job);

static void
job_end(struct job *job)
{
    struct isolator *isolator = job->isolator;
    const struct mesos_host *host = isolator->host;
    struct container *container = job->container;
    struct mesos_call *call = job->call;
    bool more = false;
    if (container) {
        list_remove(&job->in_container);
        more = !list_empty(&container->jobs);
    }
    if (job->done)
        job->done(job); /* may free the container when nothing more waits */
    if (job->status < 0)
        host->fail(host, job->status, "%s", job->err.text);
    struct mesos_bytes answer = {buf_data(&job->answer), job->answer.len};
    if (call)
        host->reply(host, call, job->status, job->status < 0 ? (struct mesos_bytes){NULL, 0} : answer);
    job_free(job);
    isolator->jobs--;
    if (more)
        job_run(list_first(&container->jobs, struct job, in_container));
    if (isolator->jobs == 0 && isolator->stop)
        isolator_end(isolator);
}

/* What the helper left in a pipe. */
static void
drain(int fd, struct buf *out)
{
    while (out->len < ANSWER_MAX) {
        ssize_t n = read(fd, buf_reserve(out, 4096), 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        buf_added(out, (size_t)n);
    }
}

static void
on_helper_exited(pid_t pid, int status, void *arg)
{
    struct job *job = arg;
    auto_buf struct buf words = {0};
    auto_buf struct buf answer = {0};
    drain(job->err_fd, &words);
    drain(job->out_fd, &answer);
    struct str text = str_trim(buf_str(&words));
    if (status != 0) {
        if (text.len == 0)
            err_set(&job->err, -EIO, "it ended with status %#x", (unsigned)status);
        else
            err_set(&job->err, -EIO, "%.*s", STR_ARG(text));
        job_fail(job, -EIO, "mesos-network-helper");
    } else {
        if (text.len > 0)
            MESOS_LOG(job->isolator->host, WARNING, "container %s: %.*s", job->id, STR_ARG(text));
        /* The container's part goes first: its time of day is none, and the last one counts. */
        job->helper_said = answer.len > TIMESTAMP_BYTES;
        buf_append_str(&answer, buf_str(&job->answer));
        buf_clear(&job->answer);
        buf_append_str(&job->answer, buf_str(&answer));
    }
    job_end(job);
}

struct args {
    char *items[ARGS_MAX + 1];
    size_t count;
};

static void args_add(struct args *args, const char *format, ...) PRINTF_LIKE(2, 3);
static void
args_add(struct args *args, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    if (args->count == ARGS_MAX || vasprintf(&args->items[args->count++], format, ap) < 0)
        abort();
    va_end(ap);
}

static void
args_network(struct args *args, const struct job *job)
{
    const struct host_net *host = &job->ground->host;
    char text[INET_ADDRSTRLEN];
    auto_buf struct buf ports = {0};
    ports_format(&ports, &job->ports);
    args_add(args, "--lo_name=%s", host->lo);
    args_add(args, "--mac=%02x:%02x:%02x:%02x:%02x:%02x", host->mac[0], host->mac[1], host->mac[2], host->mac[3],
             host->mac[4], host->mac[5]);
    args_add(args, "--mtu=%u", host->mtu);
    inet_ntop(AF_INET, &host->address.address, text, sizeof text);
    args_add(args, "--address=%s/%u", text, host->address.prefix);
    inet_ntop(AF_INET, &host->gateway, text, sizeof text);
    if (host->has_route)
        args_add(args, "--gateway=%s", text);
    args_add(args, "--ports=%s", buf_cstr(&ports));
    buf_clear(&ports);
    ports_format(&ports, &job->ephemeral);
    if (job->ephemeral.count > 0)
        args_add(args, "--ephemeral_ports=%s", buf_cstr(&ports));
    if (job->egress.rate)
        args_add(args, "--egress=%llu:%llu:%llu", (unsigned long long)job->egress.rate,
                 (unsigned long long)job->egress.ceil, (unsigned long long)job->egress.burst);
    if (job->ground->fq_codel)
        args_add(args, "--fq_codel");
}

static void
args_statistics(struct args *args, const struct settings *settings)
{
    if (settings->sockets_summary)
        args_add(args, "--enable_socket_statistics_summary");
    if (settings->sockets_details)
        args_add(args, "--enable_socket_statistics_details");
    if (settings->snmp)
        args_add(args, "--enable_snmp_statistics");
}

static int
helper_start(struct job *job)
{
    const struct mesos_host *host = job->isolator->host;
    struct args args = {0};
    int out[2] = {-1, -1}, words[2] = {-1, -1}, rc = 0;
    args_add(&args, "%s", job->isolator->helper);
    args_add(&args, "%s", job->helper);
    args_add(&args, "--eth0_name=%s", job->ground->host.eth0);
    if (strcmp(job->helper, "statistics") == 0)
        args_statistics(&args, &job->ground->settings);
    else
        args_network(&args, job);
    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(words, O_CLOEXEC) < 0)
        rc = err_errno(&job->err, "cannot make a pipe");
    const int fds[] = {-1, out[1], words[1], job->ns_fd};
    struct mesos_spawn spawn = {.size = sizeof spawn, .argv = (const char *const *)(void *)args.items, .fds = fds,
                                .fd_count = ARRAY_LEN(fds)};
    pid_t pid;
    if (rc == 0 && (rc = host->spawn(host, &spawn, on_helper_exited, job, &pid)) < 0)
        err_set(&job->err, rc, "cannot start %s: %s", job->isolator->helper, strerror(-rc));
    for (size_t i = 0; i < args.count; i++)
        free(args.items[i]);
    job->out_fd = out[0];
    job->err_fd = words[0];
    if (out[1] >= 0)
        close(out[1]);
    if (words[1] >= 0)
        close(words[1]);
    return rc;
}

static void
on_work_done(void *arg)
{
    struct job *job = arg;
    if (job->status == 0 && job->helper && !job->isolator->stopping)
        job->status = helper_start(job);
    else
        job->helper = NULL;
    if (job->status < 0 || !job->helper)
        job_end(job);
}

static void
on_work(void *arg)
{
    struct job *job = arg;
    job->work(job);
}

static void
job_run(struct job *job)
{
    job->isolator->host->offload(job->isolator->host, true, on_work, on_work_done, job);
}

void
job_start(struct job *job)
{
    if (job->container) {
        bool first = list_empty(&job->container->jobs);
        list_push(&job->container->jobs, &job->in_container);
        if (!first)
            return;
    }
    job_run(job);
}

int
helper_check(const char *helper, struct buf *missing, struct err *err)
{
    char *argv[] = {(char *)(uintptr_t)helper, (char *)(uintptr_t)"check", NULL}, *environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    int out[2], status;
    pid_t pid;
    if (pipe2(out, O_CLOEXEC) < 0)
        return err_errno(err, "cannot make a pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    int rc = posix_spawn(&pid, helper, &actions, NULL, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    if (rc == 0)
        drain(out[0], missing);
    close(out[0]);
    if (rc != 0)
        return err_set(err, -rc, "cannot start %s: %s", helper, strerror(rc));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status == 0 ? 0 : err_set(err, -EIO, "'%s check' ended with status %#x", helper, (unsigned)status);
}
