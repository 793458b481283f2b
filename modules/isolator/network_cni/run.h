/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One child process with a text on its standard input and its outputs collected: a CNI plugin, or the helper that works
 * in a container's namespaces. It leads a session of its own, so that what it starts is killed with it when it takes too
 * long. Outputs beyond the caps are read and dropped. Everything happens on the loop's thread.
 */
#ifndef NETWORK_CNI_RUN_H
#define NETWORK_CNI_RUN_H

#include "base/buf.h"
#include "base/list.h"
#include "mesos/module.h"

#define RUN_OUT_MAX (1u << 20)
#define RUN_ERR_MAX (64u << 10)

struct run_result {
    int status; /* wait(2)'s */
    bool cut_off; /* killed because time was over */
    struct str out, err; /* borrowed during done */
};

struct run;

struct runs {
    const struct mesos_host *host;
    struct list all;
};

void runs_init(struct runs *runs, const struct mesos_host *host);
/* Kills them all; nobody hears of them any more. */
void runs_fini(struct runs *runs);
/* NULL: it could not be started (host->fail has the text). done comes once, from the loop. */
struct run *run_start(struct runs *runs, const char *const *argv, const char *const *environment, struct str input,
                      int64_t timeout_ms, void (*done)(void *arg, const struct run_result *result), void *arg);
/* Kills it; done is not called. */
void run_cancel(struct run *run);

#endif
