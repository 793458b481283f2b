/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads the election module zookeeper for as long as it takes to be told who leads. Prints nothing: the module's log
 * lines go nowhere, what matters of them is in the error.
 */
#include "cli/detect.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "base/zk_url.h"
#include "cli/config.h"
#include "host/host.h"
#include "host/kind_election.h"
#include "mesos/v1/mesos.pb-c.h"
#include "wire/message.h"

enum { DETECT_MS = 4000 }; /* less than what `mesos resolve` waits in all */

struct detection {
    struct mesos_election_events events;
    struct cli_server *server;
    bool found, nobody, stopped;
    struct err err;
};

/* The address, else the name; the name stands in the Host header either way. */
static int
server_of(const Mesos__V1__MasterInfo *info, struct cli_server *ret, struct err *err)
{
    const char *ip = info->address && info->address->ip ? info->address->ip : NULL;
    const char *name = info->address && info->address->hostname ? info->address->hostname : info->hostname;
    uint32_t port = info->address && info->address->port > 0 ? (uint32_t)info->address->port : info->port;
    char text[INET_ADDRSTRLEN];

    if (!ip && info->ip)
        ip = inet_ntop(AF_INET, &(struct in_addr){info->ip}, text, sizeof(text));
    if (!ip)
        ip = name;
    if (!ip || port == 0 || port > 65535)
        return err_set(err, -EINVAL, "the leading master gives no usable address in ZooKeeper");
    bool colon = strchr(ip, ':') != NULL;
    auto_free char *where = xasprintf("%s%s%s:%u", colon ? "[" : "", ip, colon ? "]" : "", port);
    return cli_server_parse(ret, str_of(where), 5050, err);
}

static void
on_detected(void *arg, struct mesos_bytes bytes)
{
    struct detection *detection = arg;
    auto_arena struct arena *arena = arena_new(0);

    detection->nobody = !bytes.data;
    if (!bytes.data || detection->found)
        return;
    Mesos__V1__MasterInfo *info = MESSAGE_UNPACK(Mesos__V1__MasterInfo, mesos__v1__master_info,
                                                 str_n(bytes.data, bytes.len), arena, &detection->err);
    if (info && server_of(info, detection->server, &detection->err) == 0)
        detection->found = true;
}

static bool
is_found(void *arg)
{
    return ((struct detection *)arg)->found;
}

static void
on_stopped(void *arg)
{
    ((struct detection *)arg)->stopped = true;
}

static bool
is_stopped(void *arg)
{
    return ((struct detection *)arg)->stopped;
}

static int
ask(struct cli *cli, struct host *host, const char *url, struct detection *detection, struct err *err)
{
    static const char *const keys[] = {"url"};
    const char *const values[] = {url};
    struct module *module = host_start(host, MESOS_KIND_ELECTION, "zookeeper", keys, values, 1, err);

    if (!module)
        return err->code ? err->code : -EINVAL;
    election_detect(module, &detection->events);
    loop_run_until(cli->loop, is_found, detection, DETECT_MS);
    host_stop(host, on_stopped, detection);
    loop_run_until(cli->loop, is_stopped, detection, CLI_CONTACT_MS);
    if (detection->found)
        return 0;
    auto_free char *shown = zk_url_shown(url);
    if (detection->err.code)
        return err_set(err, detection->err.code, "'%s': %s", shown, detection->err.text);
    return err_set(err, -ETIMEDOUT, detection->nobody ? "'%s': no master leads at the moment"
                                                      : "'%s': no ZooKeeper server answered within %d seconds", shown,
                   DETECT_MS / 1000);
}

int
cli_detect(struct cli *cli, const char *url, struct cli_server *ret, struct err *err)
{
    auto_free char *configured = NULL;
    const char *path = getenv("MESOS_MODULE_PATH");
    struct detection detection = {.server = ret};
    struct zk_url checked;

    if (zk_url_parse(url, &checked, err) < 0) {
        auto_free char *shown = zk_url_shown(url);
        return err_wrap(err, "master '%s'", shown);
    }
    zk_url_fini(&checked);
    if (!path && cli_config_value(&configured, "module_path", err) < 0)
        return err->code;
    log_open(&(struct log_options){.program = "mesos", .level = LOG_LEVEL_ERROR, .quiet = true}, NULL);
    detection.events = (struct mesos_election_events){
        .size = sizeof(detection.events), .arg = &detection, .detected = on_detected};
    struct host_options options = {.loop = cli->loop, .module_path = path ? path : configured};
    struct host *host = host_new(&options);
    int rc = ask(cli, host, url, &detection, err);
    host_free(host);
    return rc;
}
