# SPDX-License-Identifier: Apache-2.0
# Chaos: real daemons in network namespaces, faults from a seed, a history that is checked. contrib/check runs it.
EXTRA_DIST += tests/chaos/README.md tests/chaos/run tests/chaos/chaos.py tests/chaos/checker.py tests/chaos/conftest.py tests/chaos/faults.py \
  tests/chaos/framework.py tests/chaos/framework_v0.py tests/chaos/history.py tests/chaos/network.py tests/chaos/relay.py tests/chaos/sweep.py \
  tests/chaos/test_chaos.py tests/chaos/test_checker.py tests/chaos/world.py tests/chaos/zklog.py
