# SPDX-License-Identifier: Apache-2.0
module_LTLIBRARIES += modules/election_standalone.la
modules_election_standalone_la_SOURCES = modules/election/standalone/standalone.c
modules_election_standalone_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_election_standalone_la_LIBADD = core/base/libbase.a
module_LTLIBRARIES += modules/election_zookeeper.la
modules_election_zookeeper_la_SOURCES = modules/election/zookeeper/zookeeper.c modules/election/zookeeper/zookeeper.h \
  modules/election/zookeeper/contend.c modules/election/zookeeper/detect.c modules/election/zookeeper/info.c
modules_election_zookeeper_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_election_zookeeper_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_election_zookeeper_la_LIBADD = modules/common/libcommon.a core/wire/libwire.a module-api/proto/libproto.a core/base/libbase.a \
  $(ZOOKEEPER_LIBS) $(PROTOBUF_C_LIBS) $(JANSSON_LIBS) -lm
