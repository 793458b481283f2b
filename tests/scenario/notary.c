/* SPDX-License-Identifier: Apache-2.0 */
/* See notary.h. */
#include "notary.h"

#include "daemon/daemon.h"

struct notary notary;

struct seal {
    uint32_t action;
    char *principal;
};

static void *
approver_make(void *instance, const struct mesos_principal *principal, uint32_t action, uint32_t *ret_reads)
{
    struct seal *seal = xcalloc(1, sizeof(*seal));
    (void)instance;
    seal->action = action;
    seal->principal = principal && principal->value ? xstrdup(principal->value) : NULL;
    if (principal && principal->claim_count) {
        auto_free char *name = take(&seal->principal);
        seal->principal = xasprintf("%s+%s=%s", name, principal->claims[0].key, principal->claims[0].value);
    }
    *ret_reads = notary.reads;
    for (size_t i = 0; i < notary.count; i++)
        if (notary.refusals[i].action == action && notary.refusals[i].value)
            *ret_reads |= MESOS_OBJECT_VALUE;
    return seal;
}

static int
approved(void *instance, void *approver, const struct mesos_object *object)
{
    const struct seal *seal = approver;
    (void)instance;
    notary.asked++;
    notary.asked_about[seal->action]++;
    for (size_t i = 0; i < notary.count; i++) {
        const struct refusal *no = &notary.refusals[i];
        if (no->action != seal->action)
            continue;
        if (no->principal && (!seal->principal || strcmp(no->principal, seal->principal) != 0))
            continue;
        if (!no->value || (object && object->value && strcmp(object->value, no->value) == 0))
            return 0;
    }
    return 1;
}

static void
approver_end(void *instance, void *approver)
{
    struct seal *seal = approver;
    (void)instance;
    free(seal->principal);
    free(seal);
}

static uint64_t
generation(void *instance)
{
    (void)instance;
    return notary.generation;
}

static const struct mesos_authorizer_ops ops = {
    .approver_new = approver_make, .approved = approved, .approver_free = approver_end, .generation = generation};
static const struct mesos_module module =
    MODULE_DOUBLE(MESOS_KIND_AUTHORIZER, "notary", "refuses what the test names", NULL, ops);

/* ---- who asks ---- */

struct reader {
    const struct mesos_host *host;
};

static int
reader_start(void *instance, const struct mesos_host *host)
{
    ((struct reader *)instance)->host = host;
    return 0;
}

static void
read_name(void *instance, const struct mesos_http_request *request, struct mesos_call *call)
{
    const char *said = NULL;
    auto_buf struct buf answer = {0};
    for (size_t i = 0; i < request->header_count; i++)
        if (strcmp(request->headers[i].name, "Authorization") == 0)
            said = request->headers[i].value;
    const char *claim = said ? strchr(said, '+') : NULL, *value = claim ? strchr(claim, '=') : NULL;
    if (!said)
        buf_printf(&answer, "challenge%cName%c", 0, 0);
    else if (value && claim == said)
        buf_printf(&answer, "claim.%.*s%c%s%c", (int)(value - claim - 1), claim + 1, 0, value + 1, 0);
    else if (!value)
        buf_printf(&answer, "principal%c%s%c", 0, said, 0);
    else
        buf_printf(&answer, "principal%c%.*s%cclaim.%.*s%c%s%c", 0, (int)(claim - said), said, 0, (int)(value - claim - 1),
                   claim + 1, 0, value + 1, 0);
    const struct mesos_host *host = ((struct reader *)instance)->host;
    host->reply(host, call, 0, (struct mesos_bytes){buf_data(&answer), answer.len});
}

static const struct mesos_http_authenticator_ops reader_ops = {.scheme = "Name", .authenticate = read_name};
static const struct mesos_module reader_module = {
    MESOS_MODULE(HTTP_AUTHENTICATOR, reader_ops, struct reader), .name = "reader", .start = reader_start};

static const struct mesos_module *const *
modules(void)
{
    static const struct mesos_module *const all[] = {&module, &reader_module, NULL};
    return all;
}

void
notary_forget(void)
{
    notary.count = 0;
    notary.generation++;
}

void
notary_refuse(enum mesos_action action, const char *value, const char *principal)
{
    assert_true(notary.count < REFUSALS);
    notary.refusals[notary.count++] = (struct refusal){action, value, principal};
    notary.generation++;
}

static bool
is_leading(void *arg)
{
    return master_leading(((struct world *)arg)->master);
}

static struct world *
begin(size_t first, size_t count)
{
    static struct module *readers[1];
    static const struct daemon_realm realms[] = {{.name = "mesos-master-readonly", .authenticators = readers, .count = 1},
                                                 {.name = "mesos-master-readwrite", .authenticators = readers, .count = 1},
                                                 {.name = "mesos-master-scheduler", .authenticators = readers, .count = 1}};
    struct world *w = world_new();
    struct err err = {0};
    const char *keys[] = {NULL};
    memset(&notary, 0, sizeof(notary));
    assert_int_equal(host_add_linked(w->host, modules, "test", &err), 0);
    w->authorizer = host_start(w->host, MESOS_KIND_AUTHORIZER, "notary", keys, keys, 0, &err);
    assert_string_equal(w->authorizer ? "" : err.text, "");
    if (count) {
        readers[0] = host_start(w->host, MESOS_KIND_HTTP_AUTHENTICATOR, "reader", keys, keys, 0, &err);
        assert_string_equal(readers[0] ? "" : err.text, "");
        w->realms = realms + first;
        w->realm_count = count;
    }
    start_master(w);
    assert_true(loop_run_until(w->loop, is_leading, w, 1000));
    return w;
}

struct world *
world_ruled(void)
{
    return begin(0, 0);
}

struct world *
world_ruled_by_name(void)
{
    return begin(0, 2);
}

struct world *
world_ruled_schedulers_by_name(void)
{
    return begin(2, 1);
}

static void
on_answer(const struct http_response *response, void *arg)
{
    struct world *w = arg;
    w->status = response->status;
    buf_clear(&w->got);
    buf_append_str(&w->got, buf_str(response->body));
}

static void
on_error(const struct err *err, void *arg)
{
    (void)err;
    ((struct world *)arg)->status = -1;
}

int
ask(struct world *w, const char *method, const char *path, const char *type, const char *body)
{
    static const struct http_call_handler handler = {.on_response = on_answer, .on_error = on_error};
    const struct http_header headers[] = {{STR_LIT("Accept"), STR_LIT("application/json")},
                                          {STR_LIT("Content-Type"), str_of(type ? type : "")}};
    struct http_client *client = http_client_new(w->loop, &w->master_at, "10.0.0.1:5050");
    w->status = 0;
    buf_clear(&w->got);
    http_client_send(client, method, path, headers, type ? 2 : 1, body ? str_of(body) : (struct str){0}, 0, &handler, w);
    pass(w, 60);
    http_client_free(client);
    return w->status;
}

int
operator_asks(struct world *w, const char *body)
{
    return ask(w, "POST", "/api/v1", "application/json", body);
}
