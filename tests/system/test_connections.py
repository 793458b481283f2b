# SPDX-License-Identifier: Apache-2.0
"""Connections that behave badly, against real daemons: readers that do not read, peers that say nothing or very slowly, and
libprocess messages made to hurt. Everybody else is served meanwhile, and nothing of theirs is lost.

The limits are lowered by their options, so that the suite takes seconds.
"""
import glob
import http.client
import json
import os
import re
import resource
import socket
import threading
import time
from random import Random

import pytest

from cluster import wait_for
from libprocess import Peer, make
from replay import FACTS
from scheduler import Scheduler, command_task
from test_v0_traces import recorded_message

SLOW = {"slow_peer_timeout": "2secs", "max_unread_bytes": "1MB"}


@pytest.fixture
def limited(make_cluster):
    return make_cluster(master_flags={**SLOW, "allocation_interval": "50ms"}, agent_flags=SLOW)


def health_ms(cluster, times=20):
    """The third quarter of some answers: a few may be late on a busy machine."""
    took = []
    for _ in range(times):
        begin = time.monotonic()
        cluster.master.get("/health", raw=True)
        took.append(time.monotonic() - begin)
    return sorted(took)[times * 3 // 4] * 1000


def counts_memory(daemon):
    """A sanitizer keeps what was freed."""
    with open(f"/proc/{daemon.process.pid}/exe", "rb") as f:
        return b"__asan_init" not in f.read()


def memory_mb(daemon):
    with open(f"/proc/{daemon.process.pid}/smaps_rollup", encoding="utf-8") as f:
        return sum(int(line.split()[1]) for line in f if line.startswith("Private_Dirty")) / 1024


def descriptors(daemon):
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


def cut_off(connection):
    """Has the daemon ended this connection, whether or not the news has come through?"""
    ours = "%04X" % connection.getsockname()[1]
    with open("/proc/net/tcp", encoding="ascii") as f:
        rows = [line.split()[2:4] for line in f]
    return all(state != "01" for peer, state in rows if peer.endswith(":" + ours))


def deaf(cluster, request, port=None):
    """A connection that sends a request and never reads: its window is as small as it can be."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(10)
    connection.connect(("127.0.0.1", port or cluster.master.port))
    connection.sendall(request)
    return connection


def post(path, body, **headers):
    text = json.dumps(body)
    lines = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())
    return (f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
            f"{lines}Content-Length: {len(text)}\r\n\r\n{text}").encode()


def subscribe_request(name, **more):
    return post("/api/v1/scheduler", {"type": "SUBSCRIBE", "subscribe": {"framework_info": {
        "user": "root", "name": name, "roles": ["*"], "capabilities": [{"type": "MULTI_ROLE"}], **more}}})


def framework(cluster, name):
    found = [f for f in cluster.master.get("/frameworks")["frameworks"] if f["name"] == name]
    return found[0] if found else None


def fill(cluster, framework_id, stream_id, rounds=60):
    """Makes the master say a lot to one framework: statuses of tasks that nobody knows, with long names."""
    tasks = [{"task_id": {"value": f"{n:04d}" + "x" * 240}} for n in range(300)]
    body = json.dumps({"type": "RECONCILE", "framework_id": {"value": framework_id}, "reconcile": {"tasks": tasks}})
    for _ in range(rounds):
        connection = http.client.HTTPConnection(cluster.address, timeout=10)
        connection.request("POST", "/api/v1/scheduler", body,
                           {"Content-Type": "application/json", "Mesos-Stream-Id": stream_id})
        status = connection.getresponse().status
        connection.close()
        if status != 202:
            return status
    return 202


def test_a_scheduler_that_never_reads(limited):
    """It is cut off at the byte limit and counts as disconnected; another scheduler misses nothing."""
    other = Scheduler(limited.address, name="reader").subscribe()
    silent = deaf(limited, subscribe_request("silent", failover_timeout=60))
    head = silent.recv(400).decode("latin1")
    stream_id = head.split("Mesos-Stream-Id: ")[1].split("\r\n")[0]
    framework_id = wait_for(lambda: framework(limited, "silent"), 5)["id"]
    assert fill(limited, framework_id, stream_id) == 403, "it was never cut off"
    assert framework(limited, "silent")["connected"] is False
    assert cut_off(silent)
    assert health_ms(limited) < 500
    states, _ = other.run("after", "true")
    assert states[-1] == "TASK_FINISHED"
    assert not other.ended.is_set()
    silent.close()
    other.teardown()


def test_an_operator_that_never_reads(limited):
    """The event stream of the operator API: the subscriber that reads gets every event."""
    subscribe = post("/api/v1", {"type": "SUBSCRIBE"})
    silent = [deaf(limited, subscribe) for _ in range(3)]
    reader = http.client.HTTPConnection(limited.address, timeout=20)
    reader.request("POST", "/api/v1", json.dumps({"type": "SUBSCRIBE"}),
                   {"Content-Type": "application/json", "Accept": "application/json"})
    answer = reader.getresponse()
    assert answer.status == 200
    frameworks = 60
    seen = {"FRAMEWORK_ADDED": 0, "FRAMEWORK_REMOVED": 0}

    def read():
        while seen["FRAMEWORK_REMOVED"] < frameworks:
            event = Scheduler._record(answer)
            if event["type"] in seen:
                seen[event["type"]] += 1

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    label = [{"key": "k", "value": "x" * 100000}]
    for n in range(frameworks):
        Scheduler(limited.address, name=f"fw{n}", labels={"labels": label}).subscribe().teardown()
    thread.join(60)
    assert seen == {"FRAMEWORK_ADDED": frameworks, "FRAMEWORK_REMOVED": frameworks}
    wait_for(lambda: all(cut_off(c) for c in silent), 10, "the end of those who do not read")
    for connection in silent:
        connection.close()
    reader.close()


def test_a_download_that_is_not_read(limited):
    """/state, asked for again and again over connections that take nothing: cut off after a while, others are served."""
    many = Scheduler(limited.address, name="many").subscribe()
    offer = many.offer()
    many.accept(offer, [command_task("t%03d" % n, "true", offer, cpus=0.001, mem=1,
                                     labels={"labels": [{"key": "k", "value": "x" * 2000}]}) for n in range(100)])
    for n in range(100):
        many.until("t%03d" % n, {"TASK_FINISHED", "TASK_FAILED"}, 60) if n == 99 else None
    size = len(limited.master.get("/state", raw=True))
    assert size > 200000
    idle = memory_mb(limited.master)
    silent = [deaf(limited, b"GET /state HTTP/1.1\r\nHost: x\r\n\r\n" * 64) for _ in range(50)]
    assert health_ms(limited) < 500
    assert len(limited.master.get("/state", raw=True)) > 200000
    assert memory_mb(limited.master) < idle + 100 or not counts_memory(limited.master)
    wait_for(lambda: all(cut_off(c) for c in silent), 15, "the end of those who do not read")
    for connection in silent:
        connection.close()
    many.teardown()


def test_ten_thousand_idle_connections(make_cluster):
    cluster = make_cluster(master_flags={"ulimit": "-n 18000"})
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 10000
    room = hard if hard == resource.RLIM_INFINITY else max(hard, wanted + 500)  # root may raise both
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted + 500, room))
    idle = []
    try:
        before = memory_mb(cluster.master)
        for n in range(wanted):
            connection = socket.create_connection(("127.0.0.1", cluster.master.port), timeout=10)
            if n % 2:
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            idle.append(connection)
        assert health_ms(cluster) < 500
        scheduler = Scheduler(cluster.address).subscribe()
        states, _ = scheduler.run("amid", "true")
        assert states[-1] == "TASK_FINISHED"
        scheduler.teardown()
        each = (memory_mb(cluster.master) - before) * 1024 / wanted
        assert each < 4 or not counts_memory(cluster.master), f"{each:.1f} KB for each idle connection"
        assert idle[1].recv(100).startswith(b"HTTP/1.1 200")
        assert cluster.master.process.poll() is None
    finally:
        for connection in idle:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert cluster.master.get("/slaves")["slaves"][0]["active"], "the agent's connection was not given up"


TRICKLES = {
    "head": (b"GET /state HTTP/1.1\r\nHost: x\r\nX-A: ", b"a"),
    "line": (b"G", b"E"),
    "body": (b"POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n", b"{"),
    "chunks": (b"POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
               b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    "message": (b"POST /master/mesos.scheduler.Call HTTP/1.1\r\nLibprocess-From: x@127.0.0.1:1\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
}


@pytest.mark.parametrize("daemon", ["master", "agent"])
def test_requests_that_trickle(limited, daemon):
    """A byte at a time gets a request nowhere: 408, or the end. What is only quiet between requests stays."""
    port = limited.master.port if daemon == "master" else limited.agents[0].port
    quiet = socket.create_connection(("127.0.0.1", port), timeout=10)
    quiet.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert quiet.recv(100).startswith(b"HTTP/1.1 200")
    reader = Scheduler(limited.address, name="quiet").subscribe()
    connections = {}
    for name, (start, _) in TRICKLES.items():
        connections[name] = socket.create_connection(("127.0.0.1", port), timeout=10)
        connections[name].sendall(start)
    answers, begin = {}, time.monotonic()
    while time.monotonic() - begin < 60 and len(answers) < len(TRICKLES):
        time.sleep(0.2)
        for name in set(TRICKLES) - set(answers):
            try:
                connections[name].sendall(TRICKLES[name][1])
                connections[name].settimeout(0.01)
                answers[name] = connections[name].recv(200)
            except socket.timeout:
                pass
            except OSError:
                answers[name] = b""
    assert sorted(answers) == sorted(TRICKLES), f"still open after a minute: {set(TRICKLES) - set(answers)}"
    for name, answer in answers.items():
        assert answer == b"" or answer.startswith(b"HTTP/1.1 408"), (name, answer)
    quiet.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert quiet.recv(100).startswith(b"HTTP/1.1 200"), "an idle connection has no time-out"
    assert not reader.ended.is_set()
    reader.teardown()
    for connection in [quiet, *connections.values()]:
        connection.close()


# ---- libprocess ----

def deep(levels):
    """Labels of nested groups: a field that no message has, inside of itself."""
    body = b""
    for _ in range(levels):
        size, length = len(body), b""
        while True:
            length += bytes([size & 0x7f | (0x80 if size > 0x7f else 0)])
            size >>= 7
            if not size:
                break
        body = b"\x1a" + length + body
    return body


HOSTILE = [
    ("mesos.scheduler.Call", b"\xff" * 1000),
    ("mesos.scheduler.Call", deep(2000)),
    ("mesos.scheduler.Call", b"\x10\x01\x1a\xff\xff\xff\xff\x0f"),
    ("mesos.scheduler.Call", b"\x10\x63"),
    ("mesos.internal.RegisterFrameworkMessage", b"\x0a\x00"),
    ("mesos.internal.LaunchTasksMessage", b"\x1a\x00" * 100000),
    ("mesos.internal.StatusUpdateMessage", b"\x0a" + b"\x80" * 20),
    ("mesos.internal.ReregisterSlaveMessage", os.urandom(5000)),
    ("mesos.internal.AuthenticateMessage", b""),
    ("mesos.internal." + "x" * 5000, b"x"),
    ("", b"x"),
]


def test_hostile_messages(limited):
    """Whatever is wrong with a message: 202 or an error, and then nothing. The daemons go on."""
    peer = Peer("sched")
    try:
        for target in (f"master@{limited.address}", f"slave(1)@127.0.0.1:{limited.agents[0].port}"):
            for name, body in HOSTILE:
                assert peer.send(target, name, body) in (202, 400, 404), name
        call = make("mesos.scheduler.Call", type=2, framework_id={"value": "nosuch"})
        for sender in ("x@127.0.0.1:0", "x@255.255.255.255:1", "x@0.0.0.0:65535", "@127.0.0.1:1"):
            assert peer.send(f"master@{limited.address}", call, sender=sender) == 202
        for sender in ("x", "@", "x@y:1", "x@1.2.3.4:99999", "x@1.2.3.4", "a b@1.2.3.4:5", "x" * 300 + "@1.2.3.4:5"):
            assert peer.send(f"master@{limited.address}", call, sender=sender) in (202, 400, 500), sender
        assert health_ms(limited) < 500
        assert limited.agents[0].get("/health", raw=True) is not None
    finally:
        peer.close()


def damaged(body, random):
    body = bytearray(body)
    for _ in range(random.randint(1, 4)):
        if not body:
            break
        at = random.randrange(len(body))
        kind = random.randrange(4)
        if kind == 0:
            body[at] = random.choice((0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x12, 0x08))
        elif kind == 1:
            del body[at:]
        elif kind == 2:
            body[at] ^= 1 << random.randrange(8)
        else:
            body[at:at] = bytes(random.randrange(256) for _ in range(random.randint(1, 8)))
    return bytes(body)


def test_damaged_messages_for_the_agent(limited):
    """What executors and masters say, damaged, and in the names of this master and of an executor that is not there."""
    paths = [path for path in glob.glob(os.path.join(FACTS, "04-command-executor-libprocess", "*-agent1-*.req"))
             if not re.search("-client-|-Slave(Rer|R)egistered|-RunTask", path)]  # a master is believed in these
    messages = [recorded_message(path) for path in sorted(paths)]
    assert len(messages) > 30
    random = Random(7)
    peer = Peer("executor(1)")
    agent = limited.agents[0]
    target = f"slave(1)@127.0.0.1:{agent.port}"
    try:
        for _ in range(25):
            for message in messages:
                sender = "master@" + limited.address if message.sender.startswith("master@") else peer.pid
                assert peer.send(target, message.name, damaged(message.body, random), sender=sender) in (202, 400)
        assert agent.process.poll() is None, agent.log()[-2000:]
        scheduler = Scheduler(limited.address).subscribe()
        states, _ = scheduler.run("after", "true")
        assert states[-1] == "TASK_FINISHED"
        scheduler.teardown()
    finally:
        peer.close()


def test_a_huge_message(limited):
    """More than a message may have: refused before it is read."""
    connection = socket.create_connection(("127.0.0.1", limited.master.port), timeout=10)
    connection.sendall(b"POST /master/mesos.scheduler.Call HTTP/1.1\r\nLibprocess-From: x@127.0.0.1:1\r\n"
                       b"Content-Length: 999999999999\r\n\r\n")
    assert connection.recv(100).startswith(b"HTTP/1.1 413")
    connection.close()
    assert memory_mb(limited.master) < 100 or not counts_memory(limited.master)


def test_a_flood(limited):
    """Subscriptions that are refused, from ever new senders at addresses where nobody listens: the answers go nowhere, and
    a scheduler that means it is served."""
    call = make("mesos.scheduler.Call", type=1, subscribe={"framework_info": {"user": "root", "name": "x", "role": "a b"}})
    stop = threading.Event()
    sent = [0] * 3

    def flood(which):
        peer = Peer("x")
        while not stop.is_set():
            peer.send(f"master@{limited.address}", call, sender=f"x{sent[which]}@127.0.{which + 1}.1:{9 + sent[which] % 60000}")
            sent[which] += 1
        peer.close()

    threads = [threading.Thread(target=flood, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    try:
        scheduler = Scheduler(limited.address).subscribe()
        for n in range(3):
            states, _ = scheduler.run(f"amid{n}", "true")
            assert states[-1] == "TASK_FINISHED"
        scheduler.teardown()
        assert health_ms(limited) < 1000
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert sum(sent) > 300
    assert descriptors(limited.master) < 5000
    assert memory_mb(limited.master) < 150 or not counts_memory(limited.master)


def test_a_driver_that_never_reads(limited):
    """A v0 scheduler whose socket takes nothing: its connection counts as broken, and the framework as gone."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listener.bind(("127.0.0.1", 0))
    listener.listen(5)
    pid = f"deaf@127.0.0.1:{listener.getsockname()[1]}"
    peer = Peer("unused")
    master = f"master@{limited.address}"
    try:
        info = {"user": "root", "name": "deaf", "failover_timeout": 60}
        peer.send(master, make("mesos.scheduler.Call", type=1, subscribe={"framework_info": info}), sender=pid)
        found = wait_for(lambda: framework(limited, "deaf"), 5)
        assert found["pid"] == pid and found["connected"]
        ask = make("ReconcileTasksMessage", framework_id={"value": found["id"]},
                   statuses=[{"task_id": {"value": f"{n:04d}" + "x" * 240}, "state": 0} for n in range(300)])
        for _ in range(100):
            peer.send(master, ask, sender=pid)
        wait_for(lambda: not framework(limited, "deaf")["connected"], 5, "its disconnection")
        other = Scheduler(limited.address).subscribe()
        states, _ = other.run("after", "true")
        assert states[-1] == "TASK_FINISHED"
        other.teardown()
    finally:
        peer.close()
        listener.close()


def test_senders_must_be_where_they_say(make_cluster):
    """LIBPROCESS_REQUIRE_PEER_ADDRESS_IP_MATCH, and a cluster that goes on working with it."""
    cluster = make_cluster(master_flags={"require_peer_address_ip_match": True},
                           agent_flags={"require_peer_address_ip_match": True})
    peer = Peer("sched")
    call = make("mesos.scheduler.Call", type=1, subscribe={"framework_info": {"user": "root", "name": "here"}})
    assert peer.send(f"master@{cluster.address}", call, sender="sched@10.1.2.3:7001") == 400
    assert framework(cluster, "here") is None
    assert peer.send(f"master@{cluster.address}", call) == 202
    assert peer.value("FrameworkRegisteredMessage").framework_id.value
    peer.close()


def test_the_variable_of_libprocess(make_cluster):
    cluster = make_cluster(agents=0)
    master = cluster.master
    master.stop()
    master.env["LIBPROCESS_REQUIRE_PEER_ADDRESS_IP_MATCH"] = "true"
    master.start()
    peer = Peer("sched")
    call = make("mesos.scheduler.Call", type=2, framework_id={"value": "x"})
    assert peer.send(f"master@{cluster.address}", call, sender="sched@10.1.2.3:7001") == 400
    peer.close()
