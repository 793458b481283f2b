# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += README.md LICENSE CONTRIBUTING.md contrib/quickstart contrib/check contrib/lib.sh contrib/packages \
  contrib/monitoring/alerts.yml contrib/monitoring/alerts_test.yml contrib/monitoring/dashboard.json contrib/monitoring/prometheus.yml
