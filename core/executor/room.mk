# SPDX-License-Identifier: Apache-2.0
# The helpers that run beside a task. They link only what they use, so that a waiting executor stays small.
pkglibexec_PROGRAMS += core/executor/mesos-executor
core_executor_mesos_executor_SOURCES = \
  core/executor/agent_link.c core/executor/agent_link.h \
  core/executor/command_executor.c core/executor/command_executor.h \
  core/executor/flags.c core/executor/flags.h \
  core/executor/mesos_executor.c \
  core/executor/task_process.c core/executor/task_process.h
core_executor_mesos_executor_LDADD = core/wire/libwire.a module-api/proto/libproto.a $(LOOP_LIBS) $(PROTOBUF_C_LIBS) -lm

pkglibexec_PROGRAMS += core/executor/mesos-fetcher
core_executor_mesos_fetcher_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS)
core_executor_mesos_fetcher_SOURCES = \
  core/executor/fetch.c core/executor/fetch.h \
  core/executor/flags.c core/executor/flags.h \
  core/executor/mesos_fetcher.c
core_executor_mesos_fetcher_LDADD = core/wire/libwire.a module-api/proto/libproto.a core/base/libbase.a \
  $(PROTOBUF_C_LIBS) $(CURL_LIBS) -lpthread -lm
