/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the operator APIs (POST /api/v1) of master and agent share: reading the call's content type, and the answers to
 * those calls that both have. Fields 1 to 8 of master.Response and agent.Response are the same on the wire; the answers
 * here are built as agent.Response. Texts and statuses: golden exchanges.
 */
#ifndef DAEMON_OPERATOR_H
#define DAEMON_OPERATOR_H

#include "daemon/daemon.h"
#include "mesos/v1/agent/agent.pb-c.h"

/* 200 with this message, a Response of either API with has_type set. */
void operator_reply(struct http_exchange *exchange, const void *response, bool json);
/* The same with a body that is encoded already. */
void operator_reply_bytes(struct http_exchange *exchange, struct str body, bool json);
/* 200 without a body, as calls that change something are answered. */
void operator_reply_done(struct http_exchange *exchange);
/* 501: the name of a call that this release knows and does not carry out. */
void operator_reply_later(struct http_exchange *exchange, const char *call, const char *what);

void daemon_get_health(struct daemon *daemon, struct http_exchange *exchange, bool json);
void daemon_get_flags(struct daemon *daemon, struct http_exchange *exchange, bool json);
void daemon_get_version(struct daemon *daemon, struct http_exchange *exchange, bool json);
void daemon_get_metrics(struct daemon *daemon, struct http_exchange *exchange, bool json);
void daemon_get_logging_level(struct daemon *daemon, struct http_exchange *exchange, bool json);
void daemon_set_logging_level(struct daemon *daemon, struct http_exchange *exchange, uint32_t level,
                              int64_t duration_ns);
void daemon_list_files(struct daemon *daemon, struct http_exchange *exchange, bool json, const char *path);
/* length NULL: as much as one answer holds. */
void daemon_read_file(struct daemon *daemon, struct http_exchange *exchange, bool json, const char *path,
                      uint64_t offset, const uint64_t *length);

#endif
