/* SPDX-License-Identifier: Apache-2.0 */
/* Each action of operators that a master enforces: refused, it is answered in the recorded words and nothing happens; allowed,
 * it goes on as ever. And what the audit log says of it. */
#include <unistd.h>

#include "base/file.h"
#include "notary.h"

static const char forbidden[] = "403 Forbidden.";

struct request {
    enum mesos_action action;
    const char *value; /* NULL = all */
    const char *path, *body; /* path NULL: POST /api/v1; a body makes it a POST */
    const char *method; /* NULL = by the body */
};

#define V1(ACTION, value, body) {MESOS_ACTION_##ACTION, value, NULL, "{\"type\":\"" body "}", NULL}
#define RESOURCE "{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":10}," VOLUME "}"
#define AGENT    "\"agent_id\":{\"value\":\"none\"}"
#define MACHINES "[{\"hostname\":\"m\",\"ip\":\"10.0.0.9\"}]"

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
    {MESOS_ACTION_VIEW_FLAGS, NULL, "/flags", NULL, NULL},
    {MESOS_ACTION_GET_ENDPOINT_WITH_PATH, "/metrics/snapshot", "/metrics/snapshot", NULL, NULL},
    {MESOS_ACTION_GET_ENDPOINT_WITH_PATH, "/metrics/snapshot", "/metrics", NULL, NULL},
    {MESOS_ACTION_GET_ENDPOINT_WITH_PATH, "/metrics/snapshot", "/stats.json", NULL, NULL},
    {MESOS_ACTION_GET_ENDPOINT_WITH_PATH, "/files/debug", "/files/debug", NULL, NULL},
    {MESOS_ACTION_GET_ENDPOINT_WITH_PATH, "/files/debug.json", "/files/debug.json", NULL, NULL},
    {MESOS_ACTION_GET_ENDPOINT_WITH_PATH, "/logging/toggle", "/logging/toggle", NULL, NULL},
    {MESOS_ACTION_UPDATE_MAINTENANCE_SCHEDULE, NULL, "/maintenance/schedule", "{}", NULL},
    {MESOS_ACTION_START_MAINTENANCE, NULL, "/machine/down", MACHINES, NULL},
    {MESOS_ACTION_STOP_MAINTENANCE, NULL, "/machine/up", MACHINES, NULL},
    {MESOS_ACTION_UPDATE_WEIGHT, "web", "/weights", "[{\"role\":\"web\",\"weight\":2}]", "PUT"},
    {MESOS_ACTION_UPDATE_WEIGHT, NULL, "/weights", "nonsense", "PUT"},
    {MESOS_ACTION_UPDATE_QUOTA, "web", "/quota", "{\"role\":\"web\"}", "POST"},
    {MESOS_ACTION_UPDATE_QUOTA, NULL, "/quota", "nonsense", "POST"},
    {MESOS_ACTION_UPDATE_QUOTA, "web", "/quota/web", "", "DELETE"},
    {MESOS_ACTION_UPDATE_QUOTA, "a/b", "/quota/a%2Fb", "", "DELETE"},
    {MESOS_ACTION_RESERVE_RESOURCES, "web", "/reserve", "slaveId=x&resources=[" RESOURCE "]", NULL},
    {MESOS_ACTION_RESERVE_RESOURCES, NULL, "/reserve", "nonsense", NULL},
    {MESOS_ACTION_UNRESERVE_RESOURCES, "alice", "/unreserve", "slaveId=x&resources=[" RESOURCE "]", NULL},
    {MESOS_ACTION_CREATE_VOLUME, "web", "/create-volumes", "slaveId=x&volumes=[" RESOURCE "]", NULL},
    {MESOS_ACTION_DESTROY_VOLUME, "bob", "/destroy-volumes", "slaveId=x&volumes=[" RESOURCE "]", NULL},
};

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
    struct world *w = world_ruled();
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        const struct request *request = &requests[i];
        const char *name = request->path ? request->path : request->body;
        notary_forget();
        notary_refuse(request->action, request->value, NULL);
        int status = request_again(w, request);
        if (status != 403 || strcmp(buf_cstr(&w->got), forbidden) != 0)
            fail_msg("%s, which may not be: %d %s", name, status, buf_cstr(&w->got));
        notary_forget();
        status = request_again(w, request);
        if (status <= 0 || status == 401 || status == 403)
            fail_msg("%s, which may be: %d %s", name, status, buf_cstr(&w->got));
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

/* ---- the audit log ---- */

static const char *
audit_text(struct buf *text, const char *path)
{
    buf_clear(text);
    assert_int_equal(file_read(path, 1 << 20, text, NULL), 0);
    return buf_cstr(text);
}

/* Orders are written with their outcome, refusals of the rules by the rules' own line. */
static void
test_audit(void **state)
{
    char path[] = "/tmp/cmesos-audit-XXXXXX";
    auto_buf struct buf text = {0}, form = {0};
    (void)state;
    close(mkstemp(path));
    audit_path = path;
    struct world *w = world_ruled();
    subscribe(w, ",\"principal\":\"alice\"", NULL);
    buf_printf(&form, "frameworkId=%s", w->framework_id);
    MAY_NOT(TEARDOWN_FRAMEWORK, "alice");
    ask(w, "POST", "/teardown", "application/x-www-form-urlencoded", buf_cstr(&form));
    assert_null(strstr(audit_text(&text, path), "\"write\""));
    assert_non_null(strstr(audit_text(&text, path), "\"TEARDOWN_FRAMEWORK\""));
    notary_forget();
    ask(w, "POST", "/teardown", "application/x-www-form-urlencoded", buf_cstr(&form));
    assert_non_null(strstr(audit_text(&text, path), "\"TEARDOWN\""));
    assert_non_null(strstr(audit_text(&text, path), w->framework_id));
    operator_asks(w, "{\"type\":\"DRAIN_AGENT\",\"drain_agent\":{" AGENT "}}");
    assert_non_null(strstr(audit_text(&text, path), "Unknown agent"));
    ask(w, "POST", "/machine/down", "application/json", MACHINES);
    assert_non_null(strstr(audit_text(&text, path), "START_MAINTENANCE"));
    ask(w, "POST", "/maintenance/schedule", "application/json", "{}");
    assert_non_null(strstr(audit_text(&text, path), "UPDATE_MAINTENANCE_SCHEDULE"));
    operator_asks(w, "{\"type\":\"RESERVE_RESOURCES\",\"reserve_resources\":{" AGENT ",\"resources\":[" RESOURCE "]}}");
    operator_asks(w, "{\"type\":\"SET_QUOTA\",\"set_quota\":{\"quota_request\":{\"role\":\"web\"}}}");
    /* The route decides, whatever else is in the path. */
    ask(w, "POST", "/master/reserve/unreserve", "application/x-www-form-urlencoded", "slaveId=S1&resources=[" RESOURCE "]");
    ask(w, "POST", "/create-volumes/destroy", "application/x-www-form-urlencoded", "slaveId=S2&volumes=[" RESOURCE "]");
    ask(w, "DELETE", "/quota/web", NULL, NULL);
    ask(w, "PUT", "/weights", "application/json", "[{\"role\":\"web\",\"weight\":2}]");
    static const char *const later[] = {"RESERVE_RESOURCES", "SET_QUOTA\",\"object\":\"web", "RESERVE_RESOURCES\",\"object\":\"S1",
                                        "CREATE_VOLUMES\",\"object\":\"S2", "REMOVE_QUOTA", "UPDATE_WEIGHTS"};
    const char *at = audit_text(&text, path);
    for (size_t i = 0; i < ARRAY_LEN(later); i++) {
        at = strstr(at, later[i]);
        assert_non_null(at);
        at = strstr(at, "\"outcome\":\"not built yet\"");
        assert_non_null(at);
    }
    world_free(w);
    audit_path = NULL;
    unlink(path);
}

/* The refusal of the action has an address. */
static void
expect_peer(const char *text, const char *action)
{
    auto_free char *wanted = xasprintf("\"action\":\"%s\"", action);
    const char *at = strstr(text, wanted);
    if (!at)
        fail_msg("%s is not there: %s", action, text);
    while (at > text && at[-1] != '\n')
        at--;
    auto_free char *line = xasprintf("%.*s", (int)strcspn(at, "\n"), at);
    if (!strstr(line, "\"peer\":\""))
        fail_msg("no peer: %s", line);
}

static void
test_audit_peers(void **state)
{
    char path[] = "/tmp/cmesos-audit-XXXXXX";
    auto_buf struct buf text = {0};
    (void)state;
    close(mkstemp(path));
    audit_path = path;
    struct world *w = world_ruled();
    MAY_NOT(REGISTER_FRAMEWORK, "*");
    subscribe(w, ",\"principal\":\"alice\"", NULL);
    MAY_NOT(REGISTER_AGENT, NULL);
    agent_registers(w, "slave(1)");
    pass(w, 100);
    notary_forget();
    MAY_NOT(RUN_TASK, "root");
    admitted(w);
    subscribe(w, ",\"principal\":\"alice\"", NULL);
    launch(w, "asroot");
    expect_peer(audit_text(&text, path), "REGISTER_FRAMEWORK");
    expect_peer(audit_text(&text, path), "REGISTER_AGENT");
    expect_peer(audit_text(&text, path), "RUN_TASK");
    world_free(w);
    audit_path = NULL;
    unlink(path);
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
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_teardown),
        cmocka_unit_test(test_maintenance_views),
        cmocka_unit_test(test_audit),
        cmocka_unit_test(test_audit_peers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
