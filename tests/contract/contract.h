/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the contract programs share: a loop with a host on it, a directory of its own, and answers that can be waited
 * for. The modules under test are the .so files that ship, found in the build tree (or in CONTRACT_MODULE_PATH).
 */
#ifndef TESTS_CONTRACT_H
#define TESTS_CONTRACT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include "base/buf.h"
#include "base/file.h"
#include "host/host.h"

struct contract {
    struct loop *loop;
    struct host *host;
    char *dir; /* fresh; removed at the end */
    char *work_dir, *runtime_dir, *launcher_dir; /* in dir */
    const char *master; /* what daemon_option("master") says */
    const char *const *options; /* further names and values, in turn, NULL-terminated; NULL = none */
    double counted; /* sum of all host->count deltas */
};

struct answer {
    bool done;
    int count; /* how often it came */
    int status;
    char error[512];
    struct buf bytes;
};

/* What a host is asked to run: module path "modules", and tests/contract for the bad ones. */
void contract_open(struct contract *contract);
void contract_close(struct contract *contract);
/* Of a test whose state is one contract, and nothing else. */
int contract_setup(void **state);
int contract_teardown(void **state);
/* Only the host, on the same directory: a daemon that restarts. */
void contract_host_open(struct contract *contract);
void contract_host_close(struct contract *contract); /* with an orderly stop */

void on_answer(void *arg, int status, const char *error, struct mesos_bytes bytes); /* arg: struct answer */
/* Runs the loop until it came; fails the test after 20 s. Resets it for the next use and returns the status. */
int contract_await(struct contract *contract, struct answer *answer);
bool contract_until(struct contract *contract, bool (*done)(void *arg), void *arg);
struct module *contract_start(struct contract *contract, enum mesos_kind kind, const char *name);
/* Fails unless err's text has all of these parts (NULL-terminated). */
void assert_text(const char *text, ...) __attribute__((sentinel));
static inline struct mesos_bytes
bytes_of(const char *text)
{
    return (struct mesos_bytes){text, strlen(text)};
}

#endif
