# SPDX-License-Identifier: Apache-2.0
if HAVE_CMOCKA
WIRE_HTTP_TESTS = tests/unit/wire/test_http_parse tests/unit/wire/test_http_server tests/unit/wire/test_http_pages \
  tests/unit/wire/test_http_streams tests/unit/wire/test_http_limits tests/unit/wire/test_http_client \
  tests/unit/wire/test_libprocess
check_PROGRAMS += $(WIRE_HTTP_TESTS)
TESTS += $(WIRE_HTTP_TESTS)
WIRE_HTTP_TEST_LIBS = core/wire/libwire.a core/loop/libloop.a core/base/libbase.a $(LIBEVENT_LIBS) $(ZLIB_LIBS) \
  $(CMOCKA_LIBS) -lpthread -lm
tests_unit_wire_test_http_parse_SOURCES = tests/unit/wire/test_http_parse.c tests/unit/wire/their_http_parser.h
tests_unit_wire_test_http_parse_LDADD = $(WIRE_HTTP_TEST_LIBS)
tests_unit_wire_test_http_parse_CPPFLAGS = $(AM_CPPFLAGS)
if HAVE_HTTP_PARSER
tests_unit_wire_test_http_parse_SOURCES += tests/unit/wire/their_http_parser.c
tests_unit_wire_test_http_parse_LDADD += $(HTTP_PARSER_LIBS)
tests_unit_wire_test_http_parse_CPPFLAGS += -DHAVE_HTTP_PARSER=1
endif
WIRE_SITE = tests/unit/wire/site.c tests/unit/wire/site.h tests/unit/wire/world.c tests/unit/wire/world.h
tests_unit_wire_test_http_server_SOURCES = tests/unit/wire/test_http_server.c $(WIRE_SITE)
tests_unit_wire_test_http_server_LDADD = $(WIRE_HTTP_TEST_LIBS)
tests_unit_wire_test_http_pages_SOURCES = tests/unit/wire/test_http_pages.c $(WIRE_SITE)
tests_unit_wire_test_http_pages_LDADD = $(WIRE_HTTP_TEST_LIBS)
tests_unit_wire_test_http_streams_SOURCES = tests/unit/wire/test_http_streams.c $(WIRE_SITE)
tests_unit_wire_test_http_streams_LDADD = $(WIRE_HTTP_TEST_LIBS)
tests_unit_wire_test_http_limits_SOURCES = tests/unit/wire/test_http_limits.c $(WIRE_SITE)
tests_unit_wire_test_http_limits_LDADD = $(WIRE_HTTP_TEST_LIBS)
tests_unit_wire_test_http_client_SOURCES = tests/unit/wire/test_http_client.c tests/unit/wire/world.c tests/unit/wire/world.h
tests_unit_wire_test_http_client_LDADD = $(WIRE_HTTP_TEST_LIBS)
tests_unit_wire_test_libprocess_SOURCES = tests/unit/wire/test_libprocess.c tests/unit/wire/world.c tests/unit/wire/world.h
tests_unit_wire_test_libprocess_LDADD = $(WIRE_HTTP_TEST_LIBS)
endif
