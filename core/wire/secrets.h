/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets inside of messages: what mesos.v1.Secret.Value says, wherever in a message of whatever type it stands (variables of an
 * environment, volumes, credentials of an image). Those who show a message, keep it to show it, or put it into a log or a checkpoint
 * that nobody starts anything from take the values out; references, which are names, stay. Used by both daemons.
 */
#ifndef WIRE_SECRETS_H
#define WIRE_SECRETS_H

#include "base/arena.h"

/* Empties the values in place. The bytes themselves are left alone: they may be those of a message that goes on. */
void secrets_hide(void *message);
/* The message itself when there is no value in it, else a copy in arena without them. */
const void *secrets_hidden(const void *message, struct arena *arena);

#endif
