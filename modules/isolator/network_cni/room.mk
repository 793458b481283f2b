# SPDX-License-Identifier: Apache-2.0
module_LTLIBRARIES += modules/isolator_network_cni.la
NETWORK_CNI_PARSERS = modules/isolator/network_cni/config.c modules/isolator/network_cni/config.h \
  modules/isolator/network_cni/networks.c modules/isolator/network_cni/result.c modules/isolator/network_cni/result.h
modules_isolator_network_cni_la_SOURCES = modules/isolator/network_cni/attach.c modules/isolator/network_cni/cni.h \
  modules/isolator/network_cni/configure.c modules/isolator/network_cni/figures.c modules/isolator/network_cni/files.c \
  modules/isolator/network_cni/network_cni.c modules/isolator/network_cni/prepare.c modules/isolator/network_cni/run.c \
  modules/isolator/network_cni/run.h modules/isolator/network_cni/state.c $(NETWORK_CNI_PARSERS)
modules_isolator_network_cni_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_isolator_network_cni_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_network_cni_la_LIBADD = core/wire/libwire.a module-api/proto/libproto.a core/base/libbase.a \
  $(PROTOBUF_C_LIBS) $(JANSSON_LIBS) -lm
