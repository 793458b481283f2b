# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += tests/facts/flags-agent.tsv tests/facts/flags-common.tsv tests/facts/flags-libprocess.tsv \
  tests/facts/flags-master.tsv tests/facts/flags-other.tsv tests/facts/flags-syntax.tsv
if HAVE_CMOCKA
CONF_TESTS = tests/unit/conf/test_flag_tables tests/unit/conf/test_layers tests/unit/conf/test_samples \
  tests/unit/conf/test_values
check_PROGRAMS += $(CONF_TESTS)
TESTS += $(CONF_TESTS)
CONF_TEST_LIBS = core/main/libmain.a core/daemon/libdaemon.a core/wire/libwire.a core/model/libmodel.a module-api/proto/libproto.a \
  core/conf/libconf.a $(LOOP_LIBS) $(PROTOBUF_C_LIBS) $(CONF_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS) -lm
tests_unit_conf_test_flag_tables_SOURCES = tests/unit/conf/etc.h tests/unit/conf/test_flag_tables.c
tests_unit_conf_test_flag_tables_LDADD = $(CONF_TEST_LIBS)
tests_unit_conf_test_layers_SOURCES = tests/unit/conf/etc.h tests/unit/conf/test_layers.c
tests_unit_conf_test_layers_LDADD = $(CONF_TEST_LIBS)
tests_unit_conf_test_samples_SOURCES = tests/unit/conf/etc.h tests/unit/conf/test_samples.c
tests_unit_conf_test_samples_LDADD = $(CONF_TEST_LIBS)
tests_unit_conf_test_values_SOURCES = tests/unit/conf/etc.h tests/unit/conf/test_values.c
tests_unit_conf_test_values_LDADD = $(CONF_TEST_LIBS)

# Writes etc/mesos and etc/man anew from the option tables.
samples: tests/unit/conf/test_samples all
	srcdir=$(srcdir) tests/unit/conf/test_samples --write
	srcdir=$(srcdir) $(SHELL) $(srcdir)/tests/lint/manuals.sh --write
endif
