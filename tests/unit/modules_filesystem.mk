# SPDX-License-Identifier: Apache-2.0
# What isolators of file systems and of rights are made of.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/modules/test_filesystem
TESTS += tests/unit/modules/test_filesystem
tests_unit_modules_test_filesystem_SOURCES = tests/unit/modules/test_filesystem.c $(SECCOMP_PROFILE_SOURCES)
tests_unit_modules_test_filesystem_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules -I$(top_srcdir)/modules/isolator
tests_unit_modules_test_filesystem_LDADD = $(FILESYSTEM_LIBS) $(CMOCKA_LIBS) $(JANSSON_LIBS) -lm
endif
