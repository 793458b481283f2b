/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The isolator's start: flags and parameters checked, the kernel looked at, the CNI root directory made, and
 * networks read for the first time. Each refusal is one sentence that names what is missing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/arena.h"
#include "base/file.h"
#include "cni.h"
#include "wire/message.h"

#define TIMEOUT_MAX_NS (50 * INT64_C(1000000000)) /* the containerizer's patience ends soon after */

static int
check_kernel(struct err *err)
{
    static const char *const kinds[] = {"net", "mnt", "uts"};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        auto_free char *path = xasprintf("/proc/self/ns/%s", kinds[i]);
        if (access(path, F_OK) < 0)
            return err_set(err, -ENOSYS,
                           "The 'network/cni' isolator requires network, mount and UTS namespace support, "
                           "and the kernel "
                           "has no %s namespaces",
                           kinds[i]);
    }
    return 0;
}

static int
check_start(const struct cni *cni, struct err *err)
{
    struct stat st;
    if (geteuid() != 0)
        return err_set(err, -EPERM, "The 'network/cni' isolator requires root permissions");
    if (check_kernel(err) < 0)
        return err->code;
    if (!cni->plugins_dir || !*cni->plugins_dir)
        return err_set(err, -EINVAL, "Missing required '--network_cni_plugins_dir' flag");
    if (!cni->config_dir || !*cni->config_dir)
        return err_set(err, -EINVAL, "Missing required '--network_cni_config_dir' flag");
    if (stat(cni->config_dir, &st) < 0 || !S_ISDIR(st.st_mode))
        return err_set(err, -ENOENT, "The CNI network configuration directory '%s' does not exist",
                       cni->config_dir);
    return 0;
}

static bool
option_true(const struct mesos_host *host, const char *name, bool otherwise)
{
    const char *text = host->daemon_option(host, name);
    return text ? strcmp(text, "true") == 0 || strcmp(text, "1") == 0 || strcmp(text, "yes") == 0 : otherwise;
}

static int
open_root(struct cni *cni, struct err *err)
{
    const struct mesos_host *host = cni->host;
    const char *base =
        option_true(host, "network_cni_root_dir_persist", false) ? host->work_dir : host->runtime_dir;
    if (!base)
        return err_set(err, -EINVAL, "isolator 'network/cni' needs --work_dir and --runtime_dir");
    auto_free char *path = xasprintf("%s/isolators/network/cni", base);
    if (dir_make(path, 0755, err) < 0)
        return err_wrap(err, "Failed to create CNI network information root directory");
    cni->root_dir = realpath(path, NULL);
    if (!cni->root_dir)
        return err_errno(
            err, "Failed to determine canonical path of CNI network information root directory '%s'", path);
    int rc = cni_networks_load(cni->config_dir, cni->plugins_dir, &cni->known, cni_complain, cni, err);
    if (rc == 0)
        MESOS_LOG(host, INFO, "%zu CNI networks are configured in '%s'", map_count(&cni->known),
                  cni->config_dir);
    return rc;
}

int
cni_configure(struct cni *cni, struct err *err)
{
    const struct mesos_host *host = cni->host;
    const char *dns = host->daemon_option(host, "default_container_dns");
    cni->plugins_dir = host->daemon_option(host, "network_cni_plugins_dir");
    cni->config_dir = host->daemon_option(host, "network_cni_config_dir");
    cni->metrics = option_true(host, "network_cni_metrics", true);
    cni->helper = xasprintf("%s/mesos-containerizer", host->launcher_dir ? host->launcher_dir : "");
    if (cni->plugin_timeout_ns <= 0 || cni->plugin_timeout_ns > TIMEOUT_MAX_NS)
        return err_set(err, -ERANGE,
                       "parameter plugin_timeout of 'network/cni' is %lld ns: more than 0 and at most 50secs "
                       "is right",
                       (long long)cni->plugin_timeout_ns);
    if (dns) {
        cni->arena = arena_new(0);
        cni->dns = MESSAGE_FROM_JSON(Mesos__Internal__ContainerDNSInfo, mesos__internal__container_dnsinfo,
                                     str_of(dns), cni->arena, err);
        if (!cni->dns)
            return err_wrap(err, "--default_container_dns");
    }
    if (!cni->plugins_dir && !cni->config_dir)
        return 0;
    return check_start(cni, err) < 0 ? err->code : open_root(cni, err);
}

void
cni_release(struct cni *cni)
{
    cni_networks_fini(&cni->known);
    arena_free(cni->arena);
    free(cni->root_dir);
    free(cni->helper);
}
