/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mesos-http-check URL: asks once and prints the status of the answer. Follows redirects and trusts any certificate, as
 * a look at one's own task may. Started by executors for what they do not speak themselves; who started it bounds its
 * time.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

enum { REDIRECTS_MAX = 50 };

static size_t
discard(char *data, size_t size, size_t count, void *arg)
{
    return size * count;
}

static CURLcode
ask(CURL *curl, const char *url, long *ret_status)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "mesos-http-check");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard);
    CURLcode rc = curl_easy_perform(curl);
    if (rc == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
    return rc;
}

int
main(int argc, char **argv)
{
    long status = 0;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf("Usage: mesos-http-check URL\nPrints the HTTP status that URL answers with, redirects followed.\n\n"
               "  --help  this text\n");
        return 0;
    }
    if (argc != 2) {
        fprintf(stderr, "mesos-http-check: expecting one URL\n");
        return 2;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *curl = curl_easy_init();
    CURLcode rc = curl ? ask(curl, argv[1], &status) : CURLE_OUT_OF_MEMORY;
    if (rc == CURLE_OK)
        printf("%ld\n", status);
    else
        fprintf(stderr, "mesos-http-check: %s: %s\n", argv[1], curl_easy_strerror(rc));
    curl_easy_cleanup(curl);
    curl_global_cleanup();
    return rc == CURLE_OK ? 0 : 1;
}
