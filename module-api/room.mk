# SPDX-License-Identifier: Apache-2.0
include module-api/proto/room.mk
