/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both programs do around their daemon: options, log, limits, identity on the network, loop, module
 * host, signals, the word to systemd, and an orderly end. Used by mesos_master.c and mesos_agent.c; knows
 * neither daemon.
 */
#ifndef MAIN_PROCESS_H
#define MAIN_PROCESS_H

#include "daemon/metrics.h"
#include "daemon/options.h"
#include "host/host.h"
#include "loop/address.h"
#include "loop/loop.h"

/* A module that the options name. */
struct wanted_module {
    enum mesos_kind kind;
    const char *name;
    const char *reads; /* see process_start_reader; --check-config starts it. NULL = it does more than read */
};

enum { HANDED_MAX = 16 };

/* A socket that the service manager made. */
struct handed {
    int fd;
    bool taken;
    struct address at;
    char name[256]; /* FileDescriptorName= */
};

struct process {
    struct conf_owner owner;
    /* Lists the modules that the options name, up to max of them. */
    size_t (*wanted)(void *target, struct wanted_module *out, size_t max);
    /* Part of --check-config: starts what finds out, or proves, who somebody is, for the files that it reads. 0, or negative with err. */
    int (*check)(struct process *process, struct err *err);
    struct daemon_options *common; /* in owner.target */
    struct option_set *set;
    struct loop *loop;
    struct host *host;
    struct secure *secure; /* TLS; NULL = none is wanted */
    struct address listen, advertise; /* advertise.len 0: as bound */
    char *hostname;
    struct metrics *metrics; /* of the daemon while it lives: what modules count */
    struct loop_timer flush; /* of the log, each logbufsecs */
    struct loop_timer trim; /* memory.c */
    size_t kept_bytes; /* free, and not given back to the system */
    int exit_status;
    struct handed handed[HANDED_MAX];
    size_t handed_count;
    int listen_fd; /* one of them: what `listen` says is listening already; 0 = none */
    /* What the daemon is doing, in a few words for STATUS=; NULL = nothing to say. */
    void (*describe)(const void *daemon, char *out, size_t size);
    void *daemon;
    void (*reload)(void *daemon, const char *why); /* SIGHUP; NULL until the daemon runs */
    char *notify_path; /* NULL = nobody listens */
    int64_t watchdog_ms; /* between two signs of life; 0 = none wanted */
    struct loop_timer alive;
    char status_told[200];
    bool ended; /* somebody asked for the end already */
    char *ip;   /* found by --ip_discovery_command */
};

/* Reads the options. Returns -1 to go on, or the status to exit with at once. */
int process_configure(struct process *process, int argc, char **argv);
/* Opens log, limits, addresses, loop and module host, in this order. descriptors: how many the daemon wants
 * to have. */
int process_open(struct process *process, const char *runtime_dir, uint64_t descriptors, struct err *err);
/* Starts a module of that kind; name is what an option says. */
struct module *process_start(struct process *process, enum mesos_kind kind, const char *name,
                             struct err *err);
/* For `wanted`: appends each module of a comma list to the count that out has, at most max in all; returns how many there are. */
size_t process_want_list(enum mesos_kind kind, const char *names, struct wanted_module *out, size_t count, size_t max,
                         struct option_set *set);
/* Starts each name of a comma list; *ret is an array that the caller frees. */
int process_start_list(struct process *process, enum mesos_kind kind, const char *names, struct module ***ret,
                       size_t *ret_count, struct err *err);
/* Starts a module that is told what an option holds: in a parameter of that name, or, when the value is of a file, in
 * <option>_file its path, so that it can read it again. */
struct module *process_start_reader(struct process *process, enum mesos_kind kind, const char *name, const char *option,
                                    struct err *err);
/* The authorizer that the options name, with the rules of --acls; *ret is NULL when there is none. 0, or a negative errno. */
int process_authorizer(struct process *process, struct module **ret, struct err *err);
/* Tells systemd that we are ready and runs the loop until process_end. */
void process_run(struct process *process);
/* Leaves the loop soon; the first call decides the exit status. */
void process_end(struct process *process, int exit_status, const char *reason);
/* Stops modules, frees everything, returns the exit status. Also after a failed process_open. */
int process_close(struct process *process);

/* identity.c: fills listen, advertise and hostname from the options. Blocking (names are resolved). */
int process_identity(struct process *process, struct err *err);
/* limits.c */
int process_limits(const char *ulimit, uint64_t descriptors, struct err *err);
/* harden.c, in this order. Whether a crash may leave the process's memory in a core dump. */
void process_core_dumps(bool wanted);
/* After process_open and before modules start: root becomes that user for good; what lies in work_dir is given to it. NULL =
 * stays who it is. */
int process_run_as(struct process *process, const char *name, struct err *err);
/* After everything has started: "strict" also forbids to run programs, "relaxed" does not, "off" forbids nothing. */
int process_seal(const char *mode, struct err *err);
/* protection.c: says in the log what is in force. logins: " agents=crammd5 ..."; more: " seccomp=strict", or empty. */
void process_tell_protection(const struct process *process, struct buf *logins, struct buf *more);
/* memory.c: the allocator's settings, and the timer that gives free memory back. */
void process_memory_init(void);
void process_memory_watch(struct process *process);
/* notify.c: a line such as "STOPPING=1" to whoever NOTIFY_SOCKET names. */
void process_notify_read(struct process *process);
void process_notify(const struct process *process, const char *state);
/* READY=1 from the loop, and from then on what WATCHDOG_USEC wants. */
void process_notify_start(struct process *process);
/* handover.c, in this order: what there is; that it can be used (sets listen and listen_fd); an agent takes the Unix socket
 * of that name, or any when NULL (1 = there was one, 0 = none); that nothing is left over. */
void process_handover_read(struct process *process);
int process_handover_check(struct process *process, struct err *err);
int process_handover_unix(struct process *process, const char *name, int *ret_fd, char ret_path[108], struct err *err);
int process_handover_done(const struct process *process, struct err *err);

#endif
