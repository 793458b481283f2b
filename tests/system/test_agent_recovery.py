# SPDX-License-Identifier: Apache-2.0
"""An agent that finds what another one left: a running agent of Apache Mesos, itself with other resources, executors that
went on without it. What it writes in turn is compared with what Apache Mesos wrote."""
import glob
import os
import shutil
import signal
import struct
import subprocess
import time

import pytest

from cluster import wait_for
from libprocess import Peer, make, message_class
from scheduler import TERMINAL, Scheduler, command_task, group_operation
from test_agent import Executor, adopt, records

FACTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "facts", "traces", "09-persistent-state")
THEIRS = "cc756bd4-9630-4749-b660-08e31f2afcbb"
V0 = {"run-cmd": "fe03d0c6-fc05-405b-9aae-d95ee7bd7a00", "run-unacked": "9e15a243-542b-4a46-a506-3a7d202233e0",
      "run-vol": "1abb688c-e360-412e-bf00-b28fd4bace9e"}
POD = "9af5fa90-38f8-43d5-a9ce-a2baadf52032"
INSIDE = {"grp-a": "39014bc7-9cb2-4cb8-ac0b-efed6a1fa76b", "grp-b": "f5ef7c94-ddf4-4764-b164-5c3a65f189ff"}


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def lives(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# ---- an agent of Apache Mesos, whose executors run ----

class Left:
    """The recorded work_dir and runtime_dir, with processes of ours in the place of its executors and peers in the place of
    their drivers."""

    def __init__(self, make_cluster):
        self.cluster = make_cluster(agents=0)
        self.master = Peer("master")
        self.agent = self.cluster.add_agent({
            "master": f"127.0.0.1:{self.master.port}", "hostname": "agent1.example", "attributes": "rack:r1",
            "executor_reregistration_timeout": "15secs"}, start=False)
        self.agent_id = adopt(self.agent.work_dir, self.agent.port)
        with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as f:
            write(self.agent.work_dir + "/meta/boot_id", f.read().strip())
        self.runtime = os.path.join(self.cluster.directory, "agent1.run", "containers")
        self.processes, self.peers = {}, {}
        for name, container in V0.items():
            self.peers[name] = Peer("executor(1)")
            write(self.run(name, container) + "/pids/libprocess.pid", self.peers[name].pid)
            self.begin(name, container, self.run(name, container) + "/pids/forked.pid")
        self.begin("de", POD, self.run("de", POD) + "/pids/forked.pid")
        for name, container in INSIDE.items():
            self.begin(name, f"{POD}/containers/{container}")

    def run(self, executor, container):
        return f"{self.agent.work_dir}/meta/slaves/{self.agent_id}/frameworks/{THEIRS}-0000/executors/{executor}/runs/{container}"

    def begin(self, name, container, forked=None):
        sandbox = self.run("x", "y").replace("/meta/", "/").replace("/x/runs/y", f"/{name}")
        self.processes[name] = subprocess.Popen(["sleep", "1000"], start_new_session=True,
                                                env={"MESOS_SANDBOX": sandbox, "PATH": os.environ["PATH"]})
        directory = os.path.join(self.runtime, container)
        for path in [os.path.join(directory, "pid")] + ([forked] if forked else []):
            write(path, str(self.processes[name].pid))
        write(os.path.join(directory, "status"), "")
        write(os.path.join(directory, "launch_info"), "x")

    def say(self, message):
        assert self.master.send(f"slave(1)@127.0.0.1:{self.agent.port}", message) == 202

    def close(self):
        for process in self.processes.values():
            process.kill()
            process.wait()
        for peer in [self.master, *self.peers.values()]:
            peer.close()


@pytest.fixture
def left(make_cluster):
    made = Left(make_cluster)
    yield made
    made.close()


def by_id(tasks):
    return {t.task_id.value: t for t in tasks}


def test_takes_over_what_an_agent_of_apache_mesos_runs(left):
    info = glob.glob(left.agent.work_dir + "/meta/slaves/*-S0/slave.info")[0]
    with open(info, "rb") as f:
        info_before = f.read()
    left.agent.start()
    pid = f"slave(1)@127.0.0.1:{left.agent.port}"
    # Drivers are called and come back; executors over HTTP come by themselves.
    for name, peer in left.peers.items():
        assert peer.value("ReconnectExecutorMessage").slave_id.value == left.agent_id
        answer = make("ReregisterExecutorMessage")
        answer.executor_id.value, answer.framework_id.value = name, THEIRS + "-0000"
        assert peer.send(pid, answer) == 202
        assert peer.value("ExecutorReregisteredMessage").slave_id.value == left.agent_id
    pod = Executor(left.agent, THEIRS + "-0000", "de")
    assert pod.subscribe()["agent_info"]["id"]["value"] == left.agent_id
    # The master hears of all of it.
    told = left.master.value("ReregisterSlaveMessage")
    assert told.slave.id.value == left.agent_id
    tasks = by_id(told.tasks)
    assert sorted(tasks) == ["grp-a", "grp-b", "run-cmd", "run-unacked", "run-vol"]
    assert {t.state for t in tasks.values()} == {1}  # TASK_RUNNING
    assert [e.executor_id.value for e in told.executor_infos] == ["de"]
    (volume,) = told.checkpointed_resources
    assert volume.disk.persistence.id == "vol1" and volume.role == "web" and volume.HasField("reservation")
    back = make("SlaveReregisteredMessage")
    back.slave_id.value = left.agent_id
    left.say(back)
    # What was not acknowledged comes, one after the other and as it was; nothing else does.
    recorded = [message_class("mesos.internal.StatusUpdateRecord").FromString(r).update for r in
                records(glob.glob(FACTS + "/meta/slaves/*/frameworks/*/executors/run-unacked/runs/*/tasks/*/task.updates")[0])]
    assert len(recorded) == 2
    for update in recorded:
        got = left.master.value("StatusUpdateMessage").update
        assert (got.uuid, got.status.state) == (update.uuid, update.status.state)
        ack = make("StatusUpdateAcknowledgementMessage", uuid=got.uuid)
        ack.slave_id.value, ack.framework_id.value = left.agent_id, THEIRS + "-0000"
        ack.task_id.value = "run-unacked"
        left.say(ack)
    left.master.quiet("StatusUpdateMessage")
    # They are ours now: orders reach them, and their containers are known by their processes.
    kill = make("KillTaskMessage")
    kill.framework_id.value, kill.task_id.value = THEIRS + "-0000", "run-cmd"
    left.say(kill)
    assert left.peers["run-cmd"].value("KillTaskMessage").task_id.value == "run-cmd"
    left.processes["run-vol"].kill()
    left.processes["run-vol"].wait()
    ended = left.master.value("StatusUpdateMessage").update.status
    assert ended.task_id.value == "run-vol" and ended.state == 3  # TASK_FAILED: its executor was killed
    assert all(lives(p.pid) for name, p in left.processes.items() if name != "run-vol")
    # The info of the agent is written as it was, byte for byte.
    with open(info, "rb") as f:
        assert f.read() == info_before
    shutdown = make("ShutdownExecutorMessage")
    shutdown.framework_id.value, shutdown.executor_id.value = THEIRS + "-0000", "de"
    left.say(shutdown)
    assert pod.event("SHUTDOWN")
    wait_for(lambda: left.processes["de"].poll() is not None and left.processes["grp-a"].poll() is not None, 30,
             "the pod to be ended with what was inside")
    assert lives(left.processes["run-cmd"].pid)


def test_a_stranger_with_the_pid_of_a_container_is_left_alone(left):
    """The number is the same, but that process did not begin when it was written down."""
    old = time.time() - 5000
    for path in glob.glob(left.runtime + "/*/pid") + glob.glob(left.runtime + "/*/containers/*/pid"):
        os.utime(path, (old, old))
    left.agent.argv = [a.replace("=15secs", "=1secs") for a in left.agent.argv]
    left.agent.start()
    back = make("SlaveReregisteredMessage")
    told = left.master.value("ReregisterSlaveMessage")
    assert {t.state for t in told.tasks} <= {1, 3, 6}
    back.slave_id.value = left.agent_id
    left.say(back)
    assert left.master.value("StatusUpdateMessage").update.framework_id.value == THEIRS + "-0000"
    time.sleep(0.5)
    assert all(lives(p.pid) for p in left.processes.values())


# ---- what it writes ----

def normal(value, ids):
    text = str(value)
    for ours, theirs in ids.items():
        text = text.replace(ours, theirs)
    return text


def test_writes_what_apache_mesos_wrote(make_cluster):
    cluster = make_cluster(agents=0)
    agent = cluster.add_agent({"hostname": "agent1.example", "attributes": "rack:r1"})
    client = Scheduler(cluster.address, failover_timeout=600.0, checkpoint=True, name="fw-ckpt", roles=["web"],
                       labels={"labels": [{"key": "k", "value": "v"}]}).subscribe()
    client.run("done", "echo x")
    offer = client.offer()
    client.accept(offer, [command_task("run-cmd", "echo out; sleep 1000", offer, labels={"labels": [{"key": "a", "value": "b"}]})])
    client.until("run-cmd", {"TASK_RUNNING"})
    offer = client.offer(cpus=1)
    client.accept(offer, [], operations=[group_operation(client.framework_id, "de", [
        command_task(name, "sleep 1000", offer) for name in ("grp-a", "grp-b")])])
    wait_for(lambda: sum(s["state"] == "TASK_RUNNING" for s in list(client.history)) == 4, 30, "the pod to run")
    own = os.path.realpath(agent.work_dir + "/meta/slaves/latest") + "/frameworks/" + client.framework_id
    their = f"{FACTS}/meta/slaves/{THEIRS}-S0/frameworks/{THEIRS}-0000"

    def read(path):
        with open(path, "rb") as f:
            return f.read()
    ids = {client.framework_id: THEIRS + "-0000", os.path.basename(os.path.realpath(agent.work_dir + "/meta/slaves/latest")):
           THEIRS + "-S0", cluster.tree.launcher_dir: "/usr/libexec/mesos"}
    assert read(own + "/framework.pid") == read(their + "/framework.pid")
    message_class("StatusUpdateMessage")
    import mesos.v1.mesos_pb2 as v1  # made by protoc, by the line before
    v1_of = {"framework.info": v1.FrameworkInfo, "executor.info": v1.ExecutorInfo, "task.info": v1.Task}

    def same(name, our_path, their_path):
        ours, theirs = records(our_path)[0], records(their_path)[0]
        got, wanted = v1_of[name].FromString(ours), v1_of[name].FromString(theirs)
        assert got.SerializeToString() == ours
        assert normal(got, ids) == normal(wanted, {}), our_path
    same("framework.info", own + "/framework.info", their + "/framework.info")
    for executor, tasks in {"done": ["done"], "run-cmd": ["run-cmd"], "de": ["grp-a", "grp-b"]}.items():
        ours, theirs = f"{own}/executors/{executor}", f"{their}/executors/{executor}"
        (their_run,) = os.listdir(theirs + "/runs")
        run = os.path.realpath(ours + "/runs/latest")
        assert os.readlink(ours + "/runs/latest") == run  # a whole path, as theirs
        same("executor.info", ours + "/executor.info", theirs + "/executor.info")
        assert read(ours + "/executor_generated_for_command_task") == read(theirs + "/executor_generated_for_command_task")
        for task in tasks:
            same("task.info", f"{run}/tasks/{task}/task.info", f"{theirs}/runs/{their_run}/tasks/{task}/task.info")
        assert read(run + "/pids/forked.pid").isdigit()
    # What ends is marked so, and updates and acknowledgements follow each other alike.
    wait_for(lambda: os.path.exists(own + "/executors/done/runs/latest/executor.sentinel"), 20, "the end of 'done'")
    kind = message_class("mesos.internal.StatusUpdateRecord")

    def kinds(root):
        (path,) = set(os.path.realpath(p) for p in glob.glob(root + "/executors/done/runs/*/tasks/done/task.updates"))
        found = [kind.FromString(r) for r in records(path)]
        return ([r.update.status.state for r in found if r.HasField("update")],
                sum(not r.HasField("update") for r in found), sorted(f.name for f, _ in found[0].update.ListFields()))
    assert kinds(own) == kinds(their)
    client.teardown()


# ---- other resources and attributes under the same id ----

def again(agent, policy, resources=None, attributes=None):
    agent.stop()
    keep = [a for a in agent.argv if not a.startswith("--reconfiguration_policy=")]
    if resources:
        keep = [a for a in keep if not a.startswith("--resources=")] + ["--resources=" + resources]
    if attributes is not None:
        keep = [a for a in keep if not a.startswith("--attributes=")] + ["--attributes=" + attributes]
    agent.argv = keep + ["--reconfiguration_policy=" + policy]


def refused(agent):
    agent.start(wait=False)
    assert agent.process.wait(60) != 0
    return [line for line in agent.log().splitlines() if "reconfigur" in line or "does not cover" in line][-1]


def offered(client, wanted):
    """Offers come until one looks so."""
    end = time.monotonic() + 30
    while True:
        offer = client.offer(max(0.1, end - time.monotonic()))
        seen = {r["name"]: r["scalar"]["value"] for r in offer["resources"] if r["type"] == "SCALAR"}
        if wanted(seen, offer):
            return offer
        client.decline(offer)


def test_resources_and_attributes_change_in_place(make_cluster):
    cluster = make_cluster(agent_flags={"attributes": "rack:r1"})
    agent = cluster.agents[0]
    agent_id = cluster.wait_agents(1)[0]["id"]
    client = Scheduler(cluster.address, failover_timeout=60.0, checkpoint=True).subscribe()
    offer = client.offer()
    client.accept(offer, [command_task("stay", "sleep 1000", offer, cpus=1.5, mem=512)])
    client.until("stay", {"TASK_RUNNING"})
    # equal refuses, additive takes more.
    again(agent, "equal", "cpus:8;mem:4096;disk:10000;ports:[31000-32000]")
    assert "are now cpus:8;" in refused(agent)
    again(agent, "additive", "cpus:8;mem:4096;disk:10000;ports:[31000-32000]", "rack:r1;zone:z1")
    agent.start()
    offered(client, lambda seen, o: seen.get("cpus") == 6.5 and len(o["attributes"]) == 2)
    again(agent, "additive", "cpus:7;mem:4096;disk:10000;ports:[31000-32000]")
    assert "additive" in refused(agent)
    # any takes less, and other attributes, while the task has what it needs ...
    again(agent, "any", "cpus:2;mem:1024", "rack:r2")
    agent.start()
    offer = offered(client, lambda seen, o: (seen.get("cpus"), seen.get("mem")) == (0.5, 512))
    assert [a["text"]["value"] for a in offer["attributes"]] == ["r2"]
    client.decline(offer)
    # ... and says who lacks what when it has not.
    again(agent, "any", "cpus:1;mem:1024")
    line = refused(agent)
    assert f"task stay of framework {client.framework_id} needs cpus:1.5" in line
    again(agent, "any", "cpus:2;mem:1024")
    agent.start()
    assert [a["id"] for a in cluster.wait_agents(1)] == [agent_id]
    assert not [s for s in client.history if s["state"] in TERMINAL]
    client.kill("stay")
    assert client.until("stay", TERMINAL)[-1]["state"] == "TASK_KILLED"
    client.teardown()


# ---- executors without their agent ----

def test_ends_while_the_agent_is_away_are_told_as_they_were(make_cluster):
    cluster = make_cluster(agents=0)
    cluster.add_agent({"resources": "cpus:8;mem:8000;disk:1000"})
    agent = cluster.agents[0]
    client = Scheduler(cluster.address, failover_timeout=60.0, checkpoint=True).subscribe()
    offer = client.offer()
    go = os.path.join(cluster.directory, "go")
    await_go = f"while [ ! -e {go} ]; do sleep 0.05; done; "
    pod = group_operation(client.framework_id, "pod", [command_task("pod-well", await_go + "exit 0", offer),
                                                       command_task("pod-ill", await_go + "sleep 0.5; exit 5", offer)])
    client.accept(offer, [], operations=[
        {"type": "LAUNCH", "launch": {"task_infos": [command_task("well", await_go + "exit 0", offer),
                                                     command_task("ill", await_go + "exit 3", offer)]}}, pod])
    names = {"well", "ill", "pod-well", "pod-ill"}
    wait_for(lambda: names <= {s["task_id"]["value"] for s in list(client.history) if s["state"] == "TASK_RUNNING"}, 30,
             "all to run")
    agent.kill()
    write(go, "")
    time.sleep(2)
    agent.start()

    def ends():
        found = {s["task_id"]["value"]: s for s in list(client.history) if s["state"] in TERMINAL}
        return found if names <= set(found) else None
    found = wait_for(ends, 40, "the ends")
    assert {name: s["state"] for name, s in found.items()} == {
        "well": "TASK_FINISHED", "ill": "TASK_FAILED", "pod-well": "TASK_FINISHED", "pod-ill": "TASK_FAILED"}
    assert "exited with status 3" in found["ill"]["message"] and "exited with status 5" in found["pod-ill"]["message"]
    uuids = [s["uuid"] for s in client.history if "uuid" in s]
    assert len(uuids) == len(set(uuids))
    client.teardown()


def test_executors_give_up(make_cluster):
    """An agent that stays away for longer than --recovery_timeout finds nothing left of what it ran."""
    cluster = make_cluster(agents=0)
    cluster.add_agent({"recovery_timeout": "1secs"})
    agent = cluster.agents[0]
    client = Scheduler(cluster.address, failover_timeout=60.0, checkpoint=True).subscribe()
    offer = client.offer()
    client.accept(offer, [], operations=[
        {"type": "LAUNCH", "launch": {"task_infos": [command_task("command", "sleep 1000", offer)]}},
        group_operation(client.framework_id, "pod", [command_task("inside", "sleep 1000", offer)])])
    names = {"command", "inside"}
    wait_for(lambda: names <= {s["task_id"]["value"] for s in list(client.history) if s["state"] == "TASK_RUNNING"}, 30,
             "both to run")
    agent.kill()
    executors = [pid for pid in cluster.leftovers() if b"mesos-" in open(f"/proc/{pid}/cmdline", "rb").read()]
    assert executors
    wait_for(lambda: not any(lives(pid) for pid in executors), 40, "executors to give up")
    agent.start()
    wait_for(lambda: names <= {s["task_id"]["value"] for s in list(client.history) if s["state"] in TERMINAL}, 40, "the ends")
    wait_for(lambda: not cluster.leftovers(), 40, "all of it to be gone")
    client.teardown()


def test_cleanup(make_cluster):
    """--recover=cleanup ends what runs, then itself; the next start is that of a new agent."""
    cluster = make_cluster()
    agent = cluster.agents[0]
    before = cluster.wait_agents(1)[0]["id"]
    client = Scheduler(cluster.address, failover_timeout=60.0, checkpoint=True).subscribe()
    offer = client.offer()
    client.accept(offer, [command_task("goes", "sleep 1000", offer)])
    client.until("goes", {"TASK_RUNNING"})
    agent.process.send_signal(signal.SIGTERM)
    agent.process.wait(60)
    agent.argv.append("--recover=cleanup")
    agent.start(wait=False)
    assert agent.process.wait(60) == 0
    wait_for(lambda: not cluster.leftovers(), 20, "the executor to be gone")
    agent.argv.remove("--recover=cleanup")
    agent.start()
    wait_for(lambda: [a for a in cluster.master.get("/slaves")["slaves"] if a["active"] and a["id"] != before], 40, "a new agent")
    client.teardown()
