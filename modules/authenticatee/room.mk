# SPDX-License-Identifier: Apache-2.0
module_LTLIBRARIES += modules/authenticatee_cram_md5.la modules/authenticatee_scram_sha256.la
modules_authenticatee_cram_md5_la_SOURCES = modules/authenticatee/cram_md5/cram_md5.c
modules_authenticatee_cram_md5_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_authenticatee_cram_md5_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_authenticatee_cram_md5_la_LIBADD = $(SASL_MODULE_LIBS)
modules_authenticatee_scram_sha256_la_SOURCES = modules/authenticatee/scram_sha256/scram_sha256.c
modules_authenticatee_scram_sha256_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_authenticatee_scram_sha256_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_authenticatee_scram_sha256_la_LIBADD = $(SASL_MODULE_LIBS)
