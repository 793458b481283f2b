/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole registry as one JSON document: the shape of GET /registrar(1)/registry (mesos.internal.Registry), and beside it,
 * under "cmesos", what that shape has no place for, as bytes. Used by registry_transfer.c; opens nothing.
 */
#ifndef MASTER_REGISTRY_JSON_H
#define MASTER_REGISTRY_JSON_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/buf.h"
#include "mesos/registry.h"

struct registry_entries {
    struct mesos_registry_entry *items;
    size_t count, cap;
    struct arena *arena; /* of keys and values */
};

void registry_entries_init(struct registry_entries *entries);
void registry_entries_fini(struct registry_entries *entries);
/* Copied. */
void registry_entries_add(struct registry_entries *entries, uint32_t table, struct str key, struct str value);
/* "3 agents, 1 unreachable": how many there are of what. */
void registry_entries_describe(const struct registry_entries *entries, struct buf *out);
/* Nobody would miss anything: at most the name of the last leader is there. */
bool registry_entries_bare(const struct registry_entries *entries);

/* Appends the document; sorts the entries. notes: lines for people, each with its newline. */
void registry_to_json(struct registry_entries *entries, struct buf *out, struct buf *notes);
/* Adds what the document says. What has no place here becomes a line of notes. -EINVAL: err names the member. */
int registry_from_json(struct str text, struct registry_entries *entries, struct buf *notes, struct err *err);

/* The parts of the document, in its order; ended by key NULL. registry_json.c has them, both directions walk them. */
struct registry_section {
    const char *key;
    const char *inner; /* the array within the object of that name; NULL: see single */
    const ProtobufCMessageDescriptor *type; /* of an element and of a value in the registry */
    bool single; /* an object by itself, no array */
    uint32_t table;
    const char *prefix; /* of the keys that belong here, NULL = all of the table */
    const char *what; /* for people: "agents" */
};
extern const struct registry_section registry_sections[];
/* The key under which such a value is kept, in arena. NULL and err: the value lacks what makes it. */
const char *registry_key_of(const struct registry_section *section, const void *message, struct arena *arena, struct err *err);

#endif
