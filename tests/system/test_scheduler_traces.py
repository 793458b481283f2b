# SPDX-License-Identifier: Apache-2.0
"""Recorded conversations replayed whole: a scheduler and an executor over the v1 APIs, each event equal to the recorded
one but for ids, times and ports; offer operations, which are refused for now, and coming back in time and too late."""
import glob
import json
import os
import queue
import re
import socket
import time

import pytest

from cluster import wait_for
from libprocess import Peer, make
from scheduler import Scheduler, command_task, scalar
from replay import FACTS, Replay, Stream, records, split
from test_master_traces import check_answer, check_subscribed

EXECUTOR = "04c-v1-executor-json"
OPERATIONS = "02d-offer-operations-and-failover"
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def trace(folder, number):
    """(name, request, answer or None) of one recorded exchange."""
    path, = glob.glob(os.path.join(FACTS, folder, f"{number:03}-client-*.req"))
    with open(path, "rb") as f:
        request = f.read()
    answer = None
    if os.path.exists(path[:-3] + "res"):
        with open(path[:-3] + "res", "rb") as f:
            answer = f.read()
    return os.path.basename(path)[:-4], request, answer


def plain(event):
    """An event without what differs between runs, and with resources in one order."""
    def walk(value, key=""):
        if isinstance(value, dict):
            return {k: walk(v, k) for k, v in value.items() if k not in ("timestamp", "executor_pid", "port")}
        if isinstance(value, list):
            done = [walk(v, key) for v in value]
            return sorted(done, key=lambda r: json.dumps(r, sort_keys=True)) if key == "resources" else done
        return value
    return walk(event)


class Events:
    """All events of a stream, in order, beside the recorded ones."""

    def __init__(self, replay, stream, answer):
        self.replay, self.stream = replay, stream
        self.recorded = [json.loads(r) for r in records(split(answer)[2])]

    def expect(self, kind, which, container=None, timeout=15):
        """The next event of that kind is the recorded event number `which` (from 1); others are passed over."""
        theirs = self.recorded[which - 1]
        assert theirs["type"] == kind
        while True:
            ours = self.stream.events.get(timeout=timeout)
            if ours["type"] == kind:
                break
        text = self.replay.theirs(json.dumps(plain(ours)))
        if container:
            text = text.replace(*container)
        assert json.loads(text) == plain(theirs)
        return ours


def to_agent(replay, request):
    """Sends a recorded request of an executor to our agent; the executor's streams are Stream objects."""
    agent = replay.cluster.agents[0]
    head, _, body = request.decode("latin1").partition("\r\n\r\n")
    body = replay.ours(body)
    head = re.sub(r"(?im)^content-length: \d+", f"Content-Length: {len(body)}", replay.ours(head))
    head = re.sub(r"(?m)^Host: .*?\r?$", f"Host: 127.0.0.1:{agent.port}\r", head)
    connection = socket.create_connection(("127.0.0.1", agent.port), timeout=10)
    connection.sendall((head + "\r\n\r\n" + body).encode("latin1"))
    return replay.receive(connection, "POST")


@pytest.fixture
def recorded_like(make_cluster):
    return make_cluster(master_flags={"hostname": "master1.example"}, agent_flags={"hostname": "agent1.example"})


def test_executor(recorded_like):
    """SUBSCRIBE, LAUNCH, UPDATE, ACKNOWLEDGED, MESSAGE both ways, KILL with a policy: both streams, event by event."""
    replay = Replay(recorded_like, EXECUTOR)

    def to_master(number):
        name, request, answer = trace(EXECUTOR, number)
        request = request.replace(b"/usr/bin/python3 /var/lib/mesos/x/exec.py", b"sleep 100")
        status, headers, body = replay.receive(replay.send(request), "POST")
        check_answer(name, request, status, headers, body, answer, replay)

    def from_executor(number):
        name, request, answer = trace(EXECUTOR, number)
        check_answer(name, request, *to_agent(replay, request), answer, replay)

    _, request, answer = trace(EXECUTOR, 6)
    status, headers, stream = replay.receive(replay.send(request), "POST")
    assert status == 200
    scheduler = Events(replay, stream, answer)
    replay.ids[split(answer)[1]["mesos-stream-id"]] = headers["mesos-stream-id"]
    assert stream.events.get(timeout=60)["type"] == "SUBSCRIBED"
    assert stream.events.get(timeout=60) == {"type": "HEARTBEAT"}

    def offers(which):
        replay.ids[scheduler.recorded[which - 1]["offers"]["offers"][0]["id"]["value"]] = "?"
        while True:  # ours are numbered by ourselves
            event = stream.events.get(timeout=60)
            if event["type"] == "OFFERS":
                break
        replay.ids[scheduler.recorded[which - 1]["offers"]["offers"][0]["id"]["value"]] = (
            event["offers"]["offers"][0]["id"]["value"])
        assert json.loads(replay.theirs(json.dumps(plain(event)))) == plain(scheduler.recorded[which - 1])

    offers(3)
    to_master(7)
    wait_for(lambda: [c for c in recorded_like.agents[0].get("/containers") if c.get("status", {}).get("executor_pid")],
             10, "the executor's container")
    _, request, answer = trace(EXECUTOR, 9)
    status, headers, executor_stream = to_agent(replay, request)
    assert status == 200 and headers["content-type"] == "application/json"
    executor = Events(replay, executor_stream, answer)
    first = executor_stream.events.get(timeout=60)
    container = (first["subscribed"]["container_id"]["value"],
                 executor.recorded[0]["subscribed"]["container_id"]["value"])
    ours = json.loads(replay.theirs(json.dumps(plain(first))).replace(*container)
                      .replace('"sleep 100"', '"/usr/bin/python3 /var/lib/mesos/x/exec.py"'))
    assert ours == plain(executor.recorded[0])
    for which, update in ((2, 10), (4, 16)):
        if update == 16:
            offers(5)
            to_master(14)
        launch = executor_stream.events.get(timeout=60)
        text = replay.theirs(json.dumps(plain(launch)))
        assert json.loads(text.replace('"sleep 100"', '"/usr/bin/python3 /var/lib/mesos/x/exec.py"')) == plain(
            executor.recorded[which - 1])
        from_executor(update)
        executor.expect("ACKNOWLEDGED", which + 1)
        scheduler.expect("UPDATE", which + 2, container)
        to_master(update + 2)
    to_master(20)
    executor.expect("MESSAGE", 6)
    from_executor(22)
    scheduler.expect("MESSAGE", 7)
    to_master(24)
    executor.expect("KILL", 7)
    from_executor(26)
    executor.expect("ACKNOWLEDGED", 8)
    scheduler.expect("UPDATE", 8, container)
    to_master(28)


TASKS = "02-v1-scheduler-json"
# Requests in order; those that start or end tasks say which, and until which state they are followed.
STEPS = [(3, "finish", "TASK_FINISHED"), (7, "exit3", "TASK_FAILED"), (11, "selfterm", "TASK_FAILED"),
         (12, "selfkill", "TASK_FAILED"), (13, "argv", "TASK_FINISHED"), (14, "env", "TASK_FINISHED"),
         (15, "baduser", "TASK_LOST"), (16, "nobinary", "TASK_FAILED"), (17, "baduri", "TASK_FAILED"),
         (18, "labels", "TASK_FINISHED"), (19, "maxcompletion", "TASK_FAILED"), (20, "killme", "TASK_RUNNING"),
         (21, "killme", "TASK_KILLED"), (22, "stubborn", "TASK_RUNNING"), (23, "stubborn", "TASK_KILLED"),
         (24, "policy", "TASK_RUNNING"), (25, "policy", "TASK_KILLED"), (27, "nosuchtask", "TASK_LOST"),
         (28, "nosuchtask2", "TASK_LOST"), (29, "two-a", "TASK_FINISHED"), (0, "two-b", "TASK_FINISHED")]


def plain_status(replay, status):
    text = json.dumps(plain({k: v for k, v in status.items() if k not in ("uuid", "received")}), sort_keys=True)
    for agent in replay.cluster.agents:
        text = text.replace(agent.work_dir, "/var/lib/mesos/agent")
    return json.loads(UUID.sub("<uuid>", replay.theirs(text)))


def call(replay, stream_id, kind, **body):
    text = json.dumps({"type": kind, "framework_id": {"value": replay.master_id + "-0000"}, **body})
    connection = replay.send((f"POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                              f"Mesos-Stream-Id: {stream_id}\r\nContent-Length: {len(text)}\r\n\r\n{text}").encode())
    assert replay.receive(connection, "POST")[0] == 202


def traps_term(pid):
    """Has a shell below the process said what it does with SIGTERM?"""
    todo = [pid]
    while todo:
        parent = todo.pop()
        try:
            with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as f:
                children = [int(word) for word in f.read().split()]
            for child in children:
                with open(f"/proc/{child}/status", encoding="ascii") as f:
                    lines = [line.split() for line in f]
                masks = [int(line[1], 16) for line in lines if line and line[0] in ("SigCgt:", "SigIgn:")]
                if lines[0][1] in ("sh", "dash", "bash") and any(mask & 1 << 14 for mask in masks):
                    return True
            todo += children
        except OSError:
            pass  # gone by now
    return False


def test_statuses_of_tasks(make_cluster):
    """What tasks of every kind become, and in which words: each status equal to the recorded one."""
    cluster = make_cluster(master_flags={"hostname": "master1.example", "allocation_interval": "100ms"},
                           agent_flags={"hostname": "agent1.example"})
    replay = Replay(cluster, TASKS)
    recorded = {}
    _, request, answer = trace(TASKS, 1)
    for event in (json.loads(r) for r in records(split(answer)[2])):
        if event["type"] == "UPDATE":
            status = event["update"]["status"]
            recorded.setdefault(status["task_id"]["value"], []).append(status)
    status, headers, stream = replay.receive(replay.send(request), "POST")
    assert status == 200
    check_subscribed(replay, stream, headers, answer, listen=True)
    stream_id = headers["mesos-stream-id"]

    def one_whole_offer():
        """Whatever is out comes back first, so that the next offer holds all that is free."""
        time.sleep(0.15)
        while not replay.offers.empty():
            call(replay, stream_id, "DECLINE", decline={"offer_ids": [replay.offers.get()["id"]],
                                                        "filters": {"refuse_seconds": 0}})

    wrong = []
    for number, task, last in STEPS:
        if task == "baduser" and os.geteuid() != 0:
            continue  # needs root to switch users
        if number:
            name, request, answer = trace(TASKS, number)
            if b'"ACCEPT"' in request:
                one_whole_offer()
            status, headers, body = replay.receive(replay.send(request), "POST")
            check_answer(name, request, status, headers, body, answer, replay)
        while recorded[task]:
            theirs = recorded[task].pop(0)
            ours = replay.statuses.setdefault(task, queue.Queue()).get(timeout=60)
            if "uuid" in ours:
                call(replay, stream_id, "ACKNOWLEDGE", acknowledge={
                    "agent_id": ours["agent_id"], "task_id": ours["task_id"], "uuid": ours["uuid"]})
            if plain_status(replay, ours) != plain_status(replay, theirs):
                wrong.append(f"{task}: {plain_status(replay, ours)}\nrecorded: {plain_status(replay, theirs)}")
            if theirs["state"] == last:
                if last == "TASK_RUNNING" and b"trap" in request:
                    wait_for(lambda: traps_term(ours["container_status"]["executor_pid"]), 10, "the trap")
                break
    assert not wrong, "\n".join(wrong)


def test_operations_and_failover(recorded_like):
    """Operations with ids get OPERATION_ERROR, those without are dropped, and nothing of the agent changes; what is asked
    of operations is answered as recorded; a framework comes back in time and another too late."""
    replay = Replay(recorded_like, OPERATIONS)
    streams, statuses = [], []
    _, _, main = trace(OPERATIONS, 1)
    recorded = [json.loads(r) for r in records(split(main)[2])]
    their_unknown = next(e["update_operation_status"]["status"] for e in recorded
                         if e["type"] == "UPDATE_OPERATION_STATUS" and
                         e["update_operation_status"]["status"]["state"] == "OPERATION_UNKNOWN")
    agent_before = recorded_like.master.get("/slaves")["slaves"][0]

    def run(number):
        name, request, answer = trace(OPERATIONS, number)
        status, headers, body = replay.receive(replay.send(request), request.split(b" ", 1)[0].decode())
        if isinstance(body, Stream):
            streams.append((number, body))
            check_subscribed(replay, body, headers, answer, listen=number in (1, 56))
        else:
            check_answer(name, request, status, headers, body, answer, replay)
        return request

    run(1)
    for number in (2, 7, 12, 17, 30, 35, 40, 43, 44):
        request = run(number)
        operation = json.loads(request.partition(b"\r\n\r\n")[2])["accept"]["operations"][0]
        if "id" not in operation:
            continue
        status = replay.operations.get(timeout=60)
        assert (status["operation_id"], status["state"]) == (operation["id"], "OPERATION_ERROR")
        assert operation["type"] in status["message"] and "not supported" in status["message"]
        assert "uuid" not in status  # nothing to acknowledge
        statuses.append(status)
    assert len(statuses) == 8
    with pytest.raises(queue.Empty):
        replay.operations.get(timeout=0.2)
    run(16)
    status = json.loads(replay.theirs(json.dumps(replay.operations.get(timeout=60))))
    assert status == their_unknown
    run(5)  # an acknowledgement of what nobody has
    run(21)  # all operations: there is none
    with pytest.raises(queue.Empty):
        replay.operations.get(timeout=0.2)
    agent = recorded_like.master.get("/slaves")["slaves"][0]
    for key in ("resources", "reserved_resources", "unreserved_resources"):
        assert agent[key] == agent_before[key]
    assert recorded_like.master.get("/health", raw=True) is not None
    # One ACCEPT with an operation that is refused and a launch that does not need it.
    run(52)
    wait_for(lambda: "stay" in replay.statuses, 15, "the task to be heard of")
    streams[0][1].connection.shutdown(2)
    wait_for(lambda: not recorded_like.master.get("/frameworks")["frameworks"][0]["connected"], 10, "it to be away")
    shown, = recorded_like.master.get("/frameworks")["frameworks"]
    assert (shown["active"], shown["connected"], shown["recovered"]) == (False, False, False)
    run(55)
    run(56)
    run(57)
    wait_for(lambda: replay.statuses["stay"].qsize() > 0, 10, "the reconciliation")
    run(58)
    streams[-1][1].connection.shutdown(2)
    wait_for(lambda: len(recorded_like.master.get("/frameworks")["frameworks"]) == 1, 10, "it to be removed")
    run(60)


def test_operations_beside_tasks(make_cluster):
    """What cannot be done takes nothing away from the tasks of the same ACCEPT."""
    cluster = make_cluster(master_flags={"allocation_interval": "50ms"})
    scheduler = Scheduler(cluster.address, roles=["web"]).subscribe()
    offer = scheduler.offer()
    reserved = scalar("cpus", 1, reservations=[{"type": "DYNAMIC", "role": "web"}], allocation_info={"role": "web"})
    kinds = {"RESERVE": {"resources": [reserved]}, "UNRESERVE": {"resources": [reserved]},
             "CREATE": {"volumes": [reserved]}, "DESTROY": {"volumes": [reserved]},
             "GROW_VOLUME": {"volume": reserved, "addition": reserved},
             "SHRINK_VOLUME": {"volume": reserved, "subtract": {"value": 1}},
             "CREATE_DISK": {"source": reserved, "target_type": "MOUNT"}, "DESTROY_DISK": {"source": reserved}}
    operations = [{"type": kind, "id": {"value": kind}, kind.lower(): body} for kind, body in kinds.items()]
    operations += [{"type": kind, kind.lower(): body} for kind, body in kinds.items()]
    operations.insert(3, {"type": "LAUNCH", "launch": {"task_infos": [command_task("t", "true", offer)]}})
    scheduler.accept(offer, [], operations=operations)
    assert scheduler.until("t", {"TASK_FINISHED"})[-1]["state"] == "TASK_FINISHED"
    seen = [scheduler.others.get(timeout=60)["update_operation_status"]["status"] for _ in kinds]
    assert [s["operation_id"]["value"] for s in seen] == list(kinds)
    assert {s["state"] for s in seen} == {"OPERATION_ERROR"}
    assert all("agent_id" not in s for s in seen)
    assert scheduler.others.empty()
    scheduler.call("ACKNOWLEDGE_OPERATION_STATUS", 400, acknowledge_operation_status={
        "operation_id": {"value": "x"}, "uuid": "AAAAAAAAAAAAAAAAAAAAAA=="})
    scheduler.teardown()


def test_launches_have_no_id(make_cluster):
    cluster = make_cluster(master_flags={"allocation_interval": "50ms"})
    scheduler = Scheduler(cluster.address, roles=["web"]).subscribe()
    offer = scheduler.offer()
    task = command_task("t", "true", offer)
    executor = {"type": "DEFAULT", "executor_id": {"value": "e"},
                "resources": [scalar("cpus", 0.1), scalar("mem", 32), scalar("disk", 1)]}
    # A health check of old, without a type, is what its member says.
    old = command_task("old", "sleep 1", offer, health_check={"command": {"value": "true"}, "delay_seconds": 0})
    scheduler.accept(offer, [], operations=[
        {"type": "LAUNCH", "id": {"value": "o"}, "launch": {"task_infos": [task]}},
        {"type": "LAUNCH_GROUP", "id": {"value": "o"}, "launch_group": {
            "executor": executor, "task_group": {"tasks": [command_task("g", "true", offer)]}}},
        {"type": "LAUNCH", "launch": {"task_infos": [old]}}])
    first, second = scheduler.update("t"), scheduler.update("g")
    assert (first["state"], first["reason"], first["message"]) == (
        "TASK_ERROR", "REASON_TASK_INVALID", "The `id` field cannot be set on LAUNCH operations")
    assert (second["state"], second["reason"], second["message"]) == (
        "TASK_ERROR", "REASON_TASK_GROUP_INVALID", "The `id` field cannot be set on LAUNCH_GROUP operations")
    assert scheduler.until("old", {"TASK_FINISHED"})
    assert any(s.get("healthy") for s in scheduler.history)
    assert scheduler.others.empty()
    scheduler.teardown()


def test_drivers_know_no_operations(make_cluster):
    cluster = make_cluster(master_flags={"allocation_interval": "50ms"})
    driver, to = Peer("scheduler-1"), f"master@{cluster.address}"
    try:
        call = make("mesos.scheduler.Call")
        call.type = 1
        info = call.subscribe.framework_info
        info.user, info.name = "root", "v0"
        assert driver.send(to, call) == 202
        me = driver.value("FrameworkRegisteredMessage").framework_id.value
        offer = driver.value("ResourceOffersMessage").offers[0]
        accept = make("mesos.scheduler.Call")
        accept.type = 3
        accept.framework_id.value = me
        accept.accept.offer_ids.add().value = offer.id.value
        operation = accept.accept.operations.add()
        operation.type, operation.id.value = 2, "o"  # RESERVE
        operation.reserve.SetInParent()
        assert driver.send(to, accept) == 202
        assert driver.value("FrameworkErrorMessage").message == (
            "The 'id' field was set in an offer operation, but operation feedback is not supported for the "
            "SchedulerDriver API; please use the HTTP scheduler API for this feature")
    finally:
        driver.close()


CALL = "Failed to validate scheduler::Call: "
SHAPES = [
    ("ACKNOWLEDGE_OPERATION_STATUS", {}, CALL + "Expecting 'acknowledge_operation_status' to be present"),
    ("ACKNOWLEDGE_OPERATION_STATUS", {"acknowledge_operation_status": {"operation_id": {"value": "x"}, "uuid": "AAAA"}},
     CALL + "Not a valid UUID"),
    ("ACKNOWLEDGE_OPERATION_STATUS",
     {"acknowledge_operation_status": {"operation_id": {"value": "x"}, "uuid": "AAAAAAAAAAAAAAAAAAAAAA=="}},
     CALL + "Expecting 'agent_id' to be present"),
    ("RECONCILE_OPERATIONS", {}, CALL + "Expecting 'reconcile_operations' to be present"),
    ("ACCEPT_INVERSE_OFFERS", {}, CALL + "Expecting 'accept_inverse_offers' to be present"),
    ("DECLINE_INVERSE_OFFERS", {}, CALL + "Expecting 'decline_inverse_offers' to be present"),
    ("UPDATE_FRAMEWORK", {"update_framework": {"framework_info": {"user": "root", "name": "x"}}},
     CALL + "'framework_id' differs from 'update_framework.framework_info.id'"),
    ("UPDATE_FRAMEWORK", {"update_framework": {"framework_info": {"user": "root", "name": "x", "id": {"value": "y"}}}},
     CALL + "'framework_id' differs from 'update_framework.framework_info.id'"),
    ("UPDATE_FRAMEWORK", {"update_framework": {}},
     "Failed to convert JSON into Call protobuf: Missing required fields: update_framework.framework_info"),
]


def test_shapes_of_calls(make_cluster):
    cluster = make_cluster(agents=0)
    scheduler = Scheduler(cluster.address, roles=["a", "b"]).subscribe()
    for kind, body, text in SHAPES:
        assert scheduler.call(kind, 400, **body) == (400, text)
    # Without maintenance nobody has an inverse offer: unknown ones are passed over.
    unknown = {"inverse_offer_ids": [{"value": "x"}]}
    scheduler.call("ACCEPT_INVERSE_OFFERS", 202, accept_inverse_offers=unknown)
    scheduler.call("DECLINE_INVERSE_OFFERS", 202, decline_inverse_offers=unknown)
    scheduler.call("ACCEPT_INVERSE_OFFERS", 202, accept_inverse_offers={"inverse_offer_ids": []})
    me = {"id": {"value": scheduler.framework_id}}

    def update(expect, info=None, **more):
        return scheduler.call("UPDATE_FRAMEWORK", expect, update_framework={
            "framework_info": {**scheduler.info, **me, **(info or {})}, **more})[1]

    assert update(400, {"roles": ["a", "a"]}) == (
        "Supplied FrameworkInfo is not valid: 'FrameworkInfo.roles' contains duplicate items: { a }")
    assert update(400, {"roles": ["-"]}).startswith(
        "Supplied FrameworkInfo is not valid: 'FrameworkInfo.roles' contains invalid role: ")
    assert update(400, {"failover_timeout": 1e30}).startswith(
        "Supplied FrameworkInfo is not valid: The framework failover_timeout (1e+30) is invalid")
    assert update(400, {"user": "x"}) == (
        "FrameworkInfo update is not valid: Updating 'FrameworkInfo.user' is unsupported; attempted to update from "
        "'root' to 'x'")
    assert update(400, suppressed_roles=["c"]) == (
        "'UpdateFramework' call is not valid: Suppressed roles { c } are not contained in the set of roles")
    assert update(200, {"name": "other", "hostname": "h", "webui_url": "http://h", "failover_timeout": 5.0,
                        "labels": {"labels": [{"key": "k"}]}, "roles": ["b"],
                        "capabilities": [{"type": "MULTI_ROLE"}, {"type": "PARTITION_AWARE"}]}) == ""
    shown, = cluster.master.get("/frameworks")["frameworks"]
    assert (shown["name"], shown["hostname"], shown["webui_url"], shown["failover_timeout"], shown["roles"]) == (
        "other", "h", "http://h", 5.0, ["b"])
    assert shown["capabilities"] == ["MULTI_ROLE", "PARTITION_AWARE"] and shown["labels"] == [{"key": "k"}]
    scheduler.teardown()


def test_update_framework_reaches_what_it_concerns(make_cluster):
    """Offers of roles that are left are rescinded, others stay; agents that run something hear of new info."""
    cluster = make_cluster(agents=2, master_flags={"allocation_interval": "50ms"})
    scheduler = Scheduler(cluster.address, roles=["a", "b"]).subscribe()
    offers = {o["allocation_info"]["role"]: o for o in (scheduler.offer(), scheduler.offer())}
    if len(offers) == 1:  # both for the same role: one goes to the other
        kept = next(iter(offers.values()))
        other = "b" if kept["allocation_info"]["role"] == "a" else "a"
    else:
        kept, other = offers["a"], "b"
    scheduler.accept(kept, [command_task("t", "sleep 100", kept)], refuse_seconds=3600)
    scheduler.until("t", {"TASK_RUNNING"})
    role = kept["allocation_info"]["role"]
    scheduler.call("UPDATE_FRAMEWORK", 200, update_framework={"framework_info": {
        **scheduler.info, "id": {"value": scheduler.framework_id}, "roles": [role], "name": "renamed"}})
    if len(offers) == 2:
        rescind = scheduler.others.get(timeout=60)
        assert rescind == {"type": "RESCIND", "rescind": {"offer_id": offers[other]["id"]}}
    index = next(i for i, a in enumerate(cluster.agents)
                 if a.get("/state")["id"] == kept["agent_id"]["value"])
    wait_for(lambda: [f["name"] for f in cluster.agents[index].get("/state")["frameworks"]] == ["renamed"], 10,
             "the agent to hear of the new name")
    scheduler.teardown()


def test_what_is_known_of_operations(make_cluster):
    """Nothing: but it depends on the agent how that is said."""
    cluster = make_cluster(master_flags={"registry": "local", "agent_ping_timeout": "1secs",
                                         "max_agent_ping_timeouts": "1"})
    scheduler = Scheduler(cluster.address, roles=["a"], failover_timeout=100.0).subscribe()
    agent_id = cluster.master.get("/slaves")["slaves"][0]["id"]

    def ask(**more):
        scheduler.call("RECONCILE_OPERATIONS", 202, reconcile_operations={
            "operations": [{"operation_id": {"value": "o"}, **more}]})
        event = {}
        while "update_operation_status" not in event:  # the loss of an agent is told too
            event = scheduler.others.get(timeout=60)
        status = event["update_operation_status"]["status"]
        assert status.pop("operation_id") == {"value": "o"} and "uuid" not in status
        assert all(status.pop(key) == value for key, value in more.items())
        return status

    def said(state, words):
        return {"state": "OPERATION_" + state, "message": "Reconciliation: " + words}

    provider = {"resource_provider_id": {"value": "p"}}
    assert ask() == said("UNKNOWN", "Operation is unknown and no 'agent_id' was provided")
    assert ask(agent_id={"value": agent_id}, **provider) == said("UNKNOWN", "Operation is unknown")
    assert ask(agent_id={"value": "x"}) == said("UNKNOWN", "Both operation and agent are unknown")
    cluster.agents[0].kill()
    wait_for(lambda: not cluster.master.get("/slaves")["slaves"], 20, "the agent to be unreachable")
    assert ask(agent_id={"value": agent_id}) == said("UNREACHABLE", "Agent is unreachable")
    scheduler.teardown()


def test_suppressed_from_the_beginning(make_cluster):
    cluster = make_cluster(master_flags={"allocation_interval": "50ms"})
    scheduler = Scheduler(cluster.address, roles=["a", "b"], failover_timeout=100.0)
    scheduler.subscribe(suppressed_roles=["a", "b"])
    with pytest.raises(queue.Empty):
        scheduler.offer(timeout=0.5)
    scheduler.call("REVIVE", revive={"roles": ["b"]})
    offer = scheduler.offer()
    assert offer["allocation_info"] == {"role": "b"}
    assert all(r["allocation_info"] == {"role": "b"} for r in offer["resources"])
    scheduler.decline(offer, refuse_seconds=3600)
    # Coming back says anew what is suppressed; what is no longer has no filters either.
    scheduler.disconnect()
    scheduler.subscribe(suppressed_roles=["b"])
    assert scheduler.offer()["allocation_info"] == {"role": "a"}
    # So do the roles themselves.
    scheduler.disconnect()
    scheduler.info["roles"] = ["b", "c"]
    scheduler.subscribe(suppressed_roles=["b"])
    assert scheduler.offer()["allocation_info"] == {"role": "c"}
    assert cluster.master.get("/frameworks")["frameworks"][0]["roles"] == ["b", "c"]
    scheduler.teardown()


def test_an_old_framework_sees_no_allocation(make_cluster):
    cluster = make_cluster(master_flags={"allocation_interval": "50ms"})
    old = Scheduler(cluster.address, roles=None, capabilities=None, role="web").subscribe()
    offer = old.offer()
    assert "allocation_info" not in offer and all("allocation_info" not in r for r in offer["resources"])
    assert "QUOTA_V2" not in json.dumps(old.subscribed)
    old.accept(offer, [command_task("t", "true", offer)])
    assert old.until("t", {"TASK_FINISHED"})
    old.teardown()


def test_killing_is_told_to_those_who_know_it(make_cluster):
    cluster = make_cluster(master_flags={"allocation_interval": "50ms"})
    for capable in (True, False):
        capabilities = [{"type": "MULTI_ROLE"}] + [{"type": "TASK_KILLING_STATE"}] * capable
        scheduler = Scheduler(cluster.address, capabilities=capabilities).subscribe()
        offer = scheduler.offer()
        scheduler.accept(offer, [command_task("t", "sleep 100", offer)])
        scheduler.until("t", {"TASK_RUNNING"})
        scheduler.kill("t")
        states = [s["state"] for s in scheduler.until("t", {"TASK_KILLED"})]
        assert states == (["TASK_KILLING", "TASK_KILLED"] if capable else ["TASK_KILLED"])
        scheduler.teardown()
        time.sleep(0.1)
