/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of this machine as /proc shows them, and which of them belong to a container: those below its first
 * process and those of its session. Blocking: for offloaded work only. Keeps nothing between calls.
 */
#ifndef COMMON_PROCESSES_H
#define COMMON_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
    pid_t pid, parent, session;
    char state; /* 'Z' = ended, not yet waited for */
    uint64_t start_time; /* ticks since boot: with the pid, a name that is never reused */
    uint64_t user_ticks, system_ticks; /* with those of children that were waited for */
    uint64_t resident_pages;
};

struct processes {
    struct process *items; /* sorted by pid */
    size_t count;
};

/* 0, or a negative errno when /proc cannot be read. */
int processes_read(struct processes *ret);
void processes_fini(struct processes *all);
const struct process *processes_find(const struct processes *all, pid_t pid);
/* Marks those of root's tree and session in member (as many as all->count; marks that are there already are kept and
 * their trees followed too). Returns how many are marked. */
size_t processes_tree(const struct processes *all, pid_t root, bool *member);
/* One process: 0, or -ESRCH. */
int process_read(pid_t pid, struct process *ret);
/* The value of a variable in its environment as it was at exec, owned by the caller; NULL: not there or not readable. */
char *process_environment(pid_t pid, const char *name);

#endif
