# SPDX-License-Identifier: Apache-2.0
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/cli/test_arguments
TESTS += tests/unit/cli/test_arguments
tests_unit_cli_test_arguments_SOURCES = tests/unit/cli/test_arguments.c core/cli/arguments.c
tests_unit_cli_test_arguments_LDADD = core/base/libbase.a $(CMOCKA_LIBS) -lm
endif
