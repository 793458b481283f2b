/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: answers that are compressed, and those made of pages. */
#include "site.h"

static void
check_gzip(struct site *site, size_t bytes, const char *accept, bool packed)
{
    struct caller caller;
    auto_buf struct buf plain = {0};
    auto_free char *request = xasprintf("GET /big HTTP/1.1\r\n%s\r\n", accept);
    buf_clear(&site->big);
    while (site->big.len < bytes)
        buf_putc(&site->big, (char)('a' + site->big.len % 23));
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, request);
    world_pass(&site->world, 1000);
    replace_dates(&caller.in);
    struct str text = buf_str(&caller.in);
    const char *body = memmem(text.ptr, text.len, "\r\n\r\n", 4);
    assert_non_null(body);
    body += 4;
    struct str rest = str_n(body, text.len - (size_t)(body - text.ptr));
    if (packed) {
        assert_true(str_starts(text, STR_LIT("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nDate: D\r\n")));
        assert_true(rest.len < bytes / 2);
        gunzip(rest, &plain);
        rest = buf_str(&plain);
    }
    assert_true(str_eq(rest, buf_str(&site->big)));
    caller_close(&caller);
}

static void
test_gzip(void **state)
{
    struct site *site = *state;
    check_gzip(site, 1024, "Accept-Encoding: gzip, deflate\r\n", true);
    check_gzip(site, 1023, "Accept-Encoding: gzip\r\n", false);
    check_gzip(site, 2000, "Accept-Encoding: gzip;q=0\r\n", false);
    check_gzip(site, 2000, "", false);
    check_gzip(site, 500000, "Accept-Encoding: *\r\n", true); /* off the loop */
    check_gzip(site, 500000, "", false);
}

static void
test_gzip_peer_gone(void **state)
{
    struct site *site = *state;
    struct caller caller;
    buf_reserve(&site->big, 400000);
    memset(buf_data(&site->big), 'x', 400000);
    buf_added(&site->big, 400000);
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, "GET /wait HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n");
    world_pass(&site->world, 1);
    http_reply(site->waiting[0], 200, NULL, buf_str(&site->big));
    caller_close(&caller); /* before the other thread is ready */
    world_pass(&site->world, 100);
    assert_int_equal(http_server_connections(site->server), 0);
    assert_int_equal(site->gone, 0);
}

/* site->big becomes what the pages are without their framing. */
static void
fill_pages(struct site *site, size_t count, size_t bytes, char seed)
{
    buf_clear(&site->big);
    for (size_t i = 0; i < count; i++) {
        struct buf buf = {0};
        buf_putc(&buf, ',');
        while (buf.len < bytes + 1)
            buf_putc(&buf, (char)(seed + (char)((i + buf.len) % 19)));
        buf_append(&site->big, buf_data(&buf) + (i == 0), buf.len - (i == 0));
        page_retire(site->pages[i], http_server_pages(site->server));
        site->pages[i] = page_of(&buf);
        site->pages[i]->lead = 1;
    }
    site->page_count = count;
}

static struct str
body_of(struct caller *caller)
{
    struct str text = buf_str(&caller->in);
    const char *body = memmem(text.ptr, text.len, "\r\n\r\n", 4);
    assert_non_null(body);
    return str_n(body + 4, text.len - (size_t)(body + 4 - text.ptr));
}

static void
check_pages(struct site *site, struct str body)
{
    assert_int_equal(body.len, site->big.len + 2);
    assert_memory_equal(body.ptr + 1, buf_data(&site->big), site->big.len);
    assert_int_equal(body.ptr[0], '[');
    assert_int_equal(body.ptr[body.len - 1], ']');
}

static void
test_pages(void **state)
{
    struct site *site = *state;
    struct caller caller;
    fill_pages(site, 20, 20000, 'a');
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, "GET /pages HTTP/1.1\r\n\r\n");
    world_pass(&site->world, 100);
    check_pages(site, body_of(&caller));
    assert_int_equal(site->pages[3]->refs, 1); /* sent and let go */
    caller_forget(&caller);
    caller_send(&caller, "HEAD /pages HTTP/1.1\r\n\r\n");
    world_pass(&site->world, 100);
    assert_string_equal(caller_text(&caller), "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 400021\r\n"
                                              "Content-Type: application/json\r\n\r\n");
    caller_close(&caller);
    world_pass(&site->world, 10);
    site->page_count = 0;
    site_check(site, "GET /pages HTTP/1.1\r\n\r\n",
          "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n[]", false);
}

static void
test_pages_packed(void **state)
{
    struct site *site = *state;
    struct caller first, second;
    auto_buf struct buf plain = {0}, again = {0};
    fill_pages(site, 20, 20000, 'a');
    caller_open(&first, &site->world, AT);
    caller_open(&second, &site->world, AT);
    caller_send(&first, "GET /pages HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n");
    caller_send(&second, "GET /pages HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n");
    world_pass(&site->world, 100);
    assert_true(str_starts(buf_str(&first.in), STR_LIT("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n")));
    gunzip(body_of(&first), &plain);
    check_pages(site, buf_str(&plain));
    assert_true(str_eq(body_of(&first), body_of(&second)));
    assert_non_null(site->pages[7]->packed); /* stays for the next one */
    fill_pages(site, 1, 30000, 'b');
    site->page_count = 20; /* one of them was replaced */
    caller_forget(&first);
    caller_send(&first, "GET /pages HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n");
    world_pass(&site->world, 100);
    gunzip(body_of(&first), &again);
    assert_int_equal(again.len, plain.len + 10000);
    assert_memory_equal(buf_data(&again) + 1 + 30000, buf_data(&plain) + 1 + 20000, 19 * 20001);
    caller_close(&first);
    caller_close(&second);
}

static void
test_pages_packed_peer_gone(void **state)
{
    struct site *site = *state;
    struct caller callers[3];
    fill_pages(site, 20, 20000, 'a');
    for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
        caller_open(&callers[i], &site->world, AT);
        caller_send(&callers[i], "GET /wait HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n");
    }
    world_pass(&site->world, 10);
    assert_int_equal(site->waiting_count, 3);
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        site_reply_pages(site->waiting[i], site);
    caller_close(&callers[0]); /* before the other thread is ready */
    caller_close(&callers[1]);
    world_pass(&site->world, 100);
    assert_int_equal(http_server_connections(site->server), 1);
    auto_buf struct buf plain = {0};
    gunzip(body_of(&callers[2]), &plain);
    check_pages(site, buf_str(&plain));
    assert_int_equal(site->gone, 0);
    caller_close(&callers[2]);
}

/* Pages wait behind an earlier answer like all others. */
static void
test_pages_behind_an_open_one(void **state)
{
    struct site *site = *state;
    struct caller caller;
    fill_pages(site, 5, 20000, 'a');
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, "GET /wait HTTP/1.1\r\n\r\nGET /pages HTTP/1.1\r\n\r\nGET /version HTTP/1.1\r\n\r\n");
    world_pass(&site->world, 10);
    assert_int_equal(caller.in.len, 0);
    http_reply(site->waiting[0], 202, NULL, STR_LIT(""));
    world_pass(&site->world, 100);
    assert_true(str_ends(buf_str(&caller.in), STR_LIT(VERSION)));
    assert_non_null(memmem(buf_data(&caller.in), caller.in.len, buf_data(&site->big), site->big.len));
    caller_close(&caller);
}

/* Who does not read holds old pages; beyond the limit the oldest answer ends, the others go on. */
static void
test_pages_of_slow_readers(void **state)
{
    struct site *site = *state;
    struct caller lazy[3], quick;
    struct page_account *account = http_server_pages(site->server);
    site->server->stale_limit = 900000;
    for (size_t i = 0; i < ARRAY_LEN(lazy); i++) {
        fill_pages(site, 20, 20000, (char)('a' + (char)i));
        caller_open(&lazy[i], &site->world, AT);
        world_pass(&site->world, 10);
        caller_send(&lazy[i], "GET /pages HTTP/1.1\r\n\r\n");
        stream_pause(lazy[i].stream);
        world_pass(&site->world, 100);
    }
    assert_true(account->stale_bytes > 500000); /* two old answers, less what is under way */
    assert_int_equal(http_server_connections(site->server), 3);
    fill_pages(site, 20, 20000, 'd');
    caller_open(&quick, &site->world, AT);
    caller_send(&quick, "GET /pages HTTP/1.1\r\n\r\n");
    world_pass(&site->world, 1000);
    check_pages(site, body_of(&quick));
    assert_int_equal(http_server_connections(site->server), 3);
    assert_true(account->stale_bytes <= 900000);
    for (size_t i = 0; i < ARRAY_LEN(lazy); i++)
        stream_resume(lazy[i].stream);
    world_pass(&site->world, 1000);
    assert_true(lazy[0].closed || lazy[0].eof); /* the oldest */
    assert_int_equal(account->stale_bytes, 0);
    for (size_t i = 1; i < ARRAY_LEN(lazy); i++) {
        assert_int_equal(body_of(&lazy[i]).len, 400021);
        assert_false(lazy[i].closed || lazy[i].eof);
    }
    for (size_t i = 0; i < ARRAY_LEN(lazy); i++)
        caller_close(&lazy[i]);
    caller_close(&quick);
}

/* Answers behind one that is not given yet are memory too. */
static void
test_answers_behind_an_open_one(void **state)
{
    struct site *site = *state;
    struct caller caller;
    site_fill_big(site, 1 << 20);
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, "GET /wait HTTP/1.1\r\n\r\n");
    for (int i = 0; i < 40; i++)
        caller_send(&caller, "GET /big HTTP/1.1\r\n\r\n");
    world_pass(&site->world, 100);
    assert_true(site->handled >= 4);
    assert_true(site->handled <= 7);
    http_reply(site->waiting[0], 202, NULL, STR_LIT(""));
    world_pass(&site->world, 10000);
    assert_int_equal(site->handled, 41);
    assert_true(caller.in.len > 40 * site->big.len);
    caller_close(&caller);
}

static void
test_answers_being_compressed(void **state)
{
    struct site *site = *state;
    struct caller caller;
    site_fill_big(site, 2 << 20);
    caller_open(&caller, &site->world, AT);
    auto_buf struct buf requests = {0};
    for (int i = 0; i < 40; i++)
        buf_printf(&requests, "GET /big HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n");
    stream_write(caller.stream, buf_data(&requests), requests.len);
    struct http_connection *connection = NULL;
    for (int i = 0; i < 1000 && site->handled < 40; i++) {
        world_pass(&site->world, 1);
        connection = list_first(&site->server->connections, struct http_connection, in_server);
        assert_true(connection == NULL || connection->waiting_bytes <= 8u << 20);
    }
    world_pass(&site->world, 10000);
    assert_int_equal(site->handled, 40);
    assert_int_equal(connection->waiting_bytes, 0);
    caller_close(&caller);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SITE_TEST(test_gzip),
        SITE_TEST(test_gzip_peer_gone),
        SITE_TEST(test_pages),
        SITE_TEST(test_pages_packed),
        SITE_TEST(test_pages_packed_peer_gone),
        SITE_TEST(test_pages_behind_an_open_one),
        SITE_TEST(test_pages_of_slow_readers),
        SITE_TEST(test_answers_behind_an_open_one),
        SITE_TEST(test_answers_being_compressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
