/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of what is typed: one request that never ends, in chunks of RecordIO, on a connection of its own. Stdin is read
 * no faster than the agent takes it.
 */
#include "cli/session.h"
#include "cli/tls.h"

#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "wire/recordio.h"

enum {
    READ_BYTES = 16 << 10,
    MOST_QUEUED_BYTES = 256 << 10,
    MOST_ANSWER_BYTES = 4096,
    HEARTBEAT_MS = 30000,
    REFUSED_MS = 2000,
    KEY_CTRL_P = 0x10,
    KEY_CTRL_Q = 0x11,
};

json_t *
session_window(void)
{
    struct winsize size;

    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return NULL;
    return json_pack("{s:i,s:i}", "rows", (int)size.ws_row, "columns", (int)size.ws_col);
}

void
session_raw(struct session *session)
{
    struct termios raw;

    if (!session->input || tcgetattr(STDIN_FILENO, &session->saved) != 0)
        return;
    raw = session->saved;
    cfmakeraw(&raw);
    session->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

void
session_cooked(struct session *session)
{
    if (session->raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &session->saved);
    session->raw = false;
}

static void
send_chunk(struct session *session, struct str bytes)
{
    char head[32];

    stream_cork(session->stream);
    stream_write(session->stream, head, (size_t)snprintf(head, sizeof(head), "%zx\r\n", bytes.len));
    stream_write(session->stream, bytes.ptr, bytes.len);
    stream_write(session->stream, "\r\n", 2);
    stream_uncork(session->stream);
}

/* {"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": body}; body is stolen. */
static void
send_record(struct session *session, json_t *body)
{
    json_t *call = json_pack("{s:s,s:o}", "type", "ATTACH_CONTAINER_INPUT", "attach_container_input", body);
    auto_free char *text = json_dumps(call, JSON_COMPACT);
    auto_buf struct buf record = {0};

    json_decref(call);
    recordio_write(&record, str_of(text));
    send_chunk(session, buf_str(&record));
}

static void
send_io(struct session *session, const char *type, const char *key, json_t *value)
{
    send_record(session, json_pack("{s:s,s:{s:s,s:o}}", "type", "PROCESS_IO", "process_io", "type", type, key, value));
}

static void
send_data(struct session *session, const void *data, size_t len)
{
    auto_buf struct buf text = {0};

    base64_encode(&text, data, len);
    send_io(session, "DATA", "data", json_pack("{s:s,s:s}", "type", "STDIN", "data", buf_cstr(&text)));
}

static void
send_window(struct session *session)
{
    json_t *window = session->tty ? session_window() : NULL;

    if (window)
        send_io(session, "CONTROL", "control",
                json_pack("{s:s,s:{s:o}}", "type", "TTY_INFO", "tty_info", "window_size", window));
}

static void
stop_sending(struct session *session)
{
    loop_fd_unwatch(session->watch);
    session->watch = NULL;
    loop_timer_stop(&session->reader);
    loop_timer_stop(&session->heartbeat);
    session->ended = true;
}

/* The end of stdin: an empty piece of data says so, then the request is complete. */
static void
end_input(struct session *session)
{
    stop_sending(session);
    send_data(session, "", 0);
    stream_write(session->stream, "0\r\n\r\n", 5);
}

/* ctrl-p ctrl-q. Returns false when the user has detached. What is between them and before goes on. */
static bool
look_for_detach(struct session *session, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (session->detaching && data[i] == KEY_CTRL_Q)
            return false;
        session->detaching = data[i] == KEY_CTRL_P;
    }
    return true;
}

static void
read_input(struct session *session)
{
    char data[READ_BYTES];
    ssize_t got = read(STDIN_FILENO, data, sizeof(data));

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        end_input(session);
        return;
    }
    if (session->detachable && session->raw && !look_for_detach(session, data, (size_t)got)) {
        session->done = true;
        return;
    }
    send_data(session, data, (size_t)got);
    if (stream_queued(session->stream) > MOST_QUEUED_BYTES && session->watch)
        loop_fd_events(session->watch, 0);
}

static void
on_readable(int fd, int events, void *arg)
{
    read_input(arg);
}

/* Files and devices that epoll does not know are always readable. */
static void
on_reader(void *arg)
{
    struct session *session = arg;

    if (stream_queued(session->stream) <= MOST_QUEUED_BYTES)
        read_input(session);
    if (!session->ended && !session->done)
        loop_timer_start(&session->reader, stream_queued(session->stream) > MOST_QUEUED_BYTES ? 10 : 0);
}

static bool
can_be_watched(void)
{
    struct stat st;

    if (fstat(STDIN_FILENO, &st) != 0)
        return false;
    return S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(STDIN_FILENO);
}

/* Once after each change of the window's size, and each half minute. */
static void
on_heartbeat(void *arg)
{
    struct session *session = arg;

    if (!session->stream || session->ended)
        return;
    send_window(session);
    send_io(session, "CONTROL", "control",
            json_pack("{s:s,s:{s:{s:I}}}", "type", "HEARTBEAT", "heartbeat", "interval", "nanoseconds",
                      (json_int_t)HEARTBEAT_MS * 1000000));
    loop_timer_start(&session->heartbeat, HEARTBEAT_MS);
}

static void
on_connect(struct stream *stream, void *arg)
{
    struct session *session = arg;
    const char *login = session->cli->authorization;
    auto_free char *head = xasprintf("POST /api/v1 HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\n"
                                     "Content-Type: application/recordio\r\nMessage-Content-Type: application/json\r\n"
                                     "%s%s%sTransfer-Encoding: chunked\r\n\r\n",
                                     session->agent.host, login ? "Authorization: " : "", login ? login : "",
                                     login ? "\r\n" : "");

    stream_write(stream, head, strlen(head));
    send_record(session, json_pack("{s:s,s:O}", "type", "CONTAINER_ID", "container_id", session->container_id));
    if (session->no_input) {
        end_input(session);
        return;
    }
    on_heartbeat(session);
    if (can_be_watched())
        session->watch = loop_fd_watch(session->cli->loop, STDIN_FILENO, LOOP_READ, on_readable, session);
    else
        loop_timer_start(&session->reader, 0);
}

/* The output goes on although nobody takes our input. */
static void
on_refused(void *arg)
{
    struct session *session = arg;
    const char *answer = buf_cstr(&session->answer), *end = strstr(answer, "\r\n\r\n");

    if (session->done || session->output_ended)
        return;
    err_set(&session->err, -EPROTO, "%s takes no input: %.*s%s%s", session->agent.host,
            (int)strcspn(answer, "\r\n"), answer, end[4] ? ": " : "", end + 4);
    session->done = true;
}

/* The answer comes when all is over, and an agent calls the end of the command an error of the input as well: only where
 * the output does not end soon it was a refusal. */
static void
on_data(struct stream *stream, struct buf *in, void *arg)
{
    struct session *session = arg;

    if (session->answer.len < MOST_ANSWER_BYTES)
        buf_append_str(&session->answer, buf_str(in));
    buf_consume(in, in->len);
    if (!strstr(buf_cstr(&session->answer), "\r\n\r\n") || loop_timer_running(&session->refused))
        return;
    stop_sending(session);
    if (!session->no_input && strncmp(buf_cstr(&session->answer), "HTTP/1.1 200", 12) != 0)
        loop_timer_start(&session->refused, REFUSED_MS);
}

static void
on_drain(struct stream *stream, void *arg)
{
    struct session *session = arg;

    if (session->watch)
        loop_fd_events(session->watch, LOOP_READ);
}

/* The output tells what became of the container; its end without ours is none of an error's business. */
static void
on_close(struct stream *stream, const struct err *err, void *arg)
{
    stop_sending(arg);
}

static const struct stream_handler handler = {
    .on_connect = on_connect, .on_data = on_data, .on_drain = on_drain, .on_close = on_close};

void
session_input_start(struct session *session)
{
    loop_timer_init(&session->reader, session->cli->loop, on_reader, session);
    loop_timer_init(&session->heartbeat, session->cli->loop, on_heartbeat, session);
    loop_timer_init(&session->refused, session->cli->loop, on_refused, session);
    const char *name;
    struct secure *secure = cli_tls(session->cli, &session->agent, &name);
    session->stream = stream_connect_secure(session->cli->loop, &session->agent.address, secure, name, &handler, session);
}

void
session_input_stop(struct session *session)
{
    stop_sending(session);
    loop_timer_stop(&session->refused);
    stream_close(session->stream);
    session->stream = NULL;
    buf_fini(&session->answer);
}
