/* SPDX-License-Identifier: Apache-2.0 */
/* Digests by OpenSSL, as bytes go by. */
#include "containerizer/image/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/mem.h"

struct digest {
    EVP_MD_CTX *context;
    const char *name;
};

static const struct {
    const char *name;
    size_t digits;
    const EVP_MD *(*method)(void);
} algorithms[] = {{"sha256", 64, EVP_sha256}, {"sha512", 128, EVP_sha512}};

bool
digest_is_valid(struct str text)
{
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        size_t len = strlen(algorithms[i].name);
        if (text.len != len + 1 + algorithms[i].digits || memcmp(text.ptr, algorithms[i].name, len) != 0 || text.ptr[len] != ':')
            continue;
        for (size_t k = len + 1; k < text.len; k++)
            if (!memchr("0123456789abcdef", text.ptr[k], 16))
                return false;
        return true;
    }
    return false;
}

struct digest *
digest_new(const char *algorithm)
{
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        if (strncmp(algorithm, algorithms[i].name, strlen(algorithms[i].name)) != 0)
            continue;
        struct digest *digest = xcalloc(1, sizeof *digest);
        digest->name = algorithms[i].name;
        digest->context = EVP_MD_CTX_new();
        if (digest->context && EVP_DigestInit_ex(digest->context, algorithms[i].method(), NULL) == 1)
            return digest;
        digest_free(digest);
        return NULL;
    }
    return NULL;
}

void
digest_add(struct digest *digest, const void *bytes, size_t len)
{
    EVP_DigestUpdate(digest->context, bytes, len);
}

void
digest_end(struct digest *digest, char ret[DIGEST_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char value[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    EVP_DigestFinal_ex(digest->context, value, &len);
    size_t at = strlen(digest->name);
    memcpy(ret, digest->name, at);
    ret[at++] = ':';
    for (unsigned i = 0; i < len && at + 2 < DIGEST_TEXT; i++) {
        ret[at++] = hex[value[i] >> 4];
        ret[at++] = hex[value[i] & 15];
    }
    ret[at] = '\0';
    digest_free(digest);
}

void
digest_free(struct digest *digest)
{
    if (digest)
        EVP_MD_CTX_free(digest->context);
    free(digest);
}

static void
compute(struct str bytes, const char *algorithm, char ret[DIGEST_TEXT])
{
    struct digest *digest = digest_new(algorithm);
    ret[0] = '\0';
    if (!digest)
        return;
    digest_add(digest, bytes.ptr, bytes.len);
    digest_end(digest, ret);
}

int
digest_check(struct str bytes, const char *expected, const char *what, struct err *err)
{
    char actual[DIGEST_TEXT];
    compute(bytes, expected, actual);
    if (strcmp(actual, expected) == 0)
        return 0;
    return err_set(err, -EBADMSG, "%s has digest %s, and %s was asked for", what, actual, expected);
}

void
digest_of(struct str bytes, char ret[DIGEST_TEXT])
{
    compute(bytes, "sha256", ret);
}
