# SPDX-License-Identifier: Apache-2.0
"""Tasks that mean harm, in containers with all that keeps them apart: each is contained, reported in its status, disturbs no
neighbour, and leaves nothing behind."""
import hashlib
import os
import shutil
import stat
import time

import pytest

import cgroups
import leftovers
from agent_api import AgentApi
from cluster import Cluster, wait_for
from scheduler import TERMINAL, Scheduler, command_task, scalar
from seals import assert_sealed

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can isolate")

ISOLATION = ("filesystem/linux,cgroups/cpu,cgroups/mem,cgroups/pids,namespaces/pid,namespaces/ipc,disk/du,"
             "linux/capabilities,linux/nnp,posix/rlimits")
MB = 1 << 20


def wait_for_none(question, timeout=15):
    """What the last answer was, empty when it became so in time."""
    end = time.monotonic() + timeout
    while (answer := question()) and time.monotonic() < end:
        time.sleep(0.05)
    return answer


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    before = leftovers.snapshot()
    run = cgroups.Run("hostile")
    directory = tmp_path_factory.mktemp("hostile")
    os.chmod(directory, 0o755)
    cluster = Cluster(directory).start(agent_flags={
        "isolation": ISOLATION, "launcher": "linux", "cgroups_root": run.root,
        "enforce_container_disk_quota": True, "container_disk_watch_interval": "100ms", "switch_user": True,
        "gc_delay": "1secs", "disk_watch_interval": "200ms"})
    yield cluster
    left = wait_for_none(run.left)
    cluster.stop()
    run.end()
    assert cluster.complaints() == []
    assert left == []
    # Others may be at work on the machine: what is this cluster's carries its directory or its group's name.
    assert [left for left in leftovers.since(before) if str(directory) in left or run.root in left] == []


@pytest.fixture
def scheduler(cluster):
    scheduler = Scheduler(cluster.address, checkpoint=True, user="root")
    scheduler.subscribe()
    yield scheduler
    scheduler.teardown()


@pytest.fixture
def neighbour(scheduler):
    """A task beside the hostile one, which must not notice."""
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("neighbour", "sleep 1000", offer)])
    scheduler.until("neighbour", ["TASK_RUNNING"])
    yield
    assert not scheduler.updates.qsize(), f"the neighbour was told of: {scheduler.update()}"
    scheduler.kill("neighbour")
    assert scheduler.until("neighbour", TERMINAL)[-1]["state"] == "TASK_KILLED"


def launch(scheduler, task_id, command, mem=64, disk=None, user=None):
    offer = scheduler.offer()
    task = command_task(task_id, command, offer, mem=mem)
    if disk:
        task["resources"].append(scalar("disk", disk))
    if user:
        task["command"]["user"] = user
    scheduler.accept(offer, [task])


def end_of(scheduler, task_id, timeout=30):
    return [s for s in scheduler.until(task_id, TERMINAL, timeout) if s["task_id"]["value"] == task_id][-1]


def output(cluster, scheduler, task_id, name="stdout"):
    with open(os.path.join(cluster.sandbox(scheduler.framework_id, task_id), name), encoding="utf-8") as f:
        return f.read()


def processes_with(word):
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as f:
                if word.encode() in f.read():
                    found.append(int(entry))
        except OSError:
            pass
    return [pid for pid in found if pid != os.getpid()]


def test_many_processes_end_with_their_task(cluster, scheduler, neighbour):
    mark = f"100{os.getpid()}"
    launch(scheduler, "bomb", "i=0; while [ $i -lt 400 ]; do setsid sh -c "
           f"'(sleep {mark} &) ; (setsid sleep {mark} &) ; exec sleep {mark}' & i=$((i+1)); done; wait", mem=512)
    wait_for(lambda: len(processes_with(mark)) > 800, 30, "hundreds of processes")
    started = time.monotonic()
    assert cluster.agents[0].get("/health", raw=True) == b""
    scheduler.kill("bomb")
    assert end_of(scheduler, "bomb")["state"] == "TASK_KILLED"
    wait_for(lambda: not processes_with(mark), 20, "all of them to be gone")
    assert time.monotonic() - started < 30


def test_a_fork_bomb_is_held_by_its_memory(cluster, scheduler, neighbour):
    # One that ends by itself, should it get out: nobody's machine is to suffer from a failing test.
    until = int(time.time()) + 15
    launch(scheduler, "fork-bomb", f"f() {{ [ $(date +%s) -lt {until} ] && {{ f | f & }}; }}; f; sleep 60", mem=64)
    time.sleep(2)
    assert cluster.agents[0].get("/health", raw=True) == b""
    last = end_of(scheduler, "fork-bomb", 60)
    assert (last["state"], last["reason"]) == ("TASK_FAILED", "REASON_CONTAINER_LIMITATION_MEMORY"), last


def test_memory_ends_at_the_limit(cluster, scheduler, neighbour):
    launch(scheduler, "eater", "exec python3 -c 'x = bytearray(400 << 20); import time; time.sleep(60)'", mem=64)
    last = end_of(scheduler, "eater")
    assert (last["state"], last["reason"]) == ("TASK_FAILED", "REASON_CONTAINER_LIMITATION_MEMORY"), last
    assert last["message"].startswith("Memory limit exceeded: "), last["message"]
    assert {r["name"] for r in last["limitation"]["resources"]} == {"mem"}


def test_disk_ends_at_the_limit(cluster, scheduler, neighbour):
    launch(scheduler, "filler", "dd if=/dev/zero of=data bs=1M count=64; sleep 60", disk=8)
    last = end_of(scheduler, "filler")
    assert (last["state"], last["reason"]) == ("TASK_FAILED", "REASON_CONTAINER_LIMITATION_DISK"), last


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def test_helpers_cannot_be_overwritten(cluster, scheduler):
    helpers = [os.path.join(cluster.tree.launcher_dir, name) for name in ("mesos-containerizer", "mesos-executor")]
    before = [digest(path) for path in helpers]
    launch(scheduler, "overwriter", "for p in /proc/[0-9]*; do case $(readlink $p/exe) in *mesos-*) echo found;; esac; "
           "( exec 3>>$p/exe ) 2>/dev/null && echo \"opened $p/exe $(readlink $p/exe)\"; done; echo tried; "
           "while [ ! -e go ]; do sleep 0.05; done")
    scheduler.until("overwriter", ["TASK_RUNNING"])
    assert_sealed(AgentApi(cluster.agents[0]), "overwriter")
    open(os.path.join(cluster.sandbox(scheduler.framework_id, "overwriter"), "go"), "w", encoding="ascii").close()
    assert end_of(scheduler, "overwriter")["state"] == "TASK_FINISHED"
    text = output(cluster, scheduler, "overwriter")
    assert text.count("found") >= 2 and "tried" in text, text
    assert not [line for line in text.splitlines() if line.startswith("opened") and "mesos" in line], text
    assert [digest(path) for path in helpers] == before


def test_mounts_do_not_reach_the_host(cluster, scheduler):
    launch(scheduler, "mounter", "mount -t tmpfs hostile-mark /mnt && grep -c hostile-mark /proc/self/mountinfo; "
           "touch mounted; while [ ! -e go ]; do sleep 0.05; done")
    scheduler.until("mounter", ["TASK_RUNNING"])
    sandbox = cluster.sandbox(scheduler.framework_id, "mounter")
    wait_for(lambda: os.path.exists(os.path.join(sandbox, "mounted")))
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        assert "hostile-mark" not in f.read()
    open(os.path.join(sandbox, "go"), "w", encoding="ascii").close()
    assert end_of(scheduler, "mounter")["state"] == "TASK_FINISHED"
    assert output(cluster, scheduler, "mounter").strip().endswith("1")


def test_setuid_programs_give_nothing(cluster, scheduler, tmp_path_factory):
    directory = tmp_path_factory.mktemp("setuid")
    for path in (directory, directory.parent, directory.parent.parent):  # nobody is to get there
        os.chmod(path, 0o755)
    program = directory / "id"
    shutil.copy("/usr/bin/id", program)
    os.chmod(program, 0o4755)
    assert os.stat(program).st_mode & stat.S_ISUID
    launch(scheduler, "climber", f"{program} -u; grep NoNewPrivs /proc/self/status", user="nobody")
    assert end_of(scheduler, "climber")["state"] == "TASK_FINISHED"
    lines = output(cluster, scheduler, "climber").splitlines()
    assert "0" not in lines, lines
    assert any(line.split() == ["NoNewPrivs:", "1"] for line in lines), lines


def test_other_processes_are_out_of_sight(cluster, scheduler, neighbour):
    launch(scheduler, "looker", "ls /proc | grep -c '^[0-9]'; ps ax; kill -9 -1; sleep 60")
    last = end_of(scheduler, "looker")
    assert last["state"] in ("TASK_FAILED", "TASK_KILLED", "TASK_LOST"), last
    assert "mesos-agent" not in output(cluster, scheduler, "looker")
    assert cluster.agents[0].get("/health", raw=True) == b""


def test_what_links_name_survives_the_sandbox(cluster, scheduler, tmp_path):
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "file").write_text("precious", encoding="ascii")
    launch(scheduler, "linker", f"ln -s {victim} a; ln -s {victim}/file b; mkdir c; ln -s ../../../../../../../.. c/d; "
           f"ln {victim}/file hard; chmod 000 c")
    assert end_of(scheduler, "linker")["state"] == "TASK_FINISHED"
    sandbox = os.path.realpath(cluster.sandbox(scheduler.framework_id, "linker"))
    wait_for(lambda: not os.path.exists(sandbox), 20, "the sandbox to be collected")
    assert (victim / "file").read_text(encoding="ascii") == "precious"


def test_an_agent_killed_in_the_middle_leaves_nothing(cluster, scheduler):
    agent = cluster.agents[0]
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task(f"storm{i}", "sleep 1000", offer) for i in range(12)])
    time.sleep(0.15)
    agent.kill()
    agent.start()
    cluster.wait_agents(1)
    alive = set()

    def settled():
        while not scheduler.updates.empty():
            status = scheduler.update()
            (alive.discard if status["state"] in TERMINAL else alive.add)(status["task_id"]["value"])
        frameworks = [f for f in cluster.master.get("/state")["frameworks"] if f["id"] == scheduler.framework_id]
        running = {t["id"] for f in frameworks for t in f["tasks"] if t["state"] == "TASK_RUNNING"}
        pending = [t for f in frameworks for t in f["tasks"] if t["state"] != "TASK_RUNNING"]
        return not pending and running == alive
    wait_for(settled, 30, "every task to run or to be told of")
    for task_id in sorted(alive):
        scheduler.kill(task_id)
    wait_for(lambda: settled() and not alive, 30, "the rest to end")
