/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What master and agent have in common: one address with HTTP and libprocess on it, routes, metrics, files, /health,
 * /version, /flags, /logging/toggle, /system/stats.json, /help. The owner adds its own tables and actors.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "daemon/access.h"
#include "daemon/audit.h"
#include "daemon/authentication.h"
#include "daemon/files.h"
#include "daemon/cors.h"
#include "daemon/firewall.h"
#include "daemon/metrics.h"
#include "daemon/openness.h"
#include "daemon/reload.h"
#include "daemon/routes.h"
#include "wire/json.h"
#include "wire/libprocess.h"

struct option_set; /* conf/option.h */
struct daemon_options; /* daemon/options.h */

/* A realm whose peers must say who they are, and who finds out. */
struct daemon_realm {
    const char *name; /* "mesos-master-readonly" */
    struct module *const *authenticators; /* of kind http_authenticator, asked in this order */
    size_t count;
};

struct daemon_setup {
    const char *actor; /* "master" or "slave(1)": the default actor, spawned here */
    const char *log_path; /* "/master/log" or "/slave/log": where /files shows the log (the agent's also as /agent/log) */
    struct address listen; /* port 0 = any */
    int listen_fd; /* a socket that listens already, to take over instead; 0 = none */
    struct address advertise; /* what peers are told; len 0 = as listen; port 0 = the bound one */
    const struct option_set *conf; /* for /flags; NULL = none (tests) */
    const struct daemon_options *options; /* for the limits on peers; NULL = the usual ones */
    struct host *host; /* whose modules are told of changed files; NULL = none (tests) */
    struct secure *secure; /* TLS for all but Unix sockets; NULL = none */
    struct module *authorizer; /* NULL = everything is allowed */
    const struct daemon_realm *realms; /* the others are open to everybody */
    size_t realm_count;
    libprocess_message_fn *on_message;
    libprocess_exited_fn *on_exited;
    void *arg;
};

/* Read-only for its users; everything in it lives as long as the daemon. */
struct daemon {
    struct loop *loop;
    struct http_server *http;
    struct libprocess *libprocess;
    struct router *router;
    struct metrics *metrics;
    struct audit *audit; /* where refusals and operators' writes go */
    struct authentication *authentication; /* who asks */
    struct access *access; /* who may do what */
    struct files *files;
    struct firewall *firewall; /* endpoints that are disabled */
    struct cors *cors; /* whose pages may use it */
    struct openness *openness; /* says so while everybody may come in */
    struct reload *reload; /* files that may change while the daemon runs */
    struct secure *secure; /* as in the setup; not owned */
    struct address bound; /* the first listener's address */
    struct address self; /* the advertised one */
    double start_secs; /* wall clock, to be shown */
    int64_t start_ns; /* the loop's clock, which never steps */
    const struct option_set *conf;
    char *actor;
    void *guard_arg; /* daemon_guard */
    struct loop_timer toggle; /* ends what /logging/toggle began */
    int toggle_back; /* verbosity to go back to */
};

/* Listens at once; requests are answered from the next turn of the loop on. */
struct daemon *daemon_new(struct loop *loop, const struct daemon_setup *setup, struct err *err);
void daemon_free(struct daemon *daemon);
/* may_send(arg) is asked before any bytes leave, over whatever connection; false = they do not. arg lives as long as the
 * daemon. */
void daemon_guard(struct daemon *daemon, bool (*may_send)(void *arg), void *arg);
/* One more address, e.g. the agent's Unix socket. */
int daemon_listen(struct daemon *daemon, const struct address *at, struct err *err);
/* The same with a socket that listens already, made by somebody else; taken over. */
int daemon_listen_fd(struct daemon *daemon, int fd, struct err *err);

/* How long it runs, whatever the wall clock did meanwhile. */
double daemon_uptime_secs(const struct daemon *daemon);

/* "version" and the build's facts as members of the object that is open in json: legacy /state begins with them. */
void daemon_version_members(struct json *json);
/* {"build_date":...,"version":...}: body of /version. */
void daemon_version(struct buf *out);
/* {"a":"b",...}: every flag with a value, sorted, without secrets. For /flags and /state. */
void daemon_flags_object(const struct option_set *conf, struct json *json);
/* Sets the verbosity of the log for a while (/logging/toggle, SET_LOGGING_LEVEL). */
void daemon_logging_set(struct daemon *daemon, int level, int64_t duration_ns);
int daemon_logging_get(const struct daemon *daemon);

#endif
