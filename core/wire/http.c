/* SPDX-License-Identifier: Apache-2.0 */
/* Small questions about HTTP messages that server, client and handlers ask. Holds no state, does no I/O. */
#include <errno.h>

#include "base/hex.h"
#include "wire/http_parse.h"

struct str
http_header_get(const struct http_headers *headers, const char *name)
{
    struct str wanted = str_of(name);
    for (size_t i = 0; i < headers->count; i++)
        if (headers->items[i].name.len == wanted.len && str_ieq(headers->items[i].name, wanted))
            return headers->items[i].value;
    return (struct str){NULL, 0};
}

struct str
http_header_last(const struct http_headers *headers, const char *name)
{
    struct str wanted = str_of(name);
    for (size_t i = headers->count; i > 0; i--)
        if (headers->items[i - 1].name.len == wanted.len && str_ieq(headers->items[i - 1].name, wanted))
            return headers->items[i - 1].value;
    return (struct str){NULL, 0};
}

struct str
http_param_get(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->param_count; i++)
        if (str_is(request->params[i].name, name))
            return request->params[i].value;
    return (struct str){NULL, 0};
}

const char *
http_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } known[] = {
        {100, "Continue"}, {101, "Switching Protocols"}, {200, "OK"}, {201, "Created"}, {202, "Accepted"},
        {204, "No Content"}, {206, "Partial Content"}, {300, "Multiple Choices"}, {301, "Moved Permanently"},
        {302, "Found"}, {303, "See Other"}, {304, "Not Modified"}, {307, "Temporary Redirect"},
        {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
        {405, "Method Not Allowed"}, {406, "Not Acceptable"}, {408, "Request Timeout"}, {409, "Conflict"},
        {410, "Gone"}, {411, "Length Required"}, {412, "Precondition Failed"}, {413, "Request Entity Too Large"},
        {414, "Request-URI Too Large"}, {415, "Unsupported Media Type"}, {417, "Expectation Failed"},
        {429, "Too Many Requests"}, {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"},
        {501, "Not Implemented"}, {502, "Bad Gateway"}, {503, "Service Unavailable"}, {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i].status == status)
            return known[i].text;
    return "Unknown";
}

int
http_percent_decode(struct str text, bool plus, struct arena *arena, struct str *ret)
{
    if (str_find(text, '%') < 0 && (!plus || str_find(text, '+') < 0)) {
        *ret = text;
        return 0;
    }
    char *out = arena_alloc(arena, text.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_digit(text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return -EINVAL;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        out[n++] = c;
    }
    out[n] = '\0';
    *ret = str_n(out, n);
    return 0;
}

void
http_percent_encode(struct buf *out, struct str text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i];
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_' ||
            c == '.' || c == '~') {
            buf_putc(out, (char)c);
        } else {
            buf_putc(out, '%');
            buf_putc(out, hex[c >> 4]);
            buf_putc(out, hex[c & 15]);
        }
    }
}

/* "type;q=0.0;x=y": the bare value, and whether a q parameter of zero refuses it. */
static struct str
accept_item(struct str item, bool *ret_refused)
{
    struct str value = str_trim(str_cut(&item, ';'));
    *ret_refused = false;
    while (item.len) {
        struct str param = str_trim(str_cut(&item, ';'));
        double q = 1;
        if (param.len > 2 && (param.ptr[0] | 0x20) == 'q' && param.ptr[1] == '=' &&
            str_to_double(str_n(param.ptr + 2, param.len - 2), &q) == 0 && q <= 0)
            *ret_refused = true;
    }
    return value;
}

/* How closely a range of Accept matches: 3 exact, 2 "type/" with a star, 1 everything, 0 not at all. */
static int
accept_match(struct str range, struct str type)
{
    if (str_ieq(range, type))
        return 3;
    if (range.len > 2 && str_ends(range, STR_LIT("/*")) && type.len >= range.len - 1 &&
        str_ieq(str_n(range.ptr, range.len - 1), str_n(type.ptr, range.len - 1)))
        return range.ptr[0] == '*' ? 1 : 2;
    return str_is(range, "*/*") || str_is(range, "*") ? 1 : 0;
}

bool
http_accepts(struct str accept, const char *type)
{
    if (accept.ptr == NULL)
        return true;
    int best = 0;
    bool admitted = false;
    while (accept.len) {
        bool refused;
        struct str range = accept_item(str_cut(&accept, ','), &refused);
        int match = accept_match(range, str_of(type));
        if (match > best) {
            best = match;
            admitted = !refused;
        }
    }
    return admitted;
}

bool
http_type_is(struct str value, const char *type)
{
    return str_ieq(str_trim(str_cut(&value, ';')), str_of(type));
}

static int
split_query(struct http_request *request, struct str query, struct err *err)
{
    size_t count = 1;
    for (size_t i = 0; i < query.len; i++)
        count += query.ptr[i] == '&' || query.ptr[i] == ';';
    request->params = arena_calloc(request->arena, count, sizeof(*request->params));
    while (query.len) {
        size_t len = 0;
        while (len < query.len && query.ptr[len] != '&' && query.ptr[len] != ';')
            len++;
        struct str value = str_n(query.ptr, len), name = str_cut(&value, '=');
        query = str_n(query.ptr + len + (len < query.len), query.len - len - (len < query.len));
        if (name.len == 0 && value.len == 0)
            continue;
        struct http_param *param = &request->params[request->param_count];
        if (http_percent_decode(name, true, request->arena, &param->name) < 0 ||
            http_percent_decode(value, true, request->arena, &param->value) < 0)
            return err_set(err, -EINVAL, "Malformed percent escape in the query of '%.*s'", STR_ARG(request->target));
        if (param->value.ptr == NULL)
            param->value = STR_LIT("");
        request->param_count++;
    }
    return 0;
}

int
http_request_split(struct http_request *request, struct err *err)
{
    struct str rest = request->target;
    if (str_starts(rest, STR_LIT("http://"))) { /* absolute form: the path begins at the slash after the host */
        size_t at = 7;
        while (at < rest.len && rest.ptr[at] != '/' && rest.ptr[at] != '?')
            at++;
        rest = str_n(rest.ptr + at, rest.len - at);
    }
    bool query = str_find(rest, '?') >= 0;
    request->path = str_cut(&rest, '?');
    if (request->path.len == 0)
        request->path = STR_LIT("/");
    request->params = NULL;
    request->param_count = 0;
    return query ? split_query(request, rest, err) : 0;
}
