# SPDX-License-Identifier: Apache-2.0
"""The container logger logrotate: sizes hold, nothing is lost before rotation throws it away, tasks change only what is theirs."""
import glob
import gzip
import os
import signal

import pytest

from cluster import Cluster, wait_for
from scheduler import TERMINAL, Scheduler, command_task

KB = 1024


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    directory = tmp_path_factory.mktemp("logger")
    cluster = Cluster(directory)
    os.makedirs(directory / "etc" / "mesos", exist_ok=True)
    (directory / "etc" / "mesos" / "agent.ini").write_text(
        "container_logger = org_apache_mesos_LogrotateContainerLogger\n"
        "[logrotate]\nmax_stdout_size = 16KB\nlogrotate_stdout_options = rotate 3\n", encoding="ascii")
    cluster.start(agent_flags={"config": str(directory / "etc" / "mesos" / "agent.ini")})
    yield cluster
    cluster.stop()
    assert cluster.complaints() == []


@pytest.fixture
def scheduler(cluster):
    scheduler = Scheduler(cluster.address, checkpoint=True)
    scheduler.subscribe()
    yield scheduler
    scheduler.teardown()


def variables(**values):
    return {"variables": [{"name": name, "value": value} for name, value in values.items()]}


def run(cluster, scheduler, task_id, command, **environment):
    offer = scheduler.offer()
    task = command_task(task_id, command, offer)
    if environment:
        task["command"]["environment"] = variables(**environment)
    scheduler.accept(offer, [task])
    last = scheduler.until(task_id, TERMINAL)[-1]
    return last, cluster.sandbox(scheduler.framework_id, task_id)


def companions(sandbox):
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as f:
                argv = f.read().split(b"\0")
        except OSError:
            continue
        if argv[0] == b"mesos-logrotate-logger" and os.path.realpath(sandbox).encode() in b" ".join(argv):
            found.append(int(entry))
    return found


def settled(sandbox):
    wait_for(lambda: not companions(sandbox), 10, "the companion to end with the container")


def lines(path):
    with open(path, encoding="ascii") as f:
        return f.read().splitlines()


def test_sizes_hold_and_the_newest_lines_stay(cluster, scheduler):
    last, sandbox = run(cluster, scheduler, "talker", "for i in $(seq 1 20000); do echo line $i; done; echo done >&2")
    assert last["state"] == "TASK_FINISHED", last
    settled(sandbox)
    files = {os.path.basename(p) for p in glob.glob(sandbox + "/stdout*")}
    assert files == {"stdout", "stdout.1", "stdout.2", "stdout.3"}
    assert all(os.path.getsize(os.path.join(sandbox, name)) <= 16 * KB for name in files)
    text = "".join(open(os.path.join(sandbox, name), encoding="ascii").read()
                   for name in ("stdout.3", "stdout.2", "stdout.1", "stdout"))
    numbers = [int(line.split()[1]) for line in text.splitlines()[1:] if line.startswith("line ")]
    assert numbers[-1] == 20000 and numbers == list(range(numbers[0], 20001)), "in order, without a hole"
    assert "done" in lines(os.path.join(sandbox, "stderr"))


def test_a_task_changes_its_sizes(cluster, scheduler):
    last, sandbox = run(cluster, scheduler, "chooser", "for i in $(seq 1 20000); do echo line $i >&2; done",
                        CONTAINER_LOGGER_MAX_STDERR_SIZE="8KB",
                        CONTAINER_LOGGER_LOGROTATE_STDERR_OPTIONS="rotate 2\ncompress")
    assert last["state"] == "TASK_FINISHED", last
    settled(sandbox)
    files = {os.path.basename(p) for p in glob.glob(sandbox + "/stderr*")}
    assert files == {"stderr", "stderr.1.gz", "stderr.2.gz"}
    assert os.path.getsize(os.path.join(sandbox, "stderr")) <= 8 * KB
    with gzip.open(os.path.join(sandbox, "stderr.1.gz")) as f:
        assert 0 < len(f.read()) <= 8 * KB


@pytest.mark.parametrize("name,value,word", [
    ("CONTAINER_LOGGER_LOGROTATE_STDOUT_OPTIONS", "postrotate\ntouch /tmp/escaped\nendscript", "postrotate"),
    ("CONTAINER_LOGGER_LOGROTATE_STDOUT_OPTIONS", "rotate 1\n}\n/etc/passwd {", "character"),
    ("CONTAINER_LOGGER_LOGROTATE_STDOUT_OPTIONS", "compresscmd touch", "compresscmd"),
    ("CONTAINER_LOGGER_LOGROTATE_STDOUT_OPTIONS", "su root root", "su root root"),
    ("CONTAINER_LOGGER_MAX_STDOUT_SIZE", "1B", "at least"),
    ("CONTAINER_LOGGER_MAX_STDOUT_SIZE", "many", "many"),
    ("CONTAINER_LOGGER_MAX_SIZE", "1MB", "no setting of the container logger"),
])
def test_what_a_task_may_not_is_refused_by_name(cluster, scheduler, name, value, word):
    offer = scheduler.offer()
    task = command_task("refused", "true", offer)
    task["command"]["environment"] = variables(**{name: value})
    scheduler.accept(offer, [task])
    last = scheduler.until("refused", TERMINAL)[-1]
    assert last["state"] == "TASK_FAILED"
    assert name in last["message"] and word in last["message"], last["message"]


def test_links_lead_nowhere(cluster, scheduler, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious", encoding="ascii")
    last, sandbox = run(cluster, scheduler, "linker",
                        f"ln -sf {victim} stdout.1; for i in $(seq 1 9000); do echo line $i; done; rm -f stdout; "
                        f"ln -s {victim} stdout; for i in $(seq 1 9000); do echo line $i; done")
    assert last["state"] == "TASK_FINISHED"
    settled(sandbox)
    assert victim.read_text(encoding="ascii") == "precious"


def test_logging_outlives_the_agent(cluster, scheduler):
    agent = cluster.agents[-1]
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("goes-on", "while [ ! -e go ]; do sleep 0.05; done; echo after; sleep 0.2", offer)])
    scheduler.until("goes-on", ["TASK_RUNNING"])
    sandbox = cluster.sandbox(scheduler.framework_id, "goes-on")
    agent.kill()
    open(os.path.join(sandbox, "go"), "w", encoding="ascii").close()
    wait_for(lambda: "after" in lines(os.path.join(sandbox, "stdout")), 10, "output while the agent is away")
    agent.start()
    cluster.wait_agents(1)
    assert scheduler.until("goes-on", TERMINAL)[-1]["state"] == "TASK_FINISHED"
    settled(sandbox)


def test_without_its_companion_a_container_does_not_hang(cluster, scheduler):
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("orphaned", "while [ ! -e go ]; do sleep 0.05; done; "
                                          "trap '' PIPE; seq 1 100000; exit 0", offer)])
    scheduler.until("orphaned", ["TASK_RUNNING"])
    sandbox = cluster.sandbox(scheduler.framework_id, "orphaned")
    for pid in companions(sandbox):
        os.kill(pid, signal.SIGKILL)
    open(os.path.join(sandbox, "go"), "w", encoding="ascii").close()
    assert scheduler.until("orphaned", TERMINAL)[-1]["state"] in ("TASK_FINISHED", "TASK_FAILED")
