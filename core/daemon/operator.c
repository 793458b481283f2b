/* SPDX-License-Identifier: Apache-2.0 */
/* The operator calls that master and agent answer alike: health, flags, version, metrics, the log's verbosity, files. */
#include "daemon/operator.h"

#include "base/log.h"
#include "conf/option.h"
#include "daemon/files_inside.h"
#include "wire/message.h"

typedef Mesos__V1__Agent__Response Response;

#define RESPONSE(NAME, member_, body_)                                                                       \
    Response response = MESOS__V1__AGENT__RESPONSE__INIT;                                                    \
    response.has_type = true;                                                                                \
    response.type = MESOS__V1__AGENT__RESPONSE__TYPE__##NAME;                                                \
    response.member_ = body_

void
operator_reply_bytes(struct http_exchange *exchange, struct str body, bool json)
{
    http_reply(exchange, 200, json ? "application/json" : "application/x-protobuf", body);
}

void
operator_reply(struct http_exchange *exchange, const void *response, bool json)
{
    auto_buf struct buf out = {0};
    if (json)
        message_to_json(&out, response);
    else
        message_pack(&out, response);
    operator_reply_bytes(exchange, buf_str(&out), json);
}

void
operator_reply_done(struct http_exchange *exchange)
{
    http_reply(exchange, 200, NULL, STR_LIT(""));
}

void
operator_reply_later(struct http_exchange *exchange, const char *call, const char *what)
{
    http_reply_text(exchange, 501, "501 Not Implemented. The call %s is not built yet: it comes with %s", call, what);
}

void
daemon_get_health(struct daemon *daemon, struct http_exchange *exchange, bool json)
{
    Mesos__V1__Agent__Response__GetHealth body = MESOS__V1__AGENT__RESPONSE__GET_HEALTH__INIT;
    RESPONSE(GET_HEALTH, get_health, &body);
    (void)daemon;
    body.healthy = true;
    operator_reply(exchange, &response, json);
}

/* ---- lists ---- */

/* Messages of one type, gathered in an arena. */
struct gathered {
    struct arena *arena;
    void **items;
    size_t count, cap;
};

static void
gather(struct gathered *list, void *item)
{
    if (list->count == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 128;
        void **grown = arena_calloc(list->arena, cap, sizeof(*grown));
        if (list->count)
            memcpy(grown, list->items, list->count * sizeof(*grown));
        list->items = grown;
        list->cap = cap;
    }
    list->items[list->count++] = item;
}

static void
add_flag(const struct option *option, const char *value, void *arg)
{
    struct gathered *list = arg;
    if (!value)
        return;
    Mesos__V1__Flag *flag = arena_alloc(list->arena, sizeof(*flag));
    mesos__v1__flag__init(flag);
    flag->name = arena_strdup(list->arena, str_of(option->name));
    flag->value = arena_strdup(list->arena, str_of(value));
    gather(list, flag);
}

static int
compare_flags(const void *a, const void *b)
{
    Mesos__V1__Flag *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

void
daemon_get_flags(struct daemon *daemon, struct http_exchange *exchange, bool json)
{
    Mesos__V1__Agent__Response__GetFlags body = MESOS__V1__AGENT__RESPONSE__GET_FLAGS__INIT;
    RESPONSE(GET_FLAGS, get_flags, &body);
    auto_arena struct arena *arena = arena_new(0);
    struct gathered list = {.arena = arena};
    if (!access_admits(daemon->access, exchange, MESOS_ACTION_VIEW_FLAGS, NULL))
        return;
    if (daemon->conf)
        conf_each(daemon->conf, add_flag, &list);
    if (list.count)
        qsort(list.items, list.count, sizeof(*list.items), compare_flags);
    body.n_flags = list.count;
    body.flags = (Mesos__V1__Flag **)list.items;
    operator_reply(exchange, &response, json);
}

void
daemon_get_version(struct daemon *daemon, struct http_exchange *exchange, bool json)
{
    Mesos__V1__Agent__Response__GetVersion body = MESOS__V1__AGENT__RESPONSE__GET_VERSION__INIT;
    RESPONSE(GET_VERSION, get_version, &body);
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf text = {0};
    (void)daemon;
    daemon_version(&text); /* the same facts as /version, read through the schema */
    body.version_info = message_from_json(&mesos__v1__version_info__descriptor, buf_str(&text), arena, NULL);
    operator_reply(exchange, &response, json);
}

static void
add_metric(const char *name, double value, void *arg)
{
    struct gathered *list = arg;
    Mesos__V1__Metric *metric = arena_alloc(list->arena, sizeof(*metric));
    mesos__v1__metric__init(metric);
    metric->name = arena_strdup(list->arena, str_of(name));
    metric->has_value = true;
    metric->value = value;
    gather(list, metric);
}

void
daemon_get_metrics(struct daemon *daemon, struct http_exchange *exchange, bool json)
{
    Mesos__V1__Agent__Response__GetMetrics body = MESOS__V1__AGENT__RESPONSE__GET_METRICS__INIT;
    RESPONSE(GET_METRICS, get_metrics, &body);
    auto_arena struct arena *arena = arena_new(0);
    struct gathered list = {.arena = arena};
    metrics_each(daemon->metrics, add_metric, &list); /* every gauge answers at once: nothing to time out */
    body.n_metrics = list.count;
    body.metrics = (Mesos__V1__Metric **)list.items;
    operator_reply(exchange, &response, json);
}

/* ---- the log's verbosity ---- */

void
daemon_get_logging_level(struct daemon *daemon, struct http_exchange *exchange, bool json)
{
    Mesos__V1__Agent__Response__GetLoggingLevel body = MESOS__V1__AGENT__RESPONSE__GET_LOGGING_LEVEL__INIT;
    RESPONSE(GET_LOGGING_LEVEL, get_logging_level, &body);
    body.level = (uint32_t)daemon_logging_get(daemon);
    operator_reply(exchange, &response, json);
}

void
daemon_set_logging_level(struct daemon *daemon, struct http_exchange *exchange, uint32_t level, int64_t duration_ns)
{
    if (!access_admits(daemon->access, exchange, MESOS_ACTION_SET_LOG_LEVEL, NULL))
        return;
    if (level > INT32_MAX) {
        http_reply_text(exchange, 400, "Invalid level '%u': expecting a number from 0 to %d", level, INT32_MAX);
    } else if (duration_ns < 0) {
        http_reply_text(exchange, 400, "Invalid duration of %lld nanoseconds: expecting none below 0",
                        (long long)duration_ns);
    } else {
        auto_free char *what = xasprintf("level %u", level);
        audit_write(daemon->audit, audit_asker(exchange), "SET_LOGGING_LEVEL", what, NULL);
        daemon_logging_set(daemon, (int)level, duration_ns);
        operator_reply_done(exchange);
    }
}

/* ---- files ---- */

/* A call that waits for the disk. */
struct question {
    struct http_exchange *exchange; /* NULL: the peer has gone */
    bool json;
};

static void
on_gone(struct http_exchange *exchange, void *arg)
{
    struct question *question = arg;
    (void)exchange;
    question->exchange = NULL; /* the answer frees the question */
}

static struct question *
ask(struct http_exchange *exchange, bool json)
{
    struct question *question = xcalloc(1, sizeof(*question));
    question->exchange = exchange;
    question->json = json;
    http_exchange_on_gone(exchange, on_gone, question);
    return question;
}

static bool
usable(const struct question *question, const struct files_answer *answer)
{
    if (question->exchange && answer->status != 200)
        http_reply(question->exchange, answer->status, "text/plain; charset=utf-8", answer->error);
    return question->exchange && answer->status == 200;
}

static Mesos__V1__FileInfo *
file_info_message(const struct file_info *entry, struct arena *arena)
{
    Mesos__V1__FileInfo *info = arena_alloc(arena, sizeof(*info));
    Mesos__V1__TimeInfo *mtime = arena_alloc(arena, sizeof(*mtime));
    mesos__v1__file_info__init(info);
    mesos__v1__time_info__init(mtime);
    info->path = entry->path;
    info->has_nlink = info->has_size = info->has_mode = true;
    info->nlink = (int32_t)(entry->nlink < INT32_MAX ? entry->nlink : INT32_MAX);
    info->size = entry->size;
    info->mode = entry->mode;
    info->mtime = mtime;
    mtime->nanoseconds = (int64_t)entry->mtime_secs * 1000000000;
    info->uid = entry->uid;
    info->gid = entry->gid;
    return info;
}

static void
list_files_done(const struct files_answer *answer, void *arg)
{
    struct question *question = arg;
    Mesos__V1__Agent__Response__ListFiles body = MESOS__V1__AGENT__RESPONSE__LIST_FILES__INIT;
    RESPONSE(LIST_FILES, list_files, &body);
    if (usable(question, answer)) {
        auto_arena struct arena *arena = arena_new(0);
        struct gathered list = {.arena = arena};
        for (size_t i = 0; i < answer->count; i++)
            gather(&list, file_info_message(&answer->entries[i], arena));
        body.n_file_infos = list.count;
        body.file_infos = (Mesos__V1__FileInfo **)list.items;
        operator_reply(question->exchange, &response, question->json);
    }
    free(question);
}

void
daemon_list_files(struct daemon *daemon, struct http_exchange *exchange, bool json, const char *path)
{
    if (files_admit(daemon->files, exchange, str_of(path)))
        files_browse_or_drop(daemon->files, str_of(path), list_files_done, free, ask(exchange, json));
}

static void
read_file_done(const struct files_answer *answer, void *arg)
{
    struct question *question = arg;
    Mesos__V1__Agent__Response__ReadFile body = MESOS__V1__AGENT__RESPONSE__READ_FILE__INIT;
    RESPONSE(READ_FILE, read_file, &body);
    if (usable(question, answer)) {
        body.size = answer->size;
        body.data.data = (uint8_t *)(uintptr_t)answer->data.ptr;
        body.data.len = answer->data.len;
        operator_reply(question->exchange, &response, question->json);
    }
    free(question);
}

/* Positions beyond what a file can have mean the same as the last one that it could. */
static int64_t
position(uint64_t value)
{
    return value < INT64_MAX ? (int64_t)value : INT64_MAX;
}

void
daemon_read_file(struct daemon *daemon, struct http_exchange *exchange, bool json, const char *path, uint64_t offset,
                 const uint64_t *length)
{
    struct files_range range = {position(offset), length ? position(*length) : -1, 0};
    if (files_admit(daemon->files, exchange, str_of(path)))
        files_read_or_drop(daemon->files, str_of(path), &range, read_file_done, free, ask(exchange, json));
}
