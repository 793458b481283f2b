/* SPDX-License-Identifier: Apache-2.0 */
/* Group commit: nothing is told before it is durable, order is kept, a failing disk leaves no torn record
 * behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>

#include "agent/journal.h"
#include "base/fault.h"
#include "base/file.h"

static char root[] = "/tmp/test_journal.XXXXXX";

struct fixture {
    struct loop *loop;
    struct journal *journal;
    char told[16]; /* one letter per record that was reported durable, in order */
};

struct letter {
    struct fixture *fixture;
    char name;
};

static int
set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof(*fixture));
    fixture->loop = loop_new(&(struct loop_options){.virtual_clock = true, .seed = 1}, NULL);
    fixture->journal = journal_new(fixture->loop);
    *state = fixture;
    return mkdir(root, 0700) && access(root, W_OK) ? -1 : 0;
}

static int
tear_down(void **state)
{
    struct fixture *fixture = *state;
    fault_arm(NULL);
    journal_free(fixture->journal);
    loop_free(fixture->loop);
    free(fixture);
    return dir_remove(root, NULL);
}

static void
on_stored(void *arg)
{
    struct letter *letter = arg;
    size_t len = strlen(letter->fixture->told);
    letter->fixture->told[len] = letter->name;
}

/* The file's records as one string: "one;two;". */
static void
content(const char *path, struct buf *out)
{
    auto_buf struct buf bytes = {0};
    assert_int_equal(file_read(path, 65536, &bytes, NULL), 0);
    while (bytes.len) {
        uint32_t len;
        assert_true(bytes.len >= sizeof(len));
        memcpy(&len, buf_data(&bytes), sizeof(len));
        buf_consume(&bytes, sizeof(len));
        assert_true(bytes.len >= len);
        buf_append(out, buf_data(&bytes), len);
        buf_putc(out, ';');
        buf_consume(&bytes, len);
    }
}

static void
test_told_after_durable_and_in_order(void **state)
{
    struct fixture *fixture = *state;
    auto_free char *path = xasprintf("%s/log", root);
    struct letter a = {fixture, 'a'}, b = {fixture, 'b'};
    struct journal_file *file = journal_file_new(fixture->journal, path);
    journal_append(file, STR_LIT("one"), on_stored, &a);
    journal_append(file, STR_LIT("two"), on_stored, &b);
    assert_string_equal(fixture->told, "");
    assert_int_equal(journal_waiting(fixture->journal), 2);
    loop_run(fixture->loop);
    assert_string_equal(fixture->told, "ab");
    assert_int_equal(journal_waiting(fixture->journal), 0);
    assert_int_equal(journal_write(file, STR_LIT("now"), NULL), 0);
    auto_buf struct buf text = {0};
    content(path, &text);
    assert_string_equal(buf_cstr(&text), "one;two;now;");
    journal_file_free(file);
}

static void
test_full_disk_keeps_order_and_leaves_nothing_torn(void **state)
{
    struct fixture *fixture = *state;
    auto_free char *path = xasprintf("%s/log", root);
    struct letter a = {fixture, 'a'}, b = {fixture, 'b'};
    struct journal_file *file = journal_file_new(fixture->journal, path);
    int64_t before = loop_now_ms(fixture->loop);
    fault_arm("journal/write=ENOSPC@1");
    journal_append(file, STR_LIT("one"), on_stored, &a);
    journal_append(file, STR_LIT("two"), on_stored, &b);
    loop_run(fixture->loop);
    assert_string_equal(fixture->told, "ab");
    assert_true(loop_now_ms(fixture->loop) - before >= 1000);
    auto_buf struct buf text = {0};
    content(path, &text);
    assert_string_equal(buf_cstr(&text), "one;two;");
    journal_file_free(file);
}

static void
test_failed_sync_is_not_written_twice(void **state)
{
    struct fixture *fixture = *state;
    auto_free char *path = xasprintf("%s/log", root);
    struct letter a = {fixture, 'a'};
    struct journal_file *file = journal_file_new(fixture->journal, path);
    fault_arm("journal/sync=EIO@1");
    journal_append(file, STR_LIT("one"), on_stored, &a);
    loop_run(fixture->loop);
    assert_string_equal(fixture->told, "a");
    auto_buf struct buf text = {0};
    content(path, &text);
    assert_string_equal(buf_cstr(&text), "one;");
    journal_file_free(file);
}

static void
test_write_now_reports_the_failure(void **state)
{
    struct fixture *fixture = *state;
    auto_free char *path = xasprintf("%s/taken/log", root);
    auto_free char *taken = xasprintf("%s/taken", root);
    struct err err = {0};
    assert_int_equal(file_replace(taken, "x", 1, 0600, false, NULL), 0);
    struct journal_file *file = journal_file_new(fixture->journal, path);
    assert_int_not_equal(journal_write(file, STR_LIT("x"), &err), 0);
    assert_non_null(strstr(err.text, path));
    journal_file_free(file);
}

static void
test_missing_directories_are_made(void **state)
{
    struct fixture *fixture = *state;
    auto_free char *path = xasprintf("%s/a/b/log", root);
    struct journal_file *file = journal_file_new(fixture->journal, path);
    assert_int_equal(journal_write(file, STR_LIT("x"), NULL), 0);
    auto_buf struct buf text = {0};
    content(path, &text);
    assert_string_equal(buf_cstr(&text), "x;");
    journal_file_free(file);
}

/* The journal may go while a batch is under way; what it wrote stays. */
static void
test_freed_with_appends_waiting(void **state)
{
    struct fixture *fixture = *state;
    auto_free char *path = xasprintf("%s/log", root);
    struct letter a = {fixture, 'a'};
    struct journal *journal = journal_new(fixture->loop);
    struct journal_file *file = journal_file_new(journal, path);
    journal_append(file, STR_LIT("one"), on_stored, &a);
    journal_append(file, STR_LIT("two"), on_stored, &a);
    journal_file_free(file);
    journal_free(journal);
    loop_run(fixture->loop);
    assert_string_equal(fixture->told, "");
    auto_buf struct buf text = {0};
    content(path, &text);
    assert_non_null(strstr(buf_cstr(&text), "one;"));
    assert_non_null(strstr(buf_cstr(&text), "two;"));
}

/* ---- with threads: the loop writes while a batch is on its way (for the thread sanitizer too) ---- */

#define THREADED_FILES  8
#define THREADED_ROUNDS 25

struct threaded {
    struct loop *loop;
    struct journal_file *files[THREADED_FILES];
    unsigned stored;
};

static void
on_threaded(void *arg)
{
    struct threaded *threaded = arg;
    /* An acknowledgement at once, as the status update manager writes it. */
    assert_int_equal(journal_write(threaded->files[threaded->stored % THREADED_FILES], STR_LIT("ack"), NULL),
                     0);
    threaded->stored++;
}

static bool
all_stored(void *arg)
{
    struct threaded *threaded = arg;
    return threaded->stored == THREADED_FILES * THREADED_ROUNDS;
}

static void
test_loop_and_batches_write_at_the_same_time(void **state)
{
    (void)state;
    struct loop *loop = loop_new(NULL, NULL);
    struct journal *journal = journal_new(loop);
    struct threaded threaded = {.loop = loop};
    for (int i = 0; i < THREADED_FILES; i++) {
        auto_free char *path = xasprintf("%s/threaded.%d", root, i);
        threaded.files[i] = journal_file_new(journal, path);
    }
    for (int round = 0; round < THREADED_ROUNDS; round++)
        for (int i = 0; i < THREADED_FILES; i++)
            journal_append(threaded.files[i], STR_LIT("update"), on_threaded, &threaded);
    assert_true(loop_run_until(loop, all_stored, &threaded, 30000));
    for (int i = 0; i < THREADED_FILES; i++) {
        auto_free char *path = xasprintf("%s/threaded.%d", root, i);
        auto_buf struct buf text = {0};
        unsigned updates = 0, acks = 0;
        content(path, &text);
        for (const char *at = buf_cstr(&text); *at; at = strchr(at, ';') + 1)
            if (!strncmp(at, "ack;", 4))
                acks++;
            else if (!strncmp(at, "update;", 7))
                updates++;
        assert_int_equal(updates, THREADED_ROUNDS);
        assert_int_equal(acks, THREADED_ROUNDS);
        journal_file_free(threaded.files[i]);
    }
    journal_free(journal);
    loop_free(loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_told_after_durable_and_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full_disk_keeps_order_and_leaves_nothing_torn, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_failed_sync_is_not_written_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_write_now_reports_the_failure, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing_directories_are_made, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_freed_with_appends_waiting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_loop_and_batches_write_at_the_same_time, set_up, tear_down),
    };
    if (!mkdtemp(root))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
