/* SPDX-License-Identifier: Apache-2.0 */
/* Every message and enum type of the schema, for tests that go through all of them. The lists are generated.
 */
#ifndef TESTS_LIB_DESCRIPTORS_H
#define TESTS_LIB_DESCRIPTORS_H

#include <protobuf-c/protobuf-c.h>
#include <string.h>

extern const ProtobufCMessageDescriptor *const all_messages[]; /* NULL at the end */
extern const ProtobufCEnumDescriptor *const all_enums[];

static inline const ProtobufCMessageDescriptor *
message_type(const char *name)
{
    for (size_t i = 0; all_messages[i]; i++) {
        if (strcmp(all_messages[i]->name, name) == 0)
            return all_messages[i];
    }
    return NULL;
}

static inline const ProtobufCEnumDescriptor *
enum_type(const char *name)
{
    for (size_t i = 0; all_enums[i]; i++) {
        if (strcmp(all_enums[i]->name, name) == 0)
            return all_enums[i];
    }
    return NULL;
}

#endif
