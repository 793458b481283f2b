/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of containerizer "docker" share. A container is an executor's: mesos-docker-executor as a process beside
 * its task's docker container, or an executor that is in a docker container itself (a custom one, or ours by
 * --docker_mesos_image). Sessions in a container are `docker exec`, nested in it. Everything is asked of the docker
 * client, as children that are cut off when they hang; nothing here waits.
 *
 * launching (fetch, image, start) -> running -> ending (executor killed, docker stop, docker kill, what is left killed by
 * hand) -> gone, and after --docker_remove_delay docker rm.
 */
#ifndef DOCKER_DOCKER_H
#define DOCKER_DOCKER_H

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "model/docker_run.h"
#include "model/docker_state.h"
#include "mesos/containerizer.h"
#include "mesos/slave/containerizer.pb-c.h"

#define NAME_PREFIX "mesos-" /* of docker containers: what monitoring looks for */
#define EXECUTOR_SUFFIX ".executor" /* of an executor's own, when its task has another */
#define STOP_EXTRA_MS (10 * 1000) /* beyond what docker stop was told to wait */
#define KILL_TIMEOUT_MS (5 * 1000)
#define INSPECT_TIMEOUT_MS (5 * 1000)
#define PS_TIMEOUT_MS (30 * 1000)
#define RUN_TIMEOUT_MS (120 * 1000)
#define REMOVE_TIMEOUT_MS (60 * 1000)

enum state { STATE_FETCHING, STATE_PULLING, STATE_STARTING, STATE_RUNNING, STATE_ENDING, STATE_ENDED /* sessions only */ };

struct docker {
    const struct mesos_host *host;
    const struct mesos_containerizer_services *services;
    struct docker_client client; /* its strings are owned here */
    char *engine; /* text of its version, NULL: not known yet */
    bool asking_engine;
    char *helper; /* mesos-docker-executor */
    char *switchboard; /* mesos-containerizer */
    char *state_dir; /* <runtime_dir>/docker */
    char *work_dir, *launcher_dir, *mapped, *socket_path /* NULL: not a path */, *dns, *mesos_image;
    char **environment; /* of clients, NULL-terminated */
    int64_t remove_delay_ms, stop_timeout_ms, pull_timeout_ms;
    bool kill_orphans, cfs;
    struct map containers; /* id -> struct container; parents before children */
    struct list calls; /* struct cli: clients under way */
    struct list removals; /* struct removal */
    struct list askings; /* secrets.c: who waits for secrets */
    struct mesos_timer *sweep_timer;
    unsigned sweeps_left;
    bool stopped; /* offloaded work that ends later finds nothing */
};

struct cli; /* one client under way */
struct session; /* session.c: the streams of a session or an attached container */

struct container {
    struct docker *docker;
    char *id, *sandbox, *user;
    char *name; /* of its docker container: a task's, or a custom executor's */
    char *executor_name; /* of our executor's own, with --docker_mesos_image; NULL = it is a process */
    enum state state;
    bool terminal; /* the docker container has one */
    bool in_docker; /* the executor is in a docker container: `name`, or `executor_name` when there is one */
    struct container *parent; /* it is a session in this one */
    Mesos__Slave__ContainerConfig *config; /* only while launching */
    char **environment; /* only while launching: "NAME=value" */
    char **secrets; /* only while launching: "NAME=value"; NULL = none */
    struct asking *asking; /* while the resolver is asked for them */
    char *pid_path; /* only while launching */
    struct mesos_call *launch; /* owed while launching */
    int out_fd, err_fd; /* the logger's; only while launching */
    struct mesos_fetching *fetching;
    struct cli *cli; /* the client that its present step waits for */
    int64_t pull_began_ms;
    int go_fd; /* our end of the executor's line while it starts */
    struct mesos_watch *go_watch;
    pid_t pid; /* the executor's first process; 0 = none */
    uint64_t start_time; /* of it, in ticks since boot */
    bool exited, reaped_here;
    int status; /* wait(2)'s, when has_status */
    bool has_status;
    bool destroy_wanted, cleanly; /* cleanly: the executor says that its container has ended */
    struct mesos_timer *timer; /* of its ending */
    bool started; /* there may be something of it to stop */
    unsigned step; /* of its ending: enum step in end.c */
    bool asked_status; /* for the first time nothing is known yet */
    struct docker_state inspected; /* pid 0: not yet */
    struct list inspecting; /* struct question: wait for one inspect */
    double overhead_cpus, overhead_mem; /* of the executor beside the container */
    struct docker_figures figures; /* as docker has them */
    struct docker_limits limits;
    struct mesos_call *updating; /* owed */
    struct session *session;
    struct list waits, destroys; /* struct owed */
};

struct owed {
    struct list in_list;
    struct mesos_call *call;
};

/* docker.c */
struct container *container_new(struct docker *docker, const char *id, const char *sandbox);
void container_free(struct container *container);
struct container *container_find(struct docker *docker, const char *id);
void container_destroy(struct container *container);
bool is_session(const struct container *container);
void owe(struct list *list, struct mesos_call *call);
void owed_answer(struct container *container, struct list *list);
/* The agent's socket under a name that stays, in a directory that executors' containers have: the socket itself is another
 * with each run of the agent. Its path there (the caller's), or NULL where that cannot be. */
char *agent_socket(const struct docker *docker, const char *socket);
void answer(const struct docker *docker, struct mesos_call *call, int status);
void answer_fail(const struct docker *docker, struct mesos_call *call, int code, const char *format, ...) PRINTF_LIKE(4, 5);
/* The docker container whose end is this one's. */
const char *own_name(const struct container *container);

/* cli.c: docker clients. */
struct cli_result {
    int status; /* wait(2)'s; -1: cut off or not started */
    bool timed_out;
    struct str out, err;
};
typedef void cli_done_fn(const struct cli_result *result, void *arg);
struct cli_wish {
    const struct docker_argv *argv;
    int64_t timeout_ms; /* 0: none */
    int env_fd; /* -1 = none */
    int fds[3]; /* its streams instead of pipes to us, when `streams` is set; borrowed */
    bool streams, terminal;
    const char *const *environment; /* NULL = the usual one */
};
/* done comes once, from the loop. NULL (with done never called) and a negative errno in *ret when it does not start. */
struct cli *cli_start(struct docker *docker, const struct cli_wish *wish, cli_done_fn *done, void *arg, int *ret);
void cli_cancel(struct cli *cli); /* kills it; no callback. NULL is fine */
pid_t cli_pid(const struct cli *cli);
bool cli_well(const struct cli_result *result);
bool cli_says_gone(const struct cli_result *result); /* "No such container" */
/* "Failed to run '<words>': exited with status 1; stderr='...'". The caller's. */
char *cli_failure(const struct docker_argv *argv, const struct cli_result *result);
/* The usual: "<docker> -H <socket> <words...>", pipes, a time-out. words end with NULL. */
struct cli *cli_call(struct docker *docker, int64_t timeout_ms, cli_done_fn *done, void *arg, const char *const *words);
/* At start, before the loop runs: output of the client, or an error. Blocks for at most timeout_ms. */
int cli_ask_now(const struct docker *docker, const char *const *words, int64_t timeout_ms, struct buf *out, struct err *err);

/* At the end of the module: all of them, without callbacks. */
void cli_stop(struct docker *docker);

/* launch.c */
void docker_launch(void *instance, const struct mesos_containerizer_launch *launch, struct mesos_call *call);
void launch_fail(struct container *container, int code, const char *text);

/* secrets.c */
typedef void secrets_done_fn(struct container *container, const struct err *failure);
/* Fills container->secrets. done comes once, at once or from the loop; failure NULL = well. Not for containers that go
 * meanwhile. */
void secrets_of_container(struct container *container, secrets_done_fn *done);
/* Makes one of them all, which mesos-docker-executor understands. */
int secrets_for_executor(struct container *container, struct err *err);
void secrets_forget(struct container *container);
void secrets_stop(struct docker *docker);

/* image.c */
void engine_ask(struct docker *docker);

/* executor_process.c */
void on_executor_exited(pid_t pid, int status, void *arg);

/* end.c */
void end_begin(struct container *container);
void remove_later(struct docker *docker, const char *name, int64_t delay_ms);
bool removal_is_waiting(const struct docker *docker, struct str name);
void removals_stop(struct docker *docker);
/* Kills, off the thread, whatever has that variable with that value in its environment; done(arg, left) from the loop. */
void kill_by_environment(struct docker *docker, const char *variable, const char *value, int signo,
                         void (*done)(void *arg, unsigned found), void *arg);

/* state.c: what is known of a container after a restart. */
int state_write(const struct container *container, struct err *err);
void state_remove(const struct container *container);

/* recover.c */
void docker_recover(void *instance, const struct mesos_isolator_state *states, size_t count, struct mesos_call *call);
void sweep_stop(struct docker *docker);

/* figures.c: inspect, usage, status, update. */
void docker_usage(void *instance, const char *container_id, struct mesos_call *call);
void docker_status(void *instance, const char *container_id, struct mesos_call *call);
void docker_update(void *instance, const char *container_id, struct mesos_resources requests, struct mesos_bytes limits,
                   struct mesos_call *call);
void questions_drop(struct container *container, const char *why);
void limits_from_config(struct container *container);

/* session.c */
/* Called with config set and parent found: takes over the launch. */
void session_launch(struct container *container);
void session_end(struct container *container);
int docker_attach(void *instance, const char *container_id);
void session_free(struct session *session);

/* settings.c */
/* At start: the options, the environment of the client, and whether it is one. */
int settings_read(struct docker *docker, struct err *err);
void settings_free(struct docker *docker);

#endif
