/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A master and agents of the build tree on loopback, in a directory of their own under TMPDIR. The machine's
 * /etc is not read. Whatever is wrong ends the program with a message: a bench has nobody to report to.
 */
#ifndef BENCH_CLUSTER_H
#define BENCH_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct bench_daemon {
    pid_t pid;
    uint16_t port;
    double health_ms; /* from spawn to the first answer of /health */
};

struct bench_cluster {
    char directory[64];
    char runtime[64]; /* in memory where the machine has such a place, as its /run is */
    char build[4096]; /* the top of the build tree this program is in */
    struct bench_daemon master, agent;
};

void cluster_init(struct bench_cluster *cluster);
/* flags: NULL-terminated, "--name=value". Return when /health answers (the agent: when the master has it
 * too). */
void cluster_start_master(struct bench_cluster *cluster, const char *const *flags);
void cluster_start_agent(struct bench_cluster *cluster, const char *const *flags);
/* As a crash would. It may be started again, in the same work_dir. */
void cluster_kill_master(struct bench_cluster *cluster);
void cluster_kill_agent(struct bench_cluster *cluster); /* comes again at the same port */
/* The body of GET path, to be freed, or NULL when there is no 200. */
char *cluster_get(uint16_t port, const char *path);
/* A port of loopback that nobody listens on now. */
uint16_t cluster_free_port(void);
/* Ends the daemons and what they left running, removes the directory. */
void cluster_fini(struct bench_cluster *cluster);
/* The pid of a process of that name whose working directory lies in this cluster's; 0 when there is none. */
pid_t cluster_find_process(const struct bench_cluster *cluster, const char *name);
void bench_die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
/* "--help" prints text and ends; "--name=value" sets the number; anything else is refused. */
struct bench_option {
    const char *name;
    long *value;
};
void bench_arguments(int argc, char **argv, const char *help, const struct bench_option *options);

#endif
