/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest host that one synchronous module can live in: it loads the shared object that ships, lends it a clock that
 * only moves when the test says so, timers on that clock, and the daemon's options that the test gives. For contract
 * tests, benches and unit tests of modules that need neither a loop nor answers.
 */
#ifndef TESTS_LONE_HOST_H
#define TESTS_LONE_HOST_H

#include "mesos/module.h"

struct lone_timer {
    struct lone_timer *next;
    int64_t due_ms;
    void (*fired)(void *arg);
    void *arg;
};

struct lone_host {
    struct mesos_host host; /* first: the module gets this */
    const struct mesos_module *module;
    void *instance;
    const char *const *options; /* name, value, name, value, NULL */
    struct lone_timer *timers;
    int64_t now_ms;
    char failure[512]; /* what the module said through fail */
    double counted; /* sum of all that it counted */
    void *library;
};

/* Loads `path`, takes the module of that kind and starts it. 0, or what its start answered; aborts the test program
 * with a line on stderr when the library is not a library of modules. */
int lone_host_start(struct lone_host *lone, const char *path, enum mesos_kind kind, const char *const *options);
void lone_host_stop(struct lone_host *lone);
/* Lets so much time pass and fires what falls due, in order. 0 fires what is due now. */
void lone_host_pass(struct lone_host *lone, int64_t ms);

#endif
