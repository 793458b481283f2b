/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all isolators cgroups/... share: which containers have cgroups of their own, making, filling and removing them,
 * recovery and orphans. What one controller does is in a struct subsystem; an isolator is a list of those, and cgroups/all
 * is the list of all.
 *
 * Everything that touches a cgroup runs offloaded, as a struct job that has copies of what it needs; a job and the parts
 * (which do not change after start) are all that the other thread sees. Jobs of one container follow each other, because
 * the containerizer waits for each answer; updates are ordered, and figures are asked for many containers at once.
 *
 * Containers nested in another are in its cgroups, unless LinuxInfo.share_cgroups is false.
 */
#ifndef ISOLATOR_CGROUPS_GROUP_H
#define ISOLATOR_CGROUPS_GROUP_H

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "common/cgroup.h"
#include "mesos/isolator.h"

#define PARTS_MAX 12

struct part;
struct job;
struct group_container;

/* One controller. Functions may be NULL. */
struct subsystem {
    const char *name; /* the controller on v1 */
    const char *v2; /* the controller on v2; "" = works there without one; NULL = not on v2 */
    bool only_v2; /* not on v1 */
    bool only_v1; /* on v2 another one does its work: no reason to refuse */
    /* Options and what the kernel has: once, the tree is open. */
    int (*start)(struct part *part, struct err *err);
    void (*stop)(struct part *part);

    /* Offloaded. 0, or a negative errno with job->err. */
    int (*create)(struct part *part, struct job *job); /* the cgroup is new (or found again: job->op == JOB_RECOVER) */
    int (*isolate)(struct part *part, struct job *job); /* before job->pid is put into it */
    int (*update)(struct part *part, struct job *job); /* job->wish; also after create of a new one */
    int (*usage)(struct part *part, struct job *job); /* appends fields of ResourceStatistics to job->answer */

    /* On the loop. */
    int (*choose)(struct part *part, struct group_container *container, struct job *job); /* before create of a new one */
    void (*known)(struct part *part, struct group_container *container, struct job *job); /* after create */
    void (*ask)(struct part *part, struct group_container *container, struct job *job); /* before usage */
    void (*status)(struct part *part, struct group_container *container, struct buf *cgroup_info);
    void (*gone)(struct part *part, struct group_container *container); /* before it is removed, or when the agent stops */
};

extern const struct subsystem subsystem_blkio, subsystem_cpu, subsystem_cpuacct, subsystem_cpuset, subsystem_devices,
    subsystem_hugetlb, subsystem_io, subsystem_memory, subsystem_net_cls, subsystem_net_prio, subsystem_perf_event,
    subsystem_pids;

/* A subsystem at work in one isolator. */
struct part {
    const struct subsystem *subsystem;
    struct group *group;
    unsigned index;
    struct cgroup_tree tree;
    bool same_tree; /* as a part before it: processes are in there already */
    void *state; /* the subsystem's */
};

/* What a container is to have. */
struct wish {
    double cpus, cpu_limit; /* limits: INFINITY is one */
    uint64_t mem_bytes;
    double mem_limit_mb;
    bool has_cpus, has_mem, has_cpu_limit, has_mem_limit, revocable_cpus;
};

enum job_op { JOB_PREPARE, JOB_ISOLATE, JOB_UPDATE, JOB_USAGE, JOB_CLEANUP, JOB_RECOVER };

struct job {
    struct list in_list; /* JOB_USAGE and JOB_RECOVER come many at once */
    struct group *group;
    enum job_op op;
    struct mesos_call *call; /* NULL = nobody waits */
    char *id; /* whose cgroup */
    pid_t pid;
    char *nested; /* JOB_ISOLATE: the container that pid is of, when it shares id's cgroups; else NULL */
    struct wish wish;
    bool command_task;
    bool has_cgroup; /* JOB_RECOVER: it was found */
    bool found[PARTS_MAX]; /* JOB_RECOVER: in the tree of this part */
    void *made[PARTS_MAX]; /* what create leaves for known, which frees it; or choose for create */
    struct buf answer;
    int status;
    struct err err;
};

struct group_container {
    char *id;
    struct wish wish;
    bool command_task;
    void *state[PARTS_MAX]; /* the subsystems' */
};

/* The instance of every isolator here. */
struct group {
    const struct mesos_host *host;
    struct mesos_isolator_watcher watcher;
    const char *name; /* the module's */
    struct part parts[PARTS_MAX];
    unsigned part_count;
    const char *hierarchy, *root;
    int64_t destroy_timeout_ms;
    struct map containers; /* id -> struct group_container: those with cgroups of their own */
    struct list asking; /* struct job: figures that are wanted */
    bool reading; /* figures are being read */
    unsigned jobs; /* under way */
    struct mesos_call *stop; /* owed when the last one ends */
    bool stopped;
};

/* group.c: the members of the kind's table, and start. */
int group_start(struct group *group, const struct mesos_host *host, const char *name,
                const struct subsystem *const *subsystems, bool all);
bool group_supports(void *instance);
void group_initialize(void *instance, const struct mesos_isolator_watcher *watcher);
void group_recover(void *instance, const struct mesos_isolator_state *states, size_t count, const char *const *orphans,
                   size_t orphan_count, struct mesos_call *call); /* recover.c */
void group_prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call);
void group_isolate(void *instance, const char *container_id, pid_t pid, struct mesos_call *call);
void group_update(void *instance, const char *container_id, struct mesos_resources requests, struct mesos_bytes limits,
                  struct mesos_call *call);
void group_usage(void *instance, const char *container_id, struct mesos_call *call);
void group_status(void *instance, const char *container_id, struct mesos_call *call);
void group_cleanup(void *instance, const char *container_id, struct mesos_call *call);
void group_stop(void *instance, struct mesos_call *call);

/* Within. */
struct job *job_new(struct group *group, enum job_op op, const char *id, struct mesos_call *call);
void job_free(struct job *job);
/* Offloads work and counts it; done must call job_over. */
void job_run(struct group *group, bool ordered, void (*work)(void *arg), void (*done)(void *arg), void *arg);
void job_over(struct group *group);
struct group_container *group_container_new(struct group *group, const char *id);
void group_container_free(struct group *group, struct group_container *container);
/* Kills what is in a container's cgroups and removes them, in the background or for a call. */
void group_destroy(struct group *group, const char *id, struct mesos_call *call);

/* rootfs.c: appends to a ContainerLaunchInfo what shows a container with that root file system (NULL = none) the cgroups of
 * container `id`. */
void group_show(const struct group *group, const char *id, const char *rootfs, struct buf *launch_info);

/* wish.c: what the configuration of a container and the resources say. */
void wish_read(struct wish *ret, struct mesos_resources requests, struct mesos_bytes limits);
/* Whether a container with that configuration has cgroups of its own, when it is nested. */
bool wish_own_cgroups(struct mesos_bytes config);
bool config_is_command_task(struct mesos_bytes config);

/* For subsystems: a daemon's option, parsed. */
bool group_flag(const struct group *group, const char *name);
int64_t group_duration_ms(const struct group *group, const char *name, int64_t fallback_ms);
/* job->err with what went wrong at a control file; returns rc. */
int job_fail(struct job *job, const struct part *part, int rc, const char *what, const char *file);

#endif
