/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and certificates by OpenSSL; see certificates.h. A test that cannot make them is over at once. */
#include "certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAY = 24 * 3600, MOST_FILES = 64 };

struct authority {
    struct authority *above; /* NULL = it vouches for itself */
    char directory[64], file[128], hashed[96], link[128];
    EVP_PKEY *key;
    X509 *certificate;
    long serial;
    char files[MOST_FILES][128];
    int file_count;
};

static void
must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "certificates: %s failed\n", what);
    abort();
}

static FILE *
create(struct authority *authority, char path[128], const char *name, const char *ending)
{
    snprintf(path, 128, "%s/%s.%s", authority->directory, name, ending);
    FILE *file = fopen(path, "w");
    must(file != NULL && authority->file_count < MOST_FILES, path);
    snprintf(authority->files[authority->file_count++], 128, "%s", path);
    return file;
}

static void
extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    must(extension && X509_add_ext(certificate, extension, -1) == 1, value);
    X509_EXTENSION_free(extension);
}

/* By an authority that has no certificate yet: its own. */
static X509 *
make(struct authority *authority, EVP_PKEY *key, const char *name, const char *names, int days, bool may_sign)
{
    X509 *certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++authority->serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), days < 0 ? -10L * DAY : -(long)DAY);
    X509_gmtime_adj(X509_getm_notAfter(certificate), (long)days * DAY);
    X509_set_pubkey(certificate, key);
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509 *issuer = authority->certificate ? authority->certificate : certificate;
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
    extend(certificate, issuer, NID_basic_constraints, may_sign ? "critical,CA:TRUE" : "CA:FALSE");
    if (names)
        extend(certificate, issuer, NID_subject_alt_name, names);
    must(X509_sign(certificate, authority->key, EVP_sha256()) > 0, "X509_sign");
    return certificate;
}

static struct authority *
begin(struct authority *above, const char *directory, const char *name)
{
    struct authority *authority = calloc(1, sizeof(*authority));
    must(authority != NULL, "calloc");
    authority->above = above;
    snprintf(authority->directory, sizeof(authority->directory), "%s", directory);
    must(mkdtemp(authority->directory) != NULL, authority->directory);
    authority->key = EVP_EC_gen("P-256");
    must(authority->key != NULL, "EVP_EC_gen");
    authority->certificate = make(above ? above : authority, authority->key, name, NULL, 30, true);
    FILE *file = create(authority, authority->file, name, "pem");
    must(PEM_write_X509(file, authority->certificate) == 1, "PEM_write_X509");
    fclose(file);
    return authority;
}

struct authority *
authority_new(const char *directory, const char *name)
{
    return begin(NULL, directory, name);
}

struct authority *
authority_below(struct authority *above, const char *directory, const char *name)
{
    return begin(above, directory, name);
}

const char *
authority_file(const struct authority *authority)
{
    return authority->file;
}

const char *
authority_hashed(struct authority *authority)
{
    if (authority->hashed[0])
        return authority->hashed;
    snprintf(authority->hashed, sizeof(authority->hashed), "%s/hashed", authority->directory);
    snprintf(authority->link, sizeof(authority->link), "%s/%08lx.0", authority->hashed,
             X509_subject_name_hash(authority->certificate));
    must(mkdir(authority->hashed, 0700) == 0 && symlink(authority->file, authority->link) == 0, authority->hashed);
    return authority->hashed;
}

struct certificate
authority_sign(struct authority *authority, const char *name, const char *names, int days)
{
    struct certificate made;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    must(key != NULL, "EVP_EC_gen");
    X509 *certificate = make(authority, key, name, names, days, false);
    FILE *file = create(authority, made.cert, name, "crt");
    must(PEM_write_X509(file, certificate) == 1, "PEM_write_X509");
    for (struct authority *one = authority; one->above; one = one->above)
        must(PEM_write_X509(file, one->certificate) == 1, "PEM_write_X509");
    fclose(file);
    file = create(authority, made.key, name, "key");
    must(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1, "PEM_write_PrivateKey");
    fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return made;
}

void
certificate_lock(const struct certificate *certificate)
{
    FILE *file = fopen(certificate->key, "r+");
    must(file != NULL, certificate->key);
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    must(key != NULL, "PEM_read_PrivateKey");
    rewind(file);
    must(PEM_write_PrivateKey(file, key, EVP_aes_256_cbc(), (const unsigned char *)"phrase", 6, NULL, NULL) == 1, "PEM_write_PrivateKey");
    fclose(file);
    EVP_PKEY_free(key);
}

void
authority_free(struct authority *authority)
{
    unlink(authority->link);
    rmdir(authority->hashed);
    for (int i = 0; i < authority->file_count; i++)
        unlink(authority->files[i]);
    rmdir(authority->directory);
    X509_free(authority->certificate);
    EVP_PKEY_free(authority->key);
    free(authority);
}
