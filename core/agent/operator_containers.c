/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WAIT_, KILL_ and REMOVE_CONTAINER with their older spellings for nested ones, PRUNE_IMAGES, and the list of calls whose
 * containerizer has not answered. Statuses and texts are Mesos's, as recorded; whatever a container is belongs to its
 * containerizer. Launches: operator_launch.c.
 */
#include "agent/containers_inside.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "agent/access.h"

/* ---- calls under way ---- */

/* The answer still comes: the containerizer does it, whether anybody waits for it or not. */
static void
on_writer_gone(struct http_exchange *exchange, void *arg)
{
    struct container_call *call = arg;
    operator_audit(call->agent, exchange, call->write, call->id, "the client left before it was known");
    call->exchange = NULL;
}

void *
container_call_new(struct operator_call *op, size_t size, const char *write, const char *id)
{
    struct container_call *call = xcalloc(1, size);
    call->agent = op->agent;
    call->exchange = op->exchange;
    call->json = op->json;
    call->write = write;
    call->id = id ? xstrdup(id) : NULL;
    list_push(&op->agent->container_calls, &call->node);
    if (write)
        http_exchange_on_gone(op->exchange, on_writer_gone, call);
    return call;
}

void
container_call_free(struct container_call *call)
{
    list_remove(&call->node);
    if (call->fini)
        call->fini(call);
    free(call->id);
    free(call);
}

void
container_call_audit(const struct container_call *call, const char *outcome)
{
    if (call->exchange)
        operator_audit(call->agent, call->exchange, call->write, call->id, outcome);
}

void
operator_calls_forget(struct agent *agent)
{
    struct container_call *call;
    while ((call = list_first(&agent->container_calls, struct container_call, node))) {
        host_call_forget(agent->setup.host, call);
        container_call_free(call);
    }
}

/* ---- wait ---- */

struct waiting {
    struct container_call call;
    bool nested; /* the older spelling */
};

static void
on_waiter_gone(struct http_exchange *exchange, void *arg)
{
    struct waiting *waiting = arg;
    (void)exchange;
    host_call_forget(waiting->call.agent->setup.host, waiting);
    container_call_free(&waiting->call);
}

/* Both spellings answer with the same members in the same places. */
static void
reply_termination(const struct waiting *waiting, Mesos__Slave__ContainerTermination *t)
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
    if (waiting->nested) {
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
    operator_reply(waiting->call.exchange, &response, waiting->call.json);
}

static void
on_ended(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct waiting *waiting = arg;
    Mesos__Slave__ContainerTermination *termination = NULL;
    auto_arena struct arena *arena = arena_new(0);
    if (!status)
        termination = message_unpack(&mesos__slave__container_termination__descriptor,
                                     str_n(answer.data, answer.len), arena, NULL);
    if (termination)
        reply_termination(waiting, termination);
    else if (status == -ENOENT)
        http_reply_text(waiting->call.exchange, 404, "Container %s cannot be found", waiting->call.id);
    else
        http_reply_text(waiting->call.exchange, 500, "%s", error ? error : "the container's termination makes no sense");
    container_call_free(&waiting->call);
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
    struct waiting *waiting = container_call_new(op, sizeof(*waiting), NULL, id);
    waiting->nested = nested;
    http_exchange_on_gone(op->exchange, on_waiter_gone, waiting);
    containerizer_wait(module, id, on_ended, waiting);
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
    struct container_call *call = arg;
    (void)answer;
    container_call_audit(call, status ? (error ? error : strerror(-status)) : NULL);
    if (status && call->exchange)
        http_reply_text(call->exchange, 500, "%s", error ? error : strerror(-status));
    else if (call->exchange)
        operator_reply_done(call->exchange);
    container_call_free(call);
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
    struct container_call *call = container_call_new(op, sizeof(*call), "REMOVE_CONTAINER", id);
    containerizer_remove(module, id, on_removed, call);
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

struct pruning {
    struct container_call call;
    struct buf config; /* mesos.v1.agent.Call.PruneImages, or empty */
    size_t containerizer; /* the next one */
};

static void
pruning_fini(struct container_call *call)
{
    buf_fini(&((struct pruning *)call)->config);
}

static void prune_next(struct pruning *pruning);

static void
on_pruned(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct pruning *pruning = arg;
    (void)answer;
    if (status == 0) {
        prune_next(pruning);
        return;
    }
    container_call_audit(&pruning->call, error ? error : strerror(-status));
    if (pruning->call.exchange)
        http_reply_text(pruning->call.exchange, 500, "%s", error ? error : strerror(-status));
    container_call_free(&pruning->call);
}

/* One containerizer after the other removes what it does not use. */
static void
prune_next(struct pruning *pruning)
{
    const struct agent *agent = pruning->call.agent;
    if (pruning->containerizer < agent->setup.containerizer_count) {
        struct mesos_bytes excluded = {buf_data(&pruning->config), pruning->config.len};
        containerizer_prune_images(agent->setup.containerizers[pruning->containerizer++], excluded, on_pruned, pruning);
        return;
    }
    container_call_audit(&pruning->call, NULL);
    if (pruning->call.exchange)
        operator_reply_done(pruning->call.exchange);
    container_call_free(&pruning->call);
}

void
operator_prune_images(struct operator_call *op)
{
    if (!operator_containers_ready(op) ||
        !access_admits(op->agent->daemon->access, op->exchange, MESOS_ACTION_PRUNE_IMAGES, NULL))
        return;
    struct pruning *pruning = container_call_new(op, sizeof(*pruning), "PRUNE_IMAGES", NULL);
    pruning->call.fini = pruning_fini;
    if (op->call->prune_images)
        message_pack(&pruning->config, op->call->prune_images);
    prune_next(pruning);
}
