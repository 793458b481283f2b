/* SPDX-License-Identifier: Apache-2.0 */
/* Hands each libprocess message to its function, decoded. Unknown and malformed ones are counted, logged and
 * dropped. */
#include "master/messages.h"

#include "base/log.h"
#include "master/login.h"
#include "wire/message.h"

typedef void handle_fn(struct master *master, const struct upid *from, struct str body, struct err *err);

#define MESSAGE(name, function, Type, type)                                                                  \
    static void handle_##function(struct master *master, const struct upid *from, struct str body,           \
                                  struct err *err)                                                           \
    {                                                                                                        \
        Type *message = MESSAGE_UNPACK(Type, type, body, master->arena, err);                                \
        if (message)                                                                                         \
            function(master, from, message, body);                                                           \
    }
#include "master/messages.def"
#undef MESSAGE

static const struct {
    const char *name;
    handle_fn *handle;
} table[] = {
#define MESSAGE(name, function, Type, type) {name, handle_##function},
#include "master/messages.def"
#undef MESSAGE
};

void
messages_handle(struct master *master, const struct upid *from, struct str to, struct str name,
                struct str body)
{
    static const struct str prefix = {"mesos.internal.", sizeof("mesos.internal.") - 1};
    struct err err = {0};
    char pid[400];
    if (!master->leading || master->ended) {
        log_verbose(1, "drop %.*s: not leading", STR_ARG(name));
        metric_inc(master->m.dropped_messages);
        return;
    }
    if (login_message(master, from, to, name, body))
        return;
    if (str_is(name, "mesos.internal.PongSlaveMessage")) {
        agent_pong(master, from, to);
        return;
    }
    master->handled = (struct handled){from, to, name, body};
    struct str rest = str_starts(name, prefix) ? str_n(name.ptr + prefix.len, name.len - prefix.len) : name;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (!str_is(rest, table[i].name))
            continue;
        table[i].handle(master, from, body, &err);
        if (err.code) {
            metric_inc(master->m.dropped_messages);
            log_warning("drop %.*s from %s: %s", STR_ARG(name), upid_format(from, pid), err.text);
        }
        master_arena_reset(master);
        return;
    }
    metric_inc(master->m.dropped_messages);
    log_verbose(1, "drop %.*s from %s: no such message", STR_ARG(name), upid_format(from, pid));
}
