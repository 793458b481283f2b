/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums of resources: struct mesos_resource values that own what hangs on them. Scalars are int64 thousandths, ranges are
 * sorted intervals, sets are sorted. Resources of equal identity and allocation are always merged; empty ones never stay.
 * Rules (what may be added, contained, parsed) are Mesos's; errors use its texts.
 */
#ifndef MODEL_RESOURCES_H
#define MODEL_RESOURCES_H

#include "base/arena.h"
#include "base/buf.h"
#include "mesos/resource.h"
#include "mesos/v1/mesos.pb-c.h"

struct resources {
    struct mesos_resource *items; /* owned, with everything they point to */
    uint32_t count, cap;
};

void resources_fini(struct resources *r);
#define auto_resources __attribute__((cleanup(resources_fini)))
void resources_copy(struct resources *to, const struct resources *from); /* to is empty or overwritten */
void resources_move(struct resources *to, struct resources *from); /* from is empty afterwards */
static inline bool
resources_empty(const struct resources *r)
{
    return r->count == 0;
}
static inline struct mesos_resources
resources_view(const struct resources *r)
{
    return (struct mesos_resources){sizeof(struct mesos_resource), r->count, r->items};
}

/* "cpus:4;mem(prod):1024;ports:[31000-32000]" or a JSON array of Resource. default_role: of those that name none. */
int resources_parse(struct resources *ret, struct str text, const char *default_role, struct err *err);
/* Text form for logs and /state's strings: "cpus(prod):4; mem(*):1024". */
void resources_format(struct buf *out, const struct resources *r);

/* From decoded messages. Checks what Mesos checks (name, type and value agree, no negative or non-finite scalar, ranges
 * in order, role names, reservations). Scalars are rounded to thousandths; both old and refined reservations are read. */
int resources_from_proto(struct resources *ret, Mesos__V1__Resource *const *items, size_t count, struct err *err);
/* The largest scalar that is taken from outside, in units: thousandths of it are exact in a double and in sums. */
#define RESOURCE_SCALAR_MAX 9e12
/* In one message: resources, and so many items of sets; ranges. */
#define RESOURCES_MAX 4096
#define RESOURCES_RANGES_MAX 16384
/* Into arena; array length in *ret_count. old_format: pre-refinement (role and reservation), as master and agent tell
 * each other when nothing is refined; else reservations only. */
Mesos__V1__Resource **resources_to_proto(const struct resources *r, bool old_format, struct arena *arena,
                                         size_t *ret_count);

/* In place: reservations refined, no role beside them, as master, agent and the v1 API speak of resources. role: what
 * they are allocated to where they do not say it; NULL = left open. */
void resources_upgrade(Mesos__V1__Resource **items, size_t count, const char *role, struct arena *arena);

/* resource_bare.c: what it looked like before operators and frameworks reserved it or made a volume of it; NULL when it
 * looks that way already. In arena, sharing what item points to. */
Mesos__V1__Resource *resource_bare(const Mesos__V1__Resource *item, struct arena *arena);

void resources_add(struct resources *r, const struct resources *other);
void resources_add_view(struct resources *r, struct mesos_resources other);
/* other must be contained (assert); use resources_contains before when it comes from outside. */
void resources_subtract(struct resources *r, const struct resources *other);
/* Subtracts what is there of other; nothing goes below zero. */
void resources_subtract_most(struct resources *r, const struct resources *other);
bool resources_contains(const struct resources *r, const struct resources *other);
bool resources_contains_view(const struct resources *r, struct mesos_resources other);
bool resources_equal(const struct resources *a, const struct resources *b);

/* Sum of a scalar over all roles and allocations, in thousandths. */
int64_t resources_scalar(const struct resources *r, const char *name);
/* All ports (or any ranges resource) joined, in arena. */
const struct mesos_range *resources_ranges(const struct resources *r, const char *name, struct arena *arena,
                                           uint32_t *ret_count);

/* Sets or (role NULL) removes the allocation role of all. */
void resources_allocate(struct resources *r, const char *role);
/* Those that keep(item, arg) says yes to, added to ret. */
void resources_filter(struct resources *ret, const struct resources *r,
                      bool (*keep)(const struct mesos_resource *item, void *arg), void *arg);
/* Reserved statically or dynamically to exactly this role; unreserved. */
void resources_reserved(struct resources *ret, const struct resources *r, const char *role);
void resources_unreserved(struct resources *ret, const struct resources *r);

/* The JSON object of /state's "resources": {"disk":0.0,"mem":32.0,"gpus":0.0,"cpus":0.1,"ports":"[1-2]"}: the four
 * usual scalars always, the rest when there; revocable ones have "_revocable" after the name. */
void resources_format_json(struct buf *out, const struct resources *r);

/* Only the checks of resources_from_proto, one resource without the words around it. */
int resource_check(const Mesos__V1__Resource *item, struct err *err);
/* "cpus(allocated: *)(reservations: [(STATIC,web)]):0.1", of a message as it came, valid or not. */
void resource_format(struct buf *out, const Mesos__V1__Resource *item);
/* "4.5", "[1-2, 5-9]", "{a, b}": whichever of the three is not NULL. */
void value_format(struct buf *out, const Mesos__V1__Value__Scalar *scalar, const Mesos__V1__Value__Ranges *ranges,
                  const Mesos__V1__Value__Set *set);
/* Thousandths as Mesos writes numbers: 0.1, 4096. */
void scalar_format(struct buf *out, int64_t thousandths);

#endif
