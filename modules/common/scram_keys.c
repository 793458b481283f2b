/* SPDX-License-Identifier: Apache-2.0 */
/* See scram_keys.h. Keys are made when their principal is first named. */
#include "common/scram_keys.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/units.h"

enum { ITERATIONS = 4096, KEY_BYTES = 32, SALT_BYTES = 24, NAME_MAX_BYTES = 1024 };

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

/* Known only here; the same for the same name until the set is forgotten. */
static bool
made_up(struct scram_keys *keys, char label, struct str name, unsigned char out[KEY_BYTES])
{
    unsigned char text[1 + NAME_MAX_BYTES];
    size_t len = name.len < NAME_MAX_BYTES ? name.len : NAME_MAX_BYTES;
    unsigned out_len = 0;
    if (!keys->seeded && getrandom(keys->seed, sizeof(keys->seed), 0) != sizeof(keys->seed))
        return false;
    keys->seeded = true;
    text[0] = (unsigned char)label;
    if (len)
        memcpy(text + 1, name.ptr, len);
    return HMAC(EVP_sha256(), keys->seed, sizeof(keys->seed), text, 1 + len, out, &out_len) && out_len == KEY_BYTES;
}

static void
put_key(struct buf *out, const unsigned char *salt, const unsigned char *stored, const unsigned char *server)
{
    buf_printf(out, "SCRAM-SHA-256$%d:", ITERATIONS);
    base64_encode(out, salt, SALT_BYTES);
    buf_putc(out, '$');
    base64_encode(out, stored, KEY_BYTES);
    buf_putc(out, ':');
    base64_encode(out, server, KEY_BYTES);
}

int
scram_keys_decoy(struct scram_keys *keys, struct str name, struct buf *out)
{
    unsigned char salt[KEY_BYTES], stored[KEY_BYTES], server[KEY_BYTES];
    if (!made_up(keys, 's', name, salt) || !made_up(keys, 'c', name, stored) || !made_up(keys, 'v', name, server))
        return -EIO;
    put_key(out, salt, stored, server);
    return 0;
}

static char *
make(struct scram_keys *keys, const struct credential *credential)
{
    unsigned char salt[KEY_BYTES], salted[KEY_BYTES], client[KEY_BYTES], stored[KEY_BYTES], server[KEY_BYTES];
    struct buf text = {0};
    bool made = made_up(keys, 's', str_n(credential->principal, credential->principal_len), salt) &&
                PKCS5_PBKDF2_HMAC(credential->secret, (int)credential->secret_len, salt, SALT_BYTES, ITERATIONS, EVP_sha256(),
                                  KEY_BYTES, salted) == 1 &&
                derive(salted, "Client Key", client) && derive(salted, "Server Key", server) &&
                EVP_Digest(client, sizeof(client), stored, NULL, EVP_sha256(), NULL) == 1;
    if (made)
        put_key(&text, salt, stored, server);
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
        key->text = make(keys, credential);
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
    explicit_bzero(keys->seed, sizeof(keys->seed));
    *keys = (struct scram_keys){0};
}
