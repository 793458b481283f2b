# SPDX-License-Identifier: Apache-2.0
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/base/test_log
TESTS += tests/unit/base/test_log
tests_unit_base_test_log_SOURCES = tests/unit/base/test_log.c
tests_unit_base_test_log_LDADD = core/base/libbase.a $(CMOCKA_LIBS) -lm
endif
