/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module host: finds shared objects, verifies what they offer, parses their options, starts instances, carries calls
 * to them and answers back. Both daemons own one; tests own several. It knows every kind's shape and no kind's policy.
 *
 * Each refusal is one sentence that names the file, the module, what was wanted and what was found. Everything happens
 * on the thread of the loop. Wrappers of the calls of each kind: core/host/kind_<kind>.h.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "base/err.h"
#include "conf/option.h"
#include "loop/loop.h"
#include "mesos/module.h"

struct host;
struct module; /* one started instance */

/* What the daemon lends to its modules. Strings and callbacks are borrowed for the host's life. */
struct host_options {
    struct loop *loop;
    const char *module_path; /* directories separated by ':'; NULL or "" = where `make install` puts modules */
    const char *work_dir, *runtime_dir, *launcher_dir; /* NULL where the daemon has none */
    /* All of them may be NULL. daemon_option: the text of one of the daemon's own options (conf_value). */
    const char *(*daemon_option)(void *arg, const char *name);
    void (*count)(void *arg, const char *metric, double delta);
    void (*gauge)(void *arg, const char *metric, double value);
    void (*timing)(void *arg, const char *metric, double ms);
    void *arg;
};

struct host *host_new(const struct host_options *options);
/* Frees the host and, without asking them, instances that still run: call host_stop first for an orderly end. */
void host_free(struct host *host);

/*
 * Reads what the configuration says of modules ([modules], --modules, --modules_dir): each library is loaded and every
 * module in it verified; parameters are kept for the module of that name. Strings are copied.
 */
int host_configure(struct host *host, const struct conf_module *modules, size_t count, struct err *err);
/* One library: a path when it has a '/', else a file name (with or without "lib" and ".so") in the module path. */
int host_load_library(struct host *host, const char *library, struct err *err);
/* Modules that are linked in (tests). where: what errors call the place. */
int host_add_linked(struct host *host, mesos_modules_fn *modules, const char *where, struct err *err);

/*
 * The module of that kind and name: one of a loaded library, else of the file <kind>_<name>.so ('/' in names written
 * '_') in the module path. Mesos's own names ("mesos", "HierarchicalDRF", "in_memory"...) mean ours. Options come from the
 * configuration's parameters of that name, then from keys/values (count of them, may be 0), which win.
 */
struct module *host_start(struct host *host, enum mesos_kind kind, const char *name, const char *const *keys,
                          const char *const *values, size_t count, struct err *err);
/* The same without an instance: is there such a module, is it sound, would its options parse? For --check-config. */
int host_check(struct host *host, enum mesos_kind kind, const char *name, struct err *err);

/* Stops all instances, last started first; done(arg) comes from the loop. Calls that are still open are answered
 * with -ECANCELED before. */
void host_stop(struct host *host, void (*done)(void *arg), void *arg);
/* The same, and runs the loop meanwhile: false when some have not stopped within the time. */
bool host_stop_within(struct host *host, int64_t ms);

const char *module_name(const struct module *module); /* "hierarchical_drf" */
const char *module_version(const struct module *module);
const char *module_file(const struct module *module); /* path of its library */
enum mesos_kind module_kind(const struct module *module);
int32_t module_phase(const struct module *module);
const void *module_ops(const struct module *module); /* our full-sized copy of its table; absent members are NULL */
void *module_instance(const struct module *module);
const char *kind_name(enum mesos_kind kind); /* "allocator"; "?" when unknown */
/* The one name of ours for a name of Mesos's ("mesos" -> "native" for containerizers); other names come back as they are. */
const char *host_own_name(enum mesos_kind kind, const char *name);

/*
 * Calls with an answer that is owed. `done` comes exactly once, from the loop, never inside the call that asked: with the
 * module's answer (borrowed during done), or with -ETIMEDOUT when the module owes it for longer than timeout_ms
 * (INT64_MAX = for ever), or with -ECANCELED when the module is stopped. error: NULL when status is 0, else one sentence.
 * A second answer to a call aborts in debug builds and is logged and dropped in others; a late one is logged.
 */
typedef void host_done_fn(void *arg, int status, const char *error, struct mesos_bytes answer);
struct mesos_call *host_call_new(struct module *module, const char *what, int64_t timeout_ms, host_done_fn *done,
                                 void *arg);
/* The caller answers in the module's place (a member that is NULL). */
void host_call_answer(struct module *module, struct mesos_call *call, int status, const char *error);
/* The owner of arg goes away: callbacks with this arg come no more. */
void host_call_forget(struct host *host, const void *arg);
/* Each of them, the oldest first: which module owes an answer to what, and since when (the loop's clock). */
void host_calls_each(const struct host *host, void (*fn)(const struct module *module, const char *what, void *arg),
                     void *arg);
size_t host_calls_open(const struct host *host); /* owed at this moment, for tests and /metrics */

/* Starts a child as mesos_host.spawn does (module.h); the caller watches it. 0, or a negative errno. */
enum { HOST_SPAWN_FDS_MAX = 64 };
int host_spawn(const struct mesos_spawn *spawn, pid_t *ret_pid);

/* Each started module, in order of start. */
void host_modules_each(struct host *host, void (*fn)(struct module *module, void *arg), void *arg);
/* Files that a module reads (module.h: reload, watched): can it read them again; do so (0, or what it said: what was in
 * force stays); which they are, NULL-terminated. */
bool module_reloads(const struct module *module);
int module_reload(struct module *module, struct err *err);
const char *const *module_watched(struct module *module);

/* What the last failed synchronous call of this module said through host->fail: fills err with it and code. */
int module_failure(struct module *module, int code, struct err *err);

#endif
