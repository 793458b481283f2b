# SPDX-License-Identifier: Apache-2.0
module_LTLIBRARIES += modules/rate_limiter_token_bucket.la
modules_rate_limiter_token_bucket_la_SOURCES = modules/rate_limiter/token_bucket/limits.c \
  modules/rate_limiter/token_bucket/limits.h modules/rate_limiter/token_bucket/token_bucket.c
modules_rate_limiter_token_bucket_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_rate_limiter_token_bucket_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_rate_limiter_token_bucket_la_LIBADD = core/wire/libwire.a core/base/libbase.a -lm
