/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that a module and the core know of each other. A module is a shared object that exports one function,
 * mesos_modules, and imports nothing of the core: what it may call is in struct mesos_host.
 *
 * Life: verified -> options parsed into the instance -> start -> calls of its kind -> stop -> instance freed. A library
 * is never unloaded. Every call, in both directions, happens on the thread that runs the core's loop.
 *
 * Sizes make the ABI grow: each struct begins with the size it had where it was compiled. The core copies a module's
 * tables into zeroed ones of its own size, so a member that the module does not have reads NULL = default behaviour; a
 * module must look at host->size before it uses a member newer than the ABI it needs.
 */
#ifndef MESOS_MODULE_H
#define MESOS_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MESOS_ABI 1

/* Kinds: append only, numbers are the ABI. X(number, NAME, name) */
#define MESOS_KINDS(X)                                                                                             \
    X(1, ALLOCATOR, allocator)                                                                                     \
    X(2, ISOLATOR, isolator)                                                                                       \
    X(3, CONTAINERIZER, containerizer)                                                                             \
    X(4, CONTAINER_LOGGER, container_logger)                                                                       \
    X(5, REGISTRY, registry)                                                                                       \
    X(6, ELECTION, election)                                                                                       \
    X(7, AUTHENTICATOR, authenticator)                                                                             \
    X(8, AUTHENTICATEE, authenticatee)                                                                             \
    X(9, AUTHORIZER, authorizer)                                                                                   \
    X(10, HTTP_AUTHENTICATOR, http_authenticator)                                                                  \
    X(11, RATE_LIMITER, rate_limiter)                                                                              \
    X(12, HOOK, hook)                                                                                              \
    X(13, RESOURCE_ESTIMATOR, resource_estimator)                                                                  \
    X(14, QOS_CONTROLLER, qos_controller)                                                                          \
    X(15, TELEMETRY, telemetry)                                                                                    \
    X(16, SECRET_RESOLVER, secret_resolver)

enum mesos_kind {
#define MESOS_KIND_ENUM(number, NAME, name) MESOS_KIND_##NAME = number,
    MESOS_KINDS(MESOS_KIND_ENUM)
#undef MESOS_KIND_ENUM
};

enum mesos_log_level { MESOS_LOG_INFO, MESOS_LOG_WARNING, MESOS_LOG_ERROR };

/* An asynchronous answer that the module owes, exactly once. Opaque; made by the core, given back through reply. */
struct mesos_call;
struct mesos_timer;
struct mesos_watch;

/* Bytes that the callee only borrows. */
struct mesos_bytes {
    const void *data;
    size_t len;
};

/* A child to run. environment replaces (NULL = an empty one); fds[i] becomes descriptor i of the child (-1 = /dev/null),
 * every other descriptor is closed. Signals have their default action and none is blocked. */
struct mesos_spawn {
    size_t size;
    const char *const *argv;
    const char *const *environment;
    const char *directory; /* NULL = the core's */
    const int *fds;
    size_t fd_count;
    uint32_t new_session; /* bool: setsid(2) */
    /* CLONE_NEW... flags of clone(2): the child begins in new namespaces of these kinds; 0 = none. The pid that is told is
     * the child's in the core's own pid namespace. Needs the privileges that clone(2) asks for. */
    uint32_t clone_flags;
    const char *file; /* what to execute; NULL = argv[0]. Resolved in the child: /proc/self/fd/3 is the child's */
    /* CLONE_NEW... kinds of namespaces of process enter_pid in which the child begins; not CLONE_NEWNS and CLONE_NEWUSER.
     * Since: the size of this struct that has them. */
    uint32_t enter_flags;
    pid_t enter_pid;
};

/* What the core lends to one module instance. `self` is the first argument of every function. */
struct mesos_host {
    size_t size;
    uint32_t abi;
    uint32_t reserved;
    void *self; /* for the core's use */

    /* One log line, without newline. file and line: the module's own (MESOS_LOG below). */
    void (*log)(const struct mesos_host *host, int level, const char *file, int line, const char *format, ...)
        __attribute__((format(printf, 5, 6)));
    /* Records why the call in progress fails (one sentence) and returns code, a negative errno. */
    int (*fail)(const struct mesos_host *host, int code, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
    /* Gives an owed answer: status 0 and the bytes that the call's contract names (borrowed), or a negative errno and
     * the text of the last fail(). Delivered from the loop, never inside the call that asked. */
    void (*reply)(const struct mesos_host *host, struct mesos_call *call, int status, struct mesos_bytes answer);
    /* Runs work(arg) on another thread, then done(arg) from the loop. work must not use host. Works of one instance run
     * one after the other in order when ordered is true. */
    void (*offload)(const struct mesos_host *host, bool ordered, void (*work)(void *arg), void (*done)(void *arg),
                    void *arg);
    /* Adds delta to the metric of that name (shown under /metrics/snapshot). */
    void (*count)(const struct mesos_host *host, const char *metric, double delta);
    /* Sets a gauge; a value that is not a number forgets it. */
    void (*gauge)(const struct mesos_host *host, const char *metric, double value);
    struct mesos_timer *(*timer_start)(const struct mesos_host *host, int64_t delay_ms, void (*fired)(void *arg),
                                       void *arg); /* once; gone after it fired */
    void (*timer_stop)(const struct mesos_host *host, struct mesos_timer *timer);
    struct mesos_watch *(*watch_fd)(const struct mesos_host *host, int fd, int events, /* 1 read, 2 write */
                                    void (*ready)(int fd, int events, void *arg), void *arg);
    void (*unwatch_fd)(const struct mesos_host *host, struct mesos_watch *watch);
    /* 0 and the pid, or a negative errno (with fail's text). exited gets the wait(2) status from the loop. */
    int (*spawn)(const struct mesos_host *host, const struct mesos_spawn *spawn,
                 void (*exited)(pid_t pid, int status, void *arg), void *arg, pid_t *ret_pid);
    /* Tells when a process ends, also one that is no child (status -1 then). 0 or -ESRCH. */
    int (*watch_pid)(const struct mesos_host *host, pid_t pid, void (*exited)(pid_t pid, int status, void *arg),
                     void *arg);
    int64_t (*now_ms)(const struct mesos_host *host); /* monotonic */
    double (*wall_secs)(const struct mesos_host *host); /* since 1970 */
    /* Where this daemon keeps state (work_dir) and volatile state (runtime_dir), and where helpers are (launcher_dir).
     * Valid for the process's life; NULL where the daemon has none. */
    const char *work_dir, *runtime_dir, *launcher_dir;
    /* The value of one of the daemon's options as text, or NULL when it is unset or unknown: for modules that share a
     * flag of Mesos (allocation_interval, cgroups_root...). Valid for the process's life. */
    const char *(*daemon_option)(const struct mesos_host *host, const char *name);
    /* Records how long something took (shown with percentiles over the last hour). metric ends in "_ms". */
    void (*timing)(const struct mesos_host *host, const char *metric, double ms);
    /*
     * Asks the agent's secret resolver for the bytes of a packed mesos.v1.Secret. done comes once, from the loop, unless the
     * asking instance was stopped before: with status 0 and the bytes, which are borrowed and wiped afterwards, or with a
     * negative errno and one sentence. NULL (also: host->size does not reach so far) = there is no resolver.
     */
    void (*resolve_secret)(const struct mesos_host *host, struct mesos_bytes secret,
                           void (*done)(void *arg, int status, const char *error, struct mesos_bytes value), void *arg);
};

#define MESOS_LOG(host, level, ...) (host)->log((host), MESOS_LOG_##level, __FILE__, __LINE__, __VA_ARGS__)

/* Options: parsed by the core into the instance (at offset) before start. An unknown key is the core's error. */
enum mesos_option_type {
    MESOS_OPTION_STRING = 1, /* const char *, owned by the core, NULL when unset without default */
    MESOS_OPTION_BOOL = 2, /* bool */
    MESOS_OPTION_INT = 3, /* int64_t */
    MESOS_OPTION_DOUBLE = 4, /* double */
    MESOS_OPTION_DURATION = 5, /* int64_t nanoseconds: "5mins" */
    MESOS_OPTION_BYTES = 6, /* uint64_t: "12MB" */
    MESOS_OPTION_PATH = 7, /* as STRING, "file://" before it is dropped */
};

struct mesos_option {
    const char *key; /* NULL ends the table */
    uint32_t type;
    uint32_t offset; /* into the instance */
    const char *fallback; /* the default as text, NULL = none */
    const char *help; /* one sentence */
};

/* What a library offers: one descriptor per module. All pointers are to static data. */
struct mesos_module {
    uint32_t abi; /* MESOS_ABI */
    uint32_t size; /* sizeof(struct mesos_module) */
    uint32_t host_size; /* sizeof(struct mesos_host) */
    uint32_t ops_size; /* sizeof the kind's table */
    uint32_t kind; /* enum mesos_kind */
    uint32_t instance_size; /* zeroed memory of this size is the instance */
    const char *name; /* what the configuration says: "hierarchical_drf", "posix/cpu" */
    const char *version, *author, *summary; /* summary: one line */
    const struct mesos_option *options; /* NULL = none */
    /* 0, or a negative errno with host->fail's text: the daemon does not start then. */
    int (*start)(void *instance, const struct mesos_host *host);
    /* Lets go of everything; then replies to call when it is not NULL. NULL member = nothing to do. */
    void (*stop)(void *instance, struct mesos_call *call);
    const void *ops; /* the kind's table: struct mesos_<kind>_ops */
    int32_t phase; /* isolators: order of preparation, lower first; 0 else */
    int32_t reserved;
    /* The operator may have changed files that the instance read at its start (SIGHUP, or the core saw one of `watched`
     * change): read them again. 0 when they are in force, or a negative errno with fail's text: what was in force stays.
     * Nothing is to be read on the loop that may take long. NULL = nothing to reload. */
    int (*reload)(void *instance);
    /* Paths of those files, NULL-terminated, valid until the next call of it; NULL member = none. */
    const char *const *(*watched)(void *instance);
};

/* The one exported function: a NULL-terminated array, valid for ever. */
typedef const struct mesos_module *const *mesos_modules_fn(void);
#define MESOS_EXPORT __attribute__((visibility("default")))

/* The members of a descriptor that say what it was compiled for: its kind, its kind's table of functions (an object), its
 * instance (a type). Stands among designated initializers: {MESOS_MODULE(ISOLATOR, ops, struct mine), .name = ...}. */
#define MESOS_MODULE(KIND, table, instance_type)                                                                   \
    .abi = MESOS_ABI, .size = sizeof(struct mesos_module), .host_size = sizeof(struct mesos_host),                 \
    .ops_size = sizeof(table), .kind = MESOS_KIND_##KIND, .instance_size = sizeof(instance_type), .ops = &(table)

/* What a library exports, its descriptors by their addresses: MESOS_MODULES(&first, &second); */
#define MESOS_MODULES(...)                                                                                         \
    MESOS_EXPORT const struct mesos_module *const *mesos_modules(void);                                            \
    MESOS_EXPORT const struct mesos_module *const *mesos_modules(void)                                             \
    {                                                                                                              \
        static const struct mesos_module *const modules[] = {__VA_ARGS__, NULL};                                   \
        return modules;                                                                                            \
    }                                                                                                              \
    struct mesos_module /* takes the semicolon behind the macro */

#ifdef __cplusplus
}
#endif

#endif
