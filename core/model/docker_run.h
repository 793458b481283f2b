/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of `docker run` for one container of Mesos's, and what else both mesos-docker-executor and the
 * containerizer "docker" must say to the docker client alike. Runs nothing itself. What a framework wrote is checked here:
 * nothing of it may become an option of docker's that it did not ask for by name.
 */
#ifndef MODEL_DOCKER_RUN_H
#define MODEL_DOCKER_RUN_H

#include "base/buf.h"
#include "mesos/v1/mesos.pb-c.h"

/* A version as a number that can be compared: 20.10.24 is 201024. 0 = not known. */
uint32_t docker_version(struct str text);
#define DOCKER_VERSION(major, minor, patch) ((uint32_t)(major) * 10000u + (uint32_t)(minor) * 100u + (uint32_t)(patch))

/* How the client is called: "<docker> -H <socket>". */
struct docker_client {
    const char *docker; /* path of the client */
    const char *host; /* "unix:///var/run/docker.sock" */
    uint32_t engine; /* docker_version of the engine */
};

/* "/a" -> "unix:///a"; what has a scheme stays. The caller's. */
char *docker_host(const char *socket);

/* A list of arguments, NULL-terminated, each owned. */
struct docker_argv {
    char **items;
    size_t count;
    char **environment; /* "NAME=value" that the client needs beside its usual ones: secrets; NULL = nothing. Owned */
    size_t environment_count;
};
void docker_argv_init(struct docker_argv *argv, const struct docker_client *client);
void docker_argv_fini(struct docker_argv *argv);
void docker_argv_add(struct docker_argv *argv, const char *format, ...) PRINTF_LIKE(2, 3);
/* The words as one line, for messages. The caller's. */
char *docker_argv_text(const struct docker_argv *argv);
/* Both lists, of which each may be NULL; the first counts more. The new list is the caller's, its items are not. */
char **docker_environment_join(char *const *first, char *const *base);

/* The environment of a container or a session: each a list of "NAME=value", NULL-terminated, or NULL. */
struct docker_environment {
    const char *const *own; /* Mesos's: on the command line */
    const char *const *more; /* the framework's: in a file that nobody else reads, as far as a file can hold them */
    const char *const *secrets; /* the same, and never on the command line; count more than others of their name */
    bool no_file; /* the client is too old for files here */
};
/* Appends it. In *ret_fd, if it is set, an open file (the caller's) that the client must have as descriptor DOCKER_ENV_FD. */
#define DOCKER_ENV_FD 3
int docker_environment_add(struct docker_argv *argv, const struct docker_environment *wanted, int *ret_fd, struct err *err);

/* What tells mesos-docker-executor the secrets of its task: a JSON object of texts, of at most so many bytes. */
#define DOCKER_SECRETS_VARIABLE "MESOS_DOCKER_SECRETS"
#define DOCKER_SECRETS_MAX 50000

/* What a container may use. */
struct docker_limits {
    double cpus, mem_mb; /* requested */
    double cpus_limit, mem_limit_mb; /* HUGE_VAL: none wanted at all; 0: not given, as much as requested */
};
/* Adds up the scalars of that name. */
double docker_scalar(Mesos__V1__Resource *const *resources, size_t count, const char *name);

struct docker_figures {
    uint64_t cpu_shares, cpu_quota; /* quota 0: none */
    uint64_t memory, memory_reservation; /* 0: not limited */
    int oom_score_adj; /* 0: as it is */
};
/* cfs: limit cpu time although nothing but the request is given. */
struct docker_figures docker_figures(const struct docker_limits *limits, bool cfs);

struct docker_run {
    const struct docker_client *client;
    const char *name; /* of the container */
    const char *sandbox, *mapped; /* of the host, inside */
    const char *work_dir; /* what marks the container as this agent's; NULL = nothing */
    const Mesos__V1__ContainerInfo *container;
    const Mesos__V1__CommandInfo *command;
    const char *const *environment, *const *more, *const *secrets; /* as in struct docker_environment */
    const char *const *volumes; /* "source:target[:mode]" beside the framework's own; may be NULL */
    Mesos__V1__Resource *const *resources; /* ports are looked up here */
    size_t resource_count;
    struct docker_limits limits;
    bool cfs;
    const char *dns; /* --default_container_dns, JSON, or NULL */
    bool host_pid; /* share the host's pids */
};

/* The arguments, and in *ret_env_fd an open file (the caller's; -1: none needed) that the client must have as descriptor
 * DOCKER_ENV_FD. 0 or -EINVAL with a sentence that names what is wrong. */
int docker_run_argv(const struct docker_run *run, struct docker_argv *ret, int *ret_env_fd, struct err *err);

/* Is this the name of an image, and no option? */
int docker_image_check(const char *image, struct err *err);

#endif
