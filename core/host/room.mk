# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/host/libhost.a
core_host_libhost_a_SOURCES = core/host/call.c core/host/host.c core/host/host.h core/host/internal.h \
  core/host/kind_allocator.h core/host/kind_authenticatee.c core/host/kind_authenticatee.h \
  core/host/kind_authenticator.c core/host/kind_authenticator.h core/host/kind_authorizer.c core/host/kind_authorizer.h core/host/kind_container_logger.c core/host/kind_container_logger.h \
  core/host/kind_containerizer.c core/host/kind_containerizer.h core/host/kind_election.c core/host/kind_election.h \
  core/host/kind_http_authenticator.c core/host/kind_http_authenticator.h core/host/kind_isolator.c core/host/kind_isolator.h core/host/kind_qos_controller.c core/host/kind_qos_controller.h \
  core/host/kind_registry.c core/host/kind_registry.h core/host/kind_resource_estimator.c core/host/kind_resource_estimator.h \
  core/host/kind_secret_resolver.c core/host/kind_secret_resolver.h core/host/kind_telemetry.c core/host/kind_telemetry.h core/host/lend.c core/host/library.c core/host/options.c core/host/kind_rate_limiter.h core/host/reload.c core/host/spawn.c core/host/verify.c
