/* SPDX-License-Identifier: Apache-2.0 */
/* A server of HTTP whose handler answers by path, and callers of it (world.h): what the tests of the server share. */
#ifndef UNIT_WIRE_SITE_H
#define UNIT_WIRE_SITE_H

#include "world.h"

#include <stdio.h>

#include "wire/http_connection.h"
#include "wire/limits.h"

#define AT "127.0.0.1:80"
#define VERSION "{\"version\":\"1\"}"
#define TEXT_HEAD "Content-Type: text/plain; charset=utf-8\r\n"

/* A server whose handler answers by path. */
struct site {
    struct world world;
    struct http_server *server;
    struct http_exchange *waiting[256]; /* "/wait", in order of arrival */
    size_t waiting_count;
    struct http_exchange *stream; /* "/stream" */
    size_t handled, gone;
    size_t patient, patient_before; /* "/patient" so far; when "/x" came */
    struct buf big;
    struct page *pages[40]; /* of big, for "/pages" */
    size_t page_count;
    struct http_exchange *upload; /* "/upload", whose body is taken as it comes */
    struct buf uploaded;
    bool upload_ended;
};

#define SITE_TEST(fn) cmocka_unit_test_setup_teardown(fn, site_setup, site_teardown)
int site_setup(void **state);
int site_teardown(void **state);
/* One request on a connection of its own. closes: the server ends it. */
void site_check(struct site *site, const char *request, const char *answer, bool closes);
/* "[", the pages with a comma before each but the first, "]". */
void site_reply_pages(struct http_exchange *exchange, struct site *site);
/* "/big" answers so many bytes. */
void site_fill_big(struct site *site, size_t bytes);
void gunzip(struct str packed, struct buf *out);

#endif
