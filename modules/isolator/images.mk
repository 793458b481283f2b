# SPDX-License-Identifier: Apache-2.0
# Isolators of containers with images.
IMAGE_RUNTIME_SOURCES = modules/isolator/image/runtime.c modules/isolator/image/runtime.h
module_LTLIBRARIES += modules/isolator_docker_runtime.la
modules_isolator_docker_runtime_la_SOURCES = modules/isolator/docker_runtime/docker_runtime.c $(IMAGE_RUNTIME_SOURCES)
modules_isolator_docker_runtime_la_CPPFLAGS = $(FILESYSTEM_CPPFLAGS)
modules_isolator_docker_runtime_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_docker_runtime_la_LIBADD = $(FILESYSTEM_LIBS)
module_LTLIBRARIES += modules/isolator_appc_runtime.la
modules_isolator_appc_runtime_la_SOURCES = modules/isolator/appc_runtime/appc_runtime.c $(IMAGE_RUNTIME_SOURCES)
modules_isolator_appc_runtime_la_CPPFLAGS = $(FILESYSTEM_CPPFLAGS)
modules_isolator_appc_runtime_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_appc_runtime_la_LIBADD = $(FILESYSTEM_LIBS)
module_LTLIBRARIES += modules/isolator_volume_image.la
modules_isolator_volume_image_la_SOURCES = modules/isolator/volume_image/volume_image.c
modules_isolator_volume_image_la_CPPFLAGS = $(FILESYSTEM_CPPFLAGS)
modules_isolator_volume_image_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_volume_image_la_LIBADD = $(FILESYSTEM_LIBS)
