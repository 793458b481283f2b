# SPDX-License-Identifier: Apache-2.0
# The helper is static where the C library allows: starting it is a good part of what starting a container costs.
pkglibexec_PROGRAMS += modules/containerizer/mesos-containerizer
modules_containerizer_mesos_containerizer_SOURCES = modules/containerizer/native/launch/launch.c \
  modules/containerizer/native/launch/description.h modules/containerizer/native/launch/helper.c \
  modules/containerizer/native/launch/helper.h modules/containerizer/native/launch/identity.c \
  modules/containerizer/native/launch/init.c modules/containerizer/native/launch/root.c \
  modules/containerizer/native/launch/network.c modules/containerizer/native/launch/network.h \
  modules/containerizer/native/launch/switchboard.c \
  modules/containerizer/native/launch/switchboard.h
modules_containerizer_mesos_containerizer_LDFLAGS = $(AM_LDFLAGS) $(STATIC_HELPER_LDFLAGS)

module_LTLIBRARIES += modules/containerizer_native.la
modules_containerizer_native_la_SOURCES = modules/containerizer/native/asked.c modules/containerizer/native/description.c \
  modules/containerizer/native/end.c modules/containerizer/native/fetch.c \
  modules/containerizer/native/launch.c modules/containerizer/native/linux.c \
  modules/containerizer/native/start.c modules/containerizer/native/native.c modules/containerizer/native/native.h \
  modules/containerizer/native/image_run.c modules/containerizer/native/nested.c modules/containerizer/native/provision.c \
  modules/containerizer/native/provision.h modules/containerizer/native/provision_inside.h \
  modules/containerizer/native/provisioner.c \
  modules/containerizer/native/foreign.c modules/containerizer/native/recover.c \
  modules/containerizer/native/seccomp.c modules/containerizer/native/steps.c modules/containerizer/native/switchboard.c \
  modules/containerizer/native/user.c modules/containerizer/native/views.c
modules_containerizer_native_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_containerizer_native_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_containerizer_native_la_LIBADD = modules/common/libcommon.a core/wire/libwire.a core/model/libmesos-module.a module-api/proto/libproto.a \
  core/base/libbase.a $(PROTOBUF_C_LIBS) $(SECCOMP_LIBS) -lm

# Everything that has to do with the bytes of images runs in a program of its own.
noinst_LIBRARIES += modules/containerizer/libimage.a
modules_containerizer_libimage_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules $(CURL_CFLAGS) $(LIBARCHIVE_CFLAGS) \
  $(JANSSON_CFLAGS) $(LIBCRYPTO_CFLAGS)
IMAGE = modules/containerizer/image
modules_containerizer_libimage_a_SOURCES = $(IMAGE)/appc.c $(IMAGE)/appc_name.c $(IMAGE)/appc_name.h $(IMAGE)/copy.c \
  $(IMAGE)/credentials.c $(IMAGE)/credentials.h $(IMAGE)/digest.c $(IMAGE)/digest.h $(IMAGE)/docker.c $(IMAGE)/layer.c \
  $(IMAGE)/layer.h $(IMAGE)/layer_inside.h $(IMAGE)/layer_member.c $(IMAGE)/manifest.c $(IMAGE)/manifest.h $(IMAGE)/pull.h $(IMAGE)/reference.c $(IMAGE)/reference.h \
  $(IMAGE)/registry.c $(IMAGE)/registry.h $(IMAGE)/rootfs.c $(IMAGE)/rootfs.h $(IMAGE)/store.c $(IMAGE)/store.h
IMAGE_LIBS = modules/containerizer/libimage.a core/wire/libwire.a module-api/proto/libproto.a core/base/libbase.a \
  $(PROTOBUF_C_LIBS) $(CURL_LIBS) $(LIBARCHIVE_LIBS) $(JANSSON_LIBS) $(LIBCRYPTO_LIBS) -lpthread -lm
pkglibexec_PROGRAMS += modules/containerizer/mesos-image
modules_containerizer_mesos_image_CPPFLAGS = $(modules_containerizer_libimage_a_CPPFLAGS)
modules_containerizer_mesos_image_SOURCES = $(IMAGE)/mesos_image.c
modules_containerizer_mesos_image_LDADD = $(IMAGE_LIBS)

module_LTLIBRARIES += modules/containerizer_docker.la
modules_containerizer_docker_la_SOURCES = modules/containerizer/docker/cli.c modules/containerizer/docker/docker.c \
  modules/containerizer/docker/docker.h modules/containerizer/docker/end.c \
  modules/containerizer/docker/executor_container.c modules/containerizer/docker/executor_process.c \
  modules/containerizer/docker/figures.c modules/containerizer/docker/image.c modules/containerizer/docker/launch.c \
  modules/containerizer/docker/launch.h modules/containerizer/docker/recover.c modules/containerizer/docker/secrets.c \
  modules/containerizer/docker/session.c modules/containerizer/docker/settings.c modules/containerizer/docker/state.c
modules_containerizer_docker_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules $(JANSSON_CFLAGS)
modules_containerizer_docker_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_containerizer_docker_la_LIBADD = core/model/libmodel.a modules/common/libcommon.a core/wire/libwire.a \
  module-api/proto/libproto.a core/base/libbase.a $(PROTOBUF_C_LIBS) $(JANSSON_LIBS) -lm
module_LTLIBRARIES += modules/containerizer_external.la
modules_containerizer_external_la_SOURCES = modules/containerizer/external/container.c \
  modules/containerizer/external/container.h modules/containerizer/external/end.c \
  modules/containerizer/external/external.c modules/containerizer/external/external.h \
  modules/containerizer/external/messages.c modules/containerizer/external/program.c \
  modules/containerizer/external/recover.c
modules_containerizer_external_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_containerizer_external_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_containerizer_external_la_LIBADD = modules/common/libcommon.a core/wire/libwire.a $(MODEL_LIBS) module-api/proto/libproto.a \
  core/base/libbase.a $(PROTOBUF_C_LIBS) -lm
