# SPDX-License-Identifier: Apache-2.0
include tests/lib/descriptors.mk
include tests/unit/loop.mk
include tests/unit/model.mk
include tests/unit/conf.mk
include tests/unit/log.mk
include tests/unit/wire_codec.mk
include tests/contract.mk
