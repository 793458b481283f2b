/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what stands between a cluster that nobody trusts and a command line of ssh. */
#include "cli/ssh.h"

#include <ctype.h>
#include <errno.h>

#include "cli/config.h"

int
ssh_options_complete(struct ssh_options *options, struct arena *arena, struct err *err)
{
    auto_config struct cli_config config = {0};
    const char *value;

    if (cli_config_load(&config, err) < 0)
        return err->code;
    if (!options->config && (value = cli_config_get(&config, "ssh_config")) != NULL)
        options->config = arena_strdup(arena, str_of(value));
    if (!options->user && (value = cli_config_get(&config, "ssh_user")) != NULL)
        options->user = arena_strdup(arena, str_of(value));
    return 0;
}

int
ssh_check_host(const char *host, struct err *err)
{
    for (const char *p = host; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("._:-", *p))
            return err_set(err, -EINVAL, "the agent calls itself '%s', which is no host name", host);
    if (!isalnum((unsigned char)host[0]) && host[0] != ':')
        return err_set(err, -EINVAL, "the agent calls itself '%s', which is no host name", host);
    return 0;
}

void
ssh_quote(struct buf *out, const char *text)
{
    buf_putc(out, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            buf_puts(out, "'\\''");
        else
            buf_putc(out, *text);
    }
    buf_putc(out, '\'');
}
