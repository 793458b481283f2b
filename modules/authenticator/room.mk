# SPDX-License-Identifier: Apache-2.0
module_LTLIBRARIES += modules/authenticator_cram_md5.la modules/authenticator_scram_sha256.la
modules_authenticator_cram_md5_la_SOURCES = modules/authenticator/cram_md5/cram_md5.c
modules_authenticator_cram_md5_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_authenticator_cram_md5_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_authenticator_cram_md5_la_LIBADD = $(SASL_MODULE_LIBS)
modules_authenticator_scram_sha256_la_SOURCES = modules/authenticator/scram_sha256/scram_sha256.c
modules_authenticator_scram_sha256_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_authenticator_scram_sha256_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_authenticator_scram_sha256_la_LIBADD = $(SASL_MODULE_LIBS)
