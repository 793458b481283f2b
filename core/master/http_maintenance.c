/* SPDX-License-Identifier: Apache-2.0 */
/* /maintenance/schedule, /maintenance/status, /machine/down and /machine/up: the legacy door to maintenance. Their bodies are
 * JSON whatever the Content-Type says. */
#include "master/http.h"
#include "master/maintenance.h"
#include "mesos/v1/master/master.pb-c.h"
#include "wire/json_token.h"
#include "wire/message.h"

static void
show(struct http_exchange *exchange, const void *message)
{
    auto_buf struct buf out = {0};
    message_to_json(&out, message);
    reply_json(exchange, buf_str(&out));
}

/* These endpoints say what is wrong without the words about a Call, which theirs is not. */
static void
refuse(struct http_exchange *exchange, const struct err *err)
{
    static const char json[] = "Failed to parse body into JSON: ", convert[] = "Failed to convert JSON into ";
    static const char end[] = " protobuf: ";
    const char *text = err->text, *after;
    if (strncmp(text, json, strlen(json)) == 0)
        text += strlen(json);
    else if (strncmp(text, convert, strlen(convert)) == 0 && (after = strstr(text, end)))
        text = after + strlen(end);
    http_reply_text(exchange, 400, "%s", text);
}

void
http_maintenance_schedule(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    const struct http_request *request = http_exchange_request(exchange);
    struct err err;
    if (!str_is(request->method, "POST")) {
        show(exchange, maintenance_schedule_for(master, exchange));
        return;
    }
    Schedule *schedule = MESSAGE_FROM_JSON(Schedule, mesos__v1__maintenance__schedule, buf_str(&request->body),
                                           request->arena, &err);
    if (schedule)
        maintenance_update(master, exchange, schedule);
    else
        refuse(exchange, &err);
}

void
http_maintenance_status(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    show(exchange, maintenance_status_for(master, exchange, http_exchange_request(exchange)->arena));
}

typedef Mesos__V1__Master__Call__StartMaintenance Machines;

/* The body is an array, which no message is: it is read as the member of one. */
static const Machines *
read_machines(struct http_exchange *exchange)
{
    const struct http_request *request = http_exchange_request(exchange);
    struct str body = str_trim(buf_str(&request->body));
    auto_buf struct buf whole = {0};
    struct err err;
    Machines *machines = NULL;
    if (!json_check(body, &err)) {
        refuse(exchange, &err);
        return NULL;
    }
    if (!body.len || body.ptr[0] != '[') {
        http_reply_text(exchange, 400, "Unexpected JSON type parsed");
        return NULL;
    }
    buf_append_str(&whole, STR_LIT("{\"machines\":"));
    buf_append_str(&whole, body);
    buf_putc(&whole, '}');
    machines = MESSAGE_FROM_JSON(Machines, mesos__v1__master__call__start_maintenance, buf_str(&whole), request->arena,
                                 &err);
    if (!machines)
        refuse(exchange, &err);
    return machines;
}

void
http_machine_down(struct http_exchange *exchange, void *arg)
{
    const Machines *machines = read_machines(exchange);
    if (machines)
        maintenance_start(arg, exchange, machines->machines, machines->n_machines);
}

void
http_machine_up(struct http_exchange *exchange, void *arg)
{
    const Machines *machines = read_machines(exchange);
    if (machines)
        maintenance_stop(arg, exchange, machines->machines, machines->n_machines);
}
