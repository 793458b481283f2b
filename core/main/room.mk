# SPDX-License-Identifier: Apache-2.0
# The option tables of both daemons and what their programs share; libmain stands first on link lines.
noinst_LIBRARIES += core/main/libmain.a
core_main_libmain_a_SOURCES = core/agent/options.c core/agent/options.h core/daemon/options.c core/daemon/options.h \
  core/master/options.c core/master/options.h
