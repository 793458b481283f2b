/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is spoken on the stream socket that a containerizer's attach gives: frames in both directions, numbers in the
 * host's order, since both ends are on one machine. Who attaches sends MESOS_IO_ATTACH first and is then told
 * MESOS_IO_ATTACHED or MESOS_IO_REFUSED. Closing the socket detaches.
 */
#ifndef MESOS_SWITCHBOARD_H
#define MESOS_SWITCHBOARD_H

#include <stdint.h>

#define MESOS_IO_MAX 65536 /* bytes behind a header */

struct mesos_io_frame {
    uint32_t kind; /* enum mesos_io_kind */
    uint32_t len; /* of what follows */
};

enum mesos_io_kind {
    /* To the container's side. */
    MESOS_IO_ATTACH = 1, /* one byte: enum mesos_io_role */
    MESOS_IO_STDIN, /* bytes for its standard input; none = its end */
    MESOS_IO_WINDOW, /* struct mesos_io_window, of a terminal */
    /* From it. */
    MESOS_IO_ATTACHED,
    MESOS_IO_REFUSED, /* text */
    MESOS_IO_STDOUT,
    MESOS_IO_STDERR,
    MESOS_IO_END, /* both outputs have ended: nothing follows */
};

enum mesos_io_role {
    MESOS_IO_INPUT = 1, /* one at a time */
    MESOS_IO_OUTPUT, /* many; who is too slow is detached */
    MESOS_IO_SESSION, /* an output that the container waits for, when it is slow and before its first byte */
};

struct mesos_io_window {
    uint16_t rows, columns;
};

#endif
