# SPDX-License-Identifier: Apache-2.0
# Isolators of namespaces and of rights that programs gain.
NAMESPACES_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
NAMESPACES_LIBS = modules/common/libcommon.a module-api/proto/libproto.a core/base/libbase.a $(PROTOBUF_C_LIBS)
module_LTLIBRARIES += modules/isolator_namespaces_pid.la
modules_isolator_namespaces_pid_la_SOURCES = modules/isolator/namespaces_pid/namespaces_pid.c
modules_isolator_namespaces_pid_la_CPPFLAGS = $(NAMESPACES_CPPFLAGS)
modules_isolator_namespaces_pid_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_namespaces_pid_la_LIBADD = $(NAMESPACES_LIBS)
module_LTLIBRARIES += modules/isolator_namespaces_ipc.la
modules_isolator_namespaces_ipc_la_SOURCES = modules/isolator/namespaces_ipc/namespaces_ipc.c
modules_isolator_namespaces_ipc_la_CPPFLAGS = $(NAMESPACES_CPPFLAGS)
modules_isolator_namespaces_ipc_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_namespaces_ipc_la_LIBADD = $(NAMESPACES_LIBS)
module_LTLIBRARIES += modules/isolator_linux_nnp.la
modules_isolator_linux_nnp_la_SOURCES = modules/isolator/linux_nnp/linux_nnp.c
modules_isolator_linux_nnp_la_CPPFLAGS = $(NAMESPACES_CPPFLAGS)
modules_isolator_linux_nnp_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_isolator_linux_nnp_la_LIBADD = $(NAMESPACES_LIBS)
