/* SPDX-License-Identifier: Apache-2.0 */
/* See cluster.h. Whatever does not go as it must ends the test. */
#include "cluster.h"

#include <stdio.h>
#include <unistd.h>

/* ---- the network ---- */

static bool
spared(const struct cluster *c, const struct address *at)
{
    for (size_t i = 0; i < c->port_count; i++) {
        if (c->ports[i] == address_port(at))
            return true;
    }
    return false;
}

/* The connections of the scheduler are spared, and those of executors, which are Unix sockets. All others to or from the
 * master are the agent's. */
static int64_t
shape(void *arg, const struct address *from, const struct address *to)
{
    struct cluster *c = arg;
    bool between = address_eq(from, &c->master_at) || address_eq(to, &c->master_at) || address_eq(from, &c->agent_at) ||
                   address_eq(to, &c->agent_at);
    bool connects = address_eq(to, &c->master_at) && address_port(from) > c->newest; /* ports are given in order */
    if (connects)
        c->newest = address_port(from);
    if (connects && c->connecting > 0 && c->port_count < PORTS) {
        c->connecting--;
        c->ports[c->port_count++] = address_port(from);
    }
    return c->cut && between && !spared(c, from) && !spared(c, to) ? -1 : 1000000;
}

/* ---- the daemons ---- */

static const char *
option_of(void *arg, const char *name)
{
    struct option_set *const *set = arg;
    return conf_value(*set, name, NULL);
}

static struct host *
host_of(struct cluster *c, struct option_set **set, const char *work_dir, const char *runtime_dir)
{
    struct err err = {0};
    struct host *host = stage_host((struct host_options){
        .loop = c->loop, .work_dir = work_dir, .runtime_dir = runtime_dir, .daemon_option = option_of, .arg = set});
    assert_int_equal(host_add_linked(host, double_modules, "double", &err), 0);
    if (c->linked)
        assert_int_equal(host_add_linked(host, c->linked, "linked", &err), 0);
    return host;
}

static struct module *
started(struct host *host, enum mesos_kind kind, const char *name, struct err *err)
{
    return host_start(host, kind, name, NULL, NULL, 0, err);
}

static void
on_fatal(void *arg, const char *reason)
{
    struct cluster *c = arg;
    if (!c->tolerant)
        fail_msg("the master gives up: %s", reason);
    c->master_ended = true;
}

static void
on_finished(void *arg, int exit_status, const char *reason)
{
    struct cluster *c = arg;
    if (!c->tolerant)
        fail_msg("the agent gives up: %s", reason);
    c->agent_ended = true;
}

static struct option_set *
options_of(struct conf_owner owner, char **argv, int argc)
{
    struct err err = {0};
    struct option_set *set = NULL;
    char *no_environment[] = {NULL};
    int status;
    owner.ini_name = NULL;
    int rc = conf_load(&set, &owner, argc, argv, no_environment, &status, &err);
    assert_string_equal(rc == 0 ? "" : err.text, "");
    return set;
}

static int
master_begin(struct cluster *c, struct master_setup *setup, struct err *err)
{
    setup->allocator = started(c->master_host, MESOS_KIND_ALLOCATOR, "hierarchical_drf", err);
    setup->registry = started(c->master_host, MESOS_KIND_REGISTRY, "local", err);
    setup->election = started(c->master_host, MESOS_KIND_ELECTION, "standalone", err);
    if (!setup->allocator || !setup->registry || !setup->election)
        return -1;
    c->master = master_new(setup, err);
    return c->master ? master_start(c->master, err) : -1;
}

bool
master_try(struct cluster *c, const char *more, struct err *err)
{
    auto_free char *work_dir = xasprintf("--work_dir=%s/master", c->dir);
    char program[] = "mesos-master", registry[] = "--registry=local", interval[] = "--allocation_interval=100ms";
    auto_free char *extra = xstrdup(more ? more : "--no-hostname_lookup");
    char *argv[] = {program, registry, interval, work_dir, extra, NULL};
    c->master_set = options_of(master_conf_owner(&c->master_options), argv, 5);
    c->master_host = host_of(c, &c->master_set, c->master_options.common.work_dir, NULL);
    assert_int_equal(dir_make(c->master_options.common.work_dir, 0755, err), 0);
    struct master_setup setup = {
        .loop = c->loop, .options = &c->master_options, .set = c->master_set, .host = c->master_host, .listen = c->master_at,
        .hostname = "master1.example", .fatal = on_fatal, .arg = c};
    c->master_ended = false;
    if (master_begin(c, &setup, err) == 0)
        return true;
    master_close(c);
    return false;
}

void
master_open(struct cluster *c, const char *more)
{
    struct err err = {0};
    assert_string_equal(master_try(c, more, &err) ? "" : err.text, "");
}

void
master_close(struct cluster *c)
{
    master_free(c->master);
    c->master = NULL;
    host_close(c, c->master_host, c->master_set);
}

static int
agent_begin(struct cluster *c, struct agent_setup *setup, struct err *err)
{
    setup->election = started(c->agent_host, MESOS_KIND_ELECTION, "standalone", err);
    setup->container_logger = started(c->agent_host, MESOS_KIND_CONTAINER_LOGGER, "sandbox", err);
    c->isolator = started(c->agent_host, MESOS_KIND_ISOLATOR, "posix/cpu", err);
    c->containerizer = started(c->agent_host, MESOS_KIND_CONTAINERIZER, "double", err);
    if (!setup->election || !setup->container_logger || !c->isolator || !c->containerizer)
        return -1;
    setup->isolators = &c->isolator;
    setup->isolator_count = 1;
    setup->containerizers = &c->containerizer;
    setup->containerizer_count = 1;
    c->agent = agent_new(setup, err);
    return c->agent ? agent_start(c->agent, err) : -1;
}

bool
agent_try(struct cluster *c, struct err *err)
{
    auto_free char *work_dir = xasprintf("--work_dir=%s/agent", c->dir);
    auto_free char *runtime_dir = xasprintf("--runtime_dir=%s/run", c->dir);
    char program[] = "mesos-agent", master[] = "--master=10.0.0.1:5050", isolation[] = "--isolation=posix/cpu",
         containerizers[] = "--containerizers=double", lookup[] = "--no-hostname_lookup", user[] = "--no-switch_user",
         backoff[] = "--registration_backoff_factor=100ms", sockets[] = "--http_executor_domain_sockets",
         resources[] = "--resources=cpus:4;mem:4096;disk:100;ports:[1-2]";
    char *argv[] = {program, master,    isolation, containerizers, lookup, user, backoff,
                    resources, sockets, work_dir,  runtime_dir,    NULL};
    c->agent_set = options_of(agent_conf_owner(&c->agent_options), argv, 11);
    c->agent_host = host_of(c, &c->agent_set, c->agent_options.common.work_dir, c->agent_options.runtime_dir);
    assert_int_equal(dir_make(c->agent_options.runtime_dir, 0755, err), 0);
    struct agent_setup setup = {
        .loop = c->loop, .options = &c->agent_options, .set = c->agent_set, .host = c->agent_host, .listen = c->agent_at,
        .hostname = "agent1.example", .finished = on_finished, .arg = c};
    c->agent_ended = false;
    if (agent_begin(c, &setup, err) == 0)
        return true;
    agent_close(c);
    return false;
}

void
agent_open(struct cluster *c)
{
    struct err err = {0};
    assert_string_equal(agent_try(c, &err) ? "" : err.text, "");
}

void
host_close(struct cluster *c, struct host *host, struct option_set *set)
{
    stage_stop(host);
    host_free(host);
    conf_free(set);
}

void
agent_close(struct cluster *c)
{
    agent_free(c->agent);
    c->agent = NULL;
    host_close(c, c->agent_host, c->agent_set);
}

void
pass(struct cluster *c, int64_t ms)
{
    stage_pass(c->loop, ms);
}

static bool
is_up(void *arg)
{
    const struct cluster *c = arg;
    return agent_registered(c->agent);
}

void
wait_up(struct cluster *c)
{
    assert_true(loop_run_until(c->loop, is_up, c, 5 * MINUTE));
}

struct cluster *
cluster_empty(uint64_t seed)
{
    struct cluster *c = xcalloc(1, sizeof *c);
    struct err err = {0};
    const struct loop_options options = {.virtual_clock = true, .seed = seed};
    /* In memory where that can be: a busy disk would make each fsync a matter of the neighbours. */
    snprintf(c->dir, sizeof c->dir, "%s/cm-scenario-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(c->dir));
    c->loop = loop_new(&options, &err);
    c->arena = arena_new(0);
    assert_int_equal(address_parse(STR_LIT("10.0.0.1:5050"), &c->master_at, NULL), 0);
    assert_int_equal(address_parse(STR_LIT("10.0.0.2:5051"), &c->agent_at, NULL), 0);
    const struct stream_net_shape net_shape = {shape, c};
    c->net = stream_net_new(c->loop, &net_shape);
    double_open(c->loop);
    return c;
}

struct cluster *
cluster_new(const char *master_flag)
{
    struct cluster *c = cluster_empty(11);
    master_open(c, master_flag);
    agent_open(c);
    wait_up(c);
    snprintf(c->agent_id, sizeof c->agent_id, "%s", agent_id(c->agent));
    return c;
}

void
cluster_free(struct cluster *c)
{
    struct scheduler *schedulers[] = {&c->scheduler, &c->second};
    for (size_t i = 0; i < ARRAY_LEN(schedulers); i++) {
        http_client_free(schedulers[i]->stream);
        http_client_free(schedulers[i]->calls);
    }
    double_close();
    if (c->agent)
        agent_close(c);
    if (c->master)
        master_close(c);
    stream_net_free(c->net);
    loop_free(c->loop);
    arena_free(c->arena);
    assert_int_equal(dir_remove(c->dir, NULL), 0);
    free(c);
}
