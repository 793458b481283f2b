/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of an agent: "rack:abc;zone:west;os:centos5;level:10;keys:[1000-1500]" and its checks. */
#ifndef MODEL_ATTRIBUTES_H
#define MODEL_ATTRIBUTES_H

#include "base/arena.h"
#include "base/buf.h"
#include "mesos/v1/mesos.pb-c.h"

/* Into arena; array length in *ret_count. NULL with err when the text is wrong; an empty text is an empty array. */
Mesos__V1__Attribute **attributes_parse(struct str text, struct arena *arena, size_t *ret_count, struct err *err);
void attributes_format(struct buf *out, Mesos__V1__Attribute *const *items, size_t count);

#endif
