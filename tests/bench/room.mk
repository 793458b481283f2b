# SPDX-License-Identifier: Apache-2.0
EXTRA_PROGRAMS += tests/bench/codec
tests_bench_codec_SOURCES = tests/bench/codec.c
tests_bench_codec_LDADD = core/wire/libwire.a module-api/proto/libproto.a core/base/libbase.a $(PROTOBUF_C_LIBS) -lm
