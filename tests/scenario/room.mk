# SPDX-License-Identifier: Apache-2.0
# Whole daemons in one process on a virtual clock. They load the modules that ship, from the build tree.
if HAVE_CMOCKA
SCENARIO_TESTS = tests/scenario/test_drivers tests/scenario/test_drivers_damage tests/scenario/test_agent tests/scenario/test_master tests/scenario/test_cluster \
  tests/scenario/test_failover tests/scenario/test_recovery tests/scenario/test_drain tests/scenario/test_marks
SCENARIO_TESTS += tests/scenario/test_maintenance tests/scenario/test_access tests/scenario/test_sight \
  tests/scenario/test_logins
SCENARIO_TESTS += tests/scenario/test_faults
SCENARIO_TESTS += tests/scenario/test_lease tests/scenario/test_access_operators
SCENARIO_TESTS += tests/scenario/test_agent_groups tests/scenario/test_agent_operator tests/scenario/test_oversubscription
SCENARIO_TESTS += tests/scenario/test_viewers tests/scenario/test_lists tests/scenario/test_audit tests/scenario/test_agent_logins
SCENARIO_TESTS += tests/scenario/test_claims
check_PROGRAMS += $(SCENARIO_TESTS)
TESTS += $(SCENARIO_TESTS)
STAGE = tests/scenario/stage.c tests/scenario/stage.h
LONE_AGENT = tests/scenario/lone_agent.c tests/scenario/lone_agent.h tests/scenario/containers_double.c \
  tests/scenario/containers_double.h $(STAGE)
tests_scenario_test_agent_SOURCES = tests/scenario/test_agent.c $(LONE_AGENT)
tests_scenario_test_agent_LDADD = core/agent/libagent.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_scenario_test_agent_logins_SOURCES = tests/scenario/test_agent_logins.c $(LONE_AGENT)
tests_scenario_test_agent_logins_LDADD = core/agent/libagent.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_scenario_test_agent_groups_SOURCES = tests/scenario/test_agent_groups.c $(LONE_AGENT)
tests_scenario_test_agent_groups_LDADD = core/agent/libagent.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_scenario_test_agent_operator_SOURCES = tests/scenario/test_agent_operator.c $(LONE_AGENT)
tests_scenario_test_agent_operator_LDADD = core/agent/libagent.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_scenario_test_oversubscription_SOURCES = tests/scenario/test_oversubscription.c $(LONE_AGENT)
tests_scenario_test_oversubscription_LDADD = core/agent/libagent.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
EXTRA_DIST += tests/facts/state
tests_scenario_test_recovery_SOURCES = tests/scenario/test_recovery.c tests/lib/facts.h $(STAGE)
tests_scenario_test_recovery_LDADD = core/agent/libagent.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
DRIVERS = tests/scenario/drivers.c tests/scenario/drivers.h $(STAGE)
tests_scenario_test_drivers_SOURCES = tests/scenario/test_drivers.c $(DRIVERS)
tests_scenario_test_drivers_LDADD = core/master/libmaster.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_scenario_test_drivers_damage_SOURCES = tests/scenario/test_drivers_damage.c tests/lib/facts.h $(DRIVERS)
tests_scenario_test_drivers_damage_LDADD = core/master/libmaster.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
LONE_MASTER = tests/scenario/lone_master.c tests/scenario/lone_master.h tests/scenario/lone_scheduler.c tests/lib/facts.h $(STAGE)
tests_scenario_test_master_SOURCES = tests/scenario/test_master.c $(LONE_MASTER)
tests_scenario_test_marks_SOURCES = tests/scenario/test_marks.c $(LONE_MASTER)
tests_scenario_test_marks_LDADD = core/master/libmaster.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
RULED_MASTER = tests/scenario/notary.c tests/scenario/notary.h $(LONE_MASTER)
tests_scenario_test_sight_SOURCES = tests/scenario/test_sight.c $(RULED_MASTER)
tests_scenario_test_sight_LDADD = core/master/libmaster.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
VIEWERS = tests/scenario/viewers.c tests/scenario/viewers.h $(RULED_MASTER)
tests_scenario_test_viewers_SOURCES = tests/scenario/test_viewers.c $(VIEWERS)
tests_scenario_test_viewers_LDADD = core/master/libmaster.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_scenario_test_lists_SOURCES = tests/scenario/test_lists.c $(VIEWERS)
tests_scenario_test_lists_LDADD = core/master/libmaster.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_scenario_test_claims_SOURCES = tests/scenario/test_claims.c tests/scenario/parties.c tests/scenario/parties.h $(RULED_MASTER)
tests_scenario_test_claims_LDADD = core/master/libmaster.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_scenario_test_access_SOURCES = tests/scenario/test_access.c $(RULED_MASTER)
AUDIT_LOG = tests/scenario/audit_log.c tests/scenario/audit_log.h
tests_scenario_test_access_operators_SOURCES = tests/scenario/test_access_operators.c $(AUDIT_LOG) $(RULED_MASTER)
tests_scenario_test_audit_SOURCES = tests/scenario/test_audit.c $(AUDIT_LOG) $(RULED_MASTER)
tests_scenario_test_audit_LDADD = core/master/libmaster.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_scenario_test_access_operators_LDADD = core/master/libmaster.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_scenario_test_access_LDADD = core/master/libmaster.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_scenario_test_maintenance_SOURCES = tests/scenario/test_maintenance.c $(LONE_MASTER)
tests_scenario_test_maintenance_LDADD = core/master/libmaster.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_scenario_test_logins_SOURCES = tests/scenario/test_logins.c $(AUDIT_LOG) $(LONE_MASTER)
tests_scenario_test_logins_LDADD = core/master/libmaster.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_scenario_test_lease_SOURCES = tests/scenario/test_lease.c $(LONE_MASTER)
tests_scenario_test_lease_LDADD = core/master/libmaster.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_scenario_test_failover_SOURCES = tests/scenario/test_failover.c $(LONE_MASTER)
tests_scenario_test_failover_LDADD = core/master/libmaster.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
tests_scenario_test_master_LDADD = core/master/libmaster.a $(DAEMON_LIBS) $(CMOCKA_LIBS)
SCENARIO_CLUSTER = tests/scenario/cluster.c tests/scenario/cluster.h tests/scenario/cluster_scheduler.c \
  tests/scenario/cluster_watcher.c tests/scenario/executor_double.c \
  tests/scenario/executor_double.h $(STAGE)
tests_scenario_test_drain_SOURCES = tests/scenario/test_drain.c $(SCENARIO_CLUSTER)
tests_scenario_test_drain_LDADD = tests/scenario/master_room.o tests/scenario/agent_room.o core/main/libmain.a $(DAEMON_LIBS) \
  $(CMOCKA_LIBS)
tests_scenario_test_cluster_SOURCES = tests/scenario/test_cluster.c $(SCENARIO_CLUSTER)
tests_scenario_test_cluster_LDADD = tests/scenario/master_room.o tests/scenario/agent_room.o core/main/libmain.a $(DAEMON_LIBS) \
  $(CMOCKA_LIBS)
# With the registry's sources linked in: a module that is loaded has fault points of its own.
tests_scenario_test_faults_SOURCES = tests/scenario/test_faults.c $(SCENARIO_CLUSTER) $(modules_registry_local_la_SOURCES)
tests_scenario_test_faults_CFLAGS = $(AM_CFLAGS) # objects of its own, beside the module's
tests_scenario_test_faults_LDADD = tests/scenario/master_room.o tests/scenario/agent_room.o core/main/libmain.a $(DAEMON_LIBS) \
  $(SQLITE_LIBS) $(ZLIB_LIBS) $(CMOCKA_LIBS)
endif

# Master and agent never meet in a shipped program, and name things alike (framework_find...): each room becomes one object
# that shows only its own prefix.
OBJCOPY = objcopy
tests/scenario/master_room.o: core/master/libmaster.a
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(LD) -r --whole-archive $< -o $@.tmp && \
	  $(OBJCOPY) --wildcard --keep-global-symbol='master_*' $@.tmp $@ && rm -f $@.tmp
tests/scenario/agent_room.o: core/agent/libagent.a
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(LD) -r --whole-archive $< -o $@.tmp && \
	  $(OBJCOPY) --wildcard --keep-global-symbol='agent_*' $@.tmp $@ && rm -f $@.tmp
CLEANFILES += tests/scenario/master_room.o tests/scenario/agent_room.o
