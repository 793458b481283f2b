/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which release this is: the Mesos release whose protocol we speak under "version", because peers compare it, and our
 * own beside it. The build's date is that of the program file, so that equal sources build equal programs.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "daemon/builtin.h"

struct build {
    char date[80];
    double time;
};

static struct build
build_facts(void)
{
    struct build build = {0};
    struct stat st;
    struct tm tm;
    time_t at = stat("/proc/self/exe", &st) == 0 ? st.st_mtime : 0;
    gmtime_r(&at, &tm);
    build.time = (double)at;
    strftime(build.date, sizeof(build.date), "%Y-%m-%d %H:%M:%S UTC", &tm);
    return build;
}

void
daemon_version_members(struct json *json)
{
    struct build build = build_facts();
    json_key_text(json, "version", MESOS_PROTOCOL_VERSION);
    json_key_text(json, "cmesos_version", CMESOS_VERSION);
    json_key_text(json, "build_date", build.date);
    json_key_double(json, "build_time", build.time);
    json_key_text(json, "build_user", "");
}

void
daemon_version(struct buf *out)
{
    struct build build = build_facts();
    struct json json = json_on(out);
    json_object(&json);
    json_key_text(&json, "build_date", build.date);
    json_key_double(&json, "build_time", build.time);
    json_key_text(&json, "build_user", "");
    json_key_text(&json, "cmesos_version", CMESOS_VERSION);
    json_key_text(&json, "version", MESOS_PROTOCOL_VERSION);
    json_object_end(&json);
}

void
builtin_version(struct http_exchange *exchange, void *arg)
{
    auto_buf struct buf out = {0};
    daemon_version(&out);
    reply_json(exchange, buf_str(&out));
}
