# SPDX-License-Identifier: Apache-2.0
if HAVE_CMOCKA
MAIN_TESTS = tests/unit/main/test_harden
check_PROGRAMS += $(MAIN_TESTS)
TESTS += $(MAIN_TESTS)
tests_unit_main_test_harden_SOURCES = tests/unit/main/test_harden.c
tests_unit_main_test_harden_LDADD = $(CONF_TEST_LIBS) $(SECCOMP_LIBS)
endif
