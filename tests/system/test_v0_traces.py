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

from libprocess import Message, Peer, _Reader, message_class
from replay import FACTS, split

THEIR_MASTER = "6db91cb1-19d9-4d8d-b030-b61df76da796"


class Canned:
    """Recorded bytes, to be read like a connection."""

    def __init__(self, data):
        self.data = data

    def recv(self, _):
        data, self.data = self.data, b""
        return data


def recorded_message(path):
    with open(path, "rb") as f:
        return Message(*_Reader(Canned(f.read())).request())


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
            if field.name == "capabilities":
                content = [c for c in content if c != {"type": 3}]  # QUOTA_V2: there is no quota yet
        else:
            content = plain(content)
        found[field.name] = content
    return found


class Exchange:
    def __init__(self, cluster, folder):
        self.cluster = cluster
        self.paths = sorted(glob.glob(os.path.join(FACTS, folder, "*.req")))
        self.master = "master@" + cluster.address
        self.peers = {"sched1": Peer("sched"), "sched2": Peer("sched"), "agent1": Peer("slave(1)")}
        self.ids = {THEIR_MASTER: cluster.master.get("/state")["id"], "127.0.0.1:5050": cluster.address,
                    "agent1.example": "agent1.example", "master1.example": "localhost"}
        for name, port in (("sched1", 7001), ("sched2", 7002), ("agent1", 5051)):
            self.ids[f"127.0.0.1:{port}"] = f"127.0.0.1:{self.peers[name].port}"

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

    def hear(self, who, path):
        canned = recorded_message(path)
        got = self.peers[who].get(canned.kind)
        assert got.head == self.ours(canned.head), (got.head, canned.head)
        theirs = canned.value
        self.learn(theirs, got.value)
        theirs = self.translate(theirs)
        assert plain(got.value) == plain(theirs), path
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
    assert agent_id == exchange.ids[THEIR_MASTER] + "-S0"


def from_executor(message):
    """An update that an agent sent the master before."""
    return message.kind == "StatusUpdateMessage" and message.value.update.status.source == 2


@pytest.fixture
def exchange(make_cluster):
    made = Exchange(make_cluster(agents=0, master_flags={"allocation_interval": "50ms"}), "08c-v0-scheduler-by-hand")
    register_agent(made)
    yield made
    made.close()


def check_frameworks(exchange, path):
    with open(path[:-3] + "res", "rb") as f:
        theirs = json.loads(split(f.read())[2])
    same_json(exchange.cluster.master.get("/frameworks"), theirs, exchange)


def test_scheduler_by_hand(exchange):
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
            assert gone == {exchange.ids[f"{THEIR_MASTER}-O{n}"] for n in (3, 4)}
        steps += 1
    assert steps > 65
    for peer in exchange.peers.values():
        assert peer.messages.empty(), list(peer.messages.queue)
