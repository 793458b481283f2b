# SPDX-License-Identifier: Apache-2.0
"""What Apache's agent said to executors over libprocess and to its master about them, compared with what ours says: the
master and the executors are scripted, the agent and its restarts are real.

The agent starts a program that only sleeps; the talk of the executor that it would be comes from the recording.
"""
import glob
import os
import re
import signal
import time

import pytest

from cluster import wait_for
from libprocess import Peer
from replay import FACTS
from shapes import Differences
from test_v0_traces import plain, recorded_message

FOLDER = "04-command-executor-libprocess"
THEIR_MASTER = "7c25979d-1e2f-4a23-984c-44ef6ca5fa49"
FRAMEWORK, AGENT = THEIR_MASTER + "-0000", THEIR_MASTER + "-S0"
PORTS = {"executor": 42955, "executor2": 45139, "executor3": 38563, "executor4": 41303, "executor5": 46697}
# What the agent says of itself is compared elsewhere; here it only has to be said.
UNREAD = ("RegisterSlaveMessage", "ReregisterSlaveMessage", "UpdateSlaveMessage", "PongSlaveMessage")


class Exchange:
    def __init__(self, make_cluster):
        self.cluster = make_cluster(agents=0)
        launcher = os.path.join(self.cluster.directory, "libexec-v0")
        os.makedirs(launcher)
        for name in os.listdir(self.cluster.tree.launcher_dir):
            os.symlink(os.path.join(self.cluster.tree.launcher_dir, name), os.path.join(launcher, name))
        os.unlink(launcher + "/mesos-executor")
        with open(launcher + "/mesos-executor", "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\nexec sleep 100\n")
        os.chmod(launcher + "/mesos-executor", 0o755)
        self.peers = {name: Peer("executor(1)") for name in PORTS}
        self.peers["master"] = Peer("master")
        self.pinged = False
        self.agent = self.cluster.add_agent({
            "master": f"127.0.0.1:{self.peers['master'].port}", "hostname": "agent1.example", "launcher_dir": launcher,
            "executor_reregistration_timeout": "3secs"}, start=False)
        self.pid = f"slave(1)@127.0.0.1:{self.agent.port}"
        self.ids = {"/usr/libexec/mesos": launcher, "127.0.0.1:5051": f"127.0.0.1:{self.agent.port}",
                    "127.0.0.1:5050": f"127.0.0.1:{self.peers['master'].port}"}
        for name, port in PORTS.items():
            self.ids[f"127.0.0.1:{port}"] = f"127.0.0.1:{self.peers[name].port}"

    def ours(self, text):
        for their, our in self.ids.items():
            text = text.replace(their, our)
        return text

    def translate(self, message):
        for field, content in message.ListFields():
            if field.type == field.TYPE_MESSAGE:
                for item in content if field.label == field.LABEL_REPEATED else [content]:
                    self.translate(item)
            elif field.type == field.TYPE_STRING and field.label == field.LABEL_REPEATED:
                content[:] = [self.ours(item) for item in content]
            elif field.type == field.TYPE_STRING:
                setattr(message, field.name, self.ours(content))
        return message

    def say(self, who, path):
        canned = recorded_message(path)
        body = self.translate(canned.value).SerializeToString()
        framed = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n" if body else b""
        return self.peers[who].raw(self.pid, self.ours(canned.head).encode() + b"\r\n" + framed)

    def hear(self, who, path):
        canned = recorded_message(path)
        got = self.peers[who].get(canned.kind, 20)
        assert got.head == self.ours(canned.head), (got.head, canned.head)
        if canned.kind not in UNREAD:
            compare(own(plain(got.value)), own(plain(self.translate(canned.value))), os.path.basename(path))
        return got

    def meta(self, name):
        return f"{self.agent.work_dir}/meta/slaves/{AGENT}/frameworks/{FRAMEWORK}/executors/{name}/runs/latest"

    def started(self, name):
        """Its process runs, and its containerizer can tell of it."""
        wait_for(lambda: os.path.exists(self.meta(name) + "/pids/forked.pid"), 10, name)
        time.sleep(0.2)

    def kill_executor(self, name):
        """The process that stands for it."""
        with open(self.meta(name) + "/pids/forked.pid", encoding="utf-8") as f:
            os.kill(int(f.read()), signal.SIGKILL)

    def close(self):
        for peer in self.peers.values():
            peer.close()


def own(value):
    """Without what is this machine's: pids, container ids, the agent's port."""
    if isinstance(value, dict):
        found = {}
        for key, content in value.items():
            if key in ("executor_pid", "container_id", "port"):
                content = "varies"
            found[key] = own(content)
        return found
    return [own(item) for item in value] if isinstance(value, list) else value


def compare(ours, theirs, where):
    if isinstance(ours, dict) and isinstance(theirs, dict):
        assert sorted(ours) == sorted(theirs), where
        for key in ours:
            compare(ours[key], theirs[key], f"{where}.{key}")
    else:
        assert ours == theirs, where


@pytest.fixture
def exchange(make_cluster):
    made = Exchange(make_cluster)
    yield made
    made.close()


def restart(exchange):
    exchange.agent.kill()
    exchange.agent.start(wait=False)


def before(exchange, number):
    """What was done to the processes at this point of the recording."""
    if number == 1:
        exchange.agent.start(wait=False)
    elif number == 26:
        exchange.kill_executor("short")
    elif number == 49:
        exchange.kill_executor("kill")
    elif number == 76:
        exchange.agent.kill()
        exchange.kill_executor("endsduring")
        exchange.agent.start(wait=False)
    elif number == 86:
        restart(exchange)


def test_executors_by_hand(exchange):
    steps, differences = 0, Differences(FOLDER + "/")
    for path in sorted(glob.glob(os.path.join(FACTS, FOLDER, "*.req"))):
        name = os.path.basename(path)
        number, sender, receiver = re.match(r"(\d+)-([a-z0-9]+)-([a-z0-9]+)-", name).groups()
        if sender == "client" or name[4:].startswith("agent1-master-PongSlave"):
            continue
        print(name)
        before(exchange, int(number))
        if name.endswith("-RegisterExecutorMessage.req"):
            exchange.started(recorded_message(path).value.executor_id.value)
        if receiver == "agent1":
            assert exchange.say(sender, path) == 202
        elif number == "084":
            exchange.peers["master"].quiet("StatusUpdateMessage", 0.2)
            differences.note(FOLDER + "/" + name, ["not sent"])
            continue
        else:
            exchange.hear(receiver, path)
        steps += 1
    differences.check()
    assert steps > 85
    meta = exchange.meta("td")
    with open(meta + "/pids/libprocess.pid", encoding="utf-8") as f:
        assert f.read() == exchange.peers["executor5"].pid
    assert not os.path.exists(meta + "/http.marker")
