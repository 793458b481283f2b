/* SPDX-License-Identifier: Apache-2.0 */
/* See scram_keys.h. Keys are made when their principal is first named. */
#include "common/scram_keys.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/units.h"

enum { ITERATIONS = 4096, KEY_BYTES = 32, SALT_BYTES = 24 };

struct scram_key {
    char *text;
    char principal[];
};

/* Others would have to be prepared as RFC 4013 says. */
static bool
is_plain(const struct credential *credential)
{
    for (size_t i = 0; i < credential->secret_len; i++)
        if (credential->secret[i] < ' ' || credential->secret[i] > '~')
            return false;
    return credential->secret_len > 0;
}

static bool
derive(const unsigned char salted[KEY_BYTES], const char *label, unsigned char out[KEY_BYTES])
{
    unsigned len = 0;
    return HMAC(EVP_sha256(), salted, KEY_BYTES, (const unsigned char *)label, strlen(label), out, &len) && len == KEY_BYTES;
}

static char *
make(const struct credential *credential)
{
    unsigned char salt[SALT_BYTES], salted[KEY_BYTES], client[KEY_BYTES], stored[KEY_BYTES], server[KEY_BYTES];
    struct buf text = {0};
    bool made = getrandom(salt, sizeof(salt), 0) == sizeof(salt) &&
                PKCS5_PBKDF2_HMAC(credential->secret, (int)credential->secret_len, salt, sizeof(salt), ITERATIONS, EVP_sha256(),
                                  KEY_BYTES, salted) == 1 &&
                derive(salted, "Client Key", client) && derive(salted, "Server Key", server) &&
                EVP_Digest(client, sizeof(client), stored, NULL, EVP_sha256(), NULL) == 1;
    if (made) {
        buf_printf(&text, "SCRAM-SHA-256$%d:", ITERATIONS);
        base64_encode(&text, salt, sizeof(salt));
        buf_putc(&text, '$');
        base64_encode(&text, stored, sizeof(stored));
        buf_putc(&text, ':');
        base64_encode(&text, server, sizeof(server));
    }
    explicit_bzero(salted, sizeof(salted));
    explicit_bzero(client, sizeof(client));
    explicit_bzero(server, sizeof(server));
    return made ? buf_take(&text) : NULL;
}

const char *
scram_keys_of(struct scram_keys *keys, const struct credential *credential)
{
    struct str principal = str_n(credential->principal, credential->principal_len);
    struct scram_key *key = map_get(&keys->by_principal, principal);
    if (!key && is_plain(credential)) {
        key = xcalloc(1, sizeof(*key) + principal.len + 1);
        memcpy(key->principal, principal.ptr, principal.len);
        key->text = make(credential);
        map_add(&keys->by_principal, str_n(key->principal, principal.len), key);
    }
    return key ? key->text : NULL;
}

void
scram_keys_forget(struct scram_keys *keys)
{
    struct scram_key *key;
    map_foreach (key, &keys->by_principal) {
        if (key->text)
            explicit_bzero(key->text, strlen(key->text));
        free(key->text);
        free(key);
    }
    map_fini(&keys->by_principal);
    *keys = (struct scram_keys){0};
}
