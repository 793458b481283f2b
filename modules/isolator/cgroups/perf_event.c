/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Controller perf_event: every --perf_interval the tool perf counts --perf_events in all containers' cgroups for
 * --perf_duration. Without events containers are only put into the controller. What the machine cannot count is refused
 * by name when the agent starts. Used by cgroups/perf_event and cgroups/all.
 */
#include "perf_event.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "common/packed.h"
#include "figures.h"
#include "group.h"

#define OUTPUT_MAX (4u << 20)
#define PATIENCE_MS 10000 /* beyond the duration */
#define CHECK_TIMEOUT_MS 20000
#define EVENTS_MAX 64
#define PATH_USUAL "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* part->state */
struct perf {
    struct part *part;
    char *program;
    char *names; /* --perf_events, cut into events[] */
    const char *events[EVENTS_MAX];
    size_t event_count;
    int64_t interval_ms, duration_ms, began_ms;
    struct mesos_timer *timer;
    pid_t pid; /* of perf; 0 = none */
    int out_fd;
};

/* A container's state[] of this part: its last sample, packed PerfStatistics. */
struct perf_sample {
    struct buf packed;
};

static char *
find_perf(void)
{
    const char *path = getenv("PATH");
    struct str rest = str_of(path && *path ? path : PATH_USUAL);
    while (rest.len > 0) {
        struct str directory = str_cut(&rest, ':');
        auto_free char *file = xasprintf("%.*s/perf", STR_ARG(directory));
        if (file[0] == '/' && access(file, X_OK) == 0)
            return take(&file);
    }
    return NULL;
}

/* Waits for a child of ours; -ETIMEDOUT kills it. */
static int
await_child(pid_t pid, int64_t timeout_ms)
{
    int status;
    for (int64_t waited = 0; waitpid(pid, &status, WNOHANG) != pid; waited += 10) {
        if (waited > timeout_ms) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return -ETIMEDOUT;
        }
        nanosleep(&(struct timespec){0, 10 * 1000000}, NULL);
    }
    return status == 0 ? 0 : -EIO;
}

static void
read_output(int fd, struct buf *out)
{
    ssize_t n;
    off_t at = 0;
    while (out->len < OUTPUT_MAX && (n = pread(fd, buf_reserve(out, 65536), 65536, at)) > 0) {
        buf_added(out, (size_t)n);
        at += n;
    }
}

/* Counts every event once, for nothing: which of them are there? */
static int
try_events(struct perf *perf, struct err *err)
{
    char *argv[EVENTS_MAX * 2 + 16], stdout_path[] = "/dev/null";
    size_t argc = 0;
    char stat[] = "stat", separator[] = "-x\t", log_fd[] = "--log-fd", one[] = "1", all[] = "-a", e[] = "-e", end[] = "--",
         nothing[] = "true";
    union {
        const char *from;
        char *to;
    } text;
    auto_fd int out = memfd_create("perf", MFD_CLOEXEC), problems = memfd_create("perf", MFD_CLOEXEC);
    posix_spawn_file_actions_t actions;
    pid_t pid;
    argv[argc++] = perf->program;
    argv[argc++] = stat;
    argv[argc++] = separator;
    argv[argc++] = log_fd;
    argv[argc++] = one;
    argv[argc++] = all;
    for (size_t i = 0; i < perf->event_count; i++) {
        text.from = perf->events[i];
        argv[argc++] = e;
        argv[argc++] = text.to;
    }
    argv[argc++] = end;
    argv[argc++] = nothing;
    argv[argc] = NULL;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, stdout_path, O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawn_file_actions_adddup2(&actions, problems, 2);
    int rc = posix_spawn(&pid, perf->program, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0)
        return err_set(err, -rc, "cannot run '%s': %s", perf->program, strerror(rc));
    rc = await_child(pid, CHECK_TIMEOUT_MS);
    auto_buf struct buf lines = {0}, why = {0};
    read_output(out, &lines);
    read_output(problems, &why);
    struct str rest = buf_str(&lines);
    while (rest.len > 0) {
        struct perf_line line;
        if (perf_line_read(str_cut(&rest, '\n'), &line) && !line.supported)
            return err_set(err, -ENOTSUP, "--perf_events: event '%.*s' cannot be counted on this machine", STR_ARG(line.event));
    }
    if (rc < 0)
        return err_set(err, rc, "--perf_events: '%s stat' fails: %.*s", perf->program,
                       (int)(why.len < 300 ? why.len : 300), why.len > 0 ? buf_cstr(&why) : strerror(-rc));
    return 0;
}

static int
read_events(struct perf *perf, const char *text, struct err *err)
{
    perf->names = xstrdup(text);
    for (char *at = perf->names, *comma; at; at = comma ? comma + 1 : NULL) {
        comma = strchr(at, ',');
        if (comma)
            *comma = '\0';
        if (perf_event_field(str_of(at)) == 0)
            return err_set(err, -EINVAL, "--perf_events: event '%s' is none that Mesos reports: write e.g. task-clock,cycles", at);
        if (perf->event_count == EVENTS_MAX)
            return err_set(err, -E2BIG, "--perf_events: %d events are the most", EVENTS_MAX);
        perf->events[perf->event_count++] = at;
    }
    return 0;
}

static void
perf_free(struct perf *perf)
{
    close_at(&perf->out_fd);
    free(perf->names);
    free(perf->program);
    free(perf);
}

static int
check(struct perf *perf, const char *events, struct err *err)
{
    const struct group *group = perf->part->group;
    perf->interval_ms = group_duration_ms(group, "perf_interval", 60000);
    perf->duration_ms = group_duration_ms(group, "perf_duration", 10000);
    if (perf->duration_ms <= 0 || perf->duration_ms > perf->interval_ms)
        return err_set(err, -EINVAL, "--perf_duration (%lld ms) must be more than nothing and not above --perf_interval (%lld ms)",
                       (long long)perf->duration_ms, (long long)perf->interval_ms);
    int rc = read_events(perf, events, err);
    if (rc < 0)
        return rc;
    perf->program = find_perf();
    if (!perf->program)
        return err_set(err, -ENOENT, "--perf_events needs the program 'perf', which is not in PATH");
    return try_events(perf, err);
}

static void on_time(void *arg);

static int
perf_start(struct part *part, struct err *err)
{
    const struct mesos_host *host = part->group->host;
    const char *events = host->daemon_option(host, "perf_events");
    if (!events || !*events)
        return 0;
    struct perf *perf = xcalloc(1, sizeof *perf);
    perf->part = part;
    perf->out_fd = -1;
    int rc = check(perf, events, err);
    if (rc < 0) {
        perf_free(perf);
        return rc;
    }
    part->state = perf;
    perf->timer = host->timer_start(host, 0, on_time, perf);
    return 0;
}

static void
perf_stop(struct part *part)
{
    struct perf *perf = part->state;
    if (!perf)
        return;
    part->state = NULL;
    part->group->host->timer_stop(part->group->host, perf->timer);
    if (perf->pid > 0)
        kill(perf->pid, SIGKILL);
    perf_free(perf);
}

/* ---- sampling ---- */

static void
again(struct perf *perf)
{
    const struct mesos_host *host = perf->part->group->host;
    int64_t wait = perf->began_ms + perf->interval_ms - host->now_ms(host);
    perf->timer = host->timer_start(host, wait < 0 ? 0 : wait, on_time, perf);
}

static void
put_line(struct perf *perf, const struct perf_line *line)
{
    const struct part *part = perf->part;
    char id[CGROUP_PATH_MAX], path[CGROUP_PATH_MAX];
    size_t root = strlen(part->tree.root);
    unsigned field = perf_event_field(line->event);
    if (!line->counted || !field || line->cgroup.len <= root + 1 || line->cgroup.len >= sizeof path ||
        line->cgroup.ptr[root] != '/')
        return;
    memcpy(path, line->cgroup.ptr + root + 1, line->cgroup.len - root - 1);
    path[line->cgroup.len - root - 1] = '\0';
    struct group_container *container = cgroup_id(path, id) == 0 ? map_get(&part->group->containers, str_of(id)) : NULL;
    struct perf_sample *sample = container ? container->state[part->index] : NULL;
    if (!sample)
        return;
    if (perf_event_is_double(field))
        packed_double(&sample->packed, field, line->value);
    else
        packed_uint(&sample->packed, field, (uint64_t)line->value);
}

static void
sample_begin(const struct part *part, struct perf_sample *sample, double duration)
{
    buf_clear(&sample->packed);
    packed_double(&sample->packed, 1, part->group->host->wall_secs(part->group->host));
    packed_double(&sample->packed, 2, duration);
}

static void
on_perf_exited(pid_t pid, int status, void *arg)
{
    struct perf *perf = arg;
    const struct part *part = perf->part;
    struct group_container *container;
    auto_buf struct buf lines = {0};
    part->group->host->timer_stop(part->group->host, perf->timer);
    perf->timer = NULL;
    perf->pid = 0;
    read_output(perf->out_fd, &lines);
    close_at(&perf->out_fd);
    perf->out_fd = -1;
    if (status != 0)
        MESOS_LOG(part->group->host, WARNING, "perf ended with status %d; there is no sample this time", status);
    map_foreach (container, &part->group->containers)
        if (status == 0 && container->state[part->index])
            sample_begin(part, container->state[part->index], (double)perf->duration_ms / 1000);
    struct str rest = status == 0 ? buf_str(&lines) : str_of("");
    while (rest.len > 0) {
        struct perf_line line;
        if (perf_line_read(str_cut(&rest, '\n'), &line))
            put_line(perf, &line);
    }
    again(perf);
}

static void
on_patience_over(void *arg)
{
    struct perf *perf = arg;
    perf->timer = NULL;
    MESOS_LOG(perf->part->group->host, WARNING, "perf does not end and is killed");
    kill(perf->pid, SIGKILL);
}

struct arguments {
    const char **items;
    size_t count;
};

static void
add(struct arguments *arguments, const char *text)
{
    arguments->items = xreallocarray(arguments->items, arguments->count + 1, sizeof *arguments->items);
    arguments->items[arguments->count++] = text;
}

/* For each container each event, with the container's cgroup. Its paths are kept in `paths`. */
static void
add_containers(struct perf *perf, struct arguments *arguments, struct arguments *paths)
{
    const struct part *part = perf->part;
    struct group_container *container;
    map_foreach (container, &part->group->containers) {
        char path[CGROUP_PATH_MAX];
        if (!container->state[part->index] || strchr(container->id, ',') || cgroup_path(container->id, path) < 0)
            continue;
        add(paths, xasprintf("%s/%s", part->tree.root, path));
        for (size_t i = 0; i < perf->event_count; i++) {
            add(arguments, "-e");
            add(arguments, perf->events[i]);
            add(arguments, "-G");
            add(arguments, paths->items[paths->count - 1]);
        }
    }
}

static int
run_perf(struct perf *perf, const struct arguments *arguments)
{
    const struct mesos_host *host = perf->part->group->host;
    const char *path = getenv("PATH");
    auto_free char *path_entry = xasprintf("PATH=%s", path && *path ? path : PATH_USUAL);
    const char *const environment[] = {path_entry, "LC_ALL=C", NULL};
    perf->out_fd = memfd_create("perf", MFD_CLOEXEC);
    int fds[] = {-1, perf->out_fd, -1};
    struct mesos_spawn spawn = {
        .size = sizeof spawn,
        .argv = arguments->items,
        .environment = environment,
        .fds = fds,
        .fd_count = ARRAY_LEN(fds),
        .file = perf->program,
    };
    return host->spawn(host, &spawn, on_perf_exited, perf, &perf->pid);
}

static void
on_time(void *arg)
{
    struct perf *perf = arg;
    const struct mesos_host *host = perf->part->group->host;
    static const char *const BEGIN[] = {"perf", "stat", "-x\t", "--log-fd", "1", "-a"};
    struct arguments arguments = {NULL, 0}, paths = {NULL, 0};
    char seconds[32];
    perf->timer = NULL;
    perf->began_ms = host->now_ms(host);
    snprintf(seconds, sizeof seconds, "%.3f", (double)perf->duration_ms / 1000);
    for (size_t i = 0; i < ARRAY_LEN(BEGIN); i++)
        add(&arguments, BEGIN[i]);
    add_containers(perf, &arguments, &paths);
    add(&arguments, "--");
    add(&arguments, "sleep");
    add(&arguments, seconds);
    add(&arguments, NULL);
    if (paths.count == 0) {
        again(perf);
    } else if (run_perf(perf, &arguments) < 0) {
        close_at(&perf->out_fd);
        perf->out_fd = -1;
        perf->pid = 0;
        MESOS_LOG(host, WARNING, "perf cannot be started; there is no sample this time");
        again(perf);
    } else {
        perf->timer = host->timer_start(host, perf->duration_ms + PATIENCE_MS, on_patience_over, perf);
    }
    for (size_t i = 0; i < paths.count; i++) {
        union {
            const char *from;
            char *to;
        } text = {.from = paths.items[i]};
        free(text.to);
    }
    free(paths.items);
    free(arguments.items);
}

static void
perf_known(struct part *part, struct group_container *container, struct job *job)
{
    if (!part->state || container->state[part->index])
        return;
    struct perf_sample *sample = xcalloc(1, sizeof *sample);
    sample_begin(part, sample, 0);
    container->state[part->index] = sample;
}

static void
perf_ask(struct part *part, struct group_container *container, struct job *job)
{
    const struct perf_sample *sample = container->state[part->index];
    if (sample)
        packed_bytes(&job->answer, FIGURE_PERF, buf_str(&sample->packed));
}

static void
perf_gone(struct part *part, struct group_container *container)
{
    struct perf_sample *sample = container->state[part->index];
    if (!sample)
        return;
    buf_fini(&sample->packed);
    free(sample);
    container->state[part->index] = NULL;
}

const struct subsystem subsystem_perf_event = {
    .name = "perf_event",
    .v2 = "",
    .start = perf_start,
    .stop = perf_stop,
    .known = perf_known,
    .ask = perf_ask,
    .gone = perf_gone,
};
