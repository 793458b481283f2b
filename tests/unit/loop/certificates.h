/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that tests make themselves, in a directory of their own. */
#ifndef TESTS_CERTIFICATES_H
#define TESTS_CERTIFICATES_H

#include <stdbool.h>

struct authority;

struct certificate {
    char cert[128], key[128]; /* paths */
};

/* Makes `directory` (a template for mkdtemp) and an authority in it, whose certificate is <directory>/<name>.pem. */
struct authority *authority_new(const char *directory, const char *name);
/* One that `above` vouches for, with a directory of its own; to be freed before it. What it signs comes with the certificates that
 * lead to the topmost one, which is not among them. */
struct authority *authority_below(struct authority *above, const char *directory, const char *name);
const char *authority_file(const struct authority *authority);
/* A directory in which it is found by its hash, as `openssl rehash` leaves one. */
const char *authority_hashed(struct authority *authority);
/* names: "DNS:localhost,IP:127.0.0.1" or NULL; days: how long it is good from yesterday on, negative = it is over. */
struct certificate authority_sign(struct authority *authority, const char *name, const char *names, int days);
/* Writes its key anew, so that nobody reads it without a pass phrase. */
void certificate_lock(const struct certificate *certificate);
/* Removes its files too. */
void authority_free(struct authority *authority);

#endif
