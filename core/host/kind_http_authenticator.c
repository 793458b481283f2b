/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind http_authenticator, and the reading of its answers. */
#include "host/kind_http_authenticator.h"

#include <errno.h>

#include "base/buf.h"

static const struct mesos_http_authenticator_ops *
ops(const struct module *module)
{
    return module_ops(module);
}

void
http_authenticator_ask(struct module *module, const struct mesos_http_request *request, host_done_fn *done, void *arg)
{
    struct mesos_call *call = host_call_new(module, "authenticate", HTTP_AUTHENTICATOR_TIMEOUT_MS, done, arg);
    ops(module)->authenticate(module_instance(module), request, call);
}

const char *
http_authenticator_scheme(const struct module *module)
{
    return ops(module)->scheme;
}

/* ---- answers ---- */

struct reading {
    struct arena *arena;
    struct http_verdict verdict;
    struct mesos_principal *principal;
    struct mesos_claim claims[HTTP_ANSWER_ITEMS];
};

static struct mesos_principal *
principal_of(struct reading *reading)
{
    if (!reading->principal) {
        reading->principal = arena_calloc(reading->arena, 1, sizeof(*reading->principal));
        reading->principal->size = sizeof(*reading->principal);
    }
    return reading->principal;
}

static int
take_pair(struct reading *reading, const char *name, const char *value, struct err *err)
{
    struct http_verdict *verdict = &reading->verdict;
    if (strcmp(name, "principal") == 0 && *value) {
        principal_of(reading)->value = value;
    } else if (strncmp(name, "claim.", 6) == 0 && principal_of(reading)->claim_count < HTTP_ANSWER_ITEMS) {
        reading->claims[reading->principal->claim_count++] = (struct mesos_claim){name + 6, value};
    } else if (strcmp(name, "challenge") == 0 && verdict->challenge_count < HTTP_ANSWER_ITEMS) {
        verdict->challenges[verdict->challenge_count++] = value;
    } else if (strcmp(name, "forbidden") == 0) {
        verdict->forbidden = verdict->failed = value;
    } else if (strcmp(name, "failed") == 0) {
        verdict->failed = value;
    } else if (strcmp(name, "claimed") == 0) {
        verdict->claimed = value;
    } else {
        return err_set(err, -EPROTO, "an authenticator's answer has '%.80s' in a place where that makes no sense", name);
    }
    return 0;
}

/* The next string of the answer; NULL when none is whole. */
static const char *
next_string(struct str *rest)
{
    const char *end = rest->len ? memchr(rest->ptr, '\0', rest->len) : NULL;
    const char *text = rest->ptr;
    if (!end)
        return NULL;
    rest->len -= (size_t)(end - text) + 1;
    rest->ptr = end + 1;
    return text;
}

int
http_authenticator_read(struct mesos_bytes answer, struct arena *arena, struct http_verdict *ret, struct err *err)
{
    struct reading reading = {.arena = arena};
    struct str rest = str_n(arena_strdup(arena, str_n(answer.data, answer.len)), answer.len);
    struct http_verdict *verdict = &reading.verdict;
    while (rest.len > 0) {
        const char *name = next_string(&rest), *value = name ? next_string(&rest) : NULL;
        if (!value)
            return err_set(err, -EPROTO, "an authenticator's answer ends in the middle");
        if (take_pair(&reading, name, value, err) < 0)
            return err->code;
    }
    if ((reading.principal != NULL) + (verdict->forbidden != NULL) + (verdict->challenge_count > 0) != 1)
        return err_set(err, -EPROTO, "an authenticator's answer says neither who it is nor why not, or both");
    if (reading.principal) {
        size_t bytes = reading.principal->claim_count * sizeof(*reading.claims);
        struct mesos_claim *claims = arena_alloc(arena, bytes + 1);
        memcpy(claims, reading.claims, bytes);
        reading.principal->claims = claims;
        verdict->principal = reading.principal;
    }
    *ret = *verdict;
    return 0;
}

int
http_authenticator_issue(struct module *module, const struct mesos_principal *principal, char token[HTTP_TOKEN_BYTES],
                         struct err *err)
{
    if (!ops(module)->issue)
        return err_set(err, -ENOTSUP, "module '%s' makes no tokens", module_name(module));
    int code = ops(module)->issue(module_instance(module), principal, token, HTTP_TOKEN_BYTES);
    return code < 0 ? module_failure(module, code, err) : 0;
}
