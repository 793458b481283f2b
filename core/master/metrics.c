/* SPDX-License-Identifier: Apache-2.0 */
/* Names the master's metrics. Verbs only touch the counters; nothing here changes state. */
#include "master/metrics.h"

#include <stdio.h>
#include <string.h>

#include "master/state.h"
#include "wire/http.h"

/* Gauges: one function per family, told apart by `which`. They live in one table per master, hung on the
 * loop's life by being static: arg carries master and kind in one small struct that the metrics own. */
enum gauge {
    G_UPTIME,
    G_ELECTED,
    G_SLAVES_CONNECTED,
    G_SLAVES_DISCONNECTED,
    G_SLAVES_ACTIVE,
    G_SLAVES_INACTIVE,
    G_SLAVES_UNREACHABLE,
    G_FRAMEWORKS_CONNECTED,
    G_FRAMEWORKS_DISCONNECTED,
    G_FRAMEWORKS_ACTIVE,
    G_FRAMEWORKS_INACTIVE,
    G_OUTSTANDING_OFFERS,
    G_SUBSCRIBERS,
    G_QUEUE,
};

static double
agents_count(const struct master *master, enum gauge which)
{
    size_t all = map_count(&master->agents);
    return (double)(which == G_SLAVES_CONNECTED      ? master->agents_connected
                    : which == G_SLAVES_DISCONNECTED ? all - master->agents_connected
                    : which == G_SLAVES_ACTIVE       ? master->agents_active
                                                     : all - master->agents_active);
}

static double
frameworks_count(const struct master *master, enum gauge which)
{
    size_t count = 0;
    struct framework *framework;
    map_foreach (framework, &master->frameworks) {
        bool yes = which == G_FRAMEWORKS_CONNECTED      ? framework->connected
                   : which == G_FRAMEWORKS_DISCONNECTED ? !framework->connected
                   : which == G_FRAMEWORKS_ACTIVE       ? framework->active
                                                        : !framework->active;
        count += yes;
    }
    return (double)count;
}

static double
gauge_value(const struct master *master, enum gauge which)
{
    switch (which) {
    case G_UPTIME:
        return daemon_uptime_secs(master->daemon);
    case G_ELECTED:
        return master->elected;
    case G_SLAVES_UNREACHABLE:
        return (double)map_count(&master->unreachable);
    case G_OUTSTANDING_OFFERS:
        return (double)map_count(&master->offers);
    case G_SUBSCRIBERS:
        return master->subscriber_count;
    case G_QUEUE:
        return 0;
    case G_FRAMEWORKS_CONNECTED:
    case G_FRAMEWORKS_DISCONNECTED:
    case G_FRAMEWORKS_ACTIVE:
    case G_FRAMEWORKS_INACTIVE:
        return frameworks_count(master, which);
    default:
        return agents_count(master, which);
    }
}

#define GAUGE(which, fn)                                                                                     \
    static double fn(void *arg)                                                                              \
    {                                                                                                        \
        return gauge_value(arg, which);                                                                      \
    }
GAUGE(G_UPTIME, g_uptime)
GAUGE(G_ELECTED, g_elected)
GAUGE(G_SLAVES_CONNECTED, g_slaves_connected)
GAUGE(G_SLAVES_DISCONNECTED, g_slaves_disconnected)
GAUGE(G_SLAVES_ACTIVE, g_slaves_active)
GAUGE(G_SLAVES_INACTIVE, g_slaves_inactive)
GAUGE(G_SLAVES_UNREACHABLE, g_slaves_unreachable)
GAUGE(G_FRAMEWORKS_CONNECTED, g_frameworks_connected)
GAUGE(G_FRAMEWORKS_DISCONNECTED, g_frameworks_disconnected)
GAUGE(G_FRAMEWORKS_ACTIVE, g_frameworks_active)
GAUGE(G_FRAMEWORKS_INACTIVE, g_frameworks_inactive)
GAUGE(G_OUTSTANDING_OFFERS, g_outstanding_offers)
GAUGE(G_SUBSCRIBERS, g_subscribers)
GAUGE(G_QUEUE, g_queue)
#undef GAUGE

static double
share(int64_t part, int64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

#define SCALAR_GAUGES(name, which)                                                                           \
    static double name##_total(void *arg)                                                                    \
    {                                                                                                        \
        return (double)((struct master *)arg)->total_scalars[which] / 1000;                                  \
    }                                                                                                        \
    static double name##_used(void *arg)                                                                     \
    {                                                                                                        \
        return (double)((struct master *)arg)->used_scalars[which] / 1000;                                   \
    }                                                                                                        \
    static double name##_percent(void *arg)                                                                  \
    {                                                                                                        \
        const struct master *master = arg;                                                                   \
        return share(master->used_scalars[which], master->total_scalars[which]);                             \
    }
SCALAR_GAUGES(cpus, SCALAR_CPUS)
SCALAR_GAUGES(mem, SCALAR_MEM)
SCALAR_GAUGES(disk, SCALAR_DISK)
SCALAR_GAUGES(gpus, SCALAR_GPUS)
SCALAR_GAUGES(cpus_revocable, SCALAR_REVOCABLE + SCALAR_CPUS)
SCALAR_GAUGES(mem_revocable, SCALAR_REVOCABLE + SCALAR_MEM)
SCALAR_GAUGES(disk_revocable, SCALAR_REVOCABLE + SCALAR_DISK)
SCALAR_GAUGES(gpus_revocable, SCALAR_REVOCABLE + SCALAR_GPUS)
#undef SCALAR_GAUGES

#define STATE_GAUGE(name, number)                                                                            \
    static double tasks_##name(void *arg)                                                                    \
    {                                                                                                        \
        return (double)((struct master *)arg)->m.tasks[number];                                              \
    }
STATE_GAUGE(staging, MESOS__V1__TASK_STATE__TASK_STAGING)
STATE_GAUGE(starting, MESOS__V1__TASK_STATE__TASK_STARTING)
STATE_GAUGE(running, MESOS__V1__TASK_STATE__TASK_RUNNING)
STATE_GAUGE(killing, MESOS__V1__TASK_STATE__TASK_KILLING)
STATE_GAUGE(unreachable, MESOS__V1__TASK_STATE__TASK_UNREACHABLE)
#undef STATE_GAUGE

static const struct {
    const char *name;
    double (*fn)(void *arg);
} gauges[] = {
    {"uptime_secs", g_uptime},
    {"elected", g_elected},
    {"slaves_connected", g_slaves_connected},
    {"slaves_disconnected", g_slaves_disconnected},
    {"slaves_active", g_slaves_active},
    {"slaves_inactive", g_slaves_inactive},
    {"slaves_unreachable", g_slaves_unreachable},
    {"frameworks_connected", g_frameworks_connected},
    {"frameworks_disconnected", g_frameworks_disconnected},
    {"frameworks_active", g_frameworks_active},
    {"frameworks_inactive", g_frameworks_inactive},
    {"outstanding_offers", g_outstanding_offers},
    {"operator_event_stream_subscribers", g_subscribers},
    /* One thread, no queue in front of it: always empty. */
    {"event_queue_messages", g_queue},
    {"event_queue_dispatches", g_queue},
    {"event_queue_http_requests", g_queue},
    {"cpus_total", cpus_total},
    {"cpus_used", cpus_used},
    {"cpus_percent", cpus_percent},
    {"mem_total", mem_total},
    {"mem_used", mem_used},
    {"mem_percent", mem_percent},
    {"disk_total", disk_total},
    {"disk_used", disk_used},
    {"disk_percent", disk_percent},
    {"gpus_total", gpus_total},
    {"gpus_used", gpus_used},
    {"gpus_percent", gpus_percent},
    {"cpus_revocable_total", cpus_revocable_total},
    {"cpus_revocable_used", cpus_revocable_used},
    {"cpus_revocable_percent", cpus_revocable_percent},
    {"mem_revocable_total", mem_revocable_total},
    {"mem_revocable_used", mem_revocable_used},
    {"mem_revocable_percent", mem_revocable_percent},
    {"disk_revocable_total", disk_revocable_total},
    {"disk_revocable_used", disk_revocable_used},
    {"disk_revocable_percent", disk_revocable_percent},
    {"gpus_revocable_total", gpus_revocable_total},
    {"gpus_revocable_used", gpus_revocable_used},
    {"gpus_revocable_percent", gpus_revocable_percent},
    {"tasks_staging", tasks_staging},
    {"tasks_starting", tasks_starting},
    {"tasks_running", tasks_running},
    {"tasks_killing", tasks_killing},
    {"tasks_unreachable", tasks_unreachable},
};

/* There from the start, as dashboards want them, though nothing counts them before reservations and volumes
 * are served. */
static void
add_still_ones(struct metrics *metrics)
{
    static const char *const plain[] = {
        "allocator/event_queue_dispatches", "allocator/mesos/event_queue_dispatches",
        "master/invalid_operation_status_update_acknowledgements", "master/invalid_operation_status_updates",
        "master/valid_operation_status_update_acknowledgements", "master/valid_operation_status_updates",
        "master/messages_operation_status_update", "master/messages_operation_status_update_acknowledgement",
        "master/slave_shutdowns_canceled", "master/slave_shutdowns_completed", "master/slave_shutdowns_scheduled"};
    static const char *const operations[] = {"create", "create_disk", "destroy", "destroy_disk", "grow_volume", "reserve",
                                             "shrink_volume", "unreserve"};
    static const char *const figures[] = {"dropped", "error", "failed", "finished", "gone_by_operator", "pending",
                                          "recovering", "total", "unreachable"};
    char name[96];
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        metrics_get(metrics, plain[i]);
    for (size_t i = 0; i < ARRAY_LEN(figures); i++) {
        snprintf(name, sizeof(name), "master/operations/%s", figures[i]);
        metrics_get(metrics, name);
        for (size_t k = 0; k < ARRAY_LEN(operations); k++) {
            snprintf(name, sizeof(name), "master/operations/%s/%s", operations[k], figures[i]);
            metrics_get(metrics, name);
        }
    }
}

void
master_metrics_init(struct master *master)
{
    struct metrics *metrics = master->daemon->metrics;
    add_still_ones(metrics);
#define MASTER_METRIC_GET(member, name) master->m.member = metrics_get(metrics, "master/" name);
    MASTER_COUNTERS(MASTER_METRIC_GET)
#undef MASTER_METRIC_GET
    for (size_t i = 0; i < ARRAY_LEN(gauges); i++) {
        char name[80];
        snprintf(name, sizeof(name), "master/%s", gauges[i].name);
        metrics_pull(metrics, name, gauges[i].fn, master);
    }
}

static void
lower(char *text)
{
    for (; *text; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text += 'a' - 'A';
}

static struct metric *
framework_metric(struct framework_metrics *m, struct metrics *all, const char *group, const char *name)
{
    char text[1400];
    char *tail = text + snprintf(text, sizeof(text), "%s%s", m->prefix, group);
    snprintf(tail, sizeof(text) - (size_t)(tail - text), "%s", name);
    lower(tail);
    return metrics_get(all, text);
}

/* One metric for each value of an enum but the first (UNKNOWN), at the number of the value. */
static void
framework_metrics_enum(struct framework_metrics *m, struct metrics *all, const char *group,
                       const ProtobufCEnumDescriptor *type, struct metric **at, size_t size)
{
    for (unsigned i = 0; i < type->n_values; i++) {
        int value = type->values[i].value;
        if (value > 0 && (size_t)value < size)
            at[value] = framework_metric(m, all, group, type->values[i].name);
    }
}

static void
framework_metrics_states(struct framework_metrics *m, struct metrics *all)
{
    const ProtobufCEnumDescriptor *type = &mesos__v1__task_state__descriptor;
    for (unsigned i = 0; i < type->n_values; i++) {
        int value = type->values[i].value;
        const char *group =
            task_state_terminal((Mesos__V1__TaskState)value) ? "tasks/terminal/" : "tasks/active/";
        if (value >= 0 && value < TASK_STATES)
            m->task_states[value] = framework_metric(m, all, group, type->values[i].name);
    }
}

struct framework_metrics *
framework_metrics_new(struct framework *framework)
{
    struct metrics *all = framework->master->daemon->metrics;
    struct framework_metrics *m = xcalloc(1, sizeof(*m));
    auto_buf struct buf name = {0};
    struct str raw = str_of(framework->info->name);
    if (raw.len > 200)
        raw.len = 200;
    http_percent_encode(&name, raw);
    m->prefix = xasprintf("master/frameworks/%s/%s/", buf_cstr(&name), framework->id);
    m->calls = framework_metric(m, all, "calls", "");
    m->events = framework_metric(m, all, "events", "");
    m->operations = framework_metric(m, all, "operations", "");
    struct metric *others[32]; /* only launches are counted yet */
    framework_metrics_enum(m, all, "operations/", &mesos__v1__offer__operation__type__descriptor, others,
                           ARRAY_LEN(others));
    m->launches = framework_metric(m, all, "operations/", "launch");
    m->launch_groups = framework_metric(m, all, "operations/", "launch_group");
    m->subscribed = framework_metric(m, all, "subscribed", "");
    framework_metrics_enum(m, all, "calls/", &mesos__v1__scheduler__call__type__descriptor, m->call_types,
                           ARRAY_LEN(m->call_types));
    framework_metrics_enum(m, all, "events/", &mesos__v1__scheduler__event__type__descriptor, m->event_types,
                           ARRAY_LEN(m->event_types));
    framework_metrics_states(m, all);
    m->offers_sent = framework_metric(m, all, "offers/", "sent");
    m->offers_accepted = framework_metric(m, all, "offers/", "accepted");
    m->offers_declined = framework_metric(m, all, "offers/", "declined");
    m->offers_rescinded = framework_metric(m, all, "offers/", "rescinded");
    return m;
}

void
framework_metrics_free(struct framework_metrics *m, struct metrics *all)
{
    if (!m)
        return;
    metrics_remove_prefix(all, m->prefix);
    free(m->prefix);
    free(m);
}

static const char *
principal_of(const struct framework *framework)
{
    const char *principal = framework->info->principal;
    return principal && *principal ? principal : NULL;
}

static char *
principal_prefix(const struct framework *framework)
{
    return xasprintf("frameworks/%.400s/", principal_of(framework));
}

void
principal_metrics_add(struct framework *framework)
{
    struct metrics *all = framework->master->daemon->metrics;
    if (!principal_of(framework))
        return;
    auto_free char *prefix = principal_prefix(framework);
    auto_free char *received = xasprintf("%smessages_received", prefix);
    auto_free char *processed = xasprintf("%smessages_processed", prefix);
    framework->messages_received = metrics_get(all, received);
    framework->messages_processed = metrics_get(all, processed);
}

void
principal_metrics_drop(struct framework *framework)
{
    const struct framework *other;
    struct metrics *all = framework->master->daemon->metrics;
    if (!framework->messages_received)
        return;
    map_foreach (other, &framework->master->frameworks)
        if (other != framework && other->messages_received == framework->messages_received)
            return;
    auto_free char *prefix = principal_prefix(framework);
    auto_free char *received = xasprintf("%smessages_received", prefix);
    auto_free char *processed = xasprintf("%smessages_processed", prefix);
    metrics_remove(all, received);
    metrics_remove(all, processed);
}

void
principal_metrics_received(struct framework *framework)
{
    if (framework->messages_received)
        metric_inc(framework->messages_received);
}

void
principal_metrics_processed(struct framework *framework)
{
    if (framework->messages_processed)
        metric_inc(framework->messages_processed);
}

void
framework_metrics_suppressed(struct framework *framework, const char *role, bool suppressed)
{
    if (!framework->metrics)
        return;
    auto_free char *name = xasprintf("%sroles/%s/suppressed", framework->metrics->prefix, role);
    metric_set(metrics_get(framework->master->daemon->metrics, name), suppressed);
}

static struct metric *
terminal_counter(struct master *master, int state)
{
    switch (state) {
    case MESOS__V1__TASK_STATE__TASK_FINISHED:
        return master->m.tasks_finished;
    case MESOS__V1__TASK_STATE__TASK_FAILED:
        return master->m.tasks_failed;
    case MESOS__V1__TASK_STATE__TASK_KILLED:
        return master->m.tasks_killed;
    case MESOS__V1__TASK_STATE__TASK_LOST:
        return master->m.tasks_lost;
    case MESOS__V1__TASK_STATE__TASK_ERROR:
        return master->m.tasks_error;
    case MESOS__V1__TASK_STATE__TASK_DROPPED:
        return master->m.tasks_dropped;
    case MESOS__V1__TASK_STATE__TASK_GONE:
        return master->m.tasks_gone;
    case MESOS__V1__TASK_STATE__TASK_GONE_BY_OPERATOR:
        return master->m.tasks_gone_by_operator;
    default:
        return NULL;
    }
}

void
master_metrics_terminal(struct master *master, int state, int source, int reason)
{
    struct metric *counter = terminal_counter(master, state);
    if (counter)
        metric_inc(counter);
    const ProtobufCEnumValue *s =
        protobuf_c_enum_descriptor_get_value(&mesos__v1__task_state__descriptor, state);
    const ProtobufCEnumValue *from =
        protobuf_c_enum_descriptor_get_value(&mesos__v1__task_status__source__descriptor, source);
    const ProtobufCEnumValue *why =
        reason < 0
            ? NULL
            : protobuf_c_enum_descriptor_get_value(&mesos__v1__task_status__reason__descriptor, reason);
    if (!s || !from || !why)
        return;
    char name[160];
    snprintf(name, sizeof(name), "master/%s/%s/%s", s->name, from->name, why->name);
    lower(name);
    metric_inc(metrics_get(master->daemon->metrics, name));
}
