/* SPDX-License-Identifier: Apache-2.0 */
/* See authorization.h. */
#include "common/authorization.h"

struct str
authorization_of(const struct mesos_http_request *request, const char *scheme)
{
    struct str value = {0};
    for (size_t i = 0; i < request->header_count; i++) {
        if (!str_ieq(str_of(request->headers[i].name), STR_LIT("Authorization")))
            continue;
        if (value.ptr)
            return (struct str){0};
        value = str_trim(str_of(request->headers[i].value));
    }
    if (!value.ptr || !str_ieq(str_cut(&value, ' '), str_of(scheme)))
        return (struct str){0};
    return value.ptr ? str_trim(value) : (struct str){0};
}

void
authorization_say(struct buf *answer, const char *name, const char *value)
{
    buf_append(answer, name, strlen(name) + 1);
    buf_append(answer, value, strlen(value) + 1);
}

void
authorization_reply(const struct mesos_host *host, struct mesos_call *call, struct buf *answer)
{
    host->reply(host, call, 0, (struct mesos_bytes){buf_data(answer), answer->len});
    if (answer->len > 0)
        explicit_bzero(buf_data(answer), answer->len);
    buf_clear(answer);
}
