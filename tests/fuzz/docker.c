/* SPDX-License-Identifier: Apache-2.0 */
/* What docker prints: inspect's JSON and versions; and names of images as frameworks write them. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "base/mem.h"
#include "model/docker_run.h"
#include "model/docker_state.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct docker_state state;
    struct str bytes = str_n(data, size);
    auto_free char *text = xstrndup((const char *)data, size);
    if (docker_state_read(bytes, &state, NULL) == 0)
        must(state.pid >= 0 && state.exit_code >= 0 && state.exit_code <= 255);
    docker_version(bytes);
    if (docker_image_check(text, NULL) == 0)
        must(*text != '-' && !strpbrk(text, " \t\n'\"$;&|<>"));
    return 0;
}
