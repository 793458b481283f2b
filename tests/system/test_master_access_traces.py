# SPDX-License-Identifier: Apache-2.0
"""A master that demands logins and has rules, asked as the recording asked Apache Mesos's: who may register, launch, reserve,
tear down, and who sees what."""
import json
import os
import re
import socket

import pytest

from cluster import Cluster, wait_for
from replay import FACTS, Stream, recorded, split

FOLDER = "11-authorization-authentication"
SECRETS = {"alice": "a1", "bob": "b1", "ops": "o1", "slow": "s1"}
IDS = re.compile(r"6db5e1ac-0c4f-45be-8e3d-95e3050fba2a-(0001|S0|O\d+)|a0a0a464-ad59-4287-a91e-162554b928a9")
STREAM = "a0a0a464-ad59-4287-a91e-162554b928a9"


class Box:
    """The recording's cluster: `ids` names what it called so."""

    def __init__(self, directory):
        path = os.path.join(directory, "credentials")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as out:
            out.write(json.dumps({"credentials": [{"principal": p, "secret": s} for p, s in SECRETS.items()]}))
        self.cluster = Cluster(directory, {
            "credentials": path, "acls": os.path.join(FACTS, FOLDER, "acls.json"), "authenticate_http_readonly": True,
            "authenticate_http_readwrite": True, "authenticate_http_frameworks": True,
            "http_framework_authenticators": "basic", "hostname": "master1.example"})
        self.cluster.master.login = "ops:o1"
        self.cluster.master.start()
        self.cluster.add_agent({"hostname": "agent1.example", "switch_user": False}, start=False).start()
        self.ids, self.stream, self.offers, self.events = {}, None, [], []

    def post(self, request):
        text = request.decode("latin1")
        if "\r\n\r\n" not in text:
            text = text.rstrip("\r\n") + "\r\n\r\n"
        for their in {m.group(0) for m in IDS.finditer(text)}:
            if re.search(r"-O\d+$", their) and their not in self.ids:
                self.ids[their] = self.offer()
            text = text.replace(their, self.ids.get(their, their))
        head, _, body = text.partition("\r\n\r\n")
        head = re.sub(r"(?im)^content-length: \d+", f"Content-Length: {len(body)}", head)
        connection = socket.create_connection(("127.0.0.1", self.cluster.master.port), timeout=60)
        connection.sendall((head + "\r\n\r\n" + body).encode("latin1"))
        return self.receive(connection)

    @staticmethod
    def receive(connection):
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            assert more, f"closed after {data!r}"
            data += more
        status, headers, body = split(data)
        if headers.get("transfer-encoding") == "chunked":
            return status, headers, Stream(connection, data)
        while len(body) < int(headers.get("content-length", 0)):
            body += connection.recv(65536)
        connection.close()
        return status, headers, body

    def event(self, kind):
        """The next event of that type; offers that come before it are kept."""
        while True:
            event = self.stream.events.get(timeout=60)
            self.offers += event["offers"]["offers"] if event["type"] == "OFFERS" else []
            if event["type"] == kind:
                return event

    def offer(self):
        while not self.offers:
            self.event("OFFERS")
        return self.offers.pop(0)["id"]["value"]

    def theirs(self, text):
        for their, ours in self.ids.items():
            text = text.replace(ours, their)
        return text


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What we answered to each request of the recording, by its label, with the recorded answer; the box."""
    directory = tmp_path_factory.mktemp("rules")
    directory.chmod(0o755)
    box = Box(str(directory))
    found = {}
    try:
        box.ids["6db5e1ac-0c4f-45be-8e3d-95e3050fba2a-S0"] = wait_for(
            lambda: box.cluster.master.get("/slaves")["slaves"], 60, "an agent")[0]["id"]
        for name, request, answer in recorded(FOLDER):
            label = name.partition("--")[2]
            if label in ("subscribe-principal-set-same",):  # one framework is enough to hold the agent
                continue
            status, headers, body = box.post(request)
            if label == "subscribe-ok":
                box.stream = body
                box.ids[STREAM] = headers["mesos-stream-id"]
                subscribed = box.event("SUBSCRIBED")["subscribed"]
                box.ids["6db5e1ac-0c4f-45be-8e3d-95e3050fba2a-0001"] = subscribed["framework_id"]["value"]
            elif isinstance(body, Stream):
                body = body.events.get(timeout=60)
            event = None
            if label in ("launch-as-root", "launch-as-framework-user"):
                event = box.event("UPDATE")["update"]["status"]
            elif label == "reserve-refused":
                event = box.event("UPDATE_OPERATION_STATUS")["update_operation_status"]["status"]
            found[label] = (status, headers, body, split(answer), event)
        yield found, box
    finally:
        box.cluster.stop()
    box.cluster.remove()


def test_statuses_and_refusals(answers):
    found, box = answers
    for label, (status, headers, body, (wanted, wanted_headers, wanted_body), _) in found.items():
        assert status == wanted, (label, body)
        if status >= 400:
            text = box.theirs(body.decode())
            assert re.sub(r" at slave\(1\)@127.0.0.1:\d+", " at slave(1)@127.0.0.1:5051", text) == wanted_body.decode(), label
            assert headers["content-type"] == wanted_headers["content-type"], label
    assert sum(f[0] == 403 for f in found.values()) >= 10
    assert found["call-by-other-principal"][0] == 400


def test_frameworks_hear_why(answers):
    found, _ = answers
    assert found["subscribe-role-refused"][2]["error"]["message"] == "Not authorized to register framework  with roles { db }"
    assert found["subscribe-principal-refused"][2]["error"]["message"] == (
        "Not authorized to register framework  with roles { web }")


def test_tasks_and_operations(answers):
    found, box = answers
    refused = found["launch-as-root"][4]
    assert (refused["state"], refused["reason"], refused["source"]) == ("TASK_ERROR", "REASON_TASK_UNAUTHORIZED", "SOURCE_MASTER")
    assert box.theirs(refused["message"]) == (
        "Principal 'alice' no authorized to launch task asroot of framework 6db5e1ac-0c4f-45be-8e3d-95e3050fba2a-0001 under user "
        "'root'")
    assert found["launch-as-framework-user"][4]["state"] in ("TASK_STARTING", "TASK_RUNNING")
    assert found["reserve-refused"][4]["message"].startswith(
        "Principal 'alice' no authorized to perform action RESERVE_RESOURCES on object {\"value\":\"web\",\"resource\":{\"name\":"
        "\"disk\"")


def test_views(answers):
    found, _ = answers
    bob, ops = (json.loads(found[label][2]) for label in ("m-state-bob-filtered", "m-state-ops-full"))
    assert bob["frameworks"] == bob["completed_frameworks"] == []
    assert "flags" not in bob and "cluster" not in bob and "flags" in ops
    assert [f["name"] for f in ops["frameworks"]] == ["acl-fw"]
    assert [t["id"] for t in ops["frameworks"][0]["tasks"]] == ["asnobody"]
    assert json.loads(found["m-roles-bob"][2]) == {"roles": []}
    assert [r["name"] for r in json.loads(found["m-roles-ops"][2])["roles"]] == ["web"]
    assert json.loads(found["m-api-bob-get-frameworks"][2]) == json.loads(found["m-api-bob-get-frameworks"][3][2])


def test_what_get_endpoints_is_about(answers):
    """Paths, and only those that Mesos's page on authorization names: calls that show the same have no action at all, as recorded of
    GET_METRICS (32, while 7 refuses /metrics/snapshot) and as the issue that gave the calls their actions says of GET_LOGGING_LEVEL
    (MESOS-6670). Our /metrics is /metrics/snapshot in another form."""
    _, box = answers

    def ask(line, body=""):
        return box.post(f"{line} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic Ym9iOmIx\r\nContent-Type: application/json\r\n"
                        f"Accept: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())

    for path in "/metrics/snapshot", "/metrics", "/logging/toggle", "/files/debug":
        assert ask("GET " + path)[0] == 403, path
    for call, member in ("GET_METRICS", ', "get_metrics": {}'), ("GET_LOGGING_LEVEL", ""), ("GET_VERSION", ""):
        status, _, body = ask("POST /api/v1", f'{{"type": "{call}"{member}}}')
        assert status == 200 and json.loads(body)["type"] == call
    assert ask("POST /api/v1", '{"type": "GET_FLAGS"}')[0] == 403 and ask("GET /flags")[0] == 403
