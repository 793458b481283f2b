/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mesos-network-helper: works inside a container's network namespace (descriptor 3) for the isolator
 * network/port_mapping, so that the agent never leaves its own. Errors are one line on standard error, status 1.
 *
 *   mesos-network-helper setup|update|statistics|check --name=value...
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "inside.h"

static int
parse_mac(const char *text, uint8_t *ret)
{
    char rest;
    return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", ret, ret + 1, ret + 2, ret + 3, ret + 4, ret + 5, &rest) == 6
               ? 0 : -EINVAL;
}

static int
parse_address(const char *text, struct net_address *ret)
{
    struct str rest = str_of(text);
    auto_free char *address = str_dup(str_cut(&rest, '/'));
    uint64_t prefix;
    if (inet_pton(AF_INET, address, &ret->address) != 1 || str_to_u64(rest, &prefix) < 0 || prefix > 32)
        return -EINVAL;
    ret->prefix = (uint8_t)prefix;
    return 0;
}

/* "rate:ceil:burst" */
static int
parse_limit(const char *text, struct net_limit *ret)
{
    struct str rest = str_of(text), rate = str_cut(&rest, ':'), ceil = str_cut(&rest, ':');
    return str_to_u64(rate, &ret->rate) < 0 || str_to_u64(ceil, &ret->ceil) < 0 || str_to_u64(rest, &ret->burst) < 0
               ? -EINVAL : 0;
}

static int
parse_name(const char *text, char *ret)
{
    if (!*text || strlen(text) >= IFNAMSIZ || strchr(text, '/') || strcmp(text, "..") == 0)
        return -EINVAL;
    memcpy(ret, text, strlen(text) + 1);
    return 0;
}

static int
parse_mtu(const char *text, uint32_t *ret)
{
    uint64_t mtu;
    if (str_to_u64(str_of(text), &mtu) < 0 || mtu > UINT32_MAX)
        return -EINVAL;
    *ret = (uint32_t)mtu;
    return 0;
}

static int
parse(const char *name, const char *value, struct inside *ret)
{
    if (strcmp(name, "eth0_name") == 0)
        return parse_name(value, ret->host.eth0);
    if (strcmp(name, "lo_name") == 0)
        return parse_name(value, ret->host.lo);
    if (strcmp(name, "mac") == 0)
        return parse_mac(value, ret->host.mac);
    if (strcmp(name, "mtu") == 0)
        return parse_mtu(value, &ret->host.mtu);
    if (strcmp(name, "address") == 0)
        return parse_address(value, &ret->host.address);
    if (strcmp(name, "gateway") == 0) {
        ret->host.has_route = true;
        return inet_pton(AF_INET, value, &ret->host.gateway) == 1 ? 0 : -EINVAL;
    }
    if (strcmp(name, "ports") == 0)
        return ports_parse(&ret->ports, str_of(value), NULL);
    if (strcmp(name, "ephemeral_ports") == 0)
        return ports_parse(&ret->ephemeral, str_of(value), NULL);
    if (strcmp(name, "egress") == 0)
        return parse_limit(value, &ret->egress);
    return -ENOENT;
}

static int
parse_all(char **argv, struct inside *ret, struct err *err)
{
    for (; *argv; argv++) {
        bool *flag = strcmp(*argv, "--fq_codel") == 0 ? &ret->limit_fq_codel
                     : strcmp(*argv, "--enable_socket_statistics_summary") == 0 ? &ret->sockets_summary
                     : strcmp(*argv, "--enable_socket_statistics_details") == 0 ? &ret->sockets_details
                     : strcmp(*argv, "--enable_snmp_statistics") == 0 ? &ret->snmp : NULL;
        if (flag) {
            *flag = true;
            continue;
        }
        char *value = strchr(*argv, '=');
        if (strncmp(*argv, "--", 2) != 0 || !value)
            return err_set(err, -EINVAL, "'%s' is no option of this program", *argv);
        auto_free char *name = str_dup(str_n(*argv + 2, (size_t)(value - *argv) - 2));
        if (parse(name, value + 1, ret) < 0)
            return err_set(err, -EINVAL, "option '%s': '%s' cannot be understood", name, value + 1);
    }
    return 0;
}

static int
put_out(const struct buf *out, struct err *err)
{
    size_t done = 0;
    while (done < out->len) {
        ssize_t n = write(STDOUT_FILENO, buf_data(out) + done, out->len - done);
        if (n < 0 && errno != EINTR)
            return err_errno(err, "cannot write the answer");
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int
run(const char *command, char **argv, struct err *err)
{
    struct inside inside = {0};
    auto_buf struct buf out = {0};
    int rc = parse_all(argv, &inside, err);
    if (rc < 0)
        return rc;
    if (strcmp(command, "check") == 0) {
        rc = inside_probe(&out, err);
    } else if (!inside.host.eth0[0]) {
        rc = err_set(err, -EINVAL, "option 'eth0_name' is missing");
    } else if (strcmp(command, "statistics") == 0) {
        rc = inside_statistics(&inside, &out, err);
    } else if (!inside.host.lo[0]) {
        rc = err_set(err, -EINVAL, "option 'lo_name' is missing");
    } else if (strcmp(command, "setup") == 0) {
        rc = inside_setup(&inside, err);
    } else if (strcmp(command, "update") == 0) {
        rc = inside_update(&inside, err);
    } else {
        rc = err_set(err, -EINVAL, "'%s' is none of setup, update, statistics, check", command);
    }
    ports_fini(&inside.ports);
    ports_fini(&inside.ephemeral);
    return rc < 0 ? rc : put_out(&out, err);
}

int
main(int argc, char **argv)
{
    struct err err = {0};
    if (argc < 2) {
        fputs("usage: mesos-network-helper setup|update|statistics|check --name=value...\n", stderr);
        return 1;
    }
    if (run(argv[1], argv + 2, &err) == 0)
        return 0;
    fprintf(stderr, "%s\n", err.text);
    return 1;
}
