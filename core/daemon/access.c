/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the authorizer for handlers and views, and keeps what it answered for as long as one request lasts. */
#include "daemon/access.h"

#include "base/arena.h"
#include "base/map.h"
#include "daemon/access_executor.h"
#include "host/kind_authorizer.h"
#include "wire/http_server.h"

struct access {
    struct module *authorizer; /* NULL = everything is allowed */
    struct audit *audit; /* NULL = none (tests) */
};

struct approver {
    struct access *access;
    enum mesos_action action;
    struct executor_identity *executor; /* its identity decides, and no rule */
    void *inner; /* the module's */
    bool refused; /* the module made none */
    uint32_t reads;
    struct map values; /* value -> kept_yes or kept_no; only when reads is MESOS_OBJECT_VALUE */
    struct arena *keys; /* theirs */
    int whole; /* the answer that holds for all objects, or -1 */
};

static const char kept_yes = 1, kept_no = 0;
enum { KEPT_MAX = 4096, KEYS_BYTES = 1024 }; /* values come from outside */

struct access *
access_new(struct module *authorizer, struct audit *audit)
{
    struct access *access = xcalloc(1, sizeof(*access));
    access->authorizer = authorizer;
    access->audit = audit;
    return access;
}

void
access_free(struct access *access)
{
    free(access);
}

bool
access_ruled(const struct access *access)
{
    return access->authorizer != NULL;
}

uint64_t
access_generation(const struct access *access)
{
    return access->authorizer ? authorizer_generation(access->authorizer) : 0;
}

const char *
access_action_name(enum mesos_action action)
{
    static const char *const names[] = {
#define ACTION_NAME(number, NAME) [number] = #NAME,
        MESOS_ACTIONS(ACTION_NAME)
#undef ACTION_NAME
    };
    return (size_t)action < ARRAY_LEN(names) && names[action] ? names[action] : "?";
}

/* ---- many objects ---- */

struct approver *
approver_new(struct access *access, const struct mesos_principal *principal, enum mesos_action action)
{
    struct approver *approver = xcalloc(1, sizeof(*approver));
    approver->access = access;
    approver->whole = -1;
    approver->action = action;
    approver->executor = executor_identity_new(principal);
    if (approver->executor)
        return approver;
    if (!access->authorizer) {
        approver->whole = 1;
        return approver;
    }
    approver->inner = authorizer_approver_new(access->authorizer, principal, action, &approver->reads);
    if (!approver->inner)
        approver->whole = 0;
    else if (approver->reads == 0)
        approver->whole = authorizer_approved(access->authorizer, approver->inner, NULL);
    return approver;
}

void
approver_free(struct approver *approver)
{
    if (!approver)
        return;
    if (approver->inner)
        authorizer_approver_free(approver->access->authorizer, approver->inner);
    executor_identity_free(approver->executor);
    map_fini(&approver->values);
    arena_free(approver->keys);
    free(approver);
}

int
approver_uniform(struct approver *approver)
{
    return approver->whole;
}

uint32_t
approver_reads(const struct approver *approver)
{
    return approver->executor ? MESOS_OBJECT_VALUE | MESOS_OBJECT_IDS : approver->reads;
}

bool
approver_allows(struct approver *approver, const struct mesos_object *object)
{
    bool yes;
    const char *kept;
    if (approver->executor)
        return executor_identity_may(approver->executor, approver->action, object);
    if (approver->whole >= 0)
        return approver->whole;
    bool keep = approver->reads == MESOS_OBJECT_VALUE && object && object->value;
    if (keep && (kept = map_get(&approver->values, str_of(object->value))))
        return *kept;
    yes = authorizer_approved(approver->access->authorizer, approver->inner, object);
    if (keep && map_count(&approver->values) < KEPT_MAX) {
        if (!approver->keys)
            approver->keys = arena_new(KEYS_BYTES);
        map_add(&approver->values, str_of(arena_strdup(approver->keys, str_of(object->value))),
                (void *)(uintptr_t)(yes ? &kept_yes : &kept_no));
    }
    return yes;
}

bool
approver_allows_value(struct approver *approver, const char *value)
{
    struct mesos_object object = {.size = sizeof(object), .value = value};
    return approver_allows(approver, &object);
}

/* ---- one object ---- */

bool
access_allows_who(struct access *access, struct audit_who who, enum mesos_action action, const struct mesos_object *object)
{
    if (!access->authorizer && !access_is_executor(who.principal))
        return true;
    struct approver *approver = approver_new(access, who.principal, action);
    bool yes = approver_allows(approver, object);
    approver_free(approver);
    if (!yes)
        access_refused(access, who, action, object);
    return yes;
}

bool
access_admits(struct access *access, struct http_exchange *exchange, enum mesos_action action,
              const struct mesos_object *object)
{
    if (access_allows_who(access, audit_asker(exchange), action, object))
        return true;
    http_reply(exchange, 403, "text/plain; charset=utf-8", STR_LIT("403 Forbidden."));
    return false;
}

bool
access_admits_value(struct access *access, struct http_exchange *exchange, enum mesos_action action, const char *value)
{
    struct mesos_object object = {.size = sizeof(object), .value = value};
    return access_admits(access, exchange, action, &object);
}

void
access_refused(struct access *access, struct audit_who who, enum mesos_action action, const struct mesos_object *object)
{
    if (access->audit)
        audit_refused(access->audit, who, access_action_name(action), object);
}

bool
access_admits_endpoint(struct access *access, struct http_exchange *exchange, const char *endpoint)
{
    static const char old[] = ".json";
    size_t len = strlen(endpoint), end = sizeof(old) - 1;
    if (len > end && strcmp(endpoint + len - end, old) == 0) {
        auto_free char *name = xasprintf("%.*s", (int)(len - end), endpoint);
        if (!access_admits_value(access, exchange, MESOS_ACTION_GET_ENDPOINT_WITH_PATH, name))
            return false;
    }
    return access_admits_value(access, exchange, MESOS_ACTION_GET_ENDPOINT_WITH_PATH, endpoint);
}
