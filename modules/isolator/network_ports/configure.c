/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The isolator's flags: how often it looks, at which ports, and whether it ends who has others. A wrong one
 * is refused by a sentence that names it.
 */
#include <errno.h>
#include <string.h>
#include "base/units.h"
#include "model/resources.h"
#include "network_ports.h"

#define PORTS_DEFAULT "[31000-32000]" /* the agent's, where its resources say nothing */

static bool
option_true(const struct mesos_host *host, const char *name)
{
    const char *text = host->daemon_option(host, name);
    return text && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0 || strcmp(text, "yes") == 0);
}

/* "[31000-32000,8080-8080]" */
static int
take_ranges(struct network_ports *ports, struct str text, struct err *err)
{
    struct str whole = str_trim(text);
    struct str rest = whole.len >= 2 ? str_n(whole.ptr + 1, whole.len - 2) : whole;
    while (rest.len > 0) {
        struct str end = str_trim(str_cut(&rest, ',')), begin = str_cut(&end, '-');
        uint64_t first, last;
        if (str_to_u64(str_trim(begin), &first) < 0 || str_to_u64(str_trim(end), &last) < 0 || first > last ||
            last > 65535)
            return err_set(err, -EINVAL, "Failed to parse isolated ports range '%.*s'", STR_ARG(text));
        ports_add(&ports->isolated, first, last);
    }
    ports->has_isolated = true;
    return 0;
}

/* The ports of --resources; without any the agent offers the default ones. */
static int
take_agents_ports(struct network_ports *ports, struct err *err)
{
    const char *text = ports->host->daemon_option(ports->host, "resources");
    auto_resources struct resources resources = {0};
    if (text && *text && resources_parse(&resources, str_of(text), "*", err) < 0)
        return err_wrap(err, "Failed to parse agent resources");
    if (!text || !strstr(text, "ports"))
        return take_ranges(ports, STR_LIT(PORTS_DEFAULT), err);
    for (uint32_t i = 0; i < resources.count; i++)
        for (uint32_t j = 0;
             strcmp(resources.items[i].name, "ports") == 0 && j < resources.items[i].range_count; j++)
            ports_add(&ports->isolated, resources.items[i].ranges[j].begin, resources.items[i].ranges[j].end);
    ports->has_isolated = true;
    return 0;
}

int
network_ports_configure(struct network_ports *ports, struct err *err)
{
    const struct mesos_host *host = ports->host;
    const char *range = host->daemon_option(host, "container_ports_isolated_range");
    const char *interval = host->daemon_option(host, "container_ports_watch_interval");
    const char *isolation = host->daemon_option(host, "isolation");
    int64_t ns = 30 * INT64_C(1000000000);
    bool agents_only = option_true(host, "check_agent_port_range_only");
    if (agents_only && range)
        return err_set(err, -EINVAL,
                       "Only one of '--check_agent_port_range_only' or '--container_ports_isolated_range' "
                       "should be specified");
    if (interval && duration_parse(str_of(interval), &ns, err) < 0)
        return err_wrap(err, "--container_ports_watch_interval");
    ports->interval_ms = ns > 10000000 ? ns / 1000000 : 10;
    ports->enforce = option_true(host, "enforce_container_ports");
    ports->with_cni =
        !isolation || !strstr(isolation, "network/port_mapping"); /* it is there unless another is */
    if (range && take_ranges(ports, str_of(range), err) < 0)
        return err->code;
    return agents_only ? take_agents_ports(ports, err) : 0;
}
