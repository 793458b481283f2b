/* SPDX-License-Identifier: Apache-2.0 */
/* mesos-executor: the program that the agent starts beside one command task. Reads its surroundings, runs the loop. */
#include <signal.h>

#include "base/log.h"
#include "executor/command_executor.h"
#include "executor/flags.h"
#include "executor/surroundings.h"
#include "executor/task_process.h"

enum { ROOTFS, SANDBOX_DIRECTORY, WORKING_DIRECTORY, USER, TASK_COMMAND, TASK_ENVIRONMENT, LAUNCHER_DIR, TASK_LAUNCH };

static struct flag *
known_flags(size_t *ret_count)
{
    static const struct flag known[] = {
        [ROOTFS] = {"rootfs", NULL, false, "root file system of the task"},
        [SANDBOX_DIRECTORY] = {"sandbox_directory", NULL, true, "where the sandbox is inside the task's root"},
        [WORKING_DIRECTORY] = {"working_directory", NULL, true, "directory in which the command starts"},
        [USER] = {"user", NULL, true, "user that runs the command"},
        [TASK_COMMAND] = {"task_command", NULL, true, "JSON CommandInfo to run instead of the task's own"},
        [TASK_ENVIRONMENT] = {"task_environment", NULL, true, "JSON Environment, added before the command's own"},
        [LAUNCHER_DIR] = {"launcher_dir", NULL, true, "directory of the helper programs"},
        [TASK_LAUNCH] = {"task_launch", NULL, true, "descriptors of the launch helper and of what it is told about the task"},
        {"effective_capabilities", NULL, false, "Linux capabilities of the task"},
        {"bounding_capabilities", NULL, false, "Linux capabilities that the task may gain"},
        {"task_launch_info", NULL, false, "JSON launch information from the isolators"},
        {"tty_slave_path", NULL, false, "terminal of the task"},
        {"task_supplementary_groups", NULL, false, "further groups of the task"},
    };
    *ret_count = ARRAY_LEN(known);
    return xmemdup(known, sizeof(known));
}

static void
on_term(int signo, void *arg)
{
    command_executor_shutdown(arg);
}

static void
on_chld(int signo, void *arg)
{
    command_executor_reap(arg);
}

static int
run(const struct command_executor_options *options, struct err *err)
{
    int rc = 0;
    struct loop *loop = loop_new(NULL, err);
    struct command_executor *executor = loop ? command_executor_new(loop, options, err) : NULL;
    if (!executor || (rc = loop_signal(loop, SIGCHLD, on_chld, executor, err)) != 0 ||
        (rc = loop_signal(loop, SIGTERM, on_term, executor, err)) != 0)
        rc = err->code;
    if (rc == 0) {
        loop_run(loop);
        task_process_signal_all(SIGKILL); /* what the command left behind */
    }
    command_executor_free(executor);
    loop_free(loop);
    return rc;
}

int
main(int argc, char **argv)
{
    struct err err = {0};
    struct command_executor_options options = {0};
    struct surroundings surroundings = {0};
    struct task_launch launch = {-1, NULL, -1};
    size_t count;
    auto_free struct flag *flags = known_flags(&count);
    int rc = flags_read("mesos-executor", "Runs the command of one task for mesos-agent.", flags, count, argc, argv,
                        &err);
    if (rc == 1)
        return 0;
    if (rc == 0)
        rc = surroundings_read(&surroundings, &err);
    if (rc == 0) {
        options.agent = surroundings.agent;
        options.shutdown_grace_ms = surroundings.shutdown_grace_ms;
        options.launcher_dir = flags[LAUNCHER_DIR].value;
        options.user = flags[USER].value;
        options.working_directory = flags[WORKING_DIRECTORY].value;
        options.task_command = flags[TASK_COMMAND].value;
        options.task_environment = flags[TASK_ENVIRONMENT].value;
        if (flags[TASK_LAUNCH].value) {
            rc = task_launch_read(flags[TASK_LAUNCH].value, options.launcher_dir, &launch, &err);
            options.task_launch = &launch;
        }
    }
    if (rc == 0) {
        task_process_adopt_orphans();
        rc = run(&options, &err);
    }
    if (rc)
        log_error("mesos-executor: %s", err.text);
    free(launch.program);
    surroundings_fini(&surroundings);
    return rc ? 1 : 0;
}
