# SPDX-License-Identifier: Apache-2.0
# Clients that other people wrote; contrib/check runs them.
EXTRA_DIST += tests/lib/clients.py tests/conformance/test_mesos_framework.py tests/conformance/test_mesos_go.py tests/conformance/test_mesos_go_v0.py \
  tests/conformance/test_pymesos.py
EXTRA_DIST += tests/conformance/test_frontends.py tests/conformance/test_mesos_dns.py
EXTRA_DIST += tests/lib/elected.py tests/lib/election_file.c tests/system/test_redirects.py
EXTRA_DIST += tests/conformance/test_mesos_go_interactive.py
EXTRA_DIST += tests/conformance/test_prometheus.py tests/conformance/test_zookeeper_clients.py
EXTRA_DIST += tests/conformance/test_acls.py
EXTRA_DIST += tests/conformance/test_wrong_mechanisms.py
