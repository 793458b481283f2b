/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind rate_limiter, as core/master/throttle.c makes them. Contracts: mesos/rate_limiter.h. */
#ifndef HOST_KIND_RATE_LIMITER_H
#define HOST_KIND_RATE_LIMITER_H

#include "host/host.h"
#include "mesos/rate_limiter.h"

static inline const struct mesos_rate_limiter_ops *
rate_limiter_ops(const struct module *module)
{
    return module_ops(module);
}

static inline bool
rate_limiter_limit(struct module *module, const char *principal, struct mesos_rate_limit *ret)
{
    *ret = (struct mesos_rate_limit){.size = sizeof(*ret), .capacity = UINT64_MAX};
    return rate_limiter_ops(module)->limit(module_instance(module), principal, ret) > 0 && ret->key;
}

static inline int64_t
rate_limiter_admit(struct module *module, const char *key, int64_t arrived_ms)
{
    return rate_limiter_ops(module)->admit(module_instance(module), key, arrived_ms);
}

static inline uint64_t
rate_limiter_generation(struct module *module)
{
    return rate_limiter_ops(module)->generation ? rate_limiter_ops(module)->generation(module_instance(module)) : 0;
}

#endif
