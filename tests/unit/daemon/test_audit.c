/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: its lines, their order before the answer, floods of failed logins, a file that is moved away. */
#include "site.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "daemon/audit.h"

struct audited {
    struct loop *loop;
    struct audit *audit;
    char dir[64];
    char *path;
    struct buf text;
};

static int
open_audited(void **state)
{
    struct audited *audited = xcalloc(1, sizeof(*audited));
    struct err err = {0};
    audited->loop = loop_new(&(struct loop_options){.virtual_clock = true}, &err);
    strcpy(audited->dir, "/tmp/cmesos-audit-XXXXXX");
    assert_non_null(mkdtemp(audited->dir));
    audited->path = xasprintf("%s/audit", audited->dir);
    audited->audit = audit_new(audited->loop, audited->path, &err);
    if (!audited->audit)
        fail_msg("%s", err.text);
    *state = audited;
    return 0;
}

static int
close_audited(void **state)
{
    struct audited *audited = *state;
    audit_free(audited->audit);
    loop_free(audited->loop);
    dir_remove(audited->dir, NULL);
    buf_fini(&audited->text);
    free(audited->path);
    free(audited);
    return 0;
}

static const char *
text_of(struct audited *audited, const char *path)
{
    struct err err = {0};
    buf_clear(&audited->text);
    if (file_read(path, 1 << 20, &audited->text, &err) < 0)
        fail_msg("%s", err.text);
    return buf_cstr(&audited->text);
}

static struct audit_who
jenkins(void)
{
    static const struct mesos_principal principal = {.size = sizeof(principal), .value = "jen\"kins"};
    static struct address peer;
    assert_int_equal(address_parse(STR_LIT("10.0.0.1:4711"), &peer, NULL), 0);
    return (struct audit_who){&principal, &peer};
}

#define BEGIN "{\"time\":\"2020-01-01T00:00:00.000Z\",\"event\":"
#define WHO "\"principal\":\"jen\\\"kins\",\"peer\":\"10.0.0.1:4711\","

static void
test_lines(void **state)
{
    struct audited *audited = *state;
    const struct mesos_object root = {.size = sizeof(root), .value = "root", .framework_id = "f-1"};
    const struct mesos_claim claims[] = {{"cid", "c-1"}};
    const struct mesos_principal executor = {.size = sizeof(executor), .claims = claims, .claim_count = 1};
    audit_refused(audited->audit, jenkins(), "RUN_TASK", &root);
    audit_refused(audited->audit, (struct audit_who){&executor, NULL}, "VIEW_FLAGS", NULL);
    audit_login_failed(audited->audit, (struct audit_who){0}, "Basic", "who\n", "wrong secret");
    audit_write(audited->audit, jenkins(), "TEARDOWN", "f-1", NULL);
    audit_write(audited->audit, jenkins(), "TEARDOWN", NULL, "no such framework");
    assert_string_equal(text_of(audited, audited->path),
                        BEGIN "\"refused\"," WHO "\"action\":\"RUN_TASK\",\"object\":\"root\",\"framework\":\"f-1\"}\n"
                        BEGIN "\"refused\",\"claims\":{\"cid\":\"c-1\"},\"action\":\"VIEW_FLAGS\"}\n"
                        BEGIN "\"login-failed\",\"method\":\"Basic\",\"claimed\":\"who\\n\",\"reason\":\"wrong secret\"}\n"
                        BEGIN "\"write\"," WHO "\"action\":\"TEARDOWN\",\"object\":\"f-1\",\"outcome\":\"done\"}\n"
                        BEGIN "\"write\"," WHO "\"action\":\"TEARDOWN\",\"outcome\":\"no such framework\"}\n");
    struct stat st;
    assert_int_equal(stat(audited->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static size_t
count_lines(const char *text)
{
    size_t lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static bool
never(void *arg)
{
    return false;
}

/* Ten thousand a second are 20 lines and one that counts the others; the next second begins anew. */
static void
test_flood(void **state)
{
    struct audited *audited = *state;
    for (int i = 0; i < 10000; i++)
        audit_login_failed(audited->audit, jenkins(), "Basic", "jenkins", "wrong secret");
    assert_int_equal(count_lines(text_of(audited, audited->path)), 20);
    loop_run_until(audited->loop, never, NULL, 1100);
    const char *text = text_of(audited, audited->path);
    assert_int_equal(count_lines(text), 21);
    assert_non_null(strstr(text, "\"event\":\"login-failed\",\"times\":9980}\n"));
    audit_login_failed(audited->audit, jenkins(), "Basic", "jenkins", "wrong secret");
    assert_int_equal(count_lines(text_of(audited, audited->path)), 22);
}

/* The same refusal over and over, each over a connection of its own, and then very many different ones: few lines, and every
 * refusal is counted. What operators do is written whatever else is. */
static void
test_refusals_flood(void **state)
{
    struct audited *audited = *state;
    struct audit_who who = jenkins();
    struct address peer = *who.peer;
    who.peer = &peer;
    for (int i = 0; i < 1000; i++) {
        struct mesos_object user = {.size = sizeof(user), .value = "root"};
        address_set_port(&peer, (unsigned)(1000 + i));
        audit_refused(audited->audit, who, "RUN_TASK", &user);
    }
    assert_int_equal(count_lines(text_of(audited, audited->path)), 5);
    for (int i = 0; i < 1000; i++) {
        char name[16];
        struct mesos_object user = {.size = sizeof(user), .value = name};
        snprintf(name, sizeof(name), "user%d", i);
        audit_refused(audited->audit, who, "RUN_TASK", &user);
        audit_write(audited->audit, jenkins(), "TEARDOWN", name, NULL);
    }
    assert_int_equal(count_lines(text_of(audited, audited->path)), 100 + 1000);
    loop_run_until(audited->loop, never, NULL, 10100);
    const char *text = text_of(audited, audited->path);
    assert_int_equal(count_lines(text), 100 + 1000 + 2);
    assert_non_null(strstr(text, ",\"since\":\"2020-01-01T00:00:00.000Z\",\"times\":995,\"event\":\"refused\","
                                 "\"principal\":\"jen\\\"kins\",\"peer\":\"10.0.0.1\",\"action\":\"RUN_TASK\",\"object\":\"root\"}\n"));
    assert_non_null(strstr(text, ",\"since\":\"2020-01-01T00:00:00.000Z\",\"times\":905,\"event\":\"refused\"}\n"));
    audit_refused(audited->audit, who, "RUN_TASK", NULL); /* anew; nothing of it is left when it is freed */
    assert_int_equal(count_lines(text_of(audited, audited->path)), 100 + 1000 + 3);
}

static void
test_long(void **state)
{
    struct audited *audited = *state;
    char name[2000];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    audit_write(audited->audit, (struct audit_who){0}, name, name, name);
    assert_true(strlen(text_of(audited, audited->path)) < 3 * 512 + 200);
}

static void
test_moved(void **state)
{
    struct audited *audited = *state;
    auto_free char *old = xasprintf("%s.1", audited->path);
    audit_write(audited->audit, jenkins(), "A", NULL, NULL);
    assert_int_equal(rename(audited->path, old), 0);
    audit_write(audited->audit, jenkins(), "B", NULL, NULL);
    assert_null(strstr(text_of(audited, old), "\"B\""));
    assert_non_null(strstr(text_of(audited, audited->path), "\"B\""));
}

/* What cannot be written is lost, and never the caller's trouble; afterwards lines are whole again. */
static void
test_lost(void **state)
{
    struct audited *audited = *state;
    assert_int_equal(unlink(audited->path), 0);
    assert_int_equal(mkdir(audited->path, 0700), 0);
    audit_write(audited->audit, jenkins(), "A", NULL, NULL);
    assert_int_equal(rmdir(audited->path), 0);
    audit_write(audited->audit, jenkins(), "B", NULL, NULL);
    assert_string_equal(text_of(audited, audited->path), "\n" BEGIN "\"write\"," WHO "\"action\":\"B\",\"outcome\":\"done\"}\n");
}

static void
test_refused(void **state)
{
    struct err err = {0};
    assert_null(audit_new(((struct audited *)*state)->loop, "/nowhere/at/all", &err));
    assert_string_equal(err.text, "cannot write the audit log /nowhere/at/all: No such file or directory");
    struct audit *none = audit_new(((struct audited *)*state)->loop, NULL, &err); /* to the ordinary log */
    audit_write(none, jenkins(), "A", NULL, NULL);
    audit_free(none);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines, open_audited, close_audited),
        cmocka_unit_test_setup_teardown(test_flood, open_audited, close_audited),
        cmocka_unit_test_setup_teardown(test_refusals_flood, open_audited, close_audited),
        cmocka_unit_test_setup_teardown(test_long, open_audited, close_audited),
        cmocka_unit_test_setup_teardown(test_moved, open_audited, close_audited),
        cmocka_unit_test_setup_teardown(test_lost, open_audited, close_audited),
        cmocka_unit_test_setup_teardown(test_refused, open_audited, close_audited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
