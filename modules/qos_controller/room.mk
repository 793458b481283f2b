# SPDX-License-Identifier: Apache-2.0
module_LTLIBRARIES += modules/qos_controller_noop.la modules/qos_controller_load.la
modules_qos_controller_noop_la_SOURCES = modules/qos_controller/noop/noop.c
modules_qos_controller_noop_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_qos_controller_load_la_SOURCES = modules/qos_controller/load/load.c
modules_qos_controller_load_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_qos_controller_load_la_LIBADD = module-api/proto/libproto.a core/base/libbase.a $(PROTOBUF_C_LIBS) -lm
