# SPDX-License-Identifier: Apache-2.0
"""What the pytest suites share: clusters that end with their test and tell their logs when it failed."""
import os
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))

from cluster import Cluster  # noqa: E402
from scheduler import Scheduler  # noqa: E402


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    setattr(item, "report_" + report.when, report)
    if report.failed and report.when == "call":
        for cluster in getattr(item, "clusters", []):
            report.sections.append(("daemons", cluster.dump()))


@pytest.fixture
def make_cluster(request):
    """make_cluster(agents=1, master_flags={}, agent_flags={}): a running cluster."""
    made = request.node.clusters = []

    def make(agents=1, master_flags=None, agent_flags=None):
        # A short path: Unix sockets of agents lie below it.
        cluster = Cluster(tempfile.mkdtemp(prefix="cm-"), master_flags)
        made.append(cluster)
        return cluster.start(agents, agent_flags)

    yield make
    failed = getattr(getattr(request.node, "report_call", None), "failed", True)
    complaints = []
    for cluster in made:
        cluster.stop()
        complaints += cluster.complaints()
        if not failed or not os.environ.get("CMESOS_KEEP"):
            cluster.remove()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def cluster(make_cluster):
    return make_cluster()


@pytest.fixture
def scheduler(cluster):
    """A subscribed scheduler of role * on `cluster`."""
    made = Scheduler(cluster.address).subscribe()
    yield made
    made.teardown()
