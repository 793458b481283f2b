# SPDX-License-Identifier: Apache-2.0
# One fragment per kind, owned by whoever owns the kind.
include modules/common/room.mk
include modules/registry/room.mk
include modules/election/room.mk
include modules/container_logger/room.mk
include modules/isolator/room.mk
include modules/containerizer/room.mk
include modules/allocator/room.mk
include modules/telemetry/room.mk
include modules/resource_estimator/room.mk
include modules/qos_controller/room.mk
include modules/http_authenticator/room.mk
include modules/authorizer/room.mk
include modules/rate_limiter/room.mk
include modules/authenticator/room.mk
include modules/authenticatee/room.mk
include modules/secret_resolver/room.mk
