/* SPDX-License-Identifier: Apache-2.0 */
/* Types, bounds, file://, the checks of single options, flags of old, modules, and documents. */
#include "etc.h"

static void
refused(struct etc *etc, bool agent, const char *argument, const char *error)
{
    int status = agent ? load_agent(etc, argument) : load_master(etc, argument);

    if (status >= 0)
        fail_msg("%s was accepted", argument);
    assert_has(etc->err.text, error);
}

static void
test_bounds(void **state)
{
    struct etc *etc = etc_new();

    refused(etc, false, "--agent_ping_timeout=999ms", "too small: the least is 1secs");
    refused(etc, false, "--agent_ping_timeout=16mins", "too large: the most is 15mins");
    refused(etc, false, "--max_agent_ping_timeouts=0", "too small");
    refused(etc, false, "--agent_reregister_timeout=9mins", "too small: the least is 10mins");
    refused(etc, false, "--recovery_agent_removal_limit=101%", "no percentage");
    refused(etc, false, "--recovery_agent_removal_limit=50", "no percentage");
    refused(etc, false, "--agent_removal_rate_limit=1", "rate");
    refused(etc, false, "--agent_removal_rate_limit=0/1mins", "rate");
    refused(etc, false, "--weights=a=0", "no weight above zero");
    refused(etc, false, "--ip=localhost", "no address");
    refused(etc, false, "--advertise_port=0", "no port");
    refused(etc, false, "--logging_level=DEBUG", "none of INFO|WARNING|ERROR");
    refused(etc, false, "--allocator_agent_recovery_factor=nan", "no number");
    refused(etc, true, "--executor_reregistration_timeout=16secs", "too large");
    refused(etc, true, "--recover=maybe", "none of reconnect|cleanup");
    refused(etc, true, "--executor_environment_variables={\"A\":1}", "is no text");
    refused(etc, true, "--executor_environment_variables=[]", "no JSON object");
    refused(etc, true, "--executor_environment_variables={", "line 1");
    assert_int_equal(
        load_master(etc, "--agent_removal_rate_limit=2/20mins", "--recovery_agent_removal_limit=25%"), 0);
    assert_int_equal(etc->master.agent_removal_rate_count, 2);
    assert_int_equal(etc->master.agent_removal_rate_ns, 1200 * INT64_C(1000000000));
    assert_true(etc->master.recovery_agent_removal_limit == 0.25);
    etc_free(etc);
}

/* Bad values name what would be right; good ones pass. */
static void
test_networks(void **state)
{
    struct etc *etc = etc_new();

    refused(etc, true, "--default_container_dns=[]", "no JSON object");
    refused(etc, true, "--default_container_dns={\"mesos\":{}}", "\"mesos\" is no list");
    refused(etc, true, "--default_container_dns={\"mesos\":[7]}", "\"mesos\"[0] wants a \"network_mode\" of CNI|HOST");
    refused(etc, true, "--default_container_dns={\"mesos\":[{\"network_mode\":\"BRIDGE\",\"dns\":{}}]}", "CNI|HOST");
    refused(etc, true, "--default_container_dns={\"docker\":[{\"network_mode\":\"USER\"}]}", "\"docker\"[0]");
    refused(etc, true,
            "--default_container_dns={\"mesos\":[{\"network_mode\":\"CNI\",\"dns\":{}},{\"network_mode\":\"CNI\",\"dns\":{}}]}",
            "two entries for CNI without network_name");
    refused(etc, true,
            "--default_container_dns={\"docker\":[{\"network_mode\":\"USER\",\"network_name\":\"n\",\"dns\":{}},"
            "{\"network_mode\":\"USER\",\"network_name\":\"n\",\"dns\":{}}]}",
            "two entries for USER and one network_name");
    refused(etc, true, "--container_ports_isolated_range=31000-32000", "no list of port ranges");
    refused(etc, true, "--container_ports_isolated_range=[2-1]", "no list of port ranges");
    refused(etc, true, "--container_ports_isolated_range=[1-65536]", "no list of port ranges");
    refused(etc, true, "--container_ports_watch_interval=0secs", "too small");
    refused(etc, true, "--isolation=network/cni,network/port_mapping", "several isolators of networks");
    assert_int_not_equal(load_agent(etc, "--container_ports_isolated_range=[1-2]", "--check_agent_port_range_only"), 0);
    assert_has(etc->err.text, "only one of");
    assert_int_equal(load_agent(etc, "--container_ports_isolated_range=[1-2, 8080-8080]",
                                "--default_container_dns={\"mesos\":[{\"network_mode\":\"CNI\",\"dns\":{}},{\"network_mode\":"
                                "\"CNI\",\"network_name\":\"n\",\"dns\":{}}],\"docker\":[{\"network_mode\":\"BRIDGE\",\"dns\":{}}]}"),
                     0);
    etc_free(etc);
}

static void
test_not_built_yet(void **state)
{
    struct etc *etc = etc_new();

    refused(etc, false, "--require_agent_domain", "not built yet: fault domains");
    refused(etc, false, "--authenticate_agents", "option 'authenticate_agents' needs to know principals and their secrets");
    refused(etc, false, "--authenticate", "option 'authenticate_frameworks' needs to know");
    refused(etc, false, "--role_sorter=random", "not built yet");
    refused(etc, true, "--containerizers=mesos,,docker", "empty name");
    refused(etc, true, "--isolation=posix/cpu,,posix/mem", "empty name");
    refused(etc, true, "--launcher=windows", "posix|linux");
    refused(etc, true, "--docker_volume_chown", "not built yet");
    refused(etc, true, "--docker_socket=run/other.sock", "unix:///var/run/docker.sock");
    refused(etc, true, "--docker_stop_timeout=-1secs", "docker_stop_timeout");
    refused(etc, true, "--docker_config={", "docker_config");
    /* The value that holds anyway asks for nothing. */
    assert_int_equal(
        load_master(etc, "--no-authenticate_agents", "--authorizers=local", "--zk_session_timeout=10000ms"),
        0);
    assert_int_equal(load_agent(etc, "--docker_remove_delay=360mins", "--no-cgroups_enable_cfs"), 0);
    etc_free(etc);
}

/* Flags, and the report of --check-config, as people may see them. */
static void
shown_master(const struct option *option, const char *value, void *arg)
{
    if (strcmp(option->name, "zk") == 0 || strcmp(option->name, "master") == 0)
        snprintf(arg, 200, "%s", value ? value : "");
}

static void
test_zookeeper(void **state)
{
    struct etc *etc = etc_new();
    char shown[200] = "";

    assert_int_equal(load_master(etc, "--zk=zk://a:2181/m"), 0);
    assert_string_equal(etc->master.common.election, "zookeeper");
    assert_int_equal(load_master(etc, "--zk=zk://a:2181/m", "--election=standalone"), 0);
    assert_string_equal(etc->master.common.election, "standalone");
    assert_int_equal(load_master(etc), 0);
    assert_string_equal(etc->master.common.election, "standalone");
    assert_int_equal(load_master(etc, "--zk=zk://me:hush@a:2181,[::1]:2/m"), 0);
    assert_string_equal(conf_value(etc->set, "zk", NULL), "zk://me:hush@a:2181,[::1]:2/m");
    conf_each(etc->set, shown_master, shown);
    assert_string_equal(shown, "zk://me:***@a:2181,[::1]:2/m");
    assert_int_equal(load_agent_bare(etc, "--work_dir=/w", "--master=zk://me:hush@h:2181/m"), 0);
    assert_string_equal(etc->agent.common.election, "zookeeper");
    conf_each(etc->set, shown_master, shown);
    assert_string_equal(shown, "zk://me:***@h:2181/m");
    assert_int_equal(load_master_bare(etc, "--zk=zk://h:2181/m"), 0); /* no work_dir is needed */
    assert_string_equal(etc->master.registry, "zookeeper");
    assert_false(etc_noted(etc, "replicated_log"));
    assert_int_equal(load_master_bare(etc, "--zk=zk://h:2181/m", "--registry=replicated_log"), 0);
    assert_string_equal(etc->master.registry, "zookeeper");
    assert_true(etc_noted(etc, "registry 'replicated_log' means 'zookeeper' here"));
    assert_int_equal(load_master_bare(etc, "--zk=zk://h:2181/m", "--registry=local", "--work_dir=/w"), 0);
    assert_string_equal(etc->master.registry, "local");
    assert_int_not_equal(load_master_bare(etc, "--registry=zookeeper"), 0);
    assert_non_null(strstr(etc->err.text, "option 'zk' is required for the registry 'zookeeper'"));
    refused(etc, false, "--zk=zk://me:hush@a:0/m", "the port '0' of ZooKeeper server 'a'");
    assert_null(strstr(etc->err.text, "hush"));
    refused(etc, false, "--zk=zks://me:hush@a/m", "TLS");
    assert_null(strstr(etc->err.text, "hush"));
    refused(etc, false, "--zk=host:5050", "expecting zk://");
    assert_int_not_equal(load_agent_bare(etc, "--work_dir=/w", "--master=zoo://me:hush@a/m"), 0);
    assert_has(etc->err.text, "expecting zk://");
    assert_null(strstr(etc->err.text, "hush"));
    refused(etc, false, "--zk_session_timeout=0secs", "too small");
    refused(etc, false, "--zk_session_timeout=1weeks", "too large");
    etc_write(etc, "secret", "zk://me:hush@a:2181/m\n");
    auto_free char *file = xasprintf("--zk=file://%s/secret", etc->dir);
    assert_int_equal(load_master(etc, file), 0);
    assert_string_equal(conf_value(etc->set, "zk", NULL), "zk://me:hush@a:2181/m");
    assert_string_equal(etc->master.common.election, "zookeeper");
    etc_free(etc);
}

static void
test_files_of_values(void **state)
{
    struct etc *etc = etc_new();

    etc_write(etc, "shares", "a=1\nb=2\n");
    etc_write(etc, "mesos-master/roles", "a,b");
    auto_free char *weights = xasprintf("--weights=file://%s/shares", etc->dir);
    auto_free char *path = xasprintf("%s/shares", etc->dir);
    assert_int_equal(load_master(etc, weights, "--cluster=c"), 0);
    assert_string_equal(conf_file(etc->set, "weights"), path);
    assert_non_null(strstr(conf_file(etc->set, "roles"), "/mesos-master/roles"));
    assert_null(conf_file(etc->set, "cluster"));
    assert_null(conf_file(etc->set, "quorum"));
    assert_null(conf_file(etc->set, "no_such_option"));
    etc_free(etc);
}

static void
test_flags_of_old(void **state)
{
    struct etc *etc = etc_new();

    assert_int_equal(load_master(etc, "--slave_ping_timeout=20secs", "--max_slave_ping_timeouts=7",
                                 "--quorum=2", "--slave_removal_rate_limit=1/10mins",
                                 "--recovery_slave_removal_limit=10%", "--slave_reregister_timeout=11mins",
                                 "--user_sorter=drf", "--roles=dev,stage,prod", "--whitelist=*",
                                 "--log_auto_initialize=true"),
                     0);
    assert_int_equal(etc->master.agent_ping_timeout_ns, 20 * INT64_C(1000000000));
    assert_int_equal(etc->master.max_agent_ping_timeouts, 7);
    assert_true(etc_noted(etc, "'slave_ping_timeout' is a deprecated spelling of 'agent_ping_timeout'"));
    assert_true(etc_noted(etc, "'quorum' has no effect"));
    assert_true(etc_noted(etc, "roles is a closed list"));
    assert_string_equal(etc->master.roles, "dev,stage,prod");
    assert_null(etc->master.whitelist);
    assert_int_equal(load_master_bare(etc, "--registry=in_memory"), 0);
    assert_string_equal(etc->master.registry, "memory");
    assert_int_equal(load_master_bare(etc, "--registry=replicated_log", "--work_dir=/w"), 0);
    assert_string_equal(etc->master.registry, "local");
    assert_true(etc_noted(etc, "'replicated_log' means 'local'"));
    assert_int_equal(load_agent(etc, "--checkpoint=true", "--containerizers=external",
                                "--containerizer_path=/x", "--isolation=process", "--default_role=prod",
                                "--frameworks_home=/srv/frameworks",
                                "--external_log_file=file:///var/log/agent"),
                     0);
    assert_string_equal(etc->agent.containerizers, "external");
    assert_string_equal(etc->agent.containerizer_path, "/x");
    assert_string_equal(etc->agent.isolation, "process");
    assert_string_equal(etc->agent.default_role, "prod");
    assert_string_equal(etc->agent.common.external_log_file, "/var/log/agent");
    assert_true(etc_noted(etc, "'checkpoint' has no effect: it is always written"));
    assert_true(etc_noted(etc, "relative URIs are taken from below /srv/frameworks"));
    etc_free(etc);
}

static void
test_between_options(void **state)
{
    struct etc *etc = etc_new();

    assert_int_not_equal(load_master_bare(etc), 0);
    assert_has(etc->err.text, "'work_dir' is required for the registry 'local'");
    refused(etc, false, "--master_detector=org_x", "need each other");
    assert_int_not_equal(load_master(etc, "--ip=1.2.3.4", "--ip_discovery_command=hostname"), 0);
    assert_has(etc->err.text, "exclude each other");
    assert_int_not_equal(load_agent_bare(etc, "--work_dir=/w"), 0);
    assert_has(etc->err.text, "'master' is required");
    assert_int_not_equal(load_agent_bare(etc, "--master=h:1"), 0);
    assert_has(etc->err.text, "'work_dir' is required");
    assert_int_not_equal(load_agent_bare(etc, "--work_dir=/w", "--master=h:99999"), 0);
    assert_int_not_equal(load_agent_bare(etc, "--work_dir=/w", "--master="), 0);
    assert_int_equal(load_agent_bare(etc, "--work_dir=/w", "--master=master@1.2.3.4:5050"), 0);
    assert_string_equal(etc->agent.master, "1.2.3.4:5050");
    etc_free(etc);
}

static void
test_file_values(void **state)
{
    struct etc *etc = etc_new();
    auto_free char *cluster = xasprintf("--cluster=file://%s/name", etc->dir);
    auto_free char *work_dir = xasprintf("--work_dir=file://%s/name", etc->dir);
    auto_free char *plain = xasprintf("%s/name", etc->dir);
    auto_free char *port = xasprintf("--port=file://%s/port", etc->dir);
    auto_free char *environment = xasprintf("--executor_environment_variables=%s/env", etc->dir);

    etc_write(etc, "name", "from a file\n");
    etc_write(etc, "port", "5055\n");
    etc_write(etc, "env", "{\"A\":\"b\"}\n");
    assert_int_equal(load_master(etc, cluster, work_dir, port), 0);
    assert_string_equal(etc->master.cluster, "from a file");
    assert_string_equal(etc->master.common.work_dir, plain);
    assert_int_equal(etc->master.common.port, 5055);
    assert_int_equal(load_agent(etc, environment), 0);
    assert_string_equal(etc->agent.executor_environment_variables, "{\"A\":\"b\"}");
    refused(etc, false, "--cluster=file:///nonexistent/x", "option 'cluster': 'file:///nonexistent/x'");
    etc_free(etc);
}

static void
test_modules_json(void **state)
{
    static const char json[] =
        "{\"libraries\":[{\"file\":\"/lib/"
        "liblottery.so\",\"modules\":[{\"name\":\"org_lottery\",\"parameters\":"
        "[{\"key\":\"seed\",\"value\":\"42\"},{\"key\":\"b\",\"value\":\"\"}]},{\"name\":\"org_other\"}]},"
        "{\"name\":\"foo\",\"modules\":[{\"name\":\"org_foo\"}]}]}";
    struct etc *etc = etc_new();
    auto_free char *inline_form = xasprintf("--modules=%s", json);
    auto_free char *file_form = xasprintf("--modules=file://%s/modules.json", etc->dir);
    auto_free char *dir_form = xasprintf("--modules_dir=%s/d", etc->dir);
    const char *forms[] = {inline_form, file_form, dir_form};
    const struct conf_module *modules;
    size_t count;

    etc_write(etc, "modules.json", json);
    etc_write(etc, "d/10-lottery.json", json);
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        assert_int_equal(load_master(etc, forms[i]), 0);
        modules = conf_modules(etc->set, &count);
        assert_int_equal(count, 3);
        assert_string_equal(modules[0].name, "org_lottery");
        assert_string_equal(modules[0].library, "/lib/liblottery.so");
        assert_int_equal(modules[0].count, 2);
        assert_string_equal(modules[0].keys[0], "seed");
        assert_string_equal(modules[0].values[0], "42");
        assert_string_equal(modules[2].library, "foo");
    }
    assert_int_not_equal(load_master(etc, inline_form, dir_form), 0);
    assert_has(etc->err.text, "exclude each other");
    refused(etc, false, "--modules={\"libraries\":[{\"modules\":[]}]}", "\"file\"");
    refused(etc, false, "--modules={\"libraries\":[{\"file\":\"x\"}]}", "\"modules\"");
    refused(etc, false, "--modules={\"libraries\":[{\"file\":\"x\",\"modules\":[{}]}]}", "\"name\"");
    refused(etc, false, "--modules={\"libs\":[]}", "libraries");
    refused(etc, false, "--modules_dir=/nonexistent/d", "cannot read");
    etc_free(etc);
}

static void
test_modules_ini(void **state)
{
    struct etc *etc = etc_new();
    const struct conf_module *modules;
    size_t count;

    etc_write(
        etc, "mesos/master.ini",
        "allocator = org_lottery\n[modules]\norg_lottery = file:///x/lottery.so\n[org_lottery]\nseed = 7\n"
        "[hierarchical_drf]\na = b\n");
    assert_int_equal(load_master(etc), 0);
    modules = conf_modules(etc->set, &count);
    assert_int_equal(count, 2);
    assert_string_equal(modules[0].library, "/x/lottery.so");
    assert_string_equal(modules[0].keys[0], "seed");
    assert_has(modules[0].where, "master.ini:3");
    assert_string_equal(modules[1].name, "hierarchical_drf");
    assert_null(modules[1].library);
    assert_string_equal(etc->master.allocator, "org_lottery");
    etc_write(etc, "mesos/master.ini", "[x]\na = 1\na = 2\n");
    assert_int_not_equal(load_master(etc), 0);
    assert_has(etc->err.text, "master.ini:3: parameter 'a' of module 'x' is given twice");
    etc_free(etc);
}

static void
test_documents(void **state)
{
    struct master_options master = {0};
    struct agent_options agent = {0};
    const struct conf_owner owners[] = {master_conf_owner(&master), agent_conf_owner(&agent)};

    for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
        auto_buf struct buf help = {0};
        const char *text;

        conf_help(&owners[i], &help);
        text = buf_cstr(&help);
        for (const struct option *o = owners[i].options; o->name; o++) {
            auto_free char *mention = xasprintf("--%s%s", o->type == OPTION_BOOL ? "[no-]" : "", o->name);

            assert_has(text, mention);
        }
        for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
            assert_true(strcspn(line, "\n") <= 120);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),       cmocka_unit_test(test_networks), cmocka_unit_test(test_not_built_yet),
        cmocka_unit_test(test_zookeeper),
        cmocka_unit_test(test_files_of_values),
        cmocka_unit_test(test_flags_of_old), cmocka_unit_test(test_between_options),
        cmocka_unit_test(test_file_values),  cmocka_unit_test(test_modules_json),
        cmocka_unit_test(test_modules_ini),  cmocka_unit_test(test_documents),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
