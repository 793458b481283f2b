# SPDX-License-Identifier: Apache-2.0
include tests/lib/descriptors.mk
include tests/unit/base.mk
include tests/unit/loop.mk
include tests/unit/main.mk
include tests/unit/log.mk
include tests/unit/conf.mk
include tests/unit/model.mk
include tests/unit/wire_codec.mk
include tests/unit/wire.mk
include tests/unit/host.mk
include tests/unit/daemon.mk
include tests/unit/executor.mk
include tests/unit/agent.mk
include tests/unit/master.mk
include tests/unit/cli.mk
include tests/unit/modules.mk
include tests/unit/modules_filesystem.mk
include tests/contract.mk
include tests/contract/room.mk
include tests/scenario/room.mk
include tests/fuzz/room.mk
include tests/bench/room.mk
include tests/lint/room.mk
include tests/system/room.mk
include tests/conformance/room.mk
include tests/chaos/room.mk

# What contrib/check builds with the thread sanitizer: whatever runs work off the loop's thread. Conditional parts add.
THREAD_TESTS = $(LOOP_TESTS) tests/contract/registry tests/contract/registry_local tests/contract/host tests/contract/containerizer \
  tests/unit/agent/test_journal
.PHONY: print-thread-tests
print-thread-tests:
	@echo $(THREAD_TESTS)
include tests/unit/wire_http.mk
