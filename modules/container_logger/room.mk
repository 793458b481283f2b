# SPDX-License-Identifier: Apache-2.0
module_LTLIBRARIES += modules/container_logger_sandbox.la
modules_container_logger_sandbox_la_SOURCES = modules/container_logger/sandbox/sandbox.c
modules_container_logger_sandbox_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_container_logger_sandbox_la_LIBADD = core/base/libbase.a

module_LTLIBRARIES += modules/container_logger_logrotate.la
modules_container_logger_logrotate_la_SOURCES = modules/container_logger/logrotate/logrotate.c
modules_container_logger_logrotate_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_container_logger_logrotate_la_LIBADD = module-api/proto/libproto.a core/base/libbase.a $(PROTOBUF_C_LIBS)
pkglibexec_PROGRAMS += modules/container_logger/mesos-logrotate-logger
modules_container_logger_mesos_logrotate_logger_SOURCES = modules/container_logger/logrotate/logger.c
