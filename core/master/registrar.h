/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master's pen on the registry: changes are collected for the rest of the loop's turn, and while a store
 * is under way, and then stored as one batch; whoever made a change is told when it is durable, in order. A
 * store that fails ends the master: nobody is told then.
 */
#ifndef MASTER_REGISTRAR_H
#define MASTER_REGISTRAR_H

#include "host/kind_registry.h"
#include "master/metrics.h"

struct registrar;

typedef void registrar_done_fn(void *arg);

struct registrar_options {
    struct loop *loop;
    struct host *host;
    struct module *registry;
    int64_t fetch_timeout_ms, store_timeout_ms;
    struct metrics *metrics;
    void (*failed)(void *arg, const char *reason); /* fetch or store failed */
    void *arg;
};

struct registrar *registrar_new(const struct registrar_options *options);
void registrar_free(struct registrar *registrar); /* callbacks that are owed are dropped */
/* Reads everything, once: entry for each, then done. */
void registrar_fetch(struct registrar *registrar, registry_entry_fn *entry, registrar_done_fn *done,
                     void *arg);
/* Changes of the batch that is being collected. Copied. */
void registrar_put(struct registrar *registrar, enum mesos_registry_table table, struct str key,
                   struct str value);
void registrar_remove(struct registrar *registrar, enum mesos_registry_table table, struct str key);
/* done(arg) when all changes so far are durable. NULL = nobody waits. */
void registrar_commit(struct registrar *registrar, registrar_done_fn *done, void *arg);

#endif
