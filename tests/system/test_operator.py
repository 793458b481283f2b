# SPDX-License-Identifier: Apache-2.0
"""The operator APIs of master and agent on a cluster that does something: every getter in JSON and protobuf, histories and
their bounds, unreachable tasks, the event stream under peers that do not read, and calls that make no sense."""
import http.client
import json
import os
import random
import signal
import socket
import threading
import time
from collections import Counter

import pytest

from cluster import wait_for
from replay import recorded
from scheduler import Scheduler, command_task, group_operation
from shapes import Schema, leaves

JSON, PROTOBUF = "application/json", "application/x-protobuf"


def post(daemon, body, accept=JSON, content_type=JSON, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
    connection.request("POST", "/api/v1", body if isinstance(body, bytes) else json.dumps(body),
                       {"Content-Type": content_type, "Accept": accept, **headers})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, answer.getheader("Content-Type"), data


def ask(daemon, kind, **body):
    status, content_type, data = post(daemon, {"type": kind, **body})
    assert (status, content_type) == (200, JSON), (kind, status, data)
    answer = json.loads(data)
    assert answer["type"] == kind
    return answer.get(kind.lower(), {})


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(number, value):
    return (varint(number << 3) + varint(value) if isinstance(value, int)
            else varint(number << 3 | 2) + varint(len(value)) + value)


@pytest.fixture(scope="module")
def schema():
    return Schema()


# ---- every getter ----

MASTER_GETTERS = dict(GET_HEALTH=1, GET_FLAGS=2, GET_VERSION=3, GET_LOGGING_LEVEL=5, GET_STATE=9, GET_AGENTS=10,
                      GET_FRAMEWORKS=11, GET_EXECUTORS=12, GET_OPERATIONS=33, GET_TASKS=13, GET_ROLES=14, GET_WEIGHTS=15,
                      GET_MASTER=17, GET_MAINTENANCE_STATUS=23, GET_MAINTENANCE_SCHEDULE=24, GET_QUOTA=28)
AGENT_GETTERS = dict(GET_HEALTH=1, GET_FLAGS=2, GET_VERSION=3, GET_LOGGING_LEVEL=5, GET_STATE=9, GET_CONTAINERS=10,
                     GET_FRAMEWORKS=11, GET_EXECUTORS=12, GET_OPERATIONS=31, GET_TASKS=13, GET_AGENT=20,
                     GET_RESOURCE_PROVIDERS=26)
# JSON tells enums by name and bytes in base64, and shows defaults of what is not set.
NAMED = ("*type", "*state", "*source", "*reason", "*uuid", "*protocol", "*visibility", "*.mode", "*.policy", "*delivery*")
MOVING = ("*resource_statistics*", "*load_*", "*mem_free*", "*agent_info.#7")  # 7: checkpoint, which v1 does not name


def pod(scheduler, offer):
    tasks = [command_task(name, "sleep 1000", offer, labels={"labels": [{"key": "k", "value": "é\u2028"}]})
             for name in ("p1", "p2")]
    scheduler.accept(offer, [], operations=[group_operation(scheduler.framework_id, "pod", tasks)])


def large_offer(scheduler):
    """Not the small one of what an ended task gives back."""
    while True:
        offer = scheduler.offer()
        if sum(r["scalar"]["value"] for r in offer["resources"] if r["name"] == "cpus") > 1:
            return offer
        scheduler.decline(offer)


def bring_to_life(cluster):
    """A framework with an ended and a running command task and a pod, and one that has ended."""
    old = Scheduler(cluster.address, name="old").subscribe()
    assert old.run("gone", "true")[0][-1] == "TASK_FINISHED"
    old.teardown()
    scheduler = Scheduler(cluster.address, name="live", roles=["a", "b/c"]).subscribe()
    assert scheduler.run("done", "exit 3")[0][-1] == "TASK_FAILED"
    offer = large_offer(scheduler)
    scheduler.accept(offer, [command_task("runs", "sleep 1000", offer)])
    scheduler.until("runs", {"TASK_RUNNING"})
    pod(scheduler, large_offer(scheduler))
    scheduler.until("p1", {"TASK_RUNNING"})
    wait_for(lambda: len(cluster.master.get("/tasks")["tasks"]) == 5 and sum(
        t["state"] == "TASK_RUNNING" for t in cluster.master.get("/tasks")["tasks"]) == 3, what="the pod")
    return scheduler


def same(schema, message, as_json, as_protobuf, where):
    """All that is in the bytes is in the JSON, with the same values."""
    free = NAMED + MOVING
    known = set(leaves(json.loads(as_json), free=free))
    for path, value in leaves(schema.decode(message, as_protobuf), free=free):
        if isinstance(value, float) and value.is_integer():
            assert (path, value) in known or (path, int(value)) in known, (where, path, value)
        else:
            assert (path, value) in known, (where, path, value)


def test_every_getter_in_both_encodings(make_cluster, schema):
    cluster = make_cluster(master_flags={"weights": "a=2,z=3.5"})
    scheduler = bring_to_life(cluster)
    scheduler.call("SUPPRESS")  # offers come and go; what is compared must stay
    for name, daemon, getters in (("master", cluster.master, MASTER_GETTERS),
                                  ("agent", cluster.agents[0], AGENT_GETTERS)):
        for kind, number in getters.items():
            answers = {}
            for sent in (JSON, PROTOBUF):
                for accept in (JSON, PROTOBUF):
                    body = json.dumps({"type": kind}).encode() if sent == JSON else field(1, number)
                    status, got, data = post(daemon, body, accept, sent)
                    assert (status, got) == (200, accept), (kind, status, data)
                    answers[sent, accept] = data
            same(schema, f"mesos.v1.{name}.Response", answers[JSON, JSON], answers[PROTOBUF, PROTOBUF], kind)
            same(schema, f"mesos.v1.{name}.Response", answers[PROTOBUF, JSON], answers[JSON, PROTOBUF], kind)
            assert json.loads(answers[JSON, JSON])["type"] == kind
    master, agent = cluster.master, cluster.agents[0]
    state = ask(master, "GET_STATE")
    assert sorted(t["task_id"]["value"] for t in state["get_tasks"]["tasks"]) == ["p1", "p2", "runs"]
    assert sorted(t["task_id"]["value"] for t in state["get_tasks"]["completed_tasks"]) == ["done", "gone"]
    assert {t["executor_id"]["value"] for t in state["get_tasks"]["tasks"] if "executor_id" in t} == {"pod"}
    assert [e["executor_info"]["executor_id"]["value"] for e in state["get_executors"]["executors"]] == ["pod"]
    assert [f["framework_info"]["name"] for f in state["get_frameworks"]["frameworks"]] == ["live"]
    assert [f["framework_info"]["name"] for f in state["get_frameworks"]["completed_frameworks"]] == ["old"]
    held = Counter()
    for resource in state["get_agents"]["agents"][0]["allocated_resources"]:
        held[resource["name"]] += round(resource["scalar"]["value"] * 1000)
    assert held == {"cpus": 400, "mem": 128000, "disk": 16000}
    assert state["get_tasks"] == ask(master, "GET_TASKS") and state["get_executors"] == ask(master, "GET_EXECUTORS")
    assert ask(master, "GET_WEIGHTS") == {"weight_infos": [{"weight": 2.0, "role": "a"}, {"weight": 3.5, "role": "z"}]}
    roles = {r["name"]: r for r in ask(master, "GET_ROLES")["roles"]}
    assert list(roles) == ["a", "b", "b/c"] and roles["a"]["weight"] == 2 and roles["b"]["weight"] == 1
    assert "frameworks" not in roles["b"] and roles["b/c"]["frameworks"] == [{"value": scheduler.framework_id}]
    state = ask(agent, "GET_STATE")
    assert sorted(t["task_id"]["value"] for t in state["get_tasks"]["launched_tasks"]) == ["p1", "p2", "runs"]
    assert {t["task_id"]["value"] for t in state["get_tasks"]["completed_tasks"]} == {"done", "gone"}
    assert sorted(e["executor_info"]["executor_id"]["value"]
                  for e in state["get_executors"]["executors"]) == ["pod", "runs"]
    assert [f["framework_info"]["name"] for f in state["get_frameworks"]["completed_frameworks"]] == ["old"]
    metrics = {m["name"]: m["value"] for m in ask(master, "GET_METRICS", get_metrics={})["metrics"]}
    assert metrics["master/tasks_running"] == 3 and list(metrics) == sorted(metrics)
    limited = ask(agent, "GET_METRICS", get_metrics={"timeout": {"nanoseconds": 5000000000}})["metrics"]
    assert "slave/tasks_running" in {m["name"] for m in limited}
    scheduler.teardown()


def test_files(cluster, scheduler):
    """LIST_FILES and READ_FILE in both encodings; nothing outside of what is shown."""
    agent = cluster.agents[0]
    scheduler.run("t", "printf 0123456789")
    sandbox = cluster.sandbox(scheduler.framework_id, "t")
    os.symlink("/etc", sandbox + "/out")
    names = [f["path"] for f in ask(agent, "LIST_FILES", list_files={"path": sandbox})["file_infos"]]
    assert sandbox + "/stdout" in names and names == sorted(names)
    read = ask(agent, "READ_FILE", read_file={"path": sandbox + "/stdout", "offset": 2, "length": 3})
    assert read == {"size": 10, "data": "MjM0"}
    call = field(1, 7) + field(5, field(1, (sandbox + "/stdout").encode()) + field(2, 2) + field(3, 3))
    status, _, data = post(agent, field(1, 8) + call[2:], PROTOBUF, PROTOBUF)
    assert status == 200 and data.endswith(field(1, 10) + field(2, b"234"))
    for offset, length, wanted in ((10, 5, ""), (2 ** 64 - 1, 5, ""), (0, 2 ** 64 - 1, "MDEyMzQ1Njc4OQ=="), (9, 0, "")):
        read = ask(agent, "READ_FILE", read_file={"path": sandbox + "/stdout", "offset": offset, "length": length})
        assert read == {"size": 10, "data": wanted}
    for path in ("/etc/passwd", "", "/", "..", sandbox + "/../../../../../../../../etc/passwd", sandbox + "/out/passwd",
                 sandbox + "/stdout/x", "\0", sandbox + "/" + "a" * 5000):
        for kind, more in (("READ_FILE", {"offset": 0}), ("LIST_FILES", {})):
            status, _, data = post(agent, {"type": kind, kind.lower(): {"path": path, **more}})
            assert status in (400, 404, 500), (kind, path, status, data)
            assert b"root:" not in data


# ---- histories ----

def test_histories_are_bounded(make_cluster):
    cluster = make_cluster(master_flags={"max_completed_frameworks": 2, "max_completed_tasks_per_framework": 3,
                                         "allocation_interval": "50ms"})
    for i in range(3):
        Scheduler(cluster.address, name=f"old{i}").subscribe().teardown()
    scheduler = Scheduler(cluster.address, name="live").subscribe()
    for i in range(5):
        assert scheduler.run(f"t{i}", "true")[0][-1] == "TASK_FINISHED"
    wait_for(lambda: [t["task_id"]["value"] for t in ask(cluster.master, "GET_TASKS")["completed_tasks"]]
             == ["t2", "t3", "t4"], what="the youngest three")
    names = [f["framework_info"]["name"] for f in ask(cluster.master, "GET_FRAMEWORKS")["completed_frameworks"]]
    assert names == ["old1", "old2"]
    scheduler.teardown()
    frameworks = ask(cluster.master, "GET_FRAMEWORKS")
    assert frameworks["frameworks"] == []
    ended = frameworks["completed_frameworks"]
    assert [f["framework_info"]["name"] for f in ended] == ["old2", "live"]
    assert all(int(f["unregistered_time"]["nanoseconds"]) > int(f["registered_time"]["nanoseconds"]) for f in ended)
    assert len(ask(cluster.master, "GET_TASKS")["completed_tasks"]) == 3


def test_unreachable_tasks(make_cluster):
    """An agent that stops answering: its tasks are unreachable, and run again when it is back."""
    cluster = make_cluster(master_flags={"agent_ping_timeout": "1secs", "max_agent_ping_timeouts": "1"})
    scheduler = Scheduler(cluster.address, checkpoint=True, failover_timeout=60,
                          capabilities=[{"type": "MULTI_ROLE"}, {"type": "PARTITION_AWARE"}]).subscribe()
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("t", "sleep 1000", offer)])
    scheduler.until("t", {"TASK_RUNNING"})
    agent = cluster.agents[0]
    agent.process.send_signal(signal.SIGSTOP)
    try:
        scheduler.until("t", {"TASK_UNREACHABLE"})
        state = ask(cluster.master, "GET_STATE")
        assert [t["state"] for t in state["get_tasks"]["unreachable_tasks"]] == ["TASK_UNREACHABLE"]
        assert state["get_tasks"]["tasks"] == [] and state["get_agents"]["agents"] == []
        last = state["get_tasks"]["unreachable_tasks"][0]["statuses"][-1]
        assert last["reason"] == "REASON_AGENT_REMOVED" and "unreachable_time" in last
    finally:
        agent.process.send_signal(signal.SIGCONT)
    cluster.wait_agents(1)
    tasks = wait_for(lambda: ask(cluster.master, "GET_TASKS")["tasks"], what="the task to be back")
    assert [t["state"] for t in tasks] == ["TASK_RUNNING"]
    assert ask(cluster.master, "GET_TASKS")["unreachable_tasks"] == []
    shown = ask(cluster.master, "GET_AGENTS")["agents"][0]
    assert shown["active"] and int(shown["reregistered_time"]["nanoseconds"]) > 0
    scheduler.teardown()


# ---- subscribers ----

class Listener:
    """A raw subscription, read only when asked to."""

    def __init__(self, master, accept=JSON, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", master.port))
        self.socket.sendall(f"POST /api/v1 HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\nContent-Type: {JSON}\r\n"
                            "Content-Length: 20\r\n\r\n".encode() + b'{"type":"SUBSCRIBE"}')
        self.data = bytearray()

    def until(self, text):
        looked = 0
        while self.data.find(text, looked) < 0:
            looked = max(0, len(self.data) - len(text))
            more = self.socket.recv(1 << 20)
            assert more, f"ended before {text}: {self.data[-300:]}"
            self.data += more


def records(data):
    """A record's text per chunk: clients of node's http take each chunk for one whole event, however many come at once."""
    rest, found = data.split(b"\r\n\r\n", 1)[1], []
    while b"\r\n" in rest:
        size, rest = rest.split(b"\r\n", 1)
        chunk, rest = rest[:int(size, 16)], rest[int(size, 16) + 2:]
        if len(chunk) == int(size, 16):  # else it is on its way
            length, text = chunk.split(b"\n", 1)
            assert int(length) == len(text), chunk
            found.append(text)
    return found


def test_subscribers(cluster):
    """One that reads, one that does not, one that hangs up: none keeps another from its events, or the master."""
    lazy = Listener(cluster.master, receive_buffer=4096)
    eager, rude = Listener(cluster.master), Listener(cluster.master, PROTOBUF)
    eager.until(b'"HEARTBEAT"')
    head = eager.data.split(b"\r\n\r\n", 1)[0]
    assert b"200 OK" in head and b"Content-Type: application/json" in head and b"Transfer-Encoding: chunked" in head
    wait_for(lambda: cluster.master.get("/metrics/snapshot")["master/operator_event_stream_subscribers"] == 3,
             what="three subscribers")
    rude.socket.close()
    scheduler = Scheduler(cluster.address, name="seen").subscribe()
    scheduler.run("t", "true")
    scheduler.teardown()
    eager.until(b'"FRAMEWORK_REMOVED"')
    for kind in (b"FRAMEWORK_ADDED", b"TASK_ADDED", b"TASK_UPDATED"):
        assert b'"type":"' + kind + b'"' in eager.data
    wait_for(lambda: cluster.master.get("/metrics/snapshot")["master/operator_event_stream_subscribers"] == 2,
             what="the one that hung up to be forgotten")
    kinds = [json.loads(text)["type"] for text in records(bytes(eager.data))]
    assert kinds[0] == "SUBSCRIBED" and {"HEARTBEAT", "FRAMEWORK_ADDED", "TASK_ADDED", "TASK_UPDATED"} < set(kinds)
    lazy.until(b'"FRAMEWORK_REMOVED"')  # nothing is lost to slowness
    assert [json.loads(text)["type"] for text in records(bytes(lazy.data))][:len(kinds)] == kinds
    for listener in (lazy, eager):
        listener.socket.close()


def test_a_subscriber_that_never_reads_is_cut_off(cluster):
    """Beyond 64 MiB of events that wait for it; who reads gets them all meanwhile."""
    lazy, eager = Listener(cluster.master, receive_buffer=4096), Listener(cluster.master)
    lazy.until(b'"HEARTBEAT"')
    eager.until(b'"HEARTBEAT"')
    reading = threading.Thread(target=eager.until, args=(b'"FRAMEWORK_REMOVED"',))
    reading.start()
    scheduler = Scheduler(cluster.address, name="wordy").subscribe()
    count, label = 0, {"labels": [{"key": "much", "value": "x" * (2 << 20)}]}
    for _ in range(8):
        offer = large_offer(scheduler)
        scheduler.accept(offer, [command_task(f"t{count + i}", "true", offer, cpus=0.01, mem=1, labels=label)
                                 for i in range(5)])
        count += 5
    wait_for(lambda: cluster.master.get("/metrics/snapshot")["master/operator_event_stream_subscribers"] == 1,
             what="the end of the one that does not read")
    assert cluster.master.get("/health", raw=True) == b""
    scheduler.teardown()
    reading.join(60)
    assert not reading.is_alive() and eager.data.count(b'"type":"TASK_ADDED"') == count
    for listener in (lazy, eager):
        listener.socket.close()


def test_callers_that_leave(cluster):
    """A call whose answer nobody waits for is forgotten, whenever that is noticed."""
    for i in range(200):
        body = b'{"type":"SUBSCRIBE"}' if i % 2 else b'{"type":"GET_STATE"}'
        for daemon in (cluster.master, cluster.agents[0]):
            with socket.create_connection(("127.0.0.1", daemon.port), timeout=10) as s:
                s.sendall(b"POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n"
                          + body)
                if i % 4 == 3:
                    s.recv(10)
    wait_for(lambda: cluster.master.get("/metrics/snapshot")["master/operator_event_stream_subscribers"] == 0,
             what="all of them to be forgotten")
    assert ask(cluster.master, "GET_HEALTH") == ask(cluster.agents[0], "GET_HEALTH") == {"healthy": True}


def test_most_subscribers(make_cluster):
    cluster = make_cluster(agents=0, master_flags={"max_operator_event_stream_subscribers": 2})
    listeners = [Listener(cluster.master) for _ in range(4)]
    for listener in listeners[2:]:
        listener.until(b'"HEARTBEAT"')
    for listener in listeners[:2]:
        listener.until(b"0\r\n\r\n")  # ended as a whole, to make room
    assert cluster.master.get("/metrics/snapshot")["master/operator_event_stream_subscribers"] == 2
    for listener in listeners:
        listener.socket.close()


# ---- calls that make no sense ----

MEMBERS = {
    "master": "get_metrics set_logging_level list_files read_file teardown reserve_resources unreserve_resources "
              "create_volumes destroy_volumes grow_volume shrink_volume update_weights update_maintenance_schedule "
              "start_maintenance stop_maintenance drain_agent deactivate_agent reactivate_agent update_quota set_quota "
              "remove_quota mark_agent_gone",
    "agent": "get_metrics set_logging_level list_files read_file launch_nested_container wait_nested_container "
             "kill_nested_container remove_nested_container launch_container wait_container kill_container "
             "remove_container add_resource_provider_config update_resource_provider_config "
             "remove_resource_provider_config mark_resource_provider_gone attach_container_output "
             "launch_nested_container_session attach_container_input",
}
NONSENSE = (None, 5, -1.5, "text", [], [{}], {}, {"path": 7}, {"container_id": 3}, {"framework_id": {}},
            {"level": -1, "duration": {"nanoseconds": 1}}, {"level": 2 ** 32, "duration": {"nanoseconds": 1}},
            {"level": 1, "duration": "2secs"}, {"level": 1, "duration": {"nanoseconds": -5}}, {"level": 1, "duration": {}},
            {"path": "\0", "offset": 0}, {"path": "/x", "offset": -1}, {"path": "/x", "offset": 1e30},
            {"container_id": {"value": "../../x"}}, {"container_id": {"value": ""}}, {"agent_id": {"value": "\n\n"}},
            {"framework_id": {"value": "x" * 100000}}, {"value": {"value": {"value": {}}}})


@pytest.mark.parametrize("name", ["master", "agent"])
def test_nonsense(cluster, name):
    daemon = cluster.master if name == "master" else cluster.agents[0]
    for member in MEMBERS[name].split():
        for value in NONSENSE:
            body = {"type": member.upper()} if value is None else {"type": member.upper(), member: value}
            status, content_type, data = post(daemon, body)
            assert status in (200, 400, 404, 415, 501) or status == 500 and data, (body, status, data)
            if status >= 400 and status != 404:
                assert data and content_type.startswith("text/plain"), (body, status, data)
    deep = '{"type":' + '{"a":' * 100000
    for body, wanted in ((deep, 400), ("[" * 100000, 400), ("null", 400), ('"GET_STATE"', 400), ("[]", 400), ("", 400),
                         ('{"type":"GET_STATE"}{}', 400), ('{"type":null}', 400), ('{"type":9}', 400),
                         ('{"type":"get_health"}', 400), ('{"type":"GET_HEALTH","get_health":7}', 200),
                         ('{"type":"UNKNOWN"}', 501), ('{"type":"GET_HEALTH"' + " " * (1 << 20) + "}", 200)):
        status, _, data = post(daemon, body.encode())
        assert status == wanted, (body[:60], status, data[:200])
    assert post(daemon, field(1, 4000), content_type=PROTOBUF)[0] == 400  # a type that nobody knows is no type
    assert post(daemon, field(1, 0), content_type=PROTOBUF)[0] == 501
    for content_type in ("", "json", "application/json; charset=utf-8", "application/octet-stream", "*/*", JSON + "\t"):
        assert post(daemon, b"{}", content_type=content_type)[0] in (400, 415)
    for accept in ("", "text/html", "application/recordio;q=0", "application/json;q=0", ",,;;q="):
        assert post(daemon, {"type": "GET_HEALTH"}, accept=accept)[0] in (200, 406)
    assert daemon.get("/health", raw=True) == b""
    assert ask(daemon, "GET_HEALTH") == {"healthy": True}


@pytest.mark.parametrize("name, folder", [("master", "06-operator-master-reads"), ("agent", "06c-operator-agent")])
def test_broken_bytes(cluster, name, folder):
    """Recorded calls in protobuf with bytes missing, changed or added."""
    daemon = cluster.master if name == "master" else cluster.agents[0]
    chance = random.Random(7)
    calls = sorted({r.partition(b"\r\n\r\n")[2] for n, r, _ in recorded(folder, "agent1" if name == "agent" else name)
                    if b"Content-Type: application/x-protobuf" in r and b"POST /api/v1 " in r and "SUBSCRIBE" not in n})
    assert len(calls) > 10
    for call in calls:
        variants = [call[:chance.randrange(len(call))], call + b"\xff", call * 2, call + field(4000, b"x")]
        for _ in range(6):
            at = chance.randrange(len(call))
            variants.append(call[:at] + bytes([chance.randrange(256)]) + call[at + 1:])
        for body in variants:
            if body[:2] in (b"\x08\x12", b"\x08\x03\x08\x12") or b"\x08\x12" in body[:6]:
                continue  # SUBSCRIBE by chance: its answer does not end
            status, _, data = post(daemon, body, content_type=PROTOBUF)
            assert status in (200, 400, 404, 415, 501) or status == 500 and data, (body, status, data)
    assert ask(daemon, "GET_HEALTH") == {"healthy": True}


def test_streams_that_make_no_sense(cluster):
    """Bodies of records on the agent: what is no record, no call, or not the call for it."""
    agent = cluster.agents[0]

    def stream(body, chunked=True, **headers):
        with socket.create_connection(("127.0.0.1", agent.port), timeout=10) as s:
            head = {"Host": "x", "Content-Type": "application/recordio", "Message-Content-Type": JSON, "Accept": JSON,
                    **({"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(body))}), **headers}
            s.sendall(b"POST /api/v1 HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in head.items() if v).encode() + b"\r\n")
            if chunked:
                s.sendall(f"{len(body):x}\r\n".encode() + body + b"\r\n" if body else b"")
                s.sendall(b"0\r\n\r\n")
            else:
                s.sendall(body)
            answer = http.client.HTTPResponse(s, method="POST")
            answer.begin()
            return answer.status, answer.read()

    def record(text):
        return f"{len(text)}\n{text}".encode()

    health = '{"type":"GET_HEALTH"}'
    for chunked in (True, False):
        refused = (415, b"Streaming 'Content-Type' application/recordio is not supported for GET_HEALTH call")
        assert stream(record(health), chunked) == refused
        assert stream(b"", chunked) == (400, b"Received EOF while reading request body")
        assert stream(b"21\n{", chunked) == (400, b"Received EOF while reading request body")
        for wrong in (b"x\n", b"-1\n", b"99999999999999999999\n", b"{" * 1000):
            status, text = stream(wrong, chunked)
            assert status == 400 and text, (wrong, status, text)
        status, text = stream(record("{"), chunked)
        assert status == 400 and text.startswith(b"Failed to parse body into JSON")
        status, text = stream(record("{}"), chunked)
        assert (status, text) == (400, b"Failed to validate agent::Call: Expecting 'type' to be present")
        assert stream(record(health), chunked, **{"Message-Content-Type": None}) == (
            400, b"Expecting 'Message-Content-Type' to be set for streaming requests")
        assert stream(record(health), chunked, **{"Message-Content-Type": "text/plain"})[0] == 415
        assert stream(record(health), chunked, Accept="text/plain")[0] == 406
    assert post(agent, {"type": "GET_HEALTH"}, **{"Message-Content-Type": JSON})[0] == 415
    assert post(agent, {"type": "GET_HEALTH"}, **{"Message-Accept": JSON})[0] == 406
    # A body that never ends, and whose sender leaves, holds nothing up.
    for _ in range(20):
        s = socket.create_connection(("127.0.0.1", agent.port), timeout=10)
        s.sendall(b"POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/recordio\r\n"
                  b"Message-Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n100\n{\r\n")
        s.close()
    time.sleep(0.2)
    assert ask(agent, "GET_HEALTH") == {"healthy": True}
