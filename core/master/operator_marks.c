/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DRAIN_AGENT, DEACTIVATE_AGENT, REACTIVATE_AGENT and MARK_AGENT_GONE: each is an order that is written to the registry
 * first; then it is acted upon and answered. An order for an agent that is itself on its way into or out of the registry
 * waits until that is decided. Refusals are Mesos's, as recorded.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "host/kind_allocator.h"
#include "master/authorize.h"
#include "master/event_agent_lost.h"
#include "master/marks.h"
#include "master/operator.h"
#include "master/orderer.h"

#define NS_PER_S INT64_C(1000000000)

enum mark_kind { MARK_DRAIN, MARK_DRAINED, MARK_DEACTIVATE, MARK_REACTIVATE, MARK_GONE };
static const char *const kind_names[] = {"drain", "drained", "deactivate", "reactivate", "mark gone"};
static const char *const call_names[] = {"DRAIN_AGENT", NULL, "DEACTIVATE_AGENT", "REACTIVATE_AGENT", "MARK_AGENT_GONE"};

struct mark_order {
    struct list node;
    struct master *master;
    struct http_exchange *exchange; /* NULL: the client has left, or the master itself orders it */
    struct orderer orderer;
    enum mark_kind kind;
    struct marks wanted;
    int64_t since_ns; /* gone: wall clock */
    char id[];
};

static void order_try(void *arg);

static void
on_client_gone(struct http_exchange *exchange, void *arg)
{
    struct mark_order *order = arg;
    (void)exchange;
    order->exchange = NULL;
}

static struct mark_order *
order_new(struct master *master, enum mark_kind kind, const char *id, struct http_exchange *exchange)
{
    size_t len = strlen(id);
    struct mark_order *order = xcalloc(1, sizeof(*order) + len + 1);
    memcpy(order->id, id, len);
    order->master = master;
    order->kind = kind;
    order->exchange = exchange;
    if (exchange) {
        char peer[128];
        orderer_init(&order->orderer, exchange);
        log_info("order to %s agent=%s by=%s", kind_names[kind], id, address_format(http_exchange_peer(exchange), peer));
        http_exchange_on_gone(exchange, on_client_gone, order);
    }
    list_push(&master->mark_orders, &order->node);
    return order;
}

static void
order_free(struct mark_order *order)
{
    list_remove(&order->node);
    if (order->exchange)
        http_exchange_on_gone(order->exchange, NULL, NULL);
    orderer_fini(&order->orderer);
    free(order);
}

void
mark_orders_free(struct master *master)
{
    struct mark_order *order, *next;
    list_foreach_safe (order, next, &master->mark_orders, node)
        order_free(order);
}

/* Ends the order. */
static void
refuse(struct mark_order *order, int status, const char *text)
{
    struct http_exchange *exchange = take(&order->exchange);
    log_info("refuse to %s agent=%s: %s", kind_names[order->kind], order->id, text);
    orderer_audit(&order->orderer, order->master, call_names[order->kind], order->id, text);
    if (exchange) {
        http_exchange_on_gone(exchange, NULL, NULL);
        http_reply_text(exchange, status, "%s", text);
    }
    order_free(order);
}

static void
answer(struct mark_order *order)
{
    struct http_exchange *exchange = take(&order->exchange);
    orderer_audit(&order->orderer, order->master, call_names[order->kind], order->id, NULL);
    if (exchange) {
        http_exchange_on_gone(exchange, NULL, NULL);
        operator_reply_done(exchange);
    }
    order_free(order);
}

/* ---- what may be done ---- */

/* Is the registry being asked about this agent by somebody else? */
static bool
is_busy(const struct master *master, const char *id)
{
    const struct agent *agent = agent_find(master, id);
    const struct recovered_agent *recovered = map_get(&master->recovered, str_of(id));
    const struct marked_agent *marked = marked_agent(master, id);
    const struct admission *admission;
    if ((agent && agent->leaving) || (recovered && recovered->marking) || (marked && marked->going))
        return true;
    map_foreach (admission, &master->admissions)
        if (strcmp(admission->id, id) == 0)
            return true;
    return false;
}

static bool
is_known(const struct master *master, const char *id)
{
    return agent_find(master, id) || map_get(&master->recovered, str_of(id)) ||
           map_get(&master->unreachable, str_of(id));
}

static bool
can_drain(const struct agent *agent)
{
    return agent->capabilities & UINT64_C(1) << MESOS__V1__AGENT_INFO__CAPABILITY__TYPE__AGENT_DRAINING;
}

/* NULL: the order may be carried out. */
static const char *
check(const struct mark_order *order, int *ret_status)
{
    struct master *master = order->master;
    const struct agent *agent = agent_find(master, order->id);
    const struct marked_agent *marked = marked_agent(master, order->id);
    const struct marks now = marked ? marked->written : (struct marks){0};
    *ret_status = 400;
    switch (order->kind) {
    case MARK_DRAIN:
        if (!is_known(master, order->id))
            return "Unknown agent";
        return agent && !can_drain(agent) ? "Agent does not have the AGENT_DRAINING capability" : NULL;
    case MARK_DEACTIVATE:
        return is_known(master, order->id) ? NULL : "Unknown agent";
    case MARK_REACTIVATE:
        if (!now.deactivated)
            return "Agent is not deactivated";
        return now.state == MESOS__V1__DRAIN_STATE__DRAINING ? "Agent is still in the DRAINING state" : NULL;
    case MARK_DRAINED:
        return now.state == MESOS__V1__DRAIN_STATE__DRAINING ? NULL : "Agent is not draining";
    case MARK_GONE:
        break;
    }
    return NULL;
}

/* ---- acting ---- */

static void
stop_offering(struct agent *agent)
{
    if (agent->active) {
        agent_set_state(agent, agent->connected, false);
        allocator_deactivate_agent(agent->master->allocator, agent->number);
    }
    offers_rescind_agent(agent);
}

static void
offer_again(struct agent *agent)
{
    if (agent->connected && !agent->active) {
        agent_set_state(agent, true, true);
        allocator_activate_agent(agent->master->allocator, agent->number);
    }
}

/* It is durable now. */
static void
act(const struct mark_order *order, struct agent *agent)
{
    agent_touch(agent);
    if (order->wanted.deactivated)
        stop_offering(agent);
    else
        offer_again(agent);
    if (order->kind == MARK_DRAIN)
        agent_tell_drain(agent);
    agent->draining = order->wanted.state == MESOS__V1__DRAIN_STATE__DRAINING;
}

static void
on_stored(void *arg)
{
    struct mark_order *order = arg;
    struct master *master = order->master;
    struct marked_agent *marked = marked_agent(master, order->id);
    struct agent *agent = agent_find(master, order->id);
    log_info("%s agent=%s: done", kind_names[order->kind], order->id);
    if (marked) { /* else the agent was removed meanwhile */
        marked->writes--;
        marked->marks = order->wanted;
        if (order->kind == MARK_REACTIVATE)
            marked->drain_start_secs = 0;
        if (agent && !agent->leaving)
            act(order, agent);
        marked_agent_settle(master, marked);
    }
    answer(order);
}

static void
on_gone_stored(void *arg)
{
    struct mark_order *order = arg;
    log_warning("gone agent=%s: marked by an operator", order->id);
    agent_gone(order->master, order->id, order->since_ns);
    answer(order);
}

static void
write_mark(struct mark_order *order)
{
    struct master *master = order->master;
    const struct agent *agent = agent_find(master, order->id);
    const struct recovered_agent *recovered = map_get(&master->recovered, str_of(order->id));
    const struct lost_agent *lost = map_get(&master->unreachable, str_of(order->id));
    struct marked_agent *marked = marked_agent_make(master, order->id);
    if (order->kind == MARK_DRAINED) {
        order->wanted = marked->written;
        order->wanted.state = MESOS__V1__DRAIN_STATE__DRAINED;
    } else if (order->kind == MARK_DEACTIVATE) {
        order->wanted = marked->written;
        order->wanted.deactivated = true;
    }
    marked->written = order->wanted;
    marked->writes++;
    if (agent)
        registry_put_admitted_packed(master, agent->info, agent->info_len);
    else if (recovered)
        registry_put_admitted_packed(master, recovered->info, recovered->info_len);
    else if (lost)
        registry_put_unreachable(master, order->id, lost->since_ns);
    registrar_commit(master->registrar, on_stored, order);
}

static void
write_gone(struct mark_order *order)
{
    struct master *master = order->master;
    struct agent *agent = agent_find(master, order->id);
    struct str id = str_of(order->id);
    if (map_get(&master->gone, id)) {
        answer(order);
        return;
    }
    if (!is_known(master, order->id)) {
        auto_free char *text = xasprintf("Agent '%s' not found", order->id);
        refuse(order, 404, text);
        return;
    }
    order->since_ns = (int64_t)(loop_wall_secs(master->loop) * 1e9);
    marked_agent_make(master, order->id)->going = true;
    if (agent)
        agent->leaving = true;
    if (map_get(&master->unreachable, id))
        registrar_remove(master->registrar, MESOS_REGISTRY_UNREACHABLE, id);
    else
        registrar_remove(master->registrar, MESOS_REGISTRY_ADMITTED, id);
    registry_put_gone(master, order->id, order->since_ns);
    registrar_commit(master->registrar, on_gone_stored, order);
}

static void
order_try(void *arg)
{
    struct mark_order *order = arg;
    int status;
    if (is_busy(order->master, order->id)) {
        registrar_commit(order->master->registrar, order_try, order);
        return;
    }
    const char *why = check(order, &status);
    if (why) {
        refuse(order, status, why);
        return;
    }
    if (order->kind == MARK_GONE)
        write_gone(order);
    else
        write_mark(order);
}

void
agent_drained(struct master *master, const char *id)
{
    const struct marked_agent *marked = marked_agent(master, id);
    log_info("nothing is left on draining agent=%s%s", id, marked->marks.mark_gone ? ": it is to be gone" : "");
    order_try(order_new(master, marked->marks.mark_gone ? MARK_GONE : MARK_DRAINED, id, NULL));
}

/* ---- the calls ---- */

static int
duration_ns(const Google__Protobuf__Duration *duration, int64_t *ret, struct err *err)
{
    int64_t seconds = duration->seconds, nanos = duration->nanos;
    if (nanos <= -NS_PER_S || nanos >= NS_PER_S || (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0))
        return err_set(err, -EINVAL, "'drain_agent.max_grace_period.nanos' is %lld: expecting less than a second, with the "
                       "sign of 'seconds'", (long long)nanos);
    if (seconds < 0 || nanos < 0)
        return err_set(err, -EINVAL, "'drain_agent.max_grace_period' is %lld.%09llds: expecting zero or more",
                       (long long)seconds, (long long)(nanos < 0 ? -nanos : nanos));
    if (seconds > INT64_MAX / NS_PER_S - 1)
        return err_set(err, -EINVAL, "'drain_agent.max_grace_period' is %llds: expecting at most %llds",
                       (long long)seconds, (long long)(INT64_MAX / NS_PER_S - 1));
    *ret = seconds * NS_PER_S + nanos;
    return 0;
}

void
operator_drain_agent(struct operator_call *op)
{
    const Mesos__V1__Master__Call__DrainAgent *call = op->call->drain_agent;
    struct marks wanted = {.deactivated = true, .state = MESOS__V1__DRAIN_STATE__DRAINING};
    struct err err;
    if (!admit(op->master, op->exchange, MESOS_ACTION_DRAIN_AGENT) ||
        (call->mark_gone && !admit(op->master, op->exchange, MESOS_ACTION_MARK_AGENT_GONE)))
        return;
    wanted.mark_gone = call->mark_gone;
    wanted.limited = call->max_grace_period != NULL;
    if (wanted.limited && duration_ns(call->max_grace_period, &wanted.max_grace_ns, &err)) {
        http_reply_text(op->exchange, 400, "Failed to validate master::Call: %s", err.text);
        return;
    }
    struct mark_order *order = order_new(op->master, MARK_DRAIN, call->agent_id->value, op->exchange);
    order->wanted = wanted;
    order_try(order);
}

void
operator_deactivate_agent(struct operator_call *op)
{
    if (admit(op->master, op->exchange, MESOS_ACTION_DEACTIVATE_AGENT))
        order_try(order_new(op->master, MARK_DEACTIVATE, op->call->deactivate_agent->agent_id->value, op->exchange));
}

void
operator_reactivate_agent(struct operator_call *op)
{
    if (admit(op->master, op->exchange, MESOS_ACTION_REACTIVATE_AGENT))
        order_try(order_new(op->master, MARK_REACTIVATE, op->call->reactivate_agent->agent_id->value, op->exchange));
}

void
operator_mark_agent_gone(struct operator_call *op)
{
    if (admit(op->master, op->exchange, MESOS_ACTION_MARK_AGENT_GONE))
        order_try(order_new(op->master, MARK_GONE, op->call->mark_agent_gone->agent_id->value, op->exchange));
}
