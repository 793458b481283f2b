/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as --resources and --attributes write them: "1.5", "[1-5, 7-9]", "{a, b}", and for attributes any other text.
 * Used by resources_text.c and attributes.c only.
 */
#ifndef MODEL_VALUE_TEXT_H
#define MODEL_VALUE_TEXT_H

#include "base/arena.h"
#include "mesos/v1/mesos.pb-c.h"

/* What was read; the members live in the arena. Only the one that `type` names is set. */
struct value_text {
    Mesos__V1__Value__Type type;
    Mesos__V1__Value__Scalar *scalar;
    Mesos__V1__Value__Ranges *ranges;
    Mesos__V1__Value__Set *set;
    Mesos__V1__Value__Text *text;
};

int value_text_parse(struct value_text *ret, struct str text, struct arena *arena, struct err *err);
/* The next token of s that holds none of the bytes of `seps`, leaving the rest in *s; length 0 when there is none. */
struct str token_next(struct str *s, const char *seps);

#endif
