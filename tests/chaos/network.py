# SPDX-License-Identifier: Apache-2.0
"""The machines of a chaos run: each is a network namespace behind a router, which is the namespace that the run itself moved
into. What can go wrong with a network is done at the router, so that both sides see only that nothing comes any more."""
import contextlib
import os
import subprocess
import sys

from netbox import CLONE_NEWNET, NetBox, libc, run

HERE = os.path.dirname(os.path.abspath(__file__))
RELAY = os.path.join(HERE, "relay.py")


class Host:
    def __init__(self, name, index, inside, pid):
        self.name, self.index, self.inside, self.pid = name, index, inside, pid
        self.ip = f"10.77.{index}.2"
        self.device = f"h{index}"  # the router's end, where traffic to the host can be slowed down
        self.wire = self.device    # whose going down cuts the link

    @contextlib.contextmanager
    def entered(self):
        """This thread is on that host meanwhile."""
        back = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        there = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            if libc.setns(there, CLONE_NEWNET):
                raise OSError(f"cannot enter the namespace of {self.name}")
            yield self
        finally:
            libc.setns(back, CLONE_NEWNET)
            os.close(there)
            os.close(back)


class Network(NetBox):
    """add() all hosts, then relay(). Every fault has its undoing; nothing outside of the namespaces is touched."""

    def __init__(self):
        self.machines, self.relayed = {}, None

    def enter(self):
        super().enter()
        with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as f:
            f.write("1")
        run("iptables", "-w", "20", "-P", "FORWARD", "ACCEPT")
        return self

    def add(self, name):
        index = len(self.machines) + 1
        inside = self.other_host(f"h{index}", f"10.77.{index}.1", f"10.77.{index}.2")
        host = self.machines[name] = Host(name, index, inside, self.hosts[-1].pid)
        return host

    def relay(self, names):
        """Puts the delaying proxy into the links of these hosts."""
        words = []
        for host in (self.machines[name] for name in names):
            i = host.index
            run("ip", "address", "flush", "dev", f"h{i}")
            run("ip", "link", "add", f"n{i}", "type", "veth", "peer", "name", f"g{i}")
            run(sys.executable, RELAY, "--plain", f"h{i}", f"n{i}", f"g{i}")
            run(*host.inside, sys.executable, RELAY, "--plain", "eth0")
            run("ip", "address", "add", f"10.77.{i}.1/24", "dev", f"g{i}")
            for device in (f"n{i}", f"g{i}"):
                run("ip", "link", "set", device, "up")
            host.device = host.wire = f"g{i}"
            words.append(f"{host.name}:h{i}:n{i}")
        self.relayed = subprocess.Popen([sys.executable, RELAY, *words], stdin=subprocess.PIPE)

    def leave(self):
        if self.relayed:
            self.relayed.stdin.close()
            self.relayed.wait()
        super().leave()

    def delay(self, name, milliseconds):
        self.relayed.stdin.write(f"{name} {milliseconds}\n".encode())
        self.relayed.stdin.flush()

    def slow(self, name, kbit):
        """Both directions; the queue is short, so that a flood is dropped as on a bad line. 0: as fast as it goes."""
        host = self.machines[name]
        for prefix, device in (([], host.device), (host.inside, "eth0")):
            what = ("replace", "dev", device, "root", "tbf", "rate", f"{kbit}kbit", "burst", "4kb", "latency", "400ms")
            run(*prefix, "tc", "qdisc", *(what if kbit else ("del", "dev", device, "root")), check=bool(kbit))

    def cut(self, name, down):
        run("ip", "link", "set", self.machines[name].wire, "down" if down else "up")

    def drop(self, pairs, dropping):
        """Nothing goes from the first to the second of each pair while it is dropped."""
        for source, target in pairs:
            run("iptables", "-w", "20", "-A" if dropping else "-D", "FORWARD", "-s", self.machines[source].ip, "-d",
                self.machines[target].ip, "-j", "DROP")
