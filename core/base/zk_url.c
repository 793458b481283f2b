/* SPDX-License-Identifier: Apache-2.0 */
/* Reads zk:// URLs. Errors must never repeat a password, so they quote single parts and never the whole. */
#include "base/zk_url.h"

#include <errno.h>

#define SCHEME "zk://"
#define TEXT_MAX 8192
#define CREDENTIALS_MAX 1024
#define PATH_BYTES_MAX 1024

bool
zk_url_is(const char *text)
{
    return text && strncmp(text, SCHEME, strlen(SCHEME)) == 0;
}

static bool
plain(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] <= ' ' || s.ptr[i] == 0x7f)
            return false;
    return true;
}

/* Where the credentials end: the last '@' before the path. A password may have '@', ':' and '/' in it, a host and a path
 * none of "@"; so with any '@' at all the last one counts. */
static struct str
cut_credentials(struct str *rest)
{
    for (size_t i = rest->len; i-- > 0;) {
        if (rest->ptr[i] != '@')
            continue;
        struct str found = str_n(rest->ptr, i);
        *rest = str_n(rest->ptr + i + 1, rest->len - i - 1);
        return found;
    }
    return (struct str){0};
}

static int
parse_port(struct str text, struct str host, uint16_t *ret, struct err *err)
{
    uint64_t port;

    if (str_to_u64(text, &port) < 0 || port == 0 || port > UINT16_MAX)
        return err_set(err, -EINVAL, "the port '%.*s' of ZooKeeper server '%.*s' is not a number of 1 to 65535",
                       (int)(text.len < 80 ? text.len : 80), text.ptr ? text.ptr : "", STR_ARG(host));
    *ret = (uint16_t)port;
    return 0;
}

/* host, host:port, [v6], [v6]:port */
static int
parse_server(struct str text, struct zk_server *ret, struct err *err)
{
    struct str host, port = {0};
    bool bracket = text.len > 0 && text.ptr[0] == '[';

    if (bracket) {
        struct str rest = str_n(text.ptr + 1, text.len - 1);
        ptrdiff_t end = str_find(rest, ']');
        if (end < 0)
            return err_set(err, -EINVAL, "a ZooKeeper server begins with '[' and has no ']'");
        host = str_n(rest.ptr, (size_t)end);
        rest = str_n(rest.ptr + end + 1, rest.len - (size_t)end - 1);
        if (rest.len > 0 && rest.ptr[0] != ':')
            return err_set(err, -EINVAL, "behind ']' of a ZooKeeper server only ':' and a port may stand");
        port = rest.len > 0 ? str_n(rest.ptr + 1, rest.len - 1) : rest;
        if (rest.len > 0 && port.len == 0)
            return err_set(err, -EINVAL, "a ZooKeeper server ends with ':' and names no port");
    } else {
        ptrdiff_t colon = str_find(text, ':');
        host = colon < 0 ? text : str_n(text.ptr, (size_t)colon);
        if (colon >= 0)
            port = str_n(text.ptr + colon + 1, text.len - (size_t)colon - 1);
        if (str_find(port, ':') >= 0)
            return err_set(err, -EINVAL, "an IPv6 address of a ZooKeeper server needs brackets: [address]:port");
        if (colon >= 0 && port.len == 0)
            return err_set(err, -EINVAL, "a ZooKeeper server ends with ':' and names no port");
    }
    if (host.len == 0 || host.len >= sizeof(ret->host))
        return err_set(err, -EINVAL, "a ZooKeeper server is a host name of 1 to %zu bytes, not one of %zu",
                       sizeof(ret->host) - 1, host.len);
    memcpy(ret->host, host.ptr, host.len);
    ret->host[host.len] = '\0';
    ret->port = ZK_URL_PORT_DEFAULT;
    return port.len > 0 ? parse_port(port, host, &ret->port, err) : 0;
}

static int
parse_servers(struct str rest, struct zk_url *url, struct err *err)
{
    if (rest.len == 0)
        return err_set(err, -EINVAL, "no ZooKeeper server is named: zk://host:port,host:port/path");
    for (bool more = true; more;) {
        ptrdiff_t comma = str_find(rest, ',');
        more = comma >= 0;
        if (url->server_count == ZK_URL_SERVERS_MAX)
            return err_set(err, -EINVAL, "more than %d ZooKeeper servers are named", ZK_URL_SERVERS_MAX);
        struct str one = more ? str_n(rest.ptr, (size_t)comma) : rest;
        if (parse_server(one, &url->servers[url->server_count], err) < 0)
            return -EINVAL;
        url->server_count++;
        if (more)
            rest = str_n(rest.ptr + comma + 1, rest.len - (size_t)comma - 1);
    }
    return 0;
}

/* ZooKeeper's own rules: no empty, "." or ".." parts. */
static int
parse_path(struct str path, struct zk_url *url, struct err *err)
{
    while (path.len > 0 && path.ptr[path.len - 1] == '/')
        path.len--;
    if (path.len == 0)
        return err_set(err, -EINVAL, "the ZooKeeper path is missing: expecting zk://host:port/path, where the path "
                                     "is not the root '/'");
    if (path.len > PATH_BYTES_MAX)
        return err_set(err, -EINVAL, "the ZooKeeper path has %zu bytes; %d are the most", path.len, PATH_BYTES_MAX);
    struct str rest = str_n(path.ptr + 1, path.len - 1);
    for (bool more = true; more;) {
        ptrdiff_t slash = str_find(rest, '/');
        more = slash >= 0;
        struct str part = more ? str_n(rest.ptr, (size_t)slash) : rest;
        if (part.len == 0 || str_is(part, ".") || str_is(part, ".."))
            return err_set(err, -EINVAL, "the ZooKeeper path '%.*s' has an empty, '.' or '..' part", STR_ARG(path));
        if (more)
            rest = str_n(rest.ptr + slash + 1, rest.len - (size_t)slash - 1);
    }
    if (str_is(path, "/zookeeper") || str_starts(path, STR_LIT("/zookeeper/")))
        return err_set(err, -EINVAL, "the ZooKeeper path '%.*s' is in the part that ZooKeeper keeps for itself",
                       STR_ARG(path));
    url->path = str_dup(path);
    return 0;
}

static int
parse_credentials(struct str credentials, struct zk_url *url, struct err *err)
{
    ptrdiff_t colon = str_find(credentials, ':');

    if (colon <= 0 || (size_t)colon + 1 == credentials.len)
        return err_set(err, -EINVAL, "what stands before '@' is not of the form user:password");
    if (credentials.len > CREDENTIALS_MAX)
        return err_set(err, -EINVAL, "user and password have %zu bytes; %d are the most", credentials.len,
                       CREDENTIALS_MAX);
    url->credentials = str_dup(credentials);
    return 0;
}

static bool
wants_tls(const char *text)
{
    static const char *const schemes[] = {"zks://", "zk+tls://", "zk+ssl://", "zk-tls://"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (text && strncmp(text, schemes[i], strlen(schemes[i])) == 0)
            return true;
    return false;
}

int
zk_url_parse(const char *text, struct zk_url *ret, struct err *err)
{
    struct zk_url url = {0};
    struct str rest = str_of(text), credentials;

    if (wants_tls(text))
        return err_set(err, -EINVAL, "ZooKeeper over TLS is not there: the client library that this was built with "
                                     "(Debian 12's) has none; use zk://, over a tunnel where others could listen");
    if (!zk_url_is(text))
        return err_set(err, -EINVAL, "expecting zk://[user:password@]host:port,.../path");
    if (rest.len > TEXT_MAX)
        return err_set(err, -EINVAL, "a ZooKeeper URL has %zu bytes; %d are the most", rest.len, TEXT_MAX);
    if (!plain(rest))
        return err_set(err, -EINVAL, "a ZooKeeper URL has no spaces and no control characters");
    rest = str_n(rest.ptr + strlen(SCHEME), rest.len - strlen(SCHEME));
    credentials = cut_credentials(&rest);
    ptrdiff_t slash = str_find(rest, '/');
    struct str servers = slash < 0 ? rest : str_n(rest.ptr, (size_t)slash);
    struct str path = slash < 0 ? (struct str){0} : str_n(rest.ptr + slash, rest.len - (size_t)slash);
    if ((credentials.ptr && parse_credentials(credentials, &url, err) < 0) || parse_servers(servers, &url, err) < 0 ||
        parse_path(path, &url, err) < 0) {
        zk_url_fini(&url);
        return -EINVAL;
    }
    *ret = url;
    return 0;
}

void
zk_url_fini(struct zk_url *url)
{
    if (!url)
        return;
    free(url->credentials);
    free(url->path);
    url->credentials = url->path = NULL;
}

char *
zk_url_shown(const char *text)
{
    const char *scheme = text ? strstr(text, "://") : NULL;
    if (!scheme)
        return xstrdup(text ? text : "");
    struct str rest = str_of(scheme + 3), credentials = cut_credentials(&rest);
    if (!credentials.ptr)
        return xstrdup(text);
    ptrdiff_t colon = str_find(credentials, ':');
    struct str user = colon < 0 ? (struct str){0} : str_n(credentials.ptr, (size_t)colon);
    return xasprintf("%.*s%.*s%s***@%.*s", (int)(scheme + 3 - text), text, STR_ARG(user), colon < 0 ? "" : ":",
                     STR_ARG(rest));
}
