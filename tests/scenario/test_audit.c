/* SPDX-License-Identifier: Apache-2.0 */
/* What a master's audit log says of orders, of who gave them, of refusals and of those who are not who they say. (Each call of
 * operators is test_access_operators.c's.) */
#include "audit_log.h"
#include "notary.h"

/* Orders are written with their outcome, refusals of the rules by the rules' own line. */
static void
test_audit(void **state)
{
    const char *path = *state;
    auto_buf struct buf text = {0}, form = {0};
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
    ask(w, "POST", "/quota", "application/json", "{\"role\":\"ads\"}");
    ask(w, "PUT", "/weights", "application/json", "[{\"role\":\"web\",\"weight\":2},{\"role\":\"ads\",\"weight\":1}]");
    operator_asks(w, "{\"type\":\"UPDATE_WEIGHTS\",\"update_weights\":{\"weight_infos\":["
                     "{\"role\":\"ads\",\"weight\":2},{\"role\":\"web\",\"weight\":2}]}}");
    operator_asks(w, "{\"type\":\"UPDATE_QUOTA\",\"update_quota\":{\"quota_configs\":[{\"role\":\"a\"},{\"role\":\"b\"}]}}");
    static const char *const later[] = {"RESERVE_RESOURCES", "SET_QUOTA\",\"object\":\"web", "RESERVE_RESOURCES\",\"object\":\"S1",
                                        "CREATE_VOLUMES\",\"object\":\"S2", "REMOVE_QUOTA\",\"object\":\"web\"",
                                        "SET_QUOTA\",\"object\":\"ads\"", "UPDATE_WEIGHTS\",\"object\":\"web,ads\"",
                                        "UPDATE_WEIGHTS\",\"object\":\"ads,web\"", "UPDATE_QUOTA\",\"object\":\"a,b\""};
    const char *at = audit_text(&text, path);
    for (size_t i = 0; i < ARRAY_LEN(later); i++) {
        at = strstr(at, later[i]);
        assert_non_null(at);
        at = strstr(at, "\"outcome\":\"not built yet\"");
        assert_non_null(at);
    }
    /* So many that nobody would read them: the first ones. */
    auto_buf struct buf many = {0};
    for (size_t i = 0; i < 300; i++)
        buf_printf(&many, "%s{\"role\":\"role-%zu\",\"weight\":2}", i ? "," : "[", i);
    buf_putc(&many, ']');
    audit_empty(path);
    ask(w, "PUT", "/weights", "application/json", buf_cstr(&many));
    assert_non_null(strstr(audit_text(&text, path), "\"object\":\"role-0,role-1,role-2,"));
    assert_in_range(text.len, 512, 1000);
    audit_empty(path);
    assert_int_equal(ask(w, "POST", "/logging/toggle?level=0&duration=1ms", NULL, NULL), 200);
    assert_int_equal(audit_lines(audit_text(&text, path), "write", "\"object\":\"level 0\""), 1);
    world_free(w);
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
    audit_expect_write(audit_text(&text, path), writes, status);
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
    const char *path = *state;
    struct world *w = world_ruled();
    auto_free char *id = xstrdup(admitted_drainable(w));
#define ON_AGENT(member) "\"" member "\":{\"agent_id\":{\"value\":\"@\"}}"
#define ON_MACHINE(member) "\"" member "\":{\"machines\":" MACHINES "}"
    give(w, path, "UPDATE_MAINTENANCE_SCHEDULE", "m 10.0.0.9",
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
}

/* Nor does an order pass unseen that is for nobody. */
static void
test_audit_of_a_teardown_of_nobody(void **state)
{
    const char *path = *state;
    auto_buf struct buf text = {0};
    struct world *w = world_ruled();
    assert_int_equal(operator_asks(w, "{\"type\":\"TEARDOWN\",\"teardown\":{\"framework_id\":{\"value\":\"gone\"}}}"), 400);
    audit_expect_write(audit_text(&text, path), "TEARDOWN", 400);
    audit_empty(path);
    assert_int_equal(ask(w, "POST", "/teardown", "application/x-www-form-urlencoded", "frameworkId=gone"), 400);
    audit_expect_write(audit_text(&text, path), "TEARDOWN", 400);
    assert_int_equal(audit_lines(buf_cstr(&text), "write", "\"object\":\"gone\""), 1);
    world_free(w);
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
    const char *path = *state;
    auto_buf struct buf text = {0};
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
}

/* ---- who is not whom they say ---- */

/* An agent is back that knows the framework as that principal's. */
static void
agent_knows(struct world *w, const char *id, const char *principal)
{
    static const char format[] = "{\"slave\":{\"hostname\":\"\"},\"version\":\"1.11.0\",\"frameworks\":[{\"user\":\"root\",\"name\":\"x\","
                                 "\"id\":{\"value\":\"%s\"},\"principal\":\"%s\"}]}";
    struct err err = {0};
    auto_free char *json = xasprintf(format, w->framework_id, principal);
    Mesos__Internal__ReregisterSlaveMessage *message =
        MESSAGE_FROM_JSON(Mesos__Internal__ReregisterSlaveMessage, mesos__internal__reregister_slave_message, str_of(json),
                          w->arena, &err);
    assert_string_equal(err.text, "");
    message->slave = agent_info(w, id);
    agent_says(w, "slave(1)", "mesos.internal.ReregisterSlaveMessage", message);
    pass(w, 100);
    assert_non_null(heard(w, "SlaveReregisteredMessage"));
}

/* Bob has subscribed by an id that no agent was there to know: it is Alice's, who runs tasks by it. */
static void
test_audit_of_an_id_that_was_taken(void **state)
{
    const char *path = *state;
    auto_buf struct buf text = {0};
    struct world *w = world_ruled();
    subscribe(w, ",\"principal\":\"bob\"", "of-alice");
    assert_string_equal(w->framework_id, "of-alice");
    audit_empty(path);
    agent_knows(w, "former-S1", "bob");
    agent_knows(w, "former-S1", "");
    assert_string_equal(audit_text(&text, path), "");
    agent_knows(w, "former-S1", "alice");
    audit_expect_login_failed(path, (const char *const[]){"\"principal\":\"bob\"", "\"claimed\":\"alice\"", "of-alice", "former-S1",
                                                          "\"peer\":\"", NULL});
    world_free(w);
}

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
    audit_empty(path);
    call_as(w, who, "/api/v1/scheduler", body);
    if (w->status != status)
        fail_msg("%s as %s: %d %s", body, who, w->status, buf_cstr(&w->got));
    audit_expect_login_failed(path, members);
}

static void
test_audit_of_strangers(void **state)
{
    static const char *const of_another[] = {"\"principal\":\"bob\"", "\"claimed\":\"alice\"", "\"peer\":\"",
                                             "does not match principal 'alice'", NULL};
    static const char *const nameless[] = {"\"claims\":{\"fid\":\"f\"}", "\"peer\":\"", "needs a principal with a name", NULL};
    Mesos__Internal__RegisterFrameworkMessage message = MESOS__INTERNAL__REGISTER_FRAMEWORK_MESSAGE__INIT;
    Mesos__V1__FrameworkInfo info = MESOS__V1__FRAMEWORK_INFO__INIT;
    char user[] = "root", name[] = "fw", principal[] = "alice";
    const char *path = *state;
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
}

/* Who reserves for another has tried to. */
static void
test_audit_of_reservations_for_others(void **state)
{
    const char *path = *state;
    auto_buf struct buf text = {0};
    struct world *w = world_ruled_by_name();
    auto_free char *body = xasprintf("{\"type\":\"RESERVE_RESOURCES\",\"reserve_resources\":{\"agent_id\":{\"value\":\"%s\"},"
                                     "\"resources\":[" RESOURCE "]}}",
                                     admitted(w));
    audit_empty(path);
    call_as(w, "bob", "/api/v1", body);
    assert_int_equal(w->status, 400);
    audit_expect_write(audit_text(&text, path), "RESERVE_RESOURCES", 400);
    assert_non_null(strstr(buf_cstr(&text), "\"principal\":\"bob\""));
    world_free(w);
}

#define AUDITED(test) cmocka_unit_test_setup_teardown(test, audit_begin, audit_end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        AUDITED(test_audit),
        AUDITED(test_audit_of_what_was_done),
        AUDITED(test_audit_of_a_teardown_of_nobody),
        AUDITED(test_audit_peers),
        AUDITED(test_audit_of_an_id_that_was_taken),
        AUDITED(test_audit_of_strangers),
        AUDITED(test_audit_of_reservations_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
