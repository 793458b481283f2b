/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master as one object: made by core/main (and by scenario tests, several in one process), run by the loop. It owns
 * its HTTP server, its libprocess actor "master", and all cluster state; it keeps no global. Module instances are
 * borrowed: they are started before master_new and stopped after master_free.
 */
#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include "base/err.h"
#include "loop/address.h"
#include "loop/loop.h"

struct master;
struct metrics; /* daemon/metrics.h */
struct master_options; /* core/master/options.h */
struct option_set;
struct host;
struct module;
struct daemon_realm; /* daemon/daemon.h */

struct master_setup {
    struct loop *loop;
    const struct master_options *options; /* parsed and checked; lives as long as the master */
    struct secure *secure; /* TLS; NULL = none */
    struct option_set *set; /* for /flags and /state; may be NULL (tests) */
    struct host *host;
    struct module *allocator, *registry, *election; /* started instances of these kinds */
    struct module *rate_limiter; /* NULL = frameworks send as much as they like */
    struct module *telemetry; /* NULL = none */
    struct module *const *authenticators; /* of agents and v0 schedulers; their mechanisms are offered in this order */
    size_t authenticator_count;
    struct module *authorizer; /* NULL = everything is allowed */
    const struct daemon_realm *realms; /* protected ones, realm_count of them; live as long as the master */
    size_t realm_count;
    struct address listen; /* where to listen; port 0 = any free one */
    int listen_fd; /* a socket that listens already, to take over instead; 0 = none */
    struct address advertise; /* what peers are told; len 0 = the address that was bound */
    const char *hostname; /* shown in MasterInfo, /state and redirects; copied */
    /* We led and must lead no more, or the registry failed: the program exits with status 1. Called from the loop at
     * most once; reason is one sentence. */
    void (*fatal)(void *arg, const char *reason);
    void *arg;
};

/* Checks the setup and allocates; nothing is open yet. */
struct master *master_new(const struct master_setup *setup, struct err *err);
/* Binds the port, reads the registry, contends for leadership. Answers come from the loop later; what fails at once is
 * the return value. */
int master_start(struct master *master, struct err *err);
/* Closes everything at once; frameworks and agents see broken connections, as with a killed process. NULL is fine. */
void master_free(struct master *master);

/* Where what modules count is shown (after master_start). */
struct metrics *master_metrics(const struct master *master);
/* The id (uuid) of this master. */
const char *master_id(const struct master *master);
/* Elected and recovered: calls are answered. */
bool master_leading(const struct master *master);
/* Reads files of the configuration again, as far as they may change (after master_start); why is for the log. */
void master_reload(struct master *master, const char *why);
/* What it is doing, in a few words for the service manager's status. */
void master_describe(const struct master *master, char *out, size_t size);

#endif
