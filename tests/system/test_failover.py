# SPDX-License-Identifier: Apache-2.0
"""Masters, agents and schedulers of real daemons that go, come back and take over from each other: what is told to a framework
that knows partitions and to one that does not.
"""
import os
import re
import shutil
import signal
import socket

import pytest

from cluster import wait_for
from libprocess import Peer, make
from scheduler import CallFailed, Scheduler, command_task

QUICK = {"agent_ping_timeout": "1secs", "max_agent_ping_timeouts": 3, "allocation_interval": "50ms"}
PATIENCE = 60


def subscribed(cluster, name, aware, **info):
    capabilities = [{"type": "MULTI_ROLE"}] + ([{"type": "PARTITION_AWARE"}] if aware else [])
    return Scheduler(cluster.address, name=name, checkpoint=True, capabilities=capabilities,
                     **{"failover_timeout": 600.0, **info}).subscribe()


def launch(scheduler, task_id, command="sleep 1000"):
    """Runs it on the next offer, then leaves the others to others."""
    scheduler.call("REVIVE")
    offer = scheduler.offer(PATIENCE)
    scheduler.accept(offer, [command_task(task_id, command, offer)], refuse_seconds=3600)
    scheduler.call("SUPPRESS")
    scheduler.until(task_id, {"TASK_RUNNING"}, PATIENCE)
    return offer["agent_id"]["value"]


def of_task(scheduler, task_id):
    return [s for s in list(scheduler.history) if s["task_id"]["value"] == task_id]


def told(scheduler, task_id, state, source="SOURCE_MASTER", since=0):
    def last():
        return next((s for s in reversed(of_task(scheduler, task_id)[since:])
                     if s["state"] == state and s.get("source") == source), None)
    return wait_for(last, PATIENCE, f"{state} of {task_id}")


def framework(cluster, framework_id, completed=False):
    shown = cluster.master.get("/frameworks")
    return next((f for f in shown["completed_frameworks" if completed else "frameworks"] if f["id"] == framework_id), None)


def restart_master(cluster):
    cluster.master.kill()
    cluster.master.start()


def processes_below(directory):
    """Whose working directory is a sandbox of that cluster."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and re.match(re.escape(directory) + ".*/slaves/", os.readlink(f"/proc/{entry}/cwd")):
                found.append(int(entry))
        except OSError:
            continue
    return found


def metrics(cluster):
    return cluster.master.get("/metrics/snapshot")


@pytest.fixture
def ending():
    """Whatever is given to it is ended after the test."""
    schedulers = []

    def end(scheduler):
        schedulers.append(scheduler)
        return scheduler
    yield end
    for scheduler in schedulers:
        scheduler.teardown()


def test_a_new_master_is_noticed_at_once(make_cluster, ending):
    """No ping is missed: agents of Mesos wait 75 s for one. What ran runs on, what ended meanwhile is told."""
    cluster = make_cluster(master_flags={"registry": "local", "allocation_interval": "50ms"})
    aware, plain = ending(subscribed(cluster, "aware", True)), ending(subscribed(cluster, "plain", False))
    short = ending(subscribed(cluster, "short", True, failover_timeout=1234.5))
    agent_id = launch(aware, "aware")
    launch(plain, "plain")
    flag = os.path.join(cluster.directory, "go")
    launch(short, "ends", f"while [ ! -e {flag} ]; do sleep 0.05; done; exit 7")
    pid = cluster.agents[0].process.pid
    cluster.master.kill()
    with open(flag, "w", encoding="ascii"):
        pass
    cluster.master.start()
    assert wait_for(lambda: cluster.master.get("/slaves")["slaves"], PATIENCE, "the agent")[0]["id"] == agent_id
    assert cluster.agents[0].process.pid == pid and cluster.agents[0].process.poll() is None
    for scheduler, timeout in ((aware, 600.0), (plain, 600.0), (short, 1234.5)):
        shown = framework(cluster, scheduler.framework_id)
        assert shown["recovered"] and not shown["connected"] and not shown["active"]
        assert shown["failover_timeout"] == timeout, "it outlives the master that it was told"
    assert metrics(cluster)["master/frameworks_disconnected"] == 3
    for scheduler, task in ((aware, "aware"), (plain, "plain")):
        scheduler.disconnect()
        scheduler.subscribe()
        assert not framework(cluster, scheduler.framework_id)["recovered"]
        since = len(of_task(scheduler, task))
        scheduler.call("RECONCILE", reconcile={"tasks": []})
        assert told(scheduler, task, "TASK_RUNNING", since=since)["message"] == "Reconciliation: Latest task state"
    short.disconnect()
    short.subscribe()
    assert "exited with status 7" in told(short, "ends", "TASK_FAILED", "SOURCE_EXECUTOR")["message"]
    aware.kill("aware")
    told(aware, "aware", "TASK_KILLED", "SOURCE_EXECUTOR")


def test_a_framework_that_nobody_comes_for(make_cluster, ending):
    """The tool ends one that only agents know; its tasks end with it."""
    cluster = make_cluster(master_flags={"registry": "local", **QUICK})
    scheduler = ending(subscribed(cluster, "away", True))
    launch(scheduler, "orphan")
    restart_master(cluster)
    scheduler.disconnect()
    wait_for(lambda: framework(cluster, scheduler.framework_id), PATIENCE, "the framework to be recovered")
    assert "is ended" in cluster.tool("framework", "teardown", scheduler.framework_id).stdout
    assert framework(cluster, scheduler.framework_id, completed=True)["completed_tasks"][0]["state"] == "TASK_KILLED"
    agent = cluster.agents[0]
    wait_for(lambda: agent.get("/state")["frameworks"] == [], PATIENCE, "the agent to end it")
    with pytest.raises(CallFailed, match="Framework has been removed"):
        scheduler.subscribe()


def test_a_task_ends_while_its_agent_is_unreachable(make_cluster, ending):
    """Nobody can know it then; its true end is told once, when the agent is back."""
    cluster = make_cluster(master_flags=QUICK)
    aware, plain = ending(subscribed(cluster, "aware", True)), ending(subscribed(cluster, "plain", False))
    flag = os.path.join(cluster.directory, "go")
    command = f"while [ ! -e {flag} ]; do sleep 0.05; done"
    agent_id = launch(aware, "aware", command)
    launch(plain, "plain", command)
    agent = cluster.agents[0]
    agent.process.send_signal(signal.SIGSTOP)
    try:
        told(aware, "aware", "TASK_UNREACHABLE")
        told(plain, "plain", "TASK_LOST")
        with open(flag, "w", encoding="ascii"):
            pass
        for scheduler, task, state in ((aware, "aware", "TASK_UNREACHABLE"), (plain, "plain", "TASK_LOST")):
            for named in ({}, {"agent_id": {"value": agent_id}}):
                since = len(of_task(scheduler, task))
                scheduler.call("RECONCILE", reconcile={"tasks": [{"task_id": {"value": task}, **named}]})
                status = told(scheduler, task, state, since=since)
                assert status["message"] == "Reconciliation: Task is unreachable"
                assert status["agent_id"]["value"] == agent_id and status["unreachable_time"]
        assert metrics(cluster)["master/tasks_unreachable"] == 1
        assert metrics(cluster)["master/slaves_unreachable"] == 1
    finally:
        agent.process.send_signal(signal.SIGCONT)
    for scheduler, task in ((aware, "aware"), (plain, "plain")):
        told(scheduler, task, "TASK_FINISHED", "SOURCE_EXECUTOR")
        wait_for(lambda s=scheduler: not framework(cluster, s.framework_id)["tasks"], PATIENCE, "its acknowledgement")
        ends = [s for s in of_task(scheduler, task) if s["state"] == "TASK_FINISHED" and "uuid" in s]
        assert len({s["uuid"] for s in ends}) == 1
    assert cluster.wait_agents(1)[0]["id"] == agent_id
    assert metrics(cluster)["master/slave_removals/reason_unhealthy"] == 1


def test_an_agent_that_forgot_everything(make_cluster, ending):
    """Its machine was made anew: the tasks of the former agent at that address are gone."""
    cluster = make_cluster(master_flags=QUICK)
    aware, plain = ending(subscribed(cluster, "aware", True)), ending(subscribed(cluster, "plain", False))
    former = launch(aware, "aware")
    launch(plain, "plain")
    agent = cluster.agents[0]
    agent.kill()
    for pid in processes_below(agent.directory):  # with the machine go its processes
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(os.path.join(agent.work_dir, "meta"))
    agent.start()
    assert told(aware, "aware", "TASK_GONE")["reason"] == "REASON_AGENT_REMOVED"
    assert told(plain, "plain", "TASK_LOST")["reason"] == "REASON_AGENT_REMOVED"
    assert cluster.wait_agents(1)[0]["id"] != former
    assert metrics(cluster)["master/slave_removals/reason_registered"] == 1
    aware.call("RECONCILE", reconcile={"tasks": [{"task_id": {"value": "aware"}, "agent_id": {"value": former}}]})
    assert told(aware, "aware", "TASK_UNKNOWN")["message"] == "Reconciliation: Task is unknown"


def test_two_schedulers_with_one_id(make_cluster, ending):
    cluster = make_cluster(master_flags=QUICK)
    former = ending(subscribed(cluster, "twice", True))
    launch(former, "stays")
    newer = Scheduler(cluster.address, name="twice", checkpoint=True, failover_timeout=600.0,
                      capabilities=[{"type": "MULTI_ROLE"}, {"type": "PARTITION_AWARE"}])
    newer.framework_id = former.framework_id
    ending(newer.subscribe())
    event = former.others.get(timeout=PATIENCE)
    assert event == {"type": "ERROR", "error": {"message": "Framework failed over"}}
    assert former.ended.wait(PATIENCE), "its stream ends"
    status, text = former.raw({"type": "REVIVE", "framework_id": {"value": former.framework_id}}, expect=None)
    assert status == 400 and "didn't match the stream ID currently associated" in text
    newer.kill("stays")
    told(newer, "stays", "TASK_KILLED", "SOURCE_EXECUTOR")
    assert not former.others.qsize()


def test_the_failover_timeout_passes(make_cluster, ending):
    cluster = make_cluster(master_flags=QUICK)
    scheduler = ending(subscribed(cluster, "brief", True, failover_timeout=0.5))
    launch(scheduler, "t")
    scheduler.disconnect()
    ended = wait_for(lambda: framework(cluster, scheduler.framework_id, completed=True), PATIENCE, "its end")
    assert ended["completed_tasks"][0]["state"] == "TASK_KILLED"
    with pytest.raises(CallFailed, match="Framework has been removed"):
        scheduler.subscribe()


def test_operators_end_the_framework_of_a_driver(make_cluster):
    """A driver has no stream that ends: it is told. One that ends itself is not."""
    cluster = make_cluster(agents=0)
    driver, other = Peer("scheduler-1"), Peer("scheduler-2")
    master = "master@" + cluster.address
    try:
        for way in ("tool", "legacy"):
            driver.send(master, make("mesos.scheduler.Call", type=1, subscribe={
                "framework_info": {"user": "root", "name": "driver", "failover_timeout": 60}}))
            doomed = driver.value("FrameworkRegisteredMessage", PATIENCE).framework_id.value
            if way == "tool":
                cluster.tool("framework", "teardown", doomed)
            else:
                body = f"frameworkId={doomed}".encode()
                with socket.create_connection(("127.0.0.1", cluster.master.port), timeout=PATIENCE) as s:
                    s.sendall(b"POST /teardown HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                              b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
                    assert s.recv(4096).startswith(b"HTTP/1.1 200")
            assert driver.value("FrameworkErrorMessage", PATIENCE).message == "Framework has been removed"
        other.send(master, make("mesos.scheduler.Call", type=1,
                                subscribe={"framework_info": {"user": "root", "name": "other"}}))
        own = other.value("FrameworkRegisteredMessage", PATIENCE).framework_id
        other.send(master, make("mesos.scheduler.Call", type=2, framework_id=own))
        wait_for(lambda: framework(cluster, own.value, completed=True), PATIENCE, "its end")
        other.quiet("FrameworkErrorMessage")
    finally:
        driver.close()
        other.close()


def test_a_driver_outlives_its_master(make_cluster):
    """It comes back unforced under its id, is told that it is registered again, and another one cannot take its place."""
    cluster = make_cluster(agents=0)
    driver, other = Peer("scheduler-1"), Peer("scheduler-2")
    master = "master@" + cluster.address
    info = {"user": "root", "name": "driver", "failover_timeout": 60}
    try:
        driver.send(master, make("mesos.scheduler.Call", type=1, subscribe={"framework_info": info}))
        own = driver.value("FrameworkRegisteredMessage", PATIENCE).framework_id
        restart_master(cluster)
        info["id"] = {"value": own.value}
        call = make("mesos.scheduler.Call", type=1, framework_id=own, subscribe={"framework_info": info})
        wait_for(lambda: driver.send(master, call) == 202 and framework(cluster, own.value), PATIENCE, "its return")
        again = driver.value("FrameworkReregisteredMessage", PATIENCE)
        assert again.framework_id.value == own.value and again.master_info.port == cluster.master.port
        other.send(master, call)
        assert other.value("FrameworkErrorMessage", PATIENCE).message == "Framework failed over"
        other.send(master, make("mesos.scheduler.Call", type=1, framework_id=own,
                                subscribe={"framework_info": info, "force": True}))
        assert other.value("FrameworkRegisteredMessage", PATIENCE).framework_id.value == own.value
        assert driver.value("FrameworkErrorMessage", PATIENCE).message == "Framework failed over"
        assert framework(cluster, own.value)["pid"] == other.pid
    finally:
        driver.close()
        other.close()


def test_a_copied_work_dir(make_cluster):
    """Another machine that claims the id of a live agent is turned away, and the first one stays."""
    cluster = make_cluster(master_flags=QUICK)
    agent_id = cluster.wait_agents(1)[0]["id"]
    first = cluster.agents[0]
    wait_for(lambda: "registered with master" in first.log(), PATIENCE, "the agent to have its id on disk")
    second = cluster.add_agent({"ip": "127.0.0.2", "port": first.port}, start=False)
    shutil.copytree(os.path.join(first.work_dir, "meta"), os.path.join(second.work_dir, "meta"), symlinks=True)
    latest = os.path.join(second.work_dir, "meta", "slaves", "latest")
    os.unlink(latest)
    os.symlink(os.path.join(second.work_dir, "meta", "slaves", agent_id), latest)
    second.start(wait=False)
    wait_for(lambda: second.process.poll() is not None, PATIENCE, "its end")
    assert "Agent attempted to re-register with a different IP address" in second.log()
    agent = cluster.wait_agents(1)[0]
    assert agent["id"] == agent_id and agent["pid"] == f"slave(1)@127.0.0.1:{first.port}"
    assert first.process.poll() is None
