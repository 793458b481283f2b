/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs du(1), one at a time, at every place once per interval: a process of its own, so that no disk, however slow, holds
 * the agent up. Its output goes to memory files, which are read when it has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include "disk_du.h"

#define OUTPUT_MAX 4096
#define PAUSE_MS 10 /* between two of them, so that many places do not keep a processor busy in one go */

static void
output_close(struct disk_du *isolator)
{
    close_at(&isolator->out_fd);
    close_at(&isolator->err_fd);
}

static struct str
output_read(int fd, char *text, size_t size)
{
    ssize_t n = pread(fd, text, size, 0);
    return str_trim(str_n(text, n > 0 ? (size_t)n : 0));
}

/* "<kibibytes>\t<path>". du ends with 1 when a file went while it looked: its sum is as good as any. */
static void
take_answer(struct disk_du *isolator, struct place *place, int status)
{
    char text[OUTPUT_MAX];
    struct str rest = output_read(isolator->out_fd, text, sizeof text), number = str_cut(&rest, '\t');
    uint64_t kib;
    if (str_to_u64(number, &kib) == 0 && kib <= UINT64_MAX / 1024) {
        place->used_bytes = kib * 1024;
        place->measured = true;
        on_measured(place);
        return;
    }
    struct str why = output_read(isolator->err_fd, text, sizeof text);
    MESOS_LOG(isolator->host, WARNING, "cannot measure '%s' of container %s: du ended with wait status %d: %.*s", place->path,
              place->container->id, status, STR_ARG(why));
}

static void
on_timer(void *arg)
{
    struct disk_du *isolator = arg;
    isolator->timer = NULL;
    measure_next(isolator);
}

static void
wait_ms(struct disk_du *isolator, int64_t delay_ms)
{
    isolator->timer = isolator->host->timer_start(isolator->host, delay_ms, on_timer, isolator);
}

static void
on_du(pid_t pid, int status, void *arg)
{
    struct disk_du *isolator = arg;
    struct place *place = isolator->measured;
    isolator->du = 0;
    isolator->measured = NULL;
    if (place) {
        place->due_ms = isolator->host->now_ms(isolator->host) + isolator->interval_ms;
        list_push(&isolator->queue, &place->in_queue);
        take_answer(isolator, place, status);
    }
    output_close(isolator);
    if (!isolator->timer)
        wait_ms(isolator, PAUSE_MS);
}

/* du takes an exclusion as a pattern: what would be special in it is quoted. */
static char *
exclusion(const char *path)
{
    auto_buf struct buf text = {0};
    buf_puts(&text, "--exclude=");
    for (; *path; path++) {
        if (strchr("*?[]\\", *path))
            buf_putc(&text, '\\');
        buf_putc(&text, *path);
    }
    return str_dup(buf_str(&text));
}

/* Volumes inside the sandbox have limits of their own. */
static size_t
exclusions(const struct place *place, char **out, size_t max)
{
    const struct place *other;
    size_t count = 0, len = strlen(place->path);
    if (!place_is_sandbox(place))
        return 0;
    list_foreach(other, &place->container->places, in_container)
        if (other != place && strncmp(other->path, place->path, len) == 0 && other->path[len] == '/' && count < max)
            out[count++] = exclusion(other->path);
    return count;
}

static int
run_du(struct disk_du *isolator, const struct place *place)
{
    enum { FIXED = 6, EXCLUSIONS = 64 };
    const char *argv[FIXED + EXCLUSIONS + 1] = {"du", "-k", "-s", "-x"};
    char *excluded[EXCLUSIONS];
    size_t argc = 4, count = exclusions(place, excluded, EXCLUSIONS);
    static const char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", NULL};
    for (size_t i = 0; i < count; i++)
        argv[argc++] = excluded[i];
    argv[argc++] = "--";
    argv[argc++] = place->path;
    const int fds[] = {-1, isolator->out_fd, isolator->err_fd};
    struct mesos_spawn spawn = {
        .size = sizeof spawn,
        .file = isolator->du_path,
        .argv = argv,
        .environment = environment,
        .fds = fds,
        .fd_count = 3,
    };
    int rc = isolator->host->spawn(isolator->host, &spawn, on_du, isolator, &isolator->du);
    for (size_t i = 0; i < count; i++)
        free(excluded[i]);
    return rc;
}

static void
measure(struct disk_du *isolator, struct place *place)
{
    list_remove(&place->in_queue);
    isolator->out_fd = memfd_create("du", MFD_CLOEXEC);
    isolator->err_fd = memfd_create("du", MFD_CLOEXEC);
    isolator->measured = place;
    int rc = isolator->out_fd < 0 || isolator->err_fd < 0 ? -errno : run_du(isolator, place);
    if (rc == 0)
        return;
    MESOS_LOG(isolator->host, WARNING, "cannot measure '%s' of container %s: du does not start: %s", place->path,
              place->container->id, strerror(-rc));
    isolator->measured = NULL;
    output_close(isolator);
    place->due_ms = isolator->host->now_ms(isolator->host) + isolator->interval_ms;
    list_push(&isolator->queue, &place->in_queue);
    wait_ms(isolator, isolator->interval_ms);
}

void
measure_next(struct disk_du *isolator)
{
    struct place *place = list_first(&isolator->queue, struct place, in_queue);
    if (!place || isolator->du > 0)
        return;
    if (isolator->timer)
        isolator->host->timer_stop(isolator->host, isolator->timer);
    isolator->timer = NULL;
    int64_t delay_ms = place->due_ms - isolator->host->now_ms(isolator->host);
    if (delay_ms > 0)
        wait_ms(isolator, delay_ms);
    else
        measure(isolator, place);
}

void
measure_stop(struct disk_du *isolator)
{
    if (isolator->timer)
        isolator->host->timer_stop(isolator->host, isolator->timer);
    if (isolator->du > 0)
        kill(isolator->du, SIGKILL);
    isolator->timer = NULL;
    isolator->measured = NULL;
    output_close(isolator);
}
