/* SPDX-License-Identifier: Apache-2.0 */
/* RUN_TASK, which both daemons ask before they take a task: whom a launch names, and whether the framework may run as them. */
#ifndef DAEMON_ACCESS_TASK_H
#define DAEMON_ACCESS_TASK_H

#include "daemon/access.h"
#include "mesos/v1/mesos.pb-c.h"

enum { TASK_USERS_MAX = 4 };

/* A task as it is to be launched; all of it is borrowed. */
struct access_task {
    const Mesos__V1__FrameworkInfo *framework; /* with its id */
    const Mesos__V1__TaskInfo *task;
    const Mesos__V1__ExecutorInfo *runner; /* the task's own or its group's; NULL = a command task, which gets one */
};

/*
 * Everybody whom a launch names, nobody twice: the task's user first, then the one that a pod's own executor runs as, whatever its
 * tasks say, then those whom its checks name, which agents run them as. The executor of Mesos's own that a pod without one
 * gets is not asked about: it runs what its tasks say and nothing else. Returns how many.
 */
size_t access_task_users(const struct access_task *task, const char *ret[TASK_USERS_MAX]);
/* One of them that the framework may not run as; NULL = none. peer: where it is, for the audit log; NULL = not known. */
const char *access_task_refused(struct access *access, const struct access_task *task, const struct address *peer);

#endif
