# SPDX-License-Identifier: Apache-2.0
# What both daemons share: routes, metrics, files, /health, /version, /flags.
noinst_LIBRARIES += core/daemon/libdaemon.a
core_daemon_libdaemon_a_SOURCES = core/daemon/access.c core/daemon/access.h core/daemon/access_executor.c core/daemon/access_executor.h core/daemon/access_task.c core/daemon/access_task.h core/daemon/audit.c core/daemon/audit.h core/daemon/builtin.h core/daemon/daemon.c core/daemon/daemon.h core/daemon/cors.c core/daemon/cors.h core/daemon/cors_http.c core/daemon/firewall.c core/daemon/firewall.h core/daemon/firewall_inside.h core/daemon/firewall_tell.c core/daemon/openness.c core/daemon/openness.h core/daemon/files.c \
  core/daemon/files.h core/daemon/files_http.c core/daemon/files_inside.h core/daemon/files_work.c \
  core/daemon/files_work.h core/daemon/flags.c core/daemon/help.c core/daemon/html.c core/daemon/html.h core/daemon/logging.c core/daemon/metrics.c \
  core/daemon/metrics.h core/daemon/metrics_inside.h core/daemon/metrics_prometheus.c core/daemon/metrics_table.c \
  core/daemon/metrics_table.h core/daemon/metrics_system.c core/daemon/old_stats.c core/daemon/old_stats.h core/daemon/operator.c core/daemon/operator.h core/daemon/processes.c core/daemon/profiler.c core/daemon/reload.c core/daemon/reload.h core/daemon/routes.c core/daemon/routes.h core/daemon/telemetry.c core/daemon/telemetry.h core/daemon/version.c
# Who asks.
core_daemon_libdaemon_a_SOURCES += core/daemon/authentication.c core/daemon/authentication.h
