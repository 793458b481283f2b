/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as text and back. Only address_resolve asks anybody outside. */
#include "loop/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>

static inline struct sockaddr_in *
in4(const struct address *a)
{
    return (struct sockaddr_in *)(uintptr_t)&a->sa;
}

static inline struct sockaddr_in6 *
in6(const struct address *a)
{
    return (struct sockaddr_in6 *)(uintptr_t)&a->sa;
}

static inline struct sockaddr_un *
un(const struct address *a)
{
    return (struct sockaddr_un *)(uintptr_t)&a->sa;
}

static int
parse_unix(struct str path, struct address *ret, struct err *err)
{
    struct address a = {0};
    if (path.len == 0 || path.len >= sizeof(un(&a)->sun_path) || memchr(path.ptr, '\0', path.len))
        return err_set(err, -EINVAL, "'unix:%.*s': a socket's path has 1 to %zu bytes", STR_ARG(path),
                       sizeof(un(&a)->sun_path) - 1);
    un(&a)->sun_family = AF_UNIX;
    memcpy(un(&a)->sun_path, path.ptr, path.len);
    a.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
    *ret = a;
    return 0;
}

static int
parse_port(struct str text, uint16_t *ret)
{
    uint64_t port;
    if (text.len > 5 || str_to_u64(text, &port) || port > 65535)
        return -EINVAL;
    *ret = (uint16_t)port;
    return 0;
}

int
address_parse(struct str text, struct address *ret, struct err *err)
{
    if (str_starts(text, STR_LIT("unix:")))
        return parse_unix(str_n(text.ptr + 5, text.len - 5), ret, err);
    struct address a = {0};
    char host[64] = "";
    uint16_t port = 0;
    size_t colon = text.len;
    while (colon && text.ptr[colon - 1] != ':')
        colon--;
    bool good = colon > 1 && parse_port(str_n(text.ptr + colon, text.len - colon), &port) == 0;
    struct str ip = good ? str_n(text.ptr, colon - 1) : str_n("", 0);
    bool bracketed = ip.len > 2 && ip.ptr[0] == '[' && ip.ptr[ip.len - 1] == ']';
    if (bracketed)
        ip = str_n(ip.ptr + 1, ip.len - 2);
    if (good && ip.len < sizeof(host))
        memcpy(host, ip.ptr, ip.len);
    if (good && !bracketed && inet_pton(AF_INET, host, &in4(&a)->sin_addr) == 1) {
        in4(&a)->sin_family = AF_INET;
        in4(&a)->sin_port = htons(port);
        a.len = sizeof(struct sockaddr_in);
    } else if (good && bracketed && inet_pton(AF_INET6, host, &in6(&a)->sin6_addr) == 1) {
        in6(&a)->sin6_family = AF_INET6;
        in6(&a)->sin6_port = htons(port);
        a.len = sizeof(struct sockaddr_in6);
    } else {
        return err_set(err, -EINVAL, "'%.*s' is not an address: want 10.0.0.1:5050, [::1]:5050 or unix:/path",
                       STR_ARG(text));
    }
    *ret = a;
    return 0;
}

int
address_resolve(const char *host, uint16_t port, struct address *ret, struct err *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
    int rc = getaddrinfo(host, NULL, &hints, &list);
    if (rc)
        return err_set(err, -EHOSTUNREACH, "cannot resolve '%s': %s", host, gai_strerror(rc));
    const struct addrinfo *best = NULL;
    for (const struct addrinfo *ai = list; ai; ai = ai->ai_next)
        if ((ai->ai_family == AF_INET && (!best || best->ai_family != AF_INET)) || (!best && ai->ai_family == AF_INET6))
            best = ai;
    if (!best || best->ai_addrlen > sizeof(ret->sa)) {
        freeaddrinfo(list);
        return err_set(err, -EHOSTUNREACH, "'%s' has no IPv4 or IPv6 address", host);
    }
    *ret = (struct address){.len = best->ai_addrlen};
    memcpy(&ret->sa, best->ai_addr, best->ai_addrlen);
    address_set_port(ret, port);
    freeaddrinfo(list);
    return 0;
}

char *
address_ip(const struct address *address, char out[64])
{
    out[0] = '\0';
    if (address->len && address->sa.ss_family == AF_INET)
        inet_ntop(AF_INET, &in4(address)->sin_addr, out, 64);
    else if (address->len && address->sa.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &in6(address)->sin6_addr, out, 64);
    return out;
}

char *
address_format(const struct address *address, char out[128])
{
    char ip[64];
    if (address->len && address->sa.ss_family == AF_UNIX) {
        size_t head = offsetof(struct sockaddr_un, sun_path);
        int n = address->len > head ? (int)strnlen(un(address)->sun_path, address->len - head) : 0;
        snprintf(out, 128, "unix:%.*s", n, un(address)->sun_path);
    } else if (address->len && address->sa.ss_family == AF_INET6) {
        snprintf(out, 128, "[%s]:%u", address_ip(address, ip), address_port(address));
    } else {
        snprintf(out, 128, "%s:%u", address_ip(address, ip), address_port(address));
    }
    return out;
}

uint16_t
address_port(const struct address *address)
{
    if (address->len && address->sa.ss_family == AF_INET)
        return ntohs(in4(address)->sin_port);
    if (address->len && address->sa.ss_family == AF_INET6)
        return ntohs(in6(address)->sin6_port);
    return 0;
}

void
address_set_port(struct address *address, uint16_t port)
{
    if (address->len && address->sa.ss_family == AF_INET)
        in4(address)->sin_port = htons(port);
    else if (address->len && address->sa.ss_family == AF_INET6)
        in6(address)->sin6_port = htons(port);
}

bool
address_eq(const struct address *a, const struct address *b)
{
    if (!a->len || !b->len)
        return a->len == b->len;
    if (a->sa.ss_family != b->sa.ss_family || address_port(a) != address_port(b))
        return false;
    if (a->sa.ss_family == AF_INET)
        return in4(a)->sin_addr.s_addr == in4(b)->sin_addr.s_addr;
    if (a->sa.ss_family == AF_INET6)
        return memcmp(&in6(a)->sin6_addr, &in6(b)->sin6_addr, sizeof(struct in6_addr)) == 0;
    return a->len == b->len && memcmp(&a->sa, &b->sa, a->len) == 0;
}

bool
address_is_loopback(const struct address *address)
{
    if (!address->len)
        return false;
    if (address->sa.ss_family == AF_INET)
        return ntohl(in4(address)->sin_addr.s_addr) >> 24 == 127;
    if (address->sa.ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&in6(address)->sin6_addr);
    return address->sa.ss_family == AF_UNIX;
}
