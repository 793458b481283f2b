# SPDX-License-Identifier: Apache-2.0
"""What schedulers are told when an agent is lost, comes back, leaves for good, or when the master itself was replaced.

Texts and reasons are those of the golden exchanges (02c and 01): one framework that knows partitions, one that does not.
"""
import os
import signal

import pytest

from cluster import wait_for
from scheduler import Scheduler, command_task

LOST = {"agent_ping_timeout": "1secs", "offer_timeout": "1secs", "max_agent_ping_timeouts": 2, "allocation_interval": "50ms"}


def subscribe(cluster, name, aware):
    capabilities = [{"type": "MULTI_ROLE"}] + ([{"type": "PARTITION_AWARE"}] if aware else [])
    return Scheduler(cluster.address, name=name, failover_timeout=600.0, checkpoint=True,
                     capabilities=capabilities).subscribe()


def launch(scheduler, task_id):
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task(task_id, "sleep 300", offer)])
    scheduler.until(task_id, {"TASK_RUNNING"})


@pytest.fixture
def two(make_cluster):
    cluster = make_cluster(master_flags=LOST)
    aware = subscribe(cluster, "aware", True)
    launch(aware, "aware")
    aware.call("SUPPRESS")
    plain = subscribe(cluster, "plain", False)
    launch(plain, "plain")
    yield cluster, aware, plain
    for scheduler in (aware, plain):
        scheduler.teardown()


def said_by_master(scheduler, task_id, state, timeout=20):
    def last():
        return next((s for s in reversed(list(scheduler.history)) if s["task_id"]["value"] == task_id
                     and s.get("source") == "SOURCE_MASTER" and s["state"] == state), None)
    return wait_for(last, timeout, f"{state} of {task_id}")


def failure(scheduler):
    while True:
        event = scheduler.others.get(timeout=60)
        if event["type"] == "FAILURE":
            return event["failure"]


def test_unreachable_and_back(two):
    cluster, aware, plain = two
    agent = cluster.agents[0]
    agent_id = cluster.wait_agents(1)[0]["id"]
    agent.process.send_signal(signal.SIGSTOP)
    try:
        status = said_by_master(aware, "aware", "TASK_UNREACHABLE")
        assert status["message"] == "health check timed out"
        assert status["reason"] == "REASON_AGENT_REMOVED" and status["agent_id"]["value"] == agent_id
        assert status["unreachable_time"]["nanoseconds"] > 0 and "uuid" not in status
        status = said_by_master(plain, "plain", "TASK_LOST")
        assert status["message"] == "health check timed out" and status["reason"] == "REASON_AGENT_REMOVED"
        assert failure(aware) == {"agent_id": {"value": agent_id}} == failure(plain)
        state = cluster.master.get("/state")
        assert state["slaves"] == [] and state["unreachable_slaves"] == 1
        tasks = {t["id"]: t["state"] for f in state["frameworks"] for t in f["unreachable_tasks"]}
        assert tasks == {"aware": "TASK_UNREACHABLE", "plain": "TASK_LOST"}
        aware.history.clear()
        aware.call("RECONCILE", reconcile={"tasks": [{"task_id": {"value": "aware"}}]})  # Mesos: TASK_UNKNOWN
        status = said_by_master(aware, "aware", "TASK_UNREACHABLE")
        assert status["message"] == "Reconciliation: Task is unreachable" and status["unreachable_time"]
        assert status["agent_id"]["value"] == agent_id
        aware.history.clear()
        aware.call("RECONCILE", reconcile={"tasks": [{"task_id": {"value": "aware"}, "agent_id": {"value": agent_id}}]})
        status = said_by_master(aware, "aware", "TASK_UNREACHABLE")
        assert status["message"] == "Reconciliation: Task is unreachable" and status["unreachable_time"]
    finally:
        agent.process.send_signal(signal.SIGCONT)
    for scheduler, task in ((aware, "aware"), (plain, "plain")):
        status = said_by_master(scheduler, task, "TASK_RUNNING", 40)
        assert status["message"] == "Unreachable agent re-reregistered"
        assert status["reason"] == "REASON_AGENT_REREGISTERED" and status["container_status"]["container_id"]
    assert cluster.wait_agents(1)[0]["id"] == agent_id
    state = cluster.master.get("/state")
    assert {t["id"] for f in state["frameworks"] for t in f["tasks"]} == {"aware", "plain"}
    assert not any(f["unreachable_tasks"] for f in state["frameworks"])


def test_an_agent_that_leaves(two):
    cluster, aware, plain = two
    agent_id = cluster.wait_agents(1)[0]["id"]
    cluster.agents[0].process.send_signal(signal.SIGUSR1)
    for scheduler, task, state in ((aware, "aware", "TASK_GONE"), (plain, "plain", "TASK_LOST")):  # Mesos: TASK_LOST to both
        status = said_by_master(scheduler, task, state)
        assert status["message"] == "Agent localhost removed: the agent unregistered"
        assert status["reason"] == "REASON_AGENT_REMOVED"
        assert failure(scheduler) == {"agent_id": {"value": agent_id}}
    assert cluster.master.get("/slaves")["slaves"] == []
    aware.call("RECONCILE", reconcile={"tasks": [{"task_id": {"value": "aware"}, "agent_id": {"value": agent_id}}]})
    assert said_by_master(aware, "aware", "TASK_UNKNOWN")["message"] == "Reconciliation: Task is unknown"


def test_without_checkpoint_a_broken_connection_ends_tasks(make_cluster):
    cluster = make_cluster(master_flags=LOST)
    scheduler = Scheduler(cluster.address, failover_timeout=600.0).subscribe()
    launch(scheduler, "fleeting")
    os.kill(cluster.agents[0].process.pid, signal.SIGKILL)
    status = said_by_master(scheduler, "fleeting", "TASK_LOST")
    assert status["reason"] == "REASON_AGENT_DISCONNECTED" and "disconnected" in status["message"]
    scheduler.teardown()


def test_a_new_master_finds_everything(make_cluster):
    """kill -9 of the master: agents come back under their ids, the framework under its own, tasks with them."""
    cluster = make_cluster(master_flags={**LOST, "registry": "local"})
    scheduler = Scheduler(cluster.address, failover_timeout=600.0, checkpoint=True).subscribe()
    launch(scheduler, "stays")
    agent_id, former = cluster.wait_agents(1)[0]["id"], cluster.master.get("/state")["id"]
    cluster.master.process.kill()
    cluster.master.process.wait()
    cluster.master.start()
    state = cluster.master.get("/state")
    assert state["id"] != former
    assert [a["id"] for a in state["recovered_slaves"]] + [a["id"] for a in state["slaves"]] == [agent_id]
    assert cluster.wait_agents(1)[0]["id"] == agent_id
    framework = cluster.master.get("/frameworks")["frameworks"][0]
    assert framework["id"] == scheduler.framework_id and framework["recovered"] and not framework["connected"]
    assert [t["id"] for t in framework["tasks"]] == ["stays"]
    scheduler.disconnect()
    scheduler.subscribe()
    framework = cluster.master.get("/frameworks")["frameworks"][0]
    assert framework["connected"] and not framework["recovered"]
    scheduler.history.clear()
    scheduler.call("RECONCILE", reconcile={"tasks": []})
    status = said_by_master(scheduler, "stays", "TASK_RUNNING")
    assert status["message"] == "Reconciliation: Latest task state"
    scheduler.kill("stays")
    scheduler.until("stays", {"TASK_KILLED"})
    scheduler.teardown()
