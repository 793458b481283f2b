/* SPDX-License-Identifier: Apache-2.0 */
/* The status update manager on a virtual clock: order, repetition, acknowledgements, and what a restart
 * finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>

#include "agent/status_updates.h"
#include "base/fault.h"
#include "base/file.h"
#include "mesos/internal/messages.pb-c.h"
#include "wire/message.h"

#define FRAMEWORK STR_LIT("f-0000")
#define TASK      STR_LIT("task")

static char root[] = "/tmp/test_status_updates.XXXXXX";

struct fixture {
    struct loop *loop;
    struct status_updates *updates;
    char *path;
    struct buf forwarded, stored; /* one letter (first byte of the uuid) per call */
    unsigned finished;
    int64_t last_forward_ms;
};

static void
on_forward(void *arg, struct str framework_id, struct str executor_id, struct str task_id, struct str update)
{
    struct fixture *fixture = arg;
    auto_arena struct arena *arena = arena_new(0);
    Mesos__Internal__StatusUpdate *message =
        message_unpack(&mesos__internal__status_update__descriptor, update, arena, NULL);
    assert_non_null(message);
    assert_true(str_eq(framework_id, FRAMEWORK));
    assert_true(str_is(executor_id, "executor"));
    assert_true(str_eq(task_id, TASK));
    buf_putc(&fixture->forwarded, (char)message->uuid.data[0]);
    fixture->last_forward_ms = loop_now_ms(fixture->loop);
}

static void
on_stored(void *arg, struct str framework_id, struct str executor_id, struct str task_id,
          const unsigned char *uuid)
{
    struct fixture *fixture = arg;
    buf_putc(&fixture->stored, (char)uuid[0]);
}

static void
on_finished(void *arg, struct str framework_id, struct str executor_id, struct str task_id)
{
    struct fixture *fixture = arg;
    assert_true(str_eq(task_id, TASK));
    fixture->finished++;
}

static struct status_updates *
manager_new(struct fixture *fixture)
{
    struct status_updates_sink sink = {on_forward, on_stored, on_finished, fixture};
    return status_updates_new(fixture->loop, &sink);
}

static int
set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof(*fixture));
    fixture->loop = loop_new(&(struct loop_options){.virtual_clock = true, .seed = 1}, NULL);
    fixture->updates = manager_new(fixture);
    fixture->path = xasprintf("%s/task.updates", root);
    *state = fixture;
    return mkdir(root, 0700) && access(root, W_OK) ? -1 : 0;
}

static int
tear_down(void **state)
{
    struct fixture *fixture = *state;
    fault_arm(NULL);
    status_updates_free(fixture->updates);
    loop_free(fixture->loop);
    buf_fini(&fixture->forwarded);
    buf_fini(&fixture->stored);
    free(fixture->path);
    free(fixture);
    return dir_remove(root, NULL);
}

static unsigned char *
uuid_of(char letter, unsigned char out[UUID_BYTES])
{
    memset(out, letter, UUID_BYTES);
    return out;
}

static void
add(struct fixture *fixture, char letter, Mesos__V1__TaskState task_state, const char *path)
{
    Mesos__Internal__StatusUpdate update = MESOS__INTERNAL__STATUS_UPDATE__INIT;
    Mesos__V1__FrameworkID framework_id = MESOS__V1__FRAMEWORK_ID__INIT;
    Mesos__V1__TaskID task_id = MESOS__V1__TASK_ID__INIT;
    Mesos__V1__TaskStatus status = MESOS__V1__TASK_STATUS__INIT;
    unsigned char uuid[UUID_BYTES];
    auto_buf struct buf bytes = {0};
    char framework_text[] = "f-0000", task_text[] = "task";
    framework_id.value = framework_text;
    task_id.value = task_text;
    status.task_id = &task_id;
    status.state = task_state;
    update.framework_id = &framework_id;
    update.status = &status;
    update.has_uuid = true;
    update.uuid.data = uuid_of(letter, uuid);
    update.uuid.len = UUID_BYTES;
    message_pack(&bytes, &update);
    status_updates_add(fixture->updates,
                       &(struct status_update){.framework_id = FRAMEWORK,
                                               .executor_id = STR_LIT("executor"),
                                               .task_id = TASK,
                                               .bytes = buf_str(&bytes),
                                               .uuid = uuid,
                                               .terminal = task_state == MESOS__V1__TASK_STATE__TASK_FINISHED,
                                               .path = path});
}

static enum status_ack
acknowledge(struct fixture *fixture, char letter)
{
    unsigned char uuid[UUID_BYTES];
    return status_updates_acknowledge(fixture->updates, FRAMEWORK, TASK,
                                      str_n(uuid_of(letter, uuid), UUID_BYTES));
}

static bool
never(void *arg)
{
    return false;
}

static void
pass(struct fixture *fixture, int64_t ms)
{
    loop_run_until(fixture->loop, never, NULL, ms);
}

#define RUNNING  MESOS__V1__TASK_STATE__TASK_RUNNING
#define FINISHED MESOS__V1__TASK_STATE__TASK_FINISHED

static void
test_one_at_a_time(void **state)
{
    struct fixture *fixture = *state;
    status_updates_resume(fixture->updates);
    add(fixture, 'a', RUNNING, fixture->path);
    add(fixture, 'b', FINISHED, fixture->path);
    assert_int_equal(fixture->forwarded.len, 0); /* not durable yet */
    assert_int_equal(fixture->stored.len, 0);
    pass(fixture, 10);
    assert_string_equal(buf_cstr(&fixture->forwarded), "a");
    assert_string_equal(buf_cstr(&fixture->stored), "ab");
    assert_int_equal(acknowledge(fixture, 'b'), STATUS_ACK_UNEXPECTED);
    assert_int_equal(acknowledge(fixture, 'a'), STATUS_ACK_TAKEN);
    assert_string_equal(buf_cstr(&fixture->forwarded), "ab");
    assert_int_equal(acknowledge(fixture, 'a'), STATUS_ACK_REPEATED);
    assert_int_equal(fixture->finished, 0);
    assert_true(status_updates_pending(fixture->updates, FRAMEWORK, TASK));
    assert_int_equal(acknowledge(fixture, 'b'), STATUS_ACK_TAKEN);
    assert_int_equal(fixture->finished, 1);
    assert_int_equal(status_updates_streams(fixture->updates), 0);
    assert_int_equal(acknowledge(fixture, 'b'), STATUS_ACK_UNKNOWN);
}

static void
test_repeated_updates_are_told_as_stored_and_not_forwarded(void **state)
{
    struct fixture *fixture = *state;
    status_updates_resume(fixture->updates);
    add(fixture, 'a', RUNNING, fixture->path);
    add(fixture, 'a', RUNNING, fixture->path);
    pass(fixture, 10);
    add(fixture, 'a', RUNNING, fixture->path);
    assert_string_equal(buf_cstr(&fixture->forwarded), "a");
    assert_string_equal(buf_cstr(&fixture->stored), "aa");
    assert_int_equal(acknowledge(fixture, 'a'), STATUS_ACK_TAKEN);
    add(fixture, 'a', RUNNING, fixture->path);
    assert_string_equal(buf_cstr(&fixture->forwarded), "a");
    assert_string_equal(buf_cstr(&fixture->stored), "aaa");
}

static void
test_retries_double_up_to_ten_minutes(void **state)
{
    static const int64_t seconds[] = {10, 20, 40, 80, 160, 320, 600, 600};
    struct fixture *fixture = *state;
    status_updates_resume(fixture->updates);
    add(fixture, 'a', RUNNING, NULL);
    assert_int_equal(fixture->forwarded.len, 1); /* nothing to store */
    for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
        int64_t before = fixture->last_forward_ms;
        pass(fixture, seconds[i] * 1000 - 1);
        assert_int_equal(fixture->last_forward_ms, before);
        pass(fixture, 1);
        assert_int_equal(fixture->last_forward_ms - before, seconds[i] * 1000);
    }
    /* The next update begins anew. */
    add(fixture, 'b', RUNNING, NULL);
    assert_int_equal(acknowledge(fixture, 'a'), STATUS_ACK_TAKEN);
    int64_t before = fixture->last_forward_ms;
    pass(fixture, 10 * 1000);
    assert_int_equal(fixture->last_forward_ms - before, 10 * 1000);
}

static void
test_paused_until_there_is_a_master(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 'a', RUNNING, fixture->path);
    pass(fixture, 60 * 1000);
    assert_int_equal(fixture->forwarded.len, 0);
    assert_string_equal(buf_cstr(&fixture->stored), "a");
    status_updates_resume(fixture->updates);
    assert_string_equal(buf_cstr(&fixture->forwarded), "a");
    status_updates_pause(fixture->updates);
    pass(fixture, 60 * 1000);
    assert_string_equal(buf_cstr(&fixture->forwarded), "a");
    status_updates_resume(fixture->updates);
    assert_string_equal(buf_cstr(&fixture->forwarded), "aa");
}

static void
test_full_disk_holds_everything_back(void **state)
{
    struct fixture *fixture = *state;
    status_updates_resume(fixture->updates);
    fault_arm("journal/write=ENOSPC");
    add(fixture, 'a', RUNNING, fixture->path);
    pass(fixture, 5000);
    assert_int_equal(fixture->forwarded.len, 0);
    assert_int_equal(fixture->stored.len, 0);
    assert_int_equal(status_updates_storing(fixture->updates), 1);
    fault_arm(NULL);
    pass(fixture, 1000);
    assert_string_equal(buf_cstr(&fixture->forwarded), "a");
    assert_string_equal(buf_cstr(&fixture->stored), "a");
}

static void
test_acknowledgement_that_cannot_be_kept_is_not_taken(void **state)
{
    struct fixture *fixture = *state;
    status_updates_resume(fixture->updates);
    add(fixture, 'a', RUNNING, fixture->path);
    pass(fixture, 10);
    fault_arm("journal/write=EIO@1");
    assert_int_equal(acknowledge(fixture, 'a'), STATUS_ACK_UNEXPECTED);
    assert_true(status_updates_pending(fixture->updates, FRAMEWORK, TASK));
    assert_int_equal(acknowledge(fixture, 'a'), STATUS_ACK_TAKEN);
}

static void
test_forgotten_framework_with_an_update_being_stored(void **state)
{
    struct fixture *fixture = *state;
    status_updates_resume(fixture->updates);
    add(fixture, 'a', RUNNING, fixture->path);
    status_updates_forget(fixture->updates, FRAMEWORK);
    pass(fixture, 10);
    assert_int_equal(fixture->forwarded.len, 0);
    assert_int_equal(status_updates_streams(fixture->updates), 0);
}

/* ---- after a restart ---- */

struct seen {
    struct buf letters; /* upper case when acknowledged */
};

static void
on_seen(void *arg, const struct status_recovered *update)
{
    struct seen *seen = arg;
    buf_putc(&seen->letters, (char)(update->uuid[0] - (update->acked ? 'a' - 'A' : 0)));
}

static bool
restart(struct fixture *fixture, struct str content, struct seen *seen, size_t *ret_good)
{
    status_updates_free(fixture->updates);
    fixture->updates = manager_new(fixture);
    buf_clear(&fixture->forwarded);
    buf_clear(&fixture->stored);
    return status_updates_recover(fixture->updates, FRAMEWORK, STR_LIT("executor"), TASK, fixture->path,
                                  content, on_seen, seen, ret_good);
}

static void
run_a_while(struct fixture *fixture)
{
    status_updates_resume(fixture->updates);
    add(fixture, 'a', RUNNING, fixture->path);
    add(fixture, 'b', FINISHED, fixture->path);
    pass(fixture, 10);
    assert_int_equal(acknowledge(fixture, 'a'), STATUS_ACK_TAKEN);
}

static void
test_restart_sends_only_what_is_open(void **state)
{
    struct fixture *fixture = *state;
    auto_buf struct buf content = {0};
    struct seen seen = {0};
    size_t good;
    run_a_while(fixture);
    assert_int_equal(file_read(fixture->path, 65536, &content, NULL), 0);
    assert_false(restart(fixture, buf_str(&content), &seen, &good));
    assert_int_equal(good, content.len);
    assert_string_equal(buf_cstr(&seen.letters), "Ab");
    status_updates_resume(fixture->updates);
    assert_string_equal(buf_cstr(&fixture->forwarded), "b");
    /* The executor repeats what it does not know to be safe: neither is forwarded again, both are told as
     * stored. */
    add(fixture, 'a', RUNNING, fixture->path);
    add(fixture, 'b', FINISHED, fixture->path);
    assert_string_equal(buf_cstr(&fixture->forwarded), "b");
    assert_string_equal(buf_cstr(&fixture->stored), "ab");
    assert_int_equal(acknowledge(fixture, 'b'), STATUS_ACK_TAKEN);
    assert_int_equal(fixture->finished, 1);
    buf_clear(&content);
    buf_clear(&seen.letters);
    assert_int_equal(file_read(fixture->path, 65536, &content, NULL), 0);
    assert_true(restart(fixture, buf_str(&content), &seen, &good));
    assert_string_equal(buf_cstr(&seen.letters), "AB");
    assert_int_equal(status_updates_streams(fixture->updates), 0);
    buf_fini(&seen.letters);
}

/* A log cut at any byte: never a crash, never more than was there, acknowledged stays acknowledged. */
static void
test_restart_with_a_log_torn_anywhere(void **state)
{
    struct fixture *fixture = *state;
    auto_buf struct buf content = {0};
    size_t good, last_good = 0;
    run_a_while(fixture);
    assert_int_equal(file_read(fixture->path, 65536, &content, NULL), 0);
    for (size_t cut = 0; cut <= content.len; cut++) {
        struct seen seen = {0};
        assert_false(restart(fixture, str_n(buf_data(&content), cut), &seen, &good));
        assert_true(good <= cut && good >= last_good);
        last_good = good;
        const char *letters = buf_cstr(&seen.letters);
        assert_true(!strcmp(letters, "") || !strcmp(letters, "a") || !strcmp(letters, "ab") ||
                    !strcmp(letters, "Ab"));
        buf_fini(&seen.letters);
    }
    assert_int_equal(last_good, content.len);
}

static void
test_restart_with_garbage_behind(void **state)
{
    struct fixture *fixture = *state;
    auto_buf struct buf content = {0};
    struct seen seen = {0};
    size_t good, whole;
    run_a_while(fixture);
    assert_int_equal(file_read(fixture->path, 65536, &content, NULL), 0);
    whole = content.len;
    buf_append(&content, "\x05\x00\x00\x00\xff\xff\xff\xff\xff", 9);
    assert_false(restart(fixture, buf_str(&content), &seen, &good));
    assert_int_equal(good, whole);
    buf_fini(&seen.letters);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_one_at_a_time),
        CASE(test_repeated_updates_are_told_as_stored_and_not_forwarded),
        CASE(test_retries_double_up_to_ten_minutes),
        CASE(test_paused_until_there_is_a_master),
        CASE(test_full_disk_holds_everything_back),
        CASE(test_acknowledgement_that_cannot_be_kept_is_not_taken),
        CASE(test_forgotten_framework_with_an_update_being_stored),
        CASE(test_restart_sends_only_what_is_open),
        CASE(test_restart_with_a_log_torn_anywhere),
        CASE(test_restart_with_garbage_behind),
    };
    if (!mkdtemp(root))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
