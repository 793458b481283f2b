# SPDX-License-Identifier: Apache-2.0
module_LTLIBRARIES += modules/election_standalone.la
modules_election_standalone_la_SOURCES = modules/election/standalone/standalone.c
modules_election_standalone_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_election_standalone_la_LIBADD = core/base/libbase.a
