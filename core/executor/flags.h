/* SPDX-License-Identifier: Apache-2.0 */
/* The few flags of helper programs, without the weight of core/conf: they sit beside every task. */
#ifndef EXECUTOR_FLAGS_H
#define EXECUTOR_FLAGS_H

#include <stdbool.h>
#include "base/err.h"

struct flag {
    const char *name;
    const char *value; /* NULL = not given; borrowed from argv */
    bool built; /* false: known, and refused by name when given a value */
    const char *help;
};

/*
 * Reads --name=value into the table. 0; 1 when --help or --version was given (printed, the program ends well);
 * -EINVAL with an error that names the flag and, when one is near, the right name.
 */
int flags_read(const char *program, const char *purpose, struct flag *flags, size_t count, int argc, char **argv,
               struct err *err);

#endif
