/* SPDX-License-Identifier: Apache-2.0 */
/* From texts to numbers, and what does not go together. Opens nothing. */
#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "base/units.h"
#include "model/resources.h"

#define DEFAULT_PORTS "ports:[31000-32000]" /* what an agent offers that is told nothing */
#define WELL_KNOWN_LAST 1023

struct source {
    const char *(*option)(const void *arg, const char *name);
    const void *arg;
};

static const char *
text_of(const struct source *source, const char *name)
{
    const char *text = source->option(source->arg, name);
    return text && *text ? text : NULL;
}

static bool
flag_of(const struct source *source, const char *name)
{
    const char *text = text_of(source, name);
    return text && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
}

static int
bytes_of(const struct source *source, const char *name, uint64_t *ret, struct err *err)
{
    const char *text = text_of(source, name);
    if (!text)
        return 0;
    int rc = bytes_parse(str_of(text), ret, err);
    return rc < 0 ? err_wrap(err, "option '%s'", name) : 0;
}

static int
milliseconds_of(const struct source *source, const char *name, int64_t *ret, struct err *err)
{
    const char *text = text_of(source, name);
    int64_t ns;
    if (!text)
        return err_set(err, -EINVAL, "option 'network_enable_rate_statistics' needs option '%s', e.g. 1secs", name);
    if (duration_parse(str_of(text), &ns, err) < 0)
        return err_wrap(err, "option '%s'", name);
    if (ns < 1000000)
        return err_set(err, -EINVAL, "option '%s': '%s' is less than 1ms", name, text);
    *ret = ns / 1000000;
    return 0;
}

static int
read_resources(struct settings *settings, const struct source *source, struct err *err)
{
    const char *text = text_of(source, "resources"), *role = text_of(source, "default_role");
    auto_resources struct resources resources = {0};
    bool told = false;
    if (resources_parse(&resources, str_of(text ? text : ""), role ? role : "*", err) < 0)
        return err_wrap(err, "option 'resources'");
    for (uint32_t i = 0; i < resources.count; i++)
        told = told || strcmp(resources.items[i].name, "ports") == 0;
    if (!told) {
        auto_resources struct resources usual = {0};
        resources_parse(&usual, STR_LIT(DEFAULT_PORTS), "*", NULL);
        resources_add(&resources, &usual);
    }
    settings->cpus = resources_scalar(&resources, "cpus");
    struct mesos_resources view = resources_view(&resources);
    int rc = ports_of_resources(&settings->ports, view, "ports", err);
    return rc < 0 ? rc : ports_of_resources(&settings->ephemeral, view, "ephemeral_ports", err);
}

static int
refuse_meeting(const struct ports *ephemeral, const struct ports *others, const char *what, struct err *err)
{
    struct mesos_range common;
    auto_buf struct buf a = {0};
    auto_buf struct buf b = {0};
    if (!ports_meet(ephemeral, others, &common))
        return 0;
    ports_print(&a, ephemeral);
    ports_print(&b, others);
    return err_set(err, -EINVAL,
                   "option 'resources': the ephemeral ports %s and %s %s have %llu-%llu in common: containers need ports of "
                   "their own",
                   buf_cstr(&a), what, buf_cstr(&b), (unsigned long long)common.begin, (unsigned long long)common.end);
}

/* "32768\t60999\n" */
static int
host_range(struct ports *ret, const char *text, struct err *err)
{
    struct str rest = str_trim(str_of(text)), first = str_cut(&rest, '\t');
    uint64_t begin, end;
    if (str_to_u64(str_trim(first), &begin) < 0 || str_to_u64(str_trim(rest), &end) < 0 || begin > end || end > PORT_MAX)
        return err_set(err, -EINVAL, "the host's ip_local_port_range '%s' cannot be understood", text);
    ports_add(ret, begin, end);
    return 0;
}

static int
check_ephemeral(const struct settings *settings, const char *host_ports, struct err *err)
{
    auto_ports struct ports known = {0};
    auto_ports struct ports host = {0};
    ports_add(&known, 0, WELL_KNOWN_LAST);
    if (settings->ephemeral.count == 0)
        return err_set(err, -EINVAL,
                       "option 'resources' has no ephemeral_ports, which isolator 'network/port_mapping' gives to "
                       "containers: add e.g. ephemeral_ports:[32768-57344], and set net.ipv4.ip_local_port_range to others");
    if (host_range(&host, host_ports, err) < 0)
        return -EINVAL;
    int rc = refuse_meeting(&settings->ephemeral, &settings->ports, "the resource ports", err);
    if (rc == 0)
        rc = refuse_meeting(&settings->ephemeral, &known, "the well known ports", err);
    if (rc == 0)
        rc = refuse_meeting(&settings->ephemeral, &host, "the host's ip_local_port_range", err);
    return rc;
}

static int
read_per_container(struct settings *settings, const struct source *source, struct err *err)
{
    const char *text = text_of(source, "ephemeral_ports_per_container");
    struct mesos_range range;
    uint64_t number = 1024;
    if (text && (str_to_u64(str_of(text), &number) < 0 || number > PORT_MAX))
        return err_set(err, -EINVAL, "option 'ephemeral_ports_per_container': '%s' is no number of ports", text);
    if (number < EPHEMERAL_PORTS_MIN)
        return err_set(err, -EINVAL, "option 'ephemeral_ports_per_container': %llu is too few: a container needs at least %u",
                       (unsigned long long)number, EPHEMERAL_PORTS_MIN);
    settings->ephemeral_per_container = (uint32_t)number;
    if (ports_take(&settings->ephemeral, settings->ephemeral_per_container, &range))
        return 0;
    return err_set(err, -EINVAL,
                   "option 'ephemeral_ports_per_container': %llu do not fit into the ephemeral_ports of option 'resources', "
                   "which are %u",
                   (unsigned long long)number, ports_size(&settings->ephemeral));
}

static int
read_per_cpu(struct rate_settings *rate, const struct source *source, const char *name, struct err *err)
{
    const char *text = text_of(source, name);
    if (text && strcmp(text, "auto") == 0) {
        rate->automatic = true;
        return 0;
    }
    int rc = bytes_of(source, name, &rate->per_cpu, err);
    if (rc == 0 && text && rate->per_cpu == 0)
        rc = err_set(err, -EINVAL, "option '%s': '%s' is no speed: write auto, or bytes a second as 10MB", name, text);
    return rc;
}

static int
check_rate(struct rate_settings *rate, const char *way, struct err *err)
{
    bool scaled = rate->per_cpu || rate->automatic;
    if (rate->fixed && scaled)
        return err_set(err, -EINVAL, "options '%s_rate_limit_per_container' and '%s_rate_per_cpu' exclude each other", way,
                       way);
    if ((rate->minimum || rate->maximum) && !scaled)
        return err_set(err, -EINVAL, "options 'minimum_%s_rate_limit' and 'maximum_%s_rate_limit' need '%s_rate_per_cpu'",
                       way, way, way);
    if (scaled && !rate->minimum)
        rate->minimum = rate->maximum && rate->maximum < DEFAULT_MINIMUM_RATE ? rate->maximum : DEFAULT_MINIMUM_RATE;
    if (rate->maximum && rate->minimum > rate->maximum)
        return err_set(err, -EINVAL, "option 'minimum_%s_rate_limit': %llu is more than maximum_%s_rate_limit, %llu", way,
                       (unsigned long long)rate->minimum, way, (unsigned long long)rate->maximum);
    if ((rate->ceil || rate->burst) && !rate->fixed && !scaled)
        return err_set(err, -EINVAL,
                       "options '%s_ceil_limit' and '%s_burst' need '%s_rate_limit_per_container' or '%s_rate_per_cpu'", way,
                       way, way, way);
    uint64_t least = rate->fixed ? rate->fixed : rate->minimum;
    if (rate->ceil && rate->ceil < least)
        return err_set(err, -EINVAL, "option '%s_ceil_limit': %llu is less than the rate that it tops, %llu", way,
                       (unsigned long long)rate->ceil, (unsigned long long)least);
    return 0;
}

static int
read_rate(struct rate_settings *rate, const struct source *source, const char *way, struct err *err)
{
    auto_free char *fixed = xasprintf("%s_rate_limit_per_container", way), *per_cpu = xasprintf("%s_rate_per_cpu", way);
    auto_free char *least = xasprintf("minimum_%s_rate_limit", way), *most = xasprintf("maximum_%s_rate_limit", way);
    auto_free char *ceil = xasprintf("%s_ceil_limit", way), *burst = xasprintf("%s_burst", way);
    int rc = bytes_of(source, fixed, &rate->fixed, err);
    if (rc < 0 || (rc = read_per_cpu(rate, source, per_cpu, err)) < 0 ||
        (rc = bytes_of(source, least, &rate->minimum, err)) < 0 ||
        (rc = bytes_of(source, most, &rate->maximum, err)) < 0 || (rc = bytes_of(source, ceil, &rate->ceil, err)) < 0 ||
        (rc = bytes_of(source, burst, &rate->burst, err)) < 0)
        return rc;
    return check_rate(rate, way, err);
}

/* "root", "ingress" or "1:0": both numbers hexadecimal, the second may be left out. */
static int
read_flow_parent(struct settings *settings, const struct source *source, struct err *err)
{
    const char *text = text_of(source, "egress_flow_classifier_parent");
    unsigned major, minor = 0;
    char rest;
    settings->flow_parent = NET_ROOT;
    if (!text || strcmp(text, "root") == 0)
        return 0;
    if (strcmp(text, "ingress") == 0) {
        settings->flow_parent = NET_INGRESS_PARENT;
        return 0;
    }
    int found = sscanf(text, "%x:%x%c", &major, &minor, &rest);
    if (found < 1 || found > 2 || !strchr(text, ':') || major == 0 || major > 0xfffe || minor > 0xffff)
        return err_set(err, -EINVAL, "option 'egress_flow_classifier_parent': '%s' is none of root, ingress or a handle as 1:1",
                       text);
    settings->flow_parent = NET_HANDLE(major, minor);
    return 0;
}

static int
read_rates(struct settings *settings, const struct source *source, struct err *err)
{
    settings->rates = flag_of(source, "network_enable_rate_statistics");
    if (!settings->rates)
        return 0;
    int rc = milliseconds_of(source, "network_rate_statistics_window", &settings->rates_window_ms, err);
    if (rc < 0 || (rc = milliseconds_of(source, "network_rate_statistics_interval", &settings->rates_interval_ms, err)) < 0)
        return rc;
    if (settings->rates_interval_ms > settings->rates_window_ms)
        return err_set(err, -EINVAL,
                       "option 'network_rate_statistics_interval': '%s' is longer than network_rate_statistics_window, '%s'",
                       text_of(source, "network_rate_statistics_interval"),
                       text_of(source, "network_rate_statistics_window"));
    if (settings->rates_window_ms / settings->rates_interval_ms > 100000)
        return err_set(err, -EINVAL,
                       "option 'network_rate_statistics_interval': '%s' gives more than 100000 samples in a window of '%s'",
                       text_of(source, "network_rate_statistics_interval"),
                       text_of(source, "network_rate_statistics_window"));
    return 0;
}

int
settings_read(struct settings *ret, const char *(*option)(const void *arg, const char *name), const void *arg,
              const char *host_ports, struct err *err)
{
    struct source source = {option, arg};
    struct settings settings = {
        .eth0_name = text_of(&source, "eth0_name"),
        .lo_name = text_of(&source, "lo_name"),
        .unique_flow = flag_of(&source, "egress_unique_flow_per_container"),
        .isolate_existing = !text_of(&source, "ingress_isolate_existing_containers") ||
                            flag_of(&source, "ingress_isolate_existing_containers"),
        .sockets_summary = flag_of(&source, "network_enable_socket_statistics_summary"),
        .sockets_details = flag_of(&source, "network_enable_socket_statistics_details"),
        .snmp = flag_of(&source, "network_enable_snmp_statistics"),
    };
    int rc = read_resources(&settings, &source, err);
    if (rc == 0)
        rc = check_ephemeral(&settings, host_ports, err);
    if (rc == 0)
        rc = read_per_container(&settings, &source, err);
    if (rc == 0)
        rc = read_rate(&settings.egress, &source, "egress", err);
    if (rc == 0)
        rc = read_rate(&settings.ingress, &source, "ingress", err);
    if (rc == 0)
        rc = read_flow_parent(&settings, &source, err);
    if (rc == 0)
        rc = bytes_of(&source, "network_link_speed", &settings.link_speed, err);
    if (rc == 0)
        rc = read_rates(&settings, &source, err);
    if (rc < 0) {
        settings_fini(&settings);
        return rc;
    }
    *ret = settings;
    return 0;
}

static int
link_rate(struct rate_settings *rate, const char *way, const char *eth0, uint64_t speed, int64_t cpus, struct err *err)
{
    uint64_t most = rate->fixed > rate->ceil ? rate->fixed : rate->ceil;
    if (rate->automatic && speed == 0)
        return err_set(err, -EINVAL,
                       "option '%s_rate_per_cpu': 'auto' needs the speed of %s, which does not tell it: give it as "
                       "--network_link_speed, or a speed instead of auto",
                       way, eth0);
    if (rate->automatic && cpus <= 0)
        return err_set(err, -EINVAL, "option '%s_rate_per_cpu': 'auto' needs cpus in option 'resources'", way);
    if (rate->automatic)
        rate->per_cpu = speed * 1000 / (uint64_t)cpus;
    if (speed && most > speed)
        return err_set(err, -EINVAL, "option '%s_rate_limit_per_container': %llu bytes a second are more than %s can carry, %llu",
                       way, (unsigned long long)most, eth0, (unsigned long long)speed);
    return 0;
}

int
settings_link(struct settings *settings, const char *eth0, uint64_t speed, struct err *err)
{
    uint64_t known = settings->link_speed ? settings->link_speed : speed;
    int64_t cpus = settings->cpus ? settings->cpus : (int64_t)sysconf(_SC_NPROCESSORS_ONLN) * 1000;
    int rc = link_rate(&settings->egress, "egress", eth0, known, cpus, err);
    return rc < 0 ? rc : link_rate(&settings->ingress, "ingress", eth0, known, cpus, err);
}

void
settings_fini(struct settings *settings)
{
    ports_fini(&settings->ports);
    ports_fini(&settings->ephemeral);
}

struct net_limit
settings_limit(const struct rate_settings *rate, int64_t cpus)
{
    struct net_limit limit = {.rate = rate->fixed, .ceil = rate->ceil, .burst = rate->burst};
    if (rate->per_cpu) {
        limit.rate = (uint64_t)((double)rate->per_cpu * (double)(cpus > 0 ? cpus : 0) / 1000.0);
        if (limit.rate < rate->minimum)
            limit.rate = rate->minimum;
        if (rate->maximum && limit.rate > rate->maximum)
            limit.rate = rate->maximum;
    }
    if (limit.rate == 0)
        return (struct net_limit){0};
    if (limit.ceil < limit.rate)
        limit.ceil = limit.rate;
    return limit;
}
