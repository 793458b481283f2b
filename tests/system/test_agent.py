# SPDX-License-Identifier: Apache-2.0
"""The agent's own side: the executors' API (the test itself is the executor), checkpoints, its endpoints, leaving."""
import base64
import glob
import http.client
import json
import os
import shutil
import signal
import struct
import threading
import queue
import time
import urllib.error
import urllib.request
import uuid

import pytest

from cluster import wait_for
from scheduler import TERMINAL, Scheduler, command_task, scalar

FACTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "facts", "traces")


class Executor:
    """Speaks /api/v1/executor in JSON with the agent, as an executor that the framework brought."""

    def __init__(self, agent, framework_id, executor_id):
        self.agent = agent
        self.ids = {"framework_id": {"value": framework_id}, "executor_id": {"value": executor_id}}
        self.events = queue.Queue()
        self.stream = None

    def post(self, body, headers=None, path="/slave(1)/api/v1/executor"):
        connection = http.client.HTTPConnection("127.0.0.1", self.agent.port, timeout=10)
        connection.request("POST", path, json.dumps(body),
                           {"Content-Type": "application/json", "Accept": "application/json", **(headers or {})})
        return connection, connection.getresponse()

    def subscribe(self, tasks=(), updates=()):
        body = {"type": "SUBSCRIBE", **self.ids,
                "subscribe": {"unacknowledged_tasks": list(tasks), "unacknowledged_updates": list(updates)}}
        self.stream, answer = self.post(body)
        assert answer.status == 200, answer.read()
        threading.Thread(target=self._read, args=(answer,), daemon=True).start()
        event = self.events.get(timeout=60)
        assert event["type"] == "SUBSCRIBED"
        return event["subscribed"]

    def _read(self, answer):
        try:
            while True:
                self.events.put(Scheduler._record(answer))
        except (EOFError, OSError, ValueError, AttributeError, http.client.HTTPException):
            self.events.put({"type": "END"})

    def event(self, kind):
        event = self.events.get(timeout=60)
        assert event["type"] == kind, event
        return event

    def call(self, kind, **body):
        connection, answer = self.post({"type": kind, **self.ids, **body})
        assert answer.status == 202, answer.read()
        connection.close()

    def update(self, task_id, state, **more):
        number = base64.b64encode(uuid.uuid4().bytes).decode()
        self.call("UPDATE", update={"status": {
            "task_id": {"value": task_id}, "state": state, "source": "SOURCE_EXECUTOR", "uuid": number,
            "executor_id": self.ids["executor_id"], "timestamp": time.time(), **more}})
        return number


def custom_task(client, offer, task_id, executor_id="my-exec", command="sleep 1000"):
    task = command_task(task_id, "true", offer, executor={
        "type": "CUSTOM", "executor_id": {"value": executor_id}, "command": {"value": command}, "name": "custom",
        "source": "src", "framework_id": {"value": client.framework_id},
        "resources": [scalar("cpus", 0.1), scalar("mem", 32)]})
    del task["command"]
    return task


def executors(agent):
    return [e for f in agent.get("/state")["frameworks"] for e in f["executors"]]


@pytest.fixture
def custom(cluster, scheduler):
    """A custom executor that has been launched and has one queued task."""
    offer = scheduler.offer()
    scheduler.accept(offer, [custom_task(scheduler, offer, "t1")])
    agent = cluster.agents[0]
    wait_for(lambda: any(e["id"] == "my-exec" for e in executors(agent)))
    # Its process runs: whoever subscribes in its name before is told of no pid.
    wait_for(lambda: any(c.get("status", {}).get("executor_pid") for c in agent.get("/containers")))
    return Executor(agent, scheduler.framework_id, "my-exec")


def test_executor_conversation(cluster, scheduler, custom):
    subscribed = custom.subscribe()
    assert set(subscribed) == {"executor_info", "framework_info", "agent_info", "container_id"}
    assert subscribed["executor_info"]["name"] == "custom"
    assert subscribed["agent_info"]["id"]["value"] == cluster.wait_agents(1)[0]["id"]
    task = custom.event("LAUNCH")["launch"]["task"]
    assert task["task_id"] == {"value": "t1"}
    number = custom.update("t1", "TASK_RUNNING", message="hello", data=base64.b64encode(b"some").decode())
    assert custom.event("ACKNOWLEDGED")["acknowledged"] == {"task_id": {"value": "t1"}, "uuid": number}
    status = scheduler.update("t1")
    assert (status["state"], status["message"], status["data"]) == ("TASK_RUNNING", "hello", "c29tZQ==")
    assert status["container_status"]["container_id"] == subscribed["container_id"]
    assert status["container_status"]["network_infos"] == [
        {"ip_addresses": [{"protocol": "IPv4", "ip_address": "127.0.0.1"}]}]
    assert status["container_status"]["executor_pid"] > 0
    assert status["uuid"] == number
    # A second task goes to the same executor.
    offer = scheduler.offer()
    scheduler.accept(offer, [custom_task(scheduler, offer, "t2")])
    assert custom.event("LAUNCH")["launch"]["task"]["task_id"] == {"value": "t2"}
    custom.update("t2", "TASK_RUNNING")
    custom.event("ACKNOWLEDGED")
    scheduler.until("t2", {"TASK_RUNNING"})
    assert len(executors(cluster.agents[0])) == 1
    # Bytes both ways.
    scheduler.message(status["agent_id"]["value"], "my-exec", b"ping")
    assert custom.event("MESSAGE")["message"]["data"] == base64.b64encode(b"ping").decode()
    custom.call("MESSAGE", message={"data": base64.b64encode(b"pong").decode()})
    message = scheduler.others.get(timeout=60)
    assert message["type"] == "MESSAGE" and message["message"]["data"] == base64.b64encode(b"pong").decode()
    custom.call("HEARTBEAT")
    scheduler.kill("t1", kill_policy={"grace_period": {"nanoseconds": 1000000000}})
    kill = custom.event("KILL")["kill"]
    assert kill == {"task_id": {"value": "t1"}, "kill_policy": {"grace_period": {"nanoseconds": 1000000000}}}
    custom.update("t1", "TASK_KILLED")
    custom.event("ACKNOWLEDGED")
    assert scheduler.until("t1", TERMINAL)[-1]["state"] == "TASK_KILLED"
    scheduler.call("SHUTDOWN", shutdown={"executor_id": {"value": "my-exec"}, "agent_id": status["agent_id"]})
    custom.event("SHUTDOWN")
    # It does not go by itself: the grace period ends it, and its other task.
    last = scheduler.until("t2", TERMINAL)[-1]
    assert (last["state"], last["reason"], last["message"]) == (
        "TASK_FAILED", "REASON_EXECUTOR_TERMINATED", "Executor terminated")
    failure = scheduler.others.get(timeout=60)
    assert failure["type"] == "FAILURE" and failure["failure"]["executor_id"] == {"value": "my-exec"}
    custom.event("END")


def test_executor_comes_back_with_what_is_not_safe(scheduler, custom):
    custom.subscribe()
    task = custom.event("LAUNCH")["launch"]["task"]
    again = Executor(custom.agent, scheduler.framework_id, "my-exec")
    number = base64.b64encode(uuid.uuid4().bytes).decode()
    again.subscribe([task], [{"status": {"task_id": {"value": "t1"}, "state": "TASK_RUNNING", "uuid": number,
                                         "source": "SOURCE_EXECUTOR", "timestamp": time.time()}}])
    custom.event("END")  # the newer connection counts
    assert again.event("ACKNOWLEDGED")["acknowledged"]["uuid"] == number
    assert scheduler.update("t1")["uuid"] == number
    # Nobody told it of a task that it does not name: it is launched again.
    third = Executor(custom.agent, scheduler.framework_id, "my-exec")
    third.subscribe()
    third.update("t1", "TASK_FINISHED")
    third.event("ACKNOWLEDGED")
    assert scheduler.until("t1", TERMINAL)[-1]["state"] == "TASK_FINISHED"


def recorded_errors():
    for path in sorted(glob.glob(os.path.join(FACTS, "04c-v1-executor-json", "*--exec-err-*.req"))):
        yield os.path.basename(path)[:-4]


def split(raw):
    head, _, body = raw.partition(b"\r\n\r\n")
    return head.decode().split("\r\n"), body


@pytest.mark.parametrize("name", recorded_errors())
def test_recorded_errors(scheduler, custom, name):
    """What Apache's agent answered to calls that are wrong, byte for byte but for the date."""
    with open(os.path.join(FACTS, "04c-v1-executor-json", name + ".req"), "rb") as f:
        head, body = split(f.read())
    with open(os.path.join(FACTS, "04c-v1-executor-json", name + ".res"), "rb") as f:
        wanted_head, wanted = split(f.read())
    recorded = b"49c75c27-f476-458d-8cef-b82abdb182b1-0000"
    body = body.replace(recorded, scheduler.framework_id.encode())
    wanted = wanted.replace(recorded, scheduler.framework_id.encode())
    method, path, _ = head[0].split(" ")
    headers = dict(line.split(": ", 1) for line in head[1:])
    headers.pop("Content-Length", None)
    connection = http.client.HTTPConnection("127.0.0.1", custom.agent.port, timeout=10)
    connection.request(method, path, body or None, headers)
    answer = connection.getresponse()
    assert answer.status == int(wanted_head[0].split(" ")[1])
    assert answer.read() == wanted
    for line in wanted_head[1:]:
        key, value = line.split(": ", 1)
        if key not in ("Date", "Content-Length"):
            assert answer.getheader(key) == value


def test_executor_that_crashes(scheduler):
    offer = scheduler.offer()
    scheduler.accept(offer, [custom_task(scheduler, offer, "t1", command="exit 1")])
    last = scheduler.until("t1", TERMINAL)[-1]
    assert (last["state"], last["reason"], last["message"]) == (
        "TASK_FAILED", "REASON_EXECUTOR_TERMINATED", "Executor terminated")
    assert scheduler.others.get(timeout=60)["type"] == "FAILURE"


def test_killed_before_its_executor_registered(scheduler, custom):
    scheduler.kill("t1")
    last = scheduler.until("t1", TERMINAL)[-1]
    assert (last["state"], last["reason"]) == ("TASK_KILLED", "REASON_TASK_KILLED_DURING_LAUNCH")
    wait_for(lambda: not executors(custom.agent), 10, "the executor to go")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to switch users")
def test_user_that_does_not_exist(scheduler):
    _, last = scheduler.run("baduser", {"value": "true", "user": "nosuchuser"})
    assert (last["state"], last["reason"]) == ("TASK_LOST", "REASON_EXECUTOR_TERMINATED")
    assert last["message"].startswith("Failed to create executor directory '")
    assert last["message"].endswith("': Failed to chown directory to 'nosuchuser': No such user 'nosuchuser'")


# ---- what it shows ----


def members(ours, theirs, path, wrong):
    if isinstance(theirs, dict) and path.rpartition(".")[2] not in ("flags", "attributes"):
        for key in theirs:
            if key not in ours:
                wrong.append(f"{path}.{key} is missing")
            elif type(ours[key]) is not type(theirs[key]) and not (
                    isinstance(ours[key], (int, float)) and isinstance(theirs[key], (int, float))):
                wrong.append(f"{path}.{key}: {ours[key]!r} for {theirs[key]!r}")
            else:
                members(ours[key], theirs[key], f"{path}.{key}", wrong)
    elif isinstance(theirs, list) and theirs and ours and isinstance(theirs[0], dict):
        members(ours[0], theirs[0], path + "[0]", wrong)


@pytest.mark.parametrize("path, name", [("/state", "a_state"), ("/slave(1)/state", "a_state"),
                                        ("/containers", "a_containers"),
                                        ("/monitor/statistics", "a_monitor_statistics")])
def test_shapes(cluster, path, name):
    web = Scheduler(cluster.address, name="fw-web", roles=["web"], failover_timeout=600.0, checkpoint=True,
                    hostname="sched.example").subscribe()
    web.run("done", "true")
    offer = web.offer()
    web.accept(offer, [command_task("running", "sleep 100", offer, labels={"labels": [{"key": "a", "value": "b"}]},
                                    discovery={"visibility": "CLUSTER", "name": "run"})])
    web.until("running", {"TASK_RUNNING"})
    time.sleep(0.2)
    with open(glob.glob(os.path.join(FACTS, "07-legacy-endpoints", f"*--{name}.res"))[0], "rb") as f:
        theirs = json.loads(f.read().partition(b"\r\n\r\n")[2])
    if name == "a_state":
        for key in ("git_sha", "git_branch", "log_dir"):
            theirs.pop(key)
    wrong = []
    members(cluster.agents[0].get(path), theirs, "", wrong)
    assert not wrong
    web.teardown()


def test_one_container_only(cluster, scheduler):
    for name in ("a", "b"):
        offer = scheduler.offer()
        scheduler.accept(offer, [command_task(name, "sleep 100", offer)])
        scheduler.until(name, {"TASK_RUNNING"})
    everything = cluster.agents[0].get("/containers")
    assert sorted(c["executor_id"] for c in everything) == ["a", "b"]
    one = everything[0]["container_id"]
    def shown(query):
        return [c["container_id"] for c in cluster.agents[0].get("/containers?" + query)]
    assert shown(f"container_id={one}") == [one]
    framework = f"framework_id={scheduler.framework_id}"
    assert sorted(shown(framework)) == sorted(c["container_id"] for c in everything)
    for container in everything:
        assert shown(f"{framework}&executor_id={container['executor_id']}") == [container["container_id"]]
    assert shown("framework_id=nosuch") == shown(f"{framework}&executor_id=nosuch") == []


def test_operator_calls(cluster):
    def post(body):
        request = urllib.request.Request(cluster.agents[0].url + "/api/v1", json.dumps(body).encode(),
                                         {"Content-Type": "application/json", "Accept": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
    assert post({"type": "GET_HEALTH"}) == (200, {"type": "GET_HEALTH", "get_health": {"healthy": True}})
    assert post({"type": "GET_VERSION"})[1]["get_version"]["version_info"]["version"] == "1.11.0"
    assert post({"type": "NOPE"}) == (400, "Failed to validate agent::Call: Expecting 'type' to be present")
    assert post({"type": "NONSENSE"})[0] == 400
    assert post({})[0] == 400


# ---- what it keeps ----


def records(path):
    with open(path, "rb") as f:
        data = f.read()
    found = []
    while data:
        (length,) = struct.unpack("=I", data[:4])
        assert len(data) >= 4 + length
        found.append(data[4:4 + length])
        data = data[4 + length:]
    return found


def test_checkpoints(cluster):
    client = Scheduler(cluster.address, failover_timeout=60.0, checkpoint=True).subscribe()
    offer = client.offer()
    client.accept(offer, [command_task("kept", "sleep 1000", offer)])
    client.until("kept", {"TASK_RUNNING"})
    agent = cluster.agents[0]
    meta = os.path.join(agent.work_dir, "meta")
    state = agent.get("/state")
    base = os.path.realpath(os.path.join(meta, "slaves", "latest"))
    assert os.path.basename(base) == state["id"]
    assert len(records(os.path.join(base, "slave.info"))) == 1
    with open(os.path.join(meta, "boot_id"), encoding="ascii") as f, \
            open("/proc/sys/kernel/random/boot_id", encoding="ascii") as kernel:
        assert f.read() == kernel.read().strip()
    framework = os.path.join(base, "frameworks", client.framework_id)
    assert len(records(os.path.join(framework, "framework.info"))) == 1
    with open(os.path.join(framework, "framework.pid"), encoding="ascii") as f:
        assert f.read() == "@0.0.0.0:0"
    executor = os.path.join(framework, "executors", "kept")
    assert len(records(os.path.join(executor, "executor.info"))) == 1
    with open(os.path.join(executor, "executor_generated_for_command_task"), encoding="ascii") as f:
        assert f.read() == "1"
    run = os.path.join(executor, "runs", "latest")
    container = executors(agent)[0]["container"]
    assert os.path.basename(os.path.realpath(run)) == container
    assert os.path.exists(os.path.join(run, "http.marker"))
    assert not os.path.exists(os.path.join(run, "executor.sentinel"))
    with open(os.path.join(run, "pids", "forked.pid"), encoding="ascii") as f:
        os.kill(int(f.read()), 0)
    assert records(os.path.join(run, "tasks", "kept", "task.info"))
    # STARTING and RUNNING, each with its acknowledgement (the last one may still be under way).
    wait_for(lambda: len(records(os.path.join(run, "tasks", "kept", "task.updates"))) == 4)
    sandbox = executors(agent)[0]["directory"]
    assert os.path.realpath(os.path.join(sandbox, "..", "latest")) == os.path.realpath(sandbox)
    client.kill("kept")
    client.until("kept", TERMINAL)
    wait_for(lambda: os.path.exists(os.path.join(run, "executor.sentinel")))
    client.teardown()


def test_a_task_called_latest(cluster):
    """The name of the links is a name that a task may have."""
    client, agent, _ = running_task(cluster, "latest")
    agent.kill()
    agent.start()
    cluster.wait_agents(1)
    (executor,) = wait_for(lambda: executors(agent))
    assert [t["id"] for t in executor["tasks"]] == ["latest"]
    client.kill("latest")
    assert client.until("latest", TERMINAL)[-1]["state"] == "TASK_KILLED"
    client.teardown()


@pytest.mark.parametrize("path", ["/health", "/slave(1)/health", "/slave%281%29/health", "/version", "/flags",
                                  "/slave(1)/flags", "/metrics/snapshot", "/state", "/slave(1)/state", "/state/"])
def test_aliases(cluster, path):
    assert cluster.agents[0].get(path, raw=True) is not None


def registered(cluster):
    """The id, once the agent has heard of it and has it on disk."""
    return wait_for(lambda: cluster.agents[0].get("/state").get("id"))


def test_unregister(cluster):
    agent = cluster.agents[0]
    before = registered(cluster)
    agent.process.send_signal(signal.SIGUSR1)
    assert agent.process.wait(60) == 0
    wait_for(lambda: not cluster.master.get("/slaves")["slaves"])
    agent.start()
    assert cluster.wait_agents(1)[0]["id"] != before


def test_changed_resources_are_refused(cluster):
    agent = cluster.agents[0]
    registered(cluster)
    agent.stop()
    agent.argv = ["--resources=cpus:2" if a.startswith("--resources=") else a for a in agent.argv]
    agent.start(wait=False)
    assert agent.process.wait(60) != 0
    assert "reconfiguration_policy" in agent.log()


def running_task(cluster, name="kept"):
    client = Scheduler(cluster.address, failover_timeout=60.0, checkpoint=True).subscribe()
    offer = client.offer()
    client.accept(offer, [command_task(name, "sleep 1000", offer)])
    client.until(name, {"TASK_RUNNING"})
    agent = cluster.agents[0]
    run = os.path.join(agent.work_dir, "meta", "slaves", "latest", "frameworks", client.framework_id, "executors", name,
                       "runs", "latest")
    updates = os.path.join(run, "tasks", name, "task.updates")
    wait_for(lambda: len(records(updates)) == 4)
    return client, agent, run


def test_a_torn_update_log_is_no_harm(cluster):
    client, agent, run = running_task(cluster)
    agent.kill()
    path = os.path.join(run, "tasks", "kept", "task.updates")
    whole = os.path.getsize(path)
    with open(path, "ab") as f:
        f.write(struct.pack("=I", 300) + b"x" * 17)
    agent.start()
    cluster.wait_agents(1)
    assert os.path.getsize(path) == whole
    client.kill("kept")
    assert client.until("kept", TERMINAL)[-1]["state"] == "TASK_KILLED"
    client.teardown()


@pytest.mark.parametrize("damaged", ["../../executor.info", "tasks/kept/task.info"])
def test_damaged_checkpoints(cluster, damaged):
    """--strict says which file it is and does not start; without it the rest goes on."""
    client, agent, run = running_task(cluster)
    agent.kill()
    path = os.path.join(os.path.realpath(run), damaged)
    with open(path, "r+b") as f:
        f.truncate(5)
    agent.start(wait=False)
    assert agent.process.wait(60) != 0
    assert os.path.basename(path) in agent.log() and "torn" in agent.log()
    agent.argv.append("--no-strict")
    agent.start()
    cluster.wait_agents(1)
    assert agent.get("/metrics/snapshot")["slave/recovery_errors"] == 1
    client.teardown()


def test_an_unusable_agent_info_is_said(cluster):
    agent = cluster.agents[0]
    registered(cluster)
    agent.kill()
    with open(os.path.join(agent.work_dir, "meta", "slaves", "latest", "slave.info"), "wb"):
        pass
    agent.start(wait=False)
    assert agent.process.wait(60) != 0
    assert "slave.info is torn" in agent.log() and "slaves/latest" in agent.log()


def test_a_kill_while_the_executor_is_away(scheduler, custom):
    custom.subscribe()
    custom.event("LAUNCH")
    custom.update("t1", "TASK_RUNNING")
    custom.event("ACKNOWLEDGED")
    scheduler.until("t1", {"TASK_RUNNING"})
    custom.stream.sock.shutdown(2)
    custom.event("END")
    wait_for(lambda: "has closed its connection" in custom.agent.log())
    scheduler.kill("t1")
    wait_for(lambda: "the kill of task t1 waits" in custom.agent.log())
    again = Executor(custom.agent, scheduler.framework_id, "my-exec")
    again.subscribe()
    assert again.event("KILL")["kill"]["task_id"] == {"value": "t1"}


def test_old_sandboxes_go(make_cluster):
    cluster = make_cluster(agent_flags={"gc_delay": "1secs", "disk_watch_interval": "200ms"})
    client = Scheduler(cluster.address, failover_timeout=60.0, checkpoint=True).subscribe()
    client.run("old", "true")
    offer = client.offer()
    client.accept(offer, [command_task("young", "sleep 1000", offer)])
    client.until("young", {"TASK_RUNNING"})
    agent = cluster.agents[0]

    def left(root):
        return sorted(os.path.basename(p) for p in glob.glob(
            os.path.join(root, "slaves", "latest", "frameworks", "*", "executors", "*")))
    for root in (agent.work_dir, os.path.join(agent.work_dir, "meta")):
        wait_for(lambda root=root: left(root) == ["young"], 20, "the old directories to go")
    # Counted once the thread that removes has said so.
    metrics = wait_for(lambda: (m := agent.get("/metrics/snapshot"))["gc/path_removals_succeeded"] >= 1 and m, 60)
    assert metrics["gc/path_removals_failed"] == 0
    client.teardown()


def varint(number):
    out = b""
    while number >= 128:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def adopt(directory, port):
    """Apache's recorded meta directory, with links (the recording has none) and with our port in the agent's info."""
    meta = os.path.join(directory, "meta")
    shutil.copytree(os.path.join(FACTS, "09-persistent-state", "meta"), meta, dirs_exist_ok=True)
    slaves = os.path.join(meta, "slaves")
    (agent_id,) = [d for d in os.listdir(slaves) if d != "latest"]
    os.symlink(os.path.join(slaves, agent_id), os.path.join(slaves, "latest"))
    for runs in glob.glob(os.path.join(slaves, agent_id, "frameworks", "*", "executors", "*", "runs")):
        (run,) = os.listdir(runs)
        os.symlink(os.path.join(runs, run), os.path.join(runs, "latest"))
    path = os.path.join(slaves, agent_id, "slave.info")
    (info,) = records(path)
    recorded = b"\x40" + varint(5051)
    assert info.count(recorded) == 1
    info = info.replace(recorded, b"\x40" + varint(port))
    with open(path, "wb") as f:
        f.write(struct.pack("=I", len(info)) + info)
    return agent_id


def test_adopts_what_an_apache_agent_left(make_cluster):
    cluster = make_cluster(agents=0)
    agent = cluster.add_agent({"hostname": "agent1.example", "attributes": "rack:r1"}, start=False)
    agent_id = adopt(agent.work_dir, agent.port)
    agent.start()
    assert cluster.wait_agents(1)[0]["id"] == agent_id
    state = agent.get("/state")
    (framework,) = state["frameworks"]
    assert framework["name"] == "fw-ckpt"
    # The machine is another one, so nothing of it runs; what ended is over, the rest has been reported as failed.
    ended = {t["id"]: t for e in framework["executors"] for t in e["completed_tasks"]}
    assert "done" not in ended
    assert {"run-cmd", "run-unacked", "run-vol"} <= set(ended)
    assert ended["run-cmd"]["state"] == "TASK_FAILED"
    # The framework is not there to acknowledge; the master has the tasks all the same.
    assert "left out in recovery" not in agent.log()
