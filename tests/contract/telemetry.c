/* SPDX-License-Identifier: Apache-2.0 */
/* What a telemetry module must do: paths, variables, listeners that outlive the agent. Run on "dcos". */
#include "contract.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/mem.h"
#include "host/kind_telemetry.h"

struct world {
    struct contract contract;
    struct mesos_telemetry_source source;
    struct module *module;
    const char *running[4]; /* container ids */
    char variables[4][64];
    size_t variable_count;
};

static const char *
source_id(void *arg)
{
    (void)arg;
    return "agent-1";
}

static const char *
source_cluster(void *arg)
{
    (void)arg;
    return NULL;
}

static struct mesos_telemetry_container
container_of_id(const char *id)
{
    return (struct mesos_telemetry_container){.size = sizeof(struct mesos_telemetry_container),
                                              .container_id = id,
                                              .executor_id = "e\"1",
                                              .framework_id = "f1",
                                              .framework_name = "bad\xff" "name"};
}

static void
source_each(void *arg, void (*fn)(void *fn_arg, const struct mesos_telemetry_container *container), void *fn_arg)
{
    struct world *world = arg;
    for (size_t i = 0; i < ARRAY_LEN(world->running) && world->running[i]; i++) {
        struct mesos_telemetry_container container = container_of_id(world->running[i]);
        fn(fn_arg, &container);
    }
}

static void
source_usage(void *arg, const char *id, void (*done)(void *done_arg, int status, struct mesos_bytes statistics),
             void *done_arg)
{
    static const unsigned char packed[] = {0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f}; /* timestamp: 1.0 */
    (void)arg;
    bool known = strcmp(id, "c1") == 0;
    done(done_arg, known ? 0 : -ENOENT, (struct mesos_bytes){packed, known ? sizeof(packed) : 0});
}

static void
start(struct world *world, bool agent)
{
    struct err err = {0};
    world->source = (struct mesos_telemetry_source){.size = sizeof(world->source),
                                                    .arg = world,
                                                    .agent = agent,
                                                    .hostname = "host1",
                                                    .id = source_id,
                                                    .cluster = source_cluster,
                                                    .each = source_each,
                                                    .usage = source_usage};
    world->module = contract_start(&world->contract, MESOS_KIND_TELEMETRY, "dcos");
    assert_int_equal(telemetry_initialize(world->module, &world->source, &err), 0);
}

static int
setup(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    contract_open(&world->contract);
    start(world, true);
    *state = world;
    return 0;
}

static int
teardown(void **state)
{
    struct world *world = *state;
    contract_close(&world->contract);
    free(world);
    return 0;
}

static int
get(struct world *world, const char *path, struct answer *answer)
{
    telemetry_get(world->module, path, on_answer, answer);
    assert_false(answer->done); /* never inside of the call that asked */
    return contract_await(&world->contract, answer);
}

static void
expect(struct world *world, const char *path, const char *part)
{
    struct answer answer = {0};
    assert_int_equal(get(world, path, &answer), 0);
    if (!strstr(buf_cstr(&answer.bytes), part))
        fail_msg("%s: %s is not in %s", path, part, buf_cstr(&answer.bytes));
    buf_fini(&answer.bytes);
}

static void
expect_status(struct world *world, const char *path, int status)
{
    struct answer answer = {0};
    assert_int_equal(get(world, path, &answer), status);
    buf_fini(&answer.bytes);
}

static void
on_variable(void *arg, const char *name, const char *value)
{
    struct world *world = arg;
    assert_true(world->variable_count < ARRAY_LEN(world->variables));
    snprintf(world->variables[world->variable_count++], sizeof(world->variables[0]), "%s=%s", name, value);
}

/* Launches and returns the port that the container is told. */
static unsigned
launch(struct world *world, const char *id)
{
    struct mesos_telemetry_container container = container_of_id(id);
    unsigned port = 0;
    world->variable_count = 0;
    telemetry_launching(world->module, &container, on_variable, world);
    assert_int_equal(world->variable_count, 2);
    assert_string_equal(world->variables[0], "STATSD_UDP_HOST=127.0.0.1");
    assert_int_equal(sscanf(world->variables[1], "STATSD_UDP_PORT=%u", &port), 1);
    return port;
}

static void
say(unsigned port, const char *text)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to, sizeof(to)), strlen(text));
    close(fd);
}

struct wish {
    struct world *world;
    const char *path, *part;
};

static bool
is_shown(void *arg)
{
    const struct wish *wish = arg;
    struct answer answer = {0};
    bool shown = get(wish->world, wish->path, &answer) == 0 && strstr(buf_cstr(&answer.bytes), wish->part);
    buf_fini(&answer.bytes);
    return shown;
}

static void
await_shown(struct world *world, const char *path, const char *part)
{
    struct wish wish = {world, path, part};
    for (int i = 0; i < 200; i++) {
        if (is_shown(&wish))
            return;
        usleep(10000);
    }
    fail_msg("%s never shows %s", path, part);
}

static void
test_paths(void **state)
{
    struct world *world = *state;
    assert_string_equal(telemetry_prefix(world->module), "/system/v1/metrics/v0");
    expect(world, "/ping", "\"ok\":true");
    expect(world, "/node", "\"name\":\"memory.total\"");
    expect(world, "/node", "\"dimensions\":{\"mesos_id\":\"agent-1\",\"hostname\":\"host1\"}");
    expect(world, "/containers", "[]");
    world->running[0] = "c1";
    world->running[1] = "c2";
    expect(world, "/containers", "[\"c1\",\"c2\"]");
    expect(world, "/containers/c1", "\"timestamp\":\"1970-01-01T00:00:01.000000000Z\"");
    expect(world, "/containers/c1", "\"executor_id\":\"e\\\"1\"");
    expect(world, "/node/container/c1", "\"framework_name\":\"bad\xef\xbf\xbdname\"");
    expect_status(world, "/containers/c2", -ENODATA);
    expect_status(world, "/containers/c3", -ENODATA);
    expect_status(world, "/containers/c1/app", -ENODATA);
    expect_status(world, "/containers/c1/other", -ENOENT);
    expect_status(world, "", -ENOENT);
    expect_status(world, "/nothing", -ENOENT);
    expect_status(world, "/containers/../../etc/passwd", -ENODATA);
}

static void
test_master(void **state)
{
    struct world *world = *state;
    contract_host_close(&world->contract);
    contract_host_open(&world->contract);
    start(world, false);
    world->running[0] = "c1";
    expect(world, "/node", "\"name\":\"load.1min\"");
    expect_status(world, "/containers", -ENOENT);
    expect_status(world, "/containers/c1", -ENOENT);
}

static void
test_statsd(void **state)
{
    struct world *world = *state;
    unsigned one = launch(world, "c1"), two = launch(world, "c2");
    assert_int_not_equal(one, two);
    assert_int_equal(launch(world, "c1"), one); /* asked again */
    world->running[0] = "c1";
    world->running[1] = "c2";
    say(one, "mine:4|c|#zone:a");
    await_shown(world, "/containers/c1/app", "\"name\":\"mine\",\"value\":4,\"unit\":\"\"");
    expect(world, "/containers/c1/app/mine", "\"tags\":{\"zone\":\"a\"}");
    expect_status(world, "/containers/c1/app/yours", -ENODATA);
    expect_status(world, "/containers/c2/app/mine", -ENODATA);
    telemetry_ended(world->module, "c1");
    telemetry_ended(world->module, "c1");
    telemetry_ended(world->module, "never");
    expect_status(world, "/containers/c1/app", -ENODATA);
}

static void
test_restart(void **state)
{
    struct world *world = *state;
    unsigned kept = launch(world, "c1");
    launch(world, "c2");
    world->running[0] = "c1";
    contract_host_close(&world->contract);
    contract_host_open(&world->contract);
    start(world, true);
    struct mesos_telemetry_container container = container_of_id("c1"), unknown = container_of_id("c9"),
                                     evil = container_of_id("../../c1");
    telemetry_recovered(world->module, &container);
    telemetry_recovered(world->module, &unknown);
    telemetry_recovered(world->module, &evil);
    telemetry_recovery_done(world->module);
    say(kept, "again:1|c");
    await_shown(world, "/containers/c1/app", "\"name\":\"again\"");
    auto_free char *gone = xasprintf("%s/telemetry/dcos/c2", world->contract.runtime_dir);
    auto_free char *there = xasprintf("%s/telemetry/dcos/c1", world->contract.runtime_dir);
    assert_int_not_equal(access(gone, F_OK), 0);
    assert_int_equal(access(there, F_OK), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_paths), TEST(test_master), TEST(test_statsd), TEST(test_restart)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
