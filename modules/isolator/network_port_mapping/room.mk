# SPDX-License-Identifier: Apache-2.0
# Needs libnl; without it neither the module nor its helper is built, and an agent that asks for it says so.
PORT_MAPPING = modules/isolator/network_port_mapping
PORT_MAPPING_NETWORK = $(PORT_MAPPING)/filter.c $(PORT_MAPPING)/host_net.c $(PORT_MAPPING)/inside.h $(PORT_MAPPING)/layout.c \
  $(PORT_MAPPING)/layout.h $(PORT_MAPPING)/netlink.c $(PORT_MAPPING)/netlink.h $(PORT_MAPPING)/netlink_inside.h \
  $(PORT_MAPPING)/ports.c $(PORT_MAPPING)/ports.h $(PORT_MAPPING)/queue.c $(PORT_MAPPING)/statistics.c \
  $(PORT_MAPPING)/statistics.h $(PORT_MAPPING)/sysctl.c
PORT_MAPPING_MODULE = $(PORT_MAPPING)/handle.c $(PORT_MAPPING)/job.c $(PORT_MAPPING)/metrics.c \
  $(PORT_MAPPING)/port_mapping.c $(PORT_MAPPING)/port_mapping.h $(PORT_MAPPING)/rates.c $(PORT_MAPPING)/rates.h \
  $(PORT_MAPPING)/recover.c $(PORT_MAPPING)/sampling.c $(PORT_MAPPING)/settings.c $(PORT_MAPPING)/settings.h \
  $(PORT_MAPPING)/side.c
PORT_MAPPING_HELPER = $(PORT_MAPPING)/helper.c $(PORT_MAPPING)/inside.c $(PORT_MAPPING)/inside_statistics.c
EXTRA_DIST += $(PORT_MAPPING_NETWORK) $(PORT_MAPPING_MODULE) $(PORT_MAPPING_HELPER) tests/unit/modules/test_port_mapping.c
if HAVE_LIBNL
module_LTLIBRARIES += modules/isolator_network_port_mapping.la
modules_isolator_network_port_mapping_la_SOURCES = $(PORT_MAPPING_MODULE) $(PORT_MAPPING_NETWORK)
modules_isolator_network_port_mapping_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules $(LIBNL_CFLAGS)
modules_isolator_network_port_mapping_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_network_port_mapping_la_LIBADD = modules/common/libcommon.a core/model/libmodel.a \
  module-api/proto/libproto.a core/base/libbase.a $(PROTOBUF_C_LIBS) $(JANSSON_LIBS) $(LIBNL_LIBS) -lm
pkglibexec_PROGRAMS += modules/isolator/mesos-network-helper
modules_isolator_mesos_network_helper_SOURCES = $(PORT_MAPPING_HELPER) $(PORT_MAPPING_NETWORK)
modules_isolator_mesos_network_helper_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules $(LIBNL_CFLAGS)
modules_isolator_mesos_network_helper_LDADD = module-api/proto/libproto.a core/base/libbase.a $(PROTOBUF_C_LIBS) \
  $(LIBNL_LIBS)
endif
