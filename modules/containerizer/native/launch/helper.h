/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the launch helper share. Everything that fails ends the process with one line on stderr. */
#ifndef NATIVE_LAUNCH_HELPER_H
#define NATIVE_LAUNCH_HELPER_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "description.h"

struct launch {
    char *steps; /* aligned to 8 */
    size_t len;
    char **environment, **arguments;
    size_t environment_count, argument_count;
    const char *root; /* the new root on the host, between LAUNCH_ROOT_PREPARE and LAUNCH_ROOT */
    const char *sandbox; /* of the root container: what is below it belongs to the task's user */
    int root_fd, sandbox_fd;
    struct launch_capabilities capabilities;
    bool tty; /* descriptor 0 is the terminal that controls the session */
    pid_t init; /* parent of what runs, when there is one of ours */
    bool has_init;
    int status_fd; /* of LAUNCH_STATUS */
};

/* helper.c */
void fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void *allocate(size_t size);
void write_file(const char *path, const char *bytes, size_t len, unsigned mode); /* made when it is missing; follows no link */
/* Who we are, as the host's /proc tells it. What write_state adds to that follows its path, behind the NUL. */
void write_state(const char *path);
void write_pid(const char *path);
/* The whole of a small file, NUL-terminated, or NULL. */
char *read_small(const char *path, size_t max);

/* root.c: mounts and the file system. How paths are followed: mesos/isolator.h. */
void mounts_enter(uint32_t pid);
void mounts_slave(const char *sources, size_t len);
void sandbox_open(struct launch *launch, const char *sandbox);
void root_prepare(struct launch *launch, const char *root);
void mount_one(const struct launch *launch, const char *bytes, size_t len);
void make_link(const struct launch *launch, const char *strings, size_t len);
void make_renamed(const struct launch *launch, const char *strings, size_t len);
void make_directory(const struct launch *launch, const char *path, bool all);
void root_change(struct launch *launch, const char *root);
void mask(const char *path);

/* identity.c: who the program is and what it may do. */
void switch_user(struct launch *launch, const struct launch_user *user, size_t len);
void switch_user_name(struct launch *launch, const char *bytes, size_t len);
void set_groups(const uint32_t *groups, size_t len);
void capabilities_keep(struct launch *launch, const struct launch_capabilities *wanted);
void capabilities_apply(const struct launch *launch);
void seccomp_install(const void *filter, size_t len);

/* init.c */
void status_open(struct launch *launch, const char *path);
void init(struct launch *launch); /* returns in the child, which goes when its init goes */
void follow_init(const struct launch *launch); /* last before the program: a change of the user would take it back */

#endif
