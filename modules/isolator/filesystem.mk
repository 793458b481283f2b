# SPDX-License-Identifier: Apache-2.0
# Isolators of the file system, of secrets, and of what a process may do.
FILESYSTEM_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
FILESYSTEM_LIBS = modules/common/libcommon.a module-api/proto/libproto.a core/base/libbase.a $(PROTOBUF_C_LIBS)
module_LTLIBRARIES += modules/isolator_volume_sandbox_path.la
modules_isolator_volume_sandbox_path_la_SOURCES = modules/isolator/volume_sandbox_path/volume_sandbox_path.c
modules_isolator_volume_sandbox_path_la_CPPFLAGS = $(FILESYSTEM_CPPFLAGS)
modules_isolator_volume_sandbox_path_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_volume_sandbox_path_la_LIBADD = $(FILESYSTEM_LIBS)
module_LTLIBRARIES += modules/isolator_volume_host_path.la
modules_isolator_volume_host_path_la_SOURCES = modules/isolator/volume_host_path/volume_host_path.c
modules_isolator_volume_host_path_la_CPPFLAGS = $(FILESYSTEM_CPPFLAGS)
modules_isolator_volume_host_path_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_volume_host_path_la_LIBADD = $(FILESYSTEM_LIBS)
module_LTLIBRARIES += modules/isolator_volume_secret.la
modules_isolator_volume_secret_la_SOURCES = modules/isolator/volume_secret/volume_secret.c
modules_isolator_volume_secret_la_CPPFLAGS = $(FILESYSTEM_CPPFLAGS)
modules_isolator_volume_secret_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_volume_secret_la_LIBADD = $(FILESYSTEM_LIBS)
module_LTLIBRARIES += modules/isolator_filesystem_posix.la
modules_isolator_filesystem_posix_la_SOURCES = modules/isolator/filesystem_posix/filesystem_posix.c
modules_isolator_filesystem_posix_la_CPPFLAGS = $(FILESYSTEM_CPPFLAGS)
modules_isolator_filesystem_posix_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_filesystem_posix_la_LIBADD = $(FILESYSTEM_LIBS)
module_LTLIBRARIES += modules/isolator_filesystem_shared.la
modules_isolator_filesystem_shared_la_SOURCES = modules/isolator/filesystem_shared/filesystem_shared.c
modules_isolator_filesystem_shared_la_CPPFLAGS = $(FILESYSTEM_CPPFLAGS)
modules_isolator_filesystem_shared_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_filesystem_shared_la_LIBADD = $(FILESYSTEM_LIBS)
module_LTLIBRARIES += modules/isolator_filesystem_linux.la
modules_isolator_filesystem_linux_la_SOURCES = modules/isolator/filesystem_linux/filesystem_linux.c modules/isolator/filesystem_linux/filesystem_linux.h \
  modules/isolator/filesystem_linux/ground.c modules/isolator/filesystem_linux/rootfs.c \
  modules/isolator/filesystem_linux/volumes.c
modules_isolator_filesystem_linux_la_CPPFLAGS = $(FILESYSTEM_CPPFLAGS)
modules_isolator_filesystem_linux_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_filesystem_linux_la_LIBADD = $(FILESYSTEM_LIBS)
module_LTLIBRARIES += modules/isolator_posix_rlimits.la
modules_isolator_posix_rlimits_la_SOURCES = modules/isolator/posix_rlimits/posix_rlimits.c
modules_isolator_posix_rlimits_la_CPPFLAGS = $(FILESYSTEM_CPPFLAGS)
modules_isolator_posix_rlimits_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_posix_rlimits_la_LIBADD = $(FILESYSTEM_LIBS)
module_LTLIBRARIES += modules/isolator_environment_secret.la
modules_isolator_environment_secret_la_SOURCES = modules/isolator/environment_secret/environment_secret.c
modules_isolator_environment_secret_la_CPPFLAGS = $(FILESYSTEM_CPPFLAGS)
modules_isolator_environment_secret_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_environment_secret_la_LIBADD = $(FILESYSTEM_LIBS)
