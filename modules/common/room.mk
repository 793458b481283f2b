# SPDX-License-Identifier: Apache-2.0
# What several of our own modules share; linked into each.
noinst_LIBRARIES += modules/common/libcommon.a
modules_common_libcommon_a_SOURCES = modules/common/cgroup.c modules/common/cgroup.h \
  modules/common/cgroup_inside.h modules/common/cgroup_tree.c modules/common/cgroup_walk.c modules/common/packed.c modules/common/packed.h \
  modules/common/processes.c modules/common/processes.h
# For HTTP authenticators.
modules_common_libcommon_a_SOURCES += modules/common/authorization.c modules/common/authorization.h
modules_common_libcommon_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
# For isolators of the file system.
modules_common_libcommon_a_SOURCES += modules/common/launch_info.c modules/common/launch_info.h \
  modules/common/mounts.c modules/common/mounts.h modules/common/persistent.c modules/common/persistent.h \
  modules/common/safe_path.c modules/common/safe_path.h modules/common/secret.c modules/common/secret.h \
  modules/common/volume.c modules/common/volume.h modules/common/volume_gid.c modules/common/volume_gid.h \
  modules/common/volume_job.c modules/common/volume_job.h
# For whoever checks or proves who somebody is.
modules_common_libcommon_a_SOURCES += modules/common/credentials.c modules/common/credentials.h
# Cyrus SASL: only modules that use it are linked with $(SASL_LIBS).
modules_common_libcommon_a_SOURCES += modules/common/sasl.c modules/common/sasl.h modules/common/sasl_inside.h \
  modules/common/sasl_authenticatee.c modules/common/sasl_authenticatee.h modules/common/sasl_authenticator.c \
  modules/common/sasl_authenticator.h modules/common/sasl_client.c modules/common/sasl_server.c \
  modules/common/scram_keys.c modules/common/scram_keys.h
modules_common_libcommon_a_CPPFLAGS += -DSASL_PLUGINDIR='"$(SASL_PLUGINDIR)"' $(SASL_CFLAGS) $(LIBCRYPTO_CFLAGS)
SASL_MODULE_LIBS = modules/common/libcommon.a core/wire/libwire.a core/base/libbase.a $(SASL_LIBS) $(LIBCRYPTO_LIBS) -lm
# The client of ZooKeeper: only modules that use it are linked with $(ZOOKEEPER_LIBS).
modules_common_libcommon_a_SOURCES += modules/common/zookeeper.c modules/common/zookeeper.h \
  modules/common/zookeeper_inside.h modules/common/zookeeper_keeper.c modules/common/zookeeper_path.c \
  modules/common/zookeeper_requests.c
