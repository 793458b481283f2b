/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mesos-containerizer switchboard`: the descriptors that native/switchboard.c gives it. Descriptors that are not
 * wanted are /dev/null.
 */
#ifndef NATIVE_LAUNCH_SWITCHBOARD_H
#define NATIVE_LAUNCH_SWITCHBOARD_H

enum {
    SWITCHBOARD_LISTEN_FD = 3,
    SWITCHBOARD_IN_FD, /* to the container: its stdin, or the terminal's other end for both directions */
    SWITCHBOARD_OUT_FD, /* from it; not with --tty */
    SWITCHBOARD_ERR_FD,
    SWITCHBOARD_LOG_OUT_FD, /* the container logger's */
    SWITCHBOARD_LOG_ERR_FD,
    SWITCHBOARD_PROGRAM_FD,
    SWITCHBOARD_FDS,
};

#define SWITCHBOARD_TTY "--tty"
#define SWITCHBOARD_WAIT "--wait" /* nothing is read before the first output is attached */

int switchboard_run(int argc, char **argv);

#endif
