/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of names of Docker images, strictly: parts of a name become parts of paths and URLs. */
#include "containerizer/image/reference.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "containerizer/image/digest.h"

enum { NAME_MAX_BYTES = 255, TAG_MAX_BYTES = 128, REFERENCE_MAX_BYTES = 1024 };

static bool
is_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool
is_alnum(char c)
{
    return is_lower(c) || (c >= 'A' && c <= 'Z');
}

/* One part of a path: lower-case words with one of '.', '_', '__' or any number of '-' between them. */
static bool
is_component(struct str part)
{
    size_t i = 0;
    if (part.len == 0)
        return false;
    while (i < part.len) {
        size_t begin = i;
        while (i < part.len && is_lower(part.ptr[i]))
            i++;
        if (i == begin || i == part.len)
            return i > begin;
        size_t mark = i;
        while (i < part.len && !is_lower(part.ptr[i]))
            i++;
        struct str between = str_n(part.ptr + mark, i - mark);
        bool dashes = true;
        for (size_t k = 0; k < between.len; k++)
            dashes = dashes && between.ptr[k] == '-';
        if (!dashes && !str_is(between, ".") && !str_is(between, "_") && !str_is(between, "__"))
            return false;
    }
    return false; /* it ends with a mark */
}

static bool
is_repository(struct str path)
{
    if (path.len == 0 || path.len > NAME_MAX_BYTES || path.ptr[path.len - 1] == '/')
        return false;
    while (path.len > 0)
        if (!is_component(str_cut(&path, '/')))
            return false;
    return true;
}

static bool
is_label(struct str label)
{
    if (label.len == 0 || !is_alnum(label.ptr[0]) || !is_alnum(label.ptr[label.len - 1]))
        return false;
    for (size_t i = 0; i < label.len; i++)
        if (!is_alnum(label.ptr[i]) && label.ptr[i] != '-' && label.ptr[i] != '_')
            return false;
    return true;
}

static bool
is_port(struct str text)
{
    uint64_t port;
    return text.len > 0 && text.len <= 5 && str_to_u64(text, &port) == 0 && port > 0 && port < 65536;
}

static bool
is_ipv6(struct str text)
{
    if (text.len < 2 || text.len > 45)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!strchr("0123456789abcdefABCDEF:.", text.ptr[i]))
            return false;
    return true;
}

static bool
is_registry(struct str text)
{
    if (text.len > NAME_MAX_BYTES)
        return false;
    if (text.len > 0 && text.ptr[0] == '[') {
        ptrdiff_t end = str_find(text, ']');
        if (end < 0 || !is_ipv6(str_n(text.ptr + 1, (size_t)end - 1)))
            return false;
        struct str rest = str_n(text.ptr + end + 1, text.len - (size_t)end - 1);
        return rest.len == 0 || (rest.ptr[0] == ':' && is_port(str_n(rest.ptr + 1, rest.len - 1)));
    }
    struct str host = str_cut(&text, ':');
    if (text.ptr && text.len == 0 && host.len > 0 && host.ptr[host.len] == ':')
        return false; /* "host:" */
    if (text.len > 0 && !is_port(text))
        return false;
    if (host.len == 0 || host.ptr[host.len - 1] == '.')
        return false;
    while (host.len > 0)
        if (!is_label(str_cut(&host, '.')))
            return false;
    return true;
}

static bool
is_tag(struct str tag)
{
    if (tag.len == 0 || tag.len > TAG_MAX_BYTES || tag.ptr[0] == '.' || tag.ptr[0] == '-')
        return false;
    for (size_t i = 0; i < tag.len; i++)
        if (!is_alnum(tag.ptr[i]) && !strchr("._-", tag.ptr[i]))
            return false;
    return true;
}

/* The first part is a host when it looks like one: nothing else has a dot, a port or capitals, or is called localhost. */
static bool
looks_like_host(struct str first)
{
    if (str_is(first, "localhost") || memchr(first.ptr, '.', first.len) || memchr(first.ptr, ':', first.len))
        return true;
    for (size_t i = 0; i < first.len; i++)
        if (first.ptr[i] >= 'A' && first.ptr[i] <= 'Z')
            return true;
    return false;
}

static int
refuse(struct str name, const char *why, struct err *err)
{
    return err_set(err, -EINVAL, "'%.*s' is no name of a Docker image: %s; write [registry[:port]/]repository[:tag|@digest]",
                   (int)(name.len > 300 ? 300 : name.len), name.ptr ? name.ptr : "", why);
}

int
reference_parse(struct str name, struct reference *ret, struct err *err)
{
    struct str rest = name, registry = {0}, tag = {0}, digest = {0};
    if (name.len == 0 || name.len > REFERENCE_MAX_BYTES || memchr(name.ptr, '\0', name.len))
        return refuse(name, name.len == 0 ? "it is empty" : "it is too long", err);
    ptrdiff_t at = str_find(rest, '@');
    if (at >= 0) {
        digest = str_n(rest.ptr + at + 1, rest.len - (size_t)at - 1);
        rest.len = (size_t)at;
        if (!digest_is_valid(digest))
            return refuse(name, "its digest is not of the form sha256:<64 hexadecimal digits>", err);
    }
    ptrdiff_t slash = str_find(rest, '/');
    if (slash >= 0 && looks_like_host(str_n(rest.ptr, (size_t)slash))) {
        registry = str_cut(&rest, '/');
        if (!is_registry(registry))
            return refuse(name, "its registry is no host[:port]", err);
    }
    ptrdiff_t colon = str_find(rest, ':');
    if (colon >= 0) {
        tag = str_n(rest.ptr + colon + 1, rest.len - (size_t)colon - 1);
        rest.len = (size_t)colon;
        if (!is_tag(tag))
            return refuse(name, "its tag has other bytes than letters, digits, '.', '_' and '-', or more than 128", err);
    }
    if (!is_repository(rest))
        return refuse(name, "its repository is not made of lower-case words", err);
    *ret = (struct reference){
        .registry = registry.len > 0 ? str_dup(registry) : NULL,
        .repository = str_dup(rest),
        .tag = tag.len > 0 ? str_dup(tag) : digest.len > 0 ? NULL : xstrdup("latest"),
        .digest = digest.len > 0 ? str_dup(digest) : NULL,
    };
    return 0;
}

void
reference_fini(struct reference *reference)
{
    free(reference->registry);
    free(reference->repository);
    free(reference->tag);
    free(reference->digest);
    *reference = (struct reference){0};
}

char *
reference_text(const struct reference *r)
{
    return xasprintf("%s%s%s%s%s%s%s", r->registry ? r->registry : "", r->registry ? "/" : "", r->repository,
                     r->tag ? ":" : "", r->tag ? r->tag : "", r->digest ? "@" : "", r->digest ? r->digest : "");
}
