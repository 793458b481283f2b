/* SPDX-License-Identifier: Apache-2.0 */
/* Files of principals and secrets: refused with a reason, or a set in which everybody is found with the secret that was read. */
#include "fuzz.h"

#include "common/credentials.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str input = str_n(data, size);
    struct err err = {0};
    bool single = take_choice(&input, 2);
    struct credentials *credentials = single ? credential_parse(input, "file", &err) : credentials_parse(input, "file", &err);
    if (!credentials) {
        must(err.code < 0 && err.text[0]);
        return 0;
    }
    must(!single || credentials_count(credentials) == 1);
    const struct credential *first = credentials_only(credentials);
    must(!first == !credentials_count(credentials));
    if (first) {
        struct str principal = str_n(first->principal, first->principal_len), secret = str_n(first->secret, first->secret_len);
        must(principal.len && secret.len && strlen(first->principal) == principal.len && strlen(first->secret) == secret.len);
        must(credentials_find(credentials, principal) == first);
        must(credentials_match(credentials, principal, secret));
        must(!credentials_match(credentials, principal, str_n(secret.ptr, secret.len - 1)));
    }
    struct credentials *copy = credentials_copy(credentials);
    must(credentials_count(copy) == credentials_count(credentials));
    credentials_free(copy);
    credentials_free(credentials);
    return 0;
}
