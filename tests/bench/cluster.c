/* SPDX-License-Identifier: Apache-2.0 */
/* Starts and ends what a bench measures. Blocks freely: nothing is measured meanwhile but the start itself.
 */
#include "cluster.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "figures.h"

enum { START_TIMEOUT_MS = 20000, STOP_TIMEOUT_MS = 10000, MOST_FLAGS = 32 };

static struct bench_cluster *dying; /* so that a bench that gives up leaves nothing behind */

void
bench_die(const char *fmt, ...)
{
    va_list ap;
    struct bench_cluster *cluster = dying;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    if (cluster)
        cluster_fini(cluster);
    exit(1);
}

void
bench_arguments(int argc, char **argv, const char *help, const struct bench_option *options)
{
    for (int i = 1; i < argc; i++) {
        const struct bench_option *option = options;
        struct str value = str_of(argv[i]), name = str_cut(&value, '=');
        int64_t number;
        if (strcmp(argv[i], "--help") == 0) {
            fputs(help, stdout);
            exit(0);
        }
        while (option->name &&
               !(str_starts(name, STR_LIT("--")) && str_is(str_n(name.ptr + 2, name.len - 2), option->name)))
            option++;
        if (!option->name)
            bench_die("'%s' is no option: see --help", argv[i]);
        if (str_to_i64(value, &number) < 0 || number < 1 || number > 10000000)
            bench_die("'%s': a number from 1 to 10000000 is wanted", argv[i]);
        *option->value = (long)number;
    }
}

/* ---- the directory ---- */

static void
make_directory(const struct bench_cluster *cluster, const char *name)
{
    auto_free char *path = xasprintf("%s/%s", cluster->directory, name);
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        bench_die("cannot make %s: %s", path, strerror(errno));
}

/* As `make install` would lay them out: all helpers in one directory. */
static void
gather_helpers(const struct bench_cluster *cluster)
{
    static const char *const helpers[] = {"core/executor/mesos-executor", "core/executor/mesos-fetcher",
                                          "core/executor/mesos-default-executor", "core/executor/mesos-http-check",
                                          "modules/containerizer/native/mesos-containerizer",
                                          "modules/containerizer/mesos-containerizer"};
    for (size_t i = 0; i < ARRAY_LEN(helpers); i++) {
        auto_free char *from = xasprintf("%s/%s", cluster->build, helpers[i]);
        auto_free char *to = xasprintf("%s/libexec/%s", cluster->directory, strrchr(helpers[i], '/') + 1);
        if (access(from, X_OK) == 0 && symlink(from, to) < 0)
            bench_die("cannot make %s: %s", to, strerror(errno));
    }
}

void
cluster_init(struct bench_cluster *cluster)
{
    *cluster = (struct bench_cluster){0};
    const char *top = getenv("TMPDIR");
    ssize_t len = readlink("/proc/self/exe", cluster->build, sizeof(cluster->build) - 1);
    for (int up = 0; up < 3 && len > 0; up++) /* tests/bench/<program> */
        *strrchr(cluster->build, '/') = 0;
    /* Unix sockets have short paths only. */
    snprintf(cluster->directory, sizeof(cluster->directory), "%s/cmesos-bench.XXXXXX",
             top && strlen(top) < 30 ? top : "/tmp");
    if (!mkdtemp(cluster->directory))
        bench_die("cannot make %s: %s", cluster->directory, strerror(errno));
    /* Files that come and go with each container make ext4 look for inodes at great length, and stand in /run
     * at home. */
    snprintf(cluster->runtime, sizeof(cluster->runtime), "/dev/shm/cmesos-bench.XXXXXX");
    if (!mkdtemp(cluster->runtime))
        snprintf(cluster->runtime, sizeof(cluster->runtime), "%.50s/run", cluster->directory);
    dying = cluster;
    make_directory(cluster, "etc");
    make_directory(cluster, "libexec");
    gather_helpers(cluster);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    remove(path);
    return 0;
}

/* ---- HTTP, blocking ---- */

static int
connect_to(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    auto_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        return -1;
    return take_fd(&fd);
}

char *
cluster_get(uint16_t port, const char *path)
{
    auto_fd int fd = connect_to(port);
    auto_free char *request =
        xasprintf("GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    auto_buf struct buf answer = {0};
    ssize_t got;
    if (fd < 0 || write(fd, request, strlen(request)) < 0)
        return NULL;
    while ((got = read(fd, buf_reserve(&answer, 65536), 65536)) > 0)
        buf_added(&answer, (size_t)got);
    const char *text = buf_cstr(&answer), *body = strstr(text, "\r\n\r\n");
    return strncmp(text, "HTTP/1.1 200", 12) == 0 && body ? xstrdup(body + 4) : NULL;
}

uint16_t
cluster_free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);
    auto_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) < 0)
        bench_die("cannot find a free port: %s", strerror(errno));
    return ntohs(at.sin_port);
}

/* ---- daemons ---- */

static pid_t
spawn_daemon(const struct bench_cluster *cluster, const char *name, char *const *argv)
{
    static const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    auto_free char *log = xasprintf("%s/%s.log", cluster->directory, name);
    posix_spawn_file_actions_t files;
    pid_t pid;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    int rc = posix_spawn(&pid, argv[0], &files, NULL, argv, (char **)(uintptr_t)env);
    posix_spawn_file_actions_destroy(&files);
    if (rc)
        bench_die("cannot start %s: %s (is it built?)", argv[0], strerror(rc));
    return pid;
}

static void
show_log(const struct bench_cluster *cluster, const char *name)
{
    auto_free char *path = xasprintf("%s/%s.log", cluster->directory, name);
    char line[1024];
    FILE *log = fopen(path, "re");
    while (log && fgets(line, sizeof(line), log))
        fputs(line, stderr);
    if (log)
        fclose(log);
}

static void
wait_health(const struct bench_cluster *cluster, const char *name, struct bench_daemon *daemon, double start)
{
    for (;;) {
        auto_free char *body = cluster_get(daemon->port, "/health");
        daemon->health_ms = now_ms() - start;
        if (body)
            return;
        if (daemon->health_ms > START_TIMEOUT_MS || waitpid(daemon->pid, NULL, WNOHANG) != 0) {
            show_log(cluster, name);
            bench_die("mesos-%s does not answer", name);
        }
        usleep(200);
    }
}

/* A flag of the bench's stands in for ours of the same name. */
static bool
is_given(const char *flag, const char *const *given)
{
    size_t len = strcspn(flag, "=") + 1;
    for (; given && *given; given++)
        if (strncmp(flag, *given, len) == 0)
            return true;
    return false;
}

static void
start(struct bench_cluster *cluster, const char *name, struct bench_daemon *daemon, const char *const *own,
      const char *const *given)
{
    char *argv[MOST_FLAGS + 1];
    size_t count = 0;
    make_directory(cluster, name);
    /* An agent that is started again is the same one only at its own port. */
    if (daemon != &cluster->agent || !daemon->port)
        daemon->port = cluster_free_port();
    argv[count++] = xasprintf("%s/core/main/mesos-%s", cluster->build, name);
    argv[count++] = xstrdup("--ip=127.0.0.1");
    argv[count++] = xstrdup("--hostname=localhost");
    argv[count++] = xasprintf("--port=%u", daemon->port);
    argv[count++] = xasprintf("--etc_dir=%s/etc", cluster->directory);
    argv[count++] = xasprintf("--work_dir=%s/%s", cluster->directory, name);
    argv[count++] = xasprintf("--module_path=%s/modules/.libs", cluster->build);
    for (; own && *own; own++)
        if (!is_given(*own, given))
            argv[count++] = xstrdup(*own);
    for (; given && *given && count < MOST_FLAGS; given++)
        argv[count++] = xstrdup(*given);
    argv[count] = NULL;
    double began = now_ms();
    daemon->pid = spawn_daemon(cluster, name, argv);
    wait_health(cluster, name, daemon, began);
    while (count > 0)
        free(argv[--count]);
}

void
cluster_start_master(struct bench_cluster *cluster, const char *const *flags)
{
    static const char *const own[] = {"--registry=in_memory", NULL};
    start(cluster, "master", &cluster->master, own, flags);
}

void
cluster_kill_master(struct bench_cluster *cluster)
{
    kill(cluster->master.pid, SIGKILL);
    waitpid(cluster->master.pid, NULL, 0);
    cluster->master.pid = 0;
}

void
cluster_kill_agent(struct bench_cluster *cluster)
{
    kill(cluster->agent.pid, SIGKILL);
    waitpid(cluster->agent.pid, NULL, 0);
    cluster->agent.pid = 0;
}

void
cluster_start_agent(struct bench_cluster *cluster, const char *const *flags)
{
    auto_free char *master = xasprintf("--master=127.0.0.1:%u", cluster->master.port);
    auto_free char *runtime = xasprintf("--runtime_dir=%s", cluster->runtime);
    auto_free char *launcher = xasprintf("--launcher_dir=%s/libexec", cluster->directory);
    const char *own[] = {master, runtime, launcher, "--launcher=posix", "--isolation=posix/cpu,posix/mem",
                         NULL};
    double began = now_ms();
    start(cluster, "agent", &cluster->agent, own, flags);
    for (;;) {
        auto_free char *slaves = cluster_get(cluster->master.port, "/slaves");
        if (slaves && strstr(slaves, "\"active\":true"))
            return;
        if (now_ms() - began > START_TIMEOUT_MS)
            bench_die("the agent does not register");
        usleep(1000);
    }
}

/* ---- the end ---- */

pid_t
cluster_find_process(const struct bench_cluster *cluster, const char *name)
{
    pid_t found = 0;
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    while (proc && !found && (entry = readdir(proc))) {
        char path[512], cwd[512], comm[64] = "";
        int pid = atoi(entry->d_name);
        if (pid <= 0 || pid == getpid() || pid == cluster->master.pid || pid == cluster->agent.pid)
            continue;
        snprintf(path, sizeof(path), "/proc/%d/cwd", pid);
        ssize_t len = readlink(path, cwd, sizeof(cwd) - 1);
        if (len < 0 || strncmp(cwd, cluster->directory, strlen(cluster->directory)) != 0)
            continue;
        snprintf(path, sizeof(path), "/proc/%d/comm", pid);
        FILE *file = fopen(path, "re");
        if (file && fscanf(file, "%63s", comm) != 1)
            comm[0] = 0;
        if (file)
            fclose(file);
        if (!name || strncmp(comm, name, 15) == 0)
            found = pid;
    }
    if (proc)
        closedir(proc);
    return found;
}

static void
stop(struct bench_daemon *daemon)
{
    if (daemon->pid <= 0)
        return;
    kill(daemon->pid, SIGTERM);
    for (double end = now_ms() + STOP_TIMEOUT_MS; waitpid(daemon->pid, NULL, WNOHANG) == 0; usleep(2000))
        if (now_ms() > end)
            kill(daemon->pid, SIGKILL);
    daemon->pid = 0;
}

void
cluster_fini(struct bench_cluster *cluster)
{
    pid_t left;
    dying = NULL;
    stop(&cluster->agent);
    stop(&cluster->master);
    for (int i = 0; i < 10000 && (left = cluster_find_process(cluster, NULL)) > 0; i++) {
        kill(left, SIGKILL);
        usleep(100);
    }
    auto_free char *work_dir = xasprintf("%s/agent", cluster->directory);
    umount2(work_dir, MNT_DETACH); /* filesystem/linux mounts it to itself */
    nftw(cluster->runtime, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    nftw(cluster->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
