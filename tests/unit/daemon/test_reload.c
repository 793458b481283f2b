/* SPDX-License-Identifier: Apache-2.0 */
/* Files that change while a daemon runs: who is told of what, when, and what happens when the new content is refused. */
#include "site.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "host/host.h"
#include "mesos/qos_controller.h"

struct box {
    struct world world;
    struct metrics *metrics;
    struct reload *reload;
    char dir[64], path[80];
    struct buf taken; /* what apply was given, in brackets */
    unsigned calls, readings;
};

/* ---- a module that reads a file ---- */

static struct {
    unsigned reloads;
    bool refuses;
    const char *paths[2];
} module_state;

struct reader {
    const struct mesos_host *host;
};

static int
reader_start(void *instance, const struct mesos_host *host)
{
    ((struct reader *)instance)->host = host;
    return 0;
}

static int
reader_reload(void *instance)
{
    const struct mesos_host *host = ((struct reader *)instance)->host;
    module_state.reloads++;
    return module_state.refuses ? (host->fail)(host, -EINVAL, "line 7 is odd") /* cmocka has a macro of that name */ : 0;
}

static const char *const *
reader_watched(void *instance)
{
    return module_state.paths;
}

static void
reader_corrections(void *instance, struct mesos_call *call)
{
}

static const struct mesos_qos_controller_ops reader_ops = {.corrections = reader_corrections};
static const struct mesos_module reader_module = {MESOS_MODULE(QOS_CONTROLLER, reader_ops, struct reader), .name = "reader",
                                                  .start = reader_start, .reload = reader_reload, .watched = reader_watched};
static const struct mesos_module plain_module = {MESOS_MODULE(QOS_CONTROLLER, reader_ops, struct reader), .name = "plain"};

static const struct mesos_module *const *
test_modules(void)
{
    static const struct mesos_module *const modules[] = {&reader_module, &plain_module, NULL};
    return modules;
}

/* ---- the box ---- */

static void
write_text(struct box *box, const char *text)
{
    struct err err;
    if (file_replace(box->path, text, strlen(text), 0644, false, &err) < 0)
        fail_msg("%s", err.text);
}

static int
open_box(void **state)
{
    struct box *box = xcalloc(1, sizeof(*box));
    world_open(&box->world);
    box->metrics = metrics_new(box->world.loop);
    strcpy(box->dir, "/tmp/reload-XXXXXX");
    assert_non_null(mkdtemp(box->dir));
    snprintf(box->path, sizeof(box->path), "%s/file", box->dir);
    *state = box;
    return 0;
}

static int
close_box(void **state)
{
    struct box *box = *state;
    reload_free(box->reload);
    metrics_free(box->metrics);
    world_close(&box->world);
    dir_remove(box->dir, NULL);
    buf_fini(&box->taken);
    free(box);
    return 0;
}

static int
apply(void *arg, struct str text, struct err *err)
{
    struct box *box = arg;
    box->calls++;
    if (str_is(text, "bad"))
        return err_set(err, -EINVAL, "line 1: bad");
    buf_printf(&box->taken, "[%.*s]", STR_ARG(text));
    return 0;
}

static int
read_again(void *arg, struct err *err)
{
    ((struct box *)arg)->readings++;
    return 0;
}

static void
add_file(struct box *box, bool at_once)
{
    struct reload_source source = {
        .what = "--file", .path = box->path, .max_bytes = 10, .at_once = at_once, .apply = apply, .arg = box};
    box->reload = reload_new(box->world.loop, NULL, box->metrics);
    reload_add(box->reload, &source);
}

static void
assert_taken(struct box *box, const char *taken, double done, double failed)
{
    assert_string_equal(buf_cstr(&box->taken), taken);
    assert_true(metrics_get(box->metrics, "configuration/reloads")->value == done);
    assert_true(metrics_get(box->metrics, "configuration/reloads_failed")->value == failed);
}

static void
a_file_is_taken_when_it_has_changed_and_is_quiet(void **state)
{
    struct box *box = *state;
    write_text(box, "one");
    add_file(box, true);
    world_pass(&box->world, 10);
    assert_taken(box, "[one]", 1, 0);
    world_pass(&box->world, 60 * 1000);
    assert_taken(box, "[one]", 1, 0);
    write_text(box, "half");
    world_pass(&box->world, 3000); /* seen, but perhaps still being written */
    assert_taken(box, "[one]", 1, 0);
    write_text(box, "whole");
    world_pass(&box->world, 1000); /* it has changed again */
    assert_taken(box, "[one]", 1, 0);
    world_pass(&box->world, 1100);
    assert_taken(box, "[one][whole]", 2, 0);
}

static void
a_refused_file_changes_nothing_and_is_named_once(void **state)
{
    struct box *box = *state;
    write_text(box, "one");
    add_file(box, false);
    world_pass(&box->world, 10 * 1000);
    assert_taken(box, "", 0, 0); /* its reader has read it before */
    write_text(box, "bad");
    world_pass(&box->world, 60 * 1000);
    assert_int_equal(box->calls, 1);
    assert_taken(box, "", 0, 1);
    write_text(box, "much longer than ten bytes");
    world_pass(&box->world, 10 * 1000);
    assert_taken(box, "", 0, 2);
    unlink(box->path);
    world_pass(&box->world, 60 * 1000);
    assert_taken(box, "", 0, 3);
    assert_int_equal(mkfifo(box->path, 0600), 0); /* nobody ever writes to it */
    world_pass(&box->world, 60 * 1000);
    assert_taken(box, "", 0, 4);
    write_text(box, "two");
    world_pass(&box->world, 10 * 1000);
    assert_taken(box, "[two]", 1, 4);
}

static void
a_word_of_the_operator_needs_no_change(void **state)
{
    struct box *box = *state;
    write_text(box, "one");
    add_file(box, false);
    reload_add(box->reload, &(struct reload_source){.what = "certificates", .reload = read_again, .arg = box});
    reload_now(box->reload, "signal HUP");
    reload_now(box->reload, "signal HUP"); /* while files are looked at: once more after it */
    world_pass(&box->world, 100);
    assert_taken(box, "[one][one]", 4, 0);
    assert_int_equal(box->readings, 2);
    write_text(box, "two");
    reload_now(box->reload, "signal HUP");
    world_pass(&box->world, 60 * 1000);
    assert_taken(box, "[one][one][two]", 6, 0);
}

static void
modules_are_told_of_their_files(void **state)
{
    struct box *box = *state;
    struct host_options options = {.loop = box->world.loop};
    struct host *host = host_new(&options);
    struct err err = {0};
    assert_int_equal(host_add_linked(host, test_modules, "here", &err), 0);
    memset(&module_state, 0, sizeof(module_state));
    module_state.paths[0] = box->path;
    write_text(box, "one");
    assert_non_null(host_start(host, MESOS_KIND_QOS_CONTROLLER, "reader", NULL, NULL, 0, &err));
    assert_non_null(host_start(host, MESOS_KIND_QOS_CONTROLLER, "plain", NULL, NULL, 0, &err));
    box->reload = reload_new(box->world.loop, host, box->metrics);
    world_pass(&box->world, 60 * 1000);
    assert_int_equal(module_state.reloads, 0);
    write_text(box, "two");
    world_pass(&box->world, 10 * 1000);
    assert_int_equal(module_state.reloads, 1);
    module_state.refuses = true;
    reload_now(box->reload, "signal HUP");
    world_pass(&box->world, 60 * 1000);
    assert_int_equal(module_state.reloads, 2);
    assert_taken(box, "", 1, 1);
    assert_int_equal(unlink(box->path), 0); /* it would wait for good */
    assert_int_equal(mkfifo(box->path, 0600), 0);
    reload_now(box->reload, "signal HUP");
    world_pass(&box->world, 60 * 1000);
    assert_int_equal(module_state.reloads, 2);
    assert_taken(box, "", 1, 2);
    reload_free(take(&box->reload));
    host_free(host);
}

static void
it_may_go_while_files_are_looked_at(void **state)
{
    struct box *box = *state;
    write_text(box, "one");
    add_file(box, true);
    reload_now(box->reload, "signal HUP");
    reload_free(take(&box->reload));
    world_pass(&box->world, 10 * 1000);
    assert_int_equal(box->calls, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_box, close_box)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_taken_when_it_has_changed_and_is_quiet), TEST(a_refused_file_changes_nothing_and_is_named_once),
        TEST(a_word_of_the_operator_needs_no_change), TEST(modules_are_told_of_their_files),
        TEST(it_may_go_while_files_are_looked_at)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
