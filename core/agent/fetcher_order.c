/* SPDX-License-Identifier: Apache-2.0 */
/* What mesos-fetcher is told, in its environment, and its start. */
#include "agent/fetcher_inside.h"

#include "wire/json.h"

extern char **environ;

static const char *
action_of(const struct item *item)
{
    return !item->entry ? "BYPASS_CACHE" : item->downloads ? "DOWNLOAD_AND_CACHE" : "RETRIEVE_FROM_CACHE";
}

static void
write_item(struct json *json, const struct item *item)
{
    const Mesos__V1__CommandInfo__URI *uri = item->uri;
    json_object(json);
    json_key_text(json, "action", action_of(item));
    if (item->entry)
        json_key_text(json, "cache_filename", item->entry->name);
    json_key(json, "uri");
    json_object(json);
    json_key_text(json, "value", uri->value);
    if (uri->has_executable)
        json_key_bool(json, "executable", uri->executable);
    json_key_bool(json, "extract", uri->extract);
    if (uri->has_cache)
        json_key_bool(json, "cache", uri->cache);
    if (uri->output_file)
        json_key_text(json, "output_file", uri->output_file);
    json_object_end(json);
    json_object_end(json);
}

/* Only the items of a sizing run are those that this fetch downloads. */
static void
write_info(const struct mesos_fetching *fetching, bool sizing, struct buf *out)
{
    const struct fetcher *fetcher = fetching->fetcher;
    struct json json = json_on(out);
    json_object(&json);
    if (fetching->cache_directory)
        json_key_text(&json, "cache_directory", fetching->cache_directory);
    if (fetcher->frameworks_home && *fetcher->frameworks_home)
        json_key_text(&json, "frameworks_home", fetcher->frameworks_home);
    json_key(&json, "items");
    json_array(&json);
    for (size_t i = 0; i < fetching->command->n_uris; i++)
        if (!sizing || fetching->items[i].downloads)
            write_item(&json, &fetching->items[i]);
    json_array_end(&json);
    json_key_text(&json, "sandbox_directory", fetching->directory);
    if (fetcher->stall_timeout_ns) {
        json_key(&json, "stall_timeout");
        json_object(&json);
        json_key_int(&json, "nanoseconds", fetcher->stall_timeout_ns);
        json_object_end(&json);
    }
    if (fetching->user)
        json_key_text(&json, "user", fetching->user);
    json_object_end(&json);
}

/* The agent's own environment without what is meant for the agent. */
static const char **
environment(const char *info, const char *hadoop_home)
{
    size_t count_all = 0, kept = 0;
    while (environ && environ[count_all])
        count_all++;
    const char **entries = xcalloc(count_all + 3, sizeof(*entries));
    for (size_t i = 0; i < count_all; i++) {
        bool replaced = hadoop_home && strncmp(environ[i], "HADOOP_HOME=", 12) == 0;
        if (!replaced && strncmp(environ[i], "MESOS_", 6) != 0 && strncmp(environ[i], "LIBPROCESS_", 11) != 0)
            entries[kept++] = environ[i];
    }
    if (hadoop_home)
        entries[kept++] = hadoop_home;
    entries[kept] = info;
    return entries;
}

int
fetcher_spawn(struct mesos_fetching *fetching, bool sizing, int out_fd)
{
    const struct fetcher *fetcher = fetching->fetcher;
    auto_buf struct buf info = {0};
    buf_puts(&info, "MESOS_FETCHER_INFO=");
    write_info(fetching, sizing, &info);
    auto_free char *hadoop = fetcher->hadoop_home ? xasprintf("HADOOP_HOME=%s", fetcher->hadoop_home) : NULL;
    auto_free const char **entries = environment(buf_cstr(&info), hadoop);
    const char *const argv[] = {fetcher->program, sizing ? "--sizes=true" : NULL, NULL};
    const int fds[] = {-1, out_fd, fetching->err_fd};
    struct mesos_spawn wish = {
        .size = sizeof(wish),
        .argv = argv,
        .environment = entries,
        .directory = fetching->directory,
        .fds = fds,
        .fd_count = ARRAY_LEN(fds),
        .new_session = 1,
    };
    return host_spawn(&wish, &fetching->pid);
}
