/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core promises of any module: refusals that name file, module, wanted and found; options; answers that come
 * once, from the loop, in time. The bad libraries are real ones, built from bad.c.
 */
#include "contract.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "host/kind_registry.h"


static void
test_bad_libraries_are_refused_by_name(void **state)
{
    struct contract *contract = *state;
    static const struct {
        const char *library, *part, *another;
    } cases[] = {
        {"bad_abi", "ABI 2", "has ABI 1"},
        {"bad_size", "its descriptor has", "needs a newer daemon"},
        {"bad_host", "it wants a host of", "needs a newer daemon"},
        {"bad_table", "its table for kind registry has", "needs a newer daemon"},
        {"bad_kind", "its kind is 99", "known are 1 to 16"},
        {"bad_future_kind", "kind hook", "not used by this release"},
        {"bad_member", "required member store", "kind registry"},
        {"bad_name", "has no name", "kind registry"},
        {"bad_offset", "option 'beyond'", "does not fit"},
        {"bad_empty", "offers no module", "mesos_modules"},
        {"bad_twice", "module 'sample'", "offered twice"},
        {"bad_symbol", "exports no function mesos_modules", "no module library"},
        {"bad_undefined", "does not load", "a_function_that_nobody_defines"},
        {"nowhere", "no library 'nowhere'", "module path"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        assert_true(host_load_library(contract->host, cases[i].library, &err) < 0);
        assert_text(err.text, cases[i].library, cases[i].part, cases[i].another, NULL);
    }
}

static void
test_files_that_are_no_library_are_refused(void **state)
{
    struct contract *contract = *state;
    struct err err = {0};
    auto_free char *path = xasprintf("%s/text.so", contract->dir);
    assert_int_equal(file_replace(path, "no elf", 6, 0644, false, &err), 0);
    assert_true(host_load_library(contract->host, path, &err) < 0);
    assert_text(err.text, path, "does not load", NULL);
    assert_true(host_load_library(contract->host, contract->dir, &err) < 0);
    assert_text(err.text, contract->dir, "is not a file", NULL);
    assert_true(host_load_library(contract->host, "/nowhere/at/all.so", &err) < 0);
    assert_text(err.text, "/nowhere/at/all.so", "No such file", NULL);
}

static void
test_wrong_kind_and_unknown_names(void **state)
{
    struct contract *contract = *state;
    struct err err = {0};
    assert_int_equal(host_load_library(contract->host, "bad_none", &err), 0);
    assert_null(host_start(contract->host, MESOS_KIND_ALLOCATOR, "sample", NULL, NULL, 0, &err));
    assert_text(err.text, "bad_none", "module 'sample' is of kind registry", "kind allocator is wanted", NULL);
    assert_null(host_start(contract->host, MESOS_KIND_REGISTRY, "sampel", NULL, NULL, 0, &err));
    assert_text(err.text, "no module 'sampel' of kind registry", "nearest: 'sample'", "registry_sampel.so", NULL);
    assert_null(host_start(contract->host, MESOS_KIND_REGISTRY, "../memory", NULL, NULL, 0, &err));
    assert_int_equal(host_check(contract->host, MESOS_KIND_REGISTRY, "memory", &err), 0);
    assert_true(host_check(contract->host, MESOS_KIND_REGISTRY, "nope", &err) < 0);
}

static void
test_mesos_names_mean_ours(void **state)
{
    struct contract *contract = *state;
    const struct module *module = contract_start(contract, MESOS_KIND_REGISTRY, "in_memory");
    assert_string_equal(module_name(module), "memory");
    assert_string_equal(host_own_name(MESOS_KIND_CONTAINERIZER, "mesos"), "native");
    assert_string_equal(host_own_name(MESOS_KIND_ALLOCATOR, "HierarchicalDRF"), "hierarchical_drf");
    assert_string_equal(host_own_name(MESOS_KIND_REGISTRY, "mine"), "mine");
}

static void
on_entry(void *arg, const struct mesos_registry_entry *entry)
{
    buf_append(arg, entry->value.data, entry->value.len);
}

struct fetched {
    struct answer answer;
    struct buf entry;
};

static void
on_fetched_entry(void *arg, const struct mesos_registry_entry *entry)
{
    struct fetched *fetched = arg;
    on_entry(&fetched->entry, entry);
}

static void
on_fetched(void *arg, int status, const char *error, struct mesos_bytes bytes)
{
    struct fetched *fetched = arg;
    on_answer(&fetched->answer, status, error, bytes);
}

/* The sample's options as it sees them. */
static char *
sample_options(struct contract *contract, struct module *module)
{
    struct fetched fetched = {0};
    registry_fetch(module, 0, on_fetched_entry, on_fetched, &fetched);
    assert_false(fetched.answer.done); /* never inside the call */
    assert_int_equal(contract_await(contract, &fetched.answer), 0);
    assert_string_equal(buf_cstr(&fetched.answer.bytes), "whole");
    buf_fini(&fetched.answer.bytes);
    return buf_take(&fetched.entry);
}

static void
test_options_are_parsed_before_start(void **state)
{
    struct contract *contract = *state;
    struct err err = {0};
    assert_int_equal(host_load_library(contract->host, "bad_none", &err), 0);
    auto_free char *plain = sample_options(contract, contract_start(contract, MESOS_KIND_REGISTRY, "sample"));
    assert_string_equal(plain, "-|-|1|7|1000000000|0.5|1024");
    const char *const keys[] = {"text", "path", "flag", "number", "duration", "real", "bytes", "number"};
    const char *const values[] = {"a b", "file:///x/y", "false", "-3", "5mins", "2.25", "2MB", "-4"};
    struct module *module =
        host_start(contract->host, MESOS_KIND_REGISTRY, "sample", keys, values, ARRAY_LEN(keys), &err);
    assert_non_null(module);
    auto_free char *given = sample_options(contract, module);
    assert_string_equal(given, "a b|/x/y|0|-4|300000000000|2.25|2097152");
}

static void
test_bad_options_are_refused_with_the_nearest_key(void **state)
{
    struct contract *contract = *state;
    static const char *const cases[][3] = {
        {"numbr", "1", "did you mean 'number'?"}, {"number", "1x", "'1x' is not a whole number"},
        {"flag", "maybe", "neither 'true' nor 'false'"}, {"real", "nan", "not a number"},
        {"duration", "5 bananas", "5 bananas"},   {"bytes", "-1KB", "-1KB"},
    };
    struct err err = {0};
    assert_int_equal(host_load_library(contract->host, "bad_none", &err), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_null(host_start(contract->host, MESOS_KIND_REGISTRY, "sample", &cases[i][0], &cases[i][1], 1, &err));
        assert_text(err.text, cases[i][0], "'sample'", "bad_none.so", cases[i][2], NULL);
    }
}

static void
test_configuration_selects_libraries_and_parameters(void **state)
{
    struct contract *contract = *state;
    const char *const keys[] = {"text", "number"};
    const char *const values[] = {"from the file", "12"};
    struct conf_module modules[] = {
        {.library = "bad_none.so", .where = "/x/master.ini:3"},
        {.name = "sample", .keys = keys, .values = values, .count = 2, .where = "/x/master.ini:4"},
        {.library = "bad_abi", .name = "sample", .where = "/x/master.ini:9"},
    };
    struct err err = {0};
    assert_int_equal(host_configure(contract->host, modules, 2, &err), 0);
    const char *const own_key = "number", *const own_value = "13";
    struct module *module = host_start(contract->host, MESOS_KIND_REGISTRY, "sample", &own_key, &own_value, 1, &err);
    assert_non_null(module);
    auto_free char *seen = sample_options(contract, module);
    assert_string_equal(seen, "from the file|-|1|13|1000000000|0.5|1024");
    assert_true(host_configure(contract->host, &modules[2], 1, &err) < 0);
    assert_text(err.text, "/x/master.ini:9", "bad_abi", NULL);
}

static struct module *
sample_with_manner(struct contract *contract, const char *manner)
{
    struct err err = {0};
    const char *const key = "manner";
    assert_int_equal(host_load_library(contract->host, "bad_none", &err), 0);
    return host_start(contract->host, MESOS_KIND_REGISTRY, "sample", &key, &manner, 1, NULL);
}

static void
test_a_start_that_fails_is_told(void **state)
{
    struct contract *contract = *state;
    struct err err = {0};
    const char *const key = "manner", *const value = "refuse";
    assert_int_equal(host_load_library(contract->host, "bad_none", &err), 0);
    assert_null(host_start(contract->host, MESOS_KIND_REGISTRY, "sample", &key, &value, 1, &err));
    assert_int_equal(err.code, -EACCES);
    assert_text(err.text, "module 'sample'", "does not start", "the sample does not want to", NULL);
}

static void
test_failures_carry_the_modules_sentence(void **state)
{
    struct contract *contract = *state;
    struct answer answer = {0};
    struct mesos_registry_entry entries[2] = {{.size = sizeof entries[0]}, {.size = sizeof entries[0]}};
    registry_store(sample_with_manner(contract, "fail"), 0, entries, 2, on_answer, &answer);
    assert_int_equal(contract_await(contract, &answer), -ENOSPC);
    assert_string_equal(answer.error, "no room for 2 entries");
}

static void
test_missing_answers_time_out_once(void **state)
{
    struct contract *contract = *state;
    struct answer answer = {0}, forgotten = {0};
    struct module *module = sample_with_manner(contract, "never");
    registry_store(module, 20, NULL, 0, on_answer, &answer);
    registry_store(module, 20, NULL, 0, on_answer, &forgotten);
    host_call_forget(contract->host, &forgotten);
    assert_int_equal(host_calls_open(contract->host), 1);
    assert_int_equal(contract_await(contract, &answer), -ETIMEDOUT);
    assert_text(answer.error, "module 'sample'", "kind registry", "store", "20 ms", NULL);
    registry_store(module, 60000, NULL, 0, on_answer, &answer);
    contract_host_close(contract);
    assert_int_equal(answer.status, -ECANCELED);
    assert_int_equal(answer.count, 2);
    assert_int_equal(forgotten.count, 0);
}

#ifndef NDEBUG
static void
test_a_second_answer_aborts(void **state)
{
    struct contract *contract = *state;
    pid_t pid = fork();
    if (pid == 0) {
        struct answer answer = {0};
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        registry_store(sample_with_manner(contract, "twice"), 0, NULL, 0, on_answer, &answer);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}
#endif

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bad_libraries_are_refused_by_name, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_files_that_are_no_library_are_refused, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_kind_and_unknown_names, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_mesos_names_mean_ours, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_options_are_parsed_before_start, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_bad_options_are_refused_with_the_nearest_key, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_configuration_selects_libraries_and_parameters, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_a_start_that_fails_is_told, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_failures_carry_the_modules_sentence, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_missing_answers_time_out_once, contract_setup, contract_teardown),
#ifndef NDEBUG
        cmocka_unit_test_setup_teardown(test_a_second_answer_aborts, contract_setup, contract_teardown),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
