# SPDX-License-Identifier: Apache-2.0
if HAVE_CMOCKA
BASE_TESTS = tests/unit/base/test_memory tests/unit/base/test_text tests/unit/base/test_units tests/unit/base/test_files \
  tests/unit/base/test_page tests/unit/base/test_zk_url
check_PROGRAMS += $(BASE_TESTS)
TESTS += $(BASE_TESTS)
BASE_TEST_LIBS = core/base/libbase.a $(CMOCKA_LIBS) -lpthread -lm
tests_unit_base_test_memory_SOURCES = tests/unit/base/test_memory.c
tests_unit_base_test_memory_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_text_SOURCES = tests/unit/base/test_text.c
tests_unit_base_test_text_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_units_SOURCES = tests/unit/base/test_units.c
tests_unit_base_test_units_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_files_SOURCES = tests/unit/base/test_files.c
tests_unit_base_test_files_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_zk_url_SOURCES = tests/unit/base/test_zk_url.c
tests_unit_base_test_zk_url_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_page_SOURCES = tests/unit/base/test_page.c
tests_unit_base_test_page_LDADD = $(BASE_TEST_LIBS)
endif
