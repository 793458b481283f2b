/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the lines of the audit log and writes them, one write(2) each; see audit.h. Never fails its caller. */
#include "daemon/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/list.h"
#include "base/log.h"
#include "base/log_file.h"
#include "base/map.h"
#include "wire/http_server.h"
#include "wire/json.h"

enum {
    TEXT_MAX = 512,
    CLAIMS_MAX = 8,
    LOGINS_PER_SECOND = 20,
    WINDOW_MS = 1000,
    REFUSALS_WINDOW_MS = 10000,
    REFUSALS_PER_WINDOW = 100,
    SAME_PER_WINDOW = 5,
};

/* One that was written in this window, and how often. */
struct refusal {
    struct list node; /* in order of their first time */
    struct str facts; /* its line without the time and the peer's port; owned */
    unsigned written;
    uint64_t times; /* beyond those */
};

struct audit {
    struct loop *loop;
    char *path; /* NULL = the ordinary log */
    int fd;
    struct stat file; /* which one fd is */
    uint64_t lost; /* lines since the last one that was written */
    struct buf line;
    struct json json;
    /* Failed logins of this second. */
    struct loop_timer window;
    uint64_t logins, left_out;
    /* Refusals of these ten seconds. */
    struct loop_timer refusals_window;
    double refused_since;
    struct map refused; /* facts -> struct refusal */
    struct list refusals;
    unsigned refused_lines;
    uint64_t refused_left_out;
};

static void on_window(void *arg);
static void on_refusals_window(void *arg);

static int
open_file(struct audit *audit)
{
    audit->fd = open(audit->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
    if (audit->fd < 0)
        return -errno;
    return fstat(audit->fd, &audit->file) < 0 ? -errno : 0;
}

static void
close_file(struct audit *audit)
{
    if (audit->fd >= 0)
        close(audit->fd);
    audit->fd = -1;
}

struct audit *
audit_new(struct loop *loop, const char *path, struct err *err)
{
    struct audit *audit = xcalloc(1, sizeof(*audit));
    audit->loop = loop;
    audit->fd = -1;
    audit->path = path ? xstrdup(path) : NULL;
    loop_timer_init(&audit->window, loop, on_window, audit);
    loop_timer_init(&audit->refusals_window, loop, on_refusals_window, audit);
    list_init(&audit->refusals);
    int status = path ? open_file(audit) : 0;
    if (status < 0) {
        err_set(err, status, "cannot write the audit log %s: %s", path, strerror(-status));
        audit_free(audit);
        return NULL;
    }
    return audit;
}

void
audit_free(struct audit *audit)
{
    if (!audit)
        return;
    if (loop_timer_running(&audit->window))
        on_window(audit);
    loop_timer_stop(&audit->window);
    if (loop_timer_running(&audit->refusals_window))
        on_refusals_window(audit);
    loop_timer_stop(&audit->refusals_window);
    map_fini(&audit->refused);
    close_file(audit);
    buf_fini(&audit->line);
    free(audit->path);
    free(audit);
}

struct audit_who
audit_asker(const struct http_exchange *exchange)
{
    return (struct audit_who){http_exchange_principal(exchange), http_exchange_peer(exchange)};
}

/* ---- lines ---- */

/* Is what the path names still the file that we write into? Another program may have moved it away. */
static bool
is_in_place(const struct audit *audit)
{
    struct stat now;
    return audit->fd >= 0 && lstat(audit->path, &now) == 0 && now.st_ino == audit->file.st_ino && now.st_dev == audit->file.st_dev;
}

static bool
put_line(struct audit *audit)
{
    if (!is_in_place(audit)) {
        close_file(audit);
        int status = open_file(audit);
        if (status < 0) {
            errno = -status;
            return false;
        }
    }
    errno = 0;
    if (audit->lost && !log_write_fd(audit->fd, "\n", 1, LOG_STALL_MS)) /* the last one may be there in part */
        return false;
    return log_write_fd(audit->fd, buf_data(&audit->line), audit->line.len, LOG_STALL_MS);
}

static void
write_line(struct audit *audit)
{
    if (!audit->path) {
        log_info("audit %.*s", STR_ARG(buf_str(&audit->line)));
        return;
    }
    buf_putc(&audit->line, '\n');
    if (!put_line(audit)) {
        if (audit->lost++ == 0)
            log_error("lines of the audit log %s are lost: %s", audit->path, errno ? strerror(errno) : "it takes nothing");
    } else if (audit->lost) {
        log_warning("the audit log %s can be written again; %llu lines were lost", audit->path, (unsigned long long)audit->lost);
        audit->lost = 0;
    }
}

static void
end_line(struct audit *audit)
{
    json_object_end(&audit->json);
    write_line(audit);
}

static void
add_time(struct audit *audit, const char *key, double now)
{
    time_t secs = (time_t)now;
    char day[32], text[64];
    struct tm tm;
    gmtime_r(&secs, &tm);
    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text, sizeof(text), "%s.%03dZ", day, (int)floor((now - (double)secs) * 1000));
    json_key_text(&audit->json, key, text);
}

static void
add_text(struct audit *audit, const char *key, const char *value)
{
    if (value)
        json_key_string(&audit->json, key, str_n(value, strnlen(value, TEXT_MAX)));
}

static void
add_claims(struct audit *audit, const struct mesos_principal *principal)
{
    json_key(&audit->json, "claims");
    json_object(&audit->json);
    for (size_t i = 0; i < principal->claim_count && i < CLAIMS_MAX; i++) {
        const struct mesos_claim *claim = &principal->claims[i];
        json_key_str(&audit->json, str_n(claim->key, strnlen(claim->key, TEXT_MAX)));
        json_string(&audit->json, str_n(claim->value, strnlen(claim->value, TEXT_MAX)));
    }
    json_object_end(&audit->json);
}

static void
begin(struct audit *audit)
{
    buf_clear(&audit->line);
    audit->json = json_on(&audit->line);
    json_object(&audit->json);
}

static void
add_principal(struct audit *audit, struct audit_who who)
{
    add_text(audit, "principal", who.principal ? who.principal->value : NULL);
    if (who.principal && who.principal->claim_count)
        add_claims(audit, who.principal);
}

static void
begin_line(struct audit *audit, const char *event, struct audit_who who)
{
    char peer[128];
    begin(audit);
    add_time(audit, "time", loop_wall_secs(audit->loop));
    json_key_text(&audit->json, "event", event);
    add_principal(audit, who);
    if (who.peer && who.peer->len)
        json_key_text(&audit->json, "peer", address_format(who.peer, peer));
}

/* ---- events ---- */

static void
add_refusal(struct audit *audit, const char *action, const struct mesos_object *object)
{
    add_text(audit, "action", action);
    if (!object)
        return;
    add_text(audit, "object", object->value);
    add_text(audit, "parent", object->parent);
    add_text(audit, "framework", object->framework_id);
    add_text(audit, "executor", object->executor_id);
    add_text(audit, "container", object->container);
}

/* What is the same when it is refused again, as members of a line without its time: in audit->line. */
static struct str
facts_of(struct audit *audit, struct audit_who who, const char *action, const struct mesos_object *object)
{
    char ip[64];
    begin(audit);
    json_key_text(&audit->json, "event", "refused");
    add_principal(audit, who);
    if (who.peer && who.peer->len)
        json_key_text(&audit->json, "peer", address_ip(who.peer, ip));
    add_refusal(audit, action, object);
    struct str facts = buf_str(&audit->line);
    return str_n(facts.ptr + 1, facts.len - 1);
}

static struct refusal *
refusal_new(struct audit *audit, struct str facts)
{
    struct refusal *refusal = xcalloc(1, sizeof(*refusal));
    refusal->facts = str_of(str_dup(facts));
    map_add(&audit->refused, refusal->facts, refusal);
    list_push(&audit->refusals, &refusal->node);
    return refusal;
}

/* Has it a line of its own? Else it is counted. */
static bool
is_news(struct audit *audit, struct str facts)
{
    struct refusal *refusal = map_get(&audit->refused, facts);
    bool room = audit->refused_lines < REFUSALS_PER_WINDOW && (!refusal || refusal->written < SAME_PER_WINDOW);
    if (!loop_timer_running(&audit->refusals_window)) {
        loop_timer_start(&audit->refusals_window, REFUSALS_WINDOW_MS);
        audit->refused_since = loop_wall_secs(audit->loop);
    }
    if (room) {
        refusal = refusal ? refusal : refusal_new(audit, facts);
        refusal->written++;
        audit->refused_lines++;
    } else if (refusal)
        refusal->times++;
    else
        audit->refused_left_out++;
    return room;
}

void
audit_refused(struct audit *audit, struct audit_who who, const char *action, const struct mesos_object *object)
{
    if (!is_news(audit, facts_of(audit, who, action, object)))
        return;
    begin_line(audit, "refused", who);
    add_refusal(audit, action, object);
    end_line(audit);
}

/* So many more of them since the window began. */
static void
write_times(struct audit *audit, uint64_t times, struct str facts)
{
    begin(audit);
    add_time(audit, "time", loop_wall_secs(audit->loop));
    add_time(audit, "since", audit->refused_since);
    json_key_int(&audit->json, "times", (int64_t)times);
    buf_putc(&audit->line, ',');
    buf_append_str(&audit->line, facts);
    buf_putc(&audit->line, '}');
    write_line(audit);
}

static void
on_refusals_window(void *arg)
{
    struct audit *audit = arg;
    struct refusal *refusal;
    while ((refusal = list_first(&audit->refusals, struct refusal, node))) {
        if (refusal->times)
            write_times(audit, refusal->times, refusal->facts);
        list_remove(&refusal->node);
        map_remove(&audit->refused, refusal->facts);
        free((char *)(uintptr_t)refusal->facts.ptr);
        free(refusal);
    }
    if (audit->refused_left_out)
        write_times(audit, audit->refused_left_out, STR_LIT("\"event\":\"refused\""));
    audit->refused_left_out = 0;
    audit->refused_lines = 0;
}

static void
on_window(void *arg)
{
    struct audit *audit = arg;
    if (audit->left_out) {
        begin_line(audit, "login-failed", (struct audit_who){0});
        json_key_int(&audit->json, "times", (int64_t)audit->left_out);
        end_line(audit);
    }
    audit->logins = audit->left_out = 0;
}

void
audit_login_failed(struct audit *audit, struct audit_who who, const char *method, const char *claimed, const char *reason)
{
    if (!loop_timer_running(&audit->window))
        loop_timer_start(&audit->window, WINDOW_MS);
    if (++audit->logins > LOGINS_PER_SECOND) {
        audit->left_out++;
        return;
    }
    begin_line(audit, "login-failed", who);
    add_text(audit, "method", method);
    add_text(audit, "claimed", claimed);
    add_text(audit, "reason", reason);
    end_line(audit);
}

void
audit_write(struct audit *audit, struct audit_who who, const char *what, const char *object, const char *outcome)
{
    begin_line(audit, "write", who);
    add_text(audit, "action", what);
    add_text(audit, "object", object);
    add_text(audit, "outcome", outcome ? outcome : "done");
    end_line(audit);
}
