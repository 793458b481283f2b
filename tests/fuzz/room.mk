# SPDX-License-Identifier: Apache-2.0
# contrib/check configures with --enable-fuzzers, builds `make fuzzers`, and runs each tests/fuzz/fuzz_<name> over the
# corpus in tests/fuzz/corpus/<name> and for ten seconds more.
FUZZ_TARGETS =
EXTRA_PROGRAMS += $(FUZZ_TARGETS)
.PHONY: fuzzers
fuzzers: $(FUZZ_TARGETS)
