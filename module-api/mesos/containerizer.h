/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kind containerizer: runs containers on the agent's machine. --containerizers gives the order in which the agent asks.
 * Every asynchronous member owes its call one reply.
 *
 * A container is an executor's, or standalone (of no executor), or nested in one that runs. Ids cross this boundary as
 * text: the names from the root down, joined by '.', which no name has in it: "parent.child.grandchild". A nested
 * container lives no longer than its parent: who destroys the parent destroys it first. What has ended stays known,
 * with its termination, when it is nested (until remove or until its root has ended) or standalone (until remove, or a
 * launch with its id).
 */
#ifndef MESOS_CONTAINERIZER_H
#define MESOS_CONTAINERIZER_H

#include "mesos/container_logger.h"
#include "mesos/isolator.h"

/* A wish to have a command's URIs brought to a directory before the command starts. */
struct mesos_fetch {
    size_t size;
    const char *container_id;
    struct mesos_bytes command; /* packed mesos.v1.CommandInfo: its uris */
    const char *directory; /* the sandbox */
    const char *user; /* whom the files belong to; NULL = the daemon's own user */
    int out_fd, err_fd; /* where the fetcher writes what it does; borrowed during the call, -1 = nowhere */
};
struct mesos_fetching; /* one that is under way; opaque */

/* What the core lends to a containerizer beside mesos_host: the isolators and the logger that were configured, behind
 * calls that verify and time out. Each callback comes exactly once, from the loop. */
struct mesos_containerizer_services {
    size_t size;
    void *self;
    uint32_t isolator_count; /* in order of phase */
    const char *(*isolator_name)(void *self, uint32_t index);
    const struct mesos_isolator_ops *(*isolator_ops)(void *self, uint32_t index, void **ret_instance);
    /* A call that isolator `index` is to answer: done(arg, status, error text or NULL, answer), or -ETIMEDOUT. Pass it to
     * one of its members. */
    struct mesos_call *(*call_new)(void *self, uint32_t index, const char *what,
                                   void (*done)(void *arg, int status, const char *error,
                                                struct mesos_bytes answer),
                                   void *arg);
    /* done of calls with this arg comes no more. */
    void (*call_forget)(void *self, const void *arg);
    /* The container_logger's ops and instance; NULL when there is none. */
    const struct mesos_container_logger_ops *(*logger_ops)(void *self, void **ret_instance);
    /* What the logger's last failed prepare said; "" when nothing. */
    const char *(*logger_failure)(void *self);
    /* Runs the fetcher, with the cache that the agent keeps for all containerizers. done(arg, error) comes exactly once, from
     * the loop; error NULL = everything is there, else one sentence. NULL (with done never called): the agent is stopping.
     * Since: the size of this struct that has it. */
    struct mesos_fetching *(*fetch)(void *self, const struct mesos_fetch *fetch,
                                    void (*done)(void *arg, const char *error), void *arg);
    /* Gives it up: its processes are killed, and done comes soon. Only before done. */
    void (*fetch_cancel)(void *self, struct mesos_fetching *fetching);
};

struct mesos_containerizer_launch {
    size_t size;
    const char *container_id;
    struct mesos_bytes config; /* packed mesos.slave.ContainerConfig: command_info, resources, directory, user... */
    const char *const *environment; /* "NAME=value", NULL-terminated */
    const char *pid_checkpoint_path; /* file that must hold the pid before exec, or NULL */
    struct mesos_resources resources;
    uint32_t standalone; /* bool */
    uint32_t reserved;
};

/* What a containerizer says of one container; borrowed until the next call to it. */
struct mesos_container_view {
    size_t size;
    const char *container_id;
    const char *sandbox; /* absolute, on the host */
    uint32_t standalone; /* bool: it or its root is */
    uint32_t ended; /* bool: only its termination is left */
    pid_t pid; /* 0 = none (yet) */
    uint32_t reserved;
    const char *user; /* whose its processes are, and those nested in it that name nobody; NULL = not known, or the agent's own */
};

struct mesos_containerizer_ops {
    void (*initialize)(void *instance, const struct mesos_containerizer_services *services);
    /* After an agent restart: containers the agent knows (pid 0 = unknown). The others of earlier runs are orphans and are
     * destroyed. Re-adopted by pid plus start time, never by pid alone. Required. */
    void (*recover)(void *instance, const struct mesos_isolator_state *states, size_t count,
                    struct mesos_call *call);
    /* The process has its sandbox as working directory and its output where the logger says; it is not started before its
     * pid is in pid_checkpoint_path. Answer: one byte, 1 = launched, 0 = not for this containerizer (ask the next), 2 =
     * exists already. Required.
     * Nested: config's directory is empty and user may be unset: the sandbox is containers/<name> in the parent's, made
     * here, and the user is the parent's. container_class DEBUG: it runs in the parent's directory with the parent's
     * environment, under `environment`, and is destroyed by recover. -ENOENT when the parent does not run. Standalone: the
     * sandbox is made here too. */
    void (*launch)(void *instance, const struct mesos_containerizer_launch *launch, struct mesos_call *call);
    /* Answer when the container has ended: packed mesos.slave.ContainerTermination (status is wait(2)'s). -ENOENT when it is
     * not known. Required. */
    void (*wait)(void *instance, const char *container_id, struct mesos_call *call);
    /* Answer as wait's; the container and its processes are gone then. -ENOENT. Required. */
    void (*destroy)(void *instance, const char *container_id, struct mesos_call *call);
    /* The container's resources have changed. limits: as in isolator.h. */
    void (*update)(void *instance, const char *container_id, struct mesos_resources requests,
                   struct mesos_bytes limits, struct mesos_call *call);
    /* Packed mesos.v1.ResourceStatistics / mesos.v1.ContainerStatus. */
    void (*usage)(void *instance, const char *container_id, struct mesos_call *call);
    void (*status)(void *instance, const char *container_id, struct mesos_call *call);
    /* Sends a signal to the container's init process: 0, -ESRCH. */
    int (*kill)(void *instance, const char *container_id, int signo);
    /* Forgets a nested or standalone container that has ended, with its sandbox. Unknown is 0; -EBUSY while it has not
     * ended; -ENOENT when its root is not known. */
    void (*remove)(void *instance, const char *container_id, struct mesos_call *call);
    /* 0, or -ENOENT. ret->size is set by the caller. After recover the agent asks its containerizers so, in their order, who has
     * taken a container back: who can stand beside others must have it. */
    int (*describe)(void *instance, const char *container_id, struct mesos_container_view *ret);
    /* Every container, parents before children; found must not call back. */
    void (*each)(void *instance, void (*found)(void *arg, const struct mesos_container_view *view), void *arg);
    /* A connected stream socket, the caller's, on which mesos/switchboard.h is spoken, to the standard streams of a
     * container that has a terminal (container_info.tty_info) or is of class DEBUG; else -ENOTCONN. -ENOENT: not known. */
    int (*attach)(void *instance, const char *container_id);
    /* Removes from the image store what no container uses. excluded: packed mesos.v1.agent.Call.PruneImages, whose
     * excluded_images stay. NULL = it has no images. */
    void (*prune_images)(void *instance, struct mesos_bytes excluded, struct mesos_call *call);
};

#endif
