/* SPDX-License-Identifier: Apache-2.0 */
/* The tasks of `mesos execute`: from options to TaskInfo and, for groups, ExecutorInfo. */
#include "cli/execute.h"

#include <errno.h>

#include "model/resources.h"
#include "wire/message.h"

static char *
keep(struct execute_session *session, const char *text)
{
    return arena_strdup(session->arena, str_of(text));
}

/* --env: a JSON object of names and values. */
static int
describe_environment(struct execute_session *session, Mesos__V1__CommandInfo *command, struct err *err)
{
    json_t *object = json_loads(session->target->env, 0, NULL), *value;
    Mesos__V1__Environment *environment = arena_alloc(session->arena, sizeof(*environment));
    const char *name;

    if (!json_is_object(object)) {
        json_decref(object);
        return err_set(err, -EINVAL, "--env: a JSON object such as {\"NAME\": \"value\"} is wanted");
    }
    mesos__v1__environment__init(environment);
    environment->variables =
        arena_calloc(session->arena, json_object_size(object) + 1, sizeof(*environment->variables));
    json_object_foreach(object, name, value)
    {
        Mesos__V1__Environment__Variable *variable = arena_alloc(session->arena, sizeof(*variable));

        if (!json_is_string(value)) {
            err_set(err, -EINVAL, "--env: the value of '%s' must be a string", name);
            json_decref(object);
            return err->code;
        }
        mesos__v1__environment__variable__init(variable);
        variable->name = keep(session, name);
        variable->value = keep(session, json_string_value(value));
        environment->variables[environment->n_variables++] = variable;
    }
    json_decref(object);
    command->environment = environment;
    return 0;
}

static void
add_uri(struct execute_session *session, Mesos__V1__CommandInfo *command, struct str value)
{
    Mesos__V1__CommandInfo__URI *uri = arena_alloc(session->arena, sizeof(*uri));

    mesos__v1__command_info__uri__init(uri);
    uri->value = arena_strdup(session->arena, value);
    command->uris[command->n_uris++] = uri;
}

/* --uris: comma-separated; then what --package was uploaded as. */
static int
describe_uris(struct execute_session *session, Mesos__V1__CommandInfo *command, struct err *err)
{
    const char *uploaded = NULL;
    struct str rest = str_of(session->target->uris);
    size_t most = 2;

    for (size_t i = 0; i < rest.len; i++)
        most += rest.ptr[i] == ',';
    command->uris = arena_calloc(session->arena, most, sizeof(*command->uris));
    while (rest.len > 0) {
        struct str value = str_trim(str_cut(&rest, ','));

        if (value.len > 0)
            add_uri(session, command, value);
    }
    if (session->target->package) {
        if (execute_upload(session, &uploaded, err) < 0)
            return err->code;
        add_uri(session, command, str_of(uploaded));
    }
    return 0;
}

/* Words make a command line for the shell, or with --no-shell the program and its arguments. */
static int
describe_command(struct execute_session *session, Mesos__V1__CommandInfo *command, struct err *err)
{
    const struct execute_target *target = session->target;
    const struct cli *cli = session->cli;
    struct buf line = {0};

    mesos__v1__command_info__init(command);
    if (!target->command && cli->word_count == 0 && target->docker_image && !target->shell) {
        command->has_shell = true;
        command->shell = false; /* the image says what it runs */
        return target->env ? describe_environment(session, command, err) : 0;
    }
    if (!target->command && cli->word_count == 0)
        return err_set(err, -EINVAL, "no command: give --command='echo hello', or the words after the options");
    if (target->command && cli->word_count > 0 && target->shell)
        return err_set(err, -EINVAL, "both --command and the words '%s...' were given: one of them is wanted",
                       cli->words[0]);
    command->has_shell = true;
    command->shell = target->shell;
    if (target->command) {
        command->value = keep(session, target->command);
    } else if (target->shell) {
        for (size_t i = 0; i < cli->word_count; i++)
            buf_printf(&line, "%s%s", i ? " " : "", cli->words[i]);
        command->value = keep(session, buf_cstr(&line));
    } else {
        command->value = keep(session, cli->words[0]);
    }
    buf_fini(&line);
    if (!target->shell) {
        command->arguments = arena_calloc(session->arena, cli->word_count + 1, sizeof(char *));
        if (target->command)
            command->arguments[command->n_arguments++] = command->value;
        for (size_t i = 0; i < cli->word_count; i++)
            command->arguments[command->n_arguments++] = keep(session, cli->words[i]);
    }
    if (target->user)
        command->user = keep(session, target->user);
    if ((target->uris || target->package) && describe_uris(session, command, err) < 0)
        return err->code;
    return target->env ? describe_environment(session, command, err) : 0;
}

/* A JSON object with "agent_id" put in where it is missing: it comes from the offer, but the message demands one. */
static void
put_agent(json_t *task)
{
    if (json_is_object(task) && !json_object_get(task, "agent_id"))
        json_object_set_new(task, "agent_id", json_pack("{s:s}", "value", ""));
}

static void
set_tasks(struct execute_session *session, Mesos__V1__TaskInfo **tasks, size_t count)
{
    session->tasks = arena_calloc(session->arena, count, sizeof(*session->tasks));
    session->task_count = count;
    for (size_t i = 0; i < count; i++)
        session->tasks[i].info = tasks[i];
}

static int
read_task(struct execute_session *session, struct err *err)
{
    json_t *object = json_loads(session->target->task, 0, NULL);
    auto_free char *text = NULL;
    Mesos__V1__TaskInfo *task;

    put_agent(object);
    text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    task = message_from_json(&mesos__v1__task_info__descriptor, str_of(text ? text : session->target->task),
                             session->arena, err);
    if (!task)
        return err_wrap(err, "--task");
    set_tasks(session, &task, 1);
    return 0;
}

/* The default executor's own share; the master wants a shared sandbox and a name for it, nothing more. */
static int
describe_executor(struct execute_session *session, struct err *err)
{
    Mesos__V1__ExecutorInfo *executor = arena_alloc(session->arena, sizeof(*executor));
    auto_resources struct resources needed = {0};

    mesos__v1__executor_info__init(executor);
    executor->has_type = true;
    executor->type = MESOS__V1__EXECUTOR_INFO__TYPE__DEFAULT;
    executor->executor_id = arena_alloc(session->arena, sizeof(*executor->executor_id));
    mesos__v1__executor_id__init(executor->executor_id);
    executor->executor_id->value = keep(session, "default-executor");
    if (resources_parse(&needed, STR_LIT("cpus:0.1;mem:32;disk:32"), "*", err) < 0)
        return err->code;
    executor->resources = resources_to_proto(&needed, true, session->arena, &executor->n_resources);
    session->executor = executor;
    return 0;
}

static int
read_group(struct execute_session *session, struct err *err)
{
    json_t *object = json_loads(session->target->task_group, 0, NULL), *each;
    json_t *tasks = json_object_get(object, "tasks");
    Mesos__V1__TaskGroupInfo *group;
    auto_free char *text = NULL;
    size_t i;

    json_array_foreach(tasks, i, each) put_agent(each);
    text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    group = message_from_json(&mesos__v1__task_group_info__descriptor,
                              str_of(text ? text : session->target->task_group), session->arena, err);
    if (!group)
        return err_wrap(err, "--task_group");
    if (group->n_tasks == 0)
        return err_set(err, -EINVAL, "--task_group: {\"tasks\": [...]} with at least one task is wanted");
    set_tasks(session, group->tasks, group->n_tasks);
    return describe_executor(session, err);
}

/* What describes a task by itself leaves no room for the options that describe one. */
static int
check_exclusive(const struct execute_session *session, const char *option, struct err *err)
{
    const struct execute_target *t = session->target;
    const char *other = t->command ? "--command" : t->docker_image ? "--docker_image" : t->env ? "--env" :
                        t->uris ? "--uris" : t->package ? "--package" : session->cli->word_count > 0 ? "words" : NULL;

    if (!other)
        return 0;
    return err_set(err, -EINVAL, "both %s and %s were given: %s says all of it", option, other, option);
}

static int
describe_one(struct execute_session *session, struct err *err)
{
    const struct execute_target *target = session->target;
    Mesos__V1__TaskInfo *task = arena_alloc(session->arena, sizeof(*task));
    auto_resources struct resources needed = {0};
    unsigned char random[UUID_BYTES];

    mesos__v1__task_info__init(task);
    task->task_id = arena_alloc(session->arena, sizeof(*task->task_id));
    mesos__v1__task_id__init(task->task_id);
    uuid_random(random);
    task->name = target->name ? keep(session, target->name)
                              : arena_printf(session->arena, "execute-%02x%02x%02x%02x", random[0], random[1],
                                             random[2], random[3]);
    task->task_id->value = task->name;
    task->agent_id = arena_alloc(session->arena, sizeof(*task->agent_id));
    mesos__v1__agent_id__init(task->agent_id);
    task->agent_id->value = keep(session, "");
    task->command = arena_alloc(session->arena, sizeof(*task->command));
    if (describe_command(session, task->command, err) < 0 || execute_container(session, &task->container, err) < 0)
        return err->code;
    if (resources_parse(&needed, str_of(target->resources), "*", err) < 0)
        return err_wrap(err, "--resources=%s", target->resources);
    task->resources = resources_to_proto(&needed, true, session->arena, &task->n_resources);
    set_tasks(session, &task, 1);
    return 0;
}

int
execute_describe(struct execute_session *session, struct err *err)
{
    const struct execute_target *target = session->target;

    if (target->task && target->task_group)
        return err_set(err, -EINVAL, "both --task and --task_group were given: one of them is wanted");
    if (target->task)
        return check_exclusive(session, "--task", err) < 0 ? err->code : read_task(session, err);
    if (target->task_group)
        return check_exclusive(session, "--task_group", err) < 0 ? err->code : read_group(session, err);
    return describe_one(session, err);
}
