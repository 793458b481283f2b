/* SPDX-License-Identifier: Apache-2.0 */
/* See access_executor.h. Compares ids; looks at no rule and keeps nothing. */
#include "daemon/access_executor.h"

static const char *
claim(const struct mesos_principal *principal, const char *key)
{
    for (size_t i = 0; i < principal->claim_count; i++)
        if (strcmp(principal->claims[i].key, key) == 0)
            return principal->claims[i].value;
    return NULL;
}

bool
access_is_executor(const struct mesos_principal *principal)
{
    return principal && !principal->value && claim(principal, "cid");
}

struct executor_identity *
executor_identity_new(const struct mesos_principal *principal)
{
    if (!access_is_executor(principal))
        return NULL;
    const char *framework = claim(principal, "fid");
    struct executor_identity *identity = xcalloc(1, sizeof(*identity));
    identity->container = xstrdup(claim(principal, "cid"));
    identity->framework = framework ? xstrdup(framework) : NULL;
    return identity;
}

void
executor_identity_free(struct executor_identity *identity)
{
    if (!identity)
        return;
    free(identity->container);
    free(identity->framework);
    free(identity);
}

/* Its own container, or one inside of it. */
static bool
is_own(const struct executor_identity *identity, const char *container)
{
    return container && *identity->container && str_is(str_n(container, strcspn(container, ".")), identity->container);
}

bool
executor_identity_may(const struct executor_identity *identity, enum mesos_action action, const struct mesos_object *object)
{
    switch (action) {
    case MESOS_ACTION_LAUNCH_NESTED_CONTAINER:
    case MESOS_ACTION_LAUNCH_NESTED_CONTAINER_SESSION:
    case MESOS_ACTION_WAIT_NESTED_CONTAINER:
    case MESOS_ACTION_KILL_NESTED_CONTAINER:
    case MESOS_ACTION_REMOVE_NESTED_CONTAINER:
    case MESOS_ACTION_ATTACH_CONTAINER_INPUT:
    case MESOS_ACTION_ATTACH_CONTAINER_OUTPUT:
    case MESOS_ACTION_VIEW_CONTAINER:
    case MESOS_ACTION_VIEW_EXECUTOR:
    case MESOS_ACTION_VIEW_TASK:
    case MESOS_ACTION_ACCESS_SANDBOX:
        return object && is_own(identity, object->container);
    case MESOS_ACTION_VIEW_FRAMEWORK:
        return object && object->framework_id && identity->framework &&
               strcmp(object->framework_id, identity->framework) == 0;
    default:
        return false;
    }
}
