/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registry "zookeeper", the instance: what its three parts share. zookeeper.c: the module's face; reading.c: taking over
 * and reading; writing.c: commits. All of it on the loop's thread.
 *
 *   <path of --zk>/registry            nothing in it
 *                          /epoch      a number and who raised it; only its version counts
 *                          /manifest   which packs count (format.h)
 *                          /p<number>  packs; written once, never changed
 *
 * A new leader raises the epoch and then reads: each write checks the epoch, so that an older leader's fails from then on,
 * and ends it. A commit is one multi that creates the packs that changed under new numbers, sets the manifest and deletes
 * the old ones; what is too large for one request is created before, in pieces that nobody looks at until the manifest
 * names them.
 */
#ifndef REGISTRY_ZOOKEEPER_H
#define REGISTRY_ZOOKEEPER_H

#include "base/units.h"
#include "common/zookeeper.h"
#include "content.h"
#include "mesos/registry.h"

enum { RETRY_MS = 100 };

struct batch {
    struct list in_list;
    struct mesos_call *call;
    size_t count;
    struct mesos_registry_entry *entries; /* with their bytes behind them, one allocation */
};

struct registry {
    const struct mesos_host *host;
    const char *option_url, *option_node; /* options */
    struct zk_url url;
    struct zk *zk;
    char *root, *epoch_path, *manifest_path;
    char id[UUID_TEXT]; /* ours, in epoch and manifest */

    struct reading *reading; /* under way, or NULL */
    struct content *content; /* NULL until it was read */
    uint64_t batch;
    int32_t epoch_version, manifest_version;
    bool ready; /* taken over and read */

    struct list waiting;  /* struct batch */
    struct list in_group; /* struct batch: what the commit under way makes durable */
    bool committing;
    struct request *request; /* under way */
    bool in_doubt;           /* it may have been done: the connection broke */
    bool asked_twice;        /* it was not done when we looked, and was made again */
    struct mesos_timer *retry;
    struct retrying *retrying; /* what it will do */
    bool failed;
    struct err failure;
};

/* reading.c */
typedef void registry_entry(void *arg, const struct mesos_registry_entry *entry);
void reading_start(struct registry *registry, bool claim, registry_entry *entry, void *arg, struct mesos_call *call);
void reading_free(struct registry *registry);
/* writing.c: begins a commit of all that waits, unless one is under way. */
void writing_start(struct registry *registry);
void batch_free(struct batch *batch);
void request_free(struct request *request);
/* zookeeper.c */
void registry_reply(const struct registry *registry, struct mesos_call *call, int status, const char *text);
/* Is it a failure of the connection, after which one asks again? */
bool registry_is_broken(int status);
/* fn(registry) once, when the servers can be asked again. */
void registry_retry(struct registry *registry, void (*fn)(void *registry));
char *registry_pack_path(const struct registry *registry, uint32_t serial); /* the caller frees */

#endif
