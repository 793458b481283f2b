/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the reading of the master's state: nothing here prints, and nothing here trusts what it reads. */
#include "cli/cluster.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <time.h>

int
cluster_open(struct cluster *ret, struct cli *cli, struct err *err)
{
    json_t *agents, *agent;
    size_t i;

    *ret = (struct cluster){.cli = cli};
    if (cli_find_master(&ret->master, cli, err) < 0)
        return err->code;
    ret->state = cli_get_json(cli, &ret->master, "/master/state", err);
    if (!ret->state)
        return err_wrap(err, "master");
    agents = json_object_get(ret->state, "slaves");
    json_array_foreach(agents, i, agent)
        if (*cli_text(agent, "id"))
            map_set(&ret->by_id, str_of(cli_text(agent, "id")), agent);
    return 0;
}

void
cluster_fini(struct cluster *cluster)
{
    map_fini(&cluster->by_id);
    json_decref(cluster->state);
    json_decref(cluster->agents);
    cluster->state = cluster->agents = NULL;
}

void
cluster_tasks_fini(struct cluster_tasks *tasks)
{
    free(tasks->items);
    *tasks = (struct cluster_tasks){0};
}

static void
add(struct cluster_tasks *tasks, struct cluster_task task)
{
    for (size_t i = 0; i < tasks->count; i++)
        if (tasks->items[i].task == task.task)
            return;
    if (tasks->count == tasks->cap) {
        tasks->cap = tasks->cap ? 2 * tasks->cap : 64;
        tasks->items = xreallocarray(tasks->items, tasks->cap, sizeof(*tasks->items));
    }
    tasks->items[tasks->count++] = task;
}

static void
append(struct cluster_tasks *tasks, struct cluster_task task)
{
    if (tasks->count == tasks->cap) {
        tasks->cap = tasks->cap ? 2 * tasks->cap : 64;
        tasks->items = xreallocarray(tasks->items, tasks->cap, sizeof(*tasks->items));
    }
    tasks->items[tasks->count++] = task;
}

static bool
begins(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

void
cluster_list_tasks(const struct cluster *cluster, const char *framework, bool inactive, struct cluster_tasks *ret)
{
    static const struct {
        const char *frameworks, *tasks;
        bool active;
    } places[] = {{"frameworks", "tasks", true},
                  {"frameworks", "unreachable_tasks", false},
                  {"frameworks", "completed_tasks", false},
                  {"completed_frameworks", "completed_tasks", false}};

    for (size_t p = 0; p < ARRAY_LEN(places); p++) {
        json_t *frameworks = json_object_get(cluster->state, places[p].frameworks), *each, *task;
        size_t i, j;

        if (!inactive && !places[p].active)
            continue;
        json_array_foreach(frameworks, i, each)
        {
            json_t *tasks = json_object_get(each, places[p].tasks);

            if (framework && !begins(cli_text(each, "id"), framework))
                continue;
            json_array_foreach(tasks, j, task)
                append(ret, (struct cluster_task){task, each, places[p].active});
        }
    }
}

/* A task that has ended and whose end the framework has not acknowledged yet still stands among the others. */
static bool
has_ended(const json_t *task)
{
    static const char *const states[] = {"TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_LOST",
                                         "TASK_DROPPED", "TASK_GONE", "TASK_GONE_BY_OPERATOR"};

    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (strcmp(cli_text(task, "state"), states[i]) == 0)
            return true;
    return false;
}

/* Counts different things and names the first few. */
struct names {
    struct buf text;
    size_t count;
};

static void
name(struct names *names, const char *id)
{
    if (names->count++ < 5)
        buf_printf(&names->text, "%s%s", names->text.len ? ", " : "", id);
}

static int
ambiguous(struct names *names, const char *text, const char *what, struct err *err)
{
    err_set(err, -EEXIST, "'%s' could be any of %zu %s: %s%s", text, names->count, what, buf_cstr(&names->text),
            names->count > 5 ? ", ..." : "");
    buf_fini(&names->text);
    return err->code;
}

static int
no_task(const char *text, struct err *err)
{
    return err_set(err, -ENOENT, "the master knows no task '%s'; `mesos ps -i` lists all", text);
}

/* Of those whose id is (exact) or begins with text; the last one counts where an id comes again in the history. */
static const struct cluster_task *
pick(const struct cluster_tasks *all, const char *text, bool exact, bool active, struct names *names)
{
    const struct cluster_task *found = NULL;

    for (size_t i = 0; i < all->count; i++) {
        const struct cluster_task *t = &all->items[i];
        const char *id = cli_text(t->task, "id");

        if ((active && (!t->active || has_ended(t->task))) || !(exact ? strcmp(id, text) == 0 : begins(id, text)))
            continue;
        if (!found || strcmp(cli_text(found->task, "id"), id) != 0)
            name(names, id);
        found = t;
    }
    return found;
}

int
cluster_task(const struct cluster *cluster, const char *framework, const char *text, struct cluster_task *ret,
             struct err *err)
{
    auto_tasks struct cluster_tasks all = {0};

    cluster_list_tasks(cluster, framework, true, &all);
    for (int step = 0; step < 4 && *text; step++) { /* exact before beginning, running before ended */
        struct names names = {0};
        const struct cluster_task *found = pick(&all, text, step < 2, step % 2 == 0, &names);

        if (found && step >= 2 && names.count > 1)
            return ambiguous(&names, text, "tasks", err);
        buf_fini(&names.text);
        if (found) {
            *ret = *found;
            return 0;
        }
    }
    return no_task(text, err);
}

static bool
fits(const char *id, const char *pattern, bool exact)
{
    if (exact)
        return strcmp(id, pattern) == 0;
    return strpbrk(pattern, "*?[") ? fnmatch(pattern, id, 0) == 0 : begins(id, pattern);
}

static size_t
add_fitting(const struct cluster_tasks *all, const char *pattern, bool exact, bool active, struct cluster_tasks *ret)
{
    size_t fitting = 0;

    for (size_t i = 0; i < all->count; i++) {
        const struct cluster_task *t = &all->items[i];

        if ((active && (!t->active || has_ended(t->task))) || !fits(cli_text(t->task, "id"), pattern, exact))
            continue;
        add(ret, *t);
        fitting++;
        if (exact)
            break;
    }
    return fitting;
}

int
cluster_match_tasks(const struct cluster *cluster, const char *framework, const char *text,
                    struct cluster_tasks *ret, struct err *err)
{
    auto_tasks struct cluster_tasks all = {0};
    struct str rest = str_of(text);

    cluster_list_tasks(cluster, framework, true, &all);
    if (*text && (add_fitting(&all, text, true, true, ret) > 0 || add_fitting(&all, text, true, false, ret) > 0))
        return 0; /* ids may have commas and stars in them */
    while (rest.len > 0) {
        auto_free char *pattern = str_dup(str_trim(str_cut(&rest, ',')));
        size_t found = 0;

        for (int step = 0; step < 4 && found == 0 && *pattern; step++)
            found = add_fitting(&all, pattern, step < 2, step % 2 == 0, ret);
        if (found == 0)
            return no_task(pattern, err);
    }
    return ret->count > 0 ? 0 : no_task(text, err);
}

json_t *
cluster_agent(const struct cluster *cluster, const char *text, struct err *err)
{
    json_t *agents = json_object_get(cluster->state, "slaves"), *agent, *found = NULL;
    struct names names = {0};
    size_t i;

    json_array_foreach(agents, i, agent)
    {
        const char *id = cli_text(agent, "id"), *pid = strchr(cli_text(agent, "pid"), '@');

        if (strcmp(id, text) == 0 || (pid && strcmp(pid + 1, text) == 0)) {
            buf_fini(&names.text);
            return agent;
        }
        if (!begins(id, text) && strcmp(cli_text(agent, "hostname"), text) != 0)
            continue;
        name(&names, id);
        found = agent;
    }
    if (names.count > 1) {
        ambiguous(&names, text, "agents", err);
        return NULL;
    }
    buf_fini(&names.text);
    if (!found)
        err_set(err, -ENOENT, "the master knows no agent '%s'; `mesos agent list` lists them", text);
    return found;
}

json_t *
cluster_framework(const struct cluster *cluster, const char *text, bool completed, struct err *err)
{
    static const char *const lists[] = {"frameworks", "completed_frameworks"};
    json_t *framework, *found = NULL;
    struct names names = {0};
    size_t i;

    for (size_t l = 0; l < (completed ? 2 : 1) && !found; l++) {
        json_t *list = json_object_get(cluster->state, lists[l]);

        json_array_foreach(list, i, framework)
        {
            const char *id = cli_text(framework, "id");

            if (strcmp(id, text) == 0) {
                buf_fini(&names.text);
                return framework;
            }
            if (!begins(id, text) && strcmp(cli_text(framework, "name"), text) != 0)
                continue;
            name(&names, id);
            found = framework;
        }
        for (size_t next = l + 1; completed && next < 2; next++) { /* an exact id wins wherever it is */
            list = json_object_get(cluster->state, lists[next]);
            json_array_foreach(list, i, framework)
                if (strcmp(cli_text(framework, "id"), text) == 0)
                    found = framework;
        }
        if (found && strcmp(cli_text(found, "id"), text) == 0)
            names.count = 1;
    }
    if (names.count > 1) {
        ambiguous(&names, text, "frameworks", err);
        return NULL;
    }
    buf_fini(&names.text);
    if (!found)
        err_set(err, -ENOENT, "the master knows no framework '%s'; `mesos framework list%s` lists them", text,
                completed ? " --all" : "");
    return found;
}

int
cluster_agent_server(const struct cluster *cluster, const char *agent_id, struct cli_server *ret, struct err *err)
{
    json_t *agent = map_get(&cluster->by_id, str_of(agent_id));

    if (!agent)
        return err_set(err, -ENOENT, "agent %s, which ran the task, is not connected to the master", agent_id);
    if (cli_server_parse(ret, str_of(cli_text(agent, "pid")), 5051, err) < 0)
        return err_wrap(err, "agent %s", agent_id);
    return 0;
}

const char *
cluster_agent_name(const struct cluster *cluster, const char *agent_id)
{
    json_t *agent = map_get(&cluster->by_id, str_of(agent_id));

    return agent ? cli_text(agent, "hostname") : agent_id;
}

json_t *
cluster_agent_state(struct cluster *cluster, const char *agent_id, struct err *err)
{
    json_t *state = json_object_get(cluster->agents, agent_id);
    struct cli_server server;

    if (state)
        return state;
    if (cluster_agent_server(cluster, agent_id, &server, err) < 0)
        return NULL;
    state = cli_get_json(cluster->cli, &server, "/state", err);
    if (!state) {
        err_wrap(err, "agent");
        return NULL;
    }
    if (!cluster->agents)
        cluster->agents = json_object();
    json_object_set_new(cluster->agents, agent_id, state);
    return state;
}

json_t *
cluster_container(const json_t *task)
{
    json_t *statuses = json_object_get(task, "statuses");

    for (size_t i = json_array_size(statuses); i > 0; i--) {
        json_t *status = json_object_get(json_array_get(statuses, i - 1), "container_status");
        json_t *id = json_object_get(status, "container_id");

        if (*cli_text(id, "value"))
            return id;
    }
    return NULL;
}

char *
cluster_resource(const json_t *object, const char *of, const char *name, char out[32])
{
    snprintf(out, 32, "%.6g", cli_number(json_object_get(object, of), name));
    return out;
}

char *
cluster_time(double secs, char out[32])
{
    time_t when = secs > 0 && secs < 1e11 ? (time_t)secs : 0;
    struct tm tm;

    out[0] = '\0';
    if (when > 0 && localtime_r(&when, &tm))
        strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm);
    return out;
}
