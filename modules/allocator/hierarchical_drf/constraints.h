/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offer constraints (mesos.v1.scheduler.OfferConstraints): per role, groups of predicates over an agent's attributes, host
 * name, region and zone. An agent is admitted when all predicates of some group hold; a role without an entry admits all.
 * Pure: packed bytes in, verdicts out.
 */
#ifndef DRF_CONSTRAINTS_H
#define DRF_CONSTRAINTS_H

#include "base/buf.h"
#include "base/err.h"

/* More than any scheduler needs; each expression costs memory and time for every agent. */
enum {
    CONSTRAINTS_MAX = 10000,
    CONSTRAINTS_REGEXES_MAX = 1000,
    CONSTRAINTS_PATTERN_BYTES_MAX = 1 << 20, /* of all expressions together */
};

struct regex_limits {
    int64_t max_mem_bytes; /* --offer_constraints_re2_max_mem */
    int64_t max_program_size; /* --offer_constraints_re2_max_program_size */
};

struct constraints;
struct role_constraints;

/* 0 and *ret (NULL when nothing is constrained), or -EINVAL with Mesos's words. */
int constraints_new(struct constraints **ret, struct str packed, const struct regex_limits *limits, struct err *err);
void constraints_free(struct constraints *constraints);
/* Borrowed; NULL when the role has none. */
const struct role_constraints *constraints_of(const struct constraints *constraints, const char *role);
/* traits: packed AgentInfo, or just its fields that matter (constraints_traits). */
bool constraints_admit(const struct role_constraints *role, struct str traits);
/* For one that is not admitted: which predicate of each of the first groups does not hold. */
void constraints_why(const struct role_constraints *role, struct str traits, struct buf *out);
/* What of a packed AgentInfo predicates can see, appended to out. */
void constraints_traits(struct buf *out, struct str info);

#endif
