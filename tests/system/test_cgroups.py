# SPDX-License-Identifier: Apache-2.0
"""Isolators cgroups/... with real containers: what a task notices of them, what the agent tells, what is left behind."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

import pytest

import cgroups
from agent_api import AgentApi
from cluster import Cluster, wait_for
from images import Image, busybox_layer
from scheduler import Scheduler, command_task, group_operation, scalar

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="control groups need root")

ISOLATION = "cgroups/cpu,cgroups/mem,cgroups/pids,cgroups/devices,cgroups/cpuset,cgroups/blkio"
ALLOWED = {"allowed_devices": [{"device": {"path": "/dev/kmsg"}, "access": {"read": True}}]}
MB = 1 << 20
OWN_MB = 32  # and 0.1 cpus: what a command executor gets beside its task's


class Box:
    """A cluster whose agent isolates by control groups, and a scheduler."""

    def __init__(self, directory, name, isolation=ISOLATION, **flags):
        self.run = cgroups.Run(name)
        self.cluster = Cluster(str(directory))
        try:
            self.cluster.start(1, {"isolation": isolation, "cgroups_root": self.run.root, **flags})
        except BaseException:
            self.end()
            raise
        self.agent = self.cluster.agents[0]
        self.api = AgentApi(self.agent)
        self.scheduler = Scheduler(self.cluster.address, checkpoint=True, failover_timeout=1000).subscribe()

    def launch(self, task_id, command, **more):
        self.accept([(task_id, command, more)])
        return self.scheduler.until(task_id, ["TASK_RUNNING"], 60)[-1]["container_status"]["container_id"]["value"]

    def accept(self, tasks, **more):
        offer = self.offer()
        self.scheduler.accept(offer, [command_task(i, c, offer, **t) for i, c, t in tasks], **more)

    def offer(self):
        """The one with most memory: what ends gives its part back as an offer of its own."""
        offers = [self.scheduler.offer()]
        while not self.scheduler.offers.empty():
            offers.append(self.scheduler.offer())
        offers.sort(key=lambda o: max(r["scalar"]["value"] for r in o["resources"] if r["name"] == "mem"))
        for offer in offers[:-1]:
            self.scheduler.decline(offer)
        return offers[-1]

    def finish(self, task_id, command, state="TASK_FINISHED", timeout=30, **more):
        """Runs it to its end: the last status and what it wrote."""
        self.accept([(task_id, command, more)])
        status = self.scheduler.until(task_id, ["TASK_FINISHED", "TASK_FAILED", "TASK_ERROR", "TASK_LOST"], timeout)[-1]
        assert status["state"] == state, (status, status["state"] == "TASK_ERROR" or self.output(task_id, "stderr"))
        return status, self.output(task_id)

    def finish_at_once(self, task_id, command):
        self.accept([(task_id, command, {})])
        return self.scheduler.until(task_id, ["TASK_FINISHED", "TASK_FAILED"])[-1], None

    def output(self, executor_id, name="stdout"):
        path = os.path.join(self.cluster.sandbox(self.scheduler.framework_id, executor_id), name)
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def statistics(self, executor_id):
        for entry in self.agent.get("/monitor/statistics"):
            if entry["executor_id"] == executor_id:
                return entry["statistics"]
        raise AssertionError(f"nothing of {executor_id}")

    def kill(self, *task_ids):
        for task_id in task_ids:
            self.scheduler.kill(task_id)
            self.scheduler.until(task_id, ["TASK_KILLED"], 60)

    def clean(self):
        """Kills what a failed test has left, so that the next one does not fail for it."""
        for state in self.agent.get("/state")["frameworks"]:
            for executor in state["executors"]:
                for task in executor["tasks"] + executor["queued_tasks"]:
                    self.scheduler.kill(task["id"])
        wait_for(lambda: not any(f["executors"] for f in self.agent.get("/state")["frameworks"]), 60, "executors to end")

    def restart(self):
        self.agent.kill()
        while not self.scheduler.offers.empty():  # they go with the agent
            self.scheduler.offer()
        for _ in range(20):  # a child that the agent had no time to see started may have its port for a moment
            try:
                self.agent.start()
                break
            except AssertionError as failure:
                if "Address already in use" not in str(failure).rsplit("cannot start:", 1)[-1]:
                    raise
                time.sleep(0.1)
        wait_for(lambda: self.agent.get("/metrics/snapshot").get("slave/registered") == 1, 20, "the agent to be registered")

    def gone(self):
        wait_for(lambda: not self.run.left(), 60, f"cgroups to go: {self.run.left()}")

    def end(self):
        self.cluster.stop()
        self.run.end()


@pytest.fixture(scope="module")
def shared_box(tmp_path_factory):
    box = Box(tmp_path_factory.mktemp("cgroups"), "main", cgroups_enable_cfs=True, allowed_devices=json.dumps(ALLOWED),
              cgroups_cpu_enable_pids_and_tids_count=True)
    yield box
    print(box.cluster.dump())
    box.end()


@pytest.fixture
def box(shared_box):
    yield shared_box
    shared_box.clean()


BURN = """/usr/bin/python3 -c '
import time
end = time.monotonic() + 2
while time.monotonic() < end: pass
print("used", time.process_time())'"""


def test_a_quota_holds_processor_time(box):
    _, output = box.finish("burn", BURN, cpus=0.2)
    used = float(re.search(r"used ([0-9.]+)", output).group(1))
    assert 0.1 < used < 0.75, used


EAT = """/usr/bin/python3 -c '
kept = []
while len(kept) < 400: kept.append(bytearray(1 << 20))
print("ate it all")'"""


def test_who_exceeds_its_memory_fails_with_reason_message_and_resources(box):
    status, output = box.finish("eat", EAT, "TASK_FAILED", mem=48)
    assert status["reason"] == "REASON_CONTAINER_LIMITATION_MEMORY"
    found = re.match(r"Memory limit exceeded: Requested: (\d+)(MB|KB) Maximum Used: (\d+(MB|KB|B))\n"
                     r"\nMEMORY STATISTICS: \n", status["message"])
    assert found, status["message"]
    requested = int(found.group(1)) // (1024 if found.group(2) == "KB" else 1)
    assert requested == 48 + OWN_MB
    assert re.search(r"^total_rss \d+$", status["message"], re.M)
    (mem,) = status["limitation"]["resources"]
    assert mem["name"] == "mem" and mem["type"] == "SCALAR"
    assert abs(mem["scalar"]["value"] - requested) < 4
    assert "ate it all" not in output


def test_memory_within_the_limit_is_there(box):
    _, output = box.finish("modest", EAT.replace("400", "40"), mem=96)
    assert "ate it all" in output


def test_devices_that_are_not_allowed_do_not_open(box):
    command = ("mknod ./port c 1 4 && mknod ./null c 1 3 && echo made;"
               "head -c0 /dev/null && echo null opens; head -c0 ./null && echo made null opens; "
               "head -c1 /dev/urandom >/dev/null && echo urandom opens;"
               "head -c1 ./port >/dev/null && echo port opens;"
               "/usr/bin/python3 -c 'import os; os.close(os.open(\"/dev/kmsg\", os.O_RDONLY | os.O_NONBLOCK))' && echo kmsg reads;"
               "echo x 2>/dev/null >/dev/kmsg && echo kmsg writes; true")
    _, output = box.finish("devices", command)
    assert output.count("made\n") == 1
    for line in ("null opens", "made null opens", "urandom opens", "kmsg reads"):
        assert line + "\n" in output, output
    assert "port opens" not in output and "kmsg writes" not in output
    assert "Operation not permitted" in box.output("devices", "stderr")


def test_a_container_is_in_its_own_groups_and_leaves_none(box):
    container = box.launch("groups", "cat /proc/self/cgroup; exec sleep 1000")
    wait_for(lambda: "pids" in box.output("groups"), 5, "its output")
    lines = [line.split(":", 2)[1:] for line in box.output("groups").splitlines() if line.count(":") >= 2]
    found = {name: path for names, path in lines for name in names.split(",")}
    for controller in ("cpu", "cpuacct", "memory", "pids", "devices", "cpuset", "blkio"):
        assert found[controller].endswith(f"/{box.run.root}/{container}"), found
    assert box.run.read("cpuset", container, "cpuset.cpus") != ""
    box.kill("groups")
    box.gone()


def test_statistics(box):
    box.launch("figures", "/usr/bin/python3 -c 'import time\nkept = bytearray(20 << 20)\n"
               "end = time.monotonic() + 3\nwhile time.monotonic() < end: pass\ntime.sleep(1000)'", cpus=0.05, mem=64)
    # Starting the interpreter may use the quota up before it has its memory.
    wait_for(lambda: box.statistics("figures").get("cpus_nr_throttled", 0) > 0 and
             box.statistics("figures")["mem_rss_bytes"] > 20 * MB, 30, "its quota to be used up")
    figures = box.statistics("figures")
    assert figures["cpus_soft_limit"] == pytest.approx(0.15) and figures["cpus_limit"] == pytest.approx(0.15)
    assert figures["cpus_system_time_secs"] >= 0
    assert figures["cpus_nr_periods"] > 0 and figures["cpus_nr_throttled"] > 0 and figures["cpus_throttled_time_secs"] > 0
    assert figures["mem_limit_bytes"] == (64 + OWN_MB) * MB and figures["mem_soft_limit_bytes"] == (64 + OWN_MB) * MB
    assert 20 * MB < figures["mem_rss_bytes"] < 64 * MB
    assert figures["mem_anon_bytes"] == figures["mem_rss_bytes"] and figures["mem_file_bytes"] == figures["mem_cache_bytes"]
    assert 20 * MB < figures["mem_total_bytes"] <= 64 * MB
    for name in ("mem_cache_bytes", "mem_mapped_file_bytes", "mem_swap_bytes", "mem_unevictable_bytes",
                 "mem_kmem_usage_bytes", "mem_kmem_tcp_usage_bytes", "mem_low_pressure_counter",
                 "mem_medium_pressure_counter", "mem_critical_pressure_counter"):
        assert figures[name] >= 0, name
    assert figures["processes"] >= 2 and figures["threads"] >= figures["processes"]
    assert "cfq" in figures["blkio_statistics"] and "throttling" in figures["blkio_statistics"]
    (entry,) = [e for e in box.agent.get("/containers") if e["executor_id"] == "figures"]
    assert entry["statistics"]["mem_limit_bytes"] == (64 + OWN_MB) * MB
    box.kill("figures")


def test_pressure_is_counted(box):
    """Page cache that does not fit is thrown away again and again: that is pressure, and no reason to die."""
    box.launch("pressed", "dd if=/dev/zero of=big bs=1M count=200 2>/dev/null; for i in 1 2 3; do cat big >/dev/null; done;"
               "echo read; sleep 1000", mem=48)
    wait_for(lambda: "read" in box.output("pressed"), 30, "its reading")
    figures = box.statistics("pressed")
    assert figures["mem_low_pressure_counter"] > 0
    assert figures["mem_cache_bytes"] > 8 * MB
    box.kill("pressed")


def test_a_task_may_burst_to_its_limits(box):
    """More than it asked for, and no more than its limits; the shares stay what was asked for."""
    container = box.launch("burst", "sleep 1000", cpus=0.2, mem=32, limits={"cpus": {"value": 1.5}, "mem": {"value": 128}})
    assert box.run.read("cpu", container, "cpu.cfs_quota_us") == "160000"
    assert int(box.run.read("cpu", container, "cpu.shares")) == 307
    assert int(box.run.read("memory", container, "memory.limit_in_bytes")) == (128 + OWN_MB) * MB
    assert int(box.run.read("memory", container, "memory.soft_limit_in_bytes")) == (32 + OWN_MB) * MB
    figures = box.statistics("burst")
    assert figures["cpus_limit"] == pytest.approx(1.6) and figures["cpus_soft_limit"] == pytest.approx(0.3)
    assert figures["mem_limit_bytes"] == (128 + OWN_MB) * MB and figures["mem_soft_limit_bytes"] == (32 + OWN_MB) * MB
    (pid, *_) = cgroups.pids(box.run.path("memory", container))
    with open(f"/proc/{pid}/oom_score_adj", encoding="ascii") as file:
        assert 900 < int(file.read()) < 1000
    box.kill("burst")
    _, output = box.finish("grow", EAT.replace("400", "80"), mem=32, limits={"mem": {"value": 160}})
    assert "ate it all" in output


def test_a_limit_without_end(box):
    """What no machine has is as good as an infinite limit, which JSON cannot say."""
    container = box.launch("endless", "sleep 1000", cpus=0.2, mem=32,
                           limits={"cpus": {"value": 1e10}, "mem": {"value": 1e10}})
    assert box.run.read("cpu", container, "cpu.cfs_quota_us") == "-1"
    assert int(box.run.read("memory", container, "memory.limit_in_bytes")) > 1 << 60
    figures = box.statistics("endless")
    assert "cpus_limit" not in figures and "mem_limit_bytes" not in figures
    assert figures["mem_soft_limit_bytes"] == (32 + OWN_MB) * MB
    box.kill("endless")


def test_a_fork_bomb_ends_with_its_container(box):
    container = box.launch("bomb", "python3 -c 'import os, time\nfor i in range(300): os.fork() or time.sleep(1000)' &"
                           "(while :; do sleep 0.01 & done) 2>/dev/null; sleep 1000", mem=256)
    wait_for(lambda: len(cgroups.pids(box.run.path("pids", container))) > 200, 20, "its processes")
    assert box.statistics("bomb")["processes"] > 200
    box.kill("bomb")
    box.gone()


def test_a_default_executors_container_grows_and_shrinks_with_its_tasks(box):
    """Resized while it runs: a second group comes and goes."""
    sent = {}

    def group(task_id, **more):
        offer = box.offer()
        framework = {"value": box.scheduler.framework_id}
        sent.setdefault("operation", group_operation(framework["value"], "pod", []))
        operation = json.loads(json.dumps(sent["operation"]))
        operation["launch_group"]["task_group"]["tasks"] = [command_task(task_id, "sleep 1000", offer, **more)]
        box.scheduler.accept(offer, [], operations=[operation])
        box.scheduler.until(task_id, ["TASK_RUNNING"])

    def limit(controller, file):
        (container,) = [e["container_id"] for e in box.agent.get("/containers") if e["executor_id"] == "pod"]
        return int(box.run.read(controller, container, file))

    group("one", cpus=0.2, mem=64)
    assert limit("cpu", "cpu.cfs_quota_us") == 30000 and limit("memory", "memory.limit_in_bytes") == 96 * MB
    group("two", cpus=0.5, mem=128, limits={"cpus": {"value": 1}, "mem": {"value": 256}})
    assert limit("cpu", "cpu.shares") == int(0.8 * 1024)
    assert limit("cpu", "cpu.cfs_quota_us") == 130000  # of the executor, the first task, the second's limit
    assert limit("memory", "memory.limit_in_bytes") == (32 + 64 + 256) * MB
    assert limit("memory", "memory.soft_limit_in_bytes") == (32 + 64 + 128) * MB
    box.kill("two")
    wait_for(lambda: limit("cpu", "cpu.cfs_quota_us") == 30000, 5, "the quota to shrink")
    assert limit("memory", "memory.soft_limit_in_bytes") == 96 * MB
    assert limit("memory", "memory.limit_in_bytes") == (32 + 64 + 256) * MB  # lowering it could kill
    box.kill("one")
    box.gone()


def test_nested_containers_share_groups_unless_they_ask_for_their_own(box):
    root = box.launch("nest", "sleep 1000", cpus=1, mem=256)
    box.api.launch([root, "shared"], "cat /proc/self/cgroup; sleep 1000")
    own = {"type": "MESOS", "linux_info": {"share_cgroups": False}}
    resources = [scalar("cpus", 0.3), scalar("mem", 64)]
    box.api.launch([root, "own"], "sleep 1000", container=own, resources=resources,
                   limits={"mem": {"value": 96}})
    assert not os.path.isdir(box.run.path("memory", root, "shared"))
    assert box.run.read("memory", root + ".own", "memory.limit_in_bytes") == str(96 * MB)
    assert box.run.read("cpu", root + ".own", "cpu.cfs_quota_us") == "30000"
    assert len(cgroups.pids(box.run.path("memory", root, "own"))) >= 1
    statistics = {".".join(e["container_id"].split("/")) if "/" in e["container_id"] else e["container_id"]: e
                  for e in box.agent.get("/containers?show_nested=true")}
    assert statistics
    box.api.kill([root, "own"])
    box.api.wait([root, "own"])
    wait_for(lambda: not os.path.isdir(box.run.path("memory", root, "own")), 10, "its cgroup to go")
    box.kill("nest")
    box.gone()


def test_a_nested_container_that_exceeds_its_memory_ends_alone(box):
    root = box.launch("careful", "sleep 1000", mem=512)
    box.api.launch([root, "greedy"], EAT, container={"type": "MESOS", "linux_info": {"share_cgroups": False}},
                   resources=[scalar("cpus", 0.1), scalar("mem", 40)])
    ended = box.api.wait([root, "greedy"])
    assert ended["reason"] == "REASON_CONTAINER_LIMITATION_MEMORY" and "Requested: 40MB" in ended["message"]
    assert cgroups.pids(box.run.path("memory", root))
    box.kill("careful")
    box.gone()


def test_restart_keeps_groups_and_limits(box):
    container = box.launch("keeps", "while [ ! -e eat ]; do sleep 0.1; done; " + EAT, cpus=0.2, mem=64,
                           limits={"cpus": {"value": 0.8}})
    box.api.launch([container, "own"], "sleep 1000", container={"type": "MESOS", "linux_info": {"share_cgroups": False}},
                   resources=[scalar("cpus", 0.1), scalar("mem", 40)])
    before = box.run.left()
    os.makedirs(os.path.join(box.run.path("pids"), "not-known-to-anybody"))
    os.makedirs(os.path.join(box.run.path("memory"), "lost", "mesos", "deep"))
    box.restart()
    wait_for(lambda: box.run.left() == before, 10, "the orphans to go")
    assert box.run.read("cpu", container, "cpu.cfs_quota_us") == "90000"
    wait_for(lambda: box.statistics("keeps").get("cpus_limit") == pytest.approx(0.9), 10, "the limit in statistics")
    assert box.statistics("keeps")["mem_total_bytes"] > 0
    assert box.run.read("memory", container + ".own", "memory.limit_in_bytes") == str(40 * MB)
    box.api.kill([container, "own"])
    wait_for(lambda: not os.path.isdir(box.run.path("memory", container, "own")), 20, "the nested one's group to go")
    with open(os.path.join(box.cluster.sandbox(box.scheduler.framework_id, "keeps"), "eat"), "w", encoding="ascii"):
        pass
    status = box.scheduler.until("keeps", ["TASK_FAILED", "TASK_FINISHED"])[-1]
    assert status["reason"] == "REASON_CONTAINER_LIMITATION_MEMORY"  # it is still watched
    box.gone()


def test_an_orphan_with_processes_is_destroyed(box):
    container = box.launch("orphan", "setsid sleep 1000 & setsid sleep 1001 & sleep 1002", mem=64)
    wait_for(lambda: len(cgroups.pids(box.run.path("pids", container))) >= 4, 5, "its processes")
    processes = cgroups.pids(box.run.path("pids", container))
    box.agent.kill()
    # The checkpoints go: nobody knows the container any more.
    shutil.rmtree(os.path.join(box.agent.work_dir, "meta"))
    while not box.scheduler.offers.empty():
        box.scheduler.offer()
    box.agent.start()
    box.gone()
    wait_for(lambda: not any(os.path.isdir(f"/proc/{pid}") for pid in processes), 10, "its processes to end")


REST = "cgroups/net_cls,cgroups/net_prio,cgroups/hugetlb,cgroups/perf_event"


@pytest.fixture(scope="module")
def rest(tmp_path_factory):
    """Controllers that are not mounted here before the agent mounts them."""
    box = Box(tmp_path_factory.mktemp("cgroups-rest"), "rest", REST, perf_events="task-clock,context-switches",
              perf_interval="500ms", perf_duration="200ms", cgroups_net_cls_primary_handle="0x0012",
              cgroups_net_cls_secondary_handles="0x0034,0x0035", agent_subsystems="net_cls,hugetlb,memory")
    yield box
    print(box.cluster.dump())
    box.end()
    assert [name for name in box.run.missing if cgroups.controllers()[name]] == []


def test_class_ids(rest):
    """Each container has one of the range while it lives, shown in its status; when there is none left, a task fails."""
    containers = {name: rest.launch(name, "sleep 1000") for name in ("one", "two")}
    assert {rest.run.read("net_cls", c, "net_cls.classid") for c in containers.values()} == {str(0x120034), str(0x120035)}
    shown = {e["executor_id"]: e["status"]["cgroup_info"]["net_cls"]["classid"] for e in rest.agent.get("/containers")}
    assert shown == {name: int(rest.run.read("net_cls", c, "net_cls.classid")) for name, c in containers.items()}
    status, _ = rest.finish_at_once("three", "true")
    assert status["state"] == "TASK_FAILED" and "all of 0x34 to 0x35 are in use" in status["message"]
    rest.restart()
    status, _ = rest.finish_at_once("four", "true")
    assert "all of 0x34 to 0x35 are in use" in status["message"]  # they are remembered
    rest.kill("one")
    wait_for(lambda: not os.path.isdir(rest.run.path("net_cls", containers["one"])), 60, "its group to go")
    five = rest.launch("five", "sleep 1000")
    assert rest.run.read("net_cls", five, "net_cls.classid") == str(shown["one"])
    for controller in ("net_prio", "hugetlb", "perf_event"):
        assert cgroups.pids(rest.run.path(controller, five))
    rest.kill("two", "five")
    rest.gone()


def test_samples_of_perf(rest):
    rest.launch("sampled", "while :; do :; done", cpus=1)

    def sampled():
        perf = rest.statistics("sampled").get("perf", {})
        return perf if perf.get("task_clock", 0) > 0 else None
    perf = wait_for(sampled, 20, "a sample")
    assert perf["duration"] == pytest.approx(0.2) and perf["timestamp"] > 1e9
    assert 20 < perf["task_clock"] < 450  # milliseconds of two processors at most
    assert perf["context_switches"] >= 0 and "cycles" not in perf
    rest.kill("sampled")


def test_the_agent_has_groups_of_its_own_where_it_is_told(rest):
    for controller in ("net_cls", "hugetlb"):
        assert rest.agent.process.pid in cgroups.pids(os.path.join(rest.run.path(controller), "slave"))
    assert rest.agent.process.pid in cgroups.pids(os.path.join(rest.run.path("memory"), "slave"))  # without an isolator
    assert not os.path.isdir(os.path.join(rest.run.path("net_prio"), "slave"))


def test_the_contract_of_those(rest):
    tree = rest.cluster.tree
    program = tree.contract_program("isolator")
    if not program:
        pytest.skip("the contract's program is not built: make check builds it")
    for name in REST.split(",") + ["cgroups/all"]:
        done = subprocess.run([program, name], timeout=60, check=False,
                              env={**os.environ, "CONTRACT_MODULE_PATH": tree.module_path},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout.decode()


def test_all(tmp_path):
    """Everything at once, and what is named beside it is not done twice."""
    box = Box(tmp_path, "all", "cgroups/all,cgroups/cpu,cgroups/net_cls", cgroups_net_cls_primary_handle="0x1")
    try:
        container = box.launch("all", "sleep 1000", cpus=0.5, mem=64)
        for controller, mount in cgroups.controllers().items():
            if controller != "freezer":
                assert mount and cgroups.pids(box.run.path(controller, container)), controller
        assert box.run.read("net_cls", container, "net_cls.classid") == str(0x10001)
        figures = box.statistics("all")
        assert "mem_total_bytes" in figures and "cpus_user_time_secs" in figures and "blkio_statistics" in figures
        box.kill("all")
        box.gone()
    except BaseException:
        print(box.cluster.dump())
        raise
    finally:
        box.end()


@pytest.mark.parametrize("flags,words", [
    ({"perf_events": "cycles"}, "event 'cycles' cannot be counted on this machine"),
    ({"perf_events": "task-clock,bogus"}, "event 'bogus' is none that Mesos reports"),
    ({"perf_events": "task-clock", "perf_duration": "2secs", "perf_interval": "1secs"}, "--perf_duration (2000 ms)"),
    ({"isolation": "cgroups/devices", "allowed_devices": '{"allowed_devices":[{"device":{"path":"/dev/none"},"access":{"read":true}}]}'},
     "--allowed_devices: device '/dev/none' cannot be looked at"),
    ({"isolation": "cgroups/mem", "agent_subsystems": "memory,unheard"},
     "--agent_subsystems=memory,unheard: the kernel has no cgroup controller 'unheard'"),
    ({"isolation": "cgroups/mem", "cgroups_root": "a/../b"}, "'a/../b' is no name of a group"),
    ({"isolation": "cgroups/cpu", "cgroups_net_cls_primary_handle": "0x12345"}, "'0x12345' is no handle of 16 bits"),
    ({"isolation": "cgroups/cpu", "cgroups_net_cls_secondary_handles": "5,3"}, "'5,3' is no range of handles"),
])
def test_what_cannot_be_is_refused_at_start(tmp_path, flags, words):
    run = cgroups.Run("refused")
    cluster = Cluster(str(tmp_path))
    try:
        with pytest.raises(AssertionError) as failed:
            cluster.start(1, {"isolation": "cgroups/perf_event", "cgroups_root": run.root, **flags})
        assert words in str(failed.value)
    finally:
        cluster.stop()
        run.end()


def test_without_root_the_agent_does_not_start():
    """One line that names the isolator."""
    directory = tempfile.mkdtemp()
    os.chmod(directory, 0o777)
    run = cgroups.Run("nobody")
    cluster = Cluster(directory)
    try:
        cluster.master.start()
        agent = cluster.add_agent({"isolation": "cgroups/cpu", "cgroups_root": run.root}, start=False)
        os.chmod(agent.work_dir, 0o777)
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *agent.argv], check=False,
                              timeout=20, text=True, env=agent.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode and "isolator 'cgroups/cpu' needs root" in done.stdout, done.stdout
        assert run.left() == []
    finally:
        cluster.stop()
        cluster.remove()
        run.end()


def test_swap_is_limited_with_memory(tmp_path):
    box = Box(tmp_path, "swap", "cgroups/mem", cgroups_limit_swap=True)
    try:
        container = box.launch("swap", "sleep 1000", mem=64)
        for file in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
            assert box.run.read("memory", container, file) == str((64 + OWN_MB) * MB)
        assert box.statistics("swap")["mem_total_memsw_bytes"] > 0
        box.kill("swap")
        box.gone()
    finally:
        box.end()


def test_crashes_at_any_moment_leave_nothing(tmp_path):
    """The agent is killed while containers begin and end, again and again."""
    box = Box(tmp_path, "crash", "cgroups/cpu,cgroups/mem,cgroups/pids", launcher="linux")
    try:
        for i in range(6):
            box.accept([(f"crash{i}.{j}", "setsid sleep 1000 & sleep 0.05", {}) for j in range(4)])
            time.sleep(0.02 * i)
            box.restart()
        box.scheduler.acknowledge = False
        box.scheduler.teardown()
        box.gone()
    except BaseException:
        print(box.cluster.dump())
        raise
    finally:
        box.end()


def test_containers_with_an_image_see_their_groups(tmp_path):
    """Below /sys/fs/cgroup, and cannot change them; the linux launcher is there, too."""
    store = tmp_path / "images"
    store.mkdir()
    Image([busybox_layer()]).save(str(store / "box:latest.tar"), "box:latest")
    box = Box(tmp_path, "image", "cgroups/cpu,cgroups/mem,cgroups/devices,filesystem/linux,docker/runtime", launcher="linux",
              image_providers="docker", docker_registry=str(store), docker_store_dir=str(tmp_path / "store"))
    image = {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": "box"}}}}
    try:
        _, output = box.finish("look", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes; cat /sys/fs/cgroup/cpu/cpu.shares;"
                               "echo -1 2>/dev/null >/sys/fs/cgroup/memory/memory.limit_in_bytes || echo refused;"
                               "ls /sys/fs/cgroup; cat </dev/null && echo null opens",
                               cpus=0.4, mem=64, container=image)
        lines = output.split()
        assert lines[:2] == [str((64 + OWN_MB) * MB), "512"], output
        assert "refused" in lines and {"memory", "cpu", "cpuacct", "devices"} <= set(lines) and "opens" in lines, output
        status, _ = box.finish("eat", "dd if=/dev/zero of=/dev/null bs=200M count=1", "TASK_FAILED", mem=48, container=image)
        assert status["reason"] == "REASON_CONTAINER_LIMITATION_MEMORY", status
        box.gone()
    except BaseException:
        print(box.cluster.dump())
        raise
    finally:
        box.end()


@pytest.mark.parametrize("low,shares", [(True, 10), (False, 1126)])
def test_revocable_cpus_have_low_priority(tmp_path, low, shares):
    """A hundredth of the shares of others, unless the operator says no."""
    config = tmp_path / "agent.ini"
    config.write_text("resource_estimator = fixed\noversubscribed_resources_interval = 100ms\n[fixed]\n"
                      "resources = cpus:3;mem:512\n", encoding="utf-8")
    box = Box(tmp_path, "low", "cgroups/cpu", config=str(config), revocable_cpu_low_priority=low)
    try:
        scheduler = Scheduler(box.cluster.address, capabilities=[{"type": "MULTI_ROLE"}, {"type": "REVOCABLE_RESOURCES"}])
        scheduler.subscribe()
        box.scheduler.teardown()
        offer = scheduler.offer()
        while not any("revocable" in r for r in offer["resources"]):
            scheduler.decline(offer)
            offer = scheduler.offer()
        task = command_task("spare", "sleep 1000", offer)
        task["resources"] = [scalar("cpus", 1, revocable={}), scalar("mem", 64, revocable={})]
        scheduler.accept(offer, [task])
        status = scheduler.until("spare", ["TASK_RUNNING"], 60)[-1]
        container = status["container_status"]["container_id"]["value"]
        assert abs(int(box.run.read("cpu", container, "cpu.shares")) - shares) <= 1
        scheduler.teardown()
        box.gone()
    finally:
        box.end()
