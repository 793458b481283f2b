/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two modules in one library for a cluster behind a proxy that knows people already. The http_authenticator takes the name that
 * the proxy put into a header, from the proxy's address alone; the authorizer lets everybody who has a name look, and a few
 * change things. Built outside the tree: see Makefile. Contracts: mesos/http_authenticator.h, mesos/authorizer.h.
 */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <mesos/authorizer.h>
#include <mesos/http_authenticator.h>

enum { NAME_MAX_BYTES = 255 };

/* ---- who it is ---- */

struct gate {
    const struct mesos_host *host;
    const char *proxy, *header; /* options */
};

static int
gate_start(void *instance, const struct mesos_host *host)
{
    ((struct gate *)instance)->host = host;
    return 0;
}

/* peer is "address:port", and the port is another one each time. */
static bool
is_proxy(const struct gate *gate, const char *peer)
{
    size_t len = strlen(gate->proxy);
    return strncmp(peer, gate->proxy, len) == 0 && peer[len] == ':';
}

/* NULL: it stands there twice, is empty or too long, or is not there. */
static const char *
name_of(const struct gate *gate, const struct mesos_http_request *request)
{
    const char *name = NULL;
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, gate->header) != 0)
            continue;
        if (name)
            return NULL;
        name = request->headers[i].value;
    }
    return name && *name && strlen(name) <= NAME_MAX_BYTES ? name : NULL;
}

/* The answer is strings in pairs, each with the NUL at its end. */
static void
authenticate(void *instance, const struct mesos_http_request *request, struct mesos_call *call)
{
    const struct gate *gate = instance;
    const char *name = is_proxy(gate, request->peer) ? name_of(gate, request) : NULL;
    const char *key = name ? "principal" : "forbidden";
    const char *value = name ? name : "it did not come through the proxy";
    char answer[16 + NAME_MAX_BYTES + 2];
    int len = snprintf(answer, sizeof answer, "%s%c%s", key, '\0', value);
    gate->host->reply(gate->host, call, 0, (struct mesos_bytes){answer, (size_t)len + 1});
}

static const struct mesos_http_authenticator_ops gate_ops = {.scheme = "Gate", .authenticate = authenticate};
static const struct mesos_option gate_options[] = {
    {"proxy", MESOS_OPTION_STRING, offsetof(struct gate, proxy), "127.0.0.1", "The proxy's address."},
    {"header", MESOS_OPTION_STRING, offsetof(struct gate, header), "X-Remote-User", "The header that it sets."},
    {NULL, 0, 0, NULL, NULL},
};

static const struct mesos_module gate = {
    MESOS_MODULE(HTTP_AUTHENTICATOR, gate_ops, struct gate),
    .name = "org_example_gate",
    .version = "1",
    .author = "example.org",
    .summary = "believes the header of a proxy",
    .options = gate_options,
    .start = gate_start,
};

/* ---- what it may ---- */

struct keeper {
    const char *changers; /* option */
};

struct approver {
    bool yes; /* to this action, whatever it is done to */
};

/* Is it one of the comma list? */
static bool
is_among(const char *list, const char *name)
{
    size_t len = strlen(name);
    if (strchr(name, ','))
        return false; /* no entry has one */
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, len) == 0 && (at[len] == ',' || !at[len]))
            return true;
    }
    return false;
}

static bool
is_look(uint32_t action)
{
    static const uint32_t looks[] = {MESOS_ACTION_VIEW_FRAMEWORK, MESOS_ACTION_VIEW_TASK, MESOS_ACTION_VIEW_EXECUTOR,
                                     MESOS_ACTION_VIEW_ROLE, MESOS_ACTION_VIEW_CONTAINER, MESOS_ACTION_GET_ENDPOINT_WITH_PATH};
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
        if (looks[i] == action)
            return true;
    return false;
}

/* Frameworks and agents of this example have no names, so that what they do is allowed to nobody in particular. */
static bool
is_machine(uint32_t action)
{
    return action == MESOS_ACTION_REGISTER_FRAMEWORK || action == MESOS_ACTION_RUN_TASK || action == MESOS_ACTION_REGISTER_AGENT;
}

static void *
approver_new(void *instance, const struct mesos_principal *principal, uint32_t action, uint32_t *ret_reads)
{
    const struct keeper *keeper = instance;
    const char *name = principal ? principal->value : NULL;
    struct approver *approver = calloc(1, sizeof *approver);
    if (!approver)
        abort();
    approver->yes = is_machine(action) || (name && (is_look(action) || is_among(keeper->changers, name)));
    *ret_reads = 0; /* one answer for all objects */
    return approver;
}

static int
approved(void *instance, void *approver, const struct mesos_object *object)
{
    (void)instance;
    (void)object;
    return ((struct approver *)approver)->yes;
}

static void
approver_free(void *instance, void *approver)
{
    (void)instance;
    free(approver);
}

static const struct mesos_authorizer_ops keeper_ops = {
    .approver_new = approver_new, .approved = approved, .approver_free = approver_free};
static const struct mesos_option keeper_options[] = {
    {"changers", MESOS_OPTION_STRING, offsetof(struct keeper, changers), "", "Who may change things, with commas."},
    {NULL, 0, 0, NULL, NULL},
};

static const struct mesos_module keeper = {
    MESOS_MODULE(AUTHORIZER, keeper_ops, struct keeper),
    .name = "org_example_keeper",
    .version = "1",
    .author = "example.org",
    .summary = "everybody may look, few may change",
    .options = keeper_options,
};

MESOS_MODULES(&gate, &keeper);
