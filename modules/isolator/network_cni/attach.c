/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attaching a container to its networks and detaching it: one plugin after the other, each in a process of its own. All
 * plugins of one container share one time limit, which is shorter than the agent's patience with this isolator.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include "cni.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void attach_next(struct container *container);
static void detach_next(struct container *container);

static struct network *
current(const struct container *container)
{
    return &container->networks[container->network];
}

/* ADD or DEL with a plugin of the current network. */
static int
run_plugin(struct container *container, size_t index, void (*done)(void *arg, const struct run_result *result),
           struct err *err)
{
    struct cni *cni = container->cni;
    const struct network *network = current(container);
    const char *type = cni_config_type(&network->config, index), *path = getenv("PATH");
    auto_free char *plugin = cni_which(cni->plugins_dir, type), *handle = state_namespace(container);
    auto_buf struct buf input = {0};
    if (!plugin)
        return err_set(err, -ENOENT, "Unable to find the plugin '%s' required to %s container %s %s CNI network '%s'", type,
                       container->detaching ? "detach" : "attach", container->id, container->detaching ? "from" : "to",
                       network->name);
    auto_free char *id = xasprintf("CNI_CONTAINERID=%s", container->id), *where = xasprintf("CNI_PATH=%s", cni->plugins_dir);
    auto_free char *interface = xasprintf("CNI_IFNAME=%s", network->interface);
    auto_free char *search = xasprintf("PATH=%s", path ? path : PATH_DEFAULT);
    auto_free char *namespace = handle ? xasprintf("CNI_NETNS=%s", handle) : NULL;
    const char *const argv[] = {plugin, NULL};
    /* The last one only while there is a namespace: none is left after a reboot, and plugins still free what they keep. */
    const char *const environment[] = {container->detaching ? "CNI_COMMAND=DEL" : "CNI_COMMAND=ADD", id, where, interface,
                                       search, namespace, NULL};
    cni_config_input(&network->config, index, buf_str(&network->answer), container->detaching, &input);
    int64_t left = container->deadline_ms - cni->host->now_ms(cni->host);
    MESOS_LOG(cni->host, INFO, "%s container %s %s CNI network '%s' as %s with '%s'",
              container->detaching ? "detaching" : "attaching", container->id, container->detaching ? "from" : "to",
              network->name, network->interface, plugin);
    container->run = run_start(&cni->runs, argv, environment, buf_str(&input), left, done, container);
    return container->run ? 0 : err_set(err, -EIO, "Failed to execute the CNI plugin '%s'", plugin);
}

/* What Mesos says of a plugin that has failed, with the plugin's own words. */
static void
describe_failure(const struct container *container, size_t index, const struct run_result *result, struct buf *out)
{
    const struct network *network = current(container);
    buf_printf(out, "The CNI plugin '%s' failed to %s container %s %s CNI network '%s': ",
               cni_config_type(&network->config, index), container->detaching ? "detach" : "attach", container->id,
               container->detaching ? "from" : "to", network->name);
    if (result->cut_off)
        buf_printf(out, "it did not end within %lld ms and was killed: ",
                   (long long)(container->cni->plugin_timeout_ns / 1000000));
    else if (WIFSIGNALED(result->status))
        buf_printf(out, "it was killed by signal %d: ", WTERMSIG(result->status));
    buf_puts(out, "stdout='");
    cni_quote(result->out, 500, out);
    buf_puts(out, "', stderr='");
    cni_quote(result->err, 200, out);
    buf_puts(out, "'");
}

static bool
went_well(const struct run_result *result)
{
    return !result->cut_off && WIFEXITED(result->status) && WEXITSTATUS(result->status) == 0;
}

/* The network's last plugin has answered. */
static int
attached(struct container *container, struct err *err)
{
    struct network *network = current(container);
    if (cni_result_parse(buf_str(&network->answer), &network->result, err) < 0)
        return err_wrap(err, "Failed to parse the output of the CNI plugin '%s' for CNI network '%s'",
                        cni_config_type(&network->config, json_array_size(network->config.plugins) - 1), network->name);
    if (state_network_attached(container, network, err) < 0)
        return err->code;
    network->attached = true;
    for (size_t i = 0; i < network->result.n_addresses; i++)
        MESOS_LOG(container->cni->host, INFO, "container %s has address %s in CNI network '%s'", container->id,
                  network->result.addresses[i].text, network->name);
    container->network++;
    container->plugin = 0;
    return 0;
}

static void
on_added(void *arg, const struct run_result *result)
{
    struct container *container = arg;
    struct network *network = current(container);
    struct err err = {0};
    container->run = NULL;
    if (!went_well(result)) {
        auto_buf struct buf text = {0};
        describe_failure(container, container->plugin, result, &text);
        container_fail(container, -EIO, buf_cstr(&text));
        return;
    }
    buf_clear(&network->answer);
    buf_append(&network->answer, result->out.ptr, result->out.len);
    container->plugin++;
    if (container->plugin == json_array_size(network->config.plugins) && attached(container, &err) < 0)
        container_fail(container, err.code, err.text);
    else
        attach_next(container);
}

static void
attach_next(struct container *container)
{
    struct err err = {0};
    if (container->network == container->network_count) {
        files_give(container);
        return;
    }
    if ((container->plugin == 0 && state_network_begin(container, current(container), &err) < 0) ||
        run_plugin(container, container->plugin, on_added, &err) < 0)
        container_fail(container, err.code, err.text);
}

static void
begin(struct container *container, bool detaching)
{
    const struct cni *cni = container->cni;
    container->detaching = detaching;
    container->deadline_ms = cni->host->now_ms(cni->host) + cni->plugin_timeout_ns / 1000000;
}

void
attach(struct container *container)
{
    struct err err = {0};
    begin(container, false);
    container->network = container->plugin = 0;
    if (state_begin(container, &err) < 0)
        container_fail(container, err.code, err.text);
    else
        attach_next(container);
}

/* What could not be detached stays written down: the next agent tries again. */
static void
detached(struct container *container)
{
    struct err err = {0};
    const struct mesos_host *host = container->cni->host;
    int rc = 0;
    if (container->failures.len > 0)
        rc = host->fail(host, -EIO, "%s", buf_cstr(&container->failures));
    else if (state_end(container, &err) < 0)
        rc = host->fail(host, err.code, "%s", err.text);
    if (container->call)
        host->reply(host, container->call, rc, (struct mesos_bytes){NULL, 0});
    else if (rc < 0)
        MESOS_LOG(host, ERROR, "container %s of an earlier agent: %s", container->id,
                  container->failures.len ? buf_cstr(&container->failures) : err.text);
    container_free(container);
}

static void
not_detached(struct container *container, const char *text)
{
    if (container->failures.len > 0)
        buf_putc(&container->failures, '\n');
    buf_puts(&container->failures, text);
}

static void
on_deleted(void *arg, const struct run_result *result)
{
    struct container *container = arg;
    container->run = NULL;
    if (!went_well(result)) {
        auto_buf struct buf text = {0};
        describe_failure(container, container->plugin - 1, result, &text);
        not_detached(container, buf_cstr(&text));
    } else if (container->plugin == 1 && container->failures.len == 0) {
        state_network_end(container, current(container));
    }
    container->plugin--;
    detach_next(container);
}

/* To the network before the current one, when all plugins of that have been asked. False: there is none. */
static bool
detach_step(struct container *container)
{
    while (container->plugin == 0) {
        if (container->network == 0)
            return false;
        container->network--;
        const struct network *network = current(container);
        if (!state_network_known(container, network))
            continue; /* no plugin was ever asked to attach it */
        container->plugin = json_array_size(network->config.plugins);
        if (container->plugin == 0)
            not_detached(container, "its checkpointed network configuration cannot be read");
    }
    return true;
}

static void
detach_next(struct container *container)
{
    struct err err = {0};
    while (detach_step(container)) {
        if (run_plugin(container, container->plugin - 1, on_deleted, &err) == 0)
            return;
        not_detached(container, err.text);
        container->plugin--;
    }
    detached(container);
}

void
detach(struct container *container)
{
    begin(container, true);
    container->network = container->network_count;
    container->plugin = 0;
    detach_next(container);
}
