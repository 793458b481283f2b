/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of containerizer "native" share. One container is a small machine of states that only moves forward:
 * launching (user, ground, prepare, fetch, start, isolate) -> running -> ending (kill, clean up) -> ended or forgotten.
 * Each step ends by calling the next; a wish to destroy is remembered and looked at between steps.
 *
 * Nested and standalone containers are "kept": an init of ours stays above their program and writes its wait status
 * down, so that it outlives the agent, and their termination is kept until somebody removes it.
 */
#ifndef NATIVE_NATIVE_H
#define NATIVE_NATIVE_H

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "common/cgroup.h"
#include "mesos/containerizer.h"
#include "mesos/resources.h"
#include "mesos/slave/containerizer.pb-c.h"
#include "provision.h"

#define DEPTH_MAX 32 /* of nesting */

enum state {
    STATE_PREPARING,
    STATE_FETCHING,
    STATE_STARTING,
    STATE_ISOLATING,
    STATE_RUNNING,
    STATE_ENDING,
    STATE_ENDED, /* kept ones only: nothing is left but its termination */
};

/* Numbers of a user, as the helper wants them. */
struct user {
    char *name; /* the key in native->users */
    uint32_t uid, gid;
    uint32_t *groups;
    size_t group_count;
    int64_t until_ms; /* then it is looked up again */
};

struct native {
    const struct mesos_host *host;
    const struct mesos_containerizer_services *services;
    struct mesos_isolator_watcher watcher;
    char *containers_dir; /* <runtime_dir>/containers */
    char *helper_path;
    int helper_fd; /* sealed copy of the helper; -1: run helper_path */
    struct map containers; /* id -> struct container */
    struct map users; /* name -> struct user */
    struct list ending; /* struct container.in_ending: processes to be killed or found gone */
    bool reading; /* /proc is being read for them */
    struct mesos_timer *read_timer;
    int64_t last_read_ms, read_cost_ms;
    int64_t ticks_per_second;
    struct cgroup_tree tree; /* of --launcher=linux; not open: posix */
    unsigned tree_users; /* on other threads */
    int64_t destroy_timeout_ms;
    struct buf seccomp_key, seccomp_program; /* the filter that was compiled last, and of what */
    bool stopped; /* offloaded work that ends later finds nothing */
    struct provisioner *provisioner; /* NULL: images are not provided */
};

/* What the isolators answered to prepare: asked.c. The pointers are into infos. */
struct asked {
    Mesos__Slave__ContainerLaunchInfo **infos;
    size_t count;
    uint32_t clone, enter; /* CLONE_NEW... */
    const char *rootfs, *working_directory, *user, *tty_slave_path;
    const Mesos__Seccomp__ContainerSeccompProfile *seccomp_profile;
    const Mesos__V1__CapabilityInfo *effective, *bounding;
    bool no_new_privileges, mounts, masks;
};

/* "NAME=value", each owned. */
struct entries {
    char **items;
    size_t count, cap;
};
#define auto_entries __attribute__((cleanup(entries_fini)))

struct container {
    struct native *native;
    char *id, *sandbox, *user, *runtime_dir;
    char *inside_sandbox, *inside_directory; /* as its program sees them; NULL: not known, or not yet */
    enum state state;
    struct container *parent; /* it is nested in this one */
    struct list children, in_parent;
    bool standalone; /* a root of no executor's */
    bool kept; /* nested or standalone */
    bool debug; /* runs in its parent's directory and environment; does not outlive the agent */
    bool ran; /* was launched: its termination is of interest */
    bool waits_for_children; /* ending; the next step is cleanup */
    struct buf termination; /* packed; STATE_ENDED */
    pid_t switchboard; /* the helper that holds its streams; 0 = none (any more) */
    struct mesos_timer *switchboard_timer; /* ending: patience with it */
    void (*switchboard_last)(struct container *container); /* called when it has ended */
    struct buf environment; /* kept ones while launching: "NAME=value", NUL behind each */
    Mesos__Slave__ContainerConfig *config; /* only while launching */
    struct entries entries; /* only while launching: its environment */
    struct asked asked; /* only while launching */
    struct buf steps; /* only while launching: what the helper is told */
    int task_fd; /* only while launching: what the helper of its command task is told; -1 = nothing */
    char *pid_path; /* only while launching */
    struct mesos_resource_sum resources; /* only while launching */
    struct mesos_call *launch; /* owed while launching */
    uint32_t next; /* isolator whose turn it is; while cleaning up: number of those still to do */
    uint32_t prepared; /* isolators that were asked to prepare (or recover): these are cleaned up */
    int in_fd, out_fd, err_fd; /* of its program; in_fd -1 = /dev/null */
    int word_fd; /* our end of the helper's socket until it is told to go, or has executed the program: */
    struct mesos_watch *entry; /* waits for that */
    char *rootfs; /* of its image; NULL: it sees the host's, or that of an earlier agent's launch is not known */
    char **image_volumes; /* one per volume of its container_info, NULL where that has no image */
    size_t image_count;
    struct provision *provision; /* while it is being provisioned or its root file systems removed */
    struct mesos_fetching *fetching;
    void (*fetched)(struct container *container, const char *error);
    pid_t pid;
    uint64_t not_before, not_after; /* when pid began, in ticks since boot; equal when known exactly */
    bool exited; /* pid has ended, or there never was one */
    int status; /* wait(2)'s, when has_status */
    bool has_status;
    bool destroy_wanted;
    bool in_cgroup; /* it has a control group of the launcher's */
    bool given_up; /* its processes did not die in time: who waited was told so */
    struct buf limits; /* packed fields of ResourceStatistics that follow from the resources */
    Mesos__Slave__ContainerLimitation *limitation;
    struct list waits, destroys; /* struct owed */
    struct list in_ending;
    int64_t ending_since_ms;
    unsigned left; /* processes found at the last reading */
};

struct owed {
    struct list in_list;
    struct mesos_call *call;
};

/* native.c */
struct container *container_new(struct native *native, const char *id, const char *sandbox);
void container_free(struct container *container);
struct container *container_find(struct native *native, const char *id);
/* The same, and its processes may live. */
struct container *container_alive(struct native *native, const char *id);
/* Ends it now, or when the step of its launch that is under way is over. */
void container_destroy(struct container *container);
/* Whether isolator `index` looks after it. */
bool container_isolated(const struct container *container, uint32_t index);
const struct container *container_root(const struct container *container);
/* Its last name. */
const char *container_name(const struct container *container);
const char *container_directory(const struct container *container); /* where its program starts */
/* limits: packed fields ContainerConfig.limits, among others. */
void container_resources(struct container *container, struct mesos_resources resources, struct mesos_bytes limits);
void owe(struct list *list, struct mesos_call *call);
void answer(const struct native *native, struct mesos_call *call, int status);
void on_container_exited(pid_t pid, int status, void *arg);

/* A process that sees what the container's program sees: its first one, or the task of its command executor. */
pid_t container_mounts_pid(const struct container *container);

/* views.c: questions and what is gathered from isolators. */
void native_update(void *instance, const char *container_id, struct mesos_resources requests, struct mesos_bytes limits,
                   struct mesos_call *call);
void native_usage(void *instance, const char *container_id, struct mesos_call *call);
void native_status(void *instance, const char *container_id, struct mesos_call *call);

/* launch.c */
void native_launch(void *instance, const struct mesos_containerizer_launch *launch, struct mesos_call *call);
void launch_fail(struct container *container, int code, const char *text);
/* A container that is to be destroyed and was let go, but has not executed its program: its launch fails now. False: it is
 * not in that state. */
bool launch_give_up(struct container *container);

/* nested.c: what nested and standalone containers need beyond the others. */
/* Checks an id with dots and finds the parent; *ret_parent NULL = a root. */
int nested_check(struct native *native, const char *id, struct container **ret_parent, struct err *err);
/* Sandbox, directories below runtime_dir and environment; done comes from the loop, error NULL = all is there. */
void ground_make(struct container *container, const struct user *user,
                 void (*done)(struct container *container, int status, const char *error));
void native_remove(void *instance, const char *container_id, struct mesos_call *call);
int native_describe(void *instance, const char *container_id, struct mesos_container_view *ret);
void native_each(void *instance, void (*found)(void *arg, const struct mesos_container_view *view), void *arg);
/* What its init wrote down: true and the wait status of its program. */
bool status_read(const struct container *container, int *ret);

/* linux.c: --launcher=linux */
int linux_start(struct native *native, struct err *err);
void linux_stop(struct native *native);
/* Work on another thread that uses native->tree: it stays open so long. */
void linux_hold(struct native *native);
void linux_release(struct native *native);
bool linux_used(const struct native *native);
int linux_create(struct container *container, struct err *err);
void linux_step(const struct container *container, struct buf *out); /* the first process joins its control group */
int linux_remove(struct container *container); /* when nobody is left in it; -EBUSY: somebody is */

/* start.c: the helper that becomes the container's first process. */
int process_start(struct container *container);

/* asked.c */
int asked_add(struct container *container, const char *isolator, struct mesos_bytes info, struct err *err);
int asked_check(const struct container *container, struct err *err);
/* of_task: what is for a command task alone. */
void asked_environment(const struct asked *asked, bool of_task, struct entries *out);
size_t asked_groups(const struct asked *asked, bool of_task, struct buf *out); /* uint32_t each; how many */
void asked_fini(struct asked *asked);
void entries_add(struct entries *entries, const char *entry);
void entries_set(struct entries *entries, const char *entry); /* instead of one of the same name */
void entries_fini(struct entries *entries);

/* steps.c: one step behind the other. */
enum launch_kind;
void step(struct buf *out, enum launch_kind kind, const void *bytes, size_t len);
void step_text(struct buf *out, enum launch_kind kind, const char *text);
void step_number(struct buf *out, enum launch_kind kind, uint32_t number);
int steps_rlimits(struct buf *out, const Mesos__V1__RLimitInfo *info, struct err *err);
void steps_mounts(struct buf *out, const struct asked *asked, const char *root_sandbox); /* the new root, mounts and file operations */
int steps_commands(struct buf *out, const struct asked *asked, struct err *err); /* pre_exec_commands */
void steps_masks(struct buf *out, const struct asked *asked);
void steps_capabilities(struct buf *out, const struct asked *asked);

/* seccomp.c: a BPF program for the helper. */
int seccomp_compile(const Mesos__Seccomp__ContainerSeccompProfile *profile, const Mesos__V1__CapabilityInfo *bounding,
                    struct buf *out, struct err *err);

/* description.c: turns configuration and what isolators ask for into the helper's steps, when all have answered. */
/* What does without isolators. launch: NULL for kept ones, whose environment is in the container. */
int description_begin(struct container *container, const struct mesos_containerizer_launch *launch, struct err *err);
int description_end(struct container *container, const struct user *user, struct err *err);
bool description_has_init(const struct container *container); /* a process of ours stays above its program */

/* user.c: done(container, user or NULL, error) comes from the loop or at once. name NULL: nobody is looked up. */
void user_find(struct container *container, const char *name,
               void (*done)(struct container *container, const struct user *user, const char *error));
void users_fini(struct native *native);

/* fetch.c */
int fetch_check(const Mesos__Slave__ContainerConfig *config, struct err *err);
/* Starts the fetcher; done comes from the loop, error NULL = all is there. */
int fetch_start(struct container *container, void (*done)(struct container *container, const char *error),
                struct err *err);

/* switchboard.c */
bool switchboard_wanted(const struct container *container); /* while there is a config */
bool switchboard_has_terminal(const struct container *container);
/* Makes the streams of the program, in_fd to err_fd, and starts the helper that has the other ends and the logger's. */
int switchboard_start(struct container *container, const struct user *user, struct err *err);
/* One of an earlier agent's, which was found alive. */
void switchboard_recover(struct container *container, pid_t pid);
/* The container has ended: lets it send what it has. done may be called at once. */
void switchboard_end(struct container *container, void (*done)(struct container *container));
int native_attach(void *instance, const char *container_id);

/* end.c */
void end_begin(struct container *container);
/* Its files below runtime_dir; all: also what tells of a kept one that it has ended. */
void runtime_forget(const struct container *container, bool all);
/* Forgets an ended container and those in it. */
void container_drop(struct container *container);
void end_stop(struct native *native);

/* foreign.c: the living first process of a container that Apache Mesos started, by what it wrote into directory. */
bool foreign_process(const char *directory, pid_t *ret_pid, uint64_t *ret_start_time);
/* recover.c */
void native_recover(void *instance, const struct mesos_isolator_state *states, size_t count, struct mesos_call *call);

#endif
