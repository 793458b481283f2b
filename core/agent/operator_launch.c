/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LAUNCH_CONTAINER and LAUNCH_NESTED_CONTAINER, and the launch of a session's container for operator_attach_output.c:
 * whether it may be, what the containerizer is told, and the answer. Statuses and texts are Mesos's, as recorded.
 */
#include "agent/containers_inside.h"

#include <errno.h>

#include "agent/access.h"
#include "agent/pb.h"
#include "model/validate.h"

struct launch {
    struct container_call call;
    struct module *module; /* that is asked */
    struct arena *arena;
    struct buf config;
    const char **environment;
    struct resources resources;
    bool standalone;
    size_t containerizer;
    void (*done)(struct http_exchange *exchange, struct module *module, void *arg);
    void *arg;
    void (*drop)(void *arg);
};

static void
launch_fini(struct container_call *call)
{
    struct launch *launch = (struct launch *)call;
    if (launch->drop)
        launch->drop(launch->arg);
    resources_fini(&launch->resources);
    buf_fini(&launch->config);
    arena_free(launch->arena);
}

static void
pack_part(struct buf *out, unsigned field, const void *message)
{
    auto_buf struct buf part = {0};
    message_pack(&part, message);
    pb_bytes(out, field, buf_str(&part));
}

/* mesos.slave.ContainerConfig. */
static void
pack_config(const struct agent *agent, const struct container_wish *wish, struct buf *out)
{
    Mesos__V1__CommandInfo none = MESOS__V1__COMMAND_INFO__INIT;
    const Mesos__V1__CommandInfo *command = wish->command ? wish->command : &none;
    auto_free char *sandbox = strchr(wish->id, '.') ? xstrdup("")
                                                   : xasprintf("%s/containers/%s", agent->work_dir, wish->id);
    pb_text(out, 3, sandbox);
    if (agent->options->switch_user && command->user && *command->user)
        pb_text(out, 4, command->user);
    pack_part(out, 11, command);
    if (wish->container)
        pack_part(out, 12, wish->container);
    for (size_t i = 0; i < wish->resource_count; i++)
        pack_part(out, 13, wish->resources[i]);
    if (wish->debug)
        pb_uint(out, 14, MESOS__SLAVE__CONTAINER_CLASS__DEBUG);
    for (size_t i = 0; i < wish->limit_count; i++)
        pack_part(out, 16, wish->limits[i]);
}

enum { GIVEN_MAX = 16 }; /* variables that telemetry may give */

struct given {
    struct arena *arena;
    const char *items[GIVEN_MAX];
    size_t count;
};

static void
on_given(void *arg, const char *name, const char *value)
{
    struct given *given = arg;
    if (given->count < GIVEN_MAX)
        given->items[given->count++] = arena_printf(given->arena, "%s=%s", name, value);
}

/* Is there a variable of the same name as item's ("NAME=value")? */
static bool
has_variable(const char *const *items, size_t count, const char *item)
{
    size_t len = strcspn(item, "=") + 1;
    for (size_t i = 0; i < count; i++)
        if (strncmp(items[i], item, len) == 0)
            return true;
    return false;
}

static void
take_environment(struct launch *launch, const Mesos__V1__Environment *environment)
{
    size_t count = environment ? environment->n_variables : 0, kept = 0;
    struct given given = {.arena = launch->arena};
    agent_telemetry_environment_inside(launch->call.agent, launch->call.id, on_given, &given);
    launch->environment = arena_calloc(launch->arena, count + given.count + 1, sizeof(*launch->environment));
    for (size_t i = 0; i < count; i++)
        if (environment->variables[i]->value)
            launch->environment[kept++] = arena_printf(launch->arena, "%s=%s", environment->variables[i]->name,
                                                       environment->variables[i]->value);
    for (size_t i = 0, wanted = kept; i < given.count; i++)
        if (!has_variable(launch->environment, wanted, given.items[i]))
            launch->environment[kept++] = given.items[i];
}

static void on_launched(void *arg, int status, const char *error, struct mesos_bytes answer);

static void
launch_ask(struct launch *launch)
{
    struct mesos_containerizer_launch order = {
        .size = sizeof(order),
        .container_id = launch->call.id,
        .config = {buf_data(&launch->config), launch->config.len},
        .environment = launch->environment,
        .resources = resources_view(&launch->resources),
        .standalone = launch->standalone,
    };
    containerizer_launch(launch->module, &order, on_launched, launch);
}

static void
launch_over(struct launch *launch, int status, const char *text)
{
    container_call_audit(&launch->call, status == 202 ? "it is there already" : text);
    if (launch->call.exchange && text)
        http_reply_text(launch->call.exchange, status, "%s", text);
    else if (launch->call.exchange)
        http_reply(launch->call.exchange, status, NULL, STR_LIT(""));
    container_call_free(&launch->call);
}

static void
on_session_destroyed(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    (void)arg;
    (void)answer;
    if (status && status != -ENOENT)
        log_warning("a session's container is not destroyed: %s", error ? error : strerror(-status));
}

void
operator_session_destroy(struct module *containerizer, const char *id)
{
    containerizer_destroy(containerizer, id, on_session_destroyed, NULL);
}

static void
on_launched(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct launch *launch = arg;
    unsigned char word = status || !answer.len ? CONTAINERIZER_NOT_MINE : *(const unsigned char *)answer.data;
    if (status) {
        log_warning("cannot launch container %s: %s", launch->call.id, error ? error : strerror(-status));
        agent_count(launch->call.agent, "slave/container_launch_errors");
        launch_over(launch, 500, error ? error : strerror(-status));
    } else if (word == CONTAINERIZER_EXISTS) {
        launch_over(launch, 202, NULL);
    } else if (word == CONTAINERIZER_NOT_MINE) {
        if (launch->standalone && ++launch->containerizer < launch->call.agent->setup.containerizer_count) {
            launch->module = launch->call.agent->setup.containerizers[launch->containerizer];
            launch_ask(launch);
        } else {
            launch_over(launch, 400, "The provided ContainerInfo is not supported");
        }
    } else if (launch->done && launch->call.exchange) {
        http_exchange_on_gone(launch->call.exchange, NULL, NULL);
        container_call_audit(&launch->call, NULL);
        launch->done(launch->call.exchange, launch->module, launch->arg);
        launch->drop = NULL;
        container_call_free(&launch->call);
    } else {
        log_info("launched container %s", launch->call.id);
        if (launch->done) /* a session that nobody is at any more */
            operator_session_destroy(launch->module, launch->call.id);
        launch_over(launch, 200, NULL);
    }
}

/* Who a new container runs as when its command names nobody: as the one it is nested in, which need not be its executor's
 * user. NULL = not known. In op's arena. */
static const char *
inherited_user(struct operator_call *op, const char *id)
{
    struct mesos_container_view view;
    const char *dot = strrchr(id, '.');
    if (!dot)
        return NULL;
    auto_free char *parent = str_dup(str_n(id, (size_t)(dot - id)));
    struct module *module = containerizer_of(op->agent, parent);
    if (!module || containerizer_describe(module, parent, &view) || !view.user)
        return NULL;
    return arena_strdup(op->arena, str_of(view.user));
}

/* As its own user, under its parent's. */
static bool
admits_launch(struct operator_call *op, const struct container_wish *wish)
{
    struct mesos_object object = container_object(op->agent, wish->id);
    enum mesos_action action =
        wish->debug ? MESOS_ACTION_LAUNCH_NESTED_CONTAINER_SESSION : MESOS_ACTION_LAUNCH_NESTED_CONTAINER;
    const char *named = wish->command && wish->command->user && *wish->command->user ? wish->command->user : NULL;
    struct access *access = op->agent->daemon->access;
    auto_buf struct buf command = {0};
    object.parent = object.value;
    object.value = named ? named : inherited_user(op, wish->id);
    if (wish->command)
        message_pack(&command, wish->command);
    object.command_info = (struct mesos_bytes){buf_data(&command), command.len};
    if (!access_admits(access, op->exchange, container_action(wish->id, action), &object))
        return false;
    if (!named || !access_is_executor(http_exchange_principal(op->exchange)) ||
        executor_may_become(executor_of_container(op->agent, wish->id), named))
        return true;
    access_refused(access, audit_asker(op->exchange), action, &object);
    http_reply(op->exchange, 403, "text/plain; charset=utf-8", STR_LIT("403 Forbidden."));
    return false;
}

/* False when it has been refused. */
static bool
may_launch(struct operator_call *op, const struct container_wish *wish, struct module **ret)
{
    struct mesos_container_view view;
    const char *dot = strrchr(wish->id, '.');
    if (!dot) {
        if (executor_of_container(op->agent, wish->id)) { /* an executor has that id already */
            http_reply(op->exchange, 202, NULL, STR_LIT(""));
            return false;
        }
        *ret = containerizer_of(op->agent, wish->id); /* a launch again is the same one's */
        if (!*ret && op->agent->setup.containerizer_count > 0)
            *ret = op->agent->setup.containerizers[0];
        if (!*ret)
            http_reply_text(op->exchange, 400, "The provided ContainerInfo is not supported");
        return *ret != NULL;
    }
    auto_free char *parent = str_dup(str_n(wish->id, (size_t)(dot - wish->id)));
    *ret = containerizer_of(op->agent, parent);
    if (*ret && !containerizer_describe(*ret, parent, &view) && !view.ended)
        return true;
    const struct executor *executor = executor_of_container(op->agent, parent);
    if (*ret && executor && containerizer_describe(*ret, executor->container_id, &view) == -ENOENT)
        http_reply_text(op->exchange, 400, "The containerizer of container %s does not nest containers", parent);
    else
        http_reply_text(op->exchange, 400, "Parent container %s does not exist", parent);
    return false;
}

static int
check_wish(const struct container_wish *wish, struct resources *ret_resources, struct err *err)
{
    int rc = resources_from_proto(ret_resources, wish->resources, wish->resource_count, err);
    if (!rc && wish->command)
        rc = command_validate(wish->command, err);
    if (!rc && wish->container)
        rc = container_validate(wish->container, err);
    return rc;
}

void
operator_launch(struct operator_call *op, const struct container_wish *wish,
                void (*done)(struct http_exchange *exchange, struct module *module, void *arg), void *arg,
                void (*drop)(void *arg))
{
    struct module *module;
    struct err err = {0};
    auto_resources struct resources resources = {0};
    int rc = check_wish(wish, &resources, &err);
    if (rc)
        http_reply_text(op->exchange, 400, "Failed to validate agent::Call: %s", err.text);
    if (rc || !admits_launch(op, wish) || !may_launch(op, wish, &module)) {
        if (drop)
            drop(arg);
        return;
    }
    const char *write = wish->debug ? "LAUNCH_NESTED_CONTAINER_SESSION" : "LAUNCH_CONTAINER";
    struct launch *launch = container_call_new(op, sizeof(*launch), write, wish->id);
    launch->call.fini = launch_fini;
    launch->module = module;
    launch->arena = arena_new(0);
    launch->standalone = !strchr(wish->id, '.');
    launch->resources = resources;
    resources = (struct resources){0};
    launch->done = done;
    launch->arg = arg;
    launch->drop = drop;
    pack_config(op->agent, wish, &launch->config);
    take_environment(launch, wish->command ? wish->command->environment : NULL);
    for (size_t i = 0; launch->standalone && i < op->agent->setup.containerizer_count; i++)
        if (op->agent->setup.containerizers[i] == module)
            launch->containerizer = i;
    launch_ask(launch);
}

void
operator_launch_container(struct operator_call *op)
{
    const Mesos__V1__Agent__Call__LaunchContainer *body = op->call->launch_container;
    struct container_wish wish = {
        .command = body->command,
        .container = body->container,
        .resources = body->resources,
        .resource_count = body->n_resources,
        .limits = body->limits,
        .limit_count = body->n_limits,
    };
    if (operator_containers_ready(op) &&
        (wish.id = operator_container_id(op, body->container_id, "launch_container.container_id")))
        operator_launch(op, &wish, NULL, NULL, NULL);
}

void
operator_launch_nested_container(struct operator_call *op)
{
    const Mesos__V1__Agent__Call__LaunchNestedContainer *body = op->call->launch_nested_container;
    struct container_wish wish = {.command = body->command, .container = body->container};
    if (operator_containers_ready(op) &&
        (wish.id = operator_nested_id(op, body->container_id, "launch_nested_container.container_id")))
        operator_launch(op, &wish, NULL, NULL, NULL);
}
