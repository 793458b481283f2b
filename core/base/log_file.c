/* SPDX-License-Identifier: Apache-2.0 */
/* Log files: names, links, header, buffering, rotation by size, removal by age. No failure here is anybody's
 * failure. */
#include "base/log_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/file.h"

enum { LEVELS = 4, BUFFER_BYTES = 64 << 10 };
#define GLOG_MAX_BYTES (UINT64_C(1800) << 20)

struct log_file {
    int fd; /* -1 = not open */
    uint64_t bytes;
    int64_t failed_secs; /* when opening failed last, on the clock that never steps: not tried again in the same second */
    struct buf buffer;
};

struct log_files {
    char *dir, *program, *host, *user;
    enum log_level level;
    int bufsecs;
    uint64_t max_bytes;
    int64_t max_age_secs;
    char *link; /* of the first level */
    int64_t flushed_secs; /* on the clock that never steps */
    uint64_t lost; /* lines that no file took, not yet told */
    struct log_file files[LEVELS];
};

static const char *const level_names[LEVELS] = {"INFO", "WARNING", "ERROR", "FATAL"};

static int64_t
steady_secs(void)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

bool
log_write_fd(int fd, const char *data, size_t len, int wait_ms)
{
    while (len > 0) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
        ssize_t n;

        if (poll(&poll_fd, 1, wait_ms) == 0)
            return false;
        n = write(fd, data, len < 4096 ? len : 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* Files of this program, whatever the machine was called then:
 * "<program>.<host>.<user>.log.<LEVEL>.<when>.<pid>". */
static bool
is_ours(const struct log_files *files, const char *name)
{
    size_t len = strlen(files->program);
    const char *log;

    if (strncmp(name, files->program, len) != 0 || name[len] != '.')
        return false;
    log = strstr(name, ".log.");
    for (int i = 0; log && i < LEVELS; i++) {
        size_t level_len = strlen(level_names[i]);

        if (strncmp(log + 5, level_names[i], level_len) == 0 && log[5 + level_len] == '.')
            return true;
    }
    return false;
}

static bool
is_open(const struct log_files *files, const struct stat *st)
{
    for (int i = 0; i < LEVELS; i++) {
        struct stat open_st;

        if (files->files[i].fd >= 0 && fstat(files->files[i].fd, &open_st) == 0 &&
            open_st.st_ino == st->st_ino && open_st.st_dev == st->st_dev)
            return true;
    }
    return false;
}

static void
remove_old(struct log_files *files)
{
    DIR *dir = files->max_age_secs > 0 ? opendir(files->dir) : NULL;
    time_t now = time(NULL);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        struct stat st;

        if (is_ours(files, entry->d_name) &&
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
            now - st.st_mtime > files->max_age_secs && !is_open(files, &st))
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir)
        closedir(dir);
}

/* <program>.<LEVEL> -> name, replaced in one step. */
static void
make_link(const struct log_files *files, int level, const char *name)
{
    auto_free char *link = xasprintf("%s/%s.%s", files->dir, files->program, level_names[level]);
    auto_free char *temporary = xasprintf("%s.%ld", link, (long)getpid());

    unlink(temporary);
    if (symlink(name, temporary) != 0 || rename(temporary, link) != 0)
        unlink(temporary);
}

static void
write_header(struct log_files *files, struct log_file *file, const struct tm *tm)
{
    char header[512];
    int len = snprintf(header, sizeof(header),
                       "Log file created at: %04d/%02d/%02d %02d:%02d:%02d\nRunning on machine: %.200s\n"
                       "Log line format: [IWEF]mmdd hh:mm:ss.uuuuuu threadid file:line] msg\n",
                       tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday, tm->tm_hour, tm->tm_min, tm->tm_sec,
                       files->host);

    if (log_write_fd(file->fd, header, (size_t)len, LOG_STALL_MS))
        file->bytes = (uint64_t)len;
}

/* Opens a new file of that level. Two in one second get the names of the seconds that follow. */
static int
open_file(struct log_files *files, int level)
{
    struct log_file *file = &files->files[level];
    time_t now = time(NULL);

    if (file->failed_secs && file->failed_secs == steady_secs())
        return -EAGAIN;
    for (int i = 0; i < 100; i++) {
        time_t when = now + i;
        struct tm tm;
        auto_free char *name = NULL, *path = NULL;

        localtime_r(&when, &tm);
        name = xasprintf("%s.%s.%s.log.%s.%04d%02d%02d-%02d%02d%02d.%ld", files->program, files->host,
                         files->user, level_names[level], tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                         tm.tm_hour, tm.tm_min, tm.tm_sec, (long)getpid());
        path = xasprintf("%s/%s", files->dir, name);
        file->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0664);
        if (file->fd >= 0) {
            file->bytes = 0;
            file->failed_secs = 0;
            write_header(files, file, &tm);
            make_link(files, level, name);
            return 0;
        }
        if (errno != EEXIST)
            break;
    }
    int code = errno;

    file->failed_secs = steady_secs();
    return -code;
}

static void
close_file(struct log_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}

/* Once until it works again, where somebody may see it: the files cannot tell it themselves. */
static void
tell_failure(struct log_files *files)
{
    char line[512];
    int code = errno, len;

    if (files->lost > 0 || code == EAGAIN)
        return;
    len = snprintf(line, sizeof(line), "%s: log lines are lost: cannot write into %.300s: %s\n", files->program, files->dir,
                   code ? strerror(code) : "the disk takes nothing");
    log_write_fd(STDERR_FILENO, line, (size_t)len, 0);
}

static bool
put(struct log_files *files, int level, const char *data, size_t len)
{
    struct log_file *file = &files->files[level];

    errno = 0;
    if ((file->fd < 0 && open_file(files, level) < 0) || !log_write_fd(file->fd, data, len, LOG_STALL_MS)) {
        tell_failure(files);
        return false;
    }
    file->bytes += len;
    if (file->bytes >= files->max_bytes) {
        close_file(file);
        remove_old(files);
    }
    return true;
}

static void
flush_file(struct log_files *files, int level)
{
    struct buf *buffer = &files->files[level].buffer;

    if (buffer->len > 0 && !put(files, level, buf_data(buffer), buffer->len))
        files->lost++;
    buf_clear(buffer);
}

void
log_files_flush(struct log_files *files)
{
    for (int i = 0; i < LEVELS; i++)
        flush_file(files, i);
    files->flushed_secs = steady_secs();
}

static void
tell_lost(struct log_files *files)
{
    char line[128];
    int len;

    if (files->lost == 0)
        return;
    len = snprintf(line, sizeof(line), "%llu writes of log lines failed before this one\n",
                   (unsigned long long)files->lost);
    if (put(files, (int)files->level, line, (size_t)len))
        files->lost = 0;
}

void
log_files_write(struct log_files *files, enum log_level level, const char *line, size_t len)
{
    bool wait = files->bufsecs > 0 && level < LOG_LEVEL_WARNING;

    for (int i = (int)files->level; i <= (int)level; i++) {
        struct log_file *file = &files->files[i];

        if (file->buffer.len > 0 || wait)
            buf_append(&file->buffer, line, len);
        else if (!put(files, i, line, len))
            files->lost++;
        else
            tell_lost(files);
        if (file->buffer.len > 0 && (!wait || file->buffer.len >= BUFFER_BYTES))
            flush_file(files, i);
    }
    if (wait && steady_secs() - files->flushed_secs >= files->bufsecs)
        log_files_flush(files);
}

int
log_files_fd(const struct log_files *files)
{
    return files->files[files->level].fd;
}

void
log_files_reopen(struct log_files *files)
{
    log_files_flush(files);
    for (int i = 0; i < LEVELS; i++)
        close_file(&files->files[i]);
}

static char *
user_name(void)
{
    struct passwd entry, *found = NULL;
    char space[2048];

    if (getpwuid_r(geteuid(), &entry, space, sizeof(space), &found) == 0 && found)
        return xstrdup(found->pw_name);
    return xstrdup("invalid-user");
}

struct log_files *
log_files_open(const struct log_options *options, struct err *err)
{
    struct log_files *files;
    struct utsname machine;
    int status;

    if (dir_make(options->dir, 0755, err) < 0)
        return NULL;
    uname(&machine);
    files = xcalloc(1, sizeof(*files));
    files->dir = xstrdup(options->dir);
    files->program = xstrdup(options->program ? options->program : "mesos");
    files->host = xstrdup(machine.nodename);
    files->user = user_name();
    files->level = options->level;
    files->bufsecs = options->bufsecs;
    files->max_bytes = options->max_file_bytes ? options->max_file_bytes : GLOG_MAX_BYTES;
    files->max_age_secs = options->max_age_secs;
    files->link = xasprintf("%s/%s.%s", files->dir, files->program, level_names[files->level]);
    files->flushed_secs = steady_secs();
    for (int i = 0; i < LEVELS; i++)
        files->files[i].fd = -1;
    status = open_file(files, (int)files->level);
    if (status < 0) {
        err_set(err, status, "cannot write log files into %s: %s", files->dir, strerror(-status));
        log_files_close(files);
        return NULL;
    }
    remove_old(files);
    return files;
}

void
log_files_close(struct log_files *files)
{
    if (!files)
        return;
    log_files_flush(files);
    for (int i = 0; i < LEVELS; i++) {
        close_file(&files->files[i]);
        buf_fini(&files->files[i].buffer);
    }
    free(files->dir);
    free(files->program);
    free(files->host);
    free(files->user);
    free(files->link);
    free(files);
}

const char *
log_files_link(const struct log_files *files)
{
    return files->link;
}
