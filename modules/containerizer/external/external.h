/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of containerizer "external" share. program.c runs the program for one command at a time and knows no
 * container; container.c, end.c, recover.c and external.c know containers; messages.c what is written and read.
 */
#ifndef EXTERNAL_EXTERNAL_H
#define EXTERNAL_EXTERNAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "mesos/containerizer.h"

struct external {
    const struct mesos_host *host;
    const char *program; /* --containerizer_path: a command line for the shell */
    const char *image; /* --default_container_image; NULL = none */
    int64_t timeout_ns; /* option */
    char *state_dir; /* <runtime_dir>/external: one file per container, which program waits for it */
    struct map containers; /* id -> struct container */
    struct list runs; /* struct run: the program is running for them */
    struct mesos_call *recover; /* owed while recovering */
    struct arena *known; /* while recovering: what the agent knows */
    struct mesos_isolator_state *states;
    size_t state_count;
    size_t orphans; /* that are being destroyed before recover is answered */
};

/* ---- program.c ---- */

struct run_wish {
    const char *command; /* a literal */
    struct str record; /* packed message for its standard input; ptr NULL = none */
    const char *sandbox; /* its directory, and where stderr (and stdout, unless it answers) go; NULL = none */
    const char *const *environment; /* beyond what every command gets; NULL = nothing */
    int64_t timeout_ms; /* 0 = it may take for ever */
    bool answers; /* one record comes on its standard output */
};

/* error NULL: it ended with status 0, and record is what it answered (borrowed). The run is gone after it. */
typedef void run_done_fn(void *arg, const char *error, struct str record);

/* done comes once, from the loop, also when the program cannot be started. */
struct run *run_start(struct external *external, const struct run_wish *wish, run_done_fn *done, void *arg);
void run_kill(struct run *run); /* done comes soon, with an error */
void run_forget(struct run *run); /* ends it at once; done does not come */
void runs_end(struct external *external); /* all of them, at once */
pid_t run_pid(const struct run *run); /* 0 = it did not start */

/* ---- messages.c: packed messages, appended to out ---- */

enum { EXTERNAL_ID_MAX = 200 };

/* 0 and the sandbox, the caller's to free, or a negative errno with err. */
int launch_record(struct buf *out, const struct mesos_containerizer_launch *launch, char **ret_sandbox, struct err *err);
void id_record(struct buf *out, const char *container_id); /* Wait, Destroy, Usage */
void update_record(struct buf *out, const char *container_id, struct mesos_resources resources);
/* A Termination as mesos.slave.ContainerTermination. */
int termination_read(struct buf *out, struct str record, struct err *err);
/* One that the program did not tell. */
void termination_make(struct buf *out, int status, const char *message);
int statistics_check(struct str record, struct err *err);
/* The ids of a Containers, each sound and once; NULL-terminated, in arena. */
const char *const *containers_read(struct str record, struct arena *arena, struct err *err);

#endif
