# SPDX-License-Identifier: Apache-2.0
module_LTLIBRARIES += modules/secret_resolver_value.la modules/secret_resolver_file.la
SECRET_RESOLVER_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
SECRET_RESOLVER_LIBS = modules/common/libcommon.a module-api/proto/libproto.a core/base/libbase.a $(PROTOBUF_C_LIBS)
modules_secret_resolver_value_la_SOURCES = modules/secret_resolver/value/value.c
modules_secret_resolver_value_la_CPPFLAGS = $(SECRET_RESOLVER_CPPFLAGS)
modules_secret_resolver_value_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_secret_resolver_value_la_LIBADD = $(SECRET_RESOLVER_LIBS)
modules_secret_resolver_file_la_SOURCES = modules/secret_resolver/file/file.c
modules_secret_resolver_file_la_CPPFLAGS = $(SECRET_RESOLVER_CPPFLAGS)
modules_secret_resolver_file_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_secret_resolver_file_la_LIBADD = $(SECRET_RESOLVER_LIBS)
