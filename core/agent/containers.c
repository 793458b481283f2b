/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which container a call of the operator API means, who has it, and whether the client may: what all calls about containers
 * ask first. Answers refusals itself; touches no container.
 */
#include "agent/containers.h"

#include <errno.h>

#include "agent/access.h"
#include "model/role.h"
#include "model/validate.h"

typedef Mesos__V1__ContainerID ContainerID;

void
container_id_text(const ContainerID *id, struct buf *out)
{
    if (id->parent) {
        container_id_text(id->parent, out);
        buf_putc(out, '.');
    }
    buf_puts(out, id->value);
}

static int
check_name(const char *name, struct err *err)
{
    int rc = id_check(str_of(name), NULL, err);
    if (!rc && strlen(name) > 242)
        rc = err_set(err, -EINVAL, "'%s' is too long: a container's id has at most 242 characters", name);
    if (!rc && strpbrk(name, ". "))
        rc = err_set(err, -EINVAL, "'%s' contains invalid characters", name);
    return rc;
}

int
container_id_check(const ContainerID *id, struct err *err)
{
    unsigned depth = 0;
    for (const ContainerID *at = id; at; at = at->parent, depth++) {
        int rc = check_name(at->value, err);
        if (rc && depth > 0)
            rc = err_wrap(err, "'ContainerID.parent' is invalid");
        if (rc)
            return rc;
    }
    if (depth > CONTAINER_DEPTH_MAX)
        return err_set(err, -EINVAL, "it is nested %u deep: %d is the most", depth, CONTAINER_DEPTH_MAX);
    return 0;
}

const char *
operator_container_id(struct operator_call *op, const ContainerID *id, const char *where)
{
    struct err err = {0};
    auto_buf struct buf text = {0};
    if (container_id_check(id, &err)) {
        http_reply_text(op->exchange, 400, "Failed to validate agent::Call: '%s' is invalid: %s", where, err.text);
        return NULL;
    }
    container_id_text(id, &text);
    return arena_strdup(op->arena, buf_str(&text));
}

const char *
operator_nested_id(struct operator_call *op, const ContainerID *id, const char *where)
{
    if (id->parent)
        return operator_container_id(op, id, where);
    http_reply_text(op->exchange, 400, "Failed to validate agent::Call: Expecting '%s.parent' to be present", where);
    return NULL;
}

bool
operator_containers_ready(struct operator_call *op)
{
    if (op->agent->state != AGENT_RECOVERING || op->agent->reconnecting)
        return true;
    http_reply_text(op->exchange, 503, "Agent has not finished recovery");
    return false;
}

struct executor *
executor_of_container(const struct agent *agent, const char *container_id)
{
    struct framework *framework;
    struct executor *executor;
    struct str root = str_n(container_id, strcspn(container_id, "."));
    map_foreach (framework, &agent->frameworks)
        map_foreach (executor, &framework->executors)
            if (str_is(root, executor->container_id))
                return executor;
    return NULL;
}

struct module *
containerizer_of(const struct agent *agent, const char *container_id)
{
    struct mesos_container_view view;
    auto_free char *root = str_dup(str_n(container_id, strcspn(container_id, ".")));
    const struct executor *executor = executor_of_container(agent, root);
    if (executor)
        return executor->in_container || executor->recovered
                   ? agent->setup.containerizers[executor->containerizer]
                   : NULL;
    for (size_t i = 0; i < agent->setup.containerizer_count; i++)
        if (!containerizer_describe(agent->setup.containerizers[i], root, &view))
            return agent->setup.containerizers[i];
    return NULL;
}

bool
operator_admits(struct operator_call *op, const char *id, enum mesos_action action)
{
    struct mesos_object object = container_object(op->agent, id);
    return access_admits(op->agent->daemon->access, op->exchange, container_action(id, action), &object);
}
