/* SPDX-License-Identifier: Apache-2.0 */
/* What memory.c and memory_oom.c share. */
#ifndef ISOLATOR_CGROUPS_MEMORY_H
#define ISOLATOR_CGROUPS_MEMORY_H

#include "group.h"

#define MEMORY_STAT_MAX 16384

/* part->state */
struct memory_options {
    bool limit_swap;
    int inotify_fd; /* v2: one for all containers' memory.events; -1 = none */
    struct mesos_watch *watch;
};

uint64_t memory_soft_limit(const struct wish *wish);
uint64_t memory_hard_limit(const struct wish *wish); /* UINT64_MAX = none */
/* The figures in the text of memory.stat. */
void memory_put_stat(struct buf *out, const char *text, int version);

/* memory_oom.c */
int memory_watch_start(struct part *part, struct err *err);
void memory_watch_stop(struct part *part);
int memory_watch_create(struct part *part, struct job *job);
void memory_watch_known(struct part *part, struct group_container *container, struct job *job);
void memory_watch_ask(struct part *part, struct group_container *container, struct job *job);
void memory_watch_gone(struct part *part, struct group_container *container);

#endif
