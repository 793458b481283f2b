/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ATTACH_CONTAINER_OUTPUT, ATTACH_CONTAINER_INPUT and LAUNCH_NESTED_CONTAINER_SESSION: between a client's HTTP stream of
 * ProcessIO records and the frames of the container's switchboard (mesos/switchboard.h). Nothing is kept: when one side
 * is slow, the other is not read.
 */
#include "agent/containers.h"

#include <errno.h>
#include <stdio.h>

#include "mesos/switchboard.h"
#include "wire/recordio.h"

#define SLOW_BYTES       (256u << 10) /* so much unsent: the other side waits */
#define INPUT_RECORD_MAX (1u << 20)   /* of the client */
#define NS_PER_MS        1000000LL

typedef Mesos__V1__Agent__ProcessIO ProcessIO;

static void
send_frame(struct stream *stream, uint32_t kind, const void *bytes, size_t len)
{
    struct mesos_io_frame head = {kind, (uint32_t)len};
    stream_write(stream, &head, sizeof(head));
    if (len)
        stream_write(stream, bytes, len);
}

static void
send_attach(struct stream *stream, enum mesos_io_role role)
{
    unsigned char byte = (unsigned char)role;
    send_frame(stream, MESOS_IO_ATTACH, &byte, 1);
}

/* Takes one frame off the front: 1, 0 when more is needed, -EPROTO. */
static int
take_frame(struct buf *in, struct mesos_io_frame *ret_head, struct str *ret_bytes)
{
    if (in->len < sizeof(*ret_head))
        return 0;
    memcpy(ret_head, buf_data(in), sizeof(*ret_head));
    if (ret_head->len > MESOS_IO_MAX)
        return -EPROTO;
    if (in->len - sizeof(*ret_head) < ret_head->len)
        return 0;
    *ret_bytes = str_n(buf_data(in) + sizeof(*ret_head), ret_head->len);
    return 1;
}

/* ---- output ---- */

struct output {
    struct agent *agent;
    struct module *module;
    char *container_id;
    struct http_exchange *exchange;
    struct stream *stream; /* to the switchboard */
    bool json, record_type; /* record_type: application/recordio, else the encoding's own */
    bool session;           /* the container ends with its client */
    bool started;           /* the head of the answer is sent */
    struct loop_timer heartbeat;
};

static void
output_free(struct output *output)
{
    loop_timer_stop(&output->heartbeat);
    stream_close(output->stream);
    free(output->container_id);
    free(output);
}

static void
on_session_destroyed(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    (void)arg;
    (void)answer;
    if (status && status != -ENOENT)
        log_warning("a session's container is not destroyed: %s", error ? error : strerror(-status));
}

static void
session_destroy(const struct output *output)
{
    log_info("session of container %s is over: destroying it", output->container_id);
    containerizer_destroy(output->module, output->container_id, on_session_destroyed, NULL);
}

static void
on_output_gone(struct http_exchange *exchange, void *arg)
{
    struct output *output = arg;
    (void)exchange;
    if (output->session)
        session_destroy(output);
    output_free(output);
}

static void
write_record(struct output *output, const ProcessIO *io)
{
    auto_buf struct buf record = {0};
    auto_buf struct buf out = {0};
    if (output->json)
        message_to_json(&record, io);
    else
        message_pack(&record, io);
    recordio_write(&out, buf_str(&record));
    if (http_stream_write(output->exchange, buf_str(&out)) &&
        http_stream_queued(output->exchange) > SLOW_BYTES)
        stream_pause(output->stream); /* until on_sent */
}

static void
on_sent(struct http_exchange *exchange, void *arg)
{
    struct output *output = arg;
    (void)exchange;
    stream_resume(output->stream);
}

static void
write_data(struct output *output, uint32_t kind, struct str bytes)
{
    ProcessIO io = MESOS__V1__AGENT__PROCESS_IO__INIT;
    Mesos__V1__Agent__ProcessIO__Data data = MESOS__V1__AGENT__PROCESS_IO__DATA__INIT;
    union {
        const char *from;
        uint8_t *to;
    } content = {.from = bytes.ptr};
    io.has_type = data.has_type = data.has_data = true;
    io.type = MESOS__V1__AGENT__PROCESS_IO__TYPE__DATA;
    io.data = &data;
    data.type = kind == MESOS_IO_STDOUT ? MESOS__V1__AGENT__PROCESS_IO__DATA__TYPE__STDOUT
                                        : MESOS__V1__AGENT__PROCESS_IO__DATA__TYPE__STDERR;
    data.data.data = content.to;
    data.data.len = bytes.len;
    write_record(output, &io);
}

static void
on_heartbeat(void *arg)
{
    struct output *output = arg;
    ProcessIO io = MESOS__V1__AGENT__PROCESS_IO__INIT;
    Mesos__V1__Agent__ProcessIO__Control control = MESOS__V1__AGENT__PROCESS_IO__CONTROL__INIT;
    Mesos__V1__Agent__ProcessIO__Control__Heartbeat heartbeat =
        MESOS__V1__AGENT__PROCESS_IO__CONTROL__HEARTBEAT__INIT;
    Mesos__V1__DurationInfo interval = MESOS__V1__DURATION_INFO__INIT;
    interval.nanoseconds = output->agent->options->http_heartbeat_interval_ns;
    heartbeat.interval = &interval;
    control.has_type = io.has_type = true;
    control.type = MESOS__V1__AGENT__PROCESS_IO__CONTROL__TYPE__HEARTBEAT;
    control.heartbeat = &heartbeat;
    io.type = MESOS__V1__AGENT__PROCESS_IO__TYPE__CONTROL;
    io.control = &control;
    loop_timer_start(&output->heartbeat, interval.nanoseconds / NS_PER_MS);
    write_record(output, &io);
}

static void
output_start(struct output *output)
{
    const char *encoding = output->json ? "application/json" : "application/x-protobuf";
    struct http_header header = {STR_LIT("Message-Content-Type"), str_of(encoding)};
    output->started = true;
    http_stream_on_drain(output->exchange, on_sent, output);
    http_stream_start(output->exchange, 200, &header, output->record_type ? 1 : 0,
                      output->record_type ? "application/recordio" : encoding);
    loop_timer_start(&output->heartbeat, output->agent->options->http_heartbeat_interval_ns / NS_PER_MS);
}

/* The switchboard says no more. whole: because the container has ended. */
static void
output_end(struct output *output, bool whole, const char *why)
{
    struct http_exchange *exchange = output->exchange;
    if (output->session && !whole)
        session_destroy(output);
    if (!output->started)
        http_reply_text(exchange, 500, "%s", why);
    else if (whole)
        http_stream_end(exchange);
    else
        http_exchange_abort(exchange);
    output_free(output);
}

static void
on_output_data(struct stream *stream, struct buf *in, void *arg)
{
    struct output *output = arg;
    struct mesos_io_frame head;
    struct str bytes;
    int rc;
    (void)stream;
    while ((rc = take_frame(in, &head, &bytes)) > 0) {
        bool over = head.kind == MESOS_IO_END;
        if (head.kind == MESOS_IO_ATTACHED && !output->started) {
            output_start(output);
        } else if (head.kind == MESOS_IO_REFUSED || (over && !output->started)) {
            auto_free char *why = str_dup(over ? STR_LIT("Disconnected") : bytes);
            output_end(output, over, why);
            return;
        } else if (over) {
            output_end(output, true, NULL);
            return;
        } else if (head.kind == MESOS_IO_STDOUT || head.kind == MESOS_IO_STDERR) {
            write_data(output, head.kind, bytes);
        }
        buf_consume(in, sizeof(head) + head.len);
    }
    if (rc < 0)
        output_end(output, false, "the I/O switchboard speaks nonsense");
}

static void
on_output_close(struct stream *stream, const struct err *err, void *arg)
{
    (void)stream;
    (void)err;
    output_end(arg, false, "Disconnected");
}

static const struct stream_handler output_handler = {.on_data = on_output_data, .on_close = on_output_close};

/* Answers by itself when it cannot; output is gone then. */
static void
output_attach(struct output *output)
{
    struct err err = {0};
    int fd = containerizer_attach(output->module, output->container_id, &err);
    if (fd < 0) {
        if (output->session)
            session_destroy(output);
        http_reply_text(output->exchange, 500, "%s", err.text);
        output_free(output);
        return;
    }
    http_exchange_on_gone(output->exchange, on_output_gone, output);
    output->stream = stream_adopt(output->agent->loop, fd, &output_handler, output);
    send_attach(output->stream, output->session ? MESOS_IO_SESSION : MESOS_IO_OUTPUT);
}

static struct output *
output_new(struct operator_call *op, const char *container_id)
{
    struct output *output = xcalloc(1, sizeof(*output));
    output->agent = op->agent;
    output->exchange = op->exchange;
    output->json = op->json;
    output->record_type = op->stream_out;
    output->container_id = xstrdup(container_id);
    loop_timer_init(&output->heartbeat, op->agent->loop, on_heartbeat, output);
    return output;
}

void
operator_attach_container_output(struct operator_call *op)
{
    const char *id;
    if (!operator_containers_ready(op) ||
        !(id = operator_container_id(op, op->call->attach_container_output->container_id,
                                     "attach_container_output.container_id")) ||
        !operator_admits(op, id, MESOS_ACTION_ATTACH_CONTAINER_OUTPUT))
        return;
    struct module *module = containerizer_of(op->agent, id);
    if (!module) {
        http_reply_text(op->exchange, 500, "Unknown container %s", id);
        return;
    }
    struct output *output = output_new(op, id);
    output->module = module;
    output_attach(output);
}

/* ---- sessions ---- */

static void
on_session_launched(struct http_exchange *exchange, struct module *module, void *arg)
{
    struct output *output = arg;
    (void)exchange;
    output->module = module;
    output_attach(output);
}

static void
on_session_dropped(void *arg)
{
    output_free(arg);
}

void
operator_launch_nested_container_session(struct operator_call *op)
{
    const Mesos__V1__Agent__Call__LaunchNestedContainerSession *body = op->call->launch_nested_container_session;
    struct container_wish wish = {.command = body->command, .container = body->container, .debug = true};
    if (!operator_containers_ready(op) ||
        !(wish.id = operator_nested_id(op, body->container_id, "launch_nested_container_session.container_id")))
        return;
    struct output *output = output_new(op, wish.id);
    output->session = true;
    operator_launch(op, &wish, on_session_launched, output, on_session_dropped);
}

/* ---- input ---- */

struct input {
    struct agent *agent;
    struct http_exchange *exchange;
    struct stream *stream;
    bool json, attached;
    bool ended; /* the client has said all; the switchboard is to take it */
};

static void
input_free(struct input *input)
{
    stream_close(input->stream);
    free(input);
}

static void
input_refuse(struct input *input, int status, const char *text)
{
    struct http_exchange *exchange = input->exchange;
    input_free(input);
    http_reply_text(exchange, status, "%s", text);
}

static void
on_input_gone(struct http_exchange *exchange, void *arg)
{
    (void)exchange;
    input_free(arg);
}

/* What is wrong with a record that follows the first; NULL: nothing. The names are those of the call's members. */
static const char *
input_wrong(const Mesos__V1__Agent__Call *call)
{
    const Mesos__V1__Agent__Call__AttachContainerInput *body = call->attach_container_input;
    const ProcessIO *io = body ? body->process_io : NULL;
#define EXPECT(member) return "Expecting 'attach_container_input" member "' to be present"
    if (!body || call->type != MESOS__V1__AGENT__CALL__TYPE__ATTACH_CONTAINER_INPUT)
        return "Expecting 'attach_container_input' to be present";
    if (!body->has_type)
        EXPECT(".type");
    if (body->type != MESOS__V1__AGENT__CALL__ATTACH_CONTAINER_INPUT__TYPE__PROCESS_IO)
        return "Expecting 'attach_container_input.type' to be PROCESS_IO";
    if (!io)
        EXPECT(".process_io");
    if (!io->has_type)
        EXPECT(".process_io.type");
    if (io->type == MESOS__V1__AGENT__PROCESS_IO__TYPE__DATA) {
        if (!io->data)
            EXPECT(".process_io.data");
        if (!io->data->has_type)
            EXPECT(".process_io.data.type");
        if (io->data->type != MESOS__V1__AGENT__PROCESS_IO__DATA__TYPE__STDIN)
            return "Expecting 'attach_container_input.process_io.data.type' to be STDIN";
        if (!io->data->has_data)
            EXPECT(".process_io.data.data");
        return NULL;
    }
    if (io->type != MESOS__V1__AGENT__PROCESS_IO__TYPE__CONTROL)
        return "Expecting 'attach_container_input.process_io.type' to be DATA or CONTROL";
    if (!io->control)
        EXPECT(".process_io.control");
    if (!io->control->has_type)
        EXPECT(".process_io.control.type");
    if (io->control->type == MESOS__V1__AGENT__PROCESS_IO__CONTROL__TYPE__TTY_INFO && !io->control->tty_info)
        EXPECT(".process_io.control.tty_info");
    if (io->control->type == MESOS__V1__AGENT__PROCESS_IO__CONTROL__TYPE__HEARTBEAT && !io->control->heartbeat)
        EXPECT(".process_io.control.heartbeat");
    return NULL;
#undef EXPECT
}

static void
send_input(struct input *input, const ProcessIO *io)
{
    if (io->type == MESOS__V1__AGENT__PROCESS_IO__TYPE__DATA) {
        const uint8_t *data = io->data->data.data;
        size_t left = io->data->data.len;
        do {
            size_t n = left < MESOS_IO_MAX ? left : MESOS_IO_MAX;
            send_frame(input->stream, MESOS_IO_STDIN, data, n);
            data += n;
            left -= n;
        } while (left);
    } else if (io->control->tty_info && io->control->tty_info->window_size) {
        const Mesos__V1__TTYInfo__WindowSize *size = io->control->tty_info->window_size;
        struct mesos_io_window window = {(uint16_t)(size->rows > UINT16_MAX ? UINT16_MAX : size->rows),
                                         (uint16_t)(size->columns > UINT16_MAX ? UINT16_MAX : size->columns)};
        send_frame(input->stream, MESOS_IO_WINDOW, &window, sizeof(window));
    }
}

/* False when the stream has been refused and input is gone. */
static bool
take_record(struct input *input, struct str record)
{
    struct err err = {0};
    auto_arena struct arena *arena = arena_new(0);
    const Mesos__V1__Agent__Call *call = operator_decode(record, input->json, arena, &err);
    const char *wrong = call ? input_wrong(call) : NULL;
    if (!call) {
        input_refuse(input, 400, err.text);
        return false;
    }
    if (wrong) {
        auto_free char *text = xasprintf("Failed to validate agent::Call: %s", wrong);
        input_refuse(input, 400, text);
        return false;
    }
    send_input(input, call->attach_container_input->process_io);
    return true;
}

/* A record that is longer than anybody types is refused before it has come. */
static bool
too_long(const struct buf *body)
{
    struct str head = buf_str(body);
    uint64_t length;
    const char *end = memchr(head.ptr, '\n', head.len < 24 ? head.len : 24);
    if (!end)
        return head.len >= 24;
    return !str_to_u64(str_n(head.ptr, (size_t)(end - head.ptr)), &length) && length > INPUT_RECORD_MAX;
}

static void
on_input_body(struct http_exchange *exchange, struct buf *body, bool end, void *arg)
{
    struct input *input = arg;
    struct str record;
    struct err err = {0};
    size_t used;
    int rc = 0;
    while (body->len) {
        if (too_long(body)) {
            auto_free char *text = xasprintf("A record of ATTACH_CONTAINER_INPUT has at most %u bytes", INPUT_RECORD_MAX);
            input_refuse(input, 413, text);
            return;
        }
        rc = recordio_read(body, &record, &used, &err);
        if (rc <= 0)
            break;
        if (!take_record(input, record))
            return;
        buf_consume(body, used);
    }
    if (rc < 0 || (end && body->len)) {
        input_refuse(input, 400, rc < 0 ? err.text : "Received EOF in the middle of a record");
        return;
    }
    if (end) {
        input->ended = true;
        if (input->attached)
            stream_finish(input->stream);
    } else if (stream_queued(input->stream) > SLOW_BYTES) {
        http_exchange_pause_body(exchange, true);
    }
}

static void
on_input_drain(struct stream *stream, void *arg)
{
    struct input *input = arg;
    (void)stream;
    if (!input->ended)
        http_exchange_pause_body(input->exchange, false);
}

static void
on_input_data(struct stream *stream, struct buf *in, void *arg)
{
    struct input *input = arg;
    struct mesos_io_frame head;
    struct str bytes;
    int rc;
    while ((rc = take_frame(in, &head, &bytes)) > 0) {
        if (head.kind == MESOS_IO_REFUSED) {
            auto_free char *why = str_dup(bytes);
            input_refuse(input, 409, why);
            return;
        }
        if (head.kind == MESOS_IO_ATTACHED && !input->attached) {
            input->attached = true;
            if (input->ended)
                stream_finish(stream);
        }
        buf_consume(in, sizeof(head) + head.len);
    }
    if (rc < 0)
        input_refuse(input, 500, "the I/O switchboard speaks nonsense");
}

/* It has taken everything, or the container has ended before. */
static void
on_input_close(struct stream *stream, const struct err *err, void *arg)
{
    struct input *input = arg;
    struct http_exchange *exchange = input->exchange;
    bool whole = input->ended && input->attached && err->code == 0;
    (void)stream;
    if (!whole) {
        input_refuse(input, 500, "Disconnected");
        return;
    }
    input_free(input);
    operator_reply_done(exchange);
}

static const struct stream_handler input_handler = {
    .on_data = on_input_data, .on_drain = on_input_drain, .on_close = on_input_close};

void
operator_attach_container_input(struct operator_call *op)
{
    const Mesos__V1__Agent__Call__AttachContainerInput *body = op->call->attach_container_input;
    struct err err = {0};
    const char *id;
    if (!operator_containers_ready(op))
        return;
    if (!body->has_type || body->type != MESOS__V1__AGENT__CALL__ATTACH_CONTAINER_INPUT__TYPE__CONTAINER_ID) {
        http_reply_text(op->exchange, 400,
                        "Failed to validate agent::Call: Expecting 'attach_container_input.type' to be CONTAINER_ID "
                        "in the first record");
        return;
    }
    if (!body->container_id) {
        http_reply_text(op->exchange, 400, "Failed to validate agent::Call: Expecting "
                                           "'attach_container_input.container_id' to be present");
        return;
    }
    if (!(id = operator_container_id(op, body->container_id, "attach_container_input.container_id")) ||
        !operator_admits(op, id, MESOS_ACTION_ATTACH_CONTAINER_INPUT))
        return;
    struct module *module = containerizer_of(op->agent, id);
    if (!module) {
        http_reply_text(op->exchange, 500, "Unknown container %s", id);
        return;
    }
    int fd = containerizer_attach(module, id, &err);
    if (fd < 0) {
        http_reply_text(op->exchange, 500, "%s", err.text);
        return;
    }
    operator_audit(op->agent, op->exchange, "ATTACH_CONTAINER_INPUT", id, NULL);
    struct input *input = xcalloc(1, sizeof(*input));
    input->agent = op->agent;
    input->exchange = op->exchange;
    input->json = op->json_in;
    http_exchange_on_gone(op->exchange, on_input_gone, input);
    http_exchange_on_body(op->exchange, on_input_body, input);
    input->stream = stream_adopt(op->agent->loop, fd, &input_handler, input);
    send_attach(input->stream, MESOS_IO_INPUT);
}
