# SPDX-License-Identifier: Apache-2.0
"""Task groups under the default executor, and checks, on a real cluster: what is shared, what dies together, what
survives."""
import os
import signal
import time

import pytest

from cluster import Cluster, free_port, wait_for
from scheduler import TERMINAL, Scheduler, command_task, group_operation

HEALTH = "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED"
CHECK = "REASON_TASK_CHECK_STATUS_UPDATED"


class Pods:
    """One cluster for the module, and a scheduler whose updates are kept by task."""

    def __init__(self, directory):
        self.cluster = Cluster(directory).start(agent_flags={"isolation": "posix/cpu,posix/mem,volume/sandbox_path"})
        self.client = None
        self.count = 0

    def subscribe(self, **info):
        self.client = Scheduler(self.cluster.address, **info).subscribe()
        return self.client

    def launch(self, tasks, executor_id=None, **more):
        """tasks: {id: command or (command, {more of TaskInfo})}."""
        offer = self.client.offer()
        if executor_id is None:
            self.count += 1
            executor_id = f"pod-{self.count}"
        infos = []
        for task_id, command in tasks.items():
            command, rest = command if isinstance(command, tuple) else (command, {})
            infos.append(command_task(task_id, command, offer, **rest))
        self.client.accept(offer, None, operations=[group_operation(self.client.framework_id, executor_id, infos,
                                                                    **more)])
        return executor_id

    def statuses(self, task_id):
        return [s for s in self.client.history if s["task_id"]["value"] == task_id]

    def states(self, task_id):
        return [s["state"] for s in self.statuses(task_id)]

    def wait(self, task_id, states=TERMINAL, timeout=20):
        def reached():
            return next((s for s in self.statuses(task_id) if s["state"] in states), None)
        return wait_for(reached, timeout, f"{task_id} to become one of {states}; it was {self.states(task_id)}")

    def wait_status(self, task_id, predicate, timeout=20):
        return wait_for(lambda: next((s for s in self.statuses(task_id) if predicate(s)), None), timeout,
                        f"a status of {task_id}; there were {self.statuses(task_id)}")

    def sandbox(self, executor_id):
        return self.cluster.sandbox(self.client.framework_id, executor_id)

    def executor_pid(self, executor_id):
        directory = os.path.realpath(self.sandbox(executor_id))
        for pid in self.cluster.leftovers():
            try:
                with open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
                    if comm.read().startswith("mesos-default-e") and os.readlink(f"/proc/{pid}/cwd") == directory:
                        return pid
            except OSError:
                continue
        return None


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    import tempfile
    pods = Pods(tempfile.mkdtemp(prefix="cm-"))
    yield pods
    pods.cluster.stop()
    complaints = pods.cluster.complaints()
    pods.cluster.remove()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def pods(world, request):
    request.node.clusters = [world.cluster]
    world.subscribe()
    yield world
    world.client.teardown()


READ = "import urllib.request as r; print(r.urlopen(\"http://127.0.0.1:{port}/shared\", timeout=5).read().decode().strip())"


def test_tasks_share_sandbox_and_loopback(pods):
    port = free_port()
    executor = pods.launch({
        "server": f"echo hello > ../../shared; cd ../..; exec /usr/bin/python3 -m http.server {port} --bind 127.0.0.1",
        "client": "for i in $(seq 100); do test -s ../../shared && "
                  f"/usr/bin/python3 -c '{READ.format(port=port)}' && exit 0; sleep 0.1; done; exit 9"})
    assert pods.wait("client")["state"] == "TASK_FINISHED"
    assert pods.states("client") == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]
    sandbox = pods.sandbox(executor)
    with open(os.path.join(sandbox, "tasks", "client", "stdout"), encoding="utf-8") as out:
        assert out.read().strip() == "hello"
    first = pods.statuses("client")[0]["container_status"]["container_id"]
    assert os.path.realpath(os.path.join(sandbox, "tasks", "client")) == os.path.realpath(
        os.path.join(sandbox, "containers", first["value"]))
    assert first["parent"]["value"] == os.path.basename(os.path.realpath(sandbox))
    # the other lives on: a task that ends well takes nobody with it
    assert pods.states("server")[-1] == "TASK_RUNNING"
    pods.client.kill("server")
    last = pods.wait("server")
    assert last["state"] == "TASK_KILLED" and last["message"] == "Command terminated with signal Terminated"
    wait_for(lambda: pods.executor_pid(executor) is None, what="the executor to leave")


def test_one_fails_and_the_other_is_killed(pods):
    pods.launch({"fails": "sleep 0.5; exit 4", "other": "sleep 300"})
    failed, killed = pods.wait("fails"), pods.wait("other")
    assert (failed["state"], failed["message"]) == ("TASK_FAILED", "Command exited with status 4")
    assert (killed["state"], killed["message"]) == ("TASK_KILLED", "Command terminated with signal Terminated")
    failure = pods.client.others.get(timeout=60)
    assert failure["type"] == "FAILURE" and failure["failure"]["status"] == 0


def sandbox_volume(into="vol/here", path="shared/dir", kind="PARENT", **more):
    return {"container": {"type": "MESOS", "volumes": [{
        "container_path": into, "mode": "RW", "source": {"type": "SANDBOX_PATH", "sandbox_path": {
            "type": kind, "path": path}}, **more}]}}


def test_volume_of_the_pods_sandbox(pods):
    executor = pods.launch({
        "writes": ("echo from afar > vol/here/file; sleep 300", sandbox_volume()),
        "reads": ("until grep afar other/file; do sleep 0.05; done", sandbox_volume("other"))})
    assert pods.wait("reads")["state"] == "TASK_FINISHED"
    with open(os.path.join(pods.sandbox(executor), "shared", "dir", "file"), encoding="utf-8") as f:
        assert f.read() == "from afar\n"


@pytest.mark.parametrize("wish,text", [
    (sandbox_volume(path="../../up"), "'../../up'"),
    (sandbox_volume(path="/etc"), "'/etc'"),
    (sandbox_volume(into="/etc/here"), "'/etc/here'"),
    (sandbox_volume(into="../sibling"), "'../sibling'"),
    (sandbox_volume(kind="SELF"), "SELF"),
])
def test_volumes_that_cannot_be(pods, wish, text):
    pods.launch({"bad": ("true", wish)})
    last = pods.wait("bad")
    assert last["state"] == "TASK_FAILED" and last["reason"] == "REASON_CONTAINER_LAUNCH_FAILED"
    assert text in last["message"]


def test_links_of_a_task_lead_a_volume_nowhere(pods):
    """A task plants a link where a sibling's volume would be made: the agent, which is root, must not go through it."""
    executor = pods.launch({"plants": "ln -s /tmp ../../shared; touch done; sleep 300"})
    pods.wait("plants", {"TASK_RUNNING"})
    wait_for(lambda: os.path.exists(os.path.join(pods.sandbox(executor), "tasks", "plants", "done")), what="the link")
    pods.launch({"victim": ("true", sandbox_volume(path="shared/cmesos-must-not-be"))}, executor_id=executor)
    assert pods.wait("victim")["state"] == "TASK_FAILED"
    assert not os.path.exists("/tmp/cmesos-must-not-be")


def test_environment_of_a_task(pods):
    executor = pods.launch({"env": ({"value": "env", "environment": {"variables": [{"name": "MINE", "value": "a b"}]}},
                                    {})})
    assert pods.wait("env")["state"] == "TASK_FINISHED"
    with open(os.path.join(pods.sandbox(executor), "tasks", "env", "stdout"), encoding="utf-8") as out:
        lines = out.read().splitlines()
    assert {"MINE=a b", "MESOS_CONTAINER_IP=127.0.0.1", "MESOS_ALLOCATION_ROLE=*", "MESOS_TASK_ID=env"} <= set(lines)


def test_uris_of_a_task(pods):
    program = os.path.join(pods.cluster.directory, "program.sh")
    with open(program, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\nexit 6\n")
    pods.launch({"fetches": ({"value": "./program.sh", "uris": [{"value": "file://" + program, "executable": True}]}, {})})
    assert pods.wait("fetches")["message"] == "Command exited with status 6"
    pods.launch({"misses": ({"value": "true", "uris": [{"value": "file:///nowhere/at/all"}]}, {}), "other": "sleep 300"})
    last = pods.wait("misses")
    assert (last["state"], last["reason"]) == ("TASK_FAILED", "REASON_CONTAINER_LAUNCH_FAILED")
    assert pods.wait("other")["state"] == "TASK_KILLED"


def test_kill_policy_ends_in_sigkill(pods):
    pods.launch({"stubborn": ("trap '' TERM; while :; do sleep 0.05; done",
                              {"kill_policy": {"grace_period": {"nanoseconds": 500000000}}}),
                 "mild": "sleep 300"})
    pods.wait("stubborn", {"TASK_RUNNING"})
    time.sleep(0.3)
    begin = time.monotonic()
    pods.client.kill("stubborn")
    last = pods.wait("stubborn")
    assert 0.4 < time.monotonic() - begin < 30
    assert (last["state"], last["message"]) == ("TASK_KILLED", "Command terminated with signal Killed")
    assert pods.wait("mild")["state"] == "TASK_KILLED"


def test_health_check_kills_the_group(pods):
    executor = pods.launch({
        "ill": ("touch well; sleep 1; rm well; sleep 300",
                {"health_check": {"type": "COMMAND", "command": {"value": "test -e well"}, "delay_seconds": 0.3,
                                  "interval_seconds": 0.2, "grace_period_seconds": 0, "consecutive_failures": 2}}),
        "other": "sleep 300"})
    last = pods.wait("ill")
    assert last["state"] == "TASK_KILLED" and last["healthy"] is False
    told = [s["healthy"] for s in pods.statuses("ill") if s.get("reason") == HEALTH]
    assert told == [True, False, False]
    assert pods.wait("other")["state"] == "TASK_KILLED"
    # no container of a check is left behind
    nested = os.path.join(pods.sandbox(executor), "containers")
    wait_for(lambda: not [d for _, dirs, _ in os.walk(nested) for d in dirs if d.startswith("check-")],
             what="the checks' containers to go")


def test_check_that_hangs_inside_a_task(pods):
    """Its container goes at the timeout with all that it forked; the task itself is not touched before the third."""
    executor = pods.launch({"slow": ("sleep 300", {"health_check": {
        "type": "COMMAND", "command": {"value": "sleep 1001 & setsid sleep 1002 & sleep 1003"}, "delay_seconds": 0,
        "interval_seconds": 0.1, "timeout_seconds": 0.5, "grace_period_seconds": 0, "consecutive_failures": 3}})})
    assert pods.wait("slow")["state"] == "TASK_KILLED"
    assert [s["healthy"] for s in pods.statuses("slow") if s.get("reason") == HEALTH] == [False] * 3
    wait_for(lambda: pods.executor_pid(executor) is None, what="the executor to leave")
    wait_for(lambda: not pods.cluster.leftovers(), what="what the checks forked to go")


def test_http_and_tcp_checks(pods):
    """/d is a redirect of http.server's to /d/: the helper follows it."""
    port = free_port()
    pods.launch({
        "serves": (f"mkdir d; exec /usr/bin/python3 -m http.server {port} --bind 127.0.0.1", {
            "check": {"type": "HTTP", "http": {"port": port, "path": "/d"}, "delay_seconds": 0, "interval_seconds": 0.2},
            "health_check": {"type": "HTTP", "http": {"port": port, "path": "/"}, "delay_seconds": 0,
                             "interval_seconds": 0.2, "grace_period_seconds": 20}}),
        "looks": ("sleep 300", {
            "check": {"type": "TCP", "tcp": {"port": port}, "delay_seconds": 0, "interval_seconds": 0.2}})})
    status = pods.wait_status("serves", lambda s: s.get("reason") == CHECK)
    assert status["check_status"] == {"type": "HTTP", "http": {"status_code": 200}}
    assert pods.wait_status("serves", lambda s: s.get("reason") == HEALTH)["healthy"] is True
    pods.wait_status("looks", lambda s: s.get("check_status", {}).get("tcp") == {"succeeded": True})
    pods.client.kill("looks")
    assert pods.wait("serves")["state"] == "TASK_KILLED"


def test_second_group_in_the_same_executor(pods):
    executor = pods.launch({"one": "sleep 300"})
    pods.wait("one", {"TASK_RUNNING"})
    pods.launch({"two": "exit 3", "three": "sleep 300"}, executor_id=executor)
    assert pods.wait("two")["state"] == "TASK_FAILED"
    assert pods.wait("three")["state"] == "TASK_KILLED"
    time.sleep(0.3)
    assert pods.states("one")[-1] == "TASK_RUNNING"  # another group's end is not its own
    agent_id = pods.statuses("one")[0]["agent_id"]
    pods.client.call("SHUTDOWN", shutdown={"executor_id": {"value": executor}, "agent_id": agent_id})
    assert pods.wait("one")["state"] == "TASK_KILLED"


def test_max_completion_time(pods):
    pods.launch({"late": ("sleep 300", {"max_completion_time": {"nanoseconds": 300000000}})})
    last = pods.wait("late")
    assert (last["state"], last["reason"]) == ("TASK_FAILED", "REASON_MAX_COMPLETION_TIME_REACHED")


def test_what_cannot_be_launched(pods):
    pods.launch({"bad": ({"shell": False, "value": "/nowhere/at/all", "arguments": ["x"]}, {}), "good": "sleep 300"})
    assert pods.wait("bad")["state"] == "TASK_FAILED"
    assert pods.wait("good")["state"] == "TASK_KILLED"


def test_agent_crash_loses_nothing_and_checks_go_on(world, request):
    request.node.clusters = [world.cluster]
    world.subscribe(checkpoint=True, failover_timeout=600)
    agent = world.cluster.agents[0]
    executor = world.launch({
        "long": ("while :; do sleep 0.1; done", {"check": {
            "type": "COMMAND", "command": {"command": {"value": "exit $(cat ../../verdict 2>/dev/null || echo 0)"}},
            "delay_seconds": 0, "interval_seconds": 0.1}}),
        "short": "while test ! -e ../../go; do sleep 0.05; done"})
    world.wait_status("long", lambda s: s.get("reason") == CHECK and s["check_status"]["command"] == {"exit_code": 0})
    world.wait("short", {"TASK_RUNNING"})
    pid, sandbox = world.executor_pid(executor), world.sandbox(executor)
    agent.kill()
    with open(os.path.join(sandbox, "go"), "w", encoding="utf-8"):
        pass  # a task ends while nobody looks
    time.sleep(0.5)
    agent.start()
    assert world.wait("short", timeout=60)["state"] == "TASK_FINISHED"
    with open(os.path.join(sandbox, "verdict"), "w", encoding="utf-8") as verdict:
        verdict.write("7")
    world.wait_status("long", lambda s: s.get("reason") == CHECK and s["check_status"]["command"] == {"exit_code": 7})
    assert world.executor_pid(executor) == pid
    assert world.states("long")[-1] == "TASK_RUNNING"
    world.client.kill("long")
    assert world.wait("long")["state"] == "TASK_KILLED"
    world.client.teardown()


def test_agent_crash_while_a_group_starts(world, request):
    """What was not started is started, what was is not started twice."""
    request.node.clusters = [world.cluster]
    world.subscribe(checkpoint=True, failover_timeout=600)
    executor = world.launch({f"t{i}": "echo once >> ../../count; sleep 0.5" for i in range(6)})
    world.wait("t0", {"TASK_STARTING"})
    world.cluster.agents[0].kill()
    world.cluster.agents[0].start()
    for i in range(6):
        assert world.wait(f"t{i}", timeout=60)["state"] == "TASK_FINISHED", world.statuses(f"t{i}")
    with open(os.path.join(world.sandbox(executor), "count"), encoding="utf-8") as f:
        assert f.read() == "once\n" * 6
    world.client.teardown()


def test_executor_killed(pods):
    executor = pods.launch({"a": "sleep 300", "b": "sleep 300"})
    pods.wait("b", {"TASK_RUNNING"})
    os.kill(pods.executor_pid(executor), signal.SIGKILL)
    for task in ("a", "b"):
        last = pods.wait(task)
        assert last["state"] == "TASK_FAILED" and last["reason"] == "REASON_EXECUTOR_TERMINATED", last
    wait_for(lambda: not [p for p in pods.cluster.leftovers()], what="the pod's processes to go")
