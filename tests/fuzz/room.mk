# SPDX-License-Identifier: Apache-2.0
# Fuzz entries: tests/fuzz/<entry>.c over tests/fuzz/corpus/<entry>/. `make check` replays the corpora; with
# --enable-fuzzers (clang) tests/fuzz/fuzz_<entry> is the libFuzzer program; tests/fuzz/run runs all, or those it is told.
EXTRA_DIST += tests/fuzz/corpus tests/fuzz/run
FUZZ_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
FUZZ_LIBS = core/wire/libwire.a core/model/libmodel.a module-api/proto/libproto.a core/conf/libconf.a \
  core/loop/libloop.a core/base/libbase.a $(LIBEVENT_LIBS) $(PROTOBUF_C_LIBS) $(CONF_LIBS) $(JANSSON_LIBS) \
  $(ZLIB_LIBS) -lpthread -lm
FUZZ_LINK_FLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
FUZZ_REPLAYS = tests/fuzz/replay_json \
  tests/fuzz/replay_rate_limits tests/fuzz/replay_acl tests/fuzz/replay_credentials tests/fuzz/replay_sasl \
  tests/fuzz/replay_seccomp \
  tests/fuzz/replay_protobuf \
  tests/fuzz/replay_recordio \
  tests/fuzz/replay_http \
  tests/fuzz/replay_libprocess \
  tests/fuzz/replay_resources \
  tests/fuzz/replay_attributes \
  tests/fuzz/replay_values \
  tests/fuzz/replay_conf \
  tests/fuzz/replay_server \
  tests/fuzz/replay_statsd \
  tests/fuzz/replay_constraints \
  tests/fuzz/replay_term \
  tests/fuzz/replay_image_reference \
  tests/fuzz/replay_image_documents \
  tests/fuzz/replay_cni \
  tests/fuzz/replay_jwt \
  tests/fuzz/replay_registry \
  tests/fuzz/replay_cgroups \
  tests/fuzz/replay_docker
check_PROGRAMS += $(FUZZ_REPLAYS)
TESTS += $(FUZZ_REPLAYS)
if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_jwt
noinst_PROGRAMS += tests/fuzz/fuzz_rate_limits tests/fuzz/fuzz_acl tests/fuzz/fuzz_credentials tests/fuzz/fuzz_sasl tests/fuzz/fuzz_registry tests/fuzz/fuzz_cgroups tests/fuzz/fuzz_cni tests/fuzz/fuzz_docker tests/fuzz/fuzz_seccomp tests/fuzz/fuzz_json \
  tests/fuzz/fuzz_protobuf \
  tests/fuzz/fuzz_recordio \
  tests/fuzz/fuzz_http \
  tests/fuzz/fuzz_libprocess \
  tests/fuzz/fuzz_resources \
  tests/fuzz/fuzz_attributes \
  tests/fuzz/fuzz_values \
  tests/fuzz/fuzz_conf \
  tests/fuzz/fuzz_server \
  tests/fuzz/fuzz_statsd \
  tests/fuzz/fuzz_constraints \
  tests/fuzz/fuzz_image_reference \
  tests/fuzz/fuzz_image_documents \
  tests/fuzz/fuzz_term
endif
tests_fuzz_replay_docker_SOURCES = tests/fuzz/docker.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_replay_docker_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_replay_docker_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_docker_SOURCES = tests/fuzz/docker.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_docker_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_docker_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_docker_LDFLAGS = $(FUZZ_LINK_FLAGS)
FUZZ_ACL_SOURCES = tests/fuzz/acl.c tests/fuzz/fuzz.h $(LOCAL_ACL_SOURCES)
tests_fuzz_replay_acl_SOURCES = $(FUZZ_ACL_SOURCES) tests/fuzz/replay.c
tests_fuzz_replay_acl_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules
tests_fuzz_replay_acl_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_acl_SOURCES = $(FUZZ_ACL_SOURCES)
tests_fuzz_fuzz_acl_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules
tests_fuzz_fuzz_acl_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_acl_LDFLAGS = $(FUZZ_LINK_FLAGS)
FUZZ_RATE_LIMITS_SOURCES = tests/fuzz/rate_limits.c tests/fuzz/fuzz.h modules/rate_limiter/token_bucket/limits.c \
  modules/rate_limiter/token_bucket/limits.h
tests_fuzz_replay_rate_limits_SOURCES = $(FUZZ_RATE_LIMITS_SOURCES) tests/fuzz/replay.c
tests_fuzz_replay_rate_limits_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules
tests_fuzz_replay_rate_limits_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_rate_limits_SOURCES = $(FUZZ_RATE_LIMITS_SOURCES)
tests_fuzz_fuzz_rate_limits_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules
tests_fuzz_fuzz_rate_limits_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_rate_limits_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_replay_json_SOURCES = tests/fuzz/json.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_replay_json_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_replay_json_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_json_SOURCES = tests/fuzz/json.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_json_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_json_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_json_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_replay_protobuf_SOURCES = tests/fuzz/protobuf.c tests/fuzz/fuzz.h tests/fuzz/replay.c
nodist_tests_fuzz_replay_protobuf_SOURCES = tests/lib/descriptors.c
tests_fuzz_replay_protobuf_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_replay_protobuf_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_protobuf_SOURCES = tests/fuzz/protobuf.c tests/fuzz/fuzz.h
nodist_tests_fuzz_fuzz_protobuf_SOURCES = tests/lib/descriptors.c
tests_fuzz_fuzz_protobuf_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_protobuf_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_protobuf_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_replay_recordio_SOURCES = tests/fuzz/recordio.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_replay_recordio_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_replay_recordio_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_recordio_SOURCES = tests/fuzz/recordio.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_recordio_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_recordio_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_recordio_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_replay_http_SOURCES = tests/fuzz/http.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_replay_http_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_replay_http_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_http_SOURCES = tests/fuzz/http.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_http_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_http_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_http_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_replay_libprocess_SOURCES = tests/fuzz/libprocess.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_replay_libprocess_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_replay_libprocess_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_libprocess_SOURCES = tests/fuzz/libprocess.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_libprocess_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_libprocess_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_libprocess_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_replay_resources_SOURCES = tests/fuzz/resources.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_replay_resources_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_replay_resources_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_resources_SOURCES = tests/fuzz/resources.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_resources_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_resources_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_resources_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_replay_attributes_SOURCES = tests/fuzz/attributes.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_replay_attributes_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_replay_attributes_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_attributes_SOURCES = tests/fuzz/attributes.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_attributes_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_attributes_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_attributes_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_replay_values_SOURCES = tests/fuzz/values.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_replay_values_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_replay_values_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_values_SOURCES = tests/fuzz/values.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_values_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_values_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_values_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_replay_conf_SOURCES = tests/fuzz/conf.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_replay_conf_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_replay_conf_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_conf_SOURCES = tests/fuzz/conf.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_conf_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_conf_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_conf_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_replay_server_SOURCES = tests/fuzz/server.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_replay_server_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_replay_server_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_server_SOURCES = tests/fuzz/server.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_server_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_server_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_server_LDFLAGS = $(FUZZ_LINK_FLAGS)
# The reader of offer constraints is a module's, and runs RE2.
FUZZ_CONSTRAINTS_SOURCES = tests/fuzz/constraints.c tests/fuzz/fuzz.h $(DRF)/constraints.c $(DRF)/regex.cc
tests_fuzz_replay_constraints_SOURCES = $(FUZZ_CONSTRAINTS_SOURCES) tests/fuzz/replay.c
tests_fuzz_replay_constraints_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules
tests_fuzz_replay_constraints_LDADD = core/base/libbase.a $(RE2_LIBS) -lm
tests_fuzz_fuzz_constraints_SOURCES = $(FUZZ_CONSTRAINTS_SOURCES)
tests_fuzz_fuzz_constraints_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules
tests_fuzz_fuzz_constraints_LDADD = core/base/libbase.a $(RE2_LIBS) -lm
tests_fuzz_fuzz_constraints_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_replay_term_SOURCES = tests/fuzz/term.c tests/fuzz/fuzz.h tests/fuzz/replay.c core/cli/term.c
tests_fuzz_replay_term_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_replay_term_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_term_SOURCES = tests/fuzz/term.c tests/fuzz/fuzz.h core/cli/term.c
tests_fuzz_fuzz_term_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_term_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_term_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_replay_statsd_SOURCES = tests/fuzz/statsd.c tests/fuzz/fuzz.h tests/fuzz/replay.c modules/telemetry/dcos/statsd.c
tests_fuzz_replay_statsd_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules
tests_fuzz_replay_statsd_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_statsd_SOURCES = tests/fuzz/statsd.c tests/fuzz/fuzz.h modules/telemetry/dcos/statsd.c
tests_fuzz_fuzz_statsd_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules
tests_fuzz_fuzz_statsd_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_statsd_LDFLAGS = $(FUZZ_LINK_FLAGS)
REGISTRY_PARSERS = core/master/registry_import.c core/master/registry_json.c core/master/registry_json.h \
  modules/registry/zookeeper/content.c modules/registry/zookeeper/content.h modules/registry/zookeeper/format.c \
  modules/registry/zookeeper/format.h
tests_fuzz_replay_registry_SOURCES = tests/fuzz/registry.c tests/fuzz/fuzz.h tests/fuzz/replay.c $(REGISTRY_PARSERS)
tests_fuzz_replay_registry_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules
tests_fuzz_replay_registry_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_registry_SOURCES = tests/fuzz/registry.c tests/fuzz/fuzz.h $(REGISTRY_PARSERS)
tests_fuzz_fuzz_registry_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules
tests_fuzz_fuzz_registry_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_registry_LDFLAGS = $(FUZZ_LINK_FLAGS)
JWT_PARSER = modules/http_authenticator/jwt/token.c modules/http_authenticator/jwt/token.h
JWT_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules $(LIBCRYPTO_CFLAGS)
tests_fuzz_replay_jwt_SOURCES = tests/fuzz/jwt.c tests/fuzz/fuzz.h tests/fuzz/replay.c $(JWT_PARSER)
tests_fuzz_replay_jwt_CPPFLAGS = $(JWT_CPPFLAGS)
tests_fuzz_replay_jwt_LDADD = $(FUZZ_LIBS) $(LIBCRYPTO_LIBS)
tests_fuzz_fuzz_jwt_SOURCES = tests/fuzz/jwt.c tests/fuzz/fuzz.h $(JWT_PARSER)
tests_fuzz_fuzz_jwt_CPPFLAGS = $(JWT_CPPFLAGS)
tests_fuzz_fuzz_jwt_LDADD = $(FUZZ_LIBS) $(LIBCRYPTO_LIBS)
tests_fuzz_fuzz_jwt_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_replay_cni_SOURCES = tests/fuzz/cni.c tests/fuzz/fuzz.h tests/fuzz/replay.c $(NETWORK_CNI_PARSERS)
tests_fuzz_replay_cni_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules
tests_fuzz_replay_cni_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_cni_SOURCES = tests/fuzz/cni.c tests/fuzz/fuzz.h $(NETWORK_CNI_PARSERS)
tests_fuzz_fuzz_cni_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules
tests_fuzz_fuzz_cni_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_cni_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_replay_image_reference_SOURCES = tests/fuzz/image_reference.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_replay_image_reference_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules
tests_fuzz_replay_image_reference_LDADD = $(IMAGE_LIBS)
tests_fuzz_fuzz_image_reference_SOURCES = tests/fuzz/image_reference.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_image_reference_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules
tests_fuzz_fuzz_image_reference_LDADD = $(IMAGE_LIBS)
tests_fuzz_fuzz_image_reference_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_replay_image_documents_SOURCES = tests/fuzz/image_documents.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_replay_image_documents_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules
tests_fuzz_replay_image_documents_LDADD = $(IMAGE_LIBS)
tests_fuzz_fuzz_image_documents_SOURCES = tests/fuzz/image_documents.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_image_documents_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules
tests_fuzz_fuzz_image_documents_LDADD = $(IMAGE_LIBS)
tests_fuzz_fuzz_image_documents_LDFLAGS = $(FUZZ_LINK_FLAGS)
# Who checks and proves who somebody is.
tests_fuzz_replay_credentials_SOURCES = tests/fuzz/credentials.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_replay_credentials_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules
tests_fuzz_replay_credentials_LDADD = $(SASL_MODULE_LIBS)
tests_fuzz_fuzz_credentials_SOURCES = tests/fuzz/credentials.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_credentials_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules
tests_fuzz_fuzz_credentials_LDADD = $(SASL_MODULE_LIBS)
tests_fuzz_fuzz_credentials_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_replay_sasl_SOURCES = tests/fuzz/sasl.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_replay_sasl_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules
tests_fuzz_replay_sasl_LDADD = $(SASL_MODULE_LIBS)
tests_fuzz_fuzz_sasl_SOURCES = tests/fuzz/sasl.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_sasl_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules
tests_fuzz_fuzz_sasl_LDADD = $(SASL_MODULE_LIBS)
tests_fuzz_fuzz_sasl_LDFLAGS = $(FUZZ_LINK_FLAGS)
# Seccomp profiles are read by a module.
FUZZ_SECCOMP_SOURCES = tests/fuzz/seccomp.c tests/fuzz/fuzz.h $(SECCOMP_PROFILE_SOURCES)
FUZZ_SECCOMP_LIBS = module-api/proto/libproto.a core/base/libbase.a $(PROTOBUF_C_LIBS) $(JANSSON_LIBS) -lm
tests_fuzz_replay_seccomp_SOURCES = $(FUZZ_SECCOMP_SOURCES) tests/fuzz/replay.c
tests_fuzz_replay_seccomp_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules/isolator
tests_fuzz_replay_seccomp_LDADD = $(FUZZ_SECCOMP_LIBS)
tests_fuzz_fuzz_seccomp_SOURCES = $(FUZZ_SECCOMP_SOURCES)
tests_fuzz_fuzz_seccomp_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules/isolator
tests_fuzz_fuzz_seccomp_LDADD = $(FUZZ_SECCOMP_LIBS)
tests_fuzz_fuzz_seccomp_LDFLAGS = $(FUZZ_LINK_FLAGS)
# Of control groups; the archive is the isolators'.
tests_fuzz_replay_cgroups_SOURCES = tests/fuzz/cgroups.c tests/fuzz/fuzz.h tests/fuzz/replay.c
tests_fuzz_replay_cgroups_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules
tests_fuzz_replay_cgroups_LDADD = $(CGROUPS_LIBS)
tests_fuzz_fuzz_cgroups_SOURCES = tests/fuzz/cgroups.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_cgroups_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/modules
tests_fuzz_fuzz_cgroups_LDADD = $(CGROUPS_LIBS)
tests_fuzz_fuzz_cgroups_LDFLAGS = $(FUZZ_LINK_FLAGS)
