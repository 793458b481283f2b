# SPDX-License-Identifier: Apache-2.0
module_LTLIBRARIES += modules/isolator_posix_cpu.la modules/isolator_posix_mem.la
ISOLATOR_POSIX_SOURCES = modules/isolator/posix/usage.c modules/isolator/posix/usage.h
ISOLATOR_POSIX_LIBS = modules/common/libcommon.a core/base/libbase.a
modules_isolator_posix_cpu_la_SOURCES = modules/isolator/posix_cpu/posix_cpu.c $(ISOLATOR_POSIX_SOURCES)
modules_isolator_posix_cpu_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_isolator_posix_cpu_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_posix_cpu_la_LIBADD = $(ISOLATOR_POSIX_LIBS)
modules_isolator_posix_mem_la_SOURCES = modules/isolator/posix_mem/posix_mem.c $(ISOLATOR_POSIX_SOURCES)
modules_isolator_posix_mem_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_isolator_posix_mem_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_posix_mem_la_LIBADD = $(ISOLATOR_POSIX_LIBS)
include modules/isolator/filesystem.mk
include modules/isolator/images.mk
module_LTLIBRARIES += modules/isolator_disk_du.la
modules_isolator_disk_du_la_SOURCES = modules/isolator/disk_du/disk_du.c modules/isolator/disk_du/disk_du.h \
  modules/isolator/disk_du/measure.c modules/isolator/disk_du/places.c
modules_isolator_disk_du_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_isolator_disk_du_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_disk_du_la_LIBADD = core/model/libmodel.a module-api/proto/libproto.a core/base/libbase.a $(PROTOBUF_C_LIBS) -lm
include modules/isolator/network_cni/room.mk
include modules/isolator/network_ports/room.mk
include modules/isolator/cgroups/room.mk
include modules/isolator/namespaces.mk
include modules/isolator/network_port_mapping/room.mk
