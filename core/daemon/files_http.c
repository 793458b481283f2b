/* SPDX-License-Identifier: Apache-2.0 */
/* /files/browse, read, download and debug, in Mesos's shapes and words. */
#include <sys/stat.h>

#include "daemon/access.h"
#include "daemon/files_inside.h"
#include "wire/json.h"

enum { DOWNLOAD_PART_BYTES = 256 << 10, DOWNLOAD_AHEAD_BYTES = 1 << 20, DOWNLOAD_WAIT_MS = 20, DOWNLOAD_WAIT_MAX_MS = 1000 };

/* A request that waits for the disk. */
struct question {
    struct files *files;
    struct http_exchange *exchange; /* NULL: the peer has gone */
    struct loop_timer timer; /* downloads: the peer reads slowly */
    char *path;
    int64_t wait_ms; /* longer each time that the peer has not read */
    uint64_t sent;
    bool started, reading;
};

static void on_browse(struct http_exchange *exchange, void *arg);
static void on_read(struct http_exchange *exchange, void *arg);
static void on_download(struct http_exchange *exchange, void *arg);
static void on_debug(struct http_exchange *exchange, void *arg);
static void download_more(void *arg);

#define PATH_PARAM    "path: of a sandbox or a log as /files/debug lists them, or below"
#define JSONP         "jsonp: name of a function to wrap the answer in"
#define BROWSE_PARAMS PATH_PARAM "; " JSONP
#define READ_PARAMS                                                                                                \
    PATH_PARAM "; offset: where to begin, -1 asks for the size; length: how many bytes at most; " JSONP

static const char realm[] = "readonly";
static const struct route routes[] = {
    {"/browse", NULL, on_browse, "Lists a directory.", realm, 0, BROWSE_PARAMS},
    {"/browse.json", NULL, on_browse, "The same as /files/browse.", realm, 0, BROWSE_PARAMS},
    {"/read", NULL, on_read, "Part of a file.", realm, 0, READ_PARAMS},
    {"/read.json", NULL, on_read, "The same as /files/read.", realm, 0, READ_PARAMS},
    {"/download", NULL, on_download, "A whole file.", realm, 0, PATH_PARAM},
    {"/download.json", NULL, on_download, "The same as /files/download.", realm, 0, PATH_PARAM},
    {"/debug", NULL, on_debug, "Which virtual path shows which file.", realm, 0, JSONP, .endpoint = "/files/debug"},
    {"/debug.json", NULL, on_debug, "The same as /files/debug.", realm, 0, JSONP, .endpoint = "/files/debug.json"},
    {NULL},
};

const struct route *
files_routes(void)
{
    return routes;
}

static void
question_free(void *arg)
{
    struct question *question = arg;
    loop_timer_stop(&question->timer);
    free(question->path);
    free(question);
}

static void
on_gone(struct http_exchange *exchange, void *arg)
{
    struct question *question = arg;
    question->exchange = NULL;
    if (!question->reading)
        question_free(question); /* no answer will come to do it */
}

/* The question for a request with a path, or NULL when it was refused. */
static struct question *
ask(struct http_exchange *exchange, struct files *files)
{
    struct str path = http_param_get(http_exchange_request(exchange), "path");
    if (path.len == 0) {
        http_reply_text(exchange, 400, "Expecting 'path=value' in query.\n");
        return NULL;
    }
    if (str_find(path, '\0') >= 0) { /* no file has such a name, and what follows it must not be lost */
        http_reply(exchange, 404, "text/plain; charset=utf-8", STR_LIT(""));
        return NULL;
    }
    if (!files_admit(files, exchange, path))
        return NULL;
    struct question *question = xcalloc(1, sizeof(*question));
    question->files = files;
    question->exchange = exchange;
    question->path = str_dup(path);
    question->reading = true;
    http_exchange_on_gone(exchange, on_gone, question);
    loop_timer_init(&question->timer, files_loop(files), download_more, question);
    return question;
}

/* Answers a failure, or says that there is an answer to give. */
static bool
usable(struct question *question, const struct files_answer *answer)
{
    if (question->exchange == NULL)
        return false;
    if (answer->status == 200)
        return true;
    http_reply(question->exchange, answer->status, "text/plain; charset=utf-8", answer->error);
    return false;
}

/* ---- browse ---- */

static void
mode_text(uint32_t mode, char out[11])
{
    static const char letters[] = "rwxrwxrwx";
    out[0] = S_ISDIR(mode)    ? 'd'
             : S_ISLNK(mode)  ? 'l'
             : S_ISCHR(mode)  ? 'c'
             : S_ISBLK(mode)  ? 'b'
             : S_ISFIFO(mode) ? 'p'
             : S_ISSOCK(mode) ? 's'
                              : '-';
    for (int i = 0; i < 9; i++)
        out[1 + i] = mode & (0400u >> i) ? letters[i] : '-';
    out[10] = '\0';
}

static void
browse_done(const struct files_answer *answer, void *arg)
{
    struct question *question = arg;
    auto_buf struct buf out = {0};
    struct json json = json_on(&out);
    char mode[11];
    json_array(&json);
    for (size_t i = 0; i < answer->count; i++) {
        const struct file_info *info = &answer->entries[i];
        mode_text(info->mode, mode);
        json_object(&json);
        json_key_text(&json, "gid", info->gid);
        json_key_text(&json, "mode", mode);
        json_key_double(&json, "mtime", info->mtime_secs);
        json_key_int(&json, "nlink", (int64_t)info->nlink);
        json_key_text(&json, "path", info->path);
        json_key_int(&json, "size", (int64_t)info->size);
        json_key_text(&json, "uid", info->uid);
        json_object_end(&json);
    }
    json_array_end(&json);
    if (usable(question, answer))
        reply_json(question->exchange, buf_str(&out));
    question_free(question);
}

static void
on_browse(struct http_exchange *exchange, void *arg)
{
    struct question *question = ask(exchange, arg);
    if (question)
        files_browse_or_drop(question->files, str_of(question->path), browse_done, question_free, question);
}

/* ---- read ---- */

static void
read_done(const struct files_answer *answer, void *arg)
{
    struct question *question = arg;
    auto_buf struct buf out = {0};
    struct json json = json_on(&out);
    json_object(&json);
    json_key_string(&json, "data", answer->data);
    json_key_int(&json, "offset", (int64_t)answer->offset);
    json_object_end(&json);
    if (usable(question, answer))
        reply_json(question->exchange, buf_str(&out));
    question_free(question);
}

/* A number that may be left out (-1 then). False when it was refused. */
static bool
number(struct http_exchange *exchange, const char *name, const char *title, int64_t *ret)
{
    struct str text = http_param_get(http_exchange_request(exchange), name);
    int64_t value = -1;
    if (text.len && str_to_i64(text, &value) < 0) {
        http_reply_text(exchange, 400, "Failed to parse %s: Failed to convert '%.*s' to number.\n", name, STR_ARG(text));
        return false;
    }
    if (value < -1) {
        http_reply_text(exchange, 400, "Negative %s provided: %lld.\n", title, (long long)value);
        return false;
    }
    *ret = value;
    return true;
}

static void
on_read(struct http_exchange *exchange, void *arg)
{
    int64_t offset, length;
    if (http_param_get(http_exchange_request(exchange), "path").len == 0)
        http_reply_text(exchange, 400, "Expecting 'path=value' in query.\n");
    else if (number(exchange, "offset", "offset", &offset) && number(exchange, "length", "length", &length)) {
        struct question *question = ask(exchange, arg);
        struct files_range range = {offset, length, 0};
        if (question)
            files_read_or_drop(question->files, str_of(question->path), &range, read_done, question_free, question);
    }
}

/* ---- download ---- */

/* Makes a quoted or bare file name that cannot end the header. */
static char *
disposition(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    bool bare = name[0] != '\0';
    for (const char *c = name; *c; c++)
        bare = bare && ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                        strchr("._-+", *c));
    if (bare)
        return xasprintf("attachment; filename=%s", name);
    auto_buf struct buf out = {0};
    http_percent_encode(&out, str_of(name));
    return xasprintf("attachment; filename*=UTF-8''%s", buf_cstr(&out));
}

static void
download_part(const struct files_answer *answer, void *arg)
{
    struct question *question = arg;
    struct http_exchange *exchange = question->exchange;
    question->reading = false;
    if (exchange == NULL) {
        question_free(question);
        return;
    }
    bool last = answer->offset + answer->data.len >= answer->size || answer->data.len == 0;
    auto_free char *attachment = disposition(question->path);
    struct http_header header = {STR_LIT("Content-Disposition"), str_of(attachment)};
    if (!question->started && !usable(question, answer)) {
        question_free(question);
        return;
    }
    if (!question->started && last) {
        http_reply_headers(exchange, 200, &header, 1, "application/octet-stream", answer->data);
        question_free(question);
        return;
    }
    if (!question->started)
        http_stream_start(exchange, 200, &header, 1, "application/octet-stream");
    question->started = true;
    question->sent += answer->data.len;
    bool failed = answer->status != 200;
    if (failed)
        http_exchange_abort(exchange); /* a body that ends early must not look complete */
    else if (http_stream_write(exchange, answer->data) && !last)
        loop_timer_start(&question->timer, 0);
    else if (last)
        http_stream_end(exchange);
    if (failed || last)
        question_free(question);
}

static void
download_more(void *arg)
{
    struct question *question = arg;
    if (question->started && http_stream_queued(question->exchange) > DOWNLOAD_AHEAD_BYTES) {
        loop_timer_start(&question->timer, question->wait_ms);
        if (question->wait_ms < DOWNLOAD_WAIT_MAX_MS)
            question->wait_ms *= 2;
        return;
    }
    question->wait_ms = DOWNLOAD_WAIT_MS;
    struct files_range range = {(int64_t)question->sent, -1, DOWNLOAD_PART_BYTES};
    question->reading = true;
    files_read_or_drop(question->files, str_of(question->path), &range, download_part, question_free, question);
}

static void
on_download(struct http_exchange *exchange, void *arg)
{
    struct question *question = ask(exchange, arg);
    if (question)
        download_more(question);
}

/* ---- debug ---- */

static void
debug_one(const char *virtual, const char *real, void *arg)
{
    struct json *json = arg;
    json_key_str(json, str_of(virtual));
    json_string(json, str_of(real));
}

static void
on_debug(struct http_exchange *exchange, void *arg)
{
    auto_buf struct buf out = {0};
    struct json json = json_on(&out);
    json_object(&json);
    files_each(arg, debug_one, &json);
    json_object_end(&json);
    reply_json(exchange, buf_str(&out));
}
