# SPDX-License-Identifier: Apache-2.0
"""mesos-go v0.0.11's drivers for libprocess, unmodified: its v0 scheduler and its v0 executor, found by address."""
import json
import os
import subprocess
import time

import pytest

import clients
from cluster import free_port, wait_for
from libprocess import Peer, make
from scheduler import Scheduler as ModernScheduler

RUNNING, STARTING = 1, 0


@pytest.fixture(scope="session")
def programs():
    return clients.mesos_go_v0()


def scheduler_command(programs, cluster, *more):
    return [programs + "/scheduler", "-master", cluster.address, "-executor", programs + "/executor", "-address",
            "127.0.0.1", "-artifactPort", str(free_port()), "-logtostderr", *more]


def tasks_of(cluster):
    return {t["id"]: t["state"] for t in cluster.master.get("/tasks")["tasks"]}


def test_scheduler_and_executor(programs, make_cluster):
    """Five tasks, launched by LaunchTasks of the driver, run by one executor over libprocess, to their ends."""
    cluster = make_cluster()
    done = subprocess.run(scheduler_command(programs, cluster, "-task-count", "5"), timeout=120, text=True, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          cwd=cluster.directory)
    assert done.returncode == 0, done.stdout
    assert "Total tasks completed" in done.stdout, done.stdout
    assert tasks_of(cluster) == {str(n): "TASK_FINISHED" for n in range(1, 6)}, done.stdout
    ended = wait_for(lambda: cluster.master.get("/frameworks")["completed_frameworks"], what="the framework's end")[-1]
    assert ended["name"] == "Test Framework (Go)" and ended["pid"].startswith("scheduler(1)@127.0.0.1:")
    with open(cluster.sandbox(ended["id"], "default") + "/stdout", encoding="utf-8") as f:
        assert "Launching task" in f.read()  # said before each task's first update, unlike what its other callbacks say


def test_scheduler_is_killed(programs, make_cluster):
    """A driver that is gone without a word has no failover time: its framework and its executor end."""
    cluster = make_cluster()
    process = subprocess.Popen(scheduler_command(programs, cluster, "-task-count", "1", "-slow_tasks"),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               cwd=cluster.directory)
    try:
        wait_for(lambda: "TASK_STARTING" in tasks_of(cluster).values(), what="a task that starts")
    finally:
        process.kill()
        process.wait()
    gone = wait_for(lambda: cluster.master.get("/frameworks")["completed_frameworks"], what="the end of the framework")
    assert gone[0]["completed_tasks"][0]["state"] == "TASK_KILLED"
    wait_for(lambda: not cluster.leftovers(), what="the end of the executor")


class Scheduler:
    """A v0 scheduler of ours that checkpoints, for the executor that the example scheduler would not."""

    def __init__(self, cluster):
        self.peer = Peer("sched")
        self.master = "master@" + cluster.address
        self.framework_id = None

    def subscribe(self):
        info = {"user": "root", "name": "checkpointing", "checkpoint": True, "failover_timeout": 60}
        if self.framework_id:
            info["id"] = {"value": self.framework_id}
        call = make("mesos.scheduler.Call", type=1, subscribe={"framework_info": info, "force": True})
        if self.framework_id:
            call.framework_id.value = self.framework_id
        kind = "FrameworkReregisteredMessage" if self.framework_id else "FrameworkRegisteredMessage"
        for _ in range(60):  # as drivers do: a master that does not lead yet says nothing
            assert self.peer.send(self.master, call) == 202
            try:
                self.framework_id = self.peer.value(kind, timeout=1).framework_id.value
                return
            except AssertionError:
                pass
        raise AssertionError("no answer to SUBSCRIBE")

    def launch(self, command, task_id):
        offer = self.peer.value("ResourceOffersMessage").offers[0]
        resources = [{"name": "cpus", "type": 0, "scalar": {"value": 0.5}},
                     {"name": "mem", "type": 0, "scalar": {"value": 64}}]
        self.peer.send(self.master, make("LaunchTasksMessage", framework_id={"value": self.framework_id},
                                         offer_ids=[offer.id], filters={"refuse_seconds": 0}, tasks=[
            {"name": task_id, "task_id": {"value": task_id}, "agent_id": offer.agent_id, "resources": resources,
             "executor": {"executor_id": {"value": "go"}, "resources": resources, "command": {"value": command}}}]))

    def update(self, timeout=60):
        message = self.peer.value("StatusUpdateMessage", timeout)
        if message.pid and not message.pid.startswith("@"):
            update = message.update
            self.peer.send(self.master, make("StatusUpdateAcknowledgementMessage", slave_id=update.slave_id,
                                             framework_id=update.framework_id, task_id=update.status.task_id,
                                             uuid=update.uuid))
        return message.update.status


def output(cluster, scheduler):
    with open(cluster.sandbox(scheduler.framework_id, "go") + "/stdout", encoding="utf-8") as f:
        return f.read()


def test_restarts(programs, make_cluster):
    """The executor comes back to an agent that was killed; agent and scheduler to a master that was."""
    cluster = make_cluster(master_flags={"registry": "local", "agent_ping_timeout": "1secs",
                                         "max_agent_ping_timeouts": 5},
                           agent_flags={"executor_reregistration_timeout": "10secs",
                                        "executor_shutdown_grace_period": "600secs"})  # none that lingers is killed
    scheduler = Scheduler(cluster)
    try:
        scheduler.subscribe()
        scheduler.launch(f"exec {programs}/executor -slow_tasks -logtostderr", "one")
        assert [scheduler.update().state for _ in range(2)] == [RUNNING, STARTING]  # as it says them
        agent = cluster.agents[0]
        agent.kill()
        time.sleep(0.3)
        agent.start()
        wait_for(lambda: "Re-registered Executor on slave" in output(cluster, scheduler), what="the executor")
        cluster.wait_agents(1)
        assert tasks_of(cluster) == {"one": "TASK_STARTING"}
        cluster.master.kill()
        cluster.master.start()
        scheduler.subscribe()
        cluster.wait_agents(1)
        wait_for(lambda: tasks_of(cluster) == {"one": "TASK_STARTING"}, what="the task")
        scheduler.peer.send(scheduler.master, make(
            "KillTaskMessage", framework_id={"value": scheduler.framework_id}, task_id={"value": "one"}))
        wait_for(lambda: "Kill task" in output(cluster, scheduler), what="the kill")
        scheduler.peer.send(scheduler.master, make(
            "UnregisterFrameworkMessage", framework_id={"value": scheduler.framework_id}))
        # It ends by itself, as it is told; its own word of that comes from a goroutine that its exit may overtake.
        told = f"executor go of framework {scheduler.framework_id} has ended\n"
        wait_for(lambda: told in agent.log(), what="the agent to see its end")
        wait_for(lambda: not cluster.leftovers(), what="the end of the executor")
    finally:
        scheduler.peer.close()


def login_cluster(make_cluster, tmp_path, agents=1, **more):
    """A cluster that wants to know who frameworks and agents are; more: flags of its master."""
    files = {"credentials": "go s3cret\nother s3cret\nchronos s3cret\nagent a3cret\n", "credential": "agent a3cret\n",
             "right": "s3cret", "wrong": "nope"}
    for name, text in files.items():
        with open(tmp_path / name, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
            f.write(text)
    cluster = make_cluster(agents, {"authenticate_frameworks": True, "authenticate_agents": True,
                                    "credentials": tmp_path / "credentials", **more},
                           agent_flags={"credential": tmp_path / "credential"})
    cluster.files = tmp_path
    return cluster


@pytest.fixture
def secured(make_cluster, tmp_path):
    return login_cluster(make_cluster, tmp_path)


def authenticated(programs, cluster, principal, secret):
    return scheduler_command(programs, cluster, "-task-count", "3", "-mesos_authentication_principal", principal,
                             "-mesos_authentication_secret_file", str(cluster.files / secret))


def test_scheduler_proves_who_it_is(programs, secured):
    """The driver's own CRAM-MD5 against our master, then tasks to their ends."""
    done = subprocess.run(authenticated(programs, secured, "go", "right"), timeout=60, text=True, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=secured.directory)
    assert done.returncode == 0, done.stdout
    assert tasks_of(secured) == {str(n): "TASK_FINISHED" for n in range(1, 4)}, done.stdout
    assert 'authenticated principal="go"' in secured.master.log()


@pytest.mark.parametrize("principal, secret", [("go", "wrong"), ("nobody", "right")])
def test_scheduler_is_refused(programs, secured, principal, secret):
    process = subprocess.Popen(authenticated(programs, secured, principal, secret), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=secured.directory)
    try:
        wait_for(lambda: "refuse to authenticate pid=scheduler(1)" in secured.master.log(), 60, "the refusal")
        assert secured.master.get("/frameworks")["frameworks"] == []
    finally:
        process.kill()
        process.wait()


def test_a_role_that_it_may_not_have(programs, make_cluster, tmp_path):
    """Its role is "*", which one principal may have and the other may not; who is refused hears why, over libprocess."""
    rules = {"register_frameworks": [{"principals": {"values": ["go"]}, "roles": {"values": ["batch"]}},
                                     {"principals": {"values": ["go"]}, "roles": {"type": "NONE"}}]}
    audit, said = tmp_path / "audit", tmp_path / "said"
    cluster = login_cluster(make_cluster, tmp_path, acls=json.dumps(rules), audit_log=audit)
    with open(said, "wb") as out:
        process = subprocess.Popen(authenticated(programs, cluster, "go", "right"), stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=subprocess.STDOUT, cwd=cluster.directory)
    try:
        wait_for(lambda: "Scheduler received error: Not authorized to" in said.read_text(), 60, "the refusal")
    finally:
        process.kill()
        process.wait()
    assert any(line["event"] == "refused" and line["action"] == "REGISTER_FRAMEWORK" and line["principal"] == "go"
               for line in map(json.loads, audit.read_text().splitlines()))
    assert cluster.master.get("/frameworks")["frameworks"] == [] and tasks_of(cluster) == {}
    done = subprocess.run(authenticated(programs, cluster, "other", "right"), timeout=60, text=True, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=cluster.directory)
    assert done.returncode == 0, done.stdout
    assert tasks_of(cluster) == {str(n): "TASK_FINISHED" for n in range(1, 4)}, done.stdout


def test_chronos_within_its_limit(programs, make_cluster, tmp_path):
    """300 messages a second of its own, 500 of all others together: it runs its tasks to their ends, and all is counted."""
    limits = {"limits": [{"principal": "chronos", "qps": 300}], "aggregate_default_qps": 500, "aggregate_default_capacity": 4500}
    cluster = login_cluster(make_cluster, tmp_path, rate_limits=json.dumps(limits))
    stays = ModernScheduler(cluster.address, principal="chronos").subscribe(suppressed_roles=["*"])  # and keeps the counts
    counts = lambda: [int(cluster.master.get("/metrics/snapshot")[f"frameworks/chronos/messages_{what}"])
                      for what in ("received", "processed")]
    assert counts() == [0, 0]
    done = subprocess.run(authenticated(programs, cluster, "chronos", "right"), timeout=60, text=True, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=cluster.directory)
    assert done.returncode == 0, done.stdout
    assert tasks_of(cluster) == {str(n): "TASK_FINISHED" for n in range(1, 4)}, done.stdout
    ended = wait_for(lambda: cluster.master.get("/frameworks")["completed_frameworks"], what="the framework's end")[-1]
    assert ended["principal"] == "chronos"
    wait_for(lambda: len(set(counts())) == 1, what="all that was sent to be handled")
    assert counts()[0] >= 1 + 3 * 2  # a launch, and of each task two updates were acknowledged, or else its end had not come
    stays.teardown()
