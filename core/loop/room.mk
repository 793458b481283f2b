# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += core/loop/libloop.a
core_loop_libloop_a_CPPFLAGS = $(AM_CPPFLAGS) $(LIBEVENT_CFLAGS)
core_loop_libloop_a_SOURCES = \
  core/loop/address.c core/loop/address.h \
  core/loop/child.c \
  core/loop/loop.c core/loop/loop.h core/loop/loop_internal.h \
  core/loop/offload.c \
  core/loop/stream.c core/loop/stream.h core/loop/stream_internal.h \
  core/loop/stream_bulk.c \
  core/loop/stream_net.c \
  core/loop/stream_queue.c \
  core/loop/stream_socket.c \
  core/loop/timer.c
# What a program that links libloop.a also links.
LOOP_LIBS = core/loop/libloop.a core/base/libbase.a $(LIBEVENT_LIBS) -lpthread
