/* SPDX-License-Identifier: Apache-2.0 */
/* What of the cluster's text reaches a terminal: everything that can be read, nothing that is obeyed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/term.h"

static const char *
escaped(struct str text)
{
    static struct buf out;

    buf_clear(&out);
    term_escape(&out, text);
    return buf_cstr(&out);
}

#define ESCAPED(text) escaped(STR_LIT(text))

static void
test_what_can_be_read_stays(void **state)
{
    assert_string_equal(ESCAPED("plain text, 100%"), "plain text, 100%");
    assert_string_equal(ESCAPED("gr\u00fc\u00dfe \u4e16\u754c \U0001f600"), "gr\u00fc\u00dfe \u4e16\u754c \U0001f600");
    assert_string_equal(ESCAPED(""), "");
}

static void
test_controls_are_shown(void **state)
{
    assert_string_equal(ESCAPED("\033[2J\007"), "\\x1b[2J\\x07");
    assert_string_equal(ESCAPED("a\nb\tc\rd"), "a\\nb\\tc\\x0dd");
    assert_string_equal(ESCAPED("nul\0here"), "nul\\x00here");
    assert_string_equal(ESCAPED("\177"), "\\x7f");
    assert_string_equal(ESCAPED("\302\233" "31m"), "\\u009b31m"); /* CSI as one character */
    assert_string_equal(ESCAPED("\342\200\256" "txt.exe"), "\\u202etxt.exe");
    assert_string_equal(ESCAPED("\342\201\246x\342\201\251"), "\\u2066x\\u2069");
}

/* Bytes that are no UTF-8 are shown one by one; a terminal with another encoding could obey them. */
static void
test_broken_utf8_is_shown(void **state)
{
    assert_string_equal(ESCAPED("\233" "31m"), "\\x9b31m");
    assert_string_equal(ESCAPED("\300\233"), "\\xc0\\x9b"); /* ESC in two bytes, overlong */
    assert_string_equal(ESCAPED("\340\200\233"), "\\xe0\\x80\\x9b");
    assert_string_equal(ESCAPED("\355\240\200"), "\\xed\\xa0\\x80"); /* a surrogate */
    assert_string_equal(ESCAPED("\364\220\200\200"), "\\xf4\\x90\\x80\\x80"); /* beyond the last one */
    assert_string_equal(ESCAPED("end\342\202"), "end\\xe2\\x82");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_can_be_read_stays),
        cmocka_unit_test(test_controls_are_shown),
        cmocka_unit_test(test_broken_utf8_is_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
