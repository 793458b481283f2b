/* SPDX-License-Identifier: Apache-2.0 */
/* The command lines of docker run, against those that Mesos was seen to make, and what docker inspect says. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "model/docker_run.h"
#include "model/docker_state.h"

/* One of everything, to be changed by the tests. */
struct box {
    struct docker_client client;
    Mesos__V1__ContainerInfo container;
    Mesos__V1__ContainerInfo__DockerInfo docker;
    Mesos__V1__CommandInfo command;
    struct docker_run run;
    struct docker_argv argv;
    char *text; /* of the last command line */
    int env_fd;
    struct err err;
};

static void
box_init(struct box *box)
{
    static char image[] = "tracebox:1", value[] = "sleep 2";
    *box = (struct box){.client = {"docker", "unix:///var/run/docker.sock", 0}, .env_fd = -1};
    mesos__v1__container_info__init(&box->container);
    mesos__v1__container_info__docker_info__init(&box->docker);
    mesos__v1__command_info__init(&box->command);
    box->docker.image = image;
    box->container.docker = &box->docker;
    box->command.value = value;
    box->run = (struct docker_run){
        .client = &box->client,
        .name = "mesos-c1",
        .sandbox = "/s",
        .mapped = "/mnt/mesos/sandbox",
        .container = &box->container,
        .command = &box->command,
        .limits = {.cpus = 0.1, .mem_mb = 32},
    };
}

static const char *
line(struct box *box)
{
    free(box->text);
    box->text = NULL;
    close_at(&box->env_fd);
    box->env_fd = -1;
    if (docker_run_argv(&box->run, &box->argv, &box->env_fd, &box->err) < 0)
        return box->err.text;
    box->text = docker_argv_text(&box->argv);
    docker_argv_fini(&box->argv);
    return box->text;
}

static void
box_fini(struct box *box)
{
    free(box->text);
    close_at(&box->env_fd);
}

#define HEAD "docker -H unix:///var/run/docker.sock run --detach "

static void
test_recorded_lines(void **state)
{
    struct box box;
    (void)state;
    box_init(&box);
    assert_string_equal(line(&box), HEAD "--cpu-shares 102 --memory 33554432 -v /s:/mnt/mesos/sandbox --net host "
                                         "--entrypoint /bin/sh --name mesos-c1 tracebox:1 -c sleep 2");
    /* Task "none": privileged, limits above the requests, no network. */
    box.docker.privileged = true;
    box.docker.has_network = true;
    box.docker.network = MESOS__V1__CONTAINER_INFO__DOCKER_INFO__NETWORK__NONE;
    box.run.limits.cpus_limit = 1;
    box.run.limits.mem_limit_mb = 128;
    const char *text = line(&box);
    assert_non_null(strstr(text, "run --detach --privileged --cpu-shares 102 --cpu-quota 100000 --memory-reservation 33554432 "
                                 "--memory 134217728 --oom-score-adj "));
    assert_non_null(strstr(text, "--net none --entrypoint"));
    box_fini(&box);
}

static void
test_arguments(void **state)
{
    struct box box;
    char one[] = "one", two[] = "two words", *arguments[] = {one, two}, echo[] = "/bin/echo";
    (void)state;
    box_init(&box);
    box.command.has_shell = true;
    box.command.shell = false;
    box.command.value = echo;
    box.command.arguments = arguments;
    box.command.n_arguments = 2;
    assert_non_null(strstr(line(&box), "--net host --name mesos-c1 tracebox:1 /bin/echo one two words"));
    box.command.value = NULL;
    assert_non_null(strstr(line(&box), "tracebox:1 one two words"));
    box.command.shell = true;
    assert_string_equal(line(&box), "Shell specified but no command value provided");
    box_fini(&box);
}

static void
test_by_version(void **state)
{
    struct box box;
    (void)state;
    box_init(&box);
    box.client.engine = docker_version(STR_LIT("17.05.0-ce"));
    assert_null(strstr(line(&box), "--pull"));
    assert_non_null(strstr(line(&box), "--net host"));
    box.client.engine = docker_version(STR_LIT("20.10.24+dfsg1\n"));
    assert_int_equal(box.client.engine, DOCKER_VERSION(20, 10, 24));
    assert_non_null(strstr(line(&box), "run --detach --pull=never"));
    assert_non_null(strstr(line(&box), "--network host"));
    assert_int_equal(docker_version(STR_LIT("Docker version 28.2.2, build e6534b4")), DOCKER_VERSION(28, 2, 2));
    assert_int_equal(docker_version(STR_LIT("")), 0);
    assert_int_equal(docker_version(STR_LIT("no digits at all")), 0);
    assert_int_equal(docker_version(STR_LIT("99999999999.1.1")), 0);
    assert_int_equal(docker_version(STR_LIT("1.8")), DOCKER_VERSION(1, 8, 0));
    box_fini(&box);
}

static void
test_environment_is_in_a_file(void **state)
{
    struct box box;
    char text[256];
    const char *const own[] = {"MESOS_SANDBOX=/mnt/mesos/sandbox", NULL};
    const char *const more[] = {"SECRET=word", "EMPTY=", "LINES=a\nb", "#odd=1", NULL};
    (void)state;
    box_init(&box);
    box.run.environment = own;
    box.run.more = more;
    const char *said = line(&box);
    assert_non_null(strstr(said, "-e LINES=a\nb -e #odd=1 -e MESOS_SANDBOX=/mnt/mesos/sandbox --env-file /proc/self/fd/3 -v"));
    assert_null(strstr(said, "word"));
    ssize_t n = read(box.env_fd, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = 0;
    assert_string_equal(text, "SECRET=word\nEMPTY=\n");
    const char *const bad[] = {"A B=c", NULL}, *const nameless[] = {"=c", NULL};
    box.run.more = bad;
    assert_non_null(strstr(line(&box), "has a space in its name"));
    box.run.more = nameless;
    assert_non_null(strstr(line(&box), "has no name"));
    box_fini(&box);
}

static void
test_secrets_are_never_words(void **state)
{
    struct box box;
    char text[256];
    const char *const more[] = {"PLAIN=1", "KEY=plain", NULL};
    const char *const secrets[] = {"KEY=s3cret", "PEM=-----BEGIN\ns3cret", "#odd=s3cret", NULL};
    (void)state;
    box_init(&box);
    box.run.more = more;
    box.run.secrets = secrets;
    assert_int_equal(docker_run_argv(&box.run, &box.argv, &box.env_fd, &box.err), 0);
    auto_free char *said = docker_argv_text(&box.argv);
    assert_null(strstr(said, "s3cret"));
    assert_non_null(strstr(said, "-e PEM -e #odd --env-file /proc/self/fd/3"));
    ssize_t n = read(box.env_fd, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = 0;
    assert_string_equal(text, "PLAIN=1\nKEY=plain\nKEY=s3cret\n"); /* the later of a name counts */
    char base[] = "PEM=old";
    char *const usual[] = {base, NULL};
    auto_free char **all = docker_environment_join(box.argv.environment, usual);
    assert_string_equal(all[0], secrets[1]);
    assert_string_equal(all[1], secrets[2]);
    assert_ptr_equal(all[2], base);
    assert_null(all[3]);
    docker_argv_fini(&box.argv);
    static const char *const bad[] = {"LD_PRELOAD=a\nb", "PATH=a\nb", "docker_host=a\nb", "-x=a\nb"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *const one[] = {bad[i], NULL};
        box.run.secrets = one;
        assert_non_null(strstr(line(&box), "cannot have a secret of several lines"));
    }
    const char *const path[] = {"PATH=/s3cret", NULL}; /* a line of the file is the container's alone */
    box.run.secrets = path;
    assert_null(strstr(line(&box), "PATH"));
    box_fini(&box);
}

static void
test_inspect_without_secrets(void **state)
{
    static const char *const names[] = {"KEY", "NO", NULL};
    (void)state;
    auto_free char *text = docker_state_hide(
        STR_LIT("[{\"Id\":\"1\",\"Config\":{\"Env\":[\"KEY=s3cret\",\"KEYS=a\",\"A=KEY=1\",\"KEY=\"],\"Image\":\"box\"}}]"), names);
    assert_string_equal(text, "[{\"Id\":\"1\",\"Config\":{\"Env\":[\"KEYS=a\",\"A=KEY=1\"],\"Image\":\"box\"}}]");
    auto_free char *odd = docker_state_hide(STR_LIT("[{\"Config\":{\"Env\":[1,null]}},7]"), names);
    assert_non_null(odd);
    assert_null(docker_state_hide(STR_LIT("{\"Config\""), names));
    assert_null(docker_state_hide(STR_LIT(""), names));
}

static void
test_images(void **state)
{
    static const char *const good[] = {"box", "box:1", "a.b/c/d-e_f:1.0", "localhost:9/x@sha256:0123456789abcdef", "[::1]:5000/x"};
    static const char *const bad[] = {"", "-v", "--privileged", "a b", "a\nb", "$(x)", "/etc", ".x", "a;b"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(docker_image_check(good[i], NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_true(docker_image_check(bad[i], NULL) < 0);
}

static void
test_figures(void **state)
{
    (void)state;
    struct docker_limits limits = {.cpus = 0, .mem_mb = 1};
    struct docker_figures figures = docker_figures(&limits, false);
    assert_int_equal(figures.cpu_shares, 2);
    assert_int_equal(figures.memory, 32u << 20);
    assert_int_equal(figures.cpu_quota, 0);
    limits.cpus = 0.5;
    assert_int_equal(docker_figures(&limits, true).cpu_quota, 50000);
    limits = (struct docker_limits){.cpus = 1, .mem_mb = 64, .cpus_limit = HUGE_VAL, .mem_limit_mb = HUGE_VAL};
    figures = docker_figures(&limits, true);
    assert_int_equal(figures.cpu_quota, 0);
    assert_int_equal(figures.memory, 0);
    assert_int_equal(figures.memory_reservation, 64u << 20);
    assert_in_range(figures.oom_score_adj, 2, 999);
    limits = (struct docker_limits){.cpus = 1, .mem_mb = 64, .cpus_limit = 0.000001, .mem_limit_mb = 64};
    figures = docker_figures(&limits, false);
    assert_int_equal(figures.cpu_quota, 1000);
    assert_int_equal(figures.oom_score_adj, 0);
    limits = (struct docker_limits){.cpus = 1e300, .mem_mb = 1e300};
    figures = docker_figures(&limits, true);
    assert_int_equal(figures.cpu_shares, 262144); /* the kernel takes no more */
}

static void
test_dns(void **state)
{
    struct box box;
    (void)state;
    box_init(&box);
    box.docker.has_network = true;
    box.docker.network = MESOS__V1__CONTAINER_INFO__DOCKER_INFO__NETWORK__BRIDGE;
    box.run.dns = "{\"docker\": [{\"network_mode\": \"BRIDGE\", \"dns\": {\"nameservers\": [\"10.0.0.1\"], \"search\": [\"x.y\"], "
                  "\"options\": [\"ndots:2\"]}}]}";
    assert_non_null(strstr(line(&box), "--net bridge --dns=10.0.0.1 --dns-search=x.y --dns-opt=ndots:2"));
    box.docker.network = MESOS__V1__CONTAINER_INFO__DOCKER_INFO__NETWORK__HOST;
    assert_null(strstr(line(&box), "--dns"));
    box_fini(&box);
}

static void
test_persistent_volumes(void **state)
{
    struct box box;
    Mesos__V1__Resource resource = MESOS__V1__RESOURCE__INIT, *resources[] = {&resource};
    Mesos__V1__Resource__DiskInfo disk = MESOS__V1__RESOURCE__DISK_INFO__INIT;
    Mesos__V1__Resource__DiskInfo__Persistence persistence = MESOS__V1__RESOURCE__DISK_INFO__PERSISTENCE__INIT;
    Mesos__V1__Resource__ReservationInfo reservation = MESOS__V1__RESOURCE__RESERVATION_INFO__INIT;
    Mesos__V1__Resource__ReservationInfo *reservations[] = {&reservation};
    Mesos__V1__Volume volume = MESOS__V1__VOLUME__INIT;
    char name[] = "disk", role[] = "eng", id[] = "v1", data[] = "data", out[] = "../out";
    (void)state;
    box_init(&box);
    resource.name = name;
    reservation.role = role;
    resource.reservations = reservations;
    resource.n_reservations = 1;
    resource.disk = &disk;
    disk.persistence = &persistence;
    disk.volume = &volume;
    persistence.id = id;
    volume.container_path = data;
    volume.mode = MESOS__V1__VOLUME__MODE__RO;
    box.run.work_dir = "/w";
    box.run.resources = resources;
    box.run.resource_count = 1;
    assert_non_null(strstr(line(&box), "-v /w/volumes/roles/eng/v1:/mnt/mesos/sandbox/data:ro -v /s:/mnt/mesos/sandbox"));
    volume.container_path = out;
    assert_non_null(strstr(line(&box), "leads out of the sandbox"));
    box_fini(&box);
}

static void
test_inspect(void **state)
{
    struct docker_state found;
    struct err err = {0};
    (void)state;
    assert_int_equal(
        docker_state_read(STR_LIT("[{\"Id\": \"abc\", \"State\": {\"Status\": \"running\", \"Running\": true, \"Pid\": 12, "
                                  "\"OOMKilled\": false, \"ExitCode\": 0}, \"NetworkSettings\": {\"IPAddress\": \"\", "
                                  "\"Networks\": {\"n\": {\"IPAddress\": \"10.1.2.3\", \"GlobalIPv6Address\": \"fd00::1\"}}}}]"),
                          &found, &err),
        0);
    assert_true(found.running);
    assert_int_equal(found.pid, 12);
    assert_string_equal(found.ip, "10.1.2.3");
    assert_string_equal(found.ip6, "fd00::1");
    static const char *const rubbish[] = {"", "[]", "{}", "[1]", "null", "[{\"State\": 3}]", "\xff\xfe", "[{\"State\": {\"Pid\": ",
                                          "Error: No such container"};
    for (size_t i = 0; i < ARRAY_LEN(rubbish); i++)
        assert_true(docker_state_read(str_of(rubbish[i]), &found, &err) < 0);
    assert_int_equal(docker_state_read(STR_LIT("[{\"State\": {\"Pid\": -3, \"ExitCode\": 99999, \"Running\": 1, \"Status\": [] }}]"),
                                       &found, &err),
                     0);
    assert_int_equal(found.pid, 0);
    assert_int_equal(found.exit_code, 255);
    assert_false(found.running);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_lines), cmocka_unit_test(test_arguments), cmocka_unit_test(test_by_version),
        cmocka_unit_test(test_environment_is_in_a_file),
        cmocka_unit_test(test_secrets_are_never_words),
        cmocka_unit_test(test_inspect_without_secrets), cmocka_unit_test(test_images), cmocka_unit_test(test_figures),
        cmocka_unit_test(test_dns), cmocka_unit_test(test_persistent_volumes), cmocka_unit_test(test_inspect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
