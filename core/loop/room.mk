# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/loop/libloop.a
core_loop_libloop_a_CPPFLAGS = $(AM_CPPFLAGS) $(LIBEVENT_CFLAGS)
core_loop_libloop_a_SOURCES = \
  core/loop/address.c core/loop/address.h \
  core/loop/child.c \
  core/loop/loop.c core/loop/loop.h core/loop/loop_internal.h \
  core/loop/offload.c \
  core/loop/secure.c core/loop/secure_environment.c core/loop/secure.h core/loop/secure_internal.h \
  core/loop/stream.c core/loop/stream.h core/loop/stream_internal.h \
  core/loop/stream_bulk.c \
  core/loop/stream_close.c \
  core/loop/stream_net.c \
  core/loop/stream_open.c \
  core/loop/stream_queue.c \
  core/loop/stream_read.c \
  core/loop/stream_secure.c \
  core/loop/stream_socket.c \
  core/loop/timer.c
# TLS: loaded by secure.c when it is asked for. It knows nothing of streams.
tls_LTLIBRARIES += core/loop/mesos-tls.la
core_loop_mesos_tls_la_CPPFLAGS = $(AM_CPPFLAGS) $(LIBSSL_CFLAGS)
core_loop_mesos_tls_la_SOURCES = core/loop/tls/context.c core/loop/tls/names.c core/loop/tls/session.c core/loop/tls/tls.h
core_loop_mesos_tls_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -export-symbols-regex '^mesos_tls_engine$$'
core_loop_mesos_tls_la_LIBADD = core/base/libbase.a $(LIBSSL_LIBS) $(LIBCRYPTO_LIBS)
# What a program that links libloop.a also links.
LOOP_LIBS = core/loop/libloop.a core/base/libbase.a $(LIBEVENT_LIBS) -lpthread
