# SPDX-License-Identifier: Apache-2.0
if HAVE_CMOCKA
MASTER_TESTS = tests/unit/master/test_validate
check_PROGRAMS += $(MASTER_TESTS)
TESTS += $(MASTER_TESTS)
tests_unit_master_test_validate_SOURCES = tests/unit/master/test_validate.c
tests_unit_master_test_validate_LDADD = core/master/libmaster.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
endif
