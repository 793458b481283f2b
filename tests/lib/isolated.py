# SPDX-License-Identifier: Apache-2.0
"""A cluster whose agent isolates, for tests that look from inside of containers: commands are tasks, nested containers in the
task `running`, or standalone ones. What is left behind is counted."""
import os
import shutil
import subprocess
import tempfile

import cgroups
from agent_api import AgentApi
from cluster import Cluster, wait_for
from scheduler import TERMINAL, Scheduler, command_task

FAILED = ("TASK_FAILED", "TASK_LOST", "TASK_DROPPED", "TASK_ERROR")


def mounts(below):
    """Targets of the mounts of this machine whose path begins so."""
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        for line in table:
            fields = line.split()
            if fields[4].startswith(below):
                found.append(fields[4])
    return sorted(found)


class Isolated:
    def __init__(self, isolation, user="root", **flags):
        self.directory = tempfile.mkdtemp(prefix="cm-")
        os.chmod(self.directory, 0o755)  # for tasks of other users
        self.cluster = Cluster(self.directory)
        self.groups = cgroups.Run(os.path.basename(self.directory))
        self.cluster.master.start()
        self.agent = self.cluster.add_agent({"launcher": "linux", "isolation": isolation,
                                             "cgroups_root": self.groups.root, **flags}, start=False)
        self.agent.start()
        self.cluster.wait_agents(1)
        self.api = AgentApi(self.agent)
        self.user = user
        self.scheduler = Scheduler(self.cluster.address, checkpoint=True, failover_timeout=1000, user=user).subscribe()
        self.count = 0

    def start(self, command, **more):
        """The id of a new task, and its first status that says something."""
        self.count += 1
        task_id = f"t{self.count}"
        offer = self.scheduler.offer()
        while not self.scheduler.offers.empty():
            offer = self.scheduler.offer()
        self.scheduler.accept(offer, [command_task(task_id, command, offer, **more)])
        return task_id, self.scheduler.until(task_id, {"TASK_RUNNING", *TERMINAL})[-1]

    def run(self, command, volumes=None, expect="TASK_FINISHED", **more):
        """Standard output of a task that has ended as expected."""
        if volumes is not None:
            more["container"] = {"type": "MESOS", **more.get("container", {}), "volumes": volumes}
        task_id, status = self.start(command, **more)
        if status["state"] == "TASK_RUNNING":
            status = self.scheduler.until(task_id, TERMINAL)[-1]
        assert status["state"] == expect, (status, self.read(task_id, "stderr"))
        return self.read(task_id)

    def refused(self, volumes=None, **more):
        """Why a task could not be launched."""
        if volumes is not None:
            more["container"] = {"type": "MESOS", "volumes": volumes}
        _, status = self.start("true", **more)
        assert status["state"] in FAILED, status
        assert status["reason"] == "REASON_CONTAINER_LAUNCH_FAILED", status
        return status["message"]

    def sandbox(self, task_id):
        return os.path.realpath(self.cluster.sandbox(self.scheduler.framework_id, task_id))

    def read(self, task_id, name="stdout"):
        path = os.path.join(self.sandbox(task_id), name)
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def nested(self, names, command, volumes=None, expect=200, **more):
        if volumes is not None:
            more["container"] = {"type": "MESOS", **more.get("container", {}), "volumes": volumes}
        return self.api.launch(names, command, expect, **more)

    def nested_output(self, names, sandbox, command, volumes=None, status=0, **more):
        """Standard output of a nested container that has ended."""
        self.nested(names, command, volumes, **more)
        ended = self.api.wait(names)
        path = sandbox + "".join("/containers/" + name for name in names[1:])
        with open(os.path.join(path, "stderr"), encoding="utf-8", errors="replace") as file:
            why = file.read()
        assert ended == {"exit_status": status << 8}, (ended, why)
        with open(os.path.join(path, "stdout"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def restart(self):
        self.agent.kill()
        self.agent.start()
        wait_for(lambda: self.agent.get("/metrics/snapshot").get("slave/registered") == 1, 20, "the agent to be back")

    def close(self):
        self.scheduler.teardown()
        try:
            wait_for(lambda: not self.api.containers(show_nested=True, show_standalone=True), 20, "the containers to end")
        finally:
            self.cluster.stop()
        assert not self.cluster.complaints()
        left = mounts(self.directory)
        for target in reversed(left):
            subprocess.run(["umount", "-l", target], check=False)
        groups = self.groups.left()
        self.groups.end()
        self.cluster.remove()
        shutil.rmtree(self.directory, ignore_errors=True)
        assert left == [] and groups == []


def host_path(path, into, mode="RW", **more):
    return {"container_path": into, "mode": mode,
            "source": {"type": "HOST_PATH", "host_path": {"path": path, **more}}}


def sandbox_path(path, into, kind="PARENT", mode="RW"):
    return {"container_path": into, "mode": mode,
            "source": {"type": "SANDBOX_PATH", "sandbox_path": {"type": kind, "path": path}}}
