# SPDX-License-Identifier: Apache-2.0
if HAVE_CMOCKA
CLI_TESTS = tests/unit/cli/test_arguments tests/unit/cli/test_term
check_PROGRAMS += $(CLI_TESTS)
TESTS += $(CLI_TESTS)
tests_unit_cli_test_arguments_SOURCES = tests/unit/cli/test_arguments.c core/cli/arguments.c
tests_unit_cli_test_arguments_LDADD = core/base/libbase.a $(CMOCKA_LIBS) -lm
tests_unit_cli_test_term_SOURCES = tests/unit/cli/test_term.c core/cli/term.c core/cli/term_json.c
tests_unit_cli_test_term_LDADD = core/base/libbase.a $(JANSSON_LIBS) $(CMOCKA_LIBS) -lm
endif
