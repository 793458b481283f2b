# SPDX-License-Identifier: Apache-2.0
if HAVE_CMOCKA
EXECUTOR_TESTS = tests/unit/executor/test_command_executor tests/unit/executor/test_task_process \
  tests/unit/executor/test_extract tests/unit/executor/test_fetch tests/unit/executor/test_checks \
  tests/unit/executor/test_default_executor tests/unit/executor/test_default_executor_trace
check_PROGRAMS += $(EXECUTOR_TESTS)
TESTS += $(EXECUTOR_TESTS)
tests_unit_executor_test_command_executor_SOURCES = tests/unit/executor/test_command_executor.c
tests_unit_executor_test_command_executor_LDADD = $(EXECUTOR_LIBS) $(ZLIB_LIBS) $(CMOCKA_LIBS)
tests_unit_executor_test_default_executor_SOURCES = tests/unit/executor/test_default_executor.c
tests_unit_executor_test_default_executor_LDADD = $(EXECUTOR_LIBS) $(ZLIB_LIBS) $(CMOCKA_LIBS)
tests_unit_executor_test_default_executor_trace_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_executor_test_default_executor_trace_SOURCES = tests/unit/executor/test_default_executor_trace.c
tests_unit_executor_test_default_executor_trace_LDADD = $(EXECUTOR_LIBS) $(ZLIB_LIBS) $(CMOCKA_LIBS)
tests_unit_executor_test_checks_SOURCES = tests/unit/executor/test_checks.c
tests_unit_executor_test_checks_LDADD = $(EXECUTOR_LIBS) $(ZLIB_LIBS) $(CMOCKA_LIBS)
tests_unit_executor_test_task_process_SOURCES = tests/unit/executor/test_task_process.c
tests_unit_executor_test_task_process_LDADD = $(EXECUTOR_LIBS) $(CMOCKA_LIBS)
tests_unit_executor_test_extract_CPPFLAGS = $(AM_CPPFLAGS) $(LIBARCHIVE_CFLAGS)
tests_unit_executor_test_extract_SOURCES = tests/unit/executor/test_extract.c core/executor/extract.c
tests_unit_executor_test_extract_LDADD = core/base/libbase.a $(LIBARCHIVE_LIBS) $(CMOCKA_LIBS) -lpthread -lm
tests_unit_executor_test_fetch_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS) $(LIBARCHIVE_CFLAGS)
tests_unit_executor_test_fetch_SOURCES = tests/unit/executor/test_fetch.c core/executor/extract.c core/executor/fetch.c \
  core/executor/transfer.c
tests_unit_executor_test_fetch_LDADD = core/base/libbase.a $(CURL_LIBS) $(LIBARCHIVE_LIBS) $(CMOCKA_LIBS) -lpthread -lm
endif
