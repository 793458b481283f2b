# SPDX-License-Identifier: Apache-2.0
"""Namespaces, mounts and rights as containers see them: isolators namespaces/pid, namespaces/ipc and linux/nnp."""
import os
import subprocess
import tempfile
import time

import pytest

from agent_api import AgentApi
from cluster import Cluster, wait_for
from scheduler import Scheduler, command_task
from seals import assert_sealed

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")
ISOLATION = "filesystem/linux,namespaces/pid,namespaces/ipc,linux/nnp"


class Box:
    """A cluster whose agent isolates; every command is a task, or nested in the task `running`."""

    def __init__(self, **flags):
        self.directory = tempfile.mkdtemp(prefix="cm-")
        os.chmod(self.directory, 0o755)
        self.root = f"mesos_test_{os.getpid()}"
        self.cluster = Cluster(self.directory).start(1, {"launcher": "linux", "isolation": ISOLATION,
                                                         "cgroups_root": self.root, **flags})
        self.agent = self.cluster.agents[0]
        self.api = AgentApi(self.agent)
        self.scheduler = Scheduler(self.cluster.address, checkpoint=True, failover_timeout=1000).subscribe()

    def start(self, task_id, command, **more):
        offer = self.scheduler.offer()
        while not self.scheduler.offers.empty():
            offer = self.scheduler.offer()
        self.scheduler.accept(offer, [command_task(task_id, command, offer, **more)])
        status = self.scheduler.until(task_id, ["TASK_RUNNING", "TASK_FAILED", "TASK_LOST", "TASK_DROPPED"])[-1]
        return status

    def run(self, task_id, command, expect="TASK_FINISHED", **more):
        """The task's standard output when it has ended."""
        status = self.start(task_id, command, **more)
        if status["state"] != expect:
            status = self.scheduler.until(task_id, ["TASK_FINISHED", "TASK_FAILED", "TASK_KILLED"])[-1]
        assert status["state"] == expect, (status, self.read(task_id, "stderr"))
        return self.read(task_id)

    def read(self, task_id, name="stdout"):
        path = os.path.join(self.cluster.sandbox(self.scheduler.framework_id, task_id), name)
        with open(path, encoding="utf-8") as file:
            return file.read()

    def close(self):
        self.scheduler.teardown()
        containers = os.path.join(self.cluster.directory, "agent1.run", "containers")
        wait_for(lambda: not os.listdir(containers), 20, "every container to be gone")
        self.cluster.stop()
        assert not self.cluster.complaints()
        self.cluster.remove()


@pytest.fixture(scope="module")
def box():
    made = Box()
    made.running = made.start("running", "echo $$ > up; sleep 1000 & wait")["container_status"]["container_id"]["value"]
    yield made
    made.close()
    assert not mounts_of(made.directory)


def mounts_of(directory):
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        return [line for line in mounts if directory in line]


def processes(text):
    """pids and command lines out of what `cat /proc/[0-9]*/stat` style listings print: one 'pid name' a line."""
    return [line.split(None, 1) for line in text.splitlines() if line.strip()]


LIST = "for p in /proc/[0-9]*; do echo ${p#/proc/} $(cat $p/comm); done"


def test_a_task_sees_only_its_own_processes(box):
    seen = processes(box.run("own", LIST))
    assert [name for _, name in seen] == ["mesos-container", "mesos-executor", "sh"], seen
    assert seen[0][0] == "1"


def test_the_host_sees_the_real_pids(box):
    pid = box.api.containers()[0]["container_status"]["executor_pid"]
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        inside = [line for line in status if line.startswith("NSpid:")][0].split()
    assert inside[1:] == [str(pid), "1"]
    with open(os.path.join(box.cluster.directory, "agent1.run", "containers", box.running, "pid"), encoding="utf-8") as f:
        assert f.read() == str(pid)


def test_orphans_are_reaped_inside(box):
    out = box.run("orphans", "for i in 1 2 3 4 5; do (sh -c 'sleep 0.05 &') & done; wait; sleep 0.4; "
                  "grep -l '^State:.Z' /proc/[0-9]*/status | wc -l")
    assert out.strip() == "0"


def test_nested_and_parent(box):
    names = (box.running, "n1")
    box.api.launch(names, LIST + "; echo ns $(readlink /proc/self/ns/pid)")
    assert box.api.wait(names) == {"exit_status": 0}
    base = os.path.realpath(box.cluster.sandbox(box.scheduler.framework_id, "running"))
    with open(f"{base}/containers/n1/stdout", encoding="utf-8") as file:
        text = file.read()
    assert "sleep" not in text and "mesos-executor" not in text, text
    box.api.remove(names)


def test_nested_that_shares_its_parents(box):
    names = (box.running, "n2")
    box.api.launch(names, LIST, container={"type": "MESOS", "linux_info": {"share_pid_namespace": True}})
    assert box.api.wait(names) == {"exit_status": 0}
    base = os.path.realpath(box.cluster.sandbox(box.scheduler.framework_id, "running"))
    with open(f"{base}/containers/n2/stdout", encoding="utf-8") as file:
        text = file.read()
    assert "mesos-executor" in text and "sleep" in text and "mesos-master" not in text, text
    box.api.remove(names)


def test_debug_sees_what_its_parent_sees(box):
    session = box.api.session((box.running, "d1"), LIST + "; grep -c . /proc/self/mountinfo")
    assert session.ended.wait(60)
    text = session.out.decode()
    assert "mesos-executor" in text and "sleep" in text and "mesos-master" not in text, (text, session.err)


def test_mounts_stay_inside(box):
    before = mounts_of(box.directory)
    names = (box.running, "m1")
    box.api.launch(names, "mkdir m && mount -t tmpfs none m && touch m/x && grep -c $PWD/m /proc/self/mountinfo")
    assert box.api.wait(names) == {"exit_status": 0}
    assert mounts_of(box.directory) == before
    box.api.remove(names)


PRIVATE = {"type": "MESOS", "linux_info": {"ipc_mode": "PRIVATE", "shm_size": 7}}


def test_private_shm_has_its_size_and_is_nobody_elses(box):
    out = box.run("shm", "df -k /dev/shm | tail -1; touch /dev/shm/mine; ipcmk -M 4096 >/dev/null; "
                  "ipcs -m | grep -c 0x; ls /dev/shm", container=PRIVATE)
    lines = out.splitlines()
    assert lines[0].split()[1] == str(7 * 1024)
    assert lines[1:] == ["1", "mine"]
    assert not os.path.exists("/dev/shm/mine")
    assert "0x" not in "".join(line for line in subprocess.run(
        ["ipcs", "-m"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines() if line.endswith(" 4096 0"))


def test_shm_shared_with_nested(box):
    root = box.start("sharing", "echo one > /dev/shm/word; sleep 1000", container=PRIVATE)
    names = (root["container_status"]["container_id"]["value"], "n")
    wait_for(lambda: os.path.exists(f"{box.cluster.directory}/agent1.run/containers/{names[0]}/shm/word"), 5, "the word")
    box.api.launch(names, "cat /dev/shm/word", container={"type": "MESOS", "linux_info": {"ipc_mode": "SHARE_PARENT"}})
    assert box.api.wait(names) == {"exit_status": 0}
    base = os.path.realpath(box.cluster.sandbox(box.scheduler.framework_id, "sharing"))
    with open(f"{base}/containers/n/stdout", encoding="utf-8") as file:
        assert file.read() == "one\n"
    box.scheduler.kill("sharing")
    box.scheduler.until("sharing", ["TASK_KILLED"])
    wait_for(lambda: not os.path.exists(f"{box.cluster.directory}/agent1.run/containers/{names[0]}"), 10, "its end")


def test_shm_size_needs_private(box):
    status = box.start("badshm", "true", container={"type": "MESOS", "linux_info": {"shm_size": 7}})
    assert status["state"] == "TASK_FAILED" and "IPC mode is `PRIVATE`" in status["message"], status


def test_setuid_programs_gain_nothing(box):
    program = os.path.join(box.directory, "ids")
    subprocess.run(["cp", "/usr/bin/id", program], check=True)
    os.chmod(program, 0o4755)
    out = box.run("nnp", {"value": f"{program} -u; grep NoNewPrivs /proc/self/status", "user": "nobody"})
    assert out.splitlines()[0] != "0"
    assert out.splitlines()[1].split() == ["NoNewPrivs:", "1"]


def test_the_helper_cannot_be_overwritten(box):
    assert_sealed(box.api, box.running)
    out = box.run("seal", "for p in /proc/[0-9]*/exe; do case $(readlink $p) in /memfd:mesos-containerizer*) echo found;; esac; "
                  "(echo evil >> $p) 2>/dev/null && echo OVERWRITTEN $p; done; true")
    assert "found" in out and "OVERWRITTEN" not in out, out


def restart(box):
    box.agent.kill()
    box.agent.start()
    wait_for(lambda: box.agent.get("/metrics/snapshot").get("slave/registered") == 1, 20, "the agent to be back")


def test_an_agents_crash(box):
    """What runs goes on as it is, and new ones join it; what ended meanwhile is told."""
    root = box.start("survivor", "echo one > /dev/shm/word; sleep 1000", container=PRIVATE)
    top = root["container_status"]["container_id"]["value"]
    box.api.launch((top, "ends"), "sleep 0.7; exit 7")
    box.api.launch((top, "stays"), "sleep 1000")
    box.api.launch(("alone",), LIST + "; sleep 0.7; exit 8")
    wait_for(lambda: os.path.exists(f"{box.cluster.directory}/agent1.run/containers/alone/state"), 10, "alone to be there")
    restart(box)
    assert box.api.wait((top, "ends")) == {"exit_status": 7 << 8}
    assert box.api.wait(("alone",)) == {"exit_status": 8 << 8}
    with open(os.path.join(box.agent.work_dir, "containers", "alone", "stdout"), encoding="utf-8") as file:
        assert "mesos-agent" not in file.read()
    names = (top, "later")
    box.api.launch(names, "cat /dev/shm/word; " + LIST,
                   container={"type": "MESOS", "linux_info": {"ipc_mode": "SHARE_PARENT", "share_pid_namespace": True}})
    assert box.api.wait(names) == {"exit_status": 0}
    base = os.path.realpath(box.cluster.sandbox(box.scheduler.framework_id, "survivor"))
    with open(f"{base}/containers/later/stdout", encoding="utf-8") as file:
        text = file.read()
    assert text.startswith("one\n") and "mesos-executor" in text and "mesos-agent" not in text, text
    session = box.api.session((top, "look"), "cat /dev/shm/word")
    assert session.ended.wait(60) and session.out == b"one\n", (session.out, session.err)
    box.api.remove(("alone",))
    box.scheduler.kill("survivor")
    box.scheduler.until("survivor", ["TASK_KILLED"])
    wait_for(lambda: not os.path.exists(f"{box.cluster.directory}/agent1.run/containers/{top}"), 10, "its end")


def test_a_crash_during_the_end(box):
    """The agent dies while containers end: the next one finishes what was begun."""
    for at_ms in (0, 3, 8, 20):
        name = f"ending{at_ms}"
        top = box.start(name, "sleep 1000", container=PRIVATE)["container_status"]["container_id"]["value"]
        box.api.launch((top, "n"), "sleep 1000")
        run = f"{box.cluster.directory}/agent1.run/containers/{top}"
        for half in ("termination.aB3xYz", "containers/n/termination.000000", "state.zzzzzz"):  # of an agent that died in between
            with open(f"{run}/{half}", "w", encoding="utf-8"):
                pass
        box.scheduler.kill(name)
        time.sleep(at_ms / 1000)
        restart(box)
        box.scheduler.until(name, ["TASK_KILLED", "TASK_FAILED", "TASK_LOST"])
        wait_for(lambda: not os.path.exists(run), 20, "its end")
        assert not [line for line in mounts_of(box.directory) if top in line]


def test_sharing_the_agents_can_be_forbidden():
    one = Box(disallow_sharing_agent_pid_namespace=True, disallow_sharing_agent_ipc_namespace=True,
              default_container_shm_size="5MB", cgroups_root=f"mesos_test_{os.getpid()}b")
    try:
        status = one.start("pid", "true", container={"type": "MESOS", "linux_info": {"share_pid_namespace": True}})
        assert "Sharing agent pid namespace with top-level container is not allowed" in status["message"]
        status = one.start("ipc", "true", container={"type": "MESOS", "linux_info": {"ipc_mode": "SHARE_PARENT"}})
        assert "Sharing agent IPC namespace with top-level container is not allowed" in status["message"]
        out = one.run("size", "df -k /dev/shm | tail -1", container={"type": "MESOS", "linux_info": {"ipc_mode": "PRIVATE"}})
        assert out.split()[1] == str(5 * 1024)
    finally:
        one.close()
