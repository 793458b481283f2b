# SPDX-License-Identifier: Apache-2.0
module_LTLIBRARIES += modules/resource_estimator_noop.la modules/resource_estimator_fixed.la
modules_resource_estimator_noop_la_SOURCES = modules/resource_estimator/noop/noop.c
modules_resource_estimator_noop_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_resource_estimator_fixed_la_SOURCES = modules/resource_estimator/fixed/fixed.c
modules_resource_estimator_fixed_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_resource_estimator_fixed_la_LIBADD = $(MODEL_LIBS) module-api/proto/libproto.a core/base/libbase.a $(PROTOBUF_C_LIBS) -lm
