/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every isolator must do, asked of each module that ships: a life from prepare to cleanup with a real process in the
 * namespaces that it asked for, ids that nobody knows, cleanups that come twice, a restart with known containers and
 * orphans, configurations that are rubbish; one answer to each call, and nothing left behind.
 *
 * Runs without root too: a module may refuse to start then, in one line that names it. A module of your own is asked the
 * same with CONTRACT_MODULE_PATH=<directories> tests/contract/isolator <name> [option value]...
 * (and CONTRACT_LAUNCHER_DIR=<their directory> where it has helpers).
 */
#include "contract.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "host/kind_isolator.h"
#include "mesos/slave/containerizer.pb-c.h"

#define OPTIONS_MAX 32

/* Those that ship; options are the daemon's, name and value in turn. */
static const struct subject {
    const char *name;
    const char *options[OPTIONS_MAX];
} SUBJECTS[] = {
    {"posix/cpu", {NULL}},
    {"posix/mem", {NULL}},
    {"disk/du", {NULL}},
    {"volume/sandbox_path", {NULL}},
    {"docker/runtime", {"docker_ignore_runtime", "false"}},
    {"appc/runtime", {NULL}},
    {"volume/image", {"isolation", "filesystem/linux,volume/image"}},
    {"network/cni", {NULL}},
    {"namespaces/pid", {"isolation", "filesystem/linux", NULL}},
    {"namespaces/ipc", {"isolation", "filesystem/linux", "default_container_shm_size", "8MB", NULL}},
    {"linux/nnp", {NULL}},
    {"cgroups/cpu", {"cgroups_enable_cfs", "true", NULL}},
    {"cgroups/mem", {NULL}},
    {"cgroups/blkio", {NULL}},
    {"cgroups/cpuset", {NULL}},
    {"cgroups/devices", {NULL}},
    {"cgroups/pids", {NULL}}, /* the others would mount their hierarchies: the system tests ask them, and unmount */
    {"filesystem/posix", {NULL}},
    {"filesystem/linux", {"isolation", "filesystem/linux", NULL}},
    {"filesystem/shared", {NULL}},
    {"volume/host_path", {"isolation", "filesystem/linux", NULL}},
    {"volume/secret", {"isolation", "filesystem/linux", NULL}},
    {"linux/capabilities", {"bounding_capabilities", "{\"capabilities\": [\"CHOWN\", \"KILL\"]}", NULL}},
    {"linux/devices", {"isolation", "filesystem/linux", "allowed_devices",
                       "{\"allowed_devices\": [{\"device\": {\"path\": \"/dev/null\"}, \"access\": {\"read\": true}}]}", NULL}},
    {"linux/seccomp", {"seccomp_config_dir", "/", NULL}},
    {"posix/rlimits", {NULL}},
    {"environment_secret", {NULL}},
    {"network/port_mapping", {NULL}}, /* refuses: it would change this machine's network; the system tests have one for it */
    {"network/ports", {NULL}},
};

static struct subject given; /* from the command line */
static const struct subject *subjects = SUBJECTS;
static size_t subject_count = ARRAY_LEN(SUBJECTS);

struct box {
    struct contract contract;
    const struct subject *subject;
    const char *options[OPTIONS_MAX + 16];
    char *cgroups_root;
    struct module *module; /* NULL: it refused to start */
    unsigned limited;
};

/* ---- fixture ---- */

static void
on_limited(void *arg, const char *container_id, struct mesos_bytes limitation)
{
    struct box *box = arg;
    Mesos__Slave__ContainerLimitation *l =
        mesos__slave__container_limitation__unpack(NULL, limitation.len, limitation.data);
    assert_non_null(l);
    mesos__slave__container_limitation__free_unpacked(l, NULL);
    assert_non_null(container_id);
    box->limited++;
}

/* False when it refuses, which only one who lacks something may be told. */
static bool
module_open(struct box *box)
{
    static struct mesos_isolator_watcher watcher;
    struct err err = {0};
    watcher = (struct mesos_isolator_watcher){sizeof watcher, box, on_limited};
    box->module = host_start(box->contract.host, MESOS_KIND_ISOLATOR, box->subject->name, NULL, NULL, 0, &err);
    if (!box->module) {
        print_message("%s\n", err.text);
        assert_text(err.text, box->subject->name, NULL);
        assert_true(err.code < 0);
        return false;
    }
    isolator_initialize(box->module, &watcher);
    return true;
}

static void
box_open(struct box *box, const struct subject *subject)
{
    size_t count = 0;
    *box = (struct box){.subject = subject};
    contract_open(&box->contract);
    box->cgroups_root = xasprintf("mesos_contract_%d", (int)getpid());
    const char *const common[] = {"cgroups_root", box->cgroups_root, "cgroups_hierarchy", "/sys/fs/cgroup",
                                  "sandbox_directory", "/mnt/mesos/sandbox", "launcher", "linux"};
    for (size_t i = 0; subject->options[i]; i++)
        box->options[count++] = subject->options[i];
    for (size_t i = 0; i < ARRAY_LEN(common); i++)
        box->options[count++] = common[i];
    box->contract.options = box->options;
}

static bool
is_left(const char *line, const struct box *box)
{
    return strstr(line, box->contract.dir) != NULL;
}

static void
no_mounts(const struct box *box)
{
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    char line[4096];
    assert_non_null(mounts);
    while (fgets(line, sizeof line, mounts)) {
        if (is_left(line, box))
            print_error("left behind: %s", line);
        assert_false(is_left(line, box));
    }
    fclose(mounts);
}

/* Below each hierarchy: no container's group. What is ours for all of them goes here. */
static void
no_cgroups(const struct box *box)
{
    static const char *const own[] = {"slave", "agent/leaf", "agent"};
    DIR *dir = opendir("/sys/fs/cgroup");
    for (const struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        auto_free char *root = xasprintf("/sys/fs/cgroup/%s%s%s", e->d_name, "/", box->cgroups_root);
        auto_free char *container = xasprintf("%s/c1", root), *orphan = xasprintf("%s/orphan", root);
        if (access(container, F_OK) == 0 || access(orphan, F_OK) == 0)
            print_error("left behind: %s\n", container);
        assert_int_equal(access(container, F_OK), -1);
        assert_int_equal(access(orphan, F_OK), -1);
        for (size_t i = 0; i < ARRAY_LEN(own); i++) {
            auto_free char *path = xasprintf("%s/%s", root, own[i]);
            rmdir(path);
        }
        rmdir(root);
    }
    if (dir)
        closedir(dir);
}

static void
box_close(struct box *box)
{
    contract_host_close(&box->contract);
    no_mounts(box);
    no_cgroups(box);
    contract_close(&box->contract);
    free(box->cgroups_root);
}

/* ---- containers ---- */

struct inmate {
    const char *id;
    char *sandbox;
    struct buf config;
    uint32_t clone_flags;
    pid_t pid;
};

static const struct mesos_resource RESOURCES[] = {
    {.name = "cpus", .role = "*", .type = MESOS_VALUE_SCALAR, .scalar = 500, .shared_count = 1},
    {.name = "mem", .role = "*", .type = MESOS_VALUE_SCALAR, .scalar = 64000, .shared_count = 1},
    {.name = "disk", .role = "*", .type = MESOS_VALUE_SCALAR, .scalar = 32000, .shared_count = 1},
};
static const struct mesos_resources REQUESTS = {sizeof RESOURCES[0], ARRAY_LEN(RESOURCES), RESOURCES};

static char *
writable(const char *text)
{
    union {
        const char *from;
        char *to;
    } it = {.from = text};
    return it.to;
}

static void
inmate_init(struct box *box, struct inmate *inmate, const char *id)
{
    Mesos__Slave__ContainerConfig config = MESOS__SLAVE__CONTAINER_CONFIG__INIT;
    Mesos__V1__CommandInfo command = MESOS__V1__COMMAND_INFO__INIT;
    *inmate = (struct inmate){.id = id};
    inmate->sandbox = xasprintf("%s/%s", box->contract.work_dir, id);
    assert_true(mkdir(inmate->sandbox, 0755) == 0 || errno == EEXIST);
    command.value = writable("sleep 100");
    config.command_info = &command;
    config.directory = inmate->sandbox;
    size_t len = mesos__slave__container_config__get_packed_size(&config);
    buf_added(&inmate->config, mesos__slave__container_config__pack(&config, (uint8_t *)buf_reserve(&inmate->config, len)));
}

static void
inmate_fini(struct inmate *inmate)
{
    if (inmate->pid > 0) {
        kill(inmate->pid, SIGKILL);
        waitpid(inmate->pid, NULL, 0);
    }
    free(inmate->sandbox);
    buf_fini(&inmate->config);
}

/* One answer and no second one. */
static int
answered(struct box *box, struct answer *answer)
{
    assert_false(answer->done && answer->count == 0);
    int status = contract_await(&box->contract, answer);
    assert_int_equal(answer->count, 1);
    if (status < 0)
        assert_text(answer->error, NULL); /* one line, if any */
    return status;
}

static void
understand_launch(struct inmate *inmate, struct answer *answer)
{
    Mesos__Slave__ContainerLaunchInfo *info = mesos__slave__container_launch_info__unpack(
        NULL, answer->bytes.len, (const uint8_t *)buf_cstr(&answer->bytes));
    assert_non_null(info);
    for (size_t i = 0; i < info->n_clone_namespaces; i++)
        inmate->clone_flags |= (uint32_t)info->clone_namespaces[i];
    for (size_t i = 0; i < info->n_mounts; i++)
        assert_int_equal(info->mounts[i]->target[0], '/');
    mesos__slave__container_launch_info__free_unpacked(info, NULL);
}

static int
prepare(struct box *box, struct inmate *inmate, pid_t parent)
{
    struct answer answer = {0};
    struct mesos_isolator_container view = {
        .size = sizeof view,
        .container_id = inmate->id,
        .config = {buf_data(&inmate->config), inmate->config.len},
        .sandbox = inmate->sandbox,
        .resources = REQUESTS,
        .parent_pid = parent,
    };
    isolator_prepare(box->module, &view, on_answer, &answer);
    int status = answered(box, &answer);
    if (status == 0)
        understand_launch(inmate, &answer);
    else
        print_message("%s does not prepare: %s\n", box->subject->name, answer.error);
    buf_fini(&answer.bytes);
    return status;
}

static void
spawn(struct inmate *inmate)
{
    const char *const argv[] = {"/bin/sleep", "100", NULL};
    const int fds[] = {-1, -1, -1};
    struct mesos_spawn spawn = {.size = sizeof spawn, .argv = argv, .fds = fds, .fd_count = 3, .new_session = 1,
                                .clone_flags = inmate->clone_flags};
    assert_int_equal(host_spawn(&spawn, &inmate->pid), 0);
}

static int
isolate(struct box *box, const char *id, pid_t pid)
{
    struct answer answer = {0};
    isolator_isolate(box->module, id, pid, on_answer, &answer);
    int status = answered(box, &answer);
    buf_fini(&answer.bytes);
    return status;
}

static int
cleanup(struct box *box, const char *id)
{
    struct answer answer = {0};
    isolator_cleanup(box->module, id, on_answer, &answer);
    int status = answered(box, &answer);
    if (status < 0)
        print_error("cleanup of %s: %s\n", id, answer.error);
    buf_fini(&answer.bytes);
    return status;
}

static int
update(struct box *box, const char *id)
{
    struct answer answer = {0};
    isolator_update(box->module, id, REQUESTS, (struct mesos_bytes){NULL, 0}, on_answer, &answer);
    int status = answered(box, &answer);
    buf_fini(&answer.bytes);
    return status;
}

static int
usage(struct box *box, const char *id)
{
    struct answer answer = {0};
    isolator_usage(box->module, id, on_answer, &answer);
    int status = answered(box, &answer);
    auto_buf struct buf packed = {0};
    Mesos__V1__ResourceStatistics stamp = MESOS__V1__RESOURCE_STATISTICS__INIT; /* the required field is the containerizer's */
    stamp.timestamp = 1;
    uint8_t bytes[16];
    size_t len = mesos__v1__resource_statistics__pack(&stamp, bytes);
    buf_append(&packed, bytes, len);
    buf_append(&packed, buf_data(&answer.bytes), answer.bytes.len);
    Mesos__V1__ResourceStatistics *s =
        mesos__v1__resource_statistics__unpack(NULL, packed.len, (const uint8_t *)buf_data(&packed));
    assert_non_null(s);
    mesos__v1__resource_statistics__free_unpacked(s, NULL);
    buf_fini(&answer.bytes);
    return status;
}

static int
status(struct box *box, const char *id)
{
    struct answer answer = {0};
    isolator_status(box->module, id, on_answer, &answer);
    int code = answered(box, &answer);
    Mesos__V1__ContainerStatus *s =
        mesos__v1__container_status__unpack(NULL, answer.bytes.len, (const uint8_t *)buf_cstr(&answer.bytes));
    assert_non_null(s);
    mesos__v1__container_status__free_unpacked(s, NULL);
    buf_fini(&answer.bytes);
    return code;
}

static void
recover(struct box *box, const struct mesos_isolator_state *states, size_t count, const char *const *orphans,
        size_t orphan_count)
{
    struct answer answer = {0};
    isolator_recover(box->module, states, count, orphans, orphan_count, on_answer, &answer);
    int code = answered(box, &answer);
    if (code < 0)
        print_error("recover: %s\n", answer.error);
    assert_int_equal(code, 0);
    buf_fini(&answer.bytes);
}

/* ---- what is asked ---- */

static void
one_life(struct box *box)
{
    struct inmate inmate;
    inmate_init(box, &inmate, "c1");
    if (prepare(box, &inmate, 0) == 0) {
        spawn(&inmate);
        assert_int_equal(isolate(box, "c1", inmate.pid), 0);
        assert_int_equal(update(box, "c1"), 0);
        assert_int_equal(usage(box, "c1"), 0);
        assert_int_equal(status(box, "c1"), 0);
        assert_int_equal(kill(inmate.pid, SIGKILL), 0); /* it harmed nobody */
        assert_int_equal(waitpid(inmate.pid, NULL, 0), inmate.pid);
        inmate.pid = 0;
        usage(box, "c1"); /* between the end and cleanup any answer will do */
        status(box, "c1");
    }
    assert_int_equal(cleanup(box, "c1"), 0);
    assert_int_equal(cleanup(box, "c1"), 0);
    inmate_fini(&inmate);
}

static void
prepared_only(struct box *box)
{
    struct inmate inmate;
    inmate_init(box, &inmate, "c1");
    prepare(box, &inmate, 0);
    assert_int_equal(cleanup(box, "c1"), 0); /* the launch failed elsewhere */
    inmate_fini(&inmate);
}

static void
a_nested_one(struct box *box)
{
    struct inmate parent, nested;
    if (!isolator_supports_nesting(box->module))
        return;
    inmate_init(box, &parent, "c1");
    inmate_init(box, &nested, "c1.n1");
    if (prepare(box, &parent, 0) == 0) {
        spawn(&parent);
        assert_int_equal(isolate(box, "c1", parent.pid), 0);
        if (prepare(box, &nested, parent.pid) == 0) {
            spawn(&nested);
            assert_int_equal(isolate(box, "c1.n1", nested.pid), 0);
            assert_int_equal(usage(box, "c1.n1"), 0);
            assert_int_equal(status(box, "c1.n1"), 0);
        }
    }
    inmate_fini(&nested);
    assert_int_equal(cleanup(box, "c1.n1"), 0);
    inmate_fini(&parent);
    assert_int_equal(cleanup(box, "c1"), 0);
}

static void
nobody(struct box *box)
{
    static const char *const ids[] = {"nobody", "nobody.nested", "..", "a/b", ""};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        update(box, ids[i]); /* what it says is its own affair, but it says it once */
        usage(box, ids[i]);
        status(box, ids[i]);
    }
    assert_int_equal(cleanup(box, "nobody"), 0);
    assert_int_equal(cleanup(box, "nobody.nested"), 0);
}

static void
rubbish(struct box *box)
{
    struct inmate inmate;
    inmate_init(box, &inmate, "c1");
    buf_clear(&inmate.config);
    buf_puts(&inmate.config, "\xff\xff\xff no message");
    prepare(box, &inmate, 0);
    assert_int_equal(cleanup(box, "c1"), 0);
    inmate_fini(&inmate);
}

/* The host restarts while two run; the next one knows one of them. */
static void
a_restart(struct box *box)
{
    struct inmate known, orphan;
    inmate_init(box, &known, "c1");
    inmate_init(box, &orphan, "orphan");
    bool both = prepare(box, &known, 0) == 0 && prepare(box, &orphan, 0) == 0;
    if (both) {
        spawn(&known);
        spawn(&orphan);
        assert_int_equal(isolate(box, "c1", known.pid), 0);
        assert_int_equal(isolate(box, "orphan", orphan.pid), 0);
    }
    contract_host_close(&box->contract);
    contract_host_open(&box->contract);
    assert_true(module_open(box));
    const struct mesos_isolator_state state = {sizeof state, "c1", known.pid, known.sandbox,
                                               {buf_data(&known.config), known.config.len}};
    const char *const orphans[] = {"orphan", "never-seen"};
    recover(box, &state, both ? 1 : 0, orphans, ARRAY_LEN(orphans));
    if (both) {
        assert_int_equal(update(box, "c1"), 0);
        assert_int_equal(usage(box, "c1"), 0);
        assert_int_equal(status(box, "c1"), 0);
    }
    inmate_fini(&orphan);
    assert_int_equal(cleanup(box, "orphan"), 0);
    assert_int_equal(cleanup(box, "never-seen"), 0);
    inmate_fini(&known);
    assert_int_equal(cleanup(box, "c1"), 0);
}

/* A container of an agent before isolators were asked about it: known, with nothing in place. */
static void
a_stranger(struct box *box)
{
    struct inmate inmate;
    inmate_init(box, &inmate, "c1");
    spawn(&inmate);
    const struct mesos_isolator_state state = {sizeof state, "c1", inmate.pid, inmate.sandbox, {NULL, 0}};
    recover(box, &state, 1, NULL, 0);
    usage(box, "c1");
    status(box, "c1");
    inmate_fini(&inmate);
    assert_int_equal(cleanup(box, "c1"), 0);
}

static void
ask(void (*question)(struct box *box), bool recovers)
{
    for (size_t i = 0; i < subject_count; i++) {
        struct box box;
        box_open(&box, &subjects[i]);
        if (module_open(&box)) {
            if (!recovers)
                recover(&box, NULL, 0, NULL, 0);
            question(&box);
        }
        box_close(&box);
    }
}

static void
test_one_life(void **state)
{
    ask(one_life, false);
}

static void
test_prepared_and_never_started(void **state)
{
    ask(prepared_only, false);
}

static void
test_nested(void **state)
{
    ask(a_nested_one, false);
}

static void
test_ids_that_nobody_knows(void **state)
{
    ask(nobody, false);
}

static void
test_configurations_that_do_not_decode(void **state)
{
    ask(rubbish, false);
}

static void
test_a_restart_with_known_ones_and_orphans(void **state)
{
    ask(a_restart, false);
}

static void
test_containers_that_it_never_prepared(void **state)
{
    ask(a_stranger, true);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_life),
        cmocka_unit_test(test_prepared_and_never_started),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_ids_that_nobody_knows),
        cmocka_unit_test(test_configurations_that_do_not_decode),
        cmocka_unit_test(test_a_restart_with_known_ones_and_orphans),
        cmocka_unit_test(test_containers_that_it_never_prepared),
    };
    if (argc > 1 && argc % 2 == 0 && argc < OPTIONS_MAX) {
        given.name = argv[1];
        for (int i = 2; i < argc; i++)
            given.options[i - 2] = argv[i];
        subjects = &given;
        subject_count = 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
