/* SPDX-License-Identifier: Apache-2.0 */
/* GET /stats.json: the master's numbers under the names that they had before release 0.23. */
#include "daemon/old_stats.h"
#include "master/http.h"

/* Every task that was ever launched is in one of these. */
#define ENDED                                                                                                \
    "master/tasks_finished", "master/tasks_failed", "master/tasks_killed", "master/tasks_lost", "master/tasks_error"
#define STARTED ENDED, "master/tasks_starting", "master/tasks_running", "master/tasks_killing"

static const struct old_stat table[] = {
    {"uptime", {"master/uptime_secs"}, true},
    {"elected", {"master/elected"}},
    {"total_schedulers", {"master/frameworks_connected", "master/frameworks_disconnected"}},
    {"active_schedulers", {"master/frameworks_active"}},
    {"activated_slaves", {"master/slaves_active"}},
    {"deactivated_slaves", {"master/slaves_inactive"}},
    {"outstanding_offers", {"master/outstanding_offers"}},
    {"staged_tasks", {STARTED, "master/tasks_staging"}},
    {"started_tasks", {STARTED}},
    {"finished_tasks", {"master/tasks_finished"}},
    {"killed_tasks", {"master/tasks_killed"}},
    {"failed_tasks", {"master/tasks_failed"}},
    {"lost_tasks", {"master/tasks_lost"}},
    {"valid_status_updates", {"master/valid_status_updates"}},
    {"invalid_status_updates", {"master/invalid_status_updates"}},
    {"active_tasks_gauge", {"master/tasks_staging", "master/tasks_starting", "master/tasks_running"}},
    {"cpus_total", {"master/cpus_total"}, true},
    {"cpus_used", {"master/cpus_used"}, true},
    {"cpus_percent", {"master/cpus_percent"}, true},
    {"mem_total", {"master/mem_total"}, true},
    {"mem_used", {"master/mem_used"}, true},
    {"mem_percent", {"master/mem_percent"}, true},
    {"disk_total", {"master/disk_total"}, true},
    {"disk_used", {"master/disk_used"}, true},
    {"disk_percent", {"master/disk_percent"}, true},
    {NULL},
};

void
http_stats(struct http_exchange *exchange, void *arg)
{
    const struct master *master = arg;
    reply_old_stats(exchange, master->daemon->metrics, table);
}
