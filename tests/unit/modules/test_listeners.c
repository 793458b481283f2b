/* SPDX-License-Identifier: Apache-2.0 */
/* Listening ports of this very process, as isolator network/ports finds them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "isolator/network_ports/listeners.h"

static uint16_t
port_of(int fd)
{
    struct sockaddr_in6 address;
    socklen_t len = sizeof address;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    return ntohs(address.sin6_port); /* at the same place in both families */
}

static int
listener(int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && listen(fd, 1) == 0 ? fd : (close(fd), -1);
}

static bool
finds(const struct listeners *listeners, uint16_t port)
{
    uint16_t *found = NULL;
    size_t count = 0;
    bool there = false;
    listeners_of(listeners, getpid(), &found, &count);
    for (size_t i = 0; i < count; i++) {
        there = there || found[i] == port;
        assert_true(i == 0 || found[i - 1] < found[i]);
    }
    free(found);
    return there;
}

static void
test_own_listeners(void **state)
{
    struct listeners all, some;
    int four = listener(AF_INET), six = listener(AF_INET6), plain = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in any = {.sin_family = AF_INET};
    assert_true(four >= 0);
    assert_int_equal(bind(plain, (struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(listeners_read(&all, NULL), 0);
    assert_true(finds(&all, port_of(four)));
    assert_false(finds(&all, port_of(plain))); /* bound, and does not listen */
    if (six >= 0) /* a machine may have no IPv6 */
        assert_true(finds(&all, port_of(six)));
    struct port_ranges wanted = {0};
    ports_add(&wanted, port_of(four), port_of(four));
    assert_int_equal(listeners_read(&some, &wanted), 0);
    assert_true(finds(&some, port_of(four)));
    assert_true(some.count >= 1 && some.count <= all.count);
    for (size_t i = 0; i < some.count; i++)
        assert_int_equal(some.items[i].port, port_of(four));
    listeners_fini(&all);
    listeners_fini(&some);
    ports_fini(&wanted);
    close(four);
    close(six);
    close(plain);
}

static void
test_gone_process(void **state)
{
    struct listeners all = {0};
    uint16_t *found = NULL;
    size_t count = 0;
    listeners_of(&all, 0x7ffffff0, &found, &count);
    assert_null(found);
    assert_int_equal(count, 0);
}

static void
test_ranges(void **state)
{
    struct port_ranges ranges = {0};
    ports_add(&ranges, 10, 12);
    ports_add(&ranges, 65000, 100000);
    ports_add(&ranges, 70000, 80000); /* no port at all */
    ports_add(&ranges, 5, 4);
    assert_int_equal(ranges.count, 2);
    assert_true(ports_has(&ranges, 10) && ports_has(&ranges, 12) && ports_has(&ranges, 65535));
    assert_false(ports_has(&ranges, 9) || ports_has(&ranges, 13) || ports_has(&ranges, 64999));
    ports_fini(&ranges);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_listeners),
        cmocka_unit_test(test_gone_process),
        cmocka_unit_test(test_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
