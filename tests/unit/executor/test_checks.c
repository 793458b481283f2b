/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks and health checks with real commands and real sockets: which results are told, when a task is given up, and
 * what servers that mean no good can do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "executor/check.h"
#include "executor/task_checks.h"
#include "executor/task_process.h"
#include "loop/stream.h"
#include "wire/message.h"

enum { TOLD_MAX = 32 };

struct told {
    int reason, healthy /* -1 = unset */, value /* of the check, -1 = unset */;
};

struct world {
    struct loop *loop;
    struct arena *arena;
    struct task_checks *checks;
    struct told told[TOLD_MAX];
    int count, unhealthy, enough;
    /* a server that says one thing */
    struct stream_listener *listener;
    struct stream *peers[64];
    int accepted;
    const char *answer;
    bool hang_up, trickle;
    struct loop_timer more;
    const char *launcher_dir;
};

#define HEALTH MESOS__V1__TASK_STATUS__REASON__REASON_TASK_HEALTH_CHECK_STATUS_UPDATED
#define CHECK  MESOS__V1__TASK_STATUS__REASON__REASON_TASK_CHECK_STATUS_UPDATED

static void
on_status(Mesos__V1__TaskStatus *status, void *arg)
{
    struct world *world = arg;
    const Mesos__V1__CheckStatusInfo *check = status->check_status;
    int value = -1;
    assert_int_equal(status->state, MESOS__V1__TASK_STATE__TASK_RUNNING);
    assert_true(world->count < TOLD_MAX);
    if (check && check->command && check->command->has_exit_code)
        value = check->command->exit_code;
    if (check && check->http && check->http->has_status_code)
        value = (int)check->http->status_code;
    if (check && check->tcp && check->tcp->has_succeeded)
        value = check->tcp->succeeded;
    world->told[world->count++] =
        (struct told){(int)status->reason, status->has_healthy ? status->healthy : -1, value};
}

static void
on_unhealthy(void *arg)
{
    struct world *world = arg;
    world->unhealthy++;
    task_checks_pause(world->checks); /* as an executor does that kills */
}

static void
on_chld(int signo, void *arg)
{
    struct world *world = arg;
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        task_checks_reap(world->checks, pid, status);
}

static void
begin(struct world *world)
{
    struct err err = {0};
    *world = (struct world){.enough = TOLD_MAX};
    world->loop = loop_new(NULL, &err);
    world->arena = arena_new(0);
    assert_int_equal(loop_signal(world->loop, SIGCHLD, on_chld, world, &err), 0);
}

static void
check(struct world *world, const char *rest)
{
    static const struct task_checks_handler handler = {on_status, on_unhealthy};
    struct err err = {0};
    struct probe_tools tools = {.loop = world->loop, .launcher_dir = world->launcher_dir};
    auto_free char *json = xasprintf("{\"name\":\"t\",\"task_id\":{\"value\":\"t\"},\"agent_id\":{\"value\":\"s\"},%s}", rest);
    const Mesos__V1__TaskInfo *task =
        MESSAGE_FROM_JSON(Mesos__V1__TaskInfo, mesos__v1__task_info, str_of(json), world->arena, &err);
    if (!task)
        fail_msg("%s", err.text);
    world->checks = task_checks_new(&tools, task, &handler, world);
}

static void
end(struct world *world)
{
    task_checks_free(world->checks);
    for (int i = 0; i < world->accepted; i++)
        stream_close(world->peers[i]);
    loop_timer_stop(&world->more);
    stream_listener_free(world->listener);
    loop_free(world->loop);
    arena_free(world->arena);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
}

static bool
has_enough(void *arg)
{
    const struct world *world = arg;
    return world->count >= world->enough || world->unhealthy;
}

static void
run(struct world *world, int enough)
{
    world->enough = enough;
    assert_true(loop_run_until(world->loop, has_enough, world, 10000));
}

static void
run_ms(struct world *world, int64_t ms)
{
    world->enough = TOLD_MAX;
    assert_false(loop_run_until(world->loop, has_enough, world, ms));
}

static void
assert_told(const struct world *world, int at, int reason, int healthy, int value)
{
    assert_true(at < world->count);
    assert_int_equal(world->told[at].reason, reason);
    assert_int_equal(world->told[at].healthy, healthy);
    assert_int_equal(world->told[at].value, value);
}

/* ---- a server ---- */

static void
on_more(void *arg)
{
    struct world *world = arg;
    stream_write(world->peers[world->accepted - 1], "x", 1);
    loop_timer_start(&world->more, 20);
}

static void
on_request(struct stream *stream, struct buf *in, void *arg)
{
    struct world *world = arg;
    if (!memmem(buf_data(in), in->len, "\r\n\r\n", 4))
        return;
    buf_clear(in);
    if (world->answer)
        stream_write(stream, world->answer, strlen(world->answer));
    if (world->hang_up)
        stream_finish(stream);
    if (world->trickle)
        loop_timer_start(&world->more, 20);
}

static void
on_closed(struct stream *stream, const struct err *err, void *arg)
{
    loop_timer_stop(&((struct world *)arg)->more);
}

static void
on_accept(struct stream *stream, void *arg)
{
    static const struct stream_handler handler = {.on_data = on_request, .on_close = on_closed};
    struct world *world = arg;
    assert_true(world->accepted < (int)ARRAY_LEN(world->peers));
    world->peers[world->accepted++] = stream;
    stream_handle(stream, &handler, world);
}

static unsigned
serve(struct world *world, const char *answer, bool hang_up)
{
    struct address at;
    struct err err = {0};
    world->answer = answer;
    world->hang_up = hang_up;
    loop_timer_init(&world->more, world->loop, on_more, world);
    assert_int_equal(address_parse(STR_LIT("127.0.0.1:0"), &at, &err), 0);
    world->listener = stream_listen(world->loop, &at, on_accept, world, &err);
    assert_non_null(world->listener);
    return address_port(stream_listener_address(world->listener));
}

/* ---- plans ---- */

static void
test_plans(void **state)
{
    Mesos__V1__CheckInfo check = MESOS__V1__CHECK_INFO__INIT;
    Mesos__V1__CheckInfo__Http http = MESOS__V1__CHECK_INFO__HTTP__INIT;
    Mesos__V1__HealthCheck health = MESOS__V1__HEALTH_CHECK__INIT;
    Mesos__V1__HealthCheck__TCPCheckInfo tcp = MESOS__V1__HEALTH_CHECK__TCPCHECK_INFO__INIT;
    struct check_plan plan;
    struct err err = {0};
    assert_int_equal(check_plan_check(&check, &plan, &err), -EINVAL);
    check.has_type = true;
    check.type = MESOS__V1__CHECK_INFO__TYPE__HTTP;
    assert_int_equal(check_plan_check(&check, &plan, &err), -EINVAL);
    check.http = &http;
    http.port = 65536;
    assert_int_equal(check_plan_check(&check, &plan, &err), -EINVAL);
    assert_non_null(strstr(err.text, "65536"));
    http.port = 80;
    assert_int_equal(check_plan_check(&check, &plan, &err), 0);
    assert_true(plan.delay_ns == 15000000000 && plan.interval_ns == 10000000000 && plan.timeout_ns == 20000000000);
    assert_int_equal(check_plan_health(&health, &plan, &err), -EINVAL);
    health.has_type = true;
    health.type = MESOS__V1__HEALTH_CHECK__TYPE__TCP;
    health.tcp = &tcp;
    tcp.port = 1;
    tcp.has_protocol = true;
    tcp.protocol = MESOS__V1__NETWORK_INFO__PROTOCOL__IPv6;
    assert_int_equal(check_plan_health(&health, &plan, &err), 0);
    assert_true(plan.target.ipv6 && plan.target.port == 1);
}

static void
test_seconds_in_range(void **state)
{
    assert_true(check_seconds_ns(0.25) == 250000000);
    assert_true(check_seconds_ns(-1) == 0 && check_seconds_ns(NAN) == 0 && check_seconds_ns(-INFINITY) == 0);
    assert_true(check_seconds_ns(INFINITY) > 0 && check_seconds_ns(1e300) > 0);
}

/* ---- what is told ---- */

static void
test_checks_tell_changes_alone(void **state)
{
    struct world world;
    char path[] = "/tmp/test_checks.XXXXXX", json[512];
    close(mkstemp(path));
    begin(&world);
    snprintf(json, sizeof(json),
             "\"check\":{\"type\":\"COMMAND\",\"command\":{\"command\":{\"value\":\"echo >>%s; n=$(wc -l <%s); exit "
             "$((n > 3))\"}},\"delay_seconds\":0,\"interval_seconds\":0.01}", path, path);
    check(&world, json);
    run(&world, 2);
    assert_told(&world, 0, CHECK, -1, 0);
    assert_told(&world, 1, CHECK, -1, 1);
    run_ms(&world, 200); /* 1 again and again: nothing new */
    assert_int_equal(world.count, 2);
    end(&world);
    unlink(path);
}

static void
test_a_check_that_cannot_run_says_so_once(void **state)
{
    struct world world;
    begin(&world);
    check(&world, "\"check\":{\"type\":\"COMMAND\",\"command\":{\"command\":{\"value\":\"test -e $0.$PPID && kill -9 $$; "
                  "touch $0.$PPID; exit 0\"}},\"delay_seconds\":0,\"interval_seconds\":0.01}");
    run(&world, 2);
    assert_told(&world, 0, CHECK, -1, 0);
    assert_told(&world, 1, CHECK, -1, -1); /* killed: known no more */
    run_ms(&world, 100);
    assert_int_equal(world.count, 2);
    end(&world);
    char name[64];
    snprintf(name, sizeof(name), "sh.%d", (int)getpid());
    assert_int_equal(unlink(name), 0);
}

static void
test_health_failures_recovery_and_end(void **state)
{
    struct world world;
    char path[] = "/tmp/test_checks.XXXXXX", json[512];
    close(mkstemp(path));
    begin(&world);
    /* good, bad, bad, good, good, bad for ever; three in a row are too many */
    snprintf(json, sizeof(json),
             "\"health_check\":{\"type\":\"COMMAND\",\"command\":{\"value\":\"echo >>%s; case $(wc -l <%s) in 1|4|5) exit 0;; "
             "*) exit 7;; esac\"},\"delay_seconds\":0,\"interval_seconds\":0.01,\"grace_period_seconds\":0,"
             "\"consecutive_failures\":3}", path, path);
    check(&world, json);
    assert_true(loop_run_until(world.loop, has_enough, &world, 10000));
    int expected[] = {1, 0, 0, 1, 0, 0, 0};
    assert_int_equal(world.count, (int)ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_told(&world, (int)i, HEALTH, expected[i], -1);
    assert_int_equal(world.unhealthy, 1);
    world.unhealthy = 0;
    run_ms(&world, 100); /* paused: nothing more */
    assert_int_equal(world.count, (int)ARRAY_LEN(expected));
    end(&world);
    unlink(path);
}

static void
test_grace_period_ends_with_the_first_success(void **state)
{
    struct world world;
    begin(&world);
    check(&world, "\"health_check\":{\"type\":\"COMMAND\",\"command\":{\"value\":\"false\"},\"delay_seconds\":0,"
                  "\"interval_seconds\":0.02,\"grace_period_seconds\":0.4,\"consecutive_failures\":1}");
    run_ms(&world, 250);
    assert_int_equal(world.count, 0);
    run(&world, 1);
    assert_told(&world, 0, HEALTH, 0, -1);
    assert_int_equal(world.unhealthy, 1);
    end(&world);
    char path[] = "/tmp/test_checks.XXXXXX", json[512];
    close(mkstemp(path));
    begin(&world);
    snprintf(json, sizeof(json), "\"health_check\":{\"type\":\"COMMAND\",\"command\":{\"value\":\"rm %s\"},\"delay_seconds\":0,"
             "\"interval_seconds\":0.02,\"grace_period_seconds\":60,\"consecutive_failures\":1}", path);
    check(&world, json);
    run(&world, 2);
    assert_told(&world, 0, HEALTH, 1, -1);
    assert_told(&world, 1, HEALTH, 0, -1);
    end(&world);
}

static void
test_both_at_once_carry_each_other(void **state)
{
    struct world world;
    begin(&world);
    check(&world, "\"health_check\":{\"type\":\"COMMAND\",\"command\":{\"value\":\"true\"},\"delay_seconds\":0},"
                  "\"check\":{\"type\":\"COMMAND\",\"command\":{\"command\":{\"value\":\"exit 5\"}},\"delay_seconds\":0.2}");
    run(&world, 2);
    assert_told(&world, 0, HEALTH, 1, -1);
    assert_told(&world, 1, CHECK, 1, 5);
    end(&world);
}

static void
test_pause_and_resume(void **state)
{
    struct world world;
    begin(&world);
    check(&world, "\"check\":{\"type\":\"COMMAND\",\"command\":{\"command\":{\"value\":\"exit 5\"}},\"delay_seconds\":0.05,"
                  "\"interval_seconds\":60}");
    task_checks_pause(world.checks);
    run_ms(&world, 200);
    assert_int_equal(world.count, 0);
    task_checks_resume(world.checks);
    run(&world, 1);
    assert_told(&world, 0, CHECK, -1, 5);
    end(&world);
}

/* ---- commands that mean no good ---- */

static void
test_hanging_command_goes_with_its_children(void **state)
{
    struct world world;
    begin(&world);
    task_process_adopt_orphans();
    check(&world, "\"health_check\":{\"type\":\"COMMAND\",\"command\":{\"value\":\"(sleep 63 &); sleep 61 & sleep 62 & wait\"},"
                  "\"delay_seconds\":0,\"interval_seconds\":60,\"timeout_seconds\":0.3,\"grace_period_seconds\":0,"
                  "\"consecutive_failures\":9}");
    run(&world, 1);
    assert_told(&world, 0, HEALTH, 0, -1);
    run_ms(&world, 100);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left: not even orphans */
    assert_int_equal(errno, ECHILD);
    end(&world);
}

/* ---- sockets ---- */

static void
test_tcp(void **state)
{
    struct world world;
    char json[256];
    begin(&world);
    unsigned port = serve(&world, NULL, false);
    snprintf(json, sizeof(json), "\"check\":{\"type\":\"TCP\",\"tcp\":{\"port\":%u},\"delay_seconds\":0,\"interval_seconds\":0.02}",
             port);
    check(&world, json);
    run(&world, 1);
    assert_told(&world, 0, CHECK, -1, 1);
    stream_listener_free(world.listener);
    world.listener = NULL;
    run(&world, 2);
    assert_told(&world, 1, CHECK, -1, 0);
    end(&world);
}

struct http_row {
    const char *answer;
    bool hang_up;
    int value; /* -1 = the check fails */
};

static void
test_http_answers(void **state)
{
    static const struct http_row rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, 200},
        {"HTTP/1.0 404 No\r\n\r\nno", true, 404},
        {"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", false, 503},
        {"HTTP/1.1 204 Nothing\r\n\r\n", false, 204},
        {"HTTP/1.1 304 Same\r\n\r\n", false, 304},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", true, -1}, /* cut off */
        {"SSH-2.0-OpenSSH_9.2\r\n", true, -1},
        {"\xff\xfe\x00garbage", true, -1},
        {"", true, -1},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", false, -1},
        {"HTTP/1.1 99999 OK\r\nContent-Length: 0\r\n\r\n", false, -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world world;
        char json[512];
        begin(&world);
        unsigned port = serve(&world, rows[i].answer, rows[i].hang_up);
        snprintf(json, sizeof(json),
                 "\"health_check\":{\"type\":\"HTTP\",\"http\":{\"port\":%u},\"delay_seconds\":0,\"interval_seconds\":60,"
                 "\"grace_period_seconds\":0,\"consecutive_failures\":9},\"check\":{\"type\":\"HTTP\",\"http\":{\"port\":%u,"
                 "\"path\":\"/health?a=b\"},\"delay_seconds\":0,\"interval_seconds\":60}", port, port);
        check(&world, json);
        run(&world, rows[i].value < 0 ? 1 : 2);
        bool healthy = rows[i].value >= 200 && rows[i].value < 400;
        for (int k = 0; k < world.count; k++)
            if (world.told[k].reason == HEALTH)
                assert_int_equal(world.told[k].healthy, healthy);
            else
                assert_int_equal(world.told[k].value, rows[i].value);
        end(&world);
    }
}

static void
test_http_of_nobody(void **state)
{
    struct world world;
    char json[256];
    begin(&world);
    unsigned port = serve(&world, NULL, false);
    stream_listener_free(world.listener);
    world.listener = NULL;
    snprintf(json, sizeof(json), "\"health_check\":{\"type\":\"HTTP\",\"http\":{\"port\":%u},\"delay_seconds\":0,"
             "\"grace_period_seconds\":0,\"consecutive_failures\":1}", port);
    check(&world, json);
    run(&world, 1);
    assert_told(&world, 0, HEALTH, 0, -1);
    assert_int_equal(world.unhealthy, 1);
    end(&world);
}

/* Bytes that never end, quickly and slowly: the timeout ends it, and nothing is kept. */
static void
test_http_endless_answers(void **state)
{
    for (int slow = 0; slow < 2; slow++) {
        struct world world;
        char json[256];
        begin(&world);
        size_t len = 4 << 20;
        auto_free char *huge = xmalloc(len + 1);
        int head = snprintf(huge, len, "HTTP/1.1 200 OK\r\n\r\n");
        memset(huge + head, 'x', len - (size_t)head);
        huge[slow ? head : (int)len] = '\0';
        unsigned port = serve(&world, huge, false);
        world.trickle = slow;
        snprintf(json, sizeof(json), "\"health_check\":{\"type\":\"HTTP\",\"http\":{\"port\":%u},\"delay_seconds\":0,"
                 "\"timeout_seconds\":0.4,\"grace_period_seconds\":0,\"consecutive_failures\":1}", port);
        check(&world, json);
        run(&world, 1);
        assert_told(&world, 0, HEALTH, 0, -1);
        end(&world);
    }
}

static void
test_http_redirect_goes_to_the_helper(void **state)
{
    struct world world;
    char json[256], where[256];
    begin(&world);
    unsigned port = serve(&world, "HTTP/1.1 302 There\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n", false);
    snprintf(json, sizeof(json), "\"check\":{\"type\":\"HTTP\",\"http\":{\"port\":%u},\"delay_seconds\":0,"
             "\"interval_seconds\":60}", port);
    char helper[] = "/tmp/test_checks.XXXXXX";
    assert_non_null(mkdtemp(helper));
    snprintf(where, sizeof(where), "%s/mesos-http-check", helper);
    FILE *file = fopen(where, "w");
    fprintf(file, "#!/bin/sh\ntest $# = 1 -a \"$1\" = http://127.0.0.1:%u/ && echo 418\n", port);
    fclose(file);
    chmod(where, 0755);
    world.launcher_dir = helper;
    check(&world, json);
    run(&world, 1);
    assert_told(&world, 0, CHECK, -1, 418);
    end(&world);
    unlink(where);
    rmdir(helper);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans),
        cmocka_unit_test(test_seconds_in_range),
        cmocka_unit_test(test_checks_tell_changes_alone),
        cmocka_unit_test(test_a_check_that_cannot_run_says_so_once),
        cmocka_unit_test(test_health_failures_recovery_and_end),
        cmocka_unit_test(test_grace_period_ends_with_the_first_success),
        cmocka_unit_test(test_both_at_once_carry_each_other),
        cmocka_unit_test(test_pause_and_resume),
        cmocka_unit_test(test_hanging_command_goes_with_its_children),
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_http_answers),
        cmocka_unit_test(test_http_of_nobody),
        cmocka_unit_test(test_http_endless_answers),
        cmocka_unit_test(test_http_redirect_goes_to_the_helper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
