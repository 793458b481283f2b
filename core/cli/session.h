/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A terminal's end of a container: what it prints comes out here, what is typed goes there. For `mesos task exec` and
 * `mesos task attach`. Two connections: one whose answer is the output (LAUNCH_NESTED_CONTAINER_SESSION or
 * ATTACH_CONTAINER_OUTPUT), one whose request is the input (ATTACH_CONTAINER_INPUT, session_input.c).
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include <termios.h>

#include "cli/cluster.h"
#include "loop/stream.h"

struct http_client;

struct session {
    struct cli *cli;
    struct cli_server agent;
    json_t *container_id; /* owned */
    bool input; /* send what stdin says */
    bool no_input; /* say that there is none, so that a command that reads does not wait for ever */
    bool tty; /* the container has a terminal: ours becomes raw, and its size is told */
    bool waits; /* ask for the exit status */
    bool detachable; /* ctrl-p ctrl-q ends it */
    /* state */
    struct http_client *output, *waiter;
    int status; /* of the output's answer */
    struct buf refusal; /* its body when that is not 200 */
    bool output_ended, exit_known, done;
    int exit_code; /* of the command, when exit_known */
    struct err err;
    /* input */
    struct stream *stream;
    struct loop_fd *watch;
    struct loop_timer reader, heartbeat, refused;
    bool ended; /* nothing is sent any more */
    bool detaching; /* ctrl-p came */
    struct buf answer; /* the beginning of the input's answer */
    struct termios saved;
    bool raw;
};

/* Sends `call` (stolen) and lives until the output ends, the user detaches, or something breaks. Returns the exit code:
 * the command's with `waits`, else 0; EXIT_FAILURE and a message when it broke. Owns container_id from then on. */
int session_run(struct session *session, json_t *call);

/* session_input.c: begins to send stdin; err is set and done when it breaks. */
void session_input_start(struct session *session);
void session_input_stop(struct session *session);
/* "window_size" of our terminal, or NULL when it has none. */
json_t *session_window(void);
/* Makes our terminal raw and puts it back. */
void session_raw(struct session *session);
void session_cooked(struct session *session);

#endif
