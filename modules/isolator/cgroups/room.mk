# SPDX-License-Identifier: Apache-2.0
# cgroups: what they share is one library; each module is its name and its subsystems.
noinst_LIBRARIES += modules/isolator/libcgroups.a
modules_isolator_libcgroups_a_SOURCES = modules/isolator/cgroups/blkio.c modules/isolator/cgroups/blkio.h \
  modules/isolator/cgroups/cpu.c modules/isolator/cgroups/cpu.h modules/isolator/cgroups/devices.c modules/isolator/cgroups/devices.h \
  modules/isolator/cgroups/devices_bpf.c modules/isolator/cgroups/figures.h modules/isolator/cgroups/group.c \
  modules/isolator/cgroups/group.h modules/isolator/cgroups/memory.c modules/isolator/cgroups/memory.h \
  modules/isolator/cgroups/memory_oom.c modules/isolator/cgroups/module.h modules/isolator/cgroups/net_cls.c \
  modules/isolator/cgroups/net_cls.h modules/isolator/cgroups/perf_event.c modules/isolator/cgroups/perf_event.h \
  modules/isolator/cgroups/perf_parse.c modules/isolator/cgroups/plain.c modules/isolator/cgroups/recover.c modules/isolator/cgroups/rootfs.c \
  modules/isolator/cgroups/wish.c modules/isolator/cgroups/work.c modules/isolator/cgroups/work.h
modules_isolator_libcgroups_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
CGROUPS_LIBS = modules/isolator/libcgroups.a modules/common/libcommon.a core/wire/libwire.a module-api/proto/libproto.a \
  core/base/libbase.a $(PROTOBUF_C_LIBS) -lm
module_LTLIBRARIES += modules/isolator_cgroups_cpu.la
modules_isolator_cgroups_cpu_la_SOURCES = modules/isolator/cgroups_cpu/cgroups_cpu.c
modules_isolator_cgroups_cpu_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_isolator_cgroups_cpu_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_cgroups_cpu_la_LIBADD = $(CGROUPS_LIBS)
module_LTLIBRARIES += modules/isolator_cgroups_mem.la
modules_isolator_cgroups_mem_la_SOURCES = modules/isolator/cgroups_mem/cgroups_mem.c
modules_isolator_cgroups_mem_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_isolator_cgroups_mem_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_cgroups_mem_la_LIBADD = $(CGROUPS_LIBS)
module_LTLIBRARIES += modules/isolator_cgroups_blkio.la
modules_isolator_cgroups_blkio_la_SOURCES = modules/isolator/cgroups_blkio/cgroups_blkio.c
modules_isolator_cgroups_blkio_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_isolator_cgroups_blkio_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_cgroups_blkio_la_LIBADD = $(CGROUPS_LIBS)
module_LTLIBRARIES += modules/isolator_cgroups_cpuset.la
modules_isolator_cgroups_cpuset_la_SOURCES = modules/isolator/cgroups_cpuset/cgroups_cpuset.c
modules_isolator_cgroups_cpuset_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_isolator_cgroups_cpuset_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_cgroups_cpuset_la_LIBADD = $(CGROUPS_LIBS)
module_LTLIBRARIES += modules/isolator_cgroups_devices.la
modules_isolator_cgroups_devices_la_SOURCES = modules/isolator/cgroups_devices/cgroups_devices.c
modules_isolator_cgroups_devices_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_isolator_cgroups_devices_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_cgroups_devices_la_LIBADD = $(CGROUPS_LIBS)
module_LTLIBRARIES += modules/isolator_cgroups_hugetlb.la
modules_isolator_cgroups_hugetlb_la_SOURCES = modules/isolator/cgroups_hugetlb/cgroups_hugetlb.c
modules_isolator_cgroups_hugetlb_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_isolator_cgroups_hugetlb_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_cgroups_hugetlb_la_LIBADD = $(CGROUPS_LIBS)
module_LTLIBRARIES += modules/isolator_cgroups_net_cls.la
modules_isolator_cgroups_net_cls_la_SOURCES = modules/isolator/cgroups_net_cls/cgroups_net_cls.c
modules_isolator_cgroups_net_cls_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_isolator_cgroups_net_cls_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_cgroups_net_cls_la_LIBADD = $(CGROUPS_LIBS)
module_LTLIBRARIES += modules/isolator_cgroups_net_prio.la
modules_isolator_cgroups_net_prio_la_SOURCES = modules/isolator/cgroups_net_prio/cgroups_net_prio.c
modules_isolator_cgroups_net_prio_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_isolator_cgroups_net_prio_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_cgroups_net_prio_la_LIBADD = $(CGROUPS_LIBS)
module_LTLIBRARIES += modules/isolator_cgroups_perf_event.la
modules_isolator_cgroups_perf_event_la_SOURCES = modules/isolator/cgroups_perf_event/cgroups_perf_event.c
modules_isolator_cgroups_perf_event_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_isolator_cgroups_perf_event_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_cgroups_perf_event_la_LIBADD = $(CGROUPS_LIBS)
module_LTLIBRARIES += modules/isolator_cgroups_pids.la
modules_isolator_cgroups_pids_la_SOURCES = modules/isolator/cgroups_pids/cgroups_pids.c
modules_isolator_cgroups_pids_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_isolator_cgroups_pids_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_cgroups_pids_la_LIBADD = $(CGROUPS_LIBS)
module_LTLIBRARIES += modules/isolator_cgroups_all.la
modules_isolator_cgroups_all_la_SOURCES = modules/isolator/cgroups_all/cgroups_all.c
modules_isolator_cgroups_all_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_isolator_cgroups_all_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_cgroups_all_la_LIBADD = $(CGROUPS_LIBS)
