/* SPDX-License-Identifier: Apache-2.0 */
/* Makes and reads JSON Web Tokens. Only the algorithm that is demanded here is ever used, whatever a token's header says. */
#include "http_authenticator/jwt/token.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/units.h"

enum { MAC_BYTES = 32 };

static void
mac_of(struct str key, struct str text, unsigned char out[MAC_BYTES])
{
    unsigned len = MAC_BYTES;
    memset(out, 0, MAC_BYTES);
    HMAC(EVP_sha256(), key.ptr, (int)key.len, (const unsigned char *)text.ptr, text.len, out, &len);
}

/* ---- base64url without padding ---- */

static void
encode(struct buf *out, const void *data, size_t len)
{
    auto_buf struct buf plain = {0};
    base64_encode(&plain, data, len);
    for (size_t i = 0; i < plain.len; i++) {
        char c = buf_data(&plain)[i];
        if (c != '=')
            buf_putc(out, c == '+' ? '-' : c == '/' ? '_' : c);
    }
}

/* One way to write each value, and no other. */
static int
decode(struct str text, struct buf *out, struct err *err)
{
    auto_buf struct buf padded = {0};
    auto_buf struct buf again = {0};
    buf_append_str(&padded, text);
    while (padded.len % 4)
        buf_putc(&padded, '=');
    if (text.len == 0 || memchr(text.ptr, '=', text.len) || base64_decode(out, buf_str(&padded)) < 0)
        return err_set(err, -EINVAL, "a part of the token is not base64url");
    encode(&again, buf_data(out), out->len);
    if (!str_eq(buf_str(&again), text))
        return err_set(err, -EINVAL, "a part of the token is not base64url as RFC 7515 writes it");
    return 0;
}

/* ---- reading ---- */

/* A part that is a JSON object; the caller drops the reference. */
static json_t *
object_of(struct str part, struct err *err)
{
    auto_buf struct buf bytes = {0};
    if (decode(part, &bytes, err) < 0)
        return NULL;
    json_t *object = json_loadb(buf_data(&bytes), bytes.len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(object))
        return object;
    json_decref(object);
    err_set(err, -EINVAL, "a part of the token is no JSON object, or has a member twice");
    return NULL;
}

static int
check_header(const json_t *header, struct err *err)
{
    const json_t *type = json_object_get(header, "typ");
    const char *algorithm = json_string_value(json_object_get(header, "alg"));
    if (!algorithm || strcmp(algorithm, "HS256") != 0)
        return err_set(err, -EINVAL, "the token's algorithm is not HS256");
    if (type && !(json_is_string(type) && str_ieq(str_of(json_string_value(type)), STR_LIT("JWT"))))
        return err_set(err, -EINVAL, "the token's type is not JWT");
    if (json_object_get(header, "crit"))
        return err_set(err, -EINVAL, "the token demands extensions that are not known here");
    return 0;
}

/* A NumericDate; *ret is left alone when there is none. */
static int
date_of(const json_t *claims, const char *name, double *ret, struct err *err)
{
    const json_t *value = json_object_get(claims, name);
    if (value && !json_is_number(value))
        return err_set(err, -EINVAL, "the token's '%s' is no number", name);
    if (value)
        *ret = json_number_value(value);
    return 0;
}

static int
check_dates(const json_t *claims, double now_secs, struct err *err)
{
    double expires = 0, begins = 0, issued = 0;
    bool ends = json_object_get(claims, "exp") != NULL;
    if (date_of(claims, "exp", &expires, err) < 0 || date_of(claims, "nbf", &begins, err) < 0 ||
        date_of(claims, "iat", &issued, err) < 0)
        return err->code;
    if (ends && now_secs >= expires)
        return err_set(err, -EINVAL, "the token has expired");
    if (now_secs < begins)
        return err_set(err, -EINVAL, "the token is not valid yet");
    return 0;
}

static void
put_string(struct buf *out, const char *text)
{
    buf_append(out, text, strlen(text) + 1);
}

static void
put_claim(struct buf *out, const char *key, const json_t *value)
{
    char number[64];
    const char *text = json_string_value(value);
    if (json_is_integer(value)) {
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        text = number;
    } else if (json_is_real(value)) {
        snprintf(number, sizeof(number), "%.17g", json_real_value(value));
        text = number;
    } else if (json_is_boolean(value)) {
        text = json_is_true(value) ? "true" : "false";
    }
    if (!text)
        return; /* lists and objects bind nobody to anything */
    buf_puts(out, "claim.");
    put_string(out, key);
    put_string(out, text);
}

static int
put_all(json_t *claims, struct buf *out, struct err *err)
{
    const char *key, *subject = json_string_value(json_object_get(claims, "sub"));
    json_t *value;
    size_t before = out->len;
    if (json_object_size(claims) > TOKEN_MAX_CLAIMS)
        return err_set(err, -EINVAL, "the token has more than %d claims", TOKEN_MAX_CLAIMS);
    if (json_object_get(claims, "sub") && (!subject || !*subject))
        return err_set(err, -EINVAL, "the token's 'sub' is no name");
    if (subject) {
        put_string(out, "principal");
        put_string(out, subject);
    }
    json_object_foreach(claims, key, value)
        if (strcmp(key, "sub") != 0)
            put_claim(out, key, value);
    return out->len > before ? 0 : err_set(err, -EINVAL, "the token says nothing of its bearer");
}

static int
check_signature(struct str signed_part, struct str signature, struct str key, struct err *err)
{
    unsigned char mac[MAC_BYTES];
    auto_buf struct buf given = {0};
    if (decode(signature, &given, err) < 0)
        return err->code;
    mac_of(key, signed_part, mac);
    bool good = str_eq_secret(buf_str(&given), str_n(mac, sizeof(mac)));
    explicit_bzero(mac, sizeof(mac));
    return good ? 0 : err_set(err, -EINVAL, "the token's signature is wrong");
}

int
token_read(struct str text, struct str key, double now_secs, struct buf *out, struct err *err)
{
    if (text.len > TOKEN_MAX_BYTES)
        return err_set(err, -EINVAL, "the token has more than %d bytes", TOKEN_MAX_BYTES);
    struct str rest = text, header = str_cut(&rest, '.'), claims = str_cut(&rest, '.');
    if (rest.len == 0 || claims.ptr == NULL || str_find(rest, '.') >= 0)
        return err_set(err, -EINVAL, "the token has not three parts");
    struct str signed_part = str_n(text.ptr, header.len + 1 + claims.len);
    json_t *head = object_of(header, err);
    int status = head ? check_header(head, err) : err->code;
    json_decref(head);
    if (status < 0 || check_signature(signed_part, rest, key, err) < 0)
        return err->code;
    json_t *body = object_of(claims, err);
    if (!body)
        return err->code;
    status = check_dates(body, now_secs, err);
    if (status == 0)
        status = put_all(body, out, err);
    json_decref(body);
    return status;
}

/* ---- making ---- */

static char *
claims_text(const struct mesos_principal *principal)
{
    json_t *claims = json_object();
    bool good = true;
    if (principal->value)
        good = json_object_set_new(claims, "sub", json_string(principal->value)) == 0;
    for (size_t i = 0; i < principal->claim_count; i++)
        good = good && json_object_set_new(claims, principal->claims[i].key, json_string(principal->claims[i].value)) == 0;
    char *text = good ? json_dumps(claims, JSON_COMPACT) : NULL;
    json_decref(claims);
    return text;
}

int
token_make(const struct mesos_principal *principal, struct str key, struct buf *out, struct err *err)
{
    static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    unsigned char mac[MAC_BYTES];
    size_t before = out->len;
    auto_free char *claims = claims_text(principal);
    if (!claims)
        return err_set(err, -EINVAL, "a claim that is to be signed is not UTF-8");
    encode(out, header, sizeof(header) - 1);
    buf_putc(out, '.');
    encode(out, claims, strlen(claims));
    mac_of(key, str_n(buf_data(out) + before, out->len - before), mac);
    buf_putc(out, '.');
    encode(out, mac, sizeof(mac));
    if (out->len - before > TOKEN_MAX_BYTES)
        return err_set(err, -EINVAL, "the claims that are to be signed are too long");
    return 0;
}
