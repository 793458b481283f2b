# SPDX-License-Identifier: Apache-2.0
module_LTLIBRARIES += modules/isolator_network_ports.la
modules_isolator_network_ports_la_SOURCES = modules/isolator/network_ports/check.c \
  modules/isolator/network_ports/configure.c modules/isolator/network_ports/listeners.c \
  modules/isolator/network_ports/listeners.h modules/isolator/network_ports/network_ports.c \
  modules/isolator/network_ports/network_ports.h modules/isolator/network_ports/scan.c
modules_isolator_network_ports_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_isolator_network_ports_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_network_ports_la_LIBADD = modules/common/libcommon.a core/model/libmodel.a core/wire/libwire.a \
  module-api/proto/libproto.a core/base/libbase.a $(PROTOBUF_C_LIBS) $(JANSSON_LIBS) -lm
