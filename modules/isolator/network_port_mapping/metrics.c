/* SPDX-License-Identifier: Apache-2.0 */
/* The counters that Mesos shows of this isolator, under its names. */
#include <stdio.h>
#include "port_mapping.h"

#define PREFIX "port_mapping/"

static const char *const NAMES[] = {
    "adding_eth0_arp_filters_already_exist", "adding_eth0_arp_filters_errors",
    "adding_eth0_egress_filters_already_exist", "adding_eth0_egress_filters_errors",
    "adding_eth0_icmp_filters_already_exist", "adding_eth0_icmp_filters_errors",
    "adding_eth0_ip_filters_already_exist", "adding_eth0_ip_filters_errors",
    "adding_lo_ip_filters_already_exist", "adding_lo_ip_filters_errors",
    "adding_veth_arp_filters_already_exist", "adding_veth_arp_filters_errors",
    "adding_veth_icmp_filters_already_exist", "adding_veth_icmp_filters_errors",
    "adding_veth_ip_filters_already_exist", "adding_veth_ip_filters_errors",
    "removing_eth0_arp_filters_do_not_exist", "removing_eth0_arp_filters_errors",
    "removing_eth0_egress_filters_errors", "removing_eth0_icmp_filters_do_not_exist",
    "removing_eth0_icmp_filters_errors", "removing_eth0_ip_filters_do_not_exist",
    "removing_eth0_ip_filters_errors", "removing_lo_ip_filters_do_not_exist", "removing_lo_ip_filters_errors",
    "removing_veth_ip_filters_do_not_exist", "removing_veth_ip_filters_errors",
    "removinging_eth0_egress_filters_do_not_exist", "updating_container_ip_filters_errors",
    "updating_eth0_arp_filters_already_exist", "updating_eth0_arp_filters_do_not_exist",
    "updating_eth0_arp_filters_errors", "updating_eth0_icmp_filters_already_exist",
    "updating_eth0_icmp_filters_do_not_exist", "updating_eth0_icmp_filters_errors",
};

static void
count(const struct isolator *isolator, const char *verb, const char *link, const char *sort, const char *what,
      uint32_t number)
{
    char name[96];
    if (number == 0)
        return;
    snprintf(name, sizeof name, PREFIX "%s_%s_%s_filters_%s", verb, link, sort, what);
    isolator->host->count(isolator->host, name, number);
}

void
metrics_begin(const struct isolator *isolator)
{
    const struct settings *settings = &isolator->ground->settings;
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        char name[96];
        snprintf(name, sizeof name, PREFIX "%s", NAMES[i]);
        isolator->host->count(isolator->host, name, 0);
    }
    isolator->host->gauge(isolator->host, PREFIX "per_cpu_egress_rate_limit", (double)settings->egress.per_cpu);
    isolator->host->gauge(isolator->host, PREFIX "per_cpu_ingress_rate_limit", (double)settings->ingress.per_cpu);
}

static void
added(const struct isolator *isolator, const char *link, const char *sort, const struct layout_count *counts)
{
    count(isolator, "adding", link, sort, "errors", counts->add_failed);
    count(isolator, "adding", link, sort, "already_exist", counts->present);
}

void
metrics_added(const struct isolator *isolator, const struct job *job)
{
    added(isolator, "veth", "ip", &job->veth.ip);
    added(isolator, "veth", "icmp", &job->veth.icmp);
    added(isolator, "veth", "arp", &job->veth.arp);
    added(isolator, "eth0", "ip", &job->eth0.ip);
    added(isolator, "eth0", "icmp", &job->eth0.icmp);
    added(isolator, "eth0", "arp", &job->eth0.arp);
    added(isolator, "lo", "ip", &job->lo.ip);
    added(isolator, "eth0", "egress", &job->flows.ip);
}

static void
removed(const struct isolator *isolator, const char *link, const char *sort, const struct layout_count *counts)
{
    count(isolator, "removing", link, sort, "errors", counts->remove_failed);
    count(isolator, "removing", link, sort, "do_not_exist", counts->absent);
}

void
metrics_removed(const struct isolator *isolator, const struct job *job)
{
    removed(isolator, "veth", "ip", &job->veth.ip);
    removed(isolator, "eth0", "ip", &job->eth0.ip);
    removed(isolator, "eth0", "icmp", &job->eth0.icmp);
    removed(isolator, "eth0", "arp", &job->eth0.arp);
    removed(isolator, "lo", "ip", &job->lo.ip);
    count(isolator, "removing", "eth0", "egress", "errors", job->flows.ip.remove_failed);
    count(isolator, "removinging", "eth0", "egress", "do_not_exist", job->flows.ip.absent);
}
