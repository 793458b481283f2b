/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the options that both daemons have. Called by core/conf through the tables; opens nothing. */
#include "daemon/options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/resource.h>

#include "daemon/cors.h"
#include "daemon/firewall.h"

/* LIBPROCESS_SSL_X is ssl_x, and so is SSL_X of old where SSL_ENABLED stands beside it, in either spelling: SSL_CERT_FILE alone is
 * what other programs read their authorities from. VERIFY_DEPTH and ECDH_CURVE are what Mesos's book calls two of them. */
#define TLS(NAME, option_, type_, fallback_)                                                                        \
    {                                                                                                               \
        .name = "LIBPROCESS_SSL_" NAME, .aliases = OPTION_ALIASES("SSL_" NAME), .aliases_need = "SSL_ENABLED",       \
        .type = OPTION_##type_, .argument = option_, .offset = SIZE_MAX, .fallback = fallback_,                     \
        .help = "As --" option_ "."                                                                                 \
    }

const struct option daemon_environment[] = {
    {.name = "LIBPROCESS_IP",
     .type = OPTION_STRING,
     .argument = "ip",
     .offset = SIZE_MAX,
     .help = "As --ip."},
    {.name = "LIBPROCESS_ADVERTISE_IP",
     .type = OPTION_STRING,
     .argument = "advertise_ip",
     .offset = SIZE_MAX,
     .help = "As --advertise_ip."},
    {.name = "LIBPROCESS_ADVERTISE_PORT",
     .type = OPTION_STRING,
     .argument = "advertise_port",
     .offset = SIZE_MAX,
     .help = "As --advertise_port."},
    OPTION_GONE("LIBPROCESS_PORT", STRING, "The port.", "a daemon's port is --port, as in Mesos"),
    OPTION_NOT_YET("LIBPROCESS_IP6", STRING, NULL, "An IPv6 address.", "IPv6"),
    {.name = "LIBPROCESS_REQUIRE_PEER_ADDRESS_IP_MATCH",
     .type = OPTION_BOOL,
     .argument = "require_peer_address_ip_match",
     .offset = SIZE_MAX,
     .fallback = "false",
     .help = "As --require_peer_address_ip_match."},
    OPTION_NOT_YET("LIBPROCESS_MEMORY_PROFILING", BOOL, "false", "Heap profiles.", "memory profiling"),
    OPTION_NOT_YET("LIBPROCESS_ENABLE_PROFILER", BOOL, "0", "CPU profiles.", "the profiler"),
    OPTION_GONE("LIBPROCESS_NUM_WORKER_THREADS", STRING, "Threads.",
                "one thread owns all state; work off it has 4"),
    OPTION_GONE("LIBPROCESS_LIBEV_NUM_IO_THREADS", STRING, "Threads.", "one thread does all I/O"),
    OPTION_NOT_YET("LIBPROCESS_METRICS_SNAPSHOT_ENDPOINT_RATE_LIMIT", STRING, "2/1secs",
                   "Limit of snapshots.", "limits on /metrics/snapshot, which is never limited"),
    TLS("ENABLED", "ssl_enabled", BOOL, "false"),
    TLS("SUPPORT_DOWNGRADE", "ssl_support_downgrade", BOOL, "false"),
    TLS("CERT_FILE", "ssl_cert_file", PATH, NULL),
    TLS("KEY_FILE", "ssl_key_file", PATH, NULL),
    TLS("VERIFY_CERT", "ssl_verify_server_cert", BOOL, "false"),
    TLS("VERIFY_SERVER_CERT", "ssl_verify_server_cert", BOOL, "false"),
    TLS("REQUIRE_CERT", "ssl_require_client_cert", BOOL, "false"),
    TLS("REQUIRE_CLIENT_CERT", "ssl_require_client_cert", BOOL, "false"),
    TLS("VERIFY_IPADD", "ssl_verify_ipadd", BOOL, "false"),
    TLS("VERIFICATION_DEPTH", "ssl_verification_depth", INT, "4"),
    TLS("VERIFY_DEPTH", "ssl_verification_depth", INT, "4"),
    TLS("CA_DIR", "ssl_ca_dir", PATH, NULL),
    TLS("CA_FILE", "ssl_ca_file", PATH, NULL),
    TLS("CIPHERS", "ssl_ciphers", STRING, NULL),
    TLS("ECDH_CURVES", "ssl_ecdh_curves", STRING, "auto"),
    TLS("ECDH_CURVE", "ssl_ecdh_curves", STRING, "auto"),
    TLS("HOSTNAME_VALIDATION_SCHEME", "ssl_hostname_validation_scheme", STRING, "legacy"),
    TLS("ENABLE_SSL_V3", "ssl_enable_ssl_v3", BOOL, "false"),
    TLS("ENABLE_TLS_V1_0", "ssl_enable_tls_v1_0", BOOL, "false"),
    TLS("ENABLE_TLS_V1_1", "ssl_enable_tls_v1_1", BOOL, "false"),
    TLS("ENABLE_TLS_V1_2", "ssl_enable_tls_v1_2", BOOL, "true"),
    TLS("ENABLE_TLS_V1_3", "ssl_enable_tls_v1_3", BOOL, "true"),
    {.name = NULL},
};

int
daemon_check_origins(const char *value, void *target, struct option_set *set, struct err *err)
{
    struct cors *cors = cors_new(value, err);

    if (!cors)
        return -EINVAL;
    cors_free(cors);
    return 0;
}

int
daemon_check_firewall(const char *value, void *target, struct option_set *set, struct err *err)
{
    struct firewall *firewall = firewall_new(value, err);

    if (!firewall)
        return -EINVAL;
    firewall_free(firewall);
    return 0;
}

bool
daemon_wants_credentials(const char *modules)
{
    static const char *const ours[] = {"crammd5", "cram_md5", "scram_sha256"};
    struct str rest = str_of(modules);

    while (rest.len > 0) {
        struct str name = str_trim(str_cut(&rest, ','));

        for (size_t i = 0; i < ARRAY_LEN(ours); i++)
            if (str_is(name, ours[i]))
                return true;
    }
    return false;
}

/* A path it may be; else it may be the secret itself, which somebody wrote where its file's name belongs. */
static bool
names_file(const char *value)
{
    return value[0] == '/' || access(value, F_OK) == 0;
}

int
daemon_check_secret_file(const char *value, void *target, struct option_set *set, struct err *err)
{
    if (!value[0])
        return err_set(err, -EINVAL, "it is empty: name the file");
    if (names_file(value))
        return 0;
    if (strncmp(value, "file:", 5) == 0)
        return err_set(err, -EINVAL, "behind file: a whole path is wanted, as in file:///etc/mesos/secret");
    return err_set(err, -EINVAL, "it names no file. The secret itself does not belong here, where many can read it: put it into a "
                                 "file of mode 0600, and name that by its whole path");
}

char *
daemon_shown_secret_file(const char *value)
{
    return names_file(value) ? xstrdup(value) : xstrdup("(no file, so it is not shown)");
}

int
daemon_check_ip(const char *value, void *target, struct option_set *set, struct err *err)
{
    unsigned char address[16];

    if (inet_pton(AF_INET, value, address) == 1 || inet_pton(AF_INET6, value, address) == 1)
        return 0;
    return err_set(err, -EINVAL, "'%s' is no address: write e.g. 10.0.0.1", value);
}

int
daemon_check_port(const char *value, void *target, struct option_set *set, struct err *err)
{
    uint64_t port;

    if (str_to_u64(str_of(value), &port) == 0 && port >= 1 && port <= 65535)
        return 0;
    return err_set(err, -EINVAL, "'%s' is no port: write 1 to 65535", value);
}

/* The letters of the shell's ulimit, their resources and how many bytes (or other units) one of them is. */
static const struct {
    char letter;
    int resource;
    unsigned unit;
} letters[] = {
    {'c', RLIMIT_CORE, 512},  {'d', RLIMIT_DATA, 1024},    {'e', RLIMIT_NICE, 1},
    {'f', RLIMIT_FSIZE, 512}, {'i', RLIMIT_SIGPENDING, 1}, {'l', RLIMIT_MEMLOCK, 1024},
    {'m', RLIMIT_RSS, 1024},  {'n', RLIMIT_NOFILE, 1},     {'q', RLIMIT_MSGQUEUE, 1},
    {'r', RLIMIT_RTPRIO, 1},  {'s', RLIMIT_STACK, 1024},   {'t', RLIMIT_CPU, 1},
    {'u', RLIMIT_NPROC, 1},   {'v', RLIMIT_AS, 1024},
};

/* "-Hn", "-n": which resource, and whether soft, hard or both. */
static int
parse_flag(struct str word, unsigned *ret_unit, struct daemon_limit *ret, struct err *err)
{
    bool soft = false, hard = false, found = false;

    for (size_t i = 1; i < word.len; i++) {
        soft |= word.ptr[i] == 'S';
        hard |= word.ptr[i] == 'H';
        for (size_t k = 0; k < ARRAY_LEN(letters); k++)
            if (letters[k].letter == word.ptr[i]) {
                ret->resource = letters[k].resource;
                *ret_unit = letters[k].unit;
                found = true;
            }
    }
    if (!found)
        return err_set(err, -EINVAL, "'%.*s' is no limit that can be set: write e.g. -n 65536",
                       STR_ARG(word));
    ret->soft = soft || !hard;
    ret->hard = hard || !soft;
    return 0;
}

static int
parse_amount(struct str word, unsigned unit, struct daemon_limit *ret, struct err *err)
{
    if (str_is(word, "unlimited")) {
        ret->value = RLIM_INFINITY;
        return 0;
    }
    if (str_to_u64(word, &ret->value) < 0 || ret->value > UINT64_MAX / 2 / unit)
        return err_set(err, -EINVAL, "'%.*s' is no limit: write a number or unlimited", STR_ARG(word));
    ret->value *= unit;
    return 0;
}

static struct str
next_word(struct str *rest)
{
    *rest = str_trim(*rest);
    return str_cut(rest, ' ');
}

int
daemon_parse_ulimit(const char *text, struct daemon_limit out[DAEMON_MAX_LIMITS], size_t *ret_count,
                    struct err *err)
{
    struct str rest = str_trim(str_of(text));
    size_t count = 0;

    while (rest.len > 0) {
        struct daemon_limit limit = {.resource = RLIMIT_FSIZE, .soft = true, .hard = true};
        struct str word = next_word(&rest);
        unsigned unit = 512;

        if (count == DAEMON_MAX_LIMITS)
            return err_set(err, -E2BIG, "more than %d limits", DAEMON_MAX_LIMITS);
        if (word.ptr[0] == '-') {
            if (parse_flag(word, &unit, &limit, err) < 0)
                return -EINVAL;
            word = next_word(&rest);
        }
        if (parse_amount(word, unit, &limit, err) < 0)
            return -EINVAL;
        out[count++] = limit;
    }
    *ret_count = count;
    return 0;
}

int
daemon_check_zk(const char *value, void *target, struct option_set *set, struct err *err)
{
    struct zk_url url;

    if (zk_url_parse(value, &url, err) < 0)
        return -EINVAL;
    zk_url_fini(&url);
    return 0;
}

void
daemon_choose_election(struct option_set *set, const char *where)
{
    if (zk_url_is(where) && !conf_given(set, "election") && !conf_given(set, "master_detector"))
        conf_override(set, "election", "zookeeper");
}

int
daemon_check_ulimit(const char *value, void *target, struct option_set *set, struct err *err)
{
    struct daemon_limit limits[DAEMON_MAX_LIMITS];
    size_t count;

    return daemon_parse_ulimit(value, limits, &count, err);
}

static bool
has_section(const struct option_set *set, const char *name)
{
    size_t count;
    const struct conf_module *modules = conf_modules(set, &count);

    for (size_t i = 0; i < count; i++)
        if (!modules[i].library && modules[i].count > 0 && strcmp(modules[i].name, name) == 0)
            return true;
    return false;
}

static bool
is_true(const struct option_set *set, const char *name)
{
    const char *value = conf_value(set, name, NULL);

    return value && strcmp(value, "true") == 0;
}

/* The local authorizer is there when it has rules, or when executors have tokens, which bind them without any. */
static int
choose_authorizer(struct daemon_options *common, struct option_set *set, struct err *err)
{
    const char *name = common->authorizer;
    bool local = name && (strcmp(name, "local") == 0 || strcmp(name, "local_acl") == 0), lists = conf_given(set, "acls");

    if (name && strchr(name, ','))
        return err_set(err, -EINVAL, "option 'authorizers': '%s': one authorizer decides, not several", name);
    if (!local && lists)
        conf_note(set, "--acls is for the authorizer local; %s decides instead", name);
    if (local && !lists && !has_section(set, "acls") && !has_section(set, name) && !is_true(set, "authenticate_http_executors"))
        common->authorizer = NULL;
    return 0;
}

int
daemon_options_finish(struct daemon_options *common, struct option_set *set, struct err *err)
{
    struct option_origin a = {0}, b = {0};

    if (choose_authorizer(common, set, err) < 0 || daemon_tls_finish(common, set, err) < 0)
        return -EINVAL;
    if (!common->ip || !common->ip_discovery_command)
        return 0;
    conf_value(set, "ip", &a);
    conf_value(set, "ip_discovery_command", &b);
    return err_set(err, -EINVAL, "options 'ip' (%s) and 'ip_discovery_command' (%s) exclude each other",
                   a.where, b.where);
}
