# SPDX-License-Identifier: Apache-2.0
# Clients that other people wrote; contrib/check runs them.
EXTRA_DIST += tests/lib/clients.py tests/conformance/test_mesos_framework.py tests/conformance/test_mesos_go.py \
  tests/conformance/test_pymesos.py
