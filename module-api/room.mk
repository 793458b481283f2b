# SPDX-License-Identifier: Apache-2.0
include module-api/proto/room.mk

# The contracts, installed for authors of modules.
mesosincludedir = $(includedir)/mesos
mesosinclude_HEADERS = module-api/mesos/allocator.h module-api/mesos/container_logger.h \
  module-api/mesos/containerizer.h module-api/mesos/election.h module-api/mesos/isolator.h \
  module-api/mesos/module.h module-api/mesos/registry.h module-api/mesos/resource.h module-api/mesos/resources.h
