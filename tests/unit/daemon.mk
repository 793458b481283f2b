# SPDX-License-Identifier: Apache-2.0
if HAVE_CMOCKA
DAEMON_TESTS = tests/unit/daemon/test_routes tests/unit/daemon/test_files tests/unit/daemon/test_metrics \
  tests/unit/daemon/test_builtin tests/unit/daemon/test_metrics_table tests/unit/daemon/test_audit tests/unit/daemon/test_reload tests/unit/daemon/test_authentication \
  tests/unit/daemon/test_openness
check_PROGRAMS += $(DAEMON_TESTS)
TESTS += $(DAEMON_TESTS)
DAEMON_TEST_WORLD = tests/unit/daemon/site.c tests/unit/daemon/site.h tests/unit/wire/world.c tests/unit/wire/world.h
tests_unit_daemon_test_authentication_SOURCES = tests/unit/daemon/test_authentication.c $(DAEMON_TEST_WORLD)
tests_unit_daemon_test_authentication_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_unit_daemon_test_routes_SOURCES = tests/unit/daemon/test_routes.c $(DAEMON_TEST_WORLD)
tests_unit_daemon_test_routes_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_unit_daemon_test_files_SOURCES = tests/unit/daemon/test_files.c $(DAEMON_TEST_WORLD)
tests_unit_daemon_test_files_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_unit_daemon_test_metrics_SOURCES = tests/unit/daemon/test_metrics.c $(DAEMON_TEST_WORLD)
tests_unit_daemon_test_metrics_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_unit_daemon_test_builtin_SOURCES = tests/unit/daemon/test_builtin.c $(DAEMON_TEST_WORLD)
tests_unit_daemon_test_builtin_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_unit_daemon_test_metrics_table_SOURCES = tests/unit/daemon/test_metrics_table.c tests/lib/facts.h
tests_unit_daemon_test_metrics_table_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_unit_daemon_test_audit_SOURCES = tests/unit/daemon/test_audit.c $(DAEMON_TEST_WORLD)
tests_unit_daemon_test_audit_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_unit_daemon_test_reload_SOURCES = tests/unit/daemon/test_reload.c $(DAEMON_TEST_WORLD)
tests_unit_daemon_test_reload_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_unit_daemon_test_openness_SOURCES = tests/unit/daemon/test_openness.c $(DAEMON_TEST_WORLD)
tests_unit_daemon_test_openness_LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)
endif
