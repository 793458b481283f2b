/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of `mesos execute`: what was asked for (cmd_execute.c), the framework that runs it (execute_session.c), the
 * task it describes (execute_task.c) and the output that is followed (execute_follow.c).
 */
#ifndef CLI_EXECUTE_H
#define CLI_EXECUTE_H

#include "cli/sandbox.h"
#include "mesos/v1/scheduler/scheduler.pb-c.h"

struct execute_target {
    struct cli_common common;
    const char *name, *command, *env, *resources, *role, *user, *uris, *task;
    const char *framework_capabilities, *principal, *content_type;
    bool shell, checkpoint, partition_aware, follow;
    bool follow_given; /* else a terminal decides */
    int64_t kill_after_ns; /* 0 = never */
};

struct http_client;

/* One framework with one task. Embedded in run()'s frame. */
struct execute_session {
    struct cli *cli;
    const struct execute_target *target;
    struct cli_server master;
    FILE *log; /* stdout, or stderr when stdout is the task's */
    bool json; /* encoding of calls and events */
    struct arena *arena; /* what lives as long as the session */
    Mesos__V1__TaskInfo *task; /* the template; agent and resources come from the offer */
    struct http_client *stream, *calls;
    struct loop_timer retry, kill_timer, wait_timer;
    unsigned retries;
    char *framework_id, *stream_id, *agent_id; /* NULL until known */
    struct cli_server agent; /* of the accepted offer; host empty until then */
    bool started; /* a status has come: the sandbox exists */
    bool done; /* ended, whether well or not */
    Mesos__V1__TaskState state; /* last known */
    bool has_state;
    struct err err; /* why it ended without a state */
    unsigned outstanding; /* calls without an answer yet */
};

/* Makes the task from the options; err names the option. */
int execute_describe(struct execute_session *session, struct err *err);
/* Subscribes; events come from the loop until session->done. */
void execute_start(struct execute_session *session);
/* Ends the framework (TEARDOWN) and lets go of everything. */
void execute_end(struct execute_session *session);
/* Can `offer` run the task? Then the task's resources are chosen from the offer, in arena. NULL: it cannot. */
Mesos__V1__Resource **execute_choose(const struct execute_session *session, const Mesos__V1__Offer *offer,
                                     struct arena *arena, size_t *ret_count);
/* Is that the last state of a task? */
bool execute_is_terminal(Mesos__V1__TaskState state);

/* Output of the sandbox as it grows. */
struct execute_follow {
    struct sandbox sandbox; /* path NULL until found */
    uint64_t offsets[2]; /* stdout, stderr */
};
/* Copies what is new to our own stdout and stderr. Errors are kept quiet: the next turn tries again. */
void execute_follow_turn(struct execute_follow *follow, struct execute_session *session);

#endif
