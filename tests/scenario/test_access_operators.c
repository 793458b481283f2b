/* SPDX-License-Identifier: Apache-2.0 */
/* Each action of operators that a master enforces: refused, it is answered in the recorded words and nothing happens; allowed,
 * it goes on as ever. And what the audit log says of it. */
#include <unistd.h>

#include "base/file.h"
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
    {MESOS_ACTION_VIEW_FLAGS, NULL, "/flags", NULL, NULL, NULL},
    {MESOS_ACTION_GET_ENDPOINT_WITH_PATH, "/metrics/snapshot", "/metrics/snapshot", NULL, NULL, NULL},
    {MESOS_ACTION_GET_ENDPOINT_WITH_PATH, "/metrics/snapshot", "/metrics", NULL, NULL, NULL},
    {MESOS_ACTION_GET_ENDPOINT_WITH_PATH, "/metrics/snapshot", "/stats.json", NULL, NULL, NULL},
    {MESOS_ACTION_GET_ENDPOINT_WITH_PATH, "/files/debug", "/files/debug", NULL, NULL, NULL},
    {MESOS_ACTION_GET_ENDPOINT_WITH_PATH, "/files/debug.json", "/files/debug.json", NULL, NULL, NULL},
    {MESOS_ACTION_GET_ENDPOINT_WITH_PATH, "/logging/toggle", "/logging/toggle", NULL, NULL, NULL},
    {MESOS_ACTION_GET_ENDPOINT_WITH_PATH, "/logging/toggle", "/logging/toggle?level=0&duration=1secs", NULL, NULL, "/logging/toggle"},
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

static const char *
audit_text(struct buf *text, const char *path)
{
    buf_clear(text);
    assert_int_equal(file_read(path, 1 << 20, text, NULL), 0);
    return buf_cstr(text);
}

/* Lines that have both. */
static size_t
audit_lines(const char *text, const char *event, const char *more)
{
    auto_free char *wanted = xasprintf("\"event\":\"%s\"", event);
    size_t count = 0;
    for (struct str rest = str_of(text), line; rest.len;) {
        line = str_cut(&rest, '\n');
        count += memmem(line.ptr, line.len, wanted, strlen(wanted)) && memmem(line.ptr, line.len, more, strlen(more));
    }
    return count;
}

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

/* The outcome that belongs to what was answered. */
static void
expect_write(const char *text, const char *writes, int status)
{
    auto_free char *action = xasprintf("\"action\":\"%s\"", writes);
    const char *outcome = status == 200 ? "\"outcome\":\"done\"" : status == 501 ? "\"outcome\":\"not built yet\"" : "\"outcome\":\"";
    if (audit_lines(text, "write", "") != 1 || audit_lines(text, "write", action) != 1 || audit_lines(text, "write", outcome) != 1 ||
        audit_lines(text, "write", "\"peer\":\"") != 1 || (status != 200 && strstr(text, "\"done\"")))
        fail_msg("%s, answered with %d: %s", writes, status, text);
}

static void
expect_refusal(const char *text, const struct request *request)
{
    auto_free char *action = xasprintf("\"action\":\"%s\"", access_action_name(request->action));
    if (audit_lines(text, "refused", "") != 1 || audit_lines(text, "refused", action) != 1 || audit_lines(text, "write", "") != 0)
        fail_msg("%s of %s: %s", action, request->path ? request->path : request->body, text);
}

/* What it says from here on. */
static void
audit_empty(const char *path)
{
    assert_int_equal(truncate(path, 0), 0);
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
    char path[] = "/tmp/cmesos-audit-XXXXXX", room[64];
    auto_buf struct buf text = {0};
    (void)state;
    close(mkstemp(path));
    audit_path = path;
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
            expect_write(audit_text(&text, path), writes, status);
        else
            assert_string_equal(audit_text(&text, path), "");
    }
    world_free(w);
    audit_path = NULL;
    unlink(path);
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

static void
give(struct world *w, const char *path, const char *writes, const char *object, const char *call, const char *agent_id)
{
    auto_buf struct buf body = {0}, text = {0};
    const char *at = strchr(call, '@'); /* in place of the agent's id */
    auto_free char *wanted = xasprintf("\"object\":\"%s\"", object);
    buf_printf(&body, "{\"type\":\"%s\",%.*s%s%s}", writes, at ? (int)(at - call) : (int)strlen(call), call, at ? agent_id : "",
               at ? at + 1 : "");
    audit_empty(path);
    int status = operator_asks(w, buf_cstr(&body));
    if (status != 200)
        fail_msg("%s: %d %s", buf_cstr(&body), status, buf_cstr(&w->got));
    expect_write(audit_text(&text, path), writes, status);
    if (*object)
        assert_int_equal(audit_lines(buf_cstr(&text), "write", wanted), 1);
}

/* As admitted(), of an agent that can drain. */
static const char *
admitted_drainable(struct world *w)
{
    Mesos__Internal__RegisterSlaveMessage message = MESOS__INTERNAL__REGISTER_SLAVE_MESSAGE__INIT;
    Mesos__V1__AgentInfo__Capability capability = MESOS__V1__AGENT_INFO__CAPABILITY__INIT, *list[] = {&capability};
    char version[] = "1.11.0";
    capability.has_type = true;
    capability.type = MESOS__V1__AGENT_INFO__CAPABILITY__TYPE__AGENT_DRAINING;
    message.slave = agent_info(w, NULL);
    message.version = version;
    message.n_agent_capabilities = 1;
    message.agent_capabilities = list;
    agent_says(w, "slave(1)", "mesos.internal.RegisterSlaveMessage", &message);
    return admitted(w); /* which registers again, and hears the same */
}

/* Each order that was carried out says so, and upon what. */
static void
test_audit_of_what_was_done(void **state)
{
    char path[] = "/tmp/cmesos-audit-XXXXXX";
    (void)state;
    close(mkstemp(path));
    audit_path = path;
    struct world *w = world_ruled();
    auto_free char *id = xstrdup(admitted_drainable(w));
#define ON_AGENT(member) "\"" member "\":{\"agent_id\":{\"value\":\"@\"}}"
#define ON_MACHINE(member) "\"" member "\":{\"machines\":" MACHINES "}"
    give(w, path, "UPDATE_MAINTENANCE_SCHEDULE", "",
         "\"update_maintenance_schedule\":{\"schedule\":{\"windows\":[{\"machine_ids\":" MACHINES
         ",\"unavailability\":{\"start\":{\"nanoseconds\":1}}}]}}", id);
    give(w, path, "START_MAINTENANCE", "m 10.0.0.9", ON_MACHINE("start_maintenance"), id);
    give(w, path, "STOP_MAINTENANCE", "m 10.0.0.9", ON_MACHINE("stop_maintenance"), id);
    give(w, path, "DEACTIVATE_AGENT", id, ON_AGENT("deactivate_agent"), id);
    give(w, path, "REACTIVATE_AGENT", id, ON_AGENT("reactivate_agent"), id);
    give(w, path, "DRAIN_AGENT", id, ON_AGENT("drain_agent"), id);
    give(w, path, "MARK_AGENT_GONE", id, ON_AGENT("mark_agent_gone"), id);
    give(w, path, "SET_LOGGING_LEVEL", "level 0", "\"set_logging_level\":{\"level\":0,\"duration\":{\"nanoseconds\":1}}", id);
    subscribe(w, ",\"principal\":\"alice\"", NULL);
    auto_free char *framework_id = xstrdup(w->framework_id);
    give(w, path, "TEARDOWN", framework_id, "\"teardown\":{\"framework_id\":{\"value\":\"@\"}}", framework_id);
    world_free(w);
    audit_path = NULL;
    unlink(path);
}

/* Nor does an order pass unseen that is for nobody. */
static void
test_audit_of_a_teardown_of_nobody(void **state)
{
    char path[] = "/tmp/cmesos-audit-XXXXXX";
    auto_buf struct buf text = {0};
    (void)state;
    close(mkstemp(path));
    audit_path = path;
    struct world *w = world_ruled();
    assert_int_equal(operator_asks(w, "{\"type\":\"TEARDOWN\",\"teardown\":{\"framework_id\":{\"value\":\"gone\"}}}"), 400);
    expect_write(audit_text(&text, path), "TEARDOWN", 400);
    audit_empty(path);
    assert_int_equal(ask(w, "POST", "/teardown", "application/x-www-form-urlencoded", "frameworkId=gone"), 400);
    expect_write(audit_text(&text, path), "TEARDOWN", 400);
    assert_int_equal(audit_lines(buf_cstr(&text), "write", "\"object\":\"gone\""), 1);
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

/* ---- who is not whom they say ---- */

static void
on_refusal(const struct http_response *response, void *arg)
{
    struct world *w = arg;
    w->status = response->status;
    buf_clear(&w->got);
    buf_append_str(&w->got, buf_str(response->body));
}

/* One call of somebody. */
static void
call_as(struct world *w, const char *who, const char *endpoint, const char *body)
{
    static const struct http_call_handler handler = {.on_response = on_refusal};
    const struct http_header headers[] = {{STR_LIT("Authorization"), str_of(who)},
                                          {STR_LIT("Accept"), STR_LIT("application/json")},
                                          {STR_LIT("Content-Type"), STR_LIT("application/json")}};
    struct http_client *client = http_client_new(w->loop, &w->master_at, "10.0.0.1:5050");
    w->status = 0;
    http_client_send(client, "POST", endpoint, headers, 3, str_of(body), 0, &handler, w);
    pass(w, 60);
    http_client_free(client);
}

/* One call of a scheduler: what is answered, and what it leaves in the audit log. */
static void
expect_login_failed(struct world *w, const char *path, const char *who, const char *body, int status, const char *const *members)
{
    auto_buf struct buf text = {0};
    audit_empty(path);
    call_as(w, who, "/api/v1/scheduler", body);
    if (w->status != status)
        fail_msg("%s as %s: %d %s", body, who, w->status, buf_cstr(&w->got));
    assert_int_equal(audit_lines(audit_text(&text, path), "login-failed", ""), 1);
    for (size_t i = 0; members[i]; i++)
        if (!strstr(buf_cstr(&text), members[i]))
            fail_msg("%s as %s: no %s in %s", body, who, members[i], buf_cstr(&text));
}

static void
test_audit_of_strangers(void **state)
{
    static const char *const of_another[] = {"\"principal\":\"bob\"", "\"claimed\":\"alice\"", "\"peer\":\"",
                                             "does not match principal 'alice'", NULL};
    static const char *const nameless[] = {"\"claims\":{\"fid\":\"f\"}", "\"peer\":\"", "needs a principal with a name", NULL};
    Mesos__Internal__RegisterFrameworkMessage message = MESOS__INTERNAL__REGISTER_FRAMEWORK_MESSAGE__INIT;
    Mesos__V1__FrameworkInfo info = MESOS__V1__FRAMEWORK_INFO__INIT;
    char path[] = "/tmp/cmesos-audit-XXXXXX", user[] = "root", name[] = "fw", principal[] = "alice";
    (void)state;
    close(mkstemp(path));
    audit_path = path;
    struct world *w = world_ruled_schedulers_by_name();
    message.framework = &info;
    info.user = user;
    info.name = name;
    info.principal = principal;
    agent_says(w, "slave(2)", "mesos.internal.RegisterFrameworkMessage", &message);
    pass(w, 60);
    const char *at = strstr(get(w, "/frameworks"), "\"id\":\"");
    assert_non_null(at);
    auto_free char *revive = xasprintf("{\"type\":\"REVIVE\",\"framework_id\":{\"value\":\"%.*s\"}}", (int)strcspn(at + 6, "\""), at + 6);
#define SUBSCRIBE "{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"framework_info\":{\"user\":\"u\",\"name\":\"n\",\"principal\":\"alice\"}}}"
    expect_login_failed(w, path, "bob", revive, 400, of_another);
    expect_login_failed(w, path, "bob", SUBSCRIBE, 400, of_another);
    expect_login_failed(w, path, "+fid=f", SUBSCRIBE, 403, nameless);
    world_free(w);
    audit_path = NULL;
    unlink(path);
}

/* Who reserves for another has tried to. */
static void
test_audit_of_reservations_for_others(void **state)
{
    char path[] = "/tmp/cmesos-audit-XXXXXX";
    auto_buf struct buf text = {0};
    (void)state;
    close(mkstemp(path));
    audit_path = path;
    struct world *w = world_ruled_by_name();
    auto_free char *body = xasprintf("{\"type\":\"RESERVE_RESOURCES\",\"reserve_resources\":{\"agent_id\":{\"value\":\"%s\"},"
                                     "\"resources\":[" RESOURCE "]}}",
                                     admitted(w));
    audit_empty(path);
    call_as(w, "bob", "/api/v1", body);
    assert_int_equal(w->status, 400);
    expect_write(audit_text(&text, path), "RESERVE_RESOURCES", 400);
    assert_non_null(strstr(buf_cstr(&text), "\"principal\":\"bob\""));
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
        cmocka_unit_test(test_audit_of_what_was_done),
        cmocka_unit_test(test_audit_of_a_teardown_of_nobody),
        cmocka_unit_test(test_audit_peers),
        cmocka_unit_test(test_audit_of_strangers),
        cmocka_unit_test(test_audit_of_reservations_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
