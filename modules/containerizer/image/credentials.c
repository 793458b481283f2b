/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of "auths" are hosts or URLs of hosts; Docker's own hub has several names. */
#include "containerizer/image/credentials.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/units.h"

static struct str
host_of(const char *key)
{
    struct str rest = str_of(key);
    const char *scheme = strstr(key, "://");
    if (scheme)
        rest = str_of(scheme + 3);
    return str_cut(&rest, '/');
}

static bool
is_hub(struct str host)
{
    return str_is(host, "docker.io") || str_is(host, "index.docker.io") || str_is(host, "registry-1.docker.io");
}

/* The port that a scheme means need not be written. */
static struct str
without_port(struct str host)
{
    return str_ends(host, STR_LIT(":443")) ? str_n(host.ptr, host.len - 4) : host;
}

static bool
is_same_host(struct str a, struct str b)
{
    return str_ieq(without_port(a), without_port(b)) || (is_hub(a) && is_hub(b));
}

static int
login_of(const json_t *entry, const char *host, char **ret, struct err *err)
{
    const char *auth = json_string_value(json_object_get(entry, "auth"));
    const char *user = json_string_value(json_object_get(entry, "username"));
    const char *password = json_string_value(json_object_get(entry, "password"));
    auto_buf struct buf login = {0};
    if (auth && *auth) {
        if (base64_decode(&login, str_of(auth)) < 0 || !memchr(buf_data(&login) ? buf_data(&login) : "", ':', login.len) ||
            memchr(buf_data(&login), '\0', login.len))
            return err_set(err, -EINVAL, "docker_config: \"auth\" of '%s' is not the base64 of user:password", host);
    } else if (user && password) {
        buf_printf(&login, "%s:%s", user, password);
    } else {
        return 0; /* kept by a credential helper */
    }
    *ret = buf_take(&login);
    return 0;
}

int
credentials_find(const char *config, const char *registry, char **ret_login, struct err *err)
{
    json_error_t why;
    const char *key;
    json_t *entry;
    int rc = 0;
    *ret_login = NULL;
    if (!config || !*config)
        return 0;
    json_t *root = json_loads(config, JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(root)) {
        json_decref(root);
        return err_set(err, -EINVAL, "docker_config is no JSON object: write {\"auths\": {\"host:port\": {\"auth\": \"...\"}}}");
    }
    json_t *auths = json_object_get(root, "auths");
    json_object_foreach(json_is_object(auths) ? auths : root, key, entry) {
        if (json_is_object(entry) && is_same_host(host_of(key), str_of(registry))) {
            rc = login_of(entry, registry, ret_login, err);
            break;
        }
    }
    json_decref(root);
    return rc;
}
