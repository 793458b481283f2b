/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the layers. What each reads is in its own file. */
#include "conf/set.h"

#include <errno.h>
#include <stdio.h>

static int
read_layers(struct option_set *set, const struct conf_arguments *arguments, char **environ_, struct err *err)
{
    int status = 0;

    if (set->owner.ini_name) {
        status = conf_read_ini(set, err);
        if (status == 0)
            status = conf_read_files(set, err);
        if (status == 0)
            status = conf_read_etc_default(set, environ_, err);
    }
    if (status == 0)
        status = conf_read_environment(set, environ_, err);
    if (status == 0)
        status = conf_read_arguments(set, arguments, err);
    if (status == 0)
        status = conf_store_all(set, err);
    if (status == 0)
        status = conf_tolerate(set, conf_read_modules(set, err), err);
    return status;
}

/* --check-config: everything was read and every error told; says what came out of it. */
static int
answer_check(const struct option_set *set, int *ret_exit)
{
    auto_buf struct buf out = {0};

    conf_report(set, &out);
    fwrite(buf_data(&out), 1, out.len, stdout);
    fflush(stdout);
    *ret_exit = set->errors ? 1 : 0;
    return 1;
}

int
conf_load(struct option_set **ret, const struct conf_owner *owner, int argc, char **argv, char **environ_,
          int *ret_exit, struct err *err)
{
    struct option_set *set = conf_set_new(owner);
    struct conf_arguments arguments = conf_split_arguments(set, argc, argv);
    struct err ignored;
    int status;

    set->etc_dir = MESOS_SYSCONFDIR;
    if (!err)
        err = &ignored;
    status = conf_answer_arguments(set, &arguments, err);
    if (status == 1) {
        *ret_exit = 0;
    } else if (status == 0) {
        status = read_layers(set, &arguments, environ_, err);
        if (status == 0 && set->checking && owner->ini_name)
            status = answer_check(set, ret_exit);
    }
    if (status < 0) {
        conf_free(set);
        return status;
    }
    *ret = set;
    return status;
}

bool
conf_checking(const struct option_set *set)
{
    return set->checking;
}
