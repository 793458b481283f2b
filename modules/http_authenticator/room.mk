# SPDX-License-Identifier: Apache-2.0
module_LTLIBRARIES += modules/http_authenticator_jwt.la
modules_http_authenticator_jwt_la_SOURCES = modules/http_authenticator/jwt/jwt.c modules/http_authenticator/jwt/token.c \
  modules/http_authenticator/jwt/token.h
modules_http_authenticator_jwt_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules $(JANSSON_CFLAGS) $(LIBCRYPTO_CFLAGS)
modules_http_authenticator_jwt_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_http_authenticator_jwt_la_LIBADD = modules/common/libcommon.a core/base/libbase.a $(JANSSON_LIBS) $(LIBCRYPTO_LIBS)

module_LTLIBRARIES += modules/http_authenticator_basic.la
modules_http_authenticator_basic_la_SOURCES = modules/http_authenticator/basic/basic.c
modules_http_authenticator_basic_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_http_authenticator_basic_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_http_authenticator_basic_la_LIBADD = modules/common/libcommon.a core/wire/libwire.a core/base/libbase.a -lm
