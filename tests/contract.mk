# SPDX-License-Identifier: Apache-2.0
# One program per kind that any module of the kind must pass, and what unit tests of modules share with them.
if HAVE_CMOCKA
ALLOCATOR_BOX = tests/lib/lone_host.c tests/lib/lone_host.h tests/lib/allocator_box.c tests/lib/allocator_box.h
ALLOCATOR_BOX_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_MODULES_DIR='"$(abs_top_builddir)/modules/.libs"'
ALLOCATOR_BOX_LIBS = core/model/libmodel.a module-api/proto/libproto.a core/base/libbase.a $(JANSSON_LIBS) \
  $(PROTOBUF_C_LIBS) $(CMOCKA_LIBS) -lm -ldl
ALLOCATOR_TESTS = tests/contract/allocator tests/unit/modules/test_hierarchical_drf tests/unit/modules/test_wishes
check_PROGRAMS += $(ALLOCATOR_TESTS) tests/bench/allocator
TESTS += $(ALLOCATOR_TESTS)
tests_contract_allocator_SOURCES = tests/contract/allocator.c $(ALLOCATOR_BOX)
tests_contract_allocator_CPPFLAGS = $(ALLOCATOR_BOX_CPPFLAGS)
tests_contract_allocator_LDADD = $(ALLOCATOR_BOX_LIBS)
tests_contract_allocator_DEPENDENCIES = modules/allocator_hierarchical_drf.la core/model/libmodel.a \
  module-api/proto/libproto.a core/base/libbase.a
tests_unit_modules_test_hierarchical_drf_SOURCES = tests/unit/modules/test_hierarchical_drf.c $(ALLOCATOR_BOX)
tests_unit_modules_test_hierarchical_drf_CPPFLAGS = $(ALLOCATOR_BOX_CPPFLAGS)
tests_unit_modules_test_hierarchical_drf_LDADD = $(ALLOCATOR_BOX_LIBS)
tests_unit_modules_test_wishes_SOURCES = tests/unit/modules/test_wishes.c $(ALLOCATOR_BOX)
tests_unit_modules_test_wishes_CPPFLAGS = $(ALLOCATOR_BOX_CPPFLAGS)
tests_unit_modules_test_wishes_LDADD = core/wire/libwire.a $(ALLOCATOR_BOX_LIBS)
tests_bench_allocator_SOURCES = tests/bench/allocator.c $(ALLOCATOR_BOX)
tests_bench_allocator_CPPFLAGS = $(ALLOCATOR_BOX_CPPFLAGS)
tests_bench_allocator_LDADD = $(ALLOCATOR_BOX_LIBS)
endif
