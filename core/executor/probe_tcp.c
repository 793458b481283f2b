/* SPDX-License-Identifier: Apache-2.0 */
/* Connects to a port of the task and hangs up: whoever accepts is there. */
#include "executor/network_of.h"
#include "executor/probe.h"
#include "loop/stream.h"

struct tcp_probe {
    struct probe base;
    struct stream *stream;
    struct loop_timer soon; /* the network was not found */
    struct err err;
};

static void
tcp_cancel(struct probe *base)
{
    struct tcp_probe *probe = container_of(base, struct tcp_probe, base);
    if (probe->stream)
        stream_close(probe->stream);
    loop_timer_stop(&probe->soon);
    free(probe);
}

static void
done(struct tcp_probe *probe, int value)
{
    struct probe base = probe->base;
    tcp_cancel(&probe->base);
    base.done(PROBE_VALUE, value, NULL, base.arg);
}

static void
on_connect(struct stream *stream, void *arg)
{
    done(arg, 1);
}

static void
on_soon(void *arg)
{
    struct tcp_probe *probe = arg;
    struct probe base = probe->base;
    struct err err = probe->err;
    tcp_cancel(&probe->base);
    base.done(PROBE_FAILED, 0, &err, base.arg);
}

static void
on_data(struct stream *stream, struct buf *in, void *arg)
{
    buf_clear(in);
}

static void
on_close(struct stream *stream, const struct err *err, void *arg)
{
    done(arg, 0);
}

struct probe *
probe_tcp(const struct probe_tools *tools, const struct probe_target *target, probe_done_fn *done_fn, void *arg)
{
    static const struct probe_kind kind = {tcp_cancel, NULL};
    static const struct stream_handler handler = {
        .on_connect = on_connect, .on_data = on_data, .on_close = on_close};
    struct tcp_probe *probe = xcalloc(1, sizeof(*probe));
    struct address to;
    char text[64];
    int back;
    probe->base = (struct probe){&kind, done_fn, arg};
    probe_address(target, &to, text);
    loop_timer_init(&probe->soon, tools->loop, on_soon, probe);
    if (network_enter(tools->network_of, &back, &probe->err) == 0)
        probe->stream = stream_connect(tools->loop, &to, &handler, probe);
    else
        loop_timer_start(&probe->soon, 0);
    network_leave(back);
    return &probe->base;
}
