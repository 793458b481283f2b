/* SPDX-License-Identifier: Apache-2.0 */
/* The public names of what modules are lent: see mesos/resources.h. Only forwards. */
#include "mesos/resources.h"

#include "model/resources_item.h"
#include "model/role.h"

/* The public sum is the core's own struct under a public name. */
_Static_assert(sizeof(struct mesos_resource_sum) == sizeof(struct resources), "one layout");
_Static_assert(offsetof(struct mesos_resource_sum, cap) == offsetof(struct resources, cap), "one layout");

static struct resources *
own(const struct mesos_resource_sum *sum)
{
    return (struct resources *)(uintptr_t)sum;
}

void
mesos_resource_sum_free(struct mesos_resource_sum *sum)
{
    resources_fini(own(sum));
}

struct mesos_resources
mesos_resource_sum_view(const struct mesos_resource_sum *sum)
{
    return resources_view(own(sum));
}

void
mesos_resource_sum_add(struct mesos_resource_sum *sum, struct mesos_resources more)
{
    resources_add_view(own(sum), more);
}

void
mesos_resource_sum_subtract(struct mesos_resource_sum *sum, struct mesos_resources less)
{
    resources_subtract_view(own(sum), less);
}

bool
mesos_resource_sum_contains(const struct mesos_resource_sum *sum, struct mesos_resources part)
{
    return resources_contains_view(own(sum), part);
}

int64_t
mesos_resource_sum_scalar(const struct mesos_resource_sum *sum, const char *name)
{
    return resources_scalar(own(sum), name);
}

void
mesos_resource_sum_allocate(struct mesos_resource_sum *sum, const char *role)
{
    resources_allocate(own(sum), role);
}

bool
mesos_role_within(const char *role, const char *ancestor)
{
    return role_within(str_of(role), str_of(ancestor));
}
