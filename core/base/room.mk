# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/base/libbase.a
core_base_libbase_a_SOURCES = \
  core/base/arena.c core/base/arena.h \
  core/base/buf.c core/base/buf.h \
  core/base/crash.c core/base/crash.h \
  core/base/err.c core/base/err.h \
  core/base/fault.c core/base/fault.h \
  core/base/file.c core/base/file.h \
  core/base/list.h \
  core/base/log.c core/base/log.h core/base/log_file.c core/base/log_file.h \
  core/base/map.c core/base/map.h \
  core/base/mem.c core/base/mem.h \
  core/base/page.c core/base/page.h \
  core/base/str.c core/base/str.h \
  core/base/hex.h core/base/units.c core/base/units.h \
  core/base/zk_url.c core/base/zk_url.h
