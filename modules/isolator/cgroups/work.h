/* SPDX-License-Identifier: Apache-2.0 */
/* Offloaded functions of work.c: what group.c hands to job_run. arg is a struct job unless it says otherwise. */
#ifndef ISOLATOR_CGROUPS_WORK_H
#define ISOLATOR_CGROUPS_WORK_H

#include "group.h"

/* Figures of many containers in one go. */
struct usage_batch {
    struct group *group;
    struct list jobs;
};

void prepare_work(void *arg);
void isolate_work(void *arg);
void update_work(void *arg);
void usage_work(void *arg); /* struct usage_batch */
void cleanup_work(void *arg);

#endif
