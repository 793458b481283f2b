/* SPDX-License-Identifier: Apache-2.0 */
/* Offer constraints of any bytes against an agent of any bytes: the first byte says where one ends and the other begins.
 * What is refused says why; what is taken gives the same verdict twice, and its traits hold all that it looks at. */
#include "allocator/hierarchical_drf/constraints.h"
#include "fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct regex_limits limits = {4096, 100};
    struct constraints *constraints = NULL;
    struct err err = {0};
    auto_buf struct buf traits = {0}, why = {0};
    struct str rest = str_n(data, size);
    size_t split = take_choice(&rest, 256);
    split = split < rest.len ? split : rest.len;
    struct str info = str_n(rest.ptr, split), packed = str_n(rest.ptr + split, rest.len - split);
    if (constraints_new(&constraints, packed, &limits, &err)) {
        must(err.code < 0 && err.text[0] && !constraints);
        return 0;
    }
    const struct role_constraints *role = constraints_of(constraints, "r");
    constraints_traits(&traits, info);
    must(traits.len <= info.len);
    if (role && !constraints_admit(role, info)) {
        must(!constraints_admit(role, buf_str(&traits)));
        constraints_why(role, info, &why);
        must(why.len);
    } else if (role) {
        must(constraints_admit(role, buf_str(&traits)));
    }
    constraints_free(constraints);
    return 0;
}
