# SPDX-License-Identifier: Apache-2.0
# The wire schema. protoc-c makes one source and one header of each file, in the build tree only; libproto.a keeps one
# object per file, so that a program pulls in only the files that it uses. The .proto files are installed for modules.
PROTO_DIR = module-api/proto
PROTO_GENERATED_C = \
  module-api/proto/appc/spec.pb-c.c \
  module-api/proto/docker/spec.pb-c.c \
  module-api/proto/docker/v1.pb-c.c \
  module-api/proto/docker/v2.pb-c.c \
  module-api/proto/docker/v2_2.pb-c.c \
  module-api/proto/google/protobuf/duration.pb-c.c \
  module-api/proto/google/protobuf/timestamp.pb-c.c \
  module-api/proto/google/protobuf/wrappers.pb-c.c \
  module-api/proto/mesos/acls.pb-c.c \
  module-api/proto/mesos/authorization.pb-c.c \
  module-api/proto/mesos/fetcher.pb-c.c \
  module-api/proto/mesos/mesos.pb-c.c \
  module-api/proto/mesos/module.pb-c.c \
  module-api/proto/mesos/seccomp.pb-c.c \
  module-api/proto/mesos/uri.pb-c.c \
  module-api/proto/mesos/containerizer/containerizer.pb-c.c \
  module-api/proto/mesos/csi/state.pb-c.c \
  module-api/proto/mesos/internal/authentication.pb-c.c \
  module-api/proto/mesos/internal/flags.pb-c.c \
  module-api/proto/mesos/internal/image.pb-c.c \
  module-api/proto/mesos/internal/log.pb-c.c \
  module-api/proto/mesos/internal/messages.pb-c.c \
  module-api/proto/mesos/internal/registry.pb-c.c \
  module-api/proto/mesos/internal/state.pb-c.c \
  module-api/proto/mesos/internal/slave/cni.pb-c.c \
  module-api/proto/mesos/internal/slave/csi_state.pb-c.c \
  module-api/proto/mesos/internal/slave/docker.pb-c.c \
  module-api/proto/mesos/internal/slave/state.pb-c.c \
  module-api/proto/mesos/quota/quota.pb-c.c \
  module-api/proto/mesos/resource_provider/disk_profile.pb-c.c \
  module-api/proto/mesos/resource_provider/registry.pb-c.c \
  module-api/proto/mesos/resource_provider/state.pb-c.c \
  module-api/proto/mesos/scheduler/scheduler.pb-c.c \
  module-api/proto/mesos/slave/containerizer.pb-c.c \
  module-api/proto/mesos/slave/oversubscription.pb-c.c \
  module-api/proto/mesos/v1/mesos.pb-c.c \
  module-api/proto/mesos/v1/agent/agent.pb-c.c \
  module-api/proto/mesos/v1/allocator/allocator.pb-c.c \
  module-api/proto/mesos/v1/executor/executor.pb-c.c \
  module-api/proto/mesos/v1/maintenance/maintenance.pb-c.c \
  module-api/proto/mesos/v1/master/master.pb-c.c \
  module-api/proto/mesos/v1/quota/quota.pb-c.c \
  module-api/proto/mesos/v1/resource_provider/resource_provider.pb-c.c \
  module-api/proto/mesos/v1/scheduler/scheduler.pb-c.c \
  module-api/proto/oci/spec.pb-c.c
PROTO_GENERATED_H = \
  module-api/proto/appc/spec.pb-c.h \
  module-api/proto/docker/spec.pb-c.h \
  module-api/proto/docker/v1.pb-c.h \
  module-api/proto/docker/v2.pb-c.h \
  module-api/proto/docker/v2_2.pb-c.h \
  module-api/proto/google/protobuf/duration.pb-c.h \
  module-api/proto/google/protobuf/timestamp.pb-c.h \
  module-api/proto/google/protobuf/wrappers.pb-c.h \
  module-api/proto/mesos/acls.pb-c.h \
  module-api/proto/mesos/authorization.pb-c.h \
  module-api/proto/mesos/fetcher.pb-c.h \
  module-api/proto/mesos/mesos.pb-c.h \
  module-api/proto/mesos/module.pb-c.h \
  module-api/proto/mesos/seccomp.pb-c.h \
  module-api/proto/mesos/uri.pb-c.h \
  module-api/proto/mesos/containerizer/containerizer.pb-c.h \
  module-api/proto/mesos/csi/state.pb-c.h \
  module-api/proto/mesos/internal/authentication.pb-c.h \
  module-api/proto/mesos/internal/flags.pb-c.h \
  module-api/proto/mesos/internal/image.pb-c.h \
  module-api/proto/mesos/internal/log.pb-c.h \
  module-api/proto/mesos/internal/messages.pb-c.h \
  module-api/proto/mesos/internal/registry.pb-c.h \
  module-api/proto/mesos/internal/state.pb-c.h \
  module-api/proto/mesos/internal/slave/cni.pb-c.h \
  module-api/proto/mesos/internal/slave/csi_state.pb-c.h \
  module-api/proto/mesos/internal/slave/docker.pb-c.h \
  module-api/proto/mesos/internal/slave/state.pb-c.h \
  module-api/proto/mesos/quota/quota.pb-c.h \
  module-api/proto/mesos/resource_provider/disk_profile.pb-c.h \
  module-api/proto/mesos/resource_provider/registry.pb-c.h \
  module-api/proto/mesos/resource_provider/state.pb-c.h \
  module-api/proto/mesos/scheduler/scheduler.pb-c.h \
  module-api/proto/mesos/slave/containerizer.pb-c.h \
  module-api/proto/mesos/slave/oversubscription.pb-c.h \
  module-api/proto/mesos/v1/mesos.pb-c.h \
  module-api/proto/mesos/v1/agent/agent.pb-c.h \
  module-api/proto/mesos/v1/allocator/allocator.pb-c.h \
  module-api/proto/mesos/v1/executor/executor.pb-c.h \
  module-api/proto/mesos/v1/maintenance/maintenance.pb-c.h \
  module-api/proto/mesos/v1/master/master.pb-c.h \
  module-api/proto/mesos/v1/quota/quota.pb-c.h \
  module-api/proto/mesos/v1/resource_provider/resource_provider.pb-c.h \
  module-api/proto/mesos/v1/scheduler/scheduler.pb-c.h \
  module-api/proto/oci/spec.pb-c.h

%.pb-c.c %.pb-c.h: %.proto
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	  $(PROTOC_C) -I$(srcdir)/$(PROTO_DIR) --c_out=$(PROTO_DIR) $(patsubst $(PROTO_DIR)/%,%,$*).proto

noinst_LIBRARIES += module-api/proto/libproto.a
nodist_module_api_proto_libproto_a_SOURCES = $(PROTO_GENERATED_C) $(PROTO_GENERATED_H)
module_api_proto_libproto_a_SOURCES =
# Generated code answers for its own warnings.
module_api_proto_libproto_a_CFLAGS = $(AM_CFLAGS) -w
BUILT_SOURCES += $(PROTO_GENERATED_H)
CLEANFILES += $(PROTO_GENERATED_C) $(PROTO_GENERATED_H)

protodir = $(pkgdatadir)/proto
proto_appcdir = $(protodir)/appc
dist_proto_appc_DATA = \
  module-api/proto/appc/spec.proto
proto_dockerdir = $(protodir)/docker
dist_proto_docker_DATA = \
  module-api/proto/docker/spec.proto \
  module-api/proto/docker/v1.proto \
  module-api/proto/docker/v2.proto \
  module-api/proto/docker/v2_2.proto
proto_google_protobufdir = $(protodir)/google/protobuf
dist_proto_google_protobuf_DATA = \
  module-api/proto/google/protobuf/duration.proto \
  module-api/proto/google/protobuf/timestamp.proto \
  module-api/proto/google/protobuf/wrappers.proto
proto_mesosdir = $(protodir)/mesos
dist_proto_mesos_DATA = \
  module-api/proto/mesos/acls.proto \
  module-api/proto/mesos/authorization.proto \
  module-api/proto/mesos/fetcher.proto \
  module-api/proto/mesos/mesos.proto \
  module-api/proto/mesos/module.proto \
  module-api/proto/mesos/seccomp.proto \
  module-api/proto/mesos/uri.proto
proto_mesos_containerizerdir = $(protodir)/mesos/containerizer
dist_proto_mesos_containerizer_DATA = \
  module-api/proto/mesos/containerizer/containerizer.proto
proto_mesos_csidir = $(protodir)/mesos/csi
dist_proto_mesos_csi_DATA = \
  module-api/proto/mesos/csi/state.proto
proto_mesos_internaldir = $(protodir)/mesos/internal
dist_proto_mesos_internal_DATA = \
  module-api/proto/mesos/internal/authentication.proto \
  module-api/proto/mesos/internal/flags.proto \
  module-api/proto/mesos/internal/image.proto \
  module-api/proto/mesos/internal/log.proto \
  module-api/proto/mesos/internal/messages.proto \
  module-api/proto/mesos/internal/registry.proto \
  module-api/proto/mesos/internal/state.proto
proto_mesos_internal_slavedir = $(protodir)/mesos/internal/slave
dist_proto_mesos_internal_slave_DATA = \
  module-api/proto/mesos/internal/slave/cni.proto \
  module-api/proto/mesos/internal/slave/csi_state.proto \
  module-api/proto/mesos/internal/slave/docker.proto \
  module-api/proto/mesos/internal/slave/state.proto
proto_mesos_quotadir = $(protodir)/mesos/quota
dist_proto_mesos_quota_DATA = \
  module-api/proto/mesos/quota/quota.proto
proto_mesos_resource_providerdir = $(protodir)/mesos/resource_provider
dist_proto_mesos_resource_provider_DATA = \
  module-api/proto/mesos/resource_provider/disk_profile.proto \
  module-api/proto/mesos/resource_provider/registry.proto \
  module-api/proto/mesos/resource_provider/state.proto
proto_mesos_schedulerdir = $(protodir)/mesos/scheduler
dist_proto_mesos_scheduler_DATA = \
  module-api/proto/mesos/scheduler/scheduler.proto
proto_mesos_slavedir = $(protodir)/mesos/slave
dist_proto_mesos_slave_DATA = \
  module-api/proto/mesos/slave/containerizer.proto \
  module-api/proto/mesos/slave/oversubscription.proto
proto_mesos_v1dir = $(protodir)/mesos/v1
dist_proto_mesos_v1_DATA = \
  module-api/proto/mesos/v1/mesos.proto
proto_mesos_v1_agentdir = $(protodir)/mesos/v1/agent
dist_proto_mesos_v1_agent_DATA = \
  module-api/proto/mesos/v1/agent/agent.proto
proto_mesos_v1_allocatordir = $(protodir)/mesos/v1/allocator
dist_proto_mesos_v1_allocator_DATA = \
  module-api/proto/mesos/v1/allocator/allocator.proto
proto_mesos_v1_executordir = $(protodir)/mesos/v1/executor
dist_proto_mesos_v1_executor_DATA = \
  module-api/proto/mesos/v1/executor/executor.proto
proto_mesos_v1_maintenancedir = $(protodir)/mesos/v1/maintenance
dist_proto_mesos_v1_maintenance_DATA = \
  module-api/proto/mesos/v1/maintenance/maintenance.proto
proto_mesos_v1_masterdir = $(protodir)/mesos/v1/master
dist_proto_mesos_v1_master_DATA = \
  module-api/proto/mesos/v1/master/master.proto
proto_mesos_v1_quotadir = $(protodir)/mesos/v1/quota
dist_proto_mesos_v1_quota_DATA = \
  module-api/proto/mesos/v1/quota/quota.proto
proto_mesos_v1_resource_providerdir = $(protodir)/mesos/v1/resource_provider
dist_proto_mesos_v1_resource_provider_DATA = \
  module-api/proto/mesos/v1/resource_provider/resource_provider.proto
proto_mesos_v1_schedulerdir = $(protodir)/mesos/v1/scheduler
dist_proto_mesos_v1_scheduler_DATA = \
  module-api/proto/mesos/v1/scheduler/scheduler.proto
proto_ocidir = $(protodir)/oci
dist_proto_oci_DATA = \
  module-api/proto/oci/spec.proto
