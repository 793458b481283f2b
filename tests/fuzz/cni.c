/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations of CNI networks and what plugins answer: what is accepted is safe as a path, an input and a file. */
#include <arpa/inet.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "isolator/network_cni/config.h"
#include "isolator/network_cni/result.h"

static void
check_result(struct str text)
{
    struct cni_result result;
    struct err err = {0};
    struct in6_addr raw;
    if (cni_result_parse(text, &result, &err) < 0) {
        must(err.text[0]);
        return;
    }
    must(result.n_addresses <= CNI_ADDRESSES_MAX);
    for (size_t i = 0; i < result.n_addresses; i++)
        must(inet_pton(result.addresses[i].v6 ? AF_INET6 : AF_INET, result.addresses[i].text, &raw) == 1);
    auto_buf struct buf out = {0};
    size_t lines = 0;
    cni_dns_print(&result.dns, &out);
    for (struct str rest = buf_str(&out); rest.len; lines++)
        str_cut(&rest, '\n');
    must(lines == result.dns.n_nameservers + (result.dns.domain != NULL) + (result.dns.n_search > 0) +
                      (result.dns.n_options > 0));
    cni_result_fini(&result);
}

static void
check_config(struct str text)
{
    struct cni_config config, again;
    struct err err = {0};
    if (cni_config_parse(text, NULL, &config, &err) < 0) {
        must(err.text[0]);
        return;
    }
    auto_buf struct buf out = {0}, in = {0}, packed = {0};
    must(cni_name_ok(str_of(config.name)) && !strchr(config.name, '/'));
    for (size_t i = 0; i < json_array_size(config.plugins); i++) {
        must(!strchr(cni_config_type(&config, i), '/'));
        cni_config_input(&config, i, STR_LIT("{\"ips\":[]}"), i % 2, &in);
    }
    cni_config_info(&config, &packed);
    Mesos__V1__NetworkInfo info = MESOS__V1__NETWORK_INFO__INIT;
    info.name = config.name;
    cni_config_inject(&config, &info, &err);
    cni_config_print(&config, &out);
    must(out.len > CNI_CONFIG_BYTES_MAX || cni_config_parse(buf_str(&out), NULL, &again, &err) == 0);
    if (out.len <= CNI_CONFIG_BYTES_MAX)
        cni_config_fini(&again);
    cni_config_fini(&config);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_n(data, size);
    unsigned choice = take_choice(&text, 3);
    auto_buf struct buf quoted = {0};
    if (choice == 0)
        check_result(text);
    else if (choice == 1)
        check_config(text);
    else
        cni_quote(text, 100, &quoted);
    must(quoted.len <= 103);
    return 0;
}
