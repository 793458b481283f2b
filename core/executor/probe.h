/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One attempt to find out how a task is: a command, an HTTP request or a TCP connection. A probe says what it found;
 * check.h decides when the next one runs, task_checks.h what it means.
 */
#ifndef EXECUTOR_PROBE_H
#define EXECUTOR_PROBE_H

#include "base/err.h"
#include "loop/loop.h"
#include "mesos/v1/mesos.pb-c.h"

struct probe;

enum probe_word {
    PROBE_VALUE, /* `value`: exit status, HTTP status, or 1 and 0 for a port that did and did not take us */
    PROBE_FAILED, /* the attempt itself failed: `why` */
    PROBE_UNKNOWN, /* nothing can be said just now: `why`; not to be held against the task */
};

/* Comes once, from the loop, never inside the call that started the probe; the probe is gone afterwards. */
typedef void probe_done_fn(enum probe_word word, int value, const struct err *why, void *arg);

struct probe_kind {
    void (*cancel)(struct probe *probe);
    /* A child of this process ended: true when it was the probe's. NULL: it has none. */
    bool (*reap)(struct probe *probe, pid_t pid, int status);
};

/* The head of every probe. */
struct probe {
    const struct probe_kind *kind;
    probe_done_fn *done;
    void *arg;
};

/* What is asked. Strings are borrowed for as long as the probe runs. */
struct probe_target {
    Mesos__V1__CheckInfo__Type type;
    const Mesos__V1__CommandInfo *command;
    bool ipv6;
    uint16_t port;
    const char *scheme, *path; /* HTTP; NULL = http and / */
};

/* How an executor probes. */
struct probe_tools {
    struct loop *loop;
    const char *launcher_dir; /* of mesos-http-check; NULL = none */
    const char *user; /* runs commands; NULL = who we are */
    const char *working_directory; /* of commands; NULL = ours */
    const struct task_launch *launch; /* of commands; NULL = none */
    /* Runs a command inside the task; NULL = beside it, in this process's surroundings. */
    struct probe *(*command)(void *arg, const Mesos__V1__CommandInfo *command, probe_done_fn *done, void *done_arg);
    void *command_arg;
    pid_t network_of; /* HTTP and TCP: in the network of this process; 0 = in ours */
};

struct probe *probe_start(const struct probe_tools *tools, const struct probe_target *target, probe_done_fn *done,
                          void *arg);
/* No callback follows. NULL is fine. */
void probe_cancel(struct probe *probe);
/* True when the child was the probe's. NULL is fine. */
bool probe_reap(struct probe *probe, pid_t pid, int status);

/* The kinds; probe_start chooses. */
struct probe *probe_command(const struct probe_tools *tools, const Mesos__V1__CommandInfo *command,
                            probe_done_fn *done, void *arg);
struct probe *probe_tcp(const struct probe_tools *tools, const struct probe_target *target, probe_done_fn *done,
                        void *arg);
struct probe *probe_http(const struct probe_tools *tools, const struct probe_target *target, probe_done_fn *done,
                         void *arg);
/* 127.0.0.1 or ::1 and the port, as address and as text for URLs and the Host header. */
struct address;
void probe_address(const struct probe_target *target, struct address *ret, char text[64]);

#endif
