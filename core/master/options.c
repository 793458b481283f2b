/* SPDX-License-Identifier: Apache-2.0 */
/* The master's option table and the checks of its values. Called by core/conf only; opens nothing. */
#include "master/options.h"

#include <errno.h>

#include "base/units.h"
#include "model/role.h"

static struct master_options *
options_of(void *target)
{
    return target;
}

static int
check_registry(const char *value, void *target, struct option_set *set, struct err *err)
{
    if (strcmp(value, "in_memory") == 0) {
        conf_override(set, "registry", "memory");
        conf_note(set, "registry 'in_memory' is called 'memory' here");
    } else if (!value[0]) {
        return err_set(err, -EINVAL, "'' is no registry: write zookeeper, local, memory or a module's name");
    }
    return 0;
}

/* What Mesos calls replicated_log, its only durable registry and its default, is here where the masters meet. */
static void
choose_registry(const struct master_options *options, struct option_set *set)
{
    bool zookeeper = conf_value(set, "zk", NULL) != NULL;

    if (strcmp(options->registry, "replicated_log") != 0)
        return;
    if (conf_given(set, "registry"))
        conf_note(set, zookeeper ? "registry 'replicated_log' means 'zookeeper' here: packs of agents in the ZooKeeper of --zk, "
                                   "no log replicas"
                                 : "registry 'replicated_log' means 'local' here, without --zk: one SQLite file in work_dir, no "
                                   "log replicas");
    conf_override(set, "registry", zookeeper ? "zookeeper" : "local");
}

static int
check_removal_limit(const char *value, void *target, struct option_set *set, struct err *err)
{
    struct str text = str_of(value);
    double percent;

    if (text.len == 0 || text.ptr[text.len - 1] != '%' ||
        str_to_double(str_n(text.ptr, text.len - 1), &percent) < 0 || percent < 0 || percent > 100)
        return err_set(err, -EINVAL, "'%s' is no percentage: write 0%% to 100%%", value);
    options_of(target)->recovery_agent_removal_limit = percent / 100;
    return 0;
}

static int
check_removal_rate(const char *value, void *target, struct option_set *set, struct err *err)
{
    struct str rest = str_of(value), count = str_cut(&rest, '/');
    struct master_options *options = target;
    int64_t number, period_ns;

    if (str_to_i64(count, &number) < 0 || number < 1)
        return err_set(err, -EINVAL, "'%s' is no rate: write <count>/<duration>, e.g. 1/20mins", value);
    if (duration_parse(rest, &period_ns, err) < 0)
        return err_wrap(err, "'%s' is no rate", value);
    if (period_ns <= 0)
        return err_set(err, -EINVAL, "'%s' is no rate: its duration is not above zero", value);
    options->agent_removal_rate_count = number;
    options->agent_removal_rate_ns = period_ns;
    return 0;
}

static int
check_sorter(const char *value, void *target, struct option_set *set, struct err *err)
{
    if (strcmp(value, "drf") == 0)
        return 0;
    if (strcmp(value, "random") == 0)
        return err_set(err, -ENOTSUP, "'random' asks for what is not built yet: the random sorter; drf works");
    return err_set(err, -EINVAL, "'%s' is none of drf|random", value);
}

static int
check_roles(const char *value, void *target, struct option_set *set, struct err *err)
{
    conf_note(set, "roles is a closed list: frameworks may subscribe only with *, %s", value);
    return 0;
}

static int
check_weights(const char *value, void *target, struct option_set *set, struct err *err)
{
    auto_buf struct buf weights = {0};

    if (weights_read(str_of(value), &weights, err) < 0)
        return -EINVAL;
    conf_override(set, "weights", buf_cstr(&weights)); /* on one line, as the allocator reads it */
    return 0;
}

/* "*" was the default of Mesos 0.20: every agent. */
static int
check_whitelist(const char *value, void *target, struct option_set *set, struct err *err)
{
    if (strcmp(value, "*") == 0)
        options_of(target)->whitelist = NULL;
    return 0;
}

/* --master_contender and --master_detector name the same election module here. */
static int
check_election(const char *value, void *target, struct option_set *set, struct err *err)
{
    if (conf_given(set, "election") && strcmp(conf_value(set, "election", NULL), value) != 0)
        return err_set(err, -EINVAL, "'%s' is not the election module '%s': one module contends and detects", value,
                       conf_value(set, "election", NULL));
    conf_override(set, "election", value);
    return 0;
}

static int
finish_authentication(const struct master_options *options, struct option_set *set, struct err *err)
{
    const char *wanted = options->authenticate_agents ? "authenticate_agents" : "authenticate_frameworks";

    if (options->authenticate_http_frameworks && !options->http_framework_authenticators)
        return err_set(err, -EINVAL,
                       "option 'authenticate_http_frameworks' needs to know by whom: give "
                       "--http_framework_authenticators=basic");
    if (!options->authenticate_http_frameworks && options->http_framework_authenticators)
        conf_note(set, "option 'http_framework_authenticators' has no effect: without authenticate_http_frameworks no framework over "
                       "HTTP is asked who it is");
    if (!options->authenticate_agents && !options->authenticate_frameworks)
        return 0;
    if (!options->credentials && daemon_wants_credentials(options->authenticators))
        return err_set(err, -EINVAL, "option '%s' needs to know principals and their secrets: give --credentials=FILE", wanted);
    if (!str_trim(str_of(options->authenticators)).len)
        return err_set(err, -EINVAL, "option '%s' needs to know by whom, and option 'authenticators' is empty: give "
                       "--authenticators=crammd5", wanted);
    return 0;
}

static int
finish(void *target, struct option_set *set, struct err *err)
{
    struct master_options *options = target;
    const char *contender = conf_value(set, "master_contender", NULL);
    const char *detector = conf_value(set, "master_detector", NULL);

    if (!contender != !detector)
        return err_set(err, -EINVAL, "options 'master_contender' and 'master_detector' need each other");
    if (contender && strcmp(contender, detector) != 0)
        return err_set(err, -EINVAL,
                       "options 'master_contender' and 'master_detector' name two modules, '%s' and '%s': one module "
                       "contends and detects",
                       contender, detector);
    if (finish_authentication(options, set, err) < 0)
        return err->code;
    daemon_choose_election(set, conf_value(set, "zk", NULL));
    choose_registry(options, set);
    if (strcmp(options->registry, "zookeeper") == 0 && !conf_value(set, "zk", NULL))
        return err_set(err, -EINVAL,
                       "option 'zk' is required for the registry 'zookeeper': give --zk=zk://host:port/path, or "
                       "--registry=local");
    if (!options->common.work_dir && strcmp(options->registry, "local") == 0)
        return err_set(err, -EINVAL,
                       "option 'work_dir' is required for the registry 'local': give --work_dir=PATH, or "
                       "--registry=memory to forget agents at each restart");
    return daemon_options_finish(&options->common, set, err);
}

#define AT(member) .offset = offsetof(struct master_options, member)

const struct option master_option_table[] = {
    {.name = "work_dir", .type = OPTION_PATH, AT(common.work_dir), .group = "Registry",
     .help = "The directory for state that outlives the master. Needed by the registry local."},
    {.name = "registry", .type = OPTION_STRING, AT(registry), .fallback = "replicated_log", .argument = "MODULE",
     .check = check_registry,
     .help = "Where admitted agents are remembered: zookeeper (below --zk), local (SQLite in work_dir) or memory. "
             "replicated_log means zookeeper with --zk and local without, in_memory means memory."},
    OPTION_GONE("quorum", INT, "The majority of a replicated log's masters.",
                "there is no replicated log, so no second quorum has to be sized: masters come and go as they are"),
    OPTION_GONE("log_auto_initialize", BOOL, "Initialize the replicated log.",
                "there is no replicated log; an empty registry is made by the first master that leads"),
    {.name = "registry_strict", .type = OPTION_BOOL, AT(registry_strict), .fallback = "false",
     .help = "Act on the registry's contents alone: an agent that comes back with an id which the registry does not know is "
             "shut down, and not admitted anew."},
    {.name = "registry_fetch_timeout", .type = OPTION_DURATION, AT(registry_fetch_timeout_ns), .fallback = "60secs",
     .min = "1ms", .help = "How long the registry may take to be read before the master gives up."},
    {.name = "registry_store_timeout", .type = OPTION_DURATION, AT(registry_store_timeout_ns), .fallback = "20secs",
     .min = "1ms", .help = "How long the registry may take to store a change before the master gives up."},
    {.name = "registry_gc_interval", .type = OPTION_DURATION, AT(registry_gc_interval_ns), .fallback = "15mins",
     .min = "1ms", .help = "How often old unreachable and gone agents are dropped from the registry."},
    {.name = "registry_max_agent_age", .type = OPTION_DURATION, AT(registry_max_agent_age_ns), .fallback = "2weeks",
     .help = "How long an unreachable or gone agent is remembered."},
    {.name = "registry_max_agent_count", .type = OPTION_INT, AT(registry_max_agent_count), .fallback = "102400",
     .min = "0", .help = "How many unreachable and how many gone agents are remembered."},

    {.name = "agent_ping_timeout", .aliases = OPTION_ALIASES("slave_ping_timeout"), .type = OPTION_DURATION,
     AT(agent_ping_timeout_ns), .fallback = "15secs", .min = "1secs", .max = "15mins", .group = "Agents",
     .help = "How long an agent may take to answer a ping."},
    {.name = "max_agent_ping_timeouts", .aliases = OPTION_ALIASES("max_slave_ping_timeouts"), .type = OPTION_INT,
     AT(max_agent_ping_timeouts), .fallback = "5", .min = "1", .max = "1000000",
     .help = "After how many unanswered pings an agent is unreachable."},
    {.name = "agent_reregister_timeout", .aliases = OPTION_ALIASES("slave_reregister_timeout"),
     .type = OPTION_DURATION, AT(agent_reregister_timeout_ns), .fallback = "10mins", .min = "10mins",
     .help = "How long an agent may take to come back after a new master leads or its connection broke."},
    {.name = "recovery_agent_removal_limit", .aliases = OPTION_ALIASES("recovery_slave_removal_limit"),
     .type = OPTION_STRING, .offset = SIZE_MAX, .fallback = "100%", .argument = "PERCENT",
     .check = check_removal_limit,
     .help = "The largest share of recovered agents that may be removed for not coming back; with more the master "
             "gives up."},
    {.name = "agent_removal_rate_limit", .aliases = OPTION_ALIASES("slave_removal_rate_limit"),
     .type = OPTION_STRING, .offset = SIZE_MAX, .argument = "COUNT/DURATION", .check = check_removal_rate,
     .help = "How fast unreachable agents may be removed, e.g. 1/20mins. No limit when unset."},
    OPTION_NOT_YET("require_agent_domain", BOOL, "false", "Refuse agents without a fault domain.", "fault domains"),
    {.name = "max_executors_per_agent", .aliases = OPTION_ALIASES("max_executors_per_slave"), .type = OPTION_INT,
     .state = OPTION_PLANNED, .offset = SIZE_MAX, .help = "The most executors that one agent may run.",
     .note = "the isolator network/port_mapping, which this limit belongs to"},

    {.name = "allocator", .type = OPTION_STRING, AT(allocator), .fallback = "hierarchical", .argument = "MODULE",
     .group = "Offers", .help = "The module that decides who is offered what; hierarchical means hierarchical_drf."},
    {.name = "allocation_interval", .type = OPTION_DURATION, AT(allocation_interval_ns), .fallback = "1secs",
     .min = "1ms", .help = "How often everything that is free is offered anew."},
    {.name = "offer_timeout", .type = OPTION_DURATION, AT(offer_timeout_ns), .min = "0ns",
     .help = "How long an offer may lie before it is rescinded. For ever when unset."},
    {.name = "role_sorter", .aliases = OPTION_ALIASES("user_sorter"), .type = OPTION_STRING, AT(role_sorter),
     .fallback = "drf", .argument = "SORTER", .check = check_sorter, .help = "The order between roles: drf."},
    {.name = "framework_sorter", .type = OPTION_STRING, AT(framework_sorter), .fallback = "drf",
     .argument = "SORTER", .check = check_sorter, .help = "The order between frameworks of a role: drf."},
    {.name = "allocator_agent_recovery_factor", .type = OPTION_DOUBLE, AT(allocator_agent_recovery_factor),
     .fallback = "0.80", .min = "0",
     .help = "With quota: the share of known agents that must be back after a failover before offers are made. Without, "
             "offers are made at once."},
    {.name = "allocator_recovery_timeout", .type = OPTION_DURATION, AT(allocator_recovery_timeout_ns),
     .fallback = "10mins", .help = "With quota: how long to wait for that share."},
    {.name = "fair_sharing_excluded_resource_names", .type = OPTION_STRING,
     AT(fair_sharing_excluded_resource_names), .argument = "NAME,NAME...",
     .help = "Resources that do not count for a role's share."},
    {.name = "filter_gpu_resources", .type = OPTION_BOOL, AT(filter_gpu_resources), .fallback = "true",
     .help = "Offer machines with GPUs only to frameworks that say they use them."},
    {.name = "min_allocatable_resources", .type = OPTION_STRING, AT(min_allocatable_resources),
     .fallback = "cpus:0.01|mem:32", .argument = "RESOURCES|RESOURCES...",
     .help = "An offer must hold at least one of these amounts."},
    {.name = "whitelist", .type = OPTION_PATH, AT(whitelist), .check = check_whitelist,
     .help = "A file with the host names of the agents that are offered, one a line; watched for changes."},
    {.name = "roles", .type = OPTION_STRING, AT(roles), .argument = "ROLE,ROLE...", .check = check_roles,
     .help = "The only roles that there are. Any role when unset."},
    {.name = "weights", .type = OPTION_STRING, AT(weights), .argument = "ROLE=WEIGHT,...", .check = check_weights,
     .help = "The shares of roles against each other; 1.0 each when unset. In a file (file://PATH) also one a line; the file "
             "is watched for changes."},
    {.name = "offer_constraints_re2_max_mem", .type = OPTION_BYTES, AT(offer_constraints_re2_max_mem),
     .fallback = "4096B", .min = "1B", .max = "1GB",
     .help = "Memory that one regular expression of offer constraints may take."},
    {.name = "offer_constraints_re2_max_program_size", .type = OPTION_INT, AT(offer_constraints_re2_max_program_size),
     .fallback = "100", .min = "1", .max = "1000000000",
     .help = "The most instructions of one regular expression of offer constraints."},

    {.name = "root_submissions", .type = OPTION_BOOL, AT(root_submissions), .fallback = "true",
     .group = "Frameworks", .help = "May frameworks run as root?"},
    {.name = "max_completed_frameworks", .type = OPTION_INT, AT(max_completed_frameworks), .fallback = "50",
     .min = "0", .max = "10000000", .help = "How many ended frameworks are remembered."},
    {.name = "max_completed_tasks_per_framework", .type = OPTION_INT, AT(max_completed_tasks_per_framework),
     .fallback = "1000", .min = "0", .max = "10000000", .help = "How many ended tasks of a framework are remembered."},
    {.name = "max_unreachable_tasks_per_framework", .type = OPTION_INT, AT(max_unreachable_tasks_per_framework),
     .fallback = "1000", .min = "0", .max = "10000000",
     .help = "How many tasks on unreachable agents are remembered for a framework."},
    {.name = "publish_per_framework_metrics", .type = OPTION_BOOL, AT(publish_per_framework_metrics),
     .fallback = "true", .help = "Show metrics of each framework."},

    {.name = "cluster", .type = OPTION_STRING, AT(cluster), .argument = "NAME", .group = "Pages",
     .help = "The name of the cluster, shown in /state."},
    {.name = "webui_dir", .type = OPTION_PATH, .state = OPTION_PLANNED, .offset = SIZE_MAX,
     .fallback = MESOS_DATADIR "/webui", .fallback_text = "where the web page is installed",
     .help = "The directory with the web page's files.", .note = "the web page"},
    {.name = "max_operator_event_stream_subscribers", .type = OPTION_INT, AT(max_operator_event_stream_subscribers),
     .fallback = "1000", .min = "1", .max = "100000",
     .help = "The most streams of operator events; beyond it the oldest is ended."},

    {.name = "zk", .type = OPTION_STRING, .offset = SIZE_MAX, .group = "Leader election", .argument = "ZK",
     .check = daemon_check_zk, .shown = zk_url_shown,
     .help = "Where masters agree who leads: zk://[user:password@]host:port,.../path, or file:// with that in it, which "
             "keeps a password out of the list of processes."},
    {.name = "ignore_log_replicas", .type = OPTION_BOOL, .offset = SIZE_MAX, .fallback = "false",
     .help = "Lead although masters of Apache Mesos keep a replicated log under the same ZooKeeper path."},
    {.name = "master_contender", .type = OPTION_STRING, .offset = SIZE_MAX, .argument = "MODULE",
     .check = check_election, .help = "The election module, as Mesos names it; needs master_detector."},
    {.name = "master_detector", .type = OPTION_STRING, .offset = SIZE_MAX, .argument = "MODULE",
     .check = check_election, .help = "The election module, as Mesos names it; needs master_contender."},

    {.name = "run_as", .type = OPTION_STRING, AT(run_as), .group = "Hardening", .argument = "USER",
     .help = "A master that root starts becomes this user before it serves anybody. The files in work_dir become the user's, and "
             "all other files that the master reads must be readable by the user."},
    {.name = "seccomp", .type = OPTION_STRING, AT(seccomp), .fallback = "strict", .choices = "strict|relaxed|off",
     .help = "Forbid system calls that a master has no use for. relaxed lets modules run programs; off forbids nothing."},

    DAEMON_OPTION_ROWS(struct master_options, "5050"),
    {.name = "authenticate_frameworks", .aliases = OPTION_ALIASES("authenticate"), .type = OPTION_BOOL,
     AT(authenticate_frameworks), .fallback = "false",
     .help = "Only v0 schedulers that have proved who they are may register; needs credentials."},
    {.name = "authenticate_agents", .aliases = OPTION_ALIASES("authenticate_slaves"), .type = OPTION_BOOL,
     AT(authenticate_agents), .fallback = "false",
     .help = "Only agents that have proved who they are may register; needs credentials."},
    {.name = "authenticate_http_frameworks", .type = OPTION_BOOL, AT(authenticate_http_frameworks), .fallback = "false",
     .help = "Only who has logged in may be a framework over HTTP; needs http_framework_authenticators."},
    {.name = "authentication_v0_timeout", .type = OPTION_DURATION, AT(authentication_v0_timeout_ns), .fallback = "15secs",
     .min = "1ms", .max = "1hrs", .help = "How long an agent or v0 scheduler may take to prove who it is."},
    {.name = "authenticators", .type = OPTION_STRING, AT(authenticators), .fallback = "crammd5", .argument = "MODULES",
     .help = "Authenticator modules of agents and v0 schedulers; their mechanisms are offered in this order. crammd5 is what "
             "every Mesos speaks, scram_sha256 is for peers of ours."},
    {.name = "http_authenticators", .type = OPTION_STRING, AT(http_authenticators), .fallback = "basic",
     .argument = "MODULE,MODULE...", .help = "The modules that find out who readers and writers are, asked in this order."},
    {.name = "http_framework_authenticators", .type = OPTION_STRING, AT(http_framework_authenticators),
     .argument = "MODULE,MODULE...", .help = "The modules that find out who frameworks are, likewise."},
    {.name = "credentials", DAEMON_SECRET_FILE, AT(credentials),
     .help = "The file of principals and secrets: JSON {\"credentials\": [{\"principal\": P, \"secret\": S}]}, or a line "
             "with both for each. Its mode should be 0600."},
    DAEMON_AUTHORIZER_ROW(struct master_options, "authorizers"),
    {.name = "rate_limits", .type = OPTION_JSON, AT(rate_limits), .argument = "JSON",
     .help = "How many messages a second frameworks may send, and how many may wait, by principal: {\"limits\": "
             "[{\"principal\": \"p\", \"qps\": 100, \"capacity\": 6000}], \"aggregate_default_qps\": 500, "
             "\"aggregate_default_capacity\": 4500}. One without qps is not limited; the aggregate is of all that are not named. "
             "A file is watched for changes."},
    {.name = "rate_limiter", .type = OPTION_STRING, AT(rate_limiter), .fallback = "token_bucket", .argument = "MODULE",
     .help = "The module that does it, where rate_limits says something."},
    {.name = NULL},
};

struct conf_owner
master_conf_owner(struct master_options *target)
{
    static const char *const etc_dirs[] = {"mesos-master", NULL};
    static const char *const etc_default[] = {"mesos", "mesos-master", NULL};
    static const struct conf_shell_variable variables[] = {
        {"ULIMIT", "ulimit", false}, {"PORT", "port", false},   {"ZK", "zk", false},           {"IP", "ip", false},
        {"LOGS", "log_dir", false},  {"CLUSTER", "cluster", false}, {NULL, NULL, false},
    };

    return (struct conf_owner){
        .program = "mesos-master",
        .summary = "Leads a cluster: offers the agents' resources to frameworks and runs their tasks.",
        .usage = "[--option=value ...]\n"
                 "       mesos-master [--option=value ...] --export-registry[=FILE]\n"
                 "       mesos-master [--option=value ...] --import-registry=FILE [--overwrite-registry]\n"
                 "\n"
                 "The second writes what the configured registry holds, as JSON, the third reads such a file, or what\n"
                 "GET /registrar(1)/registry of a master of Mesos gave; both do that and end.",
        .options = master_option_table,
        .target = target,
        .ini_name = "master.ini",
        .etc_dirs = etc_dirs,
        .zk_option = "zk",
        .etc_default = etc_default,
        .shell_variables = variables,
        .environment = daemon_environment,
        .finish = finish,
    };
}
