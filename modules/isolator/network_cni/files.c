/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container sees in its /etc: its own hosts, hostname and resolv.conf when it has a network of its own, those of
 * the container whose network it joins, or the host's when it has a root file system of its own. The work in the
 * container's namespaces is done by `mesos-containerizer network-cni-setup`, while its first process waits.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "base/file.h"
#include "cni.h"

#define HELPER_TIMEOUT_MS 8000

/* The name servers of a network that its plugin does not tell. */
static void
default_dns(const struct cni *cni, const struct network *network, struct cni_dns *dns)
{
    const Mesos__Internal__ContainerDNSInfo__MesosInfo *found = NULL;
    for (size_t i = 0; cni->dns && i < cni->dns->n_mesos; i++) {
        const Mesos__Internal__ContainerDNSInfo__MesosInfo *info = cni->dns->mesos[i];
        bool named = info->network_name && strcmp(info->network_name, network->name) == 0;
        if (info->network_mode == MESOS__INTERNAL__CONTAINER_DNSINFO__MESOS_INFO__NETWORK_MODE__CNI &&
            (named || (!info->network_name && !found)))
            found = info;
        if (named)
            break;
    }
    if (!found)
        return;
    for (size_t i = 0; i < found->dns->n_nameservers; i++)
        cni_dns_add(dns->nameservers, &dns->n_nameservers, found->dns->nameservers[i]);
    for (size_t i = 0; i < found->dns->n_search; i++)
        cni_dns_add(dns->search, &dns->n_search, found->dns->search[i]);
    for (size_t i = 0; i < found->dns->n_options; i++)
        cni_dns_add(dns->options, &dns->n_options, found->dns->options[i]);
    if (found->dns->domain)
        cni_dns_domain(dns, found->dns->domain);
}

static void
gather_dns(const struct container *container, struct cni_dns *dns)
{
    for (size_t i = 0; i < container->network_count; i++) {
        const struct network *network = &container->networks[i];
        if (network->result.dns.n_nameservers > 0) /* host-local answers with an empty one */
            cni_dns_merge(dns, &network->result.dns);
        else
            default_dns(container->cni, network, dns);
    }
}

/* The first address; one of version 4 where there is any, as Mesos has it. */
static const char *
first_address(const struct container *container)
{
    const char *found = NULL;
    for (size_t i = 0; i < container->network_count; i++) {
        const struct cni_result *result = &container->networks[i].result;
        for (size_t j = 0; j < result->n_addresses; j++) {
            if (!result->addresses[j].v6)
                return result->addresses[j].text;
            found = found ? found : result->addresses[j].text;
        }
    }
    return found;
}

static int
write_file(const struct container *container, const char *name, const struct buf *text, struct err *err)
{
    auto_free char *path = state_path(container, name);
    return file_replace(path, buf_data(text), text->len, 0644, false, err);
}

static const char *
hostname_of(const struct container *container)
{
    const char *last = strrchr(container->id, '.');
    return container->hostname ? container->hostname : last ? last + 1 : container->id;
}

static int
write_files(const struct container *container, struct err *err)
{
    auto_buf struct buf hosts = {0}, hostname = {0}, resolv = {0};
    const char *address = first_address(container);
    struct cni_dns dns = {0};
    buf_puts(&hosts, "127.0.0.1 localhost\n");
    if (address)
        buf_printf(&hosts, "%s %s\n", address, hostname_of(container));
    buf_puts(&hostname, hostname_of(container));
    gather_dns(container, &dns);
    bool own_dns = dns.n_nameservers > 0;
    cni_dns_print(&dns, &resolv);
    cni_dns_fini(&dns);
    if (write_file(container, "hosts", &hosts, err) < 0 || write_file(container, "hostname", &hostname, err) < 0)
        return err->code;
    return own_dns ? write_file(container, "resolv.conf", &resolv, err) : 0;
}

static void
on_given(void *arg, const struct run_result *result)
{
    struct container *container = arg;
    const struct mesos_host *host = container->cni->host;
    container->run = NULL;
    if (result->cut_off || !WIFEXITED(result->status) || WEXITSTATUS(result->status) != 0) {
        auto_buf struct buf text = {0};
        buf_puts(&text, "Failed to setup hostname and network files: ");
        if (result->cut_off)
            buf_puts(&text, "the helper does not end: ");
        cni_quote(result->err, 600, &text);
        container_fail(container, -EIO, buf_cstr(&text));
        return;
    }
    struct mesos_call *call = container->call;
    container->call = NULL;
    host->reply(host, call, 0, (struct mesos_bytes){NULL, 0});
}

struct words {
    char *items[16];
    size_t count;
};

static void
words_fini(struct words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->items[i]);
}

static void PRINTF_LIKE(2, 3)
word(struct words *words, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    words->items[words->count++] = xvasprintf(format, ap);
    va_end(ap);
}

/* --<option>=<the file of that name in `directory`, else the host's>; nothing when neither is there. */
static void
word_file(struct words *words, const char *option, const char *directory, const char *name)
{
    auto_free char *own = directory ? xasprintf("%s/%s", directory, name) : NULL;
    auto_free char *hosts = xasprintf("/etc/%s", name);
    if (own && access(own, F_OK) == 0)
        word(words, "--%s=%s", option, own);
    else if (access(hosts, F_OK) == 0)
        word(words, "--%s=%s", option, hosts);
}

static void
run_helper(struct container *container)
{
    struct cni *cni = container->cni;
    const char *from = container->network_count ? container->id : container->owner;
    auto_free char *directory = from ? xasprintf("%s/%s", cni->root_dir, from) : NULL;
    struct words words = {0};
    word(&words, "%s", cni->helper);
    word(&words, "network-cni-setup");
    word(&words, "--pid=%d", (int)container->pid);
    if (container->rootfs)
        word(&words, "--rootfs=%s", container->rootfs);
    word_file(&words, "etc_hosts_path", directory, "hosts");
    word_file(&words, "etc_hostname_path", directory, "hostname");
    word_file(&words, "etc_resolv_conf", directory, "resolv.conf");
    word(&words, "%s", directory ? "--bind_host_files" : "--bind_readonly");
    if (container->network_count)
        word(&words, "--hostname=%.64s", hostname_of(container));
    const char *argv[ARRAY_LEN(words.items) + 1] = {0};
    for (size_t i = 0; i < words.count; i++)
        argv[i] = words.items[i];
    static const char *const environment[] = {NULL};
    container->run = run_start(&cni->runs, argv, environment, STR_LIT(""), HELPER_TIMEOUT_MS, on_given, container);
    words_fini(&words);
    if (!container->run)
        container_fail(container, -EIO, "Failed to execute the setup helper subprocess");
}

void
files_give(struct container *container)
{
    struct err err = {0};
    if (container->network_count && write_files(container, &err) < 0)
        container_fail(container, err.code, err.text);
    else
        run_helper(container);
}
