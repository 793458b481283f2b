# SPDX-License-Identifier: Apache-2.0
"""Nested and standalone containers over the agent's operator API."""
import glob
import http.client
import json
import os
import socket
import stat
import tempfile
import threading

import pytest

from agent_api import AgentApi, container
from cluster import Cluster, wait_for
from scheduler import Scheduler, command_task
from shapes import Differences, compare

FACTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "facts", "traces",
                     "06c-operator-agent")
THEIR_ROOT = "0a717501-ddd7-493d-9d70-c02987bafdd0"


class Box:
    """A cluster with one running task, whose executor's container the tests nest in."""

    def __init__(self, directory, **flags):
        os.chmod(directory, 0o755)  # for tasks of other users
        self.cluster = Cluster(str(directory)).start(1, flags)
        self.agent = self.cluster.agents[0]
        self.api = AgentApi(self.agent)
        self.scheduler = Scheduler(self.cluster.address, checkpoint=True, failover_timeout=1000).subscribe()
        self.root = self.task("running", "sleep 1000")

    def task(self, task_id, command, **more):
        offer = self.scheduler.offer()
        while not self.scheduler.offers.empty():  # earlier ones went with a restart of the agent
            offer = self.scheduler.offer()
        self.scheduler.accept(offer, [command_task(task_id, command, offer, **more)])
        status = self.scheduler.until(task_id, ["TASK_RUNNING"])[-1]
        return status["container_status"]["container_id"]["value"]

    def restart(self):
        """As after a crash, when recovery is over."""
        self.agent.kill()
        self.agent.start()

        def back():
            return self.agent.get("/metrics/snapshot").get("slave/registered") == 1
        wait_for(back, 20, "the agent to be registered again")

    def sandbox(self, *names):
        path = os.path.realpath(self.cluster.sandbox(self.scheduler.framework_id, "running"))
        return "/containers/".join((path,) + names)

    def read(self, name, *names):
        with open(os.path.join(self.sandbox(*names), name), encoding="utf-8") as file:
            return file.read()

    def runtime(self, *names):
        return os.path.join(self.cluster.directory, "agent1.run", "containers", "/containers/".join(names))

    def close(self):
        self.scheduler.teardown()
        self.cluster.stop()
        assert not self.cluster.complaints()
        self.cluster.remove()


@pytest.fixture(scope="module")
def box():
    made = Box(tempfile.mkdtemp(prefix="cm-"))
    yield made
    made.close()


def test_nested_runs_in_its_own_sandbox(box):
    names = (box.root, "n1")
    box.api.launch(names, "echo out; echo err >&2; pwd; env | sort; exit 5")
    assert box.api.wait(names) == {"exit_status": 5 << 8}
    out = box.read("stdout", "n1").splitlines()
    assert out[:2] == ["out", box.sandbox("n1")]
    assert "MESOS_SANDBOX=" + box.sandbox("n1") in out
    assert f"MESOS_CONTAINER_ID={box.root}.n1" in out
    assert not [line for line in out if line.startswith("MESOS_FRAMEWORK_ID")]
    assert any(line.startswith("PATH=/") for line in out)
    assert box.read("stderr", "n1") == "err\n"
    assert sorted(os.listdir(box.runtime(box.root, "n1"))) == ["termination"]
    assert box.api.launch(names, "true", 202) == ""  # known until it is removed
    box.api.remove(names)
    assert not os.path.exists(box.sandbox("n1")) and not os.path.exists(box.runtime(box.root, "n1"))
    box.api.call("WAIT_CONTAINER", 404, container_id=container(*names))


def test_environment_and_user(box):
    names = (box.root, "env")
    box.api.launch(names, {"value": "id -un; echo $A-$B; touch mine", "user": "nobody",
                           "environment": {"variables": [{"name": "A", "value": "1"}, {"name": "B", "value": "x y"}]}})
    assert box.api.wait(names) == {"exit_status": 0}
    if os.geteuid() == 0:
        assert box.read("stdout", "env") == "nobody\n1-x y\n"
        assert os.stat(os.path.join(box.sandbox("env"), "mine")).st_uid == os.stat(box.sandbox("env")).st_uid != 0
    box.api.remove(names)


def test_arguments_uris_and_failures(box, tmp_path):
    (tmp_path / "file").write_text("fetched")
    names = (box.root, "uri")
    box.api.launch(names, {"shell": False, "value": "cat", "arguments": ["cat", "file"],
                           "uris": [{"value": str(tmp_path / "file")}]})
    assert box.api.wait(names) == {"exit_status": 0}
    assert "fetched" in box.read("stdout", "uri")
    names = (box.root, "nouri")
    assert "Failed to fetch" in box.api.launch(names, {"value": "true", "uris": [{"value": "/nowhere/x"}]}, 500)
    box.api.call("WAIT_CONTAINER", 404, container_id=container(*names))
    names = (box.root, "nouser")
    assert "nobody-at-all" in box.api.launch(names, {"value": "true", "user": "nobody-at-all"}, 500)
    names = (box.root, "noprogram")
    box.api.launch(names, {"shell": False, "value": "/no/such/program"})
    assert box.api.wait(names) == {"exit_status": 1 << 8}
    assert "No such file" in box.read("stderr", "noprogram")


@pytest.mark.parametrize("signo,expected", [(None, 9), (15, 15), (10, 7 << 8)])
def test_kill(box, signo, expected):
    names = (box.root, f"kill{signo}")
    box.api.launch(names, "trap 'exit 7' USR1; echo ready; while :; do sleep 0.05; done")
    wait_for(lambda: box.read("stdout", names[1]) == "ready\n", 5)
    box.api.kill(names, signo)
    assert box.api.wait(names) == {"exit_status": expected}
    assert "cannot be found (or is already killed)" in box.api.kill(names, expect=404)
    for wrong in (-1, 0x7fffffff, 65):
        assert "is no signal" in box.api.kill(names, wrong, 400)


def test_nothing_of_it_is_left(box):
    names = (box.root, "left")
    box.api.launch(names, "setsid sh -c 'setsid sleep 4321 & setsid sleep 4322' & sleep 0.3")
    box.api.wait(names)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
                assert not file.read().startswith("sleep\x00432")
        except OSError:
            pass


def test_deep_chains(box):
    names = [box.root]
    for depth in range(1, 32):
        names.append(f"d{depth}")
        box.api.launch(names, "sleep 1000")
    text = box.api.launch(names + ["d32"], "true", 400)
    assert "nested 33 deep: 32 is the most" in text
    assert "32 is the most" in box.api.launch(names + ["x"] * 40, "true", 400)
    found = box.api.containers(show_nested=True)
    assert len([c for c in found if c["container_id"]["value"] == "d31"]) == 1
    framework = box.agent.get("/containers")[0]["framework_id"]
    inside = box.agent.get(f"/containers?show_nested=true&framework_id={framework}")
    assert "d31" in [c["container_id"] for c in inside]
    assert box.agent.get("/containers?show_nested=true&framework_id=nosuch") == []
    chain = [c for c in found if c["container_id"]["value"] == "d31"][0]["container_status"]["container_id"]
    assert chain == container(*names)
    box.api.kill(names[:2])  # takes those in it along
    assert box.api.wait(names[:2]) == {"exit_status": 9}
    assert box.api.wait(names) == {"exit_status": 9}
    box.api.remove(names[:2])
    assert not os.path.exists(box.runtime(box.root, "d1"))
    box.api.call("WAIT_CONTAINER", 404, container_id=container(*names))


def test_standalone(box):
    resources = [{"name": n, "type": "SCALAR", "scalar": {"value": v}} for n, v in (("cpus", 0.1), ("mem", 32))]
    box.api.launch(["alone-1"], "pwd; exit 3", resources=resources)
    assert box.api.wait(["alone-1"]) == {"exit_status": 3 << 8}
    sandbox = os.path.join(box.agent.work_dir, "containers", "alone-1")
    with open(os.path.join(sandbox, "stdout"), encoding="utf-8") as file:
        assert file.read() == sandbox + "\n"
    box.api.launch(["alone-1"], "sleep 1000", resources=resources)  # an ended one's id is free
    assert box.api.launch(["alone-1"], "true", 202) == ""
    assert "Nested container has not terminated yet" == box.api.remove(["alone-1"], 500)
    box.api.launch(["alone-1", "child"], "sleep 1000")
    values = [c["container_id"]["value"] for c in box.api.containers(show_standalone=True)]
    assert "alone-1" in values and "child" not in values
    values = [c["container_id"]["value"] for c in box.api.containers(show_standalone=True, show_nested=True)]
    assert "alone-1" in values and "child" in values
    usage = [c for c in box.agent.get("/containers?show_standalone=true") if c["container_id"] == "alone-1"][0]
    assert box.agent.get("/containers?show_standalone=true&framework_id=nosuch") == []
    assert usage["statistics"]["mem_limit_bytes"] == 32 << 20 and "executor_id" not in usage
    box.restart()
    assert box.api.launch(["alone-1"], "true", 202) == ""
    box.api.kill(["alone-1"], 15)
    assert box.api.wait(["alone-1"]) == {"exit_status": 15}
    box.api.remove(["alone-1"])
    assert not os.path.exists(sandbox) and not os.path.exists(box.runtime("alone-1"))
    box.api.call("WAIT_CONTAINER", 404, container_id=container("alone-1"))


def test_restart_of_the_agent(box):
    running, ends, ended = (box.root, "running"), (box.root, "ends"), (box.root, "ended")
    box.api.launch(running, "while [ ! -e go ]; do sleep 0.05; done; exit 6")
    box.api.launch(ends, "while [ ! -e go ]; do sleep 0.05; done; exit 8")
    box.api.launch(ended, "exit 4")
    box.api.wait(ended)
    box.agent.kill()
    open(os.path.join(box.sandbox("ends"), "go"), "w", encoding="utf-8").close()
    wait_for(lambda: os.path.exists(os.path.join(box.runtime(*ends), "status")), 5)
    box.agent.start()
    wait_for(lambda: box.agent.get("/metrics/snapshot").get("slave/registered") == 1, 20)
    assert box.api.wait(ended) == {"exit_status": 4 << 8}
    assert box.api.wait(ends) == {"exit_status": 8 << 8}
    box.api.launch(running + ("child",), "echo $MESOS_SANDBOX")
    assert box.api.wait(running + ("child",)) == {"exit_status": 0}
    open(os.path.join(box.sandbox("running"), "go"), "w", encoding="utf-8").close()
    assert box.api.wait(running) == {"exit_status": 6 << 8}


def test_user_is_the_parents(box):
    """Also of a session in it, and when the agent that launched the parent is gone."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user")
    offer_task = box.task("as-nobody", {"value": "sleep 1000", "user": "nobody"})
    box.api.launch((offer_task, "a"), "id -un")
    box.api.wait((offer_task, "a"))
    box.restart()
    box.api.launch((offer_task, "b"), "id -un; sleep 1000")
    box.api.launch((offer_task, "b", "c"), "id -un > who")
    assert box.api.wait((offer_task, "b", "c")) == {"exit_status": 0}
    session = box.api.session((offer_task, "b", "s"), "id -un")
    assert session.ended.wait(60) and session.out == b"nobody\n", session.text
    base = os.path.realpath(box.cluster.sandbox(box.scheduler.framework_id, "as-nobody"))
    for path in ("a/stdout", "b/stdout", "b/containers/c/who"):
        with open(os.path.join(base, "containers", path), encoding="utf-8") as file:
            assert file.read() == "nobody\n"
    box.scheduler.kill("as-nobody")
    box.scheduler.until("as-nobody", ["TASK_KILLED"])


class Slow(threading.Thread):
    """A web server that answers when it is told to."""

    def __init__(self):
        super().__init__(daemon=True)
        self.go = threading.Event()
        self.asked = threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/file"

    def run(self):
        try:
            while True:
                connection, _ = self.socket.accept()
                self.asked.set()
                threading.Thread(target=self.answer, args=(connection,), daemon=True).start()
        except OSError:
            pass

    def answer(self, connection):
        with connection:
            try:
                connection.recv(65536)
                self.go.wait(20)
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx")
            except OSError:
                pass  # it was not waited for


def test_end_in_the_middle_of_a_launch(box):
    slow = Slow()
    slow.start()
    names = (box.root, "slow")
    command = {"value": "sleep 1000", "uris": [{"value": slow.url}]}
    answers = []
    launching = threading.Thread(target=lambda: answers.append(box.api.launch(names, command, 500)))
    launching.start()
    assert slow.asked.wait(60)
    assert box.api.launch(names, command, 202) == ""
    box.api.kill(names, 15)
    launching.join(60)
    assert "destroyed" in answers[0] or "Failed to fetch" in answers[0]
    box.api.call("WAIT_CONTAINER", 404, container_id=container(*names))
    # And a session whose client goes before there is one.
    slow.asked.clear()
    connection = http.client.HTTPConnection("127.0.0.1", box.agent.port)
    body = {"type": "LAUNCH_NESTED_CONTAINER_SESSION",
            "launch_nested_container_session": {"container_id": container(*names), "command": command}}
    connection.request("POST", "/api/v1", json.dumps(body), {
        "Content-Type": "application/json", "Accept": "application/recordio", "Message-Accept": "application/json"})
    assert slow.asked.wait(60)
    connection.close()
    slow.go.set()
    wait_for(lambda: box.api.call("WAIT_CONTAINER", None, container_id=container(*names)) and
             box.api.status in (200, 404), 10)
    slow.socket.close()


def over_the_socket(box, method, path, body=None, **headers):
    """The whole answer to one request on the agent's Unix socket."""
    path_of = glob.glob(os.path.join(box.cluster.directory, "agent1.run", "**", "*.sock*"), recursive=True)
    path_of = [p for p in path_of if stat.S_ISSOCK(os.stat(p).st_mode)][0]
    body = json.dumps(body).encode() if body else b""
    fields = {"Host": "x", "Content-Type": "application/json", "Accept": "application/json", "Content-Length": len(body),
              "Connection": "close", **headers}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(path_of)
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        connection.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def test_unix_socket_and_actor_path(box):
    """As executors call: on the agent's Unix socket, below its actor."""
    answer = over_the_socket(box, "POST", "/slave(1)/api/v1", {"type": "LAUNCH_NESTED_CONTAINER", "launch_nested_container": {
        "container_id": container(box.root, "unix"), "command": {"value": "exit 9"}}})
    assert answer.startswith("HTTP/1.1 200 OK")
    answer = box.api.call("WAIT_NESTED_CONTAINER", container_id=container(box.root, "unix"))
    assert answer == {"type": "WAIT_NESTED_CONTAINER", "wait_nested_container": {"exit_status": 9 << 8}}


def test_the_unix_socket_is_for_executors(box):
    """Every user of the machine reaches it, with no certificate and from no address: it is no way around what is asked elsewhere."""
    for path in ("/state", "/flags", "/slave(1)/state", "/files/browse?path=/", "/api/v1/resource_provider"):
        assert over_the_socket(box, "GET", path).startswith("HTTP/1.1 404 "), path
    refused = '"event":"refused","peer":"unix:","action":"{}"'
    launch = {"container_id": container("anybody"), "command": {"value": "true", "user": "root"}}
    for call in ({"type": "GET_STATE"}, {"type": "LAUNCH_CONTAINER", "launch_container": launch}):
        assert over_the_socket(box, "POST", "/api/v1", call).startswith("HTTP/1.1 403 "), call
        wait_for(lambda: refused.format(call["type"]) in box.cluster.agents[0].log(), 60, "the audit log's line")
    answer = over_the_socket(box, "POST", "/slave(1)/mesos.internal.ShutdownMessage",
                             **{"Libprocess-From": "master@" + box.cluster.address})
    assert answer.startswith("HTTP/1.1 404 ")


def test_end_of_the_parent(box):
    root = box.task("short", "sleep 1000")
    box.api.launch((root, "a"), "sleep 1000")
    box.api.launch((root, "a", "b"), "sleep 1000")
    box.scheduler.kill("short")
    assert box.api.wait((root, "a")) in ({"exit_status": 9}, {})
    wait_for(lambda: not os.path.exists(box.runtime(root)), 10)
    box.api.call("WAIT_CONTAINER", 404, container_id=container(root, "a", "b"))
    assert box.api.launch((root, "c"), "true", 400) == f"Parent container {root} does not exist"


BAD_IDS = ["", ".", "..", "a/b", "../../etc", "a.b", "a b", "a\\b", "a\x01b", "x" * 300, "x" * 243, "é" * 122]


@pytest.mark.parametrize("name", BAD_IDS)
def test_bad_ids(box, name):
    for names in ((box.root, name), (name,), (name, "x")):
        for kind in ("LAUNCH", "WAIT", "KILL", "REMOVE"):
            text = box.api.call(kind + "_CONTAINER", 400, container_id=container(*names))
            assert text.startswith(f"Failed to validate agent::Call: '{kind.lower()}_container.container_id' is invalid: ")


def test_odd_ids_work(box):
    name = "ü'\";$(touch)\u00a0%s-" + "y" * 100
    box.api.launch((box.root, name), "exit 1")
    assert box.api.wait((box.root, name)) == {"exit_status": 256}
    box.api.remove((box.root, name))


def test_links_in_a_sandbox_lead_nowhere(box, tmp_path):
    """What a task plants in its sandbox must not make the agent write or remove outside of it."""
    box.api.launch((box.root, "link"), "sleep 1000")
    sandbox = box.sandbox("link")
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "file").write_text("x")
    os.symlink(str(tmp_path), os.path.join(sandbox, "containers"))
    text = box.api.launch((box.root, "link", "victim"), "true", 500)
    assert "Failed to create the sandbox directory" in text
    assert os.listdir(tmp_path) == ["victim"]
    os.unlink(os.path.join(sandbox, "containers"))
    box.api.launch((box.root, "link", "victim"), "true")
    box.api.wait((box.root, "link", "victim"))
    os.rename(os.path.join(sandbox, "containers"), os.path.join(sandbox, "moved"))
    os.symlink(str(tmp_path), os.path.join(sandbox, "containers"))
    assert "cannot remove" in box.api.remove((box.root, "link", "victim"), 500)
    assert (tmp_path / "victim" / "file").exists()
    box.api.kill((box.root, "link"))


def test_bad_shapes(box):
    for body, text in [
            ({"type": "LAUNCH_CONTAINER"}, "Expecting 'launch_container' to be present"),
            ({"type": "WAIT_CONTAINER", "wait_container": {}}, "container_id"),
            ({"type": "KILL_CONTAINER", "kill_container": {"container_id": 7}}, "container_id"),
            ({"type": "LAUNCH_NESTED_CONTAINER", "launch_nested_container": {"container_id": {"value": "x"}}},
             "Expecting 'launch_nested_container.container_id.parent' to be present"),
            ({"type": "LAUNCH_CONTAINER", "launch_container": {
                "container_id": {"value": "x"}, "resources": [{"name": "cpus", "type": "SCALAR"}]}}, "cpus"),
            ({"type": "LAUNCH_CONTAINER", "launch_container": {
                "container_id": {"value": "x"},
                "command": {"value": "a", "environment": {"variables": [{"name": "A"}]}}}}, "Environment variable 'A'"),
    ]:
        connection, answer = box.api.raw(body)
        got = answer.read().decode()
        connection.close()
        assert answer.status == 400 and text in got, got
    docker = {"type": "DOCKER", "docker": {"image": "x"}}
    assert box.api.launch(["dock"], "true", 400, container=docker) == "The provided ContainerInfo is not supported"
    assert box.api.launch((box.root, "dock"), "true", 400, container=docker) == \
        "The provided ContainerInfo is not supported"


def recorded(number):
    """Bytes of one exchange: request, answer."""
    path = glob.glob(os.path.join(FACTS, f"{number:03}-*.req"))[0]
    with open(path, "rb") as file:
        request = file.read()
    with open(path[:-3] + "res", "rb") as file:
        return request, file.read()


def parts(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return int(lines[0].split()[1]), [line.split(":")[0] for line in lines[1:]], body


def known_containers(body, root):
    """A GET_CONTAINERS answer without what other tests have left running, in a fixed order, and without the figures that
    a container may or may not have at that moment."""
    answer = json.loads(body)
    listed = [c for c in answer["get_containers"]["containers"]
              if c["container_id"]["value"] in ("nested-2", "standalone-2", root)]
    for one in listed:
        for name in ("mem_rss_bytes", "cpus_user_time_secs", "cpus_system_time_secs"):
            one["resource_statistics"].pop(name, None)
    answer["get_containers"]["containers"] = sorted(listed, key=lambda c: c["container_id"]["value"] != root)
    return answer


def difference(number, ours, theirs, root):
    """What differs between two bodies, in words."""
    if b"GET_CONTAINERS" in theirs:
        return compare(known_containers(ours, root), known_containers(theirs, root))
    if ours == theirs:
        return []
    if ours in (theirs.replace(b":9}", b":15}"), theirs[:-1] + b"\x0f"):
        return ["exit_status 15 instead of 9"]
    return [f"{ours} instead of {theirs}"]


def test_recorded_exchanges(box):
    """Each request of the trace as recorded, with our root container's id; statuses, headers and bodies are compared."""
    with Differences("06c-operator-agent containers/") as differences:
        for number in range(53, 75):
            request, expected = recorded(number)
            request = request.replace(THEIR_ROOT.encode(), box.root.encode())
            with socket.create_connection(("127.0.0.1", box.agent.port), timeout=30) as connection:
                connection.sendall(request)
                response = http.client.HTTPResponse(connection, method="POST")
                response.begin()
                body = response.read()
            status, headers, their_body = parts(expected.replace(THEIR_ROOT.encode(), box.root.encode()))
            assert response.status == status, (number, body)
            assert {n for n, _ in response.getheaders()} == set(headers), number
            differences.note(f"06c-operator-agent containers/{number:03}",
                             difference(number, body, their_body, box.root))
    box.api.wait(["standalone-2"])
    box.api.remove(["standalone-2"])
