/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Web Tokens (RFC 7519 in the compact form of RFC 7515), signed with HMAC-SHA-256 and nothing else. Used by the jwt
 * authenticator; holds no key and knows no HTTP.
 */
#ifndef JWT_TOKEN_H
#define JWT_TOKEN_H

#include "base/buf.h"
#include "mesos/principal.h"

enum { TOKEN_MAX_BYTES = 8 << 10, TOKEN_MAX_CLAIMS = 32 };

/*
 * Is text a token that who has this key has signed, and valid at this moment (seconds since 1970)? Appends what it says of its bearer in
 * the form of http_authenticator.h: "sub" as the principal, each other claim that is a text, a number or a boolean as a claim. The
 * signature is looked at before anything that it covers is parsed, and is compared in constant time. -EINVAL with a sentence without
 * anything of the token in it.
 */
int token_read(struct str text, struct str key, double now_secs, struct buf *out, struct err *err);
/* A token with these claims (and "sub" where the principal has a value), which does not expire. -EINVAL: not UTF-8, or too long. */
int token_make(const struct mesos_principal *principal, struct str key, struct buf *out, struct err *err);

#endif
