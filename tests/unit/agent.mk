# SPDX-License-Identifier: Apache-2.0
if HAVE_CMOCKA
AGENT_TESTS = tests/unit/agent/test_checkpoint tests/unit/agent/test_detect tests/unit/agent/test_fetcher_cache \
  tests/unit/agent/test_isolation \
  tests/unit/agent/test_journal \
  tests/unit/agent/test_status_updates
check_PROGRAMS += $(AGENT_TESTS)
TESTS += $(AGENT_TESTS)
AGENT_TEST_LIBS = core/agent/libagent.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_unit_agent_test_checkpoint_SOURCES = tests/unit/agent/test_checkpoint.c
tests_unit_agent_test_checkpoint_LDADD = $(AGENT_TEST_LIBS)
tests_unit_agent_test_detect_SOURCES = tests/unit/agent/test_detect.c
tests_unit_agent_test_detect_LDADD = $(AGENT_TEST_LIBS)
tests_unit_agent_test_fetcher_cache_SOURCES = tests/unit/agent/test_fetcher_cache.c
tests_unit_agent_test_fetcher_cache_LDADD = $(AGENT_TEST_LIBS)
tests_unit_agent_test_isolation_SOURCES = tests/unit/agent/test_isolation.c
tests_unit_agent_test_isolation_LDADD = core/main/libmain.a $(AGENT_TEST_LIBS)
tests_unit_agent_test_journal_SOURCES = tests/unit/agent/test_journal.c
tests_unit_agent_test_journal_LDADD = $(AGENT_TEST_LIBS)
tests_unit_agent_test_status_updates_SOURCES = tests/unit/agent/test_status_updates.c
tests_unit_agent_test_status_updates_LDADD = $(AGENT_TEST_LIBS)
endif
