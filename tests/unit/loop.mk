# SPDX-License-Identifier: Apache-2.0
if HAVE_CMOCKA
LOOP_TESTS = tests/unit/loop/test_loop tests/unit/loop/test_stream
check_PROGRAMS += $(LOOP_TESTS)
TESTS += $(LOOP_TESTS)
LOOP_TEST_LIBS = $(LOOP_LIBS) $(CMOCKA_LIBS)
tests_unit_loop_test_loop_SOURCES = tests/unit/loop/test_loop.c
tests_unit_loop_test_loop_LDADD = $(LOOP_TEST_LIBS)
tests_unit_loop_test_stream_SOURCES = tests/unit/loop/test_stream.c
tests_unit_loop_test_stream_LDADD = $(LOOP_TEST_LIBS)
endif
