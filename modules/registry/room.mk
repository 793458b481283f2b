# SPDX-License-Identifier: Apache-2.0
module_LTLIBRARIES += modules/registry_memory.la modules/registry_local.la
modules_registry_memory_la_SOURCES = modules/registry/memory/memory.c
modules_registry_memory_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_registry_memory_la_LIBADD = core/base/libbase.a
modules_registry_local_la_SOURCES = modules/registry/local/local.c modules/registry/local/database.c \
  modules/registry/local/database.h \
  modules/registry/local/inside.h modules/registry/local/rows.c
modules_registry_local_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_registry_local_la_LIBADD = core/base/libbase.a $(SQLITE_LIBS) $(ZLIB_LIBS)
module_LTLIBRARIES += modules/registry_zookeeper.la
modules_registry_zookeeper_la_SOURCES = modules/registry/zookeeper/zookeeper.c modules/registry/zookeeper/zookeeper.h \
  modules/registry/zookeeper/content.c modules/registry/zookeeper/content.h modules/registry/zookeeper/format.c \
  modules/registry/zookeeper/format.h modules/registry/zookeeper/reading.c modules/registry/zookeeper/writing.c
modules_registry_zookeeper_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_registry_zookeeper_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_registry_zookeeper_la_LIBADD = modules/common/libcommon.a core/base/libbase.a $(ZOOKEEPER_LIBS) $(ZLIB_LIBS) -lm
