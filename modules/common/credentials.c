/* SPDX-License-Identifier: Apache-2.0 */
/* See credentials.h. All secrets of a set lie in its own memory, and each is wiped with it. */
#include "common/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/map.h"
#include "wire/json_token.h"

struct entry {
    struct credential credential;
    char bytes[]; /* principal NUL secret NUL */
};

struct credentials {
    struct map entries; /* principal -> struct entry */
};

/* A text under way. */
struct reading {
    struct credentials *credentials;
    struct str text;
    const char *name;
    bool single; /* one credential is wanted, not a list */
    struct arena *arena; /* JSON strings that had escapes */
    size_t budget;
    struct err *err;
};

/* ---- the set ---- */

static void
entry_free(struct entry *entry)
{
    explicit_bzero(entry->bytes, entry->credential.principal_len + entry->credential.secret_len + 2);
    free(entry);
}

void
credentials_free(struct credentials *credentials)
{
    if (!credentials)
        return;
    struct entry *entry;
    map_foreach(entry, &credentials->entries)
        entry_free(entry);
    map_fini(&credentials->entries);
    free(credentials);
}

static void
put(struct credentials *credentials, struct str principal, struct str secret)
{
    struct entry *entry = xcalloc(1, sizeof(*entry) + principal.len + secret.len + 2);
    memcpy(entry->bytes, principal.ptr, principal.len);
    memcpy(entry->bytes + principal.len + 1, secret.ptr, secret.len);
    entry->credential = (struct credential){entry->bytes, entry->bytes + principal.len + 1, principal.len, secret.len};
    map_add(&credentials->entries, str_n(entry->bytes, principal.len), entry);
}

struct credentials *
credentials_copy(const struct credentials *credentials)
{
    struct credentials *copy = xcalloc(1, sizeof(*copy));
    const struct entry *entry;
    map_foreach(entry, &credentials->entries)
        put(copy, str_n(entry->credential.principal, entry->credential.principal_len),
            str_n(entry->credential.secret, entry->credential.secret_len));
    return copy;
}

size_t
credentials_count(const struct credentials *credentials)
{
    return map_count(&credentials->entries);
}

const struct credential *
credentials_find(const struct credentials *credentials, struct str principal)
{
    const struct entry *entry = map_get(&credentials->entries, principal);
    return entry ? &entry->credential : NULL;
}

const struct credential *
credentials_only(const struct credentials *credentials)
{
    uint32_t at = 0;
    const struct map_entry *first = map_next(&credentials->entries, &at);
    return first ? &((const struct entry *)first->value)->credential : NULL;
}

bool
credentials_match(const struct credentials *credentials, struct str principal, struct str secret)
{
    const struct credential *credential = credentials_find(credentials, principal);
    struct str right = credential ? str_n(credential->secret, credential->secret_len) : STR_LIT("nobody's");
    bool same = str_eq_secret(secret, right);
    return credential && same;
}

/* ---- what is accepted ---- */

static size_t
line_at(const struct reading *reading, const char *at)
{
    size_t line = 1;
    for (const char *c = reading->text.ptr; c < at; c++)
        line += *c == '\n';
    return line;
}

static int refuse(const struct reading *reading, const char *at, const char *fmt, ...) PRINTF_LIKE(3, 4);
static int
refuse(const struct reading *reading, const char *at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    auto_free char *why = xvasprintf(fmt, ap);
    va_end(ap);
    return err_set(reading->err, -EINVAL, "%s, line %zu: %s", reading->name, line_at(reading, at), why);
}

static bool
has_control(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return true;
    return false;
}

/* at: where it stands in the text. */
static int
add(struct reading *reading, const char *at, struct str principal, struct str secret)
{
    struct map *entries = &reading->credentials->entries;
    if (!principal.len || principal.len > CREDENTIAL_PRINCIPAL_MAX)
        return refuse(reading, at, "a principal has 1 to %d bytes, not %zu", CREDENTIAL_PRINCIPAL_MAX, principal.len);
    if (has_control(principal))
        return refuse(reading, at, "the principal has a control character in it");
    if (!secret.len || secret.len > CREDENTIAL_SECRET_MAX)
        return refuse(reading, at, "a secret has 1 to %d bytes, and that of '%.*s' has %zu", CREDENTIAL_SECRET_MAX,
                      STR_ARG(principal), secret.len);
    if (memchr(secret.ptr, '\0', secret.len))
        return refuse(reading, at, "the secret of '%.*s' has a NUL in it", STR_ARG(principal));
    if (map_get(entries, principal))
        return refuse(reading, at, "principal '%.*s' is named twice", STR_ARG(principal));
    if (map_count(entries) == CREDENTIALS_MAX)
        return refuse(reading, at, "more than %d credentials", CREDENTIALS_MAX);
    put(reading->credentials, principal, secret);
    return 0;
}

/* ---- lines ---- */

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts the next word off the front; empty at the end. */
static struct str
take_word(struct str *line)
{
    while (line->len && is_blank(line->ptr[0]))
        *line = str_n(line->ptr + 1, line->len - 1);
    size_t len = 0;
    while (len < line->len && !is_blank(line->ptr[len]))
        len++;
    struct str word = str_n(line->ptr, len);
    *line = str_n(line->ptr + len, line->len - len);
    return word;
}

static int
read_lines(struct reading *reading)
{
    struct str left = reading->text;
    int rc = 0;
    while (left.len && !rc) {
        struct str line = str_cut(&left, '\n');
        struct str principal = take_word(&line), secret = take_word(&line), more = take_word(&line);
        if (!principal.len)
            continue;
        if (principal.ptr[0] == '#')
            rc = refuse(reading, principal.ptr,
                        "there are no comments here, and a principal that begins with '#' needs the JSON form");
        else if (!secret.len)
            rc = refuse(reading, principal.ptr, "expected a principal and a secret, but there is one word only");
        else if (more.len)
            rc = refuse(reading, principal.ptr,
                        "expected a principal and a secret, but there are more than two words (spaces need the JSON form)");
        else
            rc = add(reading, principal.ptr, principal, secret);
    }
    return rc;
}

/* ---- JSON ---- */

static int
syntax(const struct reading *reading, const struct json_scan *scan)
{
    if (scan->too_deep)
        return refuse(reading, scan->at, "JSON that is nested too deeply");
    const char *line = scan->at;
    while (line > reading->text.ptr && line[-1] != '\n')
        line--;
    return refuse(reading, scan->at, "this is not JSON from column %zu on", (size_t)(scan->at - line) + 1);
}

static int
take_string(struct reading *reading, struct json_scan *scan, const char *member, struct str *ret)
{
    json_scan_space(scan);
    if (json_scan_peek(scan) != '"')
        return refuse(reading, scan->at, "'%s' must be a string", member);
    if (ret->ptr)
        return refuse(reading, scan->at, "'%s' is given twice", member);
    if (!json_scan_string(scan, reading->arena, &reading->budget, ret))
        return syntax(reading, scan);
    return 0;
}

/* A comma that nothing follows, which people leave behind when they delete a line. */
static int
loose_comma(const struct reading *reading, struct json_scan *scan, char end)
{
    if (json_scan_peek(scan) != end)
        return 0;
    return refuse(reading, scan->at, "there is a comma too many before '%c'", end);
}

/* What an object's members are given to, one by one: takes the value of that key. */
typedef int member_fn(struct reading *reading, struct json_scan *scan, struct str key, void *arg);

/* An object, from its '{' to its '}'. */
static int
take_object(struct reading *reading, struct json_scan *scan, const char *what, member_fn *member, void *arg)
{
    if (json_scan_peek(scan) != '{')
        return refuse(reading, scan->at, "%s must be an object", what);
    json_scan_take(scan, '{');
    if (json_scan_take(scan, '}'))
        return 0;
    do {
        struct str key;
        if (loose_comma(reading, scan, '}'))
            return -EINVAL;
        if (!json_scan_string(scan, reading->arena, &reading->budget, &key) || !json_scan_take(scan, ':'))
            return syntax(reading, scan);
        int rc = member(reading, scan, key, arg);
        if (rc)
            return rc;
    } while (json_scan_take(scan, ','));
    return json_scan_take(scan, '}') ? 0 : syntax(reading, scan);
}

struct pair {
    struct str principal, secret;
};

static int
on_credential_member(struct reading *reading, struct json_scan *scan, struct str key, void *arg)
{
    struct pair *pair = arg;
    if (str_is(key, "principal"))
        return take_string(reading, scan, "principal", &pair->principal);
    if (str_is(key, "secret"))
        return take_string(reading, scan, "secret", &pair->secret);
    if (reading->single && str_is(key, "credentials"))
        return refuse(reading, scan->at, "this is a list, as --credentials of a master wants it; here one credential is wanted: "
                                         "{\"principal\": P, \"secret\": S}");
    return json_scan_skip(scan, 3) ? 0 : syntax(reading, scan);
}

/* The object that stands at `at` has been read. */
static int
add_pair(struct reading *reading, const char *at, const struct pair *pair)
{
    if (!pair->principal.ptr)
        return refuse(reading, at, "a credential without 'principal'");
    if (!pair->secret.ptr)
        return refuse(reading, at, "the credential of '%.*s' has no 'secret'", STR_ARG(pair->principal));
    return add(reading, at, pair->principal, pair->secret);
}

static int
take_credential(struct reading *reading, struct json_scan *scan)
{
    json_scan_space(scan);
    const char *at = scan->at;
    struct pair pair = {{0}, {0}};
    int rc = take_object(reading, scan, "a credential", on_credential_member, &pair);
    return rc ? rc : add_pair(reading, at, &pair);
}

static int
on_list_member(struct reading *reading, struct json_scan *scan, struct str key, void *arg)
{
    bool *found = arg;
    if (!str_is(key, "credentials"))
        return json_scan_skip(scan, 1) ? 0 : syntax(reading, scan);
    if (*found)
        return refuse(reading, scan->at, "'credentials' is given twice");
    *found = true;
    json_scan_space(scan);
    if (!json_scan_take(scan, '['))
        return refuse(reading, scan->at, "'credentials' must be a list");
    if (json_scan_take(scan, ']'))
        return 0;
    do {
        int rc = loose_comma(reading, scan, ']');
        if (!rc)
            rc = take_credential(reading, scan);
        if (rc)
            return rc;
    } while (json_scan_take(scan, ','));
    return json_scan_take(scan, ']') ? 0 : syntax(reading, scan);
}

static int
read_list(struct reading *reading, struct json_scan *scan)
{
    bool found = false;
    int rc = take_object(reading, scan, "the list of credentials", on_list_member, &found);
    if (!rc && !found)
        rc = refuse(reading, scan->start, "there is no member 'credentials': a list is wanted, {\"credentials\": [{\"principal\": P, "
                                            "\"secret\": S}]}");
    return rc;
}

/* ---- texts and files ---- */

static int
read_text(struct reading *reading)
{
    struct json_scan scan = json_scan_of(reading->text);
    bool single = reading->single;
    if (json_scan_peek(&scan) == '[' && str_ends(str_trim(reading->text), STR_LIT("]")))
        return refuse(reading, scan.at, "JSON begins with '{' here: {\"%s",
                      single ? "principal\": P, \"secret\": S}" : "credentials\": [...]}");
    if (json_scan_peek(&scan) != '{')
        return read_lines(reading);
    int rc = single ? take_credential(reading, &scan) : read_list(reading, &scan);
    if (!rc && json_scan_peek(&scan) != -1)
        rc = refuse(reading, scan.at, "there is more behind the end of the JSON");
    return rc;
}

static struct credentials *
parse(struct str text, const char *name, bool single, struct err *err)
{
    static const struct str mark = {"\xef\xbb\xbf", 3}; /* some editors begin UTF-8 with it */
    if (text.len > CREDENTIALS_FILE_MAX) {
        err_set(err, -EFBIG, "%s is larger than %d bytes", name, CREDENTIALS_FILE_MAX);
        return NULL;
    }
    if (str_starts(text, mark))
        text = str_n(text.ptr + mark.len, text.len - mark.len);
    auto_arena struct arena *arena = arena_new(0);
    struct reading reading = {xcalloc(1, sizeof(struct credentials)), text, name, single, arena,
                              4 * CREDENTIALS_FILE_MAX, err};
    int rc = read_text(&reading);
    if (!rc && single && credentials_count(reading.credentials) != 1)
        rc = err_set(err, -EINVAL, "%s has %zu credentials, but one is wanted", name,
                     credentials_count(reading.credentials));
    if (!rc)
        return reading.credentials;
    credentials_free(reading.credentials);
    return NULL;
}

static struct credentials *
read_file(const char *path, bool single, bool *ret_exposed, struct err *err)
{
    struct stat st;
    struct buf text = {0};
    if (ret_exposed)
        *ret_exposed = stat(path, &st) == 0 && (st.st_mode & S_IRWXO);
    if (file_read(path, CREDENTIALS_FILE_MAX, &text, err)) {
        buf_fini(&text);
        return NULL;
    }
    struct credentials *credentials = parse(buf_str(&text), path, single, err);
    explicit_bzero(buf_data(&text), text.len);
    buf_fini(&text);
    return credentials;
}

struct credentials *
credentials_parse(struct str text, const char *name, struct err *err)
{
    return parse(text, name, false, err);
}

struct credentials *
credentials_read(const char *path, bool *ret_exposed, struct err *err)
{
    return read_file(path, false, ret_exposed, err);
}

struct credentials *
credential_parse(struct str text, const char *name, struct err *err)
{
    return parse(text, name, true, err);
}

struct credentials *
credential_read(const char *path, bool *ret_exposed, struct err *err)
{
    return read_file(path, true, ret_exposed, err);
}
