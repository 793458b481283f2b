/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Agents that find a damaged meta/: what Apache Mesos wrote, and what each form of ours did, with one file at a time cut,
 * with a bit turned over, or holding what belongs elsewhere. A strict agent names the file or takes it as it is, a lenient
 * one goes on; neither ever crashes. Containers are none: whatever ran is gone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/options.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "../lib/facts.h"
#include "host/host.h"
#include "loop/stream.h"
#include "mesos/containerizer.h"
#include "stage.h"

#define SECS(n) ((int64_t)(n)*1000000000)

enum { FILES_MAX = 200, CUTS = 6, FLIPS = 8 };

/* ---- containers: there are none ---- */

static const struct mesos_host *containers_host;

static int
gone_start(void *instance, const struct mesos_host *host)
{
    (void)instance;
    containers_host = host;
    return 0;
}

static void
gone_recover(void *instance, const struct mesos_isolator_state *states, size_t count, struct mesos_call *call)
{
    (void)instance;
    for (size_t i = 0; i < count; i++)
        assert_true(states[i].container_id && states[i].sandbox);
    containers_host->reply(containers_host, call, 0, (struct mesos_bytes){NULL, 0});
}

static void
gone_launch(void *instance, const struct mesos_containerizer_launch *launch, struct mesos_call *call)
{
    (void)instance;
    (void)launch;
    containers_host->reply(containers_host, call, -ENOTSUP, (struct mesos_bytes){NULL, 0});
}

static void
gone_answer(void *instance, const char *id, struct mesos_call *call)
{
    (void)instance;
    (void)id;
    containers_host->reply(containers_host, call, -ENOENT, (struct mesos_bytes){NULL, 0});
}

static const struct mesos_containerizer_ops gone_ops = {
    .recover = gone_recover, .launch = gone_launch, .wait = gone_answer, .destroy = gone_answer};
static const struct mesos_module gone_module =
    MODULE_DOUBLE(MESOS_KIND_CONTAINERIZER, "gone", "containers that are no more",
                  gone_start, gone_ops);

static const struct mesos_module *const *
gone_modules(void)
{
    static const struct mesos_module *const modules[] = {&gone_module, NULL};
    return modules;
}

/* ---- the world: one loop, one agent at a time ---- */

struct world {
    struct loop *loop;
    struct stream_net *net;
    struct host *host;
    struct agent_options options;
    struct module *containerizer, *election;
    struct address agent_at;
    char directory[64];
    /* The meta/ that is damaged: content and path below work_dir of each file. */
    char *paths[FILES_MAX];
    struct buf contents[FILES_MAX];
    size_t count;
};

static const char *
daemon_option(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "master") == 0 ? "10.0.0.1:5050" : NULL;
}

static int
set_up(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));
    const struct loop_options options = {.virtual_clock = true, .seed = 5};
    struct err err = {0};
    /* Thousands of starts, each of which makes something durable: in memory where there is such a place. */
    snprintf(w->directory, sizeof(w->directory), "%s/test_recovery.XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(w->directory));
    w->options = (struct agent_options){
        .common.work_dir = w->directory,
        .common.launcher_dir = "/usr/libexec/mesos",
        .runtime_dir = w->directory,
        .resources = "cpus:4;mem:4096;disk:10000;ports:[31000-32000]",
        .attributes = "rack:r1",
        .default_role = "*",
        .executor_registration_timeout_ns = SECS(60),
        .executor_reregistration_timeout_ns = SECS(2),
        .executor_shutdown_grace_period_ns = SECS(5),
        .registration_backoff_factor_ns = SECS(1),
        .recovery_timeout_ns = SECS(900),
        .max_completed_executors_per_framework = 3,
        .gc_delay_ns = SECS(604800),
        .disk_watch_interval_ns = SECS(60),
        .gc_disk_headroom = 0.1,
        .oversubscribed_resources_interval_ns = SECS(15),
        .qos_correction_interval_min_ns = SECS(2),
    };
    w->loop = loop_new(&options, NULL);
    w->net = stream_net_new(w->loop, NULL);
    w->host = stage_host((struct host_options){.loop = w->loop, .daemon_option = daemon_option});
    assert_int_equal(host_add_linked(w->host, gone_modules, "test", &err), 0);
    w->containerizer = host_start(w->host, MESOS_KIND_CONTAINERIZER, "gone", NULL, NULL, 0, &err);
    w->election = host_start(w->host, MESOS_KIND_ELECTION, "standalone", NULL, NULL, 0, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(address_parse(STR_LIT("10.0.0.2:5051"), &w->agent_at, NULL), 0);
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *w = *state;
    stage_stop(w->host);
    host_free(w->host);
    stream_net_free(w->net);
    loop_free(w->loop);
    dir_remove(w->directory, NULL);
    for (size_t i = 0; i < w->count; i++) {
        free(w->paths[i]);
        buf_fini(&w->contents[i]);
    }
    free(w);
    return 0;
}

/* ---- the files ---- */

static void
gather(struct world *w, const char *root, const char *below)
{
    auto_free char *path = xasprintf("%s/%s", root, below);
    DIR *dir = opendir(path);
    struct dirent *entry;
    struct stat st;
    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        auto_free char *inside = xasprintf("%s/%s", below, entry->d_name);
        auto_free char *whole = xasprintf("%s/%s", root, inside);
        assert_int_equal(lstat(whole, &st), 0);
        if (S_ISDIR(st.st_mode)) {
            gather(w, root, inside);
            continue;
        }
        assert_true(w->count < FILES_MAX);
        assert_int_equal(file_read(whole, 1 << 20, &w->contents[w->count], NULL), 0);
        w->paths[w->count++] = take(&inside);
    }
    closedir(dir);
}

static void
write_file(const struct world *w, const char *below, const void *data, size_t len)
{
    auto_free char *path = xasprintf("%s/%s", w->directory, below);
    auto_free char *dir = xstrdup(path);
    *strrchr(dir, '/') = '\0';
    assert_int_equal(dir_make(dir, 0755, NULL), 0);
    dir_remove(path, NULL);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(len ? data : "", 1, len, file), len);
    fclose(file);
}

/* Recordings and archives hold no links: <mark>/latest is made to name the directory that is there alone. */
static void
link_latest(const struct world *w, const char *path, const char *mark)
{
    const char *at = strstr(path, mark);
    if (!at)
        return;
    const char *name = at + strlen(mark);
    auto_free char *link = xasprintf("%s/%.*slatest", w->directory, (int)(name - path), path);
    auto_free char *target = xstrndup(name, strcspn(name, "/"));
    if (symlink(target, link))
        assert_int_equal(errno, EEXIST);
}

/* As it was; the machine has not been down since. */
static void
restore(const struct world *w)
{
    auto_buf struct buf boot_id = {0};
    auto_free char *meta = xasprintf("%s/meta", w->directory);
    assert_int_equal(dir_remove(meta, NULL), 0);
    for (size_t i = 0; i < w->count; i++) {
        write_file(w, w->paths[i], buf_data(&w->contents[i]), w->contents[i].len);
        link_latest(w, w->paths[i], "/slaves/");
        link_latest(w, w->paths[i], "/runs/");
    }
    assert_int_equal(file_read("/proc/sys/kernel/random/boot_id", 256, &boot_id, NULL), 0);
    write_file(w, "meta/boot_id", buf_data(&boot_id), str_trim(buf_str(&boot_id)).len);
}

/* ---- one start ---- */

struct outcome {
    int status;
    struct err err;
    char id[128];
};

static struct outcome
start(struct world *w, bool strict)
{
    struct outcome outcome = {0};
    struct agent_setup setup = {.loop = w->loop, .options = &w->options, .host = w->host};
    w->options.strict = strict;
    setup.containerizers = &w->containerizer;
    setup.containerizer_count = 1;
    setup.election = w->election;
    setup.hostname = "agent1.example";
    setup.listen = w->agent_at;
    struct agent *agent = agent_new(&setup, &outcome.err);
    assert_non_null(agent);
    outcome.status = agent_start(agent, &outcome.err);
    if (!outcome.status) {
        stage_pass(w->loop, 5000);
        snprintf(outcome.id, sizeof(outcome.id), "%s", agent_id(agent) ? agent_id(agent) : "");
    }
    agent_free(agent);
    stage_pass(w->loop, 10);
    return outcome;
}

/* Turned bits may make another agent of it, or one that lacks what is on it. */
static bool
is_another_agent(const struct err *err)
{
    return strstr(err->text, "--reconfiguration_policy") || strstr(err->text, "does not cover");
}

static void
try_damaged(struct world *w, size_t i, const void *data, size_t len, bool must_be_refused)
{
    write_file(w, w->paths[i], data, len);
    struct outcome strict = start(w, true);
    if (strict.status && !strstr(strict.err.text, w->paths[i]) && !is_another_agent(&strict.err))
        fail_msg("%s is damaged, and this is said: %s", w->paths[i], strict.err.text);
    if (must_be_refused && !strict.status)
        fail_msg("%s with %zu of %zu bytes was taken", w->paths[i], len, w->contents[i].len);
    if (!strict.status) { /* who refuses leaves everything as it was */
        restore(w);
        write_file(w, w->paths[i], data, len);
    }
    struct outcome lenient = start(w, false);
    if (lenient.status && !is_another_agent(&lenient.err) && !strstr(lenient.err.text, "cmesos_version"))
        fail_msg("%s is damaged and --no-strict does not go on: %s", w->paths[i], lenient.err.text);
    /* A second start meets what the first one made of it. */
    if (!lenient.status && len % 3 == 0)
        assert_int_equal(start(w, false).status, 0);
    restore(w);
}

/* One record alone in its file: any cut is felt. */
static bool
is_one_record(const char *path)
{
    static const char *const names[] = {"/slave.info", "/framework.info", "/executor.info", "_operations.state"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_ends(str_of(path), str_of(names[i])))
            return true;
    return false;
}

/* What is over is not read any more. */
static bool
is_over(const char *path)
{
    return strstr(path, "/done/") != NULL;
}

static void
cut(struct world *w, size_t i)
{
    const struct buf *content = &w->contents[i];
    bool refused = is_one_record(w->paths[i]) && !is_over(w->paths[i]);
    size_t len = content->len, step = len / CUTS + 1;
    for (size_t n = 0; n < len; n = n < 5 || n + 2 >= len ? n + 1 : n + step >= len - 2 ? len - 2 : n + step)
        try_damaged(w, i, buf_data(content), n, refused);
}

static void
flip(struct world *w, size_t i)
{
    const struct buf *content = &w->contents[i];
    size_t step = content->len / FLIPS + 1;
    for (size_t at = 0; at < content->len; at += at < 5 ? 1 : step) {
        auto_free char *bytes = xmemdup(buf_data(content), content->len);
        bytes[at] = (char)(bytes[at] ^ (1 << (at * 5 % 8)));
        try_damaged(w, i, bytes, content->len, false);
    }
}

static void
exchange(struct world *w, size_t i)
{
    static const char zeroes[4096];
    auto_buf struct buf longer = {0};
    buf_append_str(&longer, buf_str(&w->contents[i]));
    buf_append(&longer, "\x03\0\0\0???", 7);
    try_damaged(w, i, "no checkpoint at all\n", 21, is_one_record(w->paths[i]) && !is_over(w->paths[i]));
    try_damaged(w, i, zeroes, sizeof(zeroes), false);
    try_damaged(w, i, buf_data(&longer), longer.len, false);
    const struct buf *other = &w->contents[(i + 7) % w->count];
    try_damaged(w, i, buf_data(other), other->len, false);
    /* A directory in its place. */
    auto_free char *path = xasprintf("%s/%s", w->directory, w->paths[i]);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0755), 0);
    struct outcome strict = start(w, true);
    if (strict.status)
        assert_non_null(strstr(strict.err.text, w->paths[i]));
    restore(w);
}

static void
damage_each(struct world *w, const char *facts)
{
    auto_free char *root = facts_path(facts);
    gather(w, root, "meta");
    assert_true(w->count > 5);
    restore(w);
    struct outcome whole = start(w, true);
    assert_string_equal(whole.err.text, "");
    assert_true(strlen(whole.id) > 36);
    for (size_t i = 0; i < w->count; i++) {
        restore(w);
        cut(w, i);
        flip(w, i);
        exchange(w, i);
    }
}

static void
test_of_apache_mesos(void **state)
{
    damage_each(*state, "traces/09-persistent-state");
}

static void
test_of_our_first_builds(void **state)
{
    damage_each(*state, "state/0");
}

static void
test_of_version_1(void **state)
{
    damage_each(*state, "state/1");
}

/* ---- links ---- */

static void
test_links_that_lead_nowhere(void **state)
{
    struct world *w = *state;
    auto_free char *root = facts_path("traces/09-persistent-state");
    gather(w, root, "meta");
    const char *below = NULL;
    for (size_t i = 0; i < w->count && !below; i++)
        below = strstr(w->paths[i], "/run-cmd/runs/") ? w->paths[i] : NULL;
    assert_non_null(below);
    auto_free char *run = xasprintf("%s/%.*s/runs/latest", w->directory,
                                    (int)(strstr(below, "/runs/") - below), below);
    auto_free char *agent = xasprintf("%s/meta/slaves/latest", w->directory);
    const char *links[] = {run, agent};
    static const char *const targets[] = {"/nowhere/at-all", "..", ""};
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        for (size_t j = 0; j < ARRAY_LEN(targets); j++) {
            for (int strict = 1; strict >= 0; strict--) {
                restore(w);
                assert_int_equal(unlink(links[i]), 0);
                if (targets[j][0])
                    assert_int_equal(symlink(targets[j], links[i]), 0);
                else
                    fclose(fopen(links[i], "w"));
                struct outcome outcome = start(w, strict);
                /* An agent's link that names a directory that is no more: an operator removed it. */
                bool fine = !strict || (links[i] == agent && j == 0);
                assert_int_equal(outcome.status != 0, !fine);
                if (outcome.status)
                    assert_non_null(strstr(outcome.err.text, links[i]));
            }
        }
}

/* ---- a later release ---- */

static void
test_of_a_later_release(void **state)
{
    struct world *w = *state;
    auto_free char *root = facts_path("traces/09-persistent-state");
    gather(w, root, "meta");
    for (int strict = 0; strict < 2; strict++) {
        restore(w);
        write_file(w, "meta/cmesos_version", "2\n", 2);
        struct outcome outcome = start(w, strict);
        assert_int_equal(outcome.status, -EPROTO);
        assert_non_null(strstr(outcome.err.text, "cmesos_version says 2"));
    }
    write_file(w, "meta/cmesos_version", "1\n", 2);
    assert_int_equal(start(w, true).status, 0);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_of_apache_mesos),
        CASE(test_of_our_first_builds),
        CASE(test_of_version_1),
        CASE(test_links_that_lead_nowhere),
        CASE(test_of_a_later_release),
    };
    log_open(&(struct log_options){.program = "test", .level = LOG_LEVEL_FATAL}, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
