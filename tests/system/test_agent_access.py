# SPDX-License-Identifier: Apache-2.0
"""What an agent's rules hold back, on real containers: every call on containers, sandboxes and logs, and what views leave out. The
same calls go through again once the rules are about somebody else."""
import json
import os
import signal
import tempfile
import urllib.error
import urllib.parse
import urllib.request

import pytest

from agent_api import AgentApi, Input, Output, container
from cluster import Cluster, wait_for
from scheduler import TERMINAL, Scheduler, command_task, group_operation

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the task runs as root, whom the rules are about")
NOBODY = {"type": "NONE"}
NESTED = {"kill_nested_containers", "wait_nested_containers", "remove_nested_containers", "attach_containers_input",
          "attach_containers_output", "launch_nested_containers_under_parent_with_user",
          "launch_nested_container_sessions_under_parent_with_user"}
SEEN = {"view_frameworks", "view_executors", "view_tasks", "view_containers", "access_sandboxes"}
WHOLE = {"access_mesos_logs": "logs", "view_flags": "flags", "set_log_level": "level", "prune_images": "images",
         "launch_standalone_containers": "users", "kill_standalone_containers": "users",
         "wait_standalone_containers": "users", "remove_standalone_containers": "users",
         "view_standalone_containers": "users", "modify_resource_provider_configs": "resource_providers",
         "mark_resource_providers_gone": "resource_providers", "get_endpoints": "paths"}


def rules(user):
    """Nobody may do anything to what is that user's."""
    return {field: [{"principals": NOBODY, "users": {"values": [user]}}] for field in NESTED | SEEN}


class Box:
    """A cluster with one task, whose agent has the rules of a file."""

    def __init__(self, directory):
        self.acls = os.path.join(directory, "acls.json")
        self.audit = os.path.join(directory, "audit.log")
        self.text = os.path.join(directory, "agent.text")
        with open(self.text, "w", encoding="utf-8") as out:
            out.write("a line of the log\n")
        self.write({})
        self.cluster = Cluster(directory)
        self.cluster.master.start()
        self.agent = self.cluster.add_agent({"isolation": "posix/cpu,posix/mem", "acls": self.acls, "audit_log": self.audit,
                                             "external_log_file": self.text})
        self.cluster.wait_agents(1)
        self.api = AgentApi(self.agent)
        self.scheduler = Scheduler(self.cluster.address, user="root").subscribe()
        offer = self.scheduler.offer()
        self.scheduler.accept(offer, [command_task("t1", "sleep 1000", offer)])
        status = self.scheduler.until("t1", {"TASK_RUNNING", *TERMINAL})[-1]
        assert status["state"] == "TASK_RUNNING", status
        self.root = status["container_status"]["container_id"]["value"]

    def write(self, rules):
        with open(self.acls + ".new", "w", encoding="utf-8") as out:
            json.dump({"permissive": True, **rules}, out)
        os.rename(self.acls + ".new", self.acls)

    def rule(self, rules, marker):
        """In force once `marker`, an endpoint that is open otherwise, is refused."""
        self.write({**rules, "get_endpoints": rules.get("get_endpoints", []) +
                    [{"principals": NOBODY, "paths": {"values": [marker]}}]})
        self.agent.process.send_signal(signal.SIGHUP)
        wait_for(lambda: self.status(marker) == 403, 60, "the rules to be read")

    def status(self, path):
        return self.get(path)[0]

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.agent.port}{path}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def call(self, kind, **body):
        """Status and text."""
        text = self.api.call(kind, None, **body)
        return self.api.status, text

    def attach_input(self, names):
        stream = Input(self.agent.port, names)
        stream.end()
        return stream.answer()

    def attach_output(self, kind, names, **more):
        stream = Output(self.api, kind, {"container_id": container(*names), **more})
        if stream.status == 200:
            stream.close()
        return stream.status, stream.text

    def lines(self, event):
        with open(self.audit, encoding="utf-8") as log:
            return [line for line in map(json.loads, log) if line["event"] == event]


@pytest.fixture(scope="module")
def box():
    with tempfile.TemporaryDirectory(prefix="cm-") as directory:
        os.chmod(directory, 0o755)
        made = Box(directory)
        yield made
        made.scheduler.teardown()
        made.cluster.stop()
        assert not made.cluster.complaints()
        made.cluster.remove()


def nested_calls(box):
    """What can be done to a container inside of the task's that is not there: its status, when it is not refused."""
    inside = (box.root, "none")
    return {
        "KILL_CONTAINER": box.call("KILL_CONTAINER", container_id=container(*inside)),
        "KILL_NESTED_CONTAINER": box.call("KILL_NESTED_CONTAINER", container_id=container(*inside)),
        "WAIT_CONTAINER": box.call("WAIT_CONTAINER", container_id=container(*inside)),
        "WAIT_NESTED_CONTAINER": box.call("WAIT_NESTED_CONTAINER", container_id=container(*inside)),
        "REMOVE_CONTAINER": box.call("REMOVE_CONTAINER", container_id=container(*inside)),
        "REMOVE_NESTED_CONTAINER": box.call("REMOVE_NESTED_CONTAINER", container_id=container(*inside)),
        "ATTACH_CONTAINER_INPUT": box.attach_input(inside),
        "ATTACH_CONTAINER_OUTPUT": box.attach_output("ATTACH_CONTAINER_OUTPUT", inside),
        "LAUNCH_CONTAINER": box.call("LAUNCH_CONTAINER", container_id=container(*inside), command={"value": "true"}),
        "LAUNCH_NESTED_CONTAINER": box.call("LAUNCH_NESTED_CONTAINER", container_id=container(box.root, "old"),
                                            command={"value": "true"}),
        "LAUNCH_NESTED_CONTAINER_SESSION": box.attach_output("LAUNCH_NESTED_CONTAINER_SESSION", (box.root, "session"),
                                                             command={"value": "true"}),
    }


def sandbox_calls(box):
    path = wait_for(lambda: box.cluster.sandbox(box.scheduler.framework_id, "t1"), 60)
    quoted = urllib.parse.quote(path)
    virtual = f"/frameworks/{box.scheduler.framework_id}/executors/t1/runs/latest"
    return {
        "browse": box.get(f"/files/browse?path={quoted}"),
        "browse.json": box.get(f"/files/browse.json?path={quoted}"),
        "virtual": box.get(f"/files/browse?path={virtual}"),
        "slash": box.get(f"/files/browse?path={virtual}//"),
        "below": box.get(f"/files/read?path={virtual}/stdout&offset=0"),
        "missing": box.get(f"/files/read?path={virtual}/no-such-file&offset=0"),
        "read": box.get(f"/files/read?path={quoted}/stdout&offset=0"),
        "download": box.get(f"/files/download?path={quoted}/stdout"),
        "LIST_FILES": box.call("LIST_FILES", path=virtual),
        "READ_FILE": box.call("READ_FILE", path=virtual + "/stdout", offset=0),
    }


def refused(answers):
    return {name for name, (status, text) in answers.items() if (status, text) == (403, "403 Forbidden.")}


def test_what_belongs_to_a_user(box):
    before = len(box.lines("refused"))
    box.rule(rules("root"), "/containerizer/debug")
    calls = nested_calls(box)
    assert refused(calls) == set(calls), calls
    files = sandbox_calls(box)
    assert refused(files) == set(files), files
    told = {(line["action"], line.get("container", "").partition(".")[0]) for line in box.lines("refused")[before:]}
    for action in ("KILL_NESTED_CONTAINER", "WAIT_NESTED_CONTAINER", "REMOVE_NESTED_CONTAINER", "ATTACH_CONTAINER_INPUT",
                   "ATTACH_CONTAINER_OUTPUT", "LAUNCH_NESTED_CONTAINER", "LAUNCH_NESTED_CONTAINER_SESSION", "ACCESS_SANDBOX"):
        assert (action, box.root) in told, (action, told)
    # Views leave out what is hidden, and answer.
    state = json.loads(box.get("/state")[1])
    assert state["frameworks"] == [] and "flags" in state
    for kind in ("GET_TASKS", "GET_EXECUTORS", "GET_FRAMEWORKS", "GET_STATE"):
        status, answer = box.call(kind)
        assert status == 200 and box.scheduler.framework_id not in json.dumps(answer), answer
    assert json.loads(box.get("/containers")[1]) == [] and box.api.containers() == []
    # The same rules about another user hold nothing back.
    box.rule(rules("daemon"), "/monitor/statistics")
    assert box.status("/containerizer/debug") == 200
    calls = nested_calls(box)
    assert refused(calls) == set(), calls
    files = sandbox_calls(box)
    assert refused(files) == set() and files["missing"][0] == 404, files
    state = json.loads(box.get("/state")[1])
    assert state["frameworks"][0]["executors"][0]["tasks"][0]["id"] == "t1"
    for kind in ("GET_TASKS", "GET_EXECUTORS", "GET_FRAMEWORKS", "GET_STATE"):
        assert box.scheduler.framework_id in json.dumps(box.call(kind)[1])
    assert box.root in [c["container_id"]["value"] for c in box.api.containers()]
    assert "LAUNCH_CONTAINER" in {line["action"] for line in box.lines("write")}


RULED = ("/containers", "/slave(1)/containers", "/monitor/statistics", "/monitor/statistics.json", "/containerizer/debug", "/flags")


@pytest.mark.parametrize("path", RULED)
def test_rules_know_reading_only(box, path):
    """As Mesos has it, which has no name for other methods there."""
    for method in "POST", "PUT", "DELETE":
        request = urllib.request.Request(f"http://127.0.0.1:{box.agent.port}{path}", b"" if method != "DELETE" else None,
                                         method=method)
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(request, timeout=30)
        assert error.value.code == 405 and error.value.headers["Allow"] == "GET"
        assert error.value.read().decode() == \
            f"405 Method Not Allowed. Expecting one of {{ 'GET' }}, but received '{method}'."
    assert box.status(path) in (200, 403)  # what rules say of it comes after that


def test_views_one_by_one(box):
    """A task that is hidden is missing from an executor that is not, and so on upwards."""
    framework = {"view_tasks": lambda f: f["executors"][0]["tasks"] == [], "view_executors": lambda f: f["executors"] == []}
    for field, is_hidden in framework.items():
        marker = "/containerizer/debug" if field == "view_tasks" else "/monitor/statistics"
        box.rule({field: rules("root")[field]}, marker)
        assert is_hidden(json.loads(box.get("/state")[1])["frameworks"][0]), field
        tasks = box.call("GET_TASKS")[1]
        assert not tasks["get_tasks"].get("launched_tasks"), (field, tasks)
        assert box.scheduler.framework_id in json.dumps(box.call("GET_FRAMEWORKS")[1])
    assert "executor_info" not in json.dumps(box.call("GET_EXECUTORS")[1])


def launched(box, task_id, command="sleep 1000", **more):
    """The status that says how a task begins."""
    offer = box.scheduler.offer(cpus=0.2)
    task = command_task(task_id, command, offer, **more)
    if "executor" in task:
        del task["command"]
    pod = task_id.startswith("pod")
    operations = [group_operation(box.scheduler.framework_id, f"e-{task_id}", [task])] if pod else None
    box.scheduler.accept(offer, [task], operations=operations)
    return box.scheduler.until(task_id, {"TASK_RUNNING", *TERMINAL})[-1]


def held(box):
    """The ids of what the master counts with."""
    framework, = box.cluster.master.get("/state")["frameworks"]
    return {task["id"] for task in framework["tasks"]} | {executor["executor_id"] for executor in framework["executors"]}


def test_users_that_tasks_name(box):
    """What the master's rules let through is asked of the agent's, too, of all whom the launch names."""
    before = len(box.lines("refused"))
    box.rule({"run_tasks": [{"principals": NOBODY, "users": {"values": ["daemon"]}}]}, "/containerizer/debug")
    check = {"type": "COMMAND", "command": {"command": {"value": "true", "user": "daemon"}}}
    own = {"executor_id": {"value": "own"}, "resources": [], "type": "CUSTOM", "command": {"value": "true", "user": "daemon"}}
    as_daemon = {"value": "sleep 1000", "user": "daemon"}
    for task_id, more in {"as": {"command": as_daemon}, "checked": {"check": check}, "pod-as": {"command": as_daemon},
                          "own": {"executor": own}}.items():
        status = launched(box, task_id, **more)
        reason = "REASON_TASK_GROUP_UNAUTHORIZED" if task_id == "pod-as" else "REASON_TASK_UNAUTHORIZED"
        assert (status["state"], status["reason"], status["source"]) == ("TASK_ERROR", reason, "SOURCE_AGENT"), status
        assert "as user 'daemon'" in status["message"], status
    told = [line for line in box.lines("refused")[before:] if line["action"] == "RUN_TASK"]
    assert [line["object"] for line in told] == ["daemon"] * 4, told
    # The master does not go on counting with what was never started.
    wait_for(lambda: held(box) == {"t1"}, 60, "the master to forget what was refused")
    for task_id in "free", "pod-free":
        assert launched(box, task_id)["state"] == "TASK_RUNNING"
        box.scheduler.kill(task_id)
        box.scheduler.until(task_id, TERMINAL)


def test_users_that_launched_containers_name(box):
    field = "launch_nested_containers_as_user"
    box.rule({field: [{"principals": NOBODY, "users": {"values": ["daemon"]}}]}, "/containerizer/debug")
    names = {"container_id": container(box.root, "as")}
    assert box.call("LAUNCH_CONTAINER", **names, command={"value": "true", "user": "daemon"}) == (403, "403 Forbidden.")
    assert box.call("LAUNCH_CONTAINER", **names, command={"value": "true", "user": "root"})[0] == 200


def test_users_that_containers_inherit(box):
    """Who names no user gets that of the container around the new one, which is not always the executor's."""
    outer = (box.root, "outer")
    box.rule({}, "/files/debug")
    assert box.call("LAUNCH_CONTAINER", container_id=container(*outer), command={"value": "sleep 1000", "user": "daemon"})[0] == 200
    fields = ("launch_nested_containers_as_user", "launch_nested_container_sessions_as_user")
    box.rule({field: [{"principals": NOBODY, "users": {"values": ["daemon"]}}] for field in fields}, "/monitor/statistics")
    inner = {"container_id": container(*outer, "inner"), "command": {"value": "true"}}
    assert box.call("LAUNCH_CONTAINER", **inner) == (403, "403 Forbidden.")
    assert box.attach_output("LAUNCH_NESTED_CONTAINER_SESSION", (*outer, "session"), command={"value": "true"})[0] == 403
    named = {"container_id": container(*outer, "named"), "command": {"value": "true", "user": "root"}}
    assert box.call("LAUNCH_CONTAINER", **named)[0] == 200
    box.api.kill(outer)


def whole_calls(box):
    alone = {"container_id": container("alone")}
    return {
        "launch": box.call("LAUNCH_CONTAINER", **alone, command={"value": "sleep 1000"}, resources=[
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}]),
        "wait": box.call("WAIT_CONTAINER", container_id=container("no-such")),
        "kill": box.call("KILL_CONTAINER", **alone),
        "remove": box.call("REMOVE_CONTAINER", container_id=container("no-such")),
        "prune": box.call("PRUNE_IMAGES"),
        "flags": box.get("/flags"),
        "GET_FLAGS": box.call("GET_FLAGS"),
        "level": box.call("SET_LOGGING_LEVEL", level=0, duration={"nanoseconds": 1}),
        "toggle": box.get("/logging/toggle"),
        "log": box.get("/files/read?path=/slave/log&offset=0"),
        "agent's log": box.call("READ_FILE", path="/agent/log", offset=0),
        "remove provider": box.call("REMOVE_RESOURCE_PROVIDER_CONFIG", type="t", name="n"),
        "add provider": box.call("ADD_RESOURCE_PROVIDER_CONFIG", info={"type": "t", "name": "n"}),
        "provider gone": box.call("MARK_RESOURCE_PROVIDER_GONE", resource_provider_id={"value": "p"}),
        "statistics": box.get("/monitor/statistics"), "statistics.json": box.get("/slave(1)/monitor/statistics.json"),
        "containers": box.get("/containers"), "metrics": box.get("/metrics/snapshot"), "stats": box.get("/stats.json"),
        "files": box.get("/files/debug"), "files.json": box.get("/files/debug.json"),
    }


def test_what_belongs_to_the_agent(box):
    box.rule({}, "/containerizer/debug")
    calls = whole_calls(box)
    assert refused(calls) == set(), calls
    assert calls["log"][0] == 200 and "a line of the log" in calls["log"][1]
    wait_for(lambda: not [c for c in box.api.containers(show_standalone=True) if c["container_id"]["value"] == "alone"], 60)
    everything = {field: [{"principals": NOBODY, member: {"type": "ANY"}}] for field, member in WHOLE.items()}
    box.rule(everything, "/monitor/statistics")
    calls = whole_calls(box)
    assert refused(calls) == set(calls), calls
    state = json.loads(box.get("/state")[1])
    assert "flags" not in state and "external_log_file" not in state and state["frameworks"]
    # What needs nobody's leave.
    assert box.status("/health") == 200 and box.status("/version") == 200
    writes = {line["action"] for line in box.lines("write")}
    assert {"LAUNCH_CONTAINER", "PRUNE_IMAGES", "SET_LOGGING_LEVEL", "KILL_CONTAINER with signal 9", "MARK_RESOURCE_PROVIDER_GONE",
            "ADD_RESOURCE_PROVIDER_CONFIG", "REMOVE_RESOURCE_PROVIDER_CONFIG"} <= writes, writes
