# SPDX-License-Identifier: Apache-2.0
# All that a module author needs, installed: contracts, schema, pkg-config file, the way to compile the schema privately.
include module-api/proto/room.mk
moduleapidir = $(includedir)/mesos
moduleapi_HEADERS = module-api/mesos/allocator.h module-api/mesos/authenticatee.h module-api/mesos/authenticator.h module-api/mesos/authorizer.h module-api/mesos/rate_limiter.h module-api/mesos/container_logger.h module-api/mesos/containerizer.h \
  module-api/mesos/election.h module-api/mesos/http_authenticator.h module-api/mesos/isolator.h module-api/mesos/module.h module-api/mesos/principal.h module-api/mesos/qos_controller.h module-api/mesos/registry.h \
  module-api/mesos/resource.h module-api/mesos/resource_estimator.h module-api/mesos/resources.h module-api/mesos/secret_resolver.h module-api/mesos/switchboard.h module-api/mesos/telemetry.h \
  module-api/mesos/usage.h
pkgconfigdir = $(libdir)/pkgconfig
nodist_pkgconfig_DATA = module-api/cmesos-module.pc
dist_pkgdata_DATA = module-api/module-proto.mk
EXTRA_DIST += module-api/CHANGES module-api/example/Makefile module-api/example/README.md module-api/example/badge.c module-api/example/gate.c \
  module-api/example/lottery.c module-api/example/plain.c
