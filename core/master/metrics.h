/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master's numbers under /metrics/snapshot: counters are plain members that the verbs add to, gauges are
 * asked for when somebody looks. Names: the master's part of the facts on metrics.
 */
#ifndef MASTER_METRICS_H
#define MASTER_METRICS_H

#include <stdint.h>
#include "daemon/metrics.h"

struct master;
struct framework;

/* X(member, name below "master/") */
#define MASTER_COUNTERS(X)                                                                                   \
    X(dropped_messages, "dropped_messages")                                                                  \
    X(http_cache_hits, "http_cache_hits")                                                                    \
    X(invalid_executor_to_framework, "invalid_executor_to_framework_messages")                               \
    X(invalid_framework_to_executor, "invalid_framework_to_executor_messages")                               \
    X(invalid_status_updates, "invalid_status_updates")                                                      \
    X(invalid_acknowledgements, "invalid_status_update_acknowledgements")                                    \
    X(valid_executor_to_framework, "valid_executor_to_framework_messages")                                   \
    X(valid_framework_to_executor, "valid_framework_to_executor_messages")                                   \
    X(valid_status_updates, "valid_status_updates")                                                          \
    X(valid_acknowledgements, "valid_status_update_acknowledgements")                                        \
    X(messages_authenticate, "messages_authenticate")                                                        \
    X(messages_deactivate_framework, "messages_deactivate_framework")                                        \
    X(messages_decline_offers, "messages_decline_offers")                                                    \
    X(messages_executor_to_framework, "messages_executor_to_framework")                                      \
    X(messages_exited_executor, "messages_exited_executor")                                                  \
    X(messages_framework_to_executor, "messages_framework_to_executor")                                      \
    X(messages_kill_task, "messages_kill_task")                                                              \
    X(messages_launch_tasks, "messages_launch_tasks")                                                        \
    X(messages_reconcile_operations, "messages_reconcile_operations")                                        \
    X(messages_reconcile_tasks, "messages_reconcile_tasks")                                                  \
    X(messages_register_framework, "messages_register_framework")                                            \
    X(messages_register_slave, "messages_register_slave")                                                    \
    X(messages_reregister_framework, "messages_reregister_framework")                                        \
    X(messages_reregister_slave, "messages_reregister_slave")                                                \
    X(messages_resource_request, "messages_resource_request")                                                \
    X(messages_revive_offers, "messages_revive_offers")                                                      \
    X(messages_status_update, "messages_status_update")                                                      \
    X(messages_acknowledgement, "messages_status_update_acknowledgement")                                    \
    X(messages_suppress_offers, "messages_suppress_offers")                                                  \
    X(messages_unregister_framework, "messages_unregister_framework")                                        \
    X(messages_unregister_slave, "messages_unregister_slave")                                                \
    X(messages_update_slave, "messages_update_slave")                                                        \
    X(recovery_slave_removals, "recovery_slave_removals")                                                    \
    X(slave_registrations, "slave_registrations")                                                            \
    X(slave_removals, "slave_removals")                                                                      \
    X(slave_removals_registered, "slave_removals/reason_registered")                                         \
    X(slave_removals_unhealthy, "slave_removals/reason_unhealthy")                                           \
    X(slave_removals_unregistered, "slave_removals/reason_unregistered")                                     \
    X(slave_reregistrations, "slave_reregistrations")                                                        \
    X(slave_unreachable_canceled, "slave_unreachable_canceled")                                              \
    X(slave_unreachable_completed, "slave_unreachable_completed")                                            \
    X(slave_unreachable_scheduled, "slave_unreachable_scheduled")                                            \
    X(tasks_dropped, "tasks_dropped")                                                                        \
    X(tasks_error, "tasks_error")                                                                            \
    X(tasks_failed, "tasks_failed")                                                                          \
    X(tasks_finished, "tasks_finished")                                                                      \
    X(tasks_gone, "tasks_gone")                                                                              \
    X(tasks_gone_by_operator, "tasks_gone_by_operator")                                                      \
    X(tasks_killed, "tasks_killed")                                                                          \
    X(tasks_lost, "tasks_lost")

enum { TASK_STATES = 16 };

struct metrics_master {
#define MASTER_METRIC_MEMBER(member, name) struct metric *member;
    MASTER_COUNTERS(MASTER_METRIC_MEMBER)
#undef MASTER_METRIC_MEMBER
    int64_t tasks[TASK_STATES]; /* how many are in each state that is not terminal, by number of the state */
};

/* Per framework, under master/frameworks/<name>/<id>/. */
struct framework_metrics {
    char *prefix;
    struct metric *calls, *events, *subscribed, *operations, *launches, *launch_groups;
    struct metric *call_types[32], *event_types[16]; /* by number of the type; NULL = none of that number */
    struct metric *offers_sent, *offers_accepted, *offers_declined, *offers_rescinded;
    struct metric *task_states[TASK_STATES];
};

void master_metrics_init(struct master *master);
struct framework_metrics *framework_metrics_new(struct framework *framework);
void framework_metrics_free(struct framework_metrics *metrics, struct metrics *all);
/* frameworks/<principal>/messages_*: shared by the frameworks of a principal, gone with the last of them. Only what came
 * over libprocess counts, as in Mesos. */
void principal_metrics_add(struct framework *framework);
void principal_metrics_drop(struct framework *framework);
void principal_metrics_received(struct framework *framework);
void principal_metrics_processed(struct framework *framework);
/* master/frameworks/.../roles/<role>/suppressed */
void framework_metrics_suppressed(struct framework *framework, const char *role, bool suppressed);
/* A task got a terminal state: counts it, with source and reason (< 0 = none). */
void master_metrics_terminal(struct master *master, int state, int source, int reason);

#endif
