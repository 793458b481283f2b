/* SPDX-License-Identifier: Apache-2.0 */
/* Ropes of pages that a stream sends, without and (TEST_OVER_TLS) with TLS: all of it in order, and each page let go once. */
#include "two_ends.h"

enum { ROPE_PAGES = 60, ROPE_PAGE_BYTES = 90000 };

static char
rope_byte(size_t at)
{
    return (char)(at * 31 + at / 4093);
}

static void
fill_rope(struct rope *rope, struct page **ret_page)
{
    size_t at = 0;
    for (int i = 0; i < ROPE_PAGES; i++) {
        struct buf buf = {0};
        for (int j = 0; j < ROPE_PAGE_BYTES; j++)
            buf_putc(&buf, rope_byte(at++));
        struct page *page = page_of(&buf);
        rope_add(rope, page, true);
        if (i == 30)
            *ret_page = page_ref(page);
        page_unref(page);
    }
}

static bool
has_rope(void *arg)
{
    return ((struct end *)arg)->got.len >= (size_t)ROPE_PAGES * ROPE_PAGE_BYTES + 6;
}

static bool
some_has_come(void *arg)
{
    return ((struct end *)arg)->got.len > 100000;
}

/* Bytes of our own, a long rope, bytes again: they arrive in order, whoever sends them, and pages are let go. */
static void
check_rope(enum kind kind)
{
    struct fixture f;
    struct rope rope = {0};
    struct page *page = NULL;
    fixture_open(&f, kind, NULL);
    fixture_connect(&f, &two_ends_handler);
    fill_rope(&rope, &page);
    stream_write(f.server.stream, "abc", 3);
    stream_write_rope(f.server.stream, &rope);
    assert_int_equal(rope_len(&rope), 0);
    stream_write_rope(f.server.stream, &rope); /* nothing */
    stream_write(f.server.stream, "xyz", 3);
    assert_true(loop_run_until(f.loop, has_rope, &f.client, 20000));
    assert_true(loop_run_until(f.loop, all_gone, &f.server, 5000));
    assert_int_equal(page->refs, 1);
    page_unref(page);
    assert_memory_equal(buf_data(&f.client.got), "abc", 3);
    for (size_t i = 0; i < (size_t)ROPE_PAGES * ROPE_PAGE_BYTES; i++)
        assert_int_equal(buf_data(&f.client.got)[3 + i], rope_byte(i));
    assert_memory_equal(buf_data(&f.client.got) + f.client.got.len - 3, "xyz", 3);
    fixture_close(&f);
}

static void
test_ropes(void **state)
{
    check_rope(TCP);
    check_rope(UNIX);
    check_rope(MEMORY);
}

/* Closed while another thread may be sending: at once, by the peer, or with the rest still to be sent. */
static void
test_ropes_are_let_go(void **state)
{
    for (int way = 0; way < 6; way++) {
        struct fixture f;
        struct rope rope = {0};
        struct page *page = NULL;
        fixture_open(&f, way % 2 ? UNIX : TCP, NULL);
        fixture_connect(&f, &two_ends_handler);
        fill_rope(&rope, &page);
        stream_write_rope(f.server.stream, &rope);
        assert_true(page->refs > 1);
        if (way < 4)
            assert_true(loop_run_until(f.loop, some_has_come, &f.client, 5000));
        if (way == 2 || way == 3) {
            stream_close(f.client.stream);
            f.client.stream = NULL;
            assert_true(loop_run_until(f.loop, is_true, &f.server.closed, 5000));
        }
        stream_close(f.server.stream);
        f.server.stream = NULL;
        fixture_close(&f); /* ends the loop as well */
        assert_int_equal(page->refs, 1);
        page_unref(page);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ropes),
        cmocka_unit_test(test_ropes_are_let_go),
    };
    return cmocka_run_group_tests(tests, two_ends_begin, two_ends_end);
}
