/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mesos-containerizer switchboard`: stands between a container's standard streams (pipes, or the other end of its
 * terminal), the container logger's files and whoever is attached. It outlives the agent: both only meet at its socket
 * (mesos/switchboard.h). One per container, one thread, nothing kept but what waits to be sent.
 *
 * It ends when the container's outputs have ended and what is attached has taken them, or on SIGTERM as soon as what is
 * there has been read.
 */
#include "switchboard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "mesos/switchboard.h"

#define CLIENTS_MAX 64
#define PIECE 16384 /* read at once */
#define SLOW_BYTES (256u << 10) /* a session with so much unsent makes the container wait */
#define CUT_BYTES (4u << 20) /* others are detached then */
#define FLUSH_MS 5000 /* at the end: how long somebody may take nothing */

struct client {
    int fd; /* -1: free */
    unsigned char role; /* enum mesos_io_role; 0: has not said yet */
    bool closing; /* when its queue is sent */
    bool refused; /* what it still says is not heard, and it is to close: closing first would take the answer from it */
    char *in; /* a header and MESOS_IO_MAX bytes; made with the first byte */
    size_t in_len;
    char *out;
    size_t out_len, out_sent, out_cap;
};

struct source {
    int fd, log_fd; /* fd -1: ended */
    uint32_t kind;
};

struct board {
    struct client clients[CLIENTS_MAX];
    struct source sources[2];
    int in_fd; /* -1: closed */
    bool tty, wait, over;
    char in[MESOS_IO_MAX]; /* for the container's stdin */
    size_t in_len, in_sent;
    bool in_end;
    int64_t moved_ms; /* when somebody last took something */
};

static volatile sig_atomic_t asked_to_end;

static void
on_term(int signo)
{
    (void)signo;
    asked_to_end = 1;
}

static int64_t
now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- those attached ---- */

static void
client_drop(struct client *client)
{
    close(client->fd);
    free(client->in);
    free(client->out);
    *client = (struct client){.fd = -1};
}

static void
client_send(struct client *client, uint32_t kind, const void *bytes, size_t len)
{
    struct mesos_io_frame head = {kind, (uint32_t)len};
    size_t need = client->out_len + sizeof head + len;
    if (need > client->out_cap) {
        size_t cap = need < 2 * PIECE ? 2 * PIECE : need + need / 2;
        char *more = realloc(client->out, cap);
        if (!more) {
            client_drop(client);
            return;
        }
        client->out = more;
        client->out_cap = cap;
    }
    memcpy(client->out + client->out_len, &head, sizeof head);
    if (len > 0)
        memcpy(client->out + client->out_len + sizeof head, bytes, len);
    client->out_len = need;
}

static void
client_flush(struct board *board, struct client *client)
{
    while (client->out_sent < client->out_len) {
        ssize_t n = send(client->fd, client->out + client->out_sent, client->out_len - client->out_sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n <= 0) {
            client_drop(client);
            return;
        }
        client->out_sent += (size_t)n;
        board->moved_ms = now_ms();
    }
    if (client->out_sent == client->out_len) {
        free(client->out);
        client->out = NULL;
        client->out_len = client->out_sent = client->out_cap = 0;
        if (client->closing)
            client_drop(client);
    } else if (client->out_sent > client->out_len / 2) {
        memmove(client->out, client->out + client->out_sent, client->out_len - client->out_sent);
        client->out_len -= client->out_sent;
        client->out_sent = 0;
    }
}

static void
client_refuse(struct client *client, const char *text)
{
    client_send(client, MESOS_IO_REFUSED, text, strlen(text));
    client->refused = true;
}

static bool
has_input(const struct board *board)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (board->clients[i].fd >= 0 && board->clients[i].role == MESOS_IO_INPUT)
            return true;
    }
    return false;
}

static void
client_attach(struct board *board, struct client *client, const char *bytes, size_t len)
{
    unsigned char role = len == 1 ? (unsigned char)bytes[0] : 0;
    if (client->role || role < MESOS_IO_INPUT || role > MESOS_IO_SESSION) {
        client_drop(client);
        return;
    }
    if (role == MESOS_IO_INPUT && has_input(board)) {
        client_refuse(client, "Multiple input connections are not allowed");
        return;
    }
    client->role = role;
    if (role != MESOS_IO_INPUT)
        board->wait = false;
    client_send(client, MESOS_IO_ATTACHED, NULL, 0);
}

static void
window_set(const struct board *board, const char *bytes, size_t len)
{
    struct mesos_io_window window;
    if (!board->tty || board->in_fd < 0 || len != sizeof window)
        return;
    memcpy(&window, bytes, sizeof window);
    struct winsize size = {.ws_row = window.rows, .ws_col = window.columns};
    ioctl(board->in_fd, TIOCSWINSZ, &size);
}

/* One frame of it; false when it must wait until the container has taken what came before. */
static bool
client_frame(struct board *board, struct client *client, uint32_t kind, const char *bytes, size_t len)
{
    if (client->refused)
        return true;
    if (kind == MESOS_IO_ATTACH) {
        client_attach(board, client, bytes, len);
    } else if (client->role != MESOS_IO_INPUT) {
        client_drop(client);
    } else if (kind == MESOS_IO_WINDOW) {
        window_set(board, bytes, len);
    } else if (kind == MESOS_IO_STDIN) {
        if (board->in_len > 0)
            return false;
        if (board->in_fd >= 0 && !board->in_end) {
            memcpy(board->in, bytes, len);
            board->in_len = len;
            board->in_end = len == 0 && !board->tty; /* a terminal's end is typed: ^D */
        }
    } else {
        client_drop(client);
    }
    return true;
}

static void
client_frames(struct board *board, struct client *client)
{
    struct mesos_io_frame head;
    size_t at = 0;
    while (client->fd >= 0 && client->in_len - at >= sizeof head) {
        memcpy(&head, client->in + at, sizeof head);
        if (head.len > MESOS_IO_MAX) {
            client_drop(client);
            return;
        }
        if (client->in_len - at < sizeof head + head.len ||
            !client_frame(board, client, head.kind, client->in + at + sizeof head, head.len))
            break;
        at += sizeof head + head.len;
    }
    if (client->fd < 0)
        return;
    memmove(client->in, client->in + at, client->in_len - at);
    client->in_len -= at;
}

static void
client_read(struct board *board, struct client *client)
{
    const size_t cap = sizeof(struct mesos_io_frame) + MESOS_IO_MAX;
    if (!client->in && !(client->in = malloc(cap))) {
        client_drop(client);
        return;
    }
    ssize_t n = recv(client->fd, client->in + client->in_len, cap - client->in_len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        client_drop(client);
        return;
    }
    client->in_len += (size_t)n;
    client_frames(board, client);
}

static void
client_accept(struct board *board)
{
    int fd = accept4(SWITCHBOARD_LISTEN_FD, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    for (size_t i = 0; fd >= 0 && i < CLIENTS_MAX; i++) {
        if (board->clients[i].fd < 0) {
            board->clients[i].fd = fd;
            return;
        }
    }
    if (fd >= 0)
        close(fd);
}

/* ---- the container's streams ---- */

static void
log_write(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* a full disk: those attached still see it */
        bytes += n;
        len -= (size_t)n;
    }
}

static void
source_close(struct board *board, struct source *source)
{
    if (source->fd != board->in_fd)
        close(source->fd);
    source->fd = -1;
}

static void
source_read(struct board *board, struct source *source)
{
    static char piece[PIECE];
    ssize_t n = read(source->fd, piece, sizeof piece);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) { /* EIO: nobody has the terminal open any more */
        source_close(board, source);
        return;
    }
    log_write(source->log_fd, piece, (size_t)n);
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        struct client *client = &board->clients[i];
        if (client->fd < 0 || client->role < MESOS_IO_OUTPUT || client->closing)
            continue;
        client_send(client, source->kind, piece, (size_t)n);
        if (client->fd >= 0)
            client_flush(board, client);
        if (client->fd >= 0 && client->role == MESOS_IO_OUTPUT && client->out_len - client->out_sent > CUT_BYTES)
            client_drop(client);
    }
}

static void
stdin_close(struct board *board)
{
    bool shared = board->sources[0].fd == board->in_fd;
    if (board->in_fd >= 0 && !shared)
        close(board->in_fd);
    if (!shared)
        board->in_fd = -1;
    board->in_len = board->in_sent = 0;
}

static void
stdin_write(struct board *board)
{
    while (board->in_sent < board->in_len) {
        ssize_t n = write(board->in_fd, board->in + board->in_sent, board->in_len - board->in_sent);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) { /* it reads no more: the rest is dropped, as in a shell's pipe */
            stdin_close(board);
            board->in_end = true;
            return;
        }
        board->in_sent += (size_t)n;
    }
    board->in_len = board->in_sent = 0;
    if (board->in_end)
        stdin_close(board);
}

/* ---- the loop ---- */

static bool
must_wait(const struct board *board)
{
    if (board->wait)
        return true;
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        const struct client *client = &board->clients[i];
        if (client->fd >= 0 && client->role == MESOS_IO_SESSION && client->out_len - client->out_sent > SLOW_BYTES)
            return true;
    }
    return false;
}

static bool
has_unsent(const struct board *board)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (board->clients[i].fd >= 0 && board->clients[i].out_len > 0)
            return true;
    }
    return false;
}

/* The container's outputs have ended: those attached are told. */
static void
board_end(struct board *board)
{
    board->over = true;
    board->moved_ms = now_ms();
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        struct client *client = &board->clients[i];
        if (client->fd < 0 || client->closing)
            continue;
        if (client->role < MESOS_IO_OUTPUT) {
            client_drop(client);
            continue;
        }
        client_send(client, MESOS_IO_END, NULL, 0);
        client->closing = true;
        if (client->fd >= 0)
            client_flush(board, client);
    }
}

enum { AT_LISTEN, AT_STDIN, AT_SOURCES, AT_CLIENTS = AT_SOURCES + 2, AT_COUNT = AT_CLIENTS + CLIENTS_MAX };

static void
choose(const struct board *board, struct pollfd polls[AT_COUNT])
{
    bool wait = must_wait(board);
    polls[AT_LISTEN] = (struct pollfd){board->over ? -1 : SWITCHBOARD_LISTEN_FD, POLLIN, 0};
    polls[AT_STDIN] = (struct pollfd){board->in_len > 0 ? board->in_fd : -1, POLLOUT, 0};
    for (size_t i = 0; i < 2; i++)
        polls[AT_SOURCES + i] = (struct pollfd){wait ? -1 : board->sources[i].fd, POLLIN, 0};
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        const struct client *client = &board->clients[i];
        bool full = client->role == MESOS_IO_INPUT && board->in_len > 0; /* one piece at a time */
        short events = (short)((full || client->closing ? 0 : POLLIN) | (client->out_len > 0 ? POLLOUT : 0));
        polls[AT_CLIENTS + i] = (struct pollfd){client->fd, events, 0};
    }
}

static void
serve_client(struct board *board, struct client *client, short events)
{
    if (client->fd >= 0 && (events & POLLOUT))
        client_flush(board, client);
    if (client->fd >= 0 && (events & POLLIN) && !client->closing)
        client_read(board, client);
    else if (client->fd >= 0 && (events & (POLLERR | POLLHUP)))
        client_drop(client);
}

/* Writes what there is, then takes what had to wait for that, as long as the container takes it. */
static void
stdin_feed(struct board *board)
{
    bool again = true;
    while (again) {
        again = false;
        if (board->in_fd >= 0 && (board->in_len > 0 || board->in_end))
            stdin_write(board);
        for (size_t i = 0; i < CLIENTS_MAX && board->in_len == 0; i++) {
            struct client *client = &board->clients[i];
            size_t before = client->in_len;
            if (client->fd >= 0 && before > 0)
                client_frames(board, client);
            again = again || (client->fd >= 0 && client->in_len != before);
        }
    }
}

static void
serve(struct board *board, const struct pollfd polls[AT_COUNT])
{
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        struct client *client = &board->clients[i];
        if (client->fd >= 0 && client->fd == polls[AT_CLIENTS + i].fd && polls[AT_CLIENTS + i].revents)
            serve_client(board, client, polls[AT_CLIENTS + i].revents);
    }
    for (size_t i = 0; i < 2; i++) {
        if (polls[AT_SOURCES + i].revents && board->sources[i].fd >= 0)
            source_read(board, &board->sources[i]);
    }
    if (polls[AT_LISTEN].revents)
        client_accept(board);
    stdin_feed(board);
}

static void
board_init(struct board *board, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        board->tty = board->tty || strcmp(argv[i], SWITCHBOARD_TTY) == 0;
        board->wait = board->wait || strcmp(argv[i], SWITCHBOARD_WAIT) == 0;
    }
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        board->clients[i].fd = -1;
    board->in_fd = SWITCHBOARD_IN_FD;
    board->sources[0] = (struct source){board->tty ? SWITCHBOARD_IN_FD : SWITCHBOARD_OUT_FD, SWITCHBOARD_LOG_OUT_FD,
                                        MESOS_IO_STDOUT};
    board->sources[1] = (struct source){board->tty ? -1 : SWITCHBOARD_ERR_FD, SWITCHBOARD_LOG_ERR_FD, MESOS_IO_STDERR};
    for (int fd = SWITCHBOARD_LISTEN_FD; fd <= SWITCHBOARD_ERR_FD; fd++)
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

int
switchboard_run(int argc, char **argv)
{
    static struct board board;
    static struct pollfd polls[AT_COUNT];
    board_init(&board, argc, argv);
    close_range(SWITCHBOARD_PROGRAM_FD, ~0u, 0);
    signal(SIGPIPE, SIG_IGN);
    struct sigaction action = {.sa_handler = on_term}; /* without SA_RESTART: poll is to return */
    sigaction(SIGTERM, &action, NULL);
    for (;;) {
        if (asked_to_end)
            board.wait = false;
        if (!board.over && board.sources[0].fd < 0 && board.sources[1].fd < 0)
            board_end(&board);
        if (board.over && (!has_unsent(&board) || now_ms() - board.moved_ms > FLUSH_MS))
            return 0;
        choose(&board, polls);
        int n = poll(polls, AT_COUNT, board.over || asked_to_end ? 200 : -1);
        if (n < 0 && errno != EINTR)
            return 1;
        if (n > 0)
            serve(&board, polls);
        else if (n == 0 && asked_to_end && !board.over && !must_wait(&board))
            board_end(&board); /* somebody holds a pipe open, and the container is gone */
    }
}
