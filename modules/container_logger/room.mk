# SPDX-License-Identifier: Apache-2.0
module_LTLIBRARIES += modules/container_logger_sandbox.la
modules_container_logger_sandbox_la_SOURCES = modules/container_logger/sandbox/sandbox.c
modules_container_logger_sandbox_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_container_logger_sandbox_la_LIBADD = core/base/libbase.a
