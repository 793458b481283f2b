# SPDX-License-Identifier: Apache-2.0
if HAVE_CMOCKA
EXECUTOR_TESTS = tests/unit/executor/test_command_executor tests/unit/executor/test_task_process \
  tests/unit/executor/test_fetch
check_PROGRAMS += $(EXECUTOR_TESTS)
TESTS += $(EXECUTOR_TESTS)
tests_unit_executor_test_command_executor_SOURCES = tests/unit/executor/test_command_executor.c \
  core/executor/agent_link.c core/executor/command_executor.c core/executor/task_process.c
tests_unit_executor_test_command_executor_LDADD = core/wire/libwire.a module-api/proto/libproto.a $(LOOP_LIBS) \
  $(PROTOBUF_C_LIBS) $(ZLIB_LIBS) $(CMOCKA_LIBS) -lm
tests_unit_executor_test_task_process_SOURCES = tests/unit/executor/test_task_process.c core/executor/flags.c \
  core/executor/task_process.c
tests_unit_executor_test_task_process_LDADD = module-api/proto/libproto.a core/base/libbase.a $(PROTOBUF_C_LIBS) \
  $(CMOCKA_LIBS) -lpthread -lm
tests_unit_executor_test_fetch_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS)
tests_unit_executor_test_fetch_SOURCES = tests/unit/executor/test_fetch.c core/executor/fetch.c
tests_unit_executor_test_fetch_LDADD = core/base/libbase.a $(CURL_LIBS) $(CMOCKA_LIBS) -lpthread -lm
endif
