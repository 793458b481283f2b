/* SPDX-License-Identifier: Apache-2.0 */
/* The table of metrics and the look-up in it. Rows that match first win, so narrow ones stand before wide ones. */
#include <string.h>

#include "base/arena.h"
#include "daemon/metrics_table.h"
#include "wire/http.h"

#define MIB 1048576.0
#define MS 0.001

#define COUNTER(name, family, labels, help) {name, METRIC_COUNTER, family, labels, 1, help},
#define GAUGE(name, family, labels, help) {name, METRIC_GAUGE, family, labels, 1, help},
#define SCALED(name, family, labels, scale, help) {name, METRIC_GAUGE, family, labels, scale, help},
#define TIMER(name, family, help) {name, METRIC_TIMER, family, NULL, MS, help},

/* One resource of a daemon, plain and revocable. word: what it is called; unit: "" or "_bytes". */
#define RESOURCE_FIGURES(at, word, whose, what, unit, scale, middle, revocable)                                             \
    SCALED(at word middle "_total", whose "_" what "_capacity" unit, "revocable=" revocable, scale,                         \
           "How much of " word " there is.")                                                                                \
    SCALED(at word middle "_used", whose "_" what "_used" unit, "revocable=" revocable, scale,                              \
           "How much of " word " is allocated to tasks and executors.")                                                     \
    GAUGE(at word middle "_percent", whose "_" what "_used_ratio", "revocable=" revocable,                                  \
          "Share of " word " that is allocated, 0 to 1.")
#define RESOURCE(at, word, whose, what, unit, scale)                                                                        \
    RESOURCE_FIGURES(at, word, whose, what, unit, scale, "", "false")                                                       \
    RESOURCE_FIGURES(at, word, whose, what, unit, scale, "_revocable", "true")
#define RESOURCES(at, whose)                                                                                                \
    RESOURCE(at, "cpus", whose, "cpus", "", 1)                                                                              \
    RESOURCE(at, "gpus", whose, "gpus", "", 1)                                                                              \
    RESOURCE(at, "mem", whose, "memory", "_bytes", MIB)                                                                     \
    RESOURCE(at, "disk", whose, "disk", "_bytes", MIB)

/* A figure that exists for any resource by name. */
#define BY_RESOURCE(before, after, family, labels, help)                                                                    \
    SCALED(before "mem" after, family "_bytes", labels "resource=mem", MIB, help)                                           \
    SCALED(before "disk" after, family "_bytes", labels "resource=disk", MIB, help)                                         \
    GAUGE(before "<resource>" after, family, labels "resource=<resource>", help)

#define OPERATION_STATES(at, family_now, family_ended, labels)                                                              \
    GAUGE(at "pending", family_now, labels "state=pending", "Offer operations that have not ended, by state.")              \
    GAUGE(at "recovering", family_now, labels "state=recovering", "Offer operations that have not ended, by state.")        \
    GAUGE(at "unreachable", family_now, labels "state=unreachable", "Offer operations that have not ended, by state.")      \
    COUNTER(at "dropped", family_ended, labels "state=dropped", "Offer operations that have ended, by how.")                \
    COUNTER(at "error", family_ended, labels "state=error", "Offer operations that have ended, by how.")                    \
    COUNTER(at "failed", family_ended, labels "state=failed", "Offer operations that have ended, by how.")                  \
    COUNTER(at "finished", family_ended, labels "state=finished", "Offer operations that have ended, by how.")              \
    COUNTER(at "gone_by_operator", family_ended, labels "state=gone_by_operator",                                           \
            "Offer operations that have ended, by how.")

#define ENDED(at, state, family, labels, help) COUNTER(at state, family, labels "state=" state, help)
#define ENDED_TASKS(at, family, labels, help)                                                                               \
    ENDED(at, "dropped", family, labels, help)                                                                              \
    ENDED(at, "error", family, labels, help)                                                                                \
    ENDED(at, "failed", family, labels, help)                                                                               \
    ENDED(at, "finished", family, labels, help)                                                                             \
    ENDED(at, "gone_by_operator", family, labels, help)                                                                     \
    ENDED(at, "gone", family, labels, help)                                                                                 \
    ENDED(at, "killed", family, labels, help)                                                                               \
    ENDED(at, "lost", family, labels, help)

#define FRAMEWORK "master/frameworks/<name>/<id>/"
#define OF_FRAMEWORK "framework=<name>,framework_id=<id>"

static const struct metric_row rows[] = {
    /* ---- allocator ---- */
    GAUGE("allocator/event_queue_dispatches", NULL, NULL, "Old name of allocator/mesos/event_queue_dispatches.")
    GAUGE("allocator/mesos/event_queue_dispatches", "mesos_allocator_event_queue_length", NULL,
          "Events that wait for the allocator.")
    TIMER("allocator/mesos/allocation_run_ms", "mesos_allocator_allocation_run_seconds", "How long allocation cycles take.")
    TIMER("allocator/mesos/allocation_run_latency_ms", "mesos_allocator_allocation_run_latency_seconds",
          "From the wish for an allocation cycle to its begin.")
    COUNTER("allocator/mesos/allocation_runs", "mesos_allocator_allocation_runs", NULL, "Allocation cycles.")
    GAUGE("allocator/mesos/offer_filters/roles/<role*>/active", "mesos_allocator_offer_filters", "role=<role>",
          "Filters of frameworks' declines that hold now.")
    BY_RESOURCE("allocator/mesos/quota/roles/<role*>/resources/", "/consumed", "mesos_allocator_quota_consumed",
                "role=<role>,", "What counts against the quota of a role: allocated and reserved.")
    BY_RESOURCE("allocator/mesos/quota/roles/<role*>/resources/", "/guarantee", "mesos_allocator_quota_guarantee",
                "role=<role>,", "The quota's guarantee.")
    BY_RESOURCE("allocator/mesos/quota/roles/<role*>/resources/", "/limit", "mesos_allocator_quota_limit",
                "role=<role>,", "The quota's limit.")
    BY_RESOURCE("allocator/mesos/quota/roles/<role*>/resources/", "/offered_or_allocated",
                "mesos_allocator_quota_offered_or_allocated", "role=<role>,", "What a role with quota has or is offered.")
    BY_RESOURCE("allocator/mesos/resources/", "/total", "mesos_allocator_resources_capacity", "",
                "What the cluster's active agents have.")
    BY_RESOURCE("allocator/mesos/resources/", "/offered_or_allocated", "mesos_allocator_resources_offered_or_allocated", "",
                "What of it is offered or allocated.")
    GAUGE("allocator/mesos/roles/<role*>/shares/dominant", "mesos_allocator_role_dominant_share_ratio", "role=<role>",
          "The role's dominant share of the cluster, 0 to 1.")
    /* ---- master ---- */
    COUNTER("frameworks/<principal*>/messages_received", "mesos_master_principal_messages_received", "principal=<principal>",
            "Messages that came from v0 frameworks of a principal, and where rate limits are set, calls of v1 frameworks.")
    COUNTER("frameworks/<principal*>/messages_processed", "mesos_master_principal_messages_processed",
            "principal=<principal>", "Those of them that passed the rate limits.")
    COUNTER("master/task_<state>/source_<source>/reason_<reason>", "mesos_master_task_reasons",
            "state=<state>,source=<source>,reason=<reason>",
            "Tasks that ended or became unreachable, by state, by who said so and why.")
    RESOURCES("master/", "mesos_master")
    COUNTER("master/dropped_messages", "mesos_master_messages_dropped", NULL, "Messages dropped unread.")
    GAUGE("master/elected", "mesos_master_elected", NULL, "1 on the leading master, 0 on the others.")
    GAUGE("master/event_queue_<queue>", "mesos_master_event_queue_length", "queue=<queue>",
          "Events that wait for the master.")
    COUNTER(FRAMEWORK "calls", NULL, NULL, "The sum of the calls by type.")
    COUNTER(FRAMEWORK "calls/<call>", "mesos_framework_calls", OF_FRAMEWORK ",call=<call>", "Calls of a framework, by type.")
    COUNTER(FRAMEWORK "events", NULL, NULL, "The sum of the events by type.")
    COUNTER(FRAMEWORK "events/<event>", "mesos_framework_events", OF_FRAMEWORK ",event=<event>",
            "Events sent to a framework, by type.")
    COUNTER(FRAMEWORK "offers/<outcome>", "mesos_framework_offers", OF_FRAMEWORK ",outcome=<outcome>",
            "Offers of a framework: sent, accepted, declined, rescinded.")
    COUNTER(FRAMEWORK "operations", NULL, NULL, "The sum of the operations by type.")
    COUNTER(FRAMEWORK "operations/<operation>", "mesos_framework_operations", OF_FRAMEWORK ",operation=<operation>",
            "Offer operations of a framework, by type.")
    GAUGE(FRAMEWORK "roles/<role*>/suppressed", "mesos_framework_role_suppressed", OF_FRAMEWORK ",role=<role>",
          "1 while the framework wants no offers in the role.")
    GAUGE(FRAMEWORK "subscribed", "mesos_framework_subscribed", OF_FRAMEWORK, "1 while the framework is connected.")
    GAUGE(FRAMEWORK "tasks/active/task_<state>", "mesos_framework_tasks", OF_FRAMEWORK ",state=<state>",
          "Tasks of a framework that have not ended, by state.")
    COUNTER(FRAMEWORK "tasks/terminal/task_<state>", "mesos_framework_tasks_ended", OF_FRAMEWORK ",state=<state>",
            "Tasks of a framework that have ended, by how.")
    GAUGE("master/frameworks_active", "mesos_master_frameworks", "state=active", "Registered frameworks, by state.")
    GAUGE("master/frameworks_inactive", "mesos_master_frameworks", "state=inactive", "Registered frameworks, by state.")
    GAUGE("master/frameworks_connected", "mesos_master_frameworks_connected", NULL, "Frameworks with a connection.")
    GAUGE("master/frameworks_disconnected", "mesos_master_frameworks_disconnected", NULL,
          "Registered frameworks without a connection.")
    COUNTER("master/http_cache_hits", "mesos_master_http_cache_hits", NULL, "Answers that were shared between requests.")
    COUNTER("master/invalid_<message>", "mesos_master_messages_checked", "message=<message>,result=invalid",
            "Messages of kinds that are checked before they are forwarded, by result.")
    COUNTER("master/valid_<message>", "mesos_master_messages_checked", "message=<message>,result=valid",
            "Messages of kinds that are checked before they are forwarded, by result.")
    COUNTER("master/messages_<message>", "mesos_master_messages_received", "message=<message>",
            "Messages and calls that the master received, by kind.")
    OPERATION_STATES("master/operations/", NULL, NULL, "")
    COUNTER("master/operations/total", NULL, NULL, "The sum of the operations by type.")
    COUNTER("master/operations/<operation>/total", "mesos_master_operations_requested", "operation=<operation>",
            "Offer operations that frameworks asked for, by type.")
    OPERATION_STATES("master/operations/<operation>/", "mesos_master_operations", "mesos_master_operations_ended",
                     "operation=<operation>,")
    GAUGE("master/operator_event_stream_subscribers", "mesos_master_operator_event_stream_subscribers", NULL,
          "Clients of the operator event stream.")
    GAUGE("master/outstanding_offers", "mesos_master_offers_outstanding", NULL, "Offers that wait for an answer.")
    COUNTER("master/recovery_slave_removals", "mesos_master_agent_recovery_removals", NULL,
            "Agents that did not come back after a failover of the master.")
    COUNTER("master/slave_registrations", "mesos_master_agent_registrations", NULL, "New agents that registered.")
    COUNTER("master/slave_reregistrations", "mesos_master_agent_reregistrations", NULL, "Known agents that came back.")
    COUNTER("master/slave_removals", "mesos_master_agent_removals", NULL, "Agents removed, for whatever reason.")
    COUNTER("master/slave_removals/reason_<reason>", "mesos_master_agent_removal_reasons", "reason=<reason>",
            "Agents removed, by reason.")
    COUNTER("master/slave_shutdowns_<step>", "mesos_master_agent_shutdowns", "step=<step>",
            "Shutdowns of agents: scheduled, canceled, completed.")
    COUNTER("master/slave_unreachable_<step>", "mesos_master_agent_unreachable_markings", "step=<step>",
            "Markings of agents as unreachable: scheduled, canceled, completed.")
    GAUGE("master/slaves_active", "mesos_master_agents", "state=active", "Registered agents, by state.")
    GAUGE("master/slaves_inactive", "mesos_master_agents", "state=inactive", "Registered agents, by state.")
    GAUGE("master/slaves_connected", "mesos_master_agents_connected", NULL, "Agents with a connection.")
    GAUGE("master/slaves_disconnected", "mesos_master_agents_disconnected", NULL, "Registered agents without a connection.")
    GAUGE("master/slaves_unreachable", "mesos_master_agents_unreachable", NULL, "Agents that are marked unreachable.")
    ENDED_TASKS("master/tasks_", "mesos_master_tasks_ended", "", "Tasks that have ended, by how.")
    GAUGE("master/tasks_<state>", "mesos_master_tasks", "state=<state>", "Tasks that have not ended, by state.")
    GAUGE("master/uptime_secs", "mesos_master_uptime_seconds", NULL, "Since the master started.")
    GAUGE("registrar/queued_operations", "mesos_registrar_queued_operations", NULL,
          "Changes that wait to be written to the registry.")
    GAUGE("registrar/registry_size_bytes", "mesos_registrar_registry_size_bytes", NULL, "Size of the registry.")
    SCALED("registrar/state_fetch_ms", "mesos_registrar_state_fetch_seconds", NULL, MS,
           "How long it took to read the registry.")
    TIMER("registrar/state_store_ms", "mesos_registrar_state_store_seconds", "How long it takes to write the registry.")
    /* ---- both ---- */
    COUNTER("configuration/reloads", "mesos_configuration_reloads", "result=taken",
            "Files of the configuration that were read again, by result.")
    COUNTER("configuration/reloads_failed", "mesos_configuration_reloads", "result=refused",
            "Files of the configuration that were read again, by result.")
    GAUGE("security/open_without_authentication", "mesos_security_open_without_authentication", NULL,
          "1 while the daemon listens beyond loopback and does not demand every login that it could.")
    GAUGE("system/cpus_total", "mesos_system_cpus", NULL, "Processors of the machine.")
    GAUGE("system/load_1min", "mesos_system_load1", NULL, "Load average over 1 minute.")
    GAUGE("system/load_5min", "mesos_system_load5", NULL, "Load average over 5 minutes.")
    GAUGE("system/load_15min", "mesos_system_load15", NULL, "Load average over 15 minutes.")
    GAUGE("system/mem_free_bytes", "mesos_system_memory_free_bytes", NULL, "Free memory of the machine.")
    GAUGE("system/mem_total_bytes", "mesos_system_memory_capacity_bytes", NULL, "Memory of the machine.")
    /* ---- agent ---- */
    GAUGE("containerizer/fetcher/cache_size_total_bytes", "mesos_agent_fetcher_cache_capacity_bytes", NULL,
          "How large the fetcher's cache may become.")
    GAUGE("containerizer/fetcher/cache_size_used_bytes", "mesos_agent_fetcher_cache_used_bytes", NULL,
          "How much the fetcher's cache holds.")
    COUNTER("containerizer/fetcher/task_fetches_failed", "mesos_agent_fetches", "result=failed",
            "Fetches for a container, by result.")
    COUNTER("containerizer/fetcher/task_fetches_succeeded", "mesos_agent_fetches", "result=succeeded",
            "Fetches for a container, by result.")
    COUNTER("containerizer/mesos/container_destroy_errors", "mesos_agent_container_destroy_errors", NULL,
            "Containers that could not be cleaned up.")
    COUNTER("containerizer/mesos/provisioner/remove_container_errors", "mesos_agent_provisioner_remove_errors", NULL,
            "Provisioned root file systems that could not be removed.")
    COUNTER("containerizer/mesos/provisioner/bind/remove_rootfs_errors", "mesos_agent_provisioner_bind_remove_errors", NULL,
            "Bind-mounted root file systems that could not be removed.")
    COUNTER("gc/path_removals_failed", "mesos_agent_gc_path_removals", "result=failed",
            "Directories of ended work that were removed, by result.")
    COUNTER("gc/path_removals_succeeded", "mesos_agent_gc_path_removals", "result=succeeded",
            "Directories of ended work that were removed, by result.")
    GAUGE("gc/path_removals_pending", "mesos_agent_gc_path_removals_pending", NULL, "Directories that wait to be removed.")
    COUNTER("resource_provider_manager/events/<event>", "mesos_agent_resource_provider_events", "event=<event>",
            "Resource providers that subscribed or left.")
    GAUGE("resource_provider_manager/subscribed", "mesos_agent_resource_providers_subscribed", NULL,
          "Resource providers that are subscribed.")
    COUNTER("slave/container_launch_errors", "mesos_agent_container_launch_errors", NULL,
            "Containers that could not be launched.")
    RESOURCES("slave/", "mesos_agent")
    GAUGE("slave/executor_directory_max_allowed_age_secs", "mesos_agent_executor_directory_allowed_age_seconds", NULL,
          "How old sandboxes of ended executors may become before they are removed.")
    COUNTER("slave/executors_preempted", "mesos_agent_executors_preempted", NULL, "Executors killed for others' sake.")
    COUNTER("slave/executors_terminated", "mesos_agent_executors_terminated", NULL, "Executors that have ended.")
    GAUGE("slave/executors_<state>", "mesos_agent_executors", "state=<state>", "Executors that have not ended, by state.")
    GAUGE("slave/frameworks_active", "mesos_agent_frameworks", NULL, "Frameworks with work on the agent.")
    COUNTER("slave/invalid_<message>", "mesos_agent_messages_checked", "message=<message>,result=invalid",
            "Messages of kinds that are checked before they are forwarded, by result.")
    COUNTER("slave/valid_<message>", "mesos_agent_messages_checked", "message=<message>,result=valid",
            "Messages of kinds that are checked before they are forwarded, by result.")
    COUNTER("slave/recovery_errors", "mesos_agent_recovery_errors", NULL, "Things that could not be recovered at start.")
    GAUGE("slave/recovery_time_secs", "mesos_agent_recovery_seconds", NULL, "How long recovery took at start.")
    GAUGE("slave/registered", "mesos_agent_registered", NULL, "1 while the agent is registered with a master.")
    ENDED_TASKS("slave/tasks_", "mesos_agent_tasks_ended", "", "Tasks that have ended, by how.")
    GAUGE("slave/tasks_<state>", "mesos_agent_tasks", "state=<state>", "Tasks that have not ended, by state.")
    GAUGE("slave/uptime_secs", "mesos_agent_uptime_seconds", NULL, "Since the agent started.")
};

/* A word's text in the name that was matched. */
struct capture {
    struct str word, text;
};
enum { CAPTURES_MAX = 6 };

/* Does the name fit the pattern? Words take as little as they can, and more when the rest does not fit. */
static bool
match(const char *pattern, const char *name, struct capture *captures, size_t *count)
{
    while (*pattern && *pattern != '<' && *pattern == *name)
        pattern++, name++;
    if (*pattern != '<')
        return *pattern == 0 && *name == 0;
    const char *end = strchr(pattern, '>');
    bool slashes = end[-1] == '*';
    size_t at = *count;
    if (at == CAPTURES_MAX)
        return false;
    captures[at].word = str_n(pattern + 1, (size_t)(end - pattern - 1 - slashes));
    for (size_t len = 0;; len++) {
        *count = at + 1;
        captures[at].text = str_n(name, len);
        if ((len || slashes) && match(end + 1, name + len, captures, count))
            return true;
        if (name[len] == 0 || (name[len] == '/' && !slashes))
            break;
    }
    *count = at;
    return false;
}

const struct metric_row *
metric_row_find(const char *name)
{
    struct capture captures[CAPTURES_MAX];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t count = 0;
        if (rows[i].name[0] == name[0] && match(rows[i].name, name, captures, &count))
            return &rows[i];
    }
    return NULL;
}

const struct metric_row *
metric_row_at(size_t i)
{
    return i < ARRAY_LEN(rows) ? &rows[i] : NULL;
}

/* ---- labels ---- */

/* How many bytes at s are one character of UTF-8; 0 when they are none. */
static size_t
character(const unsigned char *s, size_t len)
{
    size_t want = *s < 0x80 ? 1 : *s >= 0xc2 && *s < 0xe0 ? 2 : *s >= 0xe0 && *s < 0xf0 ? 3 : *s >= 0xf0 && *s < 0xf5 ? 4 : 0;
    if (want == 0 || want > len)
        return 0;
    for (size_t i = 1; i < want; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) || (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f))
        return 0; /* longer than need be, a surrogate, or beyond the last character */
    return want;
}

void
metric_label(struct buf *out, struct str key, struct str value)
{
    if (out->len)
        buf_putc(out, ',');
    buf_append_str(out, key);
    buf_puts(out, "=\"");
    for (size_t i = 0; i < value.len;) {
        size_t len = character((const unsigned char *)value.ptr + i, value.len - i);
        if (len == 0)
            buf_puts(out, "\xef\xbf\xbd"); /* one bad byte would cost the scraper the whole page */
        else if (value.ptr[i] == '\n')
            buf_puts(out, "\\n");
        else {
            if (value.ptr[i] == '"' || value.ptr[i] == '\\')
                buf_putc(out, '\\');
            buf_append(out, value.ptr + i, len);
        }
        i += len ? len : 1;
    }
    buf_putc(out, '"');
}

/* Frameworks' names are percent-encoded in the names of metrics; roles and principals are not. */
static void
label_captured(struct buf *out, struct str key, const struct capture *capture)
{
    auto_arena struct arena *arena = arena_new(256);
    struct str decoded;
    if (str_is(capture->word, "name") && http_percent_decode(capture->text, false, arena, &decoded) == 0)
        metric_label(out, key, decoded);
    else
        metric_label(out, key, capture->text);
}

void
metric_row_labels(const struct metric_row *row, const char *name, struct buf *out)
{
    struct capture captures[CAPTURES_MAX];
    size_t count = 0;
    struct str rest = str_of(row->labels ? row->labels : "");
    if (!match(row->name, name, captures, &count))
        return;
    while (rest.len) {
        struct str value = str_cut(&rest, ','), key = str_cut(&value, '=');
        if (value.len == 0 || value.ptr[0] != '<') {
            metric_label(out, key, value);
            continue;
        }
        value = str_n(value.ptr + 1, value.len - 2);
        for (size_t i = 0; i < count; i++)
            if (str_eq(captures[i].word, value))
                label_captured(out, key, &captures[i]);
    }
}
