# SPDX-License-Identifier: Apache-2.0
if HAVE_CMOCKA
MODEL_TESTS = tests/unit/model/test_resources tests/unit/model/test_names tests/unit/model/test_validate \
  tests/unit/model/test_docker
check_PROGRAMS += $(MODEL_TESTS)
TESTS += $(MODEL_TESTS)
MODEL_TEST_LIBS = core/model/libmodel.a module-api/proto/libproto.a core/base/libbase.a $(JANSSON_LIBS) \
  $(PROTOBUF_C_LIBS) $(CMOCKA_LIBS) -lm
tests_unit_model_test_resources_SOURCES = tests/unit/model/test_resources.c
tests_unit_model_test_resources_LDADD = $(MODEL_TEST_LIBS)
tests_unit_model_test_names_SOURCES = tests/unit/model/test_names.c
tests_unit_model_test_names_LDADD = $(MODEL_TEST_LIBS)
tests_unit_model_test_validate_SOURCES = tests/unit/model/test_validate.c
tests_unit_model_test_validate_LDADD = $(MODEL_TEST_LIBS)
tests_unit_model_test_docker_SOURCES = tests/unit/model/test_docker.c
tests_unit_model_test_docker_LDADD = $(MODEL_TEST_LIBS)
endif
