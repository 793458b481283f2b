# SPDX-License-Identifier: Apache-2.0
# What modules are made of, by itself.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/modules/test_constraints
TESTS += tests/unit/modules/test_constraints
tests_unit_modules_test_constraints_SOURCES = tests/unit/modules/test_constraints.c \
  $(DRF)/constraints.c $(DRF)/regex.cc
tests_unit_modules_test_constraints_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
tests_unit_modules_test_constraints_LDADD = core/wire/libwire.a module-api/proto/libproto.a core/base/libbase.a \
  $(PROTOBUF_C_LIBS) $(CMOCKA_LIBS) $(RE2_LIBS) -lm
check_PROGRAMS += tests/unit/modules/test_statsd
TESTS += tests/unit/modules/test_statsd
tests_unit_modules_test_statsd_SOURCES = tests/unit/modules/test_statsd.c modules/telemetry/dcos/statsd.c \
  modules/telemetry/dcos/statsd.h
tests_unit_modules_test_statsd_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
tests_unit_modules_test_statsd_LDADD = core/base/libbase.a $(CMOCKA_LIBS) -lm
check_PROGRAMS += tests/unit/modules/test_listeners
TESTS += tests/unit/modules/test_listeners
tests_unit_modules_test_listeners_SOURCES = tests/unit/modules/test_listeners.c \
  modules/isolator/network_ports/listeners.c modules/isolator/network_ports/listeners.h
tests_unit_modules_test_listeners_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
tests_unit_modules_test_listeners_LDADD = core/base/libbase.a $(CMOCKA_LIBS) -lm
check_PROGRAMS += tests/unit/modules/test_cni
TESTS += tests/unit/modules/test_cni
tests_unit_modules_test_cni_SOURCES = tests/unit/modules/test_cni.c $(NETWORK_CNI_PARSERS)
tests_unit_modules_test_cni_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
tests_unit_modules_test_cni_LDADD = core/wire/libwire.a module-api/proto/libproto.a core/base/libbase.a \
  $(PROTOBUF_C_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS) -lm
check_PROGRAMS += tests/unit/modules/test_cgroup
TESTS += tests/unit/modules/test_cgroup
tests_unit_modules_test_cgroup_SOURCES = tests/unit/modules/test_cgroup.c
tests_unit_modules_test_cgroup_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
tests_unit_modules_test_cgroup_LDADD = $(CGROUPS_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/modules/test_local_acl
TESTS += tests/unit/modules/test_local_acl
EXTRA_DIST += tests/facts/acls.tsv tests/facts/authorizer-actions.tsv
tests_unit_modules_test_local_acl_SOURCES = tests/unit/modules/test_local_acl.c tests/lib/facts.h $(LOCAL_ACL_SOURCES)
tests_unit_modules_test_local_acl_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules -I$(top_srcdir)/tests
tests_unit_modules_test_local_acl_LDADD = core/wire/libwire.a core/base/libbase.a $(CMOCKA_LIBS) -lm
check_PROGRAMS += tests/unit/modules/test_credentials
TESTS += tests/unit/modules/test_credentials
tests_unit_modules_test_credentials_SOURCES = tests/unit/modules/test_credentials.c
tests_unit_modules_test_credentials_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
tests_unit_modules_test_credentials_LDADD = modules/common/libcommon.a core/wire/libwire.a core/base/libbase.a \
  $(CMOCKA_LIBS) -lm
check_PROGRAMS += tests/unit/modules/test_images
TESTS += tests/unit/modules/test_images
tests_unit_modules_test_images_SOURCES = tests/unit/modules/test_images.c
tests_unit_modules_test_images_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules $(LIBARCHIVE_CFLAGS)
tests_unit_modules_test_images_LDADD = $(IMAGE_LIBS) $(CMOCKA_LIBS)
if HAVE_LIBNL
check_PROGRAMS += tests/unit/modules/test_port_mapping
TESTS += tests/unit/modules/test_port_mapping
tests_unit_modules_test_port_mapping_SOURCES = tests/unit/modules/test_port_mapping.c $(PORT_MAPPING)/rates.c \
  $(PORT_MAPPING)/settings.c $(PORT_MAPPING_NETWORK)
tests_unit_modules_test_port_mapping_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules $(LIBNL_CFLAGS)
tests_unit_modules_test_port_mapping_LDADD = core/model/libmodel.a module-api/proto/libproto.a core/base/libbase.a \
  $(PROTOBUF_C_LIBS) $(JANSSON_LIBS) $(LIBNL_LIBS) $(CMOCKA_LIBS) -lm
endif
endif
