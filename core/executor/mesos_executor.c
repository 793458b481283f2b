/* SPDX-License-Identifier: Apache-2.0 */
/* mesos-executor: the program that the agent starts beside one command task. Reads its surroundings, runs the loop. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "base/log.h"
#include "base/units.h"
#include "executor/command_executor.h"
#include "executor/flags.h"
#include "executor/task_process.h"

enum { RECOVERY_TIMEOUT_MS = 15 * 60 * 1000, SHUTDOWN_GRACE_MS = 5000, BACKOFF_MAX_MS = 1000 };

enum { ROOTFS, SANDBOX_DIRECTORY, WORKING_DIRECTORY, USER, TASK_COMMAND, TASK_ENVIRONMENT, LAUNCHER_DIR };

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
        {"effective_capabilities", NULL, false, "Linux capabilities of the task"},
        {"bounding_capabilities", NULL, false, "Linux capabilities that the task may gain"},
        {"task_launch_info", NULL, false, "JSON launch information from the isolators"},
        {"tty_slave_path", NULL, false, "terminal of the task"},
        {"task_supplementary_groups", NULL, false, "further groups of the task"},
    };
    *ret_count = ARRAY_LEN(known);
    return xmemdup(known, sizeof(known));
}

static int
need(const char *name, const char **ret, struct err *err)
{
    *ret = getenv(name);
    if (*ret && **ret)
        return 0;
    return err_set(err, -EINVAL, "%s is not in the environment: this program is started by mesos-agent", name);
}

/* A duration of the environment in ms; `fallback` when it is absent. */
static int
duration_env(const char *name, int64_t fallback_ms, int64_t *ret_ms, struct err *err)
{
    const char *text = getenv(name);
    int64_t ns;
    *ret_ms = fallback_ms;
    if (!text || !*text)
        return 0;
    if (duration_parse(str_of(text), &ns, err))
        return err_wrap(err, "%s", name);
    *ret_ms = ns / 1000000;
    return 0;
}

/* "slave(1)@10.0.0.1:5051" names the agent's actor, whose path the API has. */
static char *
api_target(void)
{
    struct str pid = str_of(getenv("MESOS_SLAVE_PID"));
    struct str actor = str_cut(&pid, '@');
    if (actor.len == 0 || pid.len == 0)
        actor = STR_LIT("slave(1)");
    return xasprintf("/%.*s/api/v1/executor", STR_ARG(actor));
}

static int
find_agent(struct agent_link_options *ret, struct err *err)
{
    const char *path = getenv("MESOS_DOMAIN_SOCKET"), *endpoint = getenv("MESOS_AGENT_ENDPOINT");
    ret->host = endpoint && *endpoint ? endpoint : "localhost";
    if (path && *path) {
        auto_free char *text = xasprintf("unix:%s", path);
        if (address_parse(str_of(text), &ret->agent, err) == 0)
            return 0;
        if (!endpoint || !*endpoint)
            return err_wrap(err, "MESOS_DOMAIN_SOCKET");
    }
    if (need("MESOS_AGENT_ENDPOINT", &endpoint, err))
        return err->code;
    if (address_parse(str_of(endpoint), &ret->agent, err) == 0)
        return 0;
    struct str rest = str_of(endpoint), name = str_cut(&rest, ':');
    uint64_t port;
    if (str_to_u64(rest, &port) || port == 0 || port > 65535)
        return err_wrap(err, "MESOS_AGENT_ENDPOINT");
    auto_free char *host = str_dup(name);
    return address_resolve(host, (uint16_t)port, &ret->agent, err);
}

static int
read_environment(struct command_executor_options *ret, struct err *err)
{
    struct agent_link_options *agent = &ret->agent;
    const char *checkpoint = getenv("MESOS_CHECKPOINT"), *token = getenv("MESOS_EXECUTOR_AUTHENTICATION_TOKEN");
    int rc;
    if ((rc = need("MESOS_FRAMEWORK_ID", &agent->framework_id, err)) != 0 ||
        (rc = need("MESOS_EXECUTOR_ID", &agent->executor_id, err)) != 0 || (rc = find_agent(agent, err)) != 0)
        return rc;
    agent->checkpoint = checkpoint && strcmp(checkpoint, "1") == 0;
    agent->token = token && *token ? xstrdup(token) : NULL;
    unsetenv("MESOS_EXECUTOR_AUTHENTICATION_TOKEN"); /* the task must not see it */
    if ((rc = duration_env("MESOS_RECOVERY_TIMEOUT", RECOVERY_TIMEOUT_MS, &agent->recovery_timeout_ms, err)) != 0 ||
        (rc = duration_env("MESOS_SUBSCRIPTION_BACKOFF_MAX", BACKOFF_MAX_MS, &agent->backoff_max_ms, err)) != 0 ||
        (rc = duration_env("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", SHUTDOWN_GRACE_MS, &ret->shutdown_grace_ms, err)))
        return rc;
    /* The agent waits this long for executors after its restart: several attempts must fit. */
    if (agent->backoff_max_ms > BACKOFF_MAX_MS)
        agent->backoff_max_ms = BACKOFF_MAX_MS;
    agent->backoff_max_ms = agent->backoff_max_ms / 4 + 1;
    agent->target = api_target();
    return 0;
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
    size_t count;
    auto_free struct flag *flags = known_flags(&count);
    int rc = flags_read("mesos-executor", "Runs the command of one task for mesos-agent.", flags, count, argc, argv,
                        &err);
    if (rc == 1)
        return 0;
    if (rc == 0)
        rc = read_environment(&options, &err);
    if (rc == 0) {
        options.user = flags[USER].value;
        options.working_directory = flags[WORKING_DIRECTORY].value;
        options.task_command = flags[TASK_COMMAND].value;
        options.task_environment = flags[TASK_ENVIRONMENT].value;
        task_process_adopt_orphans();
        rc = run(&options, &err);
    }
    if (rc)
        log_error("mesos-executor: %s", err.text);
    free((char *)(uintptr_t)options.agent.target);
    free((char *)(uintptr_t)options.agent.token);
    return rc ? 1 : 0;
}
