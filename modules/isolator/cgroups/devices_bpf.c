/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device rules as a BPF program of type cgroup/device, loaded by bpf(2) itself: v2 has no control file for them. The kernel
 * runs it for each open and mknod of a device; 1 lets it through. The program lives as long as the cgroup.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "devices.h"

#define PER_RULE 10 /* instructions, at most */
#define FRAME 8

struct program {
    struct bpf_insn *insns;
    size_t count;
};

static void
put(struct program *program, unsigned code, unsigned to, unsigned from, int offset, uint32_t value)
{
    program->insns[program->count++] = (struct bpf_insn){
        .code = (uint8_t)code,
        .dst_reg = to & 15,
        .src_reg = from & 15,
        .off = (int16_t)offset,
        .imm = (int32_t)value,
    };
}

static unsigned
kernel_access(unsigned access)
{
    return (access & DEVICE_READ ? BPF_DEVCG_ACC_READ : 0u) | (access & DEVICE_WRITE ? BPF_DEVCG_ACC_WRITE : 0u) |
           (access & DEVICE_MKNOD ? BPF_DEVCG_ACC_MKNOD : 0u);
}

/* r2 = type, r3 = access, r4 = major, r5 = minor. Jumps to what follows this rule are filled in at its end. */
static void
put_rule(struct program *program, const struct device_rule *rule)
{
    size_t jumps[4], jump_count = 0;
    const unsigned all = BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD;
    jumps[jump_count++] = program->count;
    put(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, 0, rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    if (kernel_access(rule->access) != all) { /* everything that is wanted must be allowed */
        put(program, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_3, 0, 0);
        put(program, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_1, 0, 0, all & ~kernel_access(rule->access));
        jumps[jump_count++] = program->count;
        put(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_1, 0, 0, 0);
    }
    if (rule->major != DEVICE_ANY) {
        jumps[jump_count++] = program->count;
        put(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_4, 0, 0, rule->major);
    }
    if (rule->minor != DEVICE_ANY) {
        jumps[jump_count++] = program->count;
        put(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_5, 0, 0, rule->minor);
    }
    put(program, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1);
    put(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    for (size_t i = 0; i < jump_count; i++)
        program->insns[jumps[i]].off = (int16_t)(program->count - jumps[i] - 1);
}

static void
put_field(struct program *program, unsigned to, size_t offset)
{
    put(program, BPF_LDX | BPF_MEM | BPF_W, to, BPF_REG_1, (int)offset, 0);
}

static void
compile(struct program *program, const struct device_rule *rules, size_t count)
{
    program->insns = xcalloc(FRAME + PER_RULE * count, sizeof *program->insns);
    program->count = 0;
    put_field(program, BPF_REG_2, offsetof(struct bpf_cgroup_dev_ctx, access_type));
    put(program, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
    put(program, BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
    put(program, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
    put_field(program, BPF_REG_4, offsetof(struct bpf_cgroup_dev_ctx, major));
    put_field(program, BPF_REG_5, offsetof(struct bpf_cgroup_dev_ctx, minor));
    for (size_t i = 0; i < count; i++)
        put_rule(program, &rules[i]);
    put(program, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0);
    put(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static int
bpf(int command, union bpf_attr *attr)
{
    long rc = syscall(SYS_bpf, command, attr, sizeof *attr);
    return rc < 0 ? -errno : (int)rc;
}

int
device_program_attach(int cgroup_fd, const struct device_rule *rules, size_t count, struct err *err)
{
    static const char license[] = "Apache-2.0";
    struct program program;
    union bpf_attr load, attach;
    compile(&program, rules, count);
    memset(&load, 0, sizeof load);
    load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    load.insns = (uintptr_t)program.insns;
    load.insn_cnt = (uint32_t)program.count;
    load.license = (uintptr_t)license;
    auto_fd int fd = bpf(BPF_PROG_LOAD, &load);
    free(program.insns);
    if (fd < 0)
        return err_set(err, fd, "the kernel does not take the program of the device rules: %s", strerror(-fd));
    memset(&attach, 0, sizeof attach);
    attach.target_fd = (uint32_t)cgroup_fd;
    attach.attach_bpf_fd = (uint32_t)fd;
    attach.attach_type = BPF_CGROUP_DEVICE;
    attach.attach_flags = BPF_F_ALLOW_MULTI;
    int rc = bpf(BPF_PROG_ATTACH, &attach);
    return rc < 0 ? err_set(err, rc, "the program of the device rules cannot be attached: %s", strerror(-rc)) : 0;
}
