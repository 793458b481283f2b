/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a module what it says, and can this daemon work with it? Called for every module of every library before anything
 * of it runs. Must not trust a byte beyond what the sizes in the descriptor promise.
 */
#include <errno.h>
#include <stdio.h>
#include "host/internal.h"

#define INSTANCE_MAX (64u << 20)
#define NAME_MAX_LEN 128

struct member {
    size_t offset;
    const char *name;
};

struct shape {
    size_t size;
    const struct member *required; /* ends with name NULL */
};

#define REQUIRED(kind, member) {offsetof(struct mesos_##kind##_ops, member), #member}

static const struct member allocator_required[] = {
    REQUIRED(allocator, initialize),          REQUIRED(allocator, add_framework),
    REQUIRED(allocator, update_framework),    REQUIRED(allocator, remove_framework),
    REQUIRED(allocator, activate_framework),  REQUIRED(allocator, deactivate_framework),
    REQUIRED(allocator, add_agent),           REQUIRED(allocator, update_agent),
    REQUIRED(allocator, remove_agent),        REQUIRED(allocator, activate_agent),
    REQUIRED(allocator, deactivate_agent),    REQUIRED(allocator, recover_resources),
    REQUIRED(allocator, suppress),            REQUIRED(allocator, revive),
    {0, NULL}};
static const struct member isolator_required[] = {{0, NULL}};
static const struct member containerizer_required[] = {
    REQUIRED(containerizer, recover), REQUIRED(containerizer, launch), REQUIRED(containerizer, wait),
    REQUIRED(containerizer, destroy), {0, NULL}};
static const struct member container_logger_required[] = {REQUIRED(container_logger, prepare), {0, NULL}};
static const struct member registry_required[] = {REQUIRED(registry, fetch), REQUIRED(registry, store), {0, NULL}};
static const struct member election_required[] = {
    REQUIRED(election, detect), REQUIRED(election, contend), REQUIRED(election, withdraw), {0, NULL}};

static const struct member telemetry_required[] = {
    REQUIRED(telemetry, initialize), REQUIRED(telemetry, prefix), REQUIRED(telemetry, get), {0, NULL}};
static const struct member rate_limiter_required[] = {REQUIRED(rate_limiter, limit), REQUIRED(rate_limiter, admit), {0, NULL}};
static const struct member authorizer_required[] = {REQUIRED(authorizer, approver_new), REQUIRED(authorizer, approved),
                                                    REQUIRED(authorizer, approver_free), {0, NULL}};
static const struct member http_authenticator_required[] = {
    REQUIRED(http_authenticator, scheme), REQUIRED(http_authenticator, authenticate), {0, NULL}};
static const struct member authenticator_required[] = {
    REQUIRED(authenticator, mechanisms), REQUIRED(authenticator, session_new),  REQUIRED(authenticator, step),
    REQUIRED(authenticator, principal),  REQUIRED(authenticator, session_free), {0, NULL}};
static const struct member authenticatee_required[] = {REQUIRED(authenticatee, session_new), REQUIRED(authenticatee, step),
                                                       REQUIRED(authenticatee, session_free), {0, NULL}};
static const struct member secret_resolver_required[] = {REQUIRED(secret_resolver, resolve), {0, NULL}};
static const struct member resource_estimator_required[] = {REQUIRED(resource_estimator, oversubscribable), {0, NULL}};
static const struct member qos_controller_required[] = {REQUIRED(qos_controller, corrections), {0, NULL}};

#define SHAPE(NAME, name) [MESOS_KIND_##NAME] = {sizeof(struct mesos_##name##_ops), name##_required}
static const struct shape shapes[] = {
    SHAPE(ALLOCATOR, allocator), SHAPE(ISOLATOR, isolator), SHAPE(CONTAINERIZER, containerizer),
    SHAPE(CONTAINER_LOGGER, container_logger), SHAPE(REGISTRY, registry), SHAPE(ELECTION, election),
    SHAPE(TELEMETRY, telemetry), SHAPE(RESOURCE_ESTIMATOR, resource_estimator), SHAPE(QOS_CONTROLLER, qos_controller),
    SHAPE(AUTHENTICATOR, authenticator), SHAPE(AUTHENTICATEE, authenticatee),
    SHAPE(AUTHORIZER, authorizer),
    SHAPE(RATE_LIMITER, rate_limiter),
    SHAPE(HTTP_AUTHENTICATOR, http_authenticator), SHAPE(SECRET_RESOLVER, secret_resolver)};

static const char *const kind_names[] = {
#define KIND_NAME(number, NAME, name) [number] = #name,
    MESOS_KINDS(KIND_NAME)
#undef KIND_NAME
};

const char *
kind_name(enum mesos_kind kind)
{
    return (size_t)kind < ARRAY_LEN(kind_names) && kind_names[kind] ? kind_names[kind] : "?";
}

size_t
kind_ops_size(enum mesos_kind kind)
{
    return (size_t)kind < ARRAY_LEN(shapes) ? shapes[kind].size : 0;
}

static size_t
option_size(uint32_t type)
{
    switch (type) {
    case MESOS_OPTION_STRING:
    case MESOS_OPTION_PATH:
        return sizeof(char *);
    case MESOS_OPTION_BOOL:
        return sizeof(bool);
    case MESOS_OPTION_INT:
    case MESOS_OPTION_DURATION:
        return sizeof(int64_t);
    case MESOS_OPTION_DOUBLE:
        return sizeof(double);
    case MESOS_OPTION_BYTES:
        return sizeof(uint64_t);
    default:
        return 0;
    }
}

static int
verify_options(const struct mesos_module *m, struct err *err)
{
    for (const struct mesos_option *o = m->options; o && o->key; o++) {
        size_t size = option_size(o->type);
        if (!size)
            return err_set(err, -EPROTO, "option '%s' has type %u, known are 1 to 7", o->key, o->type);
        if (o->offset % size != 0 || (uint64_t)o->offset + size > m->instance_size)
            return err_set(err, -EPROTO, "option '%s' lies at offset %u, which does not fit an instance of %u bytes",
                           o->key, o->offset, m->instance_size);
        for (const struct mesos_option *p = m->options; p < o; p++) {
            if (strcmp(p->key, o->key) == 0)
                return err_set(err, -EPROTO, "option '%s' stands in its table twice", o->key);
        }
    }
    return 0;
}

static int
verify_ops(const struct mesos_module *m, union host_ops *ops, struct err *err)
{
    const struct shape *shape = &shapes[m->kind];
    memset(ops, 0, sizeof *ops);
    memcpy(ops, m->ops, m->ops_size);
    for (const struct member *r = shape->required; r->name; r++) {
        void (*fn)(void);
        memcpy(&fn, (const char *)ops + r->offset, sizeof fn);
        if (!fn)
            return err_set(err, -EPROTO, "the required member %s of kind %s is missing", r->name,
                           kind_name((enum mesos_kind)m->kind));
    }
    return 0;
}

/* Sizes first: they say how much of the rest may be read. */
static int
verify_sizes(const struct mesos_module *m, struct err *err)
{
    if (m->abi != MESOS_ABI)
        return err_set(err, -EPROTO, "it was built for module ABI %u, this daemon has ABI %u", m->abi, MESOS_ABI);
    if (m->size > sizeof *m)
        return err_set(err, -EPROTO, "its descriptor has %u bytes, this daemon knows %zu: it needs a newer daemon", m->size,
                       sizeof *m);
    if (m->size < offsetof(struct mesos_module, phase))
        return err_set(err, -EPROTO, "its descriptor has %u bytes, at least %zu are wanted", m->size,
                       offsetof(struct mesos_module, phase));
    if (m->host_size > sizeof(struct mesos_host))
        return err_set(err, -EPROTO, "it wants a host of %u bytes, this daemon has %zu: it needs a newer daemon",
                       m->host_size, sizeof(struct mesos_host));
    return 0;
}

static int
verify_descriptor(const struct mesos_module *m, struct err *err)
{
    if (strcmp(kind_name((enum mesos_kind)m->kind), "?") == 0)
        return err_set(err, -EPROTO, "its kind is %u, known are 1 to %zu", m->kind, ARRAY_LEN(kind_names) - 1);
    size_t ours = kind_ops_size((enum mesos_kind)m->kind);
    if (!ours)
        return err_set(err, -EPROTO, "modules of kind %s are not used by this release",
                       kind_name((enum mesos_kind)m->kind));
    if (m->ops_size > ours)
        return err_set(err, -EPROTO, "its table for kind %s has %u bytes, this daemon knows %zu: it needs a newer daemon",
                       kind_name((enum mesos_kind)m->kind), m->ops_size, ours);
    if (!m->ops)
        return err_set(err, -EPROTO, "it has no table of functions");
    if (m->instance_size > INSTANCE_MAX)
        return err_set(err, -EPROTO, "its instance has %u bytes, at most %u are allowed", m->instance_size, INSTANCE_MAX);
    return verify_options(m, err);
}

int
verify_module(const struct mesos_module *module, const char *file, struct candidate *ret, struct err *err)
{
    struct candidate c = {.file = file};
    if (verify_sizes(module, err) < 0)
        return err_wrap(err, "'%s': a module of this library is refused", file);
    memcpy(&c.descriptor, module, module->size);
    const struct mesos_module *m = &c.descriptor;
    if (!m->name || !*m->name || strlen(m->name) > NAME_MAX_LEN)
        return err_set(err, -EPROTO, "'%s': a module of kind %s in it has no name of 1 to %d bytes", file,
                       kind_name((enum mesos_kind)m->kind), NAME_MAX_LEN);
    if (verify_descriptor(m, err) < 0 || verify_ops(m, &c.ops, err) < 0)
        return err_wrap(err, "'%s': module '%s' is refused", file, m->name);
    *ret = c;
    return 0;
}
