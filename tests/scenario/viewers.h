/* SPDX-License-Identifier: Apache-2.0 */
/* A lone master whose views are made in several bites (large tasks, few on a sheet), and visitors who see a part of them. */
#ifndef SCENARIO_VIEWERS_H
#define SCENARIO_VIEWERS_H

#include "notary.h"

#include "master/state.h"

enum { USERS = 3, TASKS = 96, NAME_BYTES = 40000, PATIENCE_MS = 60000 };

extern const char *const users[USERS]; /* the i-th task is of the i-th, and again from the first */

/* Alice does not see root's tasks, bob not nobody's; nobody sees games'. Each task is a question. There are TASKS, "first-of-...". */
struct world *large_world(void);
/* Their ids: prefix, "-of-", the user, "-", the number. */
void launch_large(struct world *w, const char *prefix, size_t count);
void launch_sized(struct world *w, const char *prefix, size_t count, size_t name_bytes);

/* How many questions about tasks the rules were asked. */
size_t asked(void);
bool is_midway(void *arg); /* have more been asked than *(size_t *)arg? */

struct visitor {
    struct world *w;
    struct http_client *client;
    int status; /* 0 = not answered yet */
    struct buf body;
};

/* Asks, and no time passes. path NULL: GET_STATE. */
struct visitor *comes(struct world *w, const char *who, const char *path);
void leaves(struct visitor *visitor);
bool is_answered(void *visitor);
/* Waits for the answer. */
const char *text_of(struct visitor *visitor);
/* The answer shows the tasks of those users and no others. */
void saw(struct visitor *visitor, const char *prefix, bool root, bool nobody, bool games);

#endif
