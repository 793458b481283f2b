# SPDX-License-Identifier: Apache-2.0
module_LTLIBRARIES += modules/telemetry_dcos.la
modules_telemetry_dcos_la_SOURCES = modules/telemetry/dcos/answer.c modules/telemetry/dcos/answer.h \
  modules/telemetry/dcos/dcos.c modules/telemetry/dcos/node.c modules/telemetry/dcos/statsd.c modules/telemetry/dcos/statsd.h
modules_telemetry_dcos_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_telemetry_dcos_la_LIBADD = module-api/proto/libproto.a core/base/libbase.a $(PROTOBUF_C_LIBS) -lm
