/* SPDX-License-Identifier: Apache-2.0 */
/* The helper of isolator network/cni: what a container sees of its network. Called by the helper's main only. */
#ifndef NATIVE_LAUNCH_NETWORK_H
#define NATIVE_LAUNCH_NETWORK_H

/* `mesos-containerizer network-cni-setup`; argv without these two words. */
int network_setup_run(int argc, char **argv);

#endif
