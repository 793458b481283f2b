/* SPDX-License-Identifier: Apache-2.0 */
/* GET /stats.json: the agent's numbers under the names that they had before release 0.23. */
#include "agent/state.h"
#include "daemon/old_stats.h"

#define ENDED   "slave/tasks_finished", "slave/tasks_failed", "slave/tasks_killed", "slave/tasks_lost"
#define STARTED ENDED, "slave/tasks_starting", "slave/tasks_running", "slave/tasks_killing"

static const struct old_stat table[] = {
    {"uptime", {"slave/uptime_secs"}, true},
    {"total_frameworks", {"slave/frameworks_active"}},
    {"registered", {"slave/registered"}},
    {"recovery_errors", {"slave/recovery_errors"}},
    {"staged_tasks", {STARTED, "slave/tasks_staging"}},
    {"started_tasks", {STARTED}},
    {"finished_tasks", {"slave/tasks_finished"}},
    {"killed_tasks", {"slave/tasks_killed"}},
    {"failed_tasks", {"slave/tasks_failed"}},
    {"lost_tasks", {"slave/tasks_lost"}},
    {"valid_status_updates", {"slave/valid_status_updates"}},
    {"invalid_status_updates", {"slave/invalid_status_updates"}},
    {"queued_tasks_gauge", {"slave/tasks_staging"}},
    {"launched_tasks_gauge", {"slave/tasks_starting", "slave/tasks_running", "slave/tasks_killing"}},
    {NULL},
};

void
http_stats(struct http_exchange *exchange, void *arg)
{
    const struct agent *agent = arg;
    reply_old_stats(exchange, agent->daemon->metrics, table);
}
