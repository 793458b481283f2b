/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mesos-master --export-registry and --import-registry: the configured registry out to a document and in from one, by a
 * master that does nothing else. Used by core/main.
 */
#ifndef MASTER_REGISTRY_TRANSFER_H
#define MASTER_REGISTRY_TRANSFER_H

#include "base/buf.h"

struct loop;
struct module;
struct master_options;

struct registry_transfer {
    struct loop *loop;
    struct module *registry; /* started */
    const struct master_options *options; /* its time-outs */
    const char *export_to;   /* a file, "-" = standard output; or */
    const char *import_from; /* a file, "-" = standard input */
    bool overwrite;          /* import: replaces what is there */
};

/* Runs the loop until it is done. result: lines for people, each with its newline, also beside an error. */
int registry_transfer(const struct registry_transfer *transfer, struct buf *result, struct err *err);

#endif
