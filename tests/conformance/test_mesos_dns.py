# SPDX-License-Identifier: Apache-2.0
"""mesos-dns, unmodified: it reads /master/state and answers for the tasks that run, and no more when they have ended."""
import json
import os
import socket
import struct
import subprocess

import pytest

import clients
from cluster import free_port, wait_for
from scheduler import Scheduler, command_task

A, SRV = 1, 33


def question(name, kind):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)


def skip_name(data, at):
    while data[at]:
        if data[at] & 0xC0:
            return at + 2
        at += data[at] + 1
    return at + 1


def resolve(port, name, kind=A):
    """The answers' data: addresses, or (port, target's first label)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        s.sendto(question(name, kind), ("127.0.0.1", port))
        try:
            data = s.recv(4096)
        except (TimeoutError, ConnectionRefusedError):
            return []
    count, at = struct.unpack(">H", data[6:8])[0], skip_name(data, 12) + 4
    found = []
    for _ in range(count):
        at = skip_name(data, at)
        kind_found, _, _, length = struct.unpack(">HHIH", data[at:at + 10])
        body = data[at + 10:at + 10 + length]
        at += 10 + length
        if kind_found == A:
            found.append(socket.inet_ntoa(body))
        elif kind_found == SRV:
            found.append((struct.unpack(">H", body[4:6])[0], body[7:7 + body[6]].decode()))
    return found


@pytest.fixture
def dns(cluster):
    port = free_port()
    path = os.path.join(cluster.directory, "mesos-dns.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"masters": [cluster.address], "zk": "", "refreshSeconds": 1, "ttl": 1, "domain": "mesos", "port": port,
                   "resolvers": ["127.0.0.1"], "timeout": 2, "listener": "127.0.0.1", "SOAMname": "ns1.mesos",
                   "SOARname": "root.ns1.mesos", "httpon": False, "dnson": True, "externalon": False,
                   "enforceRFC952": False, "IPSources": ["netinfo", "mesos", "host"]}, f)
    with open(os.path.join(cluster.directory, "mesos-dns.log"), "wb") as log:
        process = subprocess.Popen([clients.mesos_dns(), "-config", path, "-v", "1"], stdout=log, stderr=log,
                                   stdin=subprocess.DEVNULL)
    yield port
    assert process.poll() is None, "mesos-dns has ended"
    process.terminate()
    process.wait(60)


def test_running_tasks_are_resolved(cluster, dns):
    scheduler = Scheduler(cluster.address, name="shop").subscribe()
    offer = scheduler.offer()
    task = command_task("web.1", "sleep 1000", offer, discovery={
        "visibility": "CLUSTER", "name": "web", "ports": {"ports": [{"number": 31007, "name": "http", "protocol": "tcp"}]}})
    task["name"] = "web"
    task["resources"].append({"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31007, "end": 31007}]}})
    scheduler.accept(offer, [task])
    scheduler.until("web.1", {"TASK_RUNNING"})
    assert wait_for(lambda: resolve(dns, "web.shop.mesos"), what="mesos-dns to know the task") == ["127.0.0.1"]
    # Each is asked again if need be: an answer over UDP may be late.
    assert [p for p, _ in wait_for(lambda: resolve(dns, "_web._tcp.shop.mesos", SRV), what="its port")] == [31007]
    assert wait_for(lambda: resolve(dns, "leader.mesos"), what="the leader") == ["127.0.0.1"]
    assert wait_for(lambda: resolve(dns, "slave.mesos"), what="the agent") == ["127.0.0.1"]
    assert resolve(dns, "nosuch.shop.mesos") == []
    scheduler.kill("web.1")
    scheduler.until("web.1", {"TASK_KILLED"})
    wait_for(lambda: not resolve(dns, "web.shop.mesos"), what="mesos-dns to forget the task")
    scheduler.teardown()
