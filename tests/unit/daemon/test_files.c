/* SPDX-License-Identifier: Apache-2.0 */
/* /files/...: what is shown of a directory, and that nothing else of this machine ever is. */
#include "site.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define T "07-legacy-endpoints/"
#define RUN "/var/lib/mesos/agent/slaves/235be804-7729-4aa9-8ffc-7723a7440efe-S0/frameworks/" \
            "235be804-7729-4aa9-8ffc-7723a7440efe-0000/executors/running/runs/be55d0fb-55bf-4392-ac14-8e2f83fa3fe7"

static char top[] = "/tmp/cmesos-files-XXXXXX";

static char *
in_top(const char *name)
{
    return xasprintf("%s/%s", top, name);
}

static void
put(const char *name, struct str text)
{
    auto_free char *path = in_top(name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text.ptr, 1, text.len, file), text.len);
    fclose(file);
}

static void
make_dir(const char *name)
{
    auto_free char *path = in_top(name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void
link_to(const char *name, const char *target)
{
    auto_free char *path = in_top(name);
    assert_int_equal(symlink(target, path), 0);
}

/* top/run is attached; top/secret is not. */
static int
make_tree(void **state)
{
    memcpy(top + sizeof(top) - 7, "XXXXXX", 6);
    assert_non_null(mkdtemp(top));
    auto_free char *run = in_top("runs/1"), *outside = in_top("secret");
    make_dir("secret");
    put("secret/key", STR_LIT("secret"));
    make_dir("runs");
    make_dir("runs/1");
    make_dir("runs/1/sub");
    put("runs/1/stdout", STR_LIT("0123456789"));
    put("runs/1/sub/deep", STR_LIT("deep"));
    link_to("runs/latest", run);
    link_to("runs/1/inside", "sub/deep");
    link_to("runs/1/inside-dir", "sub");
    link_to("runs/1/out", "../../secret");
    link_to("runs/1/out-key", "../../secret/key");
    link_to("runs/1/out-abs", outside);
    link_to("runs/1/loop", "loop");
    link_to("runs/1/dangling", "nowhere");
    link_to("runs/1/magic", "/proc/self/root");
    link_to("runs/1/magic-cwd", "/proc/self/cwd");
    return 0;
}

static void
attach(struct site *site, const char *name, const char *virtual)
{
    auto_free char *real = in_top(name);
    struct err err = {0};
    if (files_attach(site->daemon->files, real, virtual, &err) < 0)
        fail_msg("%s", err.text);
}

static int
open_agent(void **state)
{
    if (site_agent(state) < 0 || make_tree(state) < 0)
        return -1;
    attach(*state, "runs/1", RUN);
    attach(*state, "runs/latest", "/run");
    return 0;
}

static int
open_master(void **state)
{
    return site_master(state) < 0 || make_tree(state) < 0 ? -1 : 0;
}

static int
close_tree(void **state)
{
    dir_remove(top, NULL);
    return site_close(state);
}

static const char *
body(struct site *site, const char *target)
{
    return site_body(site_get(site, target));
}

#define NOT_FOUND \
    "HTTP/1.1 404 Not Found\r\nDate: D\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 0\r\n\r\n"

static void
test_recorded_master(void **state)
{
    struct site *site = *state;
    auto_buf struct buf text = {0};
    buf_printf(&text, "Log file created at: 2026/11/21 00:56:53\nRunning on machine: x\n");
    while (text.len < 28383)
        buf_putc(&text, 'x');
    put("log", buf_str(&text));
    attach(site, "log", "/master/log");
    expect_recorded(site, T "065-client-master-GET-files_browse_path=_master_log--files-browse-log");
    expect_recorded(site, T "066-client-master-GET-files_read_path=_master_log_offset=0_length=50--files-read");
    expect_recorded(site, T "067-client-master-GET-files_read_path=_master_log_offset=-1--files-read-size");
    while (text.len < 28538)
        buf_putc(&text, 'x');
    put("log", buf_str(&text));
    expect_recorded(site, T "068-client-master-GET-files_read_path=_master_log--files-read-no-offset");
    expect_recorded(site, T "069-client-master-GET-files_browse--files-browse-no-path");
    expect_recorded(site, T "070-client-master-GET-files_browse_path=_nosuch--files-browse-unknown");
}

static void
test_recorded_agent(void **state)
{
    struct site *site = *state;
    static const char path[] = T "%d-client-agent1-GET-files_%s_path=_var_lib_mesos_agent_slaves_%s";
    static const struct {
        int number;
        const char *call, *rest;
        bool whole;
    } rows[] = {
        {115, "browse", "235be804-7729---files-browse-sandbox", false},
        {116, "read", "235be804-7729-4a--files-read-stdout", true},
        {117, "read", "235be804-7729-4a--files-read-offset--1", true},
        {118, "read", "235be804-7729-4a--files-read-no-offset", true},
        {119, "read", "235be804-7729-4a--files-read-length-0", true},
        {120, "read", "235be804-7729-4a--files-read-past-end", true},
        {121, "read", "235be804-7729-4a--files-read-bad-offset", true},
        {123, "read", "235be804-7729-4a--files-read-missing", true},
        {124, "read", "235be804-7729-4a--files-read-dir", true},
        {126, "browse", "235be804-7729---files-browse-dotdot", true},
        {127, "browse", "235be804-7729---files-browse-jsonp", false},
    };
    put("runs/1/stdout", STR_LIT(""));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *name = xasprintf(path, rows[i].number, rows[i].call, rows[i].rest);
        if (rows[i].whole)
            expect_recorded(site, name);
        else
            expect_recorded_head(site, name);
    }
    expect_recorded(site, T "128-client-agent1-GET-files_read_offset=0--files-read-no-path");
}

static void
test_browse(void **state)
{
    struct site *site = *state;
    const char *list = body(site, "/files/browse?path=/run");
    assert_true(list[0] == '[');
    const char *at = list;
    static const char *const members[] = {"{\"gid\":\"", "\",\"mode\":\"", "\",\"mtime\":", ",\"nlink\":",
                                          ",\"path\":\"/run/dangling\",\"size\":", ",\"uid\":\""};
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        at = strstr(at, members[i]);
        assert_non_null(at);
    }
    assert_non_null(strstr(list, "\"mode\":\"drwxr-xr-x\""));
    assert_non_null(strstr(list, "\"path\":\"/run/stdout\",\"size\":10,"));
    assert_non_null(strstr(list, "\"path\":\"/run/inside\",\"size\":4,")); /* as what it leads to */
    assert_null(strstr(list, "\"path\":\"/run/out-key\",\"size\":6,")); /* as a link: not what it leads to */
    assert_null(strstr(list, "secret"));
    assert_true(strstr(list, "/run/stdout") < strstr(list, "/run/sub")); /* sorted */
    assert_non_null(strstr(body(site, "/files/browse?path=/run/"), "\"/run/stdout\""));
    assert_non_null(strstr(body(site, "/files/browse.json?path=/run/sub"), "\"/run/sub/deep\""));
    assert_non_null(strstr(body(site, "/files/browse?path=/run/inside-dir"), "\"/run/inside-dir/deep\""));
    assert_string_equal(body(site, "/files/browse?path=/run/stdout"), "[]");
    assert_string_equal(site_get(site, "/files/browse?path=/run/none"), NOT_FOUND);
    assert_string_equal(site_get(site, "/files/browse?path=/runner"), NOT_FOUND);
    assert_string_equal(site_get(site, "/files/browse?path=/"), NOT_FOUND);
}

static void
test_outside(void **state)
{
    static const char *const ways[] = {
        "/run/out", "/run/out/key", "/run/out-key", "/run/out-abs", "/run/out-abs/key", "/run/..", "/run/../1/stdout/..",
        "/run/../../secret/key", "/run/sub/../../../secret/key", "/run/../latest/../../secret/key", "/run/../..",
        "/run/magic", "/run/magic/etc/hostname", "/run/magic-cwd", "/run//../../secret/key",
    };
    static const char *const calls[] = {"read", "browse", "download"};
    struct site *site = *state;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++)
        for (size_t k = 0; k < ARRAY_LEN(calls); k++) {
            auto_free char *target = xasprintf("/files/%s?path=%s", calls[k], ways[i]);
            const char *answer = site_get(site, target);
            if (!strstr(answer, "HTTP/1.1 404 Not Found\r\n") && !strstr(answer, "HTTP/1.1 400 Bad Request\r\n"))
                fail_msg("%s: %s", target, answer);
            assert_true(!strstr(site_body(answer), "secret\"") && strcmp(site_body(answer), "secret") != 0);
        }
    assert_non_null(strstr(body(site, "/files/read?path=/run/sub/../stdout&offset=0"), "\"0123456789\""));
    assert_string_equal(site_get(site, "/files/read?path=/run/loop&offset=0"), NOT_FOUND);
    assert_string_equal(site_get(site, "/files/read?path=/run/dangling&offset=0"), NOT_FOUND);
    assert_string_equal(site_get(site, "/files/read?path=/run/stdout%00/x&offset=0"), NOT_FOUND);
}

static void
test_latest(void **state)
{
    struct site *site = *state;
    attach(site, "runs", "/runs");
    assert_non_null(strstr(body(site, "/files/browse?path=/runs/latest"), "\"/runs/latest/stdout\""));
    assert_non_null(strstr(body(site, "/files/read?path=/runs/latest/stdout&offset=0"), "\"0123456789\""));
    files_detach(site->daemon->files, "/run");
    files_detach(site->daemon->files, "/never");
    assert_string_equal(site_get(site, "/files/read?path=/run/stdout&offset=0"), NOT_FOUND);
}

static void
test_read(void **state)
{
    static const struct {
        const char *query, *body;
    } rows[] = {
        {"", "{\"data\":\"\",\"offset\":10}"},
        {"&offset=-1", "{\"data\":\"\",\"offset\":10}"},
        {"&offset=0", "{\"data\":\"0123456789\",\"offset\":0}"},
        {"&offset=0&length=4", "{\"data\":\"0123\",\"offset\":0}"},
        {"&offset=8&length=100", "{\"data\":\"89\",\"offset\":8}"},
        {"&offset=0&length=0", "{\"data\":\"\",\"offset\":0}"},
        {"&offset=0&length=-1", "{\"data\":\"0123456789\",\"offset\":0}"},
        {"&offset=10", "{\"data\":\"\",\"offset\":10}"},
        {"&offset=9223372036854775807", "{\"data\":\"\",\"offset\":9223372036854775807}"},
        {"&offset=0&length=9223372036854775807", "{\"data\":\"0123456789\",\"offset\":0}"},
        {"&offset=x", "Failed to parse offset: Failed to convert 'x' to number.\n"},
        {"&offset=9223372036854775808", "Failed to parse offset: Failed to convert '9223372036854775808' to number.\n"},
        {"&offset=-2", "Negative offset provided: -2.\n"},
        {"&offset=0&length=-5", "Negative length provided: -5.\n"},
        {"&offset=0&length=1.5", "Failed to parse length: Failed to convert '1.5' to number.\n"},
    };
    struct site *site = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *target = xasprintf("/files/read?path=/run/stdout%s", rows[i].query);
        assert_string_equal(body(site, target), rows[i].body);
    }
    assert_string_equal(body(site, "/files/read.json?path=/run/stdout&offset=9"), "{\"data\":\"9\",\"offset\":9}");
    assert_string_equal(body(site, "/files/read?path=/run/stdout&offset=9&jsonp=f"), "f({\"data\":\"9\",\"offset\":9})");
}

/* One answer holds sixteen pages at most; bytes that are no text are still JSON. */
static void
test_read_much(void **state)
{
    struct site *site = *state;
    auto_buf struct buf text = {0};
    while (text.len < 100000)
        buf_putc(&text, 'x');
    put("runs/1/big", buf_str(&text));
    const char *got = body(site, "/files/read?path=/run/big&offset=0&length=100000");
    assert_int_equal(strlen(got), strlen("{\"data\":\"\",\"offset\":0}") + 16 * 4096);
    put("runs/1/bytes", STR_LIT("\0\xff\n\"\\\x01"));
    got = body(site, "/files/read?path=/run/bytes&offset=0");
    assert_non_null(strstr(got, "\\u0000"));
    assert_non_null(strstr(got, "\\n\\\"\\\\\\u0001\",\"offset\":0}"));
}

static void
test_download(void **state)
{
    struct site *site = *state;
    const char *answer = site_get(site, "/files/download?path=/run/stdout");
    assert_string_equal(site_body(answer), "0123456789");
    assert_non_null(strstr(answer, "\r\nContent-Disposition: attachment; filename=stdout\r\n"));
    assert_non_null(strstr(answer, "\r\nContent-Type: application/octet-stream\r\n"));
    assert_string_equal(body(site, "/files/download?path=/run/sub"), "Cannot download a directory.\n");
    assert_string_equal(site_get(site, "/files/download?path=/run/none"), NOT_FOUND);
    put("runs/1/odd\r\nX: \"name", STR_LIT("odd"));
    answer = site_get(site, "/files/download?path=/run/odd%0d%0aX:%20%22name");
    assert_string_equal(site_body(answer), "odd");
    assert_null(strstr(answer, "\r\nX: "));
    auto_free char *fifo = in_top("runs/1/fifo");
    assert_int_equal(mkfifo(fifo, 0644), 0); /* must not wait for a writer */
    assert_non_null(strstr(site_get(site, "/files/download?path=/run/fifo"), "HTTP/1.1 400 "));
}

/* Longer than one part: streamed in chunks, all of it, and the same with a peer that hangs up. */
static void
test_download_much(void **state)
{
    struct site *site = *state;
    auto_buf struct buf text = {0};
    while (text.len < 3 << 20)
        buf_printf(&text, "%zu,", text.len);
    put("runs/1/big", buf_str(&text));
    struct caller caller;
    caller_open(&caller, &site->world, "127.0.0.1:5050");
    caller_send(&caller, "GET /files/download?path=/run/big HTTP/1.0\r\n\r\n");
    world_pass(&site->world, 5000);
    assert_true(caller.eof || caller.closed);
    assert_true(str_ends(buf_str(&caller.in), buf_str(&text)));
    caller_close(&caller);
    caller_open(&caller, &site->world, "127.0.0.1:5050");
    caller_send(&caller, "GET /files/download?path=/run/big HTTP/1.1\r\n\r\n");
    world_pass(&site->world, 1);
    stream_pause(caller.stream);
    world_pass(&site->world, 5000);
    caller_close(&caller);
    world_pass(&site->world, 5000);
    assert_int_equal(http_server_connections(site->daemon->http), 0);
}

static void
test_debug(void **state)
{
    struct site *site = *state;
    auto_free char *real = in_top("runs/1");
    auto_free char *wanted = xasprintf("{\"/run\":\"%s\",\"" RUN "\":\"%s\"}", real, real);
    assert_string_equal(body(site, "/files/debug"), wanted);
    assert_string_equal(body(site, "/files/debug.json"), wanted);
    expect_recorded_head(site, T "110-client-agent1-GET-files_debug--a_files_debug");
}

/* The links of /proc are not followed even when they seem to lead inside: they may cross into another root. */
static void
test_magic_links(void **state)
{
    struct site *site = *state;
    auto_free char *run = in_top("runs/1");
    auto_fd int back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(chdir(run), 0);
    auto_free char *answer = xstrdup(site_get(site, "/files/read?path=/run/magic-cwd/stdout&offset=0"));
    assert_int_equal(fchdir(back), 0);
    assert_string_equal(answer, NOT_FOUND);
}

/* The questions of v1 calls: the daemon ends before the answer has come. */
static void
must_not_be_called(const struct files_answer *answer, void *arg)
{
    fail();
}

static void
test_end_before_answer(void **state)
{
    struct site *site = *state;
    struct files *files = files_new(site->world.loop, NULL);
    struct err err = {0};
    assert_true(files_attach(files, top, "/x", &err) == 0);
    assert_true(files_attach(files, "/no/such/file", "/y", &err) < 0);
    files_browse(files, STR_LIT("/x"), must_not_be_called, NULL);
    files_read(files, STR_LIT("/x"), 0, -1, must_not_be_called, NULL);
    files_free(files);
    world_pass(&site->world, 100);
}

#define AGENT_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_agent, close_tree)
#define MASTER_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_master, close_tree)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        MASTER_TEST(test_recorded_master), AGENT_TEST(test_recorded_agent), AGENT_TEST(test_browse),
        AGENT_TEST(test_outside),          AGENT_TEST(test_latest),         AGENT_TEST(test_read),
        AGENT_TEST(test_read_much),        AGENT_TEST(test_download),       AGENT_TEST(test_download_much),
        AGENT_TEST(test_debug),            AGENT_TEST(test_end_before_answer), AGENT_TEST(test_magic_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
