# SPDX-License-Identifier: Apache-2.0
# The helpers that run beside a task. They link only what they use, so that a waiting executor stays small.
noinst_LIBRARIES += core/executor/libexecutor.a
core_executor_libexecutor_a_SOURCES = \
  core/executor/agent_call.c core/executor/agent_call.h \
  core/executor/agent_link.c core/executor/agent_link.h \
  core/executor/check.c core/executor/check.h \
  core/executor/command_executor.c core/executor/command_executor.h \
  core/executor/default_executor.c core/executor/default_executor.h \
  core/executor/flags.c core/executor/flags.h \
  core/executor/network_of.c core/executor/network_of.h \
  core/executor/pod.h core/executor/pod_launch.c core/executor/pod_task.c \
  core/executor/probe.c core/executor/probe.h \
  core/executor/probe_command.c core/executor/probe_http.c core/executor/probe_tcp.c \
  core/executor/probe_nested.c core/executor/probe_nested.h \
  core/executor/surroundings.c core/executor/surroundings.h \
  core/executor/task_checks.c core/executor/task_checks.h \
  core/executor/task_process.c core/executor/task_process.h \
  core/executor/task_updates.c core/executor/task_updates.h
EXECUTOR_LIBS = core/executor/libexecutor.a core/wire/libwire.a module-api/proto/libproto.a $(LOOP_LIBS) \
  $(PROTOBUF_C_LIBS) -lm

pkglibexec_PROGRAMS += core/executor/mesos-executor
core_executor_mesos_executor_SOURCES = core/executor/mesos_executor.c
core_executor_mesos_executor_LDADD = $(EXECUTOR_LIBS)

pkglibexec_PROGRAMS += core/executor/mesos-default-executor
core_executor_mesos_default_executor_SOURCES = core/executor/mesos_default_executor.c
core_executor_mesos_default_executor_LDADD = $(EXECUTOR_LIBS)

pkglibexec_PROGRAMS += core/executor/mesos-docker-executor
core_executor_mesos_docker_executor_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
core_executor_mesos_docker_executor_SOURCES = core/executor/docker_command.c core/executor/docker_command.h \
  core/executor/docker_checks.c core/executor/docker_end.c core/executor/docker_executor.c core/executor/docker_executor.h \
  core/executor/docker_follow.c core/executor/docker_start.c core/executor/docker_task.h core/executor/mesos_docker_executor.c
core_executor_mesos_docker_executor_LDADD = core/model/libmodel.a $(EXECUTOR_LIBS) $(JANSSON_LIBS)

pkglibexec_PROGRAMS += core/executor/mesos-http-check
core_executor_mesos_http_check_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS)
core_executor_mesos_http_check_SOURCES = core/executor/mesos_http_check.c
core_executor_mesos_http_check_LDADD = $(CURL_LIBS)

pkglibexec_PROGRAMS += core/executor/mesos-fetcher
core_executor_mesos_fetcher_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS) $(LIBARCHIVE_CFLAGS)
core_executor_mesos_fetcher_SOURCES = \
  core/executor/extract.c core/executor/extract.h core/executor/fetch.c core/executor/fetch.h \
  core/executor/transfer.c core/executor/transfer.h \
  core/executor/flags.c core/executor/flags.h \
  core/executor/mesos_fetcher.c
core_executor_mesos_fetcher_LDADD = core/wire/libwire.a module-api/proto/libproto.a core/base/libbase.a \
  $(PROTOBUF_C_LIBS) $(CURL_LIBS) $(LIBARCHIVE_LIBS) -lpthread -lm
