/* SPDX-License-Identifier: Apache-2.0 */
/* mesos-fetcher: brings a task's URIs into its sandbox before the executor starts. The agent runs it, once per launch,
 * with the whole order in MESOS_FETCHER_INFO. */
#include <curl/curl.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>

#include "base/log.h"
#include "executor/fetch.h"
#include "executor/flags.h"
#include "mesos/fetcher.pb-c.h"
#include "wire/message.h"

static int
become_user(const char *name, struct err *err)
{
    if (!name || !*name || geteuid() != 0)
        return 0;
    const struct passwd *user = getpwnam(name);
    if (!user)
        return err_set(err, -ENOENT, "no such user '%s' on this machine", name);
    if (user->pw_uid == 0)
        return 0;
    if (initgroups(name, user->pw_gid) < 0 || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0)
        return err_errno(err, "cannot become user '%s'", name);
    return 0;
}

/* The file of an item in the cache, to be freed; NULL with an error when the order does not name one. */
static char *
cache_path(const Mesos__Fetcher__FetcherInfo *info, const Mesos__Fetcher__FetcherInfo__Item *item, struct err *err)
{
    const char *name = item->cache_filename;
    if (!info->cache_directory || !name || !*name || strchr(name, '/')) {
        err_set(err, -EINVAL, "MESOS_FETCHER_INFO: '%s' is to be cached, and cache_directory or cache_filename is missing",
                item->uri->value);
        return NULL;
    }
    return xasprintf("%s/%s", info->cache_directory, name);
}

static struct fetch_request
request_of(const Mesos__Fetcher__FetcherInfo *info, const Mesos__Fetcher__FetcherInfo__Item *item)
{
    const Mesos__V1__CommandInfo__URI *uri = item->uri;
    return (struct fetch_request){
        .uri = uri->value,
        .output_file = uri->output_file,
        .executable = uri->has_executable && uri->executable,
        .extract = !uri->has_extract || uri->extract,
        .sandbox = info->sandbox_directory,
        .frameworks_home = info->frameworks_home,
        .stall_timeout_ms = info->stall_timeout ? info->stall_timeout->nanoseconds / 1000000 : 0,
    };
}

static int
fetch_item(const Mesos__Fetcher__FetcherInfo *info, const Mesos__Fetcher__FetcherInfo__Item *item, struct err *err)
{
    struct fetch_request request = request_of(info, item);
    bool caches = item->action != MESOS__FETCHER__FETCHER_INFO__ITEM__ACTION__BYPASS_CACHE;
    auto_free char *path = NULL, *uri = fetch_uri_for_log(request.uri);
    auto_free char *cached = caches ? cache_path(info, item, err) : NULL;
    if (caches && !cached)
        return -EINVAL;
    log_info("Fetching URI '%s'", uri);
    if (item->action == MESOS__FETCHER__FETCHER_INFO__ITEM__ACTION__DOWNLOAD_AND_CACHE &&
        fetch_to_cache(&request, cached, err))
        return err_wrap(err, "Failed to fetch '%s'", uri);
    log_info("Fetching '%s' %s", uri, caches ? "from cache" : "directly into the sandbox directory");
    request.cached = cached;
    if (fetch_one(&request, &path, err))
        return err_wrap(err, "Failed to fetch '%s'", uri);
    log_info("Fetched '%s' to '%s'", uri, path);
    return 0;
}

static int
fetch_all(const Mesos__Fetcher__FetcherInfo *info, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < info->n_items && !rc; i++)
        rc = fetch_item(info, info->items[i], err);
    if (!rc)
        log_info("Successfully fetched all URIs into '%s'", info->sandbox_directory);
    return rc;
}

/* --sizes: a line for each item, its bytes or -1. */
static int
print_sizes(const Mesos__Fetcher__FetcherInfo *info)
{
    for (size_t i = 0; i < info->n_items; i++) {
        struct fetch_request request = request_of(info, info->items[i]);
        auto_free char *uri = fetch_uri_for_log(request.uri);
        struct err err = {0};
        uint64_t bytes;
        if (fetch_size(&request, &bytes, &err) == 0) {
            printf("%" PRIu64 "\n", bytes);
        } else {
            log_warning("Not caching '%s': its size is not known: %s", uri, err.text);
            printf("-1\n");
        }
    }
    return fflush(stdout) == 0 ? 0 : 1;
}

/* Reads the order and does it, as the task's user. Returns the exit status. */
static int
work(bool sizes)
{
    struct err err = {0};
    const char *json = getenv("MESOS_FETCHER_INFO");
    auto_arena struct arena *arena = arena_new(0);
    const Mesos__Fetcher__FetcherInfo *info = NULL;
    if (!json) {
        log_error("MESOS_FETCHER_INFO is not in the environment: this program is started by mesos-agent");
        return 1;
    }
    info = MESSAGE_FROM_JSON(Mesos__Fetcher__FetcherInfo, mesos__fetcher__fetcher_info, str_of(json), arena, &err);
    if (!info) {
        log_error("MESOS_FETCHER_INFO: %s", err.text);
        return 1;
    }
    int rc = become_user(info->user, &err);
    if (!rc && sizes)
        return print_sizes(info);
    if (!rc)
        rc = fetch_all(info, &err);
    if (rc)
        log_error("%s", err.text);
    return rc ? 1 : 0;
}

int
main(int argc, char **argv)
{
    struct err err = {0};
    struct flag flags[] = {{.name = "sizes", .built = true, .help = "print how large each URI is, and fetch nothing"}};
    int rc = flags_read("mesos-fetcher", "Fetches the URIs that MESOS_FETCHER_INFO (JSON) lists into a sandbox.", flags,
                        ARRAY_LEN(flags), argc, argv, &err);
    if (rc == 1)
        return 0;
    if (rc) {
        log_error("%s", err.text);
        return 1;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    rc = work(flags[0].value != NULL);
    curl_global_cleanup();
    return rc;
}
