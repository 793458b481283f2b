# SPDX-License-Identifier: Apache-2.0
"""--launcher=linux: every process of a container is found and killed, whatever it does to hide and whoever crashed."""
import os
import signal
import subprocess
import tempfile
import time

import pytest

from agent_api import AgentApi, container
from cluster import Cluster, free_port, wait_for
from scheduler import Scheduler, command_task

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="control groups need root"),
              pytest.mark.skipif(not os.path.isdir("/sys/fs/cgroup/freezer"), reason="needs the freezer of version 1")]
FREEZER = "/sys/fs/cgroup/freezer"

# Each one lives for a moment, forks its like into a session of its own without any environment, and is gone.
RABBIT = """#!/bin/sh
n=$1
env -i PATH=/usr/bin:/bin setsid /bin/sh "$0" "$n" &
exit 0
"""


class Box:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="cm-")
        os.chmod(self.directory, 0o755)
        self.mark = f"rabbit-{os.path.basename(self.directory)}"
        self.rabbit = os.path.join(self.directory, self.mark)
        with open(self.rabbit, "w", encoding="utf-8") as file:
            file.write(RABBIT)
        self.root = f"mesos_test_{os.getpid()}_l"
        self.cluster = Cluster(self.directory).start(1, {"launcher": "linux", "cgroups_root": self.root})
        self.agent = self.cluster.agents[0]
        self.api = AgentApi(self.agent)
        self.scheduler = Scheduler(self.cluster.address, checkpoint=True, failover_timeout=1000).subscribe()

    def start(self, task_id, command, **more):
        offer = self.scheduler.offer()
        while not self.scheduler.offers.empty():
            offer = self.scheduler.offer()
        self.scheduler.accept(offer, [command_task(task_id, command, offer, **more)])
        status = self.scheduler.until(task_id, ["TASK_RUNNING", "TASK_FAILED", "TASK_LOST"])[-1]
        assert status["state"] == "TASK_RUNNING", status
        return status["container_status"]["container_id"]["value"]

    def group(self, *names):
        return os.path.join(FREEZER, self.root, "/mesos/".join(names))

    def groups(self):
        top = os.path.join(FREEZER, self.root)
        return sorted(os.path.relpath(path, top) for path, _, _ in os.walk(top) if path != top)

    def pids(self, *names):
        with open(os.path.join(self.group(*names), "cgroup.procs"), encoding="ascii") as file:
            return {int(line) for line in file}

    def marked(self):
        """Live processes whose command line names this run's rabbit."""
        found = []
        for entry in os.listdir("/proc"):
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    if entry.isdigit() and self.mark.encode() in file.read():
                        found.append(int(entry))
            except OSError:
                pass
        return found

    def restart(self):
        self.agent.start()
        wait_for(lambda: self.agent.get("/metrics/snapshot").get("slave/registered") == 1, 20, "the agent to be back")

    def close(self):
        self.scheduler.teardown()
        wait_for(lambda: not self.groups(), 20, "every control group to go")
        self.cluster.stop()
        assert not self.cluster.complaints()
        assert not os.path.exists(os.path.join(FREEZER, self.root))
        self.cluster.remove()


@pytest.fixture(scope="module")
def box():
    made = Box()
    yield made
    made.close()


def kill(box, task_id):
    box.scheduler.kill(task_id)
    box.scheduler.until(task_id, ["TASK_KILLED", "TASK_FAILED"])


def test_a_container_lives_in_its_group(box):
    one = box.start("plain", "sleep 1000")
    with open(f"/proc/{box.api.containers()[0]['container_status']['executor_pid']}/cgroup", encoding="ascii") as file:
        assert [line for line in file if line.rstrip().endswith(f"freezer:/{box.root}/{one}")]
    assert len(box.pids(one)) >= 2
    names = (one, "inner")
    box.api.launch(names, "sleep 1000")
    wait_for(lambda: len(box.pids(*names)) >= 2, 10, "init and program to be in their group")
    assert not box.pids(one) & box.pids(*names)
    box.api.kill(names)
    assert box.api.wait(names)["exit_status"] == signal.SIGKILL
    wait_for(lambda: not os.path.exists(box.group(*names)), 10, "the nested group to go")
    kill(box, "plain")
    wait_for(lambda: not os.path.exists(box.group(one)), 10, "the group to go")


def test_rabbits_are_caught(box):
    one = box.start("rabbits", f"for i in 1 2 3 4 5 6 7 8; do sh {box.rabbit} $i; done; sleep 1000")
    wait_for(box.marked, 10, "rabbits")
    begin = time.monotonic()
    box.api.call("KILL_CONTAINER", container_id=container(one), signal=signal.SIGKILL)
    wait_for(lambda: not os.path.exists(box.group(one)), 20, "the rabbits' group to go")
    assert time.monotonic() - begin < 15
    assert not box.marked()


def test_a_fork_bomb_is_put_out(box):
    """A bounded one: sixty processes that all fork as fast as they can, each of them dying after a moment."""
    one = box.start("bomb", "b() { while :; do /bin/true & wait; done; }; i=0; while [ $i -lt 60 ]; do b & i=$((i+1)); done; wait")
    wait_for(lambda: len(box.pids(one)) > 40, 20, "the bomb")
    kill(box, "bomb")
    wait_for(lambda: not os.path.exists(box.group(one)), 30, "the bomb's group to go")


def test_the_agents_crash_leaves_no_orphan(box):
    """The agent forgets the task; the next one with the same groups finds what runs."""
    kept = box.start("kept", "sleep 1000")
    orphan = box.group("orphan-1")
    os.mkdir(orphan)
    stray = subprocess.Popen(["setsid", "sh", "-c", "trap '' TERM; sleep 1000 & wait; sleep 1000"])
    with open(os.path.join(orphan, "cgroup.procs"), "w", encoding="ascii") as file:
        file.write(str(stray.pid))
    box.agent.kill()
    box.restart()
    assert stray.wait(60) == -signal.SIGKILL
    wait_for(lambda: not os.path.exists(orphan), 10, "the orphan's group to go")
    assert os.path.exists(box.group(kept)) and len(box.pids(kept)) >= 2
    kill(box, "kept")


def test_crashes_at_any_moment(box):
    """The agent dies a little later each time during a launch; nothing of it is left but what the next one knows."""
    for at_ms in (0, 2, 4, 6, 9, 14, 25, 60):
        name = f"moment{at_ms}"
        offer = box.scheduler.offer()
        while not box.scheduler.offers.empty():
            offer = box.scheduler.offer()
        box.scheduler.accept(offer, [command_task(name, f"sleep 1000 # {box.mark}", offer)])
        time.sleep(at_ms / 1000)
        box.agent.kill()
        box.restart()
        state = box.scheduler.until(name, ["TASK_RUNNING", "TASK_FAILED", "TASK_LOST", "TASK_DROPPED", "TASK_GONE"])[-1]["state"]
        if state == "TASK_RUNNING":
            kill(box, name)
        wait_for(lambda: not box.groups() and not box.marked(), 20, f"everything of {name} to go")
        containers = os.path.join(box.cluster.directory, "agent1.run", "containers")
        wait_for(lambda: not os.listdir(containers), 10, f"the traces of {name} to go")


def test_it_needs_root(box):
    """Somebody else is refused by one line that names the option."""
    with tempfile.TemporaryDirectory(prefix="cm-") as directory:
        os.chmod(directory, 0o777)
        argv = [a for a in box.agent.argv if not a.startswith(("--work_dir=", "--runtime_dir=", "--port=", "--fetcher_cache"))]
        argv += [f"--work_dir={directory}/w", f"--runtime_dir={directory}/r", f"--port={free_port()}",
                 f"--fetcher_cache_dir={directory}/f"]
        done = subprocess.run(argv, user=65534, cwd=directory, timeout=20, check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, env={"PATH": os.environ["PATH"]})
        assert done.returncode != 0
        assert "--launcher=linux needs root" in done.stdout, done.stdout
