/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of TLS before anybody connects: which are refused, with the word that helps, and which are remarked upon. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/stat.h>

#include "certificates.h"
#include "loop/secure.h"

static struct authority *ours;
static struct certificate own, other;

static struct secure_settings
good(void)
{
    return (struct secure_settings){.cert_file = own.cert, .key_file = own.key, .ca_file = authority_file(ours), .tls_1_2 = true,
                                    .tls_1_3 = true};
}

static void
test_settings_that_are_wrong(void **state)
{
    struct certificate locked = authority_sign(ours, "locked", NULL, 30);
    struct secure_settings settings[10];
    static const char *const words[ARRAY_LEN(settings)] = {"certificate '/nowhere': No such file", "key_file is not set", "mismatch",
                                                           "ciphers 'nonsense'", "ecdh_curves 'nonsense'",
                                                           "both switched off", "authorities in '/nowhere': No such file", "private key",
                                                           "is locked with a pass phrase", "authorities in '/no/such': No such file"};
    certificate_lock(&locked);
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        settings[i] = good();
    settings[0].cert_file = "/nowhere";
    settings[1].key_file = NULL;
    settings[2].key_file = other.key;
    settings[3].ciphers = "nonsense";
    settings[4].curves = "nonsense";
    settings[5].tls_1_2 = settings[5].tls_1_3 = false;
    settings[6].verify_server = true;
    settings[6].ca_file = "/nowhere";
    settings[7].key_file = own.cert;
    settings[8].cert_file = locked.cert;
    settings[8].key_file = locked.key;
    settings[9].verify_server = true;
    settings[9].ca_dir = "/no/such";
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        struct err err = {0};
        assert_null(secure_new(&settings[i], &err));
        if (!strstr(err.text, words[i]))
            fail_msg("case %zu: %s", i, err.text);
    }
}

static void
test_remarks(void **state)
{
    char text[300];
    struct secure_settings settings = good();
    chmod(own.key, 0644);
    struct secure *secure = secure_new(&settings, NULL);
    assert_non_null(secure);
    assert_true(secure_remark(secure, 0, text, sizeof(text)));
    assert_non_null(strstr(text, "mode 644"));
    assert_true(secure_remark(secure, 1, text, sizeof(text)));
    assert_non_null(strstr(text, "verify_server_cert"));
    assert_false(secure_remark(secure, 2, text, sizeof(text)));
    secure_unref(secure);
    chmod(own.key, 0600);
    settings.verify_server = settings.names_by_lookup = true;
    secure = secure_new(&settings, NULL);
    assert_non_null(secure);
    assert_false(secure_remark(secure, 0, text, sizeof(text)));
    secure_unref(secure);
}

static int
make_certificates(void **state)
{
    ours = authority_new("/tmp/test_secure.XXXXXX", "ours");
    own = authority_sign(ours, "localhost", NULL, 2);
    other = authority_sign(ours, "other", NULL, 2);
    return 0;
}

static int
remove_certificates(void **state)
{
    authority_free(ours);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings_that_are_wrong),
        cmocka_unit_test(test_remarks),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
