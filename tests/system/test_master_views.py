# SPDX-License-Identifier: Apache-2.0
"""The older endpoints show what Apache's show: same members, same order, same types, for the same cluster.

The recorded cluster is made again: one agent with attributes, a framework with a task that is done and one that runs, a
second one with two roles, and one that was torn down.
"""
import glob
import json
import os

import pytest

from cluster import wait_for
from scheduler import Scheduler, command_task

FACTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "facts", "traces",
                     "07-legacy-endpoints")
# Members of these objects depend on what is there, not on the endpoint.
AMOUNTS = ("resources", "used_resources", "offered_resources", "unreserved_resources", "reserved_resources",
           "reserved_resources_full", "flags", "consumed", "allocated", "offered", "reserved", "guarantee", "limit")


def recorded(name):
    path = next(iter(glob.glob(os.path.join(FACTS, f"*--{name}.res"))))
    with open(path, "rb") as f:
        return json.loads(f.read().partition(b"\r\n\r\n")[2])


@pytest.fixture
def busy(make_cluster):
    cluster = make_cluster(master_flags={"allocation_interval": "50ms", "cluster": "traces"},
                           agent_flags={"attributes": "rack:r1;zone:z1;speed:10"})
    web = Scheduler(cluster.address, name="fw-web", roles=["web"], failover_timeout=600.0, checkpoint=True,
                    hostname="sched.example", webui_url="http://sched.example:8080/",
                    capabilities=[{"type": "MULTI_ROLE"}, {"type": "PARTITION_AWARE"}],
                    labels={"labels": [{"key": "team", "value": "t1"}]}).subscribe()
    offer = web.offer()
    web.accept(offer, [command_task("done", "true", offer)])
    web.until("done", {"TASK_FINISHED"})
    wait_for(lambda: any(t["id"] == "done" for t in cluster.master.get("/frameworks")["frameworks"][0]["completed_tasks"]))
    offer = web.offer()
    web.accept(offer, [command_task("running", "sleep 100", offer, labels={"labels": [{"key": "a", "value": "b"}]},
                                    discovery={"visibility": "CLUSTER", "name": "run"})])
    web.until("running", {"TASK_RUNNING"})
    batch = Scheduler(cluster.address, name="fw-batch", roles=["batch", "ops/x"], failover_timeout=60.0).subscribe()
    old = Scheduler(cluster.address, name="fw-old", failover_timeout=60.0).subscribe()
    old.teardown()

    def offered():
        frameworks = cluster.master.get("/frameworks")["frameworks"]
        return any(f["offers"] for f in frameworks)
    wait_for(offered)
    yield cluster
    web.teardown()
    batch.teardown()


def kind(value):
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def compare(ours, theirs, path, wrong):
    if kind(ours) != kind(theirs):
        wrong.append(f"{path}: {ours!r} is no {kind(theirs)}")
    elif isinstance(theirs, dict):
        name = path.rpartition(".")[2]
        if name in AMOUNTS:
            for key in ours:
                if key in theirs:
                    compare(ours[key], theirs[key], f"{path}.{key}", wrong)
            return
        mine = [key for key in ours if key != "cmesos_version"]
        # Recordings of another build know where it came from.
        other = [key for key in theirs if key not in ("git_sha", "git_branch", "git_tag", "log_dir")]
        if mine != other:
            wrong.append(f"{path}: members {mine} are not {other}")
        for key in other:
            if key in ours:
                compare(ours[key], theirs[key], f"{path}.{key}", wrong)
    elif isinstance(theirs, list) and theirs:
        for i, item in enumerate(ours):
            compare(item, similar(item, theirs), f"{path}[{i}]", wrong)


def similar(item, theirs):
    """The recorded element that is about the same thing."""
    if isinstance(item, dict):
        for key in ("name", "id", "state"):
            for other in theirs:
                if key in item and item[key] == other.get(key):
                    return other
    return theirs[0]


@pytest.mark.parametrize("path, name", [("/state", "m_state"), ("/master/state", "m_state"),
                                        ("/state-summary", "m_state-summary"), ("/slaves", "m_slaves"),
                                        ("/frameworks", "m_frameworks"), ("/tasks", "m_tasks"), ("/roles", "m_roles")])
def test_same_shape(busy, path, name):
    ours, theirs, wrong = busy.master.get(path), recorded(name), []
    compare(ours, theirs, "", wrong)
    for key, value in theirs.items():
        if isinstance(value, list) and value and key != "capabilities":  # what is not built is not claimed
            assert len(ours[key]) >= len(value), f"{key}: {len(ours[key])} entries, {len(value)} were recorded"
    assert not wrong, "\n".join(wrong)


def test_amounts(busy):
    state = busy.master.get("/state")
    agent = state["slaves"][0]
    assert agent["attributes"] == {"rack": "r1", "zone": "z1", "speed": 10.0}
    assert agent["resources"] == {"disk": 10000.0, "mem": 4096.0, "gpus": 0.0, "cpus": 4.0, "ports": "[31000-32000]"}
    assert agent["used_resources"] == {"disk": 0.0, "mem": 32.0, "gpus": 0.0, "cpus": 0.1}
    web = next(f for f in state["frameworks"] if f["name"] == "fw-web")
    assert [t["id"] for t in web["tasks"]] == ["running"]
    assert [(t["id"], t["state"]) for t in web["completed_tasks"]] == [("done", "TASK_FINISHED")]
    assert [s["state"] for s in web["completed_tasks"][0]["statuses"]] == ["TASK_STARTING", "TASK_RUNNING",
                                                                          "TASK_FINISHED"]
    assert [f["name"] for f in state["completed_frameworks"]] == ["fw-old"]
    summary = busy.master.get("/state-summary")
    assert summary["slaves"][0]["TASK_RUNNING"] == 1 and summary["slaves"][0]["TASK_FINISHED"] == 1
    assert summary["slaves"][0]["framework_ids"] == [web["id"]]


def test_filters(busy):
    agent = busy.master.get("/slaves")["slaves"][0]["id"]
    assert len(busy.master.get("/slaves?slave_id=" + agent)["slaves"]) == 1
    assert busy.master.get("/slaves?slave_id=nosuch") == {"slaves": [], "recovered_slaves": []}
    web = next(f for f in busy.master.get("/frameworks")["frameworks"] if f["name"] == "fw-web")["id"]
    assert len(busy.master.get("/frameworks?framework_id=" + web)["frameworks"]) == 1
    assert busy.master.get("/frameworks?framework_id=nosuch")["frameworks"] == []

    def ids(query):
        return [t["id"] for t in busy.master.get("/tasks" + query)["tasks"]]
    assert ids("") == ["running", "done"]
    assert ids("?limit=1") == ["running"] and ids("?offset=1") == ["done"] and ids("?limit=1&offset=1") == ["done"]
    assert ids("?order=asc") == ["done", "running"]
    for absurd in ("?order=zz", "?limit=abc", "?limit=-1"):
        assert ids(absurd) == ["running", "done"]
    assert ids("?framework_id=nosuch") == [] and ids("?task_id=running") == ["running"]


def test_tasks_are_ordered_by_time(make_cluster):
    """By their first status, over all frameworks and whatever became of them."""
    cluster = make_cluster(master_flags={"allocation_interval": "50ms", "offer_timeout": "500ms"})
    schedulers = []
    for name in "abcd":
        scheduler = Scheduler(cluster.address, name=name).subscribe()
        schedulers.append(scheduler)
        offer = scheduler.offer()
        scheduler.accept(offer, [command_task(name, "sleep 100" if name == "b" else "true", offer)])
        scheduler.until(name, {"TASK_RUNNING" if name == "b" else "TASK_FINISHED"})
        scheduler.call("SUPPRESS")  # what it was offered goes to the next one

    def ids(query):
        return "".join(t["id"] for t in cluster.master.get("/tasks" + query)["tasks"])
    assert ids("") == ids("?order=desc") == "dcba" and ids("?order=asc") == "abcd"
    assert ids("?limit=2") == "dc" and ids("?limit=2&offset=1") == "cb" and ids("?offset=3&limit=9") == "a"
    assert ids("?order=asc&limit=1") == "a" and ids("?order=asc&limit=2&offset=2") == "cd"
    assert ids("?limit=0") == ids("?offset=4") == ids("?offset=18446744073709551614&limit=18446744073709551614") == ""
    for scheduler in schedulers:
        scheduler.teardown()
    assert ids("?order=asc") == "abcd"


def test_metrics(busy):
    metrics = busy.master.get("/metrics/snapshot")
    assert metrics["master/elected"] == 1 and metrics["master/uptime_secs"] > 0
    assert metrics["master/slaves_active"] == 1 and metrics["master/frameworks_active"] == 2
    assert metrics["master/tasks_running"] == 1 and metrics["master/tasks_finished"] == 1
    assert (metrics["master/cpus_total"], metrics["master/cpus_used"], metrics["master/cpus_percent"]) == (4, 0.1, 0.025)
    assert metrics["master/mem_used"] == 32 and metrics["master/messages_register_slave"] >= 1
    web = next(f for f in busy.master.get("/frameworks")["frameworks"] if f["name"] == "fw-web")["id"]
    assert metrics[f"master/frameworks/fw-web/{web}/calls/accept"] == 2
    assert metrics[f"master/frameworks/fw-web/{web}/tasks/active/task_running"] == 1
    assert metrics[f"master/frameworks/fw-web/{web}/tasks/terminal/task_finished"] == 1
