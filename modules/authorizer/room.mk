# SPDX-License-Identifier: Apache-2.0
module_LTLIBRARIES += modules/authorizer_local_acl.la
LOCAL_ACL_SOURCES = modules/authorizer/local_acl/fields.c modules/authorizer/local_acl/fields.h \
  modules/authorizer/local_acl/match.c modules/authorizer/local_acl/match.h modules/authorizer/local_acl/plain.c \
  modules/authorizer/local_acl/read.c modules/authorizer/local_acl/rules.c modules/authorizer/local_acl/rules.h
modules_authorizer_local_acl_la_SOURCES = modules/authorizer/local_acl/local_acl.c $(LOCAL_ACL_SOURCES)
modules_authorizer_local_acl_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
modules_authorizer_local_acl_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_authorizer_local_acl_la_LIBADD = core/wire/libwire.a core/base/libbase.a -lm
