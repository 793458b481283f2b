/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolator "linux/seccomp": which system calls a container's processes may make, by profiles in Docker's format below
 * --seccomp_config_dir: --seccomp_profile_name for those that do not choose, one of their own by LinuxInfo.seccomp, or
 * unconfined. Texts and rules: Mesos's.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/file.h"
#include "common/launch_info.h"
#include "common/safe_path.h"
#include "linux_seccomp/profile.h"

struct seccomp_isolator {
    const struct mesos_host *host;
    const char *directory, *usual; /* the options; usual NULL = none */
    struct seccomp_host machine;
    struct arena *arena; /* of the usual profile, which is read once */
    Mesos__Seccomp__ContainerSeccompProfile *profile;
};

static bool
supports(void *instance)
{
    return true;
}

/* In arena. A name comes from a task and never leads out of the directory. */
static Mesos__Seccomp__ContainerSeccompProfile *
profile_read(const struct seccomp_isolator *isolator, const char *name, struct arena *arena, struct err *err)
{
    auto_buf struct buf text = {0};
    auto_free char *path = xasprintf("%s/%s", isolator->directory, name);
    if (!safe_path_is_inside(name)) {
        err_set(err, -EINVAL, "Failed to read Seccomp profile file '%s': the name '%s' leads out of --seccomp_config_dir", path,
                name);
        return NULL;
    }
    if (file_read(path, SECCOMP_PROFILE_MAX, &text, err) < 0) {
        err_wrap(err, "Failed to read Seccomp profile file '%s'", path);
        return NULL;
    }
    Mesos__Seccomp__ContainerSeccompProfile *profile =
        seccomp_profile_parse(buf_str(&text), &isolator->machine, arena, err);
    if (!profile)
        err_wrap(err, "Failed to parse Seccomp profile '%s'", path);
    return profile;
}

static int
choose(const struct seccomp_isolator *isolator, const Mesos__V1__SeccompInfo *wish, struct launch_info *info,
       const char **ret_name)
{
    const struct mesos_host *host = isolator->host;
    struct err err = {0};
    bool unconfined = wish && wish->has_unconfined && wish->unconfined;
    if (unconfined && wish->profile_name)
        return host->fail(host, -EINVAL,
                          "Invalid Seccomp configuration: 'profile_name' given even though 'unconfined' Seccomp setting is enabled");
    if (wish && !unconfined && !wish->profile_name)
        return host->fail(host, -EINVAL, "Missing Seccomp profile name");
    if (unconfined)
        return 0;
    info->message.seccomp_profile = isolator->profile;
    *ret_name = isolator->usual;
    if (wish) {
        info->message.seccomp_profile = profile_read(isolator, wish->profile_name, info->arena, &err);
        *ret_name = wish->profile_name;
        if (!info->message.seccomp_profile)
            return host->fail(host, err.code, "%s", err.text);
    }
    info->any = info->message.seccomp_profile != NULL;
    return 0;
}

static void
prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call)
{
    const struct seccomp_isolator *isolator = instance;
    struct launch_info info;
    const char *name = NULL;
    int rc = -EPROTO;
    launch_info_init(&info);
    Mesos__Slave__ContainerConfig *config = container_config(container, isolator->host);
    if (config) {
        const Mesos__V1__LinuxInfo *linux_info = config->container_info ? config->container_info->linux_info : NULL;
        rc = choose(isolator, linux_info ? linux_info->seccomp : NULL, &info, &name);
    }
    if (rc == 0 && name)
        MESOS_LOG(isolator->host, INFO, "using Seccomp profile '%s' for container %s", name, container->container_id);
    launch_info_reply(&info, isolator->host, call, rc);
    mesos__slave__container_config__free_unpacked(config, NULL);
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct seccomp_isolator *isolator = instance;
    struct err err = {0};
    isolator->host = host;
    isolator->directory = host->daemon_option(host, "seccomp_config_dir");
    isolator->usual = host->daemon_option(host, "seccomp_profile_name");
    isolator->machine = seccomp_host_here();
    if (geteuid() != 0)
        return host->fail(host, -EPERM, "isolator 'linux/seccomp' needs root: Linux Seccomp isolator requires root permissions");
    /* Without a filter the kernel that can would say so. */
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) != -1 || errno != EFAULT)
        return host->fail(host, -ENOSYS, "isolator 'linux/seccomp': Seccomp is not supported by the kernel");
    if (!isolator->directory || !*isolator->directory)
        return host->fail(host, -EINVAL, "isolator 'linux/seccomp': Missing required `--seccomp_config_dir` flag");
    isolator->usual = isolator->usual && *isolator->usual ? isolator->usual : NULL;
    if (!isolator->usual)
        return 0;
    isolator->arena = arena_new(0);
    isolator->profile = profile_read(isolator, isolator->usual, isolator->arena, &err);
    return isolator->profile ? 0 : host->fail(host, err.code, "--seccomp_profile_name=%s: %s", isolator->usual, err.text);
}

static void
stop(void *instance, struct mesos_call *call)
{
    struct seccomp_isolator *isolator = instance;
    arena_free(isolator->arena);
    if (call)
        isolator->host->reply(isolator->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = supports,
    .supports_standalone = supports,
    .prepare = prepare,
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct seccomp_isolator),
    .name = "linux/seccomp",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "limits the system calls of containers' processes",
    .start = start,
    .stop = stop,
    .phase = MESOS_PHASE_LINUX,
};

MESOS_MODULES(&module);
