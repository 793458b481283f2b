# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/conf/libconf.a
core_conf_libconf_a_SOURCES = core/conf/argv.c core/conf/environment.c core/conf/etc_default.c core/conf/files.c \
  core/conf/help.c core/conf/ini.c core/conf/load.c core/conf/modules.c core/conf/option.h core/conf/set.c \
  core/conf/set.h core/conf/value.c
core_conf_libconf_a_CFLAGS = $(AM_CFLAGS) $(INIH_CFLAGS) $(JANSSON_CFLAGS)
CONF_LIBS = $(INIH_LIBS) $(JANSSON_LIBS)
