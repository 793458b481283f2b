/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what plugins answer. */
#include "result.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>

static bool
dns_ok(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] <= ' ' || text[i] == 127 || text[i] == '#' || text[i] == ';')
            return false;
    return len > 0 && len <= 253;
}

bool
cni_dns_add(char **list, size_t *count, const char *text)
{
    if (*count >= CNI_DNS_MAX || !dns_ok(text))
        return false;
    list[(*count)++] = xstrdup(text);
    return true;
}

bool
cni_dns_domain(struct cni_dns *dns, const char *text)
{
    if (!dns_ok(text))
        return false;
    free(dns->domain);
    dns->domain = xstrdup(text);
    return true;
}

static void
merge_list(char **list, size_t *count, char *const *more, size_t more_count)
{
    for (size_t i = 0; i < more_count; i++)
        cni_dns_add(list, count, more[i]);
}

void
cni_dns_merge(struct cni_dns *dns, const struct cni_dns *more)
{
    merge_list(dns->nameservers, &dns->n_nameservers, more->nameservers, more->n_nameservers);
    merge_list(dns->search, &dns->n_search, more->search, more->n_search);
    merge_list(dns->options, &dns->n_options, more->options, more->n_options);
    if (more->domain)
        cni_dns_domain(dns, more->domain);
}

static void
free_list(char **list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(list[i]);
}

void
cni_dns_fini(struct cni_dns *dns)
{
    free_list(dns->nameservers, dns->n_nameservers);
    free_list(dns->search, dns->n_search);
    free_list(dns->options, dns->n_options);
    free(dns->domain);
    *dns = (struct cni_dns){0};
}

static void
print_list(struct buf *out, const char *key, char *const *list, size_t count)
{
    if (count > 0)
        buf_puts(out, key);
    for (size_t i = 0; i < count; i++)
        buf_printf(out, " %s", list[i]);
    if (count > 0)
        buf_putc(out, '\n');
}

void
cni_dns_print(const struct cni_dns *dns, struct buf *out)
{
    if (dns->domain)
        buf_printf(out, "domain %s\n", dns->domain);
    print_list(out, "search", dns->search, dns->n_search);
    print_list(out, "options", dns->options, dns->n_options);
    for (size_t i = 0; i < dns->n_nameservers; i++)
        buf_printf(out, "nameserver %s\n", dns->nameservers[i]);
}

static int
take_list(const json_t *dns, const char *key, char **list, size_t *count, struct err *err)
{
    const json_t *values = json_object_get(dns, key), *value;
    size_t i;
    if (!values || json_is_null(values))
        return 0;
    if (!json_is_array(values))
        return err_set(err, -EINVAL, "dns.%s is no list", key);
    json_array_foreach(values, i, value) {
        if (!json_is_string(value) || !cni_dns_add(list, count, json_string_value(value)))
            return err_set(err, -EINVAL, "dns.%s[%zu] is not a text without blanks, or there are more than %d", key, i,
                           CNI_DNS_MAX);
    }
    return 0;
}

static int
take_dns(const json_t *root, struct cni_dns *ret, struct err *err)
{
    const json_t *dns = json_object_get(root, "dns");
    const json_t *domain = json_object_get(dns, "domain");
    if (!dns || json_is_null(dns))
        return 0;
    if (!json_is_object(dns))
        return err_set(err, -EINVAL, "dns is no object");
    if (json_string_length(domain) > 0 && !cni_dns_domain(ret, json_string_value(domain)))
        return err_set(err, -EINVAL, "dns.domain is no name of a domain");
    if (take_list(dns, "nameservers", ret->nameservers, &ret->n_nameservers, err) < 0 ||
        take_list(dns, "search", ret->search, &ret->n_search, err) < 0)
        return err->code;
    return take_list(dns, "options", ret->options, &ret->n_options, err);
}

/* "10.0.0.2/24"; the length may be missing, as with some plugins of old. */
static bool
take_address(struct cni_result *ret, const char *text)
{
    struct in6_addr raw;
    struct str rest = str_of(text), address = str_cut(&rest, '/');
    struct cni_address *found = &ret->addresses[ret->n_addresses];
    uint64_t bits = 0;
    if (address.len == 0 || address.len >= sizeof found->text || ret->n_addresses >= CNI_ADDRESSES_MAX)
        return false;
    memcpy(found->text, address.ptr, address.len);
    found->text[address.len] = '\0';
    found->v6 = strchr(found->text, ':') != NULL;
    if (inet_pton(found->v6 ? AF_INET6 : AF_INET, found->text, &raw) != 1)
        return false;
    if (rest.len > 0 && (str_to_u64(rest, &bits) < 0 || bits > (found->v6 ? 128 : 32)))
        return false;
    ret->n_addresses++;
    return true;
}

/* Before 0.3.0: ip4 and ip6. */
static int
take_old(const json_t *root, const char *key, struct cni_result *ret, struct err *err)
{
    const json_t *config = json_object_get(root, key);
    const char *text = json_string_value(json_object_get(config, "ip"));
    if (!config || json_is_null(config))
        return 0;
    if (!text || !take_address(ret, text))
        return err_set(err, -EINVAL, "%s.ip is '%.64s': an address with its prefix length is right, e.g. 10.0.0.2/24", key,
                       text ? text : "");
    return 0;
}

static int
take_addresses(const json_t *root, struct cni_result *ret, struct err *err)
{
    const json_t *ips = json_object_get(root, "ips"), *ip;
    size_t i;
    if (!ips || json_is_null(ips))
        return take_old(root, "ip4", ret, err) < 0 ? err->code : take_old(root, "ip6", ret, err);
    if (!json_is_array(ips))
        return err_set(err, -EINVAL, "ips is no list");
    json_array_foreach(ips, i, ip) {
        const char *text = json_string_value(json_object_get(ip, "address"));
        if (!text || !take_address(ret, text))
            return err_set(err, -EINVAL,
                           "ips[%zu].address is '%.64s': an address with its prefix length is right, e.g. 10.0.0.2/24; at "
                           "most %d of them", i, text ? text : "", CNI_ADDRESSES_MAX);
    }
    return 0;
}

int
cni_result_parse(struct str text, struct cni_result *ret, struct err *err)
{
    struct err own = {0};
    json_error_t where;
    err = err ? err : &own;
    *ret = (struct cni_result){0};
    text = str_trim(text);
    if (text.len == 0)
        return 0;
    if (text.len > CNI_RESULT_BYTES_MAX)
        return err_set(err, -EFBIG, "it is longer than %u bytes", CNI_RESULT_BYTES_MAX);
    json_t *root = json_loadb(text.ptr, text.len, 0, &where);
    int rc = 0;
    if (!root)
        rc = err_set(err, -EINVAL, "JSON parse failed: line %d: %s", where.line, where.text);
    else if (!json_is_object(root))
        rc = err_set(err, -EINVAL, "it is no JSON object");
    else if (take_addresses(root, ret, err) < 0 || take_dns(root, &ret->dns, err) < 0)
        rc = err->code;
    json_decref(root);
    if (rc < 0)
        cni_result_fini(ret);
    return rc;
}

void
cni_result_fini(struct cni_result *result)
{
    cni_dns_fini(&result->dns);
    *result = (struct cni_result){0};
}

/* Length of the UTF-8 character at the beginning, 0: none is there. */
static size_t
character(struct str text)
{
    unsigned char first = (unsigned char)text.ptr[0];
    size_t len = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3
               : first >= 0xf0 && first < 0xf5 ? 4 : 0;
    if (len == 0 || len > text.len || (len == 1 && first < ' ' && first != '\n' && first != '\t') || first == 127)
        return 0;
    for (size_t i = 1; i < len; i++)
        if (((unsigned char)text.ptr[i] & 0xc0) != 0x80)
            return 0;
    unsigned char second = len > 1 ? (unsigned char)text.ptr[1] : 0;
    bool wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                 (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
    return wrong ? 0 : len;
}

void
cni_quote(struct str text, size_t max, struct buf *out)
{
    size_t begin = out->len;
    text = str_trim(text);
    while (text.len > 0) {
        size_t len = character(text);
        if (out->len - begin + (len ? len : 1) > max) {
            buf_puts(out, "...");
            return;
        }
        if (len)
            buf_append(out, text.ptr, len);
        else
            buf_putc(out, '?');
        text = str_n(text.ptr + (len ? len : 1), text.len - (len ? len : 1));
    }
}
