/* SPDX-License-Identifier: Apache-2.0 */
/* The task of `mesos execute`: from options to TaskInfo, and from an offer to the resources that it takes. */
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

/* --uris: comma-separated. */
static void
describe_uris(struct execute_session *session, Mesos__V1__CommandInfo *command)
{
    struct str rest = str_of(session->target->uris);
    size_t most = 1;

    for (size_t i = 0; i < rest.len; i++)
        most += rest.ptr[i] == ',';
    command->uris = arena_calloc(session->arena, most, sizeof(*command->uris));
    while (rest.len > 0) {
        Mesos__V1__CommandInfo__URI *uri = arena_alloc(session->arena, sizeof(*uri));

        mesos__v1__command_info__uri__init(uri);
        uri->value = arena_strdup(session->arena, str_trim(str_cut(&rest, ',')));
        command->uris[command->n_uris++] = uri;
    }
}

/* Words make a command line for the shell, or with --no-shell the program and its arguments. */
static int
describe_command(struct execute_session *session, Mesos__V1__CommandInfo *command, struct err *err)
{
    const struct execute_target *target = session->target;
    const struct cli *cli = session->cli;
    struct buf line = {0};

    mesos__v1__command_info__init(command);
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
    if (target->uris)
        describe_uris(session, command);
    return target->env ? describe_environment(session, command, err) : 0;
}

int
execute_describe(struct execute_session *session, struct err *err)
{
    const struct execute_target *target = session->target;
    Mesos__V1__TaskInfo *task;
    auto_resources struct resources needed = {0};
    unsigned char random[UUID_BYTES];

    if (target->task) {
        session->task = message_from_json(&mesos__v1__task_info__descriptor, str_of(target->task), session->arena, err);
        return session->task ? 0 : err_wrap(err, "--task");
    }
    task = session->task = arena_alloc(session->arena, sizeof(*task));
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
    if (describe_command(session, task->command, err) < 0)
        return err->code;
    if (resources_parse(&needed, str_of(target->resources), "*", err) < 0)
        return err_wrap(err, "--resources=%s", target->resources);
    task->resources = resources_to_proto(&needed, true, session->arena, &task->n_resources);
    return 0;
}

/* Takes `want` thousandths of a scalar out of the offer's items of that name, reserved ones as well. */
static bool
take_scalar(struct resources *chosen, const struct resources *offered, const struct mesos_resource *want)
{
    int64_t missing = want->scalar;

    for (uint32_t i = 0; i < offered->count && missing > 0; i++) {
        struct mesos_resource part = offered->items[i];

        if (strcmp(part.name, want->name) != 0 || part.type != MESOS_VALUE_SCALAR || part.has_disk ||
            part.revocable)
            continue;
        if (part.scalar > missing)
            part.scalar = missing;
        missing -= part.scalar;
        resources_add_view(chosen, (struct mesos_resources){sizeof(part), 1, &part});
    }
    return missing == 0;
}

Mesos__V1__Resource **
execute_choose(const struct execute_session *session, const Mesos__V1__Offer *offer, struct arena *arena,
               size_t *ret_count)
{
    auto_resources struct resources offered = {0}, needed = {0}, chosen = {0};
    const Mesos__V1__TaskInfo *task = session->task;

    if (resources_from_proto(&offered, offer->resources, offer->n_resources, NULL) < 0 ||
        resources_from_proto(&needed, task->resources, task->n_resources, NULL) < 0)
        return NULL;
    for (uint32_t i = 0; i < needed.count; i++) {
        struct mesos_resource want = needed.items[i];

        if (want.type == MESOS_VALUE_SCALAR && !want.identity) {
            if (!take_scalar(&chosen, &offered, &want))
                return NULL;
            continue;
        }
        want.allocation_role = session->target->role;
        if (!resources_contains_view(&offered, (struct mesos_resources){sizeof(want), 1, &want}))
            return NULL;
        resources_add_view(&chosen, (struct mesos_resources){sizeof(want), 1, &want});
    }
    return resources_to_proto(&chosen, true, arena, ret_count);
}
