/* SPDX-License-Identifier: Apache-2.0 */
/* See profile.h. */
#include "linux_seccomp/profile.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/utsname.h>

#define ARCH(name) MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__ARCHITECTURE__##name
#define ARGUMENTS 6

#define rule_message Mesos__Seccomp__ContainerSeccompProfile__Syscall /* its name fills a line */

struct reader {
    const struct seccomp_host *host;
    struct arena *arena;
    struct err *err;
};

static const struct {
    const char *name;
    Mesos__Seccomp__ContainerSeccompProfile__Architecture value;
} GO_NAMES[] = {
    {"x86", ARCH(ARCH_X86)},         {"amd64", ARCH(ARCH_X86_64)},
    {"x32", ARCH(ARCH_X32)},         {"arm", ARCH(ARCH_ARM)},
    {"arm64", ARCH(ARCH_AARCH64)},   {"mips", ARCH(ARCH_MIPS)},
    {"mipsel", ARCH(ARCH_MIPSEL)},   {"mips64", ARCH(ARCH_MIPS64)},
    {"mipsel64", ARCH(ARCH_MIPSEL64)}, {"mips64n32", ARCH(ARCH_MIPS64N32)},
    {"mipsel64n32", ARCH(ARCH_MIPSEL64N32)}, {"ppc", ARCH(ARCH_PPC)},
    {"ppc64", ARCH(ARCH_PPC64)},     {"ppc64le", ARCH(ARCH_PPC64LE)},
    {"s390", ARCH(ARCH_S390)},       {"s390x", ARCH(ARCH_S390X)},
};

struct seccomp_host
seccomp_host_here(void)
{
    static const struct {
        const char *machine;
        Mesos__Seccomp__ContainerSeccompProfile__Architecture value;
    } machines[] = {
        {"x86_64", ARCH(ARCH_X86_64)}, {"i686", ARCH(ARCH_X86)},       {"i386", ARCH(ARCH_X86)},
        {"aarch64", ARCH(ARCH_AARCH64)}, {"armv7l", ARCH(ARCH_ARM)},   {"ppc64le", ARCH(ARCH_PPC64LE)},
        {"ppc64", ARCH(ARCH_PPC64)},   {"s390x", ARCH(ARCH_S390X)},
    };
    struct seccomp_host here = {ARCH(UNKNOWN), 0, 0};
    struct utsname name;
    if (uname(&name) < 0)
        return here;
    for (size_t i = 0; i < ARRAY_LEN(machines); i++)
        if (strcmp(name.machine, machines[i].machine) == 0)
            here.native = machines[i].value;
    if (sscanf(name.release, "%u.%u", &here.kernel_major, &here.kernel_minor) != 2)
        here.kernel_major = here.kernel_minor = 0;
    return here;
}

/* ---- words ---- */

/* "SCMP_ACT_ALLOW" by the enum's ACT_ALLOW; 0 (UNKNOWN in all of them) and err. */
static int
word(const struct reader *reader, const ProtobufCEnumDescriptor *words, const char *prefix, const char *what,
     const json_t *item)
{
    const char *text = json_string_value(item);
    size_t len = strlen(prefix);
    if (!text) {
        err_set(reader->err, -EINVAL, "Cannot determine %s: %s", what, item ? "it is no text" : "Not found");
        return 0;
    }
    if (strncmp(text, prefix, len) != 0) {
        err_set(reader->err, -EINVAL, "Unexpected %s: '%.100s': it begins with %s", what, text, prefix);
        return 0;
    }
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value_by_name(words, text + len);
    if (!value || value->value == 0) {
        err_set(reader->err, -EINVAL, "Unknown %s: '%.100s'", what, text);
        return 0;
    }
    return value->value;
}

static Mesos__Seccomp__ContainerSeccompProfile__Syscall__Action
action(const struct reader *reader, const json_t *item)
{
    return (Mesos__Seccomp__ContainerSeccompProfile__Syscall__Action)word(
        reader, &mesos__seccomp__container_seccomp_profile__syscall__action__descriptor, "SCMP_", "syscall action", item);
}

/* What is unset, or null, or an array; anything else is an error. */
static int
list(const struct reader *reader, const json_t *of, const char *name, const json_t **ret)
{
    const json_t *item = json_object_get(of, name);
    *ret = json_is_null(item) ? NULL : item;
    if (*ret && !json_is_array(*ret))
        return err_set(reader->err, -EINVAL, "'%s' is no array", name);
    return 0;
}

/* ---- architectures ---- */

static int
architecture_add(const struct reader *reader, Mesos__Seccomp__ContainerSeccompProfile *profile, const json_t *item)
{
    int value = word(reader, &mesos__seccomp__container_seccomp_profile__architecture__descriptor, "SCMP_", "architecture", item);
    if (value == 0)
        return -EINVAL;
    for (size_t i = 0; i < profile->n_architectures; i++)
        if ((int)profile->architectures[i] == value)
            return 0;
    profile->architectures[profile->n_architectures++] = (Mesos__Seccomp__ContainerSeccompProfile__Architecture)value;
    return 0;
}

static int
architecture_map(const struct reader *reader, Mesos__Seccomp__ContainerSeccompProfile *profile, const json_t *map)
{
    size_t i, j;
    const json_t *item, *sub, *subs;
    json_array_foreach(map, i, item) {
        if (!json_is_object(item))
            return err_set(reader->err, -EINVAL, "'archMap' contains a non-object item");
        int native = word(reader, &mesos__seccomp__container_seccomp_profile__architecture__descriptor, "SCMP_",
                          "architecture", json_object_get(item, "architecture"));
        if (native == 0 || list(reader, item, "subArchitectures", &subs) < 0)
            return -EINVAL;
        if (native != (int)reader->host->native)
            continue;
        json_array_foreach(subs, j, sub) {
            if (architecture_add(reader, profile, sub) < 0)
                return -EINVAL;
        }
        if (architecture_add(reader, profile, json_object_get(item, "architecture")) < 0)
            return -EINVAL;
    }
    return 0;
}

/* archMap tells for each machine what else runs on it; architectures, of older profiles, simply lists. */
static int
architectures(const struct reader *reader, Mesos__Seccomp__ContainerSeccompProfile *profile, const json_t *root)
{
    const json_t *map, *plain, *item;
    size_t i;
    if (list(reader, root, "archMap", &map) < 0 || list(reader, root, "architectures", &plain) < 0)
        return -EINVAL;
    if (!map && !plain)
        return err_set(reader->err, -EINVAL, "Cannot determine 'archMap' for the Seccomp configuration: Not found");
    profile->architectures =
        arena_calloc(reader->arena, MESOS__SECCOMP__CONTAINER_SECCOMP_PROFILE__ARCHITECTURE__ARCH_S390X + 1,
                     sizeof *profile->architectures);
    if (map)
        return architecture_map(reader, profile, map);
    json_array_foreach(plain, i, item) {
        if (architecture_add(reader, profile, item) < 0)
            return -EINVAL;
    }
    return 0;
}

/* ---- conditions of a rule ---- */

struct condition {
    bool by_arch, arch_matches, by_caps, by_kernel, kernel_matches;
    Mesos__Seccomp__ContainerSeccompProfile__Syscall__Filter *caps;
};

static int
condition_arches(const struct reader *reader, const json_t *arches, struct condition *ret)
{
    size_t i, j;
    const json_t *item;
    ret->by_arch = arches != NULL;
    json_array_foreach(arches, i, item) {
        const char *name = json_string_value(item);
        if (!name)
            return err_set(reader->err, -EINVAL, "'arches' contains non-string item");
        for (j = 0; j < ARRAY_LEN(GO_NAMES) && strcmp(GO_NAMES[j].name, name) != 0; j++)
            continue;
        if (j == ARRAY_LEN(GO_NAMES)) {
            if (strcmp(name, "riscv64") == 0 || strcmp(name, "loong64") == 0)
                continue; /* known elsewhere, and not this machine */
            return err_set(reader->err, -EINVAL, "Unknown architecture: '%.100s'", name);
        }
        ret->arch_matches = ret->arch_matches || GO_NAMES[j].value == reader->host->native;
    }
    return 0;
}

static int
condition_caps(const struct reader *reader, const json_t *caps, struct condition *ret)
{
    size_t i, count = json_array_size(caps);
    const json_t *item;
    ret->by_caps = caps != NULL && count > 0;
    if (!ret->by_caps)
        return 0;
    ret->caps = arena_alloc(reader->arena, sizeof *ret->caps);
    mesos__seccomp__container_seccomp_profile__syscall__filter__init(ret->caps);
    ret->caps->capabilities = arena_calloc(reader->arena, count, sizeof *ret->caps->capabilities);
    json_array_foreach(caps, i, item) {
        int value = word(reader, &mesos__v1__capability_info__capability__descriptor, "CAP_", "capability", item);
        if (value == 0)
            return -EINVAL;
        ret->caps->capabilities[ret->caps->n_capabilities++] = (Mesos__V1__CapabilityInfo__Capability)value;
    }
    return 0;
}

static int
condition_kernel(const struct reader *reader, const json_t *least, struct condition *ret)
{
    unsigned major, minor;
    char rest;
    ret->by_kernel = least && !json_is_null(least);
    if (!ret->by_kernel)
        return 0;
    const char *text = json_string_value(least);
    if (!text || sscanf(text, "%5u.%5u%c", &major, &minor, &rest) != 2)
        return err_set(reader->err, -EINVAL, "'minKernel' is no version: write \"4.8\"");
    ret->kernel_matches = reader->host->kernel_major > major ||
                          (reader->host->kernel_major == major && reader->host->kernel_minor >= minor);
    return 0;
}

static int
condition_read(const struct reader *reader, const json_t *rule, const char *name, struct condition *ret)
{
    const json_t *item = json_object_get(rule, name), *arches, *caps;
    *ret = (struct condition){0};
    if (!item || json_is_null(item))
        return 0;
    if (!json_is_object(item))
        return err_set(reader->err, -EINVAL, "Cannot determine '%s' field for 'syscalls' item: it is no object", name);
    if (list(reader, item, "arches", &arches) < 0 || list(reader, item, "caps", &caps) < 0 ||
        condition_arches(reader, arches, ret) < 0 || condition_caps(reader, caps, ret) < 0)
        return -EINVAL;
    return condition_kernel(reader, json_object_get(item, "minKernel"), ret);
}

/* ---- rules ---- */

static int
argument_number(const struct reader *reader, const json_t *from, const char *name, bool needed, uint64_t *ret)
{
    const json_t *item = json_object_get(from, name);
    if (!item && !needed) {
        *ret = 0;
        return 0;
    }
    if (!json_is_integer(item) || json_integer_value(item) < 0)
        return err_set(reader->err, -EINVAL, "Cannot determine '%s' field for 'args' item: %s", name,
                       item ? "it is no number from 0 on" : "Not found");
    *ret = (uint64_t)json_integer_value(item);
    return 0;
}

static int
argument_read(const struct reader *reader, const json_t *from, rule_message *rule)
{
    Mesos__Seccomp__ContainerSeccompProfile__Syscall__Arg *arg = arena_alloc(reader->arena, sizeof *arg);
    uint64_t index;
    mesos__seccomp__container_seccomp_profile__syscall__arg__init(arg);
    if (!json_is_object(from))
        return err_set(reader->err, -EINVAL, "'args' contains a non-object item");
    if (argument_number(reader, from, "index", true, &index) < 0 ||
        argument_number(reader, from, "value", true, &arg->value) < 0 ||
        argument_number(reader, from, "valueTwo", false, &arg->value_two) < 0)
        return -EINVAL;
    if (index >= ARGUMENTS)
        return err_set(reader->err, -EINVAL, "'index' %llu of an 'args' item is none of 0 to %d", (unsigned long long)index,
                       ARGUMENTS - 1);
    arg->index = (uint32_t)index;
    int op = word(reader, &mesos__seccomp__container_seccomp_profile__syscall__arg__operator__descriptor, "SCMP_", "operator",
                  json_object_get(from, "op"));
    arg->op = (Mesos__Seccomp__ContainerSeccompProfile__Syscall__Arg__Operator)op;
    rule->args[rule->n_args++] = arg;
    return op ? 0 : -EINVAL;
}

static int
names_read(const struct reader *reader, const json_t *from, rule_message *rule)
{
    const json_t *names, *item, *one = json_object_get(from, "name");
    size_t i;
    if (list(reader, from, "names", &names) < 0)
        return -EINVAL;
    rule->names = arena_calloc(reader->arena, json_array_size(names) + 1, sizeof *rule->names);
    if (!names && json_is_string(one)) /* older profiles have one name each */
        rule->names[rule->n_names++] = arena_strdup(reader->arena, str_of(json_string_value(one)));
    else if (!names)
        return err_set(reader->err, -EINVAL, "Cannot determine 'names' field for 'syscalls' item: Not found");
    json_array_foreach(names, i, item) {
        if (!json_is_string(item))
            return err_set(reader->err, -EINVAL, "'names' contains a non-string item");
        rule->names[rule->n_names++] = arena_strdup(reader->arena, str_of(json_string_value(item)));
    }
    return rule->n_names ? 0 : err_set(reader->err, -EINVAL, "Syscall 'names' list is empty");
}

/* 1: the rule is for this machine. */
static int
rule_read(const struct reader *reader, const json_t *from, rule_message *rule)
{
    struct condition includes, excludes;
    const json_t *args, *item;
    size_t i;
    mesos__seccomp__container_seccomp_profile__syscall__init(rule);
    if (!json_is_object(from))
        return err_set(reader->err, -EINVAL, "'syscalls' contains a non-object item");
    if (condition_read(reader, from, "includes", &includes) < 0 || condition_read(reader, from, "excludes", &excludes) < 0 ||
        names_read(reader, from, rule) < 0 || list(reader, from, "args", &args) < 0)
        return -EINVAL;
    rule->action = action(reader, json_object_get(from, "action"));
    if (rule->action == 0)
        return -EINVAL;
    rule->args = arena_calloc(reader->arena, json_array_size(args) + 1, sizeof *rule->args);
    json_array_foreach(args, i, item) {
        if (argument_read(reader, item, rule) < 0)
            return -EINVAL;
    }
    rule->includes = includes.caps;
    rule->excludes = excludes.caps;
    return !((includes.by_arch && !includes.arch_matches) || (includes.by_kernel && !includes.kernel_matches) ||
             (excludes.by_arch && excludes.arch_matches) || (excludes.by_kernel && excludes.kernel_matches));
}

static int
rules(const struct reader *reader, Mesos__Seccomp__ContainerSeccompProfile *profile, const json_t *root)
{
    const json_t *all, *item;
    size_t i;
    if (list(reader, root, "syscalls", &all) < 0)
        return -EINVAL;
    if (!all)
        return err_set(reader->err, -EINVAL, "Cannot determine 'syscalls' for the Seccomp configuration: Not found");
    profile->syscalls = arena_calloc(reader->arena, json_array_size(all) + 1, sizeof *profile->syscalls);
    json_array_foreach(all, i, item) {
        rule_message *rule = arena_alloc(reader->arena, sizeof *rule);
        int rc = rule_read(reader, item, rule);
        if (rc < 0)
            return err_wrap(reader->err, "syscalls[%zu]", i);
        if (rc > 0)
            profile->syscalls[profile->n_syscalls++] = rule;
    }
    return 0;
}

static int
profile_read(const struct reader *reader, Mesos__Seccomp__ContainerSeccompProfile *profile, const json_t *root)
{
    if (!json_is_object(root))
        return err_set(reader->err, -EINVAL, "it is no JSON object");
    if (!json_object_get(root, "defaultAction"))
        return err_set(reader->err, -EINVAL, "Cannot determine 'defaultAction' for the Seccomp configuration: Not found");
    profile->default_action = action(reader, json_object_get(root, "defaultAction"));
    if (profile->default_action == 0 || architectures(reader, profile, root) < 0)
        return -EINVAL;
    return rules(reader, profile, root);
}

Mesos__Seccomp__ContainerSeccompProfile *
seccomp_profile_parse(struct str json, const struct seccomp_host *host, struct arena *arena, struct err *err)
{
    struct reader reader = {host, arena, err};
    json_error_t where;
    if (json.len > SECCOMP_PROFILE_MAX) {
        err_set(err, -EFBIG, "it has %zu bytes, and %u are the most", json.len, SECCOMP_PROFILE_MAX);
        return NULL;
    }
    json_t *root = json_loadb(json.ptr ? json.ptr : "", json.len, JSON_REJECT_DUPLICATES, &where);
    if (!root) {
        err_set(err, -EINVAL, "line %d, column %d: %s", where.line, where.column, where.text);
        return NULL;
    }
    Mesos__Seccomp__ContainerSeccompProfile *profile = arena_alloc(arena, sizeof *profile);
    mesos__seccomp__container_seccomp_profile__init(profile);
    int rc = profile_read(&reader, profile, root);
    json_decref(root);
    return rc < 0 ? NULL : profile;
}
