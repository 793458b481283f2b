# SPDX-License-Identifier: Apache-2.0
"""disk/du: what sandboxes use is measured, and who uses more than its disk is ended, others not."""
import os
import time

import pytest

from cluster import Cluster, wait_for
from scheduler import TERMINAL, Scheduler, command_task, scalar

MB = 1 << 20


def disk_task(task_id, command, offer, disk):
    task = command_task(task_id, command, offer)
    task["resources"].append(scalar("disk", disk))
    return task


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("disk")).start(agent_flags={
        "isolation": "posix/cpu,posix/disk", "container_disk_watch_interval": "50ms",
        "enforce_container_disk_quota": True})
    yield cluster
    cluster.stop()
    assert cluster.complaints() == []


@pytest.fixture
def scheduler(cluster):
    scheduler = Scheduler(cluster.address, checkpoint=True)
    scheduler.subscribe()
    yield scheduler
    scheduler.teardown()


def statistics(cluster, scheduler):
    rows = cluster.agents[-1].get("/monitor/statistics")
    return [row["statistics"] for row in rows if row["framework_id"] == scheduler.framework_id]


def test_use_is_measured(cluster, scheduler):
    offer = scheduler.offer()
    scheduler.accept(offer, [disk_task("writer", "dd if=/dev/zero of=data bs=1M count=3 && sync data && sleep 60", offer, 10)])
    scheduler.until("writer", ["TASK_RUNNING"])

    def measured():
        rows = statistics(cluster, scheduler)
        return rows[0] if rows and rows[0].get("disk_used_bytes", 0) >= 3 * MB else None
    row = wait_for(measured, 10, "three megabytes to be seen")
    assert row["disk_limit_bytes"] == 10 * MB
    assert row["disk_used_bytes"] < 4 * MB
    assert row["disk_statistics"] == [{"limit_bytes": 10 * MB, "used_bytes": row["disk_used_bytes"]}]
    scheduler.kill("writer")
    scheduler.until("writer", TERMINAL)


def test_too_much_ends_the_container(cluster, scheduler):
    offer = scheduler.offer()
    scheduler.accept(offer, [disk_task("glutton", "dd if=/dev/zero of=data bs=1M count=8; sleep 60", offer, 4),
                             disk_task("modest", "sleep 60", offer, 4)])
    last = [s for s in scheduler.until("glutton", TERMINAL) if s["task_id"]["value"] == "glutton"][-1]
    assert last["state"] == "TASK_FAILED"
    assert last["reason"] == "REASON_CONTAINER_LIMITATION_DISK"
    assert last["message"].startswith("Disk usage (") and last["message"].endswith(") exceeds quota (4MB)"), last
    # What is broken is all the disk of the container, its executor's own included.
    assert [(r["name"], r["scalar"]["value"]) for r in last["limitation"]["resources"]] == [("disk", 4.0)]
    time.sleep(0.3)
    assert len(statistics(cluster, scheduler)) == 1, "the neighbour goes on"
    scheduler.kill("modest")
    scheduler.until("modest", TERMINAL)


def test_no_disk_is_no_limit(cluster, scheduler):
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("free", "dd if=/dev/zero of=data bs=1M count=8; sleep 60", offer)])
    scheduler.until("free", ["TASK_RUNNING"])
    time.sleep(0.3)
    rows = statistics(cluster, scheduler)
    assert rows and "disk_limit_bytes" not in rows[0]
    scheduler.kill("free")
    scheduler.until("free", TERMINAL)


def test_links_lead_nowhere(cluster, scheduler, tmp_path):
    outside = tmp_path / "outside"
    outside.write_bytes(os.urandom(8 * MB))
    offer = scheduler.offer()
    command = f"ln -s {tmp_path} link; ln -s {outside} file; echo x > '[a]*?'; sleep 60"
    scheduler.accept(offer, [disk_task("linker", command, offer, 4)])
    scheduler.until("linker", ["TASK_RUNNING"])

    def measured():
        rows = statistics(cluster, scheduler)
        return rows[0] if rows and "disk_used_bytes" in rows[0] else None
    assert wait_for(measured)["disk_used_bytes"] < 1 * MB
    time.sleep(0.3)
    assert measured()["disk_used_bytes"] < 1 * MB
    scheduler.kill("linker")
    scheduler.until("linker", TERMINAL)


def test_limit_holds_after_the_agent_was_killed(cluster, scheduler):
    agent = cluster.agents[-1]
    offer = scheduler.offer()
    command = "while [ ! -e go ]; do sleep 0.1; done; dd if=/dev/zero of=data bs=1M count=8; sleep 60"
    scheduler.accept(offer, [disk_task("later", command, offer, 4)])
    scheduler.until("later", ["TASK_RUNNING"])
    agent.kill()
    agent.start()
    cluster.wait_agents(1)
    sandbox = cluster.sandbox(scheduler.framework_id, "later", agent=len(cluster.agents) - 1)
    with open(os.path.join(sandbox, "go"), "w", encoding="ascii"):
        pass
    last = scheduler.until("later", TERMINAL)[-1]
    assert (last["state"], last["reason"]) == ("TASK_FAILED", "REASON_CONTAINER_LIMITATION_DISK")
