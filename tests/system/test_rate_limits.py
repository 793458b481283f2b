# SPDX-License-Identifier: Apache-2.0
"""--rate_limits: what frameworks may send by principal, over both APIs, and what happens beyond it."""
import json
import os
import re
import signal
import socket
import threading
import time

import pytest

from cluster import wait_for
from libprocess import Peer, make, split_pid
from scheduler import CallFailed, Scheduler


class Driver(Peer):
    """A v0 scheduler."""

    def __init__(self, cluster, principal):
        super().__init__("scheduler")
        self.master, self.cluster, self.principal = f"master@{cluster.address}", cluster, principal
        call = make("mesos.scheduler.Call", type=1)
        info = call.subscribe.framework_info
        info.user, info.name = "root", principal or "nobody"
        info.roles.append("*")
        info.capabilities.add(type=info.Capability.Type.Value("MULTI_ROLE"))
        if principal:
            info.principal = principal
        self.send(self.master, call)
        self.framework_id = self.value("FrameworkRegisteredMessage", 60).framework_id.value

    def call(self):
        call = make("mesos.scheduler.Call")
        call.framework_id.value = self.framework_id
        call.type = 5  # REVIVE
        return call

    def revive(self):
        assert self.send(self.master, self.call()) == 202

    def flood(self, count):
        """So many calls, one behind the other, over one connection."""
        self.burst(self.request(self.call()) * count, count)

    def kill_all(self, tasks):
        """The same with KILLs of these."""
        self.burst(b"".join(self.request(self.kill_call(task)) for task in tasks), len(tasks))

    def kill_call(self, task):
        call = self.call()
        call.type = 6  # KILL
        call.kill.task_id.value = task
        return call

    def request(self, call):
        body = call.SerializeToString()
        return self.head(self.master, "mesos.scheduler.Call", body) + f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"

    def burst(self, requests, count):
        with socket.create_connection(split_pid(self.master)[1:], timeout=120) as connection:
            sender = threading.Thread(target=connection.sendall, args=(requests,), daemon=True)
            sender.start()
            answers, rest = 0, b""
            while answers < count:
                more = connection.recv(1 << 20)
                assert more, "the master hung up"
                heads = (rest + more).split(b"\r\n\r\n")
                answers, rest = answers + len(heads) - 1, heads[-1]
            sender.join()

    def answered(self):
        """The task that the next answer to a KILL is about."""
        return self.value("StatusUpdateMessage", 60).update.status.task_id.value

    def counts(self):
        metrics = self.cluster.master.get("/metrics/snapshot")
        return tuple(int(metrics[f"frameworks/{self.principal}/messages_{what}"]) for what in ("received", "processed"))


@pytest.fixture
def drivers(make_cluster):
    made = []

    def start(limits):
        cluster = make_cluster(agents=0, master_flags={"rate_limits": limits if isinstance(limits, str) else json.dumps(limits)})

        def connect(principal):
            made.append(Driver(cluster, principal))
            return made[-1]
        return cluster, connect
    yield start
    for driver in made:
        driver.close()


def refused(driver, name="mesos.scheduler.Call", capacity=2):
    return driver.value("FrameworkErrorMessage", 60).message == f"Message {name} dropped: capacity({capacity}) exceeded"


def test_as_mesos_does_it(drivers):
    """The exchange that was recorded of Mesos, without its login, and slower still."""
    _, connect = drivers({"limits": [{"principal": "slow", "qps": 0.01, "capacity": 2}, {"principal": "fast"}],
                          "aggregate_default_qps": 100, "aggregate_default_capacity": 100})
    slow, fast = connect("slow"), connect("fast")
    for _ in range(4):
        slow.revive()
    assert refused(slow)
    deactivate = make("DeactivateFrameworkMessage")
    deactivate.framework_id.value = slow.framework_id
    assert slow.send(slow.master, deactivate) == 202
    wait_for(lambda: slow.counts()[0] == 5, 60, "everything to be counted")
    assert refused(slow, "mesos.internal.DeactivateFrameworkMessage")
    fast.flood(200)
    wait_for(lambda: fast.counts() == (200, 200), 60, "the exempted one")
    assert slow.counts() == (5, 1)


def test_jenkins(drivers):
    """jenkins at 100 a second, 6000 may wait; nobody else is limited."""
    _, connect = drivers({"limits": [{"principal": "jenkins", "qps": 100, "capacity": 6000}]})
    jenkins, other = connect("jenkins"), connect("other")
    start = time.monotonic()
    jenkins.flood(200)
    other.flood(500)
    wait_for(lambda: other.counts() == (500, 500), 60, "the other one, at once")
    wait_for(lambda: jenkins.counts() == (200, 200), 60, "what may be sent in two seconds")
    assert time.monotonic() - start > 1.9
    jenkins.quiet("FrameworkErrorMessage")
    jenkins.flood(9000)
    assert refused(jenkins, capacity=6000)
    received, processed = jenkins.counts()
    assert received == 9200 and processed < 9200


def test_chronos(drivers):
    """chronos at 300 a second, and any number may wait; all others together 500 a second, of which 4500 may wait."""
    _, connect = drivers({"limits": [{"principal": "chronos", "qps": 300}], "aggregate_default_qps": 500,
                          "aggregate_default_capacity": 4500})
    chronos, one, two, nobody = connect("chronos"), connect("one"), connect("two"), connect(None)
    start = time.monotonic()
    chronos.flood(600)
    for driver in (one, two, nobody):
        driver.flood(300)
    wait_for(lambda: one.counts() == (300, 300) and two.counts() == (300, 300), 60, "those who share")
    shared = time.monotonic() - start
    wait_for(lambda: chronos.counts() == (600, 600), 60, "the one with a limit of its own")
    assert time.monotonic() - start > 1.9 and shared > 1.1
    for driver in (chronos, one, two, nobody):
        driver.quiet("FrameworkErrorMessage", 0.05)
    two.flood(12000)
    assert refused(two, capacity=4500)
    chronos.flood(5000)
    chronos.quiet("FrameworkErrorMessage")


TASKS = [f"k{n}" for n in range(20)]


def test_what_waits_goes_in_the_order_in_which_it_came(drivers):
    """A KILL of a task that nobody knows is answered at once when its turn has come."""
    _, connect = drivers({"limits": [{"principal": "slow", "qps": 20}]})
    slow = connect("slow")
    slow.kill_all(TASKS)
    assert [slow.answered() for _ in TASKS] == TASKS


def limits_file(path):
    """What writes it, whole at any time."""
    def limit(text):
        beside = path.with_suffix(".new")
        beside.write_text(text)
        os.rename(beside, path)
    return limit


def test_the_order_outlives_a_change_of_the_limits(drivers, tmp_path):
    """Two that wait each for itself, and then behind one another: by when their calls came, not by who they are."""
    path = tmp_path / "limits"
    limit = limits_file(path)
    limit(json.dumps({"limits": [{"principal": name, "qps": 0.001} for name in ("one", "two")]}))
    cluster, connect = drivers(f"file://{path}")
    both = [connect("one"), connect("two")]
    for count, task in enumerate(TASKS):
        driver = both[count % 2]
        assert driver.send(driver.master, driver.kill_call(task)) == 202
        wait_for(lambda: driver.counts() == (count // 2 + 1, 1), 60, "the call to be there")
    limit('{"aggregate_default_qps": 100}')
    cluster.master.process.send_signal(signal.SIGHUP)
    for start, driver in enumerate(both):
        assert [driver.answered() for _ in TASKS[start::2]] == TASKS[start::2]
    assert re.findall(r"kill of an unknown task task=(k\d+)", cluster.master.log()) == TASKS


def test_calls_over_http_and_a_changed_file(drivers, tmp_path):
    path = tmp_path / "limits"
    limit = limits_file(path)
    limit('{"limits": [{"principal": "slow", "qps": 0.01, "capacity": 2}]}')
    cluster, connect = drivers(f"file://{path}")
    scheduler = Scheduler(cluster.address, principal="slow").subscribe()
    scheduler.patience = 120
    driver = connect("slow")  # shares the limit of its principal
    scheduler.call("REVIVE")
    answers = []
    waiting = [threading.Thread(target=lambda: answers.append(scheduler.call("SUPPRESS"))) for _ in range(2)]
    for count, thread in enumerate(waiting):
        thread.start()
        wait_for(lambda: driver.counts() == (count + 2, 1), 60, "the call to wait")
    with pytest.raises(CallFailed) as refusal:
        scheduler.call("REVIVE")
    assert (refusal.value.status, refusal.value.body) == (429, "Call REVIVE dropped: capacity(2) exceeded")
    driver.revive()
    assert refused(driver)
    # What is wrong is not taken, and nothing that waits is lost.
    limit('{"limits": [\n {"principal": "slow",\n  "qps": -1}]}')
    failed = lambda: cluster.master.get("/metrics/snapshot")["configuration/reloads_failed"]
    wait_for(lambda: failed() > 0, 60, "the bad file to be refused")
    assert f"{path}: line 3, column 10: limits[0]: principal 'slow': 'qps' must be a number above zero" in cluster.master.log()
    assert not answers
    limit('{"limits": [{"principal": "slow"}]}')
    wait_for(lambda: len(answers) == 2, 60, "those who waited to be served")
    assert [status for status, _ in answers] == [202, 202]
    scheduler.call("REVIVE")
    scheduler.teardown()


def test_who_leaves_loses_what_waits(drivers):
    cluster, connect = drivers({"limits": [{"principal": "slow", "qps": 0.01, "capacity": 100}]})
    stays = connect("slow")
    stays.revive()
    scheduler = Scheduler(cluster.address, principal="slow").subscribe()
    answers = []
    thread = threading.Thread(target=lambda: answers.append(scheduler.raw(
        {"type": "REVIVE", "framework_id": {"value": scheduler.framework_id}}, expect=None)))
    thread.start()
    wait_for(lambda: stays.counts()[0] == 2, 60, "the call to wait")
    gone = connect("slow")
    gone.flood(50)
    wait_for(lambda: stays.counts() == (52, 1), 60, "messages to wait")
    for framework in (gone.framework_id, scheduler.framework_id):
        scheduler_teardown(cluster, framework)
    wait_for(lambda: answers, 60, "an answer")
    assert answers == [(400, "Framework cannot be found")]
    stays.flood(99)  # there is room for as many again: none of them is refused
    stays.quiet("FrameworkErrorMessage")


def test_subscribing_again_is_no_way_around(drivers):
    """Each tells every agent with a task, so that it is worth more than other calls."""
    cluster, connect = drivers({"limits": [{"principal": "slow", "qps": 0.001, "capacity": 2}]})
    driver = connect("slow")
    driver.revive()
    again = make("mesos.scheduler.Call", type=1)
    again.framework_id.value = driver.framework_id
    info = again.subscribe.framework_info
    info.user, info.name, info.principal, info.id.value = "root", "slow", "slow", driver.framework_id
    again.subscribe.force = True
    for _ in range(3):
        assert driver.send(driver.master, again) == 202
    assert refused(driver)
    modern = Scheduler(cluster.address, principal="slow").subscribe()
    second = Scheduler(cluster.address, principal="slow")
    second.framework_id = modern.framework_id
    with pytest.raises(CallFailed) as refusal:
        second.subscribe()
    assert (refusal.value.status, refusal.value.body) == (429, "Call SUBSCRIBE dropped: capacity(2) exceeded")
    assert driver.counts() == (5, 1)


def test_small_bodies_that_become_large_count_as_what_they_are(drivers):
    """A call waits decoded: what that takes is limited, not what came over the wire."""
    cluster, connect = drivers({"limits": [{"principal": "slow", "qps": 0.001}]})
    scheduler = Scheduler(cluster.address, principal="slow").subscribe()
    scheduler.patience = 120
    driver = connect("slow")
    driver.revive()
    large = json.dumps({"type": "ACCEPT", "framework_id": {"value": scheduler.framework_id},
                        "accept": {"offer_ids": [], "operations": [{}] * 250000}})
    assert len(large) < 2 << 20
    head = f"POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nMesos-Stream-Id: {scheduler.stream_id}" \
           f"\r\nContent-Length: {len(large)}\r\n\r\n"
    with socket.create_connection((cluster.master.host, cluster.master.port), timeout=60) as first, \
            socket.create_connection((cluster.master.host, cluster.master.port), timeout=60) as second:
        first.sendall((head + large).encode())
        wait_for(lambda: driver.counts() == (2, 1), 60, "the first to wait")
        second.sendall((head + large).encode())
        answer = b""
        while b"waiting" not in answer and (more := second.recv(65536)):
            answer += more
    assert answer.startswith(b"HTTP/1.1 429 ") and b"bytes are waiting" in answer, answer


def scheduler_teardown(cluster, framework_id):
    import urllib.request
    with urllib.request.urlopen(cluster.master.url + "/master/teardown", f"frameworkId={framework_id}".encode(), timeout=30) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("text, part", [
    ('{"limits": [{"principal": "a", "capacty": 1}]}', "limits[0]: unknown member 'capacty': the nearest known name is 'capacity'"),
    ('{"limits": [{"qps": 1}]}', "limits[0]: 'principal' must be a text"),
    ('{"limits": [{"principal": "a"}, {"principal": "a"}]}', "limits[1]: principal 'a' has a limit already"),
    ('{"aggregate_default_qps": 0}', "'aggregate_default_qps' must be a number above zero"),
    ('{"limits": {}}', "'limits' must be an array"),
])
def test_limits_that_make_no_sense(make_cluster, text, part):
    with pytest.raises(AssertionError) as failure:
        make_cluster(agents=0, master_flags={"rate_limits": text})
    assert part in str(failure.value)
