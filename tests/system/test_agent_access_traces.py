# SPDX-License-Identifier: Apache-2.0
"""An agent that demands logins and has rules, asked as the recording asked Apache Mesos's; and executors, whose tokens bind them to
what is their own."""
import base64
import hashlib
import hmac
import json
import os
import socket
import tempfile
import urllib.error
import urllib.request

import pytest

from cluster import Cluster
from replay import FACTS, recorded, split
from scheduler import TERMINAL, Scheduler, command_task

FOLDER = "11-authorization-authentication"
KEY = "a key that only the agent and this test know"
SECRETS = {"alice": "a1", "bob": "b1", "ops": "o1"}


class Box:
    def __init__(self, directory):
        credentials = self.put(directory, "credentials", json.dumps(
            {"credentials": [{"principal": name, "secret": secret} for name, secret in SECRETS.items()]}))
        self.cluster = Cluster(directory)
        self.cluster.master.start()
        self.agent = self.cluster.add_agent({
            "isolation": "posix/cpu,posix/mem", "http_credentials": credentials, "authenticate_http_readonly": "true",
            "authenticate_http_readwrite": "true", "authenticate_http_executors": "true",
            "jwt_secret_key": self.put(directory, "key", KEY), "acls": os.path.join(FACTS, FOLDER, "acls.json")})
        self.cluster.wait_agents(1)

    @staticmethod
    def put(directory, name, text):
        path = os.path.join(directory, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def call(self, login, kind, **body):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.agent.port}/api/v1", json.dumps({"type": kind, kind.lower(): body}).encode(),
            {"Content-Type": "application/json", "Accept": "application/json", "Authorization": login})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read().decode()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture(scope="module")
def box():
    with tempfile.TemporaryDirectory(prefix="cm-") as directory:
        os.chmod(directory, 0o755)  # for tasks of other users
        made = Box(directory)
        yield made
        made.cluster.stop()
        assert not made.cluster.complaints()
        made.cluster.remove()


def basic(name):
    return "Basic " + base64.b64encode(f"{name}:{SECRETS[name]}".encode()).decode()


def exchange(port, request):
    """The whole answer to a recorded request."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        while len(body) < length:
            body += connection.recv(65536)
        return split(head + b"\r\n\r\n" + body)


def test_recording(box):
    seen = {}
    for name, request, answer in recorded(FOLDER, "agent1"):
        wanted_status, wanted_headers, wanted = split(answer)
        status, headers, body = exchange(box.agent.port, request)
        assert status == wanted_status, (name, body)
        seen[status] = seen.get(status, 0) + 1
        if status == 401:  # the first challenge is the recorded one; ours also takes executors' tokens there
            assert headers["www-authenticate"].startswith(wanted_headers["www-authenticate"]), (name, headers)
        if status != 200:
            assert (body, headers["content-type"]) == (wanted, wanted_headers["content-type"]), name
        if "GET-state" in name and status == 200:
            state, recorded_state = json.loads(body), json.loads(wanted)
            assert ("flags" in state) == ("flags" in recorded_state), name
            assert state["frameworks"] == recorded_state["frameworks"] == []
        if "get-frameworks" in name:
            assert json.loads(body) == json.loads(wanted), name
    assert seen == {401: 10, 403: 5, 200: 17}, seen


def token(claims, key=KEY):
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    signed = part(b'{"alg":"HS256","typ":"JWT"}') + "." + part(json.dumps(claims).encode())
    return "Bearer " + signed + "." + part(hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest())


def test_executors_touch_only_what_is_theirs(box):
    scheduler = Scheduler(box.cluster.address, user="nobody" if os.geteuid() == 0 else None).subscribe()
    roots = {}
    for name in ("one", "two"):
        offer = scheduler.offer()
        scheduler.accept(offer, [command_task(name, "sleep 1000", offer)])
        status = scheduler.until(name, {"TASK_RUNNING", *TERMINAL})[-1]
        assert status["state"] == "TASK_RUNNING", status
        roots[name] = status["container_status"]["container_id"]["value"]
    logins = {name: token({"fid": scheduler.framework_id, "eid": name, "cid": root}) for name, root in roots.items()}
    for mine, other in (("one", "two"), ("two", "one")):
        inside = {"container_id": {"value": "x", "parent": {"value": roots[mine]}}}
        theirs = {"container_id": {"value": "x", "parent": {"value": roots[other]}}}
        for kind in ("WAIT_CONTAINER", "KILL_CONTAINER", "REMOVE_CONTAINER", "WAIT_NESTED_CONTAINER"):
            assert box.call(logins[mine], kind, **inside)[0] in (200, 404), kind
            assert box.call(logins[mine], kind, **theirs) == (403, "403 Forbidden."), kind
        assert box.call(logins[mine], "LAUNCH_CONTAINER", **theirs, command={"value": "true"})[0] == 403
        assert box.call(logins[mine], "ATTACH_CONTAINER_OUTPUT", **theirs)[0] == 403
        assert box.call(logins[mine], "LAUNCH_CONTAINER", **inside, command={"value": "true"})[0] == 200
        # Of all else it sees its own and changes nothing, although the rules are permissive.
        tasks = box.call(logins[mine], "GET_TASKS")[1]["get_tasks"]
        assert [t["task_id"]["value"] for t in tasks["launched_tasks"]] == [mine], tasks
        shown = box.call(logins[mine], "GET_CONTAINERS")[1]["get_containers"]["containers"]
        assert [c["container_id"]["value"] for c in shown] == [roots[mine]], shown
        path = f"/frameworks/{scheduler.framework_id}/executors/{{}}/runs/latest/stdout"
        assert box.call(logins[mine], "READ_FILE", path=path.format(mine), offset=0)[0] == 200
        assert box.call(logins[mine], "READ_FILE", path=path.format(other), offset=0)[0] == 403
        for kind, body in (("PRUNE_IMAGES", {}), ("GET_FLAGS", {}), ("LAUNCH_CONTAINER", {
                "container_id": {"value": "alone"}, "command": {"value": "true"}}), ("KILL_CONTAINER", {
                "container_id": {"value": roots[mine]}}), ("SET_LOGGING_LEVEL", {
                "level": 1, "duration": {"nanoseconds": 1}})):
            assert box.call(logins[mine], kind, **body)[0] == 403, kind
    assert box.call(token({"fid": scheduler.framework_id, "eid": "one", "cid": roots["one"]}, "another key"),
                    "GET_TASKS")[0] == 401
    # An operator may do what executors may not.
    assert len(box.call(basic("ops"), "GET_TASKS")[1]["get_tasks"]["launched_tasks"]) == 2
    assert "launched_tasks" not in box.call(basic("bob"), "GET_TASKS")[1]["get_tasks"] or \
        box.call(basic("bob"), "GET_TASKS")[1]["get_tasks"]["launched_tasks"] == []
    scheduler.teardown()
