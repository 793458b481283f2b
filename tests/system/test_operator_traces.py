# SPDX-License-Identifier: Apache-2.0
"""The operator APIs of master and agent against the recordings: statuses, texts, members and their order, values, events.

The cluster is brought into the state of the recording by our own scheduler with the recorded frameworks and tasks; then
the operators' requests are replayed as they were sent.
"""
import gzip
import json
import queue
import re

import pytest

from cluster import wait_for
from replay import Replay, Stream, records, split
from scheduler import Scheduler, command_task
from shapes import Differences, Schema

READS, WRITES, AGENT = "06-operator-master-reads", "06b-operator-master-writes", "06c-operator-agent"
# Values that no two runs have in common.
RUN = ("*time.nanoseconds", "*_time", "*timestamp", "*uuid", "*executor_pid", "*container_id.value", "*version*", "*.pid",
       "*port", "*build_*", "*git_*", "get_flags.*", "get_metrics.*", "read_file.*", "*mtime.nanoseconds", "*timestamp.nanoseconds",
       "*offers[].id.value",
       "*master_info.id", "*master_info.ip", "*executor_info.command.*", "*file_infos[].size", "*resource_statistics.*_secs", "*resource_statistics.mem_rss_bytes")


def body_of(replay, name):
    request = next(r for n, r, _ in replay.requests if name in n)
    return json.loads(request.partition(b"\r\n\r\n")[2])


def subscribe(cluster, replay, name):
    info = dict(body_of(replay, name)["subscribe"]["framework_info"])
    return Scheduler(cluster.address, **info).subscribe()


def launch(replay, scheduler, name, state):
    offer = scheduler.offer()
    while sum(r["scalar"]["value"] for r in offer["resources"] if r["name"] == "cpus") < 1:
        scheduler.decline(offer)  # of what an ended task gave back
        offer = scheduler.offer()
    tasks = body_of(replay, name)["accept"]["operations"][0]["launch"]["task_infos"]
    for task in tasks:
        task["agent_id"] = offer["agent_id"]
    scheduler.accept(offer, tasks)
    scheduler.until(tasks[0]["task_id"]["value"], {state})


def give_back(cluster, scheduler):
    """All offers, for the others."""
    scheduler.call("SUPPRESS")
    for offer in [o for f in cluster.master.get("/frameworks")["frameworks"] for o in f["offers"]]:
        scheduler.decline(offer | {"id": {"value": offer["id"]}}, refuse_seconds=1000)


def ask(replay, request):
    return replay.receive(replay.send(request), request.split(b" ", 1)[0].decode())


class Comparison:
    """One recorded answer after the other beside ours."""

    def __init__(self, replay, folder, differences, response, schema):
        self.replay, self.folder, self.differences = replay, folder, differences
        self.response, self.schema, self.count = response, schema, 0

    def check(self, name, request, answer):
        status, headers, body = ask(self.replay, request)
        their_status, their_headers, their_body = split(answer)
        where = f"{self.folder}/{name}"
        self.count += 1
        found = []
        for header in ("content-type", "allow", "content-encoding"):
            if headers.get(header) != their_headers.get(header):
                found.append(f"header {header} is {headers.get(header)}, recorded {their_headers.get(header)}")
        if status != their_status:
            found.append(f"status is {status}, recorded {their_status}")
        elif status != 200:
            ours = self.replay.theirs(body.decode())
            if ours != their_body.decode():
                found.append(f"text is {ours}, recorded {their_body.decode()}")
        self.differences.note(where, found)
        if headers.get("content-encoding") == "gzip" == their_headers.get("content-encoding"):
            body, their_body = gzip.decompress(body), gzip.decompress(their_body)
        if not found and status == 200 and their_body:
            self.compare(where, headers["content-type"], body, their_body)

    def compare(self, where, content_type, ours, theirs, message=None):
        if content_type == "application/json":
            ours, theirs = json.loads(self.replay.theirs(ours.decode())), json.loads(theirs)
        else:
            ours = self.schema.decode(message or self.response, ours)
            ours = json.loads(self.replay.theirs(json.dumps(ours)))
            theirs = self.schema.decode(message or self.response, theirs)
        self.differences.compare(where, ours, theirs)
        self.differences.compare_values(where, ours, theirs, RUN)


@pytest.fixture(scope="module")
def schema():
    return Schema()


@pytest.fixture
def recorded_cluster(make_cluster, tmp_path):
    return make_cluster(
        master_flags={"hostname": "master1.example", "cluster": "traces", "log_dir": str(tmp_path / "master"),
                      "allocation_interval": "50ms"},
        agent_flags={"hostname": "agent1.example", "log_dir": str(tmp_path / "agent"),
                     "attributes": "rack:r1;zone:z1;speed:10"})


def open_stream(replay, name):
    request = next(r for n, r, _ in replay.requests if name in n)
    status, headers, stream = ask(replay, request)
    assert status == 200 and isinstance(stream, Stream)
    return stream


def their_events(replay, name):
    answer = next(a for n, _, a in replay.requests if name in n)
    return [r for r in records(split(answer)[2])]


def beats(event):
    return event.get("type") in ("HEARTBEAT", 9)


def compare_events(comparison, stream, name, decode):
    """The same events in the same order, each with the same members; returns how many."""
    recorded = [e for e in map(decode, their_events(comparison.replay, name)) if not beats(e)]
    found = []
    while len(found) < len(recorded):
        try:
            raw = stream.events.get(timeout=60)
        except queue.Empty:
            break
        event = raw if stream.json else decode(raw)
        event = json.loads(comparison.replay.theirs(json.dumps(event)))
        if not beats(event):
            found.append(event)
    assert [e["type"] for e in found] == [e["type"] for e in recorded]
    for i, (ours, theirs) in enumerate(zip(found, recorded)):
        where = f"{READS}/{name} event {i} {theirs['type']}"
        comparison.differences.compare(where, ours, theirs)
        comparison.differences.compare_values(where, ours, theirs, RUN + ("*nanoseconds", "task_updated.state"))
    return len(found)


# The master's own requests among the recorded ones: all but the scheduler's and the streams, which are driven by hand.
DRIVEN = re.compile(r"-(operator-subscribe-json|operator-subscribe-protobuf|operator-subscribe-later-with-state)$")


def test_master_reads(recorded_cluster, schema):
    replay = Replay(recorded_cluster, READS)
    with Differences(READS) as differences:
        comparison = Comparison(replay, READS, differences, "mesos.v1.master.Response", schema)
        json_stream = open_stream(replay, "operator-subscribe-json")
        protobuf_stream = open_stream(replay, "operator-subscribe-protobuf")
        web = subscribe(recorded_cluster, replay, "subscribe-web")
        launch(replay, web, "launch-done", "TASK_FINISHED")
        launch(replay, web, "launch-running", "TASK_RUNNING")
        give_back(recorded_cluster, web)
        batch = subscribe(recorded_cluster, replay, "subscribe-batch")
        old = subscribe(recorded_cluster, replay, "subscribe-old")
        old.teardown()
        batch.offer()
        later = open_stream(replay, "operator-subscribe-later")
        for name, request, answer in replay.requests:
            if b"/api/v1/scheduler" in request.split(b"\r\n", 1)[0] or DRIVEN.search(name) or answer is None:
                continue
            comparison.check(name, request, answer)
        assert comparison.count > 65
        web.kill("running")
        web.until("running", {"TASK_KILLED"})
        batch.teardown()
        web.teardown()
        assert compare_events(comparison, json_stream, "operator-subscribe-json", json.loads) == 15
        assert compare_events(comparison, protobuf_stream, "operator-subscribe-protobuf",
                              lambda raw: schema.decode("mesos.v1.master.Event", raw)) == 15
        assert compare_events(comparison, later, "operator-subscribe-later", json.loads) == 1


def test_agent_reads(recorded_cluster, schema):
    replay = Replay(recorded_cluster, AGENT, recorded_cluster.agents[0])
    agent = recorded_cluster.agents[0]
    master_reads = Replay(recorded_cluster, READS)  # the same framework and tasks as there
    web = subscribe(recorded_cluster, master_reads, "subscribe-web")
    launch(master_reads, web, "launch-done", "TASK_FINISHED")
    launch(master_reads, web, "launch-running", "TASK_RUNNING")
    framework = wait_for(lambda: completed(agent), what="the agent to hear that the end of `done` was acknowledged")
    recorded_run = re.search(rb"executors/running/runs/([0-9a-f-]{36})",
                             next(r for n, r, _ in replay.requests if n.endswith("--list_files"))).group(1).decode()
    replay.ids[recorded_run] = next(e for e in framework["executors"] if e["id"] == "running")["container"]
    replay.ids["/var/lib/mesos/agent"] = agent.work_dir
    with Differences(AGENT + " reads") as differences:
        comparison = Comparison(replay, AGENT + " reads", differences, "mesos.v1.agent.Response", schema)
        for name, request, answer in replay.requests:
            if 53 <= int(name[:3]) < 90:
                continue  # containers of their own
            if re.search("--(list_files|read_file)-pb$", name):
                continue  # a path of another length does not fit into recorded bytes; the others ask for short ones
            comparison.check(name, request, answer)
        assert comparison.count > 50
    web.teardown()


def completed(agent):
    """The framework on the agent once its first executor is history."""
    framework = agent.get("/state")["frameworks"][0]
    return framework if [e["id"] for e in framework["completed_executors"]] == ["done"] else None


# What these calls do comes later: until then their shape is checked, and they are refused by name.
LATER = ("RESERVE_RESOURCES UNRESERVE_RESOURCES CREATE_VOLUMES DESTROY_VOLUMES GROW_VOLUME SHRINK_VOLUME UPDATE_QUOTA "
         "SET_QUOTA REMOVE_QUOTA UPDATE_WEIGHTS").split()


def test_master_writes(recorded_cluster):
    replay = Replay(recorded_cluster, WRITES)
    wrong, refused, shaped = [], set(), 0
    for name, request, answer in replay.requests:
        kind = name.split("-", 3)[3].split("--")[0]
        if kind not in LATER:
            continue
        status, headers, body = ask(replay, request)
        their_status, _, their_body = split(answer) if answer else (None, None, b"")
        if re.match(rb"Failed to (validate master::Call: Expecting '|convert JSON|parse body)", their_body):
            shaped += 1
            if (status, body) != (their_status, their_body):
                wrong.append(f"{name}: {status} {body}, recorded {their_status} {their_body}")
        elif status != 501 or not body.decode().startswith(f"501 Not Implemented. The call {kind} is not built yet"):
            wrong.append(f"{name}: {status} {body}")
        else:
            refused.add(kind)
    assert not wrong, "\n".join(wrong)
    assert refused == set(LATER) and shaped, (refused, shaped)


def shown_agent(cluster):
    return cluster.master.get("/slaves")["slaves"][0]


def test_deactivate_drain_gone(recorded_cluster, schema):
    """What the recording does to one agent, in its order: deactivated, drained while a task will not go, gone."""
    replay = Replay(recorded_cluster, WRITES)
    wait_for(lambda: "id" in recorded_cluster.agents[0].get("/state"), 30, "the agent to know its id")
    recorded_cluster.agents[0].kill()  # the recorded one had re-registered, too
    recorded_cluster.agents[0].start()
    wait_for(lambda: "reregistered_time" in shown_agent(recorded_cluster), 30, "the agent to be back")
    web = subscribe(recorded_cluster, Replay(recorded_cluster, READS), "subscribe-web")
    requests = {int(name[:3]): (name, request, answer) for name, request, answer in replay.requests}
    with Differences(WRITES + " agents") as differences:
        comparison = Comparison(replay, WRITES + " agents", differences, "mesos.v1.master.Response", schema)

        def compare(first, last):
            for number in range(first, last + 1):
                if number in requests and b" /api/v1 " in requests[number][1].split(b"\r\n", 1)[0]:
                    comparison.check(*requests[number])

        def run(task_id, command):
            offer = web.offer()
            web.accept(offer, [command_task(task_id, command, offer)])
            web.until(task_id, {"TASK_RUNNING"})

        run("drainme", "trap '' TERM; sleep 1000")
        give_back(recorded_cluster, web)
        compare(105, 121)
        killed = web.until("drainme", {"TASK_KILLED"})[-1]
        assert (killed["reason"], killed["source"]) == ("REASON_AGENT_DRAINING", "SOURCE_EXECUTOR")
        wait_for(lambda: shown_agent(recorded_cluster)["drain_info"]["state"] == "DRAINED", 30, "the agent to be drained")
        compare(123, 125)
        while not web.offers.empty():
            web.offers.get()  # of before
        web.call("REVIVE")
        run("goneme", "sleep 1000")
        give_back(recorded_cluster, web)
        compare(127, 128)
        gone = web.until("goneme", {"TASK_GONE_BY_OPERATOR"})[-1]
        assert (gone["reason"], gone["source"], gone["message"]) == (
            "REASON_AGENT_REMOVED_BY_OPERATOR", "SOURCE_MASTER", "Agent has been marked gone")
        compare(130, 131)
        assert comparison.count > 20
        web.call("RECONCILE", reconcile={"tasks": [{"task_id": {"value": "goneme"}, "agent_id": gone["agent_id"]}]})
        again = wait_for(lambda: [s for s in list(web.history) if s.get("reason") == "REASON_RECONCILIATION"], 20, "an answer")[0]
        assert (again["state"], again["message"]) == ("TASK_GONE_BY_OPERATOR", "Reconciliation: Task is gone")
    web.teardown()


def test_maintenance(recorded_cluster, schema):
    """What the recording does to one machine, in its order: scheduled, asked about, down, up."""
    replay = Replay(recorded_cluster, WRITES)
    reads = Replay(recorded_cluster, READS)
    web = subscribe(recorded_cluster, reads, "subscribe-web")
    batch = subscribe(recorded_cluster, reads, "subscribe-batch")
    requests = {int(name[:3]): (name, request, answer) for name, request, answer in replay.requests}
    offer = web.offer()
    web.accept(offer, [command_task("running", "sleep 1000", offer)])
    web.until("running", {"TASK_RUNNING"})
    web.call("SUPPRESS")
    give_back(recorded_cluster, web)
    batch.call("REVIVE")
    batch.offer()

    def event(scheduler, kind, question=lambda e: True):
        while True:
            found = scheduler.others.get(timeout=60)
            if found["type"] == kind and question(found):
                return found

    with Differences(WRITES + " maintenance") as differences:
        comparison = Comparison(replay, WRITES + " maintenance", differences, "mesos.v1.master.Response", schema)

        def compare(first, last):
            for number in range(first, last + 1):
                if number in requests and b" /api/v1 " in requests[number][1].split(b"\r\n", 1)[0]:
                    comparison.check(*requests[number])

        compare(77, 89)
        offered = batch.offer()
        while "unavailability" not in offered:
            offered = batch.offer()  # of the same agent, with what was planned
        assert offered["unavailability"]["duration"] == {"nanoseconds": 3600000000000}
        asked = {s: event(s, "INVERSE_OFFERS") for s in (web, batch)}
        theirs = next(json.loads(e) for e in their_events(replay, "subscribe-web") if b"INVERSE_OFFERS" in e)
        ours = json.loads(replay.theirs(json.dumps(asked[web])))
        differences.compare("event INVERSE_OFFERS", ours, theirs)
        differences.compare_values("event INVERSE_OFFERS", ours, theirs, RUN + ("*inverse_offers[].id.value", "*address.*"))
        for scheduler in (batch, web):
            scheduler.call("ACCEPT_INVERSE_OFFERS", accept_inverse_offers={
                "inverse_offer_ids": [o["id"] for o in asked[scheduler]["inverse_offers"]["inverse_offers"]],
                "filters": {"refuse_seconds": 1000}})
        compare(92, 93)
        lost = web.until("running", {"TASK_LOST"})[-1]
        assert (lost["message"], lost["source"], lost["reason"]) == (
            "Agent agent1.example removed: Operator initiated 'Machine DOWN'", "SOURCE_MASTER", "REASON_AGENT_REMOVED")
        event(batch, "RESCIND", lambda e: e["rescind"]["offer_id"] == offered["id"])
        for scheduler in (web, batch):
            event(scheduler, "FAILURE")
        compare(95, 100)
        assert comparison.count == 21
    assert recorded_cluster.agents[0].process.wait(60) is not None  # it was told to go, and went
    assert "Operator initiated 'Machine DOWN'" in recorded_cluster.agents[0].log()
    for scheduler in (web, batch):
        scheduler.teardown()


def test_teardown(recorded_cluster):
    """TEARDOWN of a framework that is there, of one that has gone, of one that never was, and without saying which."""
    replay = Replay(recorded_cluster, WRITES)
    reads = Replay(recorded_cluster, READS)
    web = subscribe(recorded_cluster, reads, "subscribe-web")
    batch = subscribe(recorded_cluster, reads, "subscribe-batch")
    ids = {"-0000": web.framework_id, "-0001": batch.framework_id}
    assert all(i.endswith(suffix) for suffix, i in ids.items())
    seen = 0
    for name, request, answer in replay.requests:
        if b"POST /api/v1 " not in request or "-TEARDOWN--" not in name:
            continue
        status, _, body = ask(replay, request)
        assert (status, body) == (split(answer)[0], split(answer)[2]), name
        seen += 1
    assert seen == 5
    assert web.ended.wait(60) and batch.ended.wait(60)
    done = recorded_cluster.master.get("/state")["completed_frameworks"]
    assert {f["id"] for f in done} == set(ids.values())
