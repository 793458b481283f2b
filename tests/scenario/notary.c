/* SPDX-License-Identifier: Apache-2.0 */
/* See notary.h. */
#include "notary.h"

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
static const struct mesos_module module = {
    .abi = MESOS_ABI,
    .size = sizeof(struct mesos_module),
    .host_size = sizeof(struct mesos_host),
    .ops_size = sizeof(struct mesos_authorizer_ops),
    .kind = MESOS_KIND_AUTHORIZER,
    .instance_size = 8,
    .name = "notary",
    .version = "1",
    .author = "tests",
    .summary = "refuses what the test names",
    .ops = &ops,
};

static const struct mesos_module *const *
modules(void)
{
    static const struct mesos_module *const all[] = {&module, NULL};
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

struct world *
world_ruled(void)
{
    struct world *w = world_new();
    struct err err = {0};
    const char *keys[] = {NULL};
    memset(&notary, 0, sizeof(notary));
    assert_int_equal(host_add_linked(w->host, modules, "test", &err), 0);
    w->authorizer = host_start(w->host, MESOS_KIND_AUTHORIZER, "notary", keys, keys, 0, &err);
    assert_string_equal(w->authorizer ? "" : err.text, "");
    start_master(w);
    assert_true(loop_run_until(w->loop, is_leading, w, 1000));
    return w;
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
