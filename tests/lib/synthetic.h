/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of any type with made-up values, from a seed: for round trips through every type of the schema. */
#ifndef TESTS_LIB_SYNTHETIC_H
#define TESTS_LIB_SYNTHETIC_H

#include "wire/field.h"

enum { SYNTHETIC_DEPTH_MAX = 5 };

static inline uint32_t
synthetic_next(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

static inline char *
synthetic_text(struct arena *arena, uint64_t *seed, size_t index)
{
    static const char *const texts[] = {"",
                                        "a",
                                        "prod/web",
                                        "say \"hi\" \\ to /x",
                                        "tab\tline\nbell\a",
                                        "d\xc3\xb6",
                                        "\xe2\x82\xac",
                                        "\xf0\x9f\x90\xa7"};
    /* The index first: keys of maps come in order then. */
    return arena_printf(arena, "%zu%s", index, texts[synthetic_next(seed) % 8]);
}

static inline void *synthetic_message(const ProtobufCMessageDescriptor *type, struct arena *arena,
                                      uint64_t *seed, unsigned depth, size_t index);

static inline void
synthetic_value(const ProtobufCFieldDescriptor *field, void *at, struct arena *arena, uint64_t *seed,
                unsigned depth, size_t index)
{
    static const double doubles[] = {0.1, 4096, 1795221681.039094, 1e-7, 1.5e300, -3.25, 31000.001};
    uint64_t wide = (uint64_t)synthetic_next(seed) << synthetic_next(seed) % 33 | 1;
    uint32_t narrow = synthetic_next(seed) | 1;
    float single = 0.25f * (float)(narrow % 1000 + 1);
    const ProtobufCEnumDescriptor *names = field->descriptor;
    size_t len;
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        *(char **)at = synthetic_text(arena, seed, index);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        len = narrow % 20;
        *(ProtobufCBinaryData *)at = (ProtobufCBinaryData){len, arena_calloc(arena, 1, len + 1)};
        for (size_t i = 0; i < len; i++)
            ((ProtobufCBinaryData *)at)->data[i] = (uint8_t)synthetic_next(seed);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        *(void **)at = synthetic_message(field->descriptor, arena, seed, depth + 1, index);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        *(int *)at = names->values[narrow % names->n_values].value;
        break;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)at = field->label == PROTOBUF_C_LABEL_NONE || narrow & 2;
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        memcpy(at, &doubles[narrow % 7], 8);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        memcpy(at, &single, 4);
        break;
    default:
        memcpy(at, field_value_size(field) == 8 ? (void *)&wide : (void *)&narrow, field_value_size(field));
    }
}

static inline void *
synthetic_message(const ProtobufCMessageDescriptor *type, struct arena *arena, uint64_t *seed, unsigned depth,
                  size_t index)
{
    void *message = arena_alloc(arena, type->sizeof_message);
    type->message_init(message);
    bool is_entry = str_ends(str_of(type->short_name), STR_LIT("Entry")) && type->n_fields == 2;
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        bool wanted = field->label == PROTOBUF_C_LABEL_REQUIRED || is_entry ||
                      (synthetic_next(seed) % 4 && (depth < SYNTHETIC_DEPTH_MAX || !field_is_message(field)));
        if (!wanted)
            continue;
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            synthetic_value(field, field_at(message, field->offset), arena, seed, depth, index);
            field_mark(message, field);
            continue;
        }
        size_t n = synthetic_next(seed) % 3, size = field_value_size(field);
        char *array = arena_calloc(arena, n + 1, size);
        for (size_t j = 0; j < n; j++)
            synthetic_value(field, array + j * size, arena, seed, depth, j);
        if (n)
            *(void **)field_at(message, field->offset) = array;
        *(size_t *)field_at(message, field->quantifier_offset) = n;
    }
    return message;
}

#endif
