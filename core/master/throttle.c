/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps what waits: one lane for each limit, one parked message or call after the other. */
#include "master/throttle.h"

#include "base/log.h"
#include "host/kind_rate_limiter.h"
#include "master/http.h"
#include "master/messages.h"

/* No limit of a module's: what waits there passes at its next turn. */
#define UNLIMITED "\n"

/* ASK_MS: at a long wait the module is asked again all the same: its limits may have changed. */
enum { ASK_MS = 1000, LANE_BYTES_MAX = 64 << 20, TELL_MS = 10 * 1000, CALL_BYTES = 4 << 10 /* an exchange */ };

struct lane {
    struct throttle *throttle;
    char *key;
    uint64_t capacity;
    struct list parked;
    uint64_t count;
    size_t bytes; /* of memory */
    struct loop_timer timer;
    int64_t told_ms; /* when the log last heard of a refusal */
    uint64_t refused; /* since then */
};

struct parked {
    struct list node;
    struct lane *lane;
    struct framework *framework; /* throttle_forget takes it out before it is freed */
    uint64_t order;
    int64_t arrived_ms;
    size_t bytes; /* all that is held for it */
    struct http_exchange *exchange; /* a call; NULL = a message: */
    struct upid from;
    char *to, *name;
    void *body;
    size_t body_len;
};

struct throttle {
    struct master *master;
    struct module *limiter;
    struct map lanes; /* key -> struct lane */
    uint64_t generation, last_order;
    bool passing; /* what is handled now has waited already */
};

static int64_t
soon(int64_t wait_ms)
{
    return wait_ms < ASK_MS ? wait_ms : ASK_MS;
}

static const char *
principal_of(const struct framework *framework)
{
    return framework->info->principal ? framework->info->principal : "";
}

static void
parked_free(struct parked *parked)
{
    if (!list_empty(&parked->node) && parked->lane) {
        parked->lane->count--;
        parked->lane->bytes -= parked->bytes;
    }
    list_remove(&parked->node);
    if (parked->exchange)
        http_exchange_on_gone(parked->exchange, NULL, NULL);
    free(parked->to);
    free(parked->name);
    free(parked->body);
    free(parked);
}

/* Its client has gone: the call was never made. */
static void
on_gone(struct http_exchange *exchange, void *arg)
{
    struct parked *parked = arg;
    (void)exchange;
    parked->exchange = NULL;
    parked_free(parked);
}

static void on_turn(void *arg);

static struct lane *
lane_get(struct throttle *throttle, const struct mesos_rate_limit *limit)
{
    struct lane *lane = map_get(&throttle->lanes, str_of(limit->key));
    if (!lane) {
        lane = xcalloc(1, sizeof(*lane));
        lane->throttle = throttle;
        lane->key = xstrdup(limit->key);
        lane->told_ms = INT64_MIN / 2;
        list_init(&lane->parked);
        loop_timer_init(&lane->timer, throttle->master->loop, on_turn, lane);
        map_add(&throttle->lanes, str_of(lane->key), lane);
    }
    lane->capacity = limit->capacity;
    return lane;
}

static void
lane_push(struct lane *lane, struct parked *parked)
{
    parked->lane = lane;
    list_push(&lane->parked, &parked->node);
    lane->count++;
    lane->bytes += parked->bytes;
}

/* Its turn has come: it is handled as if it came now, but passes. */
static void
pass(struct throttle *throttle, struct parked *parked)
{
    struct http_exchange *exchange = take(&parked->exchange);
    throttle->passing = true;
    if (exchange) {
        http_exchange_on_gone(exchange, NULL, NULL);
        http_scheduler(exchange, throttle->master);
    } else {
        messages_handle(throttle->master, &parked->from, str_of(parked->to), str_of(parked->name), str_n(parked->body, parked->body_len));
    }
    throttle->passing = false;
    list_init(&parked->node);
    parked->lane = NULL;
    parked_free(parked);
}

static void
lane_pop(struct lane *lane)
{
    struct parked *parked = list_first(&lane->parked, struct parked, node);
    list_remove(&parked->node);
    lane->count--;
    lane->bytes -= parked->bytes;
    pass(lane->throttle, parked);
}

static void lanes_sort(struct throttle *throttle);

static void
on_turn(void *arg)
{
    struct lane *lane = arg;
    struct throttle *throttle = lane->throttle;
    if (rate_limiter_generation(throttle->limiter) != throttle->generation) {
        lanes_sort(throttle);
        return;
    }
    while (!list_empty(&lane->parked)) {
        int64_t wait_ms =
            rate_limiter_admit(throttle->limiter, lane->key, list_first(&lane->parked, struct parked, node)->arrived_ms);
        if (wait_ms > 0) {
            loop_timer_start(&lane->timer, soon(wait_ms));
            return;
        }
        lane_pop(lane);
    }
}

static int
by_order(const void *a, const void *b)
{
    const struct parked *const *x = a, *const *y = b;
    return ((*x)->order > (*y)->order) - ((*x)->order < (*y)->order);
}

/* Limits have changed: everything that waits finds its place anew; what has no limit any more goes to a lane that lets it
 * pass at its next turn. */
static void
lanes_sort(struct throttle *throttle)
{
    struct parked **all;
    struct lane *lane;
    size_t count = 0, at = 0;
    throttle->generation = rate_limiter_generation(throttle->limiter);
    map_foreach (lane, &throttle->lanes)
        count += lane->count;
    all = xcalloc(count + 1, sizeof(struct parked *));
    map_foreach (lane, &throttle->lanes) {
        while (!list_empty(&lane->parked)) {
            all[at] = list_first(&lane->parked, struct parked, node);
            list_remove(&all[at++]->node);
        }
        lane->count = 0;
        lane->bytes = 0;
        loop_timer_stop(&lane->timer);
    }
    qsort(all, count, sizeof(struct parked *), by_order);
    for (size_t i = 0; i < count; i++) {
        struct mesos_rate_limit limit;
        if (!rate_limiter_limit(throttle->limiter, principal_of(all[i]->framework), &limit))
            limit.key = UNLIMITED;
        lane_push(lane_get(throttle, &limit), all[i]);
    }
    free(all);
    map_foreach (lane, &throttle->lanes)
        if (lane->count)
            loop_timer_start(&lane->timer, 0);
}

static void
tell_refusal(struct lane *lane, const struct framework *framework)
{
    int64_t now_ms = loop_now_ms(lane->throttle->master->loop);
    lane->refused++;
    if (now_ms - lane->told_ms < TELL_MS)
        return;
    log_warning("refuse messages over the rate limit: principal=\"%s\" framework=%s waiting=%llu refused=%llu", principal_of(framework),
                framework->id, (unsigned long long)lane->count, (unsigned long long)lane->refused);
    lane->told_ms = now_ms;
    lane->refused = 0;
}

enum verdict { PASSES, WAITS, REFUSED };

static enum verdict
judge(struct throttle *throttle, struct framework *framework, size_t bytes, struct lane **ret)
{
    struct mesos_rate_limit limit;
    struct lane *lane;
    if (rate_limiter_generation(throttle->limiter) != throttle->generation)
        lanes_sort(throttle);
    if (!rate_limiter_limit(throttle->limiter, principal_of(framework), &limit)) {
        *ret = map_get(&throttle->lanes, STR_LIT(UNLIMITED));
        return *ret && !list_empty(&(*ret)->parked) ? WAITS : PASSES; /* behind what was limited before */
    }
    *ret = lane = lane_get(throttle, &limit);
    if (list_empty(&lane->parked)) {
        int64_t wait_ms = rate_limiter_admit(throttle->limiter, lane->key, loop_now_ms(throttle->master->loop));
        if (wait_ms <= 0)
            return PASSES;
        loop_timer_start(&lane->timer, soon(wait_ms));
    }
    if (lane->count < lane->capacity && lane->bytes + bytes <= LANE_BYTES_MAX)
        return WAITS;
    tell_refusal(lane, framework);
    return REFUSED;
}

static struct parked *
park(struct lane *lane, struct framework *framework, size_t bytes)
{
    struct parked *parked = xcalloc(1, sizeof(*parked));
    list_init(&parked->node);
    parked->framework = framework;
    parked->order = ++lane->throttle->last_order;
    parked->arrived_ms = loop_now_ms(lane->throttle->master->loop);
    parked->bytes = bytes;
    lane_push(lane, parked);
    return parked;
}

/* How much may wait, in Mesos's words; the bytes are a limit of ours. */
static char *
refusal(const struct lane *lane, const char *what, size_t len)
{
    if (lane->count >= lane->capacity)
        return xasprintf("%.*s dropped: capacity(%llu) exceeded", (int)len, what, (unsigned long long)lane->capacity);
    return xasprintf("%.*s dropped: %zu bytes are waiting", (int)len, what, lane->bytes);
}

/* Counts it, too; what has waited already passes. */
static enum verdict
receive(struct framework *framework, size_t bytes, struct lane **ret)
{
    struct throttle *throttle = framework->master->throttle;
    bool has_waited = throttle && throttle->passing;
    if (!has_waited)
        principal_metrics_received(framework);
    enum verdict verdict = throttle && !has_waited ? judge(throttle, framework, bytes, ret) : PASSES;
    if (verdict == PASSES)
        principal_metrics_processed(framework);
    return verdict;
}

/* A verdict was given on what has just come. */
static bool
is_limited(const struct throttle *throttle)
{
    return throttle && !throttle->passing;
}

bool
throttle_message(struct framework *framework)
{
    struct master *master = framework->master;
    const struct handled *handled = &master->handled;
    size_t bytes = sizeof(struct parked) + handled->to.len + handled->name.len + handled->body.len;
    struct lane *lane = NULL;
    enum verdict verdict = receive(framework, bytes, &lane);
    if (is_limited(master->throttle))
        libprocess_patient(master->daemon->libprocess, verdict != PASSES);
    if (verdict == REFUSED) {
        auto_free char *text = refusal(lane, handled->name.ptr, handled->name.len);
        auto_free char *message = xasprintf("Message %s", text);
        driver_send_error(master, handled->from, message);
    } else if (verdict == WAITS) {
        struct parked *parked = park(lane, framework, bytes);
        parked->from = *handled->from;
        parked->to = str_dup(handled->to);
        parked->name = str_dup(handled->name);
        parked->body = xmemdup(handled->body.ptr, handled->body.len);
        parked->body_len = handled->body.len;
    }
    return verdict == PASSES;
}

bool
throttle_call(struct framework *framework, struct http_exchange *exchange, const char *what)
{
    const struct http_request *request = http_exchange_request(exchange);
    size_t bytes = sizeof(struct parked) + CALL_BYTES + request->body.len + arena_bytes(request->arena); /* decoded it is larger */
    struct lane *lane = NULL;
    if (!framework->master->throttle)
        return true; /* not counted either: Mesos counts messages of v0 frameworks alone */
    enum verdict verdict = receive(framework, bytes, &lane);
    if (is_limited(framework->master->throttle))
        http_exchange_patient(exchange, verdict != PASSES);
    if (verdict == REFUSED) {
        auto_free char *text = refusal(lane, what, strlen(what));
        http_reply_text(exchange, 429, "Call %s", text);
    } else if (verdict == WAITS) {
        struct parked *parked = park(lane, framework, bytes);
        parked->exchange = exchange;
        http_exchange_on_gone(exchange, on_gone, parked);
    }
    return verdict == PASSES;
}

void
throttle_forget(struct framework *framework)
{
    struct throttle *throttle = framework->master->throttle;
    struct http_exchange **unknown = NULL;
    struct parked *parked, *next;
    struct lane *lane;
    size_t count = 0;
    if (!throttle)
        return;
    map_foreach (lane, &throttle->lanes)
        list_foreach_safe (parked, next, &lane->parked, node) {
            if (parked->framework != framework)
                continue;
            if (parked->exchange) {
                unknown = xreallocarray(unknown, count + 1, sizeof(struct http_exchange *));
                unknown[count++] = parked->exchange;
            }
            parked_free(parked);
        }
    /* None is answered while lanes are being walked. */
    for (size_t i = 0; i < count; i++)
        http_reply_text(unknown[i], 400, "Framework cannot be found");
    free(unknown);
}

struct throttle *
throttle_new(struct master *master, struct module *limiter)
{
    struct throttle *throttle;
    if (!limiter)
        return NULL;
    throttle = xcalloc(1, sizeof(*throttle));
    throttle->master = master;
    throttle->limiter = limiter;
    throttle->generation = rate_limiter_generation(limiter);
    return throttle;
}

void
throttle_free(struct throttle *throttle)
{
    struct parked *parked, *next;
    struct lane *lane;
    if (!throttle)
        return;
    map_foreach (lane, &throttle->lanes) {
        list_foreach_safe (parked, next, &lane->parked, node)
            parked_free(parked);
        loop_timer_stop(&lane->timer);
        free(lane->key);
        free(lane);
    }
    map_fini(&throttle->lanes);
    free(throttle);
}
