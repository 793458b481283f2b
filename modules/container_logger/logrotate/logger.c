/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mesos-logrotate-logger`: takes a container's two output streams (descriptors 0 and 3) into the files stdout and stderr
 * of its sandbox, and has logrotate(8) put a file away before it grows over its limit. Started by the container logger
 * "logrotate", one per container; it outlives the agent and ends with the streams.
 *
 * It runs as the task's user, outside of the container: it follows no link, and logrotate reads its configuration from
 * memory, where the task cannot change it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHUNK_BYTES = 64 << 10, CONFIG_FD = 9, STREAMS = 2 };

struct stream {
    int in_fd;
    const char *name; /* "stdout" */
    uint64_t max_bytes;
    const char *options; /* lines for logrotate; NULL = none */
    int file_fd; /* -1 = to be opened */
    uint64_t written;
    bool complained; /* a file that cannot be opened is told of once */
};

struct logger {
    const char *directory, *logrotate, *user;
    int directory_fd;
    struct stream streams[STREAMS];
};

__attribute__((format(printf, 1, 2))) static void
complain(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fputs("mesos-logrotate-logger: ", stderr);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
}

/* ---- the file ---- */

static void
file_close(struct stream *stream)
{
    if (stream->file_fd >= 0)
        close(stream->file_fd);
    stream->file_fd = -1;
}

static bool
file_open(const struct logger *logger, struct stream *stream)
{
    struct stat st;
    if (stream->file_fd >= 0)
        return true;
    int fd = openat(logger->directory_fd, stream->name,
                    O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        if (!stream->complained)
            complain("cannot open '%s/%s': %s", logger->directory, stream->name,
                     fd < 0 ? strerror(errno) : "it is not a plain file");
        stream->complained = true;
        if (fd >= 0)
            close(fd);
        return false;
    }
    fcntl(fd, F_SETFL, O_APPEND); /* O_NONBLOCK was for opening only */
    stream->file_fd = fd;
    stream->written = (uint64_t)st.st_size;
    return true;
}

/* What cannot be written is dropped: a container must not hang on its log. */
static void
file_write(struct stream *stream, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(stream->file_fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        bytes += n;
        len -= (size_t)n;
        stream->written += (uint64_t)n;
    }
}

/* ---- logrotate ---- */

static int
configuration(const struct logger *logger, const struct stream *stream)
{
    int fd = memfd_create("logrotate", MFD_CLOEXEC);
    if (fd < 0)
        return -1;
    /* A name with a quote or a control character never comes here: see main. The file is over this size by then. */
    dprintf(fd, "\"%s/%s\" {\n%s\nsize 1\n}\n", logger->directory, stream->name, stream->options ? stream->options : "");
    fchmod(fd, 0600);
    return fd;
}

static void
run_logrotate(const struct logger *logger, int config_fd)
{
    char program[PATH_MAX], state_option[] = "--state", state[] = "/dev/null", config[32];
    snprintf(program, sizeof program, "%s", logger->logrotate);
    snprintf(config, sizeof config, "/proc/self/fd/%d", CONFIG_FD);
    char *const argv[] = {program, state_option, state, config, NULL};
    pid_t pid = vfork();
    if (pid == 0) {
        if (dup2(config_fd, CONFIG_FD) == CONFIG_FD)
            execvp(program, argv);
        _exit(127);
    }
    int status = -1;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (status != 0)
        complain("'%s' ended with wait status %d: the file goes on growing until it does better", logger->logrotate, status);
}

/* Afterwards the file is a new one, or the same when logrotate failed: then the next attempt comes after as much again. */
static void
rotate(const struct logger *logger, struct stream *stream)
{
    file_close(stream);
    int fd = configuration(logger, stream);
    if (fd < 0)
        return;
    run_logrotate(logger, fd);
    close(fd);
    if (file_open(logger, stream) && stream->written >= stream->max_bytes)
        stream->written = 0;
}

/* ---- streams ---- */

static void
take(const struct logger *logger, struct stream *stream, const char *bytes, size_t len)
{
    while (len > 0) {
        if (!file_open(logger, stream))
            return;
        if (stream->written >= stream->max_bytes || (len > stream->max_bytes - stream->written && stream->written > 0))
            rotate(logger, stream);
        if (!file_open(logger, stream))
            return;
        uint64_t room = stream->max_bytes - stream->written;
        size_t part = len < room ? len : (size_t)room;
        file_write(stream, bytes, part);
        bytes += part;
        len -= part;
    }
}

/* False at the end of the stream. */
static bool
read_some(const struct logger *logger, struct stream *stream, char *chunk)
{
    ssize_t n = read(stream->in_fd, chunk, CHUNK_BYTES);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    if (n > 0)
        take(logger, stream, chunk, (size_t)n);
    return n > 0;
}

static void
run(struct logger *logger)
{
    static char chunk[CHUNK_BYTES];
    struct pollfd fds[STREAMS];
    int open = STREAMS;
    for (int i = 0; i < STREAMS; i++) {
        fds[i] = (struct pollfd){logger->streams[i].in_fd, POLLIN, 0};
        file_open(logger, &logger->streams[i]); /* also a silent container has both files */
    }
    while (open > 0) {
        if (poll(fds, STREAMS, -1) < 0 && errno != EINTR)
            return;
        for (int i = 0; i < STREAMS; i++) {
            if (fds[i].fd < 0 || !fds[i].revents || read_some(logger, &logger->streams[i], chunk))
                continue;
            close(fds[i].fd);
            fds[i].fd = -1;
            open--;
        }
    }
}

/* ---- what it is told ---- */

static int
become(const char *user)
{
    const struct passwd *entry = getpwnam(user);
    if (!entry) {
        complain("there is no user '%s'", user);
        return -1;
    }
    if (geteuid() != 0 && entry->pw_uid == geteuid())
        return 0;
    if (initgroups(user, entry->pw_gid) < 0 || setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) < 0 ||
        setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) < 0) {
        complain("cannot become '%s': %s", user, strerror(errno));
        return -1;
    }
    return 0;
}

static int
read_size(const char *flag, const char *text, uint64_t *ret)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || *end || end == text || *text == '-' || value < 1) {
        complain("--%s: '%s' is no number of bytes", flag, text);
        return -1;
    }
    *ret = value;
    return 0;
}

static int
usage(FILE *out, int status)
{
    fputs("Usage: mesos-logrotate-logger [options]\n"
          "\n"
          "Helper of mesos-agent: writes what comes on descriptors 0 and 3 to the files stdout\n"
          "and stderr of a directory, and has logrotate put them away.\n"
          "\n"
          "  --directory=PATH        where the files are\n"
          "  --max_stdout_size=N     bytes that stdout holds at most; 10 MB unless told\n"
          "  --max_stderr_size=N     the same of stderr\n"
          "  --logrotate_stdout_options=TEXT, --logrotate_stderr_options=TEXT\n"
          "                          lines for logrotate's configuration\n"
          "  --logrotate_path=PATH   the program; logrotate unless told\n"
          "  --user=NAME             become this user first\n"
          "  --help, --version\n",
          out);
    return status;
}

enum { OPT_DIRECTORY = 1, OPT_OUT_SIZE, OPT_ERR_SIZE, OPT_OUT_OPTIONS, OPT_ERR_OPTIONS, OPT_PATH, OPT_USER, OPT_HELP, OPT_VERSION };

static int
take_option(struct logger *logger, int option, const char *value)
{
    switch (option) {
    case OPT_DIRECTORY: logger->directory = value; return 0;
    case OPT_OUT_SIZE: return read_size("max_stdout_size", value, &logger->streams[0].max_bytes);
    case OPT_ERR_SIZE: return read_size("max_stderr_size", value, &logger->streams[1].max_bytes);
    case OPT_OUT_OPTIONS: logger->streams[0].options = value; return 0;
    case OPT_ERR_OPTIONS: logger->streams[1].options = value; return 0;
    case OPT_PATH: logger->logrotate = value; return 0;
    case OPT_USER: logger->user = value; return 0;
    default: return -1;
    }
}

static int
open_directory(struct logger *logger)
{
    if (!logger->directory || logger->directory[0] != '/') {
        complain("--directory: '%s' is no absolute path", logger->directory ? logger->directory : "");
        return -1;
    }
    for (const char *at = logger->directory; *at; at++) {
        if (*at == '"' || *at == '\\' || (unsigned char)*at < ' ') {
            complain("--directory: '%s' has a character that logrotate cannot be told", logger->directory);
            return -1;
        }
    }
    logger->directory_fd = open(logger->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (logger->directory_fd < 0)
        complain("cannot open '%s': %s", logger->directory, strerror(errno));
    return logger->directory_fd < 0 ? -1 : 0;
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {
        {"directory", required_argument, NULL, OPT_DIRECTORY},
        {"max_stdout_size", required_argument, NULL, OPT_OUT_SIZE},
        {"max_stderr_size", required_argument, NULL, OPT_ERR_SIZE},
        {"logrotate_stdout_options", required_argument, NULL, OPT_OUT_OPTIONS},
        {"logrotate_stderr_options", required_argument, NULL, OPT_ERR_OPTIONS},
        {"logrotate_path", required_argument, NULL, OPT_PATH},
        {"user", required_argument, NULL, OPT_USER},
        {"help", no_argument, NULL, OPT_HELP},
        {"version", no_argument, NULL, OPT_VERSION},
        {0},
    };
    struct logger logger = {.logrotate = "logrotate",
                            .streams = {{.in_fd = 0, .name = "stdout", .max_bytes = 10 << 20, .file_fd = -1},
                                        {.in_fd = 3, .name = "stderr", .max_bytes = 10 << 20, .file_fd = -1}}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == OPT_HELP)
            return usage(stdout, 0);
        if (option == OPT_VERSION)
            return printf("mesos-logrotate-logger %s\n", CMESOS_VERSION) < 0;
        if (take_option(&logger, option, optarg) < 0)
            return usage(stderr, 2);
    }
    if (optind < argc || open_directory(&logger) < 0)
        return usage(stderr, 2);
    clearenv(); /* whatever it is told to run with, logrotate and its compressor get this */
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < STREAMS; i++)
        fcntl(logger.streams[i].in_fd, F_SETFD, FD_CLOEXEC);
    if (logger.user && become(logger.user) < 0)
        return 1;
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* after the change of user: no debugger of the task's looks in */
    run(&logger);
    return 0;
}
