/* SPDX-License-Identifier: Apache-2.0 */
/* Finds out with which principal and secret commands ask. Never prints either. */
#include "cli/login.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cli/command.h"
#include "cli/config.h"

enum { SECRET_MAX_BYTES = 4096 };

/* The variable, else the key; the caller frees. */
static int
setting(char **ret, const char *variable, const char *key, struct err *err)
{
    const char *value = getenv(variable);

    if (!value || !*value)
        return cli_config_value(ret, key, err);
    *ret = xstrdup(value);
    return 0;
}

/* The file's first line. */
static int
read_secret(const char *path, char **ret, struct err *err)
{
    auto_buf struct buf text = {0};
    struct stat st;
    struct str rest;

    if (stat(path, &st) < 0)
        return err_errno(err, "the secret's file '%s' cannot be read", path);
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return err_set(err, -EACCES, "the secret's file '%s' is open to others: chmod 600 it", path);
    if (file_read(path, SECRET_MAX_BYTES, &text, err) < 0)
        return err_wrap(err, "the secret's file");
    rest = buf_str(&text);
    *ret = str_dup(str_trim(str_cut(&rest, '\n')));
    if (text.len > 0)
        explicit_bzero(buf_data(&text), text.len);
    return **ret ? 0 : err_set(err, -EINVAL, "the secret's file '%s' is empty", path);
}

static void
forget(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

static char *
header_of(const char *principal, const char *secret)
{
    auto_buf struct buf pair = {0}, out = {0};

    buf_printf(&pair, "%s:%s", principal, secret);
    buf_puts(&out, "Basic ");
    base64_encode(&out, buf_data(&pair), pair.len);
    explicit_bzero(buf_data(&pair), pair.len);
    return buf_take(&out);
}

int
cli_login_read(char **ret, struct err *err)
{
    auto_free char *principal = NULL, *path = NULL;
    const char *given = getenv("MESOS_SECRET");
    char *secret = given && *given ? xstrdup(given) : NULL;
    int status = setting(&principal, "MESOS_PRINCIPAL", "principal", err);

    if (status == 0 && principal && !secret) {
        status = setting(&path, "MESOS_SECRET_FILE", "secret_file", err);
        if (status == 0 && path)
            status = read_secret(path, &secret, err);
    }
    if (status == 0 && principal && secret) {
        *ret = header_of(principal, secret);
    }
    forget(secret);
    return status;
}

void
cli_login_as(struct cli *cli, const char *principal, const char *secret)
{
    forget(cli->authorization);
    cli->authorization = header_of(principal, secret);
}

size_t
cli_login_header(const struct cli *cli, struct http_header *headers, size_t count)
{
    if (!cli->authorization)
        return count;
    headers[count] = (struct http_header){STR_LIT("Authorization"), str_of(cli->authorization)};
    return count + 1;
}

const char *
cli_login_advice(bool login, int status)
{
    if (status == 403)
        return login ? " (its rules do not allow this to our principal: `mesos acl check` says which line decides)"
                                  : " (its rules do not allow this to somebody who does not say who he is)";
    if (status != 401)
        return "";
    return login ? " (it does not know our principal with that secret)"
                              : " (it wants to know who asks: mesos --principal=NAME --secret_file=FILE ..., or the same keys "
                   "with `mesos config set`)";
}
