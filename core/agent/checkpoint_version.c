/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The number of the form in which meta/ is written: what each number means stands in checkpoint.c. A later release
 * may write what this one would misread, so its state is refused instead of guessed at, strict or not.
 */
#include "agent/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"

#define VERSION_FILE "cmesos_version"
#define VERSION      1u

int
checkpoint_version_read(const struct agent *agent, unsigned *ret_version, struct err *err)
{
    auto_buf struct buf text = {0};
    auto_free char *path = xasprintf("%s/" VERSION_FILE, agent->meta_dir);
    struct err why = {0};
    uint64_t number;
    int status = file_read(path, 64, &text, &why);
    if (status == -ENOENT) {
        *ret_version = 0;
        return 0;
    }
    if (status)
        return err_set(err, status, "%s", why.text);
    if (str_to_u64(str_trim(buf_str(&text)), &number)) {
        /* Only the number is lost, and it says nothing but that no later release was here: no later one lets it tear. */
        log_warning("%s holds no number; it is taken for 0", path);
        number = 0;
    }
    if (number > VERSION)
        return err_set(err, -EPROTO,
                       "%s says %llu: a later release wrote this state, and this one reads up to %u; start that release, "
                       "or give another --work_dir",
                       path, (unsigned long long)number, VERSION);
    *ret_version = (unsigned)number;
    return 0;
}

int
checkpoint_version_write(const struct agent *agent, unsigned version_before, struct err *err)
{
    auto_free char *path = xasprintf("%s/" VERSION_FILE, agent->meta_dir);
    char text[16];
    if (version_before == VERSION)
        return 0;
    int status = dir_make(agent->meta_dir, 0755, err);
    int len = snprintf(text, sizeof(text), "%u\n", VERSION);
    return status ? status : file_replace(path, text, (size_t)len, 0644, true, err);
}
