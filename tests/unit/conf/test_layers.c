/* SPDX-License-Identifier: Apache-2.0 */
/* Each layer of the configuration by itself, their order, and what each refuses. */
#include "etc.h"

#include <unistd.h>

static void
test_defaults(void **state)
{
    struct etc *etc = etc_new();

    assert_int_equal(load_master(etc), 0);
    assert_int_equal(etc->master.common.port, 5050);
    assert_int_equal(etc->master.agent_ping_timeout_ns, 15 * INT64_C(1000000000));
    assert_string_equal(etc->master.min_allocatable_resources, "cpus:0.01|mem:32");
    assert_true(etc->master.recovery_agent_removal_limit == 1.0);
    assert_null(etc->master.cluster);
    assert_int_equal(load_agent(etc), 0);
    assert_int_equal(etc->agent.common.port, 5051);
    assert_string_equal(etc->agent.isolation, "posix/cpu,posix/mem");
    assert_non_null(etc->agent.runtime_dir);
    etc_free(etc);
}

/* Every layer gives the cluster's name; one after the other is taken away from the top. */
static void
test_precedence(void **state)
{
    struct etc *etc = etc_new();
    struct option_origin origin;

    etc_write(etc, "mesos/master.ini", "# comment\ncluster = ini\n");
    assert_int_equal(load_master(etc), 0);
    assert_string_equal(etc->master.cluster, "ini");
    etc_write(etc, "mesos-master/cluster", "file\n");
    assert_int_equal(load_master(etc), 0);
    assert_string_equal(etc->master.cluster, "file");
    etc_write(etc, "default/mesos", "CLUSTER=shared\n");
    assert_int_equal(load_master(etc), 0);
    assert_string_equal(etc->master.cluster, "shared");
    etc_write(etc, "default/mesos-master", "CLUSTER=\"own one\" # why not\n");
    assert_int_equal(load_master(etc), 0);
    assert_string_equal(etc->master.cluster, "own one");
    etc_env(etc, "MESOS_CLUSTER=environment");
    assert_int_equal(load_master(etc), 0);
    assert_string_equal(etc->master.cluster, "environment");
    assert_int_equal(load_master(etc, "--cluster=argv"), 0);
    assert_string_equal(etc->master.cluster, "argv");
    assert_string_equal(conf_value(etc->set, "cluster", &origin), "argv");
    assert_string_equal(origin.layer, "argv");
    assert_string_equal(origin.where, "--cluster");
    etc_free(etc);
}

static void
test_ini(void **state)
{
    static const struct {
        const char *text, *error;
    } bad[] = {
        {"cluster = a\nquorun = 2\n",
         "master.ini:2: unknown option 'quorun': the nearest known name is 'quorum'"},
        {"cluster = a ; b\n", "master.ini:1: a ';' after white space"},
        {"cluster = a\n  b = c\n", "master.ini:2: the line begins with white space"},
        {"cluster\n", "master.ini:1: no '='"},
        {"["
         "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefffff"
         "]\n",
         "longer than 49 bytes"},
        {"[modules\n", "has no ']'"},
        {"[modules] x\n", "something follows"},
        {"port = many\n", "master.ini:1: option 'port': 'many' is no integer"},
        {"port = 70000\n", "too large: the most is 65535"},
        {"offer_timeout = 5\n", "master.ini:1: option 'offer_timeout'"},
        {"cluster = a\ncluster = b\n", "master.ini:2: option 'cluster' is given twice: also by"},
        {"a:b = c\n", "':' before the '='"},
    };
    struct etc *etc = etc_new();
    char *longer = xmalloc(512);

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        etc_write(etc, "mesos/master.ini", bad[i].text);
        assert_int_not_equal(load_master(etc), 0);
        assert_has(etc->err.text, bad[i].error);
        assert_has(etc->err.text, etc->dir);
    }
    /* A line of exactly 197 bytes arrives whole; one more is refused, a comment of any length is fine. */
    memset(longer, 'x', 511);
    longer[511] = '\0';
    memcpy(longer, "cluster = ", 10);
    longer[197] = '\0';
    etc_write(etc, "mesos/master.ini", longer);
    assert_int_equal(load_master(etc), 0);
    assert_int_equal(strlen(etc->master.cluster), 187);
    longer[197] = 'x';
    longer[198] = '\0';
    etc_write(etc, "mesos/master.ini", longer);
    assert_int_not_equal(load_master(etc), 0);
    assert_has(etc->err.text, "master.ini:1: the line is longer than 197 bytes: put the value into a file");
    memset(longer, 'x', 511);
    longer[0] = ';';
    etc_write(etc, "mesos/master.ini", longer);
    assert_int_equal(load_master(etc), 0);
    free(longer);
    etc_write(etc, "mesos/master.ini",
              "\xef\xbb\xbf"
              "cluster=bom\r\nport=0\r\n");
    assert_int_equal(load_master(etc), 0);
    assert_string_equal(etc->master.cluster, "bom");
    etc_write(etc, "other.ini", "cluster = elsewhere\n");
    {
        auto_free char *config = xasprintf("--config=%s/other.ini", etc->dir);

        assert_int_equal(load_master(etc, config), 0);
        assert_string_equal(etc->master.cluster, "elsewhere");
    }
    assert_int_not_equal(load_master(etc, "--config=/nonexistent.ini"), 0);
    etc_free(etc);
}

static void
test_option_files(void **state)
{
    struct etc *etc = etc_new();
    struct option_origin origin;

    etc_write(etc, "mesos/zk", "10.0.0.9:5050\n");
    etc_write(etc, "mesos-slave/attributes/rack", "r7\n");
    etc_write(etc, "mesos-slave/attributes/zone", "z1\n");
    etc_write(etc, "mesos-slave/resources/cpus", "4\n");
    etc_write(etc, "mesos-slave/?no-switch_user", "");
    etc_write(etc, "mesos-slave/?quiet", "ignored");
    etc_write(etc, "mesos-slave/strict", "false");
    etc_write(etc, "mesos-slave/.hidden", "x");
    etc_write(etc, "mesos-slave/port.dpkg-old", "1");
    etc_write(etc, "mesos-agent/executor_registration_timeout", " 5mins \n");
    etc_write(etc, "mesos-agent/work_dir", "/var/lib/mesos\n");
    assert_int_equal(load_agent_bare(etc), 0);
    assert_string_equal(etc->agent.master, "10.0.0.9:5050");
    assert_string_equal(etc->agent.attributes, "rack:r7;zone:z1");
    assert_string_equal(etc->agent.resources, "cpus:4");
    assert_false(etc->agent.switch_user);
    assert_true(etc->agent.common.quiet);
    assert_false(etc->agent.strict);
    assert_int_equal(etc->agent.executor_registration_timeout_ns, 300 * INT64_C(1000000000));
    assert_string_equal(etc->agent.common.work_dir, "/var/lib/mesos");
    assert_string_equal(conf_value(etc->set, "work_dir", &origin), "/var/lib/mesos");
    assert_string_equal(origin.layer, "file");
    assert_has(origin.where, "/mesos-agent/work_dir");

    etc_write(etc, "mesos-agent/atributes", "x");
    assert_int_not_equal(load_agent(etc), 0);
    assert_has(etc->err.text,
               "/mesos-agent/atributes: unknown option 'atributes': the nearest known name is 'attributes'");
    etc_free(etc);
}

static void
test_option_files_refused(void **state)
{
    static const struct {
        const char *path, *text, *error;
    } bad[] = {
        {"mesos-master/port", "x", "option 'port': 'x' is no integer"},
        {"mesos-master/?cluster", "", "is no switch"},
        {"mesos-master/?no-cluster", "", "unknown option|no switch"},
        {"mesos-master/?no-quie", "", "unknown option 'no-quie': the nearest known name is 'no-quiet'"},
        {"mesos-master/quiet", "\n", "the file is empty"},
        {"mesos-master/cluster/a", "1", "is a directory"},
        {"mesos/zk", "zk://localhost:2181", "option 'zk': the ZooKeeper path is missing"},
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct etc *etc = etc_new();

        etc_write(etc, bad[i].path, bad[i].text);
        assert_int_not_equal(load_master(etc), 0);
        if (!strchr(bad[i].error, '|'))
            assert_has(etc->err.text, bad[i].error);
        assert_has(etc->err.text, bad[i].path[0] == 'm' ? etc->dir : "");
        etc_free(etc);
    }
}

static void
test_etc_default(void **state)
{
    struct etc *etc = etc_new();

    etc_write(etc, "mesos/zk", "10.1.1.1:5050\n");
    etc_write(etc, "default/mesos",
              "# comment\nLOGS=/var/log/mesos\nULIMIT=\"-n 8192\"\nBASE='/srv'\nexport "
              "MESOS_strict=false\nPORT=5050\n"
              "MESOS_recover=cleanup\nexport MESOS_sandbox_nonsense=1\numask 022\n");
    etc_write(
        etc, "default/mesos-slave",
        "MASTER=`cat /etc/mesos/zk`\nIP=10.1.1.2\nISOLATION=process\nexport MESOS_work_dir=${BASE}/mesos");
    assert_int_equal(load_agent_bare(etc), 0);
    assert_string_equal(etc->agent.master, "10.1.1.1:5050");
    assert_string_equal(etc->agent.common.log_dir, "/var/log/mesos");
    assert_string_equal(etc->agent.common.ulimit, "-n 8192");
    assert_string_equal(etc->agent.common.ip, "10.1.1.2");
    assert_int_equal(etc->agent.common.port, 5051); /* PORT of the shared file is the master's */
    assert_string_equal(etc->agent.isolation, "process");
    assert_string_equal(etc->agent.common.work_dir, "/srv/mesos");
    assert_false(etc->agent.strict);
    assert_string_equal(etc->agent.recover, "reconnect");
    assert_true(etc_noted(etc, "MESOS_recover is ignored because it is not exported"));
    assert_true(etc_noted(etc, "isolation 'process' means posix/cpu,posix/mem today"));
    assert_true(etc_noted(etc, "default/mesos:9 is ignored"));
    etc_write(etc, "default/mesos-slave", "PORT=6000");
    assert_int_equal(load_agent(etc), 0);
    assert_int_equal(etc->agent.common.port, 6000);

    etc_write(etc, "default/mesos-slave", "IP=$(hostname -i)\n");
    assert_int_not_equal(load_agent(etc), 0);
    assert_has(etc->err.text, "default/mesos-slave:1: IP: 'hostname -i' is not run");
    etc_write(etc, "default/mesos-slave", "OTHER=$(hostname -f)\nIP=127.0.0.2\n");
    assert_int_equal(load_agent(etc), 0);
    assert_string_equal(etc->agent.common.ip, "127.0.0.2");
    assert_true(etc_noted(etc, "OTHER is ignored: 'hostname -f' is not run"));
    etc_write(etc, "default/mesos-slave", "IP=$NOWHERE\n");
    assert_int_not_equal(load_agent(etc), 0);
    assert_has(etc->err.text, "$NOWHERE is not assigned");
    etc_write(etc, "default/mesos-slave", "IP=\"10.0.0.1\n");
    assert_int_not_equal(load_agent(etc), 0);
    assert_has(etc->err.text, "no closing \"");
    etc_write(etc, "default/mesos-slave", "IP=1;rm\n");
    assert_int_not_equal(load_agent(etc), 0);
    assert_has(etc->err.text, "';' is not understood");
    etc_write(etc, "default/mesos-slave", "ULIMIT='-n lots'\n");
    assert_int_not_equal(load_agent(etc), 0);
    assert_has(etc->err.text, "'lots' is no limit");
    etc_free(etc);
}

static void
test_environment(void **state)
{
    struct etc *etc = etc_new();

    etc_env(etc, "MESOS_Cluster=mixed case");
    etc_env(etc, "MESOS_NO-ROOT_SUBMISSIONS=");
    etc_env(etc, "MESOS_SANDBOX=/somewhere");
    etc_env(etc, "LIBPROCESS_IP=127.0.0.9");
    etc_env(etc, "LIBPROCESS_NUM_WORKER_THREADS=4");
    assert_int_equal(load_master(etc), 0);
    assert_string_equal(etc->master.cluster, "mixed case");
    assert_false(etc->master.root_submissions);
    assert_string_equal(etc->master.common.ip, "127.0.0.9");
    assert_true(etc_noted(etc, "LIBPROCESS_NUM_WORKER_THREADS has no effect"));
    etc_env(etc, "MESOS_ip=127.0.0.8");
    assert_int_equal(load_master(etc), 0);
    assert_string_equal(etc->master.common.ip, "127.0.0.8");
    etc_env(etc, "MESOS_quiet=maybe");
    assert_int_not_equal(load_master(etc), 0);
    assert_has(etc->err.text, "MESOS_quiet: option 'quiet': 'maybe' is no boolean");
    etc_free(etc);

    etc = etc_new();
    etc_env(etc, "LIBPROCESS_MEMORY_PROFILING=true");
    assert_int_not_equal(load_master(etc), 0);
    assert_has(etc->err.text, "LIBPROCESS_MEMORY_PROFILING asks for what is not built yet: memory profiling");
    etc_free(etc);
}

/* LIBPROCESS_SSL_..., the names of old where SSL_ENABLED says that they are ours, and what is refused. */
static void
test_tls(void **state)
{
    static const struct {
        const char *variable, *complaint;
    } wrong[] = {{"LIBPROCESS_SSL_ENABLE_TLS_V1_1=true", "nothing older than TLS 1.2"},
                 {"LIBPROCESS_SSL_ENABLE_SSL_V3=1", "nothing older than TLS 1.2"},
                 {"LIBPROCESS_SSL_KEY_FILE=", "ssl_key_file"},
                 {"LIBPROCESS_SSL_HOSTNAME_VALIDATION_SCHEME=dns", "legacy"},
                 {"LIBPROCESS_SSL_VERIFICATION_DEPTH=0", "ssl_verification_depth"},
                 {"LIBPROCESS_SSL_ENABLE_TLS_V1_2=false", "ssl_enable_tls_v1_3"}};
    struct etc *etc = etc_new();

    etc_env(etc, "SSL_CERT_FILE=/authorities.pem"); /* as other programs read it */
    assert_int_equal(load_master(etc), 0);
    assert_null(etc->master.common.tls.cert_file);
    etc_env(etc, "SSL_ENABLED=1");
    etc_env(etc, "SSL_KEY_FILE=/key.pem");
    assert_int_equal(load_master(etc), 0);
    assert_true(etc->master.common.tls.enabled);
    assert_string_equal(etc->master.common.tls.cert_file, "/authorities.pem");
    assert_false(etc->master.common.tls.verify_server_cert);
    etc_env(etc, "LIBPROCESS_SSL_CERT_FILE=/cert.pem");
    etc_env(etc, "LIBPROCESS_SSL_REQUIRE_CERT=true");
    assert_int_equal(load_master(etc), 0);
    assert_string_equal(etc->master.common.tls.cert_file, "/cert.pem");
    assert_true(etc->master.common.tls.require_client_cert);
    assert_true(etc->master.common.tls.verify_server_cert); /* implied */
    assert_true(etc->master.common.tls.tls_1_2 && etc->master.common.tls.tls_1_3);
    etc_free(etc);

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        etc = etc_new();
        etc_env(etc, "LIBPROCESS_SSL_ENABLED=true");
        etc_env(etc, "LIBPROCESS_SSL_CERT_FILE=/cert.pem");
        if (i != 2)
            etc_env(etc, "LIBPROCESS_SSL_KEY_FILE=/key.pem");
        if (i == 5)
            etc_env(etc, "LIBPROCESS_SSL_ENABLE_TLS_V1_3=false");
        etc_env(etc, wrong[i].variable);
        assert_int_not_equal(load_master(etc), 0);
        assert_has(etc->err.text, wrong[i].complaint);
        etc_free(etc);
    }
}

/* Names of the book, one of old beside one of today, and slips of the pen: what Mesos passes over in silence is told. */
static void
test_names_of_tls(void **state)
{
    struct etc *etc = etc_new();

    etc_env(etc, "LIBPROCESS_SSL_ENABLED=true");
    etc_env(etc, "SSL_CERT_FILE=/cert.pem");
    etc_env(etc, "LIBPROCESS_SSL_KEY_FILE=/key.pem");
    etc_env(etc, "LIBPROCESS_SSL_VERIFY_DEPTH=2");
    etc_env(etc, "LIBPROCESS_SSL_ECDH_CURVE=P-384");
    assert_int_equal(load_master(etc), 0);
    assert_string_equal(etc->master.common.tls.cert_file, "/cert.pem");
    assert_int_equal(etc->master.common.tls.verification_depth, 2);
    assert_string_equal(etc->master.common.tls.ecdh_curves, "P-384");
    assert_false(etc_noted(etc, "there is no variable of that name"));
    etc_env(etc, "LIBPROCESS_SSL_REQUIRE_CLIENT_CERTS=true");
    assert_int_equal(load_agent(etc), 0);
    assert_true(etc_noted(etc, "LIBPROCESS_SSL_REQUIRE_CLIENT_CERTS has no effect: there is no variable of that name; the nearest is "
                               "LIBPROCESS_SSL_REQUIRE_CLIENT_CERT"));
    etc_env(etc, "LIBPROCESS_SSL_VERIFICATION_DEPTH=3");
    assert_int_not_equal(load_master(etc), 0);
    assert_has(etc->err.text, "'ssl_verification_depth' is given twice: also by LIBPROCESS_SSL_VERIFY_DEPTH");
    etc_free(etc);
}

/* As a cluster of the old packages had TLS: exports that their script handed to the daemons. */
static void
test_tls_of_etc_default(void **state)
{
    struct etc *etc = etc_new();

    etc_write(etc, "default/mesos",
              "export LIBPROCESS_SSL_ENABLED=true LIBPROCESS_SSL_KEY_FILE=/key.pem\n"
              "export SSL_CERT_FILE=/cert.pem\n"
              "export LIBPROCESS_SSL_REQUIRE_CERTS=true\n"
              "LIBPROCESS_SSL_REQUIRE_CERT=true\n"
              "export LIBPROCESS_IP=127.0.0.9\n");
    assert_int_equal(load_master(etc), 0);
    assert_true(etc->master.common.tls.enabled);
    assert_string_equal(etc->master.common.tls.key_file, "/key.pem");
    assert_string_equal(etc->master.common.tls.cert_file, "/cert.pem");
    assert_false(etc->master.common.tls.require_client_cert);
    assert_string_equal(etc->master.common.ip, "127.0.0.9");
    assert_true(etc_noted(etc, "default/mesos:3: LIBPROCESS_SSL_REQUIRE_CERTS has no effect: there is no variable of that name; the "
                               "nearest is LIBPROCESS_SSL_REQUIRE_CERT"));
    assert_true(etc_noted(etc, "default/mesos:4: LIBPROCESS_SSL_REQUIRE_CERT is ignored because it is not exported"));
    etc_write(etc, "default/mesos-master", "IP=127.0.0.8\n"); /* was a flag of the script */
    etc_env(etc, "LIBPROCESS_SSL_CERT_FILE=/other.pem");
    assert_int_equal(load_master(etc), 0);
    assert_string_equal(etc->master.common.ip, "127.0.0.8");
    assert_string_equal(etc->master.common.tls.cert_file, "/other.pem");
    etc_write(etc, "default/mesos-master", "export LIBPROCESS_SSL_ENABLE_TLS_V1_0=1\n");
    assert_int_not_equal(load_master(etc), 0);
    assert_has(etc->err.text, "default/mesos-master:1: option 'ssl_enable_tls_v1_0': nothing older than TLS 1.2");
    etc_write(etc, "default/mesos-master", "export LIBPROCESS_IP=$(hostname -i)\n");
    assert_int_not_equal(load_master(etc), 0);
    assert_has(etc->err.text, "default/mesos-master:1: LIBPROCESS_IP: 'hostname -i' is not run");
    etc_write(etc, "default/mesos", "export SSL_CERT_FILE=/authorities.pem\n"); /* as other programs read it */
    etc_write(etc, "default/mesos-master", "");
    assert_int_equal(load_agent(etc), 0);
    assert_true(etc->agent.common.tls.cert_file && strcmp(etc->agent.common.tls.cert_file, "/other.pem") == 0);
    etc_free(etc);
}

/* Who has TLS is told of what goes without it. */
static void
test_tls_and_zookeeper(void **state)
{
    static const char words[] = "ZooKeeper is reached without TLS: the client library of this system has no TLS";
    struct etc *etc = etc_new();

    assert_int_equal(load_master(etc, "--zk=zk://host:2181/mesos"), 0);
    assert_false(etc_noted(etc, words));
    etc_write(etc, "mesos-master/ssl_enabled", "true");
    etc_write(etc, "mesos-agent/ssl_enabled", "true");
    etc_env(etc, "LIBPROCESS_SSL_CERT_FILE=/cert.pem");
    etc_env(etc, "LIBPROCESS_SSL_KEY_FILE=/key.pem");
    assert_int_equal(load_master(etc), 0);
    assert_false(etc_noted(etc, words));
    assert_int_equal(load_master(etc, "--zk=zk://host:2181/mesos"), 0);
    assert_true(etc_noted(etc, words));
    assert_int_equal(load_master(etc, "--zk=zk://host:2181/mesos", "--election=org_example_other"), 0);
    assert_true(etc_noted(etc, words));
    assert_int_equal(load_master(etc, "--election=zookeeper"), 0);
    assert_true(etc_noted(etc, words));
    assert_int_equal(load_agent(etc), 0);
    assert_false(etc_noted(etc, words));
    assert_int_equal(load_agent_bare(etc, "--work_dir=/w", "--master=zk://host:2181/mesos"), 0);
    assert_true(etc_noted(etc, words));
    etc_write(etc, "mesos/zk", "zk://host:2181/mesos");
    assert_int_equal(load_agent_bare(etc, "--work_dir=/w"), 0);
    assert_true(etc_noted(etc, words));
    etc_free(etc);
}

static void
test_argv(void **state)
{
    struct etc *etc = etc_new();

    assert_int_equal(
        load_master(etc, "--quiet", "--no-hostname_lookup", "--PORT=0", "stray", "--", "--nonsense"), 0);
    assert_true(etc->master.common.quiet);
    assert_false(etc->master.common.hostname_lookup);
    assert_int_equal(etc->master.common.port, 0);
    assert_true(etc_noted(etc, "argument 'stray' is ignored"));
    assert_int_not_equal(load_master(etc, "--worc_dir=/x"), 0);
    assert_has(etc->err.text, "--worc_dir: unknown option 'worc_dir': the nearest known name is 'work_dir'");
    assert_int_not_equal(load_master(etc, "--port=1", "--port=1"), 0);
    assert_has(etc->err.text, "given twice");
    assert_int_not_equal(load_master(etc, "--slave_ping_timeout=15secs", "--agent_ping_timeout=15secs"), 0);
    assert_has(etc->err.text, "given twice");
    assert_int_not_equal(load_master(etc, "--cluster"), 0);
    assert_has(etc->err.text, "wants a value");
    assert_int_not_equal(load_master(etc, "--no-quiet=true"), 0);
    assert_has(etc->err.text, "takes no value");
    assert_int_not_equal(load_master(etc, "--no-cluster"), 0);
    assert_has(etc->err.text, "is no switch");
    assert_int_equal(load_master(etc, "--cluster="), 0);
    assert_string_equal(etc->master.cluster, "");
    etc_free(etc);
}

/* Everything wrong at once, to see that --check-config tells all of it and that nobody stops at the first. */
static void
test_check_config(void **state)
{
    struct etc *etc = etc_new();
    auto_free char *out = xasprintf("%s/out", etc->dir);
    auto_free char *errors = xasprintf("%s/errors", etc->dir);
    auto_buf struct buf said = {0}, complained = {0};
    int saved_out = dup(1), saved_err = dup(2), status;

    etc_write(etc, "mesos/master.ini", "port = x\ncluster = c\nnope = 1\nagent_ping_timeout = 1hrs\n");
    etc_write(etc, "mesos-master/weights", "a=1");
    etc_env(etc, "MESOS_SANDBOX=/x");
    fflush(stdout);
    assert_non_null(freopen(out, "w", stdout));
    assert_non_null(freopen(errors, "w", stderr));
    status = load_master_bare(etc, "--check-config", "--registry=memory", "--quiet=perhaps");
    fflush(stdout);
    fflush(stderr);
    dup2(saved_out, 1);
    dup2(saved_err, 2);
    close(saved_out);
    close(saved_err);
    assert_int_equal(status, 1);
    assert_int_equal(etc->exit_status, 1);
    assert_int_equal(file_read(out, 1 << 20, &said, NULL), 0);
    assert_int_equal(file_read(errors, 1 << 20, &complained, NULL), 0);
    assert_has(buf_cstr(&complained), "'x' is no integer");
    assert_has(buf_cstr(&complained), "unknown option 'nope'");
    assert_has(buf_cstr(&complained), "'1hrs' is too large: the most is 15mins");
    assert_has(buf_cstr(&complained), "'perhaps' is no boolean");
    assert_has(buf_cstr(&said), "cluster = c");
    assert_has(buf_cstr(&said), "master.ini:2");
    assert_has(buf_cstr(&said), "weights = a=1");
    assert_has(buf_cstr(&said), "ignored, no option of mesos-master: MESOS_SANDBOX");
    assert_has(buf_cstr(&said), "4 errors");
    etc_free(etc);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_ini),
        cmocka_unit_test(test_option_files),
        cmocka_unit_test(test_option_files_refused),
        cmocka_unit_test(test_etc_default),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_names_of_tls),
        cmocka_unit_test(test_tls_of_etc_default),
        cmocka_unit_test(test_tls_and_zookeeper),
        cmocka_unit_test(test_argv),
        cmocka_unit_test(test_check_config),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
