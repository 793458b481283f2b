# SPDX-License-Identifier: Apache-2.0
"""Persistent volumes on the agent: made and removed as the master has them checkpointed, mounted or linked into sandboxes, given
to the container's user or to a group. The test is the master, so that it decides which volumes there are."""
import glob
import grp
import os
import shutil
import socket
import subprocess
import tempfile
import time

import pytest

import cgroups
from cluster import Cluster, wait_for
from isolated import mounts
from libprocess import Peer, make

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts and other users need root")


def scalar(name, value, role="*", reserved=False):
    resource = {"name": name, "type": "SCALAR", "scalar": {"value": value}, "allocation_info": {"role": role}}
    if reserved:
        resource["reservations"] = [{"type": "STATIC", "role": role}]
    return resource


def volume(volume_id, into, mode="RW", shared=False):
    found = scalar("disk", 10, "eng", True)
    found["disk"] = {"persistence": {"id": volume_id}, "volume": {"container_path": into, "mode": mode}}
    if shared:
        found["shared"] = {}
    return found


class Box:
    def __init__(self, isolation, **flags):
        self.directory = tempfile.mkdtemp(prefix="cm-")
        os.chmod(self.directory, 0o755)
        self.groups = cgroups.Run(os.path.basename(self.directory))
        self.cluster = Cluster(self.directory)
        self.master = Peer("master")
        self.agent = self.cluster.add_agent({
            "master": f"127.0.0.1:{self.master.port}", "launcher": "linux", "isolation": isolation,
            "cgroups_root": self.groups.root, "resources": "cpus:4;mem:4096;disk(eng):10000", **flags}, start=False)
        self.framework = {"user": "root", "name": "f", "id": {"value": "framework"}, "roles": ["eng"], "checkpoint": True,
                          "capabilities": [{"type": "MULTI_ROLE"}], "failover_timeout": 1000}
        self.states = {}
        self.count = 0
        self.start()

    def start(self):
        self.agent.start()
        kind = "ReregisterSlaveMessage" if self.count or self.states else "RegisterSlaveMessage"
        message = self.master.get(kind, 20)
        self.pid = message.sender
        if kind == "RegisterSlaveMessage":
            self.master.send(self.pid, make("SlaveRegisteredMessage", slave_id={"value": "A0"},
                                            connection={"total_ping_timeout_seconds": 75}))
        else:
            self.master.send(self.pid, make("SlaveReregisteredMessage", slave_id={"value": "A0"},
                                            connection={"total_ping_timeout_seconds": 75}))

    def checkpoint(self, *volumes):
        self.master.send(self.pid, make("CheckpointResourcesMessage", resources=[
            {k: v for k, v in one.items() if k != "allocation_info"} for one in volumes]))

    def path(self, volume_id):
        return os.path.join(self.agent.work_dir, "volumes", "roles", "eng", volume_id)

    def run(self, command, *volumes, user="root", executor=None):
        self.count += 1
        task_id = f"t{self.count}"
        task = {"name": task_id, "task_id": {"value": task_id}, "agent_id": {"value": "A0"},
                "resources": [scalar("cpus", 0.1, "eng"), scalar("mem", 32, "eng"), *volumes]}
        task.update({"executor": executor} if executor else {"command": {"value": command, "user": user}})
        self.master.send(self.pid, make("RunTaskMessage", framework=self.framework, task=task, pid=""))
        return task_id

    def until(self, task_id, *states, timeout=20):
        end = time.monotonic() + timeout
        while self.states.get(task_id) not in states:
            update = self.master.value("StatusUpdateMessage", max(0.1, end - time.monotonic())).update
            status = update.status
            name = type(status).DESCRIPTOR.fields_by_name["state"].enum_type.values_by_number[status.state].name
            self.states[status.task_id.value] = name
            self.message = status.message
            self.master.send(self.pid, make(
                "StatusUpdateAcknowledgementMessage", slave_id={"value": "A0"}, framework_id={"value": "framework"},
                task_id={"value": status.task_id.value}, uuid=update.uuid))
        return self.states[task_id]

    def finish(self, command, *volumes, **more):
        task_id = self.run(command, *volumes, **more)
        assert self.until(task_id, "TASK_FINISHED", "TASK_FAILED", "TASK_LOST") == "TASK_FINISHED", self.message
        return self.read(task_id)

    def sandbox(self, task_id):
        return os.path.realpath(self.cluster.sandbox("framework", task_id))

    def read(self, task_id, name="stdout"):
        with open(os.path.join(self.sandbox(task_id), name), encoding="utf-8") as file:
            return file.read()

    def restart(self):
        self.agent.kill()
        for _ in range(20):  # somebody's connection may have taken the port meanwhile, for a moment
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", self.agent.port))
                    break
                except OSError:
                    time.sleep(0.2)
        self.start()

    def close(self):
        self.cluster.stop()
        left = [m for m in mounts(self.directory) if m != self.agent.work_dir]
        for target in reversed(mounts(self.directory)):
            subprocess.run(["umount", "-l", target], check=False)
        assert not self.cluster.complaints()
        self.master.close()
        self.groups.end()
        shutil.rmtree(self.directory, ignore_errors=True)
        assert left == []


@pytest.fixture(scope="module", params=["filesystem/linux", "filesystem/posix"])
def box(request):
    made = Box(request.param + ",volume/sandbox_path,posix/cpu")
    made.mounts = request.param == "filesystem/linux"
    yield made
    made.close()


def test_data_stays_and_goes_with_its_volume(box):
    box.checkpoint(volume("v1", "data"), volume("v2", "other"))
    wait_for(lambda: os.path.isdir(box.path("v1")) and os.path.isdir(box.path("v2")), 5)
    box.finish("echo kept > data/file", volume("v1", "data"))
    out = box.finish("cat data/file; stat -c %F data", volume("v1", "data"))
    assert ("kept\ndirectory\n" if box.mounts else "kept\nsymbolic link\n") in out
    wait_for(lambda: [m for m in mounts(box.directory) if m != box.agent.work_dir] == [], 10)
    box.checkpoint(volume("v2", "other"))
    wait_for(lambda: not os.path.exists(box.path("v1")), 5)
    assert os.path.isdir(box.path("v2"))
    box.checkpoint(volume("v1", "data"), volume("v2", "other"))
    wait_for(lambda: os.path.isdir(box.path("v1")), 5)
    assert os.listdir(box.path("v1")) == []
    wait_for(lambda: not os.listdir(box.agent.work_dir + "/volumes/removed")
             if os.path.exists(box.agent.work_dir + "/volumes/removed") else True, 5)


def test_it_belongs_to_its_user(box):
    box.finish("touch data/mine; stat -c %U data/mine", volume("v1", "data"), user="nobody")
    assert os.stat(box.path("v1")).st_uid == os.stat(box.path("v1") + "/mine").st_uid != 0


def test_read_only(box):
    box.finish("echo there > data/file", volume("v1", "data"))
    out = box.finish("cat data/file; (echo more > data/new) 2>/dev/null || echo refused", volume("v1", "data", "RO"))
    assert ("refused" in out) == box.mounts and "there" in out  # a link cannot refuse


def test_restart_with_a_volume_in_use(box):
    """The agent dies; the volume stays where it is, and goes with its container."""
    task_id = box.run("echo up > data/up; until test -e data/go; do sleep 0.05; done; cat data/up", volume("v2", "data"))
    box.until(task_id, "TASK_RUNNING")
    wait_for(lambda: os.path.exists(box.path("v2") + "/up"), 5)
    before = [target for target in mounts(box.directory) if f"/{task_id}/" in target]
    box.restart()  # others of tests before may go meanwhile
    assert [target for target in mounts(box.directory) if f"/{task_id}/" in target] == before
    assert bool(before) == box.mounts
    with open(box.path("v2") + "/go", "w", encoding="utf-8"):
        pass
    assert box.until(task_id, "TASK_FINISHED", "TASK_FAILED", "TASK_LOST") == "TASK_FINISHED", box.message
    assert "up\n" in box.read(task_id)
    wait_for(lambda: [m for m in mounts(box.directory) if m != box.agent.work_dir] == [], 10)
    assert os.path.exists(box.path("v2") + "/up")  # what was mounted is not what was removed


def test_an_agent_that_dies_again_and_again(box):
    """Whenever it dies while containers with volumes come and go, nothing of them stays mounted."""
    for i in range(5):
        for n in range(3):
            box.run("sleep 0.05", volume("v2", f"data{n}"))
        time.sleep(0.03 * i)
        box.restart()
    wait_for(lambda: [m for m in mounts(box.directory) if m != box.agent.work_dir] == [], 15)


def test_a_pod_that_runs_gets_another_volume(box):
    """The second group of tasks brings a volume: it shows up in the executor's container, which has been running, and in the
    task's, which is nested in it; and goes when the task has ended."""
    executor = {"type": "DEFAULT", "executor_id": {"value": "pod"}, "framework_id": {"value": "framework"},
                "resources": [scalar("cpus", 0.1, "eng"), scalar("mem", 32, "eng"), scalar("disk", 10, "eng", True)]}

    box.checkpoint(volume("v1", "data"), volume("v2", "other"), volume("v9", "late"))

    def group(task_id, command, *volumes):
        task = {"name": task_id, "task_id": {"value": task_id}, "agent_id": {"value": "A0"},
                "resources": [scalar("cpus", 0.1, "eng"), scalar("mem", 32, "eng"), *volumes], "command": {"value": command}}
        box.master.send(box.pid, make("RunTaskGroupMessage", framework=box.framework, executor=executor,
                                      task_group={"tasks": [task]}))
    group("long", "sleep 1000")
    box.until("long", "TASK_RUNNING")
    sandbox = os.path.realpath(box.cluster.sandbox("framework", "pod"))
    group("brings", "echo nested > late/file; until test -e late/go; do sleep 0.05; done", volume("v9", "late"))
    assert box.until("brings", "TASK_RUNNING", "TASK_FAILED") == "TASK_RUNNING", box.message
    wait_for(lambda: os.path.exists(box.path("v9") + "/file"), 5)
    target = sandbox + "/late"
    assert os.path.exists(target + "/file")
    if box.mounts:
        with open(glob.glob(os.path.join(box.directory, "agent1.run", "containers", os.path.basename(sandbox), "pid"))[0],
                  encoding="ascii") as file, open(f"/proc/{file.read()}/mountinfo", encoding="utf-8") as table:
            assert target in table.read()
    with open(box.path("v9") + "/go", "w", encoding="utf-8"):
        pass
    assert box.until("brings", "TASK_FINISHED", "TASK_FAILED") == "TASK_FINISHED", box.message
    wait_for(lambda: not os.path.lexists(target), 10)
    assert os.path.exists(box.path("v9") + "/file")
    box.master.send(box.pid, make("KillTaskMessage", framework_id={"value": "framework"}, task_id={"value": "long"}))
    box.until("long", "TASK_KILLED")


def test_what_stands_in_the_way(box):
    """A sandbox is the task's: a link where the volume is to be is not followed. An executor's URIs come first."""
    assert box.finish("test ! -e nested/path && echo left out", volume("v1", "nested/path")).endswith("left out\n")


def test_group_of_shared_volumes():
    made = Box("filesystem/linux,posix/cpu", volume_gid_range="[47110-47111]")
    try:
        made.checkpoint(volume("s1", "data", shared=True), volume("s2", "data", shared=True), volume("s3", "data", shared=True))
        wait_for(lambda: os.path.isdir(made.path("s3")), 5)
        out = made.finish("id -G; touch data/file; stat -c '%g %a' data", volume("s1", "data", shared=True), user="nobody")
        assert "47110" in out.split("\n")[-3].split() and out.endswith("47110 2775\n"), out
        assert os.stat(made.path("s1") + "/file").st_gid == 47110
        assert made.finish("stat -c %g data", volume("s2", "data", shared=True), user="nobody").endswith("47111\n")
        gauges = made.agent.get("/metrics/snapshot")
        assert gauges["volume_gid_manager/volume_gids_total"] == 2 and gauges["volume_gid_manager/volume_gids_free"] == 0
        made.restart()
        assert made.finish("stat -c %g data", volume("s1", "data", shared=True), user="daemon").endswith("47110\n")
        task_id = made.run("true", volume("s3", "data", shared=True), user="nobody")
        assert made.until(task_id, "TASK_FAILED", "TASK_FINISHED", "TASK_LOST") != "TASK_FINISHED"
        assert "the free gid range is exhausted" in made.message
        assert not any(g.gr_gid in (47110, 47111) for g in grp.getgrall())
    finally:
        made.close()


def test_a_volume_has_a_limit_of_its_own():
    """disk/du measures it where it lies, and names it when it is over."""
    made = Box("filesystem/linux,posix/cpu,disk/du", enforce_container_disk_quota=True, container_disk_watch_interval="50ms")
    try:
        made.checkpoint(volume("d1", "data"))
        wait_for(lambda: os.path.isdir(made.path("d1")), 5)
        task_id = made.run("dd if=/dev/zero of=data/part bs=1M count=3; while [ ! -e data/go ]; do sleep 0.05; done; "
                           "dd if=/dev/zero of=data/all bs=1M count=9; sleep 60", volume("d1", "data"))
        made.until(task_id, "TASK_RUNNING")

        def measured():
            rows = [r["statistics"].get("disk_statistics", []) for r in made.agent.get("/monitor/statistics")]
            found = [d for row in rows for d in row if d.get("persistence", {}).get("id") == "d1"]
            return found[0] if found and found[0].get("used_bytes", 0) >= 3 << 20 else None
        found = wait_for(measured, 10, "three megabytes to be seen")
        assert found["limit_bytes"] == 10 << 20 and found["used_bytes"] < 4 << 20
        open(made.path("d1") + "/go", "w", encoding="ascii").close()
        assert made.until(task_id, "TASK_FAILED", "TASK_FINISHED", "TASK_LOST") == "TASK_FAILED"
        assert made.message.startswith("Disk usage (") and made.message.endswith("exceeds quota (10MB)"), made.message
    finally:
        made.close()
