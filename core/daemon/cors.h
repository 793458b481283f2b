/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --http_cors_origins: whose pages may use this daemon from a browser. Without the option nothing is said about it, as in Mesos:
 * browsers then keep answers from pages of others, but send what a form can send. With it pages of other origins than the
 * listed ones, and than the daemon's own, change nothing, and get no program text (?jsonp=), which every page can read.
 */
#ifndef DAEMON_CORS_H
#define DAEMON_CORS_H

#include "base/err.h"
#include "base/str.h"

struct cors;
struct http_exchange;

/* list: "https://ui.example,http://10.0.0.1:8080", or "*" for every page, without logins of its user; NULL = nobody is listed
 * and nothing is said. NULL with err when it is something else. */
struct cors *cors_new(const char *list, struct err *err);
void cors_free(struct cors *cors); /* NULL is fine */
/* What Access-Control-Allow-Origin says to a page of that origin; NULL = nothing, it is not listed. */
const char *cors_allows(const struct cors *cors, struct str origin);
/* Has the list been given? */
bool cors_asks(const struct cors *cors);

/* cors_http.c: first of all with each request that is no libprocess message. True when it was answered: a browser's question
 * beforehand (OPTIONS), or a change or program text that a page of a stranger may want. */
bool cors_answers(const struct cors *cors, struct http_exchange *exchange);

#endif
