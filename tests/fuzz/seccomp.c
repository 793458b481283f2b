/* SPDX-License-Identifier: Apache-2.0 */
/* Seccomp profiles: whatever a file says, it is refused with a reason or becomes a message that can be packed and read again. */
#include "fuzz.h"

#include "linux_seccomp/profile.h"

static void
must_hold(const Mesos__Seccomp__ContainerSeccompProfile *profile)
{
    must(profile->default_action != MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__SYSCALL__ACTION__UNKNOWN);
    for (size_t i = 0; i < profile->n_syscalls; i++) {
        const Mesos__Seccomp__ContainerSeccompProfile__Syscall *rule = profile->syscalls[i];
        must(rule->n_names > 0 && rule->action != MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__SYSCALL__ACTION__UNKNOWN);
        for (size_t k = 0; k < rule->n_args; k++)
            must(rule->args[k]->index < 6);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena struct arena *arena = arena_new(0);
    struct err err = {0};
    struct seccomp_host host = {MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__ARCHITECTURE__ARCH_X86_64, 6, 1};
    Mesos__Seccomp__ContainerSeccompProfile *profile = seccomp_profile_parse(str_n(data, size), &host, arena, &err);
    if (!profile) {
        must(err.code < 0 && err.text[0]);
        return 0;
    }
    must_hold(profile);
    size_t len = mesos__seccomp__container_seccomp_profile__get_packed_size(profile);
    uint8_t *packed = arena_alloc(arena, len + 1);
    must(mesos__seccomp__container_seccomp_profile__pack(profile, packed) == len);
    Mesos__Seccomp__ContainerSeccompProfile *again = mesos__seccomp__container_seccomp_profile__unpack(NULL, len, packed);
    must(again && again->n_syscalls == profile->n_syscalls);
    mesos__seccomp__container_seccomp_profile__free_unpacked(again, NULL);
    return 0;
}
