/* SPDX-License-Identifier: Apache-2.0 */
/* What `docker inspect` says of one container, as far as it matters here. Any engine's output is taken, and any rubbish. */
#ifndef MODEL_DOCKER_STATE_H
#define MODEL_DOCKER_STATE_H

#include <sys/types.h>
#include "base/str.h"

struct docker_state {
    char id[80];
    char status[24]; /* "running", "exited"... */
    bool running, oom_killed;
    pid_t pid; /* 0 = none */
    int exit_code;
    char ip[48], ip6[48]; /* of its first network; "" = none of its own */
    char error[256]; /* why it did not start */
};

/* 0, or -EINVAL when it is not what docker says of a container. */
int docker_state_read(struct str json, struct docker_state *ret, struct err *err);
/* The same text (a list of containers) without the variables of those names, NULL-terminated; NULL when it is none. The
 * caller's. */
char *docker_state_hide(struct str json, const char *const *names);

#endif
