/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a restart of the agent: containers that go on keep their cgroups and are watched again; cgroups of containers that
 * nobody knows are destroyed. Those of known orphans go when the containerizer cleans them up. See group.h.
 */
#include <errno.h>
#include "group.h"

struct recovery {
    struct group *group;
    struct mesos_call *call;
    struct list jobs; /* struct job, JOB_RECOVER, one for each container that may have cgroups */
    struct map known; /* ids (values too) that are in the states */
    struct map orphans; /* those that the containerizer is about to destroy, with what is nested in them */
    struct map unknown; /* found on the other thread */
};

static void
ids_fini(struct map *ids)
{
    char *id;
    map_foreach (id, ids)
        free(id);
    map_fini(ids);
}

static void
ids_add(struct map *ids, const char *id)
{
    if (map_get(ids, str_of(id)))
        return;
    char *copy = xstrdup(id);
    map_add(ids, str_of(copy), copy);
}

static bool
is_known(const struct recovery *recovery, const char *id)
{
    struct str rest = str_of(id), root = str_cut(&rest, '.');
    return map_get(&recovery->known, str_of(id)) || map_get(&recovery->orphans, root);
}

/* ---- on the other thread ---- */

static bool
on_found(void *arg, const char *id)
{
    struct recovery *recovery = arg;
    const char *dot = strrchr(id, '.');
    auto_free char *above = dot ? xstrndup(id, (size_t)(dot - id)) : NULL;
    if (!is_known(recovery, id) && !(above && map_get(&recovery->unknown, str_of(above))))
        ids_add(&recovery->unknown, id); /* one whose parent goes as well goes with it */
    return true;
}

static void
recover_one(struct group *group, struct job *job)
{
    for (unsigned i = 0; i < group->part_count && job->status == 0; i++) {
        struct part *part = &group->parts[i];
        job->found[i] = cgroup_exists(&part->tree, job->id);
        job->has_cgroup = job->has_cgroup || job->found[i];
        if (job->found[i] && part->subsystem->create)
            job->status = part->subsystem->create(part, job);
    }
}

static void
recover_work(void *arg)
{
    struct recovery *recovery = arg;
    struct group *group = recovery->group;
    struct job *job;
    list_foreach (job, &recovery->jobs, in_list)
        recover_one(group, job);
    for (unsigned i = 0; i < group->part_count; i++)
        if (!group->parts[i].same_tree)
            cgroup_each(&group->parts[i].tree, on_found, recovery);
}

/* ---- on the loop ---- */

static void
take_back(struct group *group, struct job *job)
{
    struct group_container *container;
    if (map_get(&group->containers, str_of(job->id)))
        return; /* told twice */
    if (!job->has_cgroup)
        MESOS_LOG(group->host, WARNING, "container %s has no cgroup of isolator %s", job->id, group->name);
    container = group_container_new(group, job->id);
    container->command_task = job->command_task;
    for (unsigned i = 0; i < group->part_count; i++)
        if (job->found[i] && group->parts[i].subsystem->known)
            group->parts[i].subsystem->known(&group->parts[i], container, job);
}

static void
recover_done(void *arg)
{
    struct recovery *recovery = arg;
    struct group *group = recovery->group;
    const char *id;
    while (!list_empty(&recovery->jobs)) {
        struct job *job = list_first(&recovery->jobs, struct job, in_list);
        if (job->status < 0)
            MESOS_LOG(group->host, WARNING, "container %s is not watched by isolator %s: %s", job->id, group->name,
                      job->err.text);
        if (!group->stopped)
            take_back(group, job);
        job_free(job);
    }
    map_foreach (id, &recovery->unknown) {
        if (group->stopped)
            continue;
        MESOS_LOG(group->host, INFO, "destroying the cgroups of unknown container %s", id);
        group_destroy(group, id, NULL);
    }
    if (!group->stopped)
        group->host->reply(group->host, recovery->call, 0, (struct mesos_bytes){NULL, 0});
    ids_fini(&recovery->known);
    ids_fini(&recovery->orphans);
    ids_fini(&recovery->unknown);
    free(recovery);
    job_over(group);
}

/* Whether it had cgroups of its own. One whose configuration is not known: on v1 a nested one's cgroup is its own if it is
 * there, on v2 the launcher may have made it. */
static bool
may_have_cgroups(const struct group *group, const struct mesos_isolator_state *state)
{
    if (!strchr(state->container_id, '.'))
        return true;
    if (state->size > offsetof(struct mesos_isolator_state, config) && state->config.len > 0)
        return wish_own_cgroups(state->config);
    return group->part_count > 0 && group->parts[0].tree.version == 1 &&
           cgroup_exists(&group->parts[0].tree, state->container_id);
}

void
group_recover(void *instance, const struct mesos_isolator_state *states, size_t count, const char *const *orphans,
              size_t orphan_count, struct mesos_call *call)
{
    struct group *group = instance;
    struct recovery *recovery = xcalloc(1, sizeof *recovery);
    recovery->group = group;
    recovery->call = call;
    list_init(&recovery->jobs);
    for (size_t i = 0; i < orphan_count; i++)
        ids_add(&recovery->orphans, orphans[i]);
    for (size_t i = 0; i < count; i++) {
        const struct mesos_isolator_state *state = &states[i];
        ids_add(&recovery->known, state->container_id);
        if (!may_have_cgroups(group, state) || map_get(&group->containers, str_of(state->container_id)))
            continue;
        struct job *job = job_new(group, JOB_RECOVER, state->container_id, NULL);
        if (state->size > offsetof(struct mesos_isolator_state, config))
            job->command_task = config_is_command_task(state->config);
        list_push(&recovery->jobs, &job->in_list);
    }
    job_run(group, false, recover_work, recover_done, recovery);
}
