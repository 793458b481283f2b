/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the master's endpoints, and who may answer: only the leading master does, others point at it.
 */
#include "master/http.h"

#include <stdio.h>

#include "master/orderer.h"

#define JSONP "jsonp: name of a function to wrap the answer in"
#define TASKS_PARAMS                                                                                         \
    "limit: how many at most, 100; offset: how many to pass over, 0; order: asc or desc by time; "           \
    "framework_id: only of this framework; task_id: only of this id; " JSONP

static const struct route routes[] = {
    {"/", "GET", http_page, "For people: who leads, and whether everybody may come in.", NULL, 0},
    {"/api/v1/scheduler", "POST", http_scheduler,
     "The calls of schedulers; SUBSCRIBE opens the stream of events.", "mesos-master-scheduler",
     ROUTE_LEADER},
    {"/api/v1", "POST", http_operator, "The calls of operators.", "mesos-master-readwrite", ROUTE_LEADER},
    {"/api/v1/operator", "POST", http_operator, "Another name of /api/v1.", "mesos-master-readwrite",
     ROUTE_LEADER},
    {"/state", NULL, http_state, "Everything that the master knows.", "mesos-master-readonly", ROUTE_LEADER, JSONP},
    {"/state.json", NULL, http_state, "Another name of /state.", "mesos-master-readonly", ROUTE_LEADER, JSONP},
    {"/state-summary", NULL, http_state_summary, "Agents and frameworks with counts of tasks.",
     "mesos-master-readonly", ROUTE_LEADER, JSONP},
    {"/slaves", NULL, http_slaves, "Agents, all or one.", "mesos-master-readonly", ROUTE_LEADER,
     "slave_id: shows this one only; " JSONP},
    {"/frameworks", NULL, http_frameworks, "Frameworks, all or one.", "mesos-master-readonly", ROUTE_LEADER,
     "framework_id: shows this one only; " JSONP},
    {"/tasks", NULL, http_tasks, "Tasks in pages.", "mesos-master-readonly", ROUTE_LEADER, TASKS_PARAMS},
    {"/tasks.json", NULL, http_tasks, "Another name of /tasks.", "mesos-master-readonly", ROUTE_LEADER, TASKS_PARAMS},
    {"/roles", NULL, http_roles, "Roles with what they use.", "mesos-master-readonly", ROUTE_LEADER, JSONP},
    {"/roles.json", NULL, http_roles, "Another name of /roles.", "mesos-master-readonly", ROUTE_LEADER, JSONP},
    {"/stats.json", "GET", http_stats, "The numbers that releases before 0.23 had; use /metrics/snapshot.",
     "mesos-master-readonly", ROUTE_LEADER, JSONP, .endpoint = "/metrics/snapshot"}, /* they are of the same kind */
    {"/weights", "GET,PUT", http_weights, "The weights of roles; setting them is not built yet.",
     "mesos-master-readwrite", ROUTE_LEADER, JSONP},
    {"/quota", "GET,POST,DELETE", http_quota, "The quota of roles: none has any, setting it is not built yet.",
     "mesos-master-readwrite", ROUTE_LEADER, JSONP},
    {"/maintenance/schedule", "GET,POST", http_maintenance_schedule,
     "The maintenance schedule; POST replaces it with the body, a JSON maintenance::Schedule.", "mesos-master-readwrite",
     ROUTE_LEADER, JSONP},
    {"/maintenance/status", "GET", http_maintenance_status,
     "Machines that are draining, with what frameworks answered, and those that are down.", "mesos-master-readonly",
     ROUTE_LEADER, JSONP},
    {"/machine/down", "POST", http_machine_down,
     "Begins the maintenance of the machines in the body, a JSON array of MachineID: their agents are shut down.",
     "mesos-master-readwrite", ROUTE_LEADER},
    {"/machine/up", "POST", http_machine_up,
     "Ends the maintenance of the machines in the body, a JSON array of MachineID.", "mesos-master-readwrite",
     ROUTE_LEADER},
    {"/reserve", "POST", http_reserve, "Reserves resources of an agent; not built yet.", "mesos-master-readwrite", ROUTE_LEADER,
     "slaveId: the agent; resources: a JSON array of Resource"},
    {"/unreserve", "POST", http_unreserve, "Gives a reservation up; not built yet.", "mesos-master-readwrite",
     ROUTE_LEADER,
     "slaveId: the agent; resources: a JSON array of Resource"},
    {"/create-volumes", "POST", http_create_volumes, "Creates persistent volumes; not built yet.", "mesos-master-readwrite",
     ROUTE_LEADER,
     "slaveId: the agent; volumes: a JSON array of Resource"},
    {"/destroy-volumes", "POST", http_destroy_volumes, "Destroys persistent volumes; not built yet.", "mesos-master-readwrite",
     ROUTE_LEADER,
     "slaveId: the agent; volumes: a JSON array of Resource"},
    {"/teardown", "POST", http_teardown, "Ends a framework.", "mesos-master-readwrite", ROUTE_LEADER,
     "frameworkId: the framework, in the form that is the body"},
    {"/explain", "GET", http_explain,
     "Why a framework gets no offers, agent by agent.", "mesos-master-readonly", ROUTE_LEADER,
     "framework_id: the framework; agent_id: only this agent; role: only for this role; " JSONP},
    {"/redirect", NULL, http_redirect, "Redirects to the leading master.", NULL, 0},
    {NULL, NULL, NULL, NULL, NULL, 0},
};

static const struct route allocator_routes[] = {
    {"/offer_constraints_debug", "GET", http_offer_constraints_debug,
     "Suppressed roles of each framework, and the agents that its offer constraints exclude.",
     "mesos-master-readonly", 0},
    {NULL, NULL, NULL, NULL, NULL, 0},
};

static const struct route registrar_routes[] = {
    {"/registry", "GET", http_registry, "What the registry holds: agents, lost agents, weights.",
     "mesos-master-readonly", 0, JSONP},
    {NULL, NULL, NULL, NULL, NULL, 0},
};

static bool
is_call(const struct route *route)
{
    static const char prefix[] = "/api/v1";
    return str_starts(str_of(route->path), STR_LIT(prefix));
}

static bool
gate(struct http_exchange *exchange, const struct route *route, void *arg)
{
    const struct master *master = arg;
    if (!(route->flags & ROUTE_LEADER) || master->leading)
        return false;
    if (master->elected) {
        if (!is_call(route))
            return false; /* what is known so far */
        http_reply_text(exchange, 503, "Master has not finished recovery");
        return true;
    }
    if (!master->leader_hostname) {
        http_reply_text(exchange, 503, "%s", master->no_leader);
        return true;
    }
    struct str target = http_exchange_request(exchange)->target;
    const char *query = memchr(target.ptr, '?', target.len);
    auto_free char *path = xasprintf("/master%s%.*s", route->path,
                                     query ? (int)(target.len - (size_t)(query - target.ptr)) : 0, query ? query : "");
    reply_redirect(exchange, master->leader_hostname, master->leader_port, path);
    return true;
}

void
http_mount(struct master *master)
{
    router_mount(master->daemon->router, "master", routes, master);
    router_mount(master->daemon->router, "allocator", allocator_routes, master);
    router_mount(master->daemon->router, "registrar(1)", registrar_routes, master);
    router_gate(master->daemon->router, gate, master);
}

void
http_redirect(struct http_exchange *exchange, void *arg)
{
    const struct master *master = arg;
    if (master->elected)
        reply_redirect(exchange, master->hostname, address_port(&master->daemon->self), NULL);
    else if (master->leader_hostname)
        reply_redirect(exchange, master->leader_hostname, master->leader_port, NULL);
    else
        http_reply_text(exchange, 503, "%s", master->no_leader);
}

void
http_not_built(struct master *master, struct http_exchange *exchange, const char *call, const char *object,
               const char *what)
{
    audit_order(master, exchange, call, object, "not built yet");
    http_reply_text(exchange, 501, "Not built yet: %s", what);
}

bool
http_content_type(struct http_exchange *exchange, bool *ret_json)
{
    const struct http_request *request = http_exchange_request(exchange);
    struct str type = http_header_get(&request->headers, "Content-Type");
    if (!type.ptr) {
        http_reply_text(exchange, 400, "Expecting 'Content-Type' to be present");
        return false;
    }
    *ret_json = str_is(type, "application/json");
    if (*ret_json || str_is(type, "application/x-protobuf"))
        return true;
    http_reply_text(exchange, 415, "Expecting 'Content-Type' of application/json or application/x-protobuf");
    return false;
}

/* Some clients send Accept twice: each counts. */
static bool
accepts(const struct http_request *request, const char *type)
{
    bool any = false;
    for (size_t i = 0; i < request->headers.count; i++) {
        if (!str_ieq(request->headers.items[i].name, STR_LIT("Accept")))
            continue;
        any = true;
        if (http_accepts(request->headers.items[i].value, type))
            return true;
    }
    return !any;
}

int
http_accept_type(struct http_exchange *exchange)
{
    const struct http_request *request = http_exchange_request(exchange);
    if (accepts(request, "application/json"))
        return 1;
    if (accepts(request, "application/x-protobuf"))
        return 0;
    http_reply_text(exchange, 406,
                    "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'");
    return -1;
}
