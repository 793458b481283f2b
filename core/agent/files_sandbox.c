/* SPDX-License-Identifier: Apache-2.0 */
/* Sandboxes under /files: by their path on the host and by framework and executor. */
#include "agent/access.h"

static void
paths(const struct executor *executor, char *out[3])
{
    const struct agent *agent = executor->agent;
    out[0] = xstrdup(executor->sandbox);
    out[1] = xasprintf("%s/slaves/%s/frameworks/%s/executors/%s/runs/latest", agent->work_dir, agent->id,
                       executor->framework->id, executor->id);
    out[2] = xasprintf("/frameworks/%s/executors/%s/runs/latest", executor->framework->id, executor->id);
}

static const struct executor *
find_in(const struct framework *framework, const char *container_id)
{
    const struct executor *executor;
    map_foreach (executor, &framework->executors)
        if (!strcmp(executor->container_id, container_id))
            return executor;
    list_foreach (executor, &framework->completed, node)
        if (!strcmp(executor->container_id, container_id))
            return executor;
    return NULL;
}

bool
files_describe_sandbox(void *arg, const char *container_id, struct mesos_object *ret)
{
    const struct agent *agent = arg;
    const struct executor *executor = NULL;
    const struct framework *framework;
    map_foreach (framework, &agent->frameworks)
        if (!executor)
            executor = find_in(framework, container_id);
    list_foreach (framework, &agent->completed, node)
        if (!executor)
            executor = find_in(framework, container_id);
    if (executor)
        *ret = executor_object(executor);
    return executor != NULL;
}

void
files_show_executor(struct executor *executor)
{
    char *shown[3];
    struct err err = {0};
    paths(executor, shown);
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        if (files_attach_sandbox(executor->agent->daemon->files, executor->sandbox, shown[i], executor->container_id, &err))
            log_warning("sandbox is not shown: %s", err.text);
        free(shown[i]);
    }
}

/* Does another run of the same executor exist, which "latest" means by now? */
static bool
has_later_run(const struct executor *executor)
{
    const struct executor *other = executor_find(executor->framework, str_of(executor->id));
    if (other && other != executor)
        return true;
    list_foreach (other, &executor->framework->completed, node)
        if (other != executor && !strcmp(other->id, executor->id))
            return true;
    return false;
}

void
files_hide_executor(struct executor *executor)
{
    char *shown[3];
    if (!executor->agent->daemon || !executor->agent->id)
        return;
    size_t count = has_later_run(executor) ? 1 : ARRAY_LEN(shown);
    paths(executor, shown);
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        if (i < count)
            files_detach(executor->agent->daemon->files, shown[i]);
        free(shown[i]);
    }
}
