/* SPDX-License-Identifier: Apache-2.0 */
/* Each action of operators that a master enforces: refused, it is answered in the recorded words and nothing happens; allowed,
 * it goes on as ever. And what the audit log says of each of them. */
#include "audit_log.h"
#include "daemon/access.h"
#include "notary.h"

static const char forbidden[] = "403 Forbidden.";

struct request {
    enum mesos_action action;
    const char *value; /* NULL = all */
    const char *path, *body; /* path NULL: POST /api/v1; a body makes it a POST */
    const char *method; /* NULL = by the body */
    const char *writes; /* what the audit log calls it; NULL = nothing is changed, or by the body of /api/v1 */
};

#define V1(ACTION, value, body) {MESOS_ACTION_##ACTION, value, NULL, "{\"type\":\"" body "}", NULL, NULL}

static const struct request requests[] = {
    V1(VIEW_FLAGS, NULL, "GET_FLAGS\""),
    V1(SET_LOG_LEVEL, NULL, "SET_LOGGING_LEVEL\",\"set_logging_level\":{\"level\":0,\"duration\":{\"nanoseconds\":1}}"),
    V1(UPDATE_WEIGHT, "web",
       "UPDATE_WEIGHTS\",\"update_weights\":{\"weight_infos\":[{\"role\":\"ok\",\"weight\":1},{\"role\":\"web\",\"weight\":2}]}"),
    V1(UPDATE_QUOTA_WITH_CONFIG, "web", "UPDATE_QUOTA\",\"update_quota\":{\"quota_configs\":[{\"role\":\"ok\"},{\"role\":\"web\"}]}"),
    V1(UPDATE_QUOTA, "web", "SET_QUOTA\",\"set_quota\":{\"quota_request\":{\"role\":\"web\"}}"),
    V1(UPDATE_QUOTA, "web", "REMOVE_QUOTA\",\"remove_quota\":{\"role\":\"web\"}"),
    V1(RESERVE_RESOURCES, "web", "RESERVE_RESOURCES\",\"reserve_resources\":{" AGENT ",\"resources\":[" RESOURCE "]}"),
    V1(UNRESERVE_RESOURCES, "alice", "UNRESERVE_RESOURCES\",\"unreserve_resources\":{" AGENT ",\"resources\":[" RESOURCE "]}"),
    V1(CREATE_VOLUME, "web", "CREATE_VOLUMES\",\"create_volumes\":{" AGENT ",\"volumes\":[" RESOURCE "]}"),
    V1(DESTROY_VOLUME, "bob", "DESTROY_VOLUMES\",\"destroy_volumes\":{" AGENT ",\"volumes\":[" RESOURCE "]}"),
    V1(RESIZE_VOLUME, "web", "GROW_VOLUME\",\"grow_volume\":{\"volume\":" RESOURCE ",\"addition\":" RESOURCE "}"),
    V1(RESIZE_VOLUME, "web", "SHRINK_VOLUME\",\"shrink_volume\":{\"volume\":" RESOURCE ",\"subtract\":{\"value\":1}}"),
    V1(UPDATE_MAINTENANCE_SCHEDULE, NULL, "UPDATE_MAINTENANCE_SCHEDULE\",\"update_maintenance_schedule\":{\"schedule\":{}}"),
    V1(START_MAINTENANCE, NULL, "START_MAINTENANCE\",\"start_maintenance\":{\"machines\":" MACHINES "}"),
    V1(STOP_MAINTENANCE, NULL, "STOP_MAINTENANCE\",\"stop_maintenance\":{\"machines\":" MACHINES "}"),
    V1(DRAIN_AGENT, NULL, "DRAIN_AGENT\",\"drain_agent\":{" AGENT "}"),
    V1(MARK_AGENT_GONE, NULL, "DRAIN_AGENT\",\"drain_agent\":{" AGENT ",\"mark_gone\":true}"),
    V1(DEACTIVATE_AGENT, NULL, "DEACTIVATE_AGENT\",\"deactivate_agent\":{" AGENT "}"),
    V1(REACTIVATE_AGENT, NULL, "REACTIVATE_AGENT\",\"reactivate_agent\":{" AGENT "}"),
    V1(MARK_AGENT_GONE, NULL, "MARK_AGENT_GONE\",\"mark_agent_gone\":{" AGENT "}"),
    {MESOS_ACTION_VIEW_FLAGS, NULL, "/flags", NULL, NULL, NULL},
    {MESOS_ACTION_GET_ENDPOINT_WITH_PATH, "/metrics/snapshot", "/metrics/snapshot", NULL, NULL, NULL},
    {MESOS_ACTION_GET_ENDPOINT_WITH_PATH, "/metrics/snapshot", "/metrics", NULL, NULL, NULL},
    {MESOS_ACTION_GET_ENDPOINT_WITH_PATH, "/metrics/snapshot", "/stats.json", NULL, NULL, NULL},
    {MESOS_ACTION_GET_ENDPOINT_WITH_PATH, "/files/debug", "/files/debug", NULL, NULL, NULL},
    {MESOS_ACTION_GET_ENDPOINT_WITH_PATH, "/files/debug.json", "/files/debug.json", NULL, NULL, NULL},
    {MESOS_ACTION_GET_ENDPOINT_WITH_PATH, "/logging/toggle", "/logging/toggle", NULL, NULL, NULL},
    {MESOS_ACTION_GET_ENDPOINT_WITH_PATH, "/logging/toggle", "/logging/toggle?level=0&duration=1secs", NULL, NULL, "/logging/toggle"},
    {MESOS_ACTION_GET_ENDPOINT_WITH_PATH, "/system/v1/metrics/v0", "/system/v1/agent/x/metrics/v0/containers", NULL, NULL, NULL},
    {MESOS_ACTION_UPDATE_MAINTENANCE_SCHEDULE, NULL, "/maintenance/schedule", "{}", NULL, "UPDATE_MAINTENANCE_SCHEDULE"},
    {MESOS_ACTION_START_MAINTENANCE, NULL, "/machine/down", MACHINES, NULL, "START_MAINTENANCE"},
    {MESOS_ACTION_STOP_MAINTENANCE, NULL, "/machine/up", MACHINES, NULL, "STOP_MAINTENANCE"},
    {MESOS_ACTION_UPDATE_WEIGHT, "web", "/weights", "[{\"role\":\"web\",\"weight\":2}]", "PUT", "UPDATE_WEIGHTS"},
    {MESOS_ACTION_UPDATE_WEIGHT, NULL, "/weights", "nonsense", "PUT", "UPDATE_WEIGHTS"},
    {MESOS_ACTION_UPDATE_QUOTA, "web", "/quota", "{\"role\":\"web\"}", "POST", "SET_QUOTA"},
    {MESOS_ACTION_UPDATE_QUOTA, NULL, "/quota", "nonsense", "POST", "SET_QUOTA"},
    {MESOS_ACTION_UPDATE_QUOTA, "web", "/quota/web", "", "DELETE", "REMOVE_QUOTA"},
    {MESOS_ACTION_UPDATE_QUOTA, "a/b", "/quota/a%2Fb", "", "DELETE", "REMOVE_QUOTA"},
    {MESOS_ACTION_RESERVE_RESOURCES, "web", "/reserve", "slaveId=x&resources=[" RESOURCE "]", NULL, "RESERVE_RESOURCES"},
    {MESOS_ACTION_RESERVE_RESOURCES, NULL, "/reserve", "nonsense", NULL, "RESERVE_RESOURCES"},
    {MESOS_ACTION_UNRESERVE_RESOURCES, "alice", "/unreserve", "slaveId=x&resources=[" RESOURCE "]", NULL, "UNRESERVE_RESOURCES"},
    {MESOS_ACTION_CREATE_VOLUME, "web", "/create-volumes", "slaveId=x&volumes=[" RESOURCE "]", NULL, "CREATE_VOLUMES"},
    {MESOS_ACTION_DESTROY_VOLUME, "bob", "/destroy-volumes", "slaveId=x&volumes=[" RESOURCE "]", NULL, "DESTROY_VOLUMES"},
};

/* ---- the audit log ---- */

/* What it is called there, or NULL: it only looks. */
static const char *
written_as(const struct request *request, char room[64])
{
    static const char type[] = "{\"type\":\"";
    if (request->path)
        return request->writes;
    const char *name = request->body + strlen(type);
    snprintf(room, 64, "%.*s", (int)strcspn(name, "\""), name);
    return strncmp(room, "GET_", 4) == 0 ? NULL : room;
}

static void
expect_refusal(const char *text, const struct request *request)
{
    auto_free char *action = xasprintf("\"action\":\"%s\"", access_action_name(request->action));
    if (audit_lines(text, "refused", "") != 1 || audit_lines(text, "refused", action) != 1 || audit_lines(text, "write", "") != 0)
        fail_msg("%s of %s: %s", action, request->path ? request->path : request->body, text);
}

/* ---- what is asked ---- */

static int
request_again(struct world *w, const struct request *request)
{
    const char *method = request->method ? request->method : request->body ? "POST" : "GET";
    return request->path ? ask(w, method, request->path, request->body ? "application/x-www-form-urlencoded" : NULL, request->body)
                         : operator_asks(w, request->body);
}

static void
test_operators(void **state)
{
    const char *path = *state;
    char room[64];
    auto_buf struct buf text = {0};
    struct world *w = world_ruled();
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        const struct request *request = &requests[i];
        const char *name = request->path ? request->path : request->body, *writes = written_as(request, room);
        audit_empty(path);
        notary_forget();
        notary_refuse(request->action, request->value, NULL);
        int status = request_again(w, request);
        if (status != 403 || strcmp(buf_cstr(&w->got), forbidden) != 0)
            fail_msg("%s, which may not be: %d %s", name, status, buf_cstr(&w->got));
        expect_refusal(audit_text(&text, path), request);
        audit_empty(path);
        notary_forget();
        status = request_again(w, request);
        if (status <= 0 || status == 401 || status == 403)
            fail_msg("%s, which may be: %d %s", name, status, buf_cstr(&w->got));
        if (writes)
            audit_expect_write(audit_text(&text, path), writes, status);
        else
            assert_string_equal(audit_text(&text, path), "");
    }
    world_free(w);
}

static void
test_teardown(void **state)
{
    struct world *w = world_ruled();
    auto_buf struct buf body = {0}, form = {0};
    (void)state;
    MAY_NOT(TEARDOWN_FRAMEWORK, "alice");
    subscribe(w, ",\"principal\":\"alice\"", NULL);
    buf_printf(&body, "{\"type\":\"TEARDOWN\",\"teardown\":{\"framework_id\":{\"value\":\"%s\"}}}", w->framework_id);
    buf_printf(&form, "frameworkId=%s", w->framework_id);
    assert_int_equal(operator_asks(w, buf_cstr(&body)), 403);
    assert_string_equal(buf_cstr(&w->got), forbidden);
    assert_int_equal(ask(w, "POST", "/teardown", "application/x-www-form-urlencoded", buf_cstr(&form)), 403);
    assert_string_equal(buf_cstr(&w->got), forbidden);
    assert_int_equal(call(w, "\"type\":\"REVIVE\""), 202);
    notary_forget();
    assert_int_equal(ask(w, "POST", "/teardown", "application/x-www-form-urlencoded", buf_cstr(&form)), 200);
    assert_true(call(w, "\"type\":\"REVIVE\"") >= 400);
    world_free(w);
}

/* What may not be looked at is not there, as in Mesos: no 403. */
static void
test_maintenance_views(void **state)
{
    struct world *w = world_ruled();
    (void)state;
    assert_int_equal(ask(w, "POST", "/maintenance/schedule", "application/json",
                         "{\"windows\":[{\"machine_ids\":" MACHINES ",\"unavailability\":{\"start\":{\"nanoseconds\":1}}}]}"),
                     200);
    assert_non_null(strstr(get(w, "/maintenance/schedule"), "10.0.0.9"));
    MAY_NOT(GET_MAINTENANCE_SCHEDULE, NULL);
    MAY_NOT(GET_MAINTENANCE_STATUS, NULL);
    assert_string_equal(get(w, "/maintenance/schedule"), "{}");
    assert_string_equal(get(w, "/maintenance/status"), "{}");
    assert_int_equal(operator_asks(w, "{\"type\":\"GET_MAINTENANCE_SCHEDULE\"}"), 200);
    assert_null(strstr(buf_cstr(&w->got), "10.0.0.9"));
    assert_int_equal(operator_asks(w, "{\"type\":\"GET_MAINTENANCE_STATUS\"}"), 200);
    assert_null(strstr(buf_cstr(&w->got), "10.0.0.9"));
    world_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_operators, audit_begin, audit_end),
        cmocka_unit_test(test_teardown),
        cmocka_unit_test(test_maintenance_views),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
