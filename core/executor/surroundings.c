/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the environment that the agent gives its executors. Called once by their main(). */
#include "executor/surroundings.h"

#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/units.h"
#include "loop/secure.h"

enum { RECOVERY_TIMEOUT_MS = 15 * 60 * 1000, SHUTDOWN_GRACE_MS = 5000, BACKOFF_MAX_MS = 1000 };

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

/* Is the agent somebody else, so that it does not need our consent to look at us? */
static bool
agent_is_other(void)
{
    const char *path = getenv("MESOS_DOMAIN_SOCKET");
    struct stat st;
    return !path || stat(path, &st) < 0 || st.st_uid != geteuid();
}

/* Takes the token out of the environment: out of what children are given, and out of the memory that others of our user read as
 * /proc/<pid>/environ. Nor shall they read the rest of our memory, other executors' tasks among them. */
static char *
take_token(void)
{
    static const char name[] = "MESOS_EXECUTOR_AUTHENTICATION_TOKEN";
    char *value = getenv(name), *token;
    if (!value)
        return NULL;
    token = *value ? xstrdup(value) : NULL;
    unsetenv(name);
    explicit_bzero(value, strlen(value));
    if (token && agent_is_other())
        prctl(PR_SET_DUMPABLE, 0);
    return token;
}

int
surroundings_read(struct surroundings *ret, struct err *err)
{
    struct agent_link_options *agent = &ret->agent;
    const char *checkpoint = getenv("MESOS_CHECKPOINT");
    int rc;
    if ((rc = need("MESOS_FRAMEWORK_ID", &agent->framework_id, err)) != 0 ||
        (rc = need("MESOS_EXECUTOR_ID", &agent->executor_id, err)) != 0 || (rc = find_agent(agent, err)) != 0)
        return rc;
    agent->checkpoint = checkpoint && strcmp(checkpoint, "1") == 0;
    agent->token = take_token();
    if ((rc = duration_env("MESOS_RECOVERY_TIMEOUT", RECOVERY_TIMEOUT_MS, &agent->recovery_timeout_ms, err)) != 0 ||
        (rc = duration_env("MESOS_SUBSCRIPTION_BACKOFF_MAX", BACKOFF_MAX_MS, &agent->backoff_max_ms, err)) != 0 ||
        (rc = duration_env("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", SHUTDOWN_GRACE_MS, &ret->shutdown_grace_ms, err)))
        return rc;
    /* The agent waits this long for executors after its restart: several attempts must fit. */
    if (agent->backoff_max_ms > BACKOFF_MAX_MS)
        agent->backoff_max_ms = BACKOFF_MAX_MS;
    agent->backoff_max_ms = agent->backoff_max_ms / 4 + 1;
    agent->target = api_target();
    if (agent->agent.sa.ss_family == AF_UNIX)
        return 0;
    return secure_from_environment(&agent->secure, err);
}

void
surroundings_fini(struct surroundings *surroundings)
{
    secure_unref(surroundings->agent.secure);
    free((char *)(uintptr_t)surroundings->agent.target);
    free((char *)(uintptr_t)surroundings->agent.token);
}
