# SPDX-License-Identifier: Apache-2.0
# Whole daemons in one process on a virtual clock. They load the modules that ship, from the build tree.
if HAVE_CMOCKA
SCENARIO_TESTS = tests/scenario/test_agent tests/scenario/test_master
check_PROGRAMS += $(SCENARIO_TESTS)
TESTS += $(SCENARIO_TESTS)
tests_scenario_test_agent_SOURCES = tests/scenario/test_agent.c
tests_scenario_test_agent_LDADD = core/agent/libagent.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_scenario_test_master_SOURCES = tests/scenario/test_master.c
tests_scenario_test_master_LDADD = core/master/libmaster.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
endif
