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
