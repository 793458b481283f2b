/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind allocator, as the master makes them. Contracts: mesos/allocator.h. Synchronous; nothing here fails but where it
 * says so. A member that the module lacks does nothing or answers -ENOTSUP. */
#ifndef HOST_KIND_ALLOCATOR_H
#define HOST_KIND_ALLOCATOR_H

#include <errno.h>
#include "host/host.h"
#include "mesos/allocator.h"

static inline const struct mesos_allocator_ops *
allocator_ops(const struct module *module)
{
    return module_ops(module);
}
/* The sink is borrowed for the instance's life. */
static inline void
allocator_initialize(struct module *module, const struct mesos_allocator_sink *sink)
{
    allocator_ops(module)->initialize(module_instance(module), sink);
}
static inline void
allocator_add_framework(struct module *module, const struct mesos_allocator_framework *framework,
                        const struct mesos_allocator_use *used, size_t used_count)
{
    allocator_ops(module)->add_framework(module_instance(module), framework, used, used_count);
}
static inline void
allocator_update_framework(struct module *module, const struct mesos_allocator_framework *framework)
{
    allocator_ops(module)->update_framework(module_instance(module), framework);
}
static inline void
allocator_remove_framework(struct module *module, mesos_framework_t framework)
{
    allocator_ops(module)->remove_framework(module_instance(module), framework);
}
static inline void
allocator_activate_framework(struct module *module, mesos_framework_t framework)
{
    allocator_ops(module)->activate_framework(module_instance(module), framework);
}
static inline void
allocator_deactivate_framework(struct module *module, mesos_framework_t framework)
{
    allocator_ops(module)->deactivate_framework(module_instance(module), framework);
}
static inline void
allocator_add_agent(struct module *module, const struct mesos_allocator_agent *agent,
                    const struct mesos_allocator_use *used, size_t used_count)
{
    allocator_ops(module)->add_agent(module_instance(module), agent, used, used_count);
}
static inline void
allocator_update_agent(struct module *module, const struct mesos_allocator_agent *agent)
{
    allocator_ops(module)->update_agent(module_instance(module), agent);
}
static inline void
allocator_remove_agent(struct module *module, mesos_agent_t agent)
{
    allocator_ops(module)->remove_agent(module_instance(module), agent);
}
static inline void
allocator_activate_agent(struct module *module, mesos_agent_t agent)
{
    allocator_ops(module)->activate_agent(module_instance(module), agent);
}
static inline void
allocator_deactivate_agent(struct module *module, mesos_agent_t agent)
{
    allocator_ops(module)->deactivate_agent(module_instance(module), agent);
}
static inline void
allocator_recover_resources(struct module *module, mesos_framework_t framework, mesos_agent_t agent,
                            struct mesos_resources resources, double refuse_secs)
{
    allocator_ops(module)->recover_resources(module_instance(module), framework, agent, resources, refuse_secs);
}
static inline void
allocator_suppress(struct module *module, mesos_framework_t framework, const char *const *roles, size_t count)
{
    allocator_ops(module)->suppress(module_instance(module), framework, roles, count);
}
static inline void
allocator_revive(struct module *module, mesos_framework_t framework, const char *const *roles, size_t count)
{
    allocator_ops(module)->revive(module_instance(module), framework, roles, count);
}

/* Optional members: 0, or -ENOTSUP when the module lacks it. */
static inline int
allocator_update_weight(struct module *module, const char *role, double weight)
{
    if (!allocator_ops(module)->update_weight)
        return -ENOTSUP;
    allocator_ops(module)->update_weight(module_instance(module), role, weight);
    return 0;
}
static inline int
allocator_update_quota(struct module *module, const char *role, struct mesos_bytes quota)
{
    if (!allocator_ops(module)->update_quota)
        return -ENOTSUP;
    allocator_ops(module)->update_quota(module_instance(module), role, quota);
    return 0;
}
/* hostnames NULL = no whitelist. */
static inline int
allocator_update_whitelist(struct module *module, const char *const *hostnames, size_t count)
{
    if (!allocator_ops(module)->update_whitelist)
        return -ENOTSUP;
    allocator_ops(module)->update_whitelist(module_instance(module), hostnames, count);
    return 0;
}
static inline int
allocator_request_resources(struct module *module, mesos_framework_t framework, struct mesos_bytes call)
{
    if (!allocator_ops(module)->request_resources)
        return -ENOTSUP;
    allocator_ops(module)->request_resources(module_instance(module), framework, call);
    return 0;
}
static inline int
allocator_update_allocation(struct module *module, mesos_framework_t framework, mesos_agent_t agent,
                            struct mesos_resources consumed, struct mesos_resources converted)
{
    if (!allocator_ops(module)->update_allocation)
        return -ENOTSUP;
    allocator_ops(module)->update_allocation(module_instance(module), framework, agent, consumed, converted);
    return 0;
}
/* Also what the module answers: -EAGAIN and others when it is not available. */
static inline int
allocator_update_available(struct module *module, mesos_agent_t agent, struct mesos_resources consumed,
                           struct mesos_resources converted)
{
    if (!allocator_ops(module)->update_available)
        return -ENOTSUP;
    return allocator_ops(module)->update_available(module_instance(module), agent, consumed, converted);
}
static inline int
allocator_pause(struct module *module)
{
    if (!allocator_ops(module)->pause || !allocator_ops(module)->resume)
        return -ENOTSUP;
    allocator_ops(module)->pause(module_instance(module));
    return 0;
}
static inline int
allocator_resume(struct module *module)
{
    if (!allocator_ops(module)->pause || !allocator_ops(module)->resume)
        return -ENOTSUP;
    allocator_ops(module)->resume(module_instance(module));
    return 0;
}

/* Constraints that the module does not know or does not like: -E... with one sentence. No bytes are always fine. */
static inline int
allocator_check_constraints(struct module *module, struct mesos_bytes constraints, struct err *err)
{
    if (constraints.len == 0)
        return 0;
    if (!allocator_ops(module)->check_constraints)
        return err_set(err, -ENOTSUP, "the allocator '%s' knows no offer constraints", module_name(module));
    int rc = allocator_ops(module)->check_constraints(module_instance(module), constraints);
    return rc ? module_failure(module, rc, err) : 0;
}
static inline bool
allocator_excluded(struct module *module, mesos_framework_t framework, const char *role, mesos_agent_t agent)
{
    return allocator_ops(module)->excluded &&
           allocator_ops(module)->excluded(module_instance(module), framework, role, agent);
}
static inline void
allocator_decline(struct module *module, mesos_framework_t framework, mesos_agent_t agent,
                  struct mesos_resources resources, double refuse_secs, int64_t offer)
{
    if (allocator_ops(module)->decline)
        allocator_ops(module)->decline(module_instance(module), framework, agent, resources, refuse_secs, offer);
    else
        allocator_recover_resources(module, framework, agent, resources, refuse_secs);
}
/* 0, or -ENOTSUP when the module makes no inverse offers. unavailability NULL: none any more. */
static inline int
allocator_update_unavailability(struct module *module, mesos_agent_t agent,
                                const struct mesos_unavailability *unavailability)
{
    if (!allocator_ops(module)->update_unavailability || !allocator_ops(module)->update_inverse_offer)
        return -ENOTSUP;
    allocator_ops(module)->update_unavailability(module_instance(module), agent, unavailability);
    return 0;
}
static inline void
allocator_update_inverse_offer(struct module *module, mesos_framework_t framework, mesos_agent_t agent,
                               double refuse_secs)
{
    if (allocator_ops(module)->update_inverse_offer)
        allocator_ops(module)->update_inverse_offer(module_instance(module), framework, agent, refuse_secs);
}
static inline int
allocator_explain(struct module *module, mesos_framework_t framework, mesos_agent_t agent,
                  bool (*tell)(void *arg, const struct mesos_allocator_explanation *explanation), void *arg)
{
    if (!allocator_ops(module)->explain)
        return -ENOTSUP;
    return allocator_ops(module)->explain(module_instance(module), framework, agent, tell, arg);
}

#endif
