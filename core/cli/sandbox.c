/* SPDX-License-Identifier: Apache-2.0 */
/* Finds sandboxes through the master's and the agent's /state and reads them through the agent's /files. */
#include "cli/sandbox.h"

#include <errno.h>
#include <stdio.h>

#include "wire/http.h"

enum { READ_BYTES = 64 << 10 }; /* what an agent gives at the most at once: 16 pages */

void
sandbox_fini(struct sandbox *sandbox)
{
    free(sandbox->path);
    free(sandbox->task_id);
    sandbox->path = sandbox->task_id = NULL;
}

/* Candidates of a search, best first: an exact id, then a running task, then the newest. */
struct search {
    const char *framework, *wanted;
    json_t *found;
    bool exact;
    size_t matches; /* different ids that begin with what is wanted */
    struct buf names;
};

static void
consider(struct search *search, json_t *task)
{
    const char *id = cli_text(task, "id");
    bool exact = strcmp(id, search->wanted) == 0;

    if (strncmp(cli_text(task, "framework_id"), search->framework, strlen(search->framework)) != 0)
        return;
    if (strncmp(id, search->wanted, strlen(search->wanted)) != 0 || (search->exact && !exact))
        return;
    if (search->found && strcmp(cli_text(search->found, "id"), id) == 0 && exact == search->exact)
        return; /* the same id again in the history */
    if (exact && !search->exact) {
        search->exact = true;
        search->matches = 0;
        buf_clear(&search->names);
    }
    if (search->matches++ < 5)
        buf_printf(&search->names, "%s%s", search->names.len ? ", " : "", id);
    if (!search->found || exact)
        search->found = task;
}

static void
search_framework(struct search *search, json_t *framework)
{
    static const char *const lists[] = {"tasks", "unreachable_tasks", "completed_tasks"};

    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        json_t *tasks = json_object_get(framework, lists[l]);

        for (size_t i = json_array_size(tasks); i > 0; i--)
            consider(search, json_array_get(tasks, i - 1));
    }
}

static json_t *
find_task(json_t *state, const char *framework, const char *task, struct err *err)
{
    struct search search = {framework, task, NULL, false, 0, {0}};
    static const char *const lists[] = {"frameworks", "completed_frameworks"};

    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        json_t *frameworks = json_object_get(state, lists[l]);

        for (size_t i = json_array_size(frameworks); i > 0; i--)
            search_framework(&search, json_array_get(frameworks, i - 1));
    }
    if (!search.found)
        err_set(err, -ENOENT, "the master knows no task '%s'; `mesos ps -i` lists all", task);
    else if (!search.exact && search.matches > 1) {
        err_set(err, -EEXIST, "'%s' could be any of %zu tasks: %s%s", task, search.matches, buf_cstr(&search.names),
                search.matches > 5 ? ", ..." : "");
        search.found = NULL;
    }
    buf_fini(&search.names);
    return search.found;
}

static int
find_agent(struct cli_server *ret, json_t *state, const char *agent_id, struct err *err)
{
    json_t *agents = json_object_get(state, "slaves"), *agent;
    size_t i;

    json_array_foreach(agents, i, agent)
        if (strcmp(cli_text(agent, "id"), agent_id) == 0)
            return cli_server_parse(ret, str_of(cli_text(agent, "pid")), 5051, err);
    return err_set(err, -ENOENT, "agent %s, which ran the task, is not connected to the master", agent_id);
}

/* The directory of the executor among those of an agent's framework; the newest run of it. */
static const char *
find_directory(json_t *state, const char *framework_id, const char *executor_id)
{
    static const char *const lists[] = {"frameworks", "completed_frameworks"};
    static const char *const kinds[] = {"executors", "completed_executors"};

    for (size_t l = 0; l < 4; l++) {
        json_t *frameworks = json_object_get(state, lists[l / 2]);

        for (size_t i = json_array_size(frameworks); i > 0; i--) {
            json_t *framework = json_array_get(frameworks, i - 1);
            json_t *executors = json_object_get(framework, kinds[l % 2]);

            if (strcmp(cli_text(framework, "id"), framework_id) != 0)
                continue;
            for (size_t j = json_array_size(executors); j > 0; j--)
                if (strcmp(cli_text(json_array_get(executors, j - 1), "id"), executor_id) == 0)
                    return cli_text(json_array_get(executors, j - 1), "directory");
        }
    }
    return NULL;
}

int
sandbox_of_executor(struct sandbox *ret, struct cli *cli, const struct cli_server *agent, const char *framework,
                    const char *executor, struct err *err)
{
    struct cli_server server = *agent;
    json_t *state = cli_get_json(cli, &server, "/state", err);
    const char *directory;
    bool found;

    if (!state)
        return err_wrap(err, "agent");
    directory = find_directory(state, framework, executor);
    found = directory && *directory;
    if (found)
        *ret = (struct sandbox){*agent, xstrdup(directory), xstrdup(executor)};
    else
        err_set(err, -ENOENT, "agent %s has no sandbox of executor '%s' (it may have been removed)", server.host,
                executor);
    json_decref(state);
    return found ? 0 : err->code;
}

int
sandbox_find(struct sandbox *ret, struct cli *cli, struct cli_server *master, const char *framework,
             const char *task, struct err *err)
{
    json_t *state = cli_get_json(cli, master, "/master/state", err), *found;
    struct cli_server agent;
    const char *executor;
    int status = -ENOENT;

    if (!state)
        return err_wrap(err, "master");
    found = find_task(state, framework, task, err);
    if (found && (status = find_agent(&agent, state, cli_text(found, "slave_id"), err)) == 0) {
        executor = cli_text(found, "executor_id");
        status = sandbox_of_executor(ret, cli, &agent, cli_text(found, "framework_id"),
                                     *executor ? executor : cli_text(found, "id"), err);
        if (status == 0) {
            free(ret->task_id);
            ret->task_id = xstrdup(cli_text(found, "id"));
        }
    } else if (!found)
        status = err->code;
    json_decref(state);
    return status;
}

static char *
file_target(const struct sandbox *sandbox, const char *verb, const char *file)
{
    auto_free char *path = xasprintf("%s%s%s", sandbox->path, *file ? "/" : "", file);
    struct buf out = {0};

    buf_printf(&out, "/files/%s?path=", verb);
    http_percent_encode(&out, str_of(path));
    return buf_take(&out);
}

static int
explain(struct sandbox *sandbox, const char *file, struct err *err)
{
    if (err->code == -ENOENT)
        return err_set(err, -ENOENT, "task '%s' has no file '%s'; `mesos ls %s` lists its files", sandbox->task_id,
                       file, sandbox->task_id);
    return err->code;
}

int
sandbox_download(struct sandbox *sandbox, struct cli *cli, const char *file, struct buf *out, struct err *err)
{
    auto_free char *target = file_target(sandbox, "download", file);

    return cli_get(cli, &sandbox->agent, target, out, err) < 0 ? explain(sandbox, file, err) : 0;
}

int
sandbox_size(struct sandbox *sandbox, struct cli *cli, const char *file, uint64_t *ret, struct err *err)
{
    auto_free char *target = file_target(sandbox, "read", file);
    auto_free char *query = xasprintf("%s&offset=-1", target);
    json_t *answer = cli_get_json(cli, &sandbox->agent, query, err);

    if (!answer)
        return explain(sandbox, file, err);
    *ret = (uint64_t)json_integer_value(json_object_get(answer, "offset"));
    json_decref(answer);
    return 0;
}

int
sandbox_read(struct sandbox *sandbox, struct cli *cli, const char *file, uint64_t *offset, struct buf *out,
             struct err *err)
{
    auto_free char *target = file_target(sandbox, "read", file);
    uint64_t size;

    if (sandbox_size(sandbox, cli, file, &size, err) < 0)
        return err->code;
    if (size < *offset)
        *offset = 0; /* truncated or replaced: begin again, as tail(1) does */
    while (*offset < size) {
        /* Count what was asked for: bytes that are no UTF-8 come back as other ones, in another number. */
        uint64_t length = size - *offset < READ_BYTES ? size - *offset : READ_BYTES;
        auto_free char *query = xasprintf("%s&offset=%llu&length=%llu", target, (unsigned long long)*offset,
                                          (unsigned long long)length);
        json_t *answer = cli_get_json(cli, &sandbox->agent, query, err);
        json_t *data = json_object_get(answer, "data");

        if (!answer)
            return explain(sandbox, file, err);
        buf_append(out, json_string_value(data), json_string_length(data));
        *offset += length;
        json_decref(answer);
    }
    return 0;
}

json_t *
sandbox_browse(struct sandbox *sandbox, struct cli *cli, const char *directory, struct err *err)
{
    auto_free char *target = file_target(sandbox, "browse", directory);
    json_t *list = cli_get_json(cli, &sandbox->agent, target, err);

    if (!list)
        explain(sandbox, directory, err);
    return list;
}
