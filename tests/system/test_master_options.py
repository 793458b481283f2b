# SPDX-License-Identifier: Apache-2.0
"""Options of the master that change who may come and who is served."""
import queue
import signal

import pytest

from cluster import wait_for
from scheduler import CallFailed, Scheduler

QUICK = {"allocation_interval": "50ms"}


def test_roles_are_a_closed_list(make_cluster):
    cluster = make_cluster(agents=0, master_flags={**QUICK, "roles": "dev, prod"})
    with pytest.raises(CallFailed) as refused:
        Scheduler(cluster.address, roles=["dev", "stage"]).subscribe()
    assert refused.value.body == "Role 'stage' is not present in the master's --roles"
    for roles in (["dev"], ["*", "prod"]):
        Scheduler(cluster.address, roles=roles).subscribe().teardown()


def test_root_may_be_refused(make_cluster):
    cluster = make_cluster(agents=0, master_flags={**QUICK, "root_submissions": False})
    with pytest.raises(CallFailed) as refused:
        Scheduler(cluster.address).subscribe()
    assert refused.value.body == "User 'root' is not allowed to run frameworks without --root_submissions set"
    Scheduler(cluster.address, user="nobody").subscribe().teardown()


def test_whitelist_is_watched(make_cluster, tmp_path):
    allowed = tmp_path / "whitelist"
    allowed.write_text("elsewhere.example\n")
    cluster = make_cluster(master_flags={**QUICK, "whitelist": str(allowed)})
    scheduler = Scheduler(cluster.address).subscribe()
    with pytest.raises(queue.Empty):
        scheduler.offer(timeout=1)
    allowed.write_text("elsewhere.example\nlocalhost\n")
    offer = scheduler.offer()
    assert offer["hostname"] == "localhost"
    # What is wrong is not taken: the list of before stays in force.
    refused = lambda: cluster.master.get("/metrics/snapshot")["configuration/reloads_failed"]
    allowed.write_text("localhost\n\0x\n")
    cluster.master.process.send_signal(signal.SIGHUP)
    wait_for(lambda: refused() >= 1, 60, "the bad list to be refused")
    assert f"--whitelist is not taken (signal HUP), what was in force stays: {allowed}:2: " in cluster.master.log()
    scheduler.decline(offer)
    assert scheduler.offer()["hostname"] == "localhost"
    allowed.write_text("elsewhere.example\n")
    cluster.master.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "--whitelist is taken (signal HUP)" in cluster.master.log(), 60, "the good list to be taken")
    scheduler.teardown()


def test_weights_show(make_cluster):
    cluster = make_cluster(master_flags={**QUICK, "weights": "prod=2.5,dev=1"})
    scheduler = Scheduler(cluster.address, roles=["prod", "dev", "other"]).subscribe()
    weights = wait_for(lambda: {r["name"]: r["weight"] for r in cluster.master.get("/roles")["roles"]})
    assert weights == {"prod": 2.5, "dev": 1.0, "other": 1.0}
    scheduler.teardown()


def test_per_framework_metrics_can_be_off(make_cluster):
    cluster = make_cluster(agents=0, master_flags={**QUICK, "publish_per_framework_metrics": False})
    scheduler = Scheduler(cluster.address).subscribe()
    metrics = cluster.master.get("/metrics/snapshot")
    assert metrics["master/frameworks_connected"] == 1
    assert not [name for name in metrics if name.startswith("master/frameworks/")]
    scheduler.teardown()
