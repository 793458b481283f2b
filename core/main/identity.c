/* SPDX-License-Identifier: Apache-2.0 */
/* Who we are on the network: where to listen, what peers are told, our name. Runs once, at start. */
#include "main/process.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>

#include "base/log.h"

/* The first line that a program prints. */
static int
ask_command(const char *command, char **ret, struct err *err)
{
    char line[256] = "";
    FILE *pipe = popen(command, "r"); /* a shell, as Mesos: the operator wrote the command */
    int status;

    if (!pipe)
        return err_errno(err, "cannot run ip_discovery_command '%s'", command);
    if (!fgets(line, sizeof(line), pipe))
        line[0] = '\0';
    status = pclose(pipe);
    if (status != 0)
        return err_set(err, -EINVAL, "ip_discovery_command '%s' failed with status %d", command, status);
    *ret = str_dup(str_trim(str_of(line)));
    return 0;
}

static int
discover_ip(struct process *process, struct err *err)
{
    struct daemon_options *common = process->common;
    int status;

    if (!common->ip_discovery_command)
        return 0;
    status = ask_command(common->ip_discovery_command, &process->ip, err);
    if (status < 0)
        return status;
    common->ip = process->ip;
    if (daemon_check_ip(common->ip, common, process->set, err) < 0)
        return err_wrap(err, "ip_discovery_command '%s' printed", common->ip_discovery_command);
    return 0;
}

static int
parse_ip(const char *ip, uint16_t port, struct address *ret, struct err *err)
{
    auto_free char *text = strchr(ip, ':') ? xasprintf("[%s]:%u", ip, port) : xasprintf("%s:%u", ip, port);

    return address_parse(str_of(text), ret, err);
}

/* Any address of an interface that is up and is no loopback. */
static bool
interface_address(struct address *ret)
{
    struct ifaddrs *list = NULL;
    bool found = false;

    if (getifaddrs(&list) != 0)
        return false;
    for (const struct ifaddrs *i = list; i && !found; i = i->ifa_next)
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET && (i->ifa_flags & IFF_UP) &&
            !(i->ifa_flags & IFF_LOOPBACK)) {
            memcpy(&ret->sa, i->ifa_addr, sizeof(struct sockaddr_in));
            ret->len = sizeof(struct sockaddr_in);
            found = true;
        }
    freeifaddrs(list);
    return found;
}

/* Listening on every address, one must be told: that of our own name, else of an interface, else loopback. */
static int
choose_address(uint16_t port, struct address *ret, struct err *err)
{
    char name[256] = "";

    gethostname(name, sizeof(name) - 1);
    if (name[0] && address_resolve(name, port, ret, NULL) == 0 && !address_is_loopback(ret))
        return 0;
    if (interface_address(ret)) {
        address_set_port(ret, port);
        return 0;
    }
    log_warning("only a loopback address was found: no other machine can reach this one; --ip or "
                "--advertise_ip tell");
    return parse_ip("127.0.0.1", port, ret, err);
}

static bool
is_any(const char *ip)
{
    return strcmp(ip, "0.0.0.0") == 0 || strcmp(ip, "::") == 0;
}

static int
set_advertised(struct process *process, struct err *err)
{
    const struct daemon_options *common = process->common;
    char ip[64];
    uint64_t port = process->listen_fd ? address_port(&process->listen) : (uint64_t)common->port;

    if (common->advertise_port)
        str_to_u64(str_of(common->advertise_port), &port);
    if (common->advertise_ip)
        return parse_ip(common->advertise_ip, (uint16_t)port, &process->advertise, err);
    if (process->listen_fd && !is_any(address_ip(&process->listen, ip))) {
        process->advertise = process->listen;
        address_set_port(&process->advertise, (uint16_t)port);
        return 0;
    }
    if (process->listen_fd || is_any(common->ip))
        return choose_address((uint16_t)port, &process->advertise, err);
    return parse_ip(common->ip, (uint16_t)port, &process->advertise, err);
}

static char *
look_up_name(const struct address *address)
{
    char name[NI_MAXHOST];

    if (getnameinfo((const struct sockaddr *)&address->sa, address->len, name, sizeof(name), NULL, 0, 0) == 0)
        return xstrdup(name);
    return NULL;
}

int
process_identity(struct process *process, struct err *err)
{
    struct daemon_options *common = process->common;
    char ip[64];
    int status = discover_ip(process, err);

    if (status < 0)
        return status;
    if (!common->ip)
        common->ip = "0.0.0.0";
    if (!process->listen_fd)
        status = parse_ip(common->ip, (uint16_t)common->port, &process->listen, err);
    if (status == 0)
        status = set_advertised(process, err);
    if (status < 0)
        return err_wrap(err, "address");
    if (common->hostname)
        process->hostname = xstrdup(common->hostname);
    else if (common->hostname_lookup)
        process->hostname = look_up_name(&process->advertise);
    if (!process->hostname)
        process->hostname = xstrdup(address_ip(&process->advertise, ip));
    return 0;
}
