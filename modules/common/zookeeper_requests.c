/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to ZooKeeper and their answers, and watches. Each request is one object that lives until it was answered; the
 * library gives the same object back.
 */
#include "common/zookeeper_inside.h"

#include <errno.h>
#include <stdio.h>

#define CREATED_PATH_BYTES 1200

struct request {
    struct list in_failed;
    struct zk *zk;
    const char *verb;
    char *path;
    zk_done_fn *done;
    void *arg;
    int64_t sent_ms, slept_ms, session;
    bool agrees; /* a majority must have agreed to a good answer */
    bool keeps_watch_when_missing;
    struct watch *watch;
    int status; /* of one that could not be asked */
    /* multi */
    size_t count;
    zoo_op_result_t *results;
    char **created;
};

struct watch {
    struct list in_zk;
    struct zk *zk;
    char *path;
    zk_changed_fn *changed;
    void *arg;
};

/* World may read, the user of the connection may do everything: what Mesos gives its nodes. */
static struct ACL user_acl[2];
static const struct ACL_vector user_acls = {2, user_acl};

static const struct ACL_vector *
acls(const struct zk *zk)
{
    if (!zk->url.credentials)
        return &ZOO_OPEN_ACL_UNSAFE;
    user_acl[0] = (struct ACL){ZOO_PERM_READ, ZOO_ANYONE_ID_UNSAFE};
    user_acl[1] = (struct ACL){ZOO_PERM_ALL, ZOO_AUTH_IDS};
    return &user_acls;
}

static int
mode_flags(enum zk_mode mode)
{
    switch (mode) {
    case ZK_PERSISTENT_SEQUENTIAL:
        return ZOO_PERSISTENT_SEQUENTIAL;
    case ZK_EPHEMERAL:
        return ZOO_EPHEMERAL;
    case ZK_EPHEMERAL_SEQUENTIAL:
        return ZOO_EPHEMERAL_SEQUENTIAL;
    default:
        return ZOO_PERSISTENT;
    }
}

static int
status_of(int rc)
{
    switch (rc) {
    case ZOK:
        return 0;
    case ZNONODE:
        return -ENOENT;
    case ZNODEEXISTS:
        return -EEXIST;
    case ZBADVERSION:
        return -ESTALE;
    case ZNOTEMPTY:
        return -ENOTEMPTY;
    case ZNOAUTH:
    case ZAUTHFAILED:
    case ZINVALIDACL:
        return -EACCES;
    case ZBADARGUMENTS:
    case ZNOCHILDRENFOREPHEMERALS:
        return -EINVAL;
    case ZCONNECTIONLOSS:
    case ZOPERATIONTIMEOUT:
    case ZSESSIONMOVED:
        return -ECONNRESET;
    case ZSESSIONEXPIRED:
    case ZCLOSING:
    case ZINVALIDSTATE:
        return -ENOTCONN;
    default:
        return -EIO;
    }
}

static const char *
text_of(int status, int rc)
{
    if (status == -ENOTCONN)
        return "there is no session";
    if (status == -E2BIG)
        return "too large for ZooKeeper's limit of 1 MB";
    if (status == -EACCES)
        return "not allowed: user and password do not suffice";
    return zerror(rc);
}

/* ---- requests ---- */

static void
watch_free(struct watch *watch)
{
    if (!watch)
        return;
    list_remove(&watch->in_zk);
    free(watch->path);
    free(watch);
}

static void
request_free(struct request *request)
{
    for (size_t i = 0; i < request->count; i++)
        free(request->created ? request->created[i] : NULL);
    free(request->created);
    free(request->results);
    free(request->path);
    free(request);
}

static struct request *
request_new(struct zk *zk, const char *verb, const char *path, zk_done_fn *done, void *arg)
{
    struct request *request = xcalloc(1, sizeof(*request));

    request->zk = zk;
    request->verb = verb;
    request->path = xstrdup(path);
    request->done = done;
    request->arg = arg;
    request->sent_ms = zk->host->now_ms(zk->host);
    request->slept_ms = zk_slept_ms();
    request->session = zk->session;
    return request;
}

/* The one place where answers go out. */
static void
answer(struct request *request, int rc, struct zk_answer *a)
{
    struct zk *zk = request->zk;
    auto_free char *error = NULL;

    zk_enter(zk);
    a->status = request->status ? request->status : status_of(rc);
    if (a->status != 0) {
        a->error = error = xasprintf("ZooKeeper, %s %s: %s", request->verb, request->path, text_of(a->status, rc));
        if (request->watch && !(request->keeps_watch_when_missing && a->status == -ENOENT))
            watch_free(request->watch);
    } else if (request->agrees && zk->session != 0 && request->session == zk->session &&
               request->sent_ms > zk->agreed_ms) {
        zk->agreed_ms = request->sent_ms;
        zk->agreed_slept_ms = request->slept_ms;
    }
    if (!a->path)
        a->path = request->path;
    if (request->done && !zk->freed)
        request->done(request->arg, a);
    request_free(request);
    zk_leave(zk);
}

static void
answer_later(struct request *request, int status)
{
    request->status = status;
    watch_free(take(&request->watch));
    list_push(&request->zk->failed, &request->in_failed);
    zk_pump_soon(request->zk);
}

void
zk_requests_answer_failed(struct zk *zk)
{
    while (!list_empty(&zk->failed)) {
        struct request *request = list_first(&zk->failed, struct request, in_failed);
        list_remove(&request->in_failed);
        answer(request, ZSYSTEMERROR, &(struct zk_answer){.failed = SIZE_MAX});
    }
}

void
zk_requests_drop(struct zk *zk)
{
    while (!list_empty(&zk->watches))
        watch_free(list_first(&zk->watches, struct watch, in_zk));
}

/* May it be asked at all? False: it will be answered. */
static bool
askable(struct request *request, size_t bytes)
{
    struct zk *zk = request->zk;

    if (bytes > ZK_REQUEST_BYTES_MAX)
        answer_later(request, -E2BIG);
    else if (!zk->handle || zk->ended || zk->freed)
        answer_later(request, -ENOTCONN);
    else
        return true;
    return false;
}

static void
asked(struct request *request, int rc)
{
    if (rc != ZOK)
        answer_later(request, status_of(rc));
    else
        zk_pump_soon(request->zk);
}

static void
stat_copy(struct zk_stat *out, const struct Stat *stat)
{
    *out = (struct zk_stat){stat->czxid, stat->mzxid, stat->pzxid, stat->ctime, stat->mtime, stat->version,
                            stat->cversion, stat->ephemeralOwner, stat->dataLength, stat->numChildren};
}

static void
on_string(int rc, const char *value, const void *data)
{
    struct request *request = (struct request *)(uintptr_t)data;

    answer(request, rc, &(struct zk_answer){.path = rc == ZOK ? value : NULL, .failed = SIZE_MAX});
}

static void
on_void(int rc, const void *data)
{
    answer((struct request *)(uintptr_t)data, rc, &(struct zk_answer){.failed = SIZE_MAX});
}

static void
on_stat(int rc, const struct Stat *stat, const void *data)
{
    struct zk_stat copy;
    struct zk_answer a = {.failed = SIZE_MAX};

    if (rc == ZOK && stat) {
        stat_copy(&copy, stat);
        a.stat = &copy;
    }
    answer((struct request *)(uintptr_t)data, rc, &a);
}

static void
on_data(int rc, const char *value, int len, const struct Stat *stat, const void *data)
{
    struct zk_stat copy;
    struct zk_answer a = {.failed = SIZE_MAX};

    if (rc == ZOK) {
        a.data = (struct mesos_bytes){value && len > 0 ? value : "", value && len > 0 ? (size_t)len : 0};
        stat_copy(&copy, stat);
        a.stat = &copy;
    }
    answer((struct request *)(uintptr_t)data, rc, &a);
}

static void
on_children(int rc, const struct String_vector *strings, const struct Stat *stat, const void *data)
{
    struct zk_stat copy;
    struct zk_answer a = {.failed = SIZE_MAX};

    if (rc == ZOK) {
        a.children = (const char *const *)strings->data;
        a.child_count = (size_t)strings->count;
        stat_copy(&copy, stat);
        a.stat = &copy;
    }
    answer((struct request *)(uintptr_t)data, rc, &a);
}

/* ---- watches ---- */

static void
on_watch(zhandle_t *handle, int type, int state, const char *path, void *arg)
{
    struct watch *watch = arg;
    struct zk *zk = watch->zk;

    if (type == ZOO_SESSION_EVENT)
        return;
    zk_changed_fn *changed = watch->changed;
    void *changed_arg = watch->arg;
    auto_free char *copy = take(&watch->path);
    zk_enter(zk);
    watch_free(watch);
    if (!zk->freed)
        changed(changed_arg, copy);
    zk_leave(zk);
}

static struct watch *
watch_new(struct zk *zk, const char *path, zk_changed_fn *changed, void *arg)
{
    if (!changed)
        return NULL;
    struct watch *watch = xcalloc(1, sizeof(*watch));
    watch->zk = zk;
    watch->path = xstrdup(path);
    watch->changed = changed;
    watch->arg = arg;
    list_push(&zk->watches, &watch->in_zk);
    return watch;
}

/* ---- what can be asked ---- */

void
zk_create(struct zk *zk, const char *path, struct mesos_bytes data, enum zk_mode mode, zk_done_fn *done, void *arg)
{
    struct request *request = request_new(zk, "create", path, done, arg);

    request->agrees = true;
    if (askable(request, strlen(path) + data.len))
        asked(request, zoo_acreate(zk->handle, path, data.data ? data.data : "", (int)data.len, acls(zk),
                                   mode_flags(mode), on_string, request));
}

void
zk_get(struct zk *zk, const char *path, zk_changed_fn *changed, void *changed_arg, zk_done_fn *done, void *arg)
{
    struct request *request = request_new(zk, "get", path, done, arg);

    if (!askable(request, strlen(path)))
        return;
    request->watch = watch_new(zk, path, changed, changed_arg);
    asked(request, zoo_awget(zk->handle, path, request->watch ? on_watch : NULL, request->watch, on_data, request));
}

void
zk_exists(struct zk *zk, const char *path, zk_changed_fn *changed, void *changed_arg, zk_done_fn *done, void *arg)
{
    struct request *request = request_new(zk, "exists", path, done, arg);

    if (!askable(request, strlen(path)))
        return;
    request->watch = watch_new(zk, path, changed, changed_arg);
    request->keeps_watch_when_missing = true;
    asked(request, zoo_awexists(zk->handle, path, request->watch ? on_watch : NULL, request->watch, on_stat, request));
}

void
zk_children(struct zk *zk, const char *path, zk_changed_fn *changed, void *changed_arg, zk_done_fn *done, void *arg)
{
    struct request *request = request_new(zk, "children of", path, done, arg);

    if (!askable(request, strlen(path)))
        return;
    request->watch = watch_new(zk, path, changed, changed_arg);
    asked(request, zoo_awget_children2(zk->handle, path, request->watch ? on_watch : NULL, request->watch, on_children,
                                       request));
}

void
zk_set(struct zk *zk, const char *path, struct mesos_bytes data, int32_t version, zk_done_fn *done, void *arg)
{
    struct request *request = request_new(zk, "set", path, done, arg);

    request->agrees = true;
    if (askable(request, strlen(path) + data.len))
        asked(request, zoo_aset(zk->handle, path, data.data ? data.data : "", (int)data.len, version, on_stat, request));
}

void
zk_delete(struct zk *zk, const char *path, int32_t version, zk_done_fn *done, void *arg)
{
    struct request *request = request_new(zk, "delete", path, done, arg);

    request->agrees = true;
    if (askable(request, strlen(path)))
        asked(request, zoo_adelete(zk->handle, path, version, on_void, request));
}

void
zk_sync(struct zk *zk, const char *path, zk_done_fn *done, void *arg)
{
    struct request *request = request_new(zk, "sync", path, done, arg);

    if (askable(request, strlen(path)))
        asked(request, zoo_async(zk->handle, path, on_string, request));
}

/* ---- several at once ---- */

static void
on_multi(int rc, const void *data)
{
    struct request *request = (struct request *)(uintptr_t)data;
    struct zk_answer a = {.failed = SIZE_MAX, .created = rc == ZOK ? request->created : NULL};

    /* The one that failed has its own reason; those around it say that they were not done because of it. */
    for (size_t i = 0; i < request->count && rc != ZOK; i++) {
        int err = request->results[i].err;
        if (err != ZOK && err != ZRUNTIMEINCONSISTENCY && err == rc) {
            a.failed = i;
            break;
        }
    }
    answer(request, rc, &a);
}

static void
op_init(zoo_op_t *out, const struct zk_op *op, struct request *request, size_t i)
{
    const char *data = op->data.data ? op->data.data : "";

    switch (op->type) {
    case ZK_OP_CREATE:
        request->created[i] = xcalloc(1, CREATED_PATH_BYTES);
        zoo_create_op_init(out, op->path, data, (int)op->data.len, acls(request->zk), mode_flags(op->mode),
                           request->created[i], CREATED_PATH_BYTES);
        break;
    case ZK_OP_SET:
        zoo_set_op_init(out, op->path, data, (int)op->data.len, op->version, NULL);
        break;
    case ZK_OP_DELETE:
        zoo_delete_op_init(out, op->path, op->version);
        break;
    case ZK_OP_CHECK:
        zoo_check_op_init(out, op->path, op->version);
        break;
    }
}

void
zk_multi(struct zk *zk, const struct zk_op *ops, size_t count, zk_done_fn *done, void *arg)
{
    struct request *request = request_new(zk, "multi beginning with", count > 0 ? ops[0].path : "", done, arg);
    size_t bytes = 0;

    request->agrees = true;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(ops[i].path) + ops[i].data.len + 128;
    if (count == 0 || count > 100000) {
        answer_later(request, -EINVAL);
        return;
    }
    if (!askable(request, bytes))
        return;
    request->count = count;
    request->results = xcalloc(count, sizeof(*request->results));
    request->created = xcalloc(count, sizeof(*request->created));
    zoo_op_t *own = xcalloc(count, sizeof(*own));
    for (size_t i = 0; i < count; i++)
        op_init(&own[i], &ops[i], request, i);
    int rc = zoo_amulti(zk->handle, (int)count, own, request->results, on_multi, request);
    free(own);
    asked(request, rc);
}
