# SPDX-License-Identifier: Apache-2.0
"""The recorded days of Mesos's default executor and of checks under its command executor, lived again: the same groups
and kills, and each task's updates compared field by field with what Mesos sent."""
import glob
import json
import os
import time

import pytest

from cluster import free_port, wait_for
from replay import FACTS, records, split
from scheduler import TERMINAL, Scheduler

GROUPS, CHECKS = "05-launch-group-default-executor", "05b-command-executor-checks"


def body_of(folder, label):
    path, = glob.glob(os.path.join(FACTS, folder, f"*--{label}.req"))
    with open(path, "rb") as f:
        return json.loads(f.read().partition(b"\r\n\r\n")[2])


def recorded_updates(folder):
    path, = glob.glob(os.path.join(FACTS, folder, "*--subscribe.res"))
    with open(path, "rb") as f:
        events = [json.loads(r) for r in records(split(f.read())[2])]
    found = {}
    for event in events:
        if event["type"] == "UPDATE":
            status = event["update"]["status"]
            found.setdefault(status["task_id"]["value"], []).append(status)
    return found


def kind(status):
    """What an update says, without what differs from run to run."""
    return {key: status.get(key) for key in ("state", "reason", "message", "source", "healthy")}


def by_reason(statuses, reason):
    return [s for s in statuses if s.get("reason") == reason]


def shape(status):
    """Names of members; a container's own while it runs (before and after, Mesos's answers depend on the moment)."""
    members = {key for key in status if key not in ("received", "container_status")}
    container = status["container_status"] if status["state"] == "TASK_RUNNING" else {}
    return members, set(container), set(status["container_status"]["container_id"])


def same_updates(ours, theirs):
    """Both lives of one task: its states, then its health and its check in their orders (which are not one order)."""
    assert [kind(s) for s in ours if "reason" not in s] == [kind(s) for s in theirs if "reason" not in s]
    health, check = "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED", "REASON_TASK_CHECK_STATUS_UPDATED"
    assert [s["healthy"] for s in by_reason(ours, health)] == [s["healthy"] for s in by_reason(theirs, health)]
    our_checks, their_checks = ([s["check_status"] for s in by_reason(x, check)] for x in (ours, theirs))
    if our_checks != their_checks:  # a check of the clock's: it changes all the time, and begins anywhere
        assert len(their_checks) > 2 and len(our_checks) >= 1
        assert all(s in their_checks for s in our_checks)
    for one, other in zip([s for s in ours if "reason" not in s], [s for s in theirs if "reason" not in s]):
        assert shape(one) == shape(other)
        assert one.get("check_status") == other.get("check_status")


class Life:
    """Sends what was recorded, with our ids and a port that is free here."""

    def __init__(self, cluster, folder, ports):
        self.folder, self.theirs = folder, recorded_updates(folder)
        subscribe = body_of(folder, "subscribe")["subscribe"]["framework_info"]
        self.client = Scheduler(cluster.address, **subscribe).subscribe()
        self.ports = ports

    def accept(self, label):
        offer = self.client.offer()
        operations = body_of(self.folder, label)["accept"]["operations"]
        for operation in operations:
            launch = operation.get("launch_group") or operation["launch"]
            if "executor" in launch:
                launch["executor"]["framework_id"] = {"value": self.client.framework_id}
            for task in launch.get("task_infos") or launch["task_group"]["tasks"]:
                task["agent_id"] = offer["agent_id"]
                for their, our in self.ports.items():
                    task["command"]["value"] = task["command"]["value"].replace(str(their), str(our))
                    for check in [task.get("check", {}), task.get("health_check", {})]:
                        for part in ("http", "tcp"):
                            if check.get(part, {}).get("port") == their:
                                check[part]["port"] = our
        self.client.accept(offer, None, operations=operations)

    def updates(self, task_id):
        return [s for s in self.client.history if s["task_id"]["value"] == task_id]

    def wait(self, task_id, states=TERMINAL, timeout=30):
        return wait_for(lambda: next((s for s in self.updates(task_id) if s["state"] in states), None), timeout,
                        f"{task_id} to become one of {states}: {self.updates(task_id)}")

    def wait_count(self, task_id, count):
        wait_for(lambda: len(self.updates(task_id)) >= count, 30, f"{count} updates of {task_id}")

    def compare(self, *task_ids):
        for task_id in task_ids:
            same_updates(self.updates(task_id), self.theirs[task_id])


@pytest.fixture
def groups(cluster):
    life = Life(cluster, GROUPS, {31005: free_port()})
    yield life
    life.client.teardown()


def test_groups(groups, cluster):
    groups.accept("group-both-finish")
    groups.accept("group-one-fails")
    groups.accept("group-with-checks")
    for task in ("g1-a", "g1-b", "g2-fail", "g2-other"):
        groups.wait(task)
    failures = [groups.client.others.get(timeout=60) for _ in range(2)]
    assert {(f["type"], f["failure"]["executor_id"]["value"], f["failure"]["status"]) for f in failures} == {
        ("FAILURE", "de-1", 0), ("FAILURE", "de-2", 0)}
    groups.wait_count("g3-check", len(groups.theirs["g3-check"]) - 1)
    groups.wait_count("g3-http", len(groups.theirs["g3-http"]) - 1)
    groups.client.call("KILL", kill=body_of(GROUPS, "kill-g3-check")["kill"])
    groups.wait("g3-http")
    groups.wait("g3-check")
    groups.compare("g1-a", "g1-b", "g2-fail", "g2-other", "g3-http", "g3-check")


def test_agent_restart_and_second_group(groups, cluster):
    groups.accept("group-agent-restart")
    groups.wait("g4", {"TASK_RUNNING"})
    cluster.agents[0].kill()
    time.sleep(0.3)
    cluster.agents[0].start()
    while not groups.client.offers.empty():
        groups.client.offers.get()
    groups.accept("second-group-same-executor")
    groups.wait("g4b", {"TASK_RUNNING"})
    shutdown = body_of(GROUPS, "shutdown-executor")["shutdown"]
    shutdown["agent_id"] = groups.updates("g4")[0]["agent_id"]
    groups.client.call("SHUTDOWN", shutdown=shutdown)
    groups.wait("g4")
    groups.wait("g4b")
    groups.compare("g4", "g4b")


def test_checks_of_command_tasks(cluster):
    life = Life(cluster, CHECKS, {31008: free_port(), 31009: free_port()})
    life.accept("launch-health-check-fails-later")
    life.accept("launch-command-check")
    life.accept("launch-tcp-health-unreachable-and-http-check")
    life.wait_count("ck", 4)
    life.client.call("KILL", kill=body_of(CHECKS, "kill-ck")["kill"])
    for task in ("hc", "ck", "nohc"):
        life.wait(task)
    life.wait_count("httpck", len(life.theirs["httpck"]))
    life.compare("hc", "ck", "nohc", "httpck")
    life.client.teardown()
