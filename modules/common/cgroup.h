/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups of containers, version 1 and 2, for the isolators cgroups/... and the linux launcher. Which version is
 * decided by what is mounted: a cgroup2 file system at --cgroups_hierarchy itself is version 2, everything else version 1.
 *
 *   v1: <mount of the controller>/<cgroups_root>/<container>[/mesos/<nested>]...
 *   v2: <cgroups_hierarchy>/<cgroups_root>/<container>[/mesos/<nested>]...  with the processes in its child "leaf"
 *
 * A struct cgroup_tree is one opened hierarchy; all calls are relative to its descriptor, and a call costs one or two
 * system calls and no allocation. Several users may share a tree (controllers that are mounted together, or v2): making
 * what is there already and removing what is gone are both success. Container ids are those of mesos/isolator.h, with dots
 * between nested ones; an id that is no file name is refused with -EINVAL. Functions that say so may block and belong
 * into offloaded work; the others are quick. They return 0 (or what they say) or a negative errno.
 */
#ifndef COMMON_CGROUP_H
#define COMMON_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"

#define CGROUP_PATH_MAX 1024 /* of a container's path below cgroups_root */
#define CGROUP_DEPTH_MAX 32 /* of nesting */

struct cgroup_tree {
    int version; /* 1, 2; 0 = not open */
    int fd; /* of <mount>/<cgroups_root> */
    char *mount; /* where the hierarchy is mounted */
    char *root; /* cgroups_root, without slashes at its ends */
    char controller[32]; /* v2: what is enabled in containers' cgroups; "" = nothing */
    bool cpuset, freezer; /* v1: has files of that controller */
};
#define CGROUP_TREE_INIT ((struct cgroup_tree){.fd = -1})

/* 1 or 2, by what is mounted at `hierarchy` (--cgroups_hierarchy). */
int cgroup_version(const char *hierarchy);
/* Whether the kernel has the controller at all (for v2: whether it is offered at `hierarchy`). No privilege needed. */
bool cgroup_supported(const char *hierarchy, const char *controller);
/* Every controller that can be had: called once for each, with its name. */
void cgroup_controllers(const char *hierarchy, void (*found)(void *arg, const char *controller), void *arg);
/*
 * Opens the tree of a controller ("cpu", "memory", "freezer", ...; v2: NULL = no controller, for who only wants to group
 * and kill) and makes <cgroups_root> in it. v1: where it is mounted, below `hierarchy` first, else anywhere; one that is
 * mounted nowhere is mounted at <hierarchy>/<controller>. v2: the controller is enabled for containers; "freezer" and NULL
 * need none. What the kernel or the privileges lack comes out as one sentence in err. May block.
 */
int cgroup_tree_open(struct cgroup_tree *ret, const char *hierarchy, const char *root, const char *controller,
                     struct err *err);
void cgroup_tree_close(struct cgroup_tree *tree); /* leaves cgroups_root there */
/* Whether both are the same hierarchy. */
bool cgroup_tree_same(const struct cgroup_tree *a, const struct cgroup_tree *b);

/* The container's path below cgroups_root: "id/mesos/nested". -EINVAL for ids that are none. */
int cgroup_path(const char *container_id, char ret[CGROUP_PATH_MAX]);
/* The inverse; -EINVAL when the path is not a container's. ret holds as much as path, NUL included. */
int cgroup_id(const char *path, char *ret);

/*
 * Makes the container's cgroup (v2: and its leaf, with the controllers of the tree enabled in it) and those above that are
 * missing. 0 = made, 1 = it was there. On cpuset of v1 cpus and mems are copied from the parent, all the way down.
 */
int cgroup_create(const struct cgroup_tree *tree, const char *container_id);
bool cgroup_exists(const struct cgroup_tree *tree, const char *container_id);
/* Moves a process (with all its threads) into it. */
int cgroup_assign(const struct cgroup_tree *tree, const char *container_id, pid_t pid);
/* Reads a control file into text, NUL-terminated: its length. -EFBIG when it is longer than size - 1. */
ssize_t cgroup_read(const struct cgroup_tree *tree, const char *container_id, const char *file, char *text, size_t size);
int cgroup_read_u64(const struct cgroup_tree *tree, const char *container_id, const char *file, uint64_t *ret);
int cgroup_write(const struct cgroup_tree *tree, const char *container_id, const char *file, const char *text);
int cgroup_write_u64(const struct cgroup_tree *tree, const char *container_id, const char *file, uint64_t value);
/* A descriptor of a control file, or of the cgroup itself when file is NULL. flags: O_RDONLY, ... */
int cgroup_open(const struct cgroup_tree *tree, const char *container_id, const char *file, int flags);

/* Every container that has a cgroup here, parents before their children. -errno, or how many. found returns false to
 * stop. Blocks with many. */
int cgroup_each(const struct cgroup_tree *tree, bool (*found)(void *arg, const char *container_id), void *arg);
/* The processes (threads) of the container and of those nested in it. found may be NULL. -errno, or how many. */
int cgroup_pids(const struct cgroup_tree *tree, const char *container_id, void (*found)(void *arg, pid_t pid), void *arg);
int cgroup_tids(const struct cgroup_tree *tree, const char *container_id, void (*found)(void *arg, pid_t tid), void *arg);
/* v2: whether anything lives in it (cgroup.events); v1: the same from the lists. A cgroup that is gone is empty. */
bool cgroup_empty(const struct cgroup_tree *tree, const char *container_id);

/*
 * Sends SIGKILL to everything in it and below, once: v2 by cgroup.kill (or frozen first where the kernel has none); v1
 * with a freezer tree: frozen, killed, thawed, so that nothing escapes by forking; other v1 trees: as listed. Returns how
 * many were found (v2: 1 for any) or a negative errno; 0 = nobody is left. Never waits: call it again, some milliseconds
 * later, until it returns 0.
 */
int cgroup_kill(const struct cgroup_tree *tree, const char *container_id);
/* Freezes or thaws it. v1: only in a freezer tree. Does not wait. */
int cgroup_freeze(const struct cgroup_tree *tree, const char *container_id, bool frozen);
/* Removes it and what is nested in it. 0 also when it is gone already; -EBUSY while processes are in it. */
int cgroup_remove(const struct cgroup_tree *tree, const char *container_id);
/* Kills, waits until it is empty and removes it: all in one, for offloaded work. -ETIMEDOUT. Blocks. */
int cgroup_destroy(const struct cgroup_tree *tree, const char *container_id, int64_t timeout_ms);

/*
 * Puts this process (the agent) into <cgroups_root>/slave of the tree, v2: <cgroups_root>/agent/leaf. Helpers of an earlier
 * agent may be in it still.
 */
int cgroup_join_agent(const struct cgroup_tree *tree, struct err *err);
/* The same for each controller of a list with commas (--agent_subsystems); nothing on v2, where the agent has its group in
 * any case. May block. */
int cgroup_join_listed(const char *hierarchy, const char *root, const char *controllers, struct err *err);

/* The values of control files; text comes from the kernel, and is distrusted all the same. */
/* The number behind the first line "<key> <number>" (or "<key>\t<number>"): 0, -ENOENT, -EINVAL. */
int cgroup_key(const char *text, const char *key, uint64_t *ret);
/* One number, or "max" (UINT64_MAX), with the newline. */
int cgroup_number(const char *text, uint64_t *ret);

#endif
