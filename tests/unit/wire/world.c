/* SPDX-License-Identifier: Apache-2.0 */
/* See world.h. */
#include "world.h"

static void on_connect(struct stream *stream, void *arg);
static void on_data(struct stream *stream, struct buf *in, void *arg);
static void on_eof(struct stream *stream, void *arg);
static void on_close(struct stream *stream, const struct err *err, void *arg);
static const struct stream_handler handler = {
    .on_connect = on_connect, .on_data = on_data, .on_eof = on_eof, .on_close = on_close};

void
world_open(struct world *world)
{
    struct loop_options options = {.virtual_clock = true, .seed = 1};
    struct err err = {0};
    world->loop = loop_new(&options, &err);
    assert_non_null(world->loop);
    world->net = stream_net_new(world->loop, NULL);
}

void
world_close(struct world *world)
{
    stream_net_free(world->net);
    loop_free(world->loop);
}

static bool
never(void *arg)
{
    return false;
}

void
world_pass(struct world *world, int64_t ms)
{
    loop_run_until(world->loop, never, NULL, ms);
}

struct address
world_address(const char *text)
{
    struct address address = {0};
    struct err err = {0};
    if (address_parse(str_of(text), &address, &err) < 0)
        fail_msg("%s", err.text);
    return address;
}

void
caller_open(struct caller *caller, struct world *world, const char *to)
{
    struct address address = world_address(to);
    *caller = (struct caller){0};
    caller->stream = stream_connect(world->loop, &address, &handler, caller);
}

void
caller_adopt(struct caller *caller, struct stream *stream)
{
    *caller = (struct caller){.stream = stream, .connected = true};
    stream_handle(stream, &handler, caller);
}

void
caller_send(struct caller *caller, const char *text)
{
    stream_write(caller->stream, text, strlen(text));
}

void
caller_close(struct caller *caller)
{
    stream_close(caller->stream);
    caller->stream = NULL;
    buf_fini(&caller->in);
}

void
replace_dates(struct buf *text)
{
    static const char mark[] = "\r\nDate: ";
    struct buf out = {0};
    struct str rest = buf_str(text);
    for (;;) {
        const char *at = memmem(rest.ptr, rest.len, mark, sizeof(mark) - 1);
        size_t before = at ? (size_t)(at - rest.ptr) + sizeof(mark) - 1 : rest.len;
        buf_append(&out, rest.ptr, before);
        if (at == NULL)
            break;
        assert_true(rest.len >= before + 29 && memcmp(rest.ptr + before + 26, "GMT\r\n", 5) == 0);
        buf_putc(&out, 'D');
        rest = str_n(rest.ptr + before + 29, rest.len - before - 29);
    }
    buf_fini(text);
    *text = out;
}

const char *
caller_text(struct caller *caller)
{
    replace_dates(&caller->in);
    return buf_cstr(&caller->in);
}

void
caller_forget(struct caller *caller)
{
    buf_clear(&caller->in);
}

static void
on_connect(struct stream *stream, void *arg)
{
    struct caller *caller = arg;
    caller->connected = true;
}

static void
on_data(struct stream *stream, struct buf *in, void *arg)
{
    struct caller *caller = arg;
    buf_append_str(&caller->in, buf_str(in));
    buf_consume(in, in->len);
}

static void
on_eof(struct stream *stream, void *arg)
{
    struct caller *caller = arg;
    caller->eof = true;
}

static void
on_close(struct stream *stream, const struct err *err, void *arg)
{
    struct caller *caller = arg;
    caller->closed = true;
}
