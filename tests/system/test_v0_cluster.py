# SPDX-License-Identifier: Apache-2.0
"""Schedulers and executors over libprocess in a real cluster, mixed with those over HTTP. The executor's process only sleeps;
what it would say is said by the test.
"""
import base64
import json
import os
import time
import urllib.error
import urllib.request

import pytest

from cluster import wait_for
from libprocess import Peer, make
from scheduler import Scheduler, scalar

FINISHED, RUNNING, FAILED = 2, 1, 3


class Driver:
    """A v0 scheduler."""

    def __init__(self, cluster, **info):
        self.cluster = cluster
        self.peer = Peer("sched")
        self.master = "master@" + cluster.address
        self.info = {"user": "root", "name": "driver", "checkpoint": True, "failover_timeout": 60, **info}
        self.id = None

    def call(self, kind, **body):
        assert self.peer.send(self.master, make("mesos.scheduler.Call", type=kind, framework_id=self.id, **body)) == 202

    def subscribe(self, force=False):
        info = {**self.info, **({"id": self.id} if self.id else {})}
        self.call(1, subscribe={"framework_info": info, "force": force})
        return self

    def registered(self, kind="FrameworkRegisteredMessage"):
        self.id = {"value": self.peer.value(kind).framework_id.value}
        return self

    def run(self, task_id, **more):
        offer = self.peer.value("ResourceOffersMessage").offers[0]
        task = {"name": task_id, "task_id": {"value": task_id}, "agent_id": offer.agent_id, **more,
                "resources": [{"name": "cpus", "type": 0, "scalar": {"value": 0.1}},
                              {"name": "mem", "type": 0, "scalar": {"value": 32}}]}
        self.call(3, accept={"offer_ids": [offer.id], "filters": {"refuse_seconds": 0},
                             "operations": [{"type": 1, "launch": {"task_infos": [task]}}]})
        return offer

    def update(self, timeout=60):
        update = self.peer.value("StatusUpdateMessage", timeout).update
        if update.uuid:
            self.call(8, acknowledge={"agent_id": update.slave_id, "task_id": update.status.task_id, "uuid": update.uuid})
        return update.status

    def until(self, state):
        while True:
            status = self.update()
            if status.state == state:
                return status


CUSTOM = {"executor_id": {"value": "e"}, "command": {"value": "exec sleep 100"},
          "resources": [{"name": "cpus", "type": 0, "scalar": {"value": 0.1}},
                        {"name": "mem", "type": 0, "scalar": {"value": 32}}]}


class Executor:
    """A v0 executor of a framework on the first agent."""

    def __init__(self, cluster, framework_id, executor_id="e"):
        self.cluster = cluster
        self.peer = Peer("executor(1)")
        self.agent = f"slave(1)@127.0.0.1:{cluster.agents[0].port}"
        self.ids = {"framework_id": {"value": framework_id}, "executor_id": {"value": executor_id}}
        self.sandbox = None

    def register(self):
        wait_for(lambda: os.path.exists(self.cluster.agents[0].work_dir + "/slaves"), 10)
        wait_for(self._process, 10, "the executor's process")
        self.peer.send(self.agent, make("RegisterExecutorMessage", **self.ids))
        self.agent_id = self.peer.value("ExecutorRegisteredMessage").slave_id
        return self

    def _process(self):
        try:
            self.sandbox = self.cluster.sandbox(self.ids["framework_id"]["value"], self.ids["executor_id"]["value"])
        except (AssertionError, FileNotFoundError):
            return False
        return any("sleep" in open(f"/proc/{pid}/cmdline", encoding="utf-8").read()
                   for pid in self.cluster.leftovers() if os.path.exists(f"/proc/{pid}/cmdline"))

    def task(self):
        return self.peer.value("RunTaskMessage")

    def says(self, task_id, state, sender=None, uuid=None):
        uuid = uuid or os.urandom(16)
        status = {"task_id": {"value": task_id}, "state": state, "agent_id": self.agent_id, "uuid": uuid, "source": 2}
        message = make("StatusUpdateMessage", pid=sender or self.peer.pid, update={
            **self.ids, "slave_id": self.agent_id, "status": status, "timestamp": time.time(), "uuid": uuid})
        assert self.peer.send(self.agent, message, sender=sender) == 202
        return uuid

    def acknowledged(self, uuid):
        assert self.peer.value("StatusUpdateAcknowledgementMessage").uuid == uuid


@pytest.fixture
def closing():
    made = []
    yield lambda thing: made.append(thing.peer) or thing
    for peer in made:
        peer.close()


def test_command_task(make_cluster, closing):
    """A v0 scheduler, a command task, whose executor of ours speaks HTTP."""
    cluster = make_cluster()
    driver = closing(Driver(cluster)).subscribe().registered()
    driver.run("t", command={"value": "echo hello"})
    assert driver.until(FINISHED).source == 2
    with open(cluster.sandbox(driver.id["value"], "t") + "/stdout", encoding="utf-8") as f:
        assert "hello" in f.read()
    driver.call(2)
    wait_for(lambda: cluster.master.get("/frameworks")["completed_frameworks"], 5)


def test_messages_both_ways(make_cluster, closing):
    """By way of the master, straight to the agent, and straight from it."""
    cluster = make_cluster()
    driver = closing(Driver(cluster)).subscribe().registered()
    driver.run("t", executor=CUSTOM)
    executor = closing(Executor(cluster, driver.id["value"])).register()
    run = executor.task()
    assert (run.pid, run.task.task_id.value) == (driver.peer.pid, "t")
    executor.acknowledged(executor.says("t", RUNNING))
    assert driver.update().state == RUNNING
    ids = {"slave_id": executor.agent_id, **executor.ids}
    driver.call(10, message={"agent_id": executor.agent_id, "executor_id": executor.ids["executor_id"], "data": b"one"})
    assert executor.peer.value("FrameworkToExecutorMessage").data == b"one"
    intruder = Peer("intruder")
    assert intruder.send(executor.agent, make("FrameworkToExecutorMessage", data=b"forged", **ids)) == 202
    intruder.close()
    driver.peer.send(executor.agent, make("FrameworkToExecutorMessage", data=b"two", **ids))
    assert executor.peer.value("FrameworkToExecutorMessage").data == b"two"
    executor.peer.send(executor.agent, make("ExecutorToFrameworkMessage", data=b"three", **ids))
    came = driver.peer.get("ExecutorToFrameworkMessage")
    assert (came.value.data, came.sender) == (b"three", executor.agent)
    driver.peer.send(driver.master, make("KillTaskMessage", framework_id=driver.id, task_id={"value": "t"}))
    assert executor.peer.value("KillTaskMessage").task_id.value == "t"
    executor.acknowledged(executor.says("t", FINISHED))
    assert driver.update().state == FINISHED
    driver.call(7, shutdown={"executor_id": executor.ids["executor_id"], "agent_id": executor.agent_id})
    assert executor.peer.get("ShutdownExecutorMessage").body == b""
    assert driver.peer.value("ExitedExecutorMessage").executor_id.value == "e"


def test_strangers_are_not_heard(make_cluster, closing):
    """Who is not the executor cannot speak for it, and one that nobody waits for is told to end."""
    cluster = make_cluster()
    driver = closing(Driver(cluster)).subscribe().registered()
    driver.run("t", executor=CUSTOM)
    executor = closing(Executor(cluster, driver.id["value"])).register()
    executor.task()
    stranger = closing(Executor(cluster, driver.id["value"]))
    stranger.agent_id = executor.agent_id
    stranger.says("t", FINISHED)
    stranger.says("nosuch", FINISHED)
    stranger.peer.send(stranger.agent, make("ExecutorToFrameworkMessage", slave_id=executor.agent_id, data=b"x",
                                            **executor.ids))
    for kind in ("RegisterExecutorMessage", "ReregisterExecutorMessage"):
        stranger.peer.send(stranger.agent, make(kind, **executor.ids))
        stranger.peer.get("ShutdownExecutorMessage")
    executor.says("t", 6)  # TASK_STAGING is 6: not an executor's to say
    executor.says("t", RUNNING, uuid=b"short")
    driver.peer.quiet("StatusUpdateMessage")
    driver.peer.quiet("ExecutorToFrameworkMessage", 0.1)
    # Who has read what an update is called, as readers of the v1 API may, does not take it from its framework.
    executor.acknowledged(executor.says("t", RUNNING))
    executor.acknowledged(executor.says("t", FINISHED))
    update = driver.peer.value("StatusUpdateMessage").update
    about = {"slave_id": executor.agent_id, "framework_id": driver.id, "task_id": {"value": "t"}, "uuid": update.uuid}
    stranger.peer.send(stranger.agent, make("StatusUpdateAcknowledgementMessage", **about))
    wait_for(lambda: "and not from its scheduler" in cluster.agents[0].log(), 60, "the agent to see it")
    driver.peer.quiet("StatusUpdateMessage")
    driver.peer.send(executor.agent, make("StatusUpdateAcknowledgementMessage", **about))
    assert driver.update().state == FINISHED


def test_http_scheduler_with_a_v0_executor(make_cluster, closing):
    """Events on one side, messages on the other; task groups are refused, for v0 has no word for them."""
    cluster = make_cluster()
    scheduler = Scheduler(cluster.address).subscribe()
    offer = scheduler.offer()
    executor_info = {"executor_id": {"value": "e"}, "command": {"value": "exec sleep 100"}, "type": "CUSTOM",
                     "framework_id": {"value": scheduler.framework_id},
                     "resources": [scalar("cpus", 0.1), scalar("mem", 32), scalar("disk", 32)]}
    task = {"name": "t", "task_id": {"value": "t"}, "agent_id": offer["agent_id"],
            "resources": [scalar("cpus", 0.1), scalar("mem", 32)]}
    scheduler.accept(offer, [{**task, "executor": executor_info}])
    executor = closing(Executor(cluster, scheduler.framework_id)).register()
    assert executor.task().pid == "@0.0.0.0:0"
    executor.acknowledged(executor.says("t", RUNNING))
    assert scheduler.update("t")["state"] == "TASK_RUNNING"
    executor.peer.send(executor.agent, make("ExecutorToFrameworkMessage", slave_id=executor.agent_id, data=b"hello",
                                            **executor.ids))
    event = scheduler.others.get(timeout=60)
    assert base64.b64decode(event["message"]["data"]) == b"hello"
    scheduler.message(offer["agent_id"]["value"], "e", b"back")
    assert executor.peer.value("FrameworkToExecutorMessage").data == b"back"
    offer = scheduler.offer()
    scheduler.accept(offer, None, operations=[{"type": "LAUNCH_GROUP", "launch_group": {
        "executor": executor_info, "task_group": {"tasks": [{**task, "task_id": {"value": "g"}}]}}}])
    status = scheduler.update("g")
    assert (status["state"], "no task groups" in status["message"]) == ("TASK_FAILED", True), status
    scheduler.kill("t")
    assert executor.peer.value("KillTaskMessage").task_id.value == "t"
    scheduler.teardown()
    executor.peer.get("ShutdownExecutorMessage")


def test_a_silent_executor_is_given_up(make_cluster, closing):
    """After a restart of the agent it is called, again and again, and then ended."""
    cluster = make_cluster(agent_flags={"executor_reregistration_timeout": "2secs",
                                        "executor_reregistration_retry_interval": "500ms"})
    driver = closing(Driver(cluster)).subscribe().registered()
    driver.run("t", executor=CUSTOM)
    executor = closing(Executor(cluster, driver.id["value"])).register()
    executor.task()
    executor.acknowledged(executor.says("t", RUNNING))
    driver.update()
    cluster.agents[0].kill()
    cluster.agents[0].start()
    for _ in range(3):
        assert executor.peer.value("ReconnectExecutorMessage").slave_id == executor.agent_id
    status = driver.until(FAILED)
    assert "Executor did not reregister within 2secs" in status.message
    wait_for(lambda: not cluster.leftovers(), 10)


def test_an_executor_brings_what_was_not_acknowledged(make_cluster, closing):
    """Updates that the agent lost with its life come with the re-registration; so does word of tasks it never got."""
    cluster = make_cluster(agent_flags={"executor_reregistration_timeout": "5secs"})
    driver = closing(Driver(cluster)).subscribe().registered()
    driver.run("t", executor=CUSTOM)
    executor = closing(Executor(cluster, driver.id["value"])).register()
    task = executor.task().task
    cluster.agents[0].kill()
    cluster.agents[0].start(wait=False)
    executor.peer.get("ReconnectExecutorMessage", 15)
    uuid = os.urandom(16)
    status = {"task_id": {"value": "t"}, "state": RUNNING, "uuid": uuid, "source": 2}
    message = make("ReregisterExecutorMessage", tasks=[task], updates=[
        {**executor.ids, "slave_id": executor.agent_id, "status": status, "timestamp": 1, "uuid": uuid}], **executor.ids)
    for _ in range(2):  # a repeated one does no harm
        executor.peer.send(executor.agent, message)
    executor.peer.get("ExecutorReregisteredMessage")
    executor.acknowledged(uuid)
    assert driver.update(30).state == RUNNING
    executor.peer.quiet("ShutdownExecutorMessage", 0.2)
    executor.acknowledged(executor.says("t", FINISHED))
    assert driver.update().state == FINISHED


def test_from_v0_to_v1_and_back(make_cluster, closing):
    """A framework is the same whatever its scheduler speaks: the newest one has it."""
    cluster = make_cluster()
    driver = closing(Driver(cluster, role="*")).subscribe().registered()
    driver.run("t", command={"value": "sleep 30"})
    driver.until(RUNNING)
    modern = Scheduler(cluster.address, name="driver", roles=None, capabilities=None, checkpoint=True, failover_timeout=60)
    modern.framework_id = driver.id["value"]
    modern.subscribe()
    assert driver.peer.value("FrameworkErrorMessage").message == "Framework failed over"
    driver.call(6, kill={"task_id": {"value": "t"}})  # it has nothing to say any more
    shown = cluster.master.get("/frameworks")["frameworks"][0]
    assert shown["id"] == driver.id["value"] and "pid" not in shown
    assert cluster.master.get("/tasks")["tasks"][0]["state"] == "TASK_RUNNING"
    driver.subscribe(force=True).registered()
    assert modern.others.get(timeout=60)["error"]["message"] == "Framework failed over"
    driver.call(6, kill={"task_id": {"value": "t"}})
    assert driver.until(4).state == 4  # TASK_KILLED
    driver.call(2)


def test_calls_over_http_are_not_a_drivers(make_cluster, closing):
    """A stream that nobody has is no stream of a framework without one: it proved who it is another way."""
    cluster = make_cluster(agents=0)
    driver = closing(Driver(cluster)).subscribe().registered()
    for stream in "", "x":
        request = urllib.request.Request(cluster.master.url + "/api/v1/scheduler", json.dumps(
            {"type": "TEARDOWN", "framework_id": driver.id}).encode(), {"Content-Type": "application/json", "Mesos-Stream-Id": stream})
        with pytest.raises(urllib.error.HTTPError) as told:
            urllib.request.urlopen(request, timeout=30)
        assert (told.value.code, told.value.read()) == (403, b"Framework is not connected via HTTP")
    assert cluster.master.get("/state")["frameworks"][0]["active"]


def test_without_an_authenticator(make_cluster, closing):
    cluster = make_cluster(agents=0)
    driver = closing(Driver(cluster))
    driver.peer.send(driver.master, make("mesos.internal.AuthenticateMessage", pid=driver.peer.pid))
    assert driver.peer.value("AuthenticationErrorMessage").error == "No authenticator loaded"
    driver.peer.send(driver.master, make("SubmitSchedulerRequest", name="x"))
    assert driver.peer.value("SubmitSchedulerResponse").okay is False
    info = {"user": "root", "name": "x"}
    driver.peer.send(driver.master, make("RegisterFrameworkMessage", framework={**info, "id": {"value": "mine"}}))
    assert driver.peer.value("FrameworkErrorMessage").message == "Registering with 'id' already set"
    driver.peer.send(driver.master, make("ReregisterFrameworkMessage", framework=info, failover=False))
    assert driver.peer.value("FrameworkErrorMessage").message == "Re-registering without an 'id'"
