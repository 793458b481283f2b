# SPDX-License-Identifier: Apache-2.0
# Everything between bytes and decoded messages: HTTP, libprocess (this list) and the codecs (the other one).
noinst_LIBRARIES += core/wire/libwire.a
WIRE_HTTP_SOURCES = core/wire/http.c core/wire/http.h core/wire/http_head.c core/wire/http_parse.c core/wire/http_parse.h core/wire/http_parse_inside.h \
  core/wire/http_connection.h core/wire/http_exchange.c core/wire/principal.c core/wire/principal.h core/wire/http_receive.c core/wire/http_server.c core/wire/http_server.h core/wire/http_reply.c \
  core/wire/http_pack.c \
  core/wire/http_client.c core/wire/http_client.h core/wire/libprocess.c core/wire/libprocess.h core/wire/libprocess_inside.h core/wire/libprocess_peers.c core/wire/upid.c \
  core/wire/limits.h
WIRE_CODEC_SOURCES = core/wire/cursor.h core/wire/field.c core/wire/field.h core/wire/json.c core/wire/json.h \
  core/wire/json_parse.c core/wire/json_parse_inside.h core/wire/json_put.c core/wire/json_print.c core/wire/json_print.h core/wire/json_text.h core/wire/json_token.c \
  core/wire/json_token.h core/wire/message.c core/wire/message.h core/wire/recordio.c core/wire/recordio.h \
  core/wire/secrets.c core/wire/secrets.h \
  core/wire/transcode.c core/wire/unpack.c core/wire/writer.c core/wire/writer.h
core_wire_libwire_a_SOURCES = $(WIRE_HTTP_SOURCES) $(WIRE_CODEC_SOURCES)
