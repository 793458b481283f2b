/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent as one object: made by core/main (and by scenario tests, several in one process), run by the
 * loop. It owns its HTTP server (TCP and the executors' Unix socket), its libprocess actor "slave(1)", its
 * executors' state and what is on disk under work_dir; it keeps no global. Module instances are borrowed:
 * started before agent_new and stopped after agent_free.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "base/err.h"
#include "loop/address.h"
#include "loop/loop.h"

struct agent;
struct metrics;       /* daemon/metrics.h */
struct agent_options; /* core/agent/options.h */
struct option_set;
struct host;
struct module; /* host/host.h: one started instance */
struct daemon_realm;   /* daemon/daemon.h */

struct agent_setup {
    struct loop *loop;
    const struct agent_options *options; /* parsed and checked; lives as long as the agent */
    struct secure *secure;               /* TLS; NULL = none */
    struct option_set *set;              /* for /flags and /state; may be NULL (tests) */
    struct host *host;
    /* Started instances of these kinds: containerizers in the order of --containerizers; isolators
     * (--isolation) and the logger are lent to each containerizer; election only detects. */
    struct module *const *containerizers;
    size_t containerizer_count;
    struct module *const *isolators; /* in any order: the phase decides */
    size_t isolator_count;
    struct module *container_logger;
    struct module *telemetry; /* NULL = none */
    struct module *resource_estimator, *qos_controller; /* NULL = nothing is oversubscribed, nothing corrected */
    struct module *authenticatee; /* NULL = nothing is proved to the master */
    struct module *election;
    struct module *authorizer; /* NULL = everything is allowed */
    const struct daemon_realm *realms; /* protected ones, realm_count of them; live as long as the agent */
    size_t realm_count;
    struct module *executor_tokens; /* an http_authenticator that makes tokens for executors; NULL = they get none */
    struct address listen;    /* where to listen; port 0 = any free one */
    int listen_fd; /* a socket that listens already, to take over instead; 0 = none */
    struct address advertise; /* what peers are told; len 0 = the address that was bound */
    int executor_fd; /* the executors' Unix socket, likewise; executor_socket: its path */
    const char *executor_socket;
    const char *hostname;     /* shown in AgentInfo, /state and offers; copied */
    /* The agent has ended its work (told to by the master, by agent_unregister, or by a failure it cannot
     * survive): the program leaves its loop and exits with this status. Called from the loop at most once. */
    void (*finished)(void *arg, int exit_status, const char *reason);
    void *arg;
};

/* Checks the setup, detects resources and allocates; nothing is open yet. */
struct agent *agent_new(const struct agent_setup *setup, struct err *err);
/* Binds the ports, reads the checkpoints of an earlier run and starts the detector. Recovery of executors and
 * registration go on from the loop; what fails at once is the return value. */
int agent_start(struct agent *agent, struct err *err);
/* Closes everything at once and leaves executors running, as with a killed process. NULL is fine. */
void agent_free(struct agent *agent);

/* SIGUSR1: tells the master that this agent goes away, shuts every executor down, then setup.finished(0). The
 * next start registers as a new agent. */
void agent_unregister(struct agent *agent);

/* Where what modules count is shown (after agent_start). */
struct metrics *agent_metrics(const struct agent *agent);
/* The id that the master gave, or NULL before the first registration. */
const char *agent_id(const struct agent *agent);
/* Registered with a master that is believed to lead. */
bool agent_registered(const struct agent *agent);
/* Reads files of the configuration again, as far as they may change (after agent_start); why is for the log. */
void agent_reload(struct agent *agent, const char *why);
/* What it is doing, in a few words for the service manager's status. */
void agent_describe(const struct agent *agent, char *out, size_t size);

#endif
