/* SPDX-License-Identifier: Apache-2.0 */
/* Digests of content, "sha256:<hex>": the names that nobody can lie about. */
#ifndef IMAGE_DIGEST_H
#define IMAGE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "base/str.h"

enum { DIGEST_TEXT = 160 }; /* bytes that any digest's text has room in */

struct digest; /* one being computed */

/* sha256 or sha512, lower-case hexadecimal digits. What passes is safe as a file's name. */
bool digest_is_valid(struct str text);
/* algorithm: "sha256" or "sha512", or a text that begins so. NULL when it is another. */
struct digest *digest_new(const char *algorithm);
void digest_add(struct digest *digest, const void *bytes, size_t len);
/* Ends and frees it; "sha256:<hex>". */
void digest_end(struct digest *digest, char ret[DIGEST_TEXT]);
void digest_free(struct digest *digest); /* NULL is fine */
/* Of bytes in memory: -EBADMSG when they are not what `expected` says. what: for the error. */
int digest_check(struct str bytes, const char *expected, const char *what, struct err *err);
void digest_of(struct str bytes, char ret[DIGEST_TEXT]); /* sha256 */

#endif
