/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that the operator may change while the daemon runs: each source is told when one of its files has changed, or when
 * somebody asks for it (SIGHUP). Files are looked at off the loop, every few seconds; one that has changed is taken when it
 * looks the same a second later, so that nobody reads half of it. What a source refuses is logged and counted
 * (configuration/reloads_failed), and what was in force stays; so does it when a file has become a pipe, which would be waited
 * for. Modules that can reload are sources by themselves; they read on the loop, what has been looked at off it just before.
 */
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

#include "base/err.h"
#include "base/str.h"

struct reload;
struct loop;
struct host;
struct metrics;

struct reload_source {
    const char *what; /* in logs: "--whitelist"; copied */
    /* One file, read off the loop: apply gets the text (borrowed). at_once: also now, else only when it changes. */
    const char *path;
    size_t max_bytes;
    bool at_once;
    int (*apply)(void *arg, struct str text, struct err *err);
    /* Or one that reads for itself what watched names (NULL-terminated; both may be NULL: told of SIGHUP only). */
    int (*reload)(void *arg, struct err *err);
    const char *const *(*watched)(void *arg);
    void *arg;
};

/* host may be NULL: no modules then. Its modules of now outlive the reload. */
struct reload *reload_new(struct loop *loop, struct host *host, struct metrics *metrics);
void reload_free(struct reload *reload);
/* apply and reload return 0 when the new content is in force, or a negative errno with err: the old one stays. They are
 * called from the loop, until reload_free. */
void reload_add(struct reload *reload, const struct reload_source *source);
/* All sources, changed or not; why is for the log: "signal HUP". */
void reload_now(struct reload *reload, const char *why);

#endif
