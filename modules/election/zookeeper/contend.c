/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Being one of those who may lead: a node of our own, leadership when it is the first and a majority of the servers has
 * just agreed that it is there, and the lease, which ends leadership before anybody else's can begin.
 *
 * The lease: a session lives at the servers for its whole time-out after they last heard of it. What they agreed to was
 * sent before they heard it; so until the time of sending plus two thirds of the time-out no server can have ended the
 * session, the last third being for what one server learns late from another (the leader of the ensemble hears of
 * sessions from the others twice per tick, and a session has at least two ticks).
 */
#include "election/zookeeper/zookeeper.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define RETRY_FIRST_MS 500
#define RETRY_MAX_MS 10000
#define KEEPS_PER_SESSION 12

static void look(struct zookeeper_election *election);

/* ---- the lease ---- */

/* Not the loop's, which is read once per turn: we may have been stopped since. */
static int64_t
exact_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * (int64_t)1000 + ts.tv_nsec / 1000000;
}

int64_t
contend_lease_until_ms(struct zookeeper_election *election)
{
    if (election->state == CONTENDER_GONE)
        return INT64_MIN; /* led, and does no more */
    if (election->state != CONTENDER_LEADING)
        return INT64_MAX;
    int64_t agreed = zk_agreed_ms(election->zk);
    return agreed == INT64_MIN ? INT64_MIN : agreed + zk_session_timeout_ms(election->zk) * 2 / 3;
}

static void
lose(struct zookeeper_election *election, const char *why)
{
    bool led = election->state == CONTENDER_LEADING;

    zk_keep(election->zk, NULL, 0, NULL, NULL);
    election->state = led ? CONTENDER_GONE : CONTENDER_IDLE;
    if (led && election->events.lost)
        election->events.lost(election->events.arg, why);
}

/* Looks at the lease although nothing is being sent: others wait for us to go. */
static void
on_lease_timer(void *arg)
{
    struct zookeeper_election *election = arg;

    election->lease_timer = NULL;
    if (election->state != CONTENDER_LEADING)
        return;
    int64_t left = contend_lease_until_ms(election) - exact_ms();
    if (left <= 0) {
        lose(election, "ZooKeeper has not answered for two thirds of the session's time-out: another master may lead soon");
        return;
    }
    election->lease_timer = election->host->timer_start(election->host, left + 1, on_lease_timer, election);
}

static void
on_keep_lost(void *arg, const char *why)
{
    struct zookeeper_election *election = arg;

    free(take(&election->node));
    lose(election, why);
    if (election->state == CONTENDER_IDLE && zk_state(election->zk) == ZK_CONNECTED)
        look(election);
}

/* ---- trying again ---- */

static void
on_retry(void *arg)
{
    struct zookeeper_election *election = arg;

    election->retry = NULL;
    look(election);
}

static void
retry_later(struct zookeeper_election *election)
{
    election->state = CONTENDER_IDLE;
    if (election->retry)
        return;
    election->retry = election->host->timer_start(election->host, election->retry_ms, on_retry, election);
    election->retry_ms = election->retry_ms * 2 < RETRY_MAX_MS ? election->retry_ms * 2 : RETRY_MAX_MS;
}

/* A step has failed: with the connection (the session's news follow), or for a reason that may go. */
static void
step_failed(struct zookeeper_election *election, const struct zk_answer *answer)
{
    election->state = CONTENDER_IDLE;
    if (answer->status == -ENOTCONN || (answer->status == -ECONNRESET && zk_state(election->zk) != ZK_CONNECTED))
        return;
    MESOS_LOG(election->host, ERROR, "cannot contend for leadership: %s", answer->error);
    retry_later(election);
}

/* ---- being first ---- */

static void
on_confirmed(void *arg, const struct zk_answer *answer)
{
    struct zookeeper_election *election = arg;

    if (election->state != CONTENDER_CONFIRMING)
        return;
    if (answer->status != 0) {
        election->state = CONTENDER_WAITING;
        detect_look(election);
        return;
    }
    election->state = CONTENDER_LEADING;
    if (contend_lease_until_ms(election) <= exact_ms()) { /* we were stopped meanwhile: ask again */
        election->state = CONTENDER_WAITING;
        detect_look(election);
        return;
    }
    MESOS_LOG(election->host, INFO, "elected: %s is the first contender, session 0x%llx of %lld ms", election->node,
              (unsigned long long)zk_session(election->zk), (long long)zk_session_timeout_ms(election->zk));
    int64_t period = zk_session_timeout_ms(election->zk) / KEEPS_PER_SESSION;
    zk_keep(election->zk, election->node, period > 0 ? period : 1, on_keep_lost, election);
    on_lease_timer(election);
    if (election->state == CONTENDER_LEADING && election->events.elected)
        election->events.elected(election->events.arg);
}

static void
confirm(struct zookeeper_election *election)
{
    struct zk_op check = {.type = ZK_OP_CHECK, .path = election->node, .version = -1};

    election->state = CONTENDER_CONFIRMING;
    zk_multi(election->zk, &check, 1, on_confirmed, election);
}

void
contend_seen(struct zookeeper_election *election, const char *first, bool own)
{
    if (!election->contending)
        return;
    if (election->state == CONTENDER_WAITING && !own) {
        MESOS_LOG(election->host, WARNING, "%s was removed from ZooKeeper: contending again", election->node);
        free(take(&election->node));
        election->state = CONTENDER_IDLE;
        look(election);
    } else if (election->state == CONTENDER_WAITING && first && strcmp(first, election->node) == 0) {
        confirm(election);
    } else if (election->state == CONTENDER_LEADING && !own) {
        on_keep_lost(election, "the node of the leader was removed from ZooKeeper");
    } else if (election->state == CONTENDER_LEADING && first && strcmp(first, election->node) != 0) {
        on_keep_lost(election, "another node stands before that of the leader in ZooKeeper");
    }
}

/* ---- becoming a contender ---- */

static void
on_created(void *arg, const struct zk_answer *answer)
{
    struct zookeeper_election *election = arg;

    if (election->state != CONTENDER_CREATING)
        return;
    if (answer->status == -ECONNRESET) {
        /* There may be a node of ours now whose number we do not know: with the session it goes. */
        election->state = CONTENDER_IDLE;
        election_new_session(election);
        return;
    }
    if (answer->status != 0) {
        step_failed(election, answer);
        return;
    }
    election->retry_ms = RETRY_FIRST_MS;
    election->node = xstrdup(answer->path);
    election->state = CONTENDER_WAITING;
    MESOS_LOG(election->host, INFO, "contends for leadership as %s", election->node);
    detect_look(election);
}

static void
create(struct zookeeper_election *election)
{
    auto_free char *path = xasprintf("%s/json.info_", election->url.path);

    election->state = CONTENDER_CREATING;
    zk_create(election->zk, path, (struct mesos_bytes){buf_data(&election->own_json), election->own_json.len},
              ZK_EPHEMERAL_SEQUENTIAL, on_created, election);
}

/* Masters of Apache Mesos keep their registry in a log of their own, which we cannot read: a leader of ours beside them
 * would know nothing of their agents. */
static void
on_replicas(void *arg, const struct zk_answer *answer)
{
    struct zookeeper_election *election = arg;

    if (election->state != CONTENDER_LOOKING)
        return;
    if (answer->status != 0 && answer->status != -ENOENT) {
        step_failed(election, answer);
        return;
    }
    if (answer->status == 0 && answer->child_count > 0) {
        if (!election->refused_told)
            MESOS_LOG(election->host, ERROR,
                      "does not contend: %zu log replicas of Apache Mesos masters are members of %s, whose registry is "
                      "not ours to read; stop those masters and import their registry, or give --ignore_log_replicas",
                      answer->child_count, answer->path);
        election->refused_told = true;
        retry_later(election);
        return;
    }
    if (election->refused_told)
        MESOS_LOG(election->host, INFO, "the log replicas of Apache Mesos are gone: contending");
    election->refused_told = false;
    create(election);
}

static void
on_path(void *arg, const struct zk_answer *answer)
{
    struct zookeeper_election *election = arg;

    if (election->state != CONTENDER_LOOKING)
        return;
    if (answer->status != 0) {
        step_failed(election, answer);
        return;
    }
    if (election->ignore_log_replicas) {
        create(election);
        return;
    }
    auto_free char *replicas = xasprintf("%s/log_replicas", election->url.path);
    zk_children(election->zk, replicas, NULL, NULL, on_replicas, election);
}

static void
look(struct zookeeper_election *election)
{
    if (!election->contending || election->state != CONTENDER_IDLE || election->retry || election->stopped ||
        zk_state(election->zk) != ZK_CONNECTED)
        return;
    election->state = CONTENDER_LOOKING;
    zk_create_path(election->zk, election->url.path, on_path, election);
}

void
contend_start(struct zookeeper_election *election, struct mesos_bytes info)
{
    buf_clear(&election->own_info);
    buf_append(&election->own_info, info.data, info.len);
    info_to_json(info, &election->own_json);
    election->contending = true;
    election->retry_ms = RETRY_FIRST_MS;
    look(election);
}

void
contend_session(struct zookeeper_election *election)
{
    look(election);
}

void
contend_lost(struct zookeeper_election *election, const char *why)
{
    free(take(&election->node));
    election->host->timer_stop(election->host, election->retry);
    election->retry = NULL;
    if (election->state == CONTENDER_WITHDRAWING) {
        election->state = CONTENDER_GONE;
        if (election->withdrawing)
            election->host->reply(election->host, take(&election->withdrawing), 0, (struct mesos_bytes){NULL, 0});
    } else if (election->state != CONTENDER_GONE) {
        lose(election, why);
    }
}

/* ---- leaving ---- */

static void
on_withdrawn(void *arg, const struct zk_answer *answer)
{
    struct zookeeper_election *election = arg;

    if (election->state != CONTENDER_WITHDRAWING)
        return;
    if (answer->status == -ECONNRESET) { /* not known: the session's end takes it along */
        election_new_session(election);
        return;
    }
    contend_lost(election, "withdrawn");
}

void
contend_withdraw(struct zookeeper_election *election, struct mesos_call *call)
{
    auto_free char *node = take(&election->node);

    election->contending = false;
    election->host->timer_stop(election->host, election->retry);
    election->retry = NULL;
    zk_keep(election->zk, NULL, 0, NULL, NULL);
    if (node && zk_state(election->zk) == ZK_CONNECTED) {
        election->state = CONTENDER_WITHDRAWING;
        election->withdrawing = call;
        zk_delete(election->zk, node, -1, on_withdrawn, election);
        return;
    }
    bool creating = election->state == CONTENDER_CREATING;
    election->state = CONTENDER_GONE;
    if (node || creating)
        election_new_session(election);
    election->host->reply(election->host, call, 0, (struct mesos_bytes){NULL, 0});
}

void
contend_fini(struct zookeeper_election *election)
{
    election->host->timer_stop(election->host, election->retry);
    election->host->timer_stop(election->host, election->lease_timer);
    election->retry = election->lease_timer = NULL;
    free(take(&election->node));
    buf_fini(&election->own_info);
    buf_fini(&election->own_json);
}
