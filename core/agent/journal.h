/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appends that survive a power loss: records are written and fsynced off the loop, all that came together in
 * one go (group commit). The status update manager is its only user; nothing else may write to the files.
 */
#ifndef AGENT_JOURNAL_H
#define AGENT_JOURNAL_H

#include "base/str.h"
#include "loop/loop.h"

struct journal;
struct journal_file;

/* Appends of records under way when the journal is freed are still written; their callbacks do not come. */
struct journal *journal_new(struct loop *loop);
void journal_free(struct journal *journal);

/* A log to append to; made, with its directories, at the first append. Counted: appends under way hold it
 * too. */
struct journal_file *journal_file_new(struct journal *journal, const char *path);
void journal_file_free(struct journal_file *file);

/* Appends one record (length and bytes) and calls done(arg) from the loop once it is durable. A failing disk
 * is tried again each second, with a line in the log, until it works: the caller hears of success only. bytes
 * are copied. */
void journal_append(struct journal_file *file, struct str bytes, void (*done)(void *arg), void *arg);
/* Writes one record at once, without fsync: for what may be lost with the power but not with the process. */
int journal_write(struct journal_file *file, struct str bytes, struct err *err);
/* Appends waiting or under way, for tests and metrics. */
size_t journal_waiting(const struct journal *journal);

#endif
