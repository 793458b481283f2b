/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of executors: any bytes, or (first byte odd) a header and claims, a line each, that the right key has signed, so that what
 * lies behind the signature is reached too. What is let in was signed with the key, and says somebody in whole pairs of strings.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/units.h"
#include "fuzz/fuzz.h"
#include "http_authenticator/jwt/token.h"

#define KEY STR_LIT("the key")
enum { NOW = 1000000 };

static void
add_part(struct buf *out, struct str bytes)
{
    auto_buf struct buf plain = {0};
    base64_encode(&plain, bytes.ptr, bytes.len);
    for (size_t i = 0; i < plain.len; i++) {
        char c = buf_data(&plain)[i];
        if (c != '=')
            buf_putc(out, c == '+' ? '-' : c == '/' ? '_' : c);
    }
}

static void
sign(struct str input, struct buf *out)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    struct str header = str_cut(&input, '\n');
    add_part(out, header);
    buf_putc(out, '.');
    add_part(out, input);
    HMAC(EVP_sha256(), KEY.ptr, (int)KEY.len, (const unsigned char *)buf_data(out), out->len, mac, &len);
    buf_putc(out, '.');
    add_part(out, str_n(mac, len));
}

static void
check_answer(struct str answer)
{
    size_t strings = 0;
    must(answer.len > 0 && answer.ptr[answer.len - 1] == '\0');
    for (struct str rest = answer; rest.len > 0; strings++) {
        struct str name = str_cut(&rest, '\0');
        must(strings % 2 || str_is(name, "principal") || str_starts(name, STR_LIT("claim.")));
    }
    must(strings >= 2 && strings % 2 == 0 && strings <= 2 * TOKEN_MAX_CLAIMS);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str input = str_n(data, size);
    auto_buf struct buf token = {0}, answer = {0}, other = {0};
    struct err err = {0};
    if (take_choice(&input, 2))
        sign(input, &token);
    else
        buf_append_str(&token, input);
    if (token_read(buf_str(&token), KEY, NOW, &answer, &err) < 0) {
        must(err.text[0] && answer.len == 0);
        return 0;
    }
    check_answer(buf_str(&answer));
    must(token_read(buf_str(&token), STR_LIT("another key"), NOW, &other, &err) < 0);
    buf_putc(&token, 'A');
    must(token_read(buf_str(&token), KEY, NOW, &other, &err) < 0);
    return 0;
}
