/* SPDX-License-Identifier: Apache-2.0 */
/* Private to this room: what json_print.c and transcode.c share about how fields look in JSON. */
#ifndef WIRE_JSON_PRINT_H
#define WIRE_JSON_PRINT_H

#include "wire/field.h"

/* One value as the struct holds it. */
void json_print_value(struct buf *out, const ProtobufCFieldDescriptor *field, const void *at);
/* Is it shown with its default when unset? */
bool json_shows_default(const ProtobufCFieldDescriptor *field);

#endif
