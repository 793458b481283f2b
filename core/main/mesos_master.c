/* SPDX-License-Identifier: Apache-2.0 */
/* mesos-master: options, modules, one struct master, its loop, the exit code. */
#include <stdio.h>

#include "base/log.h"
#include "main/process.h"
#include "master/master.h"
#include "master/options.h"
#include "wire/limits.h"

enum { OWN_DESCRIPTORS = 1024 }; /* beside connections: logs, database, pipes */

static size_t
wanted_modules(void *target, struct wanted_module *out, size_t max)
{
    const struct master_options *options = target;

    out[0] = (struct wanted_module){MESOS_KIND_ALLOCATOR, options->allocator};
    out[1] = (struct wanted_module){MESOS_KIND_REGISTRY, options->registry};
    out[2] = (struct wanted_module){MESOS_KIND_ELECTION, options->common.election};
    if (!options->common.telemetry)
        return 3;
    out[3] = (struct wanted_module){MESOS_KIND_TELEMETRY, options->common.telemetry};
    return 4;
}

static void
on_fatal(void *arg, const char *reason)
{
    process_end(arg, 1, reason);
}

static int
start_modules(struct process *process, struct master_setup *setup, struct err *err)
{
    const struct master_options *options = setup->options;

    setup->allocator = process_start(process, MESOS_KIND_ALLOCATOR, options->allocator, err);
    if (setup->allocator)
        setup->registry = process_start(process, MESOS_KIND_REGISTRY, options->registry, err);
    if (setup->registry)
        setup->election = process_start(process, MESOS_KIND_ELECTION, options->common.election, err);
    if (setup->election && options->common.telemetry) {
        setup->telemetry = process_start(process, MESOS_KIND_TELEMETRY, options->common.telemetry, err);
        return setup->telemetry ? 0 : -1;
    }
    return setup->election ? 0 : -1;
}

static int
run(struct process *process, const struct master_options *options, struct err *err)
{
    struct master_setup setup = {.options = options, .fatal = on_fatal, .arg = process};
    struct master *master;
    int status = process_open(process, NULL, LIMIT_CONNECTIONS + OWN_DESCRIPTORS, err);

    if (status < 0 || start_modules(process, &setup, err) < 0)
        return -1;
    setup.loop = process->loop;
    setup.set = process->set;
    setup.host = process->host;
    setup.listen = process->listen;
    setup.advertise = process->advertise;
    setup.hostname = process->hostname;
    master = master_new(&setup, err);
    if (!master)
        return -1;
    status = master_start(master, err);
    if (status == 0) {
        process->metrics = master_metrics(master);
        process_run(process);
        process->metrics = NULL;
    }
    master_free(master);
    return status;
}

int
main(int argc, char **argv)
{
    struct master_options options = {0};
    struct process process = {
        .owner = master_conf_owner(&options), .common = &options.common, .wanted = wanted_modules};
    struct err err = {0};
    int exit_status = process_configure(&process, argc, argv);

    if (exit_status >= 0) {
        process.exit_status = exit_status;
        return process_close(&process);
    }
    if (run(&process, &options, &err) < 0) {
        log_error("cannot start: %s", err.text);
        if (options.common.quiet)
            fprintf(stderr, "mesos-master: %s\n", err.text);
        process.exit_status = 1;
    }
    return process_close(&process);
}
