/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host itself: what the configuration says of modules, which module a name means, an instance's life from start to
 * stop. Used by both daemons' mains; the details of each step are in the files beside this one.
 */
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include "base/log.h"
#include "host/internal.h"

#define STOP_TIMEOUT_MS (10 * 1000)
#define NAMES_MAX 64
#define INSTALLED_MAX 8

struct host *
host_new(const struct host_options *options)
{
    struct host *host = xcalloc(1, sizeof *host);
    host->options = *options;
    if (options->module_path)
        host->module_path = xstrdup(options->module_path);
    list_init(&host->modules);
    list_init(&host->services);
    call_init(host);
    return host;
}

static void
module_free(struct module *module)
{
    call_drop_module(module);
    lend_fini(module);
    list_remove(&module->in_host);
    for (size_t i = 0; i < module->string_count; i++)
        free(module->strings[i]);
    free(module->strings);
    free(module->instance);
    free(module);
}

static void
parameters_free(struct parameters *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->keys[i]);
        free(p->values[i]);
    }
    free(p->keys);
    free(p->values);
    free(p->name);
    free(p->where);
    free(p);
}

void
host_free(struct host *host)
{
    if (!host)
        return;
    loop_timer_stop(&host->stopped_timer);
    while (!list_empty(&host->modules))
        module_free(list_entry(host->modules.prev, struct module, in_host));
    call_fini(host);
    services_fini(host);
    for (struct parameters *p = host->parameters, *next; p; p = next) {
        next = p->next;
        parameters_free(p);
    }
    library_close_all(host);
    free(host->module_path);
    free(host);
}

int
host_load_library(struct host *host, const char *library, struct err *err)
{
    if (strncmp(library, "file://", 7) == 0)
        library += 7;
    if (strchr(library, '/'))
        return library_open(host, library, true, err) ? 0 : err->code;
    auto_free char *path = library_find(host, library, err);
    return path && library_open(host, path, true, err) ? 0 : err->code;
}

int
host_add_linked(struct host *host, mesos_modules_fn *modules, const char *where, struct err *err)
{
    struct library *library = xcalloc(1, sizeof *library);
    library->file = xstrdup(where);
    library->next = host->libraries;
    host->libraries = library;
    return library_add(host, modules, library->file, true, err);
}

static void
parameters_add(struct host *host, const struct conf_module *m)
{
    struct parameters *p = xcalloc(1, sizeof *p);
    p->name = xstrdup(m->name);
    p->where = xstrdup(m->where ? m->where : "configuration");
    p->keys = xcalloc(m->count + 1, sizeof *p->keys);
    p->values = xcalloc(m->count + 1, sizeof *p->values);
    p->count = m->count;
    for (size_t i = 0; i < m->count; i++) {
        p->keys[i] = xstrdup(m->keys[i]);
        p->values[i] = xstrdup(m->values[i] ? m->values[i] : "");
    }
    p->next = host->parameters;
    host->parameters = p;
}

const char *
host_own_name(enum mesos_kind kind, const char *name)
{
    static const struct {
        enum mesos_kind kind;
        const char *theirs, *ours;
    } names[] = {
        {MESOS_KIND_ALLOCATOR, "hierarchical", "hierarchical_drf"},
        {MESOS_KIND_ALLOCATOR, "HierarchicalDRF", "hierarchical_drf"},
        {MESOS_KIND_AUTHORIZER, "local", "local_acl"},
        {MESOS_KIND_AUTHORIZER, "acls", "local_acl"}, /* the section of its rules */
        {MESOS_KIND_AUTHENTICATEE, "crammd5", "cram_md5"},
        {MESOS_KIND_AUTHENTICATOR, "crammd5", "cram_md5"},
        {MESOS_KIND_CONTAINERIZER, "mesos", "native"},
        {MESOS_KIND_REGISTRY, "in_memory", "memory"},
        {MESOS_KIND_REGISTRY, "replicated_log", "local"},
        {MESOS_KIND_RESOURCE_ESTIMATOR, "org_apache_mesos_FixedResourceEstimator", "fixed"},
        {MESOS_KIND_RESOURCE_ESTIMATOR, "org_apache_mesos_TestNoopResourceEstimator", "noop"},
        {MESOS_KIND_QOS_CONTROLLER, "org_apache_mesos_LoadQoSController", "load"},
        {MESOS_KIND_QOS_CONTROLLER, "org_apache_mesos_TestNoopQoSController", "noop"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].kind == kind && strcmp(names[i].theirs, name) == 0)
            return names[i].ours;
    }
    return name;
}

/* Modules that Apache ships as libraries of its own and that we have: those libraries are never wanted here. */
static bool
replaces_theirs(const char *name)
{
    static const enum mesos_kind kinds[] = {
#define KIND(number, NAME, name) MESOS_KIND_##NAME,
        MESOS_KINDS(KIND)
#undef KIND
    };
    for (size_t i = 0; name && i < ARRAY_LEN(kinds); i++)
        if (strncmp(name, "org_apache_mesos_", 17) == 0 && host_own_name(kinds[i], name) != name)
            return true;
    return false;
}

int
host_configure(struct host *host, const struct conf_module *modules, size_t count, struct err *err)
{
    struct err local = {0};
    err = err ? err : &local;
    for (size_t i = 0; i < count; i++) {
        const struct conf_module *m = &modules[i];
        if (m->library && !replaces_theirs(m->name) && host_load_library(host, m->library, err) < 0)
            return err_wrap(err, "%s", m->where ? m->where : "configuration");
        if (m->name)
            parameters_add(host, m);
    }
    return 0;
}

/* Of equal names the configured library's comes first. */
static const struct candidate *
candidate_pick(const struct host *host, enum mesos_kind kind, const char *name)
{
    const struct candidate *found = NULL;
    for (const struct candidate *c = host->candidates; c; c = c->next) {
        if (c->descriptor.kind == (uint32_t)kind && strcmp(c->descriptor.name, name) == 0 && (!found || c->configured))
            found = c;
    }
    return found;
}

static const struct candidate *
candidate_of_other_kind(const struct host *host, const char *name)
{
    for (const struct candidate *c = host->candidates; c; c = c->next) {
        if (c->configured && strcmp(c->descriptor.name, name) == 0)
            return c;
    }
    return NULL;
}

/* "cram_md5, scram_sha256": modules of that kind in a directory, by their files' names; NULL = none, or too many to say. */
static char *
installed(enum mesos_kind kind, const char *directory)
{
    auto_free char *pattern = xasprintf("%s/%s_*.so", directory, kind_name(kind));
    size_t skip = strlen(directory) + strlen(kind_name(kind)) + 2;
    auto_buf struct buf out = {0};
    glob_t found = {0};
    if (glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc <= INSTALLED_MAX)
        for (size_t i = 0; i < found.gl_pathc; i++)
            buf_printf(&out, "%s%.*s", i ? ", " : "", (int)(strlen(found.gl_pathv[i]) - skip - 3), found.gl_pathv[i] + skip);
    globfree(&found);
    return out.len ? buf_take(&out) : NULL;
}

static int
not_found(const struct host *host, enum mesos_kind kind, const char *name, const char *file, struct err *err)
{
    const char *names[NAMES_MAX] = {NULL};
    size_t count = 0;
    for (const struct candidate *c = host->candidates; c && count < NAMES_MAX; c = c->next) {
        if (c->descriptor.kind == (uint32_t)kind)
            names[count++] = c->descriptor.name;
    }
    const char *near = str_nearest(name, names, count);
    const char *place = host->module_path && *host->module_path ? host->module_path : MESOS_MODULEDIR;
    auto_free char *there = near ? NULL : installed(kind, place);
    return err_set(err, -ENOENT,
                   "no module '%s' of kind %s: the configured libraries offer none%s%s%s and '%s' is not in '%s'%s%s", name,
                   kind_name(kind), near ? " (nearest: '" : "", near ? near : "", near ? "')" : "", file, place,
                   there ? "; there are: " : "", there ? there : "");
}

static int
default_file(enum mesos_kind kind, const char *name, char *ret, size_t size, struct err *err)
{
    int n = snprintf(ret, size, "%s_%s.so", kind_name(kind), name);
    if (n < 0 || (size_t)n >= size)
        return err_set(err, -ENAMETOOLONG, "the name of a module of kind %s is too long", kind_name(kind));
    for (char *p = ret; *p; p++)
        *p = *p == '/' ? '_' : *p;
    return 0;
}

static const struct candidate *
candidate_resolve(struct host *host, enum mesos_kind kind, const char *name, struct err *err)
{
    const struct candidate *c = candidate_pick(host, kind, name);
    if (c)
        return c;
    const struct candidate *other = candidate_of_other_kind(host, name);
    if (other) {
        err_set(err, -EPROTO, "'%s': module '%s' is of kind %s, but one of kind %s is wanted", other->file, name,
                kind_name((enum mesos_kind)other->descriptor.kind), kind_name(kind));
        return NULL;
    }
    char file[NAME_MAX];
    if (default_file(kind, name, file, sizeof file, err) < 0)
        return NULL;
    auto_free char *path = library_find(host, file, NULL);
    if (!path) {
        not_found(host, kind, name, file, err);
        return NULL;
    }
    const struct library *library = library_open(host, path, false, err);
    if (!library)
        return NULL;
    c = candidate_pick(host, kind, name);
    if (!c)
        err_set(err, -EPROTO, "'%s' offers no module '%s' of kind %s", library->file, name, kind_name(kind));
    return c;
}

/* The configuration's parameters (in order), then the caller's. */
static int
instance_options(struct module *module, const char *asked, const char *const *keys, const char *const *values,
                 size_t count, struct err *err)
{
    const char *const *k = keys, *const *v = values;
    size_t total = count;
    auto_free const char **all_keys = NULL;
    auto_free const char **all_values = NULL;
    const char *where = NULL;
    for (const struct parameters *p = module->host->parameters; p; p = p->next) {
        if (p->count == 0 || (strcmp(p->name, asked) != 0 &&
                              strcmp(host_own_name(module_kind(module), p->name), module_name(module)) != 0))
            continue;
        where = p->where;
        const char **next_keys = xcalloc(total + p->count, sizeof *next_keys);
        const char **next_values = xcalloc(total + p->count, sizeof *next_values);
        for (size_t i = 0; i < total + p->count; i++) {
            next_keys[i] = i < p->count ? p->keys[i] : k[i - p->count];
            next_values[i] = i < p->count ? p->values[i] : v[i - p->count];
        }
        total += p->count;
        free(all_keys);
        free(all_values);
        k = all_keys = next_keys;
        v = all_values = next_values;
    }
    int rc = options_apply(module->candidate, module->instance, k, v, total, &module->strings, &module->string_count, err);
    return rc < 0 && where ? err_wrap(err, "%s", where) : rc;
}

static struct module *
module_make(struct host *host, enum mesos_kind kind, const char *name, const char *const *keys,
            const char *const *values, size_t count, struct err *err)
{
    const struct candidate *c = candidate_resolve(host, kind, host_own_name(kind, name), err);
    if (!c)
        return NULL;
    struct module *module = xcalloc(1, sizeof *module);
    module->host = host;
    module->candidate = c;
    module->instance = xcalloc(1, c->descriptor.instance_size ? c->descriptor.instance_size : 1);
    list_init(&module->in_host);
    lend_init(module);
    if (instance_options(module, name, keys, values, count, err) < 0) {
        module_free(module);
        return NULL;
    }
    return module;
}

struct module *
host_start(struct host *host, enum mesos_kind kind, const char *name, const char *const *keys,
           const char *const *values, size_t count, struct err *err)
{
    struct err local = {0};
    err = err ? err : &local;
    struct module *module = module_make(host, kind, name, keys, values, count, err);
    if (!module)
        return NULL;
    int rc = module->candidate->descriptor.start ? module->candidate->descriptor.start(module->instance, &module->lent) : 0;
    if (rc < 0) {
        module_failure(module, rc, err);
        err_wrap(err, "module '%s' of kind %s does not start", module_name(module), kind_name(kind));
        module_free(module);
        return NULL;
    }
    list_push(&host->modules, &module->in_host);
    return module;
}

int
host_check(struct host *host, enum mesos_kind kind, const char *name, struct err *err)
{
    struct err local = {0};
    err = err ? err : &local;
    struct module *module = module_make(host, kind, name, NULL, NULL, 0, err);
    if (!module)
        return err->code;
    module_free(module);
    return 0;
}

static void stop_next(struct host *host);

static void
on_stopped_one(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct module *module = arg;
    if (status < 0)
        log_warning("module '%s' of kind %s does not stop in order: %s", module_name(module),
                    kind_name(module_kind(module)), error);
    module->stop_answered = true;
    loop_timer_start(&module->host->stopped_timer, 0); /* not now: this call is the module's */
}

static void
on_stop_turn(void *arg)
{
    stop_next(arg);
}

static void
on_all_stopped(struct host *host)
{
    void (*stopped)(void *) = host->stopped;
    host->stopped = NULL;
    if (stopped)
        stopped(host->stopped_arg);
}

/* One module per turn of the loop, the last started first; freed when its stop is answered and its offloaded work done. */
static void
stop_next(struct host *host)
{
    if (list_empty(&host->modules)) {
        on_all_stopped(host);
        return;
    }
    struct module *module = list_entry(host->modules.prev, struct module, in_host);
    void (*stop)(void *, struct mesos_call *) = module->candidate->descriptor.stop;
    if (!module->stopping) {
        module->stopping = true;
        module->stop_answered = stop == NULL;
        if (stop) {
            stop(module->instance, host_call_new(module, "stop", STOP_TIMEOUT_MS, on_stopped_one, module));
            return;
        }
    }
    if (!module->stop_answered)
        return;
    bool busy = !list_empty(&module->offloads);
    if (!busy)
        module_free(module);
    loop_timer_start(&host->stopped_timer, busy ? 1 : 0);
}

void
host_stop(struct host *host, void (*done)(void *arg), void *arg)
{
    struct module *module;
    list_foreach(module, &host->modules, in_host)
        call_cancel_module(module);
    host->stopped = done;
    host->stopped_arg = arg;
    loop_timer_init(&host->stopped_timer, host->options.loop, on_stop_turn, host);
    loop_timer_start(&host->stopped_timer, 0);
}

static void
note_stopped(void *arg)
{
    *(bool *)arg = true;
}

static bool
is_noted(void *arg)
{
    return *(bool *)arg;
}

bool
host_stop_within(struct host *host, int64_t ms)
{
    bool stopped = false;
    host_stop(host, note_stopped, &stopped);
    return loop_run_until(host->options.loop, is_noted, &stopped, ms);
}

const char *
module_name(const struct module *module)
{
    return module->candidate->descriptor.name;
}

const char *
module_version(const struct module *module)
{
    const char *version = module->candidate->descriptor.version;
    return version ? version : "";
}

const char *
module_file(const struct module *module)
{
    return module->candidate->file;
}

enum mesos_kind
module_kind(const struct module *module)
{
    return (enum mesos_kind)module->candidate->descriptor.kind;
}

int32_t
module_phase(const struct module *module)
{
    return module->candidate->descriptor.phase;
}

const void *
module_ops(const struct module *module)
{
    return &module->candidate->ops;
}

void *
module_instance(const struct module *module)
{
    return module->instance;
}

int
module_failure(struct module *module, int code, struct err *err)
{
    if (module->failure.text[0])
        err_set(err, code, "%s", module->failure.text);
    else
        err_set(err, code, "%s", strerror(-code));
    module->failure = (struct err){0};
    return code;
}
