# SPDX-License-Identifier: Apache-2.0
"""The containerizer "external" with a program as operators wrote them ten years ago: tasks, kills, usage, restarts, and
programs that hang, die or lie."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest

from agent_api import AgentApi
from cluster import REPOSITORY, Cluster, wait_for
from external_program import field, kill_tree, parse
from scheduler import Scheduler, TERMINAL, command_task, scalar

PROGRAM = os.path.join(REPOSITORY, "tests", "lib", "external_program.py")


def alive(pid):
    """Runs, and does not only wait for its parent to look."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Box:
    def __init__(self, make_cluster):
        self.cluster = make_cluster(agents=0, master_flags={"allocation_interval": "50ms"})
        config = os.path.join(self.cluster.directory, "external.ini")
        with open(config, "w", encoding="utf-8") as ini:
            ini.write("[external]\ntimeout = 3secs\n")
        self.agent = self.cluster.add_agent({
            "config": config, "containerizers": "external", "containerizer_path": f"{sys.executable} {PROGRAM}",
            "default_container_image": "docker:///usual", "executor_registration_timeout": "4secs",
            "executor_shutdown_grace_period": "1secs"})
        self.rescinded = set()
        self.scheduler = Scheduler(self.cluster.address, failover_timeout=600.0, checkpoint=True).subscribe()

    @property
    def base(self):
        return os.path.join(self.agent.work_dir, "ecp")

    def mode(self, command, mode):
        path = os.path.join(self.base, "mode-" + command)
        if mode is None:
            if os.path.exists(path):
                os.unlink(path)
            return
        with open(path, "w", encoding="utf-8") as out:
            out.write(mode)

    def offer(self):
        """One that a task fits in: what ended tasks leave is offered piece by piece."""
        while True:
            offer = self.scheduler.offer()
            while not self.scheduler.others.empty():
                event = self.scheduler.others.get()
                if event["type"] == "RESCIND":
                    self.rescinded.add(event["rescind"]["offer_id"]["value"])
            if offer["id"]["value"] in self.rescinded:
                continue
            if sum(r["scalar"]["value"] for r in offer["resources"] if r["name"] == "cpus") >= 1 and \
                    sum(r["scalar"]["value"] for r in offer["resources"] if r["name"] == "mem") >= 256:
                return offer
            self.scheduler.decline(offer)

    def launch(self, task_id, command, until=("TASK_RUNNING",), **more):
        offer = self.offer()
        self.scheduler.accept(offer, [command_task(task_id, command, offer, **more)])
        return self.scheduler.until(task_id, list(until) + list(TERMINAL))[-1]

    def container(self, task_id):
        """Its id, once the program has launched it."""
        return wait_for(lambda: [c["container_id"] for c in self.agent.get("/containers")
                                 if c["executor_id"] == task_id], what="the container of " + task_id)[0]

    def file(self, container_id, name):
        with open(os.path.join(self.base, "containers", container_id, name), "rb") as content:
            return content.read()

    def log(self, command):
        return [line for line in self.log_lines() if line[0] == command]

    def log_lines(self):
        with open(os.path.join(self.base, "log"), encoding="utf-8") as log:
            return [line.split() for line in log]

    def waiting(self):
        return [int(pid) for command, pid, _ in self.log_lines() if command == "wait" and alive(pid)]


@pytest.fixture(scope="module")
def box():
    """One cluster for all tests: each leaves it as it was."""
    made = []

    def make(agents=1, master_flags=None, agent_flags=None):
        made.append(Cluster(tempfile.mkdtemp(prefix="cm-"), master_flags))
        return made[-1].start(agents, agent_flags)

    box = Box(make)
    yield box
    try:
        for cluster in made:
            cluster.stop()
        complaints = [c for cluster in made for c in cluster.complaints()]
        assert not complaints, "\n".join(complaints)
    finally:
        for cluster in made:
            cluster.remove()


def test_task(box):
    """From ACCEPT to the sandbox, with what the program is told, usage and the end."""
    status = box.launch("one", "echo in the sandbox $GREETING; sleep 1000", cpus=0.5, mem=64)
    assert status["state"] == "TASK_RUNNING", status
    container = box.container("one")
    record = parse(box.file(container, "record"))
    assert parse(record[1][0])[1][0].decode() == container
    assert parse(record[2][0])[1][0] == b"one"  # TaskInfo.name
    assert parse(parse(record[3][0])[1][0])[1][0] == b"one"  # ExecutorInfo.executor_id
    sandbox = box.cluster.sandbox(box.scheduler.framework_id, "one")
    assert os.path.realpath(record[4][0].decode()) == os.path.realpath(sandbox)
    assert parse(record[6][0])[1][0].decode() == status["agent_id"]["value"]
    assert record[7][0].decode().startswith("slave(1)@127.0.0.1:") and record[8] == [1]
    environment = dict(line.split("=", 1) for line in box.file(container, "environment").decode().splitlines() if "=" in line)
    assert environment["MESOS_DEFAULT_CONTAINER_IMAGE"] == "docker:///usual"
    assert environment["MESOS_WORK_DIRECTORY"] == box.agent.work_dir
    assert os.path.exists(os.path.join(environment["MESOS_LIBEXEC_DIRECTORY"], "mesos-executor"))
    wait_for(lambda: "in the sandbox" in open(os.path.join(sandbox, "stdout"), encoding="utf-8").read())
    figures, = box.agent.get("/monitor/statistics")
    assert figures["executor_id"] == "one" and figures["statistics"]["mem_rss_bytes"] > 4096
    assert figures["statistics"]["cpus_limit"] == 0.75
    box.scheduler.kill("one")
    assert box.scheduler.until("one", TERMINAL)[-1]["state"] == "TASK_KILLED"
    wait_for(lambda: not box.agent.get("/containers") and not box.waiting(), what="the end of its container")
    assert box.launch("two", "exit 3", until=()).get("state") == "TASK_FAILED"
    assert box.launch("three", "true", until=()).get("state") == "TASK_FINISHED"


def test_old_container_field(box):
    """CommandInfo's field 4, image and options, reaches the program in the executor's command; nonsense in it does not."""
    def accept(task_id, container):
        offer = box.offer()
        command = field(3, "sleep 1000") + field(4, container)
        resources = b"".join(field(4, field(1, name) + field(2, 0) + field(3, field(1, value)) + field(11, field(1, "*")))
                             for name, value in (("cpus", 0.1), ("mem", 32.0)))
        task = (field(1, task_id) + field(2, field(1, task_id)) + field(3, field(1, offer["agent_id"]["value"])) +
                resources + field(7, command))
        operation = field(1, 1) + field(2, field(1, task))
        call = (field(1, field(1, box.scheduler.framework_id)) + field(2, 3) +
                field(4, field(1, field(1, offer["id"]["value"])) + field(2, operation) + field(3, field(1, 0.0))))
        box.scheduler.raw(call, headers={"Content-Type": "application/x-protobuf"})
        return box.scheduler.until(task_id, ["TASK_RUNNING"] + list(TERMINAL))[-1]

    status = accept("imaged", field(1, "docker:///busybox") + field(2, "--rm") + field(2, "-v"))
    assert status["state"] == "TASK_RUNNING", status
    record = parse(box.file(box.container("imaged"), "record"))
    container = parse(parse(parse(record[3][0])[7][0])[4][0])
    assert container == {1: [b"docker:///busybox"], 2: [b"--rm", b"-v"]}
    assert parse(parse(record[2][0])[7][0])[4]  # and in the task's
    box.scheduler.kill("imaged")
    box.scheduler.until("imaged", TERMINAL)
    status = accept("senseless", field(2, "an option without an image"))
    assert status["state"] == "TASK_FAILED" and "'container' (field 4" in status["message"], status
    assert "image" in status["message"]


def custom(task_id, command, offer):
    task = command_task(task_id, "true", offer)
    del task["command"]
    task["executor"] = {"executor_id": {"value": task_id}, "command": {"value": command},
                        "resources": [scalar("cpus", 0.1), scalar("mem", 32)]}
    return task


def test_destroy(box):
    """An executor that never registers is destroyed, also when the program fails at the first attempt."""
    offer = box.offer()
    task = custom("mute", "sleep 1000", offer)
    task["executor"]["framework_id"] = {"value": box.scheduler.framework_id}
    box.mode("destroy", "exit 1 once")
    box.scheduler.accept(offer, [task])
    container = box.container("mute")
    pid = int(wait_for(lambda: os.path.exists(os.path.join(box.base, "containers", container, "pid")) and
                       box.file(container, "pid")))
    status = box.scheduler.until("mute", TERMINAL)[-1]
    assert status["state"] == "TASK_FAILED" and status["reason"] == "REASON_EXECUTOR_REGISTRATION_TIMEOUT", status
    assert not alive(pid)
    assert "destroy' exited with status 1" in box.agent.log() and not box.waiting()


def test_restart(box):
    """An agent that is killed: its containers go on, orphans are destroyed, the programs that waited are ended."""
    assert box.launch("kept", "sleep 1000")["state"] == "TASK_RUNNING"
    container = box.container("kept")
    waiting, = wait_for(box.waiting, what="the program that waits")
    box.agent.kill()
    assert alive(waiting)
    orphan = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    os.makedirs(os.path.join(box.base, "containers", "nobodys"))
    with open(os.path.join(box.base, "containers", "nobodys", "pid"), "w", encoding="utf-8") as out:
        out.write(str(orphan.pid))
    keeper = subprocess.Popen([sys.executable, "-c", (
        "import os,sys,time\nwhile os.path.exists('/proc/%d') and open('/proc/%d/stat').read().split()[2] != 'Z':\n"
        "    time.sleep(0.02)\nopen(sys.argv[1], 'w').write('9')") % (orphan.pid, orphan.pid),
        os.path.join(box.base, "containers", "nobodys", "status")])
    box.agent.start()
    box.cluster.wait_agents(1)
    assert orphan.wait(60) == -signal.SIGKILL
    keeper.wait(60)
    assert not alive(waiting)
    assert box.log("recover") and box.log("containers")
    assert box.container("kept") == container and len(box.waiting()) == 1
    assert not [s for s in box.scheduler.history if s["task_id"]["value"] == "kept" and s["state"] in TERMINAL]
    # It is told again what it has: the task's share and the executor's own.
    wait_for(lambda: os.path.exists(os.path.join(box.base, "containers", container, "update")), what="an update")
    update = parse(box.file(container, "update"))
    assert parse(update[1][0])[1][0].decode() == container
    given = {parse(r)[1][0]: parse(parse(r)[3][0])[1][0] for r in update[2]}
    assert given == {b"cpus": pytest.approx(0.2), b"mem": 64}
    assert all(parse(r)[6] == [b"*"] and 11 not in parse(r) for r in update[2])  # as agents of that time wrote them
    # An orderly end of the agent leaves no program behind, and its container alone. An update that fails is only told of.
    box.agent.stop()
    wait_for(lambda: not box.waiting(), what="the end of who waits")
    box.mode("update", "exit 1")
    box.agent.start()
    box.cluster.wait_agents(1)
    wait_for(lambda: "update' exited with status 1" in box.agent.log(), what="the failed update")
    box.mode("update", None)
    assert box.container("kept") == container
    box.scheduler.kill("kept")
    assert box.scheduler.until("kept", TERMINAL)[-1]["state"] == "TASK_KILLED"
    wait_for(lambda: not box.waiting() and not box.agent.get("/containers"))


@pytest.mark.parametrize("mode, words", [
    ("exit 3", "launch' exited with status 3 (its last words: the cellar is flooded)"),
    ("hang", "launch' did not end within 3000 ms and was killed"),
])
def test_launch_fails(box, mode, words):
    box.mode("launch", mode)
    status = box.launch("never" + mode[:2], "true", until=())
    box.mode("launch", None)
    assert status["state"] == "TASK_FAILED" and status["reason"] == "REASON_CONTAINER_LAUNCH_FAILED", status
    assert words in status["message"], status
    wait_for(lambda: not box.agent.get("/containers"))


@pytest.mark.parametrize("mode, words", [
    ("silent", "answered 0 bytes"), ("short", "answered 2 bytes"), ("lie", "a record of 16 bytes, but 3 bytes follow"),
    ("huge", "at most 4194304 are taken"), ("text", "answered a record of"), ("garbage", "is no Termination"),
    ("exit 9", "exited with status 9"), ("flood", "said more than 4194304 bytes"),
])
def test_wait_lies(box, mode, words):
    """Nobody knows what became of the container: it is destroyed, and its task says why."""
    task_id = "lied-to-" + mode.replace(" ", "")
    box.mode("wait", mode)
    offer = box.offer()
    box.scheduler.accept(offer, [command_task(task_id, "sleep 1000", offer)])
    status = box.scheduler.until(task_id, TERMINAL)[-1]
    box.mode("wait", None)
    assert status["state"] == "TASK_FAILED" and words in status["message"], status
    wait_for(lambda: not box.agent.get("/containers") and not box.waiting())
    names = [n for n in os.listdir(os.path.join(box.base, "containers"))]
    assert all(os.path.exists(os.path.join(box.base, "containers", n, "status")) for n in names)


def test_usage_lies(box):
    """What is not known is left out; the agent answers, and the container lives."""
    assert box.launch("watched", "sleep 1000")["state"] == "TASK_RUNNING"
    for mode in ("garbage", "exit 1", "lie", "hang", "flood"):
        box.mode("usage", mode)
        begin = time.monotonic()
        assert not [f for f in box.agent.get("/monitor/statistics") if "mem_rss_bytes" in f.get("statistics", {})], mode
        assert time.monotonic() - begin < 30
    box.mode("usage", None)
    figures, = box.agent.get("/monitor/statistics")
    assert figures["statistics"]["mem_rss_bytes"] > 0
    box.scheduler.kill("watched")
    box.scheduler.until("watched", TERMINAL)


def test_nesting_is_refused(box):
    """The protocol knows no containers in containers: the operator is told so."""
    assert box.launch("alone", "sleep 1000")["state"] == "TASK_RUNNING"
    api = AgentApi(box.agent)
    answer = api.launch([box.container("alone"), "inner"], "true", expect=None)
    assert api.status in (400, 500, 501) and answer, answer
    box.scheduler.kill("alone")
    box.scheduler.until("alone", TERMINAL)


def test_limited(box):
    """killed in a Termination: the container went beyond its resources."""
    assert box.launch("greedy", "sleep 1000")["state"] == "TASK_RUNNING"
    container = box.container("greedy")
    with open(os.path.join(box.base, "containers", container, "limited"), "w", encoding="utf-8") as out:
        out.write("it drank all the memory")
    kill_tree(int(box.file(container, "pid")))
    status = box.scheduler.until("greedy", TERMINAL)[-1]
    assert (status["state"], status["reason"]) == ("TASK_FAILED", "REASON_CONTAINER_LIMITATION"), status
    assert "it drank all the memory" in status["message"]


@pytest.mark.parametrize("command, mode, words", [
    ("recover", "exit 7", "recover' exited with status 7"),
    ("recover", "hang", "recover' did not end within 3000 ms"),
    ("containers", "text", "answered a record of"),
    ("containers", "garbage", "is no Containers"),
])
def test_recovery_fails(box, command, mode, words):
    """An agent that cannot know its containers does not start, and says why."""
    box.agent.stop()
    box.mode(command, mode)
    try:
        box.agent.start(wait=False)
        assert box.agent.process.wait(60) != 0
        assert words in box.agent.log(), box.agent.log()[-2000:]
    finally:
        box.mode(command, None)
        box.agent.start()
        box.cluster.wait_agents(1)


@pytest.mark.parametrize("flags, parts", [
    ({"containerizers": "external"}, ["containerizer_path", "required"]),
    ({"containerizers": "external,mesos"}, ["containerizer_path", "required"]),
    ({"containerizers": "external", "containerizer_path": "/nowhere/at-all x"}, ["containerizer_path", "/nowhere/at-all",
                                                                                "No such file"]),
])
def test_refusals(make_cluster, flags, parts):
    cluster = make_cluster(agents=0)
    agent = cluster.add_agent(flags, start=False)
    done = subprocess.run(agent.argv, env=agent.env, cwd=cluster.directory, timeout=20, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode not in (0, -6, -11)
    for part in parts:
        assert part in done.stdout, done.stdout


def test_nothing_is_left(box):
    """After all of the above: no program, no container, no file of one who waits."""
    wait_for(lambda: not box.agent.get("/containers"))
    box.agent.stop()
    assert not [pid for _, pid, _ in box.log_lines() if alive(pid) and
                "external_program" in open(f"/proc/{pid}/cmdline", encoding="utf-8").read()]
    assert not box.cluster.leftovers()
    assert os.listdir(os.path.join(box.cluster.directory, "agent1.run", "external")) == []
    shutil.rmtree(box.base)
