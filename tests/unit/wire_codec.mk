# SPDX-License-Identifier: Apache-2.0
# Tests of the schema and of the codecs.
EXTRA_DIST += tests/facts/wire/enums.tsv tests/facts/wire/fields.tsv tests/facts/wire/messages.tsv tests/facts/renames.tsv \
  tests/facts/traces
if HAVE_CMOCKA
WIRE_CODEC_TESTS = tests/unit/wire/test_schema tests/unit/wire/test_traces tests/unit/wire/test_message \
  tests/unit/wire/test_json tests/unit/wire/test_recordio tests/unit/wire/test_writer
check_PROGRAMS += $(WIRE_CODEC_TESTS)
TESTS += $(WIRE_CODEC_TESTS)
WIRE_CODEC_LIBS = core/wire/libwire.a module-api/proto/libproto.a core/base/libbase.a $(PROTOBUF_C_LIBS) \
  $(CMOCKA_LIBS) -lm
WIRE_CODEC_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_wire_test_schema_SOURCES = tests/unit/wire/test_schema.c tests/lib/facts.h
nodist_tests_unit_wire_test_schema_SOURCES = tests/lib/descriptors.c
tests_unit_wire_test_schema_CPPFLAGS = $(WIRE_CODEC_CPPFLAGS)
tests_unit_wire_test_schema_LDADD = $(WIRE_CODEC_LIBS)
tests_unit_wire_test_traces_SOURCES = tests/unit/wire/test_traces.c tests/lib/facts.h
nodist_tests_unit_wire_test_traces_SOURCES = tests/lib/descriptors.c
tests_unit_wire_test_traces_CPPFLAGS = $(WIRE_CODEC_CPPFLAGS)
tests_unit_wire_test_traces_LDADD = $(WIRE_CODEC_LIBS)
tests_unit_wire_test_message_SOURCES = tests/unit/wire/test_message.c tests/lib/synthetic.h
nodist_tests_unit_wire_test_message_SOURCES = tests/lib/descriptors.c
tests_unit_wire_test_message_CPPFLAGS = $(WIRE_CODEC_CPPFLAGS)
tests_unit_wire_test_message_LDADD = $(WIRE_CODEC_LIBS)
tests_unit_wire_test_json_SOURCES = tests/unit/wire/test_json.c
tests_unit_wire_test_json_LDADD = $(WIRE_CODEC_LIBS)
tests_unit_wire_test_writer_SOURCES = tests/unit/wire/test_writer.c
tests_unit_wire_test_writer_LDADD = $(WIRE_CODEC_LIBS)
tests_unit_wire_test_recordio_SOURCES = tests/unit/wire/test_recordio.c
tests_unit_wire_test_recordio_LDADD = $(WIRE_CODEC_LIBS)
endif
