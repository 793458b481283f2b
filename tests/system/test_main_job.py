# SPDX-License-Identifier: Apache-2.0
"""The main job through real daemons: launch, end, fail, kill, ask again, shut down, lose and find a scheduler."""
import json
import os
import queue
import time
import urllib.request

import pytest

from cluster import wait_for
from scheduler import TERMINAL, CallFailed, Scheduler, command_task, scalar


def test_a_task_finishes(cluster, scheduler):
    states, last = scheduler.run("t1", "echo out; echo err >&2; echo $MESOS_TASK_ID > env")
    assert states == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]
    assert last["message"] == "Command exited with status 0"
    assert last["source"] == "SOURCE_EXECUTOR"
    sandbox = cluster.sandbox(scheduler.framework_id, "t1")
    with open(sandbox + "/stdout", encoding="utf-8") as f:
        assert "out\n" in f.read()
    with open(sandbox + "/stderr", encoding="utf-8") as f:
        assert "err\n" in f.read()


@pytest.mark.parametrize("command, state, message", [
    ("exit 7", "TASK_FAILED", "Command exited with status 7"),
    ("kill -9 $$", "TASK_FAILED", "Command terminated with signal Killed"),
    ("kill -TERM $$", "TASK_FAILED", "Command terminated with signal Terminated"),
    ({"shell": False, "value": "/bin/echo", "arguments": ["echo", "a b"]}, "TASK_FINISHED",
     "Command exited with status 0"),
])
def test_how_a_task_ends(scheduler, command, state, message):
    states, last = scheduler.run("t", command)
    assert states[-1] == state
    assert last["message"] == message


def test_environment(cluster, scheduler):
    offer = scheduler.offer()
    task = command_task("env", {"value": "env", "environment": {"variables": [{"name": "GREETING", "value": "hello"}]}},
                        offer)
    scheduler.accept(offer, [task])
    scheduler.until("env", {"TASK_FINISHED"})
    with open(cluster.sandbox(scheduler.framework_id, "env") + "/stdout", encoding="utf-8") as f:
        out = f.read()
    assert "GREETING=hello\n" in out
    assert f"MESOS_FRAMEWORK_ID={scheduler.framework_id}\n" in out
    assert "MESOS_SANDBOX=" in out


def test_a_uri_is_fetched(cluster, scheduler, tmp_path):
    script = tmp_path / "hello.sh"
    script.write_text("#!/bin/sh\necho fetched $1\n")
    script.chmod(0o644)
    offer = scheduler.offer()
    task = command_task("uri", {"value": "./hello.sh and run",
                                "uris": [{"value": str(script), "executable": True}]}, offer)
    scheduler.accept(offer, [task])
    assert scheduler.until("uri", TERMINAL)[-1]["state"] == "TASK_FINISHED"
    with open(cluster.sandbox(scheduler.framework_id, "uri") + "/stdout", encoding="utf-8") as f:
        assert "fetched and\n" in f.read()


def test_a_uri_that_is_not_there(scheduler):
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("nouri", {"value": "true", "uris": [{"value": "/nowhere/x"}]}, offer)])
    last = scheduler.until("nouri", TERMINAL)[-1]
    assert last["state"] == "TASK_FAILED"
    assert last["reason"] in ("REASON_CONTAINER_LAUNCH_FAILED", "REASON_EXECUTOR_TERMINATED")


def test_kill(scheduler):
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("k", "sleep 1000", offer)])
    scheduler.until("k", {"TASK_RUNNING"})
    scheduler.kill("k")
    last = scheduler.until("k", TERMINAL)[-1]
    assert (last["state"], last["message"]) == ("TASK_KILLED", "Command terminated with signal Terminated")


def test_kill_right_at_the_start(scheduler):
    """The signal may find a child that is not yet the command: it must not be swallowed."""
    for i in range(20):
        offer = scheduler.offer()
        scheduler.accept(offer, [command_task(f"early{i}", "sleep 1000", offer)])
        scheduler.until(f"early{i}", {"TASK_RUNNING"})
        scheduler.kill(f"early{i}")
        last = scheduler.until(f"early{i}", TERMINAL)[-1]
        assert (last["state"], last["message"]) == ("TASK_KILLED", "Command terminated with signal Terminated")


def test_kill_policy_gives_grace(scheduler):
    offer = scheduler.offer()
    task = command_task("grace", "trap '' TERM; while true; do sleep 0.1; done", offer,
                        kill_policy={"grace_period": {"nanoseconds": 500000000}})
    scheduler.accept(offer, [task])
    scheduler.until("grace", {"TASK_RUNNING"})
    time.sleep(0.3)
    start = time.monotonic()
    scheduler.kill("grace")
    assert scheduler.until("grace", TERMINAL)[-1]["state"] == "TASK_KILLED"
    assert 0.4 < time.monotonic() - start < 30


def test_kill_of_an_unknown_task(scheduler):
    scheduler.offer()
    scheduler.kill("nobody")
    status = scheduler.update("nobody")
    assert status["state"] == "TASK_LOST"
    assert status["reason"] == "REASON_RECONCILIATION"


def test_many_tasks_at_once(scheduler):
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task(f"m{i}", "true", offer, cpus=0.05) for i in range(40)])
    done = {}
    while len(done) < 40:
        status = scheduler.update()
        if status["state"] in TERMINAL:
            done[status["task_id"]["value"]] = status["state"]
    assert set(done.values()) == {"TASK_FINISHED"}


def test_resources_come_back(scheduler):
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("all", "sleep 0.2", offer, cpus=4, mem=4000)])
    assert scheduler.until("all", TERMINAL)[-1]["state"] == "TASK_FINISHED"

    def whole():
        again = scheduler.offer()
        cpus = [r["scalar"]["value"] for r in again["resources"] if r["name"] == "cpus"]
        scheduler.decline(again)
        return cpus == [4]
    wait_for(whole, 15, "a whole offer")


def test_reconcile(scheduler):
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("r", "sleep 1000", offer)])
    scheduler.until("r", {"TASK_RUNNING"})
    scheduler.call("RECONCILE", reconcile={"tasks": []})
    status = scheduler.update("r")
    assert (status["state"], status["reason"]) == ("TASK_RUNNING", "REASON_RECONCILIATION")
    assert status["message"] == "Reconciliation: Latest task state"
    assert "uuid" not in status
    scheduler.call("RECONCILE", reconcile={"tasks": [{"task_id": {"value": "r"}, "agent_id": offer["agent_id"]},
                                                     {"task_id": {"value": "gone"}}]})
    seen = {s["task_id"]["value"]: s["state"] for s in (scheduler.update(), scheduler.update())}
    assert seen == {"r": "TASK_RUNNING", "gone": "TASK_LOST"}


def test_decline_and_revive(scheduler):
    scheduler.decline(scheduler.offer(), 3600)
    with pytest.raises(queue.Empty):
        scheduler.offer(2)
    scheduler.call("REVIVE")
    offer = scheduler.offer()
    scheduler.call("SUPPRESS")
    scheduler.decline(offer)
    with pytest.raises(queue.Empty):
        scheduler.offer(2)
    scheduler.call("REVIVE")
    scheduler.offer()


def test_an_update_that_nobody_acknowledges_comes_again(make_cluster):
    cluster = make_cluster()
    scheduler = Scheduler(cluster.address, acknowledge=False).subscribe()
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("u", "true", offer)])
    first, second = scheduler.update("u"), scheduler.update("u")
    assert first["state"] == second["state"] == "TASK_STARTING"
    assert first["uuid"] == second["uuid"]
    scheduler.ack(second)
    assert scheduler.update("u")["state"] == "TASK_RUNNING"
    scheduler.teardown()


def test_a_scheduler_comes_back(cluster):
    """Its stream is cut, its task goes on, and within failover_timeout it finds everything again."""
    scheduler = Scheduler(cluster.address, failover_timeout=60.0).subscribe()
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("stay", "sleep 1000", offer)])
    scheduler.until("stay", {"TASK_RUNNING"})
    scheduler.disconnect()
    known = wait_for(lambda: [f for f in cluster.master.get("/frameworks")["frameworks"] if not f["connected"]], 10,
                     "the master to notice")
    assert known[0]["id"] == scheduler.framework_id
    old = scheduler.framework_id
    scheduler.subscribe()
    assert scheduler.framework_id == old
    scheduler.call("RECONCILE", reconcile={"tasks": []})
    assert scheduler.update("stay")["state"] == "TASK_RUNNING"
    scheduler.offer()
    scheduler.teardown()


def test_a_newer_connection_wins(cluster):
    first = Scheduler(cluster.address, failover_timeout=60.0).subscribe()
    second = Scheduler(cluster.address, failover_timeout=60.0)
    second.framework_id = first.framework_id
    second.subscribe(force=True)
    error = first.others.get(timeout=60)
    assert error["type"] == "ERROR"
    assert error["error"]["message"] == "Framework failed over"
    assert first.ended.wait(60)
    second.offer()
    second.teardown()


def test_without_failover_timeout_everything_ends(cluster):
    scheduler = Scheduler(cluster.address).subscribe()
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("gone", "sleep 1000", offer)])
    scheduler.until("gone", {"TASK_RUNNING"})
    scheduler.disconnect()
    wait_for(lambda: not cluster.master.get("/frameworks")["frameworks"], 10, "the framework to be removed")
    wait_for(lambda: not cluster.leftovers(), 15, "its task to end")


def test_teardown(cluster, scheduler):
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("t", "sleep 1000", offer)])
    scheduler.until("t", {"TASK_RUNNING"})
    scheduler.teardown()
    ended = wait_for(lambda: cluster.master.get("/frameworks")["completed_frameworks"], 10, "the framework to be over")
    assert ended[0]["completed_tasks"][0]["state"] == "TASK_KILLED"
    wait_for(lambda: not cluster.leftovers(), 15, "its task to end")


def test_two_frameworks_share(make_cluster):
    cluster = make_cluster(agents=2)
    first, second = (Scheduler(cluster.address, name=n).subscribe() for n in ("a", "b"))
    for scheduler in (first, second):
        states, _ = scheduler.run("x", "true", timeout=30)
        assert states[-1] == "TASK_FINISHED"
    first.teardown()
    second.teardown()


def test_static_reservations(make_cluster):
    cluster = make_cluster(agent_flags={"resources": "cpus(prod):2;mem(prod):512;cpus:1;mem:256;disk:100"})

    def scalars(offer):
        return {r["name"]: r["scalar"]["value"] for r in offer["resources"] if r["type"] == "SCALAR"}
    plain = Scheduler(cluster.address, name="plain").subscribe()
    offer = plain.offer()
    assert scalars(offer) == {"cpus": 1, "mem": 256, "disk": 100}
    prod = Scheduler(cluster.address, name="prod", roles=["prod"]).subscribe()
    offer = prod.offer()
    assert scalars(offer) == {"cpus": 2, "mem": 512}
    assert offer["allocation_info"] == {"role": "prod"}
    task = command_task("p", "true", offer)
    task["resources"] = [scalar("cpus", 1, role="prod"), scalar("mem", 64, role="prod")]
    prod.accept(offer, [task])
    assert prod.until("p", TERMINAL)[-1]["state"] == "TASK_FINISHED"
    plain.teardown()
    prod.teardown()


def test_offers_expire(make_cluster):
    cluster = make_cluster(master_flags={"offer_timeout": "1secs"})
    scheduler = Scheduler(cluster.address).subscribe()
    offer = scheduler.offer()
    event = scheduler.others.get(timeout=60)
    assert event == {"type": "RESCIND", "rescind": {"offer_id": offer["id"]}}
    scheduler.offer()
    scheduler.teardown()


def test_state_shows_it(cluster, scheduler):
    states, _ = scheduler.run("seen", "true")
    assert states[-1] == "TASK_FINISHED"

    def completed():
        frameworks = cluster.master.get("/state")["frameworks"]
        return frameworks[0]["completed_tasks"]
    task = wait_for(completed, 10, "the task to be history")[0]
    assert task["id"] == "seen"
    assert [s["state"] for s in task["statuses"]] == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]
    metrics = cluster.master.get("/metrics/snapshot")
    assert metrics["master/tasks_finished"] == 1
    assert metrics["master/slaves_active"] == 1
    agent_state = cluster.agents[0].get("/state")
    assert agent_state["id"] == cluster.master.get("/slaves")["slaves"][0]["id"]


def test_files_are_served(cluster, scheduler):
    scheduler.run("f", "echo served")
    sandbox = os.path.realpath(cluster.sandbox(scheduler.framework_id, "f"))
    shown = cluster.sandbox(scheduler.framework_id, "f").replace("latest", os.path.basename(sandbox))
    agent = cluster.agents[0]
    names = {os.path.basename(entry["path"]) for entry in agent.get("/files/browse?path=" + shown)}
    assert {"stdout", "stderr"} <= names
    part = agent.get(f"/files/read?path={shown}/stdout&offset=0&length=10000")
    assert "served\n" in part["data"]
    with urllib.request.urlopen(f"{agent.url}/files/download?path={shown}/stdout", timeout=5) as answer:
        assert b"served\n" in answer.read()


def test_an_agent_that_is_gone(make_cluster):
    cluster = make_cluster(master_flags={"agent_ping_timeout": "1secs", "max_agent_ping_timeouts": "2"})
    aware = Scheduler(cluster.address, checkpoint=True,
                      capabilities=[{"type": "MULTI_ROLE"}, {"type": "PARTITION_AWARE"}]).subscribe()
    plain = Scheduler(cluster.address, name="plain")
    for scheduler in (aware, plain):
        if scheduler is plain:
            plain.subscribe()
        offer = scheduler.offer()
        scheduler.accept(offer, [command_task("lost", "sleep 1000", offer, cpus=1)], refuse_seconds=3600)
        scheduler.until("lost", {"TASK_RUNNING"})
    start = time.monotonic()
    cluster.agents[0].kill()
    # What nobody checkpoints is lost with the connection; the rest has the time of the pings.
    assert plain.until("lost", {"TASK_LOST"})[-1]["reason"] == "REASON_AGENT_DISCONNECTED"
    last = aware.until("lost", {"TASK_UNREACHABLE"})[-1]
    assert last["reason"] == "REASON_AGENT_REMOVED"
    assert time.monotonic() - start > 1
    assert "unreachable_time" in last
    failure = aware.others.get(timeout=60)
    assert failure["type"] == "FAILURE" and "agent_id" in failure["failure"]
    aware.teardown()
    plain.teardown()


def test_the_command_line(cluster):
    done = cluster.tool("execute", "--command=echo from the tool", "--name=tool")
    assert "TASK_FINISHED" in done.stdout + done.stderr
    assert cluster.tool("ps").returncode == 0
    assert json.loads(cluster.tool("state").stdout)["activated_slaves"] == 1
    assert cluster.tool("resolve", cluster.address).stdout.strip() == cluster.address


def test_a_bad_stream_id_is_refused(scheduler):
    good = scheduler.stream_id
    scheduler.stream_id = "00000000-0000-0000-0000-000000000000"
    with pytest.raises(CallFailed) as refused:
        scheduler.call("REVIVE")
    assert refused.value.status == 400
    scheduler.stream_id = good
    scheduler.call("REVIVE")
