# SPDX-License-Identifier: Apache-2.0
"""Tasks and executors in docker containers, with a real engine that the tests start themselves."""
import base64
import glob
import json
import os
import re
import signal
import stat
import subprocess
import tarfile
import tempfile
import time
import uuid

import pytest

from agent_api import AgentApi
from cluster import REPOSITORY, Cluster, Tree, wait_for
from docker_engine import DockerEngine, processes_of, reason_against
from scheduler import TERMINAL, Scheduler, command_task, scalar

pytestmark = pytest.mark.skipif(reason_against() is not None, reason=str(reason_against()))
EXECUTOR = os.path.join(REPOSITORY, "tests", "lib", "docker_executor.py")
# The host's programs and libraries, for what is not in our small image.
HOST = [{"container_path": path, "host_path": path, "mode": "RO"} for path in ("/usr", "/lib", "/lib64")]


@pytest.fixture(scope="module")
def engine():
    made = DockerEngine()
    try:
        made.start()
        made.image("box:1")
        made.image("entry:1", changes=['ENTRYPOINT ["/bin/echo", "entry"]', 'CMD ["cmd"]', "ENV FROM_IMAGE=1"])
        yield made
    finally:
        made.stop()
    assert made.leftovers() == []


class Box:
    """A cluster whose agent runs docker containers first and others else."""

    def __init__(self, engine, flags=None, directory=None):
        self.engine = engine
        self.directory = directory or tempfile.mkdtemp(prefix="cm-")
        os.chmod(self.directory, 0o755)
        self.flags = {"containerizers": "docker,mesos", "docker": engine.docker, "docker_socket": engine.socket,
                      "docker_remove_delay": "1hrs", "executor_shutdown_grace_period": "2secs",
                      "http_executor_domain_sockets": True, **(flags or {})}
        self.cluster = Cluster(self.directory, {"allocation_interval": "50ms"}).start(1, self.flags)
        self.agent = self.cluster.agents[0]
        self.api = AgentApi(self.agent)
        self.scheduler = Scheduler(self.cluster.address, checkpoint=True, failover_timeout=1000,
                                   capabilities=[{"type": "MULTI_ROLE"}, {"type": "TASK_KILLING_STATE"}]).subscribe()

    def offer(self, cpus=1.0, mem=256):
        """The newest, with enough in it; others go back and come again in one."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            offer = self.scheduler.offer()
            while not self.scheduler.offers.empty():
                self.scheduler.decline(offer)
                offer = self.scheduler.offer()
            have = {r["name"]: r["scalar"]["value"] for r in offer["resources"] if r["type"] == "SCALAR"}
            if have.get("cpus", 0) >= cpus and have.get("mem", 0) >= mem:
                return offer
            self.scheduler.decline(offer)
        raise AssertionError("no offer that is large enough")

    def launch(self, task_id, command, docker=None, volumes=(), container=None, ports=(), **more):
        offer = self.offer()
        info = {"type": "DOCKER", "docker": {"image": "box:1", **(docker or {})}, "volumes": list(volumes),
                **(container or {})}
        task = command_task(task_id, command, offer, container=info, **more)
        for port in ports:
            task["resources"].append({"name": "ports", "type": "RANGES",
                                      "ranges": {"range": [{"begin": port, "end": port}]}})
        self.scheduler.accept(offer, [task])

    def until(self, task_id, *states):
        return self.scheduler.until(task_id, states or TERMINAL)

    def run(self, task_id, command, docker=None, **more):
        """The last status."""
        self.launch(task_id, command, docker, **more)
        return self.until(task_id)[-1]

    def start(self, task_id, command, docker=None, **more):
        """Its TASK_RUNNING; the name of its docker container as well."""
        self.launch(task_id, command, docker, **more)
        status = self.until(task_id, "TASK_RUNNING", *TERMINAL)[-1]
        assert status["state"] == "TASK_RUNNING", status
        return status, "mesos-" + status["container_status"]["container_id"]["value"]

    def kill(self, task_id, **more):
        self.scheduler.kill(task_id, **more)
        return self.until(task_id)

    def read(self, task_id, name="stdout"):
        path = os.path.join(self.cluster.sandbox(self.scheduler.framework_id, task_id), name)
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def restart(self):
        self.agent.kill()
        self.agent.start()
        wait_for(lambda: self.agent.get("/metrics/snapshot").get("slave/registered") == 1, 20, "the agent again")

    def close(self):
        self.scheduler.teardown()
        wait_for(lambda: not self.engine("ps", "-q").stdout.split(), 20, "docker containers to stop")
        self.cluster.stop()
        left = self.engine.containers()
        if left:
            self.engine("rm", "-f", "-v", *left)
        assert not self.cluster.complaints()
        self.cluster.remove()


@pytest.fixture(scope="module")
def box(engine):
    made = Box(engine)
    yield made
    made.close()


# ---- what a task is given ----

def test_output_environment_and_status(box, engine):
    box.launch("echo", {"value": "echo out; echo err >&2; env; touch $MESOS_SANDBOX/mine; exit 3",
                        "environment": {"variables": [{"name": "FOO", "value": "bar baz"},
                                                      {"name": "LINES", "value": "a\nb"}]}})
    seen = box.until("echo")
    assert [s["state"] for s in seen] == ["TASK_STARTING", "TASK_RUNNING", "TASK_FAILED"]
    assert seen[-1]["message"] == "Container exited with status 3"
    container_id = seen[-1]["container_status"]["container_id"]["value"]
    inspected = json.loads(base64.b64decode(seen[1]["data"]))[0]
    assert inspected["Name"] == "/mesos-" + container_id and inspected["HostConfig"]["NetworkMode"] == "host"
    assert seen[1]["container_status"]["network_infos"][0]["ip_addresses"][0]["ip_address"] == "127.0.0.1"
    out = box.read("echo").splitlines()
    assert out[0] == "out" and "FOO=bar baz" in out and "MESOS_SANDBOX=/mnt/mesos/sandbox" in out
    assert f"MESOS_CONTAINER_NAME=mesos-{container_id}" in out and "MESOS_ALLOCATION_ROLE=*" in out
    assert "MESOS_TASK_ID=echo" in out
    assert out[out.index("LINES=a") + 1] == "b"
    assert "err\n" in box.read("echo", "stderr") and box.read("echo", "mine") == ""
    assert "mesos-" + container_id in engine.containers()  # kept until docker_remove_delay is over


def test_arguments_and_entrypoint(box):
    argv = {"shell": False, "value": "/bin/echo", "arguments": ["one", "two words"]}
    assert box.run("argv", argv)["state"] == "TASK_FINISHED" and box.read("argv") == "one two words\n"
    entry = {"shell": False, "arguments": ["a", "b"]}
    assert box.run("entry", entry, {"image": "entry:1"})["state"] == "TASK_FINISHED"
    assert box.read("entry") == "entry a b\n"
    box.run("plain", {"shell": False}, {"image": "entry:1"})
    assert box.read("plain") == "entry cmd\n"
    box.run("shell", "echo $FROM_IMAGE", {"image": "entry:1"})
    assert box.read("shell") == "1\n"


def test_parameters_hostname_privileges(box, engine):
    docker = {"network": "BRIDGE",
              "parameters": [{"key": "label", "value": "a=b"}, {"key": "rm", "value": "true"}, {"key": "env", "value": "P=1"}]}
    _, name = box.start("many", "mount -t tmpfs x /mnt || echo may not; echo $(hostname) $P; sleep 600", docker,
                        container={"hostname": "some-name"})
    wait_for(lambda: box.read("many") == "may not\nsome-name 1\n", 10, "what the parameters do")
    assert engine.inspect(name, '{{.Config.Labels.a}} {{.HostConfig.Privileged}} {{.HostConfig.AutoRemove}}') == "b false false"
    box.kill("many")
    # Where the machine itself has all capabilities, a privileged container has, too; else docker's words say so.
    status = box.run("privileged", "mount -t tmpfs x /mnt && echo mounted", {"privileged": True})
    name = "mesos-" + status["container_status"]["container_id"]["value"]
    assert engine.inspect(name, "{{.HostConfig.Privileged}}") == "true"
    if status["state"] == "TASK_FINISHED":
        assert box.read("privileged") == "mounted\n"
    else:
        assert "unable to apply caps" in status["message"]


def test_volumes(box, engine, tmp_path):
    (tmp_path / "there").write_text("host")
    engine("volume", "create", "kept")
    volumes = [{"container_path": "/data", "host_path": str(tmp_path), "mode": "RW"},
               {"container_path": "ro", "host_path": str(tmp_path), "mode": "RO"},
               {"container_path": "/rel", "host_path": "below", "mode": "RW"},
               {"container_path": "/vol", "mode": "RW",
                "source": {"type": "DOCKER_VOLUME", "docker_volume": {"name": "kept", "driver": "local"}}}]
    status = box.run("volumes", "cat /data/there; echo w > /data/new; echo x > $MESOS_SANDBOX/ro/no || echo refused; "
                                "echo r > /rel/file; echo v > /vol/file", volumes=volumes)
    assert status["state"] == "TASK_FINISHED"
    assert box.read("volumes") == "hostrefused\n" and (tmp_path / "new").read_text() == "w\n"
    assert box.read("volumes", "below/file") == "r\n"
    assert not (tmp_path / "no").exists()
    assert box.run("again", "cat /vol/file", volumes=volumes[3:])["state"] == "TASK_FINISHED"
    assert box.read("again") == "v\n"
    engine("rm", "-f", *engine.containers("--filter", "volume=kept"))
    engine("volume", "rm", "kept")


def test_fetched_files_are_there(box, tmp_path):
    (tmp_path / "file").write_text("fetched")
    assert box.run("fetch", {"value": "cat $MESOS_SANDBOX/file", "uris": [{"value": str(tmp_path / "file")}]})["state"] == \
        "TASK_FINISHED"
    assert "fetched" in box.read("fetch")


# ---- networks ----

def test_bridge_and_ports(box, engine):
    docker = {"network": "BRIDGE", "port_mappings": [{"host_port": 31500, "container_port": 80, "protocol": "tcp"}]}
    status, name = box.start("bridge", "mkdir /www; echo served > /www/x; httpd -f -p 80 -h /www", docker, ports=[31500])
    address = status["container_status"]["network_infos"][0]["ip_addresses"][0]["ip_address"]
    assert address.startswith("172.31.250.")
    assert engine.inspect(name, "{{.NetworkSettings.IPAddress}}") == address
    wait_for(lambda: engine.in_network("/bin/busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:31500/x",
                                       check=False).stdout == "served\n", 10, "the published port")
    def told():  # the agent asks docker itself
        mine = [c for c in box.agent.get("/containers") if c["executor_id"] == "bridge"]
        infos = mine and mine[0]["status"].get("network_infos")
        return infos and infos[0]["ip_addresses"][0]["ip_address"] == address
    wait_for(told, 10, "the address in /containers")
    assert [s["state"] for s in box.kill("bridge")] == ["TASK_KILLING", "TASK_KILLED"]


def test_none_and_user_networks(box, engine):
    assert box.run("none", "ls /sys/class/net", {"network": "NONE"})["state"] == "TASK_FINISHED"
    assert box.read("none") == "lo\n"
    engine("network", "create", "--subnet", "172.31.251.0/24", "mine")
    container = {"network_infos": [{"name": "mine"}]}
    status, _ = box.start("user", "sleep 600", {"network": "USER"}, container=container)
    info = status["container_status"]["network_infos"][0]
    assert info["name"] == "mine" and info["ip_addresses"][0]["ip_address"].startswith("172.31.251.")
    box.kill("user")
    engine("rm", "-f", *engine.containers("--filter", "network=mine"))
    engine("network", "rm", "mine")


@pytest.mark.parametrize("case, docker, more, text", [
    ("ports-host", {"port_mappings": [{"host_port": 31501, "container_port": 80}]}, {},
     "Port mappings are only supported for bridge and user-defined networks"),
    ("ports-others", {"network": "BRIDGE", "port_mappings": [{"host_port": 31501, "container_port": 80}]}, {},
     "Port [31501] not included in resources"),
    ("user-unnamed", {"network": "USER"}, {}, "network_infos name no network"),
    ("option", {"image": "--privileged"}, {}, "'--privileged' begins with"),
    ("odd-image", {"image": "box:1 --privileged"}, {}, "has characters that no name of an image has"),
    ("odd-key", {"parameters": [{"key": "a b", "value": "c"}]}, {}, "'a b' is no name of an option"),
    ("named", {"parameters": [{"key": "name", "value": "x"}]}, {}, "Parameter in DockerInfo must not be 'name'"),
    ("no-docker", None, {"container": {"docker": None}}, "DockerInfo 'docker' is not set for DOCKER typed ContainerInfo"),
    ("out", {}, {"volumes": [{"container_path": "/x", "host_path": "../../x", "mode": "RW"}]}, "leads out of the sandbox"),
    ("colon", {}, {"volumes": [{"container_path": "/x:/etc", "host_path": "/tmp", "mode": "RW"}]}, "which docker takes"),
])
def test_what_is_refused(box, case, docker, more, text):
    status = box.run(case, "true", docker, **more)
    assert status["state"] in ("TASK_FAILED", "TASK_ERROR") and text in status["message"], status
    if status["state"] == "TASK_FAILED":
        assert status["reason"] == "REASON_CONTAINER_LAUNCH_FAILED" and text in box.read(case, "stderr")


# ---- limits ----

def test_limits_from_inside(box, engine):
    command = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.shares 2>/dev/null; sleep 600"
    _, name = box.start("limits", command, cpus=0.5, mem=64)
    assert engine.inspect(name, "{{.HostConfig.Memory}} {{.HostConfig.CpuShares}} {{.HostConfig.CpuQuota}}") == \
        "67108864 512 0"
    if os.path.exists("/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        wait_for(lambda: box.read("limits").count("\n") == 2, 10, "limits from inside")
        assert box.read("limits") == "67108864\n512\n"

    def figures():
        found = [s["statistics"] for s in box.agent.get("/monitor/statistics") if s["executor_id"] == "limits"]
        return found[0] if found and found[0].get("mem_rss_bytes") is not None else None
    wait_for(figures, 10, "statistics")
    figures = figures()
    assert figures["mem_limit_bytes"] == 67108864 and figures["cpus_limit"] == 0.5
    assert 0 < figures["mem_total_bytes"] < 67108864 and figures["cpus_user_time_secs"] < 5 and figures["timestamp"] > 1e9
    box.kill("limits")


def test_limits_above_requests(box, engine):
    _, name = box.start("burst", "sleep 600", limits={"cpus": {"value": 1.0}, "mem": {"value": 128}})
    assert engine.inspect(name, "{{.HostConfig.Memory}} {{.HostConfig.MemoryReservation}} {{.HostConfig.CpuQuota}}") == \
        "134217728 33554432 100000"
    assert 2 <= int(engine.inspect(name, "{{.HostConfig.OomScoreAdj}}")) <= 999
    box.kill("burst")


def test_too_much_memory(box):
    status = box.run("oom", "exec dd if=/dev/zero of=/dev/null bs=200M count=1", mem=32)
    assert status["state"] == "TASK_FAILED" and "memory limit" in status["message"], status
    assert status["reason"] == "REASON_CONTAINER_LIMITATION_MEMORY"


# ---- ends ----

def test_kill_with_grace(box):
    trap = "trap 'echo term; exit 5' TERM; echo ready; while :; do sleep 0.1; done"
    box.start("trap", trap)
    wait_for(lambda: "ready" in box.read("trap"), 10, "the trap")
    seen = box.kill("trap", kill_policy={"grace_period": {"nanoseconds": 20_000_000_000}})
    assert [s["state"] for s in seen] == ["TASK_KILLING", "TASK_KILLED"]
    assert seen[-1]["message"] == "Container exited with status 5" and "term" in box.read("trap")


def test_kill_without_patience(box):
    box.start("deaf", "trap '' TERM; echo ready; while :; do sleep 0.1; done",
              kill_policy={"grace_period": {"nanoseconds": 1_000_000_000}})
    wait_for(lambda: "ready" in box.read("deaf"), 10, "the trap")
    began = time.monotonic()
    assert box.kill("deaf")[-1]["message"] == "Container exited with status 137"
    assert 0.8 < time.monotonic() - began < 60


def test_maximum_completion_time(box):
    status = box.run("long", "sleep 600", max_completion_time={"nanoseconds": 300_000_000})
    assert status["state"] == "TASK_FAILED" and status["reason"] == "REASON_MAX_COMPLETION_TIME_REACHED"


def test_program_that_is_not_there(box):
    status = box.run("nowhere", {"shell": False, "value": "/no/such/program"})
    assert status["state"] == "TASK_FAILED" and "no such file or directory" in status["message"], status
    assert "no such file or directory" in box.read("nowhere", "stderr")


def test_much_output_comes_whole(box):
    assert box.run("much", "seq 1 200000; echo end >&2")["state"] == "TASK_FINISHED"
    assert box.read("much").splitlines() == [str(i) for i in range(1, 200001)]


# ---- checks ----

def test_health_check_inside(box):
    health = {"type": "COMMAND", "command": {"value": "test -e /ok"}, "delay_seconds": 0, "interval_seconds": 0.3,
              "grace_period_seconds": 5, "consecutive_failures": 2, "timeout_seconds": 5}
    box.start("health", "touch /ok; sleep 3; rm /ok; sleep 600", health_check=health)
    assert box.until("health", "TASK_RUNNING")[-1]["healthy"] is True
    seen = box.until("health")
    assert seen[-1]["state"] == "TASK_KILLED" and seen[-1]["healthy"] is False


def test_checks_in_its_network(box):
    check = {"type": "HTTP", "http": {"port": 80, "path": "/x"}, "delay_seconds": 0.2, "interval_seconds": 0.2,
             "timeout_seconds": 5}
    health = {"type": "TCP", "tcp": {"port": 80}, "delay_seconds": 0.2, "interval_seconds": 0.2,
              "grace_period_seconds": 10, "timeout_seconds": 5}
    box.start("http", "mkdir /www; echo served > /www/x; httpd -f -p 80 -h /www", {"network": "BRIDGE"}, check=check,
              health_check=health)
    seen = []

    def found():
        seen.append(box.scheduler.update("http"))
        return seen[-1].get("healthy") and seen[-1]["check_status"]["http"].get("status_code") == 200
    wait_for(found, 20, "both checks")
    assert seen[-1]["container_status"]["network_infos"][0]["ip_addresses"][0]["ip_address"].startswith("172.31.")
    box.kill("http")


# ---- images ----

def test_pull_failure_is_told(box):
    status = box.run("noimage", "true", {"image": "127.0.0.1:9/nosuchimage:1"})
    assert (status["state"], status["reason"]) == ("TASK_FAILED", "REASON_CONTAINER_LAUNCH_FAILED")
    assert re.match(r"Failed to launch container: Failed to run '\S+docker -H unix://\S+ pull 127.0.0.1:9/nosuchimage:1': "
                    r"exited with status 1; stderr='Error response from daemon: .*connection refused", status["message"])
    assert "connection refused" in box.read("noimage", "stderr")


def test_force_pull(box, engine):
    engine("tag", "box:1", "127.0.0.1:9/here:1")
    assert box.run("here", "true", {"image": "127.0.0.1:9/here:1"})["state"] == "TASK_FINISHED"
    status = box.run("forced", "true", {"image": "127.0.0.1:9/here:1", "force_pull_image": True})
    assert status["state"] == "TASK_FAILED" and "pull 127.0.0.1:9/here:1" in status["message"]


# ---- reaching in ----

def test_sessions(box):
    status, _ = box.start("inside", "echo marker > /marker; sleep 600", {"network": "BRIDGE"})
    root = status["container_status"]["container_id"]["value"]
    session = box.api.session((root, "s1"), {"value": "cat /marker; echo $A $MESOS_CONTAINER_ID; echo err >&2; exit 5",
                                             "environment": {"variables": [{"name": "A", "value": "x y"}]}})
    assert session.ended.wait(60) and session.whole
    assert session.out.decode() == f"marker\nx y {root}.s1\n" and session.err == b"err\n"
    assert box.api.call("WAIT_NESTED_CONTAINER", container_id={"value": "s1", "parent": {"value": root}})[
        "wait_nested_container"] == {"exit_status": 5 << 8}
    terminal = box.api.session((root, "s2"), "sleep 0.5; stty size; read x; echo got $x; tty",
                               tty={"window_size": {"rows": 33, "columns": 77}})
    typed = box.api.attach_input((root, "s2"))
    wait_for(lambda: b"33 77" in terminal.out, 20, "the size of the terminal")
    typed.data(b"typed\n")
    assert terminal.ended.wait(60) and b"got typed" in terminal.out and b"/dev/pts/" in terminal.out
    # Who leaves takes what he started along, in the container too.
    left = box.api.session((root, "s3"), "echo begun; sleep 12345 & sleep 12345")
    wait_for(lambda: b"begun" in left.out, 20, "the session")
    assert alive("12345")
    left.close()
    wait_for(lambda: not alive("12345"), 20, "what the session started to be gone")
    assert box.api.session((root, "s4"), {"value": "true"}).ended.wait(60)
    nested = box.api.call("LAUNCH_NESTED_CONTAINER", 400, container_id={"value": "n", "parent": {"value": root}},
                          command={"value": "true"})
    assert "not supported" in nested
    box.kill("inside")


def alive(word):
    found = subprocess.run(["pgrep", "-f", f"^sleep {word}"], stdout=subprocess.PIPE, check=False).stdout.split()
    return [pid for pid in found if b"Z" not in subprocess.run(["ps", "-o", "stat=", "-p", pid], stdout=subprocess.PIPE,
                                                               check=False).stdout]


def test_attach_to_a_terminal(box):
    status, _ = box.start("terminal", "tty; read x; echo got $x; exit 3", container={"tty_info": {}})
    root = (status["container_status"]["container_id"]["value"],)
    attached = box.api.attach_output(root)
    typed = box.api.attach_input(root)
    time.sleep(0.2)
    typed.data(b"hello\n")
    assert box.until("terminal")[-1]["message"] == "Container exited with status 3"
    assert attached.ended.wait(60) and b"got hello\r\n" in attached.out
    assert "/dev/pts/" in box.read("terminal")


def test_exec_and_attach_of_the_command_line(box):
    box.start("worker", "while :; do echo tick; sleep 0.2; done")
    done = box.cluster.tool("task", "exec", "worker", "sh", "-c", "echo in; echo err >&2; exit 6", check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("in\n", "err\n", 6)
    env = {"MESOS_MASTER": box.cluster.address, "HOME": box.cluster.directory, "PATH": os.environ["PATH"]}
    attached = subprocess.Popen([box.cluster.tree.program("mesos"), "task", "attach", "--no-stdin", "worker"], env=env,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        assert attached.stdout.readline() == b"tick\n"
    finally:
        attached.kill()
        attached.wait()
        attached.stdout.close()
    box.kill("worker")


def test_mesos_execute(box):
    box.scheduler.call("SUPPRESS")  # it has all the offers
    time.sleep(0.1)
    while not box.scheduler.offers.empty():
        box.scheduler.decline(box.scheduler.offer())
    done = box.cluster.tool("execute", "--name=cli", "--docker_image=box:1", "--command=echo from; ls /bin/busybox", check=False)
    box.scheduler.call("REVIVE")
    assert "TASK_FINISHED" in done.stdout, (done.stdout, done.stderr)


def test_other_tasks_run_as_ever(box):
    offer = box.offer()
    box.scheduler.accept(offer, [command_task("native", "echo native", offer)])
    assert box.until("native")[-1]["state"] == "TASK_FINISHED" and "native" in box.read("native")


# ---- restarts ----

def test_restart_of_the_agent(box, engine):
    status, name = box.start("survivor", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done", {"network": "BRIDGE"})
    orphan = f"mesos-{uuid.uuid4()}"
    foreign = f"mesos-{uuid.uuid4()}"
    engine("run", "-d", "--name", orphan, "box:1", "sleep", "600")
    engine("run", "-d", "--name", foreign, "--label", "mesos.work_dir=/somewhere/else", "box:1", "sleep", "600")
    engine("run", "-d", "--name", "mesos-of-somebody", "box:1", "sleep", "600")
    time.sleep(1.2)
    crash = time.monotonic()
    box.restart()
    before = box.read("survivor").count("\n")
    wait_for(lambda: box.read("survivor").count("\n") > before + 5, 10, "output after the restart")
    wait_for(lambda: orphan not in engine.containers(), 20, "the orphan to be removed")
    assert {foreign, "mesos-of-somebody", name} <= set(engine.containers())
    engine("rm", "-f", foreign, "mesos-of-somebody")
    root = status["container_status"]["container_id"]["value"]
    session = box.api.session((root, "after"), "echo back")
    assert session.ended.wait(60) and session.out == b"back\n"
    found = [s["statistics"] for s in box.agent.get("/monitor/statistics") if s["executor_id"] == "survivor"]
    assert found and found[0]["mem_limit_bytes"] == 33554432
    assert [s["state"] for s in box.kill("survivor")] == ["TASK_KILLING", "TASK_KILLED"]
    # What was acknowledged before the crash was not told again.
    told = [s["uuid"] for s in box.scheduler.history if s["task_id"]["value"] == "survivor" and "uuid" in s]
    assert len(told) >= 4 and len(told) == len(set(told)) and status["received"] < crash - 1
    numbers = [int(line) for line in box.read("survivor").split()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_container_that_ends_while_the_agent_is_away(box):
    _, _ = box.start("meanwhile", "sleep 1; echo done; exit 4")
    box.agent.kill()
    time.sleep(2)
    box.agent.start()
    status = box.until("meanwhile")[-1]
    assert (status["state"], status["message"]) == ("TASK_FAILED", "Container exited with status 4")
    assert box.read("meanwhile") == "done\n"


def test_executor_that_is_killed(box, engine):
    status, name = box.start("headless", "sleep 600")
    pid = subprocess.run(["pgrep", "-f", f"mesos-docker-executor .*{name}"], stdout=subprocess.PIPE, check=True).stdout.split()[0]
    os.kill(int(pid), signal.SIGKILL)
    assert box.until("headless")[-1]["state"] == "TASK_FAILED"
    wait_for(lambda: engine.inspect(name, "{{.State.Running}}") == "false", 20, "the container to be stopped")


def test_executor_gives_up(engine):
    """An agent that stays away for longer than --recovery_timeout finds neither executor nor container at work."""
    box = Box(engine, {"recovery_timeout": "1secs"})
    try:
        _, name = box.start("forsaken", "sleep 600")
        executor = subprocess.run(["pgrep", "-f", f"mesos-docker-executor .*{name}"], stdout=subprocess.PIPE, check=True).stdout.split()
        box.agent.kill()
        wait_for(lambda: not any(os.path.exists(f"/proc/{int(pid)}") for pid in executor), what="the executor to give up")
        assert engine.inspect(name, "{{.State.Running}}") == "false"
        box.agent.start()
        assert box.until("forsaken")[-1]["state"] in ("TASK_FAILED", "TASK_KILLED")
    finally:
        box.close()


# Each is the name of a fault point and the pass at which an agent kills itself there, about to write down what it needs to know
# of a docker executor: see test_agent_faults.py.
WRITES = ["launch/checkpoint=kill@1", "file_rename=kill@6", "file_rename=kill@9", "checkpoint/link=kill@3",
          "journal/write=kill@2", "journal/sync=kill@2", "checkpoint/touch=kill@1"]


def test_agents_die_when_they_write(engine):
    """One agent for each instant, all at once: every task runs once or not at all, and its one end is told once."""
    box = Box(engine)
    cluster, scheduler, more = box.cluster, box.scheduler, []
    try:
        for i, instant in enumerate(WRITES):
            agent = cluster.add_agent({**box.flags, "hostname": f"dies{i}", "resources": "cpus:1;mem:256"}, start=False)
            agent.env = {**agent.env, "MESOS_FAULT": instant}
            more.append(agent.start(wait=False))
        ids = {a["hostname"]: a["id"] for a in cluster.wait_agents(1 + len(WRITES))}
        launched = {}
        while len(launched) < len(WRITES):
            offer = scheduler.offer()
            place = offer["hostname"]
            if not place.startswith("dies") or place in launched:
                scheduler.decline(offer, 600)
                continue
            launched[place] = [place + "-stays", place + "-ends"]
            container = {"type": "DOCKER", "docker": {"image": "box:1"}}
            scheduler.accept(offer, [command_task(name, f"echo ran; sleep {seconds}", offer, container=container)
                                     for name, seconds in zip(launched[place], (600, 0.2))], refuse_seconds=600)
        for agent, instant in zip(more, WRITES):
            assert agent.process.wait(60) == -signal.SIGKILL, instant
            del agent.env["MESOS_FAULT"]
            agent.start(wait=False)
        wait_for(lambda: all(agent.get("/metrics/snapshot").get("slave/registered") == 1 for agent in more if agent._answers()),
                 what="the agents to be back")
        names = sum(launched.values(), [])

        def last():
            return {s["task_id"]["value"]: s["state"] for s in list(scheduler.history)}
        wait_for(lambda: all(last().get(name) in TERMINAL or last().get(name) == "TASK_RUNNING" and "stays" in name for name in names),
                 what="all to run or to be reported")
        running = [name for name in names if last()[name] == "TASK_RUNNING"]
        assert running, last()  # an agent that dies once its executor runs finds it again
        for name in running:
            scheduler.kill(name)
        wait_for(lambda: all(last()[name] in TERMINAL for name in names), what="all to end")
        assert {a["hostname"]: a["id"] for a in cluster.wait_agents(1 + len(WRITES))} == ids
        ends = [name for _, name in {(s.get("uuid"), s["task_id"]["value"]) for s in scheduler.history if s["state"] in TERMINAL}]
        assert len(ends) == len(set(ends)), "a task told two ends"
        for agent in more:
            for path in glob.glob(agent.work_dir + "/slaves/*/frameworks/*/executors/*/runs/*/stdout"):
                assert open(path, encoding="utf-8").read() in ("", "ran\n"), path
    finally:
        box.close()


# ---- executors in docker containers ----

def custom(box, task_ids, executor_id="custom", cpus=0.2, mem=64):
    """Launches tasks under one custom executor in a docker container; their data are commands."""
    offer = box.offer()
    executor = {"executor_id": {"value": executor_id}, "framework_id": {"value": box.scheduler.framework_id},
                "resources": [scalar("cpus", cpus), scalar("mem", mem)],
                "command": {"value": "python3 /executor.py"},
                "container": {"type": "DOCKER", "docker": {"image": "box:1"}, "volumes": HOST + [
                    {"container_path": "/executor.py", "host_path": EXECUTOR, "mode": "RO"}]}}
    tasks = [{"name": t, "task_id": {"value": t}, "agent_id": offer["agent_id"], "executor": executor,
              "data": base64.b64encode(command.encode()).decode(),
              "resources": [scalar("cpus", 0.5), scalar("mem", 64)]} for t, command in task_ids.items()]
    box.scheduler.accept(offer, tasks)


def test_custom_executor_and_update_in_place(box, engine):
    custom(box, {"c1": "echo one; cat /proc/1/cgroup > /dev/null; sleep 600"})
    status = box.until("c1", "TASK_RUNNING", *TERMINAL)[-1]
    assert status["state"] == "TASK_RUNNING", status
    name = "mesos-" + status["container_status"]["container_id"]["value"]
    limits = "{{.HostConfig.Memory}} {{.HostConfig.CpuShares}}"
    assert engine.inspect(name, limits) == f"{128 << 20} {int(0.7 * 1024)}"
    wait_for(lambda: "subscribed" in box.read("custom"), 10, "output of the executor")
    custom(box, {"c2": "echo two; cat /sys/fs/cgroup/memory/memory.limit_in_bytes; sleep 1.5"})
    wait_for(lambda: engine.inspect(name, limits) == f"{192 << 20} {int(1.2 * 1024)}", 10, "limits to grow")
    assert box.until("c2")[-1]["state"] == "TASK_FINISHED"
    if os.path.exists("/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        wait_for(lambda: str(192 << 20) in box.read("custom"), 10, "the limit from inside")
    wait_for(lambda: engine.inspect(name, limits) == f"{128 << 20} {int(0.7 * 1024)}", 10, "limits to shrink")
    box.restart()
    custom(box, {"c3": "echo three"})
    assert box.until("c3")[-1]["state"] == "TASK_FINISHED"
    wait_for(lambda: "three" in box.read("custom"), 10, "output after the restart")
    box.scheduler.call("SHUTDOWN", shutdown={"executor_id": {"value": "custom"}, "agent_id": status["agent_id"]})
    assert box.until("c1")[-1]["state"] in ("TASK_FAILED", "TASK_LOST")
    wait_for(lambda: engine.inspect(name, "{{.State.Running}}") == "false", 20, "the container's end")


# ---- hung, missing and odd clients ----

WRAPPER = """#!/bin/sh
case " $* " in
{cases}
esac
exec {docker} "$@"
"""


def wrapper(directory, engine, **cases):
    path = os.path.join(directory, "docker-wrapper")
    text = "".join(f'*" {word} "*) {action};;\n' for word, action in cases.items())
    with open(path, "w", encoding="utf-8") as file:
        file.write(WRAPPER.format(cases=text, docker=engine.docker))
    os.chmod(path, 0o755)
    return path


def test_hung_clients_are_cut_off(engine):
    directory = tempfile.mkdtemp(prefix="cm-")
    client = wrapper(directory, engine, pull="sleep 6543; exit 1", stop="sleep 6543", kill="sleep 6543")
    box = Box(engine, {"docker": client, "executor_registration_timeout": "1secs", "docker_remove_delay": "500ms"}, directory)
    try:
        began = time.monotonic()
        status = box.run("hung", "true", {"image": "127.0.0.1:9/x:1"})
        assert status["state"] == "TASK_FAILED" and "cut off because it did not end in time" in status["message"]
        assert time.monotonic() - began < 60 and "cut off" in box.read("hung", "stderr")
        assert not alive("6543")
        # docker stop and docker kill hang: the container goes all the same, and is removed.
        status, name = box.start("stuck", "sleep 600", kill_policy={"grace_period": {"nanoseconds": 0}})
        box.scheduler.kill("stuck")
        end = box.scheduler.until("stuck", TERMINAL)[-1]
        assert end["state"] == "TASK_KILLED" and end["message"] == "Container exited with status 137"
        wait_for(lambda: name not in engine.containers(), 20, "the container to be removed")
        # The agent that is killed while a pull hangs leaves no client behind.
        box.agent.kill()
        box.agent.argv = [a for a in box.agent.argv if "executor_registration" not in a]
        box.agent.start()
        box.launch("pulling", "true", {"image": "127.0.0.1:9/x:1"})
        wait_for(lambda: subprocess.run(["pgrep", "-f", "docker-wrapper .* pull"], stdout=subprocess.PIPE,
                                        check=False).stdout, 10, "the pull")
        box.agent.kill()
        wait_for(lambda: not subprocess.run(["pgrep", "-f", "docker-wrapper .* pull"], stdout=subprocess.PIPE,
                                            check=False).stdout, 10, "the client to be gone")
        box.agent.start()
        assert box.until("pulling")[-1]["state"] in ("TASK_FAILED", "TASK_LOST")
    finally:
        box.close()
    for pid in alive("6543"):
        os.kill(int(pid), signal.SIGKILL)


def test_logins_of_a_sandbox_are_its_own(engine):
    """What was fetched may say how to log in, but not where else that is said."""
    directory = tempfile.mkdtemp(prefix="cm-")
    seen = os.path.join(directory, "seen")
    client = wrapper(directory, engine, pull=f'cat "$DOCKER_CONFIG/config.json" >> {seen}; echo >> {seen}; exit 1')
    box = Box(engine, {"docker": client}, directory)
    others = os.path.join(directory, "others")
    os.mkdir(others)
    for name, login in (("config.json", '{"auths": {"others.example": {"auth": "eDp5"}}}'),
                        (".dockercfg", '{"own.example": {"auth": "eDp6"}}')):
        with open(os.path.join(others, name), "w", encoding="utf-8") as file:
            file.write(login)
    archive = os.path.join(directory, "login.tar")
    with tarfile.open(archive, "w") as tar:
        link = tarfile.TarInfo(".docker")
        link.type, link.linkname = tarfile.SYMTYPE, others
        tar.addfile(link)
    try:
        for name, uri in (("led", archive), ("own", os.path.join(others, ".dockercfg"))):
            status = box.run(name, {"value": "true", "uris": [{"value": uri, "extract": True}]}, {"image": "127.0.0.1:9/x:1"})
            assert status["state"] == "TASK_FAILED", status
        with open(seen, encoding="utf-8") as file:
            text = file.read()
        assert "own.example" in text and "others.example" not in text
    finally:
        box.close()


def test_agent_is_killed_in_the_middle_of_run(engine):
    directory = tempfile.mkdtemp(prefix="cm-")
    client = wrapper(directory, engine, run=f'{engine.docker} "$@"; s=$?; sleep 4; exit $s')
    box = Box(engine, {"docker": client}, directory)
    try:
        box.launch("middle", "echo ran; sleep 600")
        box.until("middle", "TASK_STARTING")
        box.restart()
        assert box.until("middle", "TASK_RUNNING", *TERMINAL)[-1]["state"] == "TASK_RUNNING"
        assert box.kill("middle")[-1]["state"] == "TASK_KILLED"
        custom(box, {"cm": "sleep 600"}, "custom-middle")
        wait_for(lambda: engine("ps", "-q").stdout.split(), 20, "the custom executor's container")
        box.restart()
        assert box.until("cm")[-1]["state"] in ("TASK_FAILED", "TASK_LOST")
        wait_for(lambda: not engine("ps", "-q").stdout.split(), 20, "the orphan to be stopped")
    finally:
        box.close()


@pytest.mark.parametrize("client, text", [
    ("/no/such/docker", "Failed to run '/no/such/docker"),
    ("no-such-docker-client", "--docker=no-such-docker-client is no program of the PATH"),
    ("/bin/true", "no docker client"),
    ("garbage", "no docker client"),
    ("hung", "did not end within 5000 ms"),
])
def test_start_without_a_client(client, text):
    cluster = Cluster(tempfile.mkdtemp(prefix="cm-"))
    try:
        if client in ("garbage", "hung"):
            path = os.path.join(cluster.directory, client)
            with open(path, "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\n" + ("head -c 3000000 /dev/urandom" if client == "garbage" else "exec sleep 6544") + "\n")
            os.chmod(path, 0o755)
            client = path
        cluster.master.start()
        agent = cluster.add_agent({"containerizers": "docker", "docker": client}, start=False)
        agent.start(wait=False)
        assert agent.process.wait(60) == 1
        assert text in agent.log()
        assert not alive("6544")
    finally:
        cluster.stop()
        cluster.remove()


def test_engine_that_is_away(engine):
    """Without an engine the agent starts, other tasks run, and docker's words are in the task's message."""
    directory = tempfile.mkdtemp(prefix="cm-")
    box = Box(engine, {"docker_socket": os.path.join(directory, "nothing.sock")}, directory)
    try:
        status = box.run("away", "true")
        assert status["state"] == "TASK_FAILED" and "Is the docker daemon running?" in status["message"]
        assert "Is the docker daemon running?" in box.read("away", "stderr")
        offer = box.offer()
        box.scheduler.accept(offer, [command_task("native", "true", offer)])
        assert box.until("native")[-1]["state"] == "TASK_FINISHED"
    finally:
        box.close()


# ---- options ----

def test_removal_logins_and_times(engine):
    directory = tempfile.mkdtemp(prefix="cm-")
    config = json.dumps({"auths": {"127.0.0.1:9": {"auth": "c2VjcmV0OndvcmQ="}}})
    box = Box(engine, {"docker_remove_delay": "300ms", "docker_config": config, "cgroups_enable_cfs": True,
                       "sandbox_directory": "/box", "docker_stop_timeout": "3secs"}, directory)
    try:
        file = os.path.join(box.directory, "agent1.run", "docker", "config", "config.json")
        assert json.load(open(file, encoding="utf-8"))["auths"] and stat.S_IMODE(os.stat(file).st_mode) == 0o600
        assert "c2VjcmV0" not in box.agent.get("/flags", raw=True).decode()
        _, name = box.start("cfs", "pwd; cd $MESOS_SANDBOX; pwd; sleep 600", cpus=0.5)
        assert engine.inspect(name, "{{.HostConfig.CpuQuota}}") == "50000"
        wait_for(lambda: "/box\n" in box.read("cfs"), 10, "the sandbox")
        box.kill("cfs")
        wait_for(lambda: name not in engine.containers(), 10, "its removal")
    finally:
        box.close()


def libraries(*programs):
    """These programs and what they are linked with: path -> path."""
    found = {}
    for program in programs:
        found[program.lstrip("/")] = program
        text = subprocess.run(["ldd", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout
        for path in re.findall(r"(/\S+) \(0x", text):
            found[path.lstrip("/")] = path
    return found


def test_executor_in_an_image(engine):
    directory = tempfile.mkdtemp(prefix="cm-")
    launcher_dir = Tree(directory).launcher_dir
    engine.image("mesos:1", files=libraries(os.path.join(launcher_dir, "mesos-docker-executor"), engine.docker))
    box = Box(engine, {"docker_mesos_image": "mesos:1"}, directory)
    try:
        secret = {"type": "VALUE", "value": {"data": base64.b64encode(b"of two\nlines").decode()}}
        status, name = box.start("packed", {"value": 'echo "packed $V"; sleep 600', "environment": {"variables": [
            {"name": "V", "type": "SECRET", "secret": secret}]}}, {"network": "BRIDGE"})
        assert {name, name + ".executor"} <= set(engine.containers())
        wait_for(lambda: "packed of two\nlines\n" in box.read("packed"), 60, "output through two containers")
        box.restart()
        assert [s["state"] for s in box.kill("packed")][-1] == "TASK_KILLED"
        wait_for(lambda: not engine("ps", "-q").stdout.split(), 20, "both containers to stop")
    finally:
        box.close()
    assert processes_of(box.directory) == []
