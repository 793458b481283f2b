/* SPDX-License-Identifier: Apache-2.0 */
/* Who may come in without a login or under another's name, by the options that say it. Used by daemon.c. */
#include "daemon/openness.h"

#include <errno.h>

#include "base/buf.h"
#include "base/log.h"
#include "conf/option.h"
#include "daemon/metrics.h"

#define METRIC "security/open_without_authentication"
enum { DAY_MS = 24 * 60 * 60 * 1000 };

struct openness {
    struct loop_timer daily;
    char *sentence;
};

/* "a=true, b=true": what would have to be set; both daemons' options are known here, each has its own. */
static void
missing(const struct option_set *set, struct buf *out)
{
    static const char *const switches[] = {"authenticate_http_readonly", "authenticate_http_readwrite", "authenticate_frameworks",
                                           "authenticate_http_frameworks", "authenticate_agents", "authenticate_http_executors"};
    for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
        const char *value = conf_value(set, switches[i], NULL);
        if (value && strcmp(value, "false") == 0)
            buf_printf(out, "%s%s=true", out->len ? ", " : "", switches[i]);
    }
}

static bool
is_true(const struct option_set *set, const char *name)
{
    const char *value = conf_value(set, name, NULL);
    return value && strcmp(value, "true") == 0;
}

/* NULL: it is known, as far as addresses or certificates tell, whom a libprocess message is from. */
static char *
describe_spoofing(const struct option_set *set, const struct address *at)
{
    char text[128];
    bool certificates = is_true(set, "ssl_enabled") && is_true(set, "ssl_require_client_cert") &&
                        !is_true(set, "ssl_support_downgrade");
    if (address_is_loopback(at) || certificates || is_true(set, "require_peer_address_ip_match"))
        return NULL;
    return xasprintf("%s believes a libprocess message to be of whom it names: set require_peer_address_ip_match=true, or "
                     "ssl_require_client_cert=true with TLS on every daemon", address_format(at, text));
}

/* NULL: not open. */
static char *
describe(const struct option_set *set, const struct address *at)
{
    auto_buf struct buf switches = {0};
    char text[128];
    if (!set || address_is_loopback(at))
        return NULL;
    missing(set, &switches);
    if (!switches.len)
        return NULL;
    return xasprintf("%s is open without authentication: set %s, or listen on a loopback address (ip=127.0.0.1)",
                     address_format(at, text), buf_cstr(&switches));
}

int
openness_check(const struct option_set *set, const struct address *listen, struct err *err)
{
    bool required = set && is_true(set, "require_authentication");
    auto_free char *sentence = required ? describe(set, listen) : NULL;
    if (required && !sentence)
        sentence = describe_spoofing(set, listen);
    return sentence ? err_set(err, -EPERM, "option 'require_authentication': %s", sentence) : 0;
}

static void
on_daily(void *arg)
{
    struct openness *openness = arg;
    log_warning("%s", openness->sentence);
    loop_timer_start(&openness->daily, DAY_MS);
}

struct openness *
openness_new(struct loop *loop, struct metrics *metrics, const struct option_set *set, const struct address *bound)
{
    struct openness *openness = xcalloc(1, sizeof(*openness));
    openness->sentence = describe(set, bound);
    loop_timer_init(&openness->daily, loop, on_daily, openness);
    if (set)
        metric_set(metrics_get(metrics, METRIC), openness->sentence != NULL);
    auto_free char *spoofing = set ? describe_spoofing(set, bound) : NULL;
    if (openness->sentence)
        on_daily(openness);
    else if (spoofing)
        log_warning("%s", spoofing);
    return openness;
}

const char *
openness_sentence(const struct openness *openness)
{
    return openness->sentence;
}

void
openness_free(struct openness *openness)
{
    if (!openness)
        return;
    loop_timer_stop(&openness->daily);
    free(openness->sentence);
    free(openness);
}
