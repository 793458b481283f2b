/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's endpoints below "slave(1)", which is the default actor: /slave(1)/state is /state too. */
#include "agent/state.h"

#define JSONP "jsonp: name of a function to wrap the answer in"

const struct route agent_routes[] = {
    {"/state", NULL, http_state, "Everything about this agent: resources, frameworks, executors, tasks.",
     "mesos-agent-readonly", 0, JSONP},
    {"/state.json", NULL, http_state, "The same as /state.", "mesos-agent-readonly", 0, JSONP},
    {"/stats.json", "GET", http_stats, "The numbers that releases before 0.23 had; use /metrics/snapshot.",
     "mesos-agent-readonly", 0, JSONP, .endpoint = "/metrics/snapshot"}, /* the same numbers */
    {"/containerizer/debug", NULL, http_containerizer_debug,
     "What containerizers and isolators were asked and have not answered yet.", "mesos-agent-readonly", ROUTE_GET_BY_RULES, JSONP,
     .endpoint = "/containerizer/debug"},
    {"/containers", NULL, http_containers, "Each running container with its status and what it uses.",
     "mesos-agent-readonly", ROUTE_GET_BY_RULES,
     "container_id: only this one; framework_id: only this framework's; executor_id: only this executor's; "
     "show_nested: also containers inside of containers; show_standalone: also those of operators; " JSONP,
     .endpoint = "/containers"},
    {"/monitor/statistics", NULL, http_monitor_statistics, "What each running container uses.",
     "mesos-agent-readonly", ROUTE_GET_BY_RULES, JSONP, .endpoint = "/monitor/statistics"},
    {"/monitor/statistics.json", NULL, http_monitor_statistics, "The same as /monitor/statistics.",
     "mesos-agent-readonly", ROUTE_GET_BY_RULES, JSONP, .endpoint = "/monitor/statistics.json"},
    {"/api/v1/executor", "POST", http_api_v1_executor, "The v1 API of executors.", "mesos-agent-executor",
     ROUTE_LOCAL},
    {"/api/v1/resource_provider", "POST", http_resource_provider, "The v1 API of resource providers; not built yet.",
     "mesos-agent-resource-provider", 0},
    {"/api/v1", "POST", http_api_v1, "The v1 API of operators.", "mesos-agent-readwrite",
     ROUTE_STREAM | ROUTE_LOCAL},
    {NULL, NULL, NULL, NULL, NULL, 0},
};
