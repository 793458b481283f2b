/* SPDX-License-Identifier: Apache-2.0 */
/* Role names: "*", "prod", "prod/web". Rules and texts are Mesos's. */
#ifndef MODEL_ROLE_H
#define MODEL_ROLE_H

#include "base/buf.h"

int role_check(struct str role, struct err *err);
/* role equals ancestor or lies below it: role_within("a/b", "a"). "*" is no ancestor of anything. */
bool role_within(struct str role, struct str ancestor);

/* "role=weight", separated by commas or new lines, as --weights and its file have them; appends them with commas alone. A bad
 * one is named with its line when there are several. */
int weights_read(struct str text, struct buf *out, struct err *err);

/* Ids of tasks, executors, frameworks chosen outside: length, characters, "." and "..". what is put before the text;
 * NULL = nothing, as Mesos answers for task ids. */
int id_check(struct str id, const char *what, struct err *err);

#endif
