/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps of authentication, on the side that checks and on the side that proves. The input is a choice of side and mechanism,
 * then what the other side says, one message up to each byte 0xff. Nobody gets in who does not know the secret.
 */
#include "fuzz.h"

#include "common/sasl.h"

static const char *const mechanisms[] = {"CRAM-MD5", "SCRAM-SHA-256"};

static void
check(struct str input, const char *mechanism, struct credentials *credentials)
{
    struct err err = {0};
    struct str answer;
    must(sasl_server_ready(&err) == 0);
    struct scram_keys keys = {0};
    struct sasl_server *server = sasl_server_open(mechanism, &credentials, &keys, &err);
    must(server);
    for (int i = 0, code = 0; i < 8 && code == 0; i++) {
        code = sasl_server_hear(server, str_cut(&input, '\xff'), &answer, &err);
        must(code != 1);
        must(code == 0 || err.text[0]);
    }
    sasl_server_close(server);
    scram_keys_forget(&keys);
}

static void
prove(struct str input, const char *mechanism, const struct credential *credential)
{
    struct err err = {0};
    struct str answer;
    must(sasl_client_begin(&err) == 0);
    struct sasl_client *client = sasl_client_ready(&err);
    must(client);
    must(sasl_client_open(client, mechanism, credential, &answer, &err) == 0);
    for (int i = 0, code = 0; i < 8 && code == 0; i++) {
        code = sasl_client_hear(client, str_cut(&input, '\xff'), &answer, &err);
        must(code >= 0 || err.text[0]);
        must(code != 1 || mechanism == mechanisms[0]); /* the other one knows its master */
    }
    sasl_client_close(client);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str input = str_n(data, size);
    unsigned choice = take_choice(&input, 4);
    struct credentials *credentials = credentials_parse(STR_LIT("test s3cret-of-nobody"), "file", NULL);
    if (choice < 2)
        check(input, mechanisms[choice], credentials);
    else
        prove(input, mechanisms[choice - 2], credentials_only(credentials));
    credentials_free(credentials);
    return 0;
}
