/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a containerizer must do, asked of "native" with isolators posix/cpu and posix/mem and the sandbox logger: real
 * processes, real signals, real restarts of the host. Needs no root; what only root can do is looked at when it is.
 */
#include "contract.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "agent/fetcher.h"
#include "host/kind_containerizer.h"
#include "mesos/slave/containerizer.pb-c.h"
#include "mesos/switchboard.h"

struct box {
    struct contract contract;
    struct module *native;
    struct fetcher *fetcher; /* the agent's */
};

/* Isolators and logger are started first: they are stopped last. */
static void
modules_open(struct box *box)
{
    struct module *isolators[] = {contract_start(&box->contract, MESOS_KIND_ISOLATOR, "posix/mem"),
                                  contract_start(&box->contract, MESOS_KIND_ISOLATOR, "posix/cpu")};
    struct module *logger = contract_start(&box->contract, MESOS_KIND_CONTAINER_LOGGER, "sandbox");
    box->native = contract_start(&box->contract, MESOS_KIND_CONTAINERIZER, "native");
    containerizer_initialize(box->native, isolators, ARRAY_LEN(isolators), logger);
    box->fetcher = fetcher_new(&(struct fetcher_setup){.loop = box->contract.loop, .launcher_dir = box->contract.launcher_dir});
    struct containerizer_fetcher lent = fetcher_lent(box->fetcher);
    containerizer_lend_fetcher(box->contract.host, &lent);
}

static void
modules_close(struct box *box)
{
    containerizer_lend_fetcher(box->contract.host, NULL);
    fetcher_free(box->fetcher);
    box->fetcher = NULL;
    contract_host_close(&box->contract);
}

static void
recover(struct box *box, const struct mesos_isolator_state *states, size_t count)
{
    struct answer answer = {0};
    containerizer_recover(box->native, states, count, on_answer, &answer);
    assert_int_equal(contract_await(&box->contract, &answer), 0);
}

static int
setup(void **state)
{
    struct box *box = xcalloc(1, sizeof *box);
    char cwd[4096];
    contract_open(&box->contract);
    assert_non_null(getcwd(cwd, sizeof cwd));
    auto_free char *program = xasprintf("%s/modules/containerizer/mesos-containerizer", cwd);
    auto_free char *link = xasprintf("%s/mesos-containerizer", box->contract.launcher_dir);
    assert_int_equal(symlink(program, link), 0);
    modules_open(box);
    recover(box, NULL, 0);
    *state = box;
    return 0;
}

static int
teardown(void **state)
{
    struct box *box = *state;
    modules_close(box);
    contract_close(&box->contract);
    free(box);
    return 0;
}

/* What a launch asks for; everything but the id may be left out. */
struct wish {
    const char *id;
    const char *shell; /* command line for sh, or NULL */
    const char *const *argv; /* NULL-terminated */
    const char *const *environment;
    const char *const *uris;
    const char *output_file;
    const char *user;
    bool docker, standalone, debug, terminal;
};

static char *
sandbox_of(const struct box *box, const char *id)
{
    struct str rest = str_of(id);
    auto_buf struct buf path = {0};
    buf_puts(&path, box->contract.work_dir);
    while (rest.len > 0) {
        struct str name = str_cut(&rest, '.');
        buf_printf(&path, "%s/%.*s", name.ptr == id ? "" : "/containers", STR_ARG(name));
    }
    return xstrdup(buf_cstr(&path));
}

static char *
pid_path_of(const struct box *box, const char *id)
{
    return xasprintf("%s/%s.pid", box->contract.dir, id);
}

static void
pack(const struct wish *wish, const char *sandbox, struct buf *out)
{
    Mesos__Slave__ContainerConfig config = MESOS__SLAVE__CONTAINER_CONFIG__INIT;
    Mesos__V1__CommandInfo command = MESOS__V1__COMMAND_INFO__INIT;
    Mesos__V1__ContainerInfo info = MESOS__V1__CONTAINER_INFO__INIT;
    union {
        const char *from;
        char *to;
    } text;
    char *arguments[16];
    Mesos__V1__CommandInfo__URI uris[4], *uri_list[4];
    text.from = wish->shell ? wish->shell : wish->argv[0];
    command.value = text.to;
    command.has_shell = 1;
    command.shell = wish->shell != NULL;
    for (size_t i = 0; wish->argv && wish->argv[i]; i++) {
        text.from = wish->argv[i];
        arguments[command.n_arguments++] = text.to;
    }
    command.arguments = arguments;
    for (size_t i = 0; wish->uris && wish->uris[i]; i++) {
        mesos__v1__command_info__uri__init(&uris[i]);
        text.from = wish->uris[i];
        uris[i].value = text.to;
        text.from = wish->output_file;
        uris[i].output_file = text.to;
        uri_list[command.n_uris++] = &uris[i];
    }
    command.uris = uri_list;
    config.command_info = &command;
    text.from = sandbox;
    config.directory = text.to;
    text.from = wish->user;
    config.user = text.to;
    Mesos__V1__TTYInfo tty = MESOS__V1__TTYINFO__INIT;
    info.type = wish->docker ? MESOS__V1__CONTAINER_INFO__TYPE__DOCKER : MESOS__V1__CONTAINER_INFO__TYPE__MESOS;
    info.tty_info = wish->terminal ? &tty : NULL;
    config.container_info = wish->docker || wish->terminal ? &info : NULL;
    config.has_container_class = wish->debug;
    config.container_class = MESOS__SLAVE__CONTAINER_CLASS__DEBUG;
    size_t len = mesos__slave__container_config__get_packed_size(&config);
    buf_added(out, mesos__slave__container_config__pack(&config, (uint8_t *)buf_reserve(out, len)));
}

static void
launch_begin(struct box *box, const struct wish *wish, struct answer *answer)
{
    static const struct mesos_resource items[] = {
        {.name = "cpus", .role = "*", .type = MESOS_VALUE_SCALAR, .scalar = 1500, .shared_count = 1},
        {.name = "mem", .role = "*", .type = MESOS_VALUE_SCALAR, .scalar = 64000, .shared_count = 1},
    };
    auto_free char *sandbox = sandbox_of(box, wish->id);
    auto_free char *pid_path = pid_path_of(box, wish->id);
    auto_buf struct buf config = {0};
    bool nested = strchr(wish->id, '.');
    if (!nested && !wish->standalone)
        mkdir(sandbox, 0755);
    pack(wish, nested ? "" : sandbox, &config);
    struct mesos_containerizer_launch launch = {
        .size = sizeof launch,
        .container_id = wish->id,
        .config = {buf_data(&config), config.len},
        .environment = wish->environment,
        .pid_checkpoint_path = nested || wish->standalone ? NULL : pid_path,
        .resources = {sizeof items[0], ARRAY_LEN(items), items},
        .standalone = wish->standalone,
    };
    containerizer_launch(box->native, &launch, on_answer, answer);
    assert_false(answer->done);
}

static void
launch(struct box *box, const struct wish *wish)
{
    struct answer answer = {0};
    launch_begin(box, wish, &answer);
    if (contract_await(&box->contract, &answer) != 0)
        print_error("%s\n", answer.error);
    assert_int_equal(answer.status, 0);
    assert_int_equal(answer.bytes.len, 1);
    assert_int_equal(*buf_data(&answer.bytes), CONTAINERIZER_LAUNCHED);
    buf_fini(&answer.bytes);
}

static void
launch_refused(struct box *box, const struct wish *wish, const char *part)
{
    struct answer answer = {0};
    launch_begin(box, wish, &answer);
    assert_true(contract_await(&box->contract, &answer) < 0);
    assert_text(answer.error, part, NULL);
}

/* The wait status; -1 when the termination has none. */
static int
termination(struct box *box, struct answer *answer)
{
    assert_int_equal(contract_await(&box->contract, answer), 0);
    Mesos__Slave__ContainerTermination *t = mesos__slave__container_termination__unpack(
        NULL, answer->bytes.len, (const uint8_t *)buf_cstr(&answer->bytes));
    assert_non_null(t);
    int status = t->has_status ? t->status : -1;
    mesos__slave__container_termination__free_unpacked(t, NULL);
    buf_fini(&answer->bytes);
    answer->bytes = (struct buf){0};
    return status;
}

static int
wait_for(struct box *box, const char *id)
{
    struct answer answer = {0};
    containerizer_wait(box->native, id, on_answer, &answer);
    return termination(box, &answer);
}

static int
destroy(struct box *box, const char *id)
{
    struct answer answer = {0};
    containerizer_destroy(box->native, id, on_answer, &answer);
    return termination(box, &answer);
}

static char *
content(const struct box *box, const char *id, const char *file)
{
    auto_free char *sandbox = sandbox_of(box, id);
    auto_free char *path = xasprintf("%s/%s", sandbox, file);
    struct buf text = {0};
    file_read(path, 1 << 20, &text, NULL);
    return buf_take(&text);
}

static pid_t
pid_of(const struct box *box, const char *id)
{
    auto_free char *path = pid_path_of(box, id);
    auto_buf struct buf text = {0};
    for (int i = 0; i < 2000 && text.len == 0; i++) { /* it is written before exec, not before the launch is answered */
        usleep(1000);
        file_read(path, 100, &text, NULL);
    }
    assert_true(text.len > 0);
    return (pid_t)atoi(buf_cstr(&text));
}

struct line {
    struct box *box;
    const char *id;
    char *text;
};

static bool
has_line(void *arg)
{
    struct line *line = arg;
    free(line->text);
    line->text = content(line->box, line->id, "stdout");
    return strchr(line->text, '\n') != NULL;
}

/* The container's stdout as soon as it has a whole line. */
static char *
first_output(struct box *box, const char *id)
{
    struct line line = {box, id, NULL};
    assert_true(contract_until(&box->contract, has_line, &line));
    return line.text;
}

static void
test_a_command_runs_and_ends(void **state)
{
    struct box *box = *state;
    static const char *const environment[] = {"A=1 2", "PATH=/usr/bin:/bin", NULL};
    launch(box, &(struct wish){.id = "c1",
                               .shell = "echo \"$A\" \"$MESOS_SANDBOX\" \"$PWD\" \"$(ls /proc/self/fd | tr '\\n' ' ')\" $PPID; "
                                        "echo oops >&2; exit 3",
                               .environment = environment});
    assert_int_equal(wait_for(box, "c1"), 3 << 8);
    auto_free char *sandbox = sandbox_of(box, "c1");
    auto_free char *out = content(box, "c1", "stdout");
    auto_free char *err = content(box, "c1", "stderr");
    auto_free char *expected = xasprintf("1 2 %s %s 0 1 2 3  %d\n", sandbox, sandbox, (int)getpid());
    assert_string_equal(out, expected); /* ls itself opens 3 */
    assert_string_equal(err, "oops\n");
    auto_free char *traces = xasprintf("%s/containers/c1", box->contract.runtime_dir);
    assert_int_equal(access(traces, F_OK), -1);
}

static void
test_the_pid_is_on_disk_before_the_command(void **state)
{
    struct box *box = *state;
    auto_free char *pid_path = pid_path_of(box, "c1");
    auto_free char *command = xasprintf("test $$ = $(cat %s) && test $$ = $(cut -d' ' -f6 /proc/$$/stat)", pid_path);
    launch(box, &(struct wish){.id = "c1", .shell = command});
    assert_int_equal(wait_for(box, "c1"), 0); /* and it leads its own session */
}

static void
test_argv_is_looked_up_in_the_containers_path(void **state)
{
    struct box *box = *state;
    static const char *const argv[] = {"printf", "%s|%s", "a b", "$HOME", NULL};
    launch(box, &(struct wish){.id = "c1", .argv = argv});
    assert_int_equal(wait_for(box, "c1"), 0);
    auto_free char *out = content(box, "c1", "stdout");
    assert_string_equal(out, "a b|$HOME");
    static const char *const missing[] = {"no-such-program-anywhere", NULL};
    launch(box, &(struct wish){.id = "c2", .argv = missing});
    assert_int_equal(wait_for(box, "c2"), 1 << 8);
    auto_free char *err = content(box, "c2", "stderr");
    assert_string_equal(err, "Failed to execute 'no-such-program-anywhere': No such file or directory\n");
}

static void
test_long_descriptions_arrive_whole(void **state)
{
    struct box *box = *state;
    auto_free char *entry = xmalloc(100001);
    memset(entry, 'x', 100000);
    memcpy(entry, "LONG=", 5);
    entry[100000] = '\0';
    const char *const environment[] = {entry, entry, NULL};
    launch(box, &(struct wish){.id = "c1", .shell = "echo ${#LONG}", .environment = environment});
    assert_int_equal(wait_for(box, "c1"), 0);
    auto_free char *out = content(box, "c1", "stdout");
    assert_string_equal(out, "99995\n");
}

static void
test_destroy_leaves_no_process(void **state)
{
    struct box *box = *state;
    /* A child, one in another session, and one whose parent is gone. */
    launch(box, &(struct wish){.id = "c1",
                               .shell = "sleep 1000 & a=$!; setsid sleep 1001 & b=$!; "
                                        "c=$(sh -c 'setsid sleep 1002 >/dev/null & echo $!'); echo $a $b $c; wait"});
    auto_free char *out = first_output(box, "c1");
    int pids[3];
    assert_int_equal(sscanf(out, "%d %d %d", &pids[0], &pids[1], &pids[2]), 3);
    for (size_t i = 0; i < ARRAY_LEN(pids); i++)
        assert_int_equal(kill(pids[i], 0), 0);
    struct answer waiting = {0};
    containerizer_wait(box->native, "c1", on_answer, &waiting);
    assert_int_equal(destroy(box, "c1"), SIGKILL);
    assert_int_equal(termination(box, &waiting), SIGKILL);
    for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/stat", pids[i]);
        auto_buf struct buf stat = {0};
        if (file_read(path, 4096, &stat, NULL) == 0) /* a zombie that init has not seen yet */
            assert_non_null(strstr(buf_cstr(&stat), ") Z "));
    }
}

static void
test_an_end_by_itself_takes_the_rest_along(void **state)
{
    struct box *box = *state;
    launch(box, &(struct wish){.id = "c1", .shell = "sleep 1000 & echo $!"});
    assert_int_equal(wait_for(box, "c1"), 0);
    auto_free char *out = content(box, "c1", "stdout");
    int pid = atoi(out);
    assert_true(pid > 1);
    for (int i = 0; i < 200 && kill(pid, 0) == 0; i++)
        usleep(10000);
    assert_int_equal(kill(pid, 0), -1);
}

static void
test_unknown_and_double_containers(void **state)
{
    struct box *box = *state;
    struct answer answer = {0};
    containerizer_wait(box->native, "nope", on_answer, &answer);
    assert_int_equal(contract_await(&box->contract, &answer), -ENOENT);
    assert_text(answer.error, "nope", NULL);
    containerizer_destroy(box->native, "nope", on_answer, &answer);
    assert_int_equal(contract_await(&box->contract, &answer), -ENOENT);
    containerizer_usage(box->native, "nope", on_answer, &answer);
    assert_int_equal(contract_await(&box->contract, &answer), -ENOENT);
    assert_int_equal(containerizer_kill(box->native, "nope", SIGTERM), -ESRCH);
    launch(box, &(struct wish){.id = "c1", .shell = "sleep 1000"});
    launch_begin(box, &(struct wish){.id = "c1", .shell = "sleep 1000"}, &answer);
    assert_int_equal(contract_await(&box->contract, &answer), 0);
    assert_int_equal(*buf_cstr(&answer.bytes), CONTAINERIZER_EXISTS);
    launch_begin(box, &(struct wish){.id = "c2", .shell = "true", .docker = true}, &answer);
    assert_int_equal(contract_await(&box->contract, &answer), 0);
    assert_int_equal(*buf_cstr(&answer.bytes), CONTAINERIZER_NOT_MINE);
    assert_int_equal(containerizer_kill(box->native, "c1", SIGTERM), 0);
    assert_int_equal(wait_for(box, "c1"), SIGTERM);
    buf_fini(&answer.bytes);
}

static void
test_destroy_while_launching(void **state)
{
    struct box *box = *state;
    struct answer answer = {0}, ended = {0};
    launch_begin(box, &(struct wish){.id = "c1", .shell = "sleep 1000"}, &answer);
    containerizer_destroy(box->native, "c1", on_answer, &ended);
    assert_true(contract_await(&box->contract, &answer) < 0);
    assert_text(answer.error, "Container is being destroyed during", NULL);
    termination(box, &ended);
    launch(box, &(struct wish){.id = "c1", .shell = "true"}); /* the id is free again */
    assert_int_equal(wait_for(box, "c1"), 0);
}

static void
test_usage_and_status(void **state)
{
    struct box *box = *state;
    struct answer answer = {0};
    launch(box, &(struct wish){.id = "c1", .shell = "i=0; while test $i -lt 60000; do i=$((i+1)); done; echo done; sleep 1000"});
    free(first_output(box, "c1"));
    containerizer_usage(box->native, "c1", on_answer, &answer);
    assert_int_equal(contract_await(&box->contract, &answer), 0);
    Mesos__V1__ResourceStatistics *s = mesos__v1__resource_statistics__unpack(
        NULL, answer.bytes.len, (const uint8_t *)buf_cstr(&answer.bytes));
    assert_non_null(s);
    assert_true(s->timestamp > 1.7e9);
    assert_true(s->cpus_soft_limit == 1.5);
    assert_true(s->mem_limit_bytes == 64 << 20 && s->mem_soft_limit_bytes == 64 << 20);
    assert_true(s->has_cpus_user_time_secs && s->cpus_user_time_secs + s->cpus_system_time_secs > 0);
    assert_true(s->mem_rss_bytes > 100000 && s->mem_rss_bytes < 64 << 20);
    mesos__v1__resource_statistics__free_unpacked(s, NULL);
    struct mesos_resource cpus = {.name = "cpus", .role = "*", .scalar = 250, .shared_count = 1};
    containerizer_update(box->native, "c1", (struct mesos_resources){sizeof cpus, 1, &cpus}, bytes_of(""), on_answer, &answer);
    assert_int_equal(contract_await(&box->contract, &answer), 0);
    containerizer_status(box->native, "c1", on_answer, &answer);
    assert_int_equal(contract_await(&box->contract, &answer), 0);
    Mesos__V1__ContainerStatus *status = mesos__v1__container_status__unpack(
        NULL, answer.bytes.len, (const uint8_t *)buf_cstr(&answer.bytes));
    assert_non_null(status);
    assert_int_equal(status->executor_pid, pid_of(box, "c1"));
    assert_string_equal(status->container_id->value, "c1");
    mesos__v1__container_status__free_unpacked(status, NULL);
    buf_fini(&answer.bytes);
    assert_int_equal(destroy(box, "c1"), SIGKILL);
}

static void
put_fetcher(const struct box *box, const char *script)
{
    auto_free char *path = xasprintf("%s/mesos-fetcher", box->contract.launcher_dir);
    assert_int_equal(file_replace(path, script, strlen(script), 0755, false, NULL), 0);
}

static void
test_uris_are_fetched_before_the_command(void **state)
{
    struct box *box = *state;
    static const char *const uris[] = {"http://127.0.0.1:1/a\"b", "/x/y", NULL};
    put_fetcher(box, "#!/bin/sh\necho \"$MESOS_FETCHER_INFO\"; test -z \"$MESOS_SECRET\" || exit 9; echo here > fetched\n");
    setenv("MESOS_SECRET", "1", 1);
    launch(box, &(struct wish){.id = "c1", .shell = "cat fetched", .uris = uris});
    assert_int_equal(wait_for(box, "c1"), 0);
    auto_free char *out = content(box, "c1", "stdout");
    auto_free char *sandbox = sandbox_of(box, "c1");
    auto_free char *expected = xasprintf(
        "{\"items\":[{\"action\":\"BYPASS_CACHE\",\"uri\":{\"value\":\"http:\\/\\/127.0.0.1:1\\/a\\\"b\",\"extract\":true}},"
        "{\"action\":\"BYPASS_CACHE\",\"uri\":{\"value\":\"\\/x\\/y\",\"extract\":true}}],\"sandbox_directory\":\"%s\"}\nhere\n",
        sandbox);
    auto_buf struct buf plain = {0}; /* '/' may be escaped or not */
    for (const char *p = expected; *p; p++) {
        if (p[0] != '\\' || p[1] != '/')
            buf_putc(&plain, *p);
    }
    auto_buf struct buf got = {0};
    for (const char *p = out; *p; p++) {
        if (p[0] != '\\' || p[1] != '/')
            buf_putc(&got, *p);
    }
    assert_string_equal(buf_cstr(&got), buf_cstr(&plain));
}

static void
test_failed_fetches_fail_the_launch_in_mesoss_words(void **state)
{
    struct box *box = *state;
    static const char *const uris[] = {"/x/y", NULL}, *const odd[] = {"/x/y'z", NULL};
    put_fetcher(box, "#!/bin/sh\nexit 1\n");
    launch_refused(box, &(struct wish){.id = "c1", .shell = "true", .uris = uris},
                   "Failed to fetch all URIs for container 'c1': exited with status 1");
    put_fetcher(box, "#!/bin/sh\nkill -9 $$\n");
    launch_refused(box, &(struct wish){.id = "c2", .shell = "true", .uris = uris},
                   "Failed to fetch all URIs for container 'c2': terminated with signal Killed");
    launch_refused(box, &(struct wish){.id = "c3", .shell = "true", .uris = odd}, "Could not fetch: Illegal characters in URI");
    launch_refused(box, &(struct wish){.id = "c4", .shell = "true", .uris = uris, .output_file = "/etc/x"},
                   "Could not fetch: URI output file must be within the sandbox directory");
    launch_refused(box, &(struct wish){.id = "c5", .shell = "true", .uris = uris, .output_file = "a/../../x"},
                   "Could not fetch: URI output file must be within the sandbox directory");
    put_fetcher(box, "#!/bin/sh\nexec sleep 1000\n");
    struct answer answer = {0}, ended = {0};
    launch_begin(box, &(struct wish){.id = "c6", .shell = "true", .uris = uris}, &answer);
    struct line line = {box, "c6", NULL};
    loop_run_until(box->contract.loop, has_line, &line, 100);
    free(line.text);
    containerizer_destroy(box->native, "c6", on_answer, &ended);
    assert_true(contract_await(&box->contract, &answer) < 0);
    assert_string_equal(answer.error, "Container is being destroyed during fetching");
    termination(box, &ended);
}

static void
test_users(void **state)
{
    struct box *box = *state;
    launch_refused(box, &(struct wish){.id = "c1", .shell = "true", .user = "no-such-user-here"}, "No such user");
    if (geteuid() != 0) {
        launch_refused(box, &(struct wish){.id = "c2", .shell = "true", .user = "root"}, "the agent is not root");
        return;
    }
    chmod(box->contract.dir, 0755);
    launch(box, &(struct wish){.id = "c3", .shell = "id -u -n; id -G", .user = "nobody"});
    assert_int_equal(wait_for(box, "c3"), 0);
    auto_free char *out = content(box, "c3", "stdout");
    assert_int_equal(strncmp(out, "nobody\n", 7), 0);
    assert_null(strstr(out, "\n0")); /* none of root's groups */
}

/* Seen by the loop, which is its parent here. */
static bool
has_ended(void *arg)
{
    return kill(*(pid_t *)arg, 0) != 0;
}

static void
test_containers_outlive_the_agent(void **state)
{
    struct box *box = *state;
    launch(box, &(struct wish){.id = "kept", .shell = "sleep 1000"});
    launch(box, &(struct wish){.id = "orphan", .shell = "sleep 1000"});
    launch(box, &(struct wish){.id = "ended", .shell = "sleep 1000"});
    pid_t kept = pid_of(box, "kept"), orphan = pid_of(box, "orphan"), ended = pid_of(box, "ended");
    modules_close(box);
    assert_int_equal(kill(kept, 0), 0);
    assert_int_equal(kill(ended, SIGKILL), 0);
    assert_int_equal(waitpid(ended, NULL, 0), ended);
    contract_host_open(&box->contract);
    modules_open(box);
    auto_free char *sandbox = sandbox_of(box, "kept");
    auto_free char *other = sandbox_of(box, "other");
    const struct mesos_isolator_state states[] = {
        {.size = sizeof states[0], .container_id = "kept", .pid = kept, .sandbox = sandbox},
        {.size = sizeof states[0], .container_id = "ended", .pid = ended, .sandbox = other},
        {.size = sizeof states[0], .container_id = "unknown", .pid = 0, .sandbox = other},
    };
    recover(box, states, ARRAY_LEN(states));
    assert_true(contract_until(&box->contract, has_ended, &orphan));
    assert_int_equal(kill(kept, 0), 0);
    struct answer answer = {0};
    containerizer_usage(box->native, "kept", on_answer, &answer);
    assert_int_equal(contract_await(&box->contract, &answer), 0);
    buf_fini(&answer.bytes);
    destroy(box, "kept");
    assert_true(has_ended(&kept));
}

static void
test_a_pid_alone_is_never_trusted(void **state)
{
    struct box *box = *state;
    launch(box, &(struct wish){.id = "c1", .shell = "exec sleep 1000"});
    pid_t stranger = pid_of(box, "c1");
    modules_close(box);
    auto_free char *path = xasprintf("%s/containers/c1/state", box->contract.runtime_dir);
    auto_free char *sandbox = sandbox_of(box, "another");
    auto_free char *text = xasprintf("%d 17\n%s\n", (int)stranger, sandbox); /* it began at another time */
    assert_int_equal(file_replace(path, text, strlen(text), 0644, false, NULL), 0);
    contract_host_open(&box->contract);
    modules_open(box);
    const struct mesos_isolator_state state_of = {
        .size = sizeof state_of, .container_id = "c1", .pid = stranger, .sandbox = sandbox};
    recover(box, &state_of, 1);
    struct answer answer = {0};
    containerizer_destroy(box->native, "c1", on_answer, &answer);
    contract_await(&box->contract, &answer); /* gone already, or soon */
    assert_int_equal(kill(stranger, 0), 0);
    kill(stranger, SIGKILL);
    waitpid(stranger, NULL, 0);
    buf_fini(&answer.bytes);
}

static bool
is_gone(void *arg)
{
    return access(arg, F_OK) != 0;
}

/* The helper of an agent that dies before it says go must not start anything. */
static void
test_nothing_starts_without_the_agents_word(void **state)
{
    struct box *box = *state;
    pid_t pid = fork();
    if (pid == 0) { /* the threads of our loop are not here: it is left alone */
        box->contract.loop = loop_new(NULL, NULL);
        contract_host_open(&box->contract);
        modules_open(box);
        struct answer answer = {0};
        auto_free char *pid_path = pid_path_of(box, "c1");
        launch_begin(box, &(struct wish){.id = "c1", .shell = "echo started"}, &answer);
        for (int i = 0; i < 5000 && access(pid_path, F_OK) != 0; i++) /* about when the helper waits for our word */
            loop_run_until(box->contract.loop, has_line, &(struct line){box, "c1", NULL}, 1);
        raise(SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    struct mesos_isolator_state none[1];
    modules_close(box);
    contract_host_open(&box->contract);
    modules_open(box);
    recover(box, none, 0);
    auto_free char *runtime = xasprintf("%s/containers/c1", box->contract.runtime_dir);
    assert_true(contract_until(&box->contract, is_gone, runtime));
}

struct burst {
    struct box *box;
    struct answer launched[64], ended[64];
    size_t over;
};

static bool
all_over(void *arg)
{
    struct burst *burst = arg;
    burst->over = 0;
    for (size_t i = 0; i < ARRAY_LEN(burst->ended); i++) {
        if (burst->launched[i].done) {
            char id[16];
            snprintf(id, sizeof id, "b%zu", i);
            assert_int_equal(burst->launched[i].status, 0);
            burst->launched[i].done = false;
            containerizer_wait(burst->box->native, id, on_answer, &burst->ended[i]);
        }
        burst->over += burst->ended[i].done;
    }
    return burst->over == ARRAY_LEN(burst->ended);
}

static void
test_many_at_once(void **state)
{
    struct box *box = *state;
    struct burst *burst = xcalloc(1, sizeof *burst);
    struct timespec begin, end;
    burst->box = box;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (size_t i = 0; i < ARRAY_LEN(burst->ended); i++) {
        char id[16];
        snprintf(id, sizeof id, "b%zu", i);
        launch_begin(box, &(struct wish){.id = id, .shell = "exit 7"}, &burst->launched[i]);
    }
    assert_true(contract_until(&box->contract, all_over, burst));
    clock_gettime(CLOCK_MONOTONIC, &end);
    for (size_t i = 0; i < ARRAY_LEN(burst->ended); i++) {
        assert_int_equal(burst->ended[i].status, 0);
        burst->ended[i].done = true;
        assert_int_equal(termination(box, &burst->ended[i]), 7 << 8);
        buf_fini(&burst->launched[i].bytes);
    }
    double secs = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    print_message("%zu containers in %.3f s: %.0f per second\n", ARRAY_LEN(burst->ended), secs,
                  (double)ARRAY_LEN(burst->ended) / secs);
    free(burst);
}

/* ---- nested and standalone ones ---- */

static int
removed(struct box *box, const char *id)
{
    struct answer answer = {0};
    containerizer_remove(box->native, id, on_answer, &answer);
    return contract_await(&box->contract, &answer);
}

static int
waited(struct box *box, const char *id)
{
    struct answer answer = {0};
    containerizer_wait(box->native, id, on_answer, &answer);
    int status = contract_await(&box->contract, &answer);
    buf_fini(&answer.bytes);
    return status;
}

static void
test_a_nested_container_lives_in_its_parent(void **state)
{
    struct box *box = *state;
    static const char *const environment[] = {"A=1", NULL};
    launch(box, &(struct wish){.id = "root", .shell = "sleep 1000"});
    launch(box, &(struct wish){
                    .id = "root.n", .shell = "pwd; echo $A $MESOS_CONTAINER_ID; exit 3", .environment = environment});
    assert_int_equal(wait_for(box, "root.n"), 3 << 8);
    auto_free char *sandbox = sandbox_of(box, "root.n");
    auto_free char *expected = xasprintf("%s\n1 root.n\n", sandbox);
    auto_free char *out = content(box, "root.n", "stdout");
    assert_string_equal(out, expected);
    assert_int_equal(wait_for(box, "root.n"), 3 << 8); /* known until it is removed */
    assert_int_equal(destroy(box, "root.n"), 3 << 8);
    assert_int_equal(containerizer_kill(box->native, "root.n", SIGTERM), -ESRCH);
    assert_int_equal(removed(box, "root.n"), 0);
    assert_true(is_gone(sandbox));
    assert_int_equal(waited(box, "root.n"), -ENOENT);
    assert_int_equal(removed(box, "root.n"), 0);
    assert_int_equal(removed(box, "nothing.n"), -ENOENT);
    launch_refused(box, &(struct wish){.id = "nothing.n", .shell = "true"}, "Parent container nothing does not exist");
    launch_refused(box, &(struct wish){.id = "root..n", .shell = "true"}, "is no container id");
    launch_refused(box, &(struct wish){.id = "root.n.", .shell = "true"}, "is no container id");
    launch_refused(box, &(struct wish){.id = "root.a/b", .shell = "true"}, "is no container id");
    destroy(box, "root");
    launch_refused(box, &(struct wish){.id = "root.n", .shell = "true"}, "Parent container root does not exist");
}

static void
count_one(void *arg, const struct mesos_container_view *view)
{
    size_t *counts = arg;
    counts[0]++;
    counts[1] += view->ended;
    counts[2] += view->standalone;
}

static void
test_the_end_of_a_parent_is_the_end_of_all_in_it(void **state)
{
    struct box *box = *state;
    launch(box, &(struct wish){.id = "root", .shell = "sleep 1000"});
    launch(box, &(struct wish){.id = "root.a", .shell = "sleep 1000"});
    launch(box, &(struct wish){.id = "root.a.b", .shell = "exit 1"});
    launch(box, &(struct wish){.id = "root.a.c", .shell = "sleep 1000"});
    wait_for(box, "root.a.b");
    size_t counts[3] = {0};
    containerizer_each(box->native, count_one, counts);
    assert_int_equal(counts[0], 4);
    assert_int_equal(counts[1], 1);
    struct mesos_container_view view;
    assert_int_equal(containerizer_describe(box->native, "root.a.c", &view), 0);
    pid_t pid = view.pid;
    assert_int_equal(removed(box, "root.a"), -EBUSY);
    struct answer answer = {0};
    containerizer_wait(box->native, "root.a.c", on_answer, &answer);
    assert_true(destroy(box, "root.a") == SIGKILL);
    assert_int_equal(termination(box, &answer), SIGKILL);
    assert_true(has_ended(&pid));
    launch_refused(box, &(struct wish){.id = "root.a.d", .shell = "true"}, "does not exist");
    destroy(box, "root");
    assert_int_equal(containerizer_describe(box->native, "root.a.c", &view), -ENOENT);
    auto_free char *runtime = xasprintf("%s/containers/root", box->contract.runtime_dir);
    assert_true(is_gone(runtime));
}

static bool
is_there(void *arg)
{
    return access(arg, F_OK) == 0;
}

/* It is the helper's first step after the launch is answered. */
static void
await_written(struct box *box, const char *below)
{
    auto_free char *path = xasprintf("%s/containers/%s/state", box->contract.runtime_dir, below);
    assert_true(contract_until(&box->contract, is_there, path));
}

/* The kept ones' status is not lost with the agent; nobody's sessions go. */
static void
test_kept_containers_outlive_the_agent(void **state)
{
    struct box *box = *state;
    struct mesos_container_view view;
    launch(box, &(struct wish){.id = "root", .shell = "sleep 1000"});
    launch(box, &(struct wish){.id = "root.n", .shell = "while [ ! -e go ]; do sleep 0.01; done; exit 4"});
    launch(box, &(struct wish){.id = "root.e", .shell = "exit 2"});
    launch(box, &(struct wish){.id = "root.s", .shell = "sleep 1000", .debug = true});
    launch(box, &(struct wish){.id = "alone", .shell = "sleep 1000", .standalone = true});
    wait_for(box, "root.e");
    await_written(box, "root/containers/n");
    await_written(box, "root/containers/s");
    await_written(box, "alone");
    pid_t pid = pid_of(box, "root");
    assert_int_equal(containerizer_describe(box->native, "root.s", &view), 0);
    pid_t session = view.pid;
    auto_free char *sandbox = sandbox_of(box, "root");
    auto_free char *go = xasprintf("%s/containers/n/go", sandbox);
    modules_close(box);
    assert_int_equal(file_replace(go, "", 0, 0644, false, NULL), 0);
    contract_host_open(&box->contract);
    modules_open(box);
    const struct mesos_isolator_state one = {
        .size = sizeof one, .container_id = "root", .pid = pid, .sandbox = sandbox};
    recover(box, &one, 1);
    assert_int_equal(wait_for(box, "root.n"), 4 << 8);
    assert_int_equal(wait_for(box, "root.e"), 2 << 8);
    assert_int_equal(wait_for(box, "root.s"), SIGKILL);
    assert_true(contract_until(&box->contract, has_ended, &session));
    size_t counts[3] = {0};
    containerizer_each(box->native, count_one, counts);
    assert_int_equal(counts[2], 1);
    assert_int_equal(containerizer_kill(box->native, "alone", SIGTERM), 0);
    assert_int_equal(wait_for(box, "alone"), SIGTERM);
    assert_int_equal(removed(box, "alone"), 0);
    assert_int_equal(waited(box, "alone"), -ENOENT);
    destroy(box, "root");
}

static bool
never(void *arg)
{
    return false;
}

/* One frame of the switchboard's, waited for. */
static uint32_t
frame(struct box *box, int fd, char *text, size_t cap)
{
    struct mesos_io_frame head;
    size_t have = 0;
    char bytes[256];
    for (int i = 0; i < 5000; i++) {
        ssize_t n = recv(fd, bytes + have, (have < sizeof head ? sizeof head : sizeof head + head.len) - have, 0);
        have += n > 0 ? (size_t)n : 0;
        if (n == 0)
            return 0;
        if (have >= sizeof head)
            memcpy(&head, bytes, sizeof head);
        if (have >= sizeof head && have == sizeof head + head.len)
            break;
        loop_run_until(box->contract.loop, never, NULL, 1);
    }
    assert_true(have >= sizeof head && head.len < cap);
    memcpy(text, bytes + sizeof head, head.len);
    text[head.len] = '\0';
    return head.kind;
}

static void
say(int fd, uint32_t kind, const void *bytes, size_t len)
{
    struct mesos_io_frame head = {kind, (uint32_t)len};
    assert_int_equal(send(fd, &head, sizeof head, MSG_NOSIGNAL), sizeof head);
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
}

static void
test_streams_are_attached_to(void **state)
{
    struct box *box = *state;
    struct err err = {0};
    char text[128];
    launch(box, &(struct wish){.id = "root", .shell = "sleep 1000"});
    assert_int_equal(containerizer_attach(box->native, "root", &err), -ENOTCONN);
    assert_string_equal(err.text, "I/O switchboard server was disabled for this container");
    assert_int_equal(containerizer_attach(box->native, "root.none", &err), -ENOENT);
    launch(box, &(struct wish){.id = "root.t", .shell = "read x; echo got $x", .terminal = true});
    int out = containerizer_attach(box->native, "root.t", &err), in = containerizer_attach(box->native, "root.t", &err);
    int second = containerizer_attach(box->native, "root.t", &err);
    int wrong = containerizer_attach(box->native, "root.t", &err);
    assert_true(out >= 0 && in >= 0 && second >= 0 && wrong >= 0);
    say(out, MESOS_IO_ATTACH, "\x02", 1);
    assert_int_equal(frame(box, out, text, sizeof text), MESOS_IO_ATTACHED);
    say(in, MESOS_IO_ATTACH, "\x01", 1);
    assert_int_equal(frame(box, in, text, sizeof text), MESOS_IO_ATTACHED);
    say(second, MESOS_IO_ATTACH, "\x01", 1);
    assert_int_equal(frame(box, second, text, sizeof text), MESOS_IO_REFUSED);
    say(wrong, 77, "x", 1); /* nonsense is hung up on */
    assert_int_equal(frame(box, wrong, text, sizeof text), 0);
    close(wrong);
    const struct mesos_io_frame huge = {MESOS_IO_ATTACH, UINT32_MAX};
    wrong = containerizer_attach(box->native, "root.t", &err);
    assert_int_equal(send(wrong, &huge, sizeof huge, MSG_NOSIGNAL), sizeof huge);
    assert_int_equal(frame(box, wrong, text, sizeof text), 0);
    close(wrong);
    wrong = containerizer_attach(box->native, "root.t", &err); /* an output has nothing to say */
    say(wrong, MESOS_IO_ATTACH, "\x02", 1);
    assert_int_equal(frame(box, wrong, text, sizeof text), MESOS_IO_ATTACHED);
    say(wrong, MESOS_IO_STDIN, "x", 1);
    assert_int_equal(frame(box, wrong, text, sizeof text), 0);
    say(in, MESOS_IO_STDIN, "abc\n", 4);
    auto_buf struct buf seen = {0};
    uint32_t kind;
    while ((kind = frame(box, out, text, sizeof text)) == MESOS_IO_STDOUT)
        buf_puts(&seen, text);
    assert_int_equal(kind, MESOS_IO_END);
    assert_string_equal(buf_cstr(&seen), "abc\r\ngot abc\r\n");
    assert_int_equal(wait_for(box, "root.t"), 0);
    auto_free char *kept = content(box, "root.t", "stdout");
    assert_string_equal(kept, "abc\r\ngot abc\r\n");
    for (int fd = 0; fd < 4; fd++)
        close(fd == 0 ? out : fd == 1 ? in : fd == 2 ? second : wrong);
    destroy(box, "root");
}

int
main(void)
{
    unsetenv("MESOS_SECRET");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_command_runs_and_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_pid_is_on_disk_before_the_command, setup, teardown),
        cmocka_unit_test_setup_teardown(test_argv_is_looked_up_in_the_containers_path, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_descriptions_arrive_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_destroy_leaves_no_process, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_end_by_itself_takes_the_rest_along, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_and_double_containers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_destroy_while_launching, setup, teardown),
        cmocka_unit_test_setup_teardown(test_usage_and_status, setup, teardown),
        cmocka_unit_test_setup_teardown(test_uris_are_fetched_before_the_command, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failed_fetches_fail_the_launch_in_mesoss_words, setup, teardown),
        cmocka_unit_test_setup_teardown(test_users, setup, teardown),
        cmocka_unit_test_setup_teardown(test_containers_outlive_the_agent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_pid_alone_is_never_trusted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_starts_without_the_agents_word, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_nested_container_lives_in_its_parent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_end_of_a_parent_is_the_end_of_all_in_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kept_containers_outlive_the_agent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_streams_are_attached_to, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_at_once, setup, teardown),
    };
    cmocka_set_test_filter(getenv("CONTRACT_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
