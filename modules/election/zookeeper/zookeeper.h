/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of election/zookeeper share. zookeeper.c: the module; contend.c: being one of those who may lead;
 * detect.c: finding out who does; info.c: what stands in a leader's node.
 */
#ifndef ELECTION_ZOOKEEPER_H
#define ELECTION_ZOOKEEPER_H

#include "base/buf.h"
#include "common/zookeeper.h"
#include "mesos/election.h"

enum contender_state {
    CONTENDER_IDLE, /* does not contend, or waits before it tries again */
    CONTENDER_LOOKING, /* for the path and for log replicas of Apache Mesos */
    CONTENDER_CREATING,
    CONTENDER_WAITING, /* has a node, another one is before it */
    CONTENDER_CONFIRMING, /* is first; asks a majority before it says so */
    CONTENDER_LEADING,
    CONTENDER_WITHDRAWING,
    CONTENDER_GONE, /* has withdrawn or lost: contends no more */
};

struct zookeeper_election {
    const struct mesos_host *host;
    const char *url_text; /* option; NULL = the daemon's own --zk or --master */
    struct zk_url url;
    int64_t session_ms;
    bool ignore_log_replicas;
    struct zk *zk;
    struct mesos_election_events events;
    bool stopped;

    /* detect.c */
    bool detecting; /* somebody wants to know, or we contend */
    bool looking, look_again, children_watched;
    char *leader; /* path of the first node, NULL = there is none */
    bool leader_watched;
    struct buf info; /* packed mesos.v1.MasterInfo of the leader as it was told */
    bool told;
    struct mesos_timer *look_soon;

    /* contend.c */
    struct buf own_info, own_json;
    bool contending;
    enum contender_state state;
    char *node; /* ours, of this session */
    struct mesos_timer *retry, *lease_timer;
    int64_t retry_ms;
    bool refused_told;
    struct mesos_call *withdrawing;
};

/* zookeeper.c: a session that may have made a node without our knowing it is given up. */
void election_new_session(struct zookeeper_election *election);

/* detect.c */
void detect_session(struct zookeeper_election *election); /* a session is there (again) */
void detect_lost(struct zookeeper_election *election); /* the session is over */
void detect_look(struct zookeeper_election *election);
void detect_fini(struct zookeeper_election *election);
/* The sequence number of a contender's node, by its name. json: how its data are written. */
bool detect_contender(const char *name, int64_t *ret_sequence, bool *ret_json);

/* contend.c */
void contend_start(struct zookeeper_election *election, struct mesos_bytes info);
void contend_session(struct zookeeper_election *election);
void contend_lost(struct zookeeper_election *election, const char *why);
/* Who is first: name is NULL when nobody contends; own: our node is among them. */
void contend_seen(struct zookeeper_election *election, const char *first, bool own);
void contend_withdraw(struct zookeeper_election *election, struct mesos_call *call);
int64_t contend_lease_until_ms(struct zookeeper_election *election);
void contend_fini(struct zookeeper_election *election);

/* info.c: a leader's node. Outside bytes: whatever somebody wrote there. */
int info_from_node(struct mesos_bytes data, bool json, struct buf *ret_packed, struct err *err);
void info_to_json(struct mesos_bytes packed, struct buf *ret_json);

#endif
