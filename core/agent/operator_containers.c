/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LAUNCH_, WAIT_, KILL_ and REMOVE_CONTAINER and their older spellings for nested ones. Statuses and texts are Mesos's, as
 * recorded; whatever a container is belongs to its containerizer.
 */
#include "agent/containers.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "agent/access.h"
#include "agent/pb.h"
#include "model/role.h"
#include "model/validate.h"

typedef Mesos__V1__ContainerID ContainerID;

/* ---- ids ---- */

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

/* ---- who may ---- */

static enum mesos_action
standalone_action(enum mesos_action nested)
{
    switch (nested) {
    case MESOS_ACTION_LAUNCH_NESTED_CONTAINER:
        return MESOS_ACTION_LAUNCH_STANDALONE_CONTAINER;
    case MESOS_ACTION_KILL_NESTED_CONTAINER:
        return MESOS_ACTION_KILL_STANDALONE_CONTAINER;
    case MESOS_ACTION_WAIT_NESTED_CONTAINER:
        return MESOS_ACTION_WAIT_STANDALONE_CONTAINER;
    case MESOS_ACTION_REMOVE_NESTED_CONTAINER:
        return MESOS_ACTION_REMOVE_STANDALONE_CONTAINER;
    default:
        return nested;
    }
}

/* The executor's that it is or is inside of; those of operators have no user. */
static struct mesos_object
container_object(const struct agent *agent, const char *id)
{
    const struct executor *executor = executor_of_container(agent, id);
    struct mesos_object object = {.size = sizeof(object)};
    if (executor)
        object = executor_object(executor);
    object.container = id;
    return object;
}

static bool
admits(struct operator_call *op, const char *id, enum mesos_action action, const struct mesos_object *object)
{
    if (!strchr(id, '.'))
        action = standalone_action(action);
    return access_admits(op->agent->daemon->access, op->exchange, action, object);
}

bool
operator_admits(struct operator_call *op, const char *id, enum mesos_action action)
{
    struct mesos_object object = container_object(op->agent, id);
    return admits(op, id, action, &object);
}

/* As its own user, under its parent's. */
static bool
admits_launch(struct operator_call *op, const struct container_wish *wish)
{
    struct mesos_object object = container_object(op->agent, wish->id);
    auto_buf struct buf command = {0};
    object.parent = object.value;
    object.value = wish->command && wish->command->user && *wish->command->user ? wish->command->user : NULL;
    if (wish->command)
        message_pack(&command, wish->command);
    object.command_info = (struct mesos_bytes){buf_data(&command), command.len};
    return admits(op, wish->id,
                  wish->debug ? MESOS_ACTION_LAUNCH_NESTED_CONTAINER_SESSION : MESOS_ACTION_LAUNCH_NESTED_CONTAINER,
                  &object);
}

/* ---- calls ---- */

/* A call that is under way: the client may leave before the answer. */
struct pending {
    struct list node; /* in the agent's container_calls */
    struct agent *agent;
    struct http_exchange *exchange; /* NULL: the client has gone */
    bool json;
    bool nested; /* wait: the older spelling */
    const char *write; /* what the audit log calls it; NULL = it changes nothing */
    struct module *module; /* that is asked */
    /* A launch. */
    struct arena *arena;
    const char *id;
    struct buf config;
    const char **environment;
    struct resources resources;
    bool standalone;
    size_t containerizer;
    void (*done)(struct http_exchange *exchange, struct module *module, void *arg);
    void *arg;
    void (*drop)(void *arg);
};

static struct pending *
pending_new(struct operator_call *op)
{
    struct pending *pending = xcalloc(1, sizeof(*pending));
    pending->agent = op->agent;
    pending->exchange = op->exchange;
    pending->json = op->json;
    list_push(&op->agent->container_calls, &pending->node);
    return pending;
}

static void
pending_free(struct pending *pending)
{
    list_remove(&pending->node);
    resources_fini(&pending->resources);
    buf_fini(&pending->config);
    arena_free(pending->arena);
    free(pending);
}

void
operator_calls_forget(struct agent *agent)
{
    struct pending *pending;
    while ((pending = list_first(&agent->container_calls, struct pending, node))) {
        host_call_forget(agent->setup.host, pending);
        if (pending->drop)
            pending->drop(pending->arg);
        pending_free(pending);
    }
}

/* ---- launch ---- */

/* The answer still comes: the containerizer has the container, whether anybody waits for it or not. */
static void
on_launcher_gone(struct http_exchange *exchange, void *arg)
{
    struct pending *pending = arg;
    operator_audit(pending->agent, exchange, pending->write, pending->id, "the client left before it was known");
    pending->exchange = NULL;
}

/* What became of a write that somebody still waits for. */
static void
pending_audit(const struct pending *pending, const char *outcome)
{
    if (pending->exchange)
        operator_audit(pending->agent, pending->exchange, pending->write, pending->id, outcome);
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
take_environment(struct pending *pending, const Mesos__V1__Environment *environment)
{
    size_t count = environment ? environment->n_variables : 0, kept = 0;
    struct given given = {.arena = pending->arena};
    agent_telemetry_environment_inside(pending->agent, pending->id, on_given, &given);
    pending->environment = arena_calloc(pending->arena, count + given.count + 1, sizeof(*pending->environment));
    for (size_t i = 0; i < count; i++)
        if (environment->variables[i]->value)
            pending->environment[kept++] = arena_printf(pending->arena, "%s=%s", environment->variables[i]->name,
                                                        environment->variables[i]->value);
    for (size_t i = 0, wanted = kept; i < given.count; i++)
        if (!has_variable(pending->environment, wanted, given.items[i]))
            pending->environment[kept++] = given.items[i];
}

static void on_launched(void *arg, int status, const char *error, struct mesos_bytes answer);

static void
launch_ask(struct pending *pending)
{
    struct mesos_containerizer_launch launch = {
        .size = sizeof(launch),
        .container_id = pending->id,
        .config = {buf_data(&pending->config), pending->config.len},
        .environment = pending->environment,
        .resources = resources_view(&pending->resources),
        .standalone = pending->standalone,
    };
    containerizer_launch(pending->module, &launch, on_launched, pending);
}

static void
launch_over(struct pending *pending, int status, const char *text)
{
    if (pending->drop && pending->arg)
        pending->drop(pending->arg);
    pending_audit(pending, status == 202 ? "it is there already" : text);
    if (pending->exchange && text)
        http_reply_text(pending->exchange, status, "%s", text);
    else if (pending->exchange)
        http_reply(pending->exchange, status, NULL, STR_LIT(""));
    pending_free(pending);
}

static void
on_destroyed(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    (void)answer;
    if (status && status != -ENOENT)
        log_warning("a session's container is not destroyed: %s", error ? error : strerror(-status));
    (void)arg;
}

static void
on_launched(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct pending *pending = arg;
    unsigned char word = status || !answer.len ? CONTAINERIZER_NOT_MINE : *(const unsigned char *)answer.data;
    if (status) {
        log_warning("cannot launch container %s: %s", pending->id, error ? error : strerror(-status));
        agent_count(pending->agent, "slave/container_launch_errors");
        launch_over(pending, 500, error ? error : strerror(-status));
    } else if (word == CONTAINERIZER_EXISTS) {
        launch_over(pending, 202, NULL);
    } else if (word == CONTAINERIZER_NOT_MINE) {
        if (pending->standalone && ++pending->containerizer < pending->agent->setup.containerizer_count) {
            pending->module = pending->agent->setup.containerizers[pending->containerizer];
            launch_ask(pending);
        } else {
            launch_over(pending, 400, "The provided ContainerInfo is not supported");
        }
    } else if (pending->done && pending->exchange) {
        http_exchange_on_gone(pending->exchange, NULL, NULL);
        pending_audit(pending, NULL);
        pending->done(pending->exchange, pending->module, pending->arg);
        pending->drop = NULL;
        pending_free(pending);
    } else {
        log_info("launched container %s", pending->id);
        if (pending->done) /* a session that nobody is at any more */
            containerizer_destroy(pending->module, pending->id, on_destroyed, NULL);
        launch_over(pending, 200, NULL);
    }
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

void
operator_launch(struct operator_call *op, const struct container_wish *wish,
                void (*done)(struct http_exchange *exchange, struct module *module, void *arg), void *arg,
                void (*drop)(void *arg))
{
    struct module *module;
    struct err err = {0};
    auto_resources struct resources resources = {0};
    int rc = resources_from_proto(&resources, wish->resources, wish->resource_count, &err);
    if (!rc && wish->command)
        rc = command_validate(wish->command, &err);
    if (!rc && wish->container)
        rc = container_validate(wish->container, &err);
    if (rc)
        http_reply_text(op->exchange, 400, "Failed to validate agent::Call: %s", err.text);
    if (rc || !admits_launch(op, wish) || !may_launch(op, wish, &module)) {
        if (drop)
            drop(arg);
        return;
    }
    struct pending *pending = pending_new(op);
    pending->module = module;
    pending->arena = arena_new(0);
    pending->id = arena_strdup(pending->arena, str_of(wish->id));
    pending->standalone = !strchr(wish->id, '.');
    pending->write = wish->debug ? "LAUNCH_NESTED_CONTAINER_SESSION" : "LAUNCH_CONTAINER";
    pending->resources = resources;
    resources = (struct resources){0};
    pending->done = done;
    pending->arg = arg;
    pending->drop = drop;
    pack_config(op->agent, wish, &pending->config);
    take_environment(pending, wish->command ? wish->command->environment : NULL);
    for (size_t i = 0; pending->standalone && i < op->agent->setup.containerizer_count; i++)
        if (op->agent->setup.containerizers[i] == module)
            pending->containerizer = i;
    http_exchange_on_gone(op->exchange, on_launcher_gone, pending);
    launch_ask(pending);
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

/* ---- wait ---- */

static void
on_waiter_gone(struct http_exchange *exchange, void *arg)
{
    struct pending *pending = arg;
    (void)exchange;
    host_call_forget(pending->agent->setup.host, pending);
    pending_free(pending);
}

/* Both spellings answer with the same members in the same places. */
static void
reply_termination(const struct pending *pending, Mesos__Slave__ContainerTermination *t)
{
    Mesos__V1__Agent__Response response = MESOS__V1__AGENT__RESPONSE__INIT;
    Mesos__V1__Agent__Response__WaitContainer body = MESOS__V1__AGENT__RESPONSE__WAIT_CONTAINER__INIT;
    Mesos__V1__Agent__Response__WaitNestedContainer nested = MESOS__V1__AGENT__RESPONSE__WAIT_NESTED_CONTAINER__INIT;
    Mesos__V1__TaskResourceLimitation limitation = MESOS__V1__TASK_RESOURCE_LIMITATION__INIT;
    limitation.n_resources = t->n_limited_resources;
    limitation.resources = t->limited_resources;
    body.has_exit_status = t->has_status;
    body.exit_status = t->status;
    body.has_state = t->has_state;
    body.state = t->state;
    body.has_reason = t->has_reason;
    body.reason = t->reason;
    body.message = t->message;
    body.limitation = t->n_limited_resources ? &limitation : NULL;
    response.has_type = true;
    response.type = MESOS__V1__AGENT__RESPONSE__TYPE__WAIT_CONTAINER;
    response.wait_container = &body;
    if (pending->nested) {
        nested.has_exit_status = body.has_exit_status;
        nested.exit_status = body.exit_status;
        nested.has_state = body.has_state;
        nested.state = body.state;
        nested.has_reason = body.has_reason;
        nested.reason = body.reason;
        nested.message = body.message;
        nested.limitation = body.limitation;
        response.type = MESOS__V1__AGENT__RESPONSE__TYPE__WAIT_NESTED_CONTAINER;
        response.wait_container = NULL;
        response.wait_nested_container = &nested;
    }
    operator_reply(pending->exchange, &response, pending->json);
}

static void
on_ended(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct pending *pending = arg;
    Mesos__Slave__ContainerTermination *termination = NULL;
    auto_arena struct arena *arena = arena_new(0);
    if (!status)
        termination = message_unpack(&mesos__slave__container_termination__descriptor,
                                     str_n(answer.data, answer.len), arena, NULL);
    if (termination)
        reply_termination(pending, termination);
    else if (status == -ENOENT)
        http_reply_text(pending->exchange, 404, "Container %s cannot be found", pending->id);
    else
        http_reply_text(pending->exchange, 500, "%s", error ? error : "the container's termination makes no sense");
    pending_free(pending);
}

static void
wait_for(struct operator_call *op, const char *id, bool nested)
{
    if (!operator_admits(op, id, MESOS_ACTION_WAIT_NESTED_CONTAINER))
        return;
    struct module *module = containerizer_of(op->agent, id);
    if (!module) {
        http_reply_text(op->exchange, 404, "Container %s cannot be found", id);
        return;
    }
    struct pending *pending = pending_new(op);
    pending->arena = arena_new(0);
    pending->id = arena_strdup(pending->arena, str_of(id));
    pending->nested = nested;
    http_exchange_on_gone(op->exchange, on_waiter_gone, pending);
    containerizer_wait(module, id, on_ended, pending);
}

void
operator_wait_container(struct operator_call *op)
{
    const char *id;
    if (operator_containers_ready(op) &&
        (id = operator_container_id(op, op->call->wait_container->container_id, "wait_container.container_id")))
        wait_for(op, id, false);
}

void
operator_wait_nested_container(struct operator_call *op)
{
    const char *id;
    if (operator_containers_ready(op) && (id = operator_nested_id(op, op->call->wait_nested_container->container_id,
                                                                  "wait_nested_container.container_id")))
        wait_for(op, id, true);
}

/* ---- kill ---- */

static void
kill_it(struct operator_call *op, const char *id, const char *where, bool has_signal, int32_t signal)
{
    int signo = has_signal ? signal : SIGKILL;
    if (signo < 1 || signo > SIGRTMAX) {
        http_reply_text(op->exchange, 400,
                        "Failed to validate agent::Call: '%s.signal' is invalid: %d is no signal, which are 1 to %d",
                        where, signo, SIGRTMAX);
        return;
    }
    if (!operator_admits(op, id, MESOS_ACTION_KILL_NESTED_CONTAINER))
        return;
    struct module *module = containerizer_of(op->agent, id);
    int rc = module ? containerizer_kill(module, id, signo) : -ENOENT;
    auto_free char *what = xasprintf("KILL_CONTAINER with signal %d", signo);
    operator_audit(op->agent, op->exchange, what, id, rc ? strerror(-rc) : NULL);
    if (rc == 0)
        operator_reply_done(op->exchange);
    else if (rc == -ENOENT || rc == -ESRCH)
        http_reply_text(op->exchange, 404, "Container '%s' cannot be found (or is already killed)", id);
    else
        http_reply_text(op->exchange, 500, "Failed to kill container '%s': %s", id, strerror(-rc));
}

void
operator_kill_container(struct operator_call *op)
{
    const Mesos__V1__Agent__Call__KillContainer *body = op->call->kill_container;
    const char *id;
    if (operator_containers_ready(op) &&
        (id = operator_container_id(op, body->container_id, "kill_container.container_id")))
        kill_it(op, id, "kill_container", body->has_signal, body->signal);
}

void
operator_kill_nested_container(struct operator_call *op)
{
    const Mesos__V1__Agent__Call__KillNestedContainer *body = op->call->kill_nested_container;
    const char *id;
    if (operator_containers_ready(op) &&
        (id = operator_nested_id(op, body->container_id, "kill_nested_container.container_id")))
        kill_it(op, id, "kill_nested_container", body->has_signal, body->signal);
}

/* ---- remove ---- */

static void
on_removed(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct pending *pending = arg;
    (void)answer;
    pending_audit(pending, status ? (error ? error : strerror(-status)) : NULL);
    if (status && pending->exchange)
        http_reply_text(pending->exchange, 500, "%s", error ? error : strerror(-status));
    else if (pending->exchange)
        operator_reply_done(pending->exchange);
    pending_free(pending);
}

static void
remove_it(struct operator_call *op, const char *id)
{
    if (!operator_admits(op, id, MESOS_ACTION_REMOVE_NESTED_CONTAINER))
        return;
    struct module *module = containerizer_of(op->agent, id);
    if (!module) {
        if (strchr(id, '.'))
            http_reply_text(op->exchange, 500, "Unknown root container");
        else
            operator_reply_done(op->exchange);
        return;
    }
    struct pending *pending = pending_new(op);
    pending->arena = arena_new(0);
    pending->id = arena_strdup(pending->arena, str_of(id));
    pending->write = "REMOVE_CONTAINER";
    http_exchange_on_gone(op->exchange, on_launcher_gone, pending);
    containerizer_remove(module, id, on_removed, pending);
}

void
operator_remove_container(struct operator_call *op)
{
    const char *id;
    if (operator_containers_ready(op) &&
        (id = operator_container_id(op, op->call->remove_container->container_id, "remove_container.container_id")))
        remove_it(op, id);
}

void
operator_remove_nested_container(struct operator_call *op)
{
    const char *id;
    if (operator_containers_ready(op) && (id = operator_nested_id(op, op->call->remove_nested_container->container_id,
                                                                  "remove_nested_container.container_id")))
        remove_it(op, id);
}

/* ---- images ---- */

static void prune_next(struct pending *pending);

static void
on_pruned(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct pending *pending = arg;
    (void)answer;
    if (status == 0) {
        prune_next(pending);
        return;
    }
    pending_audit(pending, error ? error : strerror(-status));
    if (pending->exchange)
        http_reply_text(pending->exchange, 500, "%s", error ? error : strerror(-status));
    pending_free(pending);
}

/* One containerizer after the other removes what it does not use. */
static void
prune_next(struct pending *pending)
{
    const struct agent *agent = pending->agent;
    if (pending->containerizer < agent->setup.containerizer_count) {
        struct mesos_bytes excluded = {buf_data(&pending->config), pending->config.len};
        containerizer_prune_images(agent->setup.containerizers[pending->containerizer++], excluded, on_pruned, pending);
        return;
    }
    pending_audit(pending, NULL);
    if (pending->exchange)
        operator_reply_done(pending->exchange);
    pending_free(pending);
}

void
operator_prune_images(struct operator_call *op)
{
    if (!operator_containers_ready(op) ||
        !access_admits(op->agent->daemon->access, op->exchange, MESOS_ACTION_PRUNE_IMAGES, NULL))
        return;
    struct pending *pending = pending_new(op);
    pending->write = "PRUNE_IMAGES";
    if (op->call->prune_images)
        message_pack(&pending->config, op->call->prune_images);
    http_exchange_on_gone(op->exchange, on_launcher_gone, pending);
    prune_next(pending);
}
