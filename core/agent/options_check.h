/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of values that options.c names in its table (struct option, check). Nobody else includes it. */
#ifndef AGENT_OPTIONS_CHECK_H
#define AGENT_OPTIONS_CHECK_H

#include "daemon/options.h"

int agent_check_master(const char *value, void *target, struct option_set *set, struct err *err);
int agent_check_absolute(const char *value, void *target, struct option_set *set, struct err *err);
int agent_check_cgroups_root(const char *value, void *target, struct option_set *set, struct err *err);
int agent_check_handle(const char *value, void *target, struct option_set *set, struct err *err);
int agent_check_handles(const char *value, void *target, struct option_set *set, struct err *err);
int agent_check_isolation(const char *value, void *target, struct option_set *set, struct err *err);
int agent_check_capabilities(const char *value, void *target, struct option_set *set, struct err *err);
int agent_check_container_info(const char *value, void *target, struct option_set *set, struct err *err);
int agent_check_gid_range(const char *value, void *target, struct option_set *set, struct err *err);
int agent_check_containerizers(const char *value, void *target, struct option_set *set, struct err *err);
int agent_check_frameworks_home(const char *value, void *target, struct option_set *set, struct err *err);
int agent_check_container_logger(const char *value, void *target, struct option_set *set, struct err *err);
int agent_check_launcher(const char *value, void *target, struct option_set *set, struct err *err);
int agent_check_reconfiguration(const char *value, void *target, struct option_set *set, struct err *err);
int agent_check_environment(const char *value, void *target, struct option_set *set, struct err *err);
int agent_check_socket(const char *value, void *target, struct option_set *set, struct err *err);
int agent_check_docker_socket(const char *value, void *target, struct option_set *set, struct err *err);
int agent_check_detector(const char *value, void *target, struct option_set *set, struct err *err);
int agent_check_image_providers(const char *value, void *target, struct option_set *set, struct err *err);
int agent_check_backend(const char *value, void *target, struct option_set *set, struct err *err);
int agent_check_port_ranges(const char *value, void *target, struct option_set *set, struct err *err);
int agent_check_container_dns(const char *value, void *target, struct option_set *set, struct err *err);

#endif
