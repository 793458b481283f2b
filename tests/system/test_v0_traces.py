# SPDX-License-Identifier: Apache-2.0
"""What a v0 scheduler and Apache's master said to each other, said again to ours: by `mesos.scheduler.Call` and by the older
messages, in order, with a scripted agent on the other side. Every message of the master must be what was recorded.
"""
import glob
import json
import os
import re
import urllib.request

import pytest

from cluster import wait_for
from libprocess import Peer, recorded_message, split_pid
from replay import FACTS, split
from shapes import Differences



def plain(value):
    """A message as nested lists and dicts, without what varies: times, uuids, versions, order of resources."""
    if not hasattr(value, "ListFields"):
        return value
    found = {}
    for field, content in value.ListFields():
        if field.name in ("timestamp", "uuid", "version", "ip", "port") or field.name.endswith("_uuids"):
            content = "varies" if field.name != "port" or isinstance(content, int) else content
        elif field.label == field.LABEL_REPEATED:
            content = [plain(item) for item in content]
            if field.name == "resources":
                content.sort(key=lambda r: r["name"])
        else:
            content = plain(content)
        found[field.name] = content
    return found


QUOTA_V2 = {"type": 3}


class Exchange:
    def __init__(self, cluster, folder, differences):
        self.cluster, self.folder, self.differences = cluster, folder, differences
        self.paths = sorted(glob.glob(os.path.join(FACTS, folder, "*.req")))
        self.master = "master@" + cluster.address
        self.peers = {}
        self.ids = {"127.0.0.1:5050": cluster.address, "master1.example": "localhost"}
        for path in self.paths:
            name = os.path.basename(path).split("-")[1]
            if name not in self.peers and name not in ("master", "client"):
                actor, _, port = split_pid(recorded_message(path).sender)
                self.peers[name] = Peer(actor)
                self.ids[f"127.0.0.1:{port}"] = f"127.0.0.1:{self.peers[name].port}"
        if "agent1" not in self.peers or self.peers["agent1"].name != "slave(1)":
            self.peers["agent1"] = Peer("slave(1)")
            self.ids["127.0.0.1:5051"] = f"127.0.0.1:{self.peers['agent1'].port}"
        first = next(p for p in self.paths if p.endswith("FrameworkRegisteredMessage.req"))
        self.their_master = recorded_message(first).value.master_info.id
        self.ids[self.their_master] = cluster.master.get("/state")["id"]

    def close(self):
        for peer in self.peers.values():
            peer.close()

    def ours(self, text):
        """Offers first: their ids begin with the master's."""
        for their in sorted(self.ids, key=len, reverse=True):
            text = text.replace(their, self.ids[their])
        return text

    def translate(self, message):
        """In place: every text in a recorded message as it must be here."""
        for field, content in message.ListFields():
            if field.type == field.TYPE_MESSAGE:
                for item in content if field.label == field.LABEL_REPEATED else [content]:
                    self.translate(item)
            elif field.type == field.TYPE_STRING:
                if field.label == field.LABEL_REPEATED:
                    content[:] = [self.ours(item) for item in content]
                else:
                    setattr(message, field.name, self.ours(content))
        return message

    def recorded(self, path):
        return self.translate(recorded_message(path).value)

    def say(self, who, path):
        """As recorded, head and body."""
        canned = recorded_message(path)
        try:
            body = self.translate(canned.value).SerializePartialToString()
        except Exception:  # what was garbage stays garbage
            body = canned.body
        if canned.kind == "NoSuchMessage":
            body = canned.body
        framed = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n" if body else b""
        return self.peers[who].raw(self.master, self.ours(canned.head).encode() + b"\r\n" + framed)

    def learn(self, theirs, ours):
        """An offer that is told for the first time."""
        for their, our in zip(getattr(theirs, "offers", []), getattr(ours, "offers", [])):
            self.ids[their.id.value] = our.id.value

    def hear(self, who, path, loosely=False):
        """loosely: how much is offered depends on when others gave it back."""
        canned = recorded_message(path)
        got = self.peers[who].get(canned.kind)
        assert got.head == self.ours(canned.head), (got.head, canned.head)
        theirs = canned.value
        self.learn(theirs, got.value)
        ours, theirs = plain(got.value), plain(self.translate(theirs))
        for side in (ours, theirs) if loosely else ():
            for offer in side.get("offers", []):
                offer["resources"] = sorted({r["name"] for r in offer["resources"]} & {"cpus", "mem"})
        master = theirs.get("master_info", {})
        if QUOTA_V2 in master.get("capabilities", []) and QUOTA_V2 not in ours["master_info"]["capabilities"]:
            master["capabilities"].remove(QUOTA_V2)
            self.differences.note(f"{self.folder}/{os.path.basename(path)}", ["master_info.capabilities QUOTA_V2 missing"])
        assert ours == theirs, path
        return got


def same_json(ours, theirs, exchange, where=""):
    """Same names, types and nesting; same texts but for what varies."""
    if isinstance(theirs, dict):
        assert sorted(ours) == sorted(theirs), (where, sorted(ours), sorted(theirs))
        for key in theirs:
            if "time" not in key and key != "executor_pid":
                same_json(ours[key], theirs[key], exchange, f"{where}.{key}")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), where
        for a, b in zip(ours, theirs):
            same_json(a, b, exchange, where + "[]")
    elif isinstance(theirs, str):
        assert ours == exchange.ours(theirs), where
    else:
        assert (type(ours), ours) == (type(theirs), theirs), where


def register_agent(exchange):
    agent = exchange.peers["agent1"]
    agent.on_message = lambda message: message.kind == "PingSlaveMessage"
    path = glob.glob(os.path.join(FACTS, "01-agent-registration", "*-agent1-master-RegisterSlaveMessage.req"))[0]
    assert exchange.say("agent1", path) == 202
    agent_id = agent.value("SlaveRegisteredMessage").slave_id.value
    assert agent_id == exchange.ids[exchange.their_master] + "-S0"


def from_executor(message):
    """An update that an agent sent the master before."""
    return message.kind == "StatusUpdateMessage" and message.value.update.status.source == 2


@pytest.fixture
def exchange_of(make_cluster):
    made = []

    def make_exchange(folder, **flags):
        differences = Differences(folder + "/")
        made.append(Exchange(make_cluster(agents=0, master_flags={"allocation_interval": "50ms", **flags}), folder, differences))
        register_agent(made[0])
        return made[0]

    yield make_exchange
    for exchange in made:
        exchange.close()


def check_frameworks(exchange, path):
    with open(path[:-3] + "res", "rb") as f:
        theirs = json.loads(split(f.read())[2])
    same_json(exchange.cluster.master.get("/frameworks"), theirs, exchange)


def test_scheduler_by_hand(exchange_of):
    exchange = exchange_of("08c-v0-scheduler-by-hand")
    steps = 0
    for path in exchange.paths:
        name = os.path.basename(path)
        print(name)
        number, sender, receiver = re.match(r"(\d+)-([a-z0-9]+)-([a-z0-9]+)-", name).groups()
        if sender == "client":
            check_frameworks(exchange, path)
        elif receiver == "executor":
            continue  # the agent is ours to play
        elif receiver == "master":
            assert exchange.say(sender, path) == (404 if number == "029" else 202)
        elif number in ("050", "051"):
            continue  # below, in either order
        else:
            if number == "058":
                exchange.peers["sched2"].hang_up()
            if from_executor(recorded_message(path)):
                exchange.peers["agent1"].send(exchange.master, exchange.recorded(path))
            exchange.hear(receiver, path)
        if number == "049":
            gone = {exchange.peers["sched2"].value("RescindResourceOfferMessage").offer_id.value for _ in range(2)}
            assert gone == {exchange.ids[f"{exchange.their_master}-O{n}"] for n in (3, 4)}
        steps += 1
    exchange.differences.check()
    assert steps > 65
    for peer in exchange.peers.values():
        assert peer.messages.empty(), list(peer.messages.queue)


def end_former(exchange, number, ended):
    """A driver that did not say goodbye was killed before the next one came."""
    name = "scheduler" if number == 1 else f"scheduler{number}"
    if name in ended:
        return
    exchange.peers[name].hang_up()
    ids = {f["pid"]: f["id"] for f in exchange.cluster.master.get("/frameworks")["frameworks"]}
    pid = exchange.peers[name].pid
    wait_for(lambda: pid not in [f["pid"] for f in exchange.cluster.master.get("/frameworks")["frameworks"]], 5,
             f"the end of {ids.get(pid)}")


def end_tasks(exchange):
    """An operator ends a framework whose driver is still there."""
    gone = {f["pid"]: f["id"] for f in exchange.cluster.master.get("/frameworks")["frameworks"]}
    framework = gone[exchange.peers["scheduler5"].pid]
    body = json.dumps({"type": "TEARDOWN", "teardown": {"framework_id": {"value": framework}}}).encode()
    request = urllib.request.Request(exchange.cluster.master.url + "/api/v1", body,
                                     {"Content-Type": "application/json", "Accept": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200
    assert exchange.peers["agent1"].value("ShutdownFrameworkMessage").framework_id.value


def test_drivers(exchange_of):
    """Six schedulers of Apache's own driver, one after the other: run, fail, killed, torn down, their agent lost."""
    exchange = exchange_of("08-v0-scheduler-driver")
    steps, schedulers, ended = 0, 0, set()
    for path in exchange.paths:
        name = os.path.basename(path)
        print(name)
        number, sender, receiver = re.match(r"(\d+)-([a-z0-9]+)-([a-z0-9]+)-", name).groups()
        if "-RegisterSlave" in name or "-Pong" in name or "-UpdateSlave" in name or "agent1-master-StatusUpdate" in name:
            continue  # the agent is registered; its updates are told when the scheduler is to hear them
        if sender == "client":
            end_tasks(exchange)
            ended.add("scheduler5")
        elif receiver == "master":
            if "Call-SUBSCRIBE" in name:
                if schedulers:
                    end_former(exchange, schedulers, ended)
                schedulers += 1
            if "Call-TEARDOWN" in name:
                ended.add(sender)
            assert exchange.say(sender, path) == 202
        else:
            if from_executor(recorded_message(path)):
                exchange.peers["agent1"].send(exchange.master, exchange.recorded(path))
            exchange.hear(receiver, path, loosely=True)
        steps += 1
    exchange.differences.check()
    assert steps > 70 and schedulers == 6
    # Mesos tells nobody of the operator's teardown.
    assert exchange.peers["scheduler5"].value("FrameworkErrorMessage").message == "Framework has been removed"


def test_rate_limits(exchange_of):
    """A driver that sends more than it may, until each message is refused. Of that recording are left out its login (08b has
    one) and, from 021 on, the calls of a v1 scheduler of the same principal: Mesos answered each of them with 202 and counted
    none, and here they are limited as the driver is (test_rate_limits.py). Slower than recorded, 0.01 instead of 0.5 a second,
    so that no pause lets another message pass."""
    exchange = exchange_of("11b-rate-limits", rate_limits=json.dumps({
        "limits": [{"principal": "slow", "qps": 0.01, "capacity": 2}, {"principal": "fast"}],
        "aggregate_default_qps": 100, "aggregate_default_capacity": 100}))
    said = heard = 0
    for path in exchange.paths:
        name = os.path.basename(path)
        print(name)
        _, sender, receiver = re.match(r"(\d+)-([a-z0-9]+)-([a-z0-9]+)-", name).groups()
        if sender == "client":
            break
        if receiver == "master":
            assert exchange.say(sender, path) == 202
            said += 1
            continue
        if from_executor(recorded_message(path)):
            exchange.peers["agent1"].send(exchange.master, exchange.recorded(path))
        exchange.hear(receiver, path)
        heard += 1
    assert (said, heard) == (6, 7)
    with open(glob.glob(os.path.join(FACTS, exchange.folder, "020-*.res"))[0], "rb") as f:
        theirs = json.loads(split(f.read())[2])
    ours = exchange.cluster.master.get("/metrics/snapshot")
    for what in "received", "processed":
        assert ours[f"frameworks/slow/messages_{what}"] == theirs[f"frameworks/slow/messages_{what}"]
    assert exchange.peers["driver"].messages.empty()
    exchange.differences.check()
