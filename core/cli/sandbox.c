/* SPDX-License-Identifier: Apache-2.0 */
/* Finds sandboxes through the master's and the agent's /state and reads them through the agent's /files. */
#include "cli/sandbox.h"

#include <errno.h>
#include <stdio.h>

#include "cli/term.h"
#include "wire/http.h"

enum { READ_BYTES = 64 << 10 }; /* what an agent gives at the most at once: 16 pages */

void
sandbox_fini(struct sandbox *sandbox)
{
    free(sandbox->path);
    free(sandbox->task_id);
    sandbox->path = sandbox->task_id = NULL;
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

static int
take_directory(struct sandbox *ret, const struct cli_server *agent, const char *directory, const char *executor,
               struct err *err)
{
    if (!directory || !*directory)
        return err_set(err, -ENOENT, "agent %s has no sandbox of executor '%s' (it may have been removed)", agent->host,
                       executor);
    *ret = (struct sandbox){*agent, xstrdup(directory), xstrdup(executor)};
    return 0;
}

int
sandbox_of_executor(struct sandbox *ret, struct cli *cli, const struct cli_server *agent, const char *framework,
                    const char *executor, struct err *err)
{
    struct cli_server server = *agent;
    json_t *state = cli_get_json(cli, &server, "/state", err);
    int status;

    if (!state)
        return err_wrap(err, "agent");
    status = take_directory(ret, agent, find_directory(state, framework, executor), executor, err);
    json_decref(state);
    return status;
}

/* "/containers/<id>" for each container below the executor's, outermost first. Ids with a slash are none. */
static void
add_containers(struct buf *path, const json_t *id, unsigned depth)
{
    const json_t *parent = json_object_get(id, "parent");
    const char *value = cli_text(id, "value");

    if (!json_is_object(parent) || depth > 16 || !*value || strchr(value, '/'))
        return;
    add_containers(path, parent, depth + 1);
    buf_printf(path, "/containers/%s", value);
}

int
sandbox_of_task(struct sandbox *ret, struct cluster *cluster, const json_t *task, struct err *err)
{
    const char *executor = cli_text(task, "executor_id"), *agent_id = cli_text(task, "slave_id");
    json_t *state = cluster_agent_state(cluster, agent_id, err);
    struct cli_server agent;
    struct sandbox out = {0};
    struct buf path = {0};

    if (!*executor)
        executor = cli_text(task, "id");
    if (!state || cluster_agent_server(cluster, agent_id, &agent, err) < 0 ||
        take_directory(&out, &agent, find_directory(state, cli_text(task, "framework_id"), executor), executor, err) < 0)
        return err->code;
    buf_puts(&path, out.path);
    add_containers(&path, cluster_container(task), 0);
    free(out.path);
    free(out.task_id);
    *ret = (struct sandbox){agent, buf_take(&path), xstrdup(cli_text(task, "id"))};
    return 0;
}

int
sandbox_find(struct sandbox *ret, struct cluster *cluster, const char *framework, const char *task, struct err *err)
{
    struct cluster_task found;

    if (cluster_task(cluster, framework, task, &found, err) < 0)
        return err->code;
    return sandbox_of_task(ret, cluster, found.task, err);
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
sandbox_download(struct sandbox *sandbox, struct cli *cli, const char *file, FILE *to, struct err *err)
{
    auto_free char *target = file_target(sandbox, "download", file);

    return cli_download(cli, &sandbox->agent, target, to, err) < 0 ? explain(sandbox, file, err) : 0;
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
sandbox_read(struct sandbox *sandbox, struct cli *cli, const char *file, uint64_t *offset, uint64_t most,
             struct buf *out, struct err *err)
{
    auto_free char *target = file_target(sandbox, "read", file);
    uint64_t size;

    if (sandbox_size(sandbox, cli, file, &size, err) < 0)
        return err->code;
    if (size < *offset)
        *offset = 0; /* truncated or replaced: begin again, as tail(1) does */
    if (size - *offset > most)
        size = *offset + most;
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

void
sandbox_files_fini(struct sandbox_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->items[i].title);
    for (size_t i = 0; i < files->sandbox_count; i++)
        sandbox_fini(&files->sandboxes[i]);
    free(files->items);
    free(files->sandboxes);
    cluster_fini(&files->cluster);
}

static void
add_names(struct sandbox_files *files, struct sandbox *sandbox, const char *const *names, const char *default_name)
{
    size_t count = 0;

    while (names[count])
        count++;
    files->items = xreallocarray(files->items, files->count + count + 1, sizeof(*files->items));
    for (size_t i = 0; i < (count ? count : 1); i++) {
        const char *name = count ? names[i] : default_name;

        files->items[files->count++] =
            (struct sandbox_file){.sandbox = sandbox,
                                  .name = name,
                                  .title = xasprintf("%s%s%s", sandbox->task_id, *name ? ":" : "", name)};
    }
}

int
sandbox_files_open(struct sandbox_files *ret, struct cli *cli, const char *framework, const char *tasks,
                   const char *const *names, const char *default_name, struct err *err)
{
    auto_tasks struct cluster_tasks found = {0};
    auto_progress struct term_progress progress = {0};

    *ret = (struct sandbox_files){0};
    if (cluster_open(&ret->cluster, cli, err) < 0 ||
        cluster_match_tasks(&ret->cluster, framework, tasks, &found, err) < 0)
        return err->code;
    ret->sandboxes = xcalloc(found.count, sizeof(*ret->sandboxes));
    for (size_t i = 0; i < found.count; i++) {
        struct sandbox *sandbox = &ret->sandboxes[ret->sandbox_count];

        if (found.count > 1)
            term_progress(&progress, "finding sandbox %zu of %zu", i + 1, found.count);
        if (sandbox_of_task(sandbox, &ret->cluster, found.items[i].task, err) == 0) {
            ret->sandbox_count++;
            add_names(ret, sandbox, names, default_name);
        } else if (found.count > 1) {
            term_progress_end(&progress);
            cli_fail(err);
        }
    }
    return ret->count > 0 ? 0 : err->code;
}

void
sandbox_header(const struct sandbox_file *file, bool first)
{
    auto_buf struct buf title = {0};

    term_escape(&title, str_of(file->title));
    printf("%s==> %s <==\n", first ? "" : "\n", buf_cstr(&title));
}
