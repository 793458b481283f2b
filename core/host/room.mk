# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += core/host/host.h core/host/kind_allocator.h core/host/kind_registry.h core/host/kind_election.h \
  core/host/kind_isolator.h core/host/kind_container_logger.h core/host/kind_containerizer.h
