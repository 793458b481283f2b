# SPDX-License-Identifier: Apache-2.0
"""Containers that share the host's address: what they see, who reaches them, how fast, what is counted, what a restart
leaves alone and what it clears. Host, other host and all containers are network namespaces of this test."""
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest

from cluster import Cluster, wait_for
from netbox import NetBox, libc, run
from scheduler import TERMINAL, Scheduler, command_task, group_operation

HOST, FAR = "10.78.0.1", "10.78.0.2"
EPHEMERAL = (32768, 36863)
EACH = 512
RESOURCES = "cpus:4;mem:4096;disk:10000;ports:[31000-31099];ephemeral_ports:[%d-%d]" % EPHEMERAL
CLONE_NEWNET = 0x40000000

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

# A task that does what it is told over a Unix socket in its sandbox: these lead through network namespaces.
PUPPET = r"""
import contextlib, os, socket, struct, subprocess, sys, threading, time
import fcntl
scope = dict(globals())
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1] + ".new")
server.listen(16)
os.rename(sys.argv[1] + ".new", sys.argv[1])
def serve(c):
    with c, c.makefile("rw") as f:
        code = eval(f.readline())
        try:
            *head, last = code.strip().split("\n")
            exec("\n".join(head), scope)
            f.write(repr(("ok", eval(last, scope))))
        except BaseException as e:
            f.write(repr(("error", repr(e))))
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""

# What puppets and the test itself use: a listener that tells who came, a sink that counts, a source that sends.
TOOLS = r"""
import socket, threading, time
def listen(port, address="0.0.0.0", text=b"hello"):
    s = socket.create_server((address, port), backlog=64)
    def serve():
        while True:
            c, peer = s.accept()
            c.sendall(text + b" %d" % peer[1])
            c.close()
    threading.Thread(target=serve, daemon=True).start()
    return s.getsockname()[1]
def ask(address, port, timeout=2.0, source=None):
    try:
        with socket.create_connection((address, port), timeout=timeout, source_address=source) as s:
            return s.makefile("rb").read().decode()
    except OSError as e:
        return type(e).__name__
def sink(port, counter):
    s = socket.create_server(("0.0.0.0", port))
    def serve():
        c, peer = s.accept()
        while True:
            data = c.recv(1 << 16)
            if not data:
                break
            counter[0] += len(data)
    threading.Thread(target=serve, daemon=True).start()
def send(address, port, seconds=0, size=0, counter=None):
    sent, end = 0, time.monotonic() + seconds
    with socket.create_connection((address, port), timeout=20) as s:
        while time.monotonic() < end if seconds else sent < size:
            n = s.send(bytes(min(1 << 16, size - sent) if size else 1 << 16))
            sent += n
    return sent
def udp_listen(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("0.0.0.0", port))
    def serve():
        while True:
            data, peer = s.recvfrom(2048)
            s.sendto(b"got " + data, peer)
    threading.Thread(target=serve, daemon=True).start()
def udp_ask(address, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1.0)
        s.sendto(b"ping", (address, port))
        try:
            return s.recvfrom(2048)[0].decode()
        except OSError as e:
            return type(e).__name__
def checksum(data):
    total = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
def ping(address, wait=1.0):
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
        head = bytes([8, 0, 0, 0, 0x77, 0x77, 0, 1]) + b"portmaps"
        sum_ = checksum(head)
        s.sendto(head[:2] + sum_.to_bytes(2, "big") + head[4:], (address, 0))
        end, replies = time.monotonic() + wait, 0
        while time.monotonic() < end:
            s.settimeout(max(0.01, end - time.monotonic()))
            try:
                data, peer = s.recvfrom(2048)
            except OSError:
                break
            replies += data[20] == 0 and data[24:26] == b"\x77\x77" and peer[0] == address
        return replies
"""


class Puppet:
    def __init__(self, box, name, ports, path):
        self.box, self.name, self.ports, self.path = box, name, ports, path

    def do(self, code, timeout=30):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(timeout)
            s.connect(self.path)
            s.sendall(repr(code).encode() + b"\n")
            kind, value = eval(s.makefile("r").read())
        assert kind == "ok", value
        return value

    def later(self, code, timeout=30):
        box = []
        thread = threading.Thread(target=lambda: box.append(self.do(code, timeout)))
        thread.start()
        return lambda: (thread.join(), box[0])[1]

    def read(self, path):
        return self.do(f"open({path!r}).read()").strip()

    def ephemeral(self):
        return tuple(map(int, self.read("/proc/sys/net/ipv4/ip_local_port_range").split()))

    def pid(self):
        """Its process, as the host numbers it."""
        return wait_for(self.find_pid, 5, f"a process of {self.name}")

    def find_pid(self):
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/cmdline", encoding="utf-8", errors="replace") as file:
                    words = file.read().split("\0")
            except OSError:
                continue
            if self.path in words and words[0].endswith("python3"):
                return int(entry)
        return None


class Box:
    def __init__(self, directory, **flags):
        self.directory = directory
        os.chmod(directory, 0o755)
        sweep()
        self.handles_before = handles()
        self.net = NetBox().enter()
        self.far = self.net.other_host("eth0", HOST, FAR)
        run("ip", "route", "add", "default", "via", FAR)
        write("/proc/sys/net/ipv4/ip_local_port_range", "57345 61000")
        with open(os.path.join(directory, "puppet.py"), "w", encoding="utf-8") as file:
            file.write(PUPPET)
        self.flags = {"isolation": "posix/cpu,posix/mem,network/port_mapping", "ip": HOST, "hostname": HOST,
                      "resources": RESOURCES, "ephemeral_ports_per_container": str(EACH), **flags}
        self.cluster = Cluster(directory)
        self.cluster.start(1, self.flags)
        self.agent = self.cluster.agents[0]
        self.scheduler = Scheduler(self.cluster.address, checkpoint=True, failover_timeout=1000).subscribe()
        self.count = 0
        scope = {}
        exec(TOOLS, scope)
        self.tools = scope
        self.far_scope = {}
        with self.at_far():
            exec(TOOLS, self.far_scope)

    def at_far(self):
        return Elsewhere(self.net.hosts[0].pid)

    def path(self, name):
        return os.path.join(self.directory, name + ".sock")

    def offer(self):
        offer = self.scheduler.offer()
        while not self.scheduler.offers.empty():
            self.scheduler.decline(offer)
            offer = self.scheduler.offer()
        return offer

    def puppet(self, begin=0, end=-1, **more):
        """A task with these ports of the resource that runs the puppet."""
        for _ in range(5):
            self.count += 1
            name = f"p{self.count}"
            offer = self.offer()
            task = command_task(name, f"exec python3 {self.directory}/puppet.py {self.path(name)}", offer, **more)
            if begin <= end:
                task["resources"].append(ports_resource(begin, end))
            self.scheduler.accept(offer, [task])
            if self.wait(name, {"TASK_RUNNING"} | TERMINAL) == "TASK_RUNNING":
                return self.wait_puppet(name, (begin, end))
            # An offer from before a restart of the agent: the next one is good.
        raise AssertionError(f"{name} does not run: {self.scheduler.history[-1]}")

    def wait(self, task_id, states):
        def reached():
            return next((s["state"] for s in self.scheduler.history
                         if s["task_id"]["value"] == task_id and s["state"] in states), None)
        return wait_for(reached, 20, f"{task_id} to become one of {states}")

    def wait_puppet(self, name, ports):
        wait_for(lambda: os.path.exists(self.path(name)), 10, "the puppet " + name)
        puppet = Puppet(self, name, ports, self.path(name))
        puppet.do(TOOLS + "\n0")
        return puppet

    def end(self, *puppets):
        for puppet in puppets:
            self.scheduler.kill(puppet.name)
        for puppet in puppets:
            self.wait(puppet.name, TERMINAL)

    def statistics(self, puppet):
        for entry in self.agent.get("/monitor/statistics"):
            if entry["source"] == puppet.name or entry["executor_id"] == puppet.name:
                return entry["statistics"]
        raise AssertionError(f"no statistics of {puppet.name}")

    def restart(self, **flags):
        if self.agent.process.poll() is None:
            self.agent.kill()
        for key, value in flags.items():
            self.agent.argv = [a for a in self.agent.argv if not a.startswith(f"--{key}=")] + [f"--{key}={value}"]
        self.agent.start()
        wait_for(lambda: self.agent.get("/metrics/snapshot").get("slave/registered") == 1, 20, "the agent to be back")

    def left(self):
        """What containers have left behind."""
        filters = [line for link in ("eth0", "lo")
                   for line in run("tc", "filter", "show", "dev", link, "ingress").splitlines()]
        links = os.listdir(self.cluster.directory + "/agent1.run/netns")
        return cables() + filters + sorted(handles() - self.handles_before) + links

    def close(self):
        try:
            self.scheduler.teardown()
            wait_for(lambda: not self.left(), 20, "nothing to be left")
        finally:
            self.cluster.stop()
            complaints = self.cluster.complaints()
            self.net.leave()
            self.cluster.remove()
        assert not complaints


class Elsewhere:
    """This thread is in another process's network; sockets and threads made meanwhile stay there."""

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        self.here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        there = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        assert libc.setns(there, CLONE_NEWNET) == 0
        os.close(there)

    def __exit__(self, *_):
        assert libc.setns(self.here, CLONE_NEWNET) == 0
        os.close(self.here)


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def ports_resource(begin, end):
    return {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": begin, "end": end}]}}


def handles():
    directory = "/var/run/netns"
    return {n for n in os.listdir(directory) if n.isdigit()} if os.path.isdir(directory) else set()


def sweep():
    """Handles of runs that were broken off: their processes are gone, and so are the agents that would know them."""
    for name in handles():
        if not os.path.exists(f"/proc/{name}"):
            run("umount", "--lazy", f"/var/run/netns/{name}", check=False)
            os.unlink(f"/var/run/netns/{name}")


def cables():
    return re.findall(r"mesos\d+", run("ip", "-o", "link", "show", "type", "veth"))


@pytest.fixture(scope="module")
def box():
    made = Box(tempfile.mkdtemp(prefix="cmpm-"), network_enable_socket_statistics_summary="true",
               network_enable_socket_statistics_details="true", network_enable_snmp_statistics="true",
               network_enable_rate_statistics="true", network_rate_statistics_window="10secs",
               network_rate_statistics_interval="200ms")
    yield made
    made.close()


@pytest.fixture(scope="module")
def pair(box):
    """Two containers that live through the module."""
    a, b = box.puppet(31000, 31009), box.puppet(31010, 31013)
    yield a, b
    box.end(a, b)


def test_container_looks_like_the_host(box, pair):
    a, b = pair
    inside = a.do("subprocess.run(['ip', '-o', 'addr'], stdout=-1, text=True).stdout")
    assert f"inet {HOST}/24" in inside and "eth0" in inside and "inet 127.0.0.1/8" in inside
    link = a.do("subprocess.run(['ip', '-o', 'link'], stdout=-1, text=True).stdout")
    own = run("ip", "-o", "link", "show", "eth0")
    mac = re.search(r"link/ether (\S+)", own)[1]
    assert link.count(mac) == 2, link  # lo has it too
    assert re.search(r"eth0\S* <[^>]*UP", link) and re.search(r"lo: <[^>]*UP", link)
    assert re.search(r"mtu (\d+)", own)[1] == re.search(r"eth0.* mtu (\d+)", link)[1]
    assert f"default via {FAR} dev eth0" in a.do("subprocess.run(['ip', 'route'], stdout=-1, text=True).stdout")
    spaces = {p.do("os.readlink('/proc/self/ns/net')") for p in (a, b)} | {os.readlink("/proc/thread-self/ns/net")}
    assert len(spaces) == 3
    first, second = a.ephemeral(), b.ephemeral()
    for begin, end in (first, second):
        assert EPHEMERAL[0] <= begin and end <= EPHEMERAL[1] and end - begin + 1 == EACH
        assert begin % EACH == 0
    assert first[1] < second[0] or second[1] < first[0]
    assert a.read("/proc/sys/net/core/somaxconn") == open("/proc/sys/net/core/somaxconn").read().strip()
    assert len(cables()) == 2


def test_ephemeral_ports_are_offered_to_nobody(box, pair):
    offer = box.offer()
    box.scheduler.decline(offer)
    names = {r["name"] for r in offer["resources"]}
    assert "ports" in names and "ephemeral_ports" not in names


def test_own_ports_are_reachable(box, pair):
    a, b = pair
    a.do("listen(31001, text=b'from a')\nlisten(31002, '127.0.0.1', b'local')\nudp_listen(31003)\n0")
    b.do("listen(31011, text=b'from b')\n0")
    with box.at_far():
        assert box.tools["ask"](HOST, 31001).startswith("from a")
        assert box.tools["ask"](HOST, 31011).startswith("from b")
        assert box.tools["udp_ask"](HOST, 31003) == "got ping"
    for address in (HOST, "127.0.0.1"):
        assert box.tools["ask"](address, 31001).startswith("from a")  # from the host itself
        assert b.do(f"ask({address!r}, 31001)").startswith("from a")
        assert a.do(f"ask({address!r}, 31011)").startswith("from b")
        assert a.do(f"ask({address!r}, 31001)").startswith("from a")  # from itself
        assert b.do(f"udp_ask({address!r}, 31003)") == "got ping"
    assert a.do("ask('127.0.0.1', 31002)").startswith("local")
    assert box.tools["ask"]("127.0.0.1", 31002).startswith("local")
    free = a.do("listen(0, text=b'any')")  # an ephemeral port of its own
    assert a.ephemeral()[0] <= free <= a.ephemeral()[1]
    with box.at_far():
        assert box.tools["ask"](HOST, free).startswith("any")


def test_other_ports_are_not(box, pair):
    a, b = pair
    a.do("listen(31013, text=b'thief')\nlisten(31050, text=b'nobody')\nlisten(9999, text=b'known')\n0")
    for port in (31013, 31050, 9999):
        with box.at_far():
            assert box.tools["ask"](HOST, port, 0.5) in ("ConnectionRefusedError", "TimeoutError", "timeout")
        assert box.tools["ask"](HOST, port, 0.5) == "ConnectionRefusedError"
        assert b.do(f"ask({HOST!r}, {port}, 0.5)") == "ConnectionRefusedError"
    # And it cannot speak from ports that are not its own, to nobody.
    with box.at_far():
        box.far_scope["listen"](7001)
    box.tools["listen"](7002)
    b.do("listen(31010)\n0")
    for port in (31010, 31050, 57400):
        for address, target in ((FAR, 7001), (HOST, 7002), (HOST, 31012)):
            assert a.do(f"ask({address!r}, {target}, 0.3, ('0.0.0.0', {port}))") != "hello " + str(port)
    assert a.do(f"ask({FAR!r}, 7001, 2, ('0.0.0.0', 31005))") == "hello 31005"
    # Nor from another address.
    spoof = ("s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)\n"
             "def spoof(source, target, sport, dport):\n"
             " udp = struct.pack('!HHHH', sport, dport, 12, 0) + b'fake'\n"
             " ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 32, 7, 0, 64, 17, 0, socket.inet_aton(source), "
             "socket.inet_aton(target))\n"
             " s.sendto(ip + udp, (target, 0))\n")
    with box.at_far():
        far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        far.bind(("0.0.0.0", 7003))
    near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    near.bind(("0.0.0.0", 7003))
    for listener in (far, near):
        listener.settimeout(0.3)
    a.do(spoof + f"spoof('10.78.0.9', {FAR!r}, 31005, 7003)\nspoof('10.78.0.9', {HOST!r}, 57400, 7003)\n0")
    for listener in (far, near):
        with pytest.raises(TimeoutError):
            listener.recvfrom(100)
    a.do(spoof + f"spoof({HOST!r}, {FAR!r}, 31005, 7003)\nspoof({HOST!r}, {HOST!r}, 31005, 7003)\n0")
    assert far.recvfrom(100)[0] == near.recvfrom(100)[0] == b"fake"
    far.close()
    near.close()


def test_connections_go_out_from_its_own_ephemeral_ports(box, pair):
    with box.at_far():
        port = box.far_scope["listen"](0)
    for puppet in pair:
        begin, end = puppet.ephemeral()
        for _ in range(20):
            answer = puppet.do(f"ask({FAR!r}, {port})")
            assert begin <= int(answer.split()[1]) <= end
        page = puppet.do(f"__import__('urllib.request').request.urlopen('http://{HOST}:{box.agent.port}/version').read()")
        assert json.loads(page)["version"]


def test_icmp_and_arp(box, pair):
    a, b = pair
    run("ip", "neigh", "flush", "all")
    for puppet in pair:
        puppet.do("subprocess.run(['ip', 'neigh', 'flush', 'all'])\n0")
        assert puppet.do(f"ping({FAR!r})") == 1
        assert puppet.do(f"ping({HOST!r}, 0.3)") == 1 and puppet.do("ping('127.0.0.1', 0.3)") == 1
    with box.at_far():
        assert box.tools["ping"](HOST, 0.5) == 1  # one answer, not one of each container
    assert box.tools["ping"](FAR, 0.5) == 1


def test_nested_containers_share_their_root_s_network(box):
    offer = box.offer()
    tasks = []
    for name, port in (("n1", 31020), ("n2", 31021)):
        task = command_task(name, f"exec python3 {box.directory}/puppet.py {box.path(name)}", offer)
        task["resources"].append(ports_resource(port, port))
        tasks.append(task)
    box.scheduler.accept(offer, None, operations=[
        group_operation(box.scheduler.framework_id, "pod", tasks[:1])])
    box.wait("n1", {"TASK_RUNNING"})
    first = box.wait_puppet("n1", (31020, 31020))
    first.do("listen(31020, text=b'one')\n0")
    with box.at_far():
        assert box.tools["ask"](HOST, 31020).startswith("one")
        assert box.tools["ask"](HOST, 31021, 0.3) == "ConnectionRefusedError"
    # The second group comes to the same executor: its container's ports change while it runs.
    before = first.do(f"keep = socket.create_connection(({HOST!r}, {box.agent.port}))\nkeep.getsockname()")
    offer = box.offer()
    second_task = dict(tasks[1], agent_id=offer["agent_id"])
    box.scheduler.accept(offer, None, operations=[group_operation(box.scheduler.framework_id, "pod", [second_task])])
    box.wait("n2", {"TASK_RUNNING"})
    second = box.wait_puppet("n2", (31021, 31021))
    assert second.do("os.readlink('/proc/self/ns/net')") == first.do("os.readlink('/proc/self/ns/net')")
    second.do("listen(31021, text=b'two')\n0")
    with box.at_far():
        assert box.tools["ask"](HOST, 31021).startswith("two")
        assert box.tools["ask"](HOST, 31020).startswith("one")
    assert second.do(f"ask({HOST!r}, 31020)").startswith("one")
    assert first.do("keep.sendall(b'GET /version HTTP/1.0\\r\\n\\r\\n')\nkeep.recv(20)").startswith(b"HTTP/1.1 200")
    assert first.do("keep.getsockname()") == before
    # When its task ends a port goes, and the others stay.
    box.end(second)
    wait_for(lambda: "at 20" not in filters_of("31021"), 10, "the filters of the port to go")
    with box.at_far():
        assert box.tools["ask"](HOST, 31020).startswith("one")
    box.end(first)
    wait_for(lambda: "one" not in box.tools["ask"](HOST, 31020, 0.3), 10, "the pod to end")


def filters_of(port):
    """The lines of eth0's filters that compare with exactly this port."""
    wanted = "match 0000%04x/0000ffff" % int(port)
    return "\n".join(line for line in run("tc", "filter", "show", "dev", "eth0", "ingress").splitlines() if wanted in line)


def test_statistics(box, pair):
    a, b = pair
    names = [f"net_{way}x_{what}" for way in "rt" for what in ("bytes", "packets", "errors", "dropped")]
    before, other = box.statistics(a), box.statistics(b)
    assert all(isinstance(before[name], int) for name in names), before
    size = 5_000_000
    counter = [0]
    with box.at_far():
        box.far_scope["sink"](7010, counter)
    assert a.do(f"send({FAR!r}, 7010, size={size})") == size
    a.do("got = [0]\nsink(31004, got)\n0")
    with box.at_far():
        box.tools["send"](HOST, 31004, size=2 * size)
    wait_for(lambda: counter[0] == size and a.do("got[0]") == 2 * size, 10, "the bytes to arrive")
    after = box.statistics(a)
    sent, received = (after[n] - before[n] for n in ("net_tx_bytes", "net_rx_bytes"))
    assert size < sent < size * 1.2 and 2 * size < received < 2 * size * 1.2, (sent, received)
    assert after["net_tx_packets"] > before["net_tx_packets"] and after["net_rx_packets"] > before["net_rx_packets"]
    assert box.statistics(b)["net_tx_bytes"] - other["net_tx_bytes"] < size / 10
    begin, end = a.ephemeral()
    assert after["net_ephemeral_ports"] == {"begin": begin, "end": end}
    a.do(f"keep = [socket.create_connection(({HOST!r}, {box.agent.port})) for _ in range(3)]\n0")
    sockets = box.statistics(a)
    assert sockets["net_tcp_active_connections"] >= 3 and sockets["net_tcp_time_wait_connections"] >= 0
    assert 0 < sockets["net_tcp_rtt_microsecs_p50"] <= sockets["net_tcp_rtt_microsecs_p99"]
    a.do("[c.close() for c in keep]\n0")
    snmp = after["net_snmp_statistics"]
    assert snmp["tcp_stats"]["ActiveOpens"] > 0 and snmp["ip_stats"]["InReceives"] > 0 and "udp_stats" in snmp
    assert snmp["ip_stats"]["DefaultTTL"] == 64 and "icmp_stats" in snmp
    rates = after["net_rate_statistics"]
    assert rates["sampling_window_secs"] == 10 and rates["sampling_interval_secs"] == 0.2
    wait_for(lambda: box.statistics(a)["net_rate_statistics"]["rx_rate"]["max"] > size, 5, "a sample of the burst")
    rx = box.statistics(a)["net_rate_statistics"]["rx_rate"]
    assert 0 <= rx["min"] <= rx["p50"] <= rx["p90"] <= rx["p99"] <= rx["p9999"] <= rx["max"] and rx["samples"] > 1
    metrics = box.agent.get("/metrics/snapshot")
    assert metrics["port_mapping/adding_eth0_ip_filters_errors"] == 0
    assert metrics["port_mapping/per_cpu_egress_rate_limit"] == 0


class Stream(threading.Thread):
    """A connection over which a number goes there and back again and again; its socket was made elsewhere."""

    def __init__(self, sock):
        super().__init__(daemon=True)
        self.sock, self.count, self.longest, self.error, self.going = sock, 0, 0.0, None, True

    def run(self):
        try:
            while self.going:
                begin = time.monotonic()
                self.sock.sendall(b"%08d" % self.count)
                assert self.sock.recv(8, socket.MSG_WAITALL) == b"%08d" % self.count
                self.count += 1
                self.longest = max(self.longest, time.monotonic() - begin)
                time.sleep(0.002)
        except (OSError, AssertionError) as error:
            self.error = error

    def check(self):
        before = self.count
        wait_for(lambda: self.error or self.count > before + 10, 5, "the stream to go on")
        assert self.error is None and self.longest < 1.0


ECHO = ("def echo(s):\n c = s.accept()[0]\n while True:\n  d = c.recv(4096)\n  if not d: break\n  c.sendall(d)\n"
        "s = socket.create_server(('0.0.0.0', 31006))\n"
        "threading.Thread(target=echo, args=(s,), daemon=True).start()\n0")


def test_a_restart_does_not_touch_a_connection(box, pair):
    a, b = pair
    a.do(ECHO)
    with box.at_far():
        stream = Stream(socket.create_connection((HOST, 31006), timeout=5))
    stream.start()
    before = {link: run("tc", "filter", "show", "dev", link, "ingress") for link in ["eth0", "lo"] + cables()}
    ephemeral = a.ephemeral()
    stream.check()
    box.agent.kill()
    stream.check()
    box.restart()
    stream.check()
    wait_for(lambda: box.statistics(a)["net_tx_bytes"] > 0, 10, "statistics")
    assert {link: run("tc", "filter", "show", "dev", link, "ingress") for link in before} == before
    assert box.statistics(a)["net_ephemeral_ports"]["begin"] == ephemeral[0]
    # A container that comes now gets ports that nobody has.
    c = box.puppet(31030, 31030)
    assert c.ephemeral() not in (a.ephemeral(), b.ephemeral())
    c.do("listen(31030, text=b'new')\n0")
    assert b.do(f"ask({HOST!r}, 31030)").startswith("new")
    stream.check()
    box.end(c)
    wait_for(lambda: len(cables()) == 2, 10, "its interface to go")
    assert {link: run("tc", "filter", "show", "dev", link, "ingress") for link in before} == before
    stream.check()
    stream.going = False
    stream.join(60)


def test_what_dies_with_the_agent_is_cleared(box, pair):
    a, b = pair
    c = box.puppet(31040, 31043)
    names = set(cables())
    task = c.pid()
    with open(f"/proc/{task}/stat", encoding="utf-8") as stat:
        executor = int(stat.read().split(") ")[1].split()[1])
    box.agent.kill()
    # The container's processes die while nobody looks; another container's leftovers come from an agent of old.
    for pid in (executor, task):
        os.kill(pid, signal.SIGKILL)
    dead = subprocess.Popen(["unshare", "--net", "sleep", "1000"])
    wait_for(lambda: os.readlink(f"/proc/{dead.pid}/ns/net") != os.readlink("/proc/thread-self/ns/net"), 5, "unshare")
    name = f"mesos{dead.pid}"
    run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(dead.pid))
    run("tc", "filter", "add", "dev", "eth0", "parent", "ffff:", "protocol", "ip", "prio", str(0x302), "u32", "match", "ip",
        "dst", HOST, "match", "ip", "dport", "31090", "0xffff", "action", "mirred", "egress", "redirect", "dev", name)
    run("tc", "filter", "add", "dev", "eth0", "parent", "ffff:", "protocol", "ip", "prio", "49000", "u32", "match", "ip",
        "dport", "31091", "0xffff", "action", "mirred", "egress", "redirect", "dev", name)
    open(f"/var/run/netns/{dead.pid}", "w").close()
    run("mount", "--bind", f"/proc/{dead.pid}/ns/net", f"/var/run/netns/{dead.pid}")
    os.symlink(f"/var/run/netns/{dead.pid}", box.cluster.directory + "/agent1.run/netns/gone")
    dead.kill()
    dead.wait()
    box.restart()
    box.wait(c.name, TERMINAL)
    wait_for(lambda: len(cables()) == 2, 10, "the interfaces of the dead to go")
    assert set(cables()) < names and name not in cables()
    rest = run("tc", "filter", "show", "dev", "eth0", "ingress") + run("tc", "filter", "show", "dev", "lo", "ingress")
    assert "%08x" % 31090 not in rest and "%08x" % 31040 not in rest
    assert "%08x" % 31091 in rest  # another's filter is another's
    run("tc", "filter", "del", "dev", "eth0", "parent", "ffff:", "prio", "49000")
    assert len(handles() - box.handles_before) == 2 == len(os.listdir(box.cluster.directory + "/agent1.run/netns"))
    # Its ports are free for others.
    d = box.puppet(31040, 31043)
    d.do("listen(31041, text=b'again')\n0")
    assert a.do(f"ask({HOST!r}, 31041)").startswith("again")
    box.end(d)


def test_rates(box, pair):
    """Over ten seconds, counted by the kernel and by who receives: two containers send and two receive as fast as they may;
    one of each was there before the limits."""
    a, b = pair
    out, into = 4_000_000, 3_000_000
    box.restart(egress_rate_limit_per_container=f"{out}B", ingress_rate_limit_per_container=f"{into}B",
                ephemeral_ports_per_container="300")
    c, d = box.puppet(31044, 31047), box.puppet(31048, 31049)
    assert c.ephemeral()[1] - c.ephemeral()[0] + 1 == 300  # no power of two works too
    wait_for(lambda: all("net_rx_rate_limit" in box.statistics(p) for p in pair), 10, "limits of the older containers")
    got = [[0], [0]]
    with box.at_far():
        box.far_scope["sink"](7020, got[0])
        box.far_scope["sink"](7021, got[1])
    b.do("got = [0]\nsink(31012, got)\n0")
    d.do("got = [0]\nsink(31049, got)\n0")
    senders = [p.later(f"send({FAR!r}, {port}, seconds=13)", 60) for p, port in ((a, 7020), (c, 7021))]
    with box.at_far():
        threads = [threading.Thread(target=box.tools["send"], args=(HOST, port), kwargs={"seconds": 13}, daemon=True)
                   for port in (31012, 31049)]
        for thread in threads:
            thread.start()
    time.sleep(1.5)

    def counts():
        """When, what the kernel counts, what arrived."""
        sent = [(box.statistics(p)["net_tx_bytes"], got[i][0]) for i, p in enumerate((a, c))]
        received = [(box.statistics(p)["net_rx_bytes"], p.do("got[0]")) for p in (b, d)]
        return time.monotonic(), sent + received
    begin = counts()
    time.sleep(10)
    end = counts()
    passed = end[0] - begin[0]
    headers = 1514 / 1448  # limits count whole packets, who receives only what is in them
    for who, limit in enumerate((out, out, into, into)):
        counted, arrived = ((end[1][who][i] - begin[1][who][i]) / passed for i in range(2))
        assert 0.9 * limit < counted < 1.1 * limit, (who, counted, limit)
        assert 0.9 * limit < arrived * headers < 1.1 * limit, (who, arrived, limit)
    stats = box.statistics(c)
    assert stats["net_tx_rate_limit"] == out == stats["net_tx_burst_rate_limit"] and stats["net_tx_burst_size"] > 0
    assert stats["net_rx_rate_limit"] == into == stats["net_rx_burst_rate_limit"]
    control = {s["id"]: s for s in stats["net_traffic_control_statistics"]}
    assert control["bw_limit"]["bytes"] > 9 * out and control["bw_limit"]["overlimits"] > 0
    control = {s["id"]: s for s in box.statistics(d)["net_traffic_control_statistics"]}
    assert control["ingress_bw_limit"]["bytes"] > 9 * into
    for sender in senders:
        sender()
    for thread in threads:
        thread.join(60)
    box.end(c, d)


def test_rates_by_cpus(box, pair):
    a, _ = pair
    box.agent.argv = [x for x in box.agent.argv if "rate_limit_per_container" not in x]
    box.restart(egress_rate_per_cpu="10MB", maximum_egress_rate_limit="15MB", egress_ceil_limit="20MB", egress_burst="1MB",
                ingress_rate_per_cpu="auto", network_link_speed="400MB")
    small, large, tiny = box.puppet(cpus=0.4), box.puppet(cpus=1.9), box.puppet(cpus=0.01)
    mega = 1 << 20
    metrics = box.agent.get("/metrics/snapshot")
    assert metrics["port_mapping/per_cpu_egress_rate_limit"] == 10 * mega
    assert metrics["port_mapping/per_cpu_ingress_rate_limit"] == 100 * mega
    found = [box.statistics(p) for p in (small, large, tiny)]
    # A command task's container has 0.1 cpus more, for its executor.
    assert [s["net_tx_rate_limit"] for s in found] == [5 * mega, 15 * mega, 11 * mega // 10]
    assert all(s["net_tx_burst_rate_limit"] == 20 * mega for s in found)
    assert all(abs(s["net_tx_burst_size"] - mega) < mega / 100 for s in found)
    assert found[0]["net_rx_rate_limit"] == 50 * mega
    box.end(small, large, tiny)
    # Who asks for more ports in a row than there are gets none, in the words of its task's end.
    box.restart(ephemeral_ports_per_container="4096")
    offer = box.offer()
    box.scheduler.accept(offer, [command_task("late", "sleep 1000", offer)])
    box.wait("late", {"TASK_FAILED"})
    late = next(s for s in box.scheduler.history if s["task_id"]["value"] == "late" and s["state"] == "TASK_FAILED")
    assert "Failed to allocate ephemeral ports" in late["message"]


def refusal(box, *prefix, **flags):
    """What an agent says that does not start."""
    with tempfile.TemporaryDirectory(prefix="cmpm-") as directory:
        os.chmod(directory, 0o777)
        given = {**box.flags, "port": "0", "work_dir": directory + "/work", "runtime_dir": directory + "/run",
                 "fetcher_cache_dir": directory + "/fetch", **flags}
        argv = [a for a in box.agent.argv if a[2:].split("=")[0] not in given]
        given = {key: value for key, value in given.items() if key in flags or not key.startswith("network_")}
        argv = [a for a in argv if "rate" not in a and "egress" not in a and "--network_" not in a]
        done = subprocess.run([*prefix, *argv, *(f"--{key}={value}" for key, value in given.items())], timeout=20, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              cwd=directory)
    assert done.returncode not in (0, -signal.SIGSEGV), done.stdout
    return done.stdout.strip().splitlines()[-1]


def test_what_cannot_work_is_refused_at_the_start(box, pair, tmp_path):
    before = run("ip", "link") + run("tc", "filter", "show", "dev", "eth0", "ingress")
    base = "cpus:4;mem:4096;ports:[31000-31099]"
    for flags, words in (
            ({"resources": base}, ["resources", "ephemeral_ports", "ip_local_port_range"]),
            ({"resources": base + ";ephemeral_ports:[56000-58000]"}, ["ip_local_port_range", "[57345-61000]", "57345-58000"]),
            ({"resources": base + ";ephemeral_ports:[31050-33000]"}, ["resource ports", "31050-31099"]),
            ({"resources": base + ";ephemeral_ports:[900-3000]"}, ["well known ports", "900-1023"]),
            ({"ephemeral_ports_per_container": "8"}, ["ephemeral_ports_per_container", "8", "at least 16"]),
            ({"ephemeral_ports_per_container": "many"}, ["ephemeral_ports_per_container", "many"]),
            ({"eth0_name": "eth9"}, ["eth0_name", "eth9"]),
            ({"eth0_name": "lo"}, ["'lo'", "eth0_name"]),
            ({"lo_name": "eth0"}, ["lo_name", "eth0", "loopback"]),
            ({"egress_unique_flow_per_container": "true"}, ["network/port_mapping", "fq_codel",
                                                           "egress_unique_flow_per_container"]),
            ({"egress_rate_limit_per_container": "100GB"}, ["egress_rate_limit_per_container", "eth0"]),
            ({"egress_rate_limit_per_container": "1MB", "network_link_speed": "1000B"}, ["1048576", "1000"]),
            ({"ingress_rate_limit_per_container": "1MB", "ingress_rate_per_cpu": "1MB"}, ["ingress_rate_per_cpu", "exclude"]),
            ({"egress_rate_limit_per_container": "quick"}, ["egress_rate_limit_per_container", "quick"]),
            ({"egress_flow_classifier_parent": "leaf"}, ["egress_flow_classifier_parent", "leaf", "root"]),
            ({"network_enable_rate_statistics": "true"}, ["network_rate_statistics_window"]),
            ({"isolation": "network/port_mapping,network/cni"}, ["network/cni and network/port_mapping"]),
            ({"launcher_dir": str(tmp_path)}, ["mesos-network-helper", str(tmp_path)])):
        line = refusal(box, **flags)
        assert not [word for word in words if word not in line], (flags, line)
        if flags.get("egress_unique_flow_per_container") and os.path.exists("/sys/module/sch_fq_codel"):
            pytest.fail("this kernel has fq_codel after all: test it")
    nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    if subprocess.run([*nobody, "test", "-x", box.agent.argv[0]], check=False).returncode == 0:
        assert "network/port_mapping' needs an agent that runs as root" in refusal(box, *nobody, launcher="posix")
    assert run("ip", "link") + run("tc", "filter", "show", "dev", "eth0", "ingress") == before


def test_it_keeps_the_contract_of_isolators(box):
    """In a network of its own, because an isolator that starts there changes the host's."""
    program = box.cluster.tree.contract_program("isolator")
    if not program:
        pytest.skip("tests/contract/isolator is in build trees that ran make check")
    steps = ["ip link set lo up", "ip link add eth0 type veth peer name far", "ip address add 10.79.0.1/24 dev eth0",
             "ip link set eth0 up", "ip route add default via 10.79.0.2",
             "echo 57345 61000 >/proc/sys/net/ipv4/ip_local_port_range",
             f"'{program}' network/port_mapping resources '{RESOURCES}'", "! ip -o link | grep mesos",
             "test -z \"$(tc filter show dev eth0 ingress; tc filter show dev lo ingress)\""]
    env = {**os.environ, "CONTRACT_MODULE_PATH": box.cluster.tree.module_path,
           "CONTRACT_LAUNCHER_DIR": box.cluster.tree.launcher_dir}
    done = subprocess.run(["unshare", "--net", "bash", "-ec", " && ".join(steps)], env=env, timeout=60, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0 and "containers share the address" in done.stdout, done.stdout
