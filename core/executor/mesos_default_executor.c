/* SPDX-License-Identifier: Apache-2.0 */
/* mesos-default-executor: the program that the agent starts for task groups. Reads its surroundings, runs the loop. */
#include <signal.h>

#include "base/log.h"
#include "executor/default_executor.h"
#include "executor/flags.h"
#include "executor/surroundings.h"
#include "executor/task_process.h"

enum { LAUNCHER_DIR, FLAG_COUNT };

static void
on_term(int signo, void *arg)
{
    default_executor_shutdown(arg);
}

static void
on_chld(int signo, void *arg)
{
    default_executor_reap(arg);
}

/* Where tasks are reached: what the agent says, or the address it has itself (the pod shares its network). */
static char *
container_ip(const char *endpoint)
{
    const char *ip = getenv("MESOS_CONTAINER_IP");
    if (!ip || !*ip)
        ip = getenv("LIBPROCESS_IP");
    if (ip && *ip && strcmp(ip, "0.0.0.0") != 0)
        return xstrdup(ip);
    const char *colon = strrchr(endpoint, ':');
    return colon && colon > endpoint ? xstrndup(endpoint, (size_t)(colon - endpoint)) : xstrdup("127.0.0.1");
}

static int
run(const struct default_executor_options *options, struct err *err)
{
    int rc = 0;
    struct loop *loop = loop_new(NULL, err);
    if (!loop)
        return err->code;
    struct default_executor *executor = default_executor_new(loop, options);
    if ((rc = loop_signal(loop, SIGCHLD, on_chld, executor, err)) == 0 &&
        (rc = loop_signal(loop, SIGTERM, on_term, executor, err)) == 0) {
        loop_run(loop);
        task_process_signal_all(SIGKILL); /* helpers under way */
    }
    default_executor_free(executor);
    loop_free(loop);
    return rc;
}

int
main(int argc, char **argv)
{
    struct err err = {0};
    struct surroundings surroundings = {0};
    struct flag flags[FLAG_COUNT] = {
        [LAUNCHER_DIR] = {"launcher_dir", NULL, true, "directory of the helper programs"},
    };
    int rc = flags_read("mesos-default-executor", "Runs task groups for mesos-agent.", flags, ARRAY_LEN(flags), argc,
                        argv, &err);
    if (rc == 1)
        return 0;
    if (rc == 0)
        rc = surroundings_read(&surroundings, &err);
    if (rc == 0) {
        auto_free char *ip = container_ip(surroundings.agent.host);
        struct default_executor_options options = {
            .agent = surroundings.agent,
            .shutdown_grace_ms = surroundings.shutdown_grace_ms,
            .launcher_dir = flags[LAUNCHER_DIR].value,
            .sandbox = getenv("MESOS_SANDBOX"),
            .container_ip = ip,
        };
        rc = run(&options, &err);
    }
    if (rc)
        log_error("mesos-default-executor: %s", err.text);
    surroundings_fini(&surroundings);
    return rc ? 1 : 0;
}
