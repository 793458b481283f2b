/* SPDX-License-Identifier: Apache-2.0 */
/* Which schedules and lists of machines are taken, with the texts that operators know from Mesos; what the registry keeps. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "master/maintenance.h"
#include "mesos/v1/master/master.pb-c.h"
#include "wire/message.h"

typedef Mesos__V1__Master__Call__StartMaintenance Machines;

static struct arena *arena;

static int
make_arena(void **state)
{
    (void)state;
    arena = arena_new(0);
    return 0;
}

static int
drop_arena(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static const void *
from_json(const ProtobufCMessageDescriptor *type, const char *json)
{
    struct err err = {0};
    const void *message = message_from_json(type, str_of(json), arena, &err);
    assert_string_equal(err.text, "");
    return message;
}

static const Schedule *
schedule_of(const char *json)
{
    return from_json(&mesos__v1__maintenance__schedule__descriptor, json);
}

static const Machines *
machines_of(const char *json)
{
    return from_json(&mesos__v1__master__call__start_maintenance__descriptor, json);
}

static void
keep(void *arg, struct str key, struct str value)
{
    struct err err = {0};
    assert_int_equal(maintenance_entries_add(arg, key, value, &err), 0);
}

/* Machines a (draining) and b (down). */
static struct maintenance *
some(void)
{
    struct maintenance *m = maintenance_new(NULL);
    struct maintenance_entries *entries = maintenance_entries_new();
    const Machines *down = machines_of("{\"machines\":[{\"hostname\":\"B\"}]}");
    maintenance_entries_write(schedule_of("{\"windows\":[{\"machine_ids\":[{\"hostname\":\"a\",\"ip\":\"10.0.0.1\"}],"
                                          "\"unavailability\":{\"start\":{\"nanoseconds\":1}}},"
                                          "{\"machine_ids\":[{\"hostname\":\"b\"}],"
                                          "\"unavailability\":{\"start\":{\"nanoseconds\":2}}}]}"),
                              down->machines, down->n_machines, keep, entries);
    maintenance_recovered(m, entries);
    maintenance_entries_free(entries);
    return m;
}

#define AWAY     ",\"unavailability\":{\"start\":{\"nanoseconds\":1}}"
#define WINDOW_B "{\"machine_ids\":[{\"hostname\":\"b\"}]" AWAY "}"

static void
test_schedules(void **state)
{
    static const struct {
        const char *windows, *text; /* NULL = fine */
    } cases[] = {
        {WINDOW_B, NULL},
        {"{\"machine_ids\":[{\"hostname\":\"B\"},{\"hostname\":\"c\"}]" AWAY "}", NULL},
        {"{\"machine_ids\":[{\"hostname\":\"b\",\"ip\":\"\"}]" AWAY "}", NULL},
        {WINDOW_B ",{\"machine_ids\":[{\"ip\":\"::1\"}],\"unavailability\":{\"start\":{\"nanoseconds\":-9},"
                  "\"duration\":{\"nanoseconds\":0}}}", NULL},
        {"", "Machine '{\"hostname\":\"b\"}' is deactivated and cannot be removed from the schedule"},
        {"{\"machine_ids\":[{\"hostname\":\"b\",\"ip\":\"10.0.0.1\"}]" AWAY "}",
         "Machine '{\"hostname\":\"b\"}' is deactivated and cannot be removed from the schedule"},
        {WINDOW_B ",{\"machine_ids\":[]" AWAY "}", "List of machines in the maintenance window is empty"},
        {WINDOW_B ",{\"machine_ids\":[{}]" AWAY "}", "Both 'hostname' and 'ip' for a machine are empty"},
        {WINDOW_B "," WINDOW_B, "Machine '{\"hostname\":\"b\"}' appears more than once in the schedule"},
        {"{\"machine_ids\":[{\"hostname\":\"b\"},{\"hostname\":\"B\"}]" AWAY "}",
         "Machine '{\"hostname\":\"B\"}' appears more than once in the schedule"},
        {WINDOW_B ",{\"machine_ids\":[{\"ip\":\"0::1\"},{\"ip\":\"::1\"}]" AWAY "}",
         "Machine '{\"ip\":\"::1\"}' appears more than once in the schedule"},
        {"{\"machine_ids\":[{\"ip\":\"10.0.0\"}]" AWAY "}", "Failed to parse IPv4: 10.0.0"},
        {"{\"machine_ids\":[{\"hostname\":\"c\"}],\"unavailability\":{\"start\":{\"nanoseconds\":1},"
         "\"duration\":{\"nanoseconds\":-1}}}", "Unavailability 'duration' is negative"},
    };
    struct maintenance *m = some();
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        auto_free char *json = xasprintf("{\"windows\":[%s]}", cases[i].windows);
        int rc = maintenance_check_schedule(m, schedule_of(json), &err);
        assert_string_equal(err.text, cases[i].text ? cases[i].text : "");
        assert_int_equal(rc, cases[i].text ? -EINVAL : 0);
    }
    maintenance_free(m);
}

static void
test_starts_and_stops(void **state)
{
    static const struct {
        const char *machines, *start, *stop; /* NULL = fine */
    } cases[] = {
        {"{\"hostname\":\"A\",\"ip\":\"10.0.0.1\"}", NULL,
         "Machine '{\"hostname\":\"A\",\"ip\":\"10.0.0.1\"}' is not in DOWN mode and cannot be brought up"},
        {"{\"hostname\":\"b\"}", "Machine '{\"hostname\":\"b\"}' is not in DRAINING mode and cannot be brought down", NULL},
        {"{\"hostname\":\"a\"}", "Machine '{\"hostname\":\"a\"}' is not part of a maintenance schedule",
         "Machine '{\"hostname\":\"a\"}' is not part of a maintenance schedule"},
        {"", "List of machines is empty", "List of machines is empty"},
        {"{\"ip\":\"1.2.3.4.5\"}", "Failed to parse IPv4: 1.2.3.4.5", "Failed to parse IPv4: 1.2.3.4.5"},
        {"{\"hostname\":\"b\"},{\"hostname\":\"B\"}", "Machine '{\"hostname\":\"B\"}' appears more than once in the schedule",
         "Machine '{\"hostname\":\"B\"}' appears more than once in the schedule"},
    };
    struct maintenance *m = some();
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        auto_free char *json = xasprintf("{\"machines\":[%s]}", cases[i].machines);
        const Machines *list = machines_of(json);
        maintenance_check_start(m, list->machines, list->n_machines, &err);
        assert_string_equal(err.text, cases[i].start ? cases[i].start : "");
        err = (struct err){0};
        maintenance_check_stop(m, list->machines, list->n_machines, &err);
        assert_string_equal(err.text, cases[i].stop ? cases[i].stop : "");
    }
    maintenance_free(m);
}

/* One that is too large for a registry, and one just below. */
static void
test_the_largest_schedule(void **state)
{
    struct maintenance *m = maintenance_new(NULL);
    Schedule schedule = MESOS__V1__MAINTENANCE__SCHEDULE__INIT;
    Window window = MESOS__V1__MAINTENANCE__WINDOW__INIT, *windows[] = {&window};
    Mesos__V1__Unavailability away = MESOS__V1__UNAVAILABILITY__INIT;
    Mesos__V1__TimeInfo start = MESOS__V1__TIME_INFO__INIT;
    enum { MANY = 30000 };
    MachineID *ids = arena_calloc(arena, MANY, sizeof(*ids)), **list = arena_calloc(arena, MANY, sizeof(*list));
    struct err err = {0};
    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        mesos__v1__machine_id__init(&ids[i]);
        ids[i].hostname = arena_printf(arena, "host%05zu.example.com", i);
        list[i] = &ids[i];
    }
    schedule.windows = windows;
    schedule.n_windows = 1;
    window.unavailability = &away;
    away.start = &start;
    window.machine_ids = list;
    window.n_machine_ids = MANY;
    assert_int_equal(maintenance_check_schedule(m, &schedule, &err), -EINVAL);
    assert_non_null(strstr(err.text, "a registry takes at most 524288"));
    window.n_machine_ids = 20000;
    assert_int_equal(maintenance_check_schedule(m, &schedule, &err), 0);
    maintenance_free(m);
}

static void
count_mode(const struct machine *machine, void *arg)
{
    ((size_t *)arg)[machine->mode]++;
}

static void
test_entries(void **state)
{
    struct maintenance *m = some();
    struct maintenance_entries *entries = maintenance_entries_new();
    size_t modes[3] = {0};
    struct err err = {0};
    (void)state;
    maintenance_each(m, count_mode, modes);
    assert_int_equal(modes[MACHINE_UP], 0);
    assert_int_equal(modes[MACHINE_DRAINING], 1);
    assert_int_equal(modes[MACHINE_DOWN], 1);
    Mesos__V1__Maintenance__ClusterStatus *status = maintenance_status(m, arena);
    assert_int_equal(status->n_draining_machines, 1);
    assert_string_equal(status->draining_machines[0]->id->ip, "10.0.0.1");
    assert_string_equal(status->down_machines[0]->hostname, "b");
    assert_null(status->down_machines[0]->ip);
    /* Nothing planned is nothing stored. */
    maintenance_entries_write(schedule_of("{}"), NULL, 0, keep, entries);
    MachineID **down;
    size_t count;
    assert_int_equal(maintenance_entries_schedule(entries, &down, &count)->n_windows, 0);
    assert_int_equal(count, 0);
    assert_int_equal(maintenance_entries_add(entries, STR_LIT("machine/x/"), STR_LIT("\x0a\x7f"), &err), -EINVAL);
    assert_int_equal(maintenance_entries_add(entries, STR_LIT("schedule"), STR_LIT("\xff"), &err), -EINVAL);
    assert_int_equal(maintenance_entries_add(entries, STR_LIT("window/1"), STR_LIT(""), &err), -EINVAL);
    maintenance_entries_free(entries);
    maintenance_free(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_starts_and_stops),
        cmocka_unit_test(test_the_largest_schedule),
        cmocka_unit_test(test_entries),
    };
    return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
