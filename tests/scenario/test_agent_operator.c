/* SPDX-License-Identifier: Apache-2.0 */
/* Operators' calls on containers of an agent whose containerizer can do little. */
#include "lone_agent.h"

struct operator_answer {
    int status;
    char text[300];
};

static void
on_operator_answer(const struct http_response *response, void *arg)
{
    struct operator_answer *answer = arg;
    answer->status = response->status;
    snprintf(answer->text, sizeof(answer->text), "%.*s", STR_ARG(buf_str(response->body)));
}

/* One call on the container of task "t" (whose id takes the place of @), or below it; nothing of it may bring the agent down. */
static void
operator_asks(struct world *w, int status, const char *text, const char *call, const char *body)
{
    static const struct http_call_handler handler = {.on_response = on_operator_answer};
    static const struct http_header headers[] = {{STR_LIT("Content-Type"), STR_LIT("application/json")},
                                                 {STR_LIT("Accept"), STR_LIT("application/json")}};
    struct operator_answer answer = {0};
    const char *at = strchr(body, '@');
    const char *whole = arena_printf(w->arena, "{\"type\":\"%s\",%.*s%s%s}", call, (int)(at - body), body,
                                     containers.list[0].id, at + 1);
    if (!w->calls)
        w->calls = http_client_new(w->loop, &w->agent_at, "agent");
    http_client_send(w->calls, "POST", "/api/v1", headers, ARRAY_LEN(headers), str_of(whole), 0, &handler, &answer);
    pass(w, 1000);
    assert_int_equal(answer.status, status);
    assert_non_null(strstr(answer.text, text));
}

/* As one for Docker would be that only runs tasks: what it lacks is refused by name. */
static void
test_containerizer_that_can_do_little(void **state)
{
    struct world *w = *state;
    running(w);
    operator_asks(w, 400, "does not nest containers", "LAUNCH_CONTAINER",
                  "\"launch_container\":{\"container_id\":{\"value\":\"n\",\"parent\":{\"value\":\"@\"}}}");
    operator_asks(w, 400, "does not nest containers", "LAUNCH_NESTED_CONTAINER_SESSION",
                  "\"launch_nested_container_session\":{\"container_id\":{\"value\":\"n\",\"parent\":{"
                  "\"value\":\"@\"}}}");
    operator_asks(w, 500, "Attaching is not supported by containerizer 'test'", "ATTACH_CONTAINER_OUTPUT",
                  "\"attach_container_output\":{\"container_id\":{\"value\":\"@\"}}");
    operator_asks(w, 500, "Failed to kill container", "KILL_CONTAINER",
                  "\"kill_container\":{\"container_id\":{\"value\":\"@\"}}");
    operator_asks(w, 500, "this containerizer does not support it", "REMOVE_CONTAINER",
                  "\"remove_container\":{\"container_id\":{\"value\":\"@\"}}");
    operator_asks(w, 404, "cannot be found", "WAIT_CONTAINER",
                  "\"wait_container\":{\"container_id\":{\"value\":\"n\",\"parent\":{\"value\":\"@\"}}}");
    operator_asks(w, 200, "GET_CONTAINERS", "GET_CONTAINERS",
                  "\"get_containers\":{\"show_nested\":true,\"show_standalone\":true},\"@\":1");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_containerizer_that_can_do_little),
    };
    log_open(&(struct log_options){.program = "test", .level = LOG_LEVEL_ERROR}, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
