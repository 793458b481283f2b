/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share and nobody else sees: libraries, verified candidates, instances, open calls. */
#ifndef HOST_INTERNAL_H
#define HOST_INTERNAL_H

#include "base/list.h"
#include "base/map.h"
#include "host/host.h"
#include "mesos/allocator.h"
#include "mesos/authenticatee.h"
#include "mesos/authenticator.h"
#include "mesos/container_logger.h"
#include "mesos/containerizer.h"
#include "mesos/election.h"
#include "mesos/isolator.h"
#include "mesos/qos_controller.h"
#include "mesos/rate_limiter.h"
#include "mesos/registry.h"
#include "mesos/resource_estimator.h"
#include "mesos/authorizer.h"
#include "mesos/http_authenticator.h"
#include "mesos/secret_resolver.h"
#include "mesos/telemetry.h"

/* One table of each kind that this release calls. */
union host_ops {
    struct mesos_allocator_ops allocator;
    struct mesos_isolator_ops isolator;
    struct mesos_containerizer_ops containerizer;
    struct mesos_container_logger_ops container_logger;
    struct mesos_registry_ops registry;
    struct mesos_election_ops election;
    struct mesos_telemetry_ops telemetry;
    struct mesos_secret_resolver_ops secret_resolver;
    struct mesos_authorizer_ops authorizer;
    struct mesos_rate_limiter_ops rate_limiter;
    struct mesos_http_authenticator_ops http_authenticator;
    struct mesos_authenticator_ops authenticator;
    struct mesos_authenticatee_ops authenticatee;
    struct mesos_resource_estimator_ops resource_estimator;
    struct mesos_qos_controller_ops qos_controller;
};

/* A verified module of a library: descriptor and table copied into zeroed memory of our own sizes. */
struct candidate {
    struct candidate *next;
    const char *file; /* of its library */
    bool configured; /* of a library that the configuration names: these come before default files */
    struct mesos_module descriptor;
    union host_ops ops;
};

struct library {
    struct library *next;
    char *file; /* resolved path, or where for linked ones */
    void *handle; /* lt_dlhandle; NULL when linked in */
};

/* Parameters that the configuration gives to the module of that name. */
struct parameters {
    struct parameters *next;
    char *name, *where;
    char **keys, **values;
    size_t count;
};

struct host {
    struct host_options options;
    char *module_path;
    struct library *libraries;
    struct candidate *candidates;
    struct parameters *parameters;
    struct list modules; /* struct module, in order of start */
    struct map calls; /* id -> struct call */
    uint64_t last_call; /* ids are 1, 2, 3...: an id that is not in `calls` was answered before */
    struct list answered; /* struct call, waiting for delivery */
    struct loop_timer deliver;
    struct list services; /* struct services of kind_containerizer.c */
    void (*stopped)(void *arg);
    void *stopped_arg;
    struct loop_timer stopped_timer;
    bool loader; /* lt_dlinit was called */
    struct module *secret_resolver; /* whom resolve_secret asks; NULL = nobody */
};

struct module {
    struct mesos_host lent; /* first: what the module sees; lent.self is this struct */
    struct host *host;
    struct list in_host;
    const struct candidate *candidate;
    void *instance;
    char **strings; /* option values that the instance points to */
    size_t string_count;
    struct err failure; /* of the last fail() */
    struct list timers, watches, children; /* struct mesos_timer, struct mesos_watch, struct child */
    struct list offloads; /* struct offload under way */
    struct list secrets; /* struct secret_question under way */
    bool stopping, stop_answered;
};

/* An owed answer. Modules hold its id in the shape of a pointer, so that a stale one is recognised, not followed. */
struct call {
    uint64_t id;
    struct module *module;
    struct list in_queue; /* host->answered */
    struct loop_timer timer;
    const char *what;
    host_done_fn *done; /* NULL: nobody waits any more */
    void *arg;
    bool answered, expired;
    int status;
    int64_t timeout_ms;
    char *error;
    void *answer;
    size_t answer_len;
};

/* verify.c: checks a descriptor of `file` and copies it. where the sentence begins: "<file>: module '<name>'...". */
int verify_module(const struct mesos_module *module, const char *file, struct candidate *ret, struct err *err);
size_t kind_ops_size(enum mesos_kind kind); /* 0: this release does not call that kind */

/* library.c */
/* Loads and verifies; a library that is loaded already is simply returned. NULL with err. */
struct library *library_open(struct host *host, const char *path, bool configured, struct err *err);
/* The path of a library by name in the module path, owned by the caller; NULL with err when there is none. */
char *library_find(const struct host *host, const char *name, struct err *err);
void library_close_all(struct host *host);
int library_add(struct host *host, mesos_modules_fn *modules, const char *file, bool configured, struct err *err);

/* options.c: writes defaults and parameters into the instance. */
int options_apply(const struct candidate *candidate, void *instance, const char *const *keys,
                  const char *const *values, size_t count, char ***strings, size_t *string_count, struct err *err);

/* lend.c: fills what a module sees; ends what it left behind. */
void lend_init(struct module *module);
void lend_fini(struct module *module);
/* No timer, descriptor or child calls the module any more. */
void lend_quiet(struct module *module);

/* call.c */
void call_reply(const struct mesos_host *lent, struct mesos_call *handle, int status, struct mesos_bytes answer);
void call_init(struct host *host);
void call_fini(struct host *host);
void call_cancel_module(struct module *module); /* answers -ECANCELED to all that are open */
void call_drop_module(struct module *module); /* no trace of the module stays */

/* kind_containerizer.c */
void services_fini(struct host *host);

#endif
