/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's option table, and how its options fit together. Called by core/conf only; opens nothing. */
#include "agent/options.h"

#include <errno.h>

#include "agent/launcher.h"
#include "agent/options_check.h"

/* "host:port" is what the agent connects to; master@ is how libprocess spells it. */
static const char *
without_actor(const char *master)
{
    return strncmp(master, "master@", 7) == 0 ? master + 7 : master;
}

/* Where pids and sockets go when nobody says: as Mesos decides it. */
static const char *
usual_runtime_dir(struct option_set *set)
{
    auto_free char *path = NULL;
    const char *tmp = getenv("TMPDIR");

    if (access("/var/run", R_OK | W_OK) == 0)
        return "/var/run/mesos";
    path = xasprintf("%s/mesos/runtime", tmp && tmp[0] ? tmp : "/tmp");
    return conf_keep(set, path);
}

/* --containerizers=external and its program want each other. */
static int
check_external(const struct agent_options *options, struct option_set *set, struct err *err)
{
    struct str rest = str_of(options->containerizers);
    bool external = false;

    while (rest.len > 0)
        external = str_is(str_trim(str_cut(&rest, ',')), "external") || external;
    if (external && (!options->containerizer_path || !options->containerizer_path[0]))
        return err_set(err, -EINVAL,
                       "option 'containerizer_path' is required for the containerizer 'external': the program that runs "
                       "containers");
    if (!external && options->containerizer_path)
        conf_note(set, "containerizer_path '%s' is used with containerizers=external alone, and that is '%s'",
                  options->containerizer_path, options->containerizers);
    return 0;
}

static int
finish_authentication(struct agent_options *options, struct option_set *set, struct err *err)
{
    if (options->authenticate_http_executors && !options->jwt_secret_key)
        return err_set(err, -EINVAL, "option 'authenticate_http_executors' needs a key for the executors' tokens: give "
                                     "--jwt_secret_key=PATH");
    if (options->http_credentials && !options->common.authenticate_http_readonly && !options->common.authenticate_http_readwrite)
        conf_note(set, "option 'http_credentials' has no effect: without authenticate_http_readonly or authenticate_http_readwrite "
                       "nobody is asked who it is");
    if (options->common.authenticate_http_readwrite && !options->jwt_secret_key)
        conf_note(set, "option 'authenticate_http_readwrite' without 'jwt_secret_key': executors cannot say who they are, so that "
                       "those that launch pods, as the default executor does, will be refused");
    if (options->common.tls.enabled && options->common.tls.require_client_cert && !options->common.authenticate_http_readwrite)
        conf_note(set, "option 'ssl_require_client_cert' without 'authenticate_http_readwrite': executors have no certificate, so that "
                       "every user of this machine may start containers inside of those that run here");
    return 0;
}

static int
finish(void *target, struct option_set *set, struct err *err)
{
    struct agent_options *options = target;

    if (conf_given(set, "master_detector") && options->master)
        return err_set(err, -EINVAL, "options 'master' and 'master_detector' exclude each other");
    if (!options->master && !conf_given(set, "master_detector") && !conf_given(set, "election"))
        return err_set(err, -EINVAL, "option 'master' is required: --master=host:port or --master=zk://host:port/path");
    if (conf_given(set, "container_ports_isolated_range") && conf_value(set, "check_agent_port_range_only", NULL) &&
        strcmp(conf_value(set, "check_agent_port_range_only", NULL), "true") == 0)
        return err_set(err, -EINVAL,
                       "only one of 'check_agent_port_range_only' and 'container_ports_isolated_range' may be given");
    if (finish_authentication(options, set, err) < 0)
        return -EINVAL;
    daemon_choose_election(set, options->master);
    if (options->master)
        options->master = without_actor(options->master);
    if (!options->runtime_dir)
        conf_override(set, "runtime_dir", usual_runtime_dir(set));
    if (!options->launcher)
        conf_override(set, "launcher", launcher_usual(conf_value(set, "cgroups_hierarchy", NULL)));
    if (check_external(options, set, err) < 0)
        return -EINVAL;
    return daemon_options_finish(&options->common, set, err);
}

#define AT(member) .offset = offsetof(struct agent_options, member)
#define PORT_MAPPING(name_, type_, fallback_, help_)                                                               \
    {.name = name_, .type = OPTION_##type_, .offset = SIZE_MAX, .fallback = fallback_, .help = help_}
#define DOCKER(name_, type_, ...) {.name = (name_), .type = OPTION_##type_, .offset = SIZE_MAX, __VA_ARGS__}
/* Read by the modules cgroups/... and by the launcher, by name. */
#define CGROUPS(name_, type_, fallback_, help_, ...)                                                               \
    {                                                                                                              \
        .name = (name_), .type = OPTION_##type_, .offset = SIZE_MAX, .fallback = (fallback_), .help = (help_), __VA_ARGS__ \
    }

const struct option agent_option_table[] = {
    {.name = "master", .type = OPTION_STRING, AT(master), .argument = "HOST[:PORT]|ZK", .group = "Master",
     .check = agent_check_master, .shown = zk_url_shown,
     .help = "Where the master is: its address, or zk://[user:password@]host:port,.../path where the masters agree who "
             "leads, or file:// with one of them in it."},
    {.name = "master_detector", .type = OPTION_STRING, .offset = SIZE_MAX, .argument = "MODULE",
     .check = agent_check_detector, .help = "The election module that finds the master, as Mesos names it."},
    {.name = "registration_backoff_factor", .type = OPTION_DURATION, AT(registration_backoff_factor_ns),
     .fallback = "1secs", .min = "1ms",
     .help = "Registration is tried again after a random time below this, doubled each time up to a minute."},

    {.name = "work_dir", .type = OPTION_PATH, AT(common.work_dir), .required = true, .group = "Storage",
     .help = "The directory for sandboxes and for what the agent must know after a restart."},
    {.name = "runtime_dir", .type = OPTION_PATH, AT(runtime_dir), .fallback_text = "/var/run/mesos when it may be written",
     .help = "The directory for what must not outlive a reboot: pids, sockets."},
    {.name = "gc_delay", .type = OPTION_DURATION, AT(gc_delay_ns), .fallback = "1weeks",
     .help = "How old the sandbox of an ended executor may get before it is removed."},
    {.name = "gc_disk_headroom", .type = OPTION_DOUBLE, AT(gc_disk_headroom), .fallback = "0.1",
     .help = "Sandboxes go sooner when the disk fills: after gc_delay * (1 - this - the share that is used)."},
    OPTION_NOT_YET("gc_non_executor_container_sandboxes", BOOL, "false", "Also remove sandboxes of nested containers.",
                   "nested containers"),
    {.name = "disk_watch_interval", .type = OPTION_DURATION, AT(disk_watch_interval_ns), .fallback = "1mins",
     .min = "1ms", .help = "How often the disk is looked at."},

    {.name = "resources", .type = OPTION_STRING, AT(resources), .directory = true, .group = "Resources",
     .argument = "RESOURCES",
     .help = "What this machine offers: name(role):value;name:value or a JSON array. What is not named is detected."},
    {.name = "attributes", .type = OPTION_STRING, AT(attributes), .directory = true,
     .argument = "ATTRIBUTES", .help = "What frameworks may want to know of this machine: name:value;name:value."},
    {.name = "default_role", .type = OPTION_STRING, AT(default_role), .fallback = "*", .argument = "ROLE",
     .help = "The role of resources that are given without one."},
    OPTION_NOT_YET("resource_provider_config_dir", PATH, NULL, "Configurations of resource providers.",
                   "resource providers"),
    OPTION_NOT_YET("csi_plugin_config_dir", PATH, NULL, "Configurations of CSI plugins.", "CSI"),
    OPTION_NOT_YET("disk_profile_adaptor", STRING, NULL, "The disk profile adaptor module.", "CSI"),
    {.name = "resource_estimator", .type = OPTION_STRING, AT(resource_estimator), .argument = "MODULE",
     .help = "The module that says what idle resources are lent out as revocable ones: noop, fixed. None when unset."},
    {.name = "oversubscribed_resources_interval", .type = OPTION_DURATION, AT(oversubscribed_resources_interval_ns),
     .fallback = "15secs", .min = "10ms", .help = "How often the estimator is asked, and the master told of changes."},
    {.name = "qos_controller", .type = OPTION_STRING, AT(qos_controller), .argument = "MODULE",
     .help = "The module that says which revocable executors must go: noop, load. None when unset."},
    {.name = "qos_correction_interval_min", .type = OPTION_DURATION, AT(qos_correction_interval_min_ns),
     .fallback = "0secs", .min = "0secs", .help = "The least time between two rounds of corrections."},

    {.name = "containerizers", .type = OPTION_STRING, AT(containerizers), .fallback = "mesos",
     .argument = "NAME,NAME...", .group = "Containers", .check = agent_check_containerizers,
     .help = "The modules that run containers, the first that can takes a task; mesos means native."},
    {.name = "isolation", .type = OPTION_STRING, AT(isolation), .fallback = "posix/cpu,posix/mem",
     .argument = "NAME,NAME...", .check = agent_check_isolation, .help = "The isolator modules of each container."},
    {.name = "launcher", .type = OPTION_STRING, AT(launcher), .argument = "NAME", .check = agent_check_launcher,
     .fallback_text = "linux for root where control groups are, else posix",
     .help = "How containers' processes are started and found again: linux, in control groups of their own and in the "
             "namespaces that isolators want; posix, by what /proc tells."},
    {.name = "launcher_dir", .type = OPTION_PATH, AT(common.launcher_dir), .fallback = MESOS_LIBEXECDIR,
     .fallback_text = "where helpers were installed",
     .help = "The directory of mesos-executor, mesos-containerizer and mesos-fetcher."},
    {.name = "container_logger", .type = OPTION_STRING, AT(container_logger), .fallback = "sandbox",
     .argument = "MODULE", .check = agent_check_container_logger, .help = "The module that takes containers' output."},
    {.name = "switch_user", .type = OPTION_BOOL, AT(switch_user), .fallback = "true",
     .help = "Run tasks as the user that they or their framework name; else as the agent's."},
    {.name = "sandbox_directory", .aliases = OPTION_ALIASES("docker_sandbox_directory"), .type = OPTION_PATH,
     AT(sandbox_directory), .fallback = "/mnt/mesos/sandbox", .check = agent_check_absolute,
     .help = "Where a container with an image of its own sees its sandbox."},
    {.name = "volume_gid_range", .type = OPTION_STRING, .offset = SIZE_MAX, .argument = "[LOW-HIGH]", .check = agent_check_gid_range,
     .help = "Group ids for volumes that tasks of several users share: persistent ones, and a parent's sandbox."},
    {.name = "default_container_dns", .type = OPTION_JSON, .offset = SIZE_MAX, .check = agent_check_container_dns,
     .argument = "JSON",
     .help = "Name servers of containers by network, e.g. {\"mesos\": [{\"network_mode\": \"CNI\", \"network_name\": "
             "\"net1\", \"dns\": {\"nameservers\": [\"10.0.0.53\"]}}], \"docker\": [{\"network_mode\": \"BRIDGE\", "
             "\"dns\": {\"nameservers\": [\"10.0.0.53\"]}}]}. What a CNI plugin says of its network comes before it; an "
             "entry without network_name is for all other networks."},
    {.name = "secret_resolver", .type = OPTION_STRING, AT(secret_resolver), .argument = "MODULE",
     .help = "The module that turns secrets of containers into their bytes: value, used when nothing is said, takes those "
             "that are sent by value; file also reads references from files of one directory (its parameter dir)."},
    OPTION_NOT_YET("agent_features", JSON, NULL, "The capabilities that this agent says it has.",
                   "a choice of the agent's capabilities"),
    {.name = "containerizer_path", .type = OPTION_STRING, AT(containerizer_path), .argument = "PROGRAM",
     .help = "The program of the containerizer external: a command line, called with launch, wait, usage, update, destroy, "
             "containers or recover behind it."},
    {.name = "default_container_image", .type = OPTION_STRING, .offset = SIZE_MAX, .argument = "IMAGE",
     .help = "What that program is told in MESOS_DEFAULT_CONTAINER_IMAGE when it launches."},
    {.name = "default_container_info", .type = OPTION_JSON, AT(default_container_info), .argument = "JSON",
     .check = agent_check_container_info, .help = "The ContainerInfo of executors and tasks that have none."},

    {.name = "frameworks_home", .type = OPTION_PATH, AT(frameworks_home), .fallback = "", .group = "Fetcher",
     .check = agent_check_frameworks_home,
     .help = "The directory that relative URIs of executors are below."},
    {.name = "fetcher_stall_timeout", .type = OPTION_DURATION, AT(fetcher_stall_timeout_ns), .fallback = "1mins",
     .help = "A download that brings nothing for so long is given up."},
    {.name = "fetcher_cache_size", .type = OPTION_BYTES, AT(fetcher_cache_size_bytes), .fallback = "2GB",
     .help = "How much the fetcher's cache may hold; what was not used for longest goes first."},
    {.name = "fetcher_cache_dir", .type = OPTION_PATH, AT(fetcher_cache_dir), .fallback = "/tmp/mesos/fetch",
     .help = "Where URIs marked cache are kept, per user; emptied when the agent starts."},
    {.name = "hadoop_home", .type = OPTION_PATH, AT(hadoop_home),
     .help = "bin/hadoop below it fetches hdfs:// and other URIs; unset: hadoop of the PATH."},

    {.name = "executor_registration_timeout", .type = OPTION_DURATION, AT(executor_registration_timeout_ns),
     .fallback = "1mins", .min = "1ms", .group = "Executors", .help = "How long an executor may take to come forward."},
    {.name = "executor_reregistration_timeout", .type = OPTION_DURATION, AT(executor_reregistration_timeout_ns),
     .fallback = "2secs", .min = "1ms", .max = "15secs", .help = "How long it may take to come back after the agent restarted."},
    {.name = "executor_reregistration_retry_interval", .type = OPTION_DURATION,
     AT(executor_reregistration_retry_interval_ns), .help = "How often it is called in that time; once when unset."},
    {.name = "executor_shutdown_grace_period", .type = OPTION_DURATION, AT(executor_shutdown_grace_period_ns),
     .fallback = "5secs", .help = "How long it may take to end before it is killed."},
    {.name = "executor_environment_variables", .type = OPTION_JSON, AT(executor_environment_variables),
     .check = agent_check_environment,
     .help = "The environment of executors: {\"NAME\": \"value\"}. A small usual one when unset."},
    {.name = "http_command_executor", .type = OPTION_BOOL, .offset = SIZE_MAX, .fallback = "false",
     .help = "Taken and not needed: the command executor speaks the v1 API always."},
    {.name = "http_executor_domain_sockets", .type = OPTION_BOOL, AT(http_executor_domain_sockets),
     .fallback = "false", .help = "Tell the agent's Unix socket to executors of others too; ours always get it."},
    {.name = "domain_socket_location", .type = OPTION_PATH, AT(domain_socket_location), .check = agent_check_socket,
     .fallback_text = "agent.sock in runtime_dir",
     .help = "The path of that socket, or systemd:NAME for one of that FileDescriptorName= that the service manager "
             "hands over."},
    {.name = "http_heartbeat_interval", .type = OPTION_DURATION, AT(http_heartbeat_interval_ns),
     .fallback = "30secs", .min = "1ms", .help = "How often a silent stream to an executor gets a heartbeat."},
    {.name = "max_completed_executors_per_framework", .type = OPTION_INT, AT(max_completed_executors_per_framework),
     .fallback = "150", .min = "0", .max = "10000000", .help = "How many ended executors are remembered."},

    {.name = "recover", .type = OPTION_STRING, AT(recover), .fallback = "reconnect", .choices = "reconnect|cleanup",
     .group = "Recovery", .argument = "HOW",
     .help = "After a restart: reconnect to the executors that still run, or cleanup and kill them."},
    {.name = "recovery_timeout", .type = OPTION_DURATION, AT(recovery_timeout_ns), .fallback = "15mins",
     .help = "How long executors wait for the agent to come back."},
    {.name = "reconfiguration_policy", .type = OPTION_STRING, AT(reconfiguration_policy), .fallback = "equal",
     .argument = "POLICY", .check = agent_check_reconfiguration,
     .help = "What of the agent may change between two runs with the same id: equal, nothing; additive, there may be "
             "more resources and attributes; any, also fewer and others, as long as tasks, reservations and volumes "
             "have what they need."},
    {.name = "strict", .type = OPTION_BOOL, AT(strict), .fallback = "true",
     .help = "Do not start over state that cannot be read; --no-strict goes on with what can."},
    OPTION_GONE("checkpoint", BOOL, "Write state to disk.", "it is always written"),
    OPTION_GONE("resource_monitoring_interval", DURATION, "How often usage was sampled.",
                "usage is measured when somebody asks"),

    DAEMON_OPTION_ROWS(struct agent_options, "5051"),
    {.name = "http_authenticators", .type = OPTION_STRING, AT(http_authenticators), .argument = "MODULE,MODULE...",
     .fallback_text = "basic, and jwt with jwt_secret_key",
     .help = "The modules that find out who readers and writers are, asked in this order. Executors that launch pods need "
             "jwt among them."},
    {.name = "authenticatee", .type = OPTION_STRING, AT(authenticatee), .fallback = "crammd5", .argument = "MODULE",
     .help = "The module that proves it: crammd5, as every Mesos speaks it, or scram_sha256 for masters of ours."},
    {.name = "credential", DAEMON_SECRET_FILE, AT(credential),
     .help = "The file with this agent's principal and secret, which it proves to the master: JSON {\"principal\": P, "
             "\"secret\": S}, or a line \"P S\"."},
    {.name = "http_credentials", DAEMON_SECRET_FILE, AT(http_credentials),
     .help = "The file of principals and secrets of readers and writers: JSON {\"credentials\": [{\"principal\": P, "
             "\"secret\": S}]}, or a line with both for each. Its mode should be 0600."},
    {.name = "authentication_backoff_factor", .type = OPTION_DURATION, AT(authentication_backoff_factor_ns),
     .fallback = "1secs", .min = "0secs", .max = "1hrs",
     .help = "The n-th try takes at most authentication_timeout_min and a random part of this times two to the n."},
    {.name = "authentication_timeout_min", .type = OPTION_DURATION, AT(authentication_timeout_min_ns), .fallback = "5secs",
     .min = "1ms", .max = "1hrs", .help = "The least time that is given to a try to authenticate."},
    {.name = "authentication_timeout_max", .type = OPTION_DURATION, AT(authentication_timeout_max_ns), .fallback = "1mins",
     .min = "1ms", .max = "1hrs", .help = "The most time that is given to a try to authenticate."},
    {.name = "authenticate_http_executors", .type = OPTION_BOOL, AT(authenticate_http_executors), .fallback = "false",
     .help = "Only executors with the token that the agent gave them may use the executor API; needs jwt_secret_key. As in "
             "Mesos this is the API over HTTP: custom executors with a driver of v0, whose protocol (libprocess) has no tokens, "
             "go on registering without, each from one address; --require_authentication refuses them, too. Nobody registers "
             "over libprocess in the place of an executor that comes over HTTP."},
    {.name = "jwt_secret_key", .aliases = OPTION_ALIASES("executor_secret_key"), DAEMON_SECRET_FILE, AT(jwt_secret_key),
     .help = "The file with the key that signs the tokens of executors; each gets one when there is a key. Its mode should "
             "be 0600."},
    DAEMON_AUTHORIZER_ROW(struct agent_options, "authorizer"),
    OPTION_NOT_YET("ip6", STRING, NULL, "An IPv6 address to show.", "IPv6"),
    OPTION_NOT_YET("ip6_discovery_command", STRING, NULL, "A program that prints it.", "IPv6"),

    CGROUPS("cgroups_hierarchy", PATH, "/sys/fs/cgroup",
            "Where control groups are mounted: version 2 itself, or directories with the hierarchies of version 1, in which "
            "missing ones are mounted.", .group = "Control groups", .check = agent_check_absolute),
    CGROUPS("cgroups_root", STRING, "mesos", "The group that ours are below.", .check = agent_check_cgroups_root),
    CGROUPS("cgroups_destroy_timeout", DURATION, "60secs", "How long a group may take to go.", .min = "1ms"),
    CGROUPS("cgroups_enable_cfs", BOOL, "false",
            "Limit the processor time of containers to their cpus, instead of only sharing it by them."),
    CGROUPS("cgroups_limit_swap", BOOL, "false", "Limit memory and swap together, instead of memory only."),
    CGROUPS("cgroups_cpu_enable_pids_and_tids_count", BOOL, "false", "Count the processes and threads of containers."),
    CGROUPS("cgroups_net_cls_primary_handle", STRING, NULL, "The upper half of class ids, e.g. 0x0012.",
            .check = agent_check_handle),
    CGROUPS("cgroups_net_cls_secondary_handles", STRING, NULL,
            "The range that their lower halves are taken from, e.g. 0x0001,0xffff; that is what it is when none is given.",
            .argument = "FIRST,LAST", .check = agent_check_handles),
    CGROUPS("allowed_devices", JSON, NULL,
            "Devices that containers may use beside the usual ones: {\"allowed_devices\": [{\"device\": {\"path\": "
            "\"/dev/fuse\"}, \"access\": {\"read\": true}}]}."),
    CGROUPS("agent_subsystems", STRING, NULL,
            "Controllers (version 1) in which the agent itself gets a group of its own, slave, e.g. memory,cpuacct.",
            .aliases = OPTION_ALIASES("slave_subsystems"), .argument = "NAME,NAME..."),
    CGROUPS("perf_events", STRING, NULL, "Events of perf to count in containers, e.g. task-clock,cycles.",
            .argument = "NAME,NAME..."),
    CGROUPS("perf_interval", DURATION, "60secs", "How often they are counted.", .min = "1ms"),
    CGROUPS("perf_duration", DURATION, "10secs", "How long they are counted each time.", .min = "1ms"),
    CGROUPS("revocable_cpu_low_priority", BOOL, "true", "Give containers with revocable cpus a hundredth of the shares."),
    {.name = "systemd_enable_support", .type = OPTION_BOOL, .offset = SIZE_MAX, .fallback = "true",
     .help = "Taken and not needed yet: the unit says KillMode=process, so that executors outlive the agent."},
    {.name = "systemd_runtime_directory", .type = OPTION_PATH, .offset = SIZE_MAX, .fallback = "/run/systemd/system",
     .help = "Taken and not needed yet."},
    {.name = "effective_capabilities", .aliases = OPTION_ALIASES("allowed_capabilities"), .type = OPTION_JSON,
     .offset = SIZE_MAX, .argument = "JSON", .check = agent_check_capabilities,
     .help = "CapabilityInfo: what processes of containers may do that do not ask; for the isolator linux/capabilities."},
    {.name = "bounding_capabilities", .type = OPTION_JSON, .offset = SIZE_MAX, .argument = "JSON", .check = agent_check_capabilities,
     .help = "CapabilityInfo: the most that processes of containers may ever do; for the isolator linux/capabilities."},
    {.name = "default_container_shm_size", .type = OPTION_BYTES, .offset = SIZE_MAX,
     .help = "How large the /dev/shm is that the isolator namespaces/ipc makes for a container that names no size; else half "
             "of the machine's memory."},
    {.name = "disallow_sharing_agent_ipc_namespace", .type = OPTION_BOOL, .offset = SIZE_MAX, .fallback = "false",
     .help = "Launch no container that asks to share the agent's IPC namespace and /dev/shm."},
    {.name = "disallow_sharing_agent_pid_namespace", .type = OPTION_BOOL, .offset = SIZE_MAX, .fallback = "false",
     .help = "Launch no container that asks to share the agent's pid namespace."},
    {.name = "host_path_volume_force_creation", .type = OPTION_STRING, .offset = SIZE_MAX, .argument = "PATH:PATH...",
     .help = "Directories below which the isolator volume/host_path makes missing host paths."},
    OPTION_NOT_YET("nvidia_gpu_devices", STRING, NULL, "GPUs to offer.", "the isolator gpu/nvidia"),
    {.name = "seccomp_config_dir", .type = OPTION_PATH, .offset = SIZE_MAX,
     .help = "The directory of the profiles (JSON, as Docker has them) of the isolator linux/seccomp."},
    {.name = "seccomp_profile_name", .type = OPTION_STRING, .offset = SIZE_MAX, .argument = "NAME",
     .help = "The profile below seccomp_config_dir of containers that do not choose one."},
    OPTION_NOT_YET("xfs_project_range", STRING, "[5000-10000]", "Project ids to use.", "the isolator disk/xfs"),
    OPTION_NOT_YET("xfs_kill_containers", BOOL, "false", "Kill who exceeds its quota.", "the isolator disk/xfs"),
    OPTION_NOT_YET("xfs_quota_headroom", BYTES, "10MB", "How far quotas may be exceeded.", "the isolator disk/xfs"),
    {.name = "container_disk_watch_interval", .type = OPTION_DURATION, .offset = SIZE_MAX, .fallback = "15secs",
     .min = "1ms", .help = "How often disk/du measures each sandbox and volume."},
    {.name = "enforce_container_disk_quota", .type = OPTION_BOOL, .offset = SIZE_MAX, .fallback = "false",
     .help = "Kill containers that use more disk than they were given."},

    {.name = "image_providers", .type = OPTION_STRING, .offset = SIZE_MAX, .group = "Images and Docker",
     .argument = "APPC,DOCKER", .check = agent_check_image_providers,
     .help = "Kinds of images that containers may have. Needs root and the isolator filesystem/linux, and docker/runtime or "
             "appc/runtime."},
    {.name = "image_provisioner_backend", .type = OPTION_STRING, .offset = SIZE_MAX, .check = agent_check_backend,
     .fallback_text = "overlay where it works, else copy", .argument = "overlay|copy|bind",
     .help = "How root file systems are made of images' layers. bind takes images of one layer, and is read-only."},
    {.name = "image_gc_config", .type = OPTION_JSON, .offset = SIZE_MAX,
     .help = "When unused images are removed: image_disk_headroom (the share of the disk that is to stay free), "
             "image_disk_watch_interval and excluded_images. Without it they go by the call PRUNE_IMAGES alone."},
    {.name = "appc_simple_discovery_uri_prefix", .type = OPTION_PATH, .offset = SIZE_MAX, .fallback = "http://",
     .argument = "PREFIX",
     .help = "What comes before the file names of appc images, <name>-<version>-<os>-<arch>.aci: http://, https://host/, "
             "file:///directory/ or a directory."},
    {.name = "appc_store_dir", .type = OPTION_PATH, .offset = SIZE_MAX, .fallback = "/tmp/mesos/store/appc",
     .help = "Where appc images are kept."},
    {.name = "docker_registry", .type = OPTION_PATH, .offset = SIZE_MAX, .fallback = "https://registry-1.docker.io",
     .argument = "URL|DIRECTORY",
     .help = "Where Docker images are whose names say no registry; or a directory of docker save archives (name:tag.tar) and "
             "OCI layouts."},
    {.name = "docker_store_dir", .type = OPTION_PATH, .offset = SIZE_MAX, .fallback = "/tmp/mesos/store/docker",
     .help = "Where the containerizer mesos keeps Docker images."},
    {.name = "docker_ignore_runtime", .type = OPTION_BOOL, .offset = SIZE_MAX, .fallback = "false",
     .help = "Take no entrypoint, command, environment, directory and user from Docker images."},
    {.name = "docker_config", .type = OPTION_JSON, .offset = SIZE_MAX, .secret = true,
     .help = "Logins for Docker registries, as docker login writes them: {\"auths\": {\"host:port\": {\"auth\": \"...\"}}}."},
    OPTION_GONE("docker_auth_server", STRING, "The login server of old.", "registries name it themselves"),
    OPTION_GONE("docker_puller", STRING, "The puller of old.", "docker_registry says where images are"),
    OPTION_GONE("docker_puller_timeout", STRING, "The puller's timeout of old.", "fetcher_stall_timeout ends a pull that stalls"),
    OPTION_GONE("docker_local_archives_dir", PATH, "Archives of images, of old.", "docker_registry takes a directory"),
    OPTION_NOT_YET("docker_volume_checkpoint_dir", PATH, "/var/run/mesos/isolators/docker/volume",
                   "Where mounts of docker volumes are remembered.", "the isolator docker/volume"),
    OPTION_NOT_YET("docker_volume_chown", BOOL, "false", "Give docker volumes to the task's user.",
                   "the isolator docker/volume"),
    DOCKER("docker", STRING, .fallback = "docker", .argument = "PROGRAM",
           .help = "The docker client that the containerizer docker runs: a path, or a name in the PATH."),
    DOCKER("docker_socket", STRING, .fallback = "/var/run/docker.sock", .argument = "PATH",
           .check = agent_check_docker_socket, .help = "The docker engine's socket."),
    DOCKER("docker_remove_delay", DURATION, .fallback = "6hrs", .min = "0ns",
           .help = "How long docker keeps a container that has ended, so that somebody can look at it."),
    DOCKER("docker_kill_orphans", BOOL, .fallback = "true",
           .help = "After a restart: stop and remove docker containers of ours that nobody knows any more."),
    DOCKER("docker_mesos_image", STRING, .argument = "IMAGE",
           .help = "The image that the agent runs in; executors get docker containers of it and outlive the agent's."),
    DOCKER("docker_stop_timeout", DURATION, .fallback = "0ns", .min = "0ns",
           .help = "How long docker stop waits before it kills."),

    {.name = "network_cni_plugins_dir", .type = OPTION_STRING, .offset = SIZE_MAX, .argument = "DIRECTORY:DIRECTORY...",
     .group = "Container networks", .help = "Where the CNI plugins are that the isolator network/cni runs."},
    {.name = "network_cni_config_dir", .type = OPTION_PATH, .offset = SIZE_MAX,
     .help = "The configurations of CNI networks, one per file: of one plugin, or of several in a row (\"plugins\"). Looked at "
             "again for a network that is not known yet. One for mesos-cni-port-mapper runs its delegate and then portmap "
             "where that program is not among the plugins."},
    {.name = "network_cni_root_dir_persist", .type = OPTION_BOOL, .offset = SIZE_MAX, .fallback = "false",
     .help = "Keep what the isolator network/cni must remember below work_dir, so that it outlives a reboot; else below "
             "runtime_dir."},
    {.name = "network_cni_metrics", .type = OPTION_BOOL, .offset = SIZE_MAX, .fallback = "true",
     .help = "Report the traffic of containers in CNI networks."},
    {.name = "container_ports_watch_interval", .type = OPTION_DURATION, .offset = SIZE_MAX, .fallback = "30secs",
     .min = "10ms", .help = "How often the isolator network/ports looks at which ports containers listen on."},
    {.name = "check_agent_port_range_only", .type = OPTION_BOOL, .offset = SIZE_MAX, .fallback = "false",
     .help = "The isolator network/ports looks only at ports among the agent's resources."},
    {.name = "enforce_container_ports", .type = OPTION_BOOL, .offset = SIZE_MAX, .fallback = "false",
     .help = "Kill containers that listen on ports which they do not have; else they are only logged."},
    {.name = "container_ports_isolated_range", .type = OPTION_STRING, .offset = SIZE_MAX, .argument = "[BEGIN-END,...]",
     .check = agent_check_port_ranges,
     .help = "The isolator network/ports looks only at these ports, e.g. [31000-32000]; excludes "
             "check_agent_port_range_only."},
    PORT_MAPPING("ephemeral_ports_per_container", INT, "1024",
                 "Ephemeral ports of a container; a power of two is told apart fastest."),
    PORT_MAPPING("eth0_name", STRING, NULL, "The public interface; that of the default route when nobody says."),
    PORT_MAPPING("lo_name", STRING, NULL, "The loopback interface."),
    PORT_MAPPING("egress_rate_limit_per_container", BYTES, NULL, "Bytes a second that a container may send."),
    PORT_MAPPING("egress_rate_per_cpu", STRING, NULL,
                 "Bytes a second that a container may send for each of its cpus, or auto: the link's share."),
    PORT_MAPPING("minimum_egress_rate_limit", BYTES, NULL, "The least that egress_rate_per_cpu gives."),
    PORT_MAPPING("maximum_egress_rate_limit", BYTES, NULL, "The most that egress_rate_per_cpu gives."),
    PORT_MAPPING("egress_ceil_limit", BYTES, NULL, "Bytes a second in bursts; the average is the rate limit."),
    PORT_MAPPING("egress_burst", BYTES, NULL, "How many bytes may be sent in a burst."),
    PORT_MAPPING("egress_unique_flow_per_container", BOOL, "false",
                 "Give each container a flow of fq_codel at the public interface."),
    PORT_MAPPING("egress_flow_classifier_parent", STRING, "root",
                 "Where that queue is: root, ingress or a handle as 1:1."),
    PORT_MAPPING("ingress_rate_limit_per_container", BYTES, NULL, "Bytes a second that a container may receive."),
    PORT_MAPPING("ingress_rate_per_cpu", STRING, NULL,
                 "Bytes a second that a container may receive for each of its cpus, or auto: the link's share."),
    PORT_MAPPING("minimum_ingress_rate_limit", BYTES, NULL, "The least that ingress_rate_per_cpu gives."),
    PORT_MAPPING("maximum_ingress_rate_limit", BYTES, NULL, "The most that ingress_rate_per_cpu gives."),
    PORT_MAPPING("ingress_ceil_limit", BYTES, NULL, "Bytes a second in bursts; the average is the rate limit."),
    PORT_MAPPING("ingress_burst", BYTES, NULL, "How many bytes may be received in a burst."),
    PORT_MAPPING("ingress_isolate_existing_containers", BOOL, "true",
                 "Limit containers too that run already when the agent starts."),
    PORT_MAPPING("network_link_speed", BYTES, NULL,
                 "Bytes a second of the public interface, where it does not tell itself."),
    PORT_MAPPING("network_enable_socket_statistics_summary", BOOL, "false",
                 "Tell how many TCP connections a container has."),
    PORT_MAPPING("network_enable_socket_statistics_details", BOOL, "false",
                 "Tell the round trip times of its TCP connections."),
    PORT_MAPPING("network_enable_snmp_statistics", BOOL, "false",
                 "Tell the counters of IP, ICMP, TCP and UDP in the container."),
    PORT_MAPPING("network_enable_rate_statistics", BOOL, "false",
                 "Tell percentiles of how much it sends and receives."),
    PORT_MAPPING("network_rate_statistics_window", DURATION, NULL, "The time over which these are taken."),
    PORT_MAPPING("network_rate_statistics_interval", DURATION, NULL, "How often they are sampled."),
    {.name = NULL},
};

struct conf_owner
agent_conf_owner(struct agent_options *target)
{
    static const char *const etc_dirs[] = {"mesos-slave", "mesos-agent", NULL};
    static const char *const etc_default[] = {"mesos", "mesos-slave", "mesos-agent", NULL};
    static const struct conf_shell_variable variables[] = {
        {"ULIMIT", "ulimit", false}, {"PORT", "port", true},    {"MASTER", "master", false},
        {"IP", "ip", false},         {"LOGS", "log_dir", false}, {"ISOLATION", "isolation", false},
        {NULL, NULL, false},
    };

    return (struct conf_owner){
        .program = "mesos-agent",
        .summary = "Owns one machine of a cluster: runs containers and reports what becomes of them.",
        .options = agent_option_table,
        .target = target,
        .ini_name = "agent.ini",
        .etc_dirs = etc_dirs,
        .zk_option = "master",
        .etc_default = etc_default,
        .shell_variables = variables,
        .environment = daemon_environment,
        .finish = finish,
    };
}
