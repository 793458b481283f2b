/* SPDX-License-Identifier: Apache-2.0 */
/*
 * election "zookeeper": masters agree in ZooKeeper who leads, as those of Apache Mesos do: the contender whose ephemeral
 * sequential node json.info_<number> under the path is the first one leads. This file is the module's outside and its
 * session.
 */
#include "election/zookeeper/zookeeper.h"

#include <errno.h>
#include <string.h>

#include "base/units.h"

static void
on_state(void *arg, enum zk_state state, const char *why)
{
    struct zookeeper_election *election = arg;

    if (election->stopped)
        return;
    if (state == ZK_CONNECTED) {
        MESOS_LOG(election->host, INFO, "%s", why);
        detect_session(election);
        contend_session(election);
        return;
    }
    MESOS_LOG(election->host, WARNING, "%s", why);
    if (state == ZK_EXPIRED) {
        detect_lost(election);
        contend_lost(election, why);
    }
}

static void
open_session(struct zookeeper_election *election)
{
    struct zk_options options = {.host = election->host, .url = &election->url,
                                 .session_timeout_ms = election->session_ms, .on_state = on_state, .arg = election};

    election->zk = zk_new(&options);
}

void
election_new_session(struct zookeeper_election *election)
{
    zk_free(take(&election->zk));
    detect_lost(election);
    open_session(election);
    contend_lost(election, "the session was given up");
}

static void
zookeeper_detect(void *instance, const struct mesos_election_events *events)
{
    struct zookeeper_election *election = instance;

    memcpy(&election->events, events, events->size < sizeof(*events) ? events->size : sizeof(*events));
    election->detecting = true;
    detect_look(election);
}

static void
zookeeper_contend(void *instance, struct mesos_bytes master_info)
{
    struct zookeeper_election *election = instance;

    election->detecting = true;
    contend_start(election, master_info);
    detect_look(election);
}

static void
zookeeper_withdraw(void *instance, struct mesos_call *call)
{
    contend_withdraw(instance, call);
}

static int64_t
zookeeper_lease_until_ms(void *instance)
{
    return contend_lease_until_ms(instance);
}

static const char *
where(struct zookeeper_election *election, const char **ret_option)
{
    const struct mesos_host *host = election->host;
    const char *text = election->url_text;

    *ret_option = "parameter url of module zookeeper";
    if (!text && (text = host->daemon_option(host, "zk")))
        *ret_option = "--zk";
    if (!text && (text = host->daemon_option(host, "master")))
        *ret_option = "--master";
    return text;
}

static int
zookeeper_start(void *instance, const struct mesos_host *host)
{
    struct zookeeper_election *election = instance;
    const char *option, *text, *timeout = host->daemon_option(host, "zk_session_timeout"),
                               *ignore = host->daemon_option(host, "ignore_log_replicas");
    int64_t timeout_ns;

    election->host = host;
    text = where(election, &option);
    if (!text)
        return host->fail(host, -EINVAL, "election 'zookeeper' wants to know where ZooKeeper is: a master's --zk, an "
                                         "agent's --master, as zk://host:port/path");
    if (zk_url_read(host, option, text, &election->url) < 0)
        return -EINVAL;
    if (timeout) {
        if (duration_parse(str_of(timeout), &timeout_ns, NULL) < 0 || timeout_ns < 1000000)
            return host->fail(host, -EINVAL, "zk_session_timeout='%s' is no duration of at least 1ms, such as 10secs",
                              timeout);
        election->session_ms = timeout_ns / 1000000;
    }
    if (ignore)
        election->ignore_log_replicas = strcmp(ignore, "true") == 0;
    if (election->url.credentials)
        MESOS_LOG(host, WARNING, "the user and password for ZooKeeper go over the network unencrypted: Debian 12's client "
                                 "library has no TLS");
    open_session(election);
    return 0;
}

static void
zookeeper_stop(void *instance, struct mesos_call *call)
{
    struct zookeeper_election *election = instance;

    election->stopped = true;
    zk_free(take(&election->zk)); /* the end of the session takes our node along: another may lead at once */
    detect_fini(election);
    contend_fini(election);
    zk_url_fini(&election->url);
    if (election->withdrawing)
        election->host->reply(election->host, take(&election->withdrawing), 0, (struct mesos_bytes){NULL, 0});
    if (call)
        election->host->reply(election->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static const struct mesos_election_ops ops = {.detect = zookeeper_detect,
                                              .contend = zookeeper_contend,
                                              .withdraw = zookeeper_withdraw,
                                              .lease_until_ms = zookeeper_lease_until_ms};

static const struct mesos_option options[] = {
    {"url", MESOS_OPTION_STRING, offsetof(struct zookeeper_election, url_text), NULL,
     "zk://[user:password@]host:port,.../path; default: the daemon's own --zk or --master."},
    {"session_timeout_ms", MESOS_OPTION_INT, offsetof(struct zookeeper_election, session_ms), "10000",
     "How long a session outlives its client, in milliseconds; the daemon's --zk_session_timeout wins."},
    {0},
};

static const struct mesos_module module = {
    MESOS_MODULE(ELECTION, ops, struct zookeeper_election),
    .name = "zookeeper",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "masters agree in ZooKeeper who leads",
    .options = options,
    .start = zookeeper_start,
    .stop = zookeeper_stop,
};

MESOS_MODULES(&module);
