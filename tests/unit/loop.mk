# SPDX-License-Identifier: Apache-2.0
if HAVE_CMOCKA
LOOP_TESTS = tests/unit/loop/test_loop tests/unit/loop/test_patience tests/unit/loop/test_secure tests/unit/loop/test_secure_floods tests/unit/loop/test_secure_names tests/unit/loop/test_secure_settings \
  tests/unit/loop/test_stream tests/unit/loop/test_stream_tls tests/unit/loop/test_stream_ropes tests/unit/loop/test_stream_ropes_tls
check_PROGRAMS += $(LOOP_TESTS)
TESTS += $(LOOP_TESTS)
LOOP_TEST_LIBS = $(LOOP_LIBS) $(CMOCKA_LIBS)
tests_unit_loop_test_loop_SOURCES = tests/unit/loop/test_loop.c
tests_unit_loop_test_loop_LDADD = $(LOOP_TEST_LIBS)
tests_unit_loop_test_patience_SOURCES = tests/unit/loop/test_patience.c
tests_unit_loop_test_patience_LDADD = $(LOOP_TEST_LIBS)
TWO_ENDS = tests/unit/loop/two_ends.c tests/unit/loop/two_ends.h
tests_unit_loop_test_stream_SOURCES = tests/unit/loop/test_stream.c $(TWO_ENDS)
tests_unit_loop_test_stream_LDADD = $(LOOP_TEST_LIBS)
tests_unit_loop_test_stream_tls_SOURCES = tests/unit/loop/certificates.c tests/unit/loop/certificates.h \
  tests/unit/loop/test_stream.c $(TWO_ENDS)
tests_unit_loop_test_stream_tls_CPPFLAGS = $(AM_CPPFLAGS) $(LIBCRYPTO_CFLAGS) -DTEST_OVER_TLS
tests_unit_loop_test_stream_tls_LDADD = $(LOOP_TEST_LIBS) $(LIBCRYPTO_LIBS)
tests_unit_loop_test_stream_ropes_SOURCES = tests/unit/loop/test_stream_ropes.c $(TWO_ENDS)
tests_unit_loop_test_stream_ropes_LDADD = $(LOOP_TEST_LIBS)
tests_unit_loop_test_stream_ropes_tls_SOURCES = tests/unit/loop/certificates.c tests/unit/loop/certificates.h \
  tests/unit/loop/test_stream_ropes.c $(TWO_ENDS)
tests_unit_loop_test_stream_ropes_tls_CPPFLAGS = $(AM_CPPFLAGS) $(LIBCRYPTO_CFLAGS) -DTEST_OVER_TLS
tests_unit_loop_test_stream_ropes_tls_LDADD = $(LOOP_TEST_LIBS) $(LIBCRYPTO_LIBS)
tests_unit_loop_test_secure_SOURCES = tests/unit/loop/certificates.c tests/unit/loop/certificates.h \
  tests/unit/loop/test_secure.c
tests_unit_loop_test_secure_CPPFLAGS = $(AM_CPPFLAGS) $(LIBCRYPTO_CFLAGS)
tests_unit_loop_test_secure_LDADD = $(LOOP_TEST_LIBS) $(LIBCRYPTO_LIBS)
tests_unit_loop_test_secure_floods_SOURCES = tests/unit/loop/certificates.c tests/unit/loop/certificates.h \
  tests/unit/loop/test_secure_floods.c
tests_unit_loop_test_secure_floods_CPPFLAGS = $(AM_CPPFLAGS) $(LIBCRYPTO_CFLAGS) $(LIBSSL_CFLAGS)
tests_unit_loop_test_secure_floods_LDADD = $(LOOP_TEST_LIBS) $(LIBSSL_LIBS) $(LIBCRYPTO_LIBS)
tests_unit_loop_test_secure_names_SOURCES = tests/unit/loop/certificates.c tests/unit/loop/certificates.h \
  tests/unit/loop/test_secure_names.c
tests_unit_loop_test_secure_names_CPPFLAGS = $(AM_CPPFLAGS) $(LIBCRYPTO_CFLAGS)
tests_unit_loop_test_secure_names_LDADD = $(LOOP_TEST_LIBS) $(LIBCRYPTO_LIBS)
tests_unit_loop_test_secure_settings_SOURCES = tests/unit/loop/certificates.c tests/unit/loop/certificates.h \
  tests/unit/loop/test_secure_settings.c
tests_unit_loop_test_secure_settings_CPPFLAGS = $(AM_CPPFLAGS) $(LIBCRYPTO_CFLAGS)
tests_unit_loop_test_secure_settings_LDADD = $(LOOP_TEST_LIBS) $(LIBCRYPTO_LIBS)
endif
