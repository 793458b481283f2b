/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets out of the kernel, and whose they are. */
#include "listeners.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include "base/str.h"

#define ANSWER_TIMEOUT_SECONDS 5

bool
ports_has(const struct port_ranges *ranges, uint16_t port)
{
    for (size_t i = 0; i < ranges->count; i++)
        if (port >= ranges->items[i].first && port <= ranges->items[i].last)
            return true;
    return false;
}

void
ports_add(struct port_ranges *ranges, uint64_t first, uint64_t last)
{
    if (first > 65535 || first > last)
        return;
    ranges->items = xreallocarray(ranges->items, ranges->count + 1, sizeof *ranges->items);
    ranges->items[ranges->count++] = (struct port_range){(uint16_t)first, (uint16_t)(last > 65535 ? 65535 : last)};
}

void
ports_fini(struct port_ranges *ranges)
{
    free(ranges->items);
    *ranges = (struct port_ranges){0};
}

static int
ask(int fd, int family)
{
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 body;
    } request = {
        .head = {sizeof request, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 0, 0},
        .body = {.sdiag_family = (uint8_t)family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = 1u << TCP_LISTEN},
    };
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t n = sendto(fd, &request, sizeof request, 0, (const struct sockaddr *)&kernel, sizeof kernel);
    return n == (ssize_t)sizeof request ? 0 : n < 0 ? -errno : -EIO;
}

static void
take_one(struct listeners *listeners, const struct inet_diag_msg *socket, const struct port_ranges *wanted)
{
    uint16_t port = ntohs(socket->id.idiag_sport);
    if (socket->idiag_inode == 0 || (wanted && !ports_has(wanted, port)))
        return;
    if ((listeners->count & (listeners->count - 1)) == 0) /* a power of two: it is full */
        listeners->items = xreallocarray(listeners->items, listeners->count ? 2 * listeners->count : 1,
                                         sizeof *listeners->items);
    listeners->items[listeners->count++] = (struct listener){socket->idiag_inode, port};
}

/* One datagram of answers: 1 = more follow, 0 = that was all. */
static int
take_answers(struct listeners *listeners, const char *bytes, size_t len, const struct port_ranges *wanted)
{
    struct nlmsghdr head;
    for (size_t at = 0; len - at >= sizeof head; at += NLMSG_ALIGN(head.nlmsg_len)) {
        memcpy(&head, bytes + at, sizeof head);
        if (head.nlmsg_len < sizeof head || head.nlmsg_len > len - at)
            return -EPROTO;
        if (head.nlmsg_type == NLMSG_DONE)
            return 0;
        if (head.nlmsg_type == NLMSG_ERROR) {
            int code = -EPROTO;
            if (head.nlmsg_len >= sizeof head + sizeof code)
                memcpy(&code, bytes + at + sizeof head, sizeof code);
            return code < 0 ? code : -EPROTO;
        }
        struct inet_diag_msg socket;
        if (head.nlmsg_type == SOCK_DIAG_BY_FAMILY && head.nlmsg_len >= sizeof head + sizeof socket) {
            memcpy(&socket, bytes + at + sizeof head, sizeof socket);
            take_one(listeners, &socket, wanted);
        }
        if (NLMSG_ALIGN(head.nlmsg_len) > len - at)
            break;
    }
    return 1;
}

static int
read_family(struct listeners *listeners, int family, const struct port_ranges *wanted)
{
    static const struct timeval patience = {ANSWER_TIMEOUT_SECONDS, 0};
    char answers[32768];
    auto_fd int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0)
        return -errno;
    int rc = ask(fd, family);
    if (rc < 0)
        return rc;
    do {
        ssize_t n = recv(fd, answers, sizeof answers, 0);
        if (n < 0 && errno == EINTR)
            continue;
        rc = n < 0 ? -errno : take_answers(listeners, answers, (size_t)n, wanted);
    } while (rc > 0);
    return rc;
}

static int
by_inode(const void *a, const void *b)
{
    const struct listener *left = a, *right = b;
    return (left->inode > right->inode) - (left->inode < right->inode);
}

int
listeners_read(struct listeners *ret, const struct port_ranges *wanted)
{
    *ret = (struct listeners){0};
    int rc = read_family(ret, AF_INET, wanted);
    if (rc == 0)
        rc = read_family(ret, AF_INET6, wanted);
    if (rc == -ENOENT || rc == -EAFNOSUPPORT) /* a kernel without IPv6 */
        rc = ret->count ? 0 : rc;
    if (rc < 0)
        listeners_fini(ret);
    else if (ret->count > 1)
        qsort(ret->items, ret->count, sizeof *ret->items, by_inode);
    return rc;
}

void
listeners_fini(struct listeners *listeners)
{
    free(listeners->items);
    *listeners = (struct listeners){0};
}

static void
add_port(uint16_t **found, size_t *count, uint16_t port)
{
    size_t at = 0;
    while (at < *count && (*found)[at] < port)
        at++;
    if (at < *count && (*found)[at] == port)
        return;
    *found = xreallocarray(*found, *count + 1, sizeof **found);
    memmove(*found + at + 1, *found + at, (*count - at) * sizeof **found);
    (*found)[at] = port;
    ++*count;
}

/* "socket:[1234]", as the links of /proc/<pid>/fd say. */
static bool
socket_inode(struct str text, uint32_t *ret)
{
    uint64_t number;
    if (!str_starts(text, STR_LIT("socket:[")) || text.ptr[text.len - 1] != ']' ||
        str_to_u64(str_n(text.ptr + 8, text.len - 9), &number) < 0 || number > UINT32_MAX)
        return false;
    *ret = (uint32_t)number;
    return true;
}

void
listeners_of(const struct listeners *listeners, pid_t pid, uint16_t **found, size_t *count)
{
    char path[32], target[64];
    struct listener key = {0};
    const struct dirent *entry;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    while (dir && (entry = readdir(dir))) {
        ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof target);
        if (n <= 0 || !socket_inode(str_n(target, (size_t)n), &key.inode))
            continue;
        const struct listener *listener =
            bsearch(&key, listeners->items, listeners->count, sizeof key, by_inode);
        if (listener)
            add_port(found, count, listener->port);
    }
    if (dir)
        closedir(dir);
}
