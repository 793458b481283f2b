/* SPDX-License-Identifier: Apache-2.0 */
/* /logging/toggle: more words in the log for a while. Errors in Mesos's words. */
#include "base/log.h"
#include "base/units.h"
#include "daemon/builtin.h"

void
builtin_toggle_over(void *arg)
{
    struct daemon *daemon = arg;
    log_verbosity = daemon->toggle_back;
}

void
daemon_logging_set(struct daemon *daemon, int level, int64_t duration_ns)
{
    if (!loop_timer_running(&daemon->toggle))
        daemon->toggle_back = log_verbosity;
    log_verbosity = level;
    loop_timer_start_ns(&daemon->toggle, duration_ns);
}

int
daemon_logging_get(const struct daemon *daemon)
{
    return log_verbosity;
}

void
builtin_logging_toggle(struct http_exchange *exchange, void *arg)
{
    struct daemon *daemon = arg;
    const struct http_request *request = http_exchange_request(exchange);
    struct str level = http_param_get(request, "level"), duration = http_param_get(request, "duration");
    struct err err = {0};
    int64_t verbosity, duration_ns;
    if (level.ptr == NULL && duration.ptr == NULL)
        http_reply_text(exchange, 200, "%d\n", log_verbosity);
    else if (level.ptr == NULL)
        http_reply_text(exchange, 400, "Expecting 'level=value' in query.\n");
    else if (duration.ptr == NULL)
        http_reply_text(exchange, 400, "Expecting 'duration=value' in query.\n");
    else if (str_to_i64(level, &verbosity) < 0)
        http_reply_text(exchange, 400, "Failed to convert '%.*s' to number.\n", STR_ARG(level));
    else if (verbosity < 0 || verbosity > INT32_MAX)
        http_reply_text(exchange, 400, "Invalid level '%.*s'.\n", STR_ARG(level));
    else if (duration_parse(duration, &duration_ns, &err) < 0)
        http_reply_text(exchange, 400, "%s.\n", err.text);
    else {
        daemon_logging_set(daemon, (int)verbosity, duration_ns);
        auto_free char *what = xasprintf("level %d", (int)verbosity);
        audit_write(daemon->audit, audit_asker(exchange), "/logging/toggle", what, NULL);
        http_reply(exchange, 200, NULL, STR_LIT(""));
    }
}
