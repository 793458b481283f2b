/* SPDX-License-Identifier: Apache-2.0 */
/* Walks messages by their descriptors. See secrets.h. */
#include "wire/secrets.h"

#include "mesos/v1/mesos.pb-c.h"
#include "wire/message.h"

static bool walk(void *of, bool hide);

static bool
is_set(const char *base, const ProtobufCFieldDescriptor *field)
{
    return !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) || *(const uint32_t *)(const void *)(base + field->quantifier_offset) == field->id;
}

static bool
walk_field(char *base, const ProtobufCFieldDescriptor *field, bool hide)
{
    void *member = base + field->offset;
    bool found = false;
    if (field->type != PROTOBUF_C_TYPE_MESSAGE || !is_set(base, field))
        return false;
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return walk(*(void **)member, hide);
    size_t count = *(const size_t *)(const void *)(base + field->quantifier_offset);
    for (size_t i = 0; i < count; i++)
        found |= walk((*(void ***)member)[i], hide);
    return found;
}

/* Whether there is a value. Messages are as deep as the decoder lets them be. */
static bool
walk(void *of, bool hide)
{
    ProtobufCMessage *message = of;
    bool found = false;
    if (!message)
        return false;
    if (message->descriptor == &mesos__v1__secret__value__descriptor) {
        Mesos__V1__Secret__Value *value = of;
        found = value->data.len > 0;
        if (hide)
            value->data.len = 0;
        return found;
    }
    for (unsigned i = 0; i < message->descriptor->n_fields; i++)
        found |= walk_field(of, &message->descriptor->fields[i], hide);
    return found;
}

void
secrets_hide(void *message)
{
    walk(message, true);
}

const void *
secrets_hidden(const void *message, struct arena *arena)
{
    if (!walk((void *)(uintptr_t)message, false))
        return message;
    void *copy = message_dup(message, arena);
    secrets_hide(copy);
    return copy;
}
