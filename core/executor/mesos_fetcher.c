/* SPDX-License-Identifier: Apache-2.0 */
/* mesos-fetcher: brings a task's URIs into its sandbox before the executor starts. The agent runs it, once per launch,
 * with the whole order in MESOS_FETCHER_INFO. */
#include <curl/curl.h>
#include <errno.h>
#include <grp.h>
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

static int
fetch_item(const Mesos__Fetcher__FetcherInfo *info, const Mesos__Fetcher__FetcherInfo__Item *item, struct err *err)
{
    const Mesos__V1__CommandInfo__URI *uri = item->uri;
    struct fetch_request request = {
        .uri = uri->value,
        .output_file = uri->output_file,
        .executable = uri->has_executable && uri->executable,
        .extract = !uri->has_extract || uri->extract,
        .sandbox = info->sandbox_directory,
        .frameworks_home = info->frameworks_home,
        .stall_timeout_ms = info->stall_timeout ? info->stall_timeout->nanoseconds / 1000000 : 0,
    };
    auto_free char *path = NULL;
    log_info("Fetching URI '%s'", uri->value);
    if (item->action != MESOS__FETCHER__FETCHER_INFO__ITEM__ACTION__BYPASS_CACHE)
        return err_set(err, -ENOTSUP, "Failed to fetch '%s': the fetcher's cache is not built yet", uri->value);
    if (fetch_one(&request, &path, err))
        return err_wrap(err, "Failed to fetch '%s'", uri->value);
    log_info("Fetched '%s' to '%s'", uri->value, path);
    return 0;
}

static int
fetch_all(const Mesos__Fetcher__FetcherInfo *info, struct err *err)
{
    int rc = become_user(info->user, err);
    for (size_t i = 0; i < info->n_items && !rc; i++)
        rc = fetch_item(info, info->items[i], err);
    if (!rc)
        log_info("Successfully fetched all URIs into '%s'", info->sandbox_directory);
    return rc;
}

int
main(int argc, char **argv)
{
    struct err err = {0};
    int rc = flags_read("mesos-fetcher", "Fetches the URIs that MESOS_FETCHER_INFO (JSON) lists into a sandbox.", NULL,
                        0, argc, argv, &err);
    if (rc == 1)
        return 0;
    const char *json = getenv("MESOS_FETCHER_INFO");
    auto_arena struct arena *arena = arena_new(0);
    const Mesos__Fetcher__FetcherInfo *info = NULL;
    if (!rc && !json)
        rc = err_set(&err, -EINVAL, "MESOS_FETCHER_INFO is not in the environment: this program is started by mesos-agent");
    if (!rc) {
        info = MESSAGE_FROM_JSON(Mesos__Fetcher__FetcherInfo, mesos__fetcher__fetcher_info, str_of(json), arena, &err);
        rc = info ? 0 : err_wrap(&err, "MESOS_FETCHER_INFO");
    }
    if (!rc) {
        curl_global_init(CURL_GLOBAL_DEFAULT);
        rc = fetch_all(info, &err);
        curl_global_cleanup();
    }
    if (rc)
        log_error("%s", err.text);
    return rc ? 1 : 0;
}
