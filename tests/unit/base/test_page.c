/* SPDX-License-Identifier: Apache-2.0 */
/* Shared pages: who holds them, what replaced ones cost, and ropes that refer to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/page.h"

static struct page *
page_with(char c, size_t len)
{
    struct buf buf = {0};
    memset(buf_reserve(&buf, len), c, len);
    buf_added(&buf, len);
    return page_of(&buf);
}

static void
test_takes_the_buffer(void **state)
{
    struct buf buf = {0};
    buf_puts(&buf, "xhello");
    buf_consume(&buf, 1);
    struct page *page = page_of(&buf);
    assert_null(buf.base);
    assert_int_equal(page->len, 5);
    assert_memory_equal(page->bytes, "hello", 5);
    page_unref(page);
    page = page_of(&buf);
    assert_int_equal(page->len, 0);
    page_unref(page);
    page_unref(NULL);
}

static void
test_stale_bytes(void **state)
{
    struct page_account account = {0};
    struct page *held = page_with('a', 1000), *alone = page_with('b', 2000);
    page_ref(held);
    page_ref(held);
    page_retire(held, &account);
    page_retire(alone, &account); /* nobody else has it: it is gone */
    page_retire(NULL, &account);
    assert_int_equal(account.stale_bytes, 1000);
    page_unref(held);
    assert_int_equal(account.stale_bytes, 1000);
    page_unref(held);
    assert_int_equal(account.stale_bytes, 0);
}

static void
test_rope(void **state)
{
    struct rope rope = {0}, other = {0};
    struct page *large = page_with('L', 10000), *small = page_with('s', 10);
    auto_buf struct buf out = {0};
    large->lead = small->lead = 1;
    buf_puts(&rope.tail, "[");
    rope_add(&rope, large, false);
    rope_add(&rope, small, true);
    rope_add(&rope, large, true);
    buf_puts(&rope.tail, "]");
    assert_int_equal(large->refs, 3);
    assert_int_equal(small->refs, 1); /* copied */
    assert_int_equal(rope_len(&rope), 1 + 9999 + 10 + 10000 + 1);
    rope_copy(&rope, &out);
    rope_seal(&rope);
    rope_seal(&rope);
    assert_int_equal(rope.count, 5);
    assert_int_equal(rope.bytes, 20011);
    for (size_t i = 0; i < rope.count; i++)
        rope_add_piece(&other, &rope.pieces[i]);
    rope_fini(&rope);
    assert_int_equal(rope_len(&rope), 0);
    auto_buf struct buf again = {0};
    rope_copy(&other, &again);
    assert_true(str_eq(buf_str(&out), buf_str(&again)));
    assert_int_equal(buf_data(&out)[0], '[');
    assert_int_equal(buf_data(&out)[10000], 's');
    assert_int_equal(buf_data(&out)[20010], ']');
    rope_fini(&other);
    assert_int_equal(large->refs, 1);
    page_unref(large);
    page_unref(small);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_the_buffer),
        cmocka_unit_test(test_stale_bytes),
        cmocka_unit_test(test_rope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
