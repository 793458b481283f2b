/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reaching into a docker container: a session is `docker exec`, and attaching to a container itself is `docker attach`.
 * Either way a client stands at one end of pipes or a terminal, and the native containerizer's switchboard at the other,
 * so that the agent speaks mesos/switchboard.h with both. Sessions end with the agent. A client's end is not that of
 * what it started in the container: that is found by the session's id in its environment.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include "containerizer/native/launch/switchboard.h"
#include "docker.h"

#define BOARD_GRACE_MS 5000 /* after the client's end, before SIGTERM; */
#define BOARD_KILL_MS (10 * 1000) /* after that, before SIGKILL */
#define DETACH_KEYS "--detach-keys=ctrl-^,ctrl-],ctrl-^" /* nobody types that */

struct session {
    struct docker *docker;
    struct container *container; /* NULL: it is gone, and we go with the last process */
    char *socket; /* its name in state_dir */
    pid_t board; /* 0 = ended */
    struct cli *client;
    struct mesos_timer *timer;
};

struct ends {
    int listener;
    int ours[3]; /* the switchboard's */
    int theirs[3]; /* the client's */
};
#define ENDS_INIT {-1, {-1, -1, -1}, {-1, -1, -1}}

static void board_gone(struct session *session);

static void
ends_close(struct ends *ends)
{
    close_at(&ends->listener);
    for (int i = 0; i < 3; i++) {
        close_at(&ends->ours[i]);
        close_at(&ends->theirs[i]);
    }
    *ends = (struct ends)ENDS_INIT;
}

static void
session_delete(struct session *session)
{
    const struct mesos_host *host = session->docker->host;
    auto_free char *path = xasprintf("%s/%s", session->docker->state_dir, session->socket);
    if (session->timer)
        host->timer_stop(host, session->timer);
    unlink(path);
    free(session->socket);
    free(session);
}

/* The container goes. */
void
session_free(struct session *session)
{
    if (!session)
        return;
    session->container = NULL;
    cli_cancel(session->client);
    session->client = NULL;
    if (session->board > 0)
        kill(session->board, SIGTERM);
    if (session->board == 0 || session->docker->stopped)
        session_delete(session);
}

/* Sockets have short names only: it is named below an open directory. */
static int
socket_name(const struct session *session, int *ret_directory, struct sockaddr_un *ret)
{
    int fd = open(session->docker->state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d/%s", fd, session->socket);
    *ret_directory = fd;
    return 0;
}

static int
listener_open(const struct session *session, int *ret)
{
    struct sockaddr_un name;
    auto_fd int directory = -1;
    int rc = socket_name(session, &directory, &name);
    if (rc < 0)
        return rc;
    auto_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(name.sun_path);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&name, sizeof name) < 0 || chmod(name.sun_path, 0600) < 0 ||
        listen(fd, 64) < 0)
        return -errno;
    *ret = take_fd(&fd);
    return 0;
}

static int
terminal_open(struct ends *ends, const Mesos__V1__TTYInfo *tty)
{
    ends->ours[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (ends->ours[0] < 0 || unlockpt(ends->ours[0]) < 0)
        return -errno;
    for (int i = 0; i < 3; i++) {
        ends->theirs[i] = i == 0 ? ioctl(ends->ours[0], TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)
                                 : fcntl(ends->theirs[0], F_DUPFD_CLOEXEC, 0);
        if (ends->theirs[i] < 0)
            return -errno;
    }
    if (tty && tty->window_size) {
        struct winsize size = {.ws_row = (unsigned short)tty->window_size->rows,
                               .ws_col = (unsigned short)tty->window_size->columns};
        ioctl(ends->theirs[0], TIOCSWINSZ, &size);
    }
    return 0;
}

static int
pipes_open(struct ends *ends)
{
    for (int i = 0; i < 3; i++) {
        int fds[2];
        if (pipe2(fds, O_CLOEXEC) < 0)
            return -errno;
        ends->theirs[i] = fds[i == 0 ? 0 : 1];
        ends->ours[i] = fds[i == 0 ? 1 : 0];
    }
    return 0;
}

static void
on_board_exited(pid_t pid, int status, void *arg)
{
    struct session *session = arg;
    session->board = 0;
    if (!session->container)
        session_delete(session);
    else if (!session->client)
        board_gone(session);
}

static int
board_start(struct session *session, const struct ends *ends, bool terminal, bool waits)
{
    const struct docker *docker = session->docker;
    const char *argv[8] = {"mesos-containerizer", "switchboard", NULL};
    size_t argc = 2;
    if (terminal)
        argv[argc++] = SWITCHBOARD_TTY;
    if (waits)
        argv[argc++] = SWITCHBOARD_WAIT;
    int fds[SWITCHBOARD_FDS] = {-1, -1, -1};
    fds[SWITCHBOARD_LISTEN_FD] = ends->listener;
    for (int i = 0; i < 3; i++)
        fds[SWITCHBOARD_IN_FD + i] = ends->ours[i];
    fds[SWITCHBOARD_LOG_OUT_FD] = fds[SWITCHBOARD_LOG_ERR_FD] = fds[SWITCHBOARD_PROGRAM_FD] = -1;
    struct mesos_spawn spawn = {
        .size = sizeof spawn,
        .argv = argv,
        .file = docker->switchboard,
        .directory = "/",
        .fds = fds,
        .fd_count = SWITCHBOARD_FDS,
        .new_session = 1,
    };
    return docker->host->spawn(docker->host, &spawn, on_board_exited, session, &session->board);
}

static void on_client_ended(const struct cli_result *result, void *arg);

/* The streams, the switchboard and the client. env_fd may be -1. */
static int
start(struct session *session, const struct docker_argv *argv, int env_fd, const Mesos__V1__TTYInfo *tty, bool terminal,
      bool waits)
{
    struct ends ends = ENDS_INIT;
    int rc = listener_open(session, &ends.listener);
    if (rc == 0)
        rc = terminal ? terminal_open(&ends, tty) : pipes_open(&ends);
    if (rc == 0)
        rc = board_start(session, &ends, terminal, waits);
    if (rc == 0) {
        struct cli_wish wish = {.argv = argv, .env_fd = env_fd, .streams = true, .terminal = terminal,
                                .fds = {ends.theirs[0], ends.theirs[1], ends.theirs[2]}};
        session->client = cli_start(session->docker, &wish, on_client_ended, session, &rc);
    }
    ends_close(&ends);
    return rc;
}

static struct session *
session_new(struct container *container)
{
    static unsigned long last; /* of this agent's process: names of sockets */
    struct session *session = xcalloc(1, sizeof *session);
    session->docker = container->docker;
    session->container = container;
    session->socket = xasprintf("%lu.%lld.sock", ++last, (long long)container->docker->host->now_ms(container->docker->host));
    container->session = session;
    return session;
}

/* ---- the end of a session ---- */

static void
session_over(struct container *container)
{
    if (container->state == STATE_ENDED)
        return;
    container->state = STATE_ENDED;
    owed_answer(container, &container->waits);
    owed_answer(container, &container->destroys);
}

static void
board_gone(struct session *session)
{
    struct container *container = session->container;
    if (is_session(container)) {
        session_over(container);
        return;
    }
    container->session = NULL; /* attaching again starts another */
    session_delete(session);
}

static void
on_board_kill_time(void *arg)
{
    struct session *session = arg;
    session->timer = NULL;
    if (session->board > 0)
        kill(session->board, SIGKILL);
}

static void
on_board_time(void *arg)
{
    struct session *session = arg;
    const struct mesos_host *host = session->docker->host;
    session->timer = host->timer_start(host, BOARD_KILL_MS, on_board_kill_time, session);
    if (session->board > 0)
        kill(session->board, SIGTERM);
}

struct left_behind {
    struct docker *docker;
    char *id;
};

static void
on_left_behind(void *arg, unsigned found)
{
    struct left_behind *left = arg;
    struct container *container = container_find(left->docker, left->id);
    const struct mesos_host *host = left->docker->host;
    struct session *session = container ? container->session : NULL;
    if (session && session->board > 0 && !session->timer)
        session->timer = host->timer_start(host, container->destroy_wanted ? 0 : BOARD_GRACE_MS, on_board_time, session);
    else if (container && (!session || session->board == 0))
        session_over(container);
    free(left->id);
    free(left);
}

static void
on_client_ended(const struct cli_result *result, void *arg)
{
    struct session *session = arg;
    struct container *container = session->container;
    session->client = NULL;
    if (!is_session(container)) {
        if (session->board == 0)
            board_gone(session);
        return; /* the switchboard's streams end with it */
    }
    container->has_status = true;
    container->status = result->status >= 0 ? result->status : SIGKILL;
    container->state = STATE_ENDING;
    struct left_behind *left = xcalloc(1, sizeof *left);
    *left = (struct left_behind){container->docker, xstrdup(container->id)};
    kill_by_environment(container->docker, "MESOS_CONTAINER_ID", container->id, SIGKILL, on_left_behind, left);
}

void
session_end(struct container *container)
{
    struct session *session = container->session;
    if (session && session->client)
        kill(-cli_pid(session->client), SIGKILL);
    else if (!session && container->state != STATE_ENDED)
        session_over(container);
}

/* ---- docker exec ---- */

/* As for `docker run`. */
static int
exec_environment(const struct container *container, struct docker_argv *argv, int *ret_fd, struct err *err)
{
    auto_free char *id = xasprintf("MESOS_CONTAINER_ID=%s", container->id);
    const char *const own[] = {id, NULL};
    union {
        char **from;
        const char *const *to;
    } more = {.from = container->environment}, secrets = {.from = container->secrets};
    struct docker_environment environment = {
        own, more.to, secrets.to, container->docker->client.engine < DOCKER_VERSION(20, 10, 0)};
    return docker_environment_add(argv, &environment, ret_fd, err);
}

static int
exec_argv(const struct container *container, bool terminal, struct docker_argv *argv, int *env_fd, struct err *err)
{
    const Mesos__V1__CommandInfo *command = container->config->command_info;
    bool shell = !command->has_shell || command->shell;
    docker_argv_init(argv, &container->docker->client);
    docker_argv_add(argv, "exec");
    docker_argv_add(argv, "--interactive");
    if (terminal)
        docker_argv_add(argv, "--tty");
    docker_argv_add(argv, DETACH_KEYS);
    if (command->user) {
        docker_argv_add(argv, "--user");
        docker_argv_add(argv, "%s", command->user);
    }
    if (exec_environment(container, argv, env_fd, err) < 0)
        return err->code;
    docker_argv_add(argv, "%s", container->parent->name);
    if (shell) {
        docker_argv_add(argv, "sh");
        docker_argv_add(argv, "-c");
        docker_argv_add(argv, "%s", command->value ? command->value : "");
        return 0;
    }
    docker_argv_add(argv, "%s", command->value ? command->value : "");
    for (size_t i = 1; i < command->n_arguments; i++) /* the first is the program's own name */
        docker_argv_add(argv, "%s", command->arguments[i]);
    return 0;
}

void
session_launch(struct container *container)
{
    struct docker *docker = container->docker;
    const Mesos__V1__ContainerInfo *info = container->config->container_info;
    const Mesos__V1__TTYInfo *tty = info ? info->tty_info : NULL;
    struct docker_argv argv;
    auto_fd int env_fd = -1;
    char launched = 1;
    struct mesos_call *call = take(&container->launch);
    struct session *session = session_new(container);
    struct err err = {0};
    int rc = exec_argv(container, tty != NULL, &argv, &env_fd, &err);
    if (rc == 0 && (rc = start(session, &argv, env_fd, tty, tty != NULL, true)) < 0)
        err_set(&err, rc, "%s", strerror(-rc));
    docker_argv_fini(&argv);
    secrets_forget(container);
    mesos__slave__container_config__free_unpacked(container->config, NULL);
    container->config = NULL;
    if (rc < 0) {
        answer_fail(docker, call, rc, "Failed to start a session in container %s: %s", container->parent->id, err.text);
        container_free(container);
        return;
    }
    container->state = STATE_RUNNING;
    container->pid = cli_pid(session->client);
    docker->host->reply(docker->host, call, 0, (struct mesos_bytes){&launched, 1});
}

/* ---- docker attach ---- */

static int
attach_start(struct container *container)
{
    struct docker_argv argv;
    struct session *session = session_new(container);
    docker_argv_init(&argv, &container->docker->client);
    docker_argv_add(&argv, "attach");
    docker_argv_add(&argv, "--sig-proxy=false");
    docker_argv_add(&argv, DETACH_KEYS);
    docker_argv_add(&argv, "%s", container->name);
    int rc = start(session, &argv, -1, NULL, container->terminal, false);
    docker_argv_fini(&argv);
    if (rc < 0) {
        container->session = NULL;
        session_free(session);
    }
    return rc;
}

int
docker_attach(void *instance, const char *container_id)
{
    struct docker *docker = instance;
    const struct mesos_host *host = docker->host;
    struct container *container = container_find(docker, container_id);
    struct sockaddr_un name;
    auto_fd int directory = -1;
    if (!container || container->state != STATE_RUNNING)
        return host->fail(host, -ENOENT, "Unknown container %s", container_id);
    int rc = container->session ? 0 : attach_start(container);
    if (rc == 0)
        rc = socket_name(container->session, &directory, &name);
    auto_fd int fd = rc == 0 ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
    if (rc == 0 && (fd < 0 || connect(fd, (const struct sockaddr *)&name, sizeof name) < 0))
        rc = -errno;
    if (rc < 0)
        return host->fail(host, rc, "cannot reach the streams of container %s: %s", container_id, strerror(-rc));
    return take_fd(&fd);
}
