/* SPDX-License-Identifier: Apache-2.0 */
/* How often a daemon that is open says so in its log: at its start and once a day, as long as it runs. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "conf/option.h"
#include "daemon/metrics.h"
#include "daemon/openness.h"
#include "site.h"

enum { DAY_MS = 24 * 60 * 60 * 1000 };

struct place {
    struct world world;
    struct metrics *metrics;
    struct option_set *set;
    struct openness *openness;
    char directory[64];
};

/* Who listens there, with logins that are demanded or not. */
static void
open_place(struct place *place, const char *listen, const char *demanded)
{
    static const struct option options[] = {
        {.name = "authenticate_http_readonly", .type = OPTION_BOOL, .offset = SIZE_MAX, .fallback = "false"},
        {.name = "require_peer_address_ip_match", .type = OPTION_BOOL, .offset = SIZE_MAX, .fallback = "true"},
        {.name = NULL},
    };
    const struct conf_owner owner = {.program = "test", .options = options, .target = place};
    char *argv[] = {(char[]){"test"}, (char *)(uintptr_t)demanded, NULL}, *env[] = {NULL};
    struct address at = world_address(listen);
    struct err err = {0};
    int status = 0;
    *place = (struct place){.directory = "/tmp/openness-XXXXXX"};
    assert_non_null(mkdtemp(place->directory));
    assert_int_equal(log_open(&(struct log_options){.program = "test", .dir = place->directory, .quiet = true}, &err), 0);
    if (conf_load(&place->set, &owner, 2, argv, env, &status, &err) < 0)
        fail_msg("%s", err.text);
    world_open(&place->world);
    place->metrics = metrics_new(place->world.loop);
    place->openness = openness_new(place->world.loop, place->metrics, place->set, &at);
}

static void
close_place(struct place *place)
{
    openness_free(place->openness);
    metrics_free(place->metrics);
    world_close(&place->world);
    conf_free(place->set);
    log_close();
    dir_remove(place->directory, NULL);
}

/* So many warnings have come so far. */
static unsigned
warnings(const struct place *place)
{
    auto_buf struct buf text = {0};
    struct err err = {0};
    unsigned count = 0;
    (void)place;
    log_flush();
    if (file_read(log_served_file(), 1 << 20, &text, &err) < 0)
        fail_msg("%s", err.text);
    for (const char *at = buf_cstr(&text); (at = strstr(at, "] 0.0.0.0:5050 is open without authentication: set ")); at++)
        count++;
    return count;
}

static double
metric(const struct place *place)
{
    return metrics_get(place->metrics, "security/open_without_authentication")->value;
}

static void
test_once_a_day(void **state)
{
    struct place place;
    (void)state;
    open_place(&place, "0.0.0.0:5050", "--no-authenticate_http_readonly");
    assert_true(metric(&place) == 1);
    assert_int_equal(warnings(&place), 1);
    world_pass(&place.world, DAY_MS - 1000);
    assert_int_equal(warnings(&place), 1);
    world_pass(&place.world, 2000);
    assert_int_equal(warnings(&place), 2);
    world_pass(&place.world, DAY_MS);
    assert_int_equal(warnings(&place), 3);
    openness_free(take(&place.openness));
    world_pass(&place.world, 2 * (int64_t)DAY_MS);
    assert_int_equal(warnings(&place), 3);
    close_place(&place);
}

static void
test_never_where_nobody_comes_in(void **state)
{
    static const char *const cases[][2] = {{"127.0.0.1:5050", "--no-authenticate_http_readonly"},
                                           {"0.0.0.0:5050", "--authenticate_http_readonly"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct place place;
        open_place(&place, cases[i][0], cases[i][1]);
        log_info("so that there is a log");
        world_pass(&place.world, 2 * (int64_t)DAY_MS);
        assert_true(metric(&place) == 0);
        assert_int_equal(warnings(&place), 0);
        close_place(&place);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_once_a_day), cmocka_unit_test(test_never_where_nobody_comes_in)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
