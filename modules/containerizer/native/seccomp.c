/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A seccomp profile to the BPF program that the launch helper installs. Compiling takes milliseconds and profiles are
 * few, so native keeps the last one (description.c asks it).
 */
#include <errno.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/file.h"
#include "native.h"

/* Numbers of the messages to libseccomp's. */
static int
action_of(int action, uint32_t *ret)
{
    switch (action) {
    case MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__SYSCALL__ACTION__ACT_KILL:
        *ret = SCMP_ACT_KILL;
        return 0;
    case MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__SYSCALL__ACTION__ACT_TRAP:
        *ret = SCMP_ACT_TRAP;
        return 0;
    case MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__SYSCALL__ACTION__ACT_ERRNO:
        *ret = SCMP_ACT_ERRNO(EPERM);
        return 0;
    case MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__SYSCALL__ACTION__ACT_TRACE:
        *ret = SCMP_ACT_TRACE(EPERM);
        return 0;
    case MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__SYSCALL__ACTION__ACT_ALLOW:
        *ret = SCMP_ACT_ALLOW;
        return 0;
    default:
        return -EINVAL;
    }
}

static const enum scmp_compare OPERATORS[] = {
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__SYSCALL__ARG__OPERATOR__CMP_NE] = SCMP_CMP_NE,
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__SYSCALL__ARG__OPERATOR__CMP_LT] = SCMP_CMP_LT,
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__SYSCALL__ARG__OPERATOR__CMP_LE] = SCMP_CMP_LE,
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__SYSCALL__ARG__OPERATOR__CMP_EQ] = SCMP_CMP_EQ,
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__SYSCALL__ARG__OPERATOR__CMP_GE] = SCMP_CMP_GE,
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__SYSCALL__ARG__OPERATOR__CMP_GT] = SCMP_CMP_GT,
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__SYSCALL__ARG__OPERATOR__CMP_MASKED_EQ] = SCMP_CMP_MASKED_EQ,
};

static const uint32_t ARCHITECTURES[] = {
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__ARCHITECTURE__ARCH_X86] = SCMP_ARCH_X86,
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__ARCHITECTURE__ARCH_X86_64] = SCMP_ARCH_X86_64,
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__ARCHITECTURE__ARCH_X32] = SCMP_ARCH_X32,
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__ARCHITECTURE__ARCH_ARM] = SCMP_ARCH_ARM,
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__ARCHITECTURE__ARCH_AARCH64] = SCMP_ARCH_AARCH64,
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__ARCHITECTURE__ARCH_MIPS] = SCMP_ARCH_MIPS,
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__ARCHITECTURE__ARCH_MIPSEL] = SCMP_ARCH_MIPSEL,
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__ARCHITECTURE__ARCH_MIPS64] = SCMP_ARCH_MIPS64,
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__ARCHITECTURE__ARCH_MIPSEL64] = SCMP_ARCH_MIPSEL64,
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__ARCHITECTURE__ARCH_MIPS64N32] = SCMP_ARCH_MIPS64N32,
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__ARCHITECTURE__ARCH_MIPSEL64N32] = SCMP_ARCH_MIPSEL64N32,
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__ARCHITECTURE__ARCH_PPC] = SCMP_ARCH_PPC,
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__ARCHITECTURE__ARCH_PPC64] = SCMP_ARCH_PPC64,
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__ARCHITECTURE__ARCH_PPC64LE] = SCMP_ARCH_PPC64LE,
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__ARCHITECTURE__ARCH_S390] = SCMP_ARCH_S390,
    [MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__ARCHITECTURE__ARCH_S390X] = SCMP_ARCH_S390X,
};

/* NULL = all of them: what a program of root's has unless somebody takes it. */
static bool
has_capabilities(const Mesos__V1__CapabilityInfo *has, const Mesos__Seccomp__ContainerSeccompProfile__Syscall__Filter *filter)
{
    for (size_t i = 0; has && i < filter->n_capabilities; i++) {
        bool found = false;
        for (size_t k = 0; k < has->n_capabilities; k++)
            found = found || has->capabilities[k] == filter->capabilities[i];
        if (!found)
            return false;
    }
    return true;
}

static bool
applies(const Mesos__Seccomp__ContainerSeccompProfile__Syscall *rule, const Mesos__V1__CapabilityInfo *bounding)
{
    if (rule->includes && !has_capabilities(bounding, rule->includes))
        return false;
    return !rule->excludes || rule->excludes->n_capabilities == 0 || !has_capabilities(bounding, rule->excludes);
}

static int
rule_add(scmp_filter_ctx context, const Mesos__Seccomp__ContainerSeccompProfile__Syscall *rule, uint32_t otherwise,
         struct err *err)
{
    struct scmp_arg_cmp args[6];
    unsigned count = 0;
    uint32_t action;
    if (action_of((int)rule->action, &action) < 0)
        return err_set(err, -EINVAL, "action %d of the seccomp profile is not known", (int)rule->action);
    for (size_t i = 0; i < rule->n_args; i++) {
        const Mesos__Seccomp__ContainerSeccompProfile__Syscall__Arg *arg = rule->args[i];
        if (arg->index > 5 || (size_t)arg->op >= ARRAY_LEN(OPERATORS) || OPERATORS[arg->op] == 0 || count == ARRAY_LEN(args))
            return err_set(err, -EINVAL, "an argument rule of the seccomp profile has index %u and operator %d", arg->index,
                           (int)arg->op);
        args[count++] = (struct scmp_arg_cmp){arg->index, OPERATORS[arg->op], arg->value, arg->value_two};
    }
    if (action == otherwise)
        return 0; /* libseccomp takes no rule that says what is the case anyway */
    for (size_t i = 0; i < rule->n_names; i++) {
        int number = seccomp_syscall_resolve_name(rule->names[i]);
        if (number == __NR_SCMP_ERROR)
            continue; /* of another kernel or machine */
        int rc = seccomp_rule_add_array(context, action, number, count, args);
        if (rc < 0 && rc != -EDOM)
            return err_set(err, rc, "the seccomp rule for '%s' cannot be added: %s", rule->names[i], strerror(-rc));
    }
    return 0;
}

static int
fill(scmp_filter_ctx context, const Mesos__Seccomp__ContainerSeccompProfile *profile,
     const Mesos__V1__CapabilityInfo *bounding, uint32_t otherwise, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < profile->n_architectures; i++) {
        size_t number = (size_t)profile->architectures[i];
        uint32_t architecture = number < ARRAY_LEN(ARCHITECTURES) ? ARCHITECTURES[number] : 0;
        if (architecture == 0)
            return err_set(err, -EINVAL, "architecture %zu of the seccomp profile is not known", number);
        rc = seccomp_arch_add(context, architecture);
        if (rc < 0 && rc != -EEXIST && rc != -EDOM) /* -EDOM: of another byte order than this machine's */
            return err_set(err, rc, "architecture %zu of the seccomp profile cannot be added: %s", number, strerror(-rc));
    }
    rc = 0;
    for (size_t i = 0; rc == 0 && i < profile->n_syscalls; i++) {
        if (applies(profile->syscalls[i], bounding))
            rc = rule_add(context, profile->syscalls[i], otherwise, err);
    }
    return rc;
}

static int
export(scmp_filter_ctx context, struct buf *out, struct err *err)
{
    auto_fd int fd = memfd_create("seccomp", MFD_CLOEXEC);
    int rc = fd < 0 ? -errno : seccomp_export_bpf(context, fd);
    if (rc < 0)
        return err_set(err, rc, "the seccomp profile does not compile: %s", strerror(-rc));
    off_t len = lseek(fd, 0, SEEK_END);
    if (len <= 0 || pread(fd, buf_reserve(out, (size_t)len), (size_t)len, 0) != len)
        return err_set(err, -EIO, "the compiled seccomp profile cannot be read");
    buf_added(out, (size_t)len);
    return 0;
}

int
seccomp_compile(const Mesos__Seccomp__ContainerSeccompProfile *profile, const Mesos__V1__CapabilityInfo *bounding,
                struct buf *out, struct err *err)
{
    uint32_t otherwise;
    if (action_of((int)profile->default_action, &otherwise) < 0)
        return err_set(err, -EINVAL, "default action %d of the seccomp profile is not known", (int)profile->default_action);
    scmp_filter_ctx context = seccomp_init(otherwise);
    if (!context)
        return err_set(err, -ENOMEM, "libseccomp makes no filter");
    int rc = fill(context, profile, bounding, otherwise, err);
    if (rc == 0)
        rc = export(context, out, err);
    seccomp_release(context);
    return rc;
}
