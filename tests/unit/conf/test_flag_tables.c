/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every row of the flag tables in tests/facts is known to its program with its aliases, type and default, or
 * is listed here with the reason why not. A row of ours that the facts do not have is listed too.
 */
#include "etc.h"

#include "daemon/options.h"

struct row {
    struct str flag, aliases, type, fallback;
};

struct exception {
    const char *program, *flag, *what, *why;
};

static const struct exception exceptions[] = {
    {"*", "help", "name", "core/conf answers it itself"},
    {"*", "version", "name", "core/conf answers it itself"},
    {"mesos-master", "registry", "default", "local takes the place of the replicated log"},
    {"mesos-master", "log_auto_initialize", "default", "gone: no replicated log"},
    {"mesos-agent", "launcher", "default", "found at start, as Mesos does"},
    {"mesos-agent", "runtime_dir", "default", "found at start, as Mesos does"},
    {"mesos-agent", "container_logger", "default", "the sandbox logger is a module with a name here"},
    {"mesos-agent", "docker_stop_timeout", "default", "0ns is 0secs"},
    {"mesos-master", "webui_dir", "default", "an install path"},
    {"mesos-agent", "launcher_dir", "default", "an install path"},
    {"mesos-agent", "appc_store_dir", "default", "<tmp> is /tmp"},
    {"mesos-agent", "docker_store_dir", "default", "<tmp> is /tmp"},
    {"mesos-agent", "fetcher_cache_dir", "default", "<tmp> is /tmp"},
    {"environment", "TMPDIR", "name", "no option: read where a temporary directory is wanted"},
    {"environment", "LIBPROCESS_PORT", "type", "accepted as text and explained"},
    {"environment", "LIBPROCESS_NUM_WORKER_THREADS", "default", "accepted and explained"},
    {"environment", "LIBPROCESS_NUM_WORKER_THREADS", "type", "accepted and explained"},
    {"environment", "LIBPROCESS_LIBEV_NUM_IO_THREADS", "default", "accepted and explained"},
    {"environment", "LIBPROCESS_LIBEV_NUM_IO_THREADS", "type", "accepted and explained"},
    {"environment", "LIBPROCESS_SSL_CIPHERS", "default", "what OpenSSL holds good today: Mesos's list has no sound one"},
    {"environment", "LIBPROCESS_SSL_ENABLE_TLS_V1_3", "default", "1.3 is spoken unless it is switched off"},
    {"environment", "LIBPROCESS_ADVERTISE_PORT", "type",
     "stands for advertise_port, which is text in Mesos too"},
};

static bool
excepted(const char *program, struct str flag, const char *what)
{
    for (size_t i = 0; i < ARRAY_LEN(exceptions); i++)
        if ((strcmp(exceptions[i].program, program) == 0 || strcmp(exceptions[i].program, "*") == 0) &&
            str_is(flag, exceptions[i].flag) && strcmp(exceptions[i].what, what) == 0)
            return true;
    return false;
}

static bool
row_read(struct str *rest, struct row *ret)
{
    struct str line = str_cut(rest, '\n');

    ret->flag = str_cut(&line, '\t');
    ret->aliases = str_cut(&line, '\t');
    ret->type = str_cut(&line, '\t');
    ret->fallback = str_cut(&line, '\t');
    return ret->flag.len > 0;
}

static void
facts_read(const char *name, struct buf *out)
{
    const char *srcdir = getenv("srcdir");
    auto_free char *path = xasprintf("%s/tests/facts/%s", srcdir ? srcdir : ".", name);
    struct err err;

    if (file_read(path, 1 << 20, out, &err) < 0)
        fail_msg("%s", err.text);
}

static const struct option *
option_find(const struct option *table, struct str name)
{
    for (; table->name; table++)
        if (str_is(name, table->name))
            return table;
    return NULL;
}

static bool
alias_known(const struct option *option, struct str alias)
{
    for (size_t i = 0; option->aliases && option->aliases[i]; i++)
        if (str_is(alias, option->aliases[i]))
            return true;
    return false;
}

/* May an option of this type hold what the table calls that type? */
static bool
type_fits(enum option_type type, struct str fact)
{
    switch (type) {
    case OPTION_BOOL:
        return str_is(fact, "bool");
    case OPTION_INT:
        return str_is(fact, "int") || str_is(fact, "uint") || str_is(fact, "uint16");
    case OPTION_DOUBLE:
        return str_is(fact, "double");
    case OPTION_DURATION:
        return str_is(fact, "Duration");
    case OPTION_BYTES:
        return str_is(fact, "Bytes");
    case OPTION_JSON:
        return str_starts(fact, STR_LIT("JSON"));
    case OPTION_PATH:
        return str_is(fact, "path") || str_is(fact, "string");
    case OPTION_STRING:
        return str_is(fact, "string") || str_ends(fact, STR_LIT("comma-list")) ||
               str_starts(fact, STR_LIT("string or")) || str_is(fact, "IPv4") || str_is(fact, "IPv6");
    }
    return false;
}

static void
check_aliases(const struct option *option, struct str aliases)
{
    while (aliases.len > 0) {
        struct str alias = str_cut(&aliases, ',');

        alias = str_cut(&alias, '(');
        if (!alias_known(option, alias))
            fail_msg("%s: alias '%.*s' is not known", option->name, STR_ARG(alias));
    }
}

static void
check_row(const char *program, const struct option *table, const struct row *row)
{
    const struct option *option = option_find(table, row->flag);
    const char *fallback;

    if (excepted(program, row->flag, "name"))
        return;
    if (!option)
        fail_msg("%s: '%.*s' is not known", program, STR_ARG(row->flag));
    check_aliases(option, strcmp(program, "environment") == 0 ? str_of("") : row->aliases);
    if (!type_fits(option->type, row->type) && !excepted(program, row->flag, "type"))
        fail_msg("%s: '%s' has not the type %.*s", program, option->name, STR_ARG(row->type));
    fallback = option->fallback ? option->fallback : "";
    if (!str_is(row->fallback, fallback) && !(str_is(row->fallback, "\"\"") && !fallback[0]) &&
        !excepted(program, row->flag, "default"))
        fail_msg("%s: '%s' has the default '%s', not '%.*s'", program, option->name, fallback,
                 STR_ARG(row->fallback));
}

static size_t
check_table(const char *program, const struct option *table, const char *facts)
{
    auto_buf struct buf content = {0};
    struct str rest;
    struct row row;
    size_t rows = 0;

    facts_read(facts, &content);
    rest = buf_str(&content);
    str_cut(&rest, '\n');
    while (row_read(&rest, &row)) {
        check_row(program, table, &row);
        rows++;
    }
    return rows;
}

static void
test_master(void **state)
{
    assert_true(check_table("mesos-master", master_option_table, "flags-master.tsv") == 71);
}

static void
test_agent(void **state)
{
    assert_true(check_table("mesos-agent", agent_option_table, "flags-agent.tsv") == 160);
}

/* The first rows of the table are the logging flags of both; the others stand in the programs' own tables
 * too. */
static void
test_common(void **state)
{
    static const char *const names[] = {
        "quiet", "logging_level", "log_dir", "logbufsecs", "initialize_driver_logging", "external_log_file"};
    auto_buf struct buf content = {0};
    struct str rest;
    struct row row;

    facts_read("flags-common.tsv", &content);
    rest = buf_str(&content);
    str_cut(&rest, '\n');
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_true(row_read(&rest, &row));
        assert_true(str_is(row.flag, names[i]));
        check_row("mesos-master", master_option_table, &row);
        check_row("mesos-agent", agent_option_table, &row);
    }
    while (row_read(&rest, &row))
        if (!excepted("*", row.flag, "name")) {
            assert_true(option_find(master_option_table, row.flag) || str_is(row.flag, "launcher_dir"));
            assert_non_null(option_find(agent_option_table, row.flag));
        }
}

static void
test_libprocess(void **state)
{
    assert_true(check_table("environment", daemon_environment, "flags-libprocess.tsv") == 32);
}

/* Defaults are valid values of their own options, names are unique, notes are there where they are shown. */
static void
check_sound(const struct option *table)
{
    struct map names = {0};

    for (const struct option *o = table; o->name; o++) {
        assert_true(o->help && o->help[0]);
        assert_true(o->state == OPTION_WORKS || (o->note && o->note[0]));
        assert_null(map_get(&names, str_of(o->name)));
        map_add(&names, str_of(o->name), (void *)(uintptr_t)1);
        for (size_t i = 0; o->aliases && o->aliases[i]; i++) {
            assert_null(map_get(&names, str_of(o->aliases[i])));
            map_add(&names, str_of(o->aliases[i]), (void *)(uintptr_t)1);
        }
    }
    map_fini(&names);
}

static void
test_sound(void **state)
{
    check_sound(master_option_table);
    check_sound(agent_option_table);
}

/* Flags of 0.20 to 0.28 that the tables of today do not have. */
static void
test_gone(void **state)
{
    static const char *const agent_flags[] = {
        "checkpoint",   "containerizer_path", "default_container_image", "resource_monitoring_interval",
        "default_role", "frameworks_home",    "external_log_file",       "docker_stop_timeout"};

    for (size_t i = 0; i < ARRAY_LEN(agent_flags); i++)
        assert_non_null(option_find(agent_option_table, str_of(agent_flags[i])));
    assert_true(alias_known(option_find(agent_option_table, STR_LIT("sandbox_directory")),
                            STR_LIT("docker_sandbox_directory")));
    assert_true(alias_known(option_find(master_option_table, STR_LIT("authenticate_frameworks")),
                            STR_LIT("authenticate")));
    assert_true(alias_known(option_find(master_option_table, STR_LIT("authenticate_agents")),
                            STR_LIT("authenticate_slaves")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_master),     cmocka_unit_test(test_agent), cmocka_unit_test(test_common),
        cmocka_unit_test(test_libprocess), cmocka_unit_test(test_sound), cmocka_unit_test(test_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
