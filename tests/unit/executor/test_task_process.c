/* SPDX-License-Identifier: Apache-2.0 */
/* Starting commands in their forms, their environment, ending whole trees of processes; and the helpers' flags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "executor/flags.h"
#include "executor/task_process.h"

static Mesos__V1__CommandInfo
shell_command(const char *line)
{
    Mesos__V1__CommandInfo command = MESOS__V1__COMMAND_INFO__INIT;
    command.value = (char *)(uintptr_t)line;
    return command;
}

/* Runs the task with stdout in a pipe; returns what it wrote and its wait status. */
static char *
output_of(const struct task_command *task, int *ret_status)
{
    int ends[2], saved = dup(STDOUT_FILENO);
    struct buf out = {0};
    struct err err = {0};
    fflush(stdout);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDOUT_FILENO);
    pid_t pid = task_process_start(task, &err);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(ends[1]);
    assert_true(pid > 0);
    for (ssize_t n = 1; n > 0;) {
        n = read(ends[0], buf_reserve(&out, 4096), 4096);
        buf_added(&out, n > 0 ? (size_t)n : 0);
    }
    close(ends[0]);
    assert_int_equal(waitpid(pid, ret_status, 0), pid);
    return buf_take(&out);
}

static void
test_shell_and_argv_forms(void **state)
{
    int status = 0;
    Mesos__V1__CommandInfo command = shell_command("echo one two; exit 3");
    struct task_command task = {.command = &command};
    auto_free char *by_shell = output_of(&task, &status);
    assert_string_equal(by_shell, "one two\n");
    char what[64];
    task_process_describe(status, what, sizeof(what));
    assert_string_equal(what, "exited with status 3");

    char *arguments[] = {(char[]){"echo"}, (char[]){"a  b; c"}};
    command = shell_command("echo");
    command.has_shell = true;
    command.shell = false;
    command.n_arguments = 2;
    command.arguments = arguments;
    auto_free char *by_argv = output_of(&task, &status);
    assert_string_equal(by_argv, "a  b; c\n");

    command.n_arguments = 0;
    command.value = (char[]){"pwd"};
    task.working_directory = "/";
    auto_free char *alone = output_of(&task, &status);
    assert_string_equal(alone, "/\n");
}

static void
test_environment_layers(void **state)
{
    int status = 0;
    Mesos__V1__CommandInfo command = shell_command("echo $INHERITED $EXTRA $OWN $BOTH $MESOS_ALLOCATION_ROLE $MESOS_TASK_ID "
                                                   "${MESOS_EXECUTOR_AUTHENTICATION_TOKEN:-hidden}");
    Mesos__V1__Environment__Variable vars[4], *extra[2] = {&vars[0], &vars[1]}, *own[2] = {&vars[2], &vars[3]};
    static const char *const texts[4][2] = {{"EXTRA", "e"}, {"BOTH", "extra"}, {"OWN", "o"}, {"BOTH", "own"}};
    for (int i = 0; i < 4; i++) {
        mesos__v1__environment__variable__init(&vars[i]);
        vars[i].name = (char *)(uintptr_t)texts[i][0];
        vars[i].value = (char *)(uintptr_t)texts[i][1];
    }
    Mesos__V1__Environment extra_env = MESOS__V1__ENVIRONMENT__INIT, own_env = MESOS__V1__ENVIRONMENT__INIT;
    extra_env.n_variables = own_env.n_variables = 2;
    extra_env.variables = extra;
    own_env.variables = own;
    command.environment = &own_env;
    struct task_command task = {.command = &command, .extra_environment = &extra_env, .allocation_role = "dev", .task_id = "t1"};
    setenv("INHERITED", "i", 1);
    setenv("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", "secret", 1);
    auto_free char *text = output_of(&task, &status);
    assert_string_equal(text, "i e o own dev t1 hidden\n");
    unsetenv("MESOS_EXECUTOR_AUTHENTICATION_TOKEN");
}

static void
test_missing_program_and_user(void **state)
{
    int status = 0, saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
    Mesos__V1__CommandInfo command = shell_command("nosuchprogram");
    struct task_command task = {.command = &command};
    command.has_shell = true;
    command.shell = false;
    dup2(null, STDERR_FILENO);
    free(output_of(&task, &status));
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(null);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1); /* as Mesos: not the shell's 127 */
    struct err err = {0};
    task.user = "no such user";
    assert_int_equal(task_process_start(&task, &err), -ENOENT);
    assert_non_null(strstr(err.text, "no such user"));
    task.user = NULL;
    command.value = NULL;
    assert_int_equal(task_process_start(&task, &err), -EINVAL);
}

static void
test_whole_tree_is_killed(void **state)
{
    /* A background child, one in a session of its own, and one that lost its parent. */
    Mesos__V1__CommandInfo command = shell_command("trap '' TERM; sleep 300 & setsid sleep 300 & "
                                                   "(setsid sh -c 'sleep 300 & sleep 300' &) ; echo up; wait");
    struct task_command task = {.command = &command};
    int ends[2], saved = dup(STDOUT_FILENO), status = 0;
    struct err err = {0};
    char up[4];
    task_process_adopt_orphans();
    fflush(stdout);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDOUT_FILENO);
    pid_t pid = task_process_start(&task, &err);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(ends[1]);
    assert_true(pid > 0);
    assert_int_equal(read(ends[0], up, 3), 3);
    assert_true(task_process_signal_all(SIGTERM) >= 2);
    assert_int_equal(waitpid(pid, &status, WNOHANG), 0); /* it ignores that */
    assert_true(task_process_signal_all(SIGKILL) >= 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    char what[64];
    task_process_describe(status, what, sizeof(what));
    assert_string_equal(what, "terminated with signal Killed");
    assert_int_equal(read(ends[0], up, 1), 0); /* nobody holds the pipe any more: all are gone */
    close(ends[0]);
    while (waitpid(-1, NULL, 0) > 0)
        continue;
    assert_int_equal(errno, ECHILD);
    assert_int_equal(task_process_signal_all(SIGKILL), 0);
}

static void
test_flags(void **state)
{
    struct flag flags[] = {{"user", NULL, true, "who"}, {"rootfs", NULL, false, "where"}};
    struct err err = {0};
    char *good[] = {(char[]){"x"}, (char[]){"--user=a=b"}, (char[]){"--rootfs="}};
    assert_int_equal(flags_read("x", "", flags, 2, 3, good, &err), 0);
    assert_string_equal(flags[0].value, "a=b");
    static const struct {
        const char *text;
        int code;
        const char *says;
    } bad[] = {{"--usr=x", -EINVAL, "--user"},
               {"--rootfs=/r", -ENOTSUP, "rootfs"},
               {"--user", -EINVAL, "needs a value"},
               {"user=x", -EINVAL, "user=x"}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char *argv[] = {(char[]){"x"}, (char *)(uintptr_t)bad[i].text};
        assert_int_equal(flags_read("x", "", flags, 2, 2, argv, &err), bad[i].code);
        assert_non_null(strstr(err.text, bad[i].says));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shell_and_argv_forms),     cmocka_unit_test(test_environment_layers),
        cmocka_unit_test(test_missing_program_and_user), cmocka_unit_test(test_whole_tree_is_killed),
        cmocka_unit_test(test_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
