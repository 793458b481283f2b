/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of `mesos execute`: what was asked for (cmd_execute.c), the tasks that it describes (execute_task.c,
 * execute_container.c), files that go ahead of them (execute_upload.c), what is taken of an offer (execute_choose.c), the
 * framework that runs them (execute_session.c, execute_calls.c) and the output that is followed (execute_follow.c).
 */
#ifndef CLI_EXECUTE_H
#define CLI_EXECUTE_H

#include "cli/sandbox.h"
#include "mesos/v1/scheduler/scheduler.pb-c.h"

struct execute_target {
    struct cli_common common;
    const char *name, *command, *env, *resources, *role, *user, *uris, *task, *task_group;
    const char *framework_capabilities, *principal, *secret, *content_type;
    const char *containerizer, *docker_image, *appc_image, *networks, *volumes, *rlimits;
    const char *effective_capabilities, *bounding_capabilities;
    const char *package, *hadoop, *hdfs;
    bool shell, checkpoint, partition_aware, follow, tty, overwrite;
    bool follow_given; /* else a terminal decides */
    bool containerizer_given; /* else an image decides */
    int64_t kill_after_ns; /* 0 = never */
};

struct http_client;

/* Output of a sandbox as it grows. */
struct execute_follow {
    struct sandbox sandbox; /* path NULL until found */
    uint64_t offsets[2]; /* stdout, stderr */
};

/* One task of the session. */
struct execute_task {
    Mesos__V1__TaskInfo *info; /* the template; agent and resources come from the offer */
    bool started; /* a status has come: the sandbox exists */
    bool ended;
    Mesos__V1__TaskState state; /* valid when started */
    char *container; /* "/containers/<id>..." of a nested one, in the session's arena; NULL = it is the executor's */
    struct execute_follow follow;
};

/* One framework with one task or one group. Embedded in run()'s frame. */
struct execute_session {
    struct cli *cli;
    const struct execute_target *target;
    struct cli_server master;
    FILE *log; /* stdout, or stderr when stdout is the tasks' */
    bool json; /* encoding of calls and events */
    struct arena *arena; /* what lives as long as the session */
    struct execute_task *tasks;
    size_t task_count;
    Mesos__V1__ExecutorInfo *executor; /* of a group; NULL = one task without */
    struct http_client *stream, *calls;
    struct loop_timer retry, kill_timer, wait_timer;
    unsigned retries;
    char *framework_id, *stream_id, *agent_id; /* NULL until known */
    struct cli_server agent; /* of the accepted offer; host empty until then */
    bool not_leading; /* the last answer to SUBSCRIBE said so */
    bool lost; /* it is time for execute_resume */
    bool done; /* ended, whether well or not */
    struct err err; /* why it ended without states */
    unsigned outstanding; /* calls without an answer yet */
};

/* Makes the tasks from the options; err names the option. */
int execute_describe(struct execute_session *session, struct err *err);
/* The container that the options describe, in the session's arena; *ret NULL when they ask for nothing special. */
int execute_container(struct execute_session *session, Mesos__V1__ContainerInfo **ret, struct err *err);
/* --package: copies it to HDFS through the hadoop client; *ret_uri is where it lies then, in the session's arena. */
int execute_upload(struct execute_session *session, const char **ret_uri, struct err *err);
/* Subscribes; events come from the loop until session->done. */
void execute_start(struct execute_session *session);
/* Subscribes again, with whoever leads now; not from a callback. */
void execute_resume(struct execute_session *session);
/* Ends the framework (TEARDOWN) and lets go of everything. */
void execute_end(struct execute_session *session);

/* What one offer gives for everything that is needed: the resources of each task in order, then the executor's. */
struct execute_choice {
    struct {
        Mesos__V1__Resource **resources;
        size_t count;
    } * items; /* task_count + 1 of them, in arena */
};
/* False: the offer is too small. */
bool execute_choose(const struct execute_session *session, const Mesos__V1__Offer *offer, struct arena *arena,
                    struct execute_choice *ret);
/* execute_calls.c: one function per call. say: a line of ours with words of the cluster in it; fail: the session is over. */
struct http_call_handler;
void execute_say(struct execute_session *session, const char *fmt, ...) PRINTF_LIKE(2, 3);
void execute_fail(struct execute_session *session, const struct err *err);
void execute_subscribe(struct execute_session *session, const struct http_call_handler *handler);
void execute_accept(struct execute_session *session, const Mesos__V1__Offer *offer, const struct execute_choice *choice,
                    struct arena *arena);
void execute_decline(struct execute_session *session, const Mesos__V1__Offer *offer);
void execute_acknowledge(struct execute_session *session, const Mesos__V1__TaskStatus *status);
void execute_kill(struct execute_session *session); /* every task that has not ended */
void execute_teardown(struct execute_session *session);
/* Is that the last state of a task? */
bool execute_is_terminal(Mesos__V1__TaskState state);

/* Copies what is new to our own stdout and stderr. Errors are kept quiet: the next turn tries again. */
void execute_follow_turn(struct execute_session *session);

#endif
