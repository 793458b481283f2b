/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Principals and their secrets, as operators keep them in files: for every module that checks who a peer is, and for those that
 * prove who we are. Two forms, told apart by a leading '{':
 *
 *   {"credentials": [{"principal": "marathon", "secret": "..."}]}      a list (--credentials); other members are ignored
 *   {"principal": "agent", "secret": "..."}                            a single one (--credential)
 *   marathon <white space> secret                                      a line each; empty lines are skipped
 *
 * Lines end with LF or CRLF, the last one with or without. There are no comments: a line that begins with '#' is refused, so
 * that nobody's comment becomes a principal. Each refusal names the file and the line, never a secret. No secret is ever
 * logged, and memory that held one is wiped before it is given back.
 */
#ifndef MODULES_COMMON_CREDENTIALS_H
#define MODULES_COMMON_CREDENTIALS_H

#include "base/str.h"

enum {
    CREDENTIALS_FILE_MAX = 16 << 20, /* bytes */
    CREDENTIALS_MAX = 200000, /* in one file */
    CREDENTIAL_PRINCIPAL_MAX = 1024, /* bytes */
    CREDENTIAL_SECRET_MAX = 4096, /* bytes */
};

/* Both are of at least one byte, without NUL; the principal has no control characters. */
struct credential {
    const char *principal, *secret; /* also end with a NUL that is not counted */
    size_t principal_len, secret_len;
};

struct credentials;

/* A list in either form, or NULL with err. name: what err calls the text, mostly the file's path. */
struct credentials *credentials_parse(struct str text, const char *name, struct err *err);
/* The same from a file. *ret_exposed (NULL = not asked) tells that others than owner and group may read or write it, which is
 * worth a warning. Blocking: at start, or off the loop. */
struct credentials *credentials_read(const char *path, bool *ret_exposed, struct err *err);
/* A single one: also a list of one (credentials_only gives it). */
struct credentials *credential_parse(struct str text, const char *name, struct err *err);
struct credentials *credential_read(const char *path, bool *ret_exposed, struct err *err);

/* The caller frees it. */
struct credentials *credentials_copy(const struct credentials *credentials);
void credentials_free(struct credentials *credentials);
size_t credentials_count(const struct credentials *credentials);
/* Borrowed, or NULL. */
const struct credential *credentials_find(const struct credentials *credentials, struct str principal);
/* The first; NULL when there is none. */
const struct credential *credentials_only(const struct credentials *credentials);
/* Is that the principal's secret? Takes as long for a principal that is unknown as for a wrong secret of the same length. */
bool credentials_match(const struct credentials *credentials, struct str principal, struct str secret);

#endif
