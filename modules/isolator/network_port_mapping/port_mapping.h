/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of isolator "network/port_mapping" share. The loop's thread owns all of struct isolator; the kernel is
 * spoken to by jobs, in offloaded work, one after the other, and by the helper, which works inside of containers.
 */
#ifndef PORT_MAPPING_PORT_MAPPING_H
#define PORT_MAPPING_PORT_MAPPING_H

#include "base/list.h"
#include "base/map.h"
#include "mesos/isolator.h"
#include "rates.h"
#include "settings.h"

#define VETH_PREFIX "mesos"
#define HANDLES_DIR "/var/run/netns" /* where `ip netns` looks for them too */

/* What jobs read: does not change after the start, but for net, which only jobs use. */
struct ground {
    struct settings settings;
    struct host_net host;
    bool fq_codel; /* the kernel has it */
    uint32_t flow_queue; /* of eth0; 0 = none */
    char *links_dir; /* <runtime_dir>/netns: container id -> its handle */
    struct net *net;
};

struct isolator {
    const struct mesos_host *host;
    struct ground *ground;
    char *helper;
    struct map containers; /* id -> struct container; root containers with a network of their own */
    struct ports free; /* ephemeral ports that nobody has */
    bool flows[LAYOUT_FLOW_LAST + 1]; /* taken */
    uint32_t jobs; /* under way */
    struct mesos_call *stop; /* owed when they have ended */
    bool stopping;
    struct mesos_timer *rates_timer;
};

struct container {
    char *id;
    pid_t pid; /* 0 = only prepared */
    struct ports ports; /* of the resource ports */
    struct ports ephemeral;
    struct net_limit egress, ingress;
    bool recovered; /* from before the restart */
    bool unknown_egress; /* it may be limited inside */
    uint16_t flow; /* 0 = none */
    struct rates *rates;
    struct list jobs; /* struct job.in_container: the first is under way */
};

/* One task for the kernel and perhaps for the helper, and the call that it answers. */
struct job {
    struct isolator *isolator;
    struct ground *ground;
    struct mesos_call *call;
    struct container *container; /* whose turn it takes; NULL: nobody's */
    struct list in_container;
    const char *helper; /* command that follows the work; NULL = none */
    void (*work)(struct job *job); /* on another thread: sees ground and what follows */
    void (*done)(struct job *job); /* on the loop, before the answer */

    char *id;
    pid_t pid;
    struct ports ports; /* all that it shall have */
    struct ports ephemeral; /* for the helper; empty = not told */
    struct net_limit egress, ingress; /* rate 0 = leave as it is */
    uint16_t flow;
    struct layout_counts veth, eth0, lo, flows;
    struct net_counters counters;
    bool has_counters;
    bool helper_said; /* something */
    struct buf answer; /* packed */
    int ns_fd, out_fd, err_fd;
    int status;
    struct err err;
    struct recovery *recovery; /* recover.c */
    struct sampling *sampling; /* sampling.c */
};

/* job.c */
struct job *job_new(struct isolator *isolator, struct mesos_call *call, struct container *container, const char *id,
                    pid_t pid, void (*work)(struct job *job), void (*done)(struct job *job));
/* Takes it; runs when the container's earlier jobs have ended. */
void job_start(struct job *job);
void job_fail(struct job *job, int code, const char *what); /* job->err is wrapped in what */
void veth_name(pid_t pid, char ret[IFNAMSIZ]);
/* Runs `mesos-network-helper check`: names of what is missing, one a line. Blocks: at the start only. */
int helper_check(const char *helper, struct buf *missing, struct err *err);

/* Copies of what a container has, for a job. */
void job_take(struct job *job, const struct container *container);

/* side.c: works of jobs, on the host's side. */
void side_attach(struct job *job);
void side_update(struct job *job);
void side_detach(struct job *job);
void side_usage(struct job *job);
/* Settings and queues of the host's own links: before the first container. */
int side_ready(struct ground *ground, struct err *err);
/* Brings the filters of the host's side to job->ports. veth_index 0: there is no cable (any more). */
int side_filters(struct job *job, int veth_index, struct err *err);
/* The end of a container's network: filters, cable, handle and link, whatever of them is there. */
int side_clear(struct job *job, struct err *err);
/* What containers share goes when there is none. */
int side_clear_always(struct ground *ground, struct err *err);

/* handle.c */
int handles_ready(const struct ground *ground, struct err *err);
int handle_make(const struct ground *ground, const char *id, pid_t pid, int *ret_ns_fd, struct err *err);
int handle_open(pid_t pid, int *ret_ns_fd, struct err *err);
void handle_remove(const struct ground *ground, const char *id, pid_t pid);

/* recover.c */
void isolator_recover(void *instance, const struct mesos_isolator_state *states, size_t count,
                      const char *const *orphans, size_t orphan_count, struct mesos_call *call);

/* sampling.c: rates of all containers, each interval, when they are asked for. */
void sampling_begin(struct isolator *isolator);
void sampling_end(struct isolator *isolator);

/* metrics.c */
void metrics_begin(const struct isolator *isolator);
void metrics_added(const struct isolator *isolator, const struct job *job); /* by attaching */
void metrics_removed(const struct isolator *isolator, const struct job *job);

/* port_mapping.c */
struct container *container_new(struct isolator *isolator, const char *id);
void container_free(struct isolator *isolator, struct container *container);
/* Lets go of everything and answers the stop that is owed. */
void isolator_end(struct isolator *isolator);

#endif
