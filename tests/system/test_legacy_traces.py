# SPDX-License-Identifier: Apache-2.0
"""Every request of the recording of the older endpoints, sent to daemons of ours on which the recorded cluster was made
again: same statuses, same headers, same texts, JSON of the same shape. What differs stands in differences.tsv."""
import glob
import gzip
import json
import os
import re
import socket
import tempfile

import pytest

from cluster import Cluster, wait_for
from scheduler import Scheduler, command_task
from shapes import FACTS, Differences

FOLDER = "07-legacy-endpoints"
MASTER = "235be804-7729-4aa9-8ffc-7723a7440efe"
CONTAINER = "be55d0fb-55bf-4392-ac14-8e2f83fa3fe7"
DONE = "f8384a94-b52d-4e80-86f5-e5fe5a4ba5ee"
AGENT_DIR = "/var/lib/mesos/agent"
# Objects whose member names are data.
FREE = ("flags", "*.resources", "*.used_resources", "*.offered_resources", "*.unreserved_resources",
        "*.reserved_resources", "*.reserved_resources_full", "*.allocated", "*.offered", "*.reserved", "*.consumed",
        "*.limit", "*.guarantee", "*.attributes", "slaves[].attributes", "roles[].resources", "[].statistics",
        "resources", "attributes", "reserved_resources", "reserved_resources_full", "unreserved_resources",
        "reserved_resources_allocated", "unreserved_resources_allocated", "*.guarantees", "*.limits")
# Compared elsewhere, name by name.
METRICS = ("metrics_snapshot",)
HEADERS = ("content-type", "content-encoding", "allow", "content-disposition", "transfer-encoding", "www-authenticate")


def read(path):
    with open(path, "rb") as f:
        return f.read()


def exchanges():
    for path in sorted(glob.glob(os.path.join(glob.escape(os.path.join(FACTS, "traces", FOLDER)), "*-client-*.req"))):
        answer = path[:-3] + "res"
        yield os.path.basename(path)[:-4], read(path), read(answer) if os.path.exists(answer) else b""


def parse(answer):
    """(status line, headers, body); the body is unpacked."""
    if not answer:
        return "closed without an answer", {}, b""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return lines[0], headers, body


class World:
    def __init__(self, cluster):
        self.cluster, self.agent = cluster, cluster.agents[0]
        state = self.agent.get("/state")
        executor = next(e for f in state["frameworks"] for e in f["executors"] if e["id"] == "running")
        done = next(e for f in state["frameworks"] for e in f["completed_executors"] if e["id"] == "done")
        self.names = {DONE: done["container"], MASTER: cluster.master.get("/state")["id"], CONTAINER: executor["container"],
                      AGENT_DIR: self.agent.work_dir,
                      AGENT_DIR.replace("/", "%2F"): self.agent.work_dir.replace("/", "%2F")}

    def ask(self, request, to_master):
        for theirs, ours in self.names.items():
            request = request.replace(theirs.encode(), ours.encode())
        head, sep, body = request.partition(b"\r\n\r\n")
        head = re.sub(rb"(?i)content-length: \d+", b"Content-Length: %d" % len(body), head)
        port = (self.cluster.master if to_master else self.agent).port
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(head + sep + body)
            answer = self._receive(connection, request.startswith(b"HEAD"))
        for theirs, ours in self.names.items():
            answer = answer.replace(ours.encode(), theirs.encode())
        return answer

    @staticmethod
    def _receive(connection, is_head):
        data = b""
        while True:
            head, end, body = data.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            if end and (is_head or (length and len(body) >= int(length.group(1)))):
                return data
            more = connection.recv(1 << 16)
            if not more:
                return data
            data += more


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    cluster = Cluster(tempfile.mkdtemp(prefix="cm-"), {"allocation_interval": "50ms", "cluster": "traces",
                                                       "weights": "web=2.5"})
    log_dir = os.path.join(cluster.directory, "log")
    os.makedirs(log_dir)
    cluster.master.argv.append("--log_dir=" + log_dir)
    cluster.start(1, {"attributes": "rack:r1;zone:z1;speed:10", "log_dir": log_dir})
    web = Scheduler(cluster.address, name="fw-web", roles=["web"], failover_timeout=600.0, checkpoint=True,
                    hostname="sched.example", webui_url="http://sched.example:8080/",
                    capabilities=[{"type": "MULTI_ROLE"}, {"type": "PARTITION_AWARE"}],
                    labels={"labels": [{"key": "team", "value": "t1"}]}).subscribe()
    offer = web.offer()
    web.accept(offer, [command_task("done", "true", offer)])
    web.until("done", {"TASK_FINISHED"})
    offer = web.offer()
    web.accept(offer, [command_task("running", "sleep 1000", offer,
                                    labels={"labels": [{"key": "a", "value": "b"}]},
                                    discovery={"visibility": "CLUSTER", "name": "run"})])
    web.until("running", {"TASK_RUNNING"})
    batch = Scheduler(cluster.address, name="fw-batch", roles=["batch", "ops/x"], failover_timeout=60.0).subscribe()
    old = Scheduler(cluster.address, name="fw-old", failover_timeout=60.0).subscribe()
    old.teardown()
    wait_for(lambda: any(f["offers"] for f in cluster.master.get("/frameworks")["frameworks"]), what="offers")
    wait_for(lambda: cluster.master.get("/state")["completed_frameworks"], what="the end of a framework")
    yield World(cluster)
    batch.teardown()
    web.teardown()
    cluster.stop()
    complaints = cluster.complaints()
    cluster.remove()
    assert not complaints, "\n".join(complaints)


def unwrap(text):
    """The JSON in jsonp."""
    name, _, rest = text.partition("(")
    return name, json.loads(rest[:-1])


def different(name, ours, theirs):
    """What differs, in words; JSON is compared by the caller."""
    (our_status, our_headers, our_body), (their_status, their_headers, their_body) = ours, theirs
    found = []
    if our_status != their_status:
        found.append(f"answers '{our_status}', recorded '{their_status}'")
    for header in HEADERS:
        if our_headers.get(header) != their_headers.get(header):
            found.append(f"{header} is {our_headers.get(header)}, recorded {their_headers.get(header)}")
    kind = their_headers.get("content-type", "")
    text = our_status == their_status and not kind.startswith("application/json") and kind != "text/javascript"
    if text and our_body != their_body:
        found.append(f"body is {our_body!r}, recorded {their_body!r}")
    return found


def test_every_recorded_request(world):
    with Differences(FOLDER + "/") as differences:
        for name, request, recorded in exchanges():
            where = f"{FOLDER}/{name}"
            ours = parse(world.ask(request, "-client-master-" in name))
            theirs = parse(recorded)
            differences.note(where, different(name, ours, theirs))
            if ours[0] != theirs[0] or any(skipped in name for skipped in METRICS):
                continue
            if theirs[1].get("content-type") == "application/json" and theirs[2] and ours[2]:
                differences.compare(where, json.loads(ours[2]), json.loads(theirs[2]), FREE)
            elif theirs[1].get("content-type") == "text/javascript":
                our_name, our_json = unwrap(ours[2].decode())
                their_name, their_json = unwrap(theirs[2].decode())
                assert our_name == their_name
                differences.compare(where, our_json, their_json, FREE)
