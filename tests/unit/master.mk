# SPDX-License-Identifier: Apache-2.0
if HAVE_CMOCKA
MASTER_TESTS = tests/unit/master/test_maintenance tests/unit/master/test_validate tests/unit/master/test_views
check_PROGRAMS += $(MASTER_TESTS)
TESTS += $(MASTER_TESTS)
tests_unit_master_test_maintenance_SOURCES = tests/unit/master/test_maintenance.c
tests_unit_master_test_maintenance_LDADD = core/master/libmaster.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_unit_master_test_validate_SOURCES = tests/unit/master/test_validate.c
tests_unit_master_test_validate_LDADD = core/master/libmaster.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_unit_master_test_views_SOURCES = tests/unit/master/test_views.c tests/unit/wire/world.c tests/unit/wire/world.h
tests_unit_master_test_views_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
tests_unit_master_test_views_LDADD = core/master/libmaster.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
endif
