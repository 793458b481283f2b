/* SPDX-License-Identifier: Apache-2.0 */
/* RecordIO records written, read in any pieces, and refused when they are none. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wire/limits.h"
#include "wire/recordio.h"

static void
test_records_in_any_pieces(void **state)
{
    auto_buf struct buf wire = {0};
    recordio_write(&wire, STR_LIT("hello"));
    recordio_write(&wire, STR_LIT(""));
    recordio_write(&wire, STR_LIT("a\nb"));
    assert_true(str_eq(buf_str(&wire), STR_LIT("5\nhello0\n3\na\nb")));
    static const char *const want[] = {"hello", "", "a\nb"};
    for (size_t piece = 1; piece <= wire.len; piece++) {
        auto_buf struct buf in = {0};
        size_t seen = 0, used;
        struct str record;
        for (size_t at = 0; at < wire.len; at += piece) {
            buf_append(&in, buf_data(&wire) + at, wire.len - at < piece ? wire.len - at : piece);
            while (recordio_read(&in, &record, &used, NULL) == 1) {
                assert_true(str_is(record, want[seen++]));
                buf_consume(&in, used);
            }
        }
        assert_int_equal(seen, 3);
        assert_int_equal(in.len, 0);
    }
}

static void
test_refused(void **state)
{
    static const struct {
        const char *bytes;
        int code;
    } cases[] = {
        {"x", -EINVAL},         {"\n", -EINVAL},
        {"-1\n", -EINVAL},      {" 5\nhello", -EINVAL},
        {"5 \n", -EINVAL},      {"99999999999999999999999\n", -EFBIG},
        {"67108865\n", -EFBIG}, {"000000000000000000000000000000", -EINVAL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        auto_buf struct buf in = {0};
        struct err err = {0};
        struct str record;
        size_t used;
        buf_puts(&in, cases[i].bytes);
        assert_int_equal(recordio_read(&in, &record, &used, &err), cases[i].code);
        assert_true(err.text[0]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_in_any_pieces),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
