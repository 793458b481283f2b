/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who leads: the contender with the lowest sequence number. Looks at the names under the path whenever they change and
 * reads the first node. Only looks: what to do about it is for contend.c and for the daemon.
 */
#include "election/zookeeper/zookeeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_AGAIN_MS 1000

static void on_children_changed(void *arg, const char *path);

bool
detect_contender(const char *name, int64_t *ret_sequence, bool *ret_json)
{
    static const char json[] = "json.info_", packed[] = "info_";
    const char *number = NULL;

    if (strncmp(name, json, sizeof(json) - 1) == 0)
        number = name + sizeof(json) - 1;
    else if (strncmp(name, packed, sizeof(packed) - 1) == 0)
        number = name + sizeof(packed) - 1;
    if (!number || strlen(number) < 10 || str_to_i64(str_of(number), ret_sequence) < 0)
        return false;
    *ret_json = name[0] == 'j';
    return true;
}

/* ---- what is told ---- */

static void
tell(struct zookeeper_election *election, struct mesos_bytes info)
{
    struct buf *known = &election->info;

    if (election->told && info.len == known->len && (info.len == 0 || memcmp(info.data, buf_data(known), info.len) == 0))
        return;
    buf_clear(known);
    buf_append(known, info.data, info.len);
    election->told = true;
    if (!election->events.detected)
        return;
    auto_buf struct buf copy = {0}; /* known may change in the call */
    buf_append(&copy, buf_data(known), known->len);
    election->events.detected(election->events.arg, (struct mesos_bytes){copy.len ? buf_data(&copy) : NULL, copy.len});
}

static void
forget_leader(struct zookeeper_election *election)
{
    free(election->leader);
    election->leader = NULL;
    election->leader_watched = false;
}

/* ---- the leader's node ---- */

static void
on_leader_changed(void *arg, const char *path)
{
    struct zookeeper_election *election = arg;

    if (!election->leader || strcmp(election->leader, path) != 0)
        return; /* of an earlier leader */
    election->leader_watched = false;
    detect_look(election);
}

static void
on_leader(void *arg, const struct zk_answer *answer)
{
    struct zookeeper_election *election = arg;
    auto_buf struct buf packed = {0};
    struct err err = {0};
    int64_t sequence;
    bool json = true;

    if (!election->leader || strcmp(election->leader, answer->path) != 0)
        return;
    if (answer->status == 0) {
        detect_contender(strrchr(answer->path, '/') + 1, &sequence, &json);
        if (info_from_node(answer->data, json, &packed, &err) < 0) {
            MESOS_LOG(election->host, ERROR,
                      "the leading master's node %s in ZooKeeper cannot be read: %s; nobody leads until it is right or gone",
                      answer->path, err.text);
            tell(election, (struct mesos_bytes){NULL, 0});
        } else {
            tell(election, (struct mesos_bytes){buf_data(&packed), packed.len});
        }
        return;
    }
    election->leader_watched = false;
    if (answer->status == -EACCES) {
        MESOS_LOG(election->host, ERROR, "%s", answer->error);
        tell(election, (struct mesos_bytes){NULL, 0});
    } else if (answer->status == -ENOENT) {
        detect_look(election); /* gone between two questions */
    }
}

/* Reads it, and once more when it changes. */
static void
read_leader(struct zookeeper_election *election)
{
    bool watch = !election->leader_watched;

    election->leader_watched = true;
    zk_get(election->zk, election->leader, watch ? on_leader_changed : NULL, election, on_leader, election);
}

/* ---- the names ---- */

static void
on_look_soon(void *arg)
{
    struct zookeeper_election *election = arg;

    election->look_soon = NULL;
    detect_look(election);
}

static void
look_later(struct zookeeper_election *election)
{
    if (!election->look_soon)
        election->look_soon = election->host->timer_start(election->host, LOOK_AGAIN_MS, on_look_soon, election);
}

static void
on_path_made(void *arg, const char *path)
{
    struct zookeeper_election *election = arg;

    election->children_watched = false;
    detect_look(election);
}

/* Nobody has been here yet. */
static void
on_path_looked_at(void *arg, const struct zk_answer *answer)
{
    struct zookeeper_election *election = arg;

    election->looking = false;
    if (answer->status == -ENOENT)
        return; /* watched */
    election->children_watched = false;
    if (answer->status == 0)
        detect_look(election);
    else if (answer->status != -ECONNRESET && answer->status != -ENOTCONN)
        look_later(election);
}

static void
nobody_contends(struct zookeeper_election *election)
{
    forget_leader(election);
    tell(election, (struct mesos_bytes){NULL, 0});
    contend_seen(election, NULL, false);
}

static const char *
first_of(struct zookeeper_election *election, const struct zk_answer *answer, bool *ret_own)
{
    const char *own = election->node ? strrchr(election->node, '/') + 1 : "", *first = NULL;
    int64_t lowest = 0, sequence;
    bool json;

    *ret_own = false;
    for (size_t i = 0; i < answer->child_count; i++) {
        if (strcmp(answer->children[i], own) == 0)
            *ret_own = true;
        if (detect_contender(answer->children[i], &sequence, &json) && (!first || sequence < lowest)) {
            first = answer->children[i];
            lowest = sequence;
        }
    }
    return first;
}

static void
on_children(void *arg, const struct zk_answer *answer)
{
    struct zookeeper_election *election = arg;
    bool own;

    election->looking = false;
    if (answer->status != 0)
        election->children_watched = false;
    if (answer->status == -ENOENT) {
        election->looking = election->children_watched = true;
        nobody_contends(election);
        zk_exists(election->zk, election->url.path, on_path_made, election, on_path_looked_at, election);
        return;
    }
    if (answer->status != 0) {
        if (answer->status != -ECONNRESET && answer->status != -ENOTCONN) {
            MESOS_LOG(election->host, ERROR, "%s", answer->error);
            look_later(election);
        }
        return;
    }
    const char *first = first_of(election, answer, &own);
    if (!first) {
        nobody_contends(election);
    } else {
        auto_free char *path = xasprintf("%s/%s", election->url.path, first);
        if (!election->leader || strcmp(election->leader, path) != 0) {
            forget_leader(election);
            election->leader = take(&path);
            MESOS_LOG(election->host, INFO, "the first contender in ZooKeeper is %s", election->leader);
        }
        read_leader(election);
        contend_seen(election, election->leader, own);
    }
    if (election->look_again) {
        election->look_again = false;
        detect_look(election);
    }
}

static void
on_children_changed(void *arg, const char *path)
{
    struct zookeeper_election *election = arg;

    election->children_watched = false;
    detect_look(election);
}

void
detect_look(struct zookeeper_election *election)
{
    if (!election->zk || election->stopped || !election->detecting || zk_state(election->zk) != ZK_CONNECTED)
        return; /* detect_session comes */
    if (election->looking) {
        election->look_again = true;
        return;
    }
    bool watch = !election->children_watched;
    election->looking = election->children_watched = true;
    zk_children(election->zk, election->url.path, watch ? on_children_changed : NULL, election, on_children, election);
}

void
detect_session(struct zookeeper_election *election)
{
    detect_look(election);
}

/* Who contends may not point others at somebody who has gone; who only follows stays with the leader that it knows: that
 * one is bound by its own lease. */
void
detect_lost(struct zookeeper_election *election)
{
    election->looking = election->look_again = election->children_watched = false;
    forget_leader(election);
    if (election->contending)
        tell(election, (struct mesos_bytes){NULL, 0});
}

void
detect_fini(struct zookeeper_election *election)
{
    election->host->timer_stop(election->host, election->look_soon);
    election->look_soon = NULL;
    forget_leader(election);
    buf_fini(&election->info);
}
