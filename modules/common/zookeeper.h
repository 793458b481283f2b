/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small client of ZooKeeper on the single-threaded C library: it watches the library's descriptor and keeps its times
 * through struct mesos_host. Modules election/zookeeper and registry/zookeeper have one each.
 *
 * Everything happens on the loop's thread; nothing blocks: names are resolved on another thread and the library sees
 * numeric addresses only. Completions and events never come inside the call that asked. The client looks after its own
 * connection: it goes from server to server with a back-off, and after a session's end opens a new one (new handle). What
 * belonged to the old session (ephemeral nodes, watches, requests under way) is gone then and is the user's to make again.
 *
 * Nodes are created with the ACL that Mesos uses: without credentials anybody may do everything; with them everybody may
 * read and the user of the URL may do everything.
 */
#ifndef COMMON_ZOOKEEPER_H
#define COMMON_ZOOKEEPER_H

#include "base/zk_url.h"
#include "mesos/module.h"

struct zk;

/* A node's data must stay below this, request and names included: the servers' default jute.maxbuffer is 1 MiB - 1. A
 * larger request ends the connection, so the client refuses it with -E2BIG. */
#define ZK_REQUEST_BYTES_MAX ((1 << 20) - 4096)

enum zk_state {
    ZK_CONNECTING, /* no server answers at the moment; the session may live on: requests wait or fail with -ECONNRESET */
    ZK_CONNECTED, /* a session is there: a new one when zk_session changed, else the old one again, watches kept */
    ZK_EXPIRED, /* the session is over, a new one is being opened by itself; ZK_CONNECTED follows when it is there */
};

struct zk_options {
    const struct mesos_host *host; /* borrowed for the client's life */
    const struct zk_url *url; /* copied */
    int64_t session_timeout_ms; /* what is asked for; servers may grant another */
    /* The state has changed. why: one sentence, never with a password. */
    void (*on_state)(void *arg, enum zk_state state, const char *why);
    void *arg;
};

/* Starts at once; on_state tells. Never fails: what is wrong outside is logged and tried again. */
struct zk *zk_new(const struct zk_options *options);
/* Ends the session (the server is told when it can be reached: ephemeral nodes go at once) and frees. Completions that are
 * owed do not come any more. May be called from a completion or event. NULL is fine. */
void zk_free(struct zk *zk);

enum zk_state zk_state(const struct zk *zk);
/* The id of the session; 0 = none yet. */
int64_t zk_session(const struct zk *zk);
/* What the servers granted; what was asked for until they have. */
int64_t zk_session_timeout_ms(const struct zk *zk);

/*
 * For leases. Monotonic milliseconds (host->now_ms) at which that request was sent which is the latest one, of this session,
 * that a majority of the servers has agreed to (create, set, delete, multi: not reads, which one server answers alone).
 * The session lives at least until then + zk_session_timeout_ms, less a third of it for what servers know late. INT64_MIN
 * = none of this session yet. Time that the machine has slept since is taken off: the clock stood meanwhile.
 */
int64_t zk_agreed_ms(const struct zk *zk);
/* From now on asks again and again, every period, for agreement that the node is there (a multi of one check), and calls
 * lost(arg, why) once when it is not, or the session is over. NULL path = stop. Stops by itself after lost. */
void zk_keep(struct zk *zk, const char *path, int64_t period_ms, void (*lost)(void *arg, const char *why), void *arg);

struct zk_stat {
    int64_t czxid, mzxid, pzxid; /* transactions that created, changed it, changed its children */
    int64_t ctime_ms, mtime_ms; /* wall */
    int32_t version, cversion;
    int64_t ephemeral_owner; /* session; 0 = persistent */
    int32_t data_length, child_count;
};

/* What a request led to. Everything is borrowed for the callback. */
struct zk_answer {
    /* 0, or: -ENOENT no such node (or no parent); -EEXIST; -ESTALE another version; -ENOTEMPTY; -EACCES credentials do not
     * suffice; -E2BIG too large, not sent; -EINVAL the path or argument; -ECONNRESET the connection broke: it is not known
     * whether it was done; -ENOTCONN the session is over: not done unless it was under way; -EIO anything else. */
    int status;
    const char *error; /* one sentence, names the path; NULL when status is 0 */
    const char *path; /* create: the node that was made (with its sequence number); else the path that was asked for */
    struct mesos_bytes data; /* get; data is never NULL when status is 0 */
    const struct zk_stat *stat; /* get, exists, set, children: NULL when status is not 0 */
    const char *const *children; /* children: names without path, in no order */
    size_t child_count;
    size_t failed; /* multi: index of the operation that was the reason; SIZE_MAX = unknown */
    char *const *created; /* multi: the path that each create made, NULL for others; NULL when status is not 0 */
};
typedef void zk_done_fn(void *arg, const struct zk_answer *answer);

/* A watch fires once, on the first change after the answer that set it; never when the session ends (on_state tells). */
typedef void zk_changed_fn(void *arg, const char *path);

enum zk_mode { ZK_PERSISTENT, ZK_PERSISTENT_SEQUENTIAL, ZK_EPHEMERAL, ZK_EPHEMERAL_SEQUENTIAL };

/* All requests: copied before the call returns; done comes exactly once unless the client is freed. Answers of one client
 * come in the order of the requests; servers do what one session asks in that order. version: -1 = any. done may be NULL
 * where nothing is of interest. changed NULL = no watch; get and children set a watch only when the node is there. */
void zk_create(struct zk *zk, const char *path, struct mesos_bytes data, enum zk_mode mode, zk_done_fn *done, void *arg);
/* The node and every parent of it that is missing, persistent, without data; those that are there are fine. */
void zk_create_path(struct zk *zk, const char *path, zk_done_fn *done, void *arg);
void zk_get(struct zk *zk, const char *path, zk_changed_fn *changed, void *changed_arg, zk_done_fn *done, void *arg);
void zk_exists(struct zk *zk, const char *path, zk_changed_fn *changed, void *changed_arg, zk_done_fn *done, void *arg);
void zk_children(struct zk *zk, const char *path, zk_changed_fn *changed, void *changed_arg, zk_done_fn *done, void *arg);
void zk_set(struct zk *zk, const char *path, struct mesos_bytes data, int32_t version, zk_done_fn *done, void *arg);
void zk_delete(struct zk *zk, const char *path, int32_t version, zk_done_fn *done, void *arg);
/* The server that we talk to catches up with the leader before it answers: a get asked after this one is as new. */
void zk_sync(struct zk *zk, const char *path, zk_done_fn *done, void *arg);

enum zk_op_type { ZK_OP_CREATE, ZK_OP_SET, ZK_OP_DELETE, ZK_OP_CHECK };
struct zk_op {
    enum zk_op_type type;
    const char *path;
    struct mesos_bytes data; /* create, set */
    enum zk_mode mode; /* create */
    int32_t version; /* set, delete, check */
};
/* All of them or none, in order. */
void zk_multi(struct zk *zk, const struct zk_op *ops, size_t count, zk_done_fn *done, void *arg);

/* The zk:// URL that a daemon's option has as its value (the core has read file:// already). -EINVAL and host->fail's
 * text, which names the option and never the password. */
int zk_url_read(const struct mesos_host *host, const char *option, const char *text, struct zk_url *ret);

#endif
