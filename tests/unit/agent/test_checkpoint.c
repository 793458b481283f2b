/* SPDX-License-Identifier: Apache-2.0 */
/* Records and links on disk, and what a file cut anywhere reads as. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/state.h"
#include "base/fault.h"
#include "base/file.h"

static char root[] = "/tmp/test_checkpoint.XXXXXX";

static void
test_record_comes_back(void **state)
{
    auto_free char *path = xasprintf("%s/record", root);
    auto_buf struct buf read = {0};
    assert_int_equal(checkpoint_record(path, STR_LIT("content"), true, NULL), 0);
    assert_int_equal(checkpoint_record_read(path, &read, NULL), 0);
    assert_true(str_is(buf_str(&read), "content"));
}

static void
test_missing_is_told_from_torn(void **state)
{
    auto_free char *path = xasprintf("%s/none", root);
    auto_buf struct buf read = {0};
    struct err err = {0};
    assert_int_equal(checkpoint_record_read(path, &read, &err), -ENOENT);
    static const char whole[] = "\x07\x00\x00\x00"
                                "content";
    for (size_t cut = 0; cut < sizeof(whole) - 1; cut++) {
        assert_int_equal(file_replace(path, whole, cut, 0600, false, NULL), 0);
        buf_clear(&read);
        assert_int_equal(checkpoint_record_read(path, &read, &err), -EBADMSG);
        assert_non_null(strstr(err.text, path));
    }
    /* A length beyond everything is torn too, not an allocation. */
    assert_int_equal(file_replace(path,
                                  "\xff\xff\xff\xff"
                                  "x",
                                  5, 0600, false, NULL),
                     0);
    buf_clear(&read);
    assert_int_equal(checkpoint_record_read(path, &read, &err), -EBADMSG);
}

static void
test_records_follow_each_other(void **state)
{
    auto_buf struct buf bytes = {0};
    struct str record;
    buf_append(&bytes,
               "\x01\x00\x00\x00"
               "a"
               "\x02\x00\x00\x00"
               "bc"
               "\x09\x00",
               13);
    assert_true(checkpoint_record_next(&bytes, &record) && str_is(record, "a"));
    buf_consume(&bytes, record.len);
    assert_true(checkpoint_record_next(&bytes, &record) && str_is(record, "bc"));
    buf_consume(&bytes, record.len);
    assert_false(checkpoint_record_next(&bytes, &record));
}

static void
test_failed_write_leaves_the_old_record(void **state)
{
    auto_free char *path = xasprintf("%s/kept", root);
    auto_buf struct buf read = {0};
    struct err err = {0};
    assert_int_equal(checkpoint_record(path, STR_LIT("old"), false, NULL), 0);
    fault_arm("checkpoint/record=ENOSPC");
    assert_int_equal(checkpoint_record(path, STR_LIT("new"), false, &err), -ENOSPC);
    fault_arm(NULL);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(checkpoint_record_read(path, &read, NULL), 0);
    assert_true(str_is(buf_str(&read), "old"));
}

static void
test_links_are_replaced(void **state)
{
    auto_free char *link = xasprintf("%s/latest", root);
    char target[64] = "";
    assert_int_equal(checkpoint_link("first", link, NULL), 0);
    assert_int_equal(checkpoint_link("second", link, NULL), 0);
    assert_int_equal(readlink(link, target, sizeof(target)), 6);
    assert_string_equal(target, "second");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record_comes_back),
        cmocka_unit_test(test_missing_is_told_from_torn),
        cmocka_unit_test(test_records_follow_each_other),
        cmocka_unit_test(test_failed_write_leaves_the_old_record),
        cmocka_unit_test(test_links_are_replaced),
    };
    if (!mkdtemp(root))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dir_remove(root, NULL);
    return failed;
}
