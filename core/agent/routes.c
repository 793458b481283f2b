/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's endpoints below "slave(1)", which is the default actor: /slave(1)/state is /state too. */
#include "agent/state.h"

const struct route agent_routes[] = {
    {"/state", NULL, http_state, "Everything about this agent: resources, frameworks, executors, tasks.",
     "mesos-agent-readonly", 0},
    {"/state.json", NULL, http_state, "The same as /state.", "mesos-agent-readonly", 0},
    {"/containers", NULL, http_containers, "Each running container with its status and what it uses.",
     "mesos-agent-readonly", 0},
    {"/monitor/statistics", NULL, http_monitor_statistics, "What each running container uses.",
     "mesos-agent-readonly", 0},
    {"/monitor/statistics.json", NULL, http_monitor_statistics, "The same as /monitor/statistics.",
     "mesos-agent-readonly", 0},
    {"/api/v1/executor", "POST", http_api_v1_executor, "The v1 API of executors.", "mesos-agent-executor", 0},
    {"/api/v1", "POST", http_api_v1, "The v1 API of operators.", "mesos-agent-readwrite",
     ROUTE_STREAM},
    {NULL, NULL, NULL, NULL, NULL, 0},
};
