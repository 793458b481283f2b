/* SPDX-License-Identifier: Apache-2.0 */
/* See site.h. */
#include "site.h"

#include <errno.h>

#include "base/file.h"

#define AT "127.0.0.1:5050"

static void
on_message(const struct upid *from, struct str to, struct str name, struct str body, void *arg)
{
    struct site *site = arg;
    buf_printf(&site->received, "[%.*s]", STR_ARG(name));
}

static int
open_site(void **state, const char *actor)
{
    struct site *site = xcalloc(1, sizeof(*site));
    struct err err = {0};
    world_open(&site->world);
    struct daemon_setup setup = {.actor = actor, .listen = world_address(AT), .on_message = on_message, .arg = site};
    site->daemon = daemon_new(site->world.loop, &setup, &err);
    if (site->daemon == NULL)
        fail_msg("%s", err.text);
    *state = site;
    return 0;
}

int
site_master(void **state)
{
    return open_site(state, "master");
}

int
site_agent(void **state)
{
    return open_site(state, "slave(1)");
}

int
site_close(void **state)
{
    struct site *site = *state;
    daemon_free(site->daemon);
    world_close(&site->world);
    buf_fini(&site->answer);
    buf_fini(&site->received);
    free(site);
    return 0;
}

const char *
site_ask(struct site *site, const char *request)
{
    struct caller caller;
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, request);
    world_pass(&site->world, 50);
    buf_clear(&site->answer);
    buf_append_str(&site->answer, str_of(caller_text(&caller)));
    caller_close(&caller);
    world_pass(&site->world, 10);
    return buf_cstr(&site->answer);
}

const char *
site_get(struct site *site, const char *target)
{
    auto_free char *request = xasprintf("GET %s HTTP/1.1\r\n\r\n", target);
    return site_ask(site, request);
}

const char *
site_body(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

static char *
read_trace(const char *name, const char *kind)
{
    const char *top = getenv("srcdir");
    auto_free char *path = xasprintf("%s/tests/facts/traces/%s.%s", top ? top : ".", name, kind);
    struct err err = {0};
    auto_buf struct buf text = {0};
    if (file_read(path, 1 << 20, &text, &err) < 0)
        fail_msg("%s", err.text);
    return xstrdup(buf_cstr(&text));
}

char *
recorded(const char *name)
{
    auto_free char *raw = read_trace(name, "res");
    auto_buf struct buf text = {0};
    buf_append_str(&text, str_of(raw));
    replace_dates(&text);
    return xstrdup(buf_cstr(&text));
}

void
expect_recorded(struct site *site, const char *name)
{
    auto_free char *request = read_trace(name, "req"), *wanted = recorded(name);
    assert_string_equal(site_ask(site, request), wanted);
}

/* The head without the length's digits. */
static char *
head_of(const char *answer)
{
    auto_buf struct buf head = {0};
    const char *end = strstr(answer, "\r\n\r\n"), *length = strstr(answer, "Content-Length: ");
    assert_non_null(end);
    for (const char *at = answer; at < end; at++)
        if (length == NULL || at < length + 16 || *at < '0' || *at > '9' || strchr(length, '\r') < at)
            buf_putc(&head, *at);
    return xstrdup(buf_cstr(&head));
}

void
expect_recorded_head(struct site *site, const char *name)
{
    auto_free char *request = read_trace(name, "req"), *answer = recorded(name), *wanted = head_of(answer);
    auto_free char *got = head_of(site_ask(site, request));
    assert_string_equal(got, wanted);
}
