/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's options that concern this isolator, read and checked once at its start. Errors name the option. */
#ifndef PORT_MAPPING_SETTINGS_H
#define PORT_MAPPING_SETTINGS_H

#include "layout.h"

#define EPHEMERAL_PORTS_MIN 16u
#define DEFAULT_MINIMUM_RATE 125000u /* one Mbit/s: what an executor needs to speak with the agent */

/* What one direction may carry; all in bytes and bytes a second, 0 = not given. */
struct rate_settings {
    uint64_t fixed, per_cpu, minimum, maximum, ceil, burst;
    bool automatic; /* per_cpu is the link's share of each cpu */
};

struct settings {
    const char *eth0_name, *lo_name;
    struct ports ports, ephemeral; /* of the agent */
    uint32_t ephemeral_per_container;
    struct rate_settings egress, ingress;
    bool unique_flow;
    uint32_t flow_parent;
    bool isolate_existing;
    uint64_t link_speed; /* bytes a second; 0 = not given */
    bool sockets_summary, sockets_details, snmp, rates;
    int64_t rates_window_ms, rates_interval_ms;
    int64_t cpus; /* of the agent, thousandths; 0 = not told */
};

/* option(arg, name): the agent's option as text, or NULL. host_ports: ip_local_port_range, as the kernel writes it. */
int settings_read(struct settings *ret, const char *(*option)(const void *arg, const char *name), const void *arg,
                  const char *host_ports, struct err *err);
/* The checks that need the link: speed in bytes a second, 0 = unknown. Fills in what is automatic. */
int settings_link(struct settings *settings, const char *eth0, uint64_t speed, struct err *err);
void settings_fini(struct settings *settings);
/* The limit of a container with so many thousandths of cpus. */
struct net_limit settings_limit(const struct rate_settings *rate, int64_t cpus);

#endif
