/* SPDX-License-Identifier: Apache-2.0 */
/* What a task or an executor by itself is refused for, and the texts that Mesos gives (recorded exchanges). */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/validate.h"

/* A good task whose parts a test bends. */
struct sample {
    Mesos__V1__TaskInfo task;
    Mesos__V1__CommandInfo command;
    Mesos__V1__Resource cpus, *items[1];
    Mesos__V1__Value__Scalar value;
    Mesos__V1__DurationInfo minus;
};

static void
sample_init(struct sample *s)
{
    *s = (struct sample){.task = MESOS__V1__TASK_INFO__INIT,
                         .command = MESOS__V1__COMMAND_INFO__INIT,
                         .cpus = MESOS__V1__RESOURCE__INIT,
                         .value = MESOS__V1__VALUE__SCALAR__INIT,
                         .minus = MESOS__V1__DURATION_INFO__INIT};
    s->minus.nanoseconds = -5;
    s->value.value = 0.1;
    s->cpus.name = (char *)(uintptr_t)"cpus";
    s->cpus.scalar = &s->value;
    s->items[0] = &s->cpus;
    s->task.resources = s->items;
    s->task.n_resources = 1;
    s->task.command = &s->command;
}

static void
assert_task(const struct sample *s, const char *want)
{
    auto_resources struct resources r = {0};
    struct err err = {0};
    assert_int_equal(resources_from_proto(&r, s->task.resources, s->task.n_resources, &err), 0);
    int rc = task_validate(&s->task, &r, &err);
    assert_string_equal(rc ? err.text : "", want ? want : "");
    assert_int_equal(rc, want ? -EINVAL : 0);
}

static void
durations(void **state)
{
    struct sample s;
    Mesos__V1__KillPolicy policy = MESOS__V1__KILL_POLICY__INIT;
    (void)state;
    sample_init(&s);
    assert_task(&s, NULL);
    s.task.max_completion_time = &s.minus;
    assert_task(&s, "Task's `max_completion_time` must be non-negative");
    policy.grace_period = &s.minus;
    s.task.kill_policy = &policy;
    assert_task(&s, "Task's 'kill_policy.grace_period' must be non-negative");
}

static void
checks(void **state)
{
    struct sample s;
    Mesos__V1__HealthCheck health = MESOS__V1__HEALTH_CHECK__INIT;
    Mesos__V1__HealthCheck__HTTPCheckInfo http = MESOS__V1__HEALTH_CHECK__HTTPCHECK_INFO__INIT;
    Mesos__V1__CheckInfo check = MESOS__V1__CHECK_INFO__INIT;
    Mesos__V1__CheckInfo__Command command = MESOS__V1__CHECK_INFO__COMMAND__INIT;
    (void)state;
    sample_init(&s);
    s.task.health_check = &health;
    assert_task(&s, "Task uses invalid health check: HealthCheck must specify 'type'");
    health.has_type = true;
    health.type = MESOS__V1__HEALTH_CHECK__TYPE__HTTP;
    assert_task(&s, "Task uses invalid health check: Expecting 'http' to be set for HTTP health check");
    health.http = &http;
    http.path = (char *)(uintptr_t)"x";
    assert_task(&s, "Task uses invalid health check: The path 'x' of HTTP health check must start with '/'");
    http.path = NULL;
    assert_task(&s, NULL);
    health.interval_seconds = (double)NAN;
    assert_task(&s, "Task uses invalid health check: Expecting 'interval_seconds' to be non-negative");
    s.task.check = &check;
    check.has_type = true;
    assert_task(&s, "Task uses invalid check: 'UNKNOWN' is not a valid check type");
    check.type = MESOS__V1__CHECK_INFO__TYPE__COMMAND;
    assert_task(&s, "Task uses invalid check: Expecting 'command' to be set for COMMAND check");
    check.command = &command;
    command.command = &s.command;
    assert_task(&s, "Task uses invalid check: Command check must contain 'shell command'");
}

static void
limits(void **state)
{
    struct sample s;
    Mesos__V1__TaskInfo__LimitsEntry entry = MESOS__V1__TASK_INFO__LIMITS_ENTRY__INIT, *entries = &entry;
    Mesos__V1__Value__Scalar value = MESOS__V1__VALUE__SCALAR__INIT;
    static const struct {
        double limit;
        bool good;
    } cases[] = {{0.01, false}, {0.1, true}, {4, true}, {(double)INFINITY, true}, {(double)NAN, false}, {-1, false}};
    (void)state;
    sample_init(&s);
    entry.key = (char *)(uintptr_t)"cpus";
    entry.value = &value;
    s.task.limits = &entries;
    s.task.n_limits = 1;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        value.value = cases[i].limit;
        assert_task(&s, cases[i].good ? NULL : "The cpu limit must be greater than or equal to the cpu request");
    }
}

static void
resources(void **state)
{
    struct sample s;
    (void)state;
    sample_init(&s);
    s.cpus.name = (char *)(uintptr_t)"gpus";
    assert_task(&s, "Task uses invalid resources: Invalid 'gpus' resource: The 'gpus' resource must be an unsigned "
                    "integer");
    s.value.value = 2;
    assert_task(&s, NULL);
    s.task.n_resources = 0;
    assert_task(&s, "Task uses no resources");
}

static void
commands(void **state)
{
    struct sample s;
    Mesos__V1__Environment environment = MESOS__V1__ENVIRONMENT__INIT;
    Mesos__V1__Environment__Variable one = MESOS__V1__ENVIRONMENT__VARIABLE__INIT, *list = &one;
    (void)state;
    sample_init(&s);
    one.name = (char *)(uintptr_t)"X";
    environment.n_variables = 1;
    environment.variables = &list;
    s.command.environment = &environment;
    assert_task(&s, "Task's `CommandInfo` is invalid: Environment variable 'X' of type 'VALUE' must have a value set");
    one.value = (char *)(uintptr_t)"";
    assert_task(&s, NULL);
    one.has_type = true;
    one.type = MESOS__V1__ENVIRONMENT__VARIABLE__TYPE__SECRET;
    assert_task(&s, "Task's `CommandInfo` is invalid: Environment variable 'X' of type 'SECRET' must have a secret set");
}

static void
assert_executor(const Mesos__V1__ExecutorInfo *executor, const char *want)
{
    struct err err = {0};
    int rc = executor_validate(executor, "F-0000", &err);
    assert_string_equal(rc ? err.text : "", want ? want : "");
}

static void
runners(void **state)
{
    struct sample s;
    struct err err = {0};
    Mesos__V1__ExecutorInfo executor = MESOS__V1__EXECUTOR_INFO__INIT;
    Mesos__V1__ExecutorID id = MESOS__V1__EXECUTOR_ID__INIT;
    Mesos__V1__FrameworkID framework = MESOS__V1__FRAMEWORK_ID__INIT;
    (void)state;
    sample_init(&s);
    assert_int_equal(task_validate_runner(&s.task, &err), 0);
    s.task.executor = &executor;
    assert_int_equal(task_validate_runner(&s.task, &err), -EINVAL);
    s.task.executor = NULL;
    s.task.command = NULL;
    assert_int_equal(task_validate_runner(&s.task, &err), -EINVAL);
    assert_string_equal(err.text,
                        "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present");
    executor.executor_id = &id;
    executor.has_type = true;
    executor.type = MESOS__V1__EXECUTOR_INFO__TYPE__CUSTOM;
    assert_executor(&executor, "'ExecutorInfo.command' must be set for 'CUSTOM' executor");
    executor.command = &s.command;
    id.value = (char *)(uintptr_t)"";
    assert_executor(&executor, "ID must not be empty");
    id.value = (char *)(uintptr_t)"e";
    assert_executor(&executor, "'ExecutorInfo.framework_id' must be set");
    framework.value = (char *)(uintptr_t)"other";
    executor.framework_id = &framework;
    assert_executor(&executor, "ExecutorInfo has an invalid FrameworkID (Actual: other vs Expected: F-0000)");
    framework.value = (char *)(uintptr_t)"F-0000";
    assert_executor(&executor, NULL);
    executor.type = MESOS__V1__EXECUTOR_INFO__TYPE__DEFAULT;
    assert_executor(&executor, "'ExecutorInfo.command' must not be set for 'DEFAULT' executor");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations), cmocka_unit_test(checks),   cmocka_unit_test(limits),
        cmocka_unit_test(resources), cmocka_unit_test(commands), cmocka_unit_test(runners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
