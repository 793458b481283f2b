# SPDX-License-Identifier: Apache-2.0
"""Bad input to both daemons: each is answered as Mesos answers (recorded exchanges), or better; the daemons keep serving."""
import json
import math
import os
import socket
import struct
import time

import pytest

from scheduler import TERMINAL, CallFailed, Scheduler, command_task, scalar

AVAILABLE = "is more than available"
TASKS = {
    # name: (what bends a good task, TASK_ERROR's message or a part of it; None = the task runs)
    "too-much": ({"resources": [scalar("cpus", 100), scalar("mem", 32)]},
                 "Total resources cpus(allocated: *):100; mem(allocated: *):32 required by task and its executor " + AVAILABLE),
    "zero-cpus": ({"resources": [scalar("cpus", 0), scalar("mem", 32)]}, None),
    "tiny-cpus": ({"resources": [scalar("cpus", 0.00001), scalar("mem", 32)]}, None),
    "only-cpus": ({"resources": [scalar("cpus", 0.1)]}, None),
    "no-resources": ({"resources": []}, "Task uses no resources"),
    "negative": ({"resources": [scalar("cpus", -1), scalar("mem", 32)]},
                 "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0"),
    "huge": ({"resources": [scalar("cpus", 1e300), scalar("mem", 32)]}, "Invalid scalar resource"),
    "slash": ({"task_id": {"value": "a/b"}}, "'a/b' contains invalid characters"),
    "space": ({"task_id": {"value": "a b"}}, None),
    "dotdot": ({"task_id": {"value": ".."}}, "'..' is disallowed"),
    "dot": ({"task_id": {"value": "."}}, "'.' is disallowed"),
    "control": ({"task_id": {"value": "a\nb"}}, "contains invalid characters"),
    "empty-id": ({"task_id": {"value": ""}}, "ID must not be empty"),
    "long-id": ({"task_id": {"value": "x" * 256}}, "ID must not be greater than 255 characters"),
    "no-command": ({"command": None},
                   "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"),
    "other-agent": ({"agent_id": {"value": "nosuch"}}, "Task uses invalid agent nosuch while agent "),
    "other-role": ({"resources": [scalar("cpus", 0.1, role="web", allocation_info={"role": "*"}), scalar("mem", 32)]},
                   "Total resources cpus(allocated: *)(reservations: [(STATIC,web)]):0.1; mem(allocated: *):32 required by"),
    "widgets": ({"resources": [scalar("cpus", 0.1), scalar("widgets", 1)]}, AVAILABLE),
    "health": ({"health_check": {}}, "Task uses invalid health check: HealthCheck must specify 'type'"),
    "health-http": ({"health_check": {"type": "HTTP"}},
                    "Task uses invalid health check: Expecting 'http' to be set for HTTP health check"),
    "check": ({"check": {"type": "UNKNOWN"}}, "Task uses invalid check: 'UNKNOWN' is not a valid check type"),
    "grace": ({"kill_policy": {"grace_period": {"nanoseconds": -5}}},
              "Task's 'kill_policy.grace_period' must be non-negative"),
    "completion": ({"max_completion_time": {"nanoseconds": -5}}, "Task's `max_completion_time` must be non-negative"),
    "environment": ({"command": {"value": "true", "environment": {"variables": [{"name": "X"}]}}},
                    "Task's `CommandInfo` is invalid: Environment variable 'X' of type 'VALUE' must have a value set"),
    "port": ({"resources": [scalar("cpus", 0.1), {"name": "ports", "type": "RANGES",
                                                  "ranges": {"range": [{"begin": 80, "end": 80}]}}]},
             "ports(allocated: *):[80-80] required by task and its executor"),
    "limits": ({"limits": {"cpus": {"value": 0.01}}}, "The cpu limit must be greater than or equal to the cpu request"),
    "gpu": ({"resources": [scalar("cpus", 0.1), scalar("gpus", 0.5)]},
            "Task uses invalid resources: Invalid 'gpus' resource: The 'gpus' resource must be an unsigned integer"),
    "ranges": ({"resources": [scalar("cpus", 0.1), {"name": "ports", "type": "RANGES",
                                                    "ranges": {"range": [{"begin": 9, "end": 8}]}}]}, "begin > end"),
    "type": ({"resources": [{"name": "cpus", "type": "RANGES", "scalar": {"value": 1}}]}, "Invalid ranges resource"),
}


@pytest.fixture(scope="module")
def shared(request, tmp_path_factory):
    """One cluster for the lot: that it keeps serving is the point."""
    import tempfile
    from cluster import Cluster
    cluster = Cluster(tempfile.mkdtemp(prefix="cm-"))
    cluster.start()
    yield cluster
    cluster.stop()
    complaints = cluster.complaints()
    cluster.remove()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def client(shared):
    made = Scheduler(shared.address).subscribe()
    yield made
    made.teardown()
    assert shared.master.process.poll() is None and shared.agents[0].process.poll() is None


@pytest.mark.parametrize("name", TASKS)
def test_task(client, name):
    change, message = TASKS[name]
    offer = client.offer()
    task = {**command_task(name, "true", offer), **change}
    task = {key: value for key, value in task.items() if value is not None}
    client.accept(offer, [task])
    states = client.until(task["task_id"]["value"], TERMINAL)
    if message is None:
        assert states[-1]["state"] == "TASK_FINISHED"
        return
    assert [s["state"] for s in states] == ["TASK_ERROR"]
    assert states[0]["reason"] == "REASON_TASK_INVALID"
    assert states[0]["source"] == "SOURCE_MASTER"
    assert message in states[0]["message"]
    assert "uuid" not in states[0]
    # What the refused task would have used is offered again.
    client.call("REVIVE")
    client.offer()


def field(number, value):
    """One protobuf field: bytes and text length-delimited, floats as doubles, integers as varints."""
    if isinstance(value, float):
        return bytes([number << 3 | 1]) + struct.pack("<d", value)
    if isinstance(value, int):
        return bytes([number << 3, value])
    value = value.encode() if isinstance(value, str) else value
    size, left = b"", len(value)
    while left > 127:
        size, left = size + bytes([left & 127 | 128]), left >> 7
    return bytes([number << 3 | 2]) + size + bytes([left]) + value


@pytest.mark.parametrize("cpus, part", [(math.nan, "NaN not supported"), (math.inf, "Infinite values not supported"),
                                        (-math.inf, "value <= 0"), (1e300, "Invalid scalar resource: value >")])
def test_numbers_that_json_cannot_say(client, cpus, part):
    offer = client.offer()

    def scalar_field(name, value):
        return field(4, field(1, name) + field(2, 0) + field(3, field(1, value)))
    task = (field(1, "odd") + field(2, field(1, "odd")) + field(3, field(1, offer["agent_id"]["value"]))
            + scalar_field("cpus", cpus) + scalar_field("mem", 32.0) + field(7, field(3, "true")))
    accept = field(1, field(1, offer["id"]["value"])) + field(2, field(1, 1) + field(2, field(1, task)))
    call = field(1, field(1, client.framework_id)) + field(2, 3) + field(4, accept)
    assert client.raw(call, headers={"Content-Type": "application/x-protobuf"})[0] == 202
    status = client.update("odd")
    assert (status["state"], status["reason"]) == ("TASK_ERROR", "REASON_TASK_INVALID")
    assert part in status["message"]


def test_duplicate_id(client):
    offer = client.offer()
    client.accept(offer, [command_task("twice", "sleep 1000", offer), command_task("twice", "true", offer)])
    error = client.until("twice", {"TASK_ERROR"})[-1]
    assert error["message"] == "Task has duplicate ID: twice"
    client.until("twice", {"TASK_RUNNING"}) if not any(
        s["state"] == "TASK_RUNNING" for s in client.history) else None
    client.kill("twice")
    assert client.until("twice", {"TASK_KILLED"})


def test_command_and_executor(client):
    offer = client.offer()
    executor = {"executor_id": {"value": "e"}, "command": {"value": "true"},
                "framework_id": {"value": client.framework_id}}
    client.accept(offer, [command_task("both", "true", offer, executor=executor)])
    assert "(but not both)" in client.update("both")["message"]


@pytest.mark.parametrize("change, message", [
    ({"framework_id": {"value": "other"}}, "ExecutorInfo has an invalid FrameworkID (Actual: other vs Expected: "),
    ({"type": "DEFAULT", "command": None}, "'ExecutorInfo.type' must be 'CUSTOM'"),
    ({"executor_id": {"value": "a/b"}}, "'a/b' contains invalid characters"),
])
def test_executor(client, change, message):
    offer = client.offer()
    executor = {"type": "CUSTOM", "executor_id": {"value": "e"}, "command": {"value": "true"},
                "framework_id": {"value": client.framework_id}, "resources": [scalar("cpus", 0.1), scalar("mem", 32)],
                **change}
    task = command_task("exec", "true", offer, executor={k: v for k, v in executor.items() if v is not None})
    del task["command"]
    client.accept(offer, [task])
    status = client.update("exec")
    assert status["state"] == "TASK_ERROR"
    assert message in status["message"]


def test_an_executor_that_never_registers(make_cluster):
    cluster = make_cluster(agent_flags={"executor_registration_timeout": "1secs"})
    client = Scheduler(cluster.address).subscribe()
    offer = client.offer()
    executor = {"type": "CUSTOM", "executor_id": {"value": "mute"}, "command": {"value": "sleep 1000"},
                "framework_id": {"value": client.framework_id}, "resources": [scalar("cpus", 0.1), scalar("mem", 32)]}
    task = command_task("mute-task", "true", offer, executor=executor)
    del task["command"]
    client.accept(offer, [task])
    last = client.until("mute-task", TERMINAL)[-1]
    assert last["state"] == "TASK_FAILED"
    assert last["reason"] in ("REASON_EXECUTOR_REGISTRATION_TIMEOUT", "REASON_EXECUTOR_TERMINATED")
    client.teardown()


def test_offers_that_are_used_up(client):
    offer = client.offer()
    client.decline(offer)
    client.accept(offer, [command_task("stale", "true", offer)])
    status = client.update("stale")
    assert (status["state"], status["reason"]) == ("TASK_LOST", "REASON_INVALID_OFFERS")
    assert status["message"] == f"Task launched with invalid offers: Offer {offer['id']['value']} is no longer valid"


def test_an_accept_that_is_sent_twice(client):
    """As some clients do: the first counts, the second is told that the offer is gone, the task is left alone."""
    offer = client.offer()
    task = command_task("again", "sleep 0.5", offer)
    client.accept(offer, [task])
    client.accept(offer, [task])
    seen = [s for s in client.until("again", {"TASK_FINISHED"})]
    assert [s["state"] for s in seen if s["state"] in TERMINAL][-1] == "TASK_FINISHED"


CALLS = [
    # body, headers, status, a part of the answer
    (b"{", {}, 400, "Failed to parse body into JSON"),
    (b"", {}, 400, "Failed to parse body into JSON"),
    (b"[]", {}, 400, ""),
    (b'"text"', {}, 400, ""),
    (b"{}", {}, 400, "Expecting 'type' to be present"),
    (b'{"type":"NOPE"}', {}, 400, "Expecting 'type' to be present"),
    (b'{"type":5}', {}, 400, ""),
    (b'{"type":"UNKNOWN"}', {}, 400, ""),
    (b'{"type":"REVIVE"}', {}, 400, "Expecting 'framework_id' to be present"),
    (b'{"type":"SUBSCRIBE"}', {}, 400, "Expecting 'subscribe' to be present"),
    (b'{"type":"REVIVE","framework_id":{"value":"nobody"}}', {}, 400, "Framework cannot be found"),
    (b"[" * 100000, {}, 400, ""),
    (b'{"a":' * 100000, {}, 400, ""),
    (b'{"type":"REVIVE","framework_id":{"value":"' + b"x" * 300000 + b'"}}', {}, 400, ""),
    (b"\xff\xfe\x00", {}, 400, ""),
    (b"{}", {"Content-Type": "text/plain"}, 415, "Expecting 'Content-Type' of"),
    (b"\x08", {"Content-Type": "application/x-protobuf"}, 400, "Failed to parse body into Call protobuf"),
    (b"\x0a\xff\xff\xff\xff\x7f", {"Content-Type": "application/x-protobuf"}, 400, "Failed to parse body into Call protobuf"),
    (b"\x0b" * 5000, {"Content-Type": "application/x-protobuf"}, 400, "Failed to parse body into Call protobuf"),
]


@pytest.mark.parametrize("body, headers, status, part", CALLS, ids=range(len(CALLS)))
def test_call(client, body, headers, status, part):
    client.stream_id = None
    got, text = client.raw(body, expect=None, headers={"Accept": "application/json", **headers})
    assert got == status, text
    assert part in text
    assert len(text) < 10000


def test_methods(shared):
    import http.client
    for method in ("GET", "PUT", "DELETE"):
        connection = http.client.HTTPConnection(shared.address, timeout=10)
        connection.request(method, "/api/v1/scheduler")
        answer = connection.getresponse()
        assert answer.status == 405
        assert answer.getheader("Allow") == "POST"
        connection.close()


RAW = [
    # bytes on a connection, what the status line must be (b"" = closed without an answer is fine too)
    (b"GET /state?a=%zz HTTP/1.1\r\nHost: x\r\n\r\n", (b"400", )),
    (b"GARBAGE\r\n\r\n", (b"400", )),
    (b"GET / HTTP/9.9\r\n\r\n", (b"400", b"505")),
    (b"GET /../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", (b"404", b"400")),
    (b"POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", (b"400", )),
    (b"POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", (b"400", b"413")),
    (b"POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", (b"400", )),
    (b"POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", (b"400", )),
    (b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"X-Long: " + b"y" * 200000 + b"\r\n\r\n", (b"400", b"431")),
    (b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 20000 + b"\r\n", (b"400", b"431")),
    (b"POST /master/mesos.internal.RegisterSlaveMessage HTTP/1.1\r\nHost: x\r\n"
     b"Libprocess-From: slave(1)@127.0.0.1:1\r\nContent-Length: 7\r\n\r\ngarbage", (b"202", b"404")),  # an agent has no actor of that name
    (b"POST /nobody/mesos.internal.PingSlaveMessage HTTP/1.1\r\nHost: x\r\nLibprocess-From: x@127.0.0.1:1\r\n\r\n", (b"404", )),
    # Escapes that are none, half ones, NUL and dots behind them.
    (b"GET /% HTTP/1.1\r\nHost: x\r\n\r\n", (b"400", b"404")),
    (b"GET /%2 HTTP/1.1\r\nHost: x\r\n\r\n", (b"400", b"404")),
    (b"GET /%zz/state HTTP/1.1\r\nHost: x\r\n\r\n", (b"400", b"404")),
    (b"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", (b"400", b"404")),
    (b"GET /files/download?path=%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1\r\nHost: x\r\n\r\n", (b"400", b"404")),
    (b"GET /files/read?path=%2Fmaster%2Flog%00&offset=% HTTP/1.1\r\nHost: x\r\n\r\n", (b"400", b"404")),
    (b"POST /%6daster%2/mesos.internal.PingSlaveMessage HTTP/1.1\r\nHost: x\r\nLibprocess-From: x@127.0.0.1:1\r\n\r\n", (b"400", b"404")),
    # Messages of libprocess without an actor, without a name, without either, and from nobody that can be (500, as in Mesos).
    *((b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n" + sender + b"\r\nContent-Length: 0\r\n\r\n", (b"202", b"400", b"404", b"500"))
      for path in (b"/", b"//", b"/master", b"/master/", b"//mesos.internal.PingSlaveMessage", b"/master//")
      for sender in (b"Libprocess-From: x@127.0.0.1:1", b"User-Agent: libprocess/x@127.0.0.1:1", b"Libprocess-From: ",
                     b"User-Agent: libprocess/")),
    # What two servers in a row could read as two different requests; trailers that are none.
    (b"POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", (b"400", )),
    (b"POST /api/v1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", (b"400", )),
    (b"POST /api/v1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nno trailer\r\n\r\n", (b"400", )),
    (b"POST /api/v1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n: empty\r\n\r\n", (b"400", )),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(64), (b"400", b"")),
]


@pytest.mark.parametrize("daemon", ["master", "agent"])
@pytest.mark.parametrize("sent, wanted", RAW, ids=range(len(RAW)))
def test_raw_bytes(shared, daemon, sent, wanted):
    port = shared.master.port if daemon == "master" else shared.agents[0].port
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        try:
            s.sendall(sent)
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        answer = b""
        try:
            while b"\r\n" not in answer:
                more = s.recv(4096)
                if not more:
                    break
                answer += more
        except ConnectionResetError:
            pass
    status = answer.split(b" ")[1] if answer.startswith(b"HTTP/1.") else b""
    assert status in wanted, answer[:200]
    assert shared.master.get("/health", raw=True) == b""
    assert shared.agents[0].get("/health", raw=True) == b""


def test_a_client_that_says_nothing_or_half(shared):
    idle = [socket.create_connection(("127.0.0.1", shared.master.port)) for _ in range(200)]
    for i, s in enumerate(idle):
        if i % 2:
            s.sendall(b"POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Le")
    assert shared.master.get("/health", raw=True) == b""
    for s in idle:
        s.close()
    assert shared.master.get("/state")["activated_slaves"] == 1


def test_habits_of_clients(client):
    """Nulls for what is unset, numbers with exponents, strings for numbers, chunked bodies, calls with Connection: close."""
    offer = client.offer()
    call = {"type": "ACCEPT", "framework_id": {"value": client.framework_id}, "subscribe": None, "decline": None,
            "accept": {"offer_ids": [offer["id"]], "filters": None, "operations": [
                {"type": "LAUNCH", "id": None, "reserve": None, "launch": {"task_infos": [
                    {**command_task("habits", "true", offer), "executor": None, "data": None, "labels": None}]}}]}}
    text = json.dumps(call).replace('"value": 0.1}', '"value": 1.0e-1}').replace('"value": 32}', '"value": 3.2e+01}')
    assert "3.2e+01" in text
    body = text.encode()
    with socket.create_connection(("127.0.0.1", int(client.address.split(":")[1])), timeout=10) as s:
        s.sendall(b"POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  b"Accept: application/json\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nMesos-Stream-Id: "
                  + client.stream_id.encode() + b"\r\n\r\n")
        for i in range(0, len(body), 50):
            part = body[i:i + 50]
            s.sendall(b"%x\r\n%s\r\n" % (len(part), part))
            time.sleep(0.001)
        s.sendall(b"0\r\n\r\n")
        answer = b""
        while True:
            more = s.recv(4096)
            if not more:
                break
            answer += more
    assert answer.startswith(b"HTTP/1.1 202"), answer
    assert client.until("habits", TERMINAL)[-1]["state"] == "TASK_FINISHED"


def test_a_first_subscribe_with_an_id_of_its_own(shared):
    client = Scheduler(shared.address)
    client.framework_id = "chosen-by-itself"
    client.subscribe()
    assert client.framework_id == "chosen-by-itself"
    states, _ = client.run("own", "true")
    assert states[-1] == "TASK_FINISHED"
    client.teardown()


@pytest.mark.parametrize("info, message", [
    ({"roles": ["a b"]}, "'FrameworkInfo.roles' contains invalid role: Role component 'a b' is invalid because it contains "
                         "backspace or whitespace"),
    ({"roles": ["/a"]}, "'FrameworkInfo.roles' contains invalid role: Role '/a' cannot start with a slash"),
    ({"roles": ["a", "a"]}, "'FrameworkInfo.roles' contains duplicate items: { a }"),
    ({"role": "x"}, "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"),
    ({"capabilities": None}, "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"),
    ({"id": {"value": "a/b"}}, "'a/b' contains invalid characters"),
])
def test_framework_info(shared, info, message):
    client = Scheduler(shared.address, **info)
    if "id" in info:
        client.framework_id = info["id"]["value"]
    with pytest.raises(CallFailed) as refused:
        client.subscribe()
    assert refused.value.body == message


def test_nonsense_from_an_agent(shared):
    """Messages that do not decode, or name agents that do not exist, are dropped; the real agent stays."""
    for name, body in (("RegisterSlaveMessage", b"\xff" * 40), ("ReregisterSlaveMessage", b"\x0a\x00"),
                       ("StatusUpdateMessage", b""), ("UnregisterSlaveMessage", b"\x0a\x03\x0a\x01x"),
                       ("PongSlaveMessage", b""), ("NoSuchMessage", b"abc")):
        head = (f"POST /master/mesos.internal.{name} HTTP/1.1\r\nHost: x\r\nLibprocess-From: slave(9)@127.0.0.1:1\r\n"
                f"Content-Length: {len(body)}\r\n\r\n").encode()
        with socket.create_connection(("127.0.0.1", shared.master.port), timeout=10) as s:
            s.sendall(head + body)
            assert s.recv(100).split(b" ")[1] == b"202"
    assert [a["active"] for a in shared.master.get("/slaves")["slaves"]] == [True]
