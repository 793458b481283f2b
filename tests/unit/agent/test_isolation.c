/* SPDX-License-Identifier: Apache-2.0 */
/* Names of --isolation: aliases, what comes with a name, each module once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/isolation.h"
#include "base/mem.h"
#include "base/str.h"

static void
test_names(void **state)
{
    static const struct {
        const char *given, *modules;
    } cases[] = {
        {"posix/cpu,posix/mem", "posix/cpu,posix/mem,filesystem/posix,network/cni,environment_secret"},
        {"process", "posix/cpu,posix/mem,filesystem/posix,network/cni,environment_secret"},
        {"cgroups", "cgroups/cpu,cgroups/mem,filesystem/posix,network/cni,environment_secret"},
        {"cgroups,posix/mem,cgroups/all,cgroups/pids", "posix/mem,cgroups/all,filesystem/posix,network/cni,environment_secret"},
        {"posix/disk, posix/cpu,disk/du", "disk/du,posix/cpu,filesystem/posix,network/cni,environment_secret"},
        {"filesystem/linux,volume/image",
         "filesystem/linux,volume/host_path,volume/sandbox_path,volume/image,network/cni,environment_secret"},
        {"com_example_own", "com_example_own,filesystem/posix,network/cni,environment_secret"},
        {"network/cni,posix/cpu", "network/cni,posix/cpu,filesystem/posix,environment_secret"},
        {"network/port_mapping", "network/port_mapping,filesystem/posix,environment_secret"},
        {"filesystem/shared", "filesystem/shared,network/cni,environment_secret"},
        {"network/ports", "network/ports,filesystem/posix,network/cni,environment_secret"},
        {"", "filesystem/posix,network/cni,environment_secret"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        auto_free char *modules = isolation_modules(cases[i].given);
        assert_string_equal(modules, cases[i].modules);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
