/* SPDX-License-Identifier: Apache-2.0 */
/* What external.c, end.c and recover.c of containerizer "external" know of a container together. */
#ifndef EXTERNAL_CONTAINER_H
#define EXTERNAL_CONTAINER_H

#include "external.h"

struct container {
    struct external *external;
    char *id, *sandbox; /* sandbox NULL: an orphan */
    bool running; /* launched */
    bool orphan; /* recovery waits for its end */
    bool destroy_wanted; /* while it is launching */
    bool destroyed; /* the program has said so */
    bool over; /* termination is set; destroy may still be running */
    struct buf termination; /* packed mesos.slave.ContainerTermination */
    char *launch_error; /* launch has failed; destroy tidies up before it is told */
    struct mesos_call *launch;
    struct run *launching, *wait, *destroy, *usage, *update;
    struct mesos_timer *grace;
    struct buf update_record; /* what the next update says; len 0 = there is none */
    struct list waits, destroys, usages, updates, updates_now; /* struct owed */
};

struct owed {
    struct list in_list;
    struct mesos_call *call;
};

/* container.c: calls that are owed. */
void external_owe(struct list *list, struct mesos_call *call);
void external_reply(const struct external *external, struct mesos_call *call, struct str bytes);
void external_refuse(const struct external *external, struct mesos_call *call, int code, const char *why);
/* Answers all of the list; error NULL: with bytes. */
void external_settle(const struct external *external, struct list *list, int code, const char *error,
                     struct str bytes);

struct container *container_find(struct external *external, const char *id);
struct container *container_new(struct external *external, const char *id, const char *sandbox);
/* Ends what runs for it; calls that are still owed are dropped. */
void container_free(struct container *container);
/* Of the file that names the program that waits for it. The caller's. */
char *container_state_path(const struct container *container);

/* The program for one command, with a record or with the container's id alone; timeout_ms 0 = none. */
struct run *container_command(struct container *container, const char *name, struct str record, bool answers,
                              int64_t timeout_ms, run_done_fn *done);
struct run *container_command_of_id(struct container *container, const char *name, bool answers,
                                    int64_t timeout_ms, run_done_fn *done);
int64_t external_timeout_ms(const struct external *external);

/* end.c */
void container_wait_begin(struct container *container);
void container_destroy_begin(struct container *container);
/* One thing less to wait for before recovery is answered. */
void external_orphan_gone(struct external *external);
void external_destroy(void *instance, const char *id, struct mesos_call *call);
void external_wait(void *instance, const char *id, struct mesos_call *call);

/* recover.c */
void external_recover(void *instance, const struct mesos_isolator_state *states, size_t count,
                      struct mesos_call *call);

#endif
