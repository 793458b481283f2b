# SPDX-License-Identifier: Apache-2.0
# Rules of the tree that a program can check: room arrows, self-contained headers, exported symbols, heads of files.
LINTS = tests/lint/rooms.sh tests/lint/headers.sh tests/lint/symbols.sh tests/lint/text.sh tests/lint/manuals.sh tests/lint/hardening.sh \
  tests/lint/secrets.sh
dist_check_SCRIPTS += $(LINTS)
TESTS += $(LINTS)
